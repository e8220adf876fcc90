// schedule create, list, show, edit, pause, resume, trigger, delete.
#include <charconv>

#include "client/cli/command.h"
#include "client/cli/submit_options.h"
#include "client/src/body.h"
#include "common/wire.h"

namespace hirehall::cli {
namespace {

using client::Body;

constexpr std::string_view schedule_columns =
    "name,cron,every,zone,type,queue,paused,next_at,last_tick_at,fired,missed,overlapped,refused";
constexpr client::Millis years_ms = INT64_C(86'400'000) * 36'600;

bool given(const OptionValues& v, std::string_view name) {
  return v.from(name) != OptionValues::From::fallback;
}

int missing_name(Context& c) {
  return c.complain("the name of the schedule is missing");
}

// As people write it; every in words.
Document shown(const Document& schedule) {
  auto out = schedule.copy();
  if (auto every = schedule.number("every_ms"); every != 0) out.set("every", render_duration(every));
  return out;
}

Document for_people(Document schedule) {
  std::vector<Document> ticks;
  for (const auto& tick : schedule.items("upcoming")) {
    std::int64_t time = 0;
    auto text = tick.text("");
    std::from_chars(text.data(), text.data() + text.size(), time);
    Document d;
    d.set("next", render_time(time));
    ticks.push_back(d);
  }
  schedule.set("upcoming", ticks);
  return schedule;
}

int show_schedule(Context& c, const client::Result<Document>& answer) {
  if (!answer) return c.complain(answer.error());
  if (c.format() != Format::text) return c.show(*answer);
  return c.show(for_people(*answer));
}

client::Result<Document> ask_about(Context& c, wire::Kind kind, Body& b) {
  auto answer = c.ask(static_cast<std::uint16_t>(kind), b.take());
  if (!answer && answer.error().context.empty()) answer.error().context = c.operands()[0];
  return answer;
}

// Only what is given: an edit leaves the rest as it is.
client::Result<std::string> options_body(const OptionValues& v) {
  Body b;
  for (auto [option, key] : {std::pair{"type", "type"},
                             {"description", "description"},
                             {"content-type", "content_type"},
                             {"queue", "queue"},
                             {"tenant", "tenant"},
                             {"agent", "agent"},
                             {"affinity-key", "affinity_key"}})
    b.text(key, v.text(option));
  for (auto [option, key] : {std::pair{"priority", "priority"},
                             {"ttl", "ttl_ms"},
                             {"attempt-timeout", "timeout_ms"},
                             {"max-attempts", "max_attempts"},
                             {"retention", "retention_ms"}})
    if (given(v, option)) b.number(key, v.number(option));
  std::string list;
  msgpack::Writer w(list);
  if (auto keys = v.texts("limit-key"); !keys.empty()) {
    w.array(keys.size());
    for (const auto& key : keys) w.str(key);
    b.raw("limit_keys", list);
  }
  for (auto [option, key] : {std::pair{"label", "labels"}, {"prefer-label", "preferred_labels"}}) {
    const auto& labels = v.texts(option);
    if (labels.empty()) continue;
    list.clear();
    w.map(labels.size());
    for (const auto& label : labels) {
      auto at = label.find('=');
      if (at == std::string::npos || at == 0)
        return tl::unexpected(client::Error{client::ErrorCode::invalid,
                                            std::string("--") + option + " takes KEY=VALUE", label, 0});
      w.entry(std::string_view(label).substr(0, at), std::string_view(label).substr(at + 1));
    }
    b.raw(key, list);
  }
  auto features = features_of(v);
  if (!features) return tl::unexpected(features.error());
  if (!features->empty()) b.raw("features", client::encode_features(*features));
  return b.take();
}

int set_schedule(Context& c, bool edit) {
  if (c.operands().empty()) return missing_name(c);
  const auto& v = c.values();
  if (!edit && v.text("cron").empty() && !given(v, "every"))
    return c.complain("say when: --cron 'MINUTE HOUR DAY MONTH WEEKDAY', or --every DURATION");
  if (!v.text("cron").empty() && given(v, "every")) return c.complain("give --cron or --every, not both");
  if (!edit && v.text("type").empty() && v.text("description").empty())
    return c.complain("say what: --type TYPE");
  Body b;
  b.text("name", c.operands()[0]);
  if (edit) b.text("mode", "edit");
  for (auto [option, key] :
       {std::pair{"cron", "cron"}, {"zone", "zone"}, {"overlap", "overlap"}, {"catch-up", "catch_up"}})
    if (given(v, option)) b.text(key, v.text(option));
  for (auto [option, key] :
       {std::pair{"every", "every_ms"}, {"jitter", "jitter_ms"}, {"catch-up-max", "catch_up_max"}})
    if (given(v, option)) b.number(key, v.number(option));
  auto options = options_body(v);
  if (!options) return c.complain(options.error());
  b.raw("options", *options);
  if (!edit || !v.text("payload").empty()) {
    auto payload = payload_of(v);
    if (!payload) return c.complain(payload.error());
    b.bin("payload", *payload);
  }
  return show_schedule(c, ask_about(c, wire::Kind::schedule_set, b));
}

int steer(Context& c, wire::Kind kind) {
  if (c.operands().empty()) return missing_name(c);
  Body b;
  b.text("name", c.operands()[0]);
  if (kind == wire::Kind::schedule_pause) b.text("reason", c.values().text("reason"));
  return show_schedule(c, ask_about(c, kind, b));
}

}  // namespace

void declare_schedule(OptionTable& t) {
  t.text("cron", "",
         "five fields (minute hour day month weekday) or six (second first), names, steps, L W #, @daily …",
         "CRON");
  t.duration("every", 0, {0, years_ms}, "instead of --cron: so much time lies between two ticks");
  t.text("zone", "", "time zone of --cron, like Europe/Berlin; UTC unless given", "ZONE");
  t.choice(
      "overlap", "allow", {"allow", "skip", "queue", "cancel"},
      "when the last task has not ended: run beside it, leave the tick out, wait for its end, cancel it");
  t.choice("catch-up", "last", {"last", "skip", "all"},
           "ticks that were missed: the last one fires, none, or all up to --catch-up-max");
  t.number("catch-up-max", 10, {1, 1000}, "of --catch-up all");
  t.duration("jitter", 0, {0, INT64_C(86'400'000) * 7}, "each tick fires up to so much later");
  t.text("type", "", "of the tasks", "TYPE");
  t.text("payload", "", "JSON, or @FILE, or - for stdin", "JSON|@FILE|-");
  t.text("content-type", "", "of the payload; application/json unless given", "MEDIA");
  t.text("queue", "", "default when not given", "QUEUE");
  t.text("tenant", "", "for whom; the principal's own when not given", "TENANT");
  t.number("priority", 5, {1, 10}, "10 goes first");
  t.duration("ttl", 0, {0, years_ms}, "a task expires when queued for longer; 0: never");
  t.duration("attempt-timeout", 0, {0, years_ms}, "of one attempt; 0: the queue's");
  t.number("max-attempts", 3, {1, 1000}, "failures until a task becomes a dead letter");
  t.texts("limit-key", "limit key of the tasks", "KEY");
  t.text("affinity-key", "", "tasks with one key like the same worker", "KEY");
  t.texts("feature", "of the tasks, a number or a word that tells who does them well", "NAME=VALUE");
  t.text("agent", "", "preferred agent", "NAME");
  t.text("description", "", "for people");
  t.texts("label", "label of the tasks", "KEY=VALUE");
  t.texts("prefer-label", "of workers and agents that should rather have the tasks", "KEY=VALUE");
  t.duration("retention", 0, {0, years_ms}, "how long an ended task is kept; 0: the queue's");
}

void declare_schedule_show(OptionTable& t) {
  t.number("next", 5, {0, 1000}, "so many ticks ahead");
}

void declare_reason(OptionTable& t) {
  t.text("reason", "", "why, shown with it");
}

int schedule_create(Context& c) {
  return set_schedule(c, false);
}
int schedule_edit(Context& c) {
  return set_schedule(c, true);
}

int schedule_list(Context& c) {
  std::vector<Document> all;
  for (bool more = true; more;) {
    Body b;
    if (!all.empty()) b.text("after", all.back().text("name"));
    auto answer = c.ask(static_cast<std::uint16_t>(wire::Kind::schedule_list), b.take());
    if (!answer) return c.complain(answer.error());
    auto page = answer->items("schedules");
    for (const auto& schedule : page) all.push_back(c.format() == Format::text ? shown(schedule) : schedule);
    more = !page.empty() && answer->text("more") == "true";
  }
  return c.show(all, schedule_columns);
}

int schedule_show(Context& c) {
  if (c.operands().empty()) return missing_name(c);
  Body b;
  b.text("name", c.operands()[0]);
  b.number("next", c.values().number("next"));
  return show_schedule(c, ask_about(c, wire::Kind::schedule_show, b));
}

int schedule_pause(Context& c) {
  return steer(c, wire::Kind::schedule_pause);
}
int schedule_resume(Context& c) {
  return steer(c, wire::Kind::schedule_resume);
}

int schedule_trigger(Context& c) {
  if (c.operands().empty()) return missing_name(c);
  auto client = c.client();
  if (!client) return c.complain(client.error());
  auto id = (*client)->schedule_trigger(c.operands()[0]);
  if (!id) return c.complain(id.error());
  Document d;
  d.set("schedule", c.operands()[0]);
  d.set("id", id->text());
  return c.show(d);
}

int schedule_delete(Context& c) {
  if (c.operands().empty()) return missing_name(c);
  Body b;
  b.text("name", c.operands()[0]);
  if (auto answer = ask_about(c, wire::Kind::schedule_delete, b); !answer) return c.complain(answer.error());
  Document d;
  d.set("schedule", c.operands()[0]);
  d.set_bool("deleted", true);
  return c.show(d);
}

}  // namespace hirehall::cli
