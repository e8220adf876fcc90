// A broken promise: ends the world it was seen in.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

namespace hirehall::sim {

struct Violation {
  std::string invariant;  // I1 … of docs/testing.md
  std::string text;
  std::uint64_t task = 0;
};

[[noreturn]] inline void violated(std::string invariant, std::string text, std::uint64_t task = 0) {
  throw Violation{std::move(invariant), std::move(text), task};
}

}  // namespace hirehall::sim
