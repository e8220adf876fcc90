#include "tests/simulation/world.h"

#include <algorithm>

#include "client/src/body.h"

namespace hirehall::sim {
namespace {

using client::Body;
using wire::Kind;

// What must have happened this long after the last fault: leases of the lost run out, clients and workers are
// back within their longest pause between two tries, and what was delayed, retried or suspended has had its
// turn.
constexpr Micros healed_within = 180 * second;
// Engine time follows steps of the wall clock by a tenth: what was said in wall time comes that much later.
constexpr Micros clock_healed_within = 1500 * second;
constexpr Micros ask_again = 2 * second;

std::string story_of(const Intent& intent) {
  const auto& o = intent.options;
  return "type " + o.type + " queue " + o.queue + " tenant " + o.tenant + " priority " +
         std::to_string(o.priority) + " delay " + std::to_string(o.delay_ms) + " deadline " +
         std::to_string(o.deadline) + " ttl " + std::to_string(o.ttl_ms) + " timeout " +
         std::to_string(o.timeout_ms) + " attempts " + std::to_string(o.retry.max_attempts) + " losses " +
         std::to_string(o.retry.max_losses) + " key " + o.idempotency_key + " unique " + o.unique_key +
         (o.delivery == Delivery::at_most_once ? " at_most_once" : "") + " ids " +
         std::to_string(intent.ids.size()) + "\n";
}

}  // namespace

World::World(std::uint64_t seed, const Weather& weather)
    : seed_(seed),
      scene_(seed * 0x9e3779b97f4a7c15ull + 7, weather),
      broker_(scene_),
      auditor_(scene_, "auditor"),
      workload_(scene_, clients_) {
  const auto& w = scene_.weather;
  auto types = workload_.types();
  for (std::uint32_t i = 0; i < w.clients; ++i)
    clients_.push_back(std::make_unique<ClientHost>(scene_, "client" + std::to_string(i)));
  for (std::uint32_t i = 0; i < w.workers; ++i) {
    auto own = types;
    if (own.size() > 1 && scene_.chance.permille(400)) own.resize(1 + scene_.chance.below(own.size()));
    workers_.push_back(std::make_unique<WorkerHost>(scene_, "worker" + std::to_string(i), own,
                                                    static_cast<std::uint32_t>(scene_.chance.between(1, 4))));
    if (i % 2 != 0) workers_[i]->stand_in(workers_[i - 1]->types());
  }
}

Report World::run(bool tell) {
  Report report;
  report.seed = seed_;
  try {
    live();
  } catch (const Violation& v) {
    report.violation = v;
    if (v.task != 0) report.story = story_of(scene_.model.intent(v.task));
    report.story += scene_.trace.around(v.task, 40);
  }
  if (tell) report.story = scene_.trace.around(0, scene_.trace.size());
  report.hash = scene_.trace.hash();
  report.events = scene_.time.happened();
  report.tasks = scene_.model.intents();
  report.lasted = scene_.time.now();
  report.tally = scene_.tally;
  return report;
}

void World::run_until(Micros until, const std::function<bool()>& done) {
  while (!done())
    if (!scene_.time.step(until)) return;
}

void World::live() {
  auto calm = scene_.weather;
  auto stormy = calm;
  calm.lost = calm.twice = calm.reordered = calm.failed_commits = 0;
  scene_.weather = calm;
  scene_.time.at(second, [] {});
  run_until(second, [] { return false; });
  broker_.start();
  auditor_.start();
  workload_.set_up(auditor_);
  run_until(60 * second, [&] { return workload_.ready(); });
  if (!workload_.ready()) violated("I9", "queues could not be set");
  scene_.weather = stormy;
  scene_.model.tidy = stormy.lost + stormy.twice + stormy.reordered == 0;
  for (auto& worker : workers_) worker->start();
  for (auto& client : clients_) client->start();
  workload_.begin();
  storm();
  auto end = scene_.time.now() + scene_.weather.storm;
  run_until(end, [] { return false; });
  heal();
  reckon();
}

// Again and again, at random times, about so often in 100 s.
void World::trouble(std::uint32_t per_100s, Micros until, const std::function<void()>& act) {
  if (per_100s == 0) return;
  scene_.time.in(scene_.chance.between(ms, 200 * second / per_100s), [this, per_100s, until, act] {
    if (scene_.time.now() > until) return;
    act();
    trouble(per_100s, until, act);
  });
}

void World::storm() {
  auto& w = scene_.weather;
  auto& c = scene_.chance;
  auto until = scene_.time.now() + w.storm;
  trouble(w.broker_crashes, until, [&] {
    if (c.permille(300))
      broker_.crash_while_sending();
    else
      broker_.crash(c.permille(700));
  });
  trouble(w.broker_stalls, until, [&] { broker_.stall(c.skewed(20 * second)); });
  trouble(w.breaks * w.workers, until, [&] { some_worker().break_link(); });
  trouble(w.breaks * w.clients, until, [&] { some_client().break_link(); });
  trouble(w.partitions, until, [&] {
    bool one_way = c.permille(400);
    bool up = !one_way || c.permille(500);
    scene_.saw(one_way ? Situation::cut_one_way : Situation::peer_was_cut_off);
    auto over = scene_.time.now() + c.skewed(25 * second);
    if (c.permille(600))
      some_worker().cut(up, !one_way || !up, over);
    else
      some_client().cut(up, !one_way || !up, over);
  });
  trouble(w.worker_crashes, until, [&] { some_worker().crash(); });
  trouble(w.worker_pauses, until, [&] { some_worker().pause(c.skewed(25 * second)); });
  trouble(w.drains, until, [&] { some_worker().drain(); });
  trouble(w.client_crashes, until, [&] { some_client().crash(); });
  trouble(w.client_pauses, until, [&] { some_client().pause(c.skewed(25 * second)); });
  trouble(w.full_disks, until, [&] {
    if (c.permille(600))  // who is cut off now resends to a full disk
      for (auto& client : clients_) client->break_link();
    broker_.set_full(true);
    scene_.saw(Situation::disk_was_full);
    scene_.time.in(c.between(second / 2, 5 * second), [this] { broker_.set_full(false); });
  });
  trouble(w.wall_jumps, until, [&] {
    Millis most = c.permille(500) ? 90'000 : 5 * 3600 * 1000;
    broker_.jump_wall(c.between(-most, most));
  });
}

void World::heal() {
  scene_.note("all heals");
  scene_.healing = true;
  scene_.weather.slow_syncs = scene_.weather.failed_commits = 0;
  scene_.weather.half_open = 0;
  broker_.jump_wall(BrokerHost::epoch + scene_.time.now() / 1000 - broker_.wall());
  // What was lost on living links must be made good without a new connection.
  bool workers_anew = scene_.weather.twice + scene_.weather.reordered != 0 ||
                      scene_.chance.permille(scene_.weather.lost != 0 ? 200 : 500);
  scene_.network.calm(
      [&](NetworkPeer* peer) { return workers_anew || dynamic_cast<WorkerHost*>(peer) == nullptr; });
  broker_.heal();
  for (auto& worker : workers_) worker->heal();
  for (auto& client : clients_) client->heal();
  workers_.push_back(std::make_unique<WorkerHost>(scene_, "helper", Workload::all_types(), 8));
  workers_.back()->start();
  // A client with much to resend, one task a round trip, takes its time: what is open counts from when all is
  // submitted.
  auto last = scene_.time.now() + clock_healed_within;
  auto until = scene_.model.timing ? scene_.time.now() + healed_within : last;
  while (open_ != 0 && scene_.time.now() < until) {
    if (!clients_idle()) until = std::min(scene_.time.now() + healed_within, last);
    workload_.end(auditor_);
    ask_stats();
    const auto left = open_;
    run_until(std::min(until, scene_.time.now() + ask_again), [&] { return open_ == 0; });
    // Thousands of tasks on a slow disk take long: they are given up when none ends any more.
    if (open_ < left) until = std::max(until, std::min(scene_.time.now() + healed_within, last));
  }
  if (open_ != 0) complain_of_open();
  if (!scene_.weather.retention) return;
  run_until(scene_.time.now() + 6 * second, [] { return false; });  // ended tasks go
  some_client().follow("default", true);
}

void World::complain_of_open() {
  std::string why;
  std::uint64_t number = 0;
  for (const auto& [id, life] : scene_.model.lives()) {
    if (life.ended || !life.promised) continue;
    if (number == 0) number = life.number;
    Body b;
    b.bin("id", id);
    auditor_.request(Kind::explain, b.take(), [&why, n = life.number](const Result<std::string_view>& body) {
      if (!body || why.size() > 1000 || body->find("it has ended") != std::string_view::npos) return;
      why += "\n  task " + std::to_string(n) + ": ";
      for (char c : *body) why += c >= ' ' && c <= '~' ? c : ' ';
    });
  }
  run_until(scene_.time.now() + 5 * second, [] { return false; });
  violated("I9", std::to_string(open_) + " tasks are open long after the last fault" + why, number);
}

bool World::clients_idle() const {
  return std::all_of(clients_.begin(), clients_.end(), [](const auto& client) { return client->idle(); });
}

void World::ask_stats() {
  auditor_.request(Kind::stats, Body().take(),
                   [this, then = clients_idle()](const Result<std::string_view>& body) {
                     if (!body) return;
                     std::uint64_t open = then && clients_idle() ? 0 : 1;
                     for (const auto* state : {"scheduled", "ready", "leased", "suspended"})
                       open += read_number(*body, std::string("tasks/") + state);
                     open_ = open;
                   });
}

void World::list_all(const std::string& cursor) {
  Body b;
  b.number("limit", 1000);
  if (!cursor.empty()) b.bin("cursor", cursor);
  auditor_.request(Kind::list, b.take(), [this](const Result<std::string_view>& body) {
    if (!body) violated("I9", "tasks cannot be listed: " + describe(body.error()));
    auto page = read_page(*body);
    for (auto& task : page.tasks) listed_.push_back(task.id);
    if (page.cursor.empty())
      list_done_ = true;
    else
      list_all(page.cursor);
  });
}

void World::list_dead(const std::string& cursor) {
  Body b;
  b.number("limit", 1000);
  if (!cursor.empty()) b.bin("cursor", cursor);
  auditor_.request(Kind::dead_list, b.take(), [this](const Result<std::string_view>& body) {
    if (!body) violated("I9", "dead letters cannot be listed: " + describe(body.error()));
    auto page = read_page(*body);
    for (auto& task : page.tasks) dead_.insert(task.id);
    if (page.cursor.empty())
      dead_done_ = true;
    else
      list_dead(page.cursor);
  });
}

// Every task that was listed or promised.
void World::get_all() {
  std::set<std::string> ids(listed_.begin(), listed_.end());
  for (const auto& [id, life] : scene_.model.lives())
    if (life.promised && ids.insert(id).second) scene_.model.final_unlisted(life);
  for (const auto& id : ids) {
    Body b;
    b.bin("id", id);
    ++asked_;
    auditor_.request(Kind::get, b.take(), [this, id](const Result<std::string_view>& body) {
      ++got_;
      if (body)
        scene_.model.final_task(read_task(*body));
      else
        scene_.model.final_refusal(id, body.error().code);
    });
  }
}

void World::end_bulks() {
  for (int looks = 0; looks < 100 && !bulks_done_; ++looks) {
    auditor_.request(Kind::bulk_list, Body().take(), [this](const Result<std::string_view>& body) {
      bulks_done_ = body && scene_.model.bulks_done(*body);
    });
    run_until(scene_.time.now() + 3 * second, [&] { return bulks_done_; });
  }
  if (!bulks_done_) violated("I9", "bulk work does not end");
  run_until(scene_.time.now() + 31 * second, [] { return false; });  // no answer comes after this frame of it
}

// What the broker tells of its audit log, beside what lies in the store.
void World::read_audit() {
  bool told = false;
  Body b;
  b.number("limit", 1000);
  auditor_.request(Kind::audit_list, b.take(), [&](const Result<std::string_view>& body) {
    if (!body) return;
    told = true;
    scene_.tally.saw_if(read_number(*body, "next") > 1, Situation::audit_listed);
  });
  run_until(scene_.time.now() + 60 * second, [&] { return told; });
  if (!told) violated("I9", "the audit log cannot be read");
  broker_.check_audit();
}

void World::reckon() {
  end_bulks();
  auto until = scene_.time.now() + 60 * second;
  list_all({});
  run_until(until, [&] { return list_done_; });
  if (!list_done_) violated("I9", "tasks cannot be listed");
  get_all();
  run_until(until, [&] { return got_ == asked_; });
  if (got_ != asked_) violated("I9", "not every get was answered");
  list_dead({});
  auditor_.request(Kind::agent_list, Body().take(), nullptr);
  run_until(until, [&] { return dead_done_; });
  if (!dead_done_) violated("I9", "dead letters cannot be listed");
  scene_.model.final_dead(dead_);
  auditor_.request(Kind::batch_list, Body().take(), [this](const Result<std::string_view>& body) {
    if (!body) violated("I9", "batches cannot be listed: " + describe(body.error()));
    scene_.model.final_batches(*body);
  });
  Body all;
  all.raw("by", "\x90");
  auditor_.request(Kind::usage, all.take(), [this](const Result<std::string_view>& body) {
    if (!body) violated("I9", "usage cannot be read: " + describe(body.error()));
    scene_.model.final_usage(*body);
  });
  auditor_.request(Kind::lane_list, Body().take(), [this](const Result<std::string_view>& body) {
    if (!body) violated("I9", "lanes cannot be listed: " + describe(body.error()));
    scene_.model.final_lanes(*body);
  });
  auditor_.request(Kind::stats, Body().take(), [this](const Result<std::string_view>& body) {
    if (!body) return;
    books_done_ = true;
    std::uint64_t kept = 0;
    for (std::size_t s = 1; s < state_count; ++s)
      kept += read_number(*body, "tasks/" + std::string(name_of(static_cast<State>(s))));
    scene_.model.final_books(read_number(*body, "accepted"), read_number(*body, "removed"), kept,
                             listed_.size());
  });
  run_until(until, [&] { return books_done_; });
  if (!books_done_) violated("I9", "the books cannot be read");
  for (const auto& client : clients_) {
    run_until(scene_.time.now() + 30 * second, [&] { return client->missed() == 0; });
    if (auto missed = client->missed(); missed != 0)
      violated("I9", "an end was never pushed to who follows it", missed);
  }
  run_until(scene_.time.now() + second, [] { return false; });
  broker_.check_fold();
  read_audit();
}

}  // namespace hirehall::sim
