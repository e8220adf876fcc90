// Sleeps for the milliseconds in its payload ("250" or {"ms": 250}), tells how far it is, and wakes when
// cancelled. Its checkpoint is the time already slept: an attempt after a crash goes on where the last one
// stopped.
#include <hirehall/agent.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <string>
#include <thread>

namespace {

struct Sleeper {
  std::string answer;
};

std::uint64_t first_number(hirehall_bytes bytes) {
  const char* end = bytes.data + bytes.size;
  const char* at = std::find_if(bytes.data, end, [](char c) { return c >= '0' && c <= '9'; });
  std::uint64_t n = 0;
  std::from_chars(at, end, n);
  return n;
}

hirehall_bytes view(const std::string& text) {
  return {text.data(), text.size()};
}

}  // namespace

uint32_t hirehall_agent_api_version(void) {
  return HIREHALL_AGENT_API;
}
void* hirehall_agent_create(const hirehall_agent_config*) {
  return new Sleeper;
}
void hirehall_agent_destroy(void* agent) {
  delete static_cast<Sleeper*>(agent);
}

int hirehall_agent_run(void* agent, const hirehall_task* task, const hirehall_host* host,
                       hirehall_result* result) {
  constexpr std::uint64_t nap_ms = 20;
  auto& sleeper = *static_cast<Sleeper*>(agent);
  std::uint64_t total = task->payload.size == 0 ? 0 : first_number(task->payload);
  std::uint64_t slept = task->checkpoint.size == 0 ? 0 : first_number(task->checkpoint);
  for (std::uint64_t naps = 1; slept < total; ++naps) {
    if (host->cancelled(host->self) != 0) return HIREHALL_CANCELLED;
    auto nap = std::min(nap_ms, total - slept);
    std::this_thread::sleep_for(std::chrono::milliseconds(nap));
    slept += nap;
    if (naps % 25 != 0) continue;
    host->progress(host->self, slept, total, {nullptr, 0});
    auto state = std::to_string(slept);
    host->checkpoint(host->self, view(state));
  }
  sleeper.answer = "{\"slept_ms\":" + std::to_string(slept) + "}";
  result->data = view(sleeper.answer);
  return HIREHALL_SUCCEEDED;
}
