// Which directories are opened, made, or left alone.
#include <unistd.h>

#include <filesystem>

#include "broker/store/files.h"
#include "tests/unit/store/durable.h"

namespace hirehall::store {
namespace {

using ::testing::HasSubstr;

class Opening : public DurableTest {};

TEST_F(Opening, NewStoreGetsAnIdentityOfItsOwn) {
  options_.shard = 12;
  open();
  EXPECT_EQ(store_->identity().shard, 12);
  EXPECT_EQ(store_->identity().incarnation, 1);
  EXPECT_EQ(store_->identity().format, 1u);
  const IdKey key = store_->identity().id_key;
  EXPECT_NE(key, IdKey{});
  RocksdbOptions other = options_at(scratch_ / "other");
  EXPECT_NE((*open_rocksdb(other))->identity().id_key, key);
}

TEST_F(Opening, MissingStoreIsOnlyMadeWhenAsked) {
  options_.create_if_missing = false;
  EXPECT_EQ(refused().code, Code::not_found);
  EXPECT_FALSE(std::filesystem::exists(options_.path));
  std::filesystem::create_directory(options_.path);
  EXPECT_EQ(refused().code, Code::not_found);
}

TEST_F(Opening, AnotherBrokerIsNamed) {
  open();
  const Error error = refused();
  EXPECT_EQ(error.code, Code::conflict);
  EXPECT_THAT(error.message,
              HasSubstr("another broker (pid " + std::to_string(::getpid()) + ") has this store open"));
  close();
  open();
}

TEST_F(Opening, AnotherShardIsRefused) {
  open();
  close();
  options_.shard = 3;
  const Error error = refused();
  EXPECT_EQ(error.code, Code::invalid);
  EXPECT_THAT(error.message, HasSubstr("this store is shard 0 and shard 3 was asked for"));
}

TEST_F(Opening, NewerFormatIsRefusedAndNotTouched) {
  open();
  commit("one");
  close();
  write(options_.path + "/format", "hirehall-store 2\n");
  const auto before = std::filesystem::last_write_time(options_.path + "/db");
  const Error error = refused();
  EXPECT_EQ(error.code, Code::unsupported);
  EXPECT_THAT(error.message, HasSubstr("the store has format 2 and this program knows format 1"));
  EXPECT_EQ(std::filesystem::last_write_time(options_.path + "/db"), before);
}

TEST_F(Opening, UnreadableOrMissingFormatIsRefused) {
  open();
  close();
  write(options_.path + "/format", "something else");
  EXPECT_EQ(refused().code, Code::corrupt);
  std::filesystem::remove(options_.path + "/format");
  EXPECT_EQ(refused().code, Code::corrupt);
}

TEST_F(Opening, MissingDatabaseIsRefused) {
  open();
  commit("one");
  close();
  std::filesystem::remove_all(options_.path + "/db");
  EXPECT_THAT(refused().message, HasSubstr("database of this store is missing"));
}

TEST_F(Opening, DirectoryWithOtherFilesIsLeftAlone) {
  std::filesystem::create_directory(options_.path);
  write(options_.path + "/thesis.tex", "precious");
  const Error error = refused();
  EXPECT_EQ(error.code, Code::invalid);
  EXPECT_THAT(error.context, HasSubstr("thesis.tex"));
  EXPECT_EQ(read(options_.path + "/thesis.tex"), "precious");
}

TEST_F(Opening, CreationThatWasCutOffIsBegunAgain) {
  open();
  close();
  std::filesystem::rename(options_.path + "/db", options_.path + "/db.creating");
  open();
  commit("one");
  EXPECT_EQ(body(1), "one");
  EXPECT_FALSE(std::filesystem::exists(options_.path + "/db.creating"));
}

TEST_F(Opening, DirectoryThatCannotBeMadeIsAnError) {
  write(scratch_ / "file", "");
  options_.path = scratch_ / "file" + "/data";
  EXPECT_EQ(refused().code, Code::io);
}

}  // namespace
}  // namespace hirehall::store
