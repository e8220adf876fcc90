// What every store promises, asked of each of them. Nothing here may depend on how one is built.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <map>
#include <random>
#include <thread>

#include "broker/store/memory_store.h"
#include "broker/store/rocksdb_store.h"
#include "broker/store/store.h"
#include "tests/support/scratch.h"

namespace hirehall::store {
namespace {

using namespace std::string_literals;

// Each place remembers what was committed when it is closed and opened again.
class MemoryPlace {
 public:
  Result<std::unique_ptr<Store>> open() { return open_memory(disk_); }

 private:
  static Identity somebody() {
    Identity identity;
    identity.id_key.fill(7);
    return identity;
  }
  std::shared_ptr<MemoryDisk> disk_ = std::make_shared<MemoryDisk>(somebody());
};

class RocksdbPlace {
 public:
  Result<std::unique_ptr<Store>> open() {
    RocksdbOptions options;
    options.path = directory_.path();
    options.memory = MemoryProfile::small;
    options.space.reserve_bytes = 0;
    return open_rocksdb(options);
  }

 private:
  test::ScratchDirectory directory_;
};

Write put(Family family, std::string key, std::string value) {
  return {family, false, std::move(key), std::move(value)};
}
Write erase(Family family, std::string key) {
  return {family, true, std::move(key), {}};
}

template <typename Place>
class StoreContract : public ::testing::Test {
 protected:
  void SetUp() override { reopen(); }

  void reopen() {
    store_.reset();
    auto opened = place_.open();
    ASSERT_TRUE(opened) << describe(opened.error());
    store_ = std::move(*opened);
  }

  void commit(std::vector<Write> writes) {
    const auto done = store_->commit({store_->last_commit() + 1, std::move(writes)});
    ASSERT_TRUE(done) << describe(done.error());
  }

  std::optional<std::string> get(Family family, const std::string& key) {
    return store_->view()->get(family, key).value();
  }

  static std::string scan(const View& view, Family family, const std::string& from, const std::string& to) {
    std::string seen;
    const auto visit = [&](std::string_view key, std::string_view value) {
      seen += std::string(key) + "=" + std::string(value) + " ";
      return true;
    };
    EXPECT_TRUE(view.scan(family, from, to, visit));
    return seen;
  }

  static std::string scan_back(const View& view, Family family, const std::string& from,
                               const std::string& to) {
    std::string seen;
    const auto visit = [&](std::string_view key, std::string_view) {
      seen += std::string(key) + " ";
      return true;
    };
    EXPECT_TRUE(view.scan_back(family, from, to, visit));
    return seen;
  }

  std::string floor(Family family, const std::string& key) {
    const auto item = store_->view()->floor(family, key).value();
    return item ? item->key : "nothing";
  }

  Place place_;
  std::unique_ptr<Store> store_;
};

struct PlaceNames {
  template <typename Place>
  static std::string GetName(int) {
    return std::is_same_v<Place, MemoryPlace> ? "memory" : "rocksdb";
  }
};
using Places = ::testing::Types<MemoryPlace, RocksdbPlace>;
TYPED_TEST_SUITE(StoreContract, Places, PlaceNames);

TYPED_TEST(StoreContract, NewStoreHasNoCommitAndNoRecord) {
  EXPECT_EQ(this->store_->last_commit(), 0u);
  for (std::size_t i = 1; i < family_count; ++i)
    EXPECT_EQ(this->scan(*this->store_->view(), static_cast<Family>(i), "", ""), "");
  EXPECT_EQ(this->store_->failure(), std::nullopt);
}

TYPED_TEST(StoreContract, BatchIsThereAfterCommitInEveryFamilyItNames) {
  this->commit({put(Family::bodies, "a", "1"), put(Family::facts, "a", "2"), put(Family::meta, "a", "3")});
  EXPECT_EQ(this->get(Family::bodies, "a"), "1");
  EXPECT_EQ(this->get(Family::facts, "a"), "2");
  EXPECT_EQ(this->get(Family::meta, "a"), "3");
  EXPECT_EQ(this->get(Family::pages, "a"), std::nullopt);
  EXPECT_EQ(this->store_->last_commit(), 1u);
}

TYPED_TEST(StoreContract, LaterWritesOfABatchWin) {
  this->commit({put(Family::records, "k", "1"), put(Family::records, "k", "2"),
                put(Family::records, "gone", "1"), erase(Family::records, "gone")});
  this->commit({erase(Family::records, "k"), put(Family::records, "k", "3")});
  EXPECT_EQ(this->get(Family::records, "k"), "3");
  EXPECT_EQ(this->get(Family::records, "gone"), std::nullopt);
}

TYPED_TEST(StoreContract, ErasingWhatIsNotThereIsFine) {
  this->commit({erase(Family::timers, "nobody")});
  EXPECT_EQ(this->store_->last_commit(), 1u);
}

TYPED_TEST(StoreContract, EmptyBatchIsACommit) {
  this->commit({});
  EXPECT_EQ(this->store_->last_commit(), 1u);
}

TYPED_TEST(StoreContract, EmptyValuesAndBinaryKeysAreKept) {
  const std::string zero("\0", 1), zeros("\0\0", 2), high("\xff\xff", 2);
  this->commit({put(Family::records, zero, ""), put(Family::records, zeros, "z\0z"s),
                put(Family::records, high, "h")});
  EXPECT_EQ(this->get(Family::records, zero), "");
  EXPECT_EQ(this->get(Family::records, zeros), "z\0z"s);
  EXPECT_EQ(this->scan(*this->store_->view(), Family::records, zero, ""),
            zero + "= " + zeros + "=z\0z "s + high + "=h ");
  EXPECT_EQ(this->floor(Family::records, "\xff"), zeros);
}

TYPED_TEST(StoreContract, ScanGoesUpFromFirstToBeforeLast) {
  this->commit({put(Family::pages, "c", "3"), put(Family::pages, "a", "1"), put(Family::pages, "b", "2")});
  const auto view = this->store_->view();
  EXPECT_EQ(this->scan(*view, Family::pages, "", ""), "a=1 b=2 c=3 ");
  EXPECT_EQ(this->scan(*view, Family::pages, "a", "c"), "a=1 b=2 ");
  EXPECT_EQ(this->scan(*view, Family::pages, "aa", ""), "b=2 c=3 ");
  EXPECT_EQ(this->scan(*view, Family::pages, "c", "a"), "");
  EXPECT_EQ(this->scan(*view, Family::pages, "b", "b"), "");
}

TYPED_TEST(StoreContract, ScanBackGoesDownFromBeforeLastToFirst) {
  this->commit({put(Family::pages, "c", ""), put(Family::pages, "a", ""), put(Family::pages, "b", "")});
  const auto view = this->store_->view();
  EXPECT_EQ(this->scan_back(*view, Family::pages, "", ""), "c b a ");
  EXPECT_EQ(this->scan_back(*view, Family::pages, "a", "c"), "b a ");
  EXPECT_EQ(this->scan_back(*view, Family::pages, "b", ""), "c b ");
  EXPECT_EQ(this->scan_back(*view, Family::pages, "c", "a"), "");
}

TYPED_TEST(StoreContract, ScanEndsWhenTheVisitorHasEnough) {
  for (int i = 0; i < 300; ++i)
    this->commit({put(Family::timers, number_key(static_cast<std::uint64_t>(i)), "")});
  std::uint64_t visits = 0;
  const auto stop_at_200 = [&](std::string_view, std::string_view) { return ++visits < 200; };
  ASSERT_TRUE(this->store_->view()->scan(Family::timers, "", "", stop_at_200));
  EXPECT_EQ(visits, 200u);
  visits = 0;
  ASSERT_TRUE(this->store_->view()->scan_back(Family::timers, "", "", stop_at_200));
  EXPECT_EQ(visits, 200u);
}

TYPED_TEST(StoreContract, FloorIsTheGreatestKeyNotAbove) {
  this->commit({put(Family::bodies, number_key(10), "ten"), put(Family::bodies, number_key(20), "twenty")});
  EXPECT_EQ(this->floor(Family::bodies, number_key(9)), "nothing");
  EXPECT_EQ(this->floor(Family::bodies, number_key(10)), number_key(10));
  EXPECT_EQ(this->floor(Family::bodies, number_key(19)), number_key(10));
  EXPECT_EQ(this->floor(Family::bodies, number_key(99)), number_key(20));
  this->commit({erase(Family::bodies, number_key(20))});
  EXPECT_EQ(this->floor(Family::bodies, number_key(99)), number_key(10));
}

TYPED_TEST(StoreContract, NumberKeysSortByNumber) {
  const std::vector<std::uint64_t> numbers = {0, 1, 255, 256, 65535, 1ull << 40, ~0ull};
  for (std::size_t i = 1; i < numbers.size(); ++i)
    EXPECT_LT(number_key(numbers[i - 1], 9), number_key(numbers[i], 0));
  for (const auto number : numbers) EXPECT_EQ(number_of(number_key(number, 3)), number);
}

TYPED_TEST(StoreContract, ViewKeepsItsMoment) {
  this->commit({put(Family::records, "a", "old"), put(Family::records, "b", "old")});
  const auto before = this->store_->view();
  this->commit(
      {put(Family::records, "a", "new"), erase(Family::records, "b"), put(Family::records, "c", "new")});
  const auto between = this->store_->view();
  this->commit({erase(Family::records, "a"), put(Family::records, "b", "newest")});
  EXPECT_EQ(this->scan(*before, Family::records, "", ""), "a=old b=old ");
  EXPECT_EQ(this->scan(*between, Family::records, "", ""), "a=new c=new ");
  EXPECT_EQ(this->scan_back(*before, Family::records, "", ""), "b a ");
  EXPECT_EQ(before->floor(Family::records, "z").value()->key, "b");
  EXPECT_EQ(this->scan(*this->store_->view(), Family::records, "", ""), "b=newest c=new ");
}

TYPED_TEST(StoreContract, ViewsSeeWholeBatchesWhileCommitsGoOn) {
  std::atomic<bool> done = false;
  std::thread reader([&] {
    while (!done) {
      const auto view = this->store_->view();
      const auto left = view->get(Family::records, "left").value();
      const auto right = view->get(Family::timers, "right").value();
      ASSERT_EQ(left, right);
    }
  });
  for (int i = 0; i < 300; ++i) {
    const std::string value = std::to_string(i);
    this->commit({put(Family::records, "left", value), put(Family::timers, "right", value)});
  }
  done = true;
  reader.join();
}

TYPED_TEST(StoreContract, EverythingCommittedIsThereAfterReopen) {
  const Identity before = this->store_->identity();
  this->commit({put(Family::facts, number_key(1), "one")});
  this->commit({put(Family::facts, number_key(2), "two"), put(Family::meta, "snapshot", "")});
  this->reopen();
  EXPECT_EQ(this->store_->last_commit(), 2u);
  EXPECT_EQ(this->get(Family::facts, number_key(2)), "two");
  EXPECT_EQ(this->get(Family::meta, "snapshot"), "");
  EXPECT_EQ(this->store_->identity().id_key, before.id_key);
  EXPECT_EQ(this->store_->identity().shard, before.shard);
  EXPECT_EQ(this->store_->identity().incarnation, before.incarnation);
  this->commit({put(Family::facts, number_key(3), "three")});
  EXPECT_EQ(this->store_->last_commit(), 3u);
}

TYPED_TEST(StoreContract, SecondOpenIsRefusedUntilTheFirstIsClosed) {
  const auto second = this->place_.open();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::conflict);
  EXPECT_NE(second.error().message.find("another broker"), std::string::npos) << second.error().message;
  this->reopen();
}

TYPED_TEST(StoreContract, DropKeepsEverythingFromItsEndOn) {
  for (std::uint64_t i = 1; i <= 100; ++i)
    this->commit({put(Family::bodies, number_key(i), std::to_string(i))});
  ASSERT_TRUE(this->store_->drop_before(Family::bodies, number_key(60)));
  for (std::uint64_t i = 60; i <= 100; ++i)
    EXPECT_EQ(this->get(Family::bodies, number_key(i)), std::to_string(i));
  ASSERT_TRUE(this->store_->drop_before(Family::bodies, number_key(1)));
  ASSERT_TRUE(this->store_->drop_before(Family::pages, number_key(1000)));
  this->reopen();
  EXPECT_EQ(this->get(Family::bodies, number_key(60)), "60");
}

TYPED_TEST(StoreContract, CountsTellCommitsSyncsAndBytes) {
  this->commit({put(Family::bodies, "k", std::string(1000, 'x'))});
  this->commit({});
  EXPECT_EQ(this->store_->counts().commits, 2u);
  EXPECT_EQ(this->store_->counts().syncs, 2u);
  EXPECT_GE(this->store_->counts().bytes, 1000u);
}

TYPED_TEST(StoreContract, SkippedCommitNumberEndsTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(static_cast<void>(this->store_->commit({5, {}})), "contiguous");
}

TYPED_TEST(StoreContract, KeysOfTheStoreItselfAreNotForBatches) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(static_cast<void>(this->store_->commit({1, {put(Family::meta, "identity", "me")}})),
               "belong to the store");
}

std::uint64_t seed() {
  if (const char* given = std::getenv("HIREHALL_SEED")) return std::strtoull(given, nullptr, 10);
  return std::random_device{}();
}

// Random batches against an ordered map, with reopens between.
TYPED_TEST(StoreContract, AgreesWithAMapOverRandomBatches) {
  const std::uint64_t number = seed();
  std::printf("HIREHALL_SEED=%llu\n", static_cast<unsigned long long>(number));
  std::mt19937_64 random(number);
  std::map<std::string, std::string> expected;
  const auto key = [&] { return std::string(1 + random() % 3, static_cast<char>('a' + random() % 6)); };
  for (int round = 0; round < 200; ++round) {
    std::vector<Write> writes;
    for (auto left = random() % 8; left > 0; --left) {
      const std::string k = key();
      if (random() % 3 == 0) {
        writes.push_back(erase(Family::records, k));
        expected.erase(k);
      } else {
        writes.push_back(put(Family::records, k, std::to_string(random())));
        expected[k] = writes.back().value;
      }
    }
    this->commit(std::move(writes));
    if (round % 50 == 49) this->reopen();
    const auto view = this->store_->view();
    const std::string from = key(), to = key();
    std::string up;
    for (auto it = expected.lower_bound(from); it != expected.end() && it->first < to; ++it)
      up += it->first + "=" + it->second + " ";
    ASSERT_EQ(this->scan(*view, Family::records, from, to), up) << "round " << round;
    const auto above = expected.upper_bound(from);
    ASSERT_EQ(this->floor(Family::records, from),
              above == expected.begin() ? "nothing" : std::prev(above)->first);
  }
}

}  // namespace
}  // namespace hirehall::store
