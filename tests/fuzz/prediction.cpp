// What was learned of the agents, read back: damaged bytes are refused, accepted ones say the same again.
#include "scheduler/prediction.h"

#include "tests/fuzz/fuzzing.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using hirehall::scheduler::Prediction;
  auto hall = Prediction::load(hirehall::fuzz::view_of(data, size));
  if (!hall) return 0;
  ++hirehall::fuzz::accepted;
  const auto bytes = hall->save();
  const auto again = Prediction::load(bytes);
  HH_CHECK(again && again->save() == bytes, "what was accepted is kept as it is");
  for (const auto& row : hall->status())
    HH_CHECK(row.forecast.success.probability >= 0 && row.forecast.success.probability <= 1,
             "a chance lies between 0 and 1");
  hall->learn({"a", "1", "t", true, 100});
  return 0;
}
