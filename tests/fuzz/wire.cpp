// Frames and msgpack bodies as they come from the wire: the reader never reads beyond the end, what it calls
// whole can be read again, and text it gives is what it was given.
#include "common/wire.h"

#include "common/msgpack.h"
#include "tests/fuzz/fuzzing.h"

namespace {

using hirehall::msgpack::Kind;
using hirehall::msgpack::Reader;

// Reads one value as its kind says; the same bytes as skip() takes.
void read(Reader& r, int depth) {
  if (depth > 64) return r.skip();
  switch (r.peek()) {
    case Kind::nil:
      r.skip_nil();
      break;
    case Kind::boolean:
      r.boolean();
      break;
    case Kind::uint:
      r.uint();
      break;
    case Kind::sint:
      r.sint();
      break;
    case Kind::real:
      r.real();
      break;
    case Kind::str:
      r.str();
      break;
    case Kind::bin:
      r.bin();
      break;
    case Kind::array:
      for (auto n = r.array(); n > 0 && r.ok(); --n) read(r, depth + 1);
      break;
    case Kind::map:
      for (auto n = 2 * r.map(); n > 0 && r.ok(); --n) read(r, depth + 1);
      break;
    case Kind::invalid:
      r.skip();
      HH_CHECK(!r.ok(), "what has no kind cannot be skipped");
      break;
  }
}

void body(std::string_view bytes) {
  Reader whole(bytes);
  const auto value = whole.raw();
  Reader parts(bytes);
  read(parts, 0);
  if (!whole.ok()) return;
  HH_CHECK(value.size() + whole.remaining() == bytes.size(), "a value is what was consumed");
  // Text that is no UTF-8 is skipped and not read.
  if (parts.ok()) HH_CHECK(parts.remaining() == whole.remaining(), "reading and skipping agree");
  Reader again(value);
  again.skip();
  HH_CHECK(again.finished(), "a whole value is whole");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = hirehall::fuzz::view_of(data, size);
  body(bytes);
  if (const auto frame = hirehall::wire::read_frame(bytes)) {
    body(frame->body);
    hirehall::wire::read_error(frame->body);
    ++hirehall::fuzz::accepted;
    HH_CHECK(frame->body.size() + hirehall::wire::header_bytes == bytes.size(), "the rest is the body");
  }
  return 0;
}
