// What goes out of the engine: what workers and clients are told, what shall be read, and the commit batch.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/engine/body.h"
#include "broker/engine/records.h"

namespace hirehall::engine {

struct AwardOut {
  std::uint32_t worker = 0;
  std::uint16_t agent = 0;
  std::uint64_t award = 0;
  std::uint64_t token = 0;
  Sequence sequence = 0;
  std::uint32_t attempt = 1;
  std::uint32_t offset = 0;
  ChunkRef chunk;
  const Template* options = nullptr;  // the chunk's, or its own
  TemplateRef own_options;
  std::uint32_t lane = 0;
  std::uint32_t class_ = 0;
  std::shared_ptr<const struct Extras> extras;  // checkpoint and answer, when there are any
};

struct Extras {
  std::string checkpoint;
  std::string answer;
};

// What awards rested on for which somebody had a choice (scheduler/chooser.h): the terms of
// each choice, once, and the awards that it was made for.
struct ChoicesOut {
  using Award = AwardOf;
  struct Choice {
    std::size_t terms_end = 0, awards_end = 0;  // where those of the next one begin
  };
  std::string terms;  // packed, one behind the other
  std::vector<Award> awards;
  std::vector<Choice> made;

  void begin(std::string_view packed) {
    terms.append(packed);
    made.push_back({terms.size(), awards.size()});
  }
  void add(Award award) {  // to the choice that has begun
    awards.push_back(award);
    made.back().awards_end = awards.size();
  }
  std::span<const Award> latest() const {
    return std::span(awards).subspan(made.size() > 1 ? made[made.size() - 2].awards_end : 0);
  }
  void clear() {
    terms.clear();
    awards.clear();
    made.clear();
  }
  // each: (terms, awards) of a choice.
  template <typename F>
  void visit(F each) const {
    Choice from;
    for (const auto& to : made) {
      each(std::string_view(terms).substr(from.terms_end, to.terms_end - from.terms_end),
           std::span(awards).subspan(from.awards_end, to.awards_end - from.awards_end));
      from = to;
    }
  }
};

// A worker is asked what its agents want for a task (bidding.h).
struct CallOut {
  std::uint32_t worker = 0;
  std::uint64_t round = 0;
  std::uint32_t class_ = 0, lane = 0;
  Millis left_ms = 0;
  std::uint64_t payload_bytes = 0;
  std::uint8_t priority = 0;
  Millis deadline = 0, effort_ms = 0;
  std::string content_type, features;  // features: encoded; empty: none
  std::vector<std::string> agents;
};

// An attempt that ended, for those who tell of attempts (Engine::Settings::tell_attempts).
struct AttemptOut {
  Sequence sequence = 0;
  std::uint32_t attempt = 1;
  std::uint32_t worker = 0;
  std::string agent;  // its name; empty: not known
  std::uint32_t lane = 0;
  std::uint32_t class_ = 0;
  Millis started = 0, ended = 0;
  Outcome outcome = Outcome::succeeded;
  State next = State::succeeded;
  std::string error_code, error, usage;
  TemplateRef options;
};

struct TraceOrigin;

// A task that ended while no attempt ran, for the same.
struct UnattemptedOut {
  Sequence sequence = 0;
  std::uint32_t lane = 0;
  std::uint32_t class_ = 0;
  std::uint32_t attempts = 0;  // before
  State state = State::cancelled;
  Millis ended = 0;
  std::string error_code, error;
  std::shared_ptr<const TraceOrigin> origin;  // none: it has to be read
};

struct StopOut {
  std::uint32_t worker = 0;
  std::uint64_t token = 0;
  Millis grace_ms = 0;
  std::string reason;
};

struct LostOut {
  std::uint32_t worker = 0;
  std::uint64_t token = 0;
};

struct EndingOut {
  Sequence sequence = 0;
  State state = State::succeeded;
  std::uint64_t producer = 0;
  std::uint32_t lane = 0;
  std::uint32_t index = 0;                                  // among the endings of its commit
  std::string_view result, result_type, error_code, error;  // valid until the input's frame is freed
};

struct PageWanted {
  std::uint64_t line = 0;
  std::uint64_t page = 0;
  std::uint32_t count = 1;  // pages in a row
};
struct BodiesWanted {
  std::uint64_t line = 0;
  std::vector<Sequence> sequences;
};
struct TimersWanted {
  std::string from;  // key, exclusive
  std::size_t count = 0;
};
struct LookupWanted {
  Sequence sequence = 0;
  TimerKind reason = TimerKind::expire;
};

struct Outputs {
  std::vector<AwardOut> awards;
  ChoicesOut choices;
  std::vector<CallOut> calls;
  std::vector<AttemptOut> attempts;
  std::vector<UnattemptedOut> unattempted;
  std::vector<StopOut> stops;
  std::vector<LostOut> lost;
  std::vector<EndingOut> endings;
  // To be read from the store, from a picture not older than the last durable commit; the answers are inputs.
  std::vector<PageWanted> pages;
  std::vector<BodiesWanted> bodies;
  std::vector<TimersWanted> timers;
  std::vector<LookupWanted> lookups;
};

struct FoundBody {
  Sequence sequence = 0;
  ChunkRef chunk;
  std::uint32_t offset = 0;
  std::shared_ptr<const Extras> extras;
};

// Everything that one commit makes durable.
struct Draft {
  std::uint64_t number = 0;
  std::vector<std::pair<Sequence, std::string>> bodies;  // by first sequence
  std::vector<std::string> facts;                        // parts in order
  IndexWrites index;
  std::size_t bytes = 0;
};

inline constexpr std::string_view snapshot_prefix = "snapshot/";  // meta: snapshot/COMMIT/PART
std::string snapshot_key(std::uint64_t commit, std::uint32_t part);

}  // namespace hirehall::engine
