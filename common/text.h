// Cutting text that goes on the wire: what is left is still UTF-8.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace hirehall {

// At most `max` bytes of `text`, never half of a character.
inline std::string_view clip(std::string_view text, std::size_t max) {
  if (text.size() <= max) return text;
  while (max > 0 && (static_cast<std::uint8_t>(text[max]) & 0xc0u) == 0x80) --max;
  return text.substr(0, max);
}

}  // namespace hirehall
