// Backups while a store is written to, their folder, and what a restore makes of them.
#include <filesystem>
#include <fstream>
#include <thread>

#include "broker/store/backup_folder.h"
#include "broker/store/restoring.h"
#include "broker/store/verify.h"
#include "tests/unit/store/durable.h"

namespace hirehall::store {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class Backup : public DurableTest {
 protected:
  std::string folder() const { return scratch_ / "backups"; }
  std::string place() const { return scratch_ / "restored"; }

  BackupRequest request() const {
    BackupRequest request;
    request.identity = store_->identity();
    request.now = 1'700'000'000'000;
    request.software = "test";
    return request;
  }
  Result<BackupManifest> try_back_up() {
    auto folder = BackupFolder::open(this->folder());
    if (!folder) return tl::unexpected(folder.error());
    const auto frozen = store_->freeze();
    if (!frozen) return tl::unexpected(frozen.error());
    return folder->create(**frozen, request());
  }
  BackupManifest back_up() {
    auto made = try_back_up();
    EXPECT_TRUE(made) << describe(made.error());
    return made.value_or(BackupManifest{});
  }
  Result<Restored> try_restore(std::optional<std::uint64_t> number = {}) {
    RestoreRequest request;
    request.backups = folder();
    request.data = place();
    request.number = number;
    request.memory = MemoryProfile::small;
    return restore(request);
  }
  Restored come_back(std::optional<std::uint64_t> number = {}) {
    auto restored = try_restore(number);
    EXPECT_TRUE(restored) << describe(restored.error());
    return restored.value_or(Restored{});
  }
  void open_restored() {
    close();
    options_ = options_at(place());
    open();
  }
  std::size_t tables() const {
    std::size_t count = 0;
    for (const auto& entry : fs::directory_iterator(folder() + "/tables")) count += entry.is_regular_file();
    return count;
  }
};

TEST_F(Backup, ComesBackWithEveryCommit) {
  open();
  commit_many(50, std::string(2000, 'v'));
  const auto made = back_up();
  EXPECT_EQ(made.number, 1u);
  EXPECT_EQ(made.commit, 50u);
  commit("later");
  const auto restored = come_back();
  EXPECT_EQ(restored.commit, 50u);
  close();
  const auto sound = verify(place(), {}, {});
  ASSERT_TRUE(sound) << describe(sound.error());
  EXPECT_TRUE(sound->sound());
  open_restored();
  EXPECT_EQ(store_->last_commit(), 50u);
  EXPECT_EQ(body(50), std::string(2000, 'v'));
  EXPECT_EQ(body(51), "nothing");
  commit("on");
}

TEST_F(Backup, IsTakenWhileCommitsGoOnAndHoldsAPrefix) {
  open();
  commit_many(20, std::string(5000, 'v'));
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    for (int i = 0; i < 400 && !stop; ++i) ASSERT_TRUE(try_commit(std::string(2000, 'w')));
  });
  std::vector<BackupManifest> made;
  for (int i = 0; i < 3; ++i) made.push_back(back_up());
  stop = true;
  writer.join();
  for (const auto& one : made) {
    fs::remove_all(place());
    const auto restored = come_back(one.number);
    EXPECT_GE(restored.commit, one.commit);
    const auto sound = verify(place(), {}, {});
    ASSERT_TRUE(sound) << describe(sound.error());
    EXPECT_TRUE(sound->sound()) << (sound->findings.empty() ? "" : describe(sound->findings[0]));
    EXPECT_EQ(sound->last_commit, restored.commit);
  }
}

TEST_F(Backup, CopiesOnlyWhatIsNew) {
  open();
  commit_many(100, std::string(30000, 'v'));
  const auto first = back_up();
  EXPECT_GT(first.copied_bytes, 1000000u);
  commit("little");
  const auto second = back_up();
  EXPECT_LT(second.copied_bytes, first.copied_bytes / 10);
  EXPECT_GE(second.bytes(), first.copied_bytes);
  // Also in another life of the store, and after it came out of a backup.
  close();
  open();
  EXPECT_LT(back_up().copied_bytes, first.copied_bytes / 10);
  come_back();
  open_restored();
  commit("on");
  EXPECT_LT(back_up().copied_bytes, first.copied_bytes / 10);
}

TEST_F(Backup, RemovalKeepsWhatOthersNeed) {
  open();
  commit_many(30, std::string(10000, 'v'));
  back_up();
  commit("later");
  back_up();
  auto folder = BackupFolder::open(this->folder());
  ASSERT_TRUE(folder);
  ASSERT_TRUE(folder->remove(1));
  EXPECT_EQ(folder->remove(1).error().code, Code::not_found);
  ASSERT_EQ(folder->list().size(), 1u);
  EXPECT_TRUE(folder->verify(2, {}));
  ASSERT_TRUE(folder->remove(2));
  EXPECT_EQ(tables(), 0u);
}

TEST_F(Backup, RetentionKeepsTheNewest) {
  open();
  for (int i = 0; i < 4; ++i) commit("v"), back_up();
  auto folder = BackupFolder::open(this->folder());
  ASSERT_TRUE(folder);
  EXPECT_EQ(folder->retain(2).value(), (std::vector<std::uint64_t>{1, 2}));
  EXPECT_EQ(folder->list().front().number, 3u);
}

TEST_F(Backup, NumbersAreNotGivenTwice) {
  open();
  commit("v");
  back_up();
  {
    auto folder = BackupFolder::open(this->folder());
    ASSERT_TRUE(folder->remove(1));
  }
  EXPECT_EQ(back_up().number, 2u);
}

TEST_F(Backup, RotIsFoundAndMendedByTheNextOne) {
  open();
  commit_many(30, std::string(10000, 'v'));
  const auto made = back_up();
  for (const auto& file : made.files)
    if (!file.stored.empty()) flip_bit(folder() + "/tables/" + file.stored, file.bytes / 2);
  EXPECT_EQ(try_restore().error().code, Code::corrupt);
  {
    auto folder = BackupFolder::open(this->folder());
    const auto found = folder->verify(1, {});
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code, Code::corrupt);
    EXPECT_EQ(tables(), 0u);
    EXPECT_THAT(folder->list().front().damage, HasSubstr("missing"));
  }
  back_up();
  auto folder = BackupFolder::open(this->folder());
  const auto sound = folder->verify(1, {});
  EXPECT_TRUE(sound) << describe(sound.error());
  EXPECT_EQ(folder->list().front().damage, "");
}

TEST_F(Backup, AnotherFilesNameInTheListIsNoWayOut) {
  open();
  commit("v");
  back_up();
  const auto path = folder() + "/1/manifest";
  auto text = read(path);
  text.replace(text.find("CURRENT"), 7, "../../x");
  write(path, text);
  EXPECT_EQ(try_restore(1).error().code, Code::corrupt);
  EXPECT_EQ(try_restore().error().code, Code::not_found) << "no other one can be read";
}

TEST_F(Backup, WhatWasCutOffIsClearedAway) {
  open();
  commit("v");
  back_up();
  fs::create_directories(folder() + "/7.creating");
  write(folder() + "/7.creating/000001.log", "half");
  fs::create_directories(folder() + "/6.removing");
  write(folder() + "/tables/ABC-12", "half a table");
  auto folder = BackupFolder::open(this->folder());
  ASSERT_TRUE(folder);
  EXPECT_FALSE(fs::exists(this->folder() + "/7.creating"));
  EXPECT_FALSE(fs::exists(this->folder() + "/6.removing"));
  EXPECT_FALSE(fs::exists(this->folder() + "/tables/ABC-12"));
  EXPECT_TRUE(folder->verify(1, {}));
}

TEST_F(Backup, IsGivenUpWhenAskedAndLeavesNothing) {
  open();
  commit_many(100, std::string(30000, 'v'));
  auto folder = BackupFolder::open(this->folder());
  const auto frozen = store_->freeze();
  auto asked = request();
  asked.progress = [](std::uint64_t done, std::uint64_t) { return done < 1000000; };
  const auto made = folder->create(**frozen, asked);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Code::unavailable);
  EXPECT_TRUE(folder->list().empty());
  EXPECT_EQ(tables(), 0u);
}

TEST_F(Backup, TwoDoNotWorkInOneFolder) {
  open();
  commit("v");
  auto held = BackupFolder::open(folder());
  ASSERT_TRUE(held);
  EXPECT_EQ(try_back_up().error().code, Code::conflict);
}

TEST_F(Backup, AForeignFolderIsLeftAlone) {
  open();
  commit("v");
  fs::create_directories(folder());
  write(folder() + "/letters.txt", "dear aunt");
  EXPECT_EQ(try_back_up().error().code, Code::invalid);
  EXPECT_EQ(read(folder() + "/letters.txt"), "dear aunt");
}

TEST_F(Backup, EachRestoreRaisesTheIncarnationBeyondAllBefore) {
  open();
  commit("v");
  back_up();
  EXPECT_EQ(come_back(1).identity.incarnation, 2);
  fs::remove_all(place());
  EXPECT_EQ(come_back(1).identity.incarnation, 3) << "the same backup again";
  open_restored();
  EXPECT_EQ(store_->identity().incarnation, 3);
}

TEST_F(Backup, ARestoreDoesNotTouchAStore) {
  open();
  commit("v");
  back_up();
  come_back();
  EXPECT_EQ(try_restore().error().code, Code::conflict);
  open_restored();
  EXPECT_EQ(body(1), "v");
}

TEST_F(Backup, ARestoreThatWasCutOffIsNoStoreAndCanBeRepeated) {
  open();
  commit("v");
  back_up();
  come_back();
  // As a kill between the last two steps leaves it.
  fs::rename(place() + "/db", place() + "/db.restoring");
  const auto refusal = refused(options_at(place()));
  EXPECT_EQ(refusal.code, Code::corrupt);
  EXPECT_THAT(refusal.message, HasSubstr("run hirehall-broker restore again"));
  come_back();
  open_restored();
  EXPECT_EQ(body(1), "v");
}

}  // namespace
}  // namespace hirehall::store
