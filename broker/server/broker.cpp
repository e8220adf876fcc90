#include "broker/server/broker.h"

#include <algorithm>

#include "common/check.h"
#include "common/log.h"
#include "common/msgpack.h"
#include "common/mutant.h"

namespace hirehall::server {
namespace {

constexpr int messages_per_turn = 4096;
constexpr std::size_t bytes_per_turn = 8u << 20;
constexpr std::size_t commits_in_flight_max = 1;  // one syncs while the next is built
constexpr int silent_intervals = 5;

}  // namespace

Broker::Broker(BrokerParts parts, Surroundings& surroundings, EngineClock clock)
    : parts_(std::move(parts)),
      store_(*parts_.store),
      engine_(*parts_.engine),
      surroundings_(surroundings),
      clock_(clock),
      ids_(store_.identity().id_key, store_.identity().shard, 1),
      started_monotonic_(surroundings.monotonic_ms()),
      alive_(std::make_shared<bool>(true)) {
  for (const auto& began : engine_.ledger().incarnations) ids_.begin(began.number, began.first);
  reader_ = std::make_unique<Reader>(store_, wakeup_, store_.last_commit(), surroundings_.threads());
  committer_ = std::make_unique<Committer>(store_, wakeup_, surroundings_.threads());
  // Above the positions of an earlier life, which began at least a millisecond before.
  details_ = std::make_unique<AttemptDetails>(
      AttemptDetails::Settings{},
      static_cast<std::uint64_t>(std::max<std::int64_t>(surroundings_.wall_ms(), 1)) << 20);
  page_.not_ready = "starting";
  learning_.take_up(store_);
}

Broker::~Broker() {
  reader_.reset();
  committer_.reset();
}

Status Broker::run() {
  page_.not_ready.clear();
  adopt_queues();
  load_zones();
  adopt_schedules();
  Millis wait = 0;
  bool stopping = false;
  for (;;) {
    if (stop_.load() && !stopping) {
      stopping = true;
      page_.not_ready = "stopping";
      if (parts_.notifier != nullptr) parts_.notifier->stopping("finishing the last commits");
    }
    bool busy = turn(wait);
    if (failure_) return tl::unexpected<Error>(*failure_);
    if (stopping && !engine_.has_facts() && committer_->idle()) return {};
    wait = busy ? 0 : idle_ms();
  }
}

Millis Broker::idle_ms() const {
  auto next = engine_.next_deadline();
  if (!wait_ends_.empty()) next = std::min(next, wait_ends_.begin()->first);
  if (!batch_waits_.empty()) next = std::min(next, next_batch_wait_);
  for (const auto& wait : log_waits_) next = std::min(next, wait.until);
  for (const auto& [number, run] : bulk_runs_)
    if (!run.walking) next = std::min(next, run.next_at);
  return std::clamp<Millis>(next - engine_.now(), 1, 1000);
}

// True when there is more to do at once.
bool Broker::turn(Millis wait_ms) {
  if (auto waited = surroundings_.wait(wait_ms, wakeup_); !waited) {
    failed(waited.error());
    return false;
  }
  auto monotonic = surroundings_.monotonic_ms();
  auto tick = clock_.tick(monotonic, surroundings_.wall_ms());
  if (tick.stepped)
    log::warn("the wall clock stepped; time to live, deadlines and retention are held",
              {{"step_ms", tick.step_ms}});
  if (tick.jumped_ms != 0) {
    log::warn("the wall clock's step is believed", {{"step_ms", tick.jumped_ms}});
    for (auto& [routing, peer] : peers_) peer->last_heard += tick.jumped_ms;
  }
  learning_.begin_turn();
  engine_.begin_turn({tick.engine, tick.calendar, tick.jumped_ms, tick.held, !store_.admits_submits(),
                      &learning_.prediction()});
  if (reload_.exchange(false)) {
    reload_principals();
    adopt_queues();
    load_zones();
    adopt_schedules();
  }

  if (auto done = after_commits(); !done) {
    failed(done.error());
    return false;
  }
  for (auto& then : reader_->take_done()) then();
  if (failure_) return false;
  if (!stop_.load()) drain_socket();
  time_out_waits();
  go_on_with_bulks();
  look_at_log_waits();
  engine_.end_turn();
  tell_budgets();
  look_at_batch_waits();
  encode_outputs();
  read_wanted();
  stage();
  if (auto error = store_.failure()) failed(*error);
  if (parts_.metrics != nullptr) {
    parts_.metrics->turned(monotonic);
    if (parts_.metrics->due(monotonic)) fill_metrics();
  }
  if (parts_.notifier != nullptr) parts_.notifier->watchdog(monotonic);
  if (engine_.now() >= next_chore_) {
    next_chore_ = engine_.now() + 1000;
    forget_silent_peers();
    look_at_retention();
    if (parts_.backups != nullptr) parts_.backups->look(surroundings_.wall_ms());
  }
  return drained_full_ || engine_.more_to_award();
}

void Broker::drain_socket() {
  std::size_t bytes = 0;
  drained_full_ = true;
  // While a batch waits for the one before it, more input only makes it larger: bounded by its size.
  if (engine_.draft_bytes() >= limits::commit_bytes_max && !committer_->idle()) {
    drained_full_ = false;
    return;
  }
  for (int n = 0; n < messages_per_turn && bytes < bytes_per_turn; ++n) {
    Surroundings::Arrived message;
    if (!surroundings_.receive(message)) {
      drained_full_ = false;
      return;
    }
    bytes += message.bytes.size();
    receive(message.routing, message.bytes, message.user, message.whole);
    if (engine_.draft_bytes() >= limits::commit_bytes_max) return;
  }
}

void Broker::receive(std::string_view routing_view, std::string_view bytes, const char* user, bool whole) {
  std::string routing(routing_view);
  auto frame =
      whole ? wire::read_frame(bytes) : fail(Code::bad_message, "a message is one frame, this had more");
  if (!frame) {
    ++page_.malformed;
    std::uint64_t request = 0;
    if (frame.error().code == Code::version_mismatch || (!whole && wire::read_frame(bytes)))
      for (std::size_t i = 0; i < 8; ++i)
        request |= static_cast<std::uint64_t>(static_cast<std::uint8_t>(bytes[8 + i])) << (8 * i);
    return refuse(routing, request, frame.error());
  }
  ++page_.messages[frame->header.kind < kinds_shown ? frame->header.kind : 0];
  auto kind = static_cast<wire::Kind>(frame->header.kind);
  if (frame->header.request == 0 && kind != wire::Kind::seen) {
    ++page_.malformed;
    return refuse(routing, 0, {Code::bad_message, "a request has a number from 1", {}, 0});
  }
  if (kind == wire::Kind::hello) return hello(routing, user, *frame);
  auto at = peers_.find(routing);
  if (at == peers_.end())
    return refuse(routing, frame->header.request,
                  {Code::unknown_session, "this connection has no session: say hello", {}, 0});
  at->second->last_heard = engine_.now();
  dispatch(*at->second, *frame, bytes);
}

void Broker::dispatch(Peer& peer, const Frame& frame, std::string_view bytes) {
  using wire::Kind;
  auto kind = static_cast<Kind>(frame.header.kind);
  if (kind == Kind::submit && !peer.is_worker && may(*peer.principal, kind))
    return submit(peer, frame, bytes);
  if (!is_request(kind))
    return refuse(peer, frame.header.request,
                  {Code::unsupported, "no request has the kind " + std::to_string(frame.header.kind), {}, 0});
  bool for_workers = (frame.header.kind >= 48 && frame.header.kind <= 56) || kind == Kind::bid;
  if (for_workers != peer.is_worker && kind != Kind::heartbeat && (for_workers || kind == Kind::submit))
    return refuse(peer, frame.header.request,
                  {Code::denied,
                   for_workers ? "this is for workers: say hello with role worker"
                               : "a worker's session does not submit",
                   {},
                   0});
  if (privileged(kind)) begin_audit(peer, frame, kind);
  if (auto may_do = allowed(*peer.principal, kind);
      !may_do && kind != Kind::heartbeat && (kind != Kind::seen || frame.header.request != 0)) {
    auto error = may_do.error();
    return refuse(peer, frame.header.request, error);
  }
  if (for_workers && peer.worker == 0 && kind != Kind::register_worker)
    return refuse(peer, frame.header.request, {Code::unknown_session, "register the worker first", {}, 0});
  switch (kind) {
    case Kind::heartbeat:
      return heartbeat(peer, frame);
    case Kind::get:
      return get(peer, frame);
    case Kind::wait:
      return wait(peer, frame);
    case Kind::cancel:
      return cancel(peer, frame);
    case Kind::list:
      return list(peer, frame, false);
    case Kind::answer:
      return answer_task(peer, frame);
    case Kind::inbox:
      return inbox(peer, frame);
    case Kind::batch_list:
      return batch_list(peer, frame);
    case Kind::batch_show:
      return batch_show(peer, frame);
    case Kind::batch_close:
      return batch_close(peer, frame);
    case Kind::batch_wait:
      return batch_wait(peer, frame);
    case Kind::explain:
      return explain(peer, frame);
    case Kind::subscribe:
      return subscribe(peer, frame);
    case Kind::unsubscribe:
      return unsubscribe(peer, frame);
    case Kind::seen:
      return seen(peer, frame);
    case Kind::queue_list:
      return queue_list(peer, frame);
    case Kind::queue_show:
      return queue_show(peer, frame);
    case Kind::queue_set:
      return queue_set(peer, frame);
    case Kind::pause:
      return pause(peer, frame, true);
    case Kind::resume:
      return pause(peer, frame, false);
    case Kind::dead_list:
      return list(peer, frame, true);
    case Kind::dead_retry:
      return dead_again(peer, frame, false);
    case Kind::dead_purge:
      return dead_again(peer, frame, true);
    case Kind::tenant_list:
      return tenant_list(peer, frame);
    case Kind::lane_list:
      return lane_list(peer, frame);
    case Kind::logs:
      return logs(peer, frame);
    case Kind::dead_groups:
      return dead_groups(peer, frame);
    case Kind::bulk_start:
      return bulk_start(peer, frame);
    case Kind::bulk_list:
      return bulk_list(peer, frame);
    case Kind::bulk_stop:
      return bulk_stop(peer, frame);
    case Kind::worker_drain:
      return worker_drain(peer, frame);
    case Kind::worker_list:
      return worker_list(peer, frame);
    case Kind::stats:
      return stats(peer, frame);
    case Kind::agent_list:
      return agent_list(peer, frame);
    case Kind::agent_show:
      return agent_show(peer, frame);
    case Kind::agent_forget:
      return agent_forget(peer, frame);
    case Kind::schedule_set:
      return schedule_set(peer, frame);
    case Kind::schedule_list:
      return schedule_list(peer, frame);
    case Kind::schedule_show:
      return schedule_show(peer, frame);
    case Kind::schedule_delete:
    case Kind::schedule_pause:
    case Kind::schedule_resume:
    case Kind::schedule_trigger:
      return schedule_steer(peer, frame);
    case Kind::backup_create:
      return backup_begin(peer, frame, BackupJob::What::create);
    case Kind::backup_verify:
      return backup_begin(peer, frame, BackupJob::What::verify);
    case Kind::backup_delete:
      return backup_begin(peer, frame, BackupJob::What::remove);
    case Kind::backup_status:
      return backup_status(peer, frame);
    case Kind::backup_list:
      return backup_list(peer, frame);
    case Kind::limit_set:
      return limit_set(peer, frame);
    case Kind::limit_list:
      return limit_list(peer, frame);
    case Kind::limit_show:
    case Kind::limit_delete:
    case Kind::limit_pause:
      return limit_steer(peer, frame);
    case Kind::breaker_list:
    case Kind::breaker_show:
    case Kind::breaker_reset:
    case Kind::breaker_trip:
      return breaker(peer, frame);
    case Kind::usage:
      return usage(peer, frame);
    case Kind::budget_set:
      return budget_set(peer, frame);
    case Kind::budget_list:
      return budget_list(peer, frame);
    case Kind::budget_delete:
      return budget_delete(peer, frame);
    case Kind::agent_stats:
      return agent_stats(peer, frame);
    case Kind::agent_unlearn:
      return agent_unlearn(peer, frame);
    case Kind::audit_list:
      return audit_list(peer, frame);
    case Kind::register_worker:
      return register_worker(peer, frame);
    case Kind::finish:
      return finish(peer, frame);
    case Kind::worker_heartbeat:
      return worker_heartbeat(peer, frame);
    case Kind::holding:
      return holding(peer, frame);
    case Kind::report:
      return report(peer, frame);
    case Kind::drain:
      return drain(peer, frame);
    case Kind::bid:
      return take_bids(peer, frame);
    default:
      HH_CHECK(false, "every kind of request is dispatched");
  }
}

void Broker::heartbeat(Peer& peer, const Frame& frame) {
  msgpack::Reader r(frame.body);
  auto pairs = r.map();
  for (std::size_t i = 0; i < 2 * pairs && r.ok(); ++i) r.skip();
  if (!r.finished())
    return refuse(peer, frame.header.request, {Code::bad_message, "a heartbeat's body is a map", {}, 0});
  msgpack::Writer w(answer(peer, frame.header.request));
  w.map(1);
  w.entry_sint("server_time", engine_.to_wall(engine_.now()));
}

// --- sending ---

std::string& Broker::answer(Peer& peer, std::uint64_t request) {
  if (!audit_.idle()) audit_.answered(peer.routing, request, outbox_.size());
  auto& out = outbox_.emplace_back();
  out.routing = peer.routing;
  wire::write_header(out.frame, wire::Kind::ok, request);
  return out.frame;
}

void Broker::refuse(const std::string& routing, std::uint64_t request, const Error& error) {
  count_refusal(error.code);
  if (!audit_.idle()) audit_.refused(routing, request, error.code, engine_.now());
  // In order with what was answered before: a refusal may rest on facts that are not durable yet.
  send_later(routing, wire::error_frame(request, error));
}

void Broker::refuse(Peer& peer, std::uint64_t request, const Error& error) {
  refuse(peer.routing, request, error);
}

void Broker::count_refusal(Code code) {
  auto number = static_cast<std::size_t>(code);
  if (number < codes_shown) ++page_.refused[number];
}

void Broker::send_later(const std::string& routing, std::string frame) {
  outbox_.push_back({routing, std::move(frame)});
}

void Broker::after_commit(std::function<void()> act) {
  outbox_acts_.push_back(std::move(act));
}

// What is read may have been written by the batch that is being built: the job is posted when that is
// durable.
void Broker::read_later(Reader::Job job) {
  after_commit([this, job = std::move(job)]() mutable { reader_->post(std::move(job)); });
}

void Broker::send_now(const std::string& routing, const std::string& frame) {
  HH_CHECK(frame.size() <= limits::frame_bytes_max, "what is sent fits a frame");
  if (!surroundings_.send(routing, frame))
    drop_peer(routing);  // gone, or it does not read: it has to say hello again
}

void Broker::drop_peer(const std::string& connection) {
  const std::string routing = connection;  // the argument may live in what is erased here
  auto at = peers_.find(routing);
  if (at == peers_.end()) return;
  auto& peer = *at->second;
  if (!audit_.idle()) audit_.gone(routing);
  if (peer.worker != 0) {
    if (auto known = routing_of_worker_.find(peer.worker);
        known != routing_of_worker_.end() && known->second == routing) {
      engine_.disconnect_worker(peer.worker);
      routing_of_worker_.erase(known);
    }
  }
  if (peer.producer != 0)
    if (auto known = routing_of_producer_.find(peer.producer);
        known != routing_of_producer_.end() && known->second == routing)
      routing_of_producer_.erase(known);
  last_peer_ = nullptr;
  last_serial_ = 0;
  last_producer_ = 0;
  std::erase(submitters_, &peer);
  std::erase_if(queue_subscribers_, [&](const auto& q) { return q.second.routing == routing; });
  std::erase_if(building_, [&](const auto& b) { return b.first == &peer; });
  peers_.erase(at);
}

void Broker::forget_silent_peers() {
  std::vector<std::string> gone;
  for (const auto& [routing, peer] : peers_)
    if (engine_.now() - peer->last_heard > silent_intervals * limits::heartbeat_ms) gone.push_back(routing);
  for (const auto& routing : gone) drop_peer(routing);
}

Peer* Broker::peer_at(const std::string& routing, std::uint64_t serial) {
  auto at = peers_.find(routing);
  return at != peers_.end() && at->second->serial == serial ? at->second.get() : nullptr;
}

std::string Broker::token() {
  return surroundings_.random(16);
}

// --- commits ---

Status Broker::after_commits() {
  for (auto& done : committer_->take_done()) {
    if (!done.status) return done.status;
    HH_CHECK(!in_flight_.empty() && in_flight_.front().number == done.number,
             "batches become durable in order");
    ++page_.commits;
    page_.commit_bytes += done.bytes;
    page_.commit.add_us(done.microseconds);
    engine_.durable(done.number);
    reader_->durable(done.number);
    auto batch = std::move(in_flight_.front());
    in_flight_.pop_front();
    for (const auto& message : batch.messages) send_now(message.routing, message.frame);
    for (auto& act : batch.acts) act();
  }
  return {};
}

void Broker::stage() {
  flush_submitted();
  flush_subscriptions();
  if (audit_.has_ended()) write_audit();
  if (committer_->in_flight() >= commits_in_flight_max) return;
  if (!engine_.has_facts()) {
    // Nothing to wait for: everything that these answers rest on is durable.
    if (outbox_.empty() && outbox_acts_.empty()) return;
    auto messages = std::exchange(outbox_, {});
    auto acts = std::exchange(outbox_acts_, {});
    for (const auto& message : messages) send_now(message.routing, message.frame);
    for (auto& act : acts) act();
    return;
  }
  auto draft = engine_.take();
  store::CommitBatch batch;
  batch.number = draft.number;
  batch.writes.reserve(draft.bodies.size() + draft.facts.size() + draft.index.size());
  for (auto& [first, value] : draft.bodies)
    batch.writes.push_back({store::Family::bodies, false, store::number_key(first), std::move(value)});
  learning_.keep(engine_.now(), batch);
  std::uint32_t part = 0;
  for (auto& value : draft.facts)
    batch.writes.push_back(
        {store::Family::facts, false, store::number_key(draft.number, part++), std::move(value)});
  for (auto& w : draft.index)
    batch.writes.push_back(
        {static_cast<store::Family>(w.where), w.erase, std::move(w.key), std::move(w.value)});
  if (HH_MUTANT("ack_before_sync"))
    for (const auto& message : std::exchange(outbox_, {})) send_now(message.routing, message.frame);
  in_flight_.push_back({draft.number, std::move(outbox_), std::move(outbox_acts_)});
  outbox_.clear();
  outbox_acts_.clear();
  committer_->hand_over(std::move(batch));
}

}  // namespace hirehall::server
