// The power goes at every operation of a broker's life, and again at every operation of the recovery. Nothing
// acknowledged is lost (I1), what comes back is a prefix (no hole), and it opens without an operator (I10).
#include <rocksdb/env.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <iterator>
#include <string>
#include <vector>

#include "tests/images/judge.h"
#include "tests/images/recording_disk.h"
#include "tests/images/tally.h"
#include "tests/support/scratch.h"

namespace hirehall::images {
namespace {

// A sanitized build takes some ten times as long for an image.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t slower = 10;
#else
constexpr std::uint64_t slower = 1;
#endif

struct Life {
  std::vector<Operation> operations;
  std::uint64_t acknowledged = 0;
  Reference reference;
};

// One day, from an empty directory on.
Life live(std::uint64_t seed, Workload::Size size) {
  test::ScratchDirectory scratch(place_for_images());
  Recorder recorder(scratch / "data");
  const auto env = make_recording_disk(recorder);
  std::filesystem::create_directories(scratch / "data");
  Life life;
  {
    auto store = store::open_rocksdb(options_at(scratch / "data", env.get()));
    EXPECT_TRUE(store) << describe(store.error());
    if (!store) return life;
    Workload workload(**store, &recorder, seed, size);
    workload.run();
    EXPECT_FALSE(workload.failed());
    life.acknowledged = workload.acknowledged();
    life.reference = workload.reference();
  }
  life.operations = recorder.operations();
  return life;
}

class PowerCut : public testing::Test {
 protected:
  // Judges one image; `at` is what was going on when the power went.
  void expect_whole(const Image& image, const std::string& kind, const Operation& at,
                    std::uint64_t acknowledged, Fate fate, const Reference& reference) {
    auto& tally = Tally::of_run();
    if (!tally.is_new(image)) return;
    test::ScratchDirectory scratch(place_for_images());
    image.write_to(scratch / "data");
    const auto verdict = judge(scratch / "data", reference, nullptr, chance_.one_in(16));
    Tally::Row row{1, 0, 0};
    row.dropped = verdict.opened && verdict.commit < at.begun ? 1 : 0;
    tally.add(kind, name_of(at), std::string(name_of(fate)), row);
    std::string wrong = verdict.wrong;
    if (!verdict.opened)
      wrong = "it was refused: " + describe(verdict.refusal);
    else if (verdict.commit < acknowledged)
      wrong =
          "acknowledged " + std::to_string(acknowledged) + ", recovered " + std::to_string(verdict.commit);
    if (wrong.empty()) return;
    ADD_FAILURE() << kind << " cut after " << name_of(at) << " of " << at.path << ", " << name_of(fate)
                  << ": " << wrong << "\n  " << keep_for_study(image, std::to_string(image.hash()));
  }

  // Every operation that is wanted is followed by a crash, in each way that makes a difference; one in `thin`
  // of them.
  void cut_everywhere(const Image& begin, const std::vector<Operation>& operations,
                      std::uint64_t acknowledged, const std::string& kind, const Reference& reference,
                      std::uint64_t thin, const std::function<bool(const Operation&)>& wanted = {}) {
    Disk disk(begin);
    for (std::size_t i = 0; i < operations.size() && !HasFailure(); ++i) {
      disk.apply(operations[i]);
      if (wanted && !wanted(operations[i])) continue;
      const bool last = i + 1 == operations.size();
      const std::uint64_t told = last ? acknowledged : operations[i + 1].acknowledged;
      for (const Fate fate : fates) {
        if (fate != Fate::all && disk.settled()) break;
        if (!chance_.one_in(thin)) continue;
        expect_whole(disk.crash(fate, chance_), kind, operations[i], told, fate, reference);
      }
    }
  }

  // What recovery of `image` does to the disk.
  std::vector<Operation> recovery_of(const Image& image, const Reference& reference) {
    test::ScratchDirectory scratch(place_for_images());
    image.write_to(scratch / "data");
    Recorder recorder(scratch / "data");
    const auto env = make_recording_disk(recorder);
    const auto verdict = judge(scratch / "data", reference, env.get());
    EXPECT_TRUE(verdict.opened) << describe(verdict.refusal);
    return recorder.operations();
  }

  const std::uint64_t seed_ = seed_of_run();
  Chance chance_{seed_};
};

TEST_F(PowerCut, EveryOperationOfALife) {
  const Life life = live(seed_, {3000, 260});
  ASSERT_FALSE(HasFailure());
  const auto& reference = life.reference;
  std::printf(
      "%zu operations, %llu commits, %llu snapshots, %llu pages, %llu result tables, %llu drops\n",
      life.operations.size(), static_cast<unsigned long long>(life.acknowledged),
      static_cast<unsigned long long>(reference.snapshots), static_cast<unsigned long long>(reference.pages),
      static_cast<unsigned long long>(reference.tables), static_cast<unsigned long long>(reference.drops));
  EXPECT_GE(reference.snapshots, 3u);
  EXPECT_GT(reference.pages, 0u);
  EXPECT_GT(reference.tables, 0u);
  EXPECT_GT(reference.drops, 0u);
  cut_everywhere({}, life.operations, life.acknowledged, "life", reference, everything() ? 1 : 10 * slower);
  if (!everything()) return;
  const auto judged = [](const std::string& name) {
    const auto rows = Tally::of_run().by_cut("life");
    return rows.contains(name) ? rows.at(name).images : 0;
  };
  const std::vector<std::string> names{"log append", "log sync",   "log made",        "table append",
                                       "table sync", "table made", "MANIFEST append", "MANIFEST sync",
                                       "CURRENT",    "delete"};
  // What one life has few of: further lives, cut there only.
  constexpr std::uint64_t images_each = 200, lives_max = 100;
  const auto lacking = [&](const std::string& name) { return judged(name) < images_each; };
  for (std::uint64_t next = 1; next < lives_max && !HasFailure(); ++next) {
    std::vector<std::string> rare;
    std::copy_if(names.begin(), names.end(), std::back_inserter(rare), lacking);
    if (rare.empty()) break;
    const Life further = live(seed_ + next, {3000, 260});
    cut_everywhere(
        {}, further.operations, further.acknowledged, "life", further.reference, 1,
        [&](const auto& at) { return std::find(rare.begin(), rare.end(), name_of(at)) != rare.end(); });
  }
  for (const auto& name : names) EXPECT_GE(judged(name), images_each) << name;
}

// What a store does only when it is made, and the mark that follows the commits: many short lives, each with
// an identity of its own.
TEST_F(PowerCut, EveryOperationOfABirth) {
  const std::uint64_t births = everything() ? 220 : std::max<std::uint64_t>(1, 4 / slower);
  const auto judged = [](const std::string& name) {
    const auto rows = Tally::of_run().by_cut("birth");
    return rows.contains(name) ? rows.at(name).images : 0;
  };
  const auto rare = {"format", "watermark", "directory made", "directory sync"};
  for (std::uint64_t birth = 0; birth < births && !HasFailure(); ++birth) {
    const Life life = live(seed_ + birth, {0, 4});
    cut_everywhere({}, life.operations, life.acknowledged, "birth", life.reference, 1, [&](const auto& at) {
      const auto name = name_of(at);
      return std::find(rare.begin(), rare.end(), name) != rare.end() && judged(name) < 300;
    });
  }
  for (const auto* name : rare) EXPECT_GE(judged(name), everything() ? 200u : 1u) << name;
}

// RocksDB alone lets CURRENT name a manifest whose own name, and those of new tables, the power may still
// take.
TEST_F(PowerCut, NamesAreDurableBeforeCurrentRefersToThem) {
  const Life life = live(seed_, {0, 10});
  std::size_t renames = 0;
  for (std::size_t i = 1; i < life.operations.size(); ++i) {
    if (life.operations[i].kind != Operation::Kind::rename) continue;
    if (!life.operations[i].target.ends_with("/CURRENT")) continue;
    ++renames;
    EXPECT_EQ(life.operations[i - 1].kind, Operation::Kind::sync_directory);
  }
  EXPECT_GT(renames, 0u);
}

// The crash that comes while the last one is being repaired.
TEST_F(PowerCut, EveryOperationOfARecovery) {
  const Life life = live(seed_, {1500, 120});
  ASSERT_FALSE(HasFailure());
  const std::uint64_t recoveries = everything() ? 60 : std::max<std::uint64_t>(1, 6 / slower);
  const std::size_t begin = life.operations.size() / 8;  // the store is whole by then
  for (std::uint64_t round = 0; round < recoveries && !HasFailure(); ++round) {
    const std::size_t until = begin + chance_.below(life.operations.size() - begin);
    Disk disk;
    for (std::size_t i = 0; i <= until; ++i) disk.apply(life.operations[i]);
    const Image image = disk.crash(fates[chance_.below(std::size(fates))], chance_);
    auto operations = recovery_of(image, life.reference);
    const bool last = until + 1 == life.operations.size();
    const std::uint64_t told = last ? life.acknowledged : life.operations[until + 1].acknowledged;
    for (auto& operation : operations) {
      operation.acknowledged = told;
      operation.begun = life.operations[until].begun;
    }
    cut_everywhere(image, operations, told, "recovery", life.reference, everything() ? 1 : 4);
  }
}

}  // namespace
}  // namespace hirehall::images
