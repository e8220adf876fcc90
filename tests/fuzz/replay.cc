// Runs a fuzz target without libFuzzer: every file of the corpus, then mutations of them from a fixed seed. A
// build that is not instrumented for coverage finds little this way; the point is that every commit runs
// every kept finding.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "tests/fuzz/fuzzing.h"

// A target that knows the form of its inputs changes them itself.
extern "C" __attribute__((weak)) std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                                                     std::size_t max_size, unsigned seed);
extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace {

using Bytes = std::vector<std::uint8_t>;

class Random {
 public:
  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15U;  // splitmix64: the same inputs on every machine
    std::uint64_t z = state_;
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31U);
  }
  std::size_t below(std::size_t limit) { return static_cast<std::size_t>(next() % limit); }

 private:
  std::uint64_t state_ = 20240229;
};

void mutate(Bytes& bytes, Random& random) {
  const std::size_t edits = 1 + random.below(4);
  for (std::size_t i = 0; i < edits; ++i) {
    const auto byte = static_cast<std::uint8_t>(random.next());
    if (bytes.empty() || random.below(4) == 0) {
      const auto at = static_cast<std::ptrdiff_t>(random.below(bytes.size() + 1));
      bytes.insert(bytes.begin() + at, byte);
    } else if (random.below(3) == 0) {
      bytes.resize(random.below(bytes.size()) + 1);
    } else {
      bytes[random.below(bytes.size())] = byte;
    }
  }
}

void change(Bytes& bytes, Random& random) {
  if (LLVMFuzzerCustomMutator == nullptr) return mutate(bytes, random);
  constexpr std::size_t room = 4096;
  const std::size_t size = bytes.size();
  bytes.resize(size + room);
  bytes.resize(
      LLVMFuzzerCustomMutator(bytes.data(), size, bytes.size(), static_cast<unsigned>(random.next())));
}

}  // namespace

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size) {
  static Random random;
  Bytes bytes(data, data + size);
  mutate(bytes, random);
  bytes.resize(std::min(bytes.size(), max_size));
  std::copy(bytes.begin(), bytes.end(), data);
  return bytes.size();
}

int main(int argc, char** argv) {
  std::vector<std::filesystem::path> files;
  for (int i = 1; i < argc; ++i) {
    const std::filesystem::path path = argv[i];
    if (std::filesystem::is_directory(path)) {
      for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
        if (entry.is_regular_file()) files.push_back(entry.path());
      }
    } else if (std::filesystem::is_regular_file(path)) {
      files.push_back(path);
    }
  }
  std::sort(files.begin(), files.end());

  std::vector<Bytes> corpus = {{}};
  for (const auto& file : files) {
    std::ifstream in(file, std::ios::binary);
    corpus.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  for (const auto& input : corpus) LLVMFuzzerTestOneInput(input.data(), input.size());
  const auto accepted = hirehall::fuzz::accepted;
  if (accepted == 0) {
    std::printf("nothing in this corpus is accepted: it tests the refusal only\n");
    return 1;
  }

  const char* wanted = std::getenv("HIREHALL_FUZZ_RUNS");
  const std::size_t runs = wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : 4000;
  Random random;
  for (std::size_t i = 0; i < runs; ++i) {
    Bytes input = corpus[random.below(corpus.size())];
    change(input, random);
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }
  std::printf("%zu files, %llu accepted, and %zu mutations, %llu accepted\n", files.size(),
              static_cast<unsigned long long>(accepted), runs,
              static_cast<unsigned long long>(hirehall::fuzz::accepted - accepted));
  return 0;
}
