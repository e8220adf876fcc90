// What an agent's program writes to its output: anything.
#include "worker/json_lines.h"

#include "tests/fuzz/fuzzing.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto said = hirehall::worker::read_utterance(hirehall::fuzz::view_of(data, size));
  if (said)
    ++hirehall::fuzz::accepted;
  else
    HH_CHECK(!said.error().message.empty(), "a refusal says why");
  return 0;
}
