#include "scheduler/resource_book.h"

#include <algorithm>

#include "common/check.h"
#include "scheduler/ability.h"

namespace hirehall::scheduler {

namespace {

std::int64_t amount(const Amounts& amounts, std::string_view name) {
  const auto found = amounts.find(name);
  return found == amounts.end() ? 0 : found->second;
}

}  // namespace

Result<Amounts> amounts_of(const StringMap& resources) {
  Amounts out;
  for (const auto& [name, text] : resources) {
    const auto amount = parse_amount(text);
    if (!amount)
      return fail(Code::invalid,
                  "resource " + name + " is '" + text + "'; it takes a whole amount such as 4, 500M or 2Gi",
                  name);
    out.emplace(name, *amount);
  }
  return out;
}

std::int64_t ResourceBook::free(std::string_view name) const {
  return amount(offered_, name) - amount(used_, name);
}

bool ResourceBook::fits(const Amounts& asked) const {
  return std::all_of(asked.begin(), asked.end(),
                     [&](const auto& want) { return want.second <= free(want.first); });
}

std::vector<std::string> ResourceBook::short_of(const Amounts& asked) const {
  std::vector<std::string> words;
  for (const auto& [name, want] : asked)
    if (want > free(name))
      words.push_back(name + ": " + std::to_string(want) + " asked, " + std::to_string(free(name)) + " of " +
                      std::to_string(amount(offered_, name)) + " free");
  return words;
}

void ResourceBook::take(const Amounts& asked) {
  HH_CHECK(fits(asked), "more was taken of a worker's resources than is free");
  for (const auto& [name, want] : asked) used_[name] += want;
}

void ResourceBook::give_back(const Amounts& asked) {
  for (const auto& [name, want] : asked) {
    HH_CHECK(amount(used_, name) >= want, "more was given back than was taken");
    used_[name] -= want;
  }
}

std::int64_t dominant_share(const Amounts& used, const Amounts& total) {
  constexpr std::int64_t million = 1'000'000;
  std::int64_t most = 0;
  for (const auto& [name, amount_used] : used) {
    const auto all = amount(total, name);
    if (all <= 0) continue;
    // Exact while it fits, in floating point beyond.
    const auto share =
        amount_used <= INT64_MAX / million
            ? amount_used * million / all
            : static_cast<std::int64_t>(static_cast<double>(amount_used) / static_cast<double>(all) *
                                        static_cast<double>(million));
    most = std::max(most, share);
  }
  return most;
}

}  // namespace hirehall::scheduler
