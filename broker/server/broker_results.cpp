// Results as they come: subscriptions are pushed to live, and from the facts in the store when they lag.
#include <algorithm>
#include <utility>

#include "broker/server/broker.h"
#include "common/msgpack.h"
#include "common/mutant.h"

namespace hirehall::server {
namespace {

constexpr std::uint64_t window_default = 4u << 20;
constexpr std::uint64_t slice_bytes = 1u << 20;
constexpr std::uint64_t commits_per_slice = 256;

void write_ending(std::string& out, const TaskId& id, State state, std::string_view result,
                  std::string_view type, std::string_view code, std::string_view error) {
  msgpack::Writer w(out);
  bool has_error = !code.empty() || !error.empty();
  w.array(has_error ? 5 : !type.empty() ? 4 : 3);
  w.bin(id.raw());
  w.uint(static_cast<std::uint64_t>(state));
  w.bin(result);
  if (!has_error && type.empty()) return;
  w.str(type);
  if (!has_error) return;
  w.map(2);
  w.entry("code", code);
  w.entry("message", error);
}

std::string default_code(State state, std::string_view code) {
  if (!code.empty() || state == State::succeeded) return std::string(code);
  return state == State::failed ? "failed" : std::string(name_of(state));
}

// On the wire the commit carries the incarnation in its upper bits: a restore gives commit numbers again.
constexpr unsigned position_commit_bits = 48;

}  // namespace

std::uint64_t Broker::position_commit(std::uint64_t commit) const {
  return commit | static_cast<std::uint64_t>(engine_.ledger().incarnation() - 1) << position_commit_bits;
}

// The position in this incarnation's commits. `gap`: it lies in a future that is lost, and the stream goes on
// from where the present parted from it.
std::pair<std::uint64_t, std::uint64_t> Broker::position_here(std::pair<std::uint64_t, std::uint64_t> asked,
                                                              bool& gap) const {
  const auto of = (asked.first >> position_commit_bits) + 1;
  const auto commit = asked.first & ((std::uint64_t{1} << position_commit_bits) - 1);
  if (of > engine_.ledger().incarnation()) return gap = true, std::pair{UINT64_MAX, UINT64_MAX};
  for (const auto& later : engine_.ledger().incarnations) {
    if (later.number <= of || commit < later.commit) continue;
    gap = true;
    return {later.commit, 0};
  }
  return {commit, asked.second};
}

// Called after each input, while its frame still holds the results.
void Broker::push_endings() {
  auto& endings = engine_.outputs().endings;
  if (endings.empty()) return;
  for (const auto& ending : endings) {
    if (!waits_.empty()) end_waits(ending.sequence);
    if (ending.producer != 0 && subscribed_) {
      if (ending.producer != last_producer_ || last_serial_ != next_serial_) {
        last_producer_ = ending.producer;
        last_serial_ = next_serial_;
        auto at = routing_of_producer_.find(ending.producer);
        auto peer = at == routing_of_producer_.end() ? peers_.end() : peers_.find(at->second);
        last_peer_ = peer == peers_.end() ? nullptr : peer->second.get();
      }
      if (last_peer_ != nullptr)
        for (auto& [number, s] : last_peer_->subscriptions)
          if (!s.of_queue) push_ending(*last_peer_, s, ending);
    }
    for (auto& [queue, subscriber] : queue_subscribers_) {
      if (engine_.ledger().lanes[ending.lane].queue != queue) continue;
      auto* peer = peer_at(subscriber.routing, subscriber.serial);
      if (peer == nullptr || !visible(*peer, ending.lane)) continue;
      if (auto s = peer->subscriptions.find(subscriber.number); s != peer->subscriptions.end())
        push_ending(*peer, s->second, ending);
    }
  }
  endings.clear();
}

void Broker::push_ending(Peer& peer, Subscription& s, const engine::EndingOut& ending) {
  auto size = ending.result.size() + ending.error.size() + 64;
  auto write = [&](std::string& items) {
    write_ending(items, ids_.make(ending.sequence), ending.state, ending.result, ending.result_type,
                 default_code(ending.state, ending.error_code), ending.error);
  };
  if (s.lagging) {
    auto& beside = s.beside;
    if (!beside.open || engine_.commit() <= beside.until) return;
    beside.open = beside.items.size() + size <= slice_bytes;
    if (!beside.open) return;
    write(beside.items);
    ++beside.count;
    beside.position = {engine_.commit(), ending.index + 1};
    return;
  }
  // What is larger than the rest of the window goes over it while half of it is free: the reader has nothing
  // to say then that would make room.
  auto taken = s.unseen + s.items.size();
  if (taken + size > s.window && (taken * 2 > s.window || HH_MUTANT("large_result_waits"))) {
    s.lagging = true;  // goes on from position, out of the store, when the window is free again
    return;
  }
  if (s.items.size() + size > slice_bytes) flush_subscription(peer, s);
  if (s.count == 0) building_.emplace_back(&peer, &s);
  ++s.count;
  write(s.items);
  s.position = {engine_.commit(), ending.index + 1};
}

void Broker::flush_subscription(Peer& peer, Subscription& s) {
  std::string frame;
  frame.reserve(s.items.size() + 48);
  wire::write_header(frame, wire::Kind::results, 0);
  msgpack::Writer w(frame);
  w.array(s.gap ? 5 : 4);
  w.uint(s.number);
  w.uint(position_commit(s.position.first));
  w.uint(s.position.second);
  w.array(s.count);
  w.raw(s.items);
  if (s.gap) w.boolean(true);
  s.gap = false;
  s.items.clear();
  s.count = 0;
  s.unseen += frame.size();
  s.pushed.emplace_back(s.position, frame.size());
  send_later(peer.routing, std::move(frame));
}

void Broker::flush_subscriptions() {
  for (auto& [peer, s] : building_)
    if (s->count != 0) flush_subscription(*peer, *s);
  building_.clear();
}

void Broker::seen(Peer& peer, const Frame& frame) {
  msgpack::Reader r(frame.body);
  auto n = r.array();
  auto number = r.uint();
  std::pair<std::uint64_t, std::uint64_t> position{r.uint(), r.uint()};
  for (std::size_t i = 3; i < n && r.ok(); ++i) r.skip();
  if (n < 3 || !r.finished()) {
    ++page_.malformed;
    return refuse(peer, frame.header.request,
                  {Code::bad_message, "seen is [subscription, commit, index]", {}, 0});
  }
  if (frame.header.request != 0) msgpack::Writer(answer(peer, frame.header.request)).map(0);
  auto at = peer.subscriptions.find(number);
  if (at == peer.subscriptions.end()) return;
  auto& s = at->second;
  bool gap = false;
  position = position_here(position, gap);
  if (gap) return;
  std::size_t freed = 0;
  while (freed < s.pushed.size() && s.pushed[freed].first <= position) s.unseen -= s.pushed[freed++].second;
  s.pushed.erase(s.pushed.begin(), s.pushed.begin() + static_cast<std::ptrdiff_t>(freed));
  if (s.lagging && !s.reading && s.unseen * 2 <= s.window) catch_up(peer, s);
}

// Reads on from the position. The last slice ends at the commit that is being built now, and from now on
// endings are buffered beside it, so that nothing falls between the two.
void Broker::catch_up(Peer& peer, Subscription& s) {
  if (s.reading || HH_MUTANT("stream_stays_behind")) return;
  s.reading = true;
  if (auto oldest = engine_.ledger().reclaimed_commit; s.position.first < oldest) {
    s.position = {oldest, 0};
    s.gap = true;
  }
  auto until = engine_.has_facts() ? engine_.commit() : engine_.commit() - 1;
  auto from = s.position;
  s.beside = {until, until < from.first + commits_per_slice, {}, 0, {}};
  auto room = std::max<std::uint64_t>(s.window - std::min(s.window, s.unseen), 1);
  room = std::min(room, slice_bytes);
  struct Slice {
    std::string items;
    std::uint32_t count = 0;
    std::pair<std::uint64_t, std::uint64_t> position;
    bool reached = false;
    std::optional<Error> error;
  };
  bool of_queue = s.of_queue;
  auto producer = s.producer;
  auto queue = s.queue;
  auto lanes = std::make_shared<std::vector<bool>>();
  if (of_queue)
    for (std::uint32_t lane = 0; lane < engine_.ledger().lanes.size(); ++lane)
      lanes->push_back(engine_.ledger().lanes[lane].queue == queue && visible(peer, lane));
  read_later([this, routing = peer.routing, serial = peer.serial, number = s.number, from, until, room,
              of_queue, producer, lanes, ids = ids_](const store::View& view, std::uint64_t) -> Reader::Then {
    auto slice = std::make_shared<Slice>();
    slice->position = from;
    auto last = std::min(until, from.first + commits_per_slice);
    bool full = false;
    for (auto commit = from.first; commit <= last && !full; ++commit) {
      std::uint64_t index = 0;
      auto done = each_ending(view, commit, [&](Sequence sequence, std::uint64_t by, const StoredEnd& end) {
        auto at = index++;
        if (full || (commit == from.first && at < from.second + (HH_MUTANT("stream_skips_one") ? 1 : 0)))
          return;
        if (slice->count != 0 && slice->items.size() + end.result.size() + 64 > room) {
          full = true;
          return;
        }
        slice->position = {commit, at + 1};
        bool wanted = of_queue ? end.lane < lanes->size() && (*lanes)[end.lane] : by == producer;
        if (!wanted) return;
        ++slice->count;
        write_ending(slice->items, ids.make(sequence), end.state, end.result, end.result_type,
                     default_code(end.state, end.error_code), end.attempted ? end.error : end.reason);
      });
      if (!done) {
        slice->error = done.error();
        break;
      }
      if (!full && commit < until) slice->position = {commit + 1, 0};
    }
    slice->reached = !full && last == until;
    return [this, routing, serial, number, slice] {
      auto* peer = peer_at(routing, serial);
      if (peer == nullptr) return;
      if (slice->error) return failed(*slice->error);
      auto at = peer->subscriptions.find(number);
      if (at == peer->subscriptions.end()) return;
      auto& s = at->second;
      s.reading = false;
      s.position = slice->position;
      s.items = std::move(slice->items);
      s.count = slice->count;
      if (s.count != 0) flush_subscription(*peer, s);
      if (slice->reached && s.beside.open && s.unseen + s.beside.items.size() <= s.window) {
        go_live(*peer, s);
      } else if (s.unseen * 2 <= s.window || s.unseen == 0) {
        catch_up(*peer, s);
      }
    };
  });
}

// All up to `until` is pushed; what has ended since goes on from there.
void Broker::go_live(Peer& peer, Subscription& s) {
  auto beside = std::exchange(s.beside, {});
  s.lagging = false;
  if (beside.count == 0) return;
  s.items = std::move(beside.items);
  s.count = beside.count;
  s.position = beside.position;
  building_.emplace_back(&peer, &s);
}

void Broker::subscribe(Peer& peer, const Frame& frame) {
  auto request = frame.header.request;
  Subscription s;
  s.window = window_default;
  std::string_view what = "results", of = "session", queue;
  std::optional<std::pair<std::uint64_t, std::uint64_t>> asked;
  msgpack::Reader r(frame.body);
  auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    auto key = r.str();
    if (key == "what")
      what = r.str();
    else if (key == "of")
      of = r.str();
    else if (key == "queue")
      queue = r.str();
    else if (key == "window_bytes")
      s.window = r.uint();
    else if (key == "position") {
      if (r.skip_nil()) continue;
      auto n = r.array();
      auto commit = r.uint();
      auto index = r.uint();
      for (std::size_t k = 2; k < n && r.ok(); ++k) r.skip();
      if (n < 2) r.fail();
      asked = std::pair{commit, index};
    } else
      r.skip();
  }
  if (!r.finished())
    return refuse(peer, request, {Code::bad_message, "a subscription cannot be decoded", {}, 0});
  if (what != "results")
    return refuse(peer, request, {Code::invalid, "only results can be subscribed to", "what", 0});
  if (of != "session" && of != "queue")
    return refuse(peer, request, {Code::invalid, "of is session or queue", "of", 0});
  if (peer.subscriptions.size() >= limits::subscriptions_per_session_max)
    return refuse(peer, request, {Code::busy, "this session has 16 subscriptions already", {}, 0});
  s.window = std::clamp<std::uint64_t>(s.window, limits::results_window_min, limits::results_window_max);
  s.of_queue = of == "queue";
  s.producer = peer.producer;
  if (s.of_queue) {
    auto at = engine_.ledger().queue_by_name.find(queue);
    if (at == engine_.ledger().queue_by_name.end())
      return refuse(peer, request, {Code::not_found, "no queue is named " + std::string(queue), "queue", 0});
    s.queue = at->second;
  }
  s.number = peer.next_subscription++;
  auto now =
      std::pair<std::uint64_t, std::uint64_t>{engine_.commit(), engine_.endings_in_commit(engine_.commit())};
  auto oldest = std::pair<std::uint64_t, std::uint64_t>{engine_.ledger().reclaimed_commit, 0};
  bool gap = false;
  s.position = now;
  if (asked) asked = position_here(*asked, gap);
  if (asked && *asked > now) {
    gap = true;
  } else if (asked) {
    gap = gap || (*asked < oldest && *asked != std::pair<std::uint64_t, std::uint64_t>{0, 0});
    s.position = std::max(*asked, std::max(oldest, {1, 0}));
    s.lagging = s.position < now;
  }
  msgpack::Writer w(answer(peer, request));
  w.map(3);
  w.entry_uint("subscription", s.number);
  w.str("position");
  w.array(2);
  w.uint(position_commit(s.position.first));
  w.uint(s.position.second);
  w.entry_bool("gap", gap);
  subscribed_ = true;
  auto [at, added] = peer.subscriptions.emplace(s.number, std::move(s));
  if (at->second.of_queue)
    queue_subscribers_.emplace(at->second.queue, QueueSubscriber{peer.routing, peer.serial, at->first});
  last_serial_ = 0;
  if (at->second.lagging) catch_up(peer, at->second);
}

void Broker::unsubscribe(Peer& peer, const Frame& frame) {
  std::uint64_t number = 0;
  msgpack::Reader r(frame.body);
  auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    if (r.str() == "subscription")
      number = r.uint();
    else
      r.skip();
  }
  if (!r.finished())
    return refuse(peer, frame.header.request, {Code::bad_message, "unsubscribe takes a map", {}, 0});
  auto at = peer.subscriptions.find(number);
  if (at != peer.subscriptions.end() && !HH_MUTANT("streams_never_end")) {
    std::erase_if(building_, [&](const auto& b) { return b.second == &at->second; });
    std::erase_if(queue_subscribers_, [&](const auto& q) {
      return q.second.routing == peer.routing && q.second.serial == peer.serial && q.second.number == number;
    });
    peer.subscriptions.erase(at);
  }
  msgpack::Writer(answer(peer, frame.header.request)).map(0);
}

}  // namespace hirehall::server
