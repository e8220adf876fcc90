// What was learned of the agents, read back: damaged bytes are refused, accepted ones say the same again.
#include "scheduler/prediction.h"

#include "tests/fuzz/fuzzing.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using hirehall::scheduler::Features;
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
  Features features;
  features.number("tokens", 300);
  features.word("language", "de");
  const auto shift = hall->shift("a", "t", features);
  HH_CHECK(shift.variance >= 0, "what features add is a belief");
  for (int lesson = 0; lesson < 2; ++lesson) {
    const auto told = hall->forecast("a", "t", &features);
    HH_CHECK(told.duration.p50_ms >= 0 && told.duration.p50_ms <= told.duration.p99_ms + 1,
             "a duration with features is one");
    HH_CHECK(told.cost >= 0, "a cost with features is one");
    hall->learn({"a", "1", "t", true, 100, 0.5, {}, &features});
  }
  return 0;
}
