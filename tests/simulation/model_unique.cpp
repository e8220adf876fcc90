// What unique keys, usage and budgets promise.
#include "common/msgpack.h"
#include "tests/simulation/model.h"
#include "tests/simulation/violation.h"
#include "tests/simulation/workload.h"

namespace hirehall::sim {
namespace {

bool one_key(const TaskOptions& a, const TaskOptions& b) {
  auto named = [](const std::string& name) { return name.empty() ? std::string_view("default") : name; };
  return a.unique_key == b.unique_key && named(a.queue) == named(b.queue) &&
         named(a.tenant) == named(b.tenant);
}

}  // namespace

// Of an award: what a later submission has replaced is not awarded, and what has coalesced has a payload that
// was not followed by another one.
void Model::check_unique(const Life& l, const ReadAward::Item& item) const {
  const auto& i = intents_[l.number - 1];
  if (item.attempt != 1 || i.replays != 0) return;
  if (i.options.on_conflict == OnConflict::replace && l.promised_at >= 0) {
    for (const auto& [id, other] : lives_) {
      if (other.number == 0 || other.promised_at < 0 || &other == &l) continue;
      const auto& later = intents_[other.number - 1];
      if (later.replays == 0 && later.first_read > l.promised_at && one_key(i.options, later.options))
        violated("I3", "a task was awarded that a later one has replaced", l.number);
    }
  }
  auto mine = i.versions.find(item.payload);
  if (mine == i.versions.end() || mine->second.answered < 0) return;
  for (const auto& [payload, version] : i.versions)
    if (version.answered >= 0 && version.id == l.id && version.read > mine->second.answered)
      violated("I3", "a coalesced task was awarded with a payload from before", l.number);
}

// In the end: where a key that is taken refuses, its tasks come one after another.
void Model::check_apart(const Life& l) const {
  const auto& o = intents_[l.number - 1].options;
  if (o.on_conflict != OnConflict::reject || intents_[l.number - 1].replays != 0) return;
  for (const auto& [id, other] : lives_) {
    if (other.number == 0 || &other == &l || other.finished == 0) continue;
    const auto& later = intents_[other.number - 1];
    if (later.replays != 0 || !one_key(o, later.options)) continue;
    if (l.submitted < other.finished && other.submitted < l.finished)
      violated("I3", "two tasks had one unique key at a time", l.number);
  }
}

void Model::spent(const TaskOptions& options, std::uint64_t units) {
  tally_.saw_if(units != 0, Situation::usage_reported);
  if (options.tenant != "spender") return;
  spent_ += units;
  if (spent_ < budget_units || spent_at_ >= 0) return;
  spent_at_ = time_.now();
  tally_.saw(Situation::budget_used_up);
}

// What was decided before leaves in the same instant.
void Model::check_budget(const TaskOptions& options) const {
  if (options.tenant == "spender" && !budget_over_ && spent_at_ >= 0 && time_.now() > spent_at_)
    violated("I9", "a task was awarded whose budget is used up");
}

void Model::final_usage(std::string_view body) {
  std::uint64_t least = 0, most = 0;
  for (const auto& [token, at] : tokens_) {
    const auto& t = at.first->tries.at(at.second);
    if (t.recorded) least += t.units;
    most += t.units;
  }
  const auto booked = read_units(body);
  if (booked < least || booked > most)
    violated("I20", "usage tells " + std::to_string(booked) + " units; attempts reported " +
                        std::to_string(least) + " to " + std::to_string(most));
}

}  // namespace hirehall::sim
