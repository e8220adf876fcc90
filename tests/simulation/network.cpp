#include "tests/simulation/network.h"

#include <algorithm>

#include "common/wire.h"

namespace hirehall::sim {
namespace {

constexpr Micros reconnect = 200 * ms;
constexpr Micros late = 1 * second;

// Sequenced by numbers that the transport keeps in order: what TCP never does to them they need not bear.
bool sequenced(std::uint16_t kind) {
  using wire::Kind;
  auto k = static_cast<Kind>(kind);
  return k == Kind::hello || k == Kind::welcome || k == Kind::register_worker || k == Kind::submit ||
         k == Kind::finish || k == Kind::subscribe || k == Kind::results;
}

// What a living link may lose: what is said again, or found missing, by itself.
bool repeated(std::uint16_t kind) {
  using wire::Kind;
  auto k = static_cast<Kind>(kind);
  return k == Kind::award || k == Kind::lost || k == Kind::stop || k == Kind::worker_heartbeat ||
         k == Kind::heartbeat;
}

std::uint16_t kind_of(std::string_view frame) {
  auto read = wire::read_frame(frame);
  return read ? read->header.kind : 0;
}

}  // namespace

Network::Network(Timeline& time, Chance& chance, Weather& weather, Trace& trace, Tally& tally)
    : time_(time), chance_(chance), weather_(weather), trace_(trace), tally_(tally) {}

Link Network::open(NetworkPeer* peer) {
  auto link = next_link_++;
  sockets_[link].peer = peer;
  connect(link);
  return link;
}

void Network::connect(Link link) {
  auto& socket = sockets_.at(link);
  auto wait = delay();
  if (auto cut = cuts_.find(socket.peer); cut != cuts_.end())
    wait += std::max<Micros>(0, std::max(cut->second.up, cut->second.down) - time_.now());
  time_.in(wait, [this, link] { establish(link); });
}

void Network::establish(Link link) {
  auto at = sockets_.find(link);
  if (at == sockets_.end() || !at->second.open || at->second.up) return;
  auto& socket = at->second;
  if (broker_ == nullptr || !broker_->listening()) {
    auto wait = std::min<Micros>(10 * second, reconnect << std::min(socket.tries++, 6u));
    return time_.in(wait, [this, link] { establish(link); });
  }
  socket.tries = 0;
  socket.up = true;
  socket.routing = "c" + std::to_string(next_routing_++);
  connections_[socket.routing].link = link;
  auto waiting = std::exchange(socket.waiting, {});
  for (auto& frame : waiting) transmit(true, socket.routing, std::move(frame));
  socket.peer->connected(link);
}

void Network::close(Link link) {
  auto at = sockets_.find(link);
  if (at == sockets_.end()) return;
  auto routing = at->second.routing;
  bool up = at->second.up;
  sockets_.erase(at);
  if (!up) return;
  auto connection = connections_.find(routing);
  if (connection == connections_.end()) return;
  connection->second.left = true;
  auto flight = std::max(connection->second.last_up, time_.now()) + delay();
  time_.at(flight, [this, routing] { connections_.erase(routing); });
}

void Network::send(Link link, std::string_view frame) {
  auto at = sockets_.find(link);
  if (at == sockets_.end()) return;
  if (!at->second.up) return at->second.waiting.emplace_back(frame), void();
  transmit(true, at->second.routing, std::string(frame));
}

bool Network::send(const std::string& routing, std::string_view frame) {
  auto at = connections_.find(routing);
  if (at == connections_.end() || !at->second.known) return false;
  transmit(false, routing, std::string(frame));
  return true;
}

void Network::transmit(bool up, const std::string& routing, std::string frame) {
  auto at = connections_.find(routing);
  if (at == connections_.end() || at->second.broken) return tally_.lost(kind_of(frame));
  auto& connection = at->second;
  auto wait = delay();
  if (auto socket = sockets_.find(connection.link); socket != sockets_.end())
    if (auto cut = cuts_.find(socket->second.peer); cut != cuts_.end())
      wait += std::max<Micros>(0, (up ? cut->second.up : cut->second.down) - time_.now());
  auto& last = up ? connection.last_up : connection.last_down;
  auto when = time_.now() + wait;
  bool rough = !sequenced(kind_of(frame));
  if (repeated(kind_of(frame)) && weather_.lost != 0 && chance_.permille(weather_.lost)) {
    trace_.note(time_.now(), "a frame is lost", 0, kind_of(frame), up);
    return tally_.lost(kind_of(frame));
  }
  if (rough && weather_.reordered != 0 && chance_.permille(weather_.reordered)) {
    tally_.late(kind_of(frame));
    when += chance_.skewed(4 * second);
  } else {
    when = last = std::max(when, last);
  }
  auto sent = time_.now();
  if (rough && weather_.twice != 0 && chance_.permille(weather_.twice)) {
    tally_.twice(kind_of(frame));
    time_.at(when + chance_.skewed(4 * second),
             [this, up, routing, frame, sent] { deliver(up, routing, frame, sent); });
  }
  time_.at(when, [this, up, routing, frame = std::move(frame), sent] { deliver(up, routing, frame, sent); });
}

void Network::deliver(bool up, const std::string& routing, const std::string& frame, Micros sent) {
  auto kind = kind_of(frame);
  auto at = connections_.find(routing);
  if (at == connections_.end() || at->second.broken) return tally_.lost(kind);
  if (time_.now() - sent > late) tally_.late(kind);
  trace_.bytes(frame);
  tally_.arrived(kind);
  if (up) {
    if (at->second.left) tally_.stale(kind);
    if (!broker_->listening()) return tally_.lost(kind);
    return broker_->arrived(routing, frame);
  }
  auto socket = sockets_.find(at->second.link);
  if (socket == sockets_.end() || socket->second.routing != routing) return tally_.stale(kind);
  socket->second.peer->arrived(socket->first, frame);
}

void Network::break_some(Link link) {
  auto at = sockets_.find(link);
  if (at == sockets_.end() || !at->second.up) return;
  bool half = chance_.permille(weather_.half_open);
  bool peer = !half || chance_.permille(400);
  bool broker = !half || chance_.permille(400);
  break_connection(at->second.routing, peer, broker);
}

void Network::break_connection(const std::string& routing, bool peer_sees, bool broker_sees) {
  auto at = connections_.find(routing);
  if (at == connections_.end() || at->second.broken) return;
  at->second.broken = true;
  auto link = at->second.link;
  tally_.saw(Situation::connection_broke);
  tally_.saw_if(!peer_sees, Situation::connection_half_open_for_peer);
  tally_.saw_if(!broker_sees, Situation::connection_half_open_for_broker);
  trace_.note(time_.now(), "a connection breaks", 0, link, peer_sees * 2 + broker_sees);
  if (peer_sees) time_.in(chance_.skewed(second), [this, link, routing] { peer_notices(link, routing); });
  auto forget = broker_sees ? chance_.skewed(second) : 40 * second;  // ZeroMQ's own heartbeat in the end
  time_.in(forget, [this, routing] { connections_.erase(routing); });
}

void Network::peer_notices(Link link, const std::string& routing) {
  auto at = sockets_.find(link);
  if (at == sockets_.end() || !at->second.open || at->second.routing != routing || !at->second.up) return;
  at->second.up = false;
  at->second.peer->disconnected(link);
  if (sockets_.contains(link)) time_.in(reconnect, [this, link] { establish(link); });
}

void Network::cut(NetworkPeer* peer, bool up, bool down, Micros until) {
  auto& cut = cuts_[peer];
  if (up) cut.up = std::max(cut.up, until);
  if (down) cut.down = std::max(cut.down, until);
}

void Network::broker_died(bool noticed) {
  std::vector<std::string> all;
  for (auto& [routing, connection] : connections_) all.push_back(routing);
  for (const auto& routing : all) {
    auto& connection = connections_.at(routing);
    connection.known = false;
    break_connection(routing, noticed || chance_.permille(700), true);
  }
}

void Network::calm(const std::function<bool(NetworkPeer*)>& anew) {
  weather_.lost = weather_.twice = weather_.reordered = 0;
  weather_.half_open = 0;
  cuts_.clear();
  std::vector<std::string> all;
  for (auto& [routing, connection] : connections_) all.push_back(routing);
  for (const auto& routing : all) {
    auto& connection = connections_.at(routing);
    auto socket = sockets_.find(connection.link);
    if (!connection.broken && socket != sockets_.end() && socket->second.routing == routing &&
        !anew(socket->second.peer))
      continue;
    connection.broken = false;
    break_connection(routing, true, true);
  }
}

}  // namespace hirehall::sim
