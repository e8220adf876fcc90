#include "broker/server/attempt_details.h"

#include <algorithm>

#include "common/text.h"

namespace hirehall::server {
namespace {

constexpr std::size_t overhead_bytes = 64;        // of a line beside its text
constexpr std::size_t task_overhead_bytes = 256;  // of a task beside its lines
constexpr std::size_t message_bytes_max = 1024;

}  // namespace

AttemptDetails::Task& AttemptDetails::touched(Sequence sequence) {
  auto [at, added] = tasks_.try_emplace(sequence);
  auto& task = at->second;
  if (added) {
    task.gone_up_to = evicted_up_to_;
    task.turn = turns_.insert(turns_.end(), sequence);
    bytes_ += task_overhead_bytes;
  } else {
    turns_.splice(turns_.end(), turns_, task.turn);
  }
  return task;
}

bool AttemptDetails::progress(Sequence sequence, Progress report) {
  auto& task = touched(sequence);
  if (report.at / 1000 != task.second) task.second = report.at / 1000, task.in_this_second = 0;
  // The last word of an attempt counts, however often it speaks.
  bool complete = report.total != 0 && report.done >= report.total;
  if (++task.in_this_second > settings_.progress_per_second && !complete) {
    ++counts_.progress_dropped;
    return false;
  }
  ++counts_.progress;
  report.message = clip(report.message, message_bytes_max);
  task.progress = std::move(report);
  make_room(sequence);
  return true;
}

void AttemptDetails::line(Sequence sequence, std::uint32_t attempt, Millis now, std::string_view text,
                          bool output) {
  auto& task = touched(sequence);
  auto kept = clip(text, limits::log_line_bytes_max);
  auto size = kept.size() + overhead_bytes;
  while (!task.lines.empty() && task.bytes + size > settings_.task_bytes) drop_front(task);
  task.lines.push_back({next_++, now, attempt, output, std::string(kept)});
  task.bytes += size;
  bytes_ += size;
  ++counts_.lines;
  make_room(sequence);
}

void AttemptDetails::drop_front(Task& task) {
  auto size = task.lines.front().text.size() + overhead_bytes;
  task.gone_up_to = task.lines.front().position;
  task.lines.pop_front();
  task.bytes -= size;
  bytes_ -= size;
  ++counts_.lines_gone;
}

void AttemptDetails::make_room(Sequence keep) {
  while (bytes_ > settings_.all_bytes && turns_.front() != keep) {
    auto at = tasks_.find(turns_.front());
    while (!at->second.lines.empty()) drop_front(at->second);
    evicted_up_to_ = std::max(evicted_up_to_, at->second.gone_up_to);
    bytes_ -= task_overhead_bytes;
    turns_.pop_front();
    tasks_.erase(at);
  }
}

const AttemptDetails::Task* AttemptDetails::of(Sequence sequence) const {
  auto at = tasks_.find(sequence);
  return at == tasks_.end() ? nullptr : &at->second;
}

}  // namespace hirehall::server
