// One privileged act, and the link that binds it to all acts before it (docs/audit.md).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace hirehall {

struct AuditEntry {
  std::uint64_t index = 0;  // from 1, without gaps
  std::int64_t at = 0;      // wall clock, ms
  std::string who;          // principal; "broker" for what it does by itself
  std::string from;         // address and name of the client
  std::string act;
  std::string target;
  std::string reason;
  std::string result;  // ok, or what it came to
};

// 16 bytes: of the link before it and of every field.
std::string audit_link(std::string_view before, const AuditEntry& entry);
std::string hex_of(std::string_view bytes);

}  // namespace hirehall
