// What the outside knows and therefore may demand. It sees what clients meant, what passes the broker's door,
// and nothing of the broker's inside. An answer that left the broker is a promise, whether somebody heard it
// or not.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/approval.h"
#include "tests/simulation/reading.h"
#include "tests/simulation/tally.h"
#include "tests/simulation/timeline.h"
#include "tests/simulation/trace.h"
#include "tests/simulation/weather.h"

namespace hirehall::sim {

using Number = std::uint64_t;  // of an intent, from 1: it stands in the payload

inline constexpr Millis slowest_sync_ms = 5000;  // between the decision of an award and its message

// One try at a task, as awards and finishes tell of it.
struct Try {
  std::uint64_t token = 0;
  std::string routing;
  Micros sent = 0;
  Micros given_back = 0;  // how long it may have been leased before that under the same number
  std::set<std::pair<Outcome, std::string>> reported;  // finishes that the broker read …
  Micros first_report = -1;                            // … and when it read the first
  bool lapses = false;                                 // the question that it left does not wait for ever
  std::optional<Outcome> recorded;                     // what it said it had recorded
  std::uint64_t units = 0;                             // that it says it used
  std::string lane;                                    // queue and tenant that it was awarded from
  bool measured = false;  // its worker told how long it ran, with what was recorded
  Millis ran = 0;
};

// One task of the broker.
struct Life {
  std::string id;
  Number number = 0;
  bool promised = false;  // an answer named it
  std::map<std::uint32_t, Try> tries;
  std::optional<State> ended;
  Micros ended_at = 0;  // when that was told first
  std::string result;
  Micros due = 0;                              // no award before this
  std::uint32_t failures = 0;                  // recorded
  std::set<std::string> checkpoints, answers;  // that may come back with an award
  std::optional<std::string> checkpoint;       // that must
  bool answered = false;                       // and an answer must
  bool consent = false;                        // somebody may have approved it
  bool decided = false;                        // the broker said so
  bool may_lapse = false;                      // a question of its attempts does not wait for ever
  std::string edited;                          // the payload or result that it has from then on
  bool stop_possible = false;                  // a cancel was read, or it has a deadline
  bool purge_possible = false;                 // somebody wants it out of the dead letters …
  std::optional<Micros> purged_at;             // … and was told that it is
  Micros promised_at = -1;
  Millis submitted = 0, finished = 0;  // as get tells in the end
};

// What a client wants done; one payload.
struct Intent {
  TaskOptions options;
  std::string payload;
  bool plain = false;  // nothing that lets another task of its line go first
  Micros first_read = -1;
  Millis wall_at_read = 0;
  std::uint32_t replays = 0;
  bool key_reused = false;  // another payload has its idempotency key, too
  std::set<std::string> ids;
  Approval approval;
  std::set<std::string> edits;  // payloads or results that somebody wanted instead
  struct Version {
    Micros read = -1, answered = -1;
    std::string id;
  };
  std::map<std::string, Version> versions;  // payloads of what coalesces

  bool consents_by_time() const { return approval.timeout_ms != 0 && approval.lapse == Lapse::approve; }
};

using BatchName = std::pair<std::string, std::string>;  // tenant and name

class Model {
 public:
  Model(Timeline& time, Weather& weather, Trace& trace, Tally& tally);

  // Clients' side.
  Number intend(TaskOptions options, std::size_t bytes, bool plain);
  const Intent& intent(Number number) const { return intents_.at(number - 1); }
  Intent& intent(Number number) { return intents_.at(number - 1); }
  std::size_t intents() const { return intents_.size(); }
  void heard(Number number, std::string_view id);  // a client was told
  const std::string* some_id(Chance& chance) const;
  const std::string* awarded_lately(Chance& chance) const;
  Life* life(std::string_view id);
  const std::map<std::string, Life, std::less<>>& lives() const { return lives_; }
  void may_stop(std::string_view id);
  void may_answer(std::string_view id, std::string value);
  void may_decide(std::string_view id, std::string_view decision, const std::string& value);
  static Number number_of(std::string_view payload);

  // The broker's door.
  void read(const std::string& routing, std::string_view frame);
  void sent(const std::string& routing, std::string_view frame);
  void said_bid(const std::string& worker, std::uint64_t round, double price);  // it is about to
  void broker_started();

  bool bulks_done(std::string_view body) const;   // as bulk_list tells
  void listed_where(const ReadTask& task) const;  // by "label.bulk=yes and not state=succeeded"

  // After healing; behind all the ends.
  void final_batches(std::string_view body);  // as batch_list tells
  void final_dead(const std::set<std::string>& letters) const;
  void final_usage(std::string_view body);        // as usage tells
  void final_lanes(std::string_view body) const;  // as lane_list tells
  void final_task(const ReadTask& task);          // as get tells
  void final_unlisted(const Life& life) const;
  void final_refusal(std::string_view id, Code code);
  void final_books(std::uint64_t accepted, std::uint64_t removed, std::uint64_t kept, std::uint64_t listed);
  // Whether its worker has said that it never began: then it may have cost nothing.
  bool said_unbegun(std::uint64_t token) const { return unbegun_.contains(token); }
  bool timing = true;  // false once the wall clock jumped: due times are no longer ours to know
  bool tidy = true;    // frames of one connection come in order: then some things may be said to the point
  bool short_retention = false;  // of the queues: ended tasks may go soon
  bool restarted = false;
  Micros broker_since = 0;

 private:
  struct Asked {
    wire::Kind kind = wire::Kind::get;
    std::vector<Number> numbers;  // of a submit
    std::vector<ReadFinish::Item> finishes;
    ReadReport report;
    std::string scope;  // of a pause or resume
    std::string task;   // of a get, or of an answer
    std::string decision, value;
    BatchName batch;
    std::vector<std::string> ids;   // of letters to be purged or retried
    std::vector<ReadAgent> agents;  // of a registration
    std::uint64_t number = 0;       // of a subscription or bulk work, or the position that logs go on behind
    bool undo = false;              // of a drain
    bool atomic = false;
    std::vector<std::string> payloads;  // of a submit
    Micros at = 0;
  };

  Life& known(std::string_view id, Number number);
  Number payload_known(std::string_view payload) const;
  void read_submit_frame(Asked& asked, std::string_view body);
  void read_finish_frame(const std::string& routing, Asked& asked, std::string_view body);
  void sent_submitted(const std::string& routing, std::string_view body);
  void submit_refused(Number number, Code code);
  void sent_award(const std::string& routing, std::string_view body);
  void check_award(Life& life, const ReadAward::Item& item);
  void check_order(const Life& life, const ReadAward::Item& item);
  void check_paused(const ReadAward::Item& item, Number number) const;
  const std::string* pause_over(std::string_view queue, std::string_view type, std::string_view tenant) const;
  void sent_logs(const Asked& asked, std::string_view body);
  void read_batch_frame(Asked& asked, std::string_view body);
  void sent_batch(const Asked& asked, std::string_view body);
  void final_batch(const ReadBatch& batch);
  void check_batch_open(Number number) const;
  // What operators do (model_operators.cpp).
  void read_operators_frame(const std::string& routing, std::uint64_t request, Asked& asked,
                            std::string_view body);
  void sent_operators_ok(const std::string& routing, std::uint64_t request, const Asked& asked,
                         std::string_view body);
  void sent_refusal(const Asked& asked, Code code);
  void sent_registered(const std::string& routing, const Asked& asked, std::string_view body);
  void sent_agents(const Asked& asked, std::string_view body);
  void sent_purged(const Asked& asked, std::string_view body);
  void sent_retried(const Asked& asked, std::string_view body);
  void check_drained(const std::string& routing) const;
  void read_breaker_frame(const std::string& routing, std::uint64_t request, Asked& asked,
                          std::string_view body);
  void sent_breaker(const std::string& routing, std::uint64_t request, const Asked& asked,
                    std::string_view body);
  void check_tripped(const std::string& routing, std::size_t awards);
  void note_success(const std::string& routing);
  static BatchName batch_of(const TaskOptions& options);
  void check_unique(const Life& life, const ReadAward::Item& item) const;
  void check_apart(const Life& life) const;
  void check_budget(const TaskOptions& options) const;
  void spent(const TaskOptions& options, std::uint64_t units);
  void sent_explanation(const Asked& asked, std::string_view body);
  void check_terms(const ReadReasons& award, Number number);
  void check_features(const ReadReasons& award, Number number);
  void check_labels(const ReadReasons& award, Number number);
  void check_passed_on(const ReadReasons& award, Number number);
  void check_matched(const ReadReasons& award, const ReadReasons::Term& winner, Number number);
  void check_bids(const ReadReasons& award, const ReadReasons::Term& winner, Number number);
  void sent_call(std::string_view body);
  void check_live_bid(const ReadReasons& award, const ReadReasons::Term& term, Number number);
  void check_due(const Life& life) const;
  void check_consent(const Life& l, const ReadAward::Item& item) const;
  void check_trace(const Life& l, const ReadAward::Item& item);
  void check_extras(Life& life, const ReadAward::Item& item);
  void sent_finish_ok(const Asked& asked, std::string_view body);
  void recorded(Life& life, std::uint32_t attempt, const ReadFinish::Item& item);
  void sent_task(std::string_view body, Micros asked_at);
  void ended(Life& life, State state, std::string_view result);
  void sent_ok(const std::string& routing, std::uint64_t request, std::string_view body);
  void gone(const Life& l) const;
  void read_scope(const std::string& routing, std::uint64_t request, Asked& asked, std::string_view body);
  // The least that passes on the broker's clock in what the weather calls `wanted`.
  static Micros at_least(Millis wanted) { return wanted * ms * 85 / 100 - 10 * ms; }

  Timeline& time_;
  Weather& weather_;
  Trace& trace_;
  Tally& tally_;
  std::vector<Intent> intents_;
  std::map<std::string, Life, std::less<>> lives_;
  std::vector<std::string> promised_;  // ids, for who wants some
  std::array<std::string, 8> awarded_;
  std::size_t awards_ = 0;
  std::map<std::uint64_t, std::pair<Life*, std::uint32_t>> tokens_;
  std::set<std::uint64_t> unbegun_;                                 // tokens
  std::map<std::string, std::pair<Number, std::uint32_t>> traces_;  // of attempts
  std::map<std::pair<std::string, std::uint64_t>, Asked> asked_;
  struct Front {
    std::string before, latest;  // ids: awarded until the last instant, and until now
    Micros at = 0;
  };
  std::map<std::string, Front> fronts_;  // per line of plain tasks: the last one awarded first
  std::map<std::pair<std::string, std::string>, std::string> keys_;  // (tenant, idempotency key) → id
  std::set<std::uint64_t> bulks_;                                    // promised
  std::uint64_t spent_ = 0;  // of the budget, as finishes were recorded
  Micros spent_at_ = -1;     // when it was used up
  bool budget_over_ = false;
  struct Closing {
    std::set<Number> completions;  // that may follow; 0: none
    bool promised = false;
    Micros promised_at = 0;
  };
  std::map<BatchName, Closing> closings_;  // that the broker read
  std::set<std::string> paused_;           // scopes, "queue|type|tenant", of which we know it
  struct Definition {
    std::set<std::string> digests;      // that somebody brought
    std::optional<std::string> digest;  // that counts, as far as we know it
    Micros known_at = 0, forgotten_at = -1;
  };
  std::map<std::pair<std::string, std::string>, Definition> definitions_;              // by agent and version
  std::map<std::pair<std::string, std::uint64_t>, std::set<std::int64_t>> live_bids_;  // by worker and round
  std::map<std::uint64_t, std::string> called_;  // the features that those who were asked were told, by round
  std::map<std::string, std::uint64_t> workers_;  // their numbers, by connection
  std::map<std::uint64_t, std::string> worker_names_;
  std::map<std::uint64_t, Micros> aside_;  // workers that an operator drains, and since when we know it
  struct Tripped {
    Micros since = 0;  // we know of it
    Micros until = 0;  // it lets nothing through, at the least
  };
  std::map<std::string, Tripped> tripped_;  // breakers of agents that surely are not closed
  std::map<std::string, Micros> settled_;   // when something was read last that may have closed them
  std::set<std::pair<std::string, std::uint64_t>> given_up_;  // streams, by connection
  std::set<std::uint64_t> may_stop_bulks_;
  std::map<std::string, std::string> triggers_;  // ids of what was triggered by hand, by key
  std::map<std::string, std::pair<std::string, std::uint64_t>>
      last_change_;                                                // request that changed a scope last
  std::set<std::pair<std::string, std::uint64_t>> changes_heard_;  // pauses and resumes
};

}  // namespace hirehall::sim
