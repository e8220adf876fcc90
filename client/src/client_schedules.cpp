// Schedules, and how they travel.
#include <random>

#include "client/src/body.h"
#include "client/src/convert.h"
#include "client/src/inner.h"
#include "client/src/pages.h"

namespace hirehall::client {
namespace {

using msgpack::Reader;
using msgpack::Writer;

std::string named(std::string_view name) {
  Body b;
  b.text("name", name);
  return b.take();
}

std::string schedule_body(std::string_view name, const Schedule& s, bool edit) {
  Body b;
  b.text("name", name);
  if (edit) b.text("mode", "edit");
  b.text("cron", s.cron);
  if (s.every_ms != 0) b.number("every_ms", s.every_ms);
  b.text("zone", s.zone);
  b.text("overlap", s.overlap);
  b.text("catch_up", s.catch_up);
  if (s.catch_up_max != 0) b.number("catch_up_max", s.catch_up_max);
  b.number("jitter_ms", s.jitter_ms);
  if (s.task) b.raw("options", encode_template(*s.task));
  if (s.payload) b.bin("payload", *s.payload);
  return b.take();
}

ScheduleInfo read_schedule(Reader& r) {
  ScheduleInfo s;
  auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    auto key = r.str();
    auto text = [&](std::string_view name, std::string& to) { return key == name && (to = r.str(), true); };
    auto number = [&](std::string_view name, Millis& to) { return key == name && (to = r.sint(), true); };
    auto count = [&](std::string_view name, std::uint64_t& to) {
      return key == name && (to = r.uint(), true);
    };
    auto yes = [&](std::string_view name, bool& to) { return key == name && (to = r.boolean(), true); };
    if (text("name", s.name) || text("cron", s.cron) || text("zone", s.zone) || text("overlap", s.overlap) ||
        text("catch_up", s.catch_up) || number("every_ms", s.every_ms) || number("jitter_ms", s.jitter_ms) ||
        text("type", s.type) || text("queue", s.queue) || text("tenant", s.tenant) ||
        yes("paused", s.paused) || yes("from_file", s.from_file) || text("paused_reason", s.paused_reason) ||
        text("error", s.error) || text("set_by", s.set_by) || number("next_at", s.next_at) ||
        number("last_tick_at", s.last_tick_at) || number("fired_at", s.fired_at) ||
        count("waiting", s.waiting) || count("fired", s.fired) || count("missed", s.missed) ||
        count("overlapped", s.overlapped) || count("refused", s.refused))
      continue;
    if (key == "payload") {
      s.payload = r.bin();
    } else if (key == "last_task") {
      auto raw = r.bin();
      if (raw.size() == 16) s.last_task = id_from(raw);
    } else if (key == "upcoming") {
      auto n = r.array();
      for (std::size_t k = 0; k < n && r.ok(); ++k) s.upcoming.push_back(r.sint());
    } else {
      r.skip();
    }
  }
  return s;
}

Result<ScheduleInfo> info_of(const Result<std::string>& body) {
  if (!body) return tl::unexpected(body.error());
  Reader r(*body);
  auto info = read_schedule(r);
  if (!r.ok()) return malformed("schedule");
  return info;
}

Status done(const Result<std::string>& body) {
  if (!body) return tl::unexpected(body.error());
  return {};
}

}  // namespace

Result<ScheduleInfo> Client::schedule_create(std::string_view name, const Schedule& schedule) {
  return info_of(inner_->call(wire::Kind::schedule_set, schedule_body(name, schedule, false)));
}
Result<ScheduleInfo> Client::schedule_edit(std::string_view name, const Schedule& change) {
  return info_of(inner_->call(wire::Kind::schedule_set, schedule_body(name, change, true)));
}

Result<ScheduleInfo> Client::schedule(std::string_view name, std::size_t next) {
  Body b;
  b.text("name", name);
  b.number("next", static_cast<std::int64_t>(next));
  return info_of(inner_->call(wire::Kind::schedule_show, b.take()));
}

Result<std::vector<ScheduleInfo>> Client::schedules() {
  return all_pages(*inner_, wire::Kind::schedule_list, "schedules", read_schedule);
}

Status Client::schedule_pause(std::string_view name, std::string_view reason) {
  Body b;
  b.text("name", name);
  b.text("reason", reason);
  return done(inner_->call(wire::Kind::schedule_pause, b.take()));
}
Status Client::schedule_resume(std::string_view name) {
  return done(inner_->call(wire::Kind::schedule_resume, named(name)));
}
Status Client::schedule_delete(std::string_view name) {
  return done(inner_->call(wire::Kind::schedule_delete, named(name)));
}

// The key makes it one task, also when the request has to be sent again.
Result<TaskId> Client::schedule_trigger(std::string_view name) {
  std::random_device chance;
  Body b;
  b.text("name", name);
  b.text("key", std::to_string(chance()) + "-" + std::to_string(chance()) + "-" + std::to_string(chance()));
  auto body = inner_->call(wire::Kind::schedule_trigger, b.take());
  if (!body) return tl::unexpected(body.error());
  Reader r(*body);
  if (r.map() != 1 || r.str() != "id") return malformed("schedule_trigger");
  auto raw = r.bin();
  if (!r.ok() || raw.size() != 16) return malformed("schedule_trigger");
  return id_from(raw);
}

}  // namespace hirehall::client
