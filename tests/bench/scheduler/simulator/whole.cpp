#include "tests/bench/scheduler/simulator/whole.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <queue>
#include <string>
#include <tuple>

#include "broker/engine/engine.h"
#include "tests/bench/scheduler/simulator/waits.h"

namespace hirehall::simulator {
namespace {

using engine::Engine;

constexpr Millis begin = 1'000'000;
constexpr Millis for_ever = 1'000'000'000;

Engine::Settings settings_of(std::uint64_t seed) {
  Engine::Settings out;
  out.seed = seed;
  out.lease_ms = for_ever;        // workers do not die here, and send no heartbeats
  out.window_bytes = 1ull << 40;  // nothing is read back from a store
  out.snapshot_bytes = 1ull << 40;
  return out;
}

class Whole {
 public:
  Whole(const FleetSetup& fleet, const std::vector<Arrival>& arrivals, std::uint64_t seed)
      : fleet_(fleet), arrivals_(arrivals), engine_(settings_of(seed)), lag_(fleet.tenants) {}

  Result<Waits> run(std::string_view policy);

 private:
  struct End {
    Millis at = 0;
    std::uint32_t worker = 0;  // its place in workers_
    std::uint64_t token = 0;
    Millis ran = 0;
    const char* type = nullptr;
    bool operator>(const End& other) const { return std::tie(at, token) > std::tie(other.at, other.token); }
  };
  struct Worker {
    std::uint32_t number = 0;
    std::string agent;
    std::uint64_t finishes = 0;
  };

  Status open(std::string_view policy);
  Status hire(std::uint32_t place);
  Status submit(std::size_t task);
  engine::TemplateRef& template_of(std::size_t task);
  Status finish(const End& end);
  Status settle();
  void commit();
  void start(const engine::AwardOut& award);
  void begin_turn() { engine_.begin_turn({now_, now_, 0, false, false, &prediction_}); }
  Millis at_of(std::size_t task) const {
    return begin + static_cast<Millis>((arrivals_[task].at - arrivals_.front().at) * 1000);
  }
  std::uint32_t tenant_of(std::size_t task) const { return arrivals_[task].tenant % fleet_.tenants; }

  const FleetSetup& fleet_;
  const std::vector<Arrival>& arrivals_;
  scheduler::Prediction prediction_;
  Engine engine_;
  std::vector<Worker> workers_;
  std::map<std::pair<std::uint32_t, std::string_view>, engine::TemplateRef> templates_;  // by tenant and type
  std::priority_queue<End, std::vector<End>, std::greater<>> running_;
  WaitBook waits_;
  LagBook lag_;
  Millis now_ = begin;
  std::uint64_t producer_ = 0, batch_ = 0, ended_ = 0;
  Sequence first_ = 0;  // of the tasks
};

Status Whole::hire(std::uint32_t place) {
  auto& worker = workers_.emplace_back();
  const double speed = fleet_.speeds[place];
  worker.agent = speed > 1 ? "swift" : speed < 1 ? "slow" : "model";
  if (!fleet_.skills.empty()) worker.agent = fleet_.skills[place].agent;
  engine::Registration registration;
  registration.name = registration.token = "worker " + std::to_string(place);
  registration.principal = "replay";
  registration.spec.slots = 1;
  registration.credit = 1;
  registration.timed = true;
  auto& agent = registration.spec.agents.emplace_back();
  agent.name = worker.agent;
  agent.version = "1";
  agent.types = fleet_.skills.empty() ? std::vector<std::string>{"generate"} : fleet_.skills[place].types;
  auto done = engine_.register_worker(registration);
  if (!done) return tl::unexpected(done.error());
  worker.number = done->worker;
  worker.finishes = done->next_finish - 1;
  return {};
}

Status Whole::open(std::string_view policy) {
  engine_.start(now_);
  begin_turn();
  engine::QueueSettings queue;
  queue.policy = policy;
  if (auto set = engine_.set_queue("default", queue); !set) return tl::unexpected(set.error());
  producer_ = engine_.open_producer("replay", "replay");
  for (std::uint32_t w = 0; w < fleet_.speeds.size(); ++w)
    if (auto hired = hire(w); !hired) return hired;
  return settle();
}

engine::TemplateRef& Whole::template_of(std::size_t task) {
  auto& known = templates_[{tenant_of(task), arrivals_[task].type}];
  if (known == nullptr) {
    TaskOptions options;
    options.type = arrivals_[task].type;
    options.tenant = "tenant-" + std::to_string(tenant_of(task));
    options.producer = producer_;
    known = engine::make_template(options);
  }
  return known;
}

Status Whole::submit(std::size_t task) {
  engine::SubmitItem item;
  item.payload = "null";
  engine::SubmitRequest request;
  request.producer = producer_;
  request.batch = ++batch_;
  request.acked = batch_ - 1;
  request.templates = {&template_of(task), 1};
  request.items = {&item, 1};
  const auto answer = engine_.submit(request);
  if (!answer) return tl::unexpected(answer.error());
  if (!answer->exceptions.empty()) return fail(Code::internal, answer->exceptions[0].message);
  if (task == 0) first_ = answer->first;
  if (answer->first != first_ + task) return fail(Code::internal, "sequences are not in a row");
  lag_.arrived(tenant_of(task));
  return {};
}

Status Whole::finish(const End& end) {
  auto& worker = workers_[end.worker];
  engine::FinishItem item;
  item.token = end.token;
  item.result = "null";
  item.ran_ms = end.ran;
  const auto done = engine_.finish(worker.number, worker.finishes + 1, worker.finishes, 1, {&item, 1});
  if (!done) return tl::unexpected(done.error());
  ++worker.finishes;
  prediction_.learn({worker.agent, "1", end.type, true, static_cast<double>(end.ran)});
  return {};
}

void Whole::start(const engine::AwardOut& award) {
  const auto place = static_cast<std::uint32_t>(std::ranges::find(workers_, award.worker, &Worker::number) -
                                                workers_.begin());
  const auto task = static_cast<std::size_t>(award.sequence - first_);
  const double own = arrivals_[task].service;
  const auto ran = std::max<Millis>(1, std::llround(own * 1000 / fleet_.speeds[place]));
  running_.push({now_ + ran, place, award.token, ran, arrivals_[task].type});
  const auto seconds = [](Millis ms) { return static_cast<double>(ms) / 1000; };
  waits_.done(seconds(at_of(task)), seconds(now_), seconds(now_ + ran), seconds(now_ + ran));
  lag_.awarded(tenant_of(task), own);
}

void Whole::commit() {
  const auto draft = engine_.take();
  engine_.durable(draft.number);
}

// The rest of a turn, as often as there is more to do in it.
Status Whole::settle() {
  for (int again = 0; again < 1000; ++again) {
    engine_.end_turn();
    auto& out = engine_.outputs();
    for (const auto& award : out.awards) start(award);
    ended_ += out.endings.size();
    out.awards.clear(), out.endings.clear(), out.choices.clear(), out.stops.clear(), out.lost.clear();
    if (!out.pages.empty() || !out.bodies.empty() || !out.lookups.empty())
      return fail(Code::internal, "the engine wants to read, and there is no store");
    commit();
    const bool timers = !out.timers.empty();
    out.timers.clear();
    if (!timers && !engine_.more_to_award()) return {};
    begin_turn();
    if (timers) engine_.timers_read(engine_.commit(), {}, true);
  }
  return fail(Code::internal, "the engine does not come to rest");
}

Result<Waits> Whole::run(std::string_view policy) {
  if (auto opened = open(policy); !opened) return tl::unexpected(opened.error());
  std::size_t next = 0;
  while (next < arrivals_.size() || !running_.empty()) {
    auto then = std::max(engine_.next_deadline(), now_ + 1);
    if (next < arrivals_.size()) then = std::min(then, std::max(now_, at_of(next)));
    if (!running_.empty()) then = std::min(then, running_.top().at);
    now_ = then;
    begin_turn();
    for (; !running_.empty() && running_.top().at <= now_; running_.pop())
      if (auto done = finish(running_.top()); !done) return tl::unexpected(done.error());
    for (; next < arrivals_.size() && at_of(next) <= now_; ++next)
      if (auto done = submit(next); !done) return tl::unexpected(done.error());
    if (auto done = settle(); !done) return tl::unexpected(done.error());
  }
  if (ended_ != arrivals_.size())
    return fail(Code::internal, std::to_string(arrivals_.size() - ended_) + " tasks have not ended");
  auto out = waits_.result(static_cast<double>(begin) / 1000, fleet_.speeds.size());
  out.lag = lag_.largest();
  return out;
}

}  // namespace

Result<Waits> run_whole(const FleetSetup& fleet, const std::vector<Arrival>& arrivals,
                        std::string_view policy, std::uint64_t seed) {
  return Whole(fleet, arrivals, seed).run(policy);
}

}  // namespace hirehall::simulator
