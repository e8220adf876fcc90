// Open addressing from a 64-bit number to a 32-bit slot: what the engine looks up per task.
// Linear probing with backward-shift deletion; iteration is deliberately not offered (order would leak into
// decisions), only a sorted copy.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "common/check.h"

namespace hirehall {

class FlatMap {
 public:
  static constexpr std::uint32_t none = 0xffffffff;

  std::uint32_t find(std::uint64_t key) const {
    if (cells_.empty()) return none;
    for (std::size_t i = home(key);; i = (i + 1) & mask_) {
      if (cells_[i].slot == none) return none;
      if (cells_[i].key == key) return cells_[i].slot;
    }
  }
  void insert(std::uint64_t key, std::uint32_t slot) {
    if ((size_ + 1) * 2 > cells_.size()) grow();
    place(key, slot);
    ++size_;
  }
  bool erase(std::uint64_t key) {
    if (cells_.empty()) return false;
    std::size_t i = home(key);
    while (cells_[i].key != key || cells_[i].slot == none) {
      if (cells_[i].slot == none) return false;
      i = (i + 1) & mask_;
    }
    for (std::size_t next = (i + 1) & mask_; cells_[next].slot != none; next = (next + 1) & mask_) {
      auto ideal = home(cells_[next].key);
      if (((next - ideal) & mask_) >= ((next - i) & mask_)) {
        cells_[i] = cells_[next];
        i = next;
      }
    }
    cells_[i].slot = none;
    --size_;
    return true;
  }
  std::size_t size() const { return size_; }
  std::vector<std::pair<std::uint64_t, std::uint32_t>> sorted() const {
    std::vector<std::pair<std::uint64_t, std::uint32_t>> out;
    out.reserve(size_);
    for (const auto& cell : cells_)
      if (cell.slot != none) out.emplace_back(cell.key, cell.slot);
    std::sort(out.begin(), out.end());
    return out;
  }

 private:
  struct Cell {
    std::uint64_t key = 0;
    std::uint32_t slot = none;
  };

  std::size_t home(std::uint64_t key) const {
    return static_cast<std::size_t>((key * 0x9e3779b97f4a7c15ull) >> 20) & mask_;
  }
  void place(std::uint64_t key, std::uint32_t slot) {
    std::size_t i = home(key);
    while (cells_[i].slot != none) {
      HH_CHECK(cells_[i].key != key, "a key is inserted once");
      i = (i + 1) & mask_;
    }
    cells_[i] = {key, slot};
  }
  void grow() {
    std::vector<Cell> old(cells_.empty() ? 64 : cells_.size() * 2);
    old.swap(cells_);
    mask_ = cells_.size() - 1;
    for (const auto& cell : old)
      if (cell.slot != none) place(cell.key, cell.slot);
  }

  std::vector<Cell> cells_;
  std::size_t mask_ = 0;
  std::size_t size_ = 0;
};

}  // namespace hirehall
