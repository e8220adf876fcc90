// Workers: registration, signs of life, ends of attempts, lost leases.
#include <algorithm>

#include "broker/engine/engine.h"
#include "broker/engine/engine_impl.h"
#include "broker/engine/lifecycle.h"
#include "common/hash.h"
#include "common/mutant.h"
#include "common/text.h"

namespace hirehall::engine {
namespace {

constexpr Millis worker_kept_ms = 24ll * 3600 * 1000;
constexpr Millis timeout_grace_ms = 10000;
constexpr Millis unconfirmed_look_ms = 500;

FinishItem worker_lost() {
  FinishItem how;
  how.outcome = Outcome::lost;
  how.error_code = "lost";
  how.error = "the worker went away with the task";
  return how;
}

FinishItem award_lost() {
  FinishItem how;
  how.outcome = Outcome::interrupted;
  how.error_code = "award_lost";
  how.error = "the award did not reach its worker";
  how.ran_ms = 0;
  return how;
}

// What a policy that weighs agents chose, and its winner does not want: the next award leaves that one out.
void note_handed_back(HandedBackTasks& tasks, const Lease& lease, Millis now) {
  const auto policy = static_cast<scheduler::Policy>(lease.reasons.policy);
  if (policy == scheduler::Policy::learned || policy == scheduler::Policy::auction)
    tasks.note(lease.sequence, lease.worker, lease.reasons.runner_up, lease.started, now);
}

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

// Who reports usage or a checkpoint had begun.
void note_unbegun(Ledger& ledger, const FinishItem& item, const Lease& lease, Unbegun& fact) {
  if (!item.usage.empty() || !item.checkpoint.empty() || !ledger.gives_back(lease)) return;
  fact.tasks.push_back(lease.sequence);
  ledger.unbegun.push_back(lease.sequence);
}

// What the next ends need is on its way while this one is recorded.
void fetch_leases(const Ledger& ledger, std::span<const FinishItem> items, std::size_t at) {
  if (at + 9 < items.size())
    if (auto slot = Ledger::slot_of(items[at + 9].token); slot < ledger.leases.size())
      __builtin_prefetch(&ledger.leases[slot], 1);
  auto ahead = [&](std::size_t by) {
    const auto* lease = at + by < items.size() ? ledger.lease_by_token(items[at + by].token) : nullptr;
    return lease == nullptr ? nullptr : lease->limits;
  };
  if (const auto* set = ahead(6)) __builtin_prefetch(set, 1);
  if (const auto* set = ahead(3))
    for (const auto* gate : set->gates) __builtin_prefetch(gate, 1);
}

// What an attempt used of its worker, beside its place in the credit.
void give_back(scheduler::Dispatcher& dispatcher, const WorkerSessions& sessions, const Lease& lease) {
  dispatcher.give_back(lease.worker, lease.class_);
  if (!dispatcher.counts_instances(lease.worker) || HH_MUTANT("instances_never_end")) return;
  const auto place = sessions.at(lease.worker).place_of(lease.award, lease.agent);
  if (place) dispatcher.end_instance(lease.worker, *place);
}

}  // namespace

Result<Registered> Engine::register_worker(const Registration& registration) {
  if (auto valid = check_spec(registration); !valid) return tl::unexpected<Error>(valid.error());
  if (auto known = register_agents(registration); !known) return tl::unexpected<Error>(known.error());
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
  session.confirmed = registration.last_award;
  session.credit = std::min(registration.credit, limits::credit_max);
  session.keep_agents(worker.last_award, worker.held != 0, registration.spec.agents);
  session.spec = registration.spec;
  session.queues = registration.queues;
  session.types = registration.types;
  session.timed = registration.timed;
  guard_agents(session.spec);
  connect(out.worker, session);
  dispatcher_.set_held(out.worker, worker.held);
  if (!out.resumed) {
    out.lost = registration.holding;
    return out;
  }
  out.lost = holding(out.worker, registration.last_award, registration.holding);
  // What it does not list of the later awards never arrived.
  std::vector<std::uint64_t> never;
  std::set<std::uint64_t> held(registration.holding.begin(), registration.holding.end());
  each_lease(worker, [&](Lease& lease) {
    if (!held.contains(lease.token) && !HH_MUTANT("unlisted_leases_stay")) never.push_back(lease.token);
  });
  end_leases(out.worker, never, award_lost(), false);
  repeat_stops(worker);
  return out;
}

// A stop may have been lost with the former connection.
void Engine::repeat_stops(const Worker& worker) {
  each_lease(worker, [&](Lease& lease) {
    if (lease.stop_to != State::leased)
      outputs_.stops.push_back({lease.worker, lease.token, timeout_grace_ms, "cancelled"});
    else if (auto limit = timeout_of(lease); limit != 0 && lease.started + limit <= now_)
      outputs_.stops.push_back({lease.worker, lease.token, timeout_grace_ms, "timeout"});
  });
}

Engine::HeartbeatAnswer Engine::heartbeat(std::uint32_t number, std::uint32_t held, std::uint64_t hash,
                                          std::uint64_t last_award, std::uint32_t credit) {
  auto at = ledger_.workers.find(number);
  auto session = sessions_.find(number);
  if (at == ledger_.workers.end() || session == sessions_.end() || !session->second.connected)
    return {false, false};
  session->second.last_seen = now_;
  session->second.credit = std::min(credit, limits::credit_max);
  session->second.confirmed = std::max(session->second.confirmed, last_award);
  dispatcher_.set_credit(number, session->second.credit);
  // Compared only when nothing is under way to the worker: then it must hold exactly what is leased to it.
  // A message that was taken back is not: it would stand in the way of all that was lost before it.
  std::uint64_t ours = 0;
  bool under_way = false;
  each_lease(at->second, [&](Lease& lease) {
    ours ^= mix(lease.token);
    under_way = under_way || lease.award > last_award;
  });
  if (under_way) return {true, false};
  return {true, !HH_MUTANT("heartbeat_not_compared") && (held != at->second.held || ours != hash)};
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
  each_lease(at->second, [&](Lease& lease) {
    if (lease.award <= last_award && !held.contains(lease.token)) missing.push_back(lease.token);
  });
  end_leases(number, missing, worker_lost(), false);
  if (auto session = sessions_.find(number); session != sessions_.end()) {
    session->second.last_seen = now_;
    session->second.confirmed = std::max(session->second.confirmed, last_award);
  }
  return gone;
}

// What the end of an attempt means for its task.
void Engine::decide_end(Lease& lease, const FinishItem& item, EndedItem& out) {
  out.sequence = lease.sequence;
  out.outcome = item.outcome;
  out.tries = lease.tries;
  out.worker = lease.worker;
  out.lane = lease.lane;
  out.awarded_ago = ledger_.commit - lease.awarded_in;
  out.due = 0;
  out.on = SuspendedOn::none;
  out.result = item.result;
  out.result_type = item.result_type;
  out.error_code = item.error_code;
  out.error = clip(item.error, limits::error_bytes_max);
  out.checkpoint = item.checkpoint;
  out.usage = item.usage.empty() ? item.usage : usage_of(lease, item.usage);
  HH_CHECK(lease.options, "a lease knows its task's options");
  const auto& options = lease.options->options;
  out.producer = lease.options->producer;
  Event event = Event::succeed;
  if (item.outcome == Outcome::succeeded &&
      (!HH_MUTANT("success_under_a_stop_is_lost") || lease.stop_to == State::leased)) {
    event = Event::succeed;
  } else if (lease.stop_to != State::leased) {
    event = lease.stop_to == State::expired ? Event::expire : Event::cancel;
    if (auto reason = stop_reasons_.find(lease.sequence); reason != stop_reasons_.end())
      out.error = texts_.emplace_back(std::move(reason->second));
  } else {
    switch (item.outcome) {
      case Outcome::failed:
      case Outcome::timed_out:
        if (!HH_MUTANT("failures_not_counted")) ++out.tries.failures;
        event = out.tries.failures >= options.retry.max_attempts + (HH_MUTANT("one_attempt_too_many") ? 1 : 0)
                    ? Event::fail_final
                    : Event::retry;
        break;
      case Outcome::failed_final:
        ++out.tries.failures;
        event = Event::fail_final;
        break;
      case Outcome::lost:
        if (!HH_MUTANT("losses_not_counted")) ++out.tries.losses;
        event = out.tries.losses >= options.retry.max_losses ? Event::fail_final : Event::give_back;
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
    if (again && !HH_MUTANT("at_most_once_again") && options.delivery == Delivery::at_most_once)
      event = Event::fail_final;
  }
  if (event == Event::succeed && needs_consent(lease, approve_release)) {
    event = lease.stop_to == State::leased    ? Event::suspend
            : lease.stop_to == State::expired ? Event::expire
                                              : Event::cancel;
    if (HH_MUTANT("released_without_consent")) event = Event::succeed;
    out.on = SuspendedOn::approval;
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
    out.due = now_ + (HH_MUTANT("retry_at_once") ? 1 : std::max({jittered, item.delay_ms, Millis{1}}));
  } else if (event == Event::snooze) {
    out.due = now_ + (HH_MUTANT("snooze_at_once") ? 1 : std::max<Millis>(item.delay_ms, 1));
  } else if (event == Event::suspend && out.on == SuspendedOn::none) {
    out.on = item.on == SuspendedOn::none ? SuspendedOn::input : item.on;
  }
  if (!out.checkpoint.empty()) out.tries.checkpoint = true;
  if (event == Event::suspend) out.tries.answer = false;  // what it is given next answers another question
  if (!terminal(out.next)) move(out.sequence);
  if (!stop_reasons_.empty()) stop_reasons_.erase(lease.sequence);
  if (!parked_by_task_.empty()) unpark(lease.sequence);
  if (!timeouts_.empty()) timeouts_.erase({lease.started + timeout_of(lease), lease.token});
  tell_attempt(lease, out);
  if (!breakers_.empty()) tell_breakers(lease, item);
}

// As the end keeps it: with the name of the agent, which no fact tells otherwise.
std::string_view Engine::usage_of(const Lease& lease, std::string_view reported) {
  auto report = read_usage_report(reported);
  counts_.usage_left_out += report.left_out;
  if (const auto* agent = agent_of(sessions_, lease)) report.agent = agent->name;
  return texts_.emplace_back(encode_usage(report));
}

Millis Engine::timeout_of(const Lease& lease) const {
  auto own = lease.options && !lease.options->plain ? lease.options->options.timeout_ms : 0;
  return own != 0 ? own : ledger_.queues[ledger_.lanes[lease.lane].queue].settings.timeout_ms;
}

// What keeps an item of a finish from being recorded; the lease stays as it was.
Code Engine::check_finish(const Lease& lease, const FinishItem& item) const {
  if (item.result.size() > limits::payload_bytes_max) return Code::too_large;
  if (!checkpoint_fits(lease, item.checkpoint)) return Code::too_large;
  if (static_cast<std::uint8_t>(item.outcome) > static_cast<std::uint8_t>(Outcome::suspended))
    return Code::invalid;
  if (item.outcome == Outcome::cancelled && lease.stop_to == State::leased) return Code::invalid;
  if (item.outcome == Outcome::suspended && item.on == SuspendedOn::none) return Code::invalid;
  if (item.outcome == Outcome::suspended && item.question.faulty) return Code::invalid;
  return Code::ok;
}

// The next award carries it beside the payload and the answer, in one frame.
bool Engine::checkpoint_fits(const Lease& lease, std::string_view checkpoint) const {
  std::size_t beside = lease.payload_bytes + limits::award_overhead_bytes;
  if (lease.tries.answer) beside += limits::payload_bytes_max;
  return checkpoint.size() <= limits::payload_bytes_max &&
         (checkpoint.empty() || checkpoint.size() + beside <= limits::frame_bytes_max);
}

Result<std::string> Engine::finish(std::uint32_t number, std::uint64_t message, std::uint64_t acked,
                                   std::uint32_t credit, std::span<const FinishItem> items) {
  auto at = ledger_.workers.find(number);
  if (at == ledger_.workers.end()) return fail(Code::unknown_session, "register the worker first");
  auto& worker = at->second;
  if (message <= worker.last_finish && !HH_MUTANT("finish_resent_is_new")) {
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
  const auto held = ledger_.workers.at(number).held;
  std::vector<std::pair<std::uint32_t, Code>> refused;
  std::vector<Asked> asked;
  Unbegun unbegun;
  auto index_from = index_.size();
  for (std::uint32_t i = 0; i < items.size(); ++i) {
    auto* lease = ledger_.lease_by_token(items[i].token);
    if (lease == nullptr || lease->worker != number) {
      refused.emplace_back(i, Code::stale);
      ++counts_.stale;
      continue;
    }
    if (lease->limits != nullptr) fetch_leases(ledger_, items, i);
    if (auto code = check_finish(*lease, items[i]); code != Code::ok) {
      refused.emplace_back(i, code);
      continue;
    }
    session.confirmed = std::max(session.confirmed, lease->award);
    auto& out = fact.items.emplace_back();
    decide_end(*lease, items[i], out);
    if (out.outcome == Outcome::interrupted && lease->reasons.chosen && out.next == State::ready)
      note_handed_back(chosen_.handed_back, *lease, now_);
    if (out.next == State::suspended && out.outcome == Outcome::suspended) ask(*lease, items[i], asked);
    const bool began =
        out.outcome != Outcome::interrupted || !session.timed || items[i].ran_ms != FinishItem::not_said;
    if (began) note_times(lease->lane, now_ - lease->started, true);
    settle_cost(*lease, items[i].ran(session.timed), held, began);
    give_back(dispatcher_, sessions_, *lease);
    if (!began) note_unbegun(ledger_, items[i], *lease, unbegun);
    ledger_.end(fact, out);
  }
  if (!unbegun.tasks.empty()) write(unbegun);
  msgpack::Writer w(fact.refused);
  w.array(refused.size());
  for (auto [i, code] : refused) {
    w.array(2);
    w.uint(i);
    w.uint(static_cast<std::uint64_t>(code));
  }
  write(fact);
  ledger_.note_finish(fact);
  for (auto& question : asked) {
    write(question);
    ledger_.apply(question);
  }
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
  if (!checkpoint_fits(*lease, value)) return Code::too_large;
  Checkpointed fact{lease->sequence, value};
  record(fact);
  return Code::ok;
}

// The broker itself ends attempts: their worker is gone, or does not know of them.
void Engine::end_leases(std::uint32_t number, const std::vector<std::uint64_t>& tokens, const FinishItem& how,
                        bool tell) {
  if (tokens.empty()) return;
  open_part();
  Ended fact;
  fact.worker = number;
  const auto held = ledger_.workers.at(number).held;
  auto index_from = index_.size();
  for (auto token : tokens) {
    auto* lease = ledger_.lease_by_token(token);
    HH_CHECK(lease != nullptr && lease->worker == number, "only its own leases are lost with a worker");
    if (tell) outputs_.lost.push_back({number, token});
    auto& out = fact.items.emplace_back();
    decide_end(*lease, how, out);
    if (!terminal(out.next)) ++counts_.redelivered;
    settle_cost(*lease, how.ran_ms, held, how.outcome != Outcome::interrupted);
    give_back(dispatcher_, sessions_, *lease);
    ledger_.end(fact, out);
  }
  if (how.outcome == Outcome::lost) counts_.lease_expirations += tokens.size();
  write(fact);
  if (index_.size() != index_from) note_index_writes(index_from);
  if (!endings_.empty()) note_endings();
  dispatcher_.release(number, static_cast<std::uint32_t>(fact.items.size()));
}

void Engine::expire_leases() {
  for (auto& [number, session] : sessions_) {
    if (now_ - session.last_seen < settings_.lease_ms || HH_MUTANT("leases_never_expire")) continue;
    if (session.connected) disconnect_worker(number);
    auto at = ledger_.workers.find(number);
    if (at == ledger_.workers.end() || at->second.held == 0) continue;
    std::vector<std::uint64_t> tokens;
    each_lease(at->second, [&](Lease& lease) { tokens.push_back(lease.token); });
    end_leases(number, tokens, worker_lost(), true);
  }
  take_back_unconfirmed();
  while (!timeouts_.empty() && timeouts_.begin()->first <= now_) {
    auto token = timeouts_.begin()->second;
    timeouts_.erase(timeouts_.begin());
    if (const auto* lease = ledger_.lease_by_token(token))
      outputs_.stops.push_back({lease->worker, token, timeout_grace_ms, "timeout"});
  }
  close_idle_workers();
}

// An award that no sign of its worker has reached in a lease time was lost on the way.
void Engine::take_back_unconfirmed() {
  if (now_ - looked_for_unconfirmed_ < unconfirmed_look_ms || HH_MUTANT("lost_awards_stay_lost")) return;
  looked_for_unconfirmed_ = now_;
  for (const auto& [number, session] : sessions_) {
    auto at = ledger_.workers.find(number);
    auto confirmed = session.confirmed;
    if (!session.connected || at == ledger_.workers.end() || at->second.last_award <= confirmed) continue;
    std::vector<std::uint64_t> tokens;
    each_lease(at->second, [&](Lease& lease) {
      if (lease.award > confirmed && now_ - std::max(lease.started, granted_) > settings_.lease_ms)
        tokens.push_back(lease.token);
    });
    end_leases(number, tokens, award_lost(), true);
  }
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
