// A disk that fills: submits stop early, the reserve gives way late, and both come back (I11).
#include "broker/store/space_guard.h"

#include <filesystem>

#include "tests/unit/store/durable.h"

namespace hirehall::store {
namespace {

class Disk : public DurableTest {
 protected:
  std::string reserve() const { return scratch_ / "reserve"; }
  static SpaceLimits limits(std::uint64_t free_bytes_min, std::uint64_t reserve_bytes) {
    return {free_bytes_min, 0, reserve_bytes};
  }
};

TEST_F(Disk, RoomyDiskAdmitsAndHoldsTheReserve) {
  SpaceGuard guard(scratch_.path(), reserve(), limits(1, 1 << 20));
  ASSERT_TRUE(guard.measure());
  EXPECT_TRUE(guard.admits());
  EXPECT_TRUE(guard.holds_reserve());
  EXPECT_EQ(std::filesystem::file_size(reserve()), 1u << 20);
  ASSERT_TRUE(guard.measure());
  EXPECT_GT(guard.space().free_bytes, 0u);
  EXPECT_GE(guard.space().used_bytes, 1u << 20);
  EXPECT_GE(guard.space().total_bytes, guard.space().free_bytes);
}

TEST_F(Disk, BelowTheMarkSubmitsAreRefused) {
  SpaceLimits full;
  full.free_percent_min = 101;  // more than any disk has
  SpaceGuard guard(scratch_.path(), reserve(), full);
  ASSERT_TRUE(guard.measure());
  EXPECT_FALSE(guard.admits());
  EXPECT_FALSE(guard.holds_reserve()) << "not taken from a full disk";
}

TEST_F(Disk, ReserveIsFoundAgainByTheNextGuard) {
  {
    SpaceGuard guard(scratch_.path(), reserve(), limits(1, 1 << 20));
    ASSERT_TRUE(guard.measure());
  }
  SpaceGuard guard(scratch_.path(), reserve(), limits(1, 1 << 20));
  EXPECT_TRUE(guard.holds_reserve());
}

TEST_F(Disk, MissingDirectoryIsAnError) {
  SpaceGuard guard(scratch_ / "nowhere", reserve(), {});
  EXPECT_FALSE(guard.measure());
}

TEST_F(Disk, StoreOnAFullDiskOpensAndTakesCompletionsButNoSubmits) {
  options_.space.free_percent_min = 101;
  open();
  EXPECT_FALSE(store_->admits_submits());
  commit("a completion");
  EXPECT_EQ(body(1), "a completion");
}

TEST_F(Disk, FillsAndEmptiesAgain) {
  constexpr std::uint64_t mib = 1 << 20;
  std::uint64_t free = 1000 * mib;
  const auto disk = [&](const std::string&) { return Result<Space>(Space{free, 2000 * mib, 0}); };
  SpaceGuard guard(scratch_.path(), reserve(), limits(100 * mib, 4 * mib), disk);
  const auto at = [&](std::uint64_t now) {
    free = now;
    ASSERT_TRUE(guard.measure());
  };
  at(1000 * mib);
  EXPECT_TRUE(guard.admits() && guard.holds_reserve());
  at(100 * mib);
  EXPECT_TRUE(guard.admits()) << "at the mark";
  at(99 * mib);
  EXPECT_FALSE(guard.admits());
  EXPECT_TRUE(guard.holds_reserve()) << "running tasks still fit beside it";
  at(101 * mib);
  EXPECT_FALSE(guard.admits()) << "no flutter around the mark";
  at(25 * mib);
  EXPECT_TRUE(guard.holds_reserve());
  at(24 * mib);
  EXPECT_FALSE(guard.holds_reserve()) << "given up for what must be written";
  EXPECT_FALSE(std::filesystem::exists(reserve()));
  at(113 * mib);
  EXPECT_TRUE(guard.admits());
  EXPECT_FALSE(guard.holds_reserve()) << "taking it back must not close admission again";
  at(117 * mib);
  EXPECT_TRUE(guard.holds_reserve());
}

TEST_F(Disk, MarksShrinkWithTheDisk) {
  constexpr std::uint64_t mib = 1 << 20;
  const auto disk = [&](const std::string&) { return Result<Space>(Space{50 * mib, 100 * mib, 0}); };
  SpaceGuard guard(scratch_.path(), reserve(), SpaceLimits{}, disk);
  ASSERT_TRUE(guard.measure());
  EXPECT_TRUE(guard.admits()) << "a gigabyte of free space is not asked of a disk of 100 MiB";
  EXPECT_EQ(std::filesystem::file_size(reserve()), mib);
}

}  // namespace
}  // namespace hirehall::store
