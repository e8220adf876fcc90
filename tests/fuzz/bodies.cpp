// A record of bodies: what is accepted can be read task by task without another check.
#include "broker/engine/body.h"

#include "tests/fuzz/fuzzing.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hirehall::engine;
  const auto record = decode_body_record(hirehall::fuzz::view_of(data, size));
  if (!record) return 0;
  ++hirehall::fuzz::accepted;
  std::string tasks;
  for (const auto offset : record->offsets) {
    const auto body = record->chunk->body_at(offset);
    record->chunk->options_of(body);
    write_body(tasks, body);
  }
  const auto encoded = encode_body_record(record->first, record->time, record->chunk->templates,
                                          record->offsets.size(), tasks);
  const auto again = decode_body_record(encoded);
  HH_CHECK(again && again->offsets.size() == record->offsets.size(), "what was written can be read");
  return 0;
}
