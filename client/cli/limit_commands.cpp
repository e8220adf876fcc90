// limit set, list, show, pause-until, resume, delete.
#include <charconv>

#include "client/cli/command.h"
#include "client/src/body.h"
#include "common/wire.h"

namespace hirehall::cli {
namespace {

using client::Body;

constexpr std::string_view limit_columns =
    "name,queue,type,tenant,key,per,concurrency,rates,running,waiting,paused";

client::Error bad(std::string message) {
  return {client::ErrorCode::invalid, std::move(message), {}, 0};
}

// "100/1m" …
client::Result<client::Rate> rate_of(const std::string& text) {
  const auto slash = std::min(text.find('/'), text.size());
  std::int64_t units = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + slash, units);
  std::int64_t window = 0;
  if (slash != text.size()) window = parse_duration(std::string_view(text).substr(slash + 1)).value_or(0);
  if (error != std::errc() || end != text.data() + slash || units < 1 || window < 1)
    return tl::unexpected(bad("--rate is '" + text + "'; give UNITS/WINDOW, like 100/1m or 5/30s"));
  return client::Rate{units, window};
}

std::string rates_text(const Document& limit) {
  std::string out;
  for (const auto& rate : limit.items("rates")) {
    auto text = rate.text("");  // [100,60000]
    std::int64_t units = 0, window = 0;
    const auto comma = text.find(',');
    if (comma == std::string::npos) continue;
    std::from_chars(text.data() + 1, text.data() + comma, units);
    std::from_chars(text.data() + comma + 1, text.data() + text.size(), window);
    out += (out.empty() ? "" : " ") + std::to_string(units) + "/" + render_duration(window);
  }
  return out;
}

Document for_people(const Document& limit) {
  auto out = limit.copy();
  out.set("rates", rates_text(limit));
  if (limit.number("concurrency") == 0) out.set("concurrency", "");
  auto until = limit.number("paused_until");
  out.set("paused_until", until < 0 ? "resumed" : until > 0 ? render_time(until) : "");
  return out;
}

int show_limit(Context& c, client::Result<Document> answer) {
  if (!answer) {
    if (answer.error().context.empty()) answer.error().context = c.operands()[0];
    return c.complain(answer.error());
  }
  return c.show(c.format() == Format::text ? for_people(*answer) : *answer);
}

client::Result<Document> ask_for(Context& c, wire::Kind kind, const Body& body) {
  return c.ask(static_cast<std::uint16_t>(kind), body.take());
}

int missing_name(Context& c) {
  return c.complain("the name of the limit is missing");
}

}  // namespace

void declare_limit(OptionTable& t) {
  t.text("queue", "", "only tasks of this queue; a final * stands for any ending", "QUEUE");
  t.text("type", "", "only tasks of this type; a final * …", "TYPE");
  t.text("tenant", "", "only tasks of this tenant; a final * …", "TENANT");
  t.text("key", "", "only tasks with this limit key; a final * …", "KEY");
  t.text("per", "", "a budget for each queue, type, tenant or key; otherwise one for all", "WHAT");
  t.text("concurrency", "", "most tasks that run at once; 0: any number", "N");
  t.texts("rate", "most tasks that begin in a time, like 100/1m; several hold together", "UNITS/WINDOW");
  t.flag("no-rate", "take the rates away");
}

int limit_set(Context& c) {
  if (c.operands().empty()) return missing_name(c);
  const auto& v = c.values();
  Body b;
  b.text("name", c.operands()[0]);
  for (const char* option : {"queue", "type", "tenant", "key", "per"}) b.text(option, v.text(option));
  if (const auto& text = v.text("concurrency"); !text.empty()) {
    std::int64_t n = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
    if (error != std::errc() || end != text.data() + text.size())
      return c.complain(bad("--concurrency is '" + text + "'; give a number"));
    b.number("concurrency", n);
  }
  auto texts = v.texts("rate");
  if (!texts.empty() || v.flag("no-rate")) {
    std::string rates;
    msgpack::Writer w(rates);
    w.array(texts.size());
    for (const auto& text : texts) {
      auto rate = rate_of(text);
      if (!rate) return c.complain(rate.error());
      w.array(2), w.sint(rate->units), w.sint(rate->window_ms);
    }
    b.raw("rates", rates);
  }
  return show_limit(c, ask_for(c, wire::Kind::limit_set, b));
}

int limit_list(Context& c) {
  std::vector<Document> all;
  for (bool more = true; more;) {
    Body b;
    if (!all.empty()) b.text("after", all.back().text("name"));
    auto answer = ask_for(c, wire::Kind::limit_list, b);
    if (!answer) return c.complain(answer.error());
    auto page = answer->items("limits");
    for (const auto& limit : page) all.push_back(c.format() == Format::text ? for_people(limit) : limit);
    more = !page.empty() && answer->text("more") == "true";
  }
  return c.show(all, limit_columns);
}

int limit_show(Context& c) {
  if (c.operands().empty()) return missing_name(c);
  Body b;
  b.text("name", c.operands()[0]);
  return show_limit(c, ask_for(c, wire::Kind::limit_show, b));
}

int limit_pause_until(Context& c) {
  if (c.operands().empty()) return missing_name(c);
  Body b;
  b.text("name", c.operands()[0]);
  b.text("reason", c.values().text("reason"));
  std::int64_t until = -1;
  if (c.operands().size() > 1) {
    auto time = parse_time(c.operands()[1], wall_now_ms());
    if (!time) return c.complain(time.error());
    until = *time;
  }
  b.number("until", until);
  return show_limit(c, ask_for(c, wire::Kind::limit_pause, b));
}

int limit_resume(Context& c) {
  if (c.operands().empty()) return missing_name(c);
  Body b;
  b.text("name", c.operands()[0]);
  b.number("until", 0);
  return show_limit(c, ask_for(c, wire::Kind::limit_pause, b));
}

int limit_delete(Context& c) {
  if (c.operands().empty()) return missing_name(c);
  Body b;
  b.text("name", c.operands()[0]);
  auto answer = ask_for(c, wire::Kind::limit_delete, b);
  if (!answer) return show_limit(c, answer);
  Document d;
  d.set("limit", c.operands()[0]);
  d.set_bool("deleted", true);
  return c.show(d);
}

}  // namespace hirehall::cli
