// Dead letters again: submitted anew, or purged, by their ids.
#include "broker/server/broker.h"
#include "common/log.h"
#include "common/msgpack.h"
#include "common/pack.h"
#include "common/text.h"

namespace hirehall::server {

struct Broker::RetryJob {
  std::string routing;
  std::uint64_t serial = 0;
  std::uint64_t request = 0;
  struct One {
    Sequence sequence = 0;
    std::optional<StoredTask> task;
    std::string dead_key;
    bool dead = false;
    Sequence as = 0;  // retried before
  };
  std::vector<One> all;
  bool purge = false;
  std::string reason;
  std::optional<Error> error;
};

void Broker::dead_again(Peer& peer, const Frame& frame, bool purge) {
  auto request = frame.header.request;
  auto job = std::make_shared<RetryJob>();
  job->purge = purge;
  job->routing = peer.routing;
  job->serial = peer.serial;
  job->request = request;
  msgpack::Reader r(frame.body);
  auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    auto key = r.str();
    if (key == "reason") job->reason = clip(r.str(), limits::error_bytes_max);
    if (key == "reason") continue;
    if (key != "ids") {
      r.skip();
      continue;
    }
    auto n = r.array();
    for (std::size_t k = 0; k < n && r.ok(); ++k) {
      auto raw = r.bin();
      if (raw.size() != 16) r.fail();
      if (r.ok()) job->all.push_back({sequence_of(raw).value_or(0), {}, {}, false, 0});
    }
  }
  if (!r.finished())
    return refuse(peer, request,
                  {Code::bad_message, "this request takes a map with ids of 16 bytes", "ids", 0});
  if (job->all.size() > limits::batch_items_max)
    return refuse(peer, request, {Code::too_large, "at most 4096 ids", "ids", 0});
  read_later([this, job](const store::View& view, std::uint64_t) -> Reader::Then {
    BodyFinder finder(view, read_templates_);
    for (auto& one : job->all) {
      if (one.sequence == 0) continue;
      auto task = read_task(view, finder, one.sequence, false, 0);
      if (!task)
        job->error = task.error();
      else
        one.task = std::move(*task);
    }
    return [this, job] {
      for (auto& one : job->all)
        if (one.task && one.task->lane < engine_.ledger().lanes.size())
          one.dead_key = engine::dead_key(engine_.ledger().lanes[one.task->lane].queue, one.sequence);
      read_later([this, job](const store::View& view, std::uint64_t) -> Reader::Then {
        for (auto& one : job->all) {
          if (one.dead_key.empty()) continue;
          auto dead = view.get(store::Family::records, one.dead_key);
          auto as = view.get(store::Family::records, engine::replay_key(one.sequence));
          if (!dead || !as) {
            job->error = dead ? as.error() : dead.error();
            continue;
          }
          one.dead = dead->has_value();
          if (*as) {
            Unpacker u(**as);
            one.as = u.uint();
          }
        }
        return [this, job] { job->purge ? purge_loaded(job) : retry_loaded(job); };
      });
    };
  });
}

void Broker::retry_loaded(const std::shared_ptr<RetryJob>& job) {
  auto* peer = peer_at(job->routing, job->serial);
  if (peer == nullptr) return;
  if (job->error) return refuse(*peer, job->request, *job->error);
  std::string body;
  msgpack::Writer w(body);
  w.array(job->all.size());
  const auto& ledger = engine_.ledger();
  for (auto& one : job->all) {
    if (!one.task || !visible(*peer, one.task->lane)) {
      w.uint(static_cast<std::uint64_t>(one.sequence != 0 && !one.task ? Code::expired : Code::not_found));
      continue;
    }
    if (auto known = replayed_.find(one.sequence); known != replayed_.end()) one.as = known->second;
    if (one.as == 0 && one.dead && !purged_.contains(one.sequence)) {
      auto options = one.task->options;
      const auto& lane = ledger.lanes[one.task->lane];
      options.queue = ledger.queues[lane.queue].name;
      options.tenant = lane.tenant;
      options.type = ledger.classes[one.task->class_].type;
      options.priority = one.task->priority;
      options.replay_of = ids_.make(one.sequence).text();
      options.idempotency_key.clear();
      options.deadline = 0;
      options.not_before = 0;
      options.producer = peer->producer;
      options.submitter = peer->principal->name;
      one.as = engine_.replay_dead(one.sequence, options, one.task->payload, true);
      if (one.as != 0) replayed_.emplace(one.sequence, one.as);
      if (replayed_.size() > 16 * limits::batch_items_max) replayed_.erase(replayed_.begin());
    }
    if (one.as != 0)
      w.bin(ids_.make(one.as).raw());
    else
      w.uint(static_cast<std::uint64_t>(Code::invalid));
  }
  answer(*peer, job->request) += body;
}

void Broker::purge_loaded(const std::shared_ptr<RetryJob>& job) {
  auto* peer = peer_at(job->routing, job->serial);
  if (peer == nullptr) return;
  if (job->error) return refuse(*peer, job->request, *job->error);
  std::map<std::uint32_t, std::vector<Sequence>> going;  // by queue
  std::size_t count = 0;
  msgpack::Writer w(answer(*peer, job->request));
  w.array(job->all.size());
  for (auto& one : job->all) {
    auto code = Code::ok;
    if (!one.task || !visible(*peer, one.task->lane))
      code = one.sequence != 0 && !one.task ? Code::expired : Code::not_found;
    else if (!one.dead || replayed_.contains(one.sequence) || !purged_.insert(one.sequence).second)
      code = Code::invalid;
    if (code == Code::ok) {
      going[engine_.ledger().lanes[one.task->lane].queue].push_back(one.sequence);
      ++count;
    }
    w.uint(static_cast<std::uint64_t>(code));
  }
  for (const auto& [queue, sequences] : going) engine_.purge_dead(queue, sequences);
  while (purged_.size() > 16 * limits::batch_items_max) purged_.erase(purged_.begin());
  log::info("dead letters purged",
            {{"count", count}, {"by", peer->principal->name}, {"reason", job->reason}});
}

}  // namespace hirehall::server
