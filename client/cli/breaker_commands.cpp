// breaker list, show, reset, trip.
#include <algorithm>
#include <iterator>

#include "client/cli/command.h"
#include "client/src/body.h"
#include "client/src/inner.h"
#include "common/wire.h"

namespace hirehall::cli {
namespace {

using client::Body;

constexpr std::string_view breaker_columns =
    "name,kind,state,until,failures,failures_to_open,probing,opened,error";

// The times as people write them; what never was and what is not is left empty.
Document for_people(const Document& breaker) {
  auto out = breaker.copy();
  for (const char* key : {"until", "since"})
    out.set(key, breaker.number(key) == 0 ? "" : render_time(breaker.number(key)));
  out.set("open_ms", render_duration(breaker.number("open_ms")));
  return out;
}

Document shown(Context& c, const Document& breaker) {
  return c.format() == Format::text ? for_people(breaker) : breaker.copy();
}

std::string place_of(const Document& breaker) {
  return breaker.text("kind") + "/" + breaker.text("name");
}

// About the one that is named: as an agent, or as a service.
int steer(Context& c, wire::Kind kind, Body& body) {
  if (c.operands().empty()) return c.complain("the name of the agent or service is missing");
  body.text("name", c.operands()[0]);
  if (c.values().flag("service")) body.text("kind", "service");
  auto answer = c.ask(static_cast<std::uint16_t>(kind), body.take());
  if (answer) return c.show(shown(c, *answer));
  if (answer.error().context.empty()) answer.error().context = c.operands()[0];
  return c.complain(answer.error());
}

}  // namespace

std::vector<std::pair<std::string, std::string>> breaker_names(client::Client& client) {
  std::vector<std::pair<std::string, std::string>> out;
  auto answer = client.inner().call(wire::Kind::breaker_list, Body().take());
  auto page = answer ? Document::from_body(*answer) : tl::unexpected(answer.error());
  if (!page) return out;
  for (const auto& breaker : page->items("breakers"))
    out.emplace_back(breaker.text("name"), breaker.text("kind") + ", " + breaker.text("state"));
  return out;
}

void declare_breaker(OptionTable& t) {
  t.flag("service", "the service of this name, where an agent has the same");
}

void declare_breaker_steer(OptionTable& t) {
  declare_breaker(t);
  t.text("reason", "", "why, for the audit log");
}

void declare_breaker_trip(OptionTable& t) {
  declare_breaker_steer(t);
  t.duration("for", 0, {0, INT64_C(86'400'000) * 31},
             "how long it stays open; 0: as long as it usually does");
}

client::Result<std::vector<Document>> all_breakers(Context& c) {
  std::vector<Document> all;
  std::string after;
  for (bool more = true; more;) {
    Body b;
    if (!after.empty()) b.text("after", after);
    auto answer = c.ask(static_cast<std::uint16_t>(wire::Kind::breaker_list), b.take());
    if (!answer) return tl::unexpected(answer.error());
    auto page = answer->items("breakers");
    if (!page.empty()) after = place_of(page.back());
    more = !page.empty() && answer->text("more") == "true";
    std::ranges::move(page, std::back_inserter(all));
  }
  return all;
}

int breaker_list(Context& c) {
  auto all = all_breakers(c);
  if (!all) return c.complain(all.error());
  for (auto& breaker : *all) breaker = shown(c, breaker);
  return c.show(*all, breaker_columns);
}

int breaker_show(Context& c) {
  Body b;
  return steer(c, wire::Kind::breaker_show, b);
}

int breaker_reset(Context& c) {
  Body b;
  b.text("reason", c.values().text("reason"));
  return steer(c, wire::Kind::breaker_reset, b);
}

int breaker_trip(Context& c) {
  Body b;
  b.text("reason", c.values().text("reason"));
  b.number("for_ms", c.values().number("for"));
  return steer(c, wire::Kind::breaker_trip, b);
}

}  // namespace hirehall::cli
