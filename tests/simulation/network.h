// The network between peers and the broker, as DEALER and ROUTER sockets over TCP show it: in order and whole
// while a connection lives, gone without a word from some moment on when it breaks. What TCP never does (a
// single frame lost, twice or out of order) happens only where the weather says so.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tests/simulation/tally.h"
#include "tests/simulation/timeline.h"
#include "tests/simulation/trace.h"
#include "tests/simulation/weather.h"

namespace hirehall::sim {

using Link = std::uint32_t;  // one connection; 0 is none

// A process at the other end of the broker.
class NetworkPeer {
 public:
  virtual ~NetworkPeer() = default;
  virtual void connected(Link link) = 0;     // also silently anew, after a break
  virtual void disconnected(Link link) = 0;  // it noticed
  virtual void arrived(Link link, std::string_view frame) = 0;
};

class BrokerPort {
 public:
  virtual ~BrokerPort() = default;
  virtual bool listening() const = 0;
  virtual void arrived(std::string routing, std::string frame) = 0;
};

class Network {
 public:
  Network(Timeline& time, Chance& chance, Weather& weather, Trace& trace, Tally& tally);

  void serve(BrokerPort* broker) { broker_ = broker; }

  // Peers' side: a socket connects, and connects anew whenever it notices a break, until it is closed.
  Link open(NetworkPeer* peer);
  void close(Link link);
  void send(Link link, std::string_view frame);
  // The broker's side; false when it knows that nobody is there.
  bool send(const std::string& routing, std::string_view frame);

  // Faults.
  void break_some(Link link);  // one connection, noticed by both, one or no side
  void cut(NetworkPeer* peer, bool up, bool down,
           Micros until);                                    // frames wait that long, and connections too
  void broker_died(bool noticed);                            // all connections
  void calm(const std::function<bool(NetworkPeer*)>& anew);  // no faults from now on; every link once anew

 private:
  struct Socket {
    NetworkPeer* peer = nullptr;
    bool open = true;
    bool up = false;      // as the peer sees it
    std::string routing;  // of the living connection
    std::uint32_t tries = 0;
    std::vector<std::string> waiting;
  };
  struct Connection {
    Link link = 0;
    bool known = true;    // the broker's side has it
    bool broken = false;  // nothing passes any more
    bool left = false;    // the peer closed it: what is under way still arrives
    Micros last_up = 0, last_down = 0;
  };
  struct Cut {
    Micros up = 0, down = 0;
  };

  void connect(Link link);
  void establish(Link link);
  void peer_notices(Link link, const std::string& routing);
  void break_connection(const std::string& routing, bool peer_notices, bool broker_notices);
  void transmit(bool up, const std::string& routing, std::string frame);
  void deliver(bool up, const std::string& routing, const std::string& frame, Micros sent);
  Micros delay() { return chance_.between(50, weather_.latency); }

  Timeline& time_;
  Chance& chance_;
  Weather& weather_;
  Trace& trace_;
  Tally& tally_;
  BrokerPort* broker_ = nullptr;
  std::map<Link, Socket> sockets_;
  std::map<std::string, Connection> connections_;
  std::map<NetworkPeer*, Cut> cuts_;  // looked up only: the order of pointers must not matter
  Link next_link_ = 1;
  std::uint64_t next_routing_ = 1;
};

}  // namespace hirehall::sim
