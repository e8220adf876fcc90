// Subscriptions to results: they outlive connections, and a push that was seen already is not delivered
// again.
#include <algorithm>

#include "client/src/session.h"
#include "common/limits.h"

namespace hirehall::client_core {
namespace {

using msgpack::Reader;
using msgpack::Writer;

// [id, state, result, result_type, error]
void read_result(Reader& r, PushedResult& item) {
  item = {};
  auto n = r.array();
  if (n < 2) return r.fail();
  item.id = r.bin();
  auto state = r.uint();
  if (item.id.size() != 16 || state < 5 || state > 8) return r.fail();
  item.state = static_cast<State>(state);
  if (n > 2 && !r.skip_nil()) item.result = r.bin();
  if (n > 3 && !r.skip_nil()) item.result_type = r.str();
  if (n > 4 && !r.skip_nil()) {
    auto pairs = r.map();
    for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
      auto key = r.str();
      if (key == "code")
        item.error_code = r.str();
      else if (key == "message")
        item.error_message = r.str();
      else
        r.skip();
    }
  }
  for (std::size_t i = 5; i < n && r.ok(); ++i) r.skip();
}

}  // namespace

std::uint64_t Session::subscribe(SubscribeSettings settings) {
  auto id = next_ticket_++;
  auto& subscription = subscriptions_[id];
  subscription.settings = std::move(settings);
  auto& window =
      subscription.settings.window_bytes;  // as the broker counts it, or it waits for what never comes
  window = std::clamp(window, limits::results_window_min, limits::results_window_max);
  if (phase_ == Phase::ready) send_subscribe(id, subscription);
  return id;
}

void Session::send_subscribe(std::uint64_t id, Subscription& subscription) {
  subscription.server = 0;
  subscription.unseen_bytes = 0;
  subscription.furthest = {};
  const auto& s = subscription.settings;
  std::string body;
  Writer w(body);
  w.map(3 + (s.queue.empty() ? 0u : 1u) + (s.has_position ? 1u : 0u));
  w.entry("what", "results");
  w.entry("of", s.queue.empty() ? "session" : "queue");
  if (!s.queue.empty()) w.entry("queue", s.queue);
  if (s.has_position) {
    w.str("position");
    w.array(2);
    w.uint(s.position.commit);
    w.uint(s.position.index);
  }
  w.entry_uint("window_bytes", s.window_bytes);
  subscription.ticket = request(wire::Kind::subscribe, std::move(body), 0);
  subscription_of_ticket_[subscription.ticket] = id;
}

void Session::on_subscribed(std::uint64_t id, const hirehall::Result<std::string_view>& body) {
  auto at = subscriptions_.find(id);
  if (at == subscriptions_.end()) {  // given up before it stood: the broker need not keep it
    Reader r(body ? *body : std::string_view());
    auto pairs = body ? r.map() : 0;
    for (std::size_t i = 0; i < pairs && r.ok(); ++i)
      if (r.str() == "subscription")
        send_unsubscribe(r.uint());
      else
        r.skip();
    return;
  }
  auto& subscription = at->second;
  subscription.ticket = 0;
  if (!body) {
    const auto& error = body.error();
    subscriptions_.erase(at);
    return events_.answered(id, tl::unexpected(error));
  }
  Reader r(*body);
  auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    auto key = r.str();
    if (key == "subscription") {
      subscription.server = r.uint();
    } else if (key == "gap") {
      subscription.gap = r.boolean() || subscription.gap;
    } else if (key == "position" && r.peek() == msgpack::Kind::array && r.array() == 2) {
      Position p{r.uint(), 0};
      p.index = r.uint();
      if (!subscription.settings.has_position) subscription.settings.position = p;
      subscription.settings.has_position = true;
    } else {
      r.skip();
    }
  }
  if (!r.ok()) ++counters_.malformed;
  events_.answered(id, *body);
}

void Session::on_results(std::string_view body) {
  Reader r(body);
  auto elements = r.array();
  auto server = r.uint();
  Position after{r.uint(), 0};
  after.index = r.uint();
  auto count = r.array();
  if (!r.ok() || elements < 4) return void(++counters_.malformed);
  auto at = subscriptions_.begin();
  while (at != subscriptions_.end() && (at->second.server != server || server == 0)) ++at;
  if (at == subscriptions_.end()) return;  // unsubscribed a moment ago
  auto& subscription = at->second;
  if (subscription.settings.has_position && after <= subscription.settings.position) {
    ++counters_.repeated_results;
    return seen(at->first, after, body.size());
  }
  pushed_.resize(count);
  for (auto& item : pushed_) read_result(r, item);
  bool gap = elements > 4 && r.boolean();
  if (!r.ok()) return void(++counters_.malformed);
  subscription.settings.position = after;
  subscription.settings.has_position = true;
  gap = gap || subscription.gap;
  subscription.gap = false;
  events_.results(at->first, pushed_, after, gap, body.size());
}

void Session::seen(std::uint64_t id, Position position, std::size_t bytes) {
  auto at = subscriptions_.find(id);
  if (at == subscriptions_.end() || at->second.server == 0 || phase_ != Phase::ready) return;
  auto& subscription = at->second;
  subscription.furthest =
      std::max(subscription.furthest, position);  // several may read, each at its own pace
  subscription.unseen_bytes += bytes;
  if (subscription.unseen_bytes < subscription.settings.window_bytes / 4) return;
  subscription.unseen_bytes = 0;
  std::string frame;
  wire::write_header(frame, wire::Kind::seen, 0);
  Writer w(frame);
  w.array(3);
  w.uint(subscription.server);
  w.uint(subscription.furthest.commit);
  w.uint(subscription.furthest.index);
  port_.send(frame);
  sent_since_tick_ = true;
}

void Session::unsubscribe(std::uint64_t id) {
  auto at = subscriptions_.find(id);
  if (at == subscriptions_.end()) return;
  if (at->second.server != 0 && phase_ == Phase::ready) send_unsubscribe(at->second.server);
  subscriptions_.erase(at);
}

void Session::send_unsubscribe(std::uint64_t server) {
  std::string body;
  Writer w(body);
  w.map(1);
  w.entry_uint("subscription", server);
  forget(request(wire::Kind::unsubscribe, std::move(body), 0));
}

}  // namespace hirehall::client_core
