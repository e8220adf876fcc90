#include "common/wire.h"

#include "common/msgpack.h"

namespace hirehall::wire {
namespace {

template <typename T>
void put_le(std::string& out, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) out.push_back(static_cast<char>(value >> (8 * i)));
}

template <typename T>
T get_le(const char* at) {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i)
    value =
        static_cast<T>(value | static_cast<T>(static_cast<T>(static_cast<std::uint8_t>(at[i])) << (8 * i)));
  return value;
}

}  // namespace

void write_header(std::string& out, Kind kind, std::uint64_t request) {
  put_le<std::uint16_t>(out, magic);
  out.push_back(static_cast<char>(version));
  out.push_back(0);
  put_le<std::uint16_t>(out, static_cast<std::uint16_t>(kind));
  put_le<std::uint16_t>(out, 0);
  put_le<std::uint64_t>(out, request);
}

Result<Frame> read_frame(std::string_view bytes) {
  if (bytes.size() < header_bytes)
    return fail(Code::bad_message, "a frame has at least 16 bytes, this has " + std::to_string(bytes.size()));
  if (get_le<std::uint16_t>(bytes.data()) != magic)
    return fail(Code::bad_message, "wrong magic, not this protocol");
  Frame frame;
  frame.header.kind = get_le<std::uint16_t>(bytes.data() + 4);
  frame.header.request = get_le<std::uint64_t>(bytes.data() + 8);
  if (auto v = static_cast<std::uint8_t>(bytes[2]); v != version)
    return fail(Code::version_mismatch, "this side speaks version " + std::to_string(version) +
                                            ", the peer sent " + std::to_string(v));
  frame.header.flags = static_cast<std::uint8_t>(bytes[3]);
  frame.body = bytes.substr(header_bytes);
  return frame;
}

std::string error_frame(std::uint64_t request, const Error& error) {
  std::string out;
  write_header(out, Kind::error, request);
  msgpack::Writer w(out);
  w.map(4 + (error.context.empty() ? 0u : 1u));
  w.entry("code", name_of(error.code));
  w.entry("message", error.message);
  w.entry("action", name_of(action_of(error.code)));
  w.entry_sint("retry_after_ms", error.retry_after_ms);
  if (!error.context.empty()) w.entry("context", error.context);
  return out;
}

Error read_error(std::string_view body) {
  Error error;
  msgpack::Reader r(body);
  auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    auto key = r.str();
    if (key == "code")
      error.code = code_from_name(r.str());
    else if (key == "message")
      error.message = r.str();
    else if (key == "context")
      error.context = r.str();
    else if (key == "retry_after_ms")
      error.retry_after_ms = r.sint();
    else
      r.skip();
  }
  if (!r.ok()) error.message += " [the error answer itself was malformed]";
  return error;
}

}  // namespace hirehall::wire
