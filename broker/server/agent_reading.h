// An agent as it comes with a registration.
#pragma once

#include "common/error.h"
#include "common/msgpack.h"
#include "common/task.h"
#include "scheduler/dispatcher.h"

namespace hirehall::server {

// What cannot be decoded the reader knows; errors are of values, and name the agent and the key.
Status read_agent(msgpack::Reader& r, scheduler::AgentSpec& agent);
void read_map(msgpack::Reader& r, StringMap& out);  // numbers as texts

}  // namespace hirehall::server
