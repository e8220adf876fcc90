#include "tests/simulation/workload.h"

#include "client/src/body.h"
#include "tests/simulation/violation.h"
#include "tests/simulation/workload_tables.h"

namespace hirehall::sim {

using client::Body;
using wire::Kind;

Workload::Workload(Scene& scene, std::vector<std::unique_ptr<ClientHost>>& clients)
    : scene_(scene), clients_(clients) {}

std::vector<std::string> Workload::types() const {
  std::vector<std::string> out;
  for (std::uint32_t i = 0; i < scene_.weather.types; ++i) out.push_back("type" + std::to_string(i));
  return out;
}

std::vector<std::string> Workload::all_types() {
  return {"type0", "type1", "type2", "type3", "rare"};
}

void Workload::set(ClientHost& by, Kind kind, const std::string& body) {
  ++settings_left_;
  by.request(kind, body, [this, &by, kind, body](const Result<std::string_view>& answer) {
    --settings_left_;
    if (!answer) set(by, kind, body);
  });
}

// Their tasks are nobody's submits: the model takes any number of them.
void Workload::set_schedules(ClientHost& by) {
  for (const auto* name : {"often", "alone", "cron"}) {
    TaskOptions options;
    options.type = "type0";
    auto number = scene_.model.intend(options, 20, false);
    auto& intent = scene_.model.intent(number);
    intent.first_read = 0;
    intent.replays = 1u << 30;
    Body b;
    b.text("name", name);
    if (std::string_view(name) == "cron")
      b.text("cron", "*/4 * * * * *");
    else
      b.number("every_ms", scene_.chance.between(1500, 6000));
    if (std::string_view(name) == "alone") b.text("overlap", "skip");
    if (std::string_view(name) == "often") b.text("catch_up", "all");
    std::string encoded;
    msgpack::Writer w(encoded);
    write_wire_options(w, options);
    b.raw("options", encoded);
    b.bin("payload", intent.payload);
    set(by, Kind::schedule_set, b.take());
  }
  Body b;
  b.text("name", "paced");
  b.text("key", "paced");
  std::string rates;
  msgpack::Writer w(rates);
  w.array(1), w.array(2), w.uint(paced_units), w.sint(paced_window_ms);
  b.raw("rates", rates);
  set(by, Kind::limit_set, b.take());
  Body budget;
  budget.text("name", "spender");
  budget.text("tenant", "spender");
  budget.text("unit", "units");
  budget.text("period", "total");
  budget.number("hard", budget_units);
  set(by, Kind::budget_set, budget.take());
}

void Workload::set_up(ClientHost& by) {
  scene_.model.short_retention = scene_.weather.retention;
  for (const auto* name : {"default", "second", "third", "capped"}) {
    Body b;
    b.text("queue", name);
    b.number("weight", scene_.chance.between(1, 4));
    if (std::string_view(name) == "capped") b.number("cap", 12);
    if (scene_.model.short_retention) b.number("retention_ms", 2000);
    b.numbers("limits", {{"one", 1}, {"three", 3}});
    b.numbers("tenants", {{"t1", 2}});
    static const std::vector<std::string> policies = {"least_loaded", "sticky", "learned", "auction"};
    static const std::vector<std::string> shadows = {"none",   "none",    "none",   "least_loaded",
                                                     "sticky", "learned", "auction"};
    b.text("policy", scene_.chance.of(policies));
    // A worker asks at most 0.5 while it is idle, so nothing waits for a bid for ever.
    if (scene_.chance.permille(500)) b.real("reserve", 0.55);
    b.text("settlement", scene_.chance.permille(500) ? "first_price" : "second_price");
    // Nobody sets a deadline that no answer can meet: with one slot each award would wait for it.
    if (scene_.chance.permille(500) && scene_.weather.latency <= 40 * ms) b.number("live_bids_from_ms", 1);
    b.number("bid_deadline_ms", scene_.chance.between(50, 400));
    if (scene_.chance.permille(500)) b.number("match_from_ms", 1);
    b.text("shadow", scene_.chance.of(shadows));
    set(by, Kind::queue_set, b.take());
  }
  set_schedules(by);
}

void Workload::begin() {
  until_ = scene_.time.now() + scene_.weather.storm;
  pace_ = scene_.weather.storm * (scene_.weather.retention ? 4 : 7) / 10 / scene_.weather.tasks;
  submit_next();
  act_next();
}

void Workload::submit_next() {
  if (submitted_ >= scene_.weather.tasks) return;
  auto& client = some_client();
  auto count = std::min<std::uint64_t>(1 + (scene_.chance.permille(200) ? scene_.chance.below(30) : 0),
                                       scene_.weather.tasks - submitted_);
  submitted_ += static_cast<std::uint32_t>(count);
  if (count > 1 && count < 8 && scene_.chance.permille(300)) {
    std::vector<Number> together;
    for (std::uint64_t i = 0; i < count; ++i) together.push_back(draw());
    client.submit_together(together);
  } else {
    for (std::uint64_t i = 0; i < count; ++i) client.submit(draw());
  }
  auto wait = scene_.chance.between(0, 2 * pace_ * static_cast<Micros>(count));
  scene_.time.in(wait, [this] { submit_next(); });
}

Number Workload::draw() {
  Draft draft;
  auto& o = draft.options;
  auto& c = scene_.chance;
  static const std::vector<std::string> queues = {"default", "second", "third"};
  static const std::vector<std::string> tenants = {"", "t1", "t2"};
  o.type = "type" + std::to_string(c.below(scene_.weather.types));
  o.queue = queues[c.below(scene_.weather.queues)];
  o.tenant = tenants[c.below(scene_.weather.tenants)];
  o.priority = 5;
  o.retry.backoff_ms = 300;
  o.retry.backoff_max_ms = 3000;
  std::size_t bit = 0;
  for (const auto& feature : Tables::features()) {
    bool wanted = (scene_.weather.features >> (bit++ % 32) & 1u) != 0;
    if (wanted && c.permille(feature.permille)) feature.apply(*this, draft);
  }
  auto number = scene_.model.intend(o, draft.bytes, draft.plain);
  if (draft.same_key_as != 0)
    scene_.model.intent(number).key_reused = scene_.model.intent(draft.same_key_as).key_reused = true;
  if (o.on_conflict == OnConflict::coalesce)
    coalescing_.push_back(number);
  else if (o.on_conflict == OnConflict::unsaid && (!o.idempotency_key.empty() || !o.unique_key.empty()))
    keyed_.push_back(number);
  return number;
}

void Workload::act_next() {
  if (scene_.time.now() > until_) return;
  std::uint64_t all = 0;
  for (const auto& action : Tables::actions()) all += action.weight;
  auto at = scene_.chance.below(all);
  for (const auto& action : Tables::actions()) {
    if (at < action.weight) {
      action.act(*this, some_client());
      break;
    }
    at -= action.weight;
  }
  scene_.time.in(scene_.chance.between(0, 4 * pace_), [this] { act_next(); });
}

// Again with another payload, each of which is meant once.
void Workload::coalesce(ClientHost& by, Number number) {
  auto& intent = scene_.model.intent(number);
  intent.edits.insert(intent.payload);
  intent.payload = "K" + std::to_string(number) + ";version " + std::to_string(++versions_);
  by.submit(number);
}

void Workload::resume(ClientHost& by, const std::string& body) {
  by.request(Kind::resume, body, [this](const Result<std::string_view>& answer) {
    if (!answer) return;
    scene_.saw(Situation::queue_resumed);
  });
}

// What a task waits for is not looked at: some answers do not fit, and what waits for an approval is
// answered.
void Workload::answer(ClientHost& by, const std::string& id) {
  const auto* life = scene_.model.life(id);
  bool known =
      life != nullptr && life->number != 0;  // who was submitted again has a new id that nobody was told
  bool decides =
      (!known || scene_.model.intent(life->number).approval.points != 0) && scene_.chance.permille(600);
  Body b;
  b.bin("id", id);
  if (decides) {
    static const std::vector<std::string> some = {"approve", "approve", "approve", "reject", "edit"};
    const auto& decision = scene_.healing || !known ? some[0] : scene_.chance.of(some);
    auto value =
        known ? "K" + std::to_string(life->number) + ";edited " + std::to_string(++answers_) : std::string();
    b.text("decision", decision);
    b.text("reason", "as it is");
    if (decision == "edit") b.bin("value", value);
    scene_.model.may_decide(id, decision, value);
  } else {
    auto value = scene_.chance.permille(150) ? "nonsense" : "{\"n\":" + std::to_string(++answers_) + "}";
    b.bin("value", value);
    scene_.model.may_answer(id, value);
  }
  by.request(Kind::answer, b.take(), [this](const Result<std::string_view>& answer) {
    if (answer) return;
    scene_.tally.saw_if(answer.error().code == Code::bad_answer, Situation::answer_refused_unfit);
    scene_.tally.saw_if(answer.error().code == Code::terminal, Situation::answer_refused_ended);
    scene_.tally.saw_if(answer.error().code == Code::invalid, Situation::answer_refused_not_suspended);
  });
}

void Workload::answer_all(ClientHost& by, const std::string& cursor) {
  Body b;
  b.text("state", "suspended");
  b.number("limit", 1000);
  if (!cursor.empty()) b.bin("cursor", cursor);
  by.request(Kind::list, b.take(), [this, &by](const Result<std::string_view>& answered) {
    if (!answered) return;
    auto page = read_page(*answered);
    // What does not wait for ever ends by itself.
    for (const auto& task : page.tasks) {
      const auto* life = scene_.model.life(task.id);
      auto at = life == nullptr ? decltype(life->tries.find(0)){}
                                : life->tries.find(static_cast<std::uint32_t>(task.attempts));
      bool by_itself = scene_.healing && scene_.model.timing && task.suspended_on == "input" &&
                       life != nullptr && at != life->tries.end() && at->second.lapses;
      if (!by_itself) answer(by, task.id);
    }
    if (!page.cursor.empty()) answer_all(by, page.cursor);
  });
}

void Workload::end(ClientHost& by) {
  auto paused = paused_;
  for (const auto& body : paused) resume(by, body);
  answer_all(by, {});
  for (const auto* name : {"often", "alone", "cron"}) {
    Body b;
    b.text("name", name);
    by.request(Kind::schedule_delete, b.take(), nullptr);
  }
  Body held;
  held.text("name", "paced");
  held.number("until", 0);
  by.request(Kind::limit_pause, held.take(), nullptr);
  Body b;
  b.text("name", "spender");
  by.request(Kind::budget_delete, b.take(), nullptr);
}

}  // namespace hirehall::sim
