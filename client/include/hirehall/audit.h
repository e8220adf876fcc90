// Who did what (docs/audit.md). The chain itself is checked by `hirehall audit verify`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hirehall/task.h"

namespace hirehall::client {

struct AuditEntry {
  std::uint64_t index = 0;
  Millis at = 0;
  std::string who = {}, from = {}, act = {}, target = {}, reason = {}, result = {};
  std::string link = {};  // hexadecimal: it stands for this entry and all before it
};

// Only entries with all that is given.
struct AuditQuery {
  std::string who = {}, act = {};
  Millis since = 0;
  bool refused = false;
  bool newest_first = false;
  std::uint64_t cursor = 0;  // of the page before
  std::size_t limit = 100;   // to 1,000
};

struct AuditPage {
  std::vector<AuditEntry> entries = {};  // may be empty although there is a cursor
  std::uint64_t cursor = 0;              // of the next page; 0: that was all
  std::uint64_t first = 0, next = 0;     // indexes: of the oldest kept, of the next to come
  std::string anchor = {}, head = {};    // links before the oldest and of the newest
  bool own_only = false;                 // others' acts are not for this principal
};

}  // namespace hirehall::client
