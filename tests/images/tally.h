// Counts of images, by the operation they were cut at and by what became of the rest: the tables that are
// printed at the end of a run.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "tests/images/image.h"

namespace hirehall::images {

class Tally {
 public:
  static Tally& of_run();  // of all tests in this process

  // False when the same bytes were judged before.
  bool is_new(const Image& image) { return hashes_.insert(image.hash()).second; }
  struct Row {
    std::uint64_t images = 0;
    std::uint64_t dropped = 0;  // recovery left out a commit that was begun and not acknowledged
    std::uint64_t refused = 0;
  };
  void add(const std::string& kind, const std::string& cut, const std::string& fate, Row row);

  std::uint64_t images() const { return hashes_.size(); }
  std::map<std::string, Row> by_cut(const std::string& kind) const;
  void print() const;

 private:
  std::set<std::uint64_t> hashes_;
  std::map<std::pair<std::string, std::string>, Row> by_cut_;  // kind, operation
  std::map<std::pair<std::string, std::string>, Row> by_fate_;
};

}  // namespace hirehall::images
