#include "tests/images/tally.h"

#include <gtest/gtest.h>

#include <cstdio>

namespace hirehall::images {

namespace {

void add_to(Tally::Row& sum, const Tally::Row& row) {
  sum.images += row.images;
  sum.dropped += row.dropped;
  sum.refused += row.refused;
}

void print_row(const std::string& what, const Tally::Row& row) {
  std::printf("  %-38s %8llu %8llu %8llu\n", what.c_str(), static_cast<unsigned long long>(row.images),
              static_cast<unsigned long long>(row.dropped), static_cast<unsigned long long>(row.refused));
}

class PrintAtEnd final : public testing::Environment {
 public:
  void TearDown() override { Tally::of_run().print(); }
};

[[maybe_unused]] testing::Environment* const printer =
    testing::AddGlobalTestEnvironment(new PrintAtEnd);  // googletest deletes it

}  // namespace

Tally& Tally::of_run() {
  static Tally tally;
  return tally;
}

void Tally::add(const std::string& kind, const std::string& cut, const std::string& fate, Row row) {
  add_to(by_cut_[{kind, cut}], row);
  add_to(by_fate_[{kind, fate}], row);
}

std::map<std::string, Tally::Row> Tally::by_cut(const std::string& kind) const {
  std::map<std::string, Row> rows;
  for (const auto& [key, row] : by_cut_)
    if (key.first == kind) rows.emplace(key.second, row);
  return rows;
}

void Tally::print() const {
  if (hashes_.empty()) return;
  std::printf("%-40s %8s %8s %8s\n", "images, distinct by content", "judged", "dropped", "refused");
  Row all;
  for (const auto& [key, row] : by_cut_) {
    print_row(key.first + ": " + key.second, row);
    add_to(all, row);
  }
  std::printf("by what became of the rest\n");
  for (const auto& [key, row] : by_fate_) print_row(key.first + ": " + key.second, row);
  print_row("all", all);
  std::fflush(stdout);
}

}  // namespace hirehall::images
