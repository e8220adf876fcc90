// What is written into the audit log, and when. An act is what neither a viewer nor a worker may do, and no
// submit: a new kind of request that needs a right is audited without anybody thinking of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/engine/audit.h"
#include "common/error.h"
#include "common/task.h"
#include "common/wire.h"

namespace hirehall::server {

bool privileged(wire::Kind kind);
std::string act_of(wire::Kind kind);  // "queue_set"

// What the broker does by itself, by nobody's order; no principal can have this name.
inline constexpr std::string_view audit_own_name = "(broker)";

// What a request's map says, for people: "queue=mail weight=5". Payloads and answers by their length only.
struct Described {
  std::string target, reason;
};
Described describe_request(std::string_view body);

// What an ok answer came to: "ok", or of an answer for many items "3 of 5".
std::string result_of(std::string_view body);
// Whether nothing came of it: the result is the name of an error, with or without more behind it.
bool was_refused(std::string_view result);

// Acts between their request and the commit that records them.
class AuditDesk {
 public:
  struct Ended {
    engine::Audited act;
    std::size_t answer = no_answer;  // in the outbox: its body tells the result
  };
  static constexpr std::size_t no_answer = SIZE_MAX;

  bool idle() const { return open_.empty(); }
  void begin(const std::string& connection, std::uint64_t request, engine::Audited act);
  void answered(const std::string& connection, std::uint64_t request, std::size_t answer);
  void refused(const std::string& connection, std::uint64_t request, Code code, Millis now);
  void gone(const std::string& connection);  // who asked is; the act may have happened all the same
  void add(engine::Audited act) { ended_.push_back({std::move(act), no_answer}); }

  bool has_ended() const { return !ended_.empty(); }
  std::vector<Ended> take() { return std::exchange(ended_, {}); }
  std::uint64_t left_out() const { return left_out_; }

 private:
  // Of one principal: nobody may push the acts of others out of the log by asking for what he may not do.
  struct Denials {
    Millis since = 0;
    std::size_t kept = 0;
    std::uint64_t left_out = 0;
  };
  using Open = std::multimap<std::pair<std::string, std::uint64_t>, engine::Audited>;

  bool keep_denial(engine::Audited& act, Millis now);

  Open open_;  // a number may be used twice; the first is answered first
  std::vector<Ended> ended_;
  std::map<std::string, Denials> denials_;
  std::uint64_t left_out_ = 0;
};

}  // namespace hirehall::server
