// A configuration file in front of a table with an option of each shape: what is accepted lies in its range.
#include <fcntl.h>
#include <unistd.h>

#include <string>

#include "common/options.h"
#include "tests/fuzz/fuzzing.h"

namespace {

using hirehall::OptionTable;

const OptionTable& table() {
  static const OptionTable table = [] {
    OptionTable t("fuzz", "One of each.");
    t.text("text", "x", "a text")
        .texts("texts", "texts")
        .choice("choice", "one", {"one", "two"}, "a choice")
        .number("number", 4, {-5, 4096}, "a number")
        .duration("duration", 30'000, {0, 86'400'000}, "a duration")
        .bytes("section.bytes", 4096, {0, 1 << 30}, "a size")
        .flag("flag", "a flag");
    return t;
  }();
  return table;
}

// One file of the process, written anew for each input.
const std::string& file() {
  static const std::string path = "/tmp/hirehall-fuzz-" + std::to_string(::getpid()) + ".conf";
  static const bool removed_at_exit = std::atexit([] { ::unlink(file().c_str()); }) == 0;
  HH_CHECK(removed_at_exit, "the file goes with the process");
  return path;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const int descriptor = ::open(file().c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  HH_CHECK(descriptor >= 0 && ::write(descriptor, data, size) == static_cast<ssize_t>(size),
           "a fuzz target can write its input");
  ::close(descriptor);
  const auto values =
      table().parse({"--config", file()}, [](const std::string&) -> const char* { return nullptr; });
  if (!values) {
    HH_CHECK(!values.error().message.empty(), "a refusal says why");
  } else if (!values->answer()) {
    ++hirehall::fuzz::accepted;
    HH_CHECK(values->number("number") >= -5 && values->number("number") <= 4096, "in its range");
    HH_CHECK(values->number("duration") >= 0 && values->number("duration") <= 86'400'000, "in its range");
    HH_CHECK(values->number("section.bytes") >= 0 && values->number("section.bytes") <= 1 << 30,
             "in its range");
    HH_CHECK(values->text("choice") == "one" || values->text("choice") == "two", "one of the choices");
  }
  const auto text = hirehall::fuzz::view_of(data, size);
  if (const auto ms = hirehall::parse_duration(text))
    HH_CHECK(hirehall::parse_duration(hirehall::render_duration(*ms)) == ms, "rendered and parsed again");
  if (const auto bytes = hirehall::parse_bytes(text))
    HH_CHECK(hirehall::parse_bytes(hirehall::render_bytes(*bytes)) == bytes, "rendered and parsed again");
  return 0;
}
