// A page of the ready order: what is accepted can be written again.
#include "broker/engine/records.h"
#include "tests/fuzz/fuzzing.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hirehall::engine;
  auto entries = decode_page(hirehall::fuzz::view_of(data, size));
  if (!entries) return 0;
  ++hirehall::fuzz::accepted;
  for (const auto& entry : *entries)
    if (entry.chunk) entry.chunk->options_of(entry.chunk->body_at(entry.offset));
  const auto again = decode_page(encode_page(*entries));
  HH_CHECK(again && again->size() == entries->size(), "what was written can be read");
  for (std::size_t i = 0; i < entries->size(); ++i)
    HH_CHECK((*again)[i].item.sequence == (*entries)[i].item.sequence &&
                 (*again)[i].item.tries.fresh() == (*entries)[i].item.tries.fresh(),
             "in the same order");
  return 0;
}
