// A store that failed once stays failed: nothing is acknowledged after a write or sync that did not work
// (I11).
#include <thread>

#include "tests/support/faulty_disk.h"
#include "tests/unit/store/durable.h"

namespace hirehall::store {
namespace {

using test::FaultyDisk;
using Operation = FaultyDisk::Operation;
using Kind = FaultyDisk::Kind;

class FailStop : public DurableTest {
 protected:
  void SetUp() override {
    DurableTest::SetUp();
    options_.env = disk_.env();
    open();
  }
  // The disk must outlive the store.
  void TearDown() override { close(); }

  void expect_failed_for_ever(Code code) {
    const auto failed = try_commit("not acknowledged");
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, code) << describe(failed.error());
    disk_.heal();
    const std::uint64_t last = store_->last_commit();
    for (int i = 0; i < 3; ++i) {
      const auto again = try_commit("a healed disk changes nothing");
      ASSERT_FALSE(again);
      EXPECT_EQ(again.error().message, failed.error().message);
    }
    EXPECT_EQ(store_->last_commit(), last);
    ASSERT_TRUE(store_->failure());
    EXPECT_EQ(store_->failure()->message, failed.error().message);
    EXPECT_FALSE(store_->drop_before(Family::bodies, number_key(last)));
  }

  FaultyDisk disk_;
};

TEST_F(FailStop, FailedSyncOfTheLogEndsTheStore) {
  commit("kept");
  disk_.fail(Operation::sync, Kind::io_error, ".log", 1, false);
  expect_failed_for_ever(Code::io);
}

TEST_F(FailStop, FailedWriteOfTheLogEndsTheStore) {
  commit("kept");
  disk_.fail(Operation::write, Kind::io_error, ".log", 1, false);
  expect_failed_for_ever(Code::io);
}

TEST_F(FailStop, FullDiskEndsTheStoreWithItsOwnCode) {
  commit("kept");
  disk_.fail(Operation::write, Kind::no_space, ".log");
  expect_failed_for_ever(Code::disk_full);
}

TEST_F(FailStop, WhatWasAcknowledgedCanStillBeReadAndIsThereAfterRestart) {
  commit("kept");
  disk_.fail(Operation::sync, Kind::io_error, ".log");
  expect_failed_for_ever(Code::io);
  EXPECT_EQ(body(1), "kept");
  close();
  disk_.heal();
  open();
  EXPECT_EQ(body(1), "kept");
  EXPECT_GE(store_->last_commit(), 1u) << "the commit that failed may be there or not";
  commit("goes on");
}

TEST_F(FailStop, FailedFlushInTheBackgroundEndsTheStore) {
  disk_.fail(Operation::write, Kind::io_error, ".sst");
  std::uint64_t acknowledged = 0;
  while (acknowledged < 2000 && try_commit(std::string(64 << 10, 'v'))) acknowledged += 1;
  ASSERT_LT(acknowledged, 2000u) << "no flush in 2,000 commits";
  EXPECT_TRUE(store_->failure());
  EXPECT_EQ(store_->last_commit(), acknowledged);
  disk_.heal();
  EXPECT_FALSE(try_commit("never resumed"));
  close();
  open();
  EXPECT_GE(store_->last_commit(), acknowledged);
}

// Every write and every sync of a short life fails once: whatever was acknowledged is there afterwards.
TEST_F(FailStop, NoAcknowledgedCommitIsLostWhicheverOperationFails) {
  for (const Operation operation : {Operation::write, Operation::sync}) {
    for (std::uint64_t nth = 1;; ++nth) {
      close();
      disk_.heal();
      options_.path =
          scratch_ / ("life-" + std::to_string(static_cast<int>(operation)) + "-" + std::to_string(nth));
      open();
      const std::uint64_t failures = disk_.failures();
      disk_.fail(operation, Kind::io_error, "", nth, false);
      std::uint64_t acknowledged = 0;
      while (acknowledged < 12 && try_commit(std::string(20000, 'v'))) acknowledged += 1;
      const bool struck = disk_.failures() > failures;
      crash();
      disk_.heal();
      open();
      ASSERT_GE(store_->last_commit(), acknowledged) << "operation " << nth;
      ASSERT_LE(store_->last_commit(), acknowledged + 1);
      for (std::uint64_t i = 1; i <= acknowledged; ++i) ASSERT_EQ(body(i), std::string(20000, 'v'));
      if (!struck) break;
    }
  }
}

TEST_F(FailStop, SyncsOncePerCommit) {
  const std::uint64_t before = disk_.count(Operation::sync);
  commit_many(10);
  const std::uint64_t syncs = disk_.count(Operation::sync) - before;
  EXPECT_GE(syncs, 10u);
  EXPECT_LE(syncs, 11u) << "the first may sync a new file as well";
}

}  // namespace
}  // namespace hirehall::store
