#include "tests/simulation/trace.h"

#include <cstring>

namespace hirehall::sim {

void Trace::bytes(std::string_view frame) {
  mix(frame.size());
  for (; frame.size() >= 8; frame.remove_prefix(8)) {
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < 8; ++i) word |= std::uint64_t{static_cast<std::uint8_t>(frame[i])} << (8 * i);
    mix(word);
  }
  for (char c : frame) mix(static_cast<std::uint8_t>(c));
}

std::string Trace::around(std::uint64_t task, std::size_t last) const {
  std::string out;
  auto from = events_.size() > last ? events_.size() - last : 0;
  for (std::size_t i = 0; i < events_.size(); ++i) {
    const auto& e = events_[i];
    if (i < from && (task == 0 || e.task != task)) continue;
    out += "  " + std::to_string(e.at / ms) + "." + std::to_string(e.at % ms / 100) + " ms  " +
           std::string(e.what);
    if (e.task != 0) out += "  task " + std::to_string(e.task);
    if (e.a != 0 || e.b != 0) out += "  " + std::to_string(e.a) + " " + std::to_string(e.b);
    out += "\n";
  }
  return out;
}

}  // namespace hirehall::sim
