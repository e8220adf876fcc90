// Frames as an outsider reads them from docs/protocol.md, for the model. Shares the msgpack codec and nothing
// else with the broker.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/task.h"
#include "common/wire.h"

namespace hirehall::sim {

struct ReadSubmit {
  std::uint64_t batch = 0;
  bool atomic = false;
  std::vector<std::string> payloads;
};
struct ReadSubmitted {
  struct Item {
    std::string id;
    Code code = Code::ok;
  };
  struct Answer {
    std::uint64_t request = 0;
    std::vector<Item> items;
  };
  std::vector<Answer> answers;
};
struct ReadAward {
  struct Item {
    std::uint64_t token = 0;
    std::string id, payload, type, queue, tenant, checkpoint, answer, trace, origin, tracestate, baggage,
        features;
    std::uint32_t attempt = 0;
  };
  std::uint64_t number = 0;
  std::vector<Item> items;
};
struct ReadFinish {
  struct Item {
    std::uint64_t token = 0;
    Outcome outcome = Outcome::succeeded;
    std::string result;
    Millis delay_ms = 0;
    std::string checkpoint;
    std::optional<std::string> default_answer;  // to its question
    bool lapses = false;                        // its question does not wait for ever
    bool on = false;
    std::uint64_t units = 0;        // that it says it used
    Millis started = 0, ended = 0;  // by its worker's clock
  };
  std::uint64_t number = 0;
  std::vector<Item> items;
};
struct ReadEnding {
  std::string id;
  State state = State::succeeded;
  std::string result;
};
struct ReadTask {
  std::string id, payload, queue, tenant, type, result, error_code, suspended_on;
  std::optional<State> state;
  std::uint64_t attempts = 0, failures = 0, losses = 0;
  std::uint64_t lost_attempts = 0, failed_attempts = 0, decisions = 0;  // as its history tells
  Millis submitted_at = 0, finished_at = 0;
};
struct ReadPage {
  std::vector<ReadTask> tasks;
  std::string cursor;
};
// An award with the terms that it rested on.
struct ReadReasons {
  struct Term {
    std::string worker;
    std::int64_t score = 0, value = 0, preferred = 0, cost = 0, wait = 0, number = 0, agent = 0;
    std::int64_t slot_price = 0;  // of what was matched with others
    std::int64_t labels = 0;      // of those that the task prefers
    std::int64_t price_base = 0, price_slope = 0, price_multiplier = 0, price_cap = 0;
    std::int64_t expected_ms = 0, run_ms = 0, without_features_ms = 0;
    double load = 0;
    bool live = false;  // its bid
  };
  std::uint64_t round = 0;               // of live bids
  std::string policy, worker, features;  // features: encoded
  std::vector<Term> terms;
  bool expired = false;  // the terms are
  std::string handed_back_by, went_to;
  std::int64_t matched_with = -1;  // number of a worker; -1: it was not
  std::uint64_t matched_tasks = 0, matched_places = 0;
  std::int64_t handed_back_by_number = 0;
  std::int64_t preference = 0;
  std::int64_t reserve = 0, paid = -1, first_price = -1, second_price = -1;
};
struct ReadCall {
  std::uint64_t round = 0;
  std::string features;  // encoded
};
struct ReadExplanation {
  std::string state;
  std::set<std::string> words;
  std::vector<ReadReasons> awards;
};
struct ReadBulk {
  std::uint64_t number = 0;
  std::string state;
};
struct ReadBatch {
  std::string batch, tenant, state, completion;  // completion: an id
  std::uint64_t total = 0, open = 0;
  std::map<State, std::uint64_t> ended;
};
struct ReadLogLine {
  std::uint64_t position = 0;
  std::string text;
};
struct ReadAgent {
  std::string name, version, digest;
  std::uint64_t workers = 0;  // that offer it, as agent_list tells
};
struct ReadBreaker {
  std::string name, state;
  std::uint64_t opened = 0;
  Millis until = 0;
};
struct ReadReport {
  struct Item {
    std::uint64_t token = 0;
    std::string checkpoint;
  };
  std::vector<Item> items;
};

ReadSubmit read_submit(std::string_view body);
ReadSubmitted read_submitted(std::string_view body);
ReadAward read_award(std::string_view body);
ReadFinish read_finish(std::string_view body);
ReadReport read_report(std::string_view body);
std::vector<ReadBreaker> read_breakers(std::string_view body);
std::vector<std::pair<std::size_t, Code>> read_refusals(std::string_view body);
std::vector<ReadEnding> read_results(std::string_view body);
ReadTask read_task(std::string_view body);
ReadPage read_page(std::string_view body);
ReadExplanation read_explanation(std::string_view body);
ReadCall read_call(std::string_view body);
std::vector<ReadLogLine> read_log_lines(std::string_view body);
std::vector<ReadAgent> read_agents(std::string_view body);  // of agent_list and register_worker
std::vector<std::string> read_ids(std::string_view body);
std::vector<std::uint64_t> read_numbers(std::string_view body);  // an array; what is no number is 0
std::vector<std::uint64_t> read_drained(std::string_view body);
std::uint64_t read_subscription(std::string_view results);
std::uint64_t read_number_or(std::string_view body, std::string_view key, std::uint64_t otherwise);
std::vector<ReadBulk> read_bulks(std::string_view body);
std::vector<ReadBatch> read_batches(std::string_view body);
ReadBatch read_batch(std::string_view body);
std::uint64_t read_units(std::string_view body);  // of all rows that usage tells
// Value of a number or bool in a map of stats or settings; nested maps by path, "tasks/ready".
std::string read_id(std::string_view body);
std::string read_text(std::string_view body,
                      std::string_view key);  // or bytes; empty: it is not there  // of a map with one
std::uint64_t read_number(std::string_view body, std::string_view path);

}  // namespace hirehall::sim
