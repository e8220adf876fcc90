// Task ids as text and as bytes: what is accepted comes out the same, and nobody guesses one.
#include "common/ids.h"

#include "tests/fuzz/fuzzing.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using hirehall::TaskId;
  static const hirehall::IdMaker maker({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}, 7, 3);
  const auto bytes = hirehall::fuzz::view_of(data, size);
  for (const auto& id : {TaskId::parse(bytes), TaskId::from_raw(bytes)}) {
    if (!id) continue;
    ++hirehall::fuzz::accepted;
    const auto again = TaskId::parse(id->text());
    HH_CHECK(again && *again == *id, "text and id are the same");
    const auto raw = TaskId::from_raw(id->raw());
    HH_CHECK(raw && *raw == *id, "bytes and id are the same");
    if (maker.genuine(*id))
      HH_CHECK(maker.make(id->sequence(), id->incarnation()) == *id, "a genuine id is one we would make");
  }
  return 0;
}
