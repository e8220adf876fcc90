#include "tests/images/workload.h"

#include <exception>

namespace hirehall::images {

namespace {

using store::Family;
using store::number_key;

engine::Engine::Settings settings_of(std::uint64_t seed) {
  engine::Engine::Settings settings;
  settings.seed = seed;
  settings.window_bytes = 8000;  // pages
  settings.snapshot_bytes = 24000;
  return settings;
}

std::uint64_t hash_of(std::string_view bytes) {
  Image image;
  image.files.emplace("", std::make_shared<std::string>(bytes));
  return image.hash();
}

}  // namespace

std::uint64_t hash_of_record(Family family, std::string_view key, std::string_view value) {
  Image image;
  image.files.emplace(std::string(store::name_of(family)) + "/" + std::string(key),
                      std::make_shared<std::string>(value));
  return image.hash();
}

std::uint64_t hash_of_ledger(const engine::Engine& engine) {
  std::string saved;
  engine.ledger().save(saved);
  return hash_of(saved);
}

Workload::Workload(store::Store& store, Recorder* recorder, std::uint64_t seed, Size size)
    : store_(store), recorder_(recorder), size_(size), chance_(seed) {
  reference_.settings = settings_of(seed);
  reference_.states.push_back({hash_of_ledger(engine::Engine(reference_.settings)), 0, "", ""});
}

void Workload::run() {
  hall_ = std::make_unique<engine::Hall>(
      reference_.settings, [this](const auto& draft, const auto& engine) { commit(draft, engine); });
  engine::QueueSettings settings;
  settings.limits["key"] = 2;
  hall_->engine->set_queue("slow", settings);
  for (int i = 0; i < 3; ++i) hall_->hire({"a", "b"}, 16);
  if (size_.bulk_tasks > 0) {
    bulk(size_.bulk_tasks);
    reclaim();
  }
  for (int i = 0; i < size_.steps && going(); ++i) mixed();
  if (size_.bulk_tasks > 0) reclaim();
}

bool Workload::going() const {
  return !failed_ && !testing::Test::HasFailure();
}

void Workload::commit(const engine::Draft& draft, const engine::Engine& engine) {
  store::CommitBatch batch;
  batch.number = draft.number;
  for (const auto& [first, value] : draft.bodies)
    batch.writes.push_back({Family::bodies, false, number_key(first), value});
  std::uint32_t part = 0;
  for (const auto& value : draft.facts)
    batch.writes.push_back({Family::facts, false, number_key(draft.number, part++), value});
  for (const auto& w : draft.index)
    batch.writes.push_back({static_cast<Family>(w.where), w.erase, w.key, w.value});
  note(engine, batch);
  if (failed_) return;
  if (recorder_ != nullptr) recorder_->set_begun(draft.number);
  if (!store_.commit(batch)) {
    failed_ = true;
    return;
  }
  acknowledged_ = draft.number;
  if (recorder_ != nullptr) recorder_->set_acknowledged(draft.number);
}

void Workload::note(const engine::Engine& engine, const store::CommitBatch& batch) {
  for (const auto& write : batch.writes) {
    auto& hash = records_[{write.family, write.key}];
    sum_ -= hash;
    hash = write.erase ? 0 : hash_of_record(write.family, write.key, write.value);
    sum_ += hash;
    reference_.pages += write.family == Family::pages && !write.erase ? 1 : 0;
    reference_.snapshots += write.key == "snapshot" ? 1 : 0;
    reference_.tables += write.family == Family::records && write.key.starts_with('f') ? 1 : 0;
  }
  State state = reference_.states.back();
  state.ledger = hash_of_ledger(engine);
  const auto& ledger = engine.ledger();
  if (ledger.reclaimed_sequence != 0) {
    const auto next = records_.upper_bound({Family::bodies, number_key(ledger.reclaimed_sequence)});
    state.bodies_from = std::prev(next)->first.second;
    state.facts_from = number_key(ledger.reclaimed_commit);
    forget(Family::bodies, state.bodies_from);
    forget(Family::facts, state.facts_from);
  }
  state.records = sum_;
  EXPECT_EQ(reference_.states.size(), batch.number);
  reference_.states.push_back(std::move(state));
}

void Workload::forget(Family family, const std::string& until) {
  const auto from = records_.lower_bound({family, ""});
  const auto to = records_.lower_bound({family, until});
  for (auto at = from; at != to; ++at) sum_ -= at->second;
  records_.erase(from, to);
}

void Workload::bulk(int tasks) {
  TaskOptions options;
  options.type = "a";
  for (int done = 0; done < tasks && going(); done += 120) {
    std::vector<std::pair<TaskOptions, std::string>> batch(120, {options, std::string(40, 'b')});
    if (!hall_->submit_batch(batch)) return;
    for (int turns = 0; turns < 40; ++turns) {
      hall_->turn();
      bool idle = true;
      for (auto& hand : hall_->hands) {
        auto awards = std::exchange(hand.awards, {});
        if (awards.empty()) continue;
        idle = false;
        std::vector<engine::FinishItem> items(awards.size());
        for (std::size_t i = 0; i < items.size(); ++i) {
          items[i].token = awards[i].token;
          items[i].result = "done";
        }
        ASSERT_TRUE(hall_->engine->finish(hand.number, hand.finishes + 1, hand.finishes, hand.credit, items));
        ++hand.finishes;
      }
      if (idle) break;
    }
  }
}

void Workload::mixed() {
  switch (chance_.below(8)) {
    case 0:
    case 1:
    case 2:
      submit();
      break;
    case 3:
      hall_->pass(static_cast<Millis>(chance_.below(900)));
      break;
    case 4:
      hall_->cancel(1 + chance_.below(hall_->engine->ledger().next_sequence));
      break;
    case 5: {
      auto& hand = hall_->hands[chance_.below(3)];
      if (!hand.awards.empty())
        hall_->engine->checkpoint(hand.number, hand.awards.front().token, std::string(300, 'c'));
      break;
    }
    default:
      for (auto& hand : hall_->hands) finish(hand);
  }
  hall_->turn();
}

void Workload::submit() {
  std::vector<std::pair<TaskOptions, std::string>> tasks;
  for (auto count = 1 + chance_.below(30); count > 0; --count) {
    TaskOptions options;
    options.type = chance_.one_in(6) ? "nobody" : "a";
    options.queue = chance_.one_in(3) ? "slow" : "default";
    options.priority = static_cast<std::int64_t>(1 + chance_.below(10));
    if (chance_.one_in(8)) options.delay_ms = static_cast<Millis>(1 + chance_.below(2000));
    if (chance_.one_in(8)) options.limit_keys = {"key"};
    if (chance_.one_in(10)) options.idempotency_key = std::to_string(chance_.below(50));
    options.retry = {2, 100, 1000, 2};
    tasks.emplace_back(options, std::string(chance_.one_in(20) ? 3000 : 10 + chance_.below(60), 'p'));
  }
  EXPECT_TRUE(hall_->submit_batch(tasks));
}

void Workload::finish(engine::Hand& hand) {
  for (const auto& award : std::deque(hand.awards)) {
    if (chance_.one_in(4)) continue;
    engine::FinishItem item;
    item.outcome = chance_.one_in(5) ? Outcome::failed : Outcome::succeeded;
    const std::string result(chance_.below(80), 'r');
    item.result = result;
    hall_->finish(hand, award, item);
  }
}

// As the broker does it: the fact, and whole files once it is durable.
void Workload::reclaim() {
  if (!going() || hall_->engine->reclaimable(100).empty()) return;
  hall_->reclaim(100);
  hall_->turn();
  if (failed_) return;
  const auto& state = reference_.states.back();
  ++reference_.drops;
  if (!store_.drop_before(Family::bodies, state.bodies_from) ||
      !store_.drop_before(Family::facts, state.facts_from))
    failed_ = true;
}

}  // namespace hirehall::images
