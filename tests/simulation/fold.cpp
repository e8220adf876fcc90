// The durable state is what its facts add up to, whoever adds.
#include <algorithm>

#include "broker/engine/engine.h"
#include "broker/server/recovery.h"
#include "broker/server/task_reading.h"
#include "scheduler/room_waits.h"
#include "tests/simulation/broker_host.h"
#include "tests/simulation/violation.h"
#include "tests/simulation/workload.h"

namespace hirehall::sim {

std::string BrokerHost::folded(bool from_snapshot) {
  std::string out;
  if (from_snapshot) {
    auto recovered = server::recover(*store_, settings_, [](const std::string&) {});
    if (!recovered) violated("I10", "the store cannot be read back: " + describe(recovered.error()));
    recovered->engine->ledger().save(out);
    return out;
  }
  engine::Engine engine(settings_);
  auto view = store_->view();
  server::BodyFinder finder(*view);
  auto scanned = view->scan(store::Family::facts, store::number_key(1), {}, [&](auto key, auto part) {
    auto done = engine.replay(store::number_of(key), part, [&](Sequence s) { return finder.record(s); });
    if (!done) violated("I18", "facts cannot be folded: " + describe(done.error()));
    return true;
  });
  if (!scanned) violated("I10", "facts cannot be read");
  engine.ledger().save(out);
  return out;
}

// Of no key more tasks run at once than its queue allows: looked at inside, because leases end without a
// word.
void BrokerHost::check_limits() {
  const auto& ledger = engine_->ledger();
  std::map<std::pair<std::uint32_t, std::string>, std::uint32_t> running;
  for (const auto& lease : ledger.leases) {
    if (lease.token == 0 || !lease.options) continue;
    for (const auto& key : lease.options->options.limit_keys)
      ++running[{ledger.lanes[lease.lane].queue, key}];
  }
  for (const auto& [key, count] : running) {
    const auto& limits = ledger.queues[key.first].settings.limits;
    auto limit = limits.find(key.second);
    if (limit == limits.end()) continue;
    scene_.tally.saw_if(count == limit->second, Situation::limit_was_full);
    if (count > limit->second) violated("I12", "more tasks run at once than their limit key allows");
  }
}

namespace {

constexpr Millis room_late_ms = 1000;

std::uint32_t gpus_of(const engine::Engine& engine, std::uint32_t class_) {
  const auto& resources = engine.ledger().classes[class_].requirements.resources;
  const auto at = resources.find("gpu");
  return at == resources.end() ? 0 : static_cast<std::uint32_t>(std::stoul(at->second));
}

// Where an instance is what lacks no room is kept.
bool some_agent_is_at_its_most(const engine::Engine& engine) {
  std::map<std::uint32_t, std::uint32_t> held;
  for (const auto& lease : engine.ledger().leases)
    if (lease.token != 0) ++held[lease.worker];
  return std::ranges::any_of(engine.sessions(), [&](const auto& session) {
    const auto& agents = session.second.spec.agents;
    return session.second.connected && !agents.empty() && agents[0].max_instances != 0 &&
           held[session.first] >= agents[0].max_instances;
  });
}

}  // namespace

// On no worker run more tasks that ask for a resource than it has.
void BrokerHost::check_rooms() {
  std::map<std::uint32_t, std::uint32_t> used;
  for (const auto& lease : engine_->ledger().leases) {
    if (lease.token == 0) continue;
    auto& sum = used[lease.worker] += gpus_of(*engine_, lease.class_);
    if (sum > gpus_of_a_worker) violated("I12", "more tasks run on a worker than its resources allow");
    if (sum == gpus_of_a_worker) scene_.saw(Situation::resource_was_used_up);
  }
}

// An agent holds no more attempts of a worker than it allows, in as large a part of the credit as of the
// slots.
void BrokerHost::check_instances() {
  std::map<std::uint32_t, std::uint64_t> held;
  for (const auto& lease : engine_->ledger().leases) {
    if (lease.token == 0) continue;
    const auto* agent = agent_of(engine_->sessions(), lease);
    if (agent == nullptr || agent->max_instances == 0) continue;
    const auto most = std::uint64_t{agent->max_instances} * credit_per_slot_max;
    if (++held[lease.worker] > most) violated("I12", "an agent runs more often on a worker than it allows");
    if (held[lease.worker] == most) scene_.saw(Situation::agent_was_at_its_most);
  }
}

// A task that asks for all of a worker waits no longer for it than it may: room is kept for one at least, on
// a worker that is given no smaller task from then on, and for nobody who does not wait.
void BrokerHost::check_kept_rooms() {
  const auto& rooms = engine_->dispatcher().rooms();
  const auto now = engine_->now();
  bool overdue = false;
  const bool narrow = some_agent_is_at_its_most(*engine_);
  std::uint32_t least = gpus_of_a_worker;
  for (std::uint32_t c = 0; !rooms.empty() && c < engine_->ledger().classes.size(); ++c)
    if (const auto gpus = gpus_of(*engine_, c); gpus != 0) least = std::min(least, gpus);
  for (const auto& [shelf, wait] : rooms.all()) {
    const auto queue = engine_->ledger().lanes[wait.lane].queue;
    const auto fleet = engine_->dispatcher().prospect(wait.cls, queue);
    if (fleet.kept_worker != scheduler::none && rooms.kept_on(fleet.kept_worker) == nullptr)
      violated("I12", "room is kept on a worker for nobody");
    if (gpus_of(*engine_, wait.cls) < gpus_of_a_worker) continue;
    overdue |= now - wait.since > settings_.room_patience_ms && least < gpus_of_a_worker &&
               rooms.kept().empty() && fleet.credit > 0 && !narrow;
    if (wait.kept_on == scheduler::none) continue;
    scene_.saw(Situation::room_was_kept);
    for (const auto& lease : engine_->ledger().leases) {
      if (lease.token == 0 || lease.worker != wait.kept_on || lease.started <= wait.kept_since) continue;
      const auto gpus = gpus_of(*engine_, lease.class_);
      if (gpus != 0 && gpus < gpus_of_a_worker) violated("I12", "a small task got room that is kept");
    }
  }
  check_overdue(overdue);
}

// Between the end of one wait and the next look there is room for nobody.
void BrokerHost::check_overdue(bool overdue) {
  const auto kept = engine_->dispatcher().rooms().kept_total();
  if (!overdue || kept != kept_then_ || overdue_since_ == 0) {
    overdue_since_ = overdue ? engine_->now() : 0;
    kept_then_ = kept;
  } else if (engine_->now() - overdue_since_ > room_late_ms) {
    violated("I12", "a large task waits for room, and none is kept");
  }
}

// Of what is durable: a tick became one task (I8), in no stretch of its window more tasks began than the rate
// allows; and of the schedule that skips never two run.
void BrokerHost::check_ticks() {
  const auto& ledger = engine_->ledger();
  std::uint32_t alone = 0;
  for (const auto& lease : ledger.leases) {
    if (lease.token == 0 || !lease.options) continue;
    const auto& options = lease.options->options;
    const bool of_tick = options.trigger.starts_with("schedule/") &&
                         !options.trigger.ends_with("/triggered") && options.replay_of.empty();
    alone += of_tick && options.trigger.starts_with("schedule/alone/");
    if (lease.awarded_in > store_->last_commit()) continue;
    if (of_tick) {
      auto [tick, fresh] = ticks_.emplace(options.trigger, lease.sequence);
      if (tick->second != lease.sequence) violated("I8", "a tick became two tasks: " + options.trigger);
      if (fresh) scene_.saw(Situation::schedule_ticked);
    }
    const auto& keys = options.limit_keys;
    if (std::find(keys.begin(), keys.end(), "paced") != keys.end())
      paced_.emplace(lease.token, lease.started);
  }
  if (alone > 1) violated("I8", "two tasks run of a schedule that leaves out what overlaps");
  check_paced();
}

// What its worker says it has not begun may have given its unit back, and no more than the rate in a window.
void BrokerHost::check_paced() {
  std::vector<Millis> began, awarded;
  for (const auto& [token, at] : paced_) {
    awarded.push_back(at);
    if (!scene_.model.said_unbegun(token)) began.push_back(at);
  }
  scene_.tally.saw_if(began.size() != awarded.size(), Situation::unit_given_back);
  std::sort(began.begin(), began.end());
  std::sort(awarded.begin(), awarded.end());
  for (std::size_t i = paced_units; i < began.size(); ++i) {
    scene_.tally.saw_if(began[i] - began[i - paced_units] < 3 * paced_window_ms, Situation::rate_was_used_up);
    if (began[i] - began[i - paced_units] < paced_window_ms)
      violated("I12", "more tasks began in a window than their rate allows");
  }
  for (std::size_t i = 2 * paced_units; i < awarded.size(); ++i)
    if (awarded[i] - awarded[i - 2 * paced_units] < paced_window_ms)
      violated("I12", "more tasks were awarded in a window than twice their rate");
}

void BrokerHost::check_audit() {
  if (!running()) return;
  const auto entries = audit_.check(*store_->view());
  scene_.tally.saw_if(entries != 0, Situation::act_audited);
  scene_.tally.saw_if(audit_.refused() != 0, Situation::refused_act_audited);
}

void BrokerHost::check_fold() {
  if (!running() || committing_ || engine_->has_facts()) return;
  const auto& ledger = engine_->ledger();
  // The books say how many there are; the numbers of tasks say it, too.
  std::uint64_t counted = 0;
  for (auto n : ledger.books.tasks) counted += n;
  auto there = ledger.next_sequence - std::max<Sequence>(ledger.reclaimed_sequence, 1) +
               ledger.segments.stragglers().size();
  if (counted != there)
    violated("I20", std::to_string(counted) + " tasks are counted, " + std::to_string(there) + " are there");
  std::string live;
  engine_->ledger().save(live);
  if (folded(true) != live)
    violated("I18", "the state from the last snapshot on differs from the living one");
  if (engine_->ledger().reclaimed_commit == 0 && folded(false) != live)
    violated("I18", "the state folded from the first fact differs from the living one");
}

}  // namespace hirehall::sim
