#include "tests/bench/receipts.h"

#include <charconv>

namespace hirehall::bench {
namespace {

constexpr std::size_t stamp_digits = 16;

std::string shown(std::string_view result) {
  return std::string(result.substr(0, 60)) + (result.size() > 60 ? "…" : "");
}

}  // namespace

Receipts::Receipts(const Payloads& payloads, std::uint64_t total, std::uint64_t group, bool stamped)
    : payloads_(payloads),
      total_(total),
      group_(group),
      stamped_(stamped),
      submitted_ns_(group ? total / group + 1 : 0),
      came_(total) {}

void Receipts::submitted(std::uint64_t number) {
  if (group_ == 0) return;
  auto now = now_ns();
  std::lock_guard lock(mutex_);
  submitted_ns_[number / group_] = now;
}

void Receipts::take(const client::ResultBatch& batch) {
  if (batch.results.empty()) return;
  auto now = now_ns();
  std::lock_guard lock(mutex_);
  figures_.last_ns = now;
  if (batch.gap) first_wrong_ = "the stream of results has a gap", ++wrong_;
  for (const auto& result : batch.results) take_one(result, now);
  if (seen_ >= awaited_) {
    awaited_ = UINT64_MAX;
    changed_.notify_one();
  }
}

void Receipts::take_one(const client::ResultView& result, std::int64_t now) {
  auto body = result.result;
  std::int64_t start = 0;
  if (stamped_ && body.size() > stamp_digits) {
    auto digits = body.substr(body.size() - stamp_digits);
    std::from_chars(digits.data(), digits.data() + digits.size(), start, 16);
    body.remove_suffix(stamp_digits);
  }
  auto number = result.state == client::State::succeeded ? payloads_.number_of(body) : std::nullopt;
  if (!number || *number >= total_) {
    if (wrong_++ == 0)
      first_wrong_ = std::string(name_of(result.state)) + " " + std::string(result.error_code) + " " +
                     std::string(result.error_message) + " '" + shown(result.result) + "'";
    return;
  }
  if (came_[*number]) {
    ++repeated_;
    return;
  }
  came_[*number] = true;
  ++seen_;
  ++figures_.results;
  if (stamped_ && (figures_.first_start_ns == 0 || start < figures_.first_start_ns))
    figures_.first_start_ns = start;
  if (group_ == 0) return;
  auto submitted = submitted_ns_[*number / group_];
  figures_.told.add(now - submitted, 1);
  if (stamped_) figures_.started.add(start - submitted);
}

void Receipts::mark() {
  std::lock_guard lock(mutex_);
  figures_ = {};
}

Receipts::Figures Receipts::figures() const {
  std::lock_guard lock(mutex_);
  return figures_;
}

std::uint64_t Receipts::seen() const {
  std::lock_guard lock(mutex_);
  return seen_;
}

bool Receipts::wait_for(std::uint64_t count, std::chrono::milliseconds limit) const {
  std::unique_lock lock(mutex_);
  awaited_ = count;
  bool there = changed_.wait_for(lock, limit, [&] { return seen_ >= count; });
  awaited_ = UINT64_MAX;
  return there;
}

Status Receipts::verdict(std::uint64_t expected, bool repeats) const {
  std::lock_guard lock(mutex_);
  if (wrong_ > 0)
    return fail(Code::internal, std::to_string(wrong_) + " results are not those of their tasks",
                first_wrong_);
  if (seen_ != expected)
    return fail(Code::internal,
                std::to_string(seen_) + " results came for " + std::to_string(expected) + " tasks",
                "results");
  if (repeated_ > 0 && !repeats)
    return fail(Code::internal, std::to_string(repeated_) + " results came more than once", "results");
  return {};
}

}  // namespace hirehall::bench
