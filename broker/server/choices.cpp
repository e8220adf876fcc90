#include "broker/server/choices.h"

#include <algorithm>

namespace hirehall::server {

std::size_t Choices::size_of(const engine::ChoiceOut& choice) {
  return sizeof(choice) + choice.packed.capacity();
}

void Choices::add(engine::ChoiceOut&& choice) {
  bytes_ += size_of(choice);
  kept_.push_back(std::move(choice));
  while (bytes_ > most_) {
    bytes_ -= size_of(kept_.front());
    kept_.pop_front();
  }
}

std::optional<scheduler::Choice> Choices::find(Sequence sequence, std::uint32_t attempt) const {
  const auto at = std::find_if(kept_.rbegin(), kept_.rend(), [&](const auto& choice) {
    return choice.sequence == sequence && choice.attempt == attempt;
  });
  return at == kept_.rend() ? std::nullopt : scheduler::unpack_choice(at->packed);
}

}  // namespace hirehall::server
