// The counts of batches, as facts fold.
#include "broker/engine/ledger.h"
#include "common/check.h"
#include "common/mutant.h"

namespace hirehall::engine {

void Ledger::apply(BatchDefined& fact) {
  auto& batch = batches[fact.batch];
  batch.tenant = fact.tenant;
  batch.name = fact.name;
  batch.created = now;
  batch_by_name.insert_or_assign({fact.tenant, fact.name}, fact.batch);
  next_batch = std::max(next_batch, fact.batch + 1);
  rest_batch(fact.batch, batch);
}

void Ledger::apply(BatchClosed& fact) {
  auto& batch = batches.at(fact.batch);
  batches_over.erase({batch.at_rest, fact.batch});
  batch.closed = true;
  batch.completion = fact;
  if (batch.open == 0) batches_at_rest.push_back(fact.batch);
}

void Ledger::apply(BatchCompleted& fact) {
  auto& batch = batches.at(fact.batch);
  batch.completed = true;
  batch.completion_task = fact.task;
  rest_batch(fact.batch, batch);
}

void Ledger::apply(BatchForgotten& fact) {
  auto at = batches.find(fact.batch);
  HH_CHECK(at != batches.end() && at->second.over(), "a batch is forgotten when it is over");
  batches_over.erase({at->second.at_rest, fact.batch});
  batch_by_name.erase(batch_by_name.find(BatchNameLess::View{at->second.tenant, at->second.name}));
  batches.erase(at);
  ++batch_rests;
}

void Ledger::enter_batch(Sequence sequence, std::uint32_t lane, const std::string& name) {
  auto at = batch_by_name.find(BatchNameLess::View{lanes[lane].tenant, name});
  HH_CHECK(at != batch_by_name.end(), "a batch is defined before its tasks");
  auto& batch = batches.at(at->second);
  if (batch.open == 0) {
    batches_over.erase({batch.at_rest, at->second});
    batch.at_rest = 0;
  }
  ++batch.total;
  ++batch.open;
  if (batch.first == 0) batch.first = sequence;
  batch.last = sequence;
  batch_of.insert(sequence, at->second);
}

// Of a task that ends.
void Ledger::leave_batch(Sequence sequence, State to) {
  auto number = batch_of.find(sequence);
  if (number == FlatMap::none) return;
  batch_of.erase(sequence);
  auto& batch = batches.at(number);
  ++batch.ended[static_cast<std::size_t>(to)];
  if (HH_MUTANT("cancelled_stay_in_batches") && to == State::cancelled) return;
  if (--batch.open == 0) rest_batch(number, batch);
}

void Ledger::rest_batch(std::uint32_t number, Batch& batch) {
  batch.at_rest = now;
  ++batch_rests;
  if (batch.over())
    batches_over.emplace(batch.at_rest, number);
  else
    batches_at_rest.push_back(number);
}

void Ledger::save_batches(ArchiveOut& a) const {
  auto& self = const_cast<Ledger&>(*this);
  a(self.next_batch);
  std::uint64_t n = batches.size();
  a(n);
  for (auto& [number, batch] : self.batches) {
    auto no = number;
    a(no, batch);
  }
  auto members = batch_of.sorted();
  n = members.size();
  a(n);
  Sequence last = 0;
  for (auto [sequence, number] : members) {
    auto step = sequence - last;
    a(step, number);
    last = sequence;
  }
}

bool Ledger::load_batches(ArchiveIn& a) {
  std::uint64_t n = 0;
  a(next_batch, n);
  for (std::uint64_t i = 0; i < n && a.ok(); ++i) {
    std::uint32_t number = 0;
    Batch batch;
    a(number, batch);
    bool fresh = batch_by_name.emplace(BatchName{batch.tenant, batch.name}, number).second;
    if (!fresh || number >= next_batch) return false;
    if (batch.over()) batches_over.emplace(batch.at_rest, number);
    if (!batches.emplace(number, std::move(batch)).second) return false;
  }
  a(n);
  Sequence sequence = 0;
  std::map<std::uint32_t, std::uint64_t> open;
  for (std::uint64_t i = 0; i < n && a.ok(); ++i) {
    std::uint64_t step = 0;
    std::uint32_t number = 0;
    a(step, number);
    if (step == 0 || step >= next_sequence - sequence || !batches.contains(number)) return false;
    sequence += step;
    batch_of.insert(sequence, number);
    ++open[number];
  }
  for (const auto& [number, batch] : batches)
    if (auto counted = open.find(number); batch.open != (counted == open.end() ? 0 : counted->second))
      return false;
  return a.ok();
}

}  // namespace hirehall::engine
