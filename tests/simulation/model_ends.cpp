// What ends of attempts and of tasks promise.
#include "tests/simulation/model.h"
#include "tests/simulation/violation.h"

namespace hirehall::sim {

void Model::sent_finish_ok(const Asked& asked, std::string_view body) {
  std::set<std::size_t> refused;
  for (auto [index, code] : read_refusals(body)) {
    refused.insert(index);
    tally_.saw(code == Code::stale ? Situation::finish_stale : Situation::finish_refused_invalid);
  }
  tally_.saw_if(asked.finishes.size() > 1, Situation::finish_of_many);
  for (std::size_t i = 0; i < asked.finishes.size(); ++i) {
    const auto& item = asked.finishes[i];
    auto [l, attempt] = tokens_.at(item.token);
    if (!refused.contains(i)) {
      recorded(*l, attempt, item);
      continue;
    }
    trace_.note(time_.now(), "finish is refused", l->number, attempt);
    if (l->tries.at(attempt).recorded)
      violated("I6", "a recorded finish was refused when it came again", l->number);
    tally_.saw_if(l->ended == State::succeeded, Situation::finish_stale_after_success_elsewhere);
  }
}

void Model::recorded(Life& l, std::uint32_t attempt, const ReadFinish::Item& item) {
  auto& t = l.tries.at(attempt);
  auto read_at = t.first_report;
  trace_.note(time_.now(), "finish is recorded", l.number, attempt, static_cast<int>(item.outcome));
  if (t.recorded) {
    tally_.saw(Situation::finish_answered_twice);
    if (*t.recorded != item.outcome) violated("I6", "one attempt was recorded with two outcomes", l.number);
    if (item.outcome == Outcome::succeeded && !intent(l.number).approval.before_release())
      ended(l, State::succeeded, item.result);
    return;
  }
  auto next = l.tries.upper_bound(attempt);
  if (next != l.tries.end() && t.first_report > next->second.sent)
    violated("I4", "the finish of an attempt was recorded after the next one was awarded", l.number);
  t.recorded = item.outcome;
  t.ran = item.ended - item.started;
  t.measured = item.ended >= item.started;
  spent(intent(l.number).options, item.units);
  tally_.saw(Situation::finish_recorded);
  const auto& o = intent(l.number).options;
  switch (item.outcome) {
    case Outcome::succeeded:
      tally_.saw_if(attempt > 1, Situation::ended_on_a_later_attempt);
      if (intent(l.number).approval.before_release()) return;  // somebody has to approve it first
      return ended(l, State::succeeded, item.result);
    case Outcome::timed_out:
      tally_.saw(Situation::timed_out);
      [[fallthrough]];
    case Outcome::failed:
      if (!l.stop_possible)
        ++l.failures;  // under a stop the task is cancelled and the failure counts for nothing
      if (item.delay_ms > 0 && next == l.tries.end())
        l.due = std::max(l.due, read_at + at_least(item.delay_ms));
      tally_.saw_if(l.failures < o.retry.max_attempts, Situation::retry_waited);
      break;
    case Outcome::failed_final:
      if (!l.stop_possible) ++l.failures;
      if (!l.stop_possible) ended(l, State::failed, {});
      return;
    case Outcome::snoozed:
      if (next == l.tries.end()) l.due = std::max(l.due, read_at + at_least(item.delay_ms));
      tally_.saw(Situation::snoozed);
      break;
    case Outcome::suspended:
      tally_.saw(Situation::suspended);
      break;
    case Outcome::interrupted:
      tally_.saw(Situation::interrupted);
      break;
    default:
      break;
  }
  if (next == l.tries.end() && l.ended == State::succeeded)
    violated("I5", "a success was recorded and then something else", l.number);
}

void Model::ended(Life& l, State state, std::string_view result) {
  if (l.ended) {
    if (*l.ended != state) violated("I5", "a task ended twice, differently", l.number);
    if (state == State::succeeded && l.result != result) violated("I5", "a result changed", l.number);
    return;
  }
  l.ended = state;
  l.ended_at = time_.now();
  l.result = result;
  trace_.note(time_.now(), "end is told", l.number, static_cast<int>(state));
  if (l.number == 0) return;
  const auto& o = intent(l.number).options;
  if (state == State::succeeded) {
    bool reported = false;
    for (const auto& [attempt, t] : l.tries) reported |= t.reported.contains({Outcome::succeeded, l.result});
    const auto& i = intent(l.number);
    if (!reported && !i.edits.contains(l.result))
      violated("I2", "a result that no worker reported", l.number);
    if (i.approval.before_release() && !l.consent && !i.consents_by_time())
      violated("I5", "a result was released that nobody approved", l.number);
    tally_.saw(Situation::ended_succeeded);
  } else if (state == State::cancelled) {
    bool rejected = o.policies.empty() ? false : intent(l.number).approval.lapse == Lapse::reject;
    if (!l.stop_possible && !rejected) violated("I5", "a task was cancelled that nobody cancelled", l.number);
    tally_.saw(Situation::ended_cancelled);
  } else if (state == State::expired) {
    if (o.deadline == 0 && o.ttl_ms == 0) violated("I1", "a task expired that may not", l.number);
    if (o.deadline == 0 && timing && time_.now() < intent(l.number).first_read + at_least(o.ttl_ms))
      violated("I8", "a task expired before its time to live", l.number);
    tally_.saw(o.deadline != 0 ? Situation::ended_expired_deadline : Situation::ended_expired_ttl);
  }
}

void Model::sent_task(std::string_view body, Micros asked_at) {
  auto task = read_task(body);
  auto number = task.payload.empty() ? 0 : payload_known(task.payload);
  auto& l = known(task.id, number);
  if (l.number == 0) return;
  std::uint64_t awarded = 0;
  for (const auto& [attempt, t] : l.tries)
    if (t.sent < asked_at) awarded = attempt;
  if (task.attempts < awarded) violated("I7", "an attempt that was awarded does not count", l.number);
  if (terminal(*task.state)) {
    ended(l, *task.state, task.result);
  } else if (l.ended && l.ended_at < asked_at) {
    violated("I5", "a task that had ended is open again", l.number);
  }
  switch (*task.state) {
    case State::scheduled:
      return tally_.saw(Situation::get_scheduled);
    case State::ready:
      return tally_.saw(Situation::get_ready);
    case State::leased:
      return tally_.saw(Situation::get_leased);
    case State::suspended:
      return tally_.saw(Situation::get_suspended);
    default:
      return tally_.saw(Situation::get_ended);
  }
}

void Model::final_task(const ReadTask& task) {
  auto number = payload_known(task.payload);
  auto& l = known(task.id, number);
  const auto& o = intent(number).options;
  auto attempts = static_cast<std::uint64_t>(o.retry.max_attempts);
  auto losses = static_cast<std::uint64_t>(o.retry.max_losses);
  if (!terminal(*task.state)) violated("I9", "a task did not end after all had healed", number);
  if (task.failures > attempts || task.losses > losses) violated("I7", "a count is above its limit", number);
  bool counted = l.stop_possible || task.attempts > 20 ||
                 (task.lost_attempts <= task.losses && task.failed_attempts <= task.failures);
  if (!counted) violated("I7", "the history of a task has more failures or losses than count", number);
  if (task.failures < l.failures) violated("I7", "a recorded failure does not count", number);
  ended(l, *task.state, task.result);
  l.submitted = task.submitted_at;
  l.finished = task.finished_at;
  check_apart(l);
  if (l.decided && task.decisions == 0)
    violated("I6", "the history of a task does not tell who decided", l.number);
  if (*task.state != State::failed) return;
  if (task.error_code == "unanswered" && (l.may_lapse || intent(number).approval.timeout_ms != 0)) return;
  bool final_reported = false;
  for (const auto& [attempt, t] : l.tries)
    for (const auto& [outcome, result] : t.reported) final_reported |= outcome == Outcome::failed_final;
  bool once = o.delivery == Delivery::at_most_once;
  tally_.saw_if(once, Situation::ended_at_most_once_failed);
  tally_.saw_if(task.failures == attempts && attempts > 1, Situation::ended_failed_after_retries);
  tally_.saw_if(task.losses == losses, Situation::ended_failed_by_losses);
  tally_.saw_if(final_reported, Situation::ended_failed_for_good);
  if (!once && !final_reported && task.failures < attempts && task.losses < losses)
    violated("I7", "a task failed with attempts left", number);
}

// Past its retention. What has not ended has none, and a dead letter waits for somebody.
void Model::gone(const Life& l) const {
  if (l.number == 0) return;
  if (!short_retention && intent(l.number).options.retention_ms == 0)
    violated("I1", "a promised task is gone", l.number);
  if (intent(l.number).replays != 0) return;
  if (l.purge_possible) return;
  if (l.ended == State::failed) violated("I1", "a dead letter is gone", l.number);
  bool open = !l.ended && intent(l.number).approval.timeout_ms == 0;  // it may have lapsed
  for (const auto& [attempt, t] : l.tries) open = open && t.reported.empty();
  if (open && !l.stop_possible && intent(l.number).options.ttl_ms == 0 && l.tries.size() < 2)
    violated("I1", "an open task is gone", l.number);
}

void Model::final_unlisted(const Life& l) const {
  if (!short_retention && l.number != 0 && intent(l.number).options.retention_ms == 0)
    violated("I20", "a promised task is not listed", l.number);
}

void Model::final_refusal(std::string_view id, Code code) {
  auto* l = life(id);
  if (l == nullptr || !l->promised) return;
  if (code == Code::expired) {
    gone(*l);
    return tally_.saw(Situation::get_past_retention);
  }
  violated("I1", "a promised task is gone: " + std::string(name_of(code)), l->number);
}

void Model::final_books(std::uint64_t accepted, std::uint64_t removed, std::uint64_t kept,
                        std::uint64_t listed) {
  if (accepted != removed + kept)
    violated("I20", "accepted " + std::to_string(accepted) + ", kept " + std::to_string(kept) + ", removed " +
                        std::to_string(removed));
  if (listed > kept) violated("I20", "more tasks are listed than counted");
  std::uint64_t promised = promised_.size();
  if (accepted < promised)
    violated("I1",
             std::to_string(promised) + " tasks were promised, the books have " + std::to_string(accepted));
}

// Lines are those of the task, and their positions rise.
void Model::sent_logs(const Asked& asked, std::string_view body) {
  const auto* l = life(asked.task);
  std::uint64_t before = asked.number;
  for (const auto& line : read_log_lines(body)) {
    tally_.saw(Situation::log_line_shown);
    tally_.saw_if(asked.number != 0, Situation::log_followed);
    auto number = l == nullptr ? 0 : l->number;
    if (number != 0 && line.text != "task " + std::to_string(number))
      violated("I2", "a log line of another task: " + line.text, number);
    if (line.position <= before) violated("I2", "positions of log lines do not rise", number);
    before = line.position;
  }
}

// What was promised is there and done; what tells that it failed or stopped is nobody's wish.
bool Model::bulks_done(std::string_view body) const {
  std::map<std::uint64_t, std::string> states;
  for (auto& bulk : read_bulks(body)) states.emplace(bulk.number, bulk.state);
  for (auto number : bulks_) {
    auto at = states.find(number);
    if (at == states.end()) violated("I1", "bulk work that was promised is gone");
    if (at->second == "stopped" && may_stop_bulks_.contains(number)) continue;
    if (at->second == "failed" || at->second == "stopped")
      violated("I9", "bulk work came to an end that nobody asked for: " + at->second);
    if (at->second != "done") return false;
    tally_.saw(Situation::bulk_done);
  }
  return true;
}

void Model::listed_where(const ReadTask& task) const {
  auto at = lives_.find(task.id);
  if (at == lives_.end() || at->second.number == 0) return;
  if (!intent(at->second.number).options.labels.contains("bulk"))
    violated("I2", "a list by an expression shows what does not match it", at->second.number);
  if (task.state == State::succeeded)
    violated("I2", "a list by an expression shows a state that it excludes", at->second.number);
}

}  // namespace hirehall::sim
