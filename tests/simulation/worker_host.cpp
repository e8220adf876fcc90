#include "tests/simulation/worker_host.h"

#include <algorithm>

#include "tests/simulation/violation.h"
#include "tests/simulation/workload.h"

namespace hirehall::sim {

worker::PriceOffer price_of(std::string_view worker) {
  unsigned sum = 0;
  for (const char c : worker) sum = sum * 31 + static_cast<unsigned char>(c);
  worker::PriceOffer price;
  price.base = sum % 5 * 0.125;
  price.load_slope = sum % 3 * 0.25;
  price.cap = 1.5;
  return price;
}

worker::GuardOffer guard_of(std::string_view worker) {
  constexpr std::string_view prefix = "worker";
  if (!worker.starts_with(prefix)) return {};
  const auto number = static_cast<unsigned>(std::stoul(std::string(worker.substr(prefix.size()))));
  if (number % 2 != 0) return {.services = {"upstream"}};
  return {.breaker = worker::BreakerOffer{2, 2000, guarded_probes},
          .fallbacks = {"agent-nobody", "agent-worker" + std::to_string(number + 1)},
          .services = {"upstream"}};
}

bool bids_live(std::string_view worker) {
  return worker.back() % 2 == 0;
}

// Who comes to help in the end may be the only one left for thousands of tasks.
static std::uint32_t instances_of(std::string_view worker) {
  return worker != "helper" && worker.back() % 3 == 0 ? 1 : 0;
}

std::string_view zone_of(std::string_view worker) {
  return worker.back() % 2 == 0 ? "north" : "south";
}

WorkerHost::WorkerHost(Scene& scene, std::string name, std::vector<std::string> types, std::uint32_t slots)
    : Peer(scene), name_(std::move(name)), types_(std::move(types)), slots_(slots) {}

void WorkerHost::start() {
  begin_life();
  worker::SessionConfig config;
  config.name = name_;
  config.slots = slots_;
  config.labels = {{"zone", std::string(zone_of(name_))}};
  config.resources = {{"gpu", std::to_string(gpus_of_a_worker)}};
  worker::AgentOffer agent;
  agent.name = "agent-" + name_;
  redefine();
  agent.version = std::to_string(version_);
  agent.digest = "d" + std::to_string(digest_);
  agent.types = types_;
  agent.price = price_of(name_);
  agent.guard = guard_of(name_);
  agent.bids = bids_live(name_);
  agent.max_instances = instances_of(name_);
  config.agents.push_back(agent);
  config.credit_max = slots_ * credit_per_slot_max;
  config.seed = scene_.chance.next();
  session_ = std::make_unique<worker::Session>(config);
  running_.clear();
  waiting_.clear();
  started_.clear();
  busy_ = 0;
  draining_ = false;
  sessions_seen_ = 0;
  next_tick_ = -1;
  with_session([&](Micros now, auto& out) { session_->start(now, out); });
}

// Somebody edits the definition, and now and then forgets to give it another version.
void WorkerHost::redefine() {
  if (lives_++ == 0 || scene_.healing || !scene_.chance.permille(250)) return;
  ++digest_;
  if (scene_.chance.permille(500)) ++version_;
}

void WorkerHost::turned_away(const Error& error) {
  if (error.code != Code::conflict) violated("I9", "a worker was turned away: " + describe(error));
  scene_.note("worker is turned away", 0, version_, digest_);
  // Either the definition gets a new version, or somebody will forget the old one.
  if (scene_.healing || scene_.chance.permille(300)) ++version_;
  scene_.network.close(link_);
  link_ = 0;
  end_life();
  session_.reset();
  scene_.time.in(second, [this] {
    if (!alive()) start();
  });
}

void WorkerHost::crash() {
  if (!alive()) return;
  scene_.saw(Situation::worker_crashed);
  scene_.tally.saw_if(!running_.empty(), Situation::worker_crashed_holding);
  scene_.note("worker dies", 0, static_cast<std::int64_t>(running_.size()));
  scene_.network.close(link_);
  link_ = 0;
  end_life();
  session_.reset();
  scene_.time.in(10 * ms + scene_.chance.skewed(10 * second), [this] {
    if (!alive()) start();
  });
}

void WorkerHost::pause(Micros duration) {
  if (!alive()) return;
  scene_.note("worker sleeps", 0, duration / ms);
  scene_.saw(duration > 6 * second ? Situation::worker_paused_over_a_lease : Situation::worker_paused);
  doze(duration);
}

void WorkerHost::drain() {
  if (!alive() || draining_) return;
  draining_ = true;
  scene_.saw(Situation::worker_drained);
  scene_.tally.saw_if(!running_.empty(), Situation::worker_drained_holding);
  with_session([&](Micros, auto&) { session_->drain(); });
}

void WorkerHost::heal() {
  awake();
  if (!alive()) return start();
  for (const auto& [token, running] : running_)  // also what hung
    if (running.begun)
      later(scene_.time.now() + scene_.chance.between(1, 500) * ms,
            [this, t = token] { finish(t, Outcome::succeeded); });
  read_held();
  tick();
}

void WorkerHost::hear(const Heard& heard) {
  if (heard.link != link_) return;
  with_session([&](Micros now, auto& out) {
    switch (heard.what) {
      case What::connected:
        return session_->connected(now, out);
      case What::disconnected:
        return session_->disconnected(now);
      case What::frame:
        return session_->frame(heard.frame, now, out);
    }
  });
}

void WorkerHost::with_session(const std::function<void(Micros, worker::SessionOutput&)>& use) {
  worker::SessionOutput out;
  auto now = clock();
  use(now, out);
  session_->flush(now, out);
  carry_out(out);
  if (session_ != nullptr) schedule_tick();
}

void WorkerHost::carry_out(worker::SessionOutput& out) {
  if (out.close && link_ != 0) scene_.network.close(std::exchange(link_, 0));
  if (out.open) link_ = scene_.network.open(this);
  for (const auto& frame : out.frames)
    if (link_ != 0) scene_.network.send(link_, *frame);
  for (const auto& attempt : out.start) award(attempt);
  for (const auto& call : out.calls) bid(call);
  for (const auto& order : out.stop) stop(order);
  for (auto token : out.lost) {
    scene_.saw(Situation::worker_was_told_of_lost_leases);
    if (auto at = running_.find(token); at != running_.end()) {
      if (at->second.begun) --busy_;
      running_.erase(at);
    }
  }
  if (session_->failure()) return turned_away(Error(*session_->failure()));
  if (session_->counters().sessions != sessions_seen_) {
    sessions_seen_ = session_->counters().sessions;
    scene_.tally.saw_if(sessions_seen_ > 1 && session_->held() > 0, Situation::worker_resumed_with_tasks);
  }
  fill_slots();
}

void WorkerHost::award(const worker::Attempt& a) {
  if (!started_.insert(a.token).second) violated("I4", "a worker was given one award twice");
  auto& r = running_[a.token];
  r.token = a.token;
  r.id = a.id;
  r.attempt = a.attempt;
  r.number = Model::number_of(a.payload);
  if (r.number != 0 && r.number <= scene_.model.intents()) {
    const auto& type = scene_.model.intent(r.number).options.type;
    const auto has = [&](const auto& some) {
      return std::find(some.begin(), some.end(), type) != some.end();
    };
    scene_.tally.saw_if(!has(types_) && has(others_), Situation::fallback_stood_in);
    if (!has(types_) && !has(others_))
      violated("I21", name_ + " was awarded a task of a type that it cannot do", r.number);
  }
  waiting_.push_back(a.token);
  scene_.note("award arrives", r.number, a.attempt, static_cast<std::int64_t>(a.token));
}

void WorkerHost::fill_slots() {
  while (busy_ < slots_ && !waiting_.empty()) {
    auto at = running_.find(waiting_.front());
    waiting_.pop_front();
    if (at == running_.end()) continue;
    if (hands_back(at->first)) continue;
    begin(at->second);
  }
}

// It does not begin it, or says so.
bool WorkerHost::hands_back(worker::Token token) {
  if (scene_.healing || !scene_.chance.permille(scene_.weather.misbehaved / 4)) return false;
  scene_.saw(Situation::handed_back_unbegun);
  later(scene_.time.now() + scene_.chance.skewed(second / 10),
        [this, token] { finish(token, Outcome::interrupted); });
  return true;
}

Outcome WorkerHost::choose_outcome() {
  if (scene_.healing || !scene_.chance.permille(scene_.weather.misbehaved)) return Outcome::succeeded;
  static const std::vector<Outcome> others = {Outcome::failed,      Outcome::failed,    Outcome::failed_final,
                                              Outcome::interrupted, Outcome::snoozed,   Outcome::suspended,
                                              Outcome::timed_out,   Outcome::cancelled, Outcome::lost};
  return scene_.chance.of(others);
}

void WorkerHost::begin(Running& running) {
  running.begun = true;
  running.begun_at = clock();
  ++busy_;
  auto token = running.token;
  auto duration = scene_.healing ? scene_.chance.between(1, 20) * ms
                                 : scene_.chance.skewed(scene_.weather.longest_attempt);
  auto outcome = choose_outcome();
  if (outcome == Outcome::lost) return;  // it hangs until somebody stops it
  if (scene_.chance.permille(80))
    later(scene_.time.now() + duration / 2, [this, token] { save_checkpoint(token); });
  later(scene_.time.now() + duration, [this, token, outcome] { finish(token, outcome); });
}

void WorkerHost::save_checkpoint(worker::Token token) {
  auto at = running_.find(token);
  if (at == running_.end()) return;
  std::string value;
  msgpack::Writer(value).bin("c" + std::to_string(token));
  std::string line;
  msgpack::Writer(line).str("task " + std::to_string(at->second.number));
  with_session([&](Micros, auto&) {
    session_->report({token, worker::Report::What::checkpoint, value});
    for (int i = 0; i < 2; ++i) session_->report({token, worker::Report::What::log, line});
  });
}

// Half of them wait for ever, the others fail or take a default when their time is over.
std::string WorkerHost::some_question() {
  auto timed = scene_.chance.permille(500);
  auto with_default = timed && scene_.chance.permille(500);
  std::string out;
  msgpack::Writer w(out);
  w.map(2u + (timed ? 1 : 0) + (with_default ? 1 : 0));
  w.entry("question", "how many?");
  w.str("form"), w.map(1), w.str("n"), w.map(1), w.entry("type", "integer");
  if (timed) w.entry_sint("timeout_ms", scene_.chance.between(500, 8000));
  if (with_default) w.entry_bin("default", "{\"n\":0}");
  return out;
}

void WorkerHost::finish(worker::Token token, Outcome outcome) {
  auto at = running_.find(token);
  if (at == running_.end()) return;
  auto& r = at->second;
  worker::OutcomeExtras extras;
  worker::Results results;
  std::string result, checkpoint, question, used;
  if (scene_.chance.permille(300)) {
    msgpack::Writer w(used);
    w.map(1);
    w.str("units"), w.uint(1 + scene_.chance.below(3));
    extras.usage = used;
  }
  switch (outcome) {
    case Outcome::succeeded:
      result = "R" + std::to_string(r.number) + "/" + std::to_string(token);
      if (scene_.chance.permille(150)) result.append(scene_.chance.below(6000), 'r');
      break;
    case Outcome::failed:
    case Outcome::snoozed:
      if (outcome == Outcome::snoozed || scene_.chance.permille(300))
        extras.delay_ms = scene_.chance.between(1, 4000);
      extras.error_code = "trouble";
      if (outcome == Outcome::failed && scene_.chance.permille(150)) extras.service = "upstream";
      break;
    case Outcome::suspended:
      if (scene_.chance.permille(950)) extras.on = "input";
      if (scene_.chance.permille(500)) question = some_question();
      extras.question = question;
      break;
    default:
      break;
  }
  if (outcome != Outcome::succeeded && scene_.chance.permille(150)) {
    checkpoint = "f" + std::to_string(token);
    extras.checkpoint = checkpoint;
  }
  auto number = r.number;
  auto attempt = r.attempt;
  if (const auto ran = r.begun ? (clock() - r.begun_at) / ms : 0; ran > 0) {
    extras.ended_at = 1'700'000'000'000 + clock() / ms;
    extras.started_at = extras.ended_at - ran;
  }
  if (r.begun) --busy_;
  running_.erase(at);
  results.add(token, outcome, result, extras);
  results.service_ns = 1'000'000;
  scene_.note("attempt ends", number, attempt, static_cast<int>(outcome));
  with_session([&](Micros, auto&) { session_->finished(results); });
  end_if_drained();
}

// In time, late, twice, not at all, or nonsense; and never more than the reserve when all is well again.
void WorkerHost::bid(const worker::BidCall& call) {
  scene_.saw(Situation::called_for_bids);
  const auto kind = scene_.healing ? 500 : static_cast<int>(scene_.chance.below(1000));
  if (kind < 120) return;
  worker::BidAnswer answer{call.round, call.agent, static_cast<double>(scene_.chance.below(5)) * 0.125};
  if (kind < 200) answer.price.reset();
  if (kind >= 200 && kind < 240) answer.price = -1;
  if (answer.price) scene_.model.said_bid(name_, call.round, *answer.price);
  const auto in_time = call.left_ms * ms / 2, late = call.left_ms * ms * 2;
  const auto when = scene_.time.now() + scene_.chance.skewed(kind < 400 ? late : in_time);
  for (int i = 0; i < (kind < 300 ? 2 : 1); ++i)
    later(when, [this, answer] {
      if (session_ != nullptr) with_session([&](Micros, auto&) { session_->bid(answer); });
    });
}

void WorkerHost::stop(const worker::StopOrder& order) {
  auto at = running_.find(order.token);
  if (at == running_.end() || at->second.stopped) return;
  at->second.stopped = true;
  auto outcome = order.reason == "timeout" ? Outcome::timed_out : Outcome::cancelled;
  if (scene_.chance.permille(300)) outcome = Outcome::succeeded;  // it was nearly done
  later(scene_.time.now() + scene_.chance.skewed(second),
        [this, token = order.token, outcome] { finish(token, outcome); });
}

void WorkerHost::tick() {
  if (session_ != nullptr) with_session([&](Micros now, auto& out) { session_->tick(now, out); });
}

void WorkerHost::schedule_tick() {
  auto local = session_->next_tick();
  if (local == INT64_MAX) return;
  auto when = std::max(from_clock(local), scene_.time.now() + 1);
  if (next_tick_ >= scene_.time.now() && next_tick_ <= when) return;
  next_tick_ = when;
  later(when, [this, when] {
    if (next_tick_ == when || next_tick_ < scene_.time.now()) next_tick_ = -1, tick();
  });
}

void WorkerHost::end_if_drained() {
  if (!draining_ || !session_->settled() || !session_->drained()) return;
  scene_.network.close(link_);
  link_ = 0;
  end_life();
  session_.reset();
  scene_.time.in(second, [this] {
    if (!alive()) start();
  });
}

}  // namespace hirehall::sim
