// What an agent's program writes to its output: anything.
#include "worker/json_lines.h"

#include "tests/fuzz/fuzzing.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (const auto bid = hirehall::worker::read_bid(hirehall::fuzz::view_of(data, size)))
    HH_CHECK(!bid->price || bid->fault.empty(), "a bid is a price or a fault");
  const auto said = hirehall::worker::read_utterance(hirehall::fuzz::view_of(data, size));
  if (said)
    ++hirehall::fuzz::accepted;
  else
    HH_CHECK(!said.error().message.empty(), "a refusal says why");
  return 0;
}
