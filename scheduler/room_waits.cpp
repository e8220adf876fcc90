#include "scheduler/room_waits.h"

#include <algorithm>

#include "common/mutant.h"

namespace hirehall::scheduler {

namespace {

constexpr std::int64_t again_ms = 250;     // for those for whom no worker was found
constexpr std::size_t keepers_sought = 4;  // at a time: each looks at every worker

}  // namespace

bool RoomWaits::aside(ShelfNo shelf) const {
  return aside_.contains(shelf);
}

void RoomWaits::set_aside(ShelfNo shelf, LaneNo lane, ClassNo cls, std::int64_t now) {
  offered_.erase(shelf);
  if (aside(shelf)) return;
  if (waits_.empty()) fleet_.watch_rooms(true);
  const auto& asked = fleet_.asked(turns_.demand_of(shelf));
  const auto [at, fresh] = waits_.try_emplace(shelf, RoomWait{.lane = lane, .cls = cls, .since = now});
  if (fresh && !asked.empty()) by_age_.emplace(at->second.since, shelf);
  auto [name, amount] = fleet_.rooms().scarcest(asked);
  const auto row = index_.try_emplace(std::move(name)).first;
  row->second.emplace(amount, shelf);
  aside_.emplace(shelf, Place{row, amount});
}

void RoomWaits::take_off(ShelfNo shelf) {
  const auto at = aside_.find(shelf);
  if (at == aside_.end()) return;
  auto& [row, amount] = at->second;
  row->second.erase({amount, shelf});
  if (row->second.empty()) index_.erase(row);
  aside_.erase(at);
}

void RoomWaits::let_go(ShelfNo shelf) {
  auto& wait = waits_.at(shelf);
  if (wait.kept_on == none) return;
  if (!HH_MUTANT("kept_room_stays")) fleet_.keep_no_more(wait.kept_on);
  wait.kept_on = none;
  kept_.erase(shelf);
  by_age_.emplace(wait.since, shelf);
  again_at_ = 0;
  behind_ = {};
}

void RoomWaits::end(ShelfNo shelf) {
  const auto at = waits_.find(shelf);
  if (at == waits_.end()) return;
  let_go(shelf);
  take_off(shelf);
  offered_.erase(shelf);
  by_age_.erase({at->second.since, shelf});
  waits_.erase(at);
  if (!waits_.empty()) return;
  fleet_.watch_rooms(false);
  again_ = false;
}

void RoomWaits::offer_on(WorkerNo worker, std::vector<ShelfNo>& out) {
  for (const auto& [name, row] : index_) {
    ++looked_at_;
    const auto most = name.empty() ? 0 : fleet_.rooms().free_of(worker, name);
    for (auto at = row.begin(); at != row.end() && at->first <= most; ++at) {
      ++looked_at_;
      if (!offered_.contains(at->second) && fleet_.has_room(worker, turns_.demand_of(at->second)))
        out.push_back(at->second), offered_.insert(at->second);
    }
  }
}

void RoomWaits::offer(std::vector<ShelfNo>& out) {
  auto workers = fleet_.take_roomier();
  if (again_) workers.insert(workers.end(), last_roomier_.begin(), last_roomier_.end());
  again_ = false;
  std::sort(workers.begin(), workers.end());
  workers.erase(std::unique(workers.begin(), workers.end()), workers.end());
  const auto from = out.size();
  for (const auto worker : workers) offer_on(worker, out);
  for (auto i = from; i < out.size(); ++i) take_off(out[i]);
  last_roomier_ = std::move(workers);
}

void RoomWaits::put_back() {
  if (offered_.empty()) return;
  again_ = true;
  for (const auto shelf : std::exchange(offered_, {})) {
    turns_.set_ready(shelf, false, 0);
    const auto& wait = waits_.at(shelf);
    set_aside(shelf, wait.lane, wait.cls, wait.since);
  }
}

void RoomWaits::drop_lost() {
  std::vector<ShelfNo> lost;
  for (const auto shelf : kept_)
    if (!fleet_.keeps(waits_.at(shelf).kept_on, turns_.demand_of(shelf))) lost.push_back(shelf);
  for (const auto shelf : lost) let_go(shelf);
}

void RoomWaits::find_keeper(ShelfNo shelf, std::int64_t now) {
  const auto demand = turns_.demand_of(shelf);
  const auto worker = fleet_.keeper_for(demand);
  if (worker == none) return;
  fleet_.keep(worker, demand);
  auto& wait = waits_.at(shelf);
  wait.kept_on = worker;
  wait.kept_since = now;
  kept_.insert(shelf);
  by_age_.erase({wait.since, shelf});
  ++kept_total_;
}

void RoomWaits::keep(std::int64_t now, std::int64_t patience) {
  drop_lost();
  if (patience <= 0 || now < again_at_ || HH_MUTANT("room_never_kept")) return;
  const auto due = [&](auto at) { return at != by_age_.end() && at->first + patience <= now; };
  auto at = by_age_.lower_bound(behind_);
  if (!due(at)) at = by_age_.begin(), behind_ = {};
  std::size_t sought = 0;
  const bool any = due(at);
  while (due(at) && sought < keepers_sought && kept_.size() < kept_max) {
    const auto [since, shelf] = *at++;
    behind_ = {since, shelf + 1};
    if (!fleet_.can_be_overtaken(turns_.demand_of(shelf))) continue;
    ++sought;
    find_keeper(shelf, now);
  }
  if (!due(at)) behind_ = {};
  again_at_ = any ? now + again_ms : 0;
}

std::int64_t RoomWaits::look_at(std::int64_t patience) const {
  if (patience <= 0 || by_age_.empty() || kept_.size() >= kept_max) return never;
  return std::max(by_age_.begin()->first + patience, again_at_);
}

const RoomWait* RoomWaits::of(LaneNo lane, ClassNo cls) const {
  const auto at = std::ranges::find_if(
      waits_, [&](const auto& wait) { return wait.second.lane == lane && wait.second.cls == cls; });
  return at == waits_.end() ? nullptr : &at->second;
}

const RoomWait* RoomWaits::kept_on(WorkerNo worker) const {
  for (const auto shelf : kept_)
    if (const auto& wait = waits_.at(shelf); wait.kept_on == worker) return &wait;
  return nullptr;
}

}  // namespace hirehall::scheduler
