#include "tests/simulation/workload_tables.h"

#include "client/src/body.h"
#include "common/approval.h"
#include "common/task_features.h"

namespace hirehall::sim {

using client::Body;
using wire::Kind;
using Draft = Workload::Draft;

constexpr std::size_t tasks_per_batch = 30;  // that may come into it

// --- what tasks may ask for ---

std::span<const Tables::Feature> Tables::features() {
  static constexpr auto wall = [](Workload& w) {
    return Millis{1'700'000'000'000} + w.scene_.time.now() / 1000;
  };
  static const Feature table[] = {
      {"priority", 300, [](Workload& w, Draft& d) { d.options.priority = w.scene_.chance.between(1, 10); }},
      {"delay", 120,
       [](Workload& w, Draft& d) { d.options.delay_ms = w.scene_.chance.between(1, 8000), d.plain = false; }},
      {"not_before", 60,
       [](Workload& w, Draft& d) {
         if (w.scene_.weather.wall_jumps != 0) return;  // hours from now on a clock that is hours behind
         d.options.not_before = wall(w) + w.scene_.chance.between(-2000, 8000), d.plain = false;
       }},
      {"deadline", 80,
       [](Workload& w, Draft& d) {
         d.options.deadline = wall(w) + w.scene_.chance.between(1000, 20000), d.plain = false;
       }},
      {"past_deadline", 15,
       [](Workload& w, Draft& d) { d.options.deadline = wall(w) - 100'000, d.plain = false; }},
      {"ttl", 80,
       [](Workload& w, Draft& d) {
         d.options.ttl_ms = w.scene_.chance.between(500, 15000), d.plain = false;
       }},
      {"timeout", 120,
       [](Workload& w, Draft& d) { d.options.timeout_ms = w.scene_.chance.between(100, 6000); }},
      {"attempts", 300,
       [](Workload& w, Draft& d) { d.options.retry.max_attempts = w.scene_.chance.between(1, 5); }},
      {"losses", 200,
       [](Workload& w, Draft& d) { d.options.retry.max_losses = w.scene_.chance.between(1, 3); }},
      {"labels", 100,
       [](Workload&, Draft& d) {
         d.options.labels = {{"colour", "blue"}}, d.plain = false;
       }},
      {"trace", 150,
       [](Workload& w, Draft& d) {
         d.options.trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0";
         const bool sampled = w.scene_.chance.permille(500);
         d.options.trace += sampled ? '1' : '0';
         if (sampled) d.options.tracestate = "rojo=1", d.options.baggage = "user=alice";
         d.plain = false;
       }},
      {"bulk", 60,
       [](Workload&, Draft& d) { d.options.labels.insert_or_assign("bulk", "yes"), d.plain = false; }},
      {"batch", 250,
       [](Workload& w, Draft& d) {
         d.options.batch = "batch" + std::to_string(w.scene_.model.intents() / tasks_per_batch);
       }},
      {"gpu", 80,
       [](Workload&, Draft& d) {
         d.options.requirements.resources = {{"gpu", "1"}}, d.plain = false;
       }},
      {"gpus", 30,
       [](Workload&, Draft& d) {
         d.options.requirements.resources = {{"gpu", std::to_string(gpus_of_a_worker)}}, d.plain = false;
       }},
      {"rare", 40, [](Workload&, Draft& d) { d.options.type = "rare"; }},
      {"limit_one", 80, [](Workload&, Draft& d) { d.options.limit_keys = {"one"}, d.plain = false; }},
      {"limit_three", 80,
       [](Workload&, Draft& d) {
         d.options.limit_keys = {"three", "free"}, d.plain = false;
       }},
      {"limit_paced", 60,
       [](Workload&, Draft& d) {
         d.options.limit_keys = {"paced", "one"}, d.plain = false;
       }},
      {"idempotency_key", 150,
       [](Workload& w, Draft& d) {
         d.options.idempotency_key = "key" + std::to_string(w.scene_.model.intents());
       }},
      {"key_conflict", 20,
       [](Workload& w, Draft& d) {
         if (w.keyed_.empty()) return;
         auto number = w.scene_.chance.of(w.keyed_);
         const auto& other = w.scene_.model.intent(number);
         if (other.options.idempotency_key.empty()) return;
         d.options = other.options;
         d.same_key_as = number;
         d.plain = false;
       }},
      {"unique_key", 60,
       [](Workload& w, Draft& d) {
         d.options.unique_key = "unique" + std::to_string(w.scene_.model.intents());
         d.options.idempotency_key.clear();
         d.plain = false;
       }},
      {"at_most_once", 80, [](Workload&, Draft& d) { d.options.delivery = Delivery::at_most_once; }},
      {"retention", 60, [](Workload&, Draft& d) { d.options.retention_ms = 1000; }},
      {"large", 60,
       [](Workload& w, Draft& d) {
         d.bytes = static_cast<std::size_t>(w.scene_.chance.between(100, 6000));
         w.scene_.saw(Situation::submit_large);
       }},
      {"huge", 2,
       [](Workload& w, Draft& d) {
         d.bytes = static_cast<std::size_t>(w.scene_.chance.between(60, 200)) << 10;
       }},
      {"nowhere", 10, [](Workload&, Draft& d) { d.options.queue = "nowhere"; }},
      {"capped", 100, [](Workload&, Draft& d) { d.options.queue = "capped"; }},
      {"approval", 60,
       [](Workload& w, Draft& d) {
         auto& c = w.scene_.chance;
         d.options.policies.clear();
         msgpack::Writer p(d.options.policies);
         bool timed = c.permille(300);
         p.map(timed ? 3 : 1);
         p.entry("approval", approval_names.at(static_cast<std::size_t>(c.between(1, 3))));
         if (timed) {
           p.entry("approval_on_timeout", lapse_names.at(static_cast<std::size_t>(c.between(0, 2))));
           p.entry_sint("approval_timeout_ms", c.between(500, 8000));
         }
         d.plain = false;
       }},
      {"affinity", 150,
       [](Workload& w, Draft& d) {
         d.options.affinity_key = "home" + std::to_string(w.scene_.chance.below(5));
       }},
      {"features", 200,
       [](Workload& w, Draft& d) {
         auto& c = w.scene_.chance;
         d.options.features =
             write_features({{"language", false, 0, c.permille(500) ? "de" : "fi"},
                             {"tokens", true, static_cast<double>(c.between(1, 4)) * 500, {}}});
       }},
      {"preferred_labels", 150,
       [](Workload& w, Draft& d) {
         d.options.preferred_labels = {{"zone", w.scene_.chance.permille(500) ? "north" : "south"}};
         d.plain = false;
       }},
      {"preferred_agent", 80, [](Workload&, Draft& d) { d.options.agent = "agent-worker1"; }},
      {"effort", 100, [](Workload& w, Draft& d) { d.options.effort_ms = w.scene_.chance.between(1, 10000); }},
      {"unique_rule", 150,
       [](Workload& w, Draft& d) {
         auto& c = w.scene_.chance;
         auto& o = d.options;
         o.idempotency_key.clear();
         switch (c.below(3)) {
           case 0:
             o.on_conflict = OnConflict::reject;
             o.unique_key = "reject" + std::to_string(c.below(2));
             break;
           case 1:
             o.on_conflict = OnConflict::replace;
             o.unique_key = "replace" + std::to_string(c.below(2));
             if (c.permille(400)) o.unique_until = UniqueUntil::end;
             break;
           default:
             o.on_conflict = OnConflict::coalesce;
             o.unique_key = "coalesce" + std::to_string(w.scene_.model.intents());
             if (c.permille(500)) o.delay_ms = c.between(500, 4000);
             break;
         }
         d.plain = false;
       }},
      {"budgeted", 60, [](Workload&, Draft& d) { d.options.tenant = "spender", d.plain = false; }},
  };
  return table;
}

// --- what else clients ask for ---

namespace {

using Answer = Result<std::string_view>;

std::string id_body(const std::string& id) {
  Body b;
  b.bin("id", id);
  return b.take();
}

std::string foreign_id(Chance& chance) {
  std::string id(16, '\0');
  for (auto& c : id) c = static_cast<char>(chance.next());
  return id;
}

// Now and then an id that nobody was given.
std::string id_or_foreign(Scene& scene) {
  const auto* id = scene.model.some_id(scene.chance);
  return id == nullptr || scene.chance.permille(30) ? foreign_id(scene.chance) : *id;
}

void cancel(Scene& scene, ClientHost& client) {
  std::vector<std::string> ids;
  auto count = scene.chance.permille(800) ? 1 : scene.chance.below(6);
  for (std::uint64_t i = 0; i < count; ++i) ids.push_back(id_or_foreign(scene));
  Body b;
  std::string list;
  msgpack::Writer w(list);
  w.map(3);
  w.str("ids"), w.array(ids.size());
  for (const auto& id : ids) w.bin(id), scene.model.may_stop(id);
  w.entry("reason", "enough");
  w.entry_sint("grace_ms", 500);
  client.request(Kind::cancel, list, [&scene](const Answer& body) {
    if (!body) return;
    msgpack::Reader r(*body);
    auto n = r.array();
    for (std::size_t i = 0; i < n; ++i) {
      auto code = static_cast<Code>(r.uint());
      scene.tally.saw_if(code == Code::terminal, Situation::cancel_ended);
      scene.tally.saw_if(code == Code::not_found, Situation::cancel_unknown_id);
    }
  });
}

void get(Scene& scene, ClientHost& client) {
  client.request(Kind::get, id_body(id_or_foreign(scene)), [&scene](const Answer& body) {
    if (!body) scene.tally.saw_if(body.error().code == Code::not_found, Situation::get_unknown_id);
  });
}

void wait(Scene& scene, ClientHost& client) {
  const auto* id = scene.model.some_id(scene.chance);
  if (id == nullptr) return;
  Body b;
  b.bin("id", *id);
  b.number("timeout_ms", scene.chance.between(0, 5000));
  client.request(Kind::wait, b.take(), [&scene](const Answer& body) {
    if (body) return scene.saw(Situation::wait_answered);
    scene.tally.saw_if(body.error().code == Code::timeout, Situation::wait_timed_out);
  });
}

void list(Scene& scene, ClientHost& client, const std::string& cursor) {
  static const std::vector<std::string> states = {"", "ready", "leased", "failed", "succeeded", "scheduled"};
  Body b;
  b.text("state", scene.chance.of(states));
  b.number("limit", scene.chance.between(1, 40));
  if (!cursor.empty()) {
    Body next;
    next.number("limit", 20);
    next.bin("cursor", cursor);
    b = next;
    scene.saw(Situation::list_went_on_with_a_cursor);
  } else if (scene.chance.permille(300)) {
    b.boolean("newest_first", true);
  }
  client.request(Kind::list, b.take(), [&scene, &client, first = cursor.empty()](const Answer& body) {
    if (!body) return;
    scene.saw(Situation::list_answered);
    auto page = read_page(*body);
    if (first && !page.cursor.empty()) list(scene, client, page.cursor);
  });
}

// Cancels all that carry the label; the model lets such tasks be cancelled.
void bulk(Scene& scene, ClientHost& client) {
  Body b;
  b.text("verb", "cancel");
  b.text("where", "label.bulk=yes and age>1ms");
  b.text("reason", "enough");
  b.bin("token", std::to_string(scene.chance.next()));
  b.number("grace_ms", 500);
  if (scene.chance.permille(500)) b.number("rate", scene.chance.between(5, 50));
  client.request(Kind::bulk_start, b.take(), [&scene](const Answer& body) {
    if (body) scene.saw(Situation::bulk_started);
  });
}

void close_batch(Scene& scene, ClientHost& client) {
  if (scene.model.intents() == 0) return;
  const auto meant = scene.model.intent(1 + scene.chance.below(scene.model.intents())).options;
  if (meant.batch.empty()) return;
  Body b;
  b.text("batch", meant.batch);
  b.text("tenant", meant.tenant);
  if (scene.chance.permille(700)) {
    TaskOptions then;
    then.type = "type0";
    then.tenant = meant.tenant;
    std::string encoded;
    msgpack::Writer w(encoded);
    write_wire_options(w, then);
    b.raw("complete", encoded);
    b.bin("payload", scene.model.intent(scene.model.intend(then, 20, false)).payload);
  }
  client.request(Kind::batch_close, b.take(), [&scene](const Answer& body) {
    if (body) scene.saw(Situation::batch_closed);
  });
}

void wait_for_batch(Scene& scene, ClientHost& client) {
  if (scene.model.intents() == 0) return;
  const auto& meant = scene.model.intent(1 + scene.chance.below(scene.model.intents())).options;
  if (meant.batch.empty()) return;
  Body b;
  b.text("batch", meant.batch);
  b.text("tenant", meant.tenant);
  b.number("timeout_ms", scene.chance.between(0, 8000));
  client.request(Kind::batch_wait, b.take(), [&scene](const Answer& body) {
    if (body) return scene.saw(Situation::batch_wait_answered);
    scene.tally.saw_if(body.error().code == Code::timeout, Situation::batch_wait_timed_out);
  });
}

void list_where(Scene& scene, ClientHost& client) {
  Body b;
  b.text("where", "label.bulk=yes and not state=succeeded");
  b.number("limit", scene.chance.between(1, 40));
  client.request(Kind::list, b.take(), [&scene](const Answer& body) {
    if (!body) return;
    scene.saw(Situation::list_by_expression);
    for (const auto& task : read_page(*body).tasks) scene.model.listed_where(task);
  });
}

void replay_dead(Scene& scene, ClientHost& client) {
  Body b;
  b.number("limit", 5);
  client.request(Kind::dead_list, b.take(), [&scene, &client](const Answer& body) {
    if (!body) return;
    for (const auto& task : read_page(*body).tasks) {
      auto* life = scene.model.life(task.id);
      if (life == nullptr || life->number == 0) continue;
      ++scene.model.intent(life->number).replays;
      std::string ids;
      msgpack::Writer w(ids);
      w.map(1);
      w.str("ids"), w.array(1), w.bin(task.id);
      client.request(Kind::dead_retry, ids, [&scene](const Answer& answer) {
        if (answer) scene.saw(Situation::dead_letter_replayed);
      });
      return;
    }
  });
}

}  // namespace

std::span<const Tables::Action> Tables::actions() {
  static const Action table[] = {
      {"cancel", 20, [](Workload& w, ClientHost& c) { cancel(w.scene_, c); }},
      {"get", 20, [](Workload& w, ClientHost& c) { get(w.scene_, c); }},
      {"get_awarded", 25,
       [](Workload& w, ClientHost& c) {
         if (const auto* id = w.scene_.model.awarded_lately(w.scene_.chance))
           c.request(Kind::get, id_body(*id), nullptr);
       }},
      {"wait", 10, [](Workload& w, ClientHost& c) { wait(w.scene_, c); }},
      {"list", 5, [](Workload& w, ClientHost& c) { list(w.scene_, c, {}); }},
      {"logs", 5,
       [](Workload& w, ClientHost& c) {
         Body b;
         b.bin("id", id_or_foreign(w.scene_));
         b.number("wait_ms", w.scene_.chance.between(0, 3000));
         c.request(Kind::logs, b.take(), nullptr);
       }},
      {"list_where", 3, [](Workload& w, ClientHost& c) { list_where(w.scene_, c); }},
      {"bulk", 2, [](Workload& w, ClientHost& c) { bulk(w.scene_, c); }},
      {"batch_close", 3, [](Workload& w, ClientHost& c) { close_batch(w.scene_, c); }},
      {"batch_wait", 4, [](Workload& w, ClientHost& c) { wait_for_batch(w.scene_, c); }},
      {"answer", 15,
       [](Workload& w, ClientHost& c) {
         if (const auto* id = w.scene_.model.some_id(w.scene_.chance)) w.answer(c, *id);
       }},
      {"inbox", 5,
       [](Workload& w, ClientHost& c) {
         Body b;
         b.number("limit", w.scene_.chance.between(1, 20));
         c.request(Kind::inbox, b.take(), [&w, &c](const Answer& body) {
           if (!body) return;
           w.scene_.saw(Situation::inbox_listed);
           for (const auto& task : read_page(*body).tasks) w.answer(c, task.id);
         });
       }},
      {"answer_suspended", 5, [](Workload& w, ClientHost& c) { w.answer_all(c, {}); }},
      {"explain", 4,
       [](Workload& w, ClientHost& c) {
         c.request(Kind::explain, id_body(id_or_foreign(w.scene_)), [&w](const Answer& body) {
           if (body) w.scene_.saw(Situation::explain_answered);
         });
       }},
      {"dead_retry", 5, [](Workload& w, ClientHost& c) { replay_dead(w.scene_, c); }},
      {"resubmit", 15,
       [](Workload& w, ClientHost& c) {
         if (!w.keyed_.empty()) c.submit(w.scene_.chance.of(w.keyed_));
       }},
      {"coalesce", 25,
       [](Workload& w, ClientHost& c) {
         if (!w.coalescing_.empty())
           w.coalesce(c,
                      w.coalescing_[w.coalescing_.size() - 1 -
                                    w.scene_.chance.below(std::min<std::size_t>(4, w.coalescing_.size()))]);
       }},
      {"follow", 4,
       [](Workload& w, ClientHost& c) {
         if (c.follows()) return;
         // One draw a statement: compilers choose the order of arguments.
         bool own = w.scene_.chance.permille(700);
         bool from_start = w.scene_.chance.permille(200);
         c.follow(own ? "" : "default", from_start);
       }},
      {"pause", 3,
       [](Workload& w, ClientHost& c) {
         Body b;
         auto which = w.scene_.chance.below(4);
         if (which == 0 || which == 3) b.text("queue", "default"), w.scene_.saw(Situation::queue_paused);
         if (which == 1 || which == 3) b.text("type", "type0"), w.scene_.saw(Situation::type_paused);
         if (which == 2) b.text("tenant", "t1"), w.scene_.saw(Situation::tenant_paused);
         auto body = b.take();
         w.paused_.insert(body);
         c.request(Kind::pause, body, nullptr);
       }},
      {"resume", 6,
       [](Workload& w, ClientHost& c) {
         if (w.paused_.empty()) return;
         auto at = w.paused_.begin();
         std::advance(at, w.scene_.chance.below(w.paused_.size()));
         w.resume(c, *at);
       }},
      {"stats", 2,
       [](Workload& w, ClientHost& c) {
         c.request(Kind::stats, Body().take(), [&w](const Answer& body) {
           if (body) w.scene_.saw(Situation::stats_read);
         });
       }},
      {"worker_list", 2,
       [](Workload& w, ClientHost& c) {
         c.request(Kind::worker_list, Body().take(), [&w](const Answer& body) {
           if (body) w.scene_.saw(Situation::worker_listed);
         });
       }},
      {"queue_list", 2,
       [](Workload&, ClientHost& c) { c.request(Kind::queue_list, Body().take(), nullptr); }},
      {"policy", 2,
       [](Workload& w, ClientHost& c) {
         static const std::vector<std::string> queues = {"default", "second", "third", "capped"};
         static const std::vector<std::string> policies = {"least_loaded", "sticky", "learned", "auction"};
         Body b;
         b.text("queue", w.scene_.chance.of(queues));
         b.text("policy", w.scene_.chance.of(policies));
         // A worker asks at most 0.5 while it is idle, so nothing waits for a bid for ever.
         if (w.scene_.chance.permille(500)) b.real("reserve", 0.55);
         b.text("settlement", w.scene_.chance.permille(500) ? "first_price" : "second_price");
         // Nobody sets a deadline that no answer can meet: with one slot each award would wait for it.
         if (w.scene_.chance.permille(500) && w.scene_.weather.latency <= 40 * ms)
           b.number("live_bids_from_ms", 1);
         b.number("bid_deadline_ms", w.scene_.chance.between(50, 400));
         b.number("match_from_ms", w.scene_.chance.permille(500) ? 1 : 0);
         c.request(Kind::queue_set, b.take(), [&w](const Answer& body) {
           if (body) w.scene_.saw(Situation::policy_changed);
         });
       }},
      {"queue_show", 2,
       [](Workload&, ClientHost& c) {
         Body b;
         b.text("queue", "capped");
         c.request(Kind::queue_show, b.take(), nullptr);
       }},
      {"logs_follow", 3,
       [](Workload& w, ClientHost& c) {
         if (const auto* id = w.scene_.model.awarded_lately(w.scene_.chance))
           follow_logs(w.scene_, c, *id, 0, 8);
       }},
      {"unfollow", 3, [](Workload&, ClientHost& c) { c.unfollow(); }},
      {"drain_worker", 8, drain_worker},
      {"breaker", 8, steer_breaker},
      {"dead_purge", 4, purge_dead},
      {"agent_forget", 6, forget_agent},
      {"look_around", 6, look_around},
      {"schedule", 3, steer_schedule},
      {"limit_hold", 2, hold_limit},
      {"bulk_stop", 1, stop_bulk},
  };
  return table;
}

}  // namespace hirehall::sim
