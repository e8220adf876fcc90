// Answers with its payload. The smallest agent there is, and the one to measure the fleet with.
#include <hirehall/agent.h>

uint32_t hirehall_agent_api_version(void) {
  return HIREHALL_AGENT_API;
}

void* hirehall_agent_create(const hirehall_agent_config*) {
  static char stateless;
  return &stateless;
}

int hirehall_agent_run(void*, const hirehall_task* task, const hirehall_host*, hirehall_result* result) {
  result->data = task->payload;
  result->content_type = task->content_type;
  return HIREHALL_SUCCEEDED;
}

void hirehall_agent_destroy(void*) {}
