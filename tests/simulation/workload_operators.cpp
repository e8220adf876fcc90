// What operators do in the middle of it all.
#include "client/src/body.h"
#include "tests/simulation/workload_tables.h"

namespace hirehall::sim {
namespace {

using client::Body;
using wire::Kind;
using Answer = Result<std::string_view>;

std::string ids_body(const std::vector<std::string>& ids) {
  std::string out;
  msgpack::Writer w(out);
  w.map(2);
  w.str("ids"), w.array(ids.size());
  for (const auto& id : ids) w.bin(id);
  w.entry("reason", "looked at");
  return out;
}

void named(ClientHost& client, Kind kind, std::string_view key, std::string_view name) {
  Body b;
  b.text(key, name);
  client.request(kind, b.take(), nullptr);
}

}  // namespace

void drain_worker(Workload& w, ClientHost& client) {
  auto& scene = w.scene();
  Body b;
  b.text("name", "worker" + std::to_string(scene.chance.below(scene.weather.workers)));
  if (scene.chance.permille(650)) b.boolean("undo", true);
  client.request(Kind::worker_drain, b.take(), nullptr);
}

// Opened for less and for more than a burst of work takes, closed, looked at.
void steer_breaker(Workload& w, ClientHost& client) {
  auto& scene = w.scene();
  Body b;
  b.text("name", "agent-worker" + std::to_string(scene.chance.below(scene.weather.workers)));
  const auto dice = scene.chance.below(10);
  if (dice < 5) {
    b.number("for_ms", scene.chance.permille(700) ? scene.chance.between(200, 3000) : 20'000);
    return client.request(Kind::breaker_trip, b.take(), nullptr);
  }
  const auto kind = dice < 6 ? Kind::breaker_reset : dice < 8 ? Kind::breaker_list : Kind::breaker_show;
  client.request(kind, b.take(), nullptr);
}

// Some are purged, some of those a second time or retried all the same; others never were dead.
void purge_dead(Workload& w, ClientHost& client) {
  Body b;
  b.number("limit", 5);
  client.request(Kind::dead_list, b.take(), [&w, &client](const Answer& body) {
    if (!body) return;
    auto& scene = w.scene();
    std::vector<std::string> ids;
    for (const auto& task : read_page(*body).tasks)
      if (scene.chance.permille(400)) ids.push_back(task.id);
    if (const auto* other = scene.model.some_id(scene.chance); other != nullptr && scene.chance.permille(200))
      ids.push_back(*other);
    if (ids.empty()) return;
    client.request(Kind::dead_purge, ids_body(ids), [&w, &client, ids](const Answer&) {
      if (!w.scene().chance.permille(400)) return;
      std::vector<std::string> known;
      for (const auto& id : ids)
        if (const auto* l = w.scene().model.life(id); l != nullptr && l->number != 0) {
          ++w.scene().model.intent(l->number).replays;
          known.push_back(id);
        }
      if (!known.empty()) client.request(Kind::dead_retry, ids_body(known), nullptr);
    });
  });
}

void forget_agent(Workload& w, ClientHost& client) {
  client.request(Kind::agent_list, Body().take(), [&w, &client](const Answer& body) {
    if (!body) return;
    auto agents = read_agents(*body);
    if (w.scene().chance.permille(700)) std::erase_if(agents, [](const auto& a) { return a.workers != 0; });
    if (agents.empty()) return;
    const auto& agent = w.scene().chance.of(agents);
    Body b;
    b.text("name", agent.name);
    b.text("version", agent.version);
    client.request(Kind::agent_forget, b.take(), nullptr);
  });
}

void look_around(Workload& w, ClientHost& client) {
  switch (w.scene().chance.below(9)) {
    case 0:
      return client.request(Kind::tenant_list, Body().take(), nullptr);
    case 1:
      return client.request(Kind::dead_groups, Body().take(), nullptr);
    case 2:
      return named(client, Kind::batch_show, "batch", "batch0");
    case 3:
      return client.request(Kind::schedule_list, Body().take(), nullptr);
    case 4:
      return named(client, Kind::schedule_show, "name", "cron");
    case 5:
      return client.request(Kind::limit_list, Body().take(), nullptr);
    case 6:
      return named(client, Kind::limit_show, "name", "paced");
    case 7:
      named(client, w.scene().chance.permille(300) ? Kind::agent_unlearn : Kind::agent_stats, "name",
            "agent-worker0");
      return;
    default:
      return named(client, Kind::agent_show, "name", "agent-worker0");
  }
}

void steer_schedule(Workload& w, ClientHost& client) {
  switch (w.scene().chance.below(4)) {
    case 0:
      return named(client, Kind::schedule_pause, "name", "cron");
    case 1: {
      Body b;
      b.text("name", "often");
      b.text("key",
             "by hand " + std::to_string(w.scene().tally.count(Situation::schedule_triggered_by_hand) / 2));
      return client.request(Kind::schedule_trigger, b.take(), nullptr);
    }
    default:
      return named(client, Kind::schedule_resume, "name", "cron");
  }
}

void hold_limit(Workload& w, ClientHost& client) {
  auto& scene = w.scene();
  bool held = scene.chance.permille(400);
  if (held) scene.saw(Situation::limit_held_by_hand);
  Body b;
  b.text("name", "paced");
  b.number("until", held ? -1 : 0);
  client.request(Kind::limit_pause, b.take(), nullptr);
}

void stop_bulk(Workload& w, ClientHost& client) {
  client.request(Kind::bulk_list, Body().take(), [&w, &client](const Answer& body) {
    if (!body) return;
    auto bulks = read_bulks(*body);
    if (bulks.empty()) return;
    Body b;
    b.number("bulk", static_cast<std::int64_t>(bulks.back().number));
    client.request(Kind::bulk_stop, b.take(), [&w](const Answer& answer) {
      if (answer) w.scene().saw(Situation::bulk_stopped);
    });
  });
}

// As `hirehall task logs --follow` does: on and on behind the last line, until the task has ended.
void follow_logs(Scene& scene, ClientHost& client, const std::string& id, std::uint64_t after, int rounds) {
  if (rounds == 0) return;
  Body b;
  b.bin("id", id);
  b.number("after", static_cast<std::int64_t>(after));
  b.number("wait_ms", 2000);
  b.number("limit", 1);
  client.request(Kind::logs, b.take(), [&scene, &client, id, rounds](const Answer& body) {
    if (!body || read_number_or(*body, "ended", 0) != 0) return;
    follow_logs(scene, client, id, read_number(*body, "next"), rounds - 1);
  });
}

}  // namespace hirehall::sim
