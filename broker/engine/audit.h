// The audit log: one record an act, each with the link to the one before it. A cut, a change or another order
// shows in the links; a cut at either end in the trail, which says where the log begins and ends.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/engine/archive.h"
#include "broker/engine/facts_frame.h"
#include "common/audit.h"
#include "common/error.h"

namespace hirehall::engine {

// Somebody used a right that not everybody has, or tried to.
struct Audited {
  static constexpr auto kind = FactKind::audited;
  std::int64_t at = 0;  // wall clock
  std::string who, from, act, target, reason, result;
  template <typename A>
  void archive(A& a) {
    a(at, who, from, act, target, reason, result);
  }
};

struct AuditRecord {
  AuditEntry entry;
  std::string before, link;
  template <typename A>
  void archive(A& a) {
    a(entry.index, entry.at, entry.who, entry.from, entry.act, entry.target, entry.reason, entry.result,
      before, link);
  }
};

inline constexpr char audit_tag = 'A';                  // of the family records
inline constexpr std::string_view audit_key = "audit";  // of the family meta: the trail as it is now

struct AuditTrail {
  std::uint64_t first = 1;  // the oldest entry kept
  std::uint64_t next = 1;
  std::string anchor;            // link of the entry before the first; empty: there never was one
  std::string head;              // of the last one
  std::uint64_t bytes = 0;       // of all records ever
  std::uint64_t gone_bytes = 0;  // of those that are not kept any more
  template <typename A>
  void archive(A& a) {
    a(first, next, anchor, head, bytes, gone_bytes);
  }
};

// Of every so many entries the last: where the log may begin one day.
struct AuditMark {
  std::uint64_t index = 0;
  std::string link;
  std::uint64_t bytes = 0;  // of all records up to it
  template <typename A>
  void archive(A& a) {
    a(index, link, bytes);
  }
};

// Looks at the records in order of their keys. Names each that is wrong, and goes on behind it.
class AuditCheck {
 public:
  explicit AuditCheck(std::optional<AuditTrail> trail = {});
  Status look(std::string_view key, std::string_view value);
  Status end() const;  // after the last one
  std::uint64_t entries() const { return seen_; }
  const std::optional<AuditTrail>& trail() const { return trail_; }

 private:
  std::string wrong_with(std::uint64_t at, const std::optional<AuditRecord>& record) const;

  std::optional<AuditTrail> trail_;
  std::uint64_t seen_ = 0;
  std::uint64_t last_ = 0;
  std::vector<std::string> links_;  // that the next one may follow; none: any
};

}  // namespace hirehall::engine
