// Each operation of a short life fails in turn: nothing is acknowledged that did not work, and what was
// acknowledged is there after a restart (I1, I11).
#include <rocksdb/env.h>

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <future>

#include "tests/images/judge.h"
#include "tests/images/recording_disk.h"
#include "tests/support/scratch.h"

namespace hirehall::images {
namespace {

// Long enough for tables to be flushed; every day only for the log and what a new store is made of.
Workload::Size short_life() {
  return {0, everything() ? 48 : 12};
}

class IoError : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(path_); }

  // From an empty directory until the end or the first refusal; what was acknowledged.
  std::uint64_t live(const Recorder::Fault& fault, Reference* reference = nullptr) {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
    Recorder recorder(path_);
    recorder.set_fault(fault);
    const auto env = make_recording_disk(recorder);
    auto store = store::open_rocksdb(options_at(path_, env.get()));
    if (!store) return 0;
    Workload workload(**store, &recorder, seed_, short_life());
    workload.run();
    if (workload.failed()) {
      EXPECT_TRUE((*store)->failure());
      EXPECT_FALSE((*store)->commit({(*store)->last_commit() + 1, {}})) << "resumed after a failure";
    }
    if (reference != nullptr) *reference = workload.reference();
    return workload.acknowledged();
  }

  test::ScratchDirectory scratch_{place_for_images()};
  const std::string path_ = scratch_ / "data";
  const std::uint64_t seed_ = seed_of_run();
};

TEST_F(IoError, WhicheverOperationFailsNothingAcknowledgedIsLost) {
  std::uint64_t operations = 0;
  Reference reference;
  const std::uint64_t whole = live(
      [&](const Operation&) {
        ++operations;
        return std::nullopt;
      },
      &reference);
  ASSERT_GT(whole, 12u);
  Reference again;
  live([](const Operation&) { return std::nullopt; }, &again);
  ASSERT_EQ(again.states.size(), reference.states.size()) << "a life is the same with the same seed";
  for (std::size_t commit = 0; commit < again.states.size(); ++commit) {
    ASSERT_EQ(again.states[commit].records, reference.states[commit].records) << commit;
    ASSERT_EQ(again.states[commit].ledger, reference.states[commit].ledger) << commit;
  }
  const std::uint64_t stride = everything() ? 1 : 7;
  std::uint64_t runs = 0;
  std::uint64_t struck = 0;
  for (const int error : {EIO, ENOSPC})
    for (const bool stays : {false, true})
      for (std::uint64_t nth = 1 + seed_ % stride; nth <= operations && !HasFailure(); nth += stride) {
        std::atomic<std::uint64_t> count = 0;
        std::atomic<bool> hit = false;
        std::string what;
        const std::uint64_t acknowledged = live([&](const Operation& operation) -> std::optional<int> {
          const auto now = ++count;
          if (now != nth && !(stays && now > nth)) return std::nullopt;
          if (!hit.exchange(true)) what = name_of(operation) + " of " + operation.path;
          return error;
        });
        ++runs;
        struck += hit ? 1 : 0;
        const auto verdict = judge(path_, reference, nullptr, true);
        SCOPED_TRACE("operation " + std::to_string(nth) + " of " + std::to_string(operations) +
                     (stays ? " and all later ones" : "") + ", errno " + std::to_string(error) + ": " + what +
                     "; acknowledged " + std::to_string(acknowledged) + ", recovered " +
                     std::to_string(verdict.commit));
        ASSERT_TRUE(verdict.opened) << describe(verdict.refusal);
        EXPECT_EQ(verdict.wrong, "");
        EXPECT_GE(verdict.commit, acknowledged);
        EXPECT_LE(verdict.commit, acknowledged + 1) << "more than was begun";
      }
  std::printf("%llu operations, %llu lives with a failure, %llu of them met it\n",
              static_cast<unsigned long long>(operations), static_cast<unsigned long long>(runs),
              static_cast<unsigned long long>(struck));
  EXPECT_GE(struck * 10, runs * 9);
}

TEST_F(IoError, NothingIsAcknowledgedBeforeItsSyncHasReturned) {
  std::promise<void> entered;
  std::promise<void> released;
  std::atomic<bool> armed = false;
  Recorder recorder(path_);
  recorder.set_fault([&](const Operation& operation) -> std::optional<int> {
    if (operation.kind == Operation::Kind::sync && operation.path.ends_with(".log") &&
        armed.exchange(false)) {
      entered.set_value();
      released.get_future().wait();
    }
    return std::nullopt;
  });
  const auto env = make_recording_disk(recorder);
  auto store = store::open_rocksdb(options_at(path_, env.get()));
  ASSERT_TRUE(store) << describe(store.error());
  ASSERT_TRUE((*store)->commit({1, {}}));
  armed = true;
  auto second = std::async(std::launch::async, [&] { return (*store)->commit({2, {}}); });
  entered.get_future().wait();
  EXPECT_EQ((*store)->last_commit(), 1u);
  EXPECT_EQ((*store)->counts().syncs, 1u);
  released.set_value();
  EXPECT_TRUE(second.get());
  EXPECT_EQ((*store)->last_commit(), 2u);
}

}  // namespace
}  // namespace hirehall::images
