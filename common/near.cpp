#include "common/near.h"

#include <algorithm>
#include <vector>

namespace hirehall {

std::size_t edits_between(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    auto corner = row[0]++;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      auto above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, corner + (a[i - 1] == b[j - 1] ? 0 : 1)});
      corner = above;
    }
  }
  return row[b.size()];
}

const std::string* nearest(std::string_view word, std::span<const std::string> known) {
  const std::string* best = nullptr;
  auto least = std::min<std::size_t>(4, word.size() / 3 + 1);
  for (const auto& candidate : known)
    if (const auto edits = edits_between(word, candidate); edits < least) least = edits, best = &candidate;
  return best;
}

}  // namespace hirehall
