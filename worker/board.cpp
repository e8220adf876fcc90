#include "worker/board.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "common/check.h"
#include "worker/executor.h"

namespace hirehall::worker {
namespace {

// A run is about this long: the lock is cheap beside it, and results are not held back for longer.
constexpr double run_us = 500;
constexpr std::uint32_t run_max = 512;
constexpr std::size_t spare_max = 64;
// How often a slot without work looks whether a busy one has something it has not begun.
constexpr auto steal_interval = std::chrono::milliseconds(20);

constexpr std::uint64_t window_of(std::uint64_t next, std::uint64_t end) {
  return next << 32 | end;
}

}  // namespace

Micros monotonic_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

Board::Board(std::size_t slots, std::vector<std::uint32_t> instances, std::function<void()> wake)
    : wake_(std::move(wake)), slots_(slots) {
  for (auto& slot : slots_) {
    slot.wake_fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    HH_CHECK(slot.wake_fd >= 0, "an eventfd per slot: raise LimitNOFILE");
  }
  lines_.resize(instances.size());
  for (std::size_t i = 0; i < instances.size(); ++i) lines_[i].instances = instances[i];
}

Board::~Board() {
  for (auto& slot : slots_) ::close(slot.wake_fd);
}

void Board::post(const AwardPtr& award, const std::vector<std::uint32_t>& agent_of_shape) {
  const auto& attempts = award->attempts;
  std::lock_guard lock(mutex_);
  for (std::uint32_t from = 0; from < attempts.size();) {
    auto agent = agent_of_shape[attempts[from].shape];
    auto to = from + 1;
    while (to < attempts.size() && agent_of_shape[attempts[to].shape] == agent) ++to;
    lines_[agent].runs.push_back({award, agent, from, to, ++arrivals_});
    queued_ += to - from;
    from = to;
  }
  work_.notify_all();
}

bool Board::take(std::size_t slot, Run& run, Results& results) {
  Slot& mine = slots_[slot];
  if (!results.empty()) done(slot, results);
  std::unique_lock lock(mutex_);
  if (mine.active) {
    mine.active = false;
    --lines_[mine.run.agent].running;
    busy_.fetch_sub(1, std::memory_order_relaxed);
    if (lines_[mine.run.agent].instances != 0) work_.notify_one();
    mine.run.award.reset();
  }
  for (;;) {
    if (closed_) return false;
    if (pick(slot) || steal(slot)) break;
    if (stealable())
      work_.wait_for(lock, steal_interval);  // not ours to take now, but perhaps soon
    else
      work_.wait(lock);
  }
  run = mine.run;
  return true;
}

bool Board::pick(std::size_t slot) {
  Line* best = nullptr;
  for (auto& line : lines_) {
    if (line.runs.empty() || (line.instances != 0 && line.running >= line.instances)) continue;
    if (best == nullptr || line.runs.front().arrival < best->runs.front().arrival) best = &line;
  }
  if (best == nullptr) return false;
  double wanted = best->service_us == 0 ? 1 : run_us / best->service_us;
  const auto each = (queued_ + slots_.size() - 1) / slots_.size();
  auto share = static_cast<double>(each);
  auto length = static_cast<std::uint32_t>(std::clamp(std::min(wanted, share), 1.0, double{run_max}));
  Run& front = best->runs.front();
  Run run = front;
  run.to = std::min(front.to, front.from + length);
  front.from = run.to;
  if (front.from == front.to) best->runs.pop_front();
  queued_ -= run.to - run.from;
  begin(slot, std::move(run));
  return true;
}

bool Board::steal(std::size_t slot) {
  for (auto& other : slots_) {
    if (!other.active) continue;
    Line& line = lines_[other.run.agent];
    if (line.instances != 0 && line.running >= line.instances) continue;
    auto window = other.window.load(std::memory_order_acquire);
    auto next = window >> 32;
    auto end = window & 0xffffffffu;
    if (next + 1 > end) continue;  // the one that runs now has been taken out of the window already
    auto middle = next + (end - next) / 2;
    if (!other.window.compare_exchange_strong(window, window_of(next, middle))) continue;
    Run run = other.run;
    run.from = static_cast<std::uint32_t>(middle);
    run.to = static_cast<std::uint32_t>(end);
    begin(slot, std::move(run));
    return true;
  }
  return false;
}

bool Board::stealable() const {
  for (const auto& slot : slots_) {
    auto window = slot.window.load(std::memory_order_acquire);
    if (slot.active && window >> 32 < (window & 0xffffffffu)) return true;
  }
  return false;
}

void Board::begin(std::size_t slot, Run run) {
  Slot& mine = slots_[slot];
  mine.window.store(window_of(run.from, run.to), std::memory_order_release);
  ++lines_[run.agent].running;
  mine.run = std::move(run);
  mine.active = true;
  mine.taken_at = monotonic_us();
  busy_.fetch_add(1, std::memory_order_relaxed);
}

bool Board::held_up(Micros now, Micros long_us) {
  seen_.resize(slots_.size());
  bool all = true;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const auto& slot = slots_[i];
    const auto window = slot.window.load(std::memory_order_acquire);
    auto& seen = seen_[i];
    const bool same = slot.active && seen.arrival == slot.run.arrival && seen.window == window;
    if (!same) seen = {slot.active ? slot.run.arrival : 0, window, now};
    all = all && same && now - seen.since >= long_us;
  }
  return all;
}

// A task with one award only waits on.
void Board::hand_back_run(Run& run, Results& results, std::deque<Run>& stay) {
  OutcomeExtras extras;
  extras.error = "would have waited for other work here";
  for (auto i = run.from; i < run.to; ++i) {
    const auto& attempt = run.award->attempts[i];
    if (ended_before_begun(*this, attempt, results)) {
      --queued_;
    } else if (!attempt.at_most_once()) {
      results.add(attempt.token, Outcome::interrupted, {}, extras);
      --queued_;
    } else if (!stay.empty() && stay.back().award == run.award && stay.back().to == i) {
      ++stay.back().to;
    } else {
      stay.push_back({run.award, run.agent, i, i + 1, run.arrival});
    }
  }
}

void Board::hand_back_waiting(Micros now, Micros long_us, Results& results) {
  std::lock_guard lock(mutex_);
  if (!held_up(now, long_us)) return;
  for (auto& line : lines_) {
    std::deque<Run> stay;
    for (auto& run : line.runs) hand_back_run(run, results, stay);
    line.runs = std::move(stay);
  }
  for (auto& slot : slots_) {
    auto window = slot.window.load(std::memory_order_acquire);
    const auto next = window >> 32, end = window & 0xffffffffu;
    if (next >= end) continue;
    if (!slot.window.compare_exchange_strong(window, window_of(next, next)))
      continue;  // it goes on after all
    Run rest = slot.run;
    rest.from = static_cast<std::uint32_t>(next);
    rest.to = static_cast<std::uint32_t>(end);
    queued_ += rest.to - rest.from;
    hand_back_run(rest, results, lines_[rest.agent].runs);
  }
  if (anything_revoked()) forget_revoked(results);
}

std::optional<std::uint32_t> Board::next(std::size_t slot) {
  auto& mine = slots_[slot].window;
  auto window = mine.load(std::memory_order_relaxed);
  for (;;) {
    auto at = window >> 32;
    if (at >= (window & 0xffffffffu)) return std::nullopt;
    if (mine.compare_exchange_weak(window, window + (std::uint64_t{1} << 32), std::memory_order_acq_rel))
      return static_cast<std::uint32_t>(at);
  }
}

void Board::done(std::size_t slot, Results& results) {
  if (results.empty()) return;
  auto now = monotonic_us();
  auto n = static_cast<double>(results.size());
  auto agent = slots_[slot].run.agent;
  double spent_us = static_cast<double>(now - slots_[slot].taken_at);
  results.service_ns = static_cast<std::int64_t>(spent_us * 1000);
  slots_[slot].taken_at = now;
  {
    std::lock_guard lock(mutex_);
    double& mean = lines_[agent].service_us;
    double sample = std::max(spent_us / n, 0.05);
    mean = mean == 0 ? sample : mean + (sample - mean) * std::min(0.5, n / 64);
  }
  bool wake = false;
  {
    std::lock_guard lock(outgoing_mutex_);
    results_.push_back(std::move(results));
    if (spare_.empty()) {
      results = Results{};
    } else {
      results = std::move(spare_.back());
      spare_.pop_back();
    }
    wake = !std::exchange(woken_, true);
  }
  if (wake) wake_();
}

void Board::report(Report report) {
  bool wake = false;
  {
    std::lock_guard lock(outgoing_mutex_);
    reports_.push_back(std::move(report));
    wake = !std::exchange(woken_, true);
  }
  if (wake) wake_();
}

void Board::collect(std::vector<Results>& results, std::vector<Report>& reports) {
  results.clear();
  reports.clear();
  {
    std::lock_guard lock(outgoing_mutex_);
    results.swap(results_);
    reports.swap(reports_);
    woken_ = false;
  }
  if (!anything_revoked()) return;
  for (const auto& batch : results) forget_revoked(batch);
}

void Board::forget_revoked(const Results& ended) {
  std::lock_guard lock(revoked_mutex_);
  for (auto token : ended.tokens()) revoked_.erase(token);
  revocations_.store(static_cast<std::uint32_t>(revoked_.size()) + (everything_.why != Revocation::Why::none),
                     std::memory_order_release);
}

void Board::recycle(std::vector<Results>& results) {
  for (auto& batch : results) batch.clear();
  std::lock_guard lock(outgoing_mutex_);
  for (auto& batch : results)
    if (spare_.size() < spare_max) spare_.push_back(std::move(batch));
}

void Board::stop(const StopOrder& order, Micros now) {
  {
    std::lock_guard lock(revoked_mutex_);
    revoked_.try_emplace(order.token,
                         Revocation{Revocation::Why::stop, now, order.grace_ms * 1000, order.reason});
    revocations_.fetch_add(1, std::memory_order_acq_rel);
  }
  wake_slots();
}

void Board::lose(Token token, Micros now) {
  // Somebody else may run it already: little grace.
  constexpr Micros grace_us = 1'000'000;
  {
    std::lock_guard lock(revoked_mutex_);
    revoked_.insert_or_assign(token, Revocation{Revocation::Why::lost, now, grace_us, "the lease is over"});
    revocations_.fetch_add(1, std::memory_order_acq_rel);
  }
  wake_slots();
}

void Board::interrupt_all(Micros grace_us, Micros now) {
  {
    std::lock_guard lock(revoked_mutex_);
    everything_ = {Revocation::Why::interrupt, now, grace_us, "the worker is stopping"};
    revocations_.fetch_add(1, std::memory_order_acq_rel);
  }
  wake_slots();
}

Revocation Board::revoked(Token token) const {
  if (!anything_revoked()) return {};
  std::lock_guard lock(revoked_mutex_);
  auto it = revoked_.find(token);
  return it == revoked_.end() ? everything_ : it->second;
}

void Board::wake_slots() {
  for (auto& slot : slots_) {
    std::uint64_t one = 1;
    [[maybe_unused]] auto written = ::write(slot.wake_fd, &one, sizeof one);  // full means already readable
  }
}

Micros Board::overdue(Micros now) const {
  Micros most = 0;
  for (const auto& slot : slots_) {
    auto expected = slot.expected_by.load(std::memory_order_relaxed);
    if (expected != 0) most = std::max(most, now - expected);
  }
  return most;
}

void Board::close() {
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
  }
  work_.notify_all();
}

}  // namespace hirehall::worker
