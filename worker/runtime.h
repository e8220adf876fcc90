// The worker as a process: joins the session, the link, the board and the slots, and ends as asked by
// signals. The main thread owns session and link and does no work of agents: as long as it turns, heartbeats
// tell the truth about the worker; a slot that is busy for hours does not silence them, a stuck main thread
// does.
#pragma once

#include <memory>
#include <vector>

#include "common/error.h"
#include "worker/definition.h"
#include "worker/link.h"
#include "worker/settings.h"

namespace hirehall::worker {

class Runtime {
 public:
  // Blocks SIGTERM and SIGINT in this thread and those it makes; call it before any other thread is made.
  Runtime(Settings settings, std::vector<Definition> definitions, LinkKeys keys);
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  int run();  // until stopped; one of exit_code

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace hirehall::worker
