// What opens after a crash, and what is refused because acknowledged commits would be missing (I1, I10).
#include <algorithm>
#include <filesystem>

#include "broker/store/layout.h"
#include "broker/store/watermark.h"
#include "tests/unit/store/durable.h"

namespace hirehall::store {
namespace {

using ::testing::HasSubstr;

class Recovery : public DurableTest {};

TEST_F(Recovery, EveryCommitIsThereAfterACrash) {
  open();
  commit("first");
  commit("second");
  crash();
  open();
  EXPECT_EQ(store_->last_commit(), 2u);
  EXPECT_EQ(body(2), "second");
  commit("third");
  crash();
  open();
  EXPECT_EQ(body(3), "third");
}

TEST_F(Recovery, UnfinishedTailOfTheLogIsACommitThatNeverWas) {
  open();
  commit_many(3);
  crash();  // at once, so the watermark still says 0
  cut(newest(".log"), 5);
  open();
  EXPECT_EQ(store_->last_commit(), 2u);
  EXPECT_EQ(body(3), "nothing");
  commit("third again");
  EXPECT_EQ(body(3), "third again");
}

TEST_F(Recovery, FewerCommitsThanTheWatermarkAreRefusedWithBothNumbers) {
  open();
  commit_many(7);
  close();  // the watermark says 7
  cut(newest(".log"), 5);
  const Error error = refused();
  EXPECT_EQ(error.code, Code::corrupt);
  EXPECT_THAT(error.message, HasSubstr("7 were made durable and only 6 can be read"));
  EXPECT_THAT(error.message, HasSubstr("restore a backup"));
}

TEST_F(Recovery, RefusedStoreIsNotTouched) {
  open();
  commit_many(7);
  close();
  const std::string log = newest(".log");
  cut(log, 5);
  const std::string before = read(log);
  refused();
  EXPECT_EQ(read(log), before);
  EXPECT_EQ(refused().code, Code::corrupt) << "a second try is refused as well";
}

TEST_F(Recovery, DamageInTheMiddleOfTheLogIsRefusedAlthoughTheWatermarkLags) {
  open();
  commit_many(20, std::string(10000, 'v'));
  crash();
  flip_bit(newest(".log"), 100000);
  const Error error = refused();
  EXPECT_EQ(error.code, Code::corrupt);
  EXPECT_THAT(error.message, HasSubstr("20 were made durable"));
  EXPECT_THAT(error.message, HasSubstr(".log at offset"));
}

TEST_F(Recovery, DamageInTheFirstCommitOfTheLogIsRefused) {
  open();
  commit_many(5, std::string(1000, 'v'));
  crash();
  flip_bit(newest(".log"), 200);
  EXPECT_EQ(refused().code, Code::corrupt);
}

// RocksDB takes zeros for space that was allocated and never written.
TEST_F(Recovery, ZerosWithCommitsBehindThemAreDamage) {
  open();
  commit_many(20, std::string(10000, 'v'));
  crash();
  const std::string log = newest(".log");
  std::string bytes = read(log);
  bytes.replace(32768, 4096, 4096, '\0');
  write(log, bytes);
  EXPECT_EQ(refused().code, Code::corrupt);
}

TEST_F(Recovery, ALogOfZerosBeforeAnotherLogIsDamage) {
  open();
  commit_many(3);
  crash();
  const std::string log = newest(".log");
  const std::string kept = read(log);
  open();  // what the log had is in tables now
  commit_many(3);
  crash();
  ASSERT_FALSE(std::filesystem::exists(log));
  write(log.substr(0, log.rfind('/')) + "/000001.log", std::string(kept.size(), '\0'));
  open();
  EXPECT_EQ(store_->last_commit(), 6u) << "nothing is missing: it may have been written before a power cut";
}

TEST_F(Recovery, LossCanBeAcceptedOnceAndRaisesTheIncarnation) {
  open();
  const Identity before = store_->identity();
  commit_many(7);
  close();
  cut(newest(".log"), 5);
  refused();
  options_.accept_loss = true;
  open();
  EXPECT_EQ(store_->last_commit(), 6u);
  EXPECT_EQ(store_->identity().incarnation, before.incarnation + 1);
  EXPECT_EQ(store_->identity().id_key, before.id_key);
  close();
  options_.accept_loss = false;
  open();
  EXPECT_EQ(store_->identity().incarnation, before.incarnation + 1) << "durable, and not raised again";
}

TEST_F(Recovery, AcceptingLossOfASoundStoreChangesNothing) {
  open();
  commit_many(3);
  close();
  options_.accept_loss = true;
  open();
  EXPECT_EQ(store_->identity().incarnation, 1);
  EXPECT_EQ(store_->last_commit(), 3u);
}

// A start that is cut off while it tidies up may leave an old log without the newer one (found by crash
// images).
TEST_F(Recovery, OldLogThatOutlivedANewerOneIsNoLoss) {
  open();
  commit_many(3);
  close();
  const std::string old_log = newest(".log");
  const std::string kept = read(old_log);
  open();  // what the old log had is in tables now
  commit_many(4);
  close();
  open();
  close();
  ASSERT_FALSE(std::filesystem::exists(old_log));
  write(old_log, kept);
  open();
  EXPECT_EQ(store_->last_commit(), 7u);
  EXPECT_EQ(body(7), "v");
  commit("goes on");
}

TEST_F(Recovery, ExchangedLogsAreRefused) {
  open();
  commit_many(3);
  close();
  write(home() + "/db/900000.log", read(newest(".log")));
  EXPECT_THAT(refused().message, HasSubstr("repeats commits of an older one"));
}

// RocksDB's own merging of range deletions would leave out the damaged file without a word.
TEST_F(Recovery, DamagedBeginningOfATableIsAnErrorOfTheScan) {
  options_.memory = MemoryProfile::tiny;
  open();
  commit_many(40, std::string(8000, 'v'));
  close();
  open();
  close();
  std::vector<std::string> tables;
  for (const auto& entry : std::filesystem::directory_iterator(home() + "/db"))
    if (entry.path().extension() == ".sst" && entry.file_size() > 60000) tables.push_back(entry.path());
  ASSERT_GE(tables.size(), 2u);
  std::sort(tables.begin(), tables.end());
  flip_bit(tables[1], 100);
  open();
  std::uint64_t seen = 0;
  const auto scanned = store_->view()->scan(Family::bodies, {}, {}, [&](auto, auto) { return ++seen > 0; });
  ASSERT_FALSE(scanned) << seen << " of 40 records, and no error";
  EXPECT_EQ(scanned.error().code, Code::corrupt);
}

TEST_F(Recovery, CommitsInTableFilesCountToo) {
  open();
  commit_many(400, std::string(64 << 10, 'v'));  // more than the logs keep
  crash();
  open();
  EXPECT_EQ(store_->last_commit(), 400u);
  EXPECT_EQ(body(1), std::string(64 << 10, 'v'));
}

TEST_F(Recovery, MissingTableFileIsRefused) {
  open();
  commit_many(400, std::string(64 << 10, 'v'));
  close();
  std::filesystem::remove(newest(".sst"));
  EXPECT_NE(refused().code, Code::ok);
}

TEST_F(Recovery, MissingLogsAreRefused) {
  open();
  commit_many(9);
  close();
  std::filesystem::remove(newest(".log"));
  const Error error = refused();
  EXPECT_EQ(error.code, Code::corrupt);
  EXPECT_THAT(error.message, HasSubstr("9 were made durable and only 0 can be read"));
}

TEST_F(Recovery, DamagedManifestIsRefused) {
  open();
  commit_many(3);
  close();
  for (const auto& entry : std::filesystem::directory_iterator(options_.path + "/db"))
    if (entry.path().filename().string().starts_with("MANIFEST")) flip_bit(entry.path().string(), 60);
  EXPECT_EQ(refused().code, Code::corrupt);
}

TEST_F(Recovery, OneTornWatermarkSlotIsEnough) {
  open();
  commit_many(3);
  close();
  open();
  commit_many(3);
  close();
  flip_bit(options_.path + "/watermark", 20);
  open();
  EXPECT_EQ(store_->last_commit(), 6u);
}

TEST_F(Recovery, UnreadableOrMissingWatermarkIsRefused) {
  open();
  commit("one");
  close();
  const std::string path = options_.path + "/watermark";
  const std::string sound = read(path);
  write(path, std::string(sound.size(), 'x'));
  EXPECT_THAT(refused().message, HasSubstr("watermark file cannot be read"));
  std::filesystem::remove(path);
  EXPECT_THAT(refused().message, HasSubstr("watermark file is missing"));
  write(path, sound);
  open();
}

TEST_F(Recovery, WatermarkOfAnotherStoreIsRefused) {
  open();
  close();
  RocksdbOptions other = options_at(scratch_ / "other");
  ASSERT_TRUE(open_rocksdb(other));
  std::filesystem::copy_file(other.path + "/watermark", options_.path + "/watermark",
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_THAT(refused().message, HasSubstr("belongs to another store"));
}

TEST_F(Recovery, WatermarkAlternatesSlotsAndRises) {
  const std::string path = scratch_ / "mark";
  auto mark = Watermark::create(path, {42, 0});
  ASSERT_TRUE(mark);
  for (std::uint64_t commit = 1; commit < 6; ++commit) {
    ASSERT_TRUE(mark->advance(commit));
    const auto seen = Watermark::read(path);
    ASSERT_TRUE(seen);
    EXPECT_EQ(seen->commit, commit);
    EXPECT_EQ(seen->store_tag, 42u);
  }
  flip_bit(path, 30);
  flip_bit(path, 4096 + 30);
  EXPECT_EQ(Watermark::read(path).error().code, Code::corrupt);
}

}  // namespace
}  // namespace hirehall::store
