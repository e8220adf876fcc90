// The dispatcher again, as slow and plain as can be: every question is answered by looking at everything.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <tuple>
#include <vector>

#include "scheduler/ability.h"
#include "scheduler/dispatcher.h"

namespace hirehall::scheduler {

class Oracle {
 public:
  struct Share {
    std::uint64_t tag = 0, rest = 0, weight = 1;
    std::uint64_t floor = 0;
    bool busy = false;

    void pay(std::int64_t amount) {
      if (amount < 0) {
        const auto back = static_cast<std::uint64_t>(-amount) * 1048576 / weight;
        tag = tag > back ? tag - back : 0;
        return;
      }
      rest += static_cast<std::uint64_t>(amount) * 1048576;
      tag += rest / weight;
      rest %= weight;
    }
    void become(bool now_busy, std::uint64_t time) {
      if (now_busy && !busy) floor = time, tag = std::max(tag, time);
      busy = now_busy;
    }
    void charge(std::int64_t cost) { pay(cost); }
    bool correct(std::int64_t difference) {  // true: it has work, and its tag fell
      const auto before = tag;
      pay(difference);
      if (busy) tag = std::max(tag, floor);
      return busy && tag < before;
    }
  };
  struct Queue : Share {
    std::uint64_t lane_time = 0;
  };
  struct Lane : Share {
    QueueNo queue = none;
  };
  struct Shelf {
    LaneNo lane = none;
    ClassNo cls = none;
    bool ready = false;
    std::uint64_t order = 0;
  };
  struct Worker {
    WorkerSpec spec;
    bool connected = false, draining = false;
    std::uint32_t credit = 0, held = 0;
    std::map<std::string, std::int64_t> used;

    std::int64_t free_of(const std::string& name) const {
      const auto offered = spec.resources.find(name);
      const auto taken = used.find(name);
      return (offered == spec.resources.end() ? 0 : std::stoll(offered->second)) -
             (taken == used.end() ? 0 : taken->second);
    }
    bool has_room(const Need& need) const {
      return std::all_of(need.requirements.resources.begin(), need.requirements.resources.end(),
                         [&](const auto& r) { return free_of(r.first) >= std::stoll(r.second); });
    }
    bool free() const { return connected && !draining && held < credit; }
    std::uint64_t load() const { return std::uint64_t{held} * load_one / std::max(spec.slots, 1u); }
  };

  std::vector<Queue> queues;
  std::vector<Lane> lanes;
  std::vector<Need> classes;
  std::vector<Shelf> shelves;
  std::map<WorkerNo, Worker> workers;
  std::uint64_t queue_time = 0;

  std::optional<std::uint16_t> agent(const Worker& worker, ClassNo cls, QueueNo queue) const {
    const auto& bound = worker.spec.queues;
    if (bound && std::find(bound->begin(), bound->end(), queue) == bound->end()) return std::nullopt;
    RelevantKeys all;
    for (const auto& need : classes) all.add(need);
    auto spec = worker.spec;
    spec.queues.reset();
    return agent_for(classes[cls], abilities_of(spec, all));
  }
  bool served(ClassNo cls, QueueNo queue) const {
    return std::any_of(workers.begin(), workers.end(),
                       [&](const auto& w) { return w.second.connected && agent(w.second, cls, queue); });
  }
  // Call after every change: lanes and queues become busy or idle.
  void settle() {
    std::vector<bool> busy_lane(lanes.size()), busy_queue(queues.size());
    std::map<std::pair<ClassNo, QueueNo>, bool> can;
    for (const auto& shelf : shelves) {
      if (!shelf.ready) continue;
      const auto queue = lanes[shelf.lane].queue;
      const std::pair asked{shelf.cls, queue};
      if (!can.contains(asked)) can[asked] = served(shelf.cls, queue);
      if (!can[asked]) continue;
      busy_lane[shelf.lane] = busy_queue[queue] = true;
    }
    for (std::size_t i = 0; i < queues.size(); ++i) queues[i].become(busy_queue[i], queue_time);
    for (std::size_t i = 0; i < lanes.size(); ++i)
      lanes[i].become(busy_lane[i], queues[lanes[i].queue].lane_time);
  }
  std::optional<Pick> next() const {
    using Rank = std::tuple<std::uint64_t, QueueNo, std::uint64_t, LaneNo, std::uint64_t, ClassNo>;
    std::optional<std::pair<Rank, ShelfNo>> best;
    std::map<std::pair<ClassNo, QueueNo>, bool> open;
    for (ShelfNo no = 0; no < shelves.size(); ++no) {
      const auto& shelf = shelves[no];
      if (!shelf.ready) continue;
      const auto& lane = lanes[shelf.lane];
      const std::pair asked{shelf.cls, lane.queue};
      if (!open.contains(asked))
        open[asked] = std::any_of(workers.begin(), workers.end(), [&](const auto& w) {
          return w.second.free() && agent(w.second, shelf.cls, lane.queue);
        });
      if (!open[asked]) continue;
      const Rank rank{queues[lane.queue].tag, lane.queue, lane.tag, shelf.lane, shelf.order, shelf.cls};
      if (!best || rank < best->first) best = {rank, no};
    }
    if (!best) return std::nullopt;
    return with_worker(best->second);
  }
  void take(const Pick& pick, std::uint32_t count, std::uint64_t cost_each) {
    auto& lane = lanes[pick.lane];
    auto& queue = queues[lane.queue];
    cost_each *= weight_of(pick.cls);
    for (const auto& [name, want] : classes[pick.cls].requirements.resources)
      workers[pick.worker].used[name] += std::stoll(want) * count;
    queue.lane_time = std::max(queue.lane_time, lane.tag);
    queue_time = std::max(queue_time, queue.tag);
    lane.charge(static_cast<std::int64_t>(cost_each * count));
    queue.charge(static_cast<std::int64_t>(cost_each * count));
    workers[pick.worker].held += count;
  }
  void give_back(WorkerNo worker, ClassNo cls) {
    for (const auto& [name, want] : classes[cls].requirements.resources) {
      auto& used = workers[worker].used[name];
      used = std::max<std::int64_t>(0, used - std::int64_t{std::stoll(want)});
    }
  }
  // The dominant share of the connected fleet, in slots, rounded up from whole millionths.
  std::uint64_t weight_of(ClassNo cls) const {
    std::int64_t slots = 0, most = 0;
    for (const auto& [no, worker] : workers) slots += worker.connected ? worker.spec.slots : 0;
    for (const auto& [name, want] : classes[cls].requirements.resources) {
      std::int64_t total = 0;
      for (const auto& [no, worker] : workers)
        if (const auto offered = worker.spec.resources.find(name);
            worker.connected && offered != worker.spec.resources.end())
          total += std::stoll(offered->second);
      if (total > 0) most = std::max(most, std::int64_t{std::stoll(want)} * 1000000 / total);
    }
    most = std::min<std::int64_t>(most, 1'000'000);
    return static_cast<std::uint64_t>(std::max<std::int64_t>(1, (most * slots + 999'999) / 1'000'000));
  }
  void correct(LaneNo number, std::int64_t difference) {
    auto& lane = lanes[number];
    auto& queue = queues[lane.queue];
    if (lane.correct(difference)) queue.lane_time = std::min(queue.lane_time, lane.tag);
    if (queue.correct(difference)) queue_time = std::min(queue_time, queue.tag);
  }

 private:
  Pick with_worker(ShelfNo shelf) const {
    Pick pick;
    pick.shelf = shelf, pick.lane = shelves[shelf].lane, pick.cls = shelves[shelf].cls;
    std::vector<std::pair<std::uint64_t, WorkerNo>> ranks;
    const auto queue = lanes[pick.lane].queue;
    for (const auto& [no, worker] : workers)
      if (worker.free() && agent(worker, pick.cls, queue) && worker.has_room(classes[pick.cls]))
        ranks.emplace_back(worker.load(), no);
    std::sort(ranks.begin(), ranks.end());
    if (ranks.empty()) return pick;
    pick.worker = ranks[0].second;
    pick.load = static_cast<std::uint32_t>(ranks[0].first);
    pick.agent = *agent(workers.at(pick.worker), pick.cls, queue);
    pick.candidates = static_cast<std::uint32_t>(ranks.size());
    if (ranks.size() > 1) {
      pick.runner_up = ranks[1].second;
      pick.runner_up_load = static_cast<std::uint32_t>(ranks[1].first);
    }
    return pick;
  }
};

}  // namespace hirehall::scheduler
