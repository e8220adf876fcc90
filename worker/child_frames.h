// What the worker and its plugin children say to each other over a socket: a 32-bit little-endian length of
// what follows, one byte of kind, and a msgpack value. Both ends are the same program, so the format may
// change with it.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace hirehall::worker {

enum class ChildSays : std::uint8_t {
  agent = 1,        // to the child: [library, name, version, prompt]
  run = 2,          // to the child: [id, type, queue, tenant, content_type, payload, extras, attempt]
  cancel = 3,       // to the child: nil
  call = 4,         // to the child: [type, queue, tenant, content_type, payload_bytes, priority, left_ms,
                    // deadline, effort_ms]
  ready = 10,       // from the child: nil; after `agent`
  refused = 11,     // from the child: why the agent does not load
  result = 12,      // [outcome, data, result_type, error_code, error, on, delay_ms, usage, question,
                    // service]
  progress = 13,    // [done, total, message]
  checkpoint = 14,  // bin
  log = 15,         // str
  bid = 16,         // [price or nil, fault]; after `call`
};

inline constexpr std::size_t child_frame_max = 4u << 20;

inline void append_child_frame(std::string& out, ChildSays kind, std::string_view body) {
  auto size = static_cast<std::uint32_t>(body.size() + 1);
  char head[5];
  std::memcpy(head, &size, 4);
  head[4] = static_cast<char>(kind);
  out.append(head, sizeof head);
  out.append(body);
}

struct ChildFrame {
  ChildSays kind{};
  std::string body;
};

// Takes one whole frame from the front of `bytes`; nothing while it is not complete. A length over the limit
// sets `broken`.
inline std::optional<ChildFrame> take_child_frame(std::string& bytes, bool& broken) {
  std::uint32_t size = 0;
  if (bytes.size() < sizeof size) return std::nullopt;
  std::memcpy(&size, bytes.data(), sizeof size);
  if (size == 0 || size > child_frame_max) {
    broken = true;
    return std::nullopt;
  }
  if (bytes.size() < sizeof size + size) return std::nullopt;
  ChildFrame frame{static_cast<ChildSays>(bytes[4]), bytes.substr(5, size - 1)};
  bytes.erase(0, sizeof size + size);
  return frame;
}

}  // namespace hirehall::worker
