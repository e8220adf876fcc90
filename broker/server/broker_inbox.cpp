// The inbox: what waits for people, and their answers (docs/inbox.md).
#include <algorithm>

#include "broker/server/broker.h"
#include "broker/server/question.h"
#include "common/log.h"
#include "common/msgpack.h"
#include "common/text.h"

namespace hirehall::server {
namespace {

using engine::Deed;
using engine::Stage;

constexpr std::size_t lookups_again_max = 100;
constexpr std::size_t limit_default = 100, limit_max = 1000;
constexpr std::uint64_t looked_at_max = 20000;

struct Said {
  std::string_view id, value, decision, reason;
  bool has_value = false;
  bool sound = true;
};

Said read_said(std::string_view body) {
  Said said;
  msgpack::Reader r(body);
  auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    auto key = r.str();
    if (key == "id")
      said.id = r.bin();
    else if (key == "value")
      said.value = r.bin(), said.has_value = true;
    else if (key == "decision")
      said.decision = r.str();
    else if (key == "reason")
      said.reason = clip(r.str(), limits::error_bytes_max);
    else
      r.skip();
  }
  said.sound = r.finished() && said.id.size() == 16 && said.value.size() <= limits::payload_bytes_max;
  return said;
}

std::optional<Deed> deed_of(std::string_view decision) {
  if (decision.empty() || decision == "answer") return Deed::answered;
  if (decision == "approve") return Deed::approved;
  if (decision == "reject") return Deed::rejected;
  if (decision == "edit") return Deed::edited;
  return std::nullopt;
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(static_cast<unsigned char>(c) < ' ' ? ' ' : c);
  }
  return out + "\"";
}

// What an attempt that asked for an approval gets: an answer like any other.
std::string as_answer(const Answering& answering) {
  std::string out = "{\"decision\":" + quoted(answering.decision) + ",\"by\":" + quoted(answering.by) +
                    ",\"reason\":" + quoted(answering.reason);
  if (answering.has_value) out += ",\"value\":" + answering.value;
  return out + "}";
}

bool named(const std::vector<std::string>& who, const Principal& principal) {
  return std::ranges::any_of(who, [&](const std::string& one) {
    if (!one.starts_with("role:")) return one == principal.name;
    for (std::size_t i = 0; i < role_count; ++i)
      if (principal.roles[i] && one.substr(5) == hirehall::server::name_of(static_cast<Role>(i))) return true;
    return false;
  });
}

std::string listed(const std::vector<std::string>& who) {
  std::string out;
  for (const auto& one : who) out += (out.empty() ? "" : ", ") + one;
  return out;
}

// Who may end this question: those that it names; a policy's approvals are for operators unless it names
// others, and what a queue asks for is always for operators.
Status may_decide(const Principal& principal, const engine::QuestionRecord& question,
                  const TaskOptions& options) {
  if (principal.has(Role::admin)) return {};
  if (question.stage == Stage::agent) {
    auto asked = read_question(question.text);
    if (!asked || asked->who.empty() || named(asked->who, principal)) return {};
    return fail(Code::denied, "this question is for " + listed(asked->who), "who");
  }
  auto approval = read_approval(options.policies);
  bool named_ones = approval && !approval->approvers.empty() && !question.by_queue;
  if (named_ones ? named(approval->approvers, principal) : principal.has(Role::operate)) return {};
  return fail(Code::denied,
              "this approval is for " + (named_ones ? listed(approval->approvers) : "operators and admins"),
              "approvers");
}

// bad_answer or invalid when what was said is no end of this question.
Status fits_stage(const engine::QuestionRecord& question, Deed deed, bool has_value, std::string_view value) {
  if (question.stage == Stage::agent) {
    if (deed != Deed::answered && question.on != SuspendedOn::approval)
      return fail(Code::bad_answer, "the task waits for an answer: give a value", "decision");
    if (deed != Deed::answered) return {};
    auto asked = read_question(question.text);
    return asked ? fits(*asked, value) : Status{};
  }
  if (deed == Deed::answered)
    return fail(Code::bad_answer, "the task waits for an approval: approve, reject or edit it", "decision");
  if (deed == Deed::edited && !has_value)
    return fail(
        Code::bad_answer,
        question.stage == Stage::award ? "an edit needs the new payload" : "an edit needs the new result",
        "value");
  return {};
}

}  // namespace

void Broker::answer_task(Peer& peer, const Frame& frame) {
  auto said = read_said(frame.body);
  auto request = frame.header.request;
  if (!said.sound)
    return refuse(peer, request,
                  {Code::bad_message, "answer takes a map with id and value (at most 1 MiB)", {}, 0});
  auto deed = deed_of(said.decision);
  if (!deed)
    return refuse(
        peer, request,
        {Code::invalid,
         "decision is '" + std::string(said.decision) + "'; accepted: answer, approve, reject, edit",
         "decision", 0});
  auto sequence = sequence_of(said.id);
  if (!sequence) return refuse(peer, request, unknown_task(said.id));
  if (engine_.forgotten(*sequence)) return refuse_expired(peer, request, *sequence);
  auto answering = std::make_shared<Answering>();
  answering->sequence = *sequence;
  answering->deed = *deed;
  answering->decision = said.decision;
  answering->value = said.value;
  answering->has_value = said.has_value;
  answering->by = peer.principal->name;
  answering->reason = said.reason;
  answering->may = [this, routing = peer.routing, serial = peer.serial](
                       const engine::LoadedTask& loaded, const TaskOptions& options) -> Status {
    auto* peer = peer_at(routing, serial);
    if (peer == nullptr || !visible(*peer, loaded.place.lane)) return fail(Code::not_found, "no such task");
    return loaded.question ? may_decide(*peer->principal, *loaded.question, options) : Status{};
  };
  answering->then = [this, routing = peer.routing, serial = peer.serial, request](const Status& done) {
    auto* peer = peer_at(routing, serial);
    if (peer == nullptr) return;
    if (!done) return refuse(*peer, request, done.error());
    msgpack::Writer(answer(*peer, request)).map(0);
  };
  answer_suspended(answering, 0);
}

void Broker::answer_suspended(const std::shared_ptr<Answering>& answering, std::size_t tries) {
  load_task(answering->sequence, [this, answering, tries](Result<std::optional<StoredTask>> task) {
    auto sequence = answering->sequence;
    if (!task) return answering->then(tl::unexpected<Error>(task.error()));
    if (!*task) return answering->then(fail(Code::not_found, "no such task"));
    auto loaded = loaded_task(**task, (*task)->view_commit);
    if (auto may_do = answering->may(loaded, (*task)->options); !may_do) return answering->then(may_do);
    auto id = ids_.make(sequence).text();
    if (loaded.question)
      if (auto good = fits_stage(*loaded.question, answering->deed, answering->has_value, answering->value);
          !good)
        return answering->then(good);
    engine::Decision decision{answering->deed, answering->by, answering->reason, answering->value};
    if (loaded.question && loaded.question->stage == Stage::agent && answering->deed != Deed::answered) {
      answering->value = as_answer(*answering);
      decision = {Deed::answered, answering->by, answering->reason, answering->value};
    }
    auto code = engine_.decide(sequence, decision, &loaded);
    push_endings();
    if (code == Code::busy && tries < lookups_again_max) return answer_suspended(answering, tries + 1);
    if (code == Code::ok) {
      log::info("decided", {{"task", id}, {"as", engine::name_of(decision.deed)}, {"by", answering->by}});
      return answering->then({});
    }
    answering->then(
        fail(code, code == Code::invalid ? "the task waits for no answer" : "the task has ended", id));
  });
}

// A running attempt answers another task of its tenant. Its report is answered when that is durable.
void Broker::answer_from_attempt(std::uint32_t lane, Sequence by, std::string_view encoded,
                                 std::function<void(Code)> then) {
  auto said = read_said(encoded);
  auto sequence = said.sound ? sequence_of(said.id) : std::nullopt;
  if (!said.sound) return then(Code::invalid);
  if (!sequence) return then(Code::not_found);
  if (engine_.forgotten(*sequence)) return then(Code::expired);
  auto answering = std::make_shared<Answering>();
  answering->sequence = *sequence;
  answering->value = said.value;
  answering->has_value = true;
  answering->by = "task " + ids_.make(by).text();
  answering->reason = said.reason;
  answering->may = [this, lane](const engine::LoadedTask& loaded, const TaskOptions&) -> Status {
    const auto& lanes = engine_.ledger().lanes;
    if (lanes.at(lane).tenant != lanes.at(loaded.place.lane).tenant)
      return fail(Code::not_found, "no such task");
    if (!loaded.question) return {};
    auto asked = read_question(loaded.question->text);
    bool open =
        !asked || asked->who.empty() || std::ranges::find(asked->who, "role:task") != asked->who.end();
    if (loaded.question->stage == Stage::agent && open) return {};
    return fail(Code::denied, "this question is not for tasks", "who");
  };
  answering->then = [then = std::move(then)](const Status& done) {
    then(done ? Code::ok : done.error().code);
  };
  answer_suspended(answering, 0);
}

// --- the list ---

struct Broker::InboxJob {
  std::string routing;
  std::uint64_t serial = 0;
  std::uint64_t request = 0;
  std::string queue, tenant, on, cursor;
  std::size_t limit = limit_default;
  struct Row {
    Sequence sequence = 0;
    engine::QuestionRecord question;
    std::optional<StoredTask> task;
  };
  std::vector<Row> rows;
  std::string next;
  std::uint64_t scanned = 0;
  std::optional<Error> error;
};

void Broker::inbox(Peer& peer, const Frame& frame) {
  auto request = frame.header.request;
  auto job = std::make_shared<InboxJob>();
  job->routing = peer.routing;
  job->serial = peer.serial;
  job->request = request;
  msgpack::Reader r(frame.body);
  auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    auto key = r.str();
    if (r.skip_nil()) continue;
    if (key == "queue")
      job->queue = r.str();
    else if (key == "tenant")
      job->tenant = r.str();
    else if (key == "on")
      job->on = r.str();
    else if (key == "cursor")
      job->cursor = r.bin();
    else if (key == "limit")
      job->limit = r.uint();
    else
      r.skip();
  }
  if (!r.finished()) return refuse(peer, request, {Code::bad_message, "an inbox cannot be decoded", {}, 0});
  if (job->limit == 0 || job->limit > limit_max)
    return refuse(peer, request, {Code::invalid, "limit is 1 to 1000", "limit", 0});
  if (!job->cursor.empty() && job->cursor.size() != 9)
    return refuse(peer, request, {Code::invalid, "the cursor is not one of this list", "cursor", 0});
  if (!job->on.empty() && job->on != "input" && job->on != "approval" && job->on != "signal")
    return refuse(peer, request,
                  {Code::invalid, "on is '" + job->on + "'; accepted: input, approval, signal", "on", 0});
  if (!job->queue.empty() && !engine_.ledger().queue_by_name.contains(job->queue))
    return refuse(peer, request, {Code::not_found, "no queue is named " + job->queue, "queue", 0});
  walk_inbox(job);
}

// Cursor: the key of the next question.
void Broker::walk_inbox(const std::shared_ptr<InboxJob>& job) {
  std::vector<bool> lanes;
  const auto* peer = peer_at(job->routing, job->serial);
  const auto& ledger = engine_.ledger();
  for (std::uint32_t lane = 0; peer != nullptr && lane < ledger.lanes.size(); ++lane) {
    const auto& l = ledger.lanes[lane];
    lanes.push_back(visible(*peer, lane) && (job->tenant.empty() || job->tenant == l.tenant) &&
                    (job->queue.empty() || job->queue == ledger.queues[l.queue].name));
  }
  read_later([this, job, lanes = std::move(lanes)](const store::View& view, std::uint64_t) -> Reader::Then {
    BodyFinder finder(view, read_templates_);
    auto from = job->cursor.empty() ? std::string("q") : job->cursor;
    auto done =
        view.scan(store::Family::records, from, "r", [&](std::string_view key, std::string_view value) {
          if (job->rows.size() == job->limit || job->scanned == looked_at_max) {
            job->next = key;
            return false;
          }
          ++job->scanned;
          InboxJob::Row row;
          if (key.size() != 9 || !engine::decode_record(value, row.question)) return true;
          if (row.question.lane >= lanes.size() || !lanes[row.question.lane]) return true;
          if (!job->on.empty() && job->on != hirehall::name_of(row.question.on)) return true;
          row.sequence = store::number_of(key.substr(1));
          row.question.result.clear();
          job->rows.push_back(std::move(row));
          return true;
        });
    if (!done) job->error = done.error();
    for (auto& row : job->rows) {
      auto task = read_task(view, finder, row.sequence, false, 0);
      if (!task)
        job->error = task.error();
      else
        row.task = std::move(*task);
    }
    return [this, job] { end_inbox(*job); };
  });
}

void Broker::end_inbox(const InboxJob& job) {
  auto* peer = peer_at(job.routing, job.serial);
  if (peer == nullptr) return;
  if (job.error) return refuse(*peer, job.request, *job.error);
  std::string rows;
  std::size_t count = 0;
  std::string next = job.next;
  for (const auto& row : job.rows) {
    if (!row.task || engine_.look(row.sequence) != engine::Engine::Known::queued) continue;
    if (rows.size() > limits::batch_bytes_max) {
      next = engine::question_key(row.sequence);
      break;
    }
    msgpack::Writer w(rows);
    const auto& lane = engine_.ledger().lanes.at(row.question.lane);
    w.map(6);
    w.entry_bin("id", ids_.make(row.sequence).raw());
    w.entry("queue", engine_.ledger().queues[lane.queue].name);
    w.entry("tenant", lane.tenant);
    w.entry("type", engine_.ledger().classes.at(row.task->class_).type);
    w.entry_uint("attempt", row.question.attempt);
    w.str("question"), write_question(w, row.question);
    ++count;
  }
  msgpack::Writer w(answer(*peer, job.request));
  w.map(3);
  w.str("tasks"), w.array(count), w.raw(rows);
  w.str("cursor");
  if (next.empty())
    w.nil();
  else
    w.bin(next);
  w.entry_uint("scanned", job.scanned);
}

// What the attempt said, and what the broker knows beside it.
void Broker::write_question(msgpack::Writer& w, const engine::QuestionRecord& question) const {
  std::size_t said = 0;
  std::string_view pairs;
  if (!question.text.empty()) {
    msgpack::Reader r(question.text);
    said = r.map();
    pairs = std::string_view(r.position(), r.remaining());
  }
  w.map(said + 3 + (question.due != 0 ? 1 : 0));
  w.raw(pairs);
  w.entry("stage", engine::name_of(question.stage));
  w.entry("on", hirehall::name_of(question.on));
  w.entry_sint("asked_at", engine_.to_wall(question.asked));
  if (question.due != 0) w.entry_sint("due_at", engine_.to_wall(question.due));
}

void Broker::write_decisions(msgpack::Writer& w, const StoredTask& task) const {
  w.array(task.decisions.size());
  for (const auto& decision : task.decisions) {
    w.map(6);
    w.entry_uint("attempt", decision.attempt);
    w.entry("stage", engine::name_of(decision.stage));
    w.entry("decision", engine::name_of(decision.deed));
    w.entry("by", decision.by);
    w.entry("reason", decision.reason);
    w.entry_sint("at", engine_.to_wall(decision.at));
  }
}

}  // namespace hirehall::server
