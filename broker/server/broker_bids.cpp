// Live bids: calls go out to workers, and what they answer comes in.
#include <algorithm>

#include "broker/server/broker.h"
#include "common/msgpack.h"
#include "common/mutant.h"

namespace hirehall::server {
namespace {

std::string call_frame(const engine::CallOut& call, std::string_view type, std::string_view queue,
                       std::string_view tenant) {
  std::string frame;
  wire::write_header(frame, wire::Kind::call_for_bids, 0);
  msgpack::Writer w(frame);
  const bool featured = !call.features.empty() && !HH_MUTANT("calls_without_features");
  w.map(9u + (call.deadline != 0 ? 1 : 0) + (call.effort_ms != 0 ? 1 : 0) + (featured ? 1 : 0));
  w.entry_uint("round", call.round);
  w.entry_sint("left_ms", call.left_ms);
  w.str("agents");
  w.array(call.agents.size());
  for (const auto& agent : call.agents) w.str(agent);
  w.entry("type", type);
  w.entry("queue", queue);
  w.entry("tenant", tenant);
  w.entry("content_type", call.content_type);
  w.entry_uint("payload_bytes", call.payload_bytes);
  w.entry_uint("priority", call.priority);
  if (call.deadline != 0) w.entry_sint("deadline", call.deadline);
  if (call.effort_ms != 0) w.entry_sint("effort_ms", call.effort_ms);
  if (featured) w.str("features"), w.raw(call.features);
  return frame;
}

}  // namespace

void Broker::send_calls() {
  const auto& ledger = engine_.ledger();
  auto& calls = engine_.outputs().calls;
  for (const auto& call : calls) {
    const auto at = routing_of_worker_.find(call.worker);
    if (at == routing_of_worker_.end()) continue;
    const auto& lane = ledger.lanes[call.lane];
    send_later(at->second, call_frame(call, ledger.classes[call.class_].type, ledger.queues[lane.queue].name,
                                      lane.tenant));
  }
  calls.clear();
}

void Broker::take_bids(Peer& peer, const Frame& frame) {
  struct Bid {
    std::uint64_t round = 0;
    std::string_view agent;
    std::optional<double> price;
  };
  std::vector<Bid> bids;
  msgpack::Reader r(frame.body);
  const auto count = r.array();
  bool good = count <= limits::batch_items_max;
  for (std::size_t i = 0; i < count && good && r.ok(); ++i) {
    const auto fields = r.array();
    auto& bid = bids.emplace_back();
    good = fields >= 3;
    if (!good) break;
    bid.round = r.uint();
    bid.agent = r.str();
    if (!r.skip_nil()) bid.price = r.real();
    for (std::size_t k = 3; k < fields && r.ok(); ++k) r.skip();
  }
  if (!good || !r.finished()) {
    ++page_.malformed;
    return refuse(peer, frame.header.request,
                  {Code::bad_message, "bids are an array of [round, agent, price or nil]", {}, 0});
  }
  std::vector<std::pair<std::size_t, Code>> refused;
  for (std::size_t i = 0; i < bids.size(); ++i) {
    const auto code = engine_.bid(peer.worker, bids[i].round, bids[i].agent, bids[i].price);
    if (code == Code::ok) continue;
    refused.emplace_back(i, code);
    count_refusal(code);
  }
  msgpack::Writer w(answer(peer, frame.header.request));
  w.array(refused.size());
  for (const auto& [index, code] : refused) {
    w.array(2);
    w.uint(index);
    w.uint(static_cast<std::uint64_t>(code));
  }
}

}  // namespace hirehall::server
