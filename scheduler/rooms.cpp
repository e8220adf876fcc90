#include "scheduler/rooms.h"

#include <algorithm>

#include "common/mutant.h"

namespace hirehall::scheduler {

namespace {

// So that sums over a fleet of many workers fit.
constexpr std::int64_t amount_max = std::int64_t{1} << 50;

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
    out.emplace(name, std::min(*amount, amount_max));
  }
  return out;
}

void Rooms::offer(WorkerNo worker, const StringMap& resources, std::uint32_t slots) {
  auto& room = rooms_[worker];
  count(room, -1);
  room.offered.clear();
  for (const auto& [name, text] : resources)
    if (const auto offered = parse_amount(text)) room.offered.emplace(name, std::min(*offered, amount_max));
  room.slots = slots;
  count(room, 1);
}

void Rooms::withdraw(WorkerNo worker) {
  const auto at = rooms_.find(worker);
  if (at == rooms_.end()) return;
  count(at->second, -1);
  at->second.slots = 0;
  if (at->second.used.empty()) rooms_.erase(at);
}

void Rooms::count(const Room& room, std::int64_t sign) {
  if (room.slots == 0) return;
  slots_ += sign * room.slots;
  for (const auto& [name, offered] : room.offered)
    if ((total_[name] += sign * offered) == 0) total_.erase(name);
}

const Rooms::Room* Rooms::find(WorkerNo worker) const {
  const auto at = rooms_.find(worker);
  return at == rooms_.end() ? nullptr : &at->second;
}

void Rooms::take(WorkerNo worker, const Amounts& asked, std::uint32_t tasks) {
  auto& room = rooms_[worker];
  for (const auto& [name, want] : asked)
    if (want > 0) room.used[name] += want * tasks;
}

void Rooms::give_back(WorkerNo worker, const Amounts& asked) {
  const auto at = rooms_.find(worker);
  if (at == rooms_.end()) return;
  auto& used = at->second.used;
  for (const auto& [name, want] : asked) {
    const auto row = used.find(name);
    if (row != used.end() && (row->second -= want) <= 0) used.erase(row);
  }
  if (used.empty() && at->second.slots == 0) rooms_.erase(at);
}

void Rooms::keep(WorkerNo worker, const Amounts& kept) {
  if (const auto at = rooms_.find(worker); at != rooms_.end()) at->second.kept = kept;
}

bool Rooms::keeps_from(const Room& room, const Amounts& asked) {
  return std::ranges::any_of(room.kept, [&](const auto& k) { return amount(asked, k.first) < k.second; });
}

bool Rooms::keeps_from(WorkerNo worker, const Amounts& asked) const {
  const auto* room = find(worker);
  return room != nullptr && keeps_from(*room, asked);
}

std::uint32_t Rooms::room(WorkerNo worker, const Amounts& asked) const {
  static const Room nothing;
  const auto* known = find(worker);
  const auto& room = known == nullptr ? nothing : *known;
  const bool rest_only = keeps_from(room, asked) && !HH_MUTANT("kept_room_given_away");
  std::int64_t fits = run_max;
  for (const auto& [name, want] : asked) {
    if (want <= 0) continue;
    const auto kept = rest_only ? amount(room.kept, name) : 0;
    fits = std::min(fits, (amount(room.offered, name) - amount(room.used, name) - kept) / want);
  }
  return static_cast<std::uint32_t>(std::max<std::int64_t>(fits, 0));
}

std::vector<std::string> Rooms::short_of(WorkerNo worker, const Amounts& asked) const {
  std::vector<std::string> words;
  const auto* room = find(worker);
  if (room == nullptr) return words;
  for (const auto& [name, want] : asked) {
    const auto offered = amount(room->offered, name), free = offered - amount(room->used, name);
    if (want > free)
      words.push_back(name + ": " + std::to_string(want) + " asked, " +
                      std::to_string(std::max<std::int64_t>(free, 0)) + " of " + std::to_string(offered) +
                      " free");
  }
  return words;
}

std::int64_t Rooms::free_of(WorkerNo worker, std::string_view name) const {
  const auto* room = find(worker);
  return room == nullptr ? 0 : amount(room->offered, name) - amount(room->used, name);
}

bool Rooms::could_hold(WorkerNo worker, const Amounts& asked) const {
  const auto* room = find(worker);
  return room != nullptr && std::ranges::all_of(asked, [&](const auto& a) {
           return a.second <= amount(room->offered, a.first);
         });
}

std::int64_t Rooms::lacking(WorkerNo worker, const Amounts& asked) const {
  constexpr double million = 1e6;
  std::int64_t most = 0;
  for (const auto& [name, want] : asked) {
    const auto lacks = want - free_of(worker, name);
    if (want <= 0 || lacks <= 0) continue;
    most = std::max(
        most, static_cast<std::int64_t>(static_cast<double>(lacks) / static_cast<double>(want) * million));
  }
  return most;
}

std::pair<std::string, std::int64_t> Rooms::scarcest(const Amounts& asked) const {
  std::pair<std::string, std::int64_t> out;
  std::int64_t most = -1;
  for (const auto& [name, want] : asked) {
    const auto share = dominant_share({{name, want}}, total_);
    if (want > 0 && share > most) most = share, out = {name, want};
  }
  return out;
}

std::uint64_t Rooms::weight_of(const Amounts& asked) const {
  constexpr std::int64_t million = 1'000'000;
  const auto share = std::min(dominant_share(asked, total_), million);
  return static_cast<std::uint64_t>(std::max<std::int64_t>(1, (share * slots_ + million - 1) / million));
}

std::int64_t dominant_share(const Amounts& used, const Amounts& total) {
  constexpr std::int64_t million = 1'000'000;
  std::int64_t most = 0;
  for (const auto& [name, amount_used] : used) {
    const auto all = amount(total, name);
    if (all <= 0) continue;
    // Exact while it fits, in floating point beyond.
    const auto share = amount_used <= INT64_MAX / million
                           ? amount_used * million / all
                           : static_cast<std::int64_t>(
                                 std::min(static_cast<double>(amount_used) / static_cast<double>(all), 1e6) *
                                 static_cast<double>(million));
    most = std::max(most, share);
  }
  return most;
}

}  // namespace hirehall::scheduler
