// Workers: registration, signs of life, ends of attempts, lost leases.
#include <algorithm>

#include "broker/engine/engine.h"
#include "broker/engine/engine_impl.h"
#include "broker/engine/lifecycle.h"
#include "common/hash.h"

namespace hirehall::engine {
namespace {

constexpr Millis worker_kept_ms = 24ll * 3600 * 1000;
constexpr Millis timeout_grace_ms = 10000;

Status check_spec(const Registration& registration) {
  if (registration.name.empty() || registration.name.size() > limits::name_bytes_max)
    return fail(Code::invalid, "a worker needs a name of 1 to 255 bytes", "name");
  if (registration.spec.agents.size() > limits::agents_per_worker_max)
    return fail(Code::invalid, "a worker has at most 256 agents", "agents");
  for (const auto& agent : registration.spec.agents)
    if (agent.types.size() > limits::types_per_agent_max)
      return fail(Code::invalid, "an agent has at most 256 types", agent.name);
  return {};
}

}  // namespace

Result<Registered> Engine::register_worker(const Registration& registration) {
  if (auto valid = check_spec(registration); !valid) return tl::unexpected<Error>(valid.error());
  for (const auto& [number, session] : sessions_) {
    if (!session.connected) continue;
    for (const auto& theirs : session.spec.agents)
      for (const auto& ours : registration.spec.agents)
        if (theirs.name == ours.name && theirs.version == ours.version && theirs.digest != ours.digest)
          return fail(Code::conflict,
                      "agent " + ours.name + " " + ours.version +
                          " is registered with another digest; give the changed one a new version",
                      ours.name);
  }
  Registered out;
  auto known = worker_tokens_.find(registration.resume);
  if (!registration.resume.empty() && known != worker_tokens_.end() &&
      ledger_.workers.at(known->second).principal == registration.principal) {
    out.worker = known->second;
    out.token = registration.resume;
    out.resumed = true;
  } else {
    if (ledger_.workers.size() >= limits::workers_max)
      return fail(Code::busy, "there are 10,000 workers already");
    WorkerOpened fact{ledger_.next_worker, registration.name, registration.token, registration.principal};
    record(fact);
    worker_tokens_.emplace(registration.token, fact.worker);
    out.worker = fact.worker;
    out.token = registration.token;
  }
  const auto& worker = ledger_.workers.at(out.worker);
  out.next_finish = worker.last_finish + 1;
  auto& session = sessions_[out.worker];
  session.connected = true;
  session.draining = false;
  session.last_seen = now_;
  session.credit = std::min(registration.credit, limits::credit_max);
  session.spec = registration.spec;
  dispatcher_.connect(out.worker, registration.spec, session.credit);
  dispatcher_.set_draining(out.worker, false);
  dispatcher_.set_held(out.worker, worker.held);
  if (out.resumed)
    out.lost = holding(out.worker, registration.last_award, registration.holding);
  else
    out.lost = registration.holding;
  return out;
}

void Engine::disconnect_worker(std::uint32_t worker) {
  auto at = sessions_.find(worker);
  if (at == sessions_.end()) return;
  at->second.connected = false;
  dispatcher_.disconnect(worker);
}

Engine::HeartbeatAnswer Engine::heartbeat(std::uint32_t number, std::uint32_t held, std::uint64_t hash,
                                          std::uint64_t last_award, std::uint32_t credit) {
  auto at = ledger_.workers.find(number);
  auto session = sessions_.find(number);
  if (at == ledger_.workers.end() || session == sessions_.end() || !session->second.connected)
    return {false, false};
  session->second.last_seen = now_;
  session->second.credit = std::min(credit, limits::credit_max);
  dispatcher_.set_credit(number, session->second.credit);
  // Compared only when nothing is under way to the worker: then it must hold exactly what is leased to it.
  if (last_award != at->second.last_award) return {true, false};
  std::uint64_t ours = 0;
  for (auto slot = at->second.first; slot != no_number; slot = ledger_.leases[slot].next)
    ours ^= mix(ledger_.leases[slot].token);
  return {true, held != at->second.held || ours != hash};
}

std::vector<std::uint64_t> Engine::holding(std::uint32_t number, std::uint64_t last_award,
                                           std::span<const std::uint64_t> tokens) {
  std::vector<std::uint64_t> gone;
  std::set<std::uint64_t> held;
  for (auto token : tokens) {
    const auto* lease = ledger_.lease_by_token(token);
    if (lease != nullptr && lease->worker == number)
      held.insert(token);
    else
      gone.push_back(token);
  }
  auto at = ledger_.workers.find(number);
  if (at == ledger_.workers.end()) return gone;
  std::vector<std::uint64_t> missing;
  for (auto slot = at->second.first; slot != no_number; slot = ledger_.leases[slot].next) {
    const auto& lease = ledger_.leases[slot];
    if (lease.award <= last_award && !held.contains(lease.token)) missing.push_back(lease.token);
  }
  lose(number, missing, false);
  if (auto session = sessions_.find(number); session != sessions_.end()) session->second.last_seen = now_;
  return gone;
}

void Engine::drain_worker(std::uint32_t worker) {
  auto at = sessions_.find(worker);
  if (at == sessions_.end()) return;
  at->second.draining = true;
  dispatcher_.set_draining(worker, true);
}

// What the end of an attempt means for its task.
void Engine::decide_end(Lease& lease, const FinishItem& item, EndedItem& out) {
  out.sequence = lease.sequence;
  out.outcome = item.outcome;
  out.tries = lease.tries;
  out.worker = lease.worker;
  out.lane = lease.lane;
  out.due = 0;
  out.on = SuspendedOn::none;
  out.result = item.result;
  out.result_type = item.result_type;
  out.error_code = item.error_code;
  out.error = item.error.substr(0, limits::error_bytes_max);
  out.checkpoint = item.checkpoint;
  out.usage = item.usage;
  HH_CHECK(lease.options, "a lease knows its task's options");
  const auto& options = lease.options->options;
  out.producer = options.producer;
  Event event = Event::succeed;
  if (item.outcome == Outcome::succeeded) {
    event = Event::succeed;
  } else if (lease.stop_to != State::leased) {
    event = lease.stop_to == State::expired ? Event::expire : Event::cancel;
  } else {
    switch (item.outcome) {
      case Outcome::failed:
      case Outcome::timed_out:
        ++out.tries.failures;
        event = out.tries.failures >= options.retry.max_attempts ? Event::fail_final : Event::retry;
        break;
      case Outcome::failed_final:
        ++out.tries.failures;
        event = Event::fail_final;
        break;
      case Outcome::lost:
        ++out.tries.losses;
        event = out.tries.losses >= options.retry.max_losses ? Event::fail_final : Event::give_back;
        if (out.error.empty()) out.error = "the worker went away with the task";
        break;
      case Outcome::interrupted:
        event = Event::give_back;
        break;
      case Outcome::cancelled:
        event = Event::cancel;
        break;
      case Outcome::snoozed:
        event = Event::snooze;
        break;
      case Outcome::suspended:
        event = Event::suspend;
        break;
      case Outcome::succeeded:
        break;
    }
    bool again = event == Event::retry || event == Event::give_back || event == Event::snooze ||
                 event == Event::suspend;
    if (again && options.delivery == Delivery::at_most_once) event = Event::fail_final;
  }
  auto next = next_state(State::leased, event);
  HH_CHECK(next.has_value(), "every end of an attempt is in the table");
  out.next = *next;
  if (event == Event::retry) {
    auto doubled = options.retry.backoff_ms;
    for (std::uint32_t i = 1; i < out.tries.failures && doubled < options.retry.backoff_max_ms; ++i)
      doubled *= 2;
    doubled = std::min(doubled, options.retry.backoff_max_ms);
    auto jittered = doubled > 0 ? static_cast<Millis>(random() % static_cast<std::uint64_t>(doubled + 1)) : 0;
    out.due = now_ + std::max({jittered, item.delay_ms, Millis{1}});
  } else if (event == Event::snooze) {
    out.due = now_ + std::max<Millis>(item.delay_ms, 1);
  } else if (event == Event::suspend) {
    out.on = item.on == SuspendedOn::none ? SuspendedOn::input : item.on;
  }
  if (!out.checkpoint.empty()) out.tries.checkpoint = true;
  out.tries.answer = false;
  if (!terminal(out.next)) move(out.sequence);
}

Result<std::string> Engine::finish(std::uint32_t number, std::uint64_t message, std::uint64_t acked,
                                   std::uint32_t credit, std::span<const FinishItem> items) {
  auto at = ledger_.workers.find(number);
  if (at == ledger_.workers.end()) return fail(Code::unknown_session, "register the worker first");
  auto& worker = at->second;
  if (message <= worker.last_finish) {
    for (const auto& [known, refused] : worker.answers)
      if (known == message) {
        ++counts_.duplicates;
        return refused;
      }
    return fail(Code::out_of_order,
                "finish " + std::to_string(message) + " was answered and acknowledged before");
  }
  if (message != worker.last_finish + 1)
    return fail(Code::out_of_order, "finish " + std::to_string(message) + " came, " +
                                        std::to_string(worker.last_finish + 1) + " is next");
  auto& session = sessions_[number];
  session.last_seen = now_;
  session.credit = std::min(credit, limits::credit_max);
  open_part();
  Ended fact;
  fact.worker = number;
  fact.number = message;
  fact.acked = acked;
  fact.items.reserve(items.size());
  std::vector<std::uint32_t> stale;
  auto index_from = index_.size();
  for (std::uint32_t i = 0; i < items.size(); ++i) {
    auto* lease = ledger_.lease_by_token(items[i].token);
    if (lease == nullptr || lease->worker != number) {
      stale.push_back(i);
      continue;
    }
    auto& out = fact.items.emplace_back();
    decide_end(*lease, items[i], out);
    note_times(lease->lane, now_ - lease->started, true);
    ledger_.end(fact, out);
  }
  counts_.stale += stale.size();
  msgpack::Writer w(fact.refused);
  w.array(stale.size());
  for (auto i : stale) {
    w.array(2);
    w.uint(i);
    w.uint(static_cast<std::uint64_t>(Code::stale));
  }
  write(fact);
  ledger_.note_finish(fact);
  if (index_.size() != index_from) note_index_writes(index_from);
  if (!endings_.empty()) note_endings();
  dispatcher_.release(number, static_cast<std::uint32_t>(fact.items.size()));
  dispatcher_.set_credit(number, session.credit);
  return fact.refused;
}

Code Engine::checkpoint(std::uint32_t worker, std::uint64_t token, std::string_view value) {
  auto* lease = ledger_.lease_by_token(token);
  if (lease == nullptr || lease->worker != worker) {
    ++counts_.stale;
    return Code::stale;
  }
  Checkpointed fact{lease->sequence, value};
  record(fact);
  return Code::ok;
}

// The broker itself ends attempts: their worker is gone, or does not know of them.
void Engine::lose(std::uint32_t number, const std::vector<std::uint64_t>& tokens, bool tell) {
  if (tokens.empty()) return;
  open_part();
  Ended fact;
  fact.worker = number;
  auto index_from = index_.size();
  FinishItem lost;
  lost.outcome = Outcome::lost;
  lost.error_code = "worker_lost";
  for (auto token : tokens) {
    auto* lease = ledger_.lease_by_token(token);
    HH_CHECK(lease != nullptr && lease->worker == number, "only its own leases are lost with a worker");
    if (tell) outputs_.lost.push_back({number, token});
    auto& out = fact.items.emplace_back();
    decide_end(*lease, lost, out);
    ledger_.end(fact, out);
  }
  counts_.lease_expirations += tokens.size();
  counts_.redelivered += tokens.size();
  write(fact);
  if (index_.size() != index_from) note_index_writes(index_from);
  if (!endings_.empty()) note_endings();
  dispatcher_.release(number, static_cast<std::uint32_t>(fact.items.size()));
}

void Engine::expire_leases() {
  for (auto& [number, session] : sessions_) {
    if (now_ - session.last_seen < settings_.lease_ms) continue;
    if (session.connected) disconnect_worker(number);
    auto at = ledger_.workers.find(number);
    if (at == ledger_.workers.end() || at->second.held == 0) continue;
    std::vector<std::uint64_t> tokens;
    for (auto slot = at->second.first; slot != no_number; slot = ledger_.leases[slot].next)
      tokens.push_back(ledger_.leases[slot].token);
    lose(number, tokens, true);
  }
  while (!timeouts_.empty() && timeouts_.begin()->first <= now_) {
    auto token = timeouts_.begin()->second;
    timeouts_.erase(timeouts_.begin());
    if (const auto* lease = ledger_.lease_by_token(token))
      outputs_.stops.push_back({lease->worker, token, timeout_grace_ms, "timeout"});
  }
  close_idle_workers();
}

// A worker that is gone for a day has nothing to resume.
void Engine::close_idle_workers() {
  for (auto at = sessions_.begin(); at != sessions_.end();) {
    auto worker = ledger_.workers.find(at->first);
    bool idle = !at->second.connected && now_ - at->second.last_seen > worker_kept_ms &&
                (worker == ledger_.workers.end() || worker->second.held == 0);
    if (!idle) {
      ++at;
      continue;
    }
    if (worker != ledger_.workers.end()) {
      worker_tokens_.erase(worker->second.token);
      WorkerClosed fact{at->first};
      record(fact);
    }
    at = sessions_.erase(at);
  }
}

}  // namespace hirehall::engine
