// A process at the end of a connection: what it hears of it, it hears in order, as a socket's queue gives it,
// also what came while it slept.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>

#include "tests/simulation/scene.h"

namespace hirehall::sim {

class Peer : public Process, public NetworkPeer {
 public:
  using Process::Process;

  void connected(Link link) final { keep({What::connected, link, {}}); }
  void disconnected(Link link) final { keep({What::disconnected, link, {}}); }
  void arrived(Link link, std::string_view frame) final { keep({What::frame, link, std::string(frame)}); }

 protected:
  enum class What : std::uint8_t { connected, disconnected, frame };
  struct Heard {
    What what = What::frame;
    Link link = 0;
    std::string frame;
  };

  virtual void hear(const Heard& heard) = 0;
  void begin_life() { Process::begin_life(), held_.clear(); }
  void read_held() {
    while (!held_.empty()) {
      auto heard = std::move(held_.front());
      held_.pop_front();
      hear(heard);
    }
  }

 private:
  void keep(Heard heard) {
    if (!alive()) return;
    held_.push_back(std::move(heard));
    if (asleep()) return later(scene_.time.now(), [this] { read_held(); });
    read_held();
  }

  std::deque<Heard> held_;
};

}  // namespace hirehall::sim
