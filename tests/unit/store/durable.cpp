#include "tests/unit/store/durable.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace hirehall::store {

RocksdbOptions DurableTest::options_at(const std::string& path) {
  RocksdbOptions options;
  options.path = path;
  options.memory = MemoryProfile::small;
  options.space.reserve_bytes = 0;
  return options;
}

void DurableTest::open() {
  auto opened = open_rocksdb(options_);
  ASSERT_TRUE(opened) << describe(opened.error());
  store_ = std::move(*opened);
}

Error DurableTest::refused() {
  return refused(options_);
}

Error DurableTest::refused(const RocksdbOptions& options) {
  const auto opened = open_rocksdb(options);
  EXPECT_FALSE(opened) << "the store opened";
  return opened ? Error{Code::ok, "opened", {}, 0} : opened.error();
}

Status DurableTest::try_commit(const std::string& value) {
  const std::uint64_t number = store_->last_commit() + 1;
  return store_->commit({number,
                         {{Family::facts, false, number_key(number, 0), "facts"},
                          {Family::bodies, false, number_key(number), value}}});
}

void DurableTest::commit(const std::string& value) {
  const auto done = try_commit(value);
  ASSERT_TRUE(done) << describe(done.error());
}

void DurableTest::commit_many(std::uint64_t count, const std::string& value) {
  for (std::uint64_t i = 0; i < count; ++i) commit(value);
}

std::string DurableTest::body(std::uint64_t number) {
  return store_->view()->get(Family::bodies, number_key(number)).value().value_or("nothing");
}

void DurableTest::crash() {
  const std::string image = scratch_ / ("image-" + std::to_string(++crashes_));
  std::filesystem::copy(options_.path, image, std::filesystem::copy_options::recursive);
  close();
  options_.path = image;
}

std::string DurableTest::newest(const std::string& extension) const {
  std::string found;
  for (const auto& entry : std::filesystem::directory_iterator(options_.path + "/db"))
    if (entry.path().extension() == extension && entry.file_size() > 0)
      found = std::max(found, entry.path().string());
  EXPECT_NE(found, "") << "no file *" << extension;
  return found;
}

std::string DurableTest::read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void DurableTest::write(const std::string& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << bytes;
}

void DurableTest::flip_bit(const std::string& path, std::uint64_t offset) {
  std::string bytes = read(path);
  ASSERT_LT(offset, bytes.size());
  bytes[offset] = static_cast<char>(bytes[offset] ^ 1);
  write(path, bytes);
}

void DurableTest::cut(const std::string& path, std::uint64_t bytes_off_the_end) {
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - bytes_off_the_end);
}

}  // namespace hirehall::store
