// Trouble on purpose, to see what the fleet makes of it. What it does is the type of the task:
//   crash  dies of a segmentation fault      exit   ends its process with code 3
//   hang   never returns and never listens   grow   takes memory until there is none
//   flaky  fails twice, then succeeds        throw  lets an exception out
//   blame  fails, and says that it is the fault of the service that the payload names
#include <hirehall/agent.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <unistd.h>

namespace {

std::string_view view(hirehall_bytes bytes) {
  return {bytes.data, bytes.size};
}

hirehall_bytes bytes(std::string_view text) {
  return {text.data(), text.size()};
}

int flaky(const hirehall_task* task, hirehall_result* result) {
  if (task->attempt <= 2) {
    result->error_code = bytes("flaky");
    result->error = bytes("the first two attempts always fail");
    return HIREHALL_FAILED;
  }
  result->data = bytes("\"third time lucky\"");
  return HIREHALL_SUCCEEDED;
}

int blame(const hirehall_task* task, hirehall_result* result) {
  static thread_local std::string service;
  service = view(task->payload);
  result->error = bytes("it was not me");
  result->service = bytes(service);
  return HIREHALL_FAILED;
}

void grow() {
  std::vector<char*> held;
  for (;;) {
    constexpr std::size_t step = 16u << 20;
    held.push_back(new char[step]);
    std::memset(held.back(), 1, step);
  }
}

}  // namespace

uint32_t hirehall_agent_api_version(void) {
  return HIREHALL_AGENT_API;
}
void* hirehall_agent_create(const hirehall_agent_config*) {
  static char stateless;
  return &stateless;
}
void hirehall_agent_destroy(void*) {}

int hirehall_agent_run(void*, const hirehall_task* task, const hirehall_host*, hirehall_result* result) {
  auto what = view(task->type);
  if (what == "flaky") return flaky(task, result);
  if (what == "blame") return blame(task, result);
  if (what == "exit") std::_Exit(3);
  if (what == "grow") grow();
  if (what == "throw") throw std::runtime_error("an exception at the border");
  if (what == "hang") {
    std::signal(SIGTERM, SIG_IGN);
    for (;;) ::pause();
  }
  std::raise(SIGSEGV);
  return HIREHALL_FAILED;
}
