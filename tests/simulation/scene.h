// What all parts of one world share.
#pragma once

#include "tests/simulation/model.h"
#include "tests/simulation/network.h"
#include "tests/simulation/tally.h"
#include "tests/simulation/timeline.h"
#include "tests/simulation/trace.h"
#include "tests/simulation/weather.h"

namespace hirehall::sim {

struct Scene {
  Scene(std::uint64_t seed, Weather w)
      : chance(seed),
        weather(w),
        network(time, chance, weather, trace, tally),
        model(time, weather, trace, tally) {}

  void note(std::string_view what, std::uint64_t task = 0, std::int64_t a = 0, std::int64_t b = 0) {
    trace.note(time.now(), what, task, a, b);
  }
  void saw(Situation s) { tally.saw(s); }

  Timeline time;
  Chance chance;
  Weather weather;
  Trace trace;
  Tally tally;
  Network network;
  Model model;
  bool healing = false;
};

// A process that can be killed, stopped for a while (SIGSTOP) and started again, with a clock of its own.
class Process {
 public:
  explicit Process(Scene& scene) : scene_(scene) {
    auto most = scene.weather.drift;
    drift_ = most == 0 ? 0 : scene.chance.between(-most, most);
  }
  virtual ~Process() = default;

  bool alive() const { return alive_; }
  bool asleep() const { return scene_.time.now() <= asleep_until_; }
  void doze(Micros duration) { asleep_until_ = std::max(asleep_until_, scene_.time.now() + duration); }
  void awake() { asleep_until_ = scene_.time.now() - 1; }

 protected:
  // Not while it sleeps, and never in a later life.
  void later(Micros when, std::function<void()> act) {
    scene_.time.at(when, [this, life = life_, act = std::move(act)] {
      if (life != life_ || !alive_) return;
      if (scene_.time.now() < asleep_until_) return later(asleep_until_, act);
      act();
    });
  }
  void begin_life() { ++life_, alive_ = true; }
  void end_life() { ++life_, alive_ = false, asleep_until_ = -1; }

  Micros clock() const { return scene_.time.now() + scene_.time.now() * drift_ / 1'000'000; }
  Micros from_clock(Micros local) const { return local - local * drift_ / (1'000'000 + drift_) + 1; }

  Scene& scene_;

 private:
  std::uint64_t life_ = 0;
  bool alive_ = false;
  Micros asleep_until_ = -1;
  std::int64_t drift_ = 0;
};

}  // namespace hirehall::sim
