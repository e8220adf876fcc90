// The words of agents of kind process: one JSON object a line, both ways (docs/agents.md).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/error.h"
#include "worker/attempt.h"
#include "worker/bid.h"
#include "worker/definition.h"

namespace hirehall::worker {

// Lines to the program, each with its end of line.
std::string agent_line(const Definition& definition);
std::string run_line(const Attempt& attempt, const Shape& shape);
std::string cancel_line(std::string_view reason);
std::string bid_line(const BidCall& call);

// A line of a program that was asked for a bid.
struct SaidBid {
  std::optional<double> price;  // nothing: it declines
  std::string fault;            // it said something else under that word
};
std::optional<SaidBid> read_bid(std::string_view line);  // nothing: it is about something else

// One line from the program, taken apart.
struct Utterance {
  enum class What : std::uint8_t { outcome, progress, checkpoint, log, usage, answer };
  What what = What::log;
  Outcome outcome = Outcome::failed;
  std::string data;  // result, checkpoint, log text, report of an answer
  std::string result_type;
  std::string error_code;
  std::string error;
  std::string service;
  std::string on;
  std::string question;  // an encoded map
  std::string message;
  std::int64_t delay_ms = 0;
  std::uint64_t done = 0;
  std::uint64_t total = 0;
  std::vector<std::pair<std::string, double>> usage;
};
// A question as agents write it, {"question", "options", "form", "timeout_ms", "default", "who"}, as the map
// of a finish. Empty when the JSON asks nothing.
std::string question_of(std::string_view json);
Result<Utterance> read_utterance(std::string_view line);  // bad_message: says what is wrong with the line

}  // namespace hirehall::worker
