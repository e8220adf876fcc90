// Answers with its payload and, behind it, the time at which it started: 16 hexadecimal digits of nanoseconds
// on the machine's monotonic clock. The bench on the same machine knows when it submitted.
#include <hirehall/agent.h>
#include <time.h>

#include <new>
#include <string>

uint32_t hirehall_agent_api_version(void) {
  return HIREHALL_AGENT_API;
}

void* hirehall_agent_create(const hirehall_agent_config*) {
  return new (std::nothrow) std::string;
}

int hirehall_agent_run(void* agent, const hirehall_task* task, const hirehall_host*,
                       hirehall_result* result) {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  auto ns = static_cast<uint64_t>(now.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(now.tv_nsec);
  auto& answer = *static_cast<std::string*>(agent);
  answer.assign(task->payload.data, task->payload.size);
  for (int shift = 60; shift >= 0; shift -= 4) answer.push_back("0123456789abcdef"[(ns >> shift) & 15]);
  result->data = {answer.data(), answer.size()};
  return HIREHALL_SUCCEEDED;
}

void hirehall_agent_destroy(void* agent) {
  delete static_cast<std::string*>(agent);
}
