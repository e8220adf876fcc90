// The words of the store's tests: a store on disk that is filled, crashed, hurt and opened again.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "broker/store/rocksdb_store.h"
#include "tests/support/scratch.h"

namespace hirehall::store {

class DurableTest : public ::testing::Test {
 protected:
  void SetUp() override { options_ = options_at(home()); }

  std::string home() const { return scratch_ / "data"; }
  static RocksdbOptions options_at(const std::string& path);

  // Opens or fails the test.
  void open();
  void close() { store_.reset(); }
  Error refused();  // opening fails, and why
  Error refused(const RocksdbOptions& options);

  // One commit per value, each a record of facts and `value` itself as a body.
  void commit(const std::string& value);
  void commit_many(std::uint64_t count, const std::string& value = "v");
  Status try_commit(const std::string& value);
  std::string body(std::uint64_t number);  // "nothing" when there is none

  // What a crash at this moment would leave behind, opened from now on instead of the original.
  void crash();

  // Damage. All act on a closed store.
  std::string newest(const std::string& extension) const;  // path of a file of the database
  static std::string read(const std::string& path);
  static void write(const std::string& path, const std::string& bytes);
  static void flip_bit(const std::string& path, std::uint64_t offset);
  static void cut(const std::string& path, std::uint64_t bytes_off_the_end);

  test::ScratchDirectory scratch_;
  RocksdbOptions options_;
  std::unique_ptr<Store> store_;
  int crashes_ = 0;
};

}  // namespace hirehall::store
