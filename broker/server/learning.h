// What the broker learns of its agents from the ends of their attempts, and how it keeps it.
//
// It is an aid and no fact: it changes no ledger, a broker without it works the same, and a crash loses what
// was learned since it was last kept. It is kept in the meta record `learned`, written into a commit that is
// made anyway.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "broker/store/store.h"
#include "common/task.h"
#include "scheduler/prediction.h"

namespace hirehall::server {

// An attempt that a worker says has ended, before the engine has judged it.
struct Finishing {
  std::uint64_t token = 0;
  const std::string* agent = nullptr;
  const std::string* version = nullptr;
  const std::string* type = nullptr;
  bool success = false;
  Millis took = 0;
  std::optional<double> cost = std::nullopt, quality = std::nullopt;  // of its usage, where it tells them
  std::string features = {};                                          // of the task, as it carries them
};

// The units of usage that are learned, beside being added up.
inline constexpr std::string_view cost_unit = "cost", quality_unit = "quality";

class Learning {
 public:
  static constexpr std::string_view key = "learned";
  // Under load the first ends of a turn stand for all: learning costs the same at any rate.
  static constexpr std::uint32_t lessons_per_turn = 16;
  static constexpr Millis keep_every = 10'000;

  // Bytes that cannot be read are said so and left: the hall learns anew.
  void take_up(const store::Store& store);
  void begin_turn() { left_ = lessons_per_turn; }
  bool wants_more() const { return left_ > 0; }
  void learn(const Finishing& ended);
  bool unlearn(std::string_view agent);
  // Adds the record to the batch when there is something new and it is time.
  void keep(Millis now, store::CommitBatch& batch);
  const scheduler::Prediction& prediction() const { return prediction_; }

 private:
  scheduler::Prediction prediction_;
  std::uint32_t left_ = lessons_per_turn;
  bool changed_ = false;
  Millis next_ = 0;
};

}  // namespace hirehall::server
