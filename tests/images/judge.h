// Opens an image as a broker would after the crash, and compares all that it finds with what must be there.
#pragma once

#include <cstdint>
#include <string>

#include "tests/images/image.h"
#include "tests/images/workload.h"

namespace rocksdb {
class Env;
}

namespace hirehall::images {

store::RocksdbOptions options_at(const std::string& directory, rocksdb::Env* env = nullptr);

struct Verdict {
  bool opened = false;
  std::uint64_t commit = 0;  // the last one recovered
  Error refusal;             // when it did not open
  std::string wrong;         // empty: what was read is the state of that commit, byte for byte
};

// With `go_on`, commits once more and opens again.
Verdict judge(const std::string& directory, const Reference& reference, rocksdb::Env* env = nullptr,
              bool go_on = false);

// The mark that a store stopped in order has, put into an image whose own may lag.
void set_watermark(Image& image, std::uint64_t commit);

// On a disk in memory where there is one: thousands of images come and go.
std::string place_for_images();

// HIREHALL_SEED=N repeats a run; without it a test draws its own. Printed first.
std::uint64_t seed_of_run();
// HIREHALL_EVERYTHING=1: all images, not the share of every day.
bool everything();

// Keeps an image that was judged wrong, for a human; the path.
std::string keep_for_study(const Image& image, const std::string& name);

}  // namespace hirehall::images
