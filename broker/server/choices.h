// What the latest awards rested on that a policy chose for, for `task explain`: bounded by bytes, the oldest
// go first. Most of it lies beside the tasks as well (auctions.h, KeptTerms); this is for what was too much
// to be kept.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "broker/engine/outputs.h"
#include "scheduler/chooser.h"

namespace hirehall::server {

class Choices {
 public:
  static constexpr std::size_t bytes_max = 16u << 20;

  explicit Choices(std::size_t most = bytes_max) : most_(most) {}
  void add(const engine::ChoicesOut& choices);
  // Nothing: it is no longer known, or nothing was chosen.
  std::optional<scheduler::Choice> find(Sequence sequence, std::uint32_t attempt) const;
  std::size_t bytes() const { return bytes_; }

 private:
  using Awards = std::span<const engine::ChoicesOut::Award>;
  void add(std::string_view terms, Awards awards);
  std::string& block_for(std::size_t bytes);

  std::size_t most_;
  std::size_t bytes_ = 0;           // that the blocks may hold
  std::deque<std::string> blocks_;  // oldest first; looked through, as explanations are rare
};

}  // namespace hirehall::server
