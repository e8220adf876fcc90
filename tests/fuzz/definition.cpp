// Agent definitions: Markdown with YAML front matter, written by people.
#include "worker/definition.h"

#include "tests/fuzz/fuzzing.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(hirehall::fuzz::view_of(data, size));
  const auto loaded = hirehall::worker::parse_definition(text, "agent.md");
  if (!loaded) {
    HH_CHECK(!loaded.error().message.empty(), "a refusal says why");
    return 0;
  }
  ++hirehall::fuzz::accepted;
  HH_CHECK(!loaded->definition.name.empty(), "an agent has a name");
  HH_CHECK(!loaded->definition.types.empty() || !loaded->definition.capabilities.empty(),
           "an agent can do something");
  return 0;
}
