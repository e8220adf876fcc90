// From a store to an engine that may go on: the last snapshot, then the facts since.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "broker/engine/engine.h"
#include "broker/store/store.h"

namespace hirehall::server {

struct Recovered {
  std::unique_ptr<engine::Engine> engine;
  std::uint64_t snapshot = 0;
  std::uint64_t replayed = 0;  // commits
};

// `progress` is told what is being done, now and then. corrupt when a commit is missing or cannot be read.
Result<Recovered> recover(const store::Store& store, engine::Engine::Settings settings,
                          const std::function<void(const std::string&)>& progress);

}  // namespace hirehall::server
