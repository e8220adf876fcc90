// Why a task is where it is, as the broker told it: reasons, and of each award the terms.
#include "common/msgpack.h"
#include "tests/simulation/reading.h"
#include "tests/simulation/violation.h"

namespace hirehall::sim {
namespace {

ReadReasons::Term read_term(msgpack::Reader& r) {
  ReadReasons::Term out;
  auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    auto key = r.str();
    bool read = false;
    for (auto [name, value] : {std::pair{"score", &out.score},
                               {"value", &out.value},
                               {"preferred", &out.preferred},
                               {"preferred_labels", &out.labels},
                               {"cost", &out.cost},
                               {"wait", &out.wait},
                               {"slot_price", &out.slot_price},
                               {"worker_number", &out.number},
                               {"price_base", &out.price_base},
                               {"price_load_slope", &out.price_slope},
                               {"price_multiplier_milli", &out.price_multiplier},
                               {"price_cap", &out.price_cap},
                               {"expected_ms", &out.expected_ms},
                               {"run_ms", &out.run_ms},
                               {"run_without_features_ms", &out.without_features_ms},
                               {"agent_number", &out.agent}})
      if (key == name) *value = r.sint(), read = true;
    if (read) continue;
    if (key == "worker")
      out.worker = r.str();
    else if (key == "load")
      out.load = r.real();
    else if (key == "bid")
      out.live = r.str() == "live";
    else
      r.skip();
  }
  return out;
}

ReadReasons read_reasons(msgpack::Reader& r) {
  ReadReasons out;
  auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    auto key = r.str();
    bool read = false;
    for (auto [name, value] : {std::pair{"reserve", &out.reserve},
                               {"preference", &out.preference},
                               {"paid", &out.paid},
                               {"first_price", &out.first_price},
                               {"second_price", &out.second_price},
                               {"handed_back_by_number", &out.handed_back_by_number}})
      if (key == name) *value = r.sint(), read = true;
    if (read) continue;
    if (key == "policy") {
      out.policy = r.str();
    } else if (key == "worker") {
      out.worker = r.str();
    } else if (key == "handed_back_by") {
      out.handed_back_by = r.str();
    } else if (key == "went_to") {
      out.went_to = r.str();
    } else if (key == "matched_with_number") {
      out.matched_with = r.sint();
    } else if (key == "matched_tasks") {
      out.matched_tasks = r.uint();
    } else if (key == "matched_places") {
      out.matched_places = r.uint();
    } else if (key == "round") {
      out.round = r.uint();
    } else if (key == "features") {
      out.features = r.raw();
    } else if (key == "terms" && r.peek() == msgpack::Kind::array) {
      auto n = r.array();
      for (std::size_t k = 0; k < n && r.ok(); ++k) out.terms.push_back(read_term(r));
    } else if (key == "terms") {
      out.expired = r.str() == "expired";
    } else {
      r.skip();
    }
  }
  return out;
}

}  // namespace

ReadExplanation read_explanation(std::string_view body) {
  ReadExplanation out;
  msgpack::Reader r(body);
  auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    auto key = r.str();
    if (key == "state") {
      out.state = r.str();
    } else if (key == "why") {
      auto n = r.array();
      for (std::size_t k = 0; k < n && r.ok(); ++k) {
        auto details = r.map();
        for (std::size_t d = 0; d < details && r.ok(); ++d) {
          if (r.str() == "what")
            out.words.emplace(r.str());
          else
            r.skip();
        }
      }
    } else if (key == "awards") {
      auto n = r.array();
      for (std::size_t k = 0; k < n && r.ok(); ++k) out.awards.push_back(read_reasons(r));
    } else {
      r.skip();
    }
  }
  if (!r.finished()) violated("I15", "an explanation is not what the protocol says");
  return out;
}

ReadCall read_call(std::string_view body) {
  ReadCall out;
  msgpack::Reader r(body);
  auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    const auto key = r.str();
    if (key == "round")
      out.round = r.uint();
    else if (key == "features")
      out.features = r.raw();
    else
      r.skip();
  }
  if (!r.finished()) violated("I15", "a call for bids is not what the protocol says");
  return out;
}

}  // namespace hirehall::sim
