#include "client/src/submission.h"

#include <algorithm>
#include <chrono>

#include "client/src/convert.h"

namespace hirehall::client {

Submission::State::State(std::shared_ptr<client_core::Settling> shared, std::size_t count)
    : settling(std::move(shared)), ids(count), remaining(count) {
  std::lock_guard lock(settling->mutex);
  settling->outstanding += count;
}

void Submission::State::accepted(std::size_t index, std::string_view raw_id) {
  std::copy(raw_id.begin(), raw_id.end(), ids[index].bytes.begin());
}

void Submission::State::refused(std::size_t index, const hirehall::Error& error) {
  std::lock_guard lock(settling->mutex);  // the user's thread refuses what is too large to be sent
  refusals.push_back({index, to_public(error)});
}

void Submission::State::settled(std::size_t count) {
  bool last = false;
  {
    std::lock_guard lock(settling->mutex);
    last = remaining == count;
    if (last && !refusals.empty()) {
      // An answer cut short by a bad frame was told again.
      auto earlier = [](const Refusal& a, const Refusal& b) { return a.index < b.index; };
      auto same = [](const Refusal& a, const Refusal& b) { return a.index == b.index; };
      std::stable_sort(refusals.begin(), refusals.end(), earlier);
      refusals.erase(std::unique(refusals.begin(), refusals.end(), same), refusals.end());
    }
    remaining -= count;
    settling->outstanding -= count;
    if (settling->waiters > 0 && (last || settling->outstanding == 0)) settling->changed.notify_all();
  }
  if (last && told) told(*this);
}

std::size_t Submission::size() const {
  return state_->ids.size();
}
const std::vector<TaskId>& Submission::ids() const {
  return state_->ids;
}
const std::vector<Submission::Refusal>& Submission::refusals() const {
  return state_->refusals;
}

bool Submission::done() const {
  return wait(0);
}

bool Submission::wait(Millis timeout_ms) const {
  auto& settling = *state_->settling;
  std::unique_lock lock(settling.mutex);
  if (state_->remaining == 0) return true;
  if (timeout_ms <= 0) return false;
  ++settling.waiters;
  bool done = settling.changed.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                                        [&] { return state_->remaining == 0; });
  --settling.waiters;
  return done;
}

}  // namespace hirehall::client
