// usage, and budget set, list, delete.
#include <charconv>

#include "client/cli/command.h"
#include "client/src/body.h"
#include "common/wire.h"

namespace hirehall::cli {
namespace {

using client::Body;

constexpr std::string_view budget_columns =
    "name,tenant,queue,unit,period,hard,soft,used,state,waiting,until";

client::Error bad(std::string message) {
  return {client::ErrorCode::invalid, std::move(message), {}, 0};
}

client::Result<Document> ask_for(Context& c, wire::Kind kind, const Body& body) {
  return c.ask(static_cast<std::uint16_t>(kind), body.take());
}

std::vector<std::string> words_of(const std::string& list) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at < list.size();) {
    const auto comma = std::min(list.find(',', at), list.size());
    if (comma > at) out.push_back(list.substr(at, comma - at));
    at = comma + 1;
  }
  return out;
}

// "tokens_in=1200 cost_usd=0.5"
Document usage_for_people(const Document& row) {
  auto out = row.copy();
  std::string used;
  const auto amounts = row.child("usage");
  for (const auto& unit : amounts.keys()) used += (used.empty() ? "" : " ") + unit + "=" + amounts.text(unit);
  out.set("usage", used);
  return out;
}

Document budget_for_people(const Document& budget) {
  auto out = budget.copy();
  for (const char* key : {"hard", "soft"})
    if (budget.text(key) == "0") out.set(key, "");
  const auto until = budget.number("until");
  out.set("until", until > 0 ? render_time(until) : "");
  return out;
}

// Nothing: the option was not given.
client::Result<std::optional<double>> amount_of(const Context& c, const char* option) {
  const auto& text = c.values().text(option);
  if (text.empty()) return std::optional<double>{};
  double amount = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), amount);
  if (error != std::errc() || end != text.data() + text.size() || !(amount >= 0))
    return tl::unexpected(
        bad(std::string("--") + option + " is '" + text + "'; give an amount, like 25 or 0.5"));
  return std::optional<double>{amount};
}

}  // namespace

void declare_usage(OptionTable& t) {
  t.text("by", "tenant,queue", "what the sums are of: day, tenant, queue, agent; several with commas",
         "WHAT");
  t.text("since", "", "from the day of this time on: 2027-01-31T00:00:00Z, or a duration ago: 7d", "TIME");
  t.text("until", "", "up to the day of this time", "TIME");
  t.text("tenant", "", "only of this tenant", "TENANT");
  t.text("queue", "", "only of this queue", "QUEUE");
  t.text("agent", "", "only of this agent", "AGENT");
}

int usage_of(Context& c) {
  Body b;
  const auto by = words_of(c.values().text("by"));
  std::string encoded;
  msgpack::Writer w(encoded);
  w.array(by.size());
  for (const auto& word : by) w.str(word);
  b.raw("by", encoded);
  for (const char* option : {"since", "until"}) {
    const auto& text = c.values().text(option);
    if (text.empty()) continue;
    const auto now = wall_now_ms();
    if (auto ago = parse_duration(text)) {
      b.number(option, now - *ago);
      continue;
    }
    auto time = parse_time(text, now);
    if (!time) {
      time.error().context = std::string("--") + option;
      return c.complain(time.error());
    }
    b.number(option, *time);
  }
  for (const char* option : {"tenant", "queue", "agent"}) b.text(option, c.values().text(option));
  auto answer = ask_for(c, wire::Kind::usage, b);
  if (!answer) return c.complain(answer.error());
  std::vector<Document> rows;
  for (const auto& row : answer->items("usage"))
    rows.push_back(c.format() == Format::text ? usage_for_people(row) : row);
  if (answer->text("more") == "true")
    c.err() << "there are more rows than one answer holds: ask for fewer days, or group by less\n";
  std::string columns;
  for (const auto& word : by) columns += word + ",";
  return c.show(rows, columns + "attempts,usage");
}

void declare_budget(OptionTable& t) {
  t.text("tenant", "", "of tasks of this tenant; a final * stands for any ending", "TENANT");
  t.text("queue", "", "of tasks of this queue; a final * …", "QUEUE");
  t.text("unit", "", "what is counted, as attempts report it: cost_usd, tokens_in", "UNIT");
  t.text("period", "", "day (when not given), month or total", "PERIOD");
  t.text("hard", "", "what is used up holds its tasks back; 0: no such amount", "AMOUNT");
  t.text("soft", "", "from here on it warns; 0: no such amount", "AMOUNT");
}

int budget_set(Context& c) {
  if (c.operands().empty()) return c.complain("the name of the budget is missing");
  Body b;
  b.text("name", c.operands()[0]);
  for (const char* option : {"tenant", "queue", "unit", "period"}) b.text(option, c.values().text(option));
  for (const char* option : {"hard", "soft"}) {
    auto amount = amount_of(c, option);
    if (!amount) return c.complain(amount.error());
    if (!*amount) continue;
    std::string encoded;
    msgpack::Writer(encoded).real(**amount);
    b.raw(option, encoded);
  }
  auto answer = ask_for(c, wire::Kind::budget_set, b);
  if (!answer) return c.complain(answer.error());
  return c.show(c.format() == Format::text ? budget_for_people(*answer) : *answer);
}

int budget_list(Context& c) {
  std::vector<Document> all;
  for (bool more = true; more;) {
    Body b;
    if (!all.empty()) b.text("after", all.back().text("name"));
    auto answer = ask_for(c, wire::Kind::budget_list, b);
    if (!answer) return c.complain(answer.error());
    auto page = answer->items("budgets");
    for (const auto& budget : page)
      all.push_back(c.format() == Format::text ? budget_for_people(budget) : budget);
    more = !page.empty() && answer->text("more") == "true";
  }
  return c.show(all, budget_columns);
}

int budget_delete(Context& c) {
  if (c.operands().empty()) return c.complain("the name of the budget is missing");
  Body b;
  b.text("name", c.operands()[0]);
  auto answer = ask_for(c, wire::Kind::budget_delete, b);
  if (!answer) return c.complain(answer.error());
  Document d;
  d.set("budget", c.operands()[0]);
  d.set_bool("deleted", true);
  return c.show(d);
}

}  // namespace hirehall::cli
