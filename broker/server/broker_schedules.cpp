// Schedules, as they are asked for; and the file that says what they should be.
#include "broker/server/broker.h"
#include "broker/server/list_page.h"
#include "broker/server/schedules_file.h"
#include "broker/server/zones.h"
#include "common/log.h"
#include "common/msgpack.h"
#include "common/text.h"

namespace hirehall::server {

// What a request says, over what is there already.
struct Broker::ScheduleRequest {
  std::string name, after, reason, key;
  bool edit = false;
  std::uint64_t limit = 100, next = 5;
  engine::ScheduleSpec spec;
  TaskOptions options;
};

namespace {

std::string wrong_type(std::string_view key) {
  return "'" + std::string(key) + "' has the wrong type";
}

template <typename E>
Status read_choice(msgpack::Reader& r, const char* key, std::optional<E> (*from_name)(std::string_view),
                   const char* accepted, E& out) {
  auto text = r.str();
  if (!r.ok()) return {};
  auto value = from_name(text);
  if (!value)
    return fail(Code::invalid, std::string(key) + " is '" + std::string(text) + "'; accepted: " + accepted,
                key);
  out = *value;
  return {};
}

}  // namespace

// First pass: who is meant. Second pass (over `out.spec`): what is to change.
Status Broker::read_schedule(std::string_view body, ScheduleRequest& out) const {
  msgpack::Reader r(body);
  auto pairs = r.map();
  std::string_view key;
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    key = r.str();
    Status done;
    auto& s = out.spec;
    if (key == "name")
      out.name = r.str();
    else if (key == "mode") {
      auto mode = r.str();
      if (r.ok() && mode != "create" && mode != "edit")
        return fail(Code::invalid, "mode is '" + std::string(mode) + "'; accepted: create, edit", "mode");
      out.edit = mode == "edit";
    } else if (key == "cron")
      s.cron = r.str(), s.every_ms = 0;
    else if (key == "every_ms")
      s.every_ms = r.sint(), s.cron.clear(), s.zone.clear();
    else if (key == "zone")
      s.zone = r.str();
    else if (key == "overlap")
      done = read_choice(r, "overlap", engine::overlap_from_name, "allow, skip, queue, cancel", s.overlap);
    else if (key == "catch_up")
      done = read_choice(r, "catch_up", engine::catch_up_from_name, "last, skip, all", s.catch_up);
    else if (key == "catch_up_max")
      s.catch_up_max = static_cast<std::uint32_t>(std::min<std::uint64_t>(r.uint(), UINT32_MAX));
    else if (key == "jitter_ms")
      s.jitter_ms = r.sint();
    else if (key == "payload")
      s.payload = r.bin();
    else if (key == "options") {
      if (r.peek() != msgpack::Kind::map) return fail(Code::bad_message, wrong_type(key), std::string(key));
      done = read_wire_options(r, out.options);
    } else if (key == "after")
      out.after = r.str();
    else if (key == "reason")
      out.reason = clip(r.str(), limits::error_bytes_max);
    else if (key == "key")
      out.key = r.str();
    else if (key == "limit")
      out.limit = r.uint();
    else if (key == "next")
      out.next = r.uint();
    else
      r.skip();
    if (!done) return done;
  }
  if (!r.finished()) return fail(Code::bad_message, wrong_type(key), std::string(key));
  if (out.key.size() > limits::key_bytes_max)
    return fail(Code::invalid, "a key has at most 512 bytes", "key");
  return {};
}

bool Broker::sees_schedule(const Peer& peer, const engine::Schedule& schedule) const {
  auto options = decode_options(schedule.spec.options);
  return options && peer.principal->tenants.contains(options->tenant);
}

const engine::Schedule* Broker::schedule_of(Peer& peer, std::uint64_t request, const std::string& name) {
  auto at = engine_.ledger().schedules.find(name);
  if (at != engine_.ledger().schedules.end() && sees_schedule(peer, at->second)) return &at->second;
  refuse(peer, request,
         {Code::not_found, "no schedule is called " + name + "; `hirehall schedule list` shows them", "name",
          0});
  return nullptr;
}

void Broker::schedule_set(Peer& peer, const Frame& frame) {
  ScheduleRequest asked;
  auto request = frame.header.request;
  if (auto read = read_schedule(frame.body, asked); !read) return refuse(peer, request, read.error());
  if (asked.edit) {
    const auto* old = schedule_of(peer, request, asked.name);
    if (old == nullptr) return;
    auto name = asked.name;
    asked = {};
    asked.spec = old->spec;
    asked.options = *decode_options(old->spec.options);
    if (auto read = read_schedule(frame.body, asked); !read) return refuse(peer, request, read.error());
  }
  auto& options = asked.options;
  if (options.tenant.empty()) options.tenant = peer.principal->tenant;
  options.submitter = peer.principal->name;
  const Claim claim{options.tenant, options.queue.empty() ? "default" : std::string_view(options.queue),
                    options.type};
  if (auto may_do = allowed(*peer.principal, wire::Kind::schedule_set, claim); !may_do)
    return refuse(peer, request, may_do.error());
  if (asked.edit || !engine_.ledger().schedules.contains(asked.name) ||
      sees_schedule(peer, engine_.ledger().schedules.at(asked.name)))
    asked.spec.options = encode_options(options);
  else
    return refuse(peer, request,
                  {Code::conflict, "a schedule of another tenant is called " + asked.name, "name", 0});
  if (engine_.knows_zone(asked.spec.zone)) return set_schedule(peer, request, asked);
  // The rules of a zone that is new to us are read beside the command thread.
  read_later([this, asked, request, routing = peer.routing, serial = peer.serial](
                 const store::View&, std::uint64_t) -> Reader::Then {
    auto zone = std::make_shared<Result<engine::Zone>>(load_zone(asked.spec.zone));
    return [this, asked, request, routing, serial, zone] {
      auto* peer = peer_at(routing, serial);
      if (peer == nullptr) return;
      if (!*zone) return refuse(*peer, request, zone->error());
      engine_.know_zone(asked.spec.zone, std::move(**zone));
      set_schedule(*peer, request, asked);
    };
  });
}

void Broker::set_schedule(Peer& peer, std::uint64_t request, const ScheduleRequest& asked) {
  if (auto done = engine_.set_schedule(asked.name, asked.spec, peer.principal->name, !asked.edit); !done)
    return refuse(peer, request, done.error());
  log::info("schedule set", {{"schedule", asked.name}, {"by", peer.principal->name}});
  msgpack::Writer w(answer(peer, request));
  write_schedule(w, asked.name, engine_.ledger().schedules.at(asked.name), asked.next);
}

void Broker::write_schedule(msgpack::Writer& w, const std::string& name, const engine::Schedule& s,
                            std::uint64_t next) const {
  const auto options = *decode_options(s.spec.options);
  const auto upcoming = engine_.upcoming(s, std::min<std::uint64_t>(next, limits::schedule_ticks_shown_max));
  std::string pairs;
  msgpack::Writer p(pairs);
  std::size_t count = 0;
  auto text = [&](std::string_view key, std::string_view value) {
    if (!value.empty()) p.entry(key, value), ++count;
  };
  auto number = [&](std::string_view key, std::int64_t value) { p.entry_sint(key, value), ++count; };
  auto wall = [&](std::string_view key, Millis time) {
    if (time != 0) number(key, engine_.to_wall(time));
  };
  text("name", name);
  text("cron", s.spec.cron);
  if (s.spec.every_ms != 0) number("every_ms", s.spec.every_ms);
  if (s.by_calendar()) text("zone", s.spec.zone.empty() ? "UTC" : std::string_view(s.spec.zone));
  text("overlap", engine::name_of(s.spec.overlap));
  text("catch_up", engine::name_of(s.spec.catch_up));
  number("catch_up_max", s.spec.catch_up_max);
  number("jitter_ms", s.spec.jitter_ms);
  text("type", options.type);
  text("queue", options.queue.empty() ? "default" : std::string_view(options.queue));
  text("tenant", options.tenant);
  p.entry_bool("paused", s.paused), ++count;
  text("paused_reason", s.pause_reason);
  if (!upcoming.empty()) number("next_at", upcoming.front());
  if (s.last_tick != 0) number("last_tick_at", s.by_calendar() ? s.last_tick : engine_.to_wall(s.last_tick));
  wall("fired_at", s.fired_at);
  if (s.last_task != 0) p.entry_bin("last_task", ids_.make(s.last_task).raw()), ++count;
  number("waiting", static_cast<std::int64_t>(s.waiting.size()));
  for (auto [key, value] : {std::pair{"fired", s.fired},
                            {"missed", s.missed},
                            {"overlapped", s.overlapped},
                            {"refused", s.refused}})
    number(key, static_cast<std::int64_t>(value));
  text("error", s.next == 0 ? "its time zone " + s.spec.zone + " cannot be read" : s.error);
  text("set_by", s.by);
  wall("created_at", s.created);
  wall("changed_at", s.changed);
  p.entry_bool("from_file", !s.filed.empty()), ++count;
  p.str("upcoming"), p.array(upcoming.size()), ++count;
  for (auto tick : upcoming) p.sint(tick);
  p.entry_bin("payload", s.spec.payload), ++count;
  p.str("options"), write_wire_options(p, options), ++count;
  w.map(count);
  w.raw(pairs);
}

void Broker::schedule_list(Peer& peer, const Frame& frame) {
  ScheduleRequest asked;
  auto request = frame.header.request;
  if (auto read = read_schedule(frame.body, asked); !read) return refuse(peer, request, read.error());
  if (asked.limit < 1 || asked.limit > 1000)
    return refuse(
        peer, request,
        {Code::invalid, "limit is " + std::to_string(asked.limit) + "; accepted: 1 to 1000", "limit", 0});
  const auto& all = engine_.ledger().schedules;
  std::string body;
  msgpack::Writer w(body);
  std::uint64_t count = 0;
  auto at = all.upper_bound(asked.after);
  for (; at != all.end() && count < asked.limit && body.size() < limits::batch_bytes_max; ++at) {
    if (!sees_schedule(peer, at->second)) continue;
    write_schedule(w, at->first, at->second, 1);
    ++count;
  }
  write_page(answer(peer, request), "schedules", count, body, at != all.end());
}

void Broker::schedule_show(Peer& peer, const Frame& frame) {
  ScheduleRequest asked;
  auto request = frame.header.request;
  if (auto read = read_schedule(frame.body, asked); !read) return refuse(peer, request, read.error());
  const auto* schedule = schedule_of(peer, request, asked.name);
  if (schedule == nullptr) return;
  msgpack::Writer w(answer(peer, request));
  write_schedule(w, asked.name, *schedule, asked.next);
}

// delete, pause, resume and trigger: of a schedule whose tasks the peer might submit itself.
void Broker::schedule_steer(Peer& peer, const Frame& frame) {
  const auto kind = static_cast<wire::Kind>(frame.header.kind);
  ScheduleRequest asked;
  auto request = frame.header.request;
  if (auto read = read_schedule(frame.body, asked); !read) return refuse(peer, request, read.error());
  if (schedule_of(peer, request, asked.name) == nullptr) return;
  Status done;
  Sequence task = 0;
  if (kind == wire::Kind::schedule_delete) {
    done = engine_.delete_schedule(asked.name);
  } else if (kind == wire::Kind::schedule_trigger) {
    auto submitted = store_.admits_submits()
                         ? engine_.trigger_schedule(asked.name, asked.key)
                         : fail(Code::disk_full, "the disk is too full for new tasks; free some space");
    if (submitted)
      task = *submitted;
    else
      done = tl::unexpected(submitted.error());
  } else {
    done = engine_.hold_schedule(asked.name, kind == wire::Kind::schedule_pause, asked.reason);
  }
  if (!done) return refuse(peer, request, done.error());
  static constexpr std::array<std::string_view, 4> deeds{"deleted", "paused", "resumed", "triggered"};
  log::info("schedule " +
                std::string(deeds[frame.header.kind - static_cast<unsigned>(wire::Kind::schedule_delete)]),
            {{"schedule", asked.name}, {"by", peer.principal->name}, {"reason", asked.reason}});
  msgpack::Writer w(answer(peer, request));
  if (task != 0) {
    w.map(1);
    return w.entry_bin("id", ids_.make(task).raw());
  }
  if (kind == wire::Kind::schedule_delete) return w.map(0);
  write_schedule(w, asked.name, engine_.ledger().schedules.at(asked.name), asked.next);
}

// --- at start, and on SIGHUP ---

// A zone that cannot be read any more leaves its schedules without a next tick, and says so.
void Broker::load_zones() {
  std::set<std::string> names;
  for (const auto& [name, schedule] : engine_.ledger().schedules)
    if (!schedule.spec.zone.empty()) names.insert(schedule.spec.zone);
  for (const auto& name : names) {
    auto zone = load_zone(name);
    if (zone)
      engine_.know_zone(name, std::move(*zone));
    else
      log::error("the schedules of a time zone stand still", zone.error());
  }
}

void Broker::adopt_schedules() {
  if (parts_.schedules_path.empty()) return;
  auto file = load_schedules(parts_.schedules_path);
  const auto refused = [&](const std::string& what, const Error& error) {
    audit_own("schedules_file", parts_.schedules_path, std::string(name_of(error.code)));
    log::error(what, error);
  };
  if (!file) return refused("the schedules stay as they were", file.error());
  for (const auto& [name, spec] : *file) {
    if (engine_.knows_zone(spec.zone)) continue;
    auto zone = load_zone(spec.zone);
    if (!zone) return refused("the schedules stay as they were: schedule " + name, zone.error());
    engine_.know_zone(spec.zone, std::move(*zone));
  }
  auto changes = engine_.adopt_schedules(*file, parts_.schedules_force);
  if (!changes) return refused("not all schedules of the file could be set", changes.error());
  static constexpr std::array<std::string_view, 4> words{"made", "changed", "deleted",
                                                         "kept as it was set by hand"};
  std::size_t kept = 0;
  for (const auto& change : *changes) {
    kept += change.what == engine::ScheduleChange::What::kept;
    log::info("schedule " + std::string(words[static_cast<std::size_t>(change.what)]),
              {{"schedule", change.name}});
  }
  if (changes->size() != kept)
    audit_own("schedules_file", parts_.schedules_path,
              "ok: " + std::to_string(changes->size() - kept) + " changed");
  log::info("schedules read", {{"file", parts_.schedules_path},
                               {"schedules", file->size()},
                               {"changed", changes->size() - kept},
                               {"set_by_hand", kept}});
}

}  // namespace hirehall::server
