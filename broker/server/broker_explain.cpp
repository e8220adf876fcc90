// explain: why a task does not run, and why its attempts went where they went.
#include "broker/server/broker.h"
#include "broker/server/why.h"
#include "common/msgpack.h"

namespace hirehall::server {
namespace {

// Tasks held per slot, before the award.
double load_of(std::uint32_t load) {
  return static_cast<double>(load) / scheduler::load_one;
}

}  // namespace

void Broker::explain(Peer& peer, const Frame& frame) {
  std::string_view id;
  msgpack::Reader r(frame.body);
  auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    if (r.str() == "id")
      id = r.bin();
    else
      r.skip();
  }
  auto request = frame.header.request;
  if (!r.finished() || id.size() != 16)
    return refuse(peer, request, {Code::bad_message, "explain takes a map with an id of 16 bytes", "id", 0});
  auto sequence = sequence_of(id);
  if (!sequence) return refuse(peer, request, unknown_task(id));
  load_task(
      *sequence,
      [this, routing = peer.routing, serial = peer.serial, request,
       sequence = *sequence](Result<std::optional<StoredTask>> task) {
        auto* peer = peer_at(routing, serial);
        if (peer == nullptr) return;
        if (!task) return refuse(*peer, request, task.error());
        if (!*task && engine_.forgotten(sequence)) return refuse_expired(*peer, request, sequence);
        if (!*task || !visible(*peer, (*task)->lane))
          return refuse(*peer, request, {Code::not_found, "no such task", {}, 0});
        write_explanation(*peer, request, sequence, **task);
      },
      true);
}

void Broker::write_explanation(Peer& peer, std::uint64_t request, Sequence sequence, const StoredTask& task) {
  const auto& ledger = engine_.ledger();
  auto loaded = loaded_task(task, 0);
  std::vector<Why> whys;
  auto slot = ledger.lease_slots.find(sequence);
  const auto* lease = slot == FlatMap::none ? nullptr : &ledger.leases[slot];
  auto state = loaded.state;
  if (task.end) {
    state = task.end->state;
    whys.push_back({"ended",
                    task.end->attempted
                        ? "it has ended, in attempt " + std::to_string(task.end->tries.attempts)
                        : "it has ended in its queue: " + task.end->reason,
                    {}});
  } else if (lease != nullptr) {
    state = State::leased;
    whys = how_it_runs(engine_, *lease);
  } else {
    whys = why_not_running(engine_, sequence, task, loaded);
  }
  msgpack::Writer w(answer(peer, request));
  w.map(4);
  w.entry("state", hirehall::name_of(state));
  w.str("reasons");
  w.array(whys.size());
  for (const auto& why : whys) w.str(why.message);
  w.str("why");
  write_whys(w, whys);
  auto name_of = [&](std::uint32_t worker) {
    auto at = ledger.workers.find(worker);
    return at == ledger.workers.end() ? std::to_string(worker) : at->second.name;
  };
  auto award = [&](std::uint32_t attempt, std::uint32_t worker, const engine::Reasons* why) {
    bool runner_up = why != nullptr && why->runner_up != 0;
    w.map(why == nullptr ? 3 : runner_up ? 7 : 5);
    w.entry_uint("attempt", attempt);
    w.entry("policy", "least_loaded");
    w.entry("worker", name_of(worker));
    if (why == nullptr) return;
    w.entry_uint("candidates", why->candidates);
    w.str("load"), w.real(load_of(why->load));
    if (!runner_up) return;
    w.entry("runner_up", name_of(why->runner_up));
    w.str("runner_up_load"), w.real(load_of(why->runner_up_load));
  };
  bool ended = task.end && task.end->attempted;
  w.str("awards");
  w.array(task.attempts.size() + (ended || lease != nullptr ? 1 : 0));
  for (const auto& a : task.attempts) award(a.attempt, a.record.worker, &a.record.reasons);
  if (ended)
    award(task.end->tries.attempts, task.end->worker, task.award ? &task.award->reasons : nullptr);
  else if (lease != nullptr)
    award(lease->tries.attempts, lease->worker, &lease->reasons);
}

}  // namespace hirehall::server
