// What a worker runs and what comes of it, in the forms that the session, the board and the slots share.
// An award message stays in memory while its attempts run; they are views into it, so a task costs no
// allocation.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/msgpack.h"
#include "common/task.h"

namespace hirehall::worker {

using Token = std::uint64_t;  // names one lease
using Micros = std::int64_t;  // monotonic time of the worker process

// What the tasks of one award message have in common.
struct Shape {
  std::string type;
  std::string agent;
  std::string content_type;  // application/json when empty
  std::string queue;
  std::string tenant;
  Millis timeout_ms = 0;  // 0: none
};

struct Attempt {
  Token token = 0;
  std::string_view id;  // 16 bytes
  std::string_view payload;
  std::string_view extras;  // an encoded map, or empty
  std::uint32_t attempt = 1;
  std::uint32_t shape = 0;  // index into the shapes of its award

  bool at_most_once() const;  // its only award: it can not be handed back
};

// The rare parts of an outcome. Empty ones are not sent.
struct OutcomeExtras {
  std::string_view result_type;
  std::string_view error_code;
  std::string_view error;
  std::string_view service;   // failed: the outside service whose fault it is
  std::string_view on;        // suspended: input, approval, signal
  std::string_view question;  // an encoded map: what is asked
  std::string_view checkpoint;
  std::string_view usage;  // an encoded map
  std::int64_t delay_ms = 0;
  Millis started_at = 0;
  Millis ended_at = 0;

  std::size_t size() const;
};

// Finished attempts, encoded as the items of a finish message, ready to be copied into one.
class Results {
 public:
  void add(Token token, Outcome outcome, std::string_view result) {
    msgpack::Writer w(items_);
    w.array(3);
    w.uint(token);
    w.uint(static_cast<std::uint64_t>(outcome));
    w.bin(result);
    close(token);
  }
  void add(Token token, Outcome outcome, std::string_view result, const OutcomeExtras& extras);

  bool empty() const { return tokens_.empty(); }
  std::size_t size() const { return tokens_.size(); }
  std::size_t bytes() const { return items_.size(); }
  const std::vector<Token>& tokens() const { return tokens_; }
  const std::string& items() const { return items_; }
  std::string_view item(std::size_t index) const {
    std::size_t from = index == 0 ? 0 : ends_[index - 1];
    return std::string_view(items_).substr(from, ends_[index] - from);
  }
  void clear() { tokens_.clear(), ends_.clear(), items_.clear(), service_ns = 0; }

  std::int64_t service_ns = 0;  // time the slot spent on all of them

 private:
  void close(Token token) {
    tokens_.push_back(token);
    ends_.push_back(static_cast<std::uint32_t>(items_.size()));
  }

  std::vector<Token> tokens_;
  std::vector<std::uint32_t> ends_;  // where each item ends
  std::string items_;
};

// Something an attempt says before it ends.
struct Report {
  enum class What : std::uint8_t { checkpoint, progress, log, usage, answer };
  Token token = 0;
  What what = What::log;
  std::string value;  // encoded msgpack: bin, map, str, map, map
};
std::string_view name_of(Report::What what);

// The tasks a broker tells a worker to end.
struct StopOrder {
  Token token = 0;
  Millis grace_ms = 0;
  std::string reason;
};

}  // namespace hirehall::worker
