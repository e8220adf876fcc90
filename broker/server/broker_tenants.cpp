// Tenants with what they have in all their queues: the counts of their lanes, added up.
#include <algorithm>
#include <unordered_map>

#include "broker/server/broker.h"
#include "common/msgpack.h"

namespace hirehall::server {
namespace {

constexpr std::size_t tenants_shown_max = 1000;

struct Row {
  std::string_view tenant;
  std::uint64_t queues = 0;
  engine::StateCounts tasks{};

  std::uint64_t open() const { return tasks[1] + tasks[2] + tasks[3] + tasks[4]; }
};

}  // namespace

void Broker::tenant_list(Peer& peer, const Frame& frame) {
  auto request = frame.header.request;
  msgpack::Reader r(frame.body);
  auto pairs = r.map();
  for (std::size_t i = 0; i < 2 * pairs && r.ok(); ++i) r.skip();
  if (!r.finished())
    return refuse(peer, request, {Code::bad_message, "the body of tenant_list is a map", {}, 0});
  std::vector<Row> rows;
  std::unordered_map<std::string_view, std::size_t> at;
  for (const auto& lane : engine_.ledger().lanes) {
    auto [known, added] = at.try_emplace(lane.tenant, rows.size());
    if (added) rows.push_back({lane.tenant});
    auto& row = rows[known->second];
    ++row.queues;
    for (std::size_t s = 1; s < state_count; ++s) row.tasks[s] += lane.tasks[s];
  }
  std::erase_if(rows, [&](const Row& row) { return !peer.principal->tenants.contains(row.tenant); });
  std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
    return a.open() != b.open() ? a.open() > b.open() : a.tenant < b.tenant;
  });
  auto shown = std::min(rows.size(), tenants_shown_max);
  msgpack::Writer w(answer(peer, request));
  w.map(2);
  w.str("tenants");
  w.array(shown);
  for (std::size_t i = 0; i < shown; ++i) {
    w.map(2 + state_count - 1);
    w.entry("tenant", rows[i].tenant);
    w.entry_uint("queues", rows[i].queues);
    for (std::size_t s = 1; s < state_count; ++s)
      w.entry_uint(name_of(static_cast<State>(s)), rows[i].tasks[s]);
  }
  w.entry_bool("more", rows.size() > shown);
}

}  // namespace hirehall::server
