// The power goes at every operation of a backup and of a removal. Backups that were acknowledged stay whole,
// what is listed can be restored, and what comes back is the state of its commit, byte for byte.
#include <algorithm>
#include <filesystem>
#include <set>

#include "broker/store/backup_folder.h"
#include "broker/store/restoring.h"
#include "tests/images/judge.h"
#include "tests/images/tally.h"
#include "tests/support/scratch.h"

namespace hirehall::images {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t slower = 10;
#else
constexpr std::uint64_t slower = 1;
#endif

using store::BackupFolder;
using Numbers = std::set<std::uint64_t>;

// Calls `act` behind each commit.
class Followed final : public store::Store {
 public:
  Followed(store::Store& store, std::function<void(std::uint64_t)> act)
      : store_(store), act_(std::move(act)) {}
  const store::Identity& identity() const override { return store_.identity(); }
  std::uint64_t last_commit() const override { return store_.last_commit(); }
  Status commit(const store::CommitBatch& batch) override {
    auto done = store_.commit(batch);
    if (done) act_(batch.number);
    return done;
  }
  std::unique_ptr<store::View> view() const override { return store_.view(); }
  Status drop_before(store::Family family, std::string_view end) override {
    return store_.drop_before(family, end);
  }
  std::optional<Error> failure() const override { return store_.failure(); }
  store::Space space() const override { return store_.space(); }
  bool admits_submits() const override { return store_.admits_submits(); }
  store::Counts counts() const override { return store_.counts(); }
  Result<std::unique_ptr<store::Frozen>> freeze() const override { return store_.freeze(); }

 private:
  store::Store& store_;
  std::function<void(std::uint64_t)> act_;
};

struct BackupLife {
  std::vector<Operation> operations;
  std::vector<Numbers> promised;  // by what an operation calls acknowledged
  Reference reference;
};

class BackupCut : public testing::Test {
 protected:
  BackupLife live() {
    test::ScratchDirectory scratch(place_for_images());
    auto opened = store::open_rocksdb(options_at(scratch / "data"));
    EXPECT_TRUE(opened) << describe(opened.error());
    std::filesystem::create_directories(scratch / "backups");
    Recorder recorder(scratch / "backups");
    BackupLife life;
    life.promised.emplace_back();
    const auto promise = [&](const Numbers& numbers) {
      life.promised.push_back(numbers);
      recorder.set_acknowledged(life.promised.size() - 1);
    };
    const auto work = [&](std::uint64_t commit) {
      if (commit % 20 != 0) return;
      auto folder = BackupFolder::open(scratch / "backups");
      ASSERT_TRUE(folder) << describe(folder.error());
      auto numbers = life.promised.back();
      if (numbers.size() >= 2) {
        const auto oldest = *numbers.begin();
        numbers.erase(oldest);
        promise(numbers);
        ASSERT_TRUE(folder->remove(oldest));
      }
      const auto frozen = (*opened)->freeze();
      ASSERT_TRUE(frozen);
      store::BackupRequest request;
      request.identity = (*opened)->identity();
      const auto made = folder->create(**frozen, request);
      ASSERT_TRUE(made) << describe(made.error());
      numbers.insert(made->number);
      promise(numbers);
    };
    Followed followed(**opened, work);
    Workload workload(followed, nullptr, seed_, {200, 60});
    workload.run();
    life.reference = workload.reference();
    life.operations = recorder.operations();
    return life;
  }

  static std::string look(const std::string& directory, const Numbers& promised, const Reference& reference,
                          bool restoring) {
    auto folder = BackupFolder::open(directory);
    if (!folder) return "the folder cannot be opened: " + describe(folder.error());
    Numbers listed;
    for (const auto& one : folder->list()) {
      listed.insert(one.number);
      if (!one.damage.empty()) return "backup " + std::to_string(one.number) + ": " + one.damage;
      if (const auto sound = folder->verify(one.number, {}); !sound)
        return "backup " + std::to_string(one.number) + ": " + describe(sound.error());
    }
    if (!std::includes(listed.begin(), listed.end(), promised.begin(), promised.end()))
      return "a backup that was acknowledged is gone";
    if (listed.empty() || !restoring) return {};
    folder = fail(Code::ok, "closed");
    test::ScratchDirectory scratch(place_for_images());
    store::RestoreRequest request;
    request.backups = directory;
    request.data = scratch / "data";
    request.memory = store::MemoryProfile::tiny;
    const auto restored = store::restore(request);
    if (!restored) return "it cannot be restored: " + describe(restored.error());
    const auto verdict = judge(scratch / "data", reference);
    if (!verdict.opened) return "what was restored does not open: " + describe(verdict.refusal);
    if (verdict.commit < restored->manifest.commit) return "commits of the backup are missing";
    return verdict.wrong;
  }

  const std::uint64_t seed_ = seed_of_run();
  Chance chance_{seed_};
};

TEST_F(BackupCut, EveryOperationOfBackupsAndRemovals) {
  const auto life = live();
  ASSERT_FALSE(HasFailure());
  ASSERT_GE(life.promised.size(), 4u);
  auto& tally = Tally::of_run();
  const auto before = tally.images();
  Disk disk;
  for (std::size_t i = 0; i < life.operations.size() && !HasFailure(); ++i) {
    const auto& at = life.operations[i];
    disk.apply(at);
    const bool last = i + 1 == life.operations.size();
    const auto& promised = last ? life.promised.back() : life.promised[life.operations[i + 1].acknowledged];
    for (const Fate fate : fates) {
      if (fate != Fate::all && disk.settled()) break;
      if (!everything() && !chance_.one_in(3 * slower)) continue;
      const auto image = disk.crash(fate, chance_);
      if (!tally.is_new(image)) continue;
      test::ScratchDirectory scratch(place_for_images());
      image.write_to(scratch / "backups");
      const auto wrong = look(scratch / "backups", promised, life.reference, chance_.one_in(6));
      tally.add("backup", name_of(at), std::string(name_of(fate)), {1, 0, 0});
      if (!wrong.empty())
        ADD_FAILURE() << "cut after " << name_of(at) << " of " << at.path << ", " << name_of(fate) << ": "
                      << wrong << "\n  " << keep_for_study(image, std::to_string(image.hash()));
    }
  }
  EXPECT_GE(tally.images() - before, slower == 1 ? 200u : 20u);
}

}  // namespace
}  // namespace hirehall::images
