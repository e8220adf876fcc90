// task logs: what a running attempt tells of itself, line by line.
#include <algorithm>
#include <ostream>

#include "client/cli/command.h"
#include "client/src/body.h"
#include "client/src/inner.h"
#include "common/wire.h"

namespace hirehall::cli {
namespace {

using client::Body;

constexpr std::int64_t wait_ms = 10000;

struct Part {
  std::uint64_t next = 0;
  bool more = false, ended = false, missed = false;
  std::size_t lines = 0;
};

void print(Context& c, std::uint64_t position, std::int64_t at, std::uint64_t attempt,
           std::string_view stream, std::string_view text) {
  if (c.format() == Format::none) return;
  if (c.format() == Format::text) {
    c.out() << render_time(at) << "  " << text << "\n";
    return;
  }
  Document d;
  d.set("position", static_cast<std::int64_t>(position)).set("at", at);
  d.set("attempt", static_cast<std::int64_t>(attempt)).set("stream", stream).set_bytes("text", text);
  c.out() << d.json(false) << "\n";
}

client::Result<Part> read_part(Context& c, std::string_view body) {
  Part part;
  msgpack::Reader r(body);
  auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    auto key = r.str();
    if (key == "next")
      part.next = r.uint();
    else if (key == "more")
      part.more = r.boolean();
    else if (key == "ended")
      part.ended = r.boolean();
    else if (key == "missed")
      part.missed = r.boolean();
    else if (key == "lines") {
      part.lines = r.array();
      for (std::size_t k = 0; k < part.lines && r.ok(); ++k) {
        auto fields = r.array();
        auto position = r.uint();
        auto at = r.sint();
        auto attempt = r.uint();
        auto stream = r.str();
        auto text = r.bin();
        for (std::size_t f = 5; f < fields && r.ok(); ++f) r.skip();
        if (r.ok()) print(c, position, at, attempt, stream, text);
      }
    } else {
      r.skip();
    }
  }
  if (!r.ok()) return client::malformed("logs");
  return part;
}

}  // namespace

void declare_logs(OptionTable& t) {
  t.flag("follow", "go on until the task has ended");
  t.number("tail", 100, {1, 1000}, "begin with the last so many lines");
}

// -o json prints an object a line as jsonl does: a stream has no end to close an array at.
int task_logs(Context& c) {
  if (c.operands().empty()) return c.complain("the id of a task is missing");
  auto id = client::TaskId::parse(c.operands()[0]);
  if (!id) return c.complain(id.error());
  auto cl = c.client();
  if (!cl) return c.complain(cl.error());
  bool follow = c.values().flag("follow");
  std::uint64_t after = 0;
  bool tail = true;
  for (;;) {
    Body b;
    b.bin("id", client::raw_of(*id));
    b.number("after", static_cast<std::int64_t>(after));
    if (tail) b.boolean("tail", true), b.number("limit", c.values().number("tail"));
    if (follow && !tail) b.number("wait_ms", wait_ms);
    auto answer =
        (*cl)->inner().call_for(wire::Kind::logs, b.take(), wait_ms + c.values().number("request-timeout"));
    if (!answer) return c.complain(answer.error());
    auto part = read_part(c, *answer);
    if (!part) return c.complain(part.error());
    c.out() << std::flush;
    if (!c.out()) return ok;  // the reader has gone
    if (part->missed) c.err() << "hirehall: some lines are gone: more was told than is kept\n";
    after = part->next;
    tail = false;
    if (part->more) continue;
    if (!follow || (part->ended && part->lines == 0)) return ok;
  }
}

}  // namespace hirehall::cli
