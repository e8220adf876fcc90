#include "broker/server/choices.h"

#include <algorithm>

namespace hirehall::server {

// The last of those that share their terms counts them.
std::size_t Choices::size_of(const engine::ChoiceOut& choice, const engine::ChoiceOut* next) {
  const bool shared = next != nullptr && next->packed == choice.packed;
  return sizeof(choice) + (shared ? 0 : choice.packed->capacity());
}

void Choices::add(engine::ChoiceOut&& choice) {
  if (!kept_.empty() && kept_.back().packed == choice.packed) bytes_ -= choice.packed->capacity();
  bytes_ += size_of(choice, nullptr);
  kept_.push_back(std::move(choice));
  while (bytes_ > most_) {
    bytes_ -= size_of(kept_.front(), kept_.size() > 1 ? &kept_[1] : nullptr);
    kept_.pop_front();
  }
}

std::optional<scheduler::Choice> Choices::find(Sequence sequence, std::uint32_t attempt) const {
  const auto at = std::find_if(kept_.rbegin(), kept_.rend(), [&](const auto& choice) {
    return choice.sequence == sequence && choice.attempt == attempt;
  });
  return at == kept_.rend() ? std::nullopt : scheduler::unpack_choice(*at->packed);
}

}  // namespace hirehall::server
