#include "broker/server/curve.h"

#include <zmq.h>

#include <algorithm>

#include "broker/server/small_file.h"

namespace hirehall::server {
namespace {

constexpr std::size_t key_characters = 40;
constexpr std::size_t key_file_bytes_max = 4096;

// TEST KEY VALUES of zmq_curve(7): public and secret, of the client and of the server.
constexpr std::array<std::string_view, 4> published = {
    "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID",
    "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs",
    "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7",
    "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6",
};

constexpr std::string_view z85_alphabet =
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

// The first line that is neither empty nor a comment. `#` is a character of z85, so a comment is `# ` and
// more.
std::string_view first_line(std::string_view text) {
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ' || line.back() == '\t')) {
      line.remove_suffix(1);
    }
    if (!line.empty() && !line.starts_with("# ")) return line;
  }
  return {};
}

}  // namespace

bool is_published_key(std::string_view z85) {
  return std::ranges::find(published, z85) != published.end();
}

Result<std::array<std::uint8_t, 32>> decode_key(std::string_view z85, std::string_view context) {
  if (z85.size() != key_characters) {
    return fail(Code::invalid,
                "a CURVE key has 40 characters of z85 and this one has " + std::to_string(z85.size()) +
                    "; quote it in YAML, its characters have meanings there",
                std::string(context));
  }
  if (z85.find_first_not_of(z85_alphabet) != std::string_view::npos) {
    return fail(Code::invalid, "the CURVE key has a character that is not z85", std::string(context));
  }
  std::array<std::uint8_t, 32> key{};
  if (zmq_z85_decode(key.data(), std::string(z85).c_str()) == nullptr) {
    return fail(Code::invalid, "the CURVE key is not z85: five of its characters make a number over 32 bits",
                std::string(context));
  }
  return key;
}

Result<CurveKeys> load_curve_keys(const std::string& path) {
  auto text = read_small_file(path, key_file_bytes_max, group_or_others_may_anything);
  if (!text) return tl::unexpected(text.error());
  CurveKeys keys;
  keys.secret_key = first_line(*text);
  if (auto decoded = decode_key(keys.secret_key, path); !decoded) return tl::unexpected(decoded.error());
  if (is_published_key(keys.secret_key)) {
    return fail(Code::invalid,
                "this key is printed in the manual zmq_curve(7), so everybody has it; make one of your own",
                path);
  }
  std::array<char, key_characters + 1> derived{};
  if (zmq_curve_public(derived.data(), keys.secret_key.c_str()) != 0) {
    return fail(Code::internal, "libzmq could not derive the public key; it was built without CURVE", path);
  }
  keys.public_key = derived.data();
  return keys;
}

}  // namespace hirehall::server
