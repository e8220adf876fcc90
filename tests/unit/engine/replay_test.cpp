// Facts are enough: whatever happens, folding all of them again from nothing gives the live ledger, byte for
// byte, and so does the last snapshot with what came after it (I20, and the ground of every restart).
// HIREHALL_SEED=N repeats a run.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <numeric>
#include <random>
#include <set>

#include "tests/support/scratch.h"
#include "tests/unit/engine/hall.h"

namespace hirehall::engine {
namespace {

std::uint64_t seed_of_run() {
  const char* given = std::getenv("HIREHALL_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}() % 1'000'000;
}

class Chance {
 public:
  explicit Chance(std::uint64_t seed) : engine_(seed) {}
  std::uint64_t below(std::uint64_t n) { return engine_() % n; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }
  template <typename C>
  auto& of(C& c) {
    return c[below(c.size())];
  }

 private:
  std::mt19937_64 engine_;
};

// Everything that can happen to the engine, in any order.
class Storm {
 public:
  explicit Storm(std::uint64_t seed) : chance_(seed), hall_(settings(seed)) {
    for (const char* name : {"default", "fast", "slow"}) set_queue(name);
    for (int i = 0; i < 3; ++i)
      hall_.hire(i == 0 ? std::vector<std::string>{"a", "b"} : std::vector<std::string>{"b", "c"}, 4);
  }

  // At least so many steps, and on until there were pages, a closed batch and a snapshot to replay from.
  void blow(int steps) {
    some_steps(steps);
    for (int more = 0; more < 50 && (pages == 0 || closed == 0 || hall_.engine->snapshot_commit() == 0);
         ++more)
      some_steps(100);
  }

  void some_steps(int steps) {
    for (int i = 0; i < steps && !testing::Test::HasFailure(); ++i) {
      step();
      if (chance_.one_in(3)) hall_.turn();
      if (chance_.one_in(4)) read_some();
      if (i % 100 == 99) check();
      if (chance_.one_in(500)) restart();
    }
  }

  // Nothing is held up any more: every task comes to an end.
  void settle() {
    hall_.slow_reads = false;
    for (const auto& pause : std::vector(hall_.engine->ledger().pauses))
      hall_.engine->pause(pause.queue, pause.type, pause.tenant, "", false);
    while (!hall_.engine->ledger().budgets.empty())
      EXPECT_TRUE(hall_.engine->delete_budget(std::string(hall_.engine->ledger().budgets.begin()->first)));
    hall_.hire({"a", "b", "c", "d"}, 64);
    for (int turns = 0; turns < 20000 && open() != 0 && !testing::Test::HasFailure(); ++turns) {
      hall_.pass(400);
      for (auto& each : hall_.hands)
        for (auto& award : std::deque(each.awards)) hall_.finish(each, award, Outcome::succeeded);
      for (auto& [sequence, known] : suspended()) hall_.answer(sequence, "go on");
    }
    hall_.turn();
    EXPECT_EQ(open(), 0u) << "tasks that never end";
    EXPECT_EQ(hall_.endings.size(), hall_.engine->ledger().books.accepted);
    EXPECT_GT(closed, 0u) << "no batch was closed: the storm tested no completion";
    for (const auto& [number, batch] : hall_.engine->ledger().batches) {
      EXPECT_EQ(batch.open, 0u) << batch.name;
      EXPECT_EQ(batch.total, std::accumulate(batch.ended.begin(), batch.ended.end(), std::uint64_t{0}))
          << batch.name;
      EXPECT_EQ(batch.closed, batch.completed) << batch.name;
    }
    EXPECT_GT(hall_.engine->snapshot_commit(), 0u);
    EXPECT_GT(pages, 0u) << "the window was never full: the storm tested no pages";
  }

  // Values of the store as they are today, for tests/fuzz/corpus. The tag in front of a record is what
  // records.cpp there reads.
  void write_corpus(const std::filesystem::path& corpus) const {
    auto write = [&](const std::string& name, const std::string& value) {
      std::filesystem::create_directories((corpus / name).parent_path());
      std::ofstream(corpus / name, std::ios::binary) << value;
    };
    std::map<std::string, int> written;
    auto some = [&](const std::string& name, const std::string& value) {
      if (value.size() < 3000 && written[name] < 3) write(name + std::to_string(written[name]++), value);
    };
    for (const auto& [commit, parts] : hall_.kept.facts)
      for (const auto& part : parts)
        if (commit % 97 == 3) some("facts/part_", part);
    for (const auto& [first, value] : hall_.kept.bodies)
      if (first % 7 == 1) some("bodies/record_", value);
    for (const auto& [where, shelf] : hall_.kept.shelves)
      for (const auto& [key, value] : shelf) {
        if (where == Shelving::pages) some("pages/page_", value);
        if (where == Shelving::timers) some("records/timer_", std::string(1, 4) + key);
        static const std::map<char, char> tags = {{'i', 0}, {'x', 1}, {'d', 2}, {'f', 3}};
        if (auto tag = tags.find(key[0]); where == Shelving::records && tag != tags.end())
          some("records/" + key.substr(0, 1) + "_", tag->second + value);
      }
    write_snapshot(corpus);
  }
  void write_snapshot(const std::filesystem::path& corpus) const {
    auto saved = hall_.saved();
    std::filesystem::create_directories(corpus / "snapshot");
    std::ofstream(corpus / "snapshot" / ("of_" + std::to_string(saved.size()) + "_bytes"), std::ios::binary)
        << saved;
  }

  void check() {
    hall_.turn();
    auto live = hall_.saved();
    auto replayed = save(*hall_.kept.recovered(hall_.settings, false));
    EXPECT_EQ(live == replayed, true) << "a replay of all facts gives another ledger";
    auto from_snapshot = save(*hall_.kept.recovered(hall_.settings, true));
    EXPECT_EQ(live == from_snapshot, true) << "the snapshot and the facts behind it give another ledger";
    Ledger loaded;
    ASSERT_TRUE(loaded.load(live));
    std::string again;
    loaded.save(again);
    EXPECT_EQ(live == again, true) << "load() and save() give other bytes";
    for (const auto& line : hall_.engine->ledger().lines) pages += line ? line->next_page : 0;
    const auto& books = hall_.engine->ledger().books;
    std::uint64_t sum = books.removed;
    for (auto n : books.tasks) sum += n;
    EXPECT_EQ(books.accepted, sum);
  }

  std::uint64_t pages = 0, closed = 0;

 private:
  static Engine::Settings settings(std::uint64_t seed) {
    Engine::Settings s;
    s.seed = seed;
    s.window_bytes = 8000;
    s.snapshot_bytes = 30000;
    return s;
  }

  static std::string save(const Engine& engine) {
    std::string out;
    engine.ledger().save(out);
    return out;
  }

  std::uint64_t open() const {
    const auto& t = hall_.engine->ledger().books.tasks;
    return t[1] + t[2] + t[3] + t[4];
  }

  void step() {
    switch (chance_.below(16)) {
      case 0:
      case 1:
      case 2:
        return submit();
      case 3:
      case 4:
      case 5:
      case 6:
      case 7:
        return finish();
      case 8:
        return cancel();
      case 9:
        return answer();
      case 10:
        return hall_.pass(static_cast<Millis>(chance_.one_in(10) ? 7000 : chance_.below(800)),
                          !chance_.one_in(5));
      case 11:
        return come_back();
      case 12:
        return checkpoint();
      case 13:
        if (chance_.one_in(4)) pause();
        return;
      case 14:
        if (chance_.one_in(4)) set_queue(chance_.of(queues_));
        if (chance_.one_in(8)) close_batch();
        if (chance_.one_in(8)) set_budget();
        return;
      default:
        return replay_dead();
    }
  }

  TaskOptions options() {
    TaskOptions o;
    o.type = chance_.of(types_);
    o.queue = chance_.of(queues_);
    o.tenant = chance_.of(tenants_);
    o.priority = static_cast<std::int64_t>(chance_.below(4) * 3);
    if (o.priority == 0 && chance_.one_in(2)) o.priority = 1;
    if (chance_.one_in(6)) o.ttl_ms = 500 + static_cast<Millis>(chance_.below(5000));
    if (chance_.one_in(6)) o.deadline = hall_.now + 1 + static_cast<Millis>(chance_.below(8000));
    if (chance_.one_in(5)) o.delay_ms = static_cast<Millis>(chance_.below(3000));
    if (chance_.one_in(5)) o.timeout_ms = 300;
    if (chance_.one_in(4)) o.limit_keys = {chance_.of(limits_)};
    if (chance_.one_in(12)) o.limit_keys = {"x", "y"};
    if (chance_.one_in(10)) o.idempotency_key = std::to_string(chance_.below(8));
    if (chance_.one_in(10)) o.unique_key = std::to_string(chance_.below(8));
    if (chance_.one_in(5)) {
      o.unique_key = "rule" + std::to_string(chance_.below(4));
      o.on_conflict = static_cast<OnConflict>(chance_.below(5));
      o.unique_until = static_cast<UniqueUntil>(chance_.below(3));
      if (chance_.one_in(3)) o.unique_for_ms = 1 + static_cast<Millis>(chance_.below(3000));
    }
    if (chance_.one_in(10)) o.delivery = Delivery::at_most_once;
    if (chance_.one_in(6)) o.batch = chance_.of(batches_);
    o.retry = {1 + static_cast<std::int64_t>(chance_.below(4)), 100, 2000, 2};
    return o;
  }

  void submit() {
    std::vector<std::pair<TaskOptions, std::string>> tasks;
    auto count = chance_.one_in(5) ? 40 : 1 + chance_.below(4);
    auto base = options();
    for (std::uint64_t i = 0; i < count; ++i) {
      if (chance_.one_in(6)) base = options();
      if (count == 40) base.idempotency_key.clear(), base.unique_key.clear();
      tasks.emplace_back(base, std::string(chance_.one_in(20) ? 3000 : chance_.below(60), 'p'));
    }
    hall_.submit_batch(tasks, chance_.one_in(8));
  }

  void finish() {
    auto& hand = chance_.of(hall_.hands);
    if (hand.awards.empty()) return;
    auto award = chance_.of(hand.awards);
    FinishItem item;
    item.outcome = chance_.one_in(2) ? Outcome::succeeded : static_cast<Outcome>(chance_.below(8));
    if (item.outcome == Outcome::suspended) item.on = SuspendedOn::input;
    if (chance_.one_in(8)) item.checkpoint = "state";
    if (chance_.one_in(3)) item.usage = usage_;
    if (chance_.one_in(8)) item.delay_ms = 500;
    item.result = "done";
    if (hall_.finish(hand, award, item) == Code::invalid)
      hand.awards.push_back(award);  // cancelled without a stop: it is still held
  }

  Sequence any() { return 1 + chance_.below(hall_.engine->ledger().next_sequence); }

  void cancel() {
    auto sequence = any();
    hall_.turn();
    hall_.cancel(sequence);
  }

  std::map<Sequence, bool> suspended() {
    hall_.turn();
    std::map<Sequence, bool> found;
    for (Sequence s = 1; s < hall_.engine->ledger().next_sequence; ++s)
      if (hall_.engine->look(s) == Engine::Known::queued && hall_.kept.task(s).state == State::suspended)
        found.emplace(s, true);
    return found;
  }

  void answer() {
    auto waiting = suspended();
    if (!waiting.empty())
      hall_.answer(std::next(waiting.begin(), static_cast<long>(chance_.below(waiting.size())))->first,
                   "yes");
  }

  void come_back() {
    auto& hand = chance_.of(hall_.hands);
    if (chance_.one_in(2)) return hall_.engine->disconnect_worker(hand.number);
    if (chance_.one_in(3) && !hand.awards.empty()) hand.awards.pop_back();  // it forgot one
    std::vector<std::uint64_t> holding;
    for (const auto& award : hand.awards) holding.push_back(award.token);
    auto gone = hall_.come_back(hand, holding);
    std::erase_if(hand.awards,
                  [&](const auto& a) { return std::find(gone.begin(), gone.end(), a.token) != gone.end(); });
  }

  void checkpoint() {
    auto& hand = chance_.of(hall_.hands);
    if (!hand.awards.empty()) hall_.engine->checkpoint(hand.number, chance_.of(hand.awards).token, "saved");
  }

  void pause() {
    auto queue = chance_.one_in(2) ? chance_.of(queues_) : std::string();
    auto type = chance_.one_in(2) ? chance_.of(types_) : std::string();
    auto tenant = queue.empty() && type.empty() ? chance_.of(tenants_) : std::string();
    hall_.engine->pause(queue, type, tenant, "storm", chance_.one_in(3));
  }

  void set_queue(const std::string& name) {
    QueueSettings s;
    s.weight = 1 + static_cast<std::uint32_t>(chance_.below(5));
    s.aging_ms = static_cast<Millis>(chance_.below(3)) * 1000;
    if (chance_.one_in(4)) s.cap = 500;
    for (const auto& key : limits_)
      if (chance_.one_in(2)) s.limits[key] = 1 + static_cast<std::uint32_t>(chance_.below(3));
    hall_.engine->set_queue(name, s);
  }

  // A closed one takes no further tasks: its name goes, and another comes.
  void close_batch() {
    auto& name = chance_.of(batches_);
    TaskOptions then;
    then.type = chance_.of(types_);
    auto code = hall_.engine->close_batch(chance_.of(tenants_), name, chance_.one_in(2) ? &then : nullptr,
                                          std::nullopt);
    if (code == Code::ok) ++closed;
    if (code == Code::conflict) name += "'";
  }

  void set_budget() {
    const auto& tenant = chance_.of(tenants_);
    if (chance_.one_in(3)) {
      hall_.engine->delete_budget("b" + tenant);
      return;
    }
    const auto hard = static_cast<std::int64_t>(1 + chance_.below(60)) * 1'000'000;
    EXPECT_TRUE(hall_.engine->set_budget("b" + tenant, {tenant, "", "tokens", Period::total, hard, 1}, "me"));
  }

  static std::string encoded_usage() {
    std::string out;
    msgpack::Writer w(out);
    w.map(1);
    w.str("tokens"), w.real(1.5);
    return out;
  }

  void replay_dead() {
    hall_.turn();
    auto sequence = any();
    if (sequence >= hall_.engine->ledger().next_sequence ||
        hall_.engine->look(sequence) != Engine::Known::ended)
      return;
    auto found = hall_.kept.body(sequence);
    auto body = found.chunk->body_at(found.offset);
    auto queue = hall_.engine->ledger().lanes[body.lane].queue;
    auto options = found.chunk->options_of(body);
    options.deadline = 0;
    options.not_before = 0;
    options.idempotency_key.clear();
    options.unique_key.clear();
    hall_.engine->replay_dead(sequence, options, body.payload, hall_.kept.dead(queue, sequence));
  }

  // What was asked of the store comes when it comes.
  void read_some() {
    hall_.slow_reads = chance_.one_in(2);
    for (auto n = chance_.below(4); n > 0 && !hall_.reads.empty(); --n) {
      auto read = std::move(hall_.reads.front());
      hall_.reads.pop_front();
      read();
    }
  }

  void restart() {
    hall_.turn();
    hall_.restart(chance_.one_in(2));
    for (auto& hand : hall_.hands) {
      std::vector<std::uint64_t> holding;
      for (const auto& award : hand.awards) holding.push_back(award.token);
      auto gone = hall_.come_back(hand, holding);
      std::erase_if(hand.awards, [&](const auto& a) {
        return std::find(gone.begin(), gone.end(), a.token) != gone.end();
      });
    }
  }

  std::vector<std::string> queues_{"default", "fast", "slow"};
  std::vector<std::string> tenants_{"", "t", "u"};
  std::vector<std::string> types_{"a", "b", "c", "d"};
  std::vector<std::string> limits_{"x", "y", "z"};
  std::vector<std::string> batches_{"b", "c"};
  std::string usage_ = encoded_usage();
  Chance chance_;
  Hall hall_;
};

// Sanitizers make each step some thirty times dearer, and a replay costs the more the longer the storm was.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int storms_without_seed = 1;
constexpr int steps = 500;
#else
constexpr int storms_without_seed = 3;
constexpr int steps = 1500;
#endif

TEST(Replay, AllFactsFromNothingGiveTheLiveLedgerByteForByte) {
  auto first = seed_of_run();
  const int storms = std::getenv("HIREHALL_SEED") != nullptr ? 1 : storms_without_seed;
  for (int i = 0; i < storms && !HasFailure(); ++i) {
    auto seed = first + static_cast<std::uint64_t>(i);
    SCOPED_TRACE("HIREHALL_SEED=" + std::to_string(seed));
    std::cout << "HIREHALL_SEED=" << seed << '\n';
    Storm storm(seed);
    storm.blow(steps);
    storm.settle();
    storm.check();
  }
}

// What the fuzz targets begin with is what the engine writes today: HIREHALL_CORPUS names the folder to write
// it to.
TEST(Replay, Corpus) {
  const char* corpus = std::getenv("HIREHALL_CORPUS");
  Storm storm(7);
  storm.blow(400);
  test::ScratchDirectory scratch;
  const std::filesystem::path to = corpus != nullptr ? corpus : scratch / "corpus";
  storm.write_corpus(to);
  for (int steps : {5, 20, 60}) {
    Storm early(8);
    early.some_steps(steps);
    early.write_snapshot(to);
  }
  for (const auto* kind : {"facts", "bodies", "pages", "records", "snapshot"})
    EXPECT_FALSE(std::filesystem::is_empty(to / kind)) << kind;
}

}  // namespace
}  // namespace hirehall::engine
