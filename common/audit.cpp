#include "common/audit.h"

#include "common/digest.h"
#include "common/pack.h"

namespace hirehall {

std::string audit_link(std::string_view before, const AuditEntry& entry) {
  std::string fields;
  Packer p(fields);
  p.uint(entry.index);
  p.sint(entry.at);
  for (const auto* text : {&entry.who, &entry.from, &entry.act, &entry.target, &entry.reason, &entry.result})
    p.bytes(*text);
  return digest_of(before, fields);
}

std::string hex_of(std::string_view bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (const char byte : bytes) {
    out.push_back(digits[static_cast<unsigned char>(byte) >> 4]);
    out.push_back(digits[static_cast<unsigned char>(byte) & 15]);
  }
  return out;
}

}  // namespace hirehall
