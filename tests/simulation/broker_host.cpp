#include "tests/simulation/broker_host.h"

#include <algorithm>
#include <new>
#include <utility>

#include "broker/server/recovery.h"
#include "tests/simulation/disk.h"
#include "tests/simulation/mishap.h"
#include "tests/simulation/violation.h"

namespace hirehall::sim {
namespace {

store::Identity identity_of(Chance& chance) {
  store::Identity identity;
  for (auto& byte : identity.id_key) byte = static_cast<std::uint8_t>(chance.next());
  return identity;
}

}  // namespace

BrokerHost::BrokerHost(Scene& scene)
    : scene_(scene), disk_(std::make_shared<store::MemoryDisk>(identity_of(scene.chance))) {
  scene_.network.serve(this);
}

BrokerHost::~BrokerHost() = default;

void BrokerHost::start() {
  ++life_;
  store_ = watched_store(scene_, disk_);
  settings_.incarnation = store_->identity().incarnation;
  settings_.seed = store_->last_commit() * 0x9e3779b97f4a7c15ull + 1;
  settings_.snapshot_bytes = scene_.weather.snapshot_bytes;
  settings_.window_bytes = scene_.weather.window_bytes;
  settings_.room_patience_ms = 500;
  if (scene_.weather.producers_max != 0) {
    settings_.producers_max = scene_.weather.producers_max;
    settings_.producer_idle_ms = 1000;
  }
  Result<server::Recovered> recovered;
  if (!lived([&] { recovered = server::recover(*store_, settings_, [](const std::string&) {}); })) {
    store_.reset();
    scene_.time.in(20 * ms, [this, life = life_] {
      if (life == life_ && !running()) start();
    });
    return;
  }
  if (!recovered) violated("I10", "the broker does not start again: " + describe(recovered.error()));
  engine_ = std::move(recovered->engine);
  if (store_->last_commit() != 0)
    scene_.saw(recovered->snapshot != 0 ? Situation::broker_recovered_from_a_snapshot
                                        : Situation::broker_recovered_from_the_first_fact);
  scene_.tally.saw_if(engine_->ledger().books.tasks[3] != 0, Situation::broker_recovered_leases);
  server::EngineClock clock(engine_->ledger().now, monotonic_ms(), wall_ms());
  engine_->start(clock.now());
  server::BrokerParts parts;
  parts.store = store_.get();
  parts.engine = engine_.get();
  parts.principals = &book_;
  broker_ = std::make_unique<server::Broker>(parts, *this, clock);
  scene_.note("broker starts", 0, static_cast<std::int64_t>(store_->last_commit()));
  scene_.model.broker_started();
  wake(scene_.time.now());
}

void BrokerHost::crash(bool noticed) {
  if (!running()) return;
  scene_.saw(Situation::broker_crashed);
  die(noticed);
  scene_.time.in(20 * ms + scene_.chance.skewed(8 * second), [this, life = life_] {
    if (life == life_ && !running()) start();
  });
}

void BrokerHost::die(bool noticed) {
  scene_.note("broker dies", 0, committing_, static_cast<std::int64_t>(store_->last_commit()));
  scene_.tally.saw_if(died_at_ >= 0 && scene_.time.now() - died_at_ < second,
                      Situation::broker_crashed_again_within_a_second);
  scene_.tally.saw_if(reading_, Situation::broker_crashed_with_reads_under_way);
  scene_.tally.saw_if(!inbox_.empty(), Situation::broker_crashed_with_submits_under_way);
  died_at_ = scene_.time.now();
  scene_.tally.saw_if(engine_->ledger().books.tasks[3] != 0, Situation::broker_crashed_with_leases);
  mute_ = true;
  if (committing_) {
    scene_.saw(Situation::broker_crashed_with_a_commit_under_way);
    bool there = scene_.chance.permille(500);
    if (there) broker_->committer().step();
    scene_.saw(there ? Situation::broker_crashed_and_the_commit_was_there
                     : Situation::broker_crashed_and_the_commit_was_gone);
  }
  broker_.reset();
  engine_.reset();
  store_.reset();
  inbox_.clear();
  audit_.broker_died();
  ++life_;
  next_turn_ = -1;
  committing_ = reading_ = mute_ = false;
  sends_left_ = -1;
  stalled_until_ = 0;
  scene_.network.broker_died(noticed);
}

void BrokerHost::crash_while_sending() {
  if (running()) sends_left_ = static_cast<int>(scene_.chance.below(6));
}

void BrokerHost::stall(Micros duration) {
  stalled_until_ = scene_.time.now() + duration;
  scene_.saw(duration > 6 * second ? Situation::broker_stalled_over_a_lease
                                   : Situation::broker_stalled_briefly);
}

void BrokerHost::jump_wall(Millis by) {
  if (by == 0) return;
  wall_offset_ += by;
  scene_.model.timing = false;
  scene_.note("the wall clock jumps", 0, by);
  scene_.saw(by > 0 ? Situation::wall_jumped_forward : Situation::wall_jumped_back);
  scene_.tally.saw_if(by > 3600 * 1000, Situation::wall_jumped_over_an_hour);
}

void BrokerHost::heal() {
  stalled_until_ = 0;
  sends_left_ = -1;
  set_full(false);
  if (!running()) start();
  wake(scene_.time.now());
}

void BrokerHost::wake(Micros when) {
  when = std::max(when, stalled_until_);
  if (next_turn_ >= 0 && next_turn_ <= when) return;
  next_turn_ = when;
  scene_.time.at(when, [this, life = life_, when] {
    if (life != life_ || next_turn_ != when) return;
    next_turn_ = -1;
    if (scene_.time.now() < stalled_until_) return wake(stalled_until_);
    turn();
  });
}

// False when an allocation failed in the middle of it: then the process ends.
bool BrokerHost::lived(const std::function<void()>& act) {
  auto every = scene_.weather.allocation_failures;
  if (every == 0 || scene_.healing) return act(), true;
  if (allocations_left_ < 0) allocations_left_ = static_cast<std::int64_t>(scene_.chance.below(every));
  Mishap::left = allocations_left_;
  bool whole = true;
  try {
    act();
  } catch (const std::bad_alloc&) {
    whole = false;
  }
  allocations_left_ = std::exchange(Mishap::left, Mishap::never);
  if (!whole) scene_.note("an allocation fails");
  return whole;
}

void BrokerHost::turn() {
  bool more = false;
  if (!lived([&] { more = broker_->turn(0); })) return crash(true);
  if (mute_) {
    scene_.saw(Situation::broker_crashed_while_sending);
    return crash(true);
  }
  if (const auto& failure = broker_->failure()) {
    if (failure->code != Code::io) violated("I10", "the broker ended: " + describe(*failure));
    return crash(true);
  }
  set_going();
  if (++turns_ % 8 == 0) check_limits(), check_rooms(), check_kept_rooms(), check_instances(), check_ticks();
  // A wait ends a little late.
  const auto late = static_cast<Micros>(scene_.chance.below(2000));
  wake(scene_.time.now() + (more ? 50 : broker_->idle_ms() * 1000 + late));
}

// The committer and the reader, which are threads in the process.
void BrokerHost::set_going() {
  if (broker_->committer().in_flight() > 0 && !committing_) {
    committing_ = true;
    auto wait = scene_.chance.between(50, scene_.weather.sync);
    if (scene_.chance.permille(scene_.weather.slow_syncs)) wait *= scene_.chance.between(2, 100);
    scene_.tally.saw_if(wait > second, Situation::a_sync_took_over_a_second);
    scene_.time.in(wait, [this, life = life_] {
      if (life != life_) return;
      committing_ = false;
      broker_->committer().step();
      wake(scene_.time.now());
    });
  }
  if (broker_->reader().waiting() > 0 && !reading_) {
    reading_ = true;
    scene_.time.in(scene_.chance.between(20, scene_.weather.read), [this, life = life_] {
      if (life != life_) return;
      reading_ = false;
      if (!lived([&] { broker_->reader().step(); })) return crash(true);
      wake(scene_.time.now());
    });
  }
}

void BrokerHost::arrived(std::string routing, std::string frame) {
  inbox_.emplace_back(std::move(routing), std::move(frame));
  wake(scene_.time.now() + 30);
}

bool BrokerHost::receive(Arrived& message) {
  if (inbox_.empty()) return false;
  const NoMishap outside;
  being_read_ = std::move(inbox_.front());
  inbox_.pop_front();
  scene_.model.read(being_read_.first, being_read_.second);
  audit_.read(being_read_.first, being_read_.second);
  message = {being_read_.first, being_read_.second, "local", true};
  return true;
}

bool BrokerHost::send(const std::string& routing, const std::string& frame) {
  const NoMishap outside;
  if (sends_left_ == 0) mute_ = true;
  if (mute_) return true;
  if (sends_left_ > 0) --sends_left_;
  scene_.model.sent(routing, frame);
  audit_.sent(routing, frame);
  if (scene_.weather.canary &&
      wire::read_frame(frame)->header.kind == static_cast<std::uint16_t>(wire::Kind::award))
    scene_.model.sent(routing, frame);
  return scene_.network.send(routing, frame);
}

std::string BrokerHost::random(std::size_t bytes) {
  std::string out;
  while (out.size() < bytes) out.push_back(static_cast<char>(scene_.chance.next()));
  return out;
}

}  // namespace hirehall::sim
