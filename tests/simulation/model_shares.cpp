// What lanes are charged for: what their attempts have occupied, as workers told it.
#include <algorithm>

#include "common/msgpack.h"
#include "tests/simulation/model.h"
#include "tests/simulation/violation.h"

namespace hirehall::sim {
namespace {

struct Lane {
  Millis least = 0, most = 0;  // that it had of the fleet
  bool weighted = false;       // some of its tasks ask for resources, which count more
};

constexpr Millis most_slots = 64;  // of the whole fleet, which no task can have more of

}  // namespace

// All has ended. An attempt whose end was recorded cost what its worker told; of others it is known how long
// they may have been leased. What was awarded before the broker started counts from then on.
void Model::final_lanes(std::string_view body) const {
  std::map<std::string, Lane> lanes;
  for (const auto& [id, l] : lives_) {
    for (auto at = l.tries.begin(); at != l.tries.end(); ++at) {
      const auto& t = at->second;
      auto& lane = lanes[t.lane];
      const bool before = t.sent <= broker_since;
      const auto next = std::next(at);
      const auto until = next != l.tries.end() ? next->second.sent : time_.now();
      const auto leased = (until - std::max(t.sent, broker_since)) / ms * 115 / 100 + 20;
      lane.most += t.recorded && t.measured ? t.ran + 1 : std::max<Millis>(0, leased) + slowest_sync_ms;
      lane.most += t.given_back / ms * 115 / 100;
      if (!before) lane.least += t.recorded && t.measured ? std::max<Millis>(1, t.ran * 85 / 100 - 10) : 1;
      lane.weighted =
          lane.weighted || l.number == 0 || !intent(l.number).options.requirements.resources.empty();
    }
  }
  msgpack::Reader r(body);
  const auto keys = r.map();
  for (std::size_t k = 0; k < keys && r.ok(); ++k) {
    if (r.str() != "lanes") {
      r.skip();
      continue;
    }
    const auto rows = r.array();
    for (std::size_t i = 0; i < rows && r.ok(); ++i) {
      std::string queue, tenant;
      Millis used = 0;
      const auto fields = r.map();
      for (std::size_t f = 0; f < fields && r.ok(); ++f) {
        const auto key = r.str();
        if (key == "queue")
          queue = r.str();
        else if (key == "tenant")
          tenant = r.str();
        else if (key == "used_ms")
          used = r.sint();
        else
          r.skip();
      }
      const auto known = lanes.find(queue + "|" + tenant);
      const auto lane = known == lanes.end() ? Lane{} : known->second;
      tally_.saw_if(used > 1000, Situation::lane_served);
      const auto most = lane.most * (lane.weighted ? most_slots : 1);
      // A broker that ended after a commit has leased what nobody saw leave.
      if ((used > most && !restarted) || (timing && used < lane.least))
        violated("I13", "lane " + queue + " of " + tenant + " was charged " + std::to_string(used) +
                            " ms, its attempts took " + std::to_string(lane.least) + " to " +
                            std::to_string(most));
    }
  }
  if (!r.finished()) violated("I15", "an answer to lane_list cannot be read");
}

}  // namespace hirehall::sim
