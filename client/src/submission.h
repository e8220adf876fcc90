// The receiver behind a Submission.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "client/src/batcher.h"
#include "client/src/runtime.h"
#include "hirehall/client.h"

namespace hirehall::client {

struct Submission::State : client_core::Receiver {
  State(std::shared_ptr<client_core::Settling> shared, std::size_t count);

  void accepted(std::size_t index, std::string_view raw_id) override;
  void refused(std::size_t index, const hirehall::Error& error) override;
  void settled(std::size_t count) override;

  std::shared_ptr<client_core::Settling> settling;
  std::vector<TaskId> ids;
  std::vector<Refusal> refusals;
  std::size_t remaining;             // under settling->mutex
  std::function<void(State&)> told;  // once, when nothing remains; in the inner thread
};

}  // namespace hirehall::client
