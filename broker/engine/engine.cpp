#include "broker/engine/engine.h"

#include <algorithm>

#include "broker/engine/engine_impl.h"
#include "common/hash.h"
#include "common/mutant.h"
#include "scheduler/room_waits.h"

namespace hirehall::engine {
namespace {

constexpr Millis stall_ms = 1000;
// An idle loop turns well within that: a wait that ends a little late is no stall.
constexpr Millis idle_turn_ms = stall_ms / 2;
constexpr std::uint64_t key_commits_kept = 16;  // a look at the store may be that old
constexpr std::size_t moves_kept = 65536;       // a look at the store that is older than these is made again

}  // namespace

std::string snapshot_key(std::uint64_t commit, std::uint32_t part) {
  std::string key(snapshot_prefix);
  for (int i = 7; i >= 0; --i) key.push_back(static_cast<char>(commit >> (8 * i)));
  for (int i = 3; i >= 0; --i) key.push_back(static_cast<char>(part >> (8 * i)));
  return key;
}

Engine::Engine(Settings settings) : settings_(settings), random_state_(settings.seed) {}

Engine::~Engine() = default;

std::uint64_t Engine::random() {  // splitmix64: the same on every machine
  random_state_ += 0x9e3779b97f4a7c15ull;
  return mix(random_state_);
}

// --- the draft ---

void Engine::open_part() {
  if (part_.size() >= limits::chunk_bytes) {
    parts_.push_back(std::move(part_));
    part_.clear();
  }
  if (part_.empty()) {
    begin_part(part_, now_);
    ledger_.now = now_;
    told_time_ = now_;
  }
  if (told_time_ != now_) {
    told_time_ = now_;
    TimeFact fact{now_};
    write_fact(part_, fact);
    ledger_.apply(fact);
  }
}

bool Engine::has_facts() const {
  return !part_.empty() || !parts_.empty() || !index_.empty() || open_count_ != 0;
}

Draft Engine::take() {
  close_chunk();
  Draft draft;
  if (bytes_since_snapshot_ > std::max(settings_.snapshot_bytes, 8 * snapshot_size_)) open_part();
  if (part_.empty() && parts_.empty()) open_part();  // every commit has a facts record: numbers show no hole
  parts_.push_back(std::move(part_));
  part_.clear();
  draft.number = ledger_.commit;
  draft.bodies = std::move(bodies_);
  draft.facts = std::move(parts_);
  for (auto& table : ledger_.segments.take_complete())
    index_.push_back(
        {Shelving::records, false, result_table_key(table.segment, draft.number), std::move(table.value)});
  draft.bytes = draft_bytes_;
  bytes_since_snapshot_ += draft_bytes_;
  if (bytes_since_snapshot_ > std::max(settings_.snapshot_bytes, 8 * snapshot_size_)) take_snapshot(draft);
  draft.index = std::move(index_);
  bodies_.clear();
  parts_.clear();
  index_.clear();
  draft_bytes_ = 0;
  last_endings_ = endings_count_;
  endings_count_ = 0;
  ++ledger_.commit;
  return draft;
}

void Engine::take_snapshot(Draft& draft) {
  for (auto& table : ledger_.segments.take_all())
    index_.push_back(
        {Shelving::records, false, result_table_key(table.segment, draft.number), std::move(table.value)});
  std::string saved;
  ledger_.save(saved);
  std::uint32_t parts = 0;
  for (std::size_t at = 0; at < saved.size(); at += limits::payload_bytes_max)
    index_.push_back({Shelving::meta, false, snapshot_key(draft.number, parts++),
                      saved.substr(at, limits::payload_bytes_max)});
  index_.push_back({Shelving::meta, false, "snapshot", [&] {
                      std::string value;
                      Packer p(value);
                      p.u8(1);
                      p.uint(draft.number);
                      p.uint(parts);
                      return value;
                    }()});
  if (snapshot_commit_ != 0)
    for (std::uint32_t i = 0; i <= snapshot_size_ / limits::payload_bytes_max; ++i)
      index_.push_back({Shelving::meta, true, snapshot_key(snapshot_commit_, i), {}});
  snapshot_commit_ = draft.number;
  snapshot_sequence_ = ledger_.next_sequence;
  snapshot_size_ = saved.size();
  bytes_since_snapshot_ = 0;
}

void Engine::note_endings() {
  for (const auto& e : endings_)
    outputs_.endings.push_back({e.sequence, e.state, e.producer, e.lane, endings_count_++, e.result,
                                e.result_type, e.error_code, e.error});
  endings_.clear();
}

void Engine::durable(std::uint64_t commit) {
  durable_ = commit;
  while (!recent_key_order_.empty() && recent_key_order_.front().first + key_commits_kept <= commit) {
    keys_forgotten_ = recent_key_order_.front().first;
    auto at = recent_keys_.find(recent_key_order_.front().second);
    if (at != recent_keys_.end() && at->second.commit == keys_forgotten_) recent_keys_.erase(at);
    recent_key_order_.pop_front();
  }
  while (moves_.size() > moves_kept && moves_.front().first <= commit) {
    moves_forgotten_ = moves_.front().first;
    moves_.pop_front();
  }
  if (!timers_asked_)
    while (!timer_changes_.empty() && timer_changes_.front().commit <= commit) timer_changes_.pop_front();
}

// --- recovery ---

Status Engine::load_snapshot(std::uint64_t commit, std::string_view saved) {
  if (auto loaded = ledger_.load(saved); !loaded) return loaded;
  snapshot_commit_ = commit;
  snapshot_sequence_ = ledger_.next_sequence;
  snapshot_size_ = saved.size();
  ledger_.commit = commit;
  return {};
}

namespace {

template <typename Fact>
Status replay_one(Ledger& ledger, std::string_view body) {
  Fact fact;
  if (!read_fact(body, fact))
    return fail(Code::corrupt, "a fact is malformed", std::to_string(static_cast<int>(Fact::kind)));
  ledger.apply(fact);
  return {};
}

// Applies a fact of whichever of these kinds it is.
template <typename... Facts>
struct Replay {
  static Status one(Ledger& ledger, FactKind kind, std::string_view body) {
    Status done = fail(Code::corrupt, "a fact of an unknown kind: was this store written by a newer version?",
                       std::to_string(static_cast<int>(kind)));
    static_cast<void>(((Facts::kind == kind && (done = replay_one<Facts>(ledger, body), true)) || ...));
    return done;
  }
};
// All but `submitted`, which reads bodies.
using ReplayAny =
    Replay<TimeFact, QueueSet, QueueFiled, LaneDefined, ClassDefined, ProducerOpened, ProducerClosed, Awarded,
           Ended, WorkerOpened, WorkerClosed, BecameDue, Dropped, StopAsked, Paused, Spilled, Paged, Decided,
           Asked, Checkpointed, Replayed, Reclaimed, KeptLonger, AgentDefined, AgentForgotten, DeadPurged,
           PauseSet, BulkOpened, BulkMoved, BulkClosed, ScheduleSet, ScheduleDeleted, ScheduleTicked,
           ScheduleHeld, ScheduleFiled, ScheduleTriggered, LimitDefined, LimitDeleted, LimitHeld, Incarnated,
           Audited, BatchDefined, BatchClosed, BatchCompleted, BatchForgotten, Superseded, Coalesced,
           BudgetSet, BudgetDeleted, Settled, Paid, Unbegun>;

bool left_out_by_mutant(FactKind kind) {
  return ((kind == FactKind::paused || kind == FactKind::pause_set) && HH_MUTANT("pauses_not_replayed")) ||
         (kind == FactKind::audited && HH_MUTANT("audit_not_replayed")) ||
         (kind == FactKind::bulk_opened && HH_MUTANT("bulk_forgotten")) ||
         (kind == FactKind::agent_defined && HH_MUTANT("definitions_not_replayed")) ||
         (kind == FactKind::decided && HH_MUTANT("answers_not_replayed")) ||
         (kind == FactKind::batch_closed && HH_MUTANT("closed_batches_not_replayed")) ||
         (kind == FactKind::schedule_ticked && HH_MUTANT("ticks_not_replayed"));
}

}  // namespace

// The tasks of a batch, from the bodies that are stored in the same commit.
Status Engine::replay_submitted(std::string_view bytes, const BodySource& next_body) {
  Submitted fact;
  if (!read_fact(bytes, fact)) return fail(Code::corrupt, "a submit fact is malformed");
  for (std::uint32_t left = fact.accepted(); left > 0;) {
    auto sequence = ledger_.next_sequence;
    if (!open_ || sequence >= open_first_ + open_count_ || sequence < open_first_) {
      auto record = next_body(sequence);
      if (!record) return tl::unexpected<Error>(record.error());
      open_ = record->chunk;
      open_.charge(ledger_.chunk_bytes);
      open_first_ = record->first;
      open_count_ = static_cast<std::uint32_t>(record->offsets.size());
      replay_offsets_ = std::move(record->offsets);
      bytes_since_snapshot_ += open_->bytes.size();
      if (sequence < open_first_ || sequence >= open_first_ + open_count_)
        return fail(Code::corrupt, "no body is stored for a submitted task", std::to_string(sequence));
    }
    auto offset = replay_offsets_[sequence - open_first_];
    auto task = open_->body_at(offset);
    ledger_.apply_task(sequence, open_, offset, task);
    --left;
  }
  ledger_.apply(fact);
  return {};
}

Status Engine::replay(std::uint64_t commit, std::string_view part, const BodySource& next_body) {
  PartReader facts(part);
  if (facts.version() != facts_part_version)
    return fail(Code::corrupt, "facts of an unknown version", "commit " + std::to_string(commit));
  ledger_.commit = commit;
  ledger_.now = facts.now();
  bytes_since_snapshot_ += part.size();
  while (facts.next()) {
    if (left_out_by_mutant(facts.kind())) continue;
    auto done = facts.kind() == FactKind::submitted ? replay_submitted(facts.body(), next_body)
                                                    : ReplayAny::one(ledger_, facts.kind(), facts.body());
    if (!done) return done;
  }
  if (!facts.ok()) return fail(Code::corrupt, "facts end in the middle", "commit " + std::to_string(commit));
  ledger_.segments.take_complete();  // stored with that commit
  return {};
}

std::vector<Sequence> Engine::leases_without_options() const {
  std::vector<Sequence> missing;
  for (const auto& lease : ledger_.leases)
    if (lease.token != 0 && !lease.options) missing.push_back(lease.sequence);
  return missing;
}

void Engine::load_options(const FoundBody& found) {
  auto* lease = ledger_.lease_of(found.sequence);
  if (lease == nullptr) return;
  auto body = found.chunk->body_at(found.offset);
  lease->payload_bytes = static_cast<std::uint32_t>(body.payload.size());
  lease->options = body.own.empty() ? found.chunk->templates[body.template_]
                                    : make_template(found.chunk->options_of(body));
}

void Engine::start(Millis now) {
  open_ = {};
  open_count_ = 0;
  std::vector<std::uint32_t>().swap(replay_offsets_);
  ++ledger_.commit;
  if (HH_MUTANT("timers_lost_at_restart")) timers_complete_ = true;
  ledger_.index = &index_;
  ledger_.endings = &endings_;
  now_ = std::max(now, ledger_.now);
  last_turn_ = now_;
  for (const auto& [number, producer] : ledger_.producers) producer_tokens_.emplace(producer.token, number);
  for (const auto& [number, worker] : ledger_.workers) {
    worker_tokens_.emplace(worker.token, number);
    sessions_[number].last_seen = now_;  // a full limit to come back
    dispatcher_.set_held(number, worker.held);
  }
  start_batches();
  granted_ = costs_.since = now_;
  tell_classes();
  for (const auto& lease : ledger_.leases)
    if (lease.token != 0 && !HH_MUTANT("resources_forgotten")) dispatcher_.use(lease.worker, lease.class_);
  for (const auto& lease : ledger_.leases)
    if (auto timeout = lease.token != 0 ? timeout_of(lease) : 0; timeout != 0)
      timeouts_.emplace(lease.started + timeout, lease.token);
  for (std::uint32_t queue = 0; queue < ledger_.queues.size(); ++queue) tell_policy(queue);
  if (ledger_.queues.empty()) set_queue("default", {});
  start_schedules();
  for (auto& shelf : ledger_.shelves) {
    shelf->touched = false;
    ledger_.touch(*shelf);
  }
  if (settings_.incarnation > ledger_.incarnation()) begin_incarnation();
}

void Engine::begin_turn(const Moment& moment) {
  now_ = std::max({moment.now, now_, ledger_.now});
  ahead_ = moment.calendar == 0 ? 0 : now_ - moment.calendar;
  if (now_ - last_turn_ > stall_ms || moment.jumped_ms != 0) grant_anew(moment.jumped_ms);
  last_turn_ = now_;
  if (held_ && !moment.held) read_timers_again();
  held_ = moment.held;
  full_ = moment.full;
  chooser_.begin_turn(moment.learned);
  texts_.clear();
}

// Nobody could be heard meanwhile, or the time between was none: silence up to now is no sign of death.
void Engine::grant_anew(Millis jumped) {
  granted_ = now_;
  for (auto& [number, session] : sessions_) session.last_seen = now_;
  if (jumped == 0) return;
  // What runs is charged on from here: how much of the jump it ran is not known. Of what it was charged the
  // part that it ran before is used up.
  for (auto& lease : ledger_.leases) {
    const auto ran = std::max<Millis>(0, last_turn_ - std::max(lease.started, costs_.since));
    lease.charged -= static_cast<std::uint32_t>(std::min<Millis>(lease.charged, ran));
  }
  costs_.since = now_;
  std::set<std::pair<Millis, std::uint64_t>> later;
  for (const auto& [at, token] : timeouts_) later.emplace(at + jumped, token);
  timeouts_.swap(later);
}

void Engine::end_turn() {
  fire_timers();
  fire_schedules();
  expire_leases();
  complete_batches();
  award_all();
  spill();
  want_timers();
}

Millis Engine::next_deadline() const {
  if (!ledger_.batches_at_rest.empty()) return now_;
  Millis next = now_ + (HH_MUTANT("idle_turns_are_stalls") ? stall_ms : idle_turn_ms);
  if (!timers_.empty()) {
    if (auto t = read_timer_key(timers_.begin()->first)) next = std::min(next, t->due);
  }
  if (!timeouts_.empty()) next = std::min(next, timeouts_.begin()->first);
  if (!unsold_.empty()) next = std::min(next, unsold_again_);
  next = std::min(next, dispatcher_.rooms().look_at(settings_.room_patience_ms));
  next = std::min(next, breakers_.look_at());
  next = std::min(next, bidding_.next().value_or(next));
  return std::max(std::min({next, next_tick(), next_gate()}), now_);
}

// --- numbers ---

void Engine::note_times(std::uint32_t lane, Millis ms, bool run) {
  auto queue = ledger_.lanes[lane].queue;
  if (queue >= times_.size()) times_.resize(queue + 1);
  auto& times = times_[queue];
  // Engine time has milliseconds: everything shorter falls into the first bucket above it.
  static constexpr std::array<Millis, 20> bounds_ms{
      0, 0, 0, 1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000, 600000, 3600000};
  std::size_t bucket = 3;
  while (bucket < bounds_ms.size() && ms > bounds_ms[bucket]) ++bucket;
  ++(run ? times.run : times.wait)[bucket];
  (run ? times.run_sum_us : times.wait_sum_us) += static_cast<std::uint64_t>(std::max<Millis>(ms, 0)) * 1000;
}

Millis Engine::oldest_ready_ms(std::uint32_t queue) const {
  Millis oldest = 0;
  for (const auto& line : ledger_.lines) {
    if (!line || line->ready == 0 || ledger_.lanes[line->shelf->lane].queue != queue) continue;
    if (!line->head.empty()) oldest = std::max(oldest, now_ - line->head.at(0).ready_at);
    if (!line->returned.empty()) oldest = std::max(oldest, now_ - line->returned.back().ready_at);
    if (!line->by_deadline.empty())
      oldest = std::max(oldest, now_ - line->by_deadline.begin()->second.ready_at);
  }
  return oldest;
}

// --- queues ---

void Engine::pause(std::string_view queue, std::string_view type, std::string_view tenant,
                   std::string_view reason, bool on, std::string_view by) {
  PauseSet fact{
      on,  std::string(queue), std::string(type), std::string(tenant), std::string(reason), std::string(by),
      now_};
  record(fact);
}

std::uint64_t Engine::open_producer(std::string token, std::string principal) {
  ProducerOpened fact{ledger_.next_producer, std::move(token), std::move(principal)};
  record(fact);
  producer_tokens_.emplace(fact.token, fact.producer);
  return fact.producer;
}

bool Engine::room_for_producer() {
  if (ledger_.producers.size() < settings_.producers_max) return true;
  const Producer* oldest = nullptr;
  std::uint64_t number = 0;
  for (const auto& [n, p] : ledger_.producers)
    if (oldest == nullptr || p.last_used < oldest->last_used) oldest = &p, number = n;
  if (oldest == nullptr || now_ - oldest->last_used < settings_.producer_idle_ms) return false;
  producer_tokens_.erase(oldest->token);
  ProducerClosed fact{number};
  record(fact);
  return true;
}

const Producer* Engine::producer(std::uint64_t number) const {
  auto at = ledger_.producers.find(number);
  return at == ledger_.producers.end() ? nullptr : &at->second;
}

std::optional<std::uint64_t> Engine::producer_by_token(std::string_view token) const {
  auto at = producer_tokens_.find(token);
  if (at == producer_tokens_.end()) return std::nullopt;
  return at->second;
}

}  // namespace hirehall::engine
