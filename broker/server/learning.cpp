#include "broker/server/learning.h"

#include <algorithm>
#include <utility>

#include "common/log.h"

namespace hirehall::server {

namespace {

constexpr Millis bytes_per_ms = 64;  // a large record is written less often

}  // namespace

void Learning::take_up(const store::Store& store) {
  const auto bytes = store.view()->get(store::Family::meta, key);
  if (!bytes) return log::error("what was learned of the agents cannot be read", bytes.error());
  if (!*bytes) return;
  auto loaded = scheduler::Prediction::load(**bytes);
  if (!loaded) return log::error("the hall learns its agents anew", loaded.error());
  prediction_ = std::move(*loaded);
}

void Learning::learn(const Finishing& ended) {
  --left_;
  changed_ = true;
  scheduler::Features features;
  if (!ended.features.empty()) features = scheduler::Features::of(ended.features);
  prediction_.learn({*ended.agent, *ended.version, *ended.type, ended.success,
                     static_cast<double>(ended.took), ended.cost, ended.quality,
                     features.empty() ? nullptr : &features});
}

bool Learning::unlearn(std::string_view agent) {
  if (!prediction_.reset(agent)) return false;
  changed_ = true;
  next_ = 0;
  return true;
}

void Learning::keep(Millis now, store::CommitBatch& batch) {
  if (!changed_ || now < next_) return;
  auto bytes = prediction_.save();
  next_ = now + std::max(keep_every, static_cast<Millis>(bytes.size()) / bytes_per_ms);
  changed_ = false;
  batch.writes.push_back({store::Family::meta, false, std::string(key), std::move(bytes)});
}

}  // namespace hirehall::server
