// Workers' requests, and the awards, stops and losses that are pushed to them.
#include <algorithm>

#include "broker/server/agent_reading.h"
#include "broker/server/broker.h"
#include "broker/server/price_reading.h"
#include "broker/server/question.h"
#include "common/log.h"
#include "common/msgpack.h"

namespace hirehall::server {
namespace {

Result<engine::Registration> read_registration(std::string_view body) {
  engine::Registration out;
  out.spec.slots = 0;
  std::optional<std::uint64_t> credit;
  std::shared_ptr<const scheduler::PriceFunction> price;  // of agents that name none
  msgpack::Reader r(body);
  auto pairs = r.map();
  std::string_view key;
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    key = r.str();
    if (key == "name")
      out.name = r.str();
    else if (key == "slots")
      out.spec.slots = static_cast<std::uint32_t>(std::min<std::uint64_t>(r.uint(), limits::credit_max));
    else if (key == "credit")
      credit = r.uint();
    else if (key == "agents") {
      auto n = r.array();
      for (std::size_t k = 0; k < n && r.ok(); ++k)
        if (auto read = read_agent(r, out.spec.agents.emplace_back()); !read)
          return tl::unexpected(read.error());
    } else if (key == "price") {
      auto read = read_price(r, "the worker");
      if (!read) return tl::unexpected(read.error());
      price = *read;
    } else if (key == "labels")
      read_map(r, out.spec.labels);
    else if (key == "resources")
      read_map(r, out.spec.resources);
    else if (key == "timed")
      out.timed = r.boolean();
    else if (key == "resume")
      out.resume = r.skip_nil() ? std::string_view{} : r.bin();
    else if (key == "last_award")
      out.last_award = r.uint();
    else if (key == "holding") {
      auto n = r.array();
      for (std::size_t k = 0; k < n && r.ok(); ++k) out.holding.push_back(r.uint());
    } else
      r.skip();
  }
  if (!r.finished()) return fail(Code::bad_message, "a registration cannot be decoded", std::string(key));
  if (out.spec.slots == 0) return fail(Code::invalid, "a worker has at least one slot", "slots");
  if (out.spec.agents.empty()) return fail(Code::invalid, "a worker has at least one agent", "agents");
  for (auto& agent : out.spec.agents)
    if (!agent.price) agent.price = price;
  out.credit = static_cast<std::uint32_t>(
      std::min<std::uint64_t>(credit.value_or(out.spec.slots), limits::credit_max));
  return out;
}

SuspendedOn suspended_on(std::string_view name) {
  for (auto on : {SuspendedOn::input, SuspendedOn::approval, SuspendedOn::signal})
    if (name_of(on) == name) return on;
  return SuspendedOn::none;
}

void read_question_of(msgpack::Reader& r, engine::FinishItem::Question& out) {
  out.text = r.raw();
  auto question = r.ok() ? read_question(out.text) : Result<Question>(Question{});
  out.faulty = !question;
  if (!question) return;
  out.timeout_ms = question->timeout_ms;
  out.has_default = question->default_answer.has_value();
  out.default_value = question->default_answer.value_or("");
}

void read_finish_extras(msgpack::Reader& r, engine::FinishItem& item) {
  Millis started = 0, ended = 0;  // by the worker's clock
  auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    auto key = r.str();
    if (key == "result_type")
      item.result_type = r.str();
    else if (key == "error_code")
      item.error_code = r.str();
    else if (key == "error")
      item.error = r.str();
    else if (key == "service")
      item.service = r.str();
    else if (key == "delay_ms")
      item.delay_ms = r.sint();
    else if (key == "on")
      item.on = suspended_on(r.str());
    else if (key == "question")
      read_question_of(r, item.question);
    else if (key == "checkpoint")
      item.checkpoint = r.bin();
    else if (key == "usage")
      item.usage = r.raw();
    else if (key == "started_at")
      started = r.sint();
    else if (key == "ended_at")
      ended = r.sint();
    else
      r.skip();
  }
  if (started == 0 && ended == 0) return;
  item.ran_ms = started > 0 && ended >= started ? ended - started : engine::FinishItem::not_measured;
}

}  // namespace

void Broker::register_worker(Peer& peer, const Frame& frame) {
  auto request = frame.header.request;
  auto read = read_registration(frame.body);
  if (!read) return refuse(peer, request, read.error());
  for (const auto& agent : read->spec.agents)
    for (const auto& type : agent.types)
      if (auto may_do = allowed(*peer.principal, wire::Kind::register_worker, {{}, {}, type}); !may_do)
        return refuse(peer, request, may_do.error());
  read->queues = peer.principal->queues.listed();
  read->types = peer.principal->types.listed();
  read->principal = peer.principal->name;
  read->token = token();
  auto done = engine_.register_worker(*read);
  push_endings();
  if (!done) return refuse(peer, request, done.error());
  if (auto other = routing_of_worker_.find(done->worker);
      other != routing_of_worker_.end() && other->second != peer.routing) {
    auto former = other->second;
    routing_of_worker_.erase(other);  // the registration is this connection's now
    drop_peer(former);
  }
  if (peer.worker != 0 && peer.worker != done->worker) {
    engine_.disconnect_worker(peer.worker);
    routing_of_worker_.erase(peer.worker);
  }
  peer.worker = done->worker;
  routing_of_worker_[done->worker] = peer.routing;
  log::info("worker registered", {{"worker", done->worker},
                                  {"name", read->name},
                                  {"resumed", done->resumed},
                                  {"lost", done->lost.size()}});
  msgpack::Writer w(answer(peer, request));
  w.map(7);
  w.entry_uint("worker", done->worker);
  w.entry_bin("token", done->token);
  w.entry_bool("resumed", done->resumed);
  w.entry_uint("next_finish", done->next_finish);
  w.entry_sint("lease_ms", engine_.lease_ms());
  w.entry_sint("heartbeat_ms", engine_.worker_heartbeat_ms());
  w.str("lost");
  w.array(done->lost.size());
  for (auto token : done->lost) w.uint(token);
}

void Broker::finish(Peer& peer, const Frame& frame) {
  auto request = frame.header.request;
  auto bad = [&](const char* what) {
    ++page_.malformed;
    refuse(peer, request, {Code::bad_message, what, {}, 0});
  };
  msgpack::Reader r(frame.body);
  auto elements = r.array();
  if (elements < 4) return bad("a finish is an array of credit, items, number, acked");
  auto credit = static_cast<std::uint32_t>(std::min<std::uint64_t>(r.uint(), limits::credit_max));
  auto count = r.array();
  if (!r.ok() || count > 4 * limits::batch_items_max) return bad("items are not an array of at most 16384");
  finish_items_.resize(count);
  for (auto& item : finish_items_) {
    item = {};
    auto fields = r.array();
    if (fields < 2) return bad("an item is an array of token, outcome, …");
    item.token = r.uint();
    auto outcome = r.uint();
    item.outcome = static_cast<Outcome>(std::min<std::uint64_t>(outcome, 255));
    if (fields > 2 && !r.skip_nil()) item.result = r.bin();
    if (fields > 3 && !r.skip_nil()) read_finish_extras(r, item);
    for (std::size_t i = 4; i < fields && r.ok(); ++i) r.skip();
    if (!r.ok()) return bad("an item has a field of the wrong type");
  }
  auto number = r.uint();
  auto acked = r.uint();
  for (std::size_t i = 4; i < elements && r.ok(); ++i) r.skip();
  if (!r.finished()) return bad("a finish has malformed or trailing bytes");
  note_finishing(peer.worker);
  auto done = engine_.finish(peer.worker, number, acked, credit, finish_items_);
  learn_finished();
  push_endings();
  if (!done) return refuse(peer, request, done.error());
  answer(peer, request) += *done;
}

void Broker::worker_heartbeat(Peer& peer, const Frame& frame) {
  msgpack::Reader r(frame.body);
  auto elements = r.array();
  auto held = r.uint();
  auto hash = r.uint();
  auto last_award = r.uint();
  auto credit = static_cast<std::uint32_t>(std::min<std::uint64_t>(r.uint(), limits::credit_max));
  if (elements < 4 || !r.ok()) {
    ++page_.malformed;
    return refuse(peer, frame.header.request,
                  {Code::bad_message, "a heartbeat is [held, hash, last_award, credit]", {}, 0});
  }
  auto done = engine_.heartbeat(peer.worker, static_cast<std::uint32_t>(held), hash, last_award, credit);
  if (!done.known)
    return refuse(peer, frame.header.request, {Code::unknown_session, "register the worker first", {}, 0});
  // At once: a sign of life must not wait for the disk.
  std::string out;
  wire::write_header(out, wire::Kind::ok, frame.header.request);
  msgpack::Writer w(out);
  w.array(2);
  w.sint(engine_.to_wall(engine_.now()));
  w.boolean(done.list);
  send_now(std::string(peer.routing), out);
}

void Broker::holding(Peer& peer, const Frame& frame) {
  msgpack::Reader r(frame.body);
  auto elements = r.array();
  auto last_award = r.uint();
  std::vector<std::uint64_t> tokens;
  auto n = elements > 1 ? r.array() : 0;
  for (std::size_t i = 0; i < n && r.ok(); ++i) tokens.push_back(r.uint());
  if (elements < 2 || !r.ok()) {
    ++page_.malformed;
    return refuse(peer, frame.header.request, {Code::bad_message, "holding is [last_award, tokens]", {}, 0});
  }
  auto lost = engine_.holding(peer.worker, last_award, tokens);
  push_endings();
  msgpack::Writer w(answer(peer, frame.header.request));
  w.array(lost.size());
  for (auto token : lost) w.uint(token);
}

// An answer that a report gives to another task takes a look at the store; the report is answered behind it.
struct Broker::ReportJob {
  std::string routing;
  std::uint64_t serial = 0;
  std::uint64_t request = 0;
  std::vector<std::pair<std::size_t, Code>> refused;
  std::size_t open = 1;
};

void Broker::report(Peer& peer, const Frame& frame) {
  msgpack::Reader r(frame.body);
  auto n = r.array();
  auto job = std::make_shared<ReportJob>();
  job->routing = peer.routing;
  job->serial = peer.serial;
  job->request = frame.header.request;
  for (std::size_t i = 0; i < n && r.ok(); ++i) {
    auto fields = r.array();
    auto token = r.uint();
    auto what = fields > 1 ? r.str() : std::string_view{};
    auto code = Code::ok;
    if (what == "checkpoint") {
      auto value = r.bin();
      if (!r.ok()) break;
      code = engine_.checkpoint(peer.worker, token, value);
    } else {
      const auto* lease = engine_.ledger().lease_by_token(token);
      if (lease == nullptr || lease->worker != peer.worker) {
        code = Code::stale;
        if (fields > 2) r.skip();
      } else if (what == "answer") {
        auto value = fields > 2 ? r.raw() : std::string_view{};
        if (!r.ok()) break;
        ++job->open;
        answer_from_attempt(lease->lane, lease->sequence, value, [this, job, i](Code done) {
          if (done != Code::ok) job->refused.emplace_back(i, done);
          end_report(job);
        });
      } else if (fields > 2) {
        take_detail(*lease, what, r);
      }
    }
    for (std::size_t k = 3; k < fields && r.ok(); ++k) r.skip();
    if (code != Code::ok) job->refused.emplace_back(i, code);
  }
  if (!r.finished()) {
    ++page_.malformed;
    job->serial = 0;
    return refuse(peer, frame.header.request,
                  {Code::bad_message, "a report is an array of [token, what, value]", {}, 0});
  }
  end_report(job);
}

void Broker::end_report(const std::shared_ptr<ReportJob>& job) {
  if (--job->open != 0) return;
  auto* peer = peer_at(job->routing, job->serial);
  if (peer == nullptr) return;
  std::ranges::sort(job->refused);
  msgpack::Writer w(answer(*peer, job->request));
  w.array(job->refused.size());
  for (auto [index, code] : job->refused) {
    w.array(2);
    w.uint(index);
    w.uint(static_cast<std::uint64_t>(code));
  }
}

void Broker::drain(Peer& peer, const Frame& frame) {
  engine_.drain_worker(peer.worker);
  msgpack::Writer(answer(peer, frame.header.request)).map(0);
}

}  // namespace hirehall::server
