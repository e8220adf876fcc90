// Queues, pauses, workers and numbers: what operators ask for; and the metrics page.
#include <algorithm>
#include <cmath>

#include "broker/server/broker.h"
#include "broker/server/span_exporter.h"
#include "common/approval.h"
#include "common/log.h"
#include "common/msgpack.h"
#include "common/text.h"
#include "scheduler/queue_policy.h"
#include "scheduler/room_waits.h"

namespace hirehall::server {
namespace {

struct Named {
  std::string queue, type, tenant, reason;
};

Result<Named> read_named(std::string_view body) {
  Named named;
  msgpack::Reader r(body);
  auto pairs = r.map();
  std::string_view key;
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    key = r.str();
    if (key == "queue")
      named.queue = r.str();
    else if (key == "type")
      named.type = r.str();
    else if (key == "tenant")
      named.tenant = r.str();
    else if (key == "reason")
      named.reason = clip(r.str(), limits::error_bytes_max);
    else
      r.skip();
  }
  if (!r.finished()) return fail(Code::bad_message, "a value has the wrong type", std::string(key));
  return named;
}

Status in_range(std::string_view what, std::int64_t value, std::int64_t low, std::int64_t high) {
  if (value >= low && value <= high) return {};
  return fail(Code::invalid,
              std::string(what) + " is " + std::to_string(value) + "; accepted: " + std::to_string(low) +
                  " to " + std::to_string(high),
              std::string(what));
}

template <typename Map>
Status read_numbers(msgpack::Reader& r, const char* what, std::int64_t low, std::int64_t high, Map& into) {
  auto n = r.map();
  for (std::size_t i = 0; i < n && r.ok(); ++i) {
    std::string name{r.str()};
    auto value = r.sint();
    if (!r.ok()) break;
    if (name.empty() || name.size() > limits::key_bytes_max)
      return fail(Code::invalid, "a name has 1 to 512 bytes", what);
    if (auto valid = in_range(std::string(what) + "." + name, value, low, high); !valid) return valid;
    into.insert_or_assign(std::move(name), static_cast<std::uint32_t>(value));
  }
  return {};
}

Status read_approval_word(std::string_view key, std::string_view name, engine::QueueSettings& s) {
  bool points = key == "approval";
  auto value = points ? approval_points(name) : lapse_of(name);
  if (!value)
    return fail(Code::invalid,
                std::string(key) + " is '" + std::string(name) +
                    "'; accepted: " + (points ? "none, award, release, both" : "fail, approve, reject"),
                std::string(key));
  engine::queue_field(key)->set(s, *value);
  return {};
}

Status read_policy_word(std::string_view key, std::string_view name, engine::QueueSettings& s) {
  const bool acting = key == "policy", settles = key == "settlement";
  const auto value = acting    ? scheduler::queue_policy_number(name)
                     : settles ? scheduler::settlement_number(name)
                               : scheduler::queue_shadow_number(name);
  if (!value)
    return fail(Code::invalid,
                std::string(key) + " is '" + std::string(clip(name, limits::name_bytes_max)) +
                    "'; accepted: " +
                    std::string(acting    ? scheduler::queue_policy_words
                                : settles ? scheduler::settlement_words
                                          : scheduler::queue_shadow_words),
                std::string(key));
  engine::queue_field(key)->set(s, *value);
  return {};
}

// Amounts of cost units are numbers with a fraction outside and whole millionths inside.
Status read_units(msgpack::Reader& r, const engine::QueueField& field, engine::QueueSettings& s) {
  const double units = r.real();
  if (!r.ok()) return {};
  const double most = static_cast<double>(field.high) / scheduler::micros_per_unit;
  if (!(units >= 0 && units <= most))
    return fail(Code::invalid,
                std::string(field.name) + " is " + std::to_string(units) + "; accepted: 0 to " +
                    std::to_string(field.high / scheduler::micros_per_unit) + " cost units",
                std::string(field.name));
  field.set(s, std::llround(units * scheduler::micros_per_unit));
  return {};
}

bool is_amount(std::string_view key) {
  return std::ranges::any_of(scheduler::tariff_amounts(), [&](const auto& a) { return a.name == key; });
}

Status read_settings(msgpack::Reader& r, std::string& queue, engine::QueueSettings& s) {
  auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    auto key = r.str();
    Status done;
    if (key == "queue")
      queue = r.str();
    else if (key == "approval" || key == "approval_on_timeout") {
      auto name = r.str();
      if (!r.ok()) break;
      done = read_approval_word(key, name, s);
    } else if (key == "policy" || key == "shadow" || key == "settlement") {
      auto name = r.str();
      if (!r.ok()) break;
      done = read_policy_word(key, name, s);
    } else if (is_amount(key)) {
      done = read_units(r, *engine::queue_field(key), s);
      if (!r.ok()) break;
    } else if (const auto* field = engine::queue_field(key)) {
      auto value = r.sint();
      if (!r.ok()) break;
      done = in_range(field->name, value, field->low, field->high);
      if (done) field->set(s, value);
    } else if (key == "tenants")
      done = read_numbers(r, "tenants", 1, engine::tenant_weight_max, s.tenants);
    else if (key == "limits")
      done = read_numbers(r, "limits", 0, engine::limit_max, s.limits);
    else
      r.skip();
    if (!done) return done;
  }
  if (!r.finished()) return fail(Code::bad_message, "queue settings cannot be decoded");
  if (queue.empty() || queue.size() > limits::name_bytes_max)
    return fail(Code::invalid, "a queue name has 1 to 255 bytes", "queue");
  return {};
}

}  // namespace

void Broker::write_queue(msgpack::Writer& w, std::uint32_t number) const {
  const auto& ledger = engine_.ledger();
  const auto& q = ledger.queues[number];
  const auto& s = q.settings;
  const auto* pause = ledger.pause_of(q);
  const auto policy = scheduler::queue_policy(s.policy);
  constexpr std::size_t plain_fields = 22, pause_fields = 3;
  w.map(plain_fields + scheduler::tariff_amounts().size() + scheduler::tariff_durations().size() +
        (pause != nullptr ? pause_fields : 0));
  w.entry("queue", q.name);
  w.entry_uint("weight", s.weight);
  w.entry_uint("cap", s.cap);
  w.entry("policy", scheduler::name_of(policy.acting));
  w.entry("shadow", scheduler::shadow_name(policy));
  for (const auto& amount : scheduler::tariff_amounts())
    w.str(amount.name),
        w.real(static_cast<double>(policy.tariff.*amount.member) / scheduler::micros_per_unit);
  w.entry("settlement", scheduler::name_of(policy.tariff.settlement));
  for (const auto& duration : scheduler::tariff_durations())
    w.entry_sint(duration.name, policy.tariff.*duration.member);
  w.entry_bool("paused", q.paused);
  if (pause != nullptr) {
    w.entry("paused_reason", pause->reason);
    w.entry("paused_by", pause->by);
    w.entry_sint("paused_at", engine_.to_wall(pause->at));
  }
  w.entry_uint("ready", q.tasks[static_cast<std::size_t>(State::ready)]);
  w.entry_uint("scheduled", q.tasks[static_cast<std::size_t>(State::scheduled)]);
  w.entry_uint("leased", q.tasks[static_cast<std::size_t>(State::leased)]);
  w.entry_uint("suspended", q.tasks[static_cast<std::size_t>(State::suspended)]);
  w.entry_uint("dead", q.dead);
  w.entry_sint("oldest_ready_ms", engine_.oldest_ready_ms(number));
  w.entry_sint("retention_ms", s.retention_ms);
  w.entry_uint("retention_bytes", s.retention_bytes);
  w.entry_sint("timeout_ms", s.timeout_ms);
  w.entry_sint("aging_ms", s.aging_ms);
  w.entry("approval", approval_names.at(s.approval));
  w.entry_sint("approval_timeout_ms", s.approval_timeout_ms);
  w.entry("approval_on_timeout", lapse_names.at(s.approval_on_timeout));
  w.str("tenants");
  w.map(s.tenants.size());
  for (const auto& [name, weight] : s.tenants) w.entry_uint(name, weight);
  w.str("limits");
  w.map(s.limits.size());
  for (const auto& [name, max] : s.limits) w.entry_uint(name, max);
}

void Broker::queue_list(Peer& peer, const Frame& frame) {
  msgpack::Writer w(answer(peer, frame.header.request));
  w.map(1);
  w.str("queues");
  auto shown = std::min<std::size_t>(engine_.ledger().queues.size(), limits::queues_max);
  w.array(shown);
  for (std::uint32_t i = 0; i < shown; ++i) write_queue(w, i);
}

void Broker::queue_show(Peer& peer, const Frame& frame) {
  auto named = read_named(frame.body);
  if (!named) return refuse(peer, frame.header.request, named.error());
  auto at = engine_.ledger().queue_by_name.find(named->queue);
  if (at == engine_.ledger().queue_by_name.end())
    return refuse(peer, frame.header.request,
                  {Code::not_found, "no queue is named " + named->queue, "queue", 0});
  msgpack::Writer w(answer(peer, frame.header.request));
  write_queue(w, at->second);
}

void Broker::queue_set(Peer& peer, const Frame& frame) {
  auto request = frame.header.request;
  std::string name;
  {
    engine::QueueSettings ignored;
    msgpack::Reader r(frame.body);
    if (auto read = read_settings(r, name, ignored); !read) return refuse(peer, request, read.error());
  }
  engine::QueueSettings settings;
  if (auto at = engine_.ledger().queue_by_name.find(name); at != engine_.ledger().queue_by_name.end())
    settings = engine_.ledger().queues[at->second].settings;
  msgpack::Reader r(frame.body);
  if (auto read = read_settings(r, name, settings); !read) return refuse(peer, request, read.error());
  std::erase_if(settings.limits, [](const auto& l) { return l.second == 0; });
  auto number = engine_.set_queue(name, settings);
  if (!number) return refuse(peer, request, number.error());
  log::info("queue set", {{"queue", name}, {"by", peer.principal->name}});
  msgpack::Writer w(answer(peer, request));
  write_queue(w, *number);
}

void Broker::pause(Peer& peer, const Frame& frame, bool on) {
  auto request = frame.header.request;
  auto named = read_named(frame.body);
  if (!named) return refuse(peer, request, named.error());
  if (named->queue.empty() && named->type.empty() && named->tenant.empty())
    return refuse(peer, request, {Code::invalid, "name a queue, a type or a tenant", {}, 0});
  if (!named->queue.empty() && !engine_.ledger().queue_by_name.contains(named->queue))
    return refuse(peer, request, {Code::not_found, "no queue is named " + named->queue, "queue", 0});
  engine_.pause(named->queue, named->type, named->tenant, named->reason, on, peer.principal->name);
  log::info(on ? "paused" : "resumed", {{"queue", named->queue},
                                        {"type", named->type},
                                        {"tenant", named->tenant},
                                        {"by", peer.principal->name},
                                        {"reason", named->reason}});
  msgpack::Writer(answer(peer, request)).map(0);
}

void Broker::worker_list(Peer& peer, const Frame& frame) {
  std::string body;
  msgpack::Writer w(body);
  std::size_t count = 0;
  for (const auto& [number, worker] : engine_.ledger().workers) {
    auto at = engine_.sessions().find(number);
    bool connected = at != engine_.sessions().end() && at->second.connected;
    if (!connected && worker.held == 0) continue;
    if (body.size() > limits::batch_bytes_max) break;
    ++count;
    static const engine::Engine::Session none;
    const auto& session = at == engine_.sessions().end() ? none : at->second;
    w.map(12);
    w.entry("name", worker.name);
    w.entry_uint("worker", number);
    w.entry("principal", worker.principal);
    w.entry_uint("slots", session.spec.slots);
    w.entry_uint("credit", session.credit);
    w.entry_uint("held", worker.held);
    w.str("agents");
    w.array(session.spec.agents.size());
    std::vector<std::string> types;
    for (const auto& agent : session.spec.agents) {
      w.str(agent.name);
      for (const auto& type : agent.types)
        if (std::find(types.begin(), types.end(), type) == types.end()) types.push_back(type);
    }
    w.str("types");
    w.array(types.size());
    for (const auto& type : types) w.str(type);
    w.entry_bool("connected", connected);
    w.entry_bool("draining", session.draining || session.aside);
    w.entry_sint("last_seen", session.last_seen);
    w.entry_uint("done", worker.done);
  }
  auto& out = answer(peer, frame.header.request);
  msgpack::Writer list(out);
  list.map(1);
  list.str("workers");
  list.array(count);
  out += body;
}

// No awards for workers of this number or name, until undone or until they register as new ones.
void Broker::worker_drain(Peer& peer, const Frame& frame) {
  auto request = frame.header.request;
  std::optional<std::uint64_t> number;
  std::string name;
  bool undo = false;
  msgpack::Reader r(frame.body);
  auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    auto key = r.str();
    if (key == "worker")
      number = r.uint();
    else if (key == "name")
      name = r.str();
    else if (key == "undo")
      undo = r.boolean();
    else
      r.skip();
  }
  if (!r.finished()) return refuse(peer, request, {Code::bad_message, "a value has the wrong type", {}, 0});
  if (!number && name.empty())
    return refuse(peer, request, {Code::invalid, "name a worker, or give its number", "name", 0});
  std::vector<std::uint32_t> found;
  for (const auto& [no, session] : engine_.sessions())
    if (session.connected && (number ? no == *number : engine_.ledger().workers.at(no).name == name))
      found.push_back(no);
  if (found.empty())
    return refuse(
        peer, request,
        {Code::not_found, "no connected worker is called " + (number ? std::to_string(*number) : name),
         "worker", 0});
  for (auto no : found) engine_.set_aside(no, !undo);
  log::info(undo ? "worker gets awards again" : "worker drained",
            {{"worker", number ? std::to_string(*number) : name}, {"by", peer.principal->name}});
  msgpack::Writer w(answer(peer, request));
  w.map(1);
  w.str("workers");
  w.array(found.size());
  for (auto no : found) w.uint(no);
}

void Broker::stats(Peer& peer, const Frame& frame) {
  const auto& ledger = engine_.ledger();
  std::uint64_t connected = 0;
  for (const auto& [number, session] : engine_.sessions()) connected += session.connected;
  auto counts = store_.counts();
  auto space = store_.space();
  msgpack::Writer w(answer(peer, frame.header.request));
  std::uint64_t subscriptions = 0, lagging = 0;
  for (const auto& [routing, other] : peers_)
    for (const auto& [no, subscription] : other->subscriptions)
      ++subscriptions, lagging += subscription.lagging;
  const bool backups = parts_.backups != nullptr;
  const bool fleet = asks_for_fleet(frame.body);
  w.map(23u + (backups ? 1 : 0) + (fleet ? 1 : 0));
  w.str("tasks");
  w.map(8);
  for (std::size_t i = 1; i < state_count; ++i) {
    auto n = ledger.books.tasks[i];
    w.entry_uint(name_of(static_cast<State>(i)), n);
  }
  w.entry_uint("accepted", ledger.books.accepted);
  w.entry_uint("removed", ledger.books.removed);
  w.entry_uint("queues", ledger.queues.size());
  w.entry_uint("lanes", ledger.lanes.size());
  w.entry_uint("workers", connected);
  w.entry_uint("sessions", peers_.size());
  w.entry_uint("subscriptions", subscriptions);
  w.entry_uint("subscriptions_lagging", lagging);
  w.entry_uint("commits", page_.commits);
  w.entry_uint("syncs", counts.syncs);
  w.entry_uint("commit", engine_.commit() - 1);
  w.entry_uint("sync_delay", page_.commits == 0 ? 0 : page_.commit.sum_us / page_.commits);
  w.entry_sint("uptime_ms", surroundings_.monotonic_ms() - started_monotonic_);
  w.entry_uint("stale", engine_.counts().stale);
  w.entry_uint("lease_expirations", engine_.counts().lease_expirations);
  w.entry_uint("duplicates", engine_.counts().duplicates);
  w.entry_uint("refused", engine_.counts().refused);
  w.entry_uint("window_bytes", ledger.window_bytes());
  w.entry_uint("resident", ledger.entries);
  w.entry_uint("store_bytes", space.used_bytes);
  w.entry_uint("free_bytes", space.free_bytes);
  w.entry_bool("admits_submits", store_.admits_submits());
  if (backups) {
    const auto last = parts_.backups->counts().last_at;
    w.entry_sint("backup_age_ms", last == 0 ? -1 : std::max<std::int64_t>(0, surroundings_.wall_ms() - last));
  }
  if (fleet) write_fleet(w);
}

void Broker::fill_metrics() {
  const auto& ledger = engine_.ledger();
  page_.queues.clear();
  for (std::uint32_t i = 0; i < ledger.queues.size() && i < 2 * queues_shown_max; ++i) {
    const auto& q = ledger.queues[i];
    auto& probe = page_.queues.emplace_back();
    probe.queue = q.name;
    probe.tasks = q.tasks;
    probe.submitted = q.submitted;
    probe.attempts = q.outcomes;
    probe.dead = q.dead;
    probe.oldest_ms = engine_.oldest_ready_ms(i);
    if (const auto* times = engine_.times_of(i)) {
      for (std::size_t b = 0; b < probe.wait.counts.size(); ++b) {
        probe.wait.counts[b] = times->wait[b];
        probe.run.counts[b] = times->run[b];
      }
      probe.wait.sum_us = times->wait_sum_us;
      probe.run.sum_us = times->run_sum_us;
    }
  }
  count_lanes();
  page_.workers = {};
  for (const auto& [number, session] : engine_.sessions()) {
    auto at = ledger.workers.find(number);
    auto held = at == ledger.workers.end() ? 0 : at->second.held;
    if (!session.connected) {
      page_.workers.away += held != 0;
      continue;
    }
    ++page_.workers.connected;
    page_.workers.draining += session.draining || session.aside;
    auto busy = std::min(held, session.spec.slots);
    page_.workers.slots_busy += busy;
    page_.workers.slots_idle += session.spec.slots - busy;
  }
  fleet_watch_.sample(engine_.now(), page_.workers.slots_busy,
                      page_.workers.slots_busy + page_.workers.slots_idle);
  const auto& t = ledger.books.tasks;
  page_.books = {ledger.books.accepted,     t[1] + t[2],         t[3], t[4],
                 t[5] + t[6] + t[7] + t[8], ledger.books.removed};
  page_.lease_expirations = engine_.counts().lease_expirations;
  page_.limit_delays = engine_.counts().limit_delays;
  const auto& rooms = engine_.dispatcher().rooms();
  page_.roomless = rooms.all().size();
  page_.rooms_kept = rooms.kept().size();
  page_.rooms_kept_total = rooms.kept_total();
  page_.limits = ledger.limits.size();
  page_.limits_paused = static_cast<std::uint64_t>(std::ranges::count_if(
      ledger.limits, [&](const auto& l) { return l.second.paused_until > engine_.now(); }));
  std::set<std::string_view> holding;
  for (const auto& [key, gate] : ledger.gates)
    if (!gate->waiting.empty() && key[0] == engine::limit_gate_tag) holding.insert(gate->limit);
  page_.limits_holding = holding.size();
  page_.schedules = ledger.schedules.size();
  page_.schedules_paused = static_cast<std::uint64_t>(
      std::ranges::count_if(ledger.schedules, [](const auto& s) { return s.second.paused; }));
  page_.ticks = engine_.counts().ticks;
  count_batches();
  count_usage();
  page_.decisions = engine_.counts().decisions;
  page_.choices = engine_.counts().choices;
  page_.passed_on = engine_.counts().passed_on;
  page_.matching = engine_.counts().matching;
  page_.labels_preferred = engine_.counts().labels_preferred;
  fill_prices();
  fill_breakers();
  page_.shadow_agreed = engine_.counts().shadow_agreed;
  page_.shadow_differed = engine_.counts().shadow_differed;
  page_.stale_results = engine_.counts().stale;
  if (parts_.zap_counts) std::tie(page_.authenticated, page_.not_authenticated) = parts_.zap_counts();
  page_.syncs = store_.counts().syncs;
  page_.sessions = peers_.size();
  auto space = store_.space();
  page_.store_free_bytes = space.free_bytes;
  page_.store_used_bytes = space.used_bytes;
  page_.window_bytes = ledger.window_bytes();
  if (parts_.backups != nullptr) {
    const auto counts = parts_.backups->counts();
    page_.backups = {true,
                     parts_.backups->job().running,
                     counts.succeeded,
                     counts.failed,
                     counts.last_at,
                     counts.last_bytes,
                     counts.last_took_ms};
  }
  const auto& told = details_->counts();
  page_.log_lines = told.lines;
  page_.log_lines_gone = told.lines_gone;
  page_.log_bytes = details_->bytes();
  page_.progress_reports = told.progress;
  page_.progress_dropped = told.progress_dropped;
  page_.bulks_running = bulk_runs_.size();
  const auto& audit = engine_.ledger().audit;
  page_.audit.left_out = audit_.left_out();
  if (parts_.spans != nullptr) {
    const auto counts = parts_.spans->counts();
    page_.traces = {true, counts.sent, counts.dropped, counts.rejected, counts.waiting};
  }
  page_.audit.kept = audit.next - audit.first;
  page_.audit.kept_bytes = audit.bytes - audit.gone_bytes;
  page_.clock_steps = clock_.steps();
  page_.clock_held = clock_.held();
  if (!stop_.load())
    page_.not_ready = store_.admits_submits() ? "" : "disk_full: submits are refused until space is freed";
  parts_.metrics->publish(std::make_shared<MetricsPage>(page_), surroundings_.monotonic_ms());
}

}  // namespace hirehall::server
