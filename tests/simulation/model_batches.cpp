// What batches promise: counts that agree with the tasks, an end, and one completion task.
#include "common/msgpack.h"
#include "tests/simulation/model.h"
#include "tests/simulation/violation.h"

namespace hirehall::sim {

BatchName Model::batch_of(const TaskOptions& options) {
  return {options.tenant.empty() ? "default" : options.tenant, options.batch};
}

void Model::read_batch_frame(Asked& asked, std::string_view body) {
  TaskOptions named;
  named.batch = read_text(body, "batch");
  named.tenant = read_text(body, "tenant");
  asked.batch = batch_of(named);
  if (asked.kind != wire::Kind::batch_close) return;
  auto number = number_of(read_text(body, "payload"));
  if (number != 0 && intent(number).first_read < 0) intent(number).first_read = time_.now();
  closings_[asked.batch].completions.insert(number);
  trace_.note(time_.now(), "close of a batch is read", number);
}

void Model::sent_batch(const Asked& asked, std::string_view body) {
  auto batch = read_batch(body);
  if (BatchName{batch.tenant, batch.batch} != asked.batch)
    violated("I15", "an answer about another batch: " + batch.batch + " of " + batch.tenant);
  if (asked.kind == wire::Kind::batch_close) {
    auto& closing = closings_[asked.batch];
    if (!closing.promised) closing.promised_at = time_.now();
    closing.promised = true;
    if (batch.state != "closed" && batch.state != "completed")
      violated("I6", "a batch that was closed is " + batch.state);
    return;
  }
  if (asked.kind == wire::Kind::batch_show) return;
  if (batch.open != 0 || batch.state == "closed")
    violated("I9", "a wait ended before its batch " + batch.batch);
}

// Of a task that an answer promises: it came before its batch was closed, or it was there already.
void Model::check_batch_open(Number number) const {
  const auto& meant = intents_.at(number - 1);
  if (meant.options.batch.empty()) return;
  auto closing = closings_.find(batch_of(meant.options));
  if (closing != closings_.end() && closing->second.promised &&
      meant.first_read > closing->second.promised_at)
    violated("I6", "a closed batch took a task: " + meant.options.batch, number);
}

void Model::final_batches(std::string_view body) {
  std::set<BatchName> there;
  for (const auto& batch : read_batches(body)) {
    final_batch(batch);
    there.emplace(batch.tenant, batch.batch);
  }
  for (const auto& [id, life] : lives_)
    if (life.number != 0 && !intent(life.number).options.batch.empty() &&
        !there.contains(batch_of(intent(life.number).options)))
      violated("I1", "the batch of a task is gone", life.number);
  for (const auto& [name, closing] : closings_)
    if (closing.promised && !there.contains(name)) violated("I1", "a closed batch is gone: " + name.second);
}

void Model::final_batch(const ReadBatch& batch) {
  const BatchName name{batch.tenant, batch.batch};
  std::map<State, std::uint64_t> ended;
  std::uint64_t total = 0;
  bool exact = !short_retention;  // nothing of it was forgotten
  for (const auto& i : intents_)
    if (batch_of(i.options) == name) exact = exact && i.options.retention_ms == 0;
  for (const auto& [id, life] : lives_) {
    if (life.number == 0 || batch_of(intent(life.number).options) != name) continue;
    ++total;
    if (life.ended) ++ended[*life.ended];
  }
  std::uint64_t sum = 0;
  for (const auto& [state, count] : batch.ended) {
    sum += count;
    if (count < ended[state] || (exact && count != ended[state]))
      violated("I20", "batch " + batch.batch + " counts " + std::to_string(count) + " " +
                          std::string(name_of(state)) + ", there are " + std::to_string(ended[state]));
  }
  if (batch.open != 0 || batch.total != sum || (exact && batch.total != total))
    violated("I20", "batch " + batch.batch + " counts " + std::to_string(batch.total) + " tasks and " +
                        std::to_string(batch.open) + " open ones, " + std::to_string(total) + " have ended");
  tally_.saw_if(exact && total > 1, Situation::batch_counted_exactly);
  auto closing = closings_.find(name);
  bool promised = closing != closings_.end() && closing->second.promised;
  if (batch.state != "completed") {
    if (promised || batch.state == "closed")
      violated("I9", "a closed batch is " + batch.state + ": " + batch.batch);
    return;
  }
  if (closing == closings_.end()) violated("I6", "a batch is complete that nobody closed: " + batch.batch);
  tally_.saw(Situation::batch_completed);
  Number followed = 0;
  if (!batch.completion.empty()) {
    const auto* life = this->life(batch.completion);
    if (life == nullptr && !short_retention)
      violated("I1", "the completion task of " + batch.batch + " is gone");
    if (life == nullptr) return;
    followed = life->number;
  }
  if (followed == 0 && !batch.completion.empty()) return;  // its payload was never seen, and is gone
  if (!closing->second.completions.contains(followed))
    violated("I6", "another task followed on batch " + batch.batch + " than was asked for", followed);
}

}  // namespace hirehall::sim
