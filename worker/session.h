// The worker's side of the protocol (docs/protocol.md, section 7) as a pure state machine: no socket, clock
// or thread. Inputs are frames, time and what attempts came to; outputs are frames to send, attempts to start
// and to stop. The runtime (worker/runtime.h) and the simulation drive the same class. One thread calls it.
//
// Life: start → (connected) hello → welcome → register_worker → ok → working. Whatever breaks the link leads
// back to hello; the worker then registers with what it still holds and resends every unanswered finish.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"
#include "common/flat_map.h"
#include "common/limits.h"
#include "common/wire.h"
#include "worker/attempt.h"
#include "worker/bid.h"
#include "worker/guard.h"
#include "worker/price.h"

namespace hirehall::worker {

// An agent as the broker is told of it.
struct AgentOffer {
  std::string name;
  std::string version;
  std::string digest;
  std::vector<std::string> types;
  std::vector<std::string> capabilities;
  std::vector<std::string> tools;
  StringMap labels;
  std::int64_t tier = 0;
  std::optional<PriceOffer> price = {};
  GuardOffer guard = {};
  bool bids = false;
  std::uint32_t max_instances = 0;  // 0: as many as there are slots
};

struct SessionConfig {
  std::string name;
  std::uint32_t slots = 1;
  std::vector<AgentOffer> agents;
  StringMap labels;
  StringMap resources;
  std::optional<PriceOffer> price = {};  // of agents that name none
  std::uint32_t credit_max = limits::credit_max;
  std::uint64_t seed = 1;  // of the reconnect jitter
};

using FramePtr = std::shared_ptr<const std::string>;

// What one input led to. The caller sends the frames in order and clears it before the next input.
struct SessionOutput {
  bool close = false;  // close the socket …
  bool open = false;   // … and open a new one (close comes first)
  std::vector<FramePtr> frames;
  std::vector<Shape> shapes;    // of the award that was given
  std::vector<Attempt> start;   // views into the frame that was given
  std::vector<StopOrder> stop;  // tell these attempts; they finish with what they came to
  std::vector<Token> lost;      // end these attempts; what they come to is not told to anybody
  std::vector<BidCall> calls;   // ask these agents
  std::vector<std::string> warnings;

  void clear() { *this = {}; }
};

struct SessionCounters {
  std::uint64_t awarded = 0;
  std::uint64_t finished = 0;    // recorded by the broker
  std::uint64_t stale = 0;       // finished after the lease was over
  std::uint64_t lost = 0;        // leases the broker took back
  std::uint64_t refused = 0;     // finish messages the broker would not take
  std::uint64_t duplicates = 0;  // tasks awarded twice by a repeated message
  std::uint64_t malformed = 0;   // frames that could not be read
  std::uint64_t reports_dropped = 0;
  std::uint64_t sessions = 0;     // successful registrations
  std::uint64_t calls = 0;        // for bids
  std::uint64_t handed_back = 0;  // never begun here
};

class Session {
 public:
  enum class Phase : std::uint8_t { closed, opening, greeting, registering, working, failed };

  explicit Session(SessionConfig config);

  void start(Micros now, SessionOutput& out);
  void connected(Micros now, SessionOutput& out);  // the socket has a peer, perhaps again
  void disconnected(Micros now);                   // the socket lost it, or would not take a frame
  void frame(std::string_view bytes, Micros now, SessionOutput& out);
  void finished(const Results& results);               // sent by the next flush
  void hand_back(const Results& results, Micros now);  // never begun, as long work was in the way
  void report(Report report);                          // likewise
  void bid(BidAnswer answer);                          // likewise; without a session it is forgotten
  void flush(Micros now, SessionOutput& out);          // the end of a turn: batches leave
  void tick(Micros now, SessionOutput& out);           // due at next_tick(); more often is harmless
  void drain();                                        // no more awards from here on

  Micros next_tick() const;
  Phase phase() const { return phase_; }
  const std::optional<Error>& failure() const {
    return failure_;
  }  // set in phase failed: registering is refused
  bool drained() const { return drain_answered_; }
  // Nothing runs and everything that ended is recorded.
  bool settled() const { return live_.size() == 0 && pending_tokens_.empty() && sent_.empty(); }
  bool holds(Token token) const { return live_.find(token) != FlatMap::none; }
  std::size_t held() const { return live_.size(); }
  std::uint32_t credit() const;
  Micros long_work_us() const;  // is bound late
  const SessionCounters& counters() const { return counters_; }

 private:
  struct SentFinish {
    std::uint64_t request = 0;
    std::uint64_t number = 0;
    std::string items;
    std::vector<Token> tokens;
    Micros sent_at = 0;
  };
  struct SentReport {
    std::uint64_t request = 0;
    std::string items;
    std::size_t count = 0;
  };

  void say_hello(Micros now, SessionOutput& out);
  void register_worker(Micros now, SessionOutput& out);
  void retreat(Micros now, SessionOutput& out);  // close the socket, wait, try anew
  void on_welcome(std::string_view body, Micros now, SessionOutput& out);
  void on_registered(std::string_view body, Micros now, SessionOutput& out);
  void on_award(std::string_view body, SessionOutput& out);
  void on_stop(std::string_view body, SessionOutput& out);
  void on_lost(std::string_view body, SessionOutput& out);
  void on_call(std::string_view body, SessionOutput& out);
  void on_ok(const wire::Frame& frame, Micros now, SessionOutput& out);
  void on_error(const wire::Frame& frame, Micros now, SessionOutput& out);
  void on_finish_ok(std::string_view body, const SentFinish& finish, SessionOutput& out);
  void end(const Results& results);
  void finish_otherwise(Token token, Code code, SessionOutput& out);
  void lose(Token token, SessionOutput& out);
  void resend(Micros now, SessionOutput& out);
  void renumber(std::uint64_t first);
  void send_finish(SentFinish& finish, Micros now, SessionOutput& out);
  void send_pending_finishes(Micros now, SessionOutput& out);
  void send_pending_reports(SessionOutput& out);
  void send_bids(SessionOutput& out);
  void send_heartbeat(Micros now, SessionOutput& out);
  void send_holding(SessionOutput& out);
  void send_drain(SessionOutput& out);
  void compact_order();
  void fail_for_good(Error error, SessionOutput& out);
  void malformed(std::string_view what, SessionOutput& out);
  std::vector<Token> unfinished() const;  // every token whose finish is not answered
  std::uint64_t next_request() { return ++request_; }
  Micros jitter(Micros low, Micros high);

  const SessionConfig config_;
  Phase phase_ = Phase::closed;
  std::optional<Error> failure_;
  std::uint64_t random_;
  std::uint64_t request_ = 0;

  // Link.
  std::string session_token_;
  Micros down_since_ = 0;  // since when there is no working session
  Micros deadline_ = 0;    // of the current phase: what to do then depends on it
  Micros patience_ = 0;    // how long a greeting may go unanswered; doubles
  int retreats_ = 0;
  Micros heard_at_ = 0;
  Micros beat_at_ = 0;  // when the next heartbeat is due
  Micros heartbeat_us_;
  std::uint64_t hello_request_ = 0;
  std::uint64_t register_request_ = 0;
  std::uint64_t heartbeat_request_ = 0;
  std::uint64_t holding_request_ = 0;
  std::uint64_t drain_request_ = 0;
  bool draining_ = false;
  bool drain_answered_ = false;

  // Registration.
  std::string worker_token_;
  std::uint64_t worker_ = 0;
  std::uint64_t last_award_ = 0;

  // Tasks. A token is live from its award until it finished, then pending, then in sent_ until the answer.
  FlatMap live_;
  std::vector<Token> order_;      // of award; what has left live_ is swept out now and then
  std::uint64_t held_count_ = 0;  // live and pending: what a heartbeat counts
  std::uint64_t held_hash_ = 0;
  std::string pending_items_;
  std::vector<Token> pending_tokens_;
  std::vector<std::uint32_t> pending_ends_;
  std::deque<SentFinish> sent_;  // in order of their numbers
  std::uint64_t next_finish_ = 1;
  Micros resend_at_ = 0;  // 0: nothing to resend
  std::deque<Report> reports_;
  std::deque<SentReport> sent_reports_;
  std::size_t report_bytes_ = 0;  // pending and unanswered

  // Credit: decayed sums over finished attempts, and the time from a finish to its answer.
  double service_ns_ = 0;
  double served_ = 0;
  double payload_bytes_ = 0;
  double payloads_ = 0;
  double round_trip_us_ = 0;
  bool late_ = false;  // no more than slots are held, as what was more had to go back
  Micros late_until_ = 0, late_for_ = 0;

  std::vector<BidAnswer> bids_;  // to be sent

  SessionCounters counters_;
};

}  // namespace hirehall::worker
