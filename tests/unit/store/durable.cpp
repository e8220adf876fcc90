#include "tests/unit/store/durable.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

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

namespace {

// Names, sizes and times of everything below; empty when something went away meanwhile.
std::string listing(const std::string& directory) {
  namespace fs = std::filesystem;
  std::string out;
  std::error_code error;
  for (auto entry = fs::recursive_directory_iterator(directory, error);
       !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    if (entry->is_directory(error)) continue;
    out += entry->path().string() + " " + std::to_string(entry->file_size(error)) + " ";
    out += std::to_string(entry->last_write_time(error).time_since_epoch().count()) + "\n";
    if (error) return {};
  }
  return error ? std::string() : out;
}

}  // namespace

// A copy is the picture of one moment only if nothing changed while it was made, and RocksDB tidies up in the
// background.
void DurableTest::crash() {
  for (int tries = 0; tries < 1000; ++tries) {
    const std::string image = scratch_ / ("image-" + std::to_string(++crashes_));
    const std::string before = listing(options_.path);
    std::error_code error;
    std::filesystem::copy(options_.path, image, std::filesystem::copy_options::recursive, error);
    if (error || before.empty() || listing(options_.path) != before) continue;
    close();
    options_.path = image;
    return;
  }
  FAIL() << "the directory never came to rest";
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
