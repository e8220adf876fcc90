// What of the workers' resources is free at this moment: cpu, memory, gpu, any named amount. A task fits
// where all that it asks for is free. Amounts are whole numbers (ability.h, parse_amount).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/error.h"
#include "scheduler/ability.h"

namespace hirehall::scheduler {

// "cpu=4" … as amounts; what is no amount is refused by name.
Result<Amounts> amounts_of(const StringMap& resources);

// The greatest share of any resource that somebody uses, in millionths of the fleet's total. Of a resource
// that the fleet has not, nothing.
std::int64_t dominant_share(const Amounts& used, const Amounts& total);

class Rooms {
 public:
  // What is no amount is offered to nobody.
  void offer(WorkerNo worker, const StringMap& resources, std::uint32_t slots);
  void withdraw(WorkerNo worker);  // it is not connected; what its tasks use is kept
  void take(WorkerNo worker, const Amounts& asked, std::uint32_t tasks);
  void give_back(WorkerNo worker, const Amounts& asked);
  // Keeps so much of what the worker offers for tasks that ask for as much or more: the others share the
  // rest. One amount of each resource at a time; empty: nothing is kept any more.
  void keep(WorkerNo worker, const Amounts& kept);
  bool keeps_from(WorkerNo worker, const Amounts& asked) const;  // something is kept, and this asks for less

  // So many tasks that ask for this fit now, run_max at most.
  std::uint32_t room(WorkerNo worker, const Amounts& asked) const;
  std::vector<std::string> short_of(WorkerNo worker,
                                    const Amounts& asked) const;       // "gpu: 2 asked, 1 of 4 free"
  std::int64_t free_of(WorkerNo worker, std::string_view name) const;  // kept or not
  bool could_hold(WorkerNo worker, const Amounts& asked) const;        // if nothing else ran there
  // The greatest share of anything asked for that is not free, in millionths.
  std::int64_t lacking(WorkerNo worker, const Amounts& asked) const;
  // Of what is asked for, that of which it is the greatest share of the fleet; empty when nothing is.
  std::pair<std::string, std::int64_t> scarcest(const Amounts& asked) const;
  // What a task costs its lane, where one that asks for nothing costs 1: its dominant share of the fleet, of
  // which a slot is a resource as well.
  std::uint64_t weight_of(const Amounts& asked) const;

 private:
  struct Room {
    Amounts offered, used, kept;
    std::uint32_t slots = 0;  // 0: not connected
  };
  void count(const Room& room, std::int64_t sign);
  const Room* find(WorkerNo worker) const;
  static bool keeps_from(const Room& room, const Amounts& asked);

  std::unordered_map<WorkerNo, Room> rooms_;  // never iterated
  Amounts total_;                             // of the connected
  std::int64_t slots_ = 0;
};

}  // namespace hirehall::scheduler
