// Lanes: what each had of the fleet, and what a task costs the lane it is in.
#include <algorithm>
#include <string>
#include <vector>

#include "broker/server/broker.h"
#include "common/msgpack.h"

namespace hirehall::server {
namespace {

constexpr std::size_t lanes_shown_max = 1000;

std::uint32_t weight_of(const engine::Ledger& ledger, const engine::Lane& lane) {
  const auto& tenants = ledger.queues[lane.queue].settings.tenants;
  const auto at = tenants.find(lane.tenant);
  return at == tenants.end() ? 1 : at->second;
}

std::uint64_t per_mille(Millis part, Millis whole) {
  return whole <= 0 ? 0 : static_cast<std::uint64_t>((part * 1000 + whole / 2) / whole);
}

}  // namespace

void Broker::lane_list(Peer& peer, const Frame& frame) {
  const auto request = frame.header.request;
  std::string_view queue;
  msgpack::Reader r(frame.body);
  const auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    if (r.str() == "queue")
      queue = r.str();
    else
      r.skip();
  }
  if (!r.finished())
    return refuse(peer, request, {Code::bad_message, "lane_list takes a map with a queue", "queue", 0});
  const auto& ledger = engine_.ledger();
  if (!queue.empty() && !ledger.queue_by_name.contains(queue))
    return refuse(peer, request, {Code::not_found, "no queue is named " + std::string(queue), "queue", 0});
  struct Row {
    std::uint32_t lane = 0;
    Millis lately = 0;
  };
  std::vector<Row> rows;
  Millis all = 0;
  for (std::uint32_t i = 0; i < ledger.lanes.size(); ++i) {
    if (!queue.empty() && ledger.queues[ledger.lanes[i].queue].name != queue) continue;
    const auto lately = engine_.costs().service(i).lately_ms(engine_.now());
    all += lately;
    if (visible(peer, i)) rows.push_back({i, lately});
  }
  const auto shown = std::min(rows.size(), lanes_shown_max);
  std::ranges::partial_sort(rows, rows.begin() + static_cast<std::ptrdiff_t>(shown),
                            [&](const Row& a, const Row& b) {
                              return a.lately != b.lately ? a.lately > b.lately : a.lane < b.lane;
                            });
  msgpack::Writer w(answer(peer, request));
  w.map(2);
  w.str("lanes");
  w.array(shown);
  for (std::size_t i = 0; i < shown; ++i) {
    const auto& lane = ledger.lanes[rows[i].lane];
    const auto& service = engine_.costs().service(rows[i].lane);
    w.map(13);
    w.entry("queue", ledger.queues[lane.queue].name);
    w.entry("tenant", lane.tenant);
    w.entry_uint("queue_weight", ledger.queues[lane.queue].settings.weight);
    w.entry_uint("weight", weight_of(ledger, lane));
    w.entry_uint("ready", lane.tasks[static_cast<std::size_t>(State::ready)]);
    w.entry_uint("leased", lane.tasks[static_cast<std::size_t>(State::leased)]);
    w.entry_sint("lately_ms", rows[i].lately);
    w.entry_uint("share_per_mille", per_mille(rows[i].lately, all));
    w.entry_sint("used_ms", service.used_ms());
    w.entry_uint("attempts", service.attempts);
    w.entry_uint("charged_ms", service.charged_ms);
    w.entry_uint("added_ms", service.added_ms);
    w.entry_uint("back_ms", service.back_ms);
  }
  w.entry_bool("more", rows.size() > shown);
}

void Broker::count_lanes() {
  const auto& lanes = engine_.ledger().lanes;
  for (std::uint32_t i = 0; i < lanes.size(); ++i) {
    if (lanes[i].queue >= page_.queues.size()) continue;
    auto& queue = page_.queues[lanes[i].queue];
    const auto& service = engine_.costs().service(i);
    queue.charged_ms += service.charged_ms;
    queue.added_ms += service.added_ms;
    queue.back_ms += service.back_ms;
  }
}

void Broker::write_cost(msgpack::Writer& w, const engine::Place& place, const engine::Lease* lease) const {
  w.str("cost");
  w.map(lease == nullptr ? 3 : 4);
  w.entry_sint("expected_ms", engine_.costs().expected(place.lane, place.class_));
  w.entry_uint("weight", engine_.dispatcher().weight_of(place.class_));
  if (lease != nullptr) w.entry_uint("charged_ms", lease->charged);
  w.entry_sint("lane_lately_ms", engine_.costs().service(place.lane).lately_ms(engine_.now()));
}

}  // namespace hirehall::server
