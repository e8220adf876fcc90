// The broker process of a world: the real Broker, engine, scheduler and recovery over simulated surroundings.
// What it has not synced when it dies is gone or not, as a disk would have it.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "broker/server/broker.h"
#include "broker/store/memory_store.h"
#include "tests/simulation/audit_watch.h"
#include "tests/simulation/scene.h"

namespace hirehall::sim {

class BrokerHost final : public BrokerPort, public server::Surroundings {
 public:
  explicit BrokerHost(Scene& scene);
  ~BrokerHost() override;

  void start();
  void crash(bool noticed);  // and starts again after a while, unless told otherwise
  void crash_while_sending();
  void stall(Micros duration);
  void jump_wall(Millis by);
  Millis wall() const { return epoch + scene_.time.now() / 1000 + wall_offset_; }
  void set_full(bool full) { disk_->set_admits_submits(!full); }
  void heal();
  bool running() const { return broker_ != nullptr; }
  // The facts, folded again from the first and from the last snapshot, give the state that lives (I18, I10).
  void check_fold();
  void check_audit();  // whenever it runs

  bool listening() const override { return broker_ != nullptr; }
  void arrived(std::string routing, std::string frame) override;

  static constexpr Millis epoch = 1'700'000'000'000;

 private:
  bool receive(Arrived& message) override;
  bool send(const std::string& routing, const std::string& frame) override;
  Status wait(Millis, const server::Wakeup&) override { return {}; }
  std::int64_t monotonic_ms() override { return scene_.time.now() / 1000 + 1'000'000; }
  std::int64_t wall_ms() override { return wall(); }
  std::string random(std::size_t bytes) override;
  bool threads() const override { return false; }

  void wake(Micros when);
  void turn();
  bool lived(const std::function<void()>& act);
  void set_going();
  void die(bool noticed);
  std::string folded(bool from_snapshot);
  void check_limits();
  void check_rooms();
  void check_instances();
  void check_kept_rooms();
  void check_overdue(bool overdue);
  void check_ticks();
  void check_paced();

  // Since when a large task is overdue and none gets room, and how often some had been kept then.
  Millis overdue_since_ = 0;
  std::uint64_t kept_then_ = 0;
  Scene& scene_;
  AuditWatch audit_;
  std::shared_ptr<store::MemoryDisk> disk_;
  server::PrincipalBook book_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<engine::Engine> engine_;
  std::unique_ptr<server::Broker> broker_;
  engine::Engine::Settings settings_;

  std::deque<std::pair<std::string, std::string>> inbox_;
  std::pair<std::string, std::string> being_read_;
  std::uint64_t life_ = 0;
  std::uint64_t turns_ = 0;
  std::map<std::string, std::uint64_t> ticks_;  // of schedules, and the tasks that they became
  std::map<std::uint64_t, Millis> paced_;       // awards under the rate, by token
  Micros next_turn_ = -1;
  Micros stalled_until_ = 0;
  Micros died_at_ = -1;
  bool committing_ = false;
  bool reading_ = false;
  int sends_left_ = -1;  // before it dies in the middle of a turn; -1: it does not
  bool mute_ = false;
  Millis wall_offset_ = 0;
  std::int64_t allocations_left_ = -1;
};

}  // namespace hirehall::sim
