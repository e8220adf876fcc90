// An agent that bids: it echoes, and its prompt says what it asks for each KiB of payload, in cost units,
// from one KiB on; with the name of a feature behind it, for each one of that: `0.00002 tokens`, and it
// declines tasks without. `decline` as a prompt wants nothing, `hang` never answers a call for bids.
#include <hirehall/agent.h>
#include <hirehall/features.h>

#include <cstdlib>
#include <string>

#include <unistd.h>

namespace {

struct Seller {
  std::string word;
  double each = 0;
  std::string feature;  // that it counts; empty: KiB
};

}  // namespace

uint32_t hirehall_agent_api_version(void) {
  return HIREHALL_AGENT_API;
}

void* hirehall_agent_create(const hirehall_agent_config* config) {
  auto* seller = new Seller;
  const std::string prompt(config->prompt.data == nullptr ? "" : config->prompt.data, config->prompt.size);
  const auto from = prompt.find_first_not_of(" \n\r\t");
  if (from != std::string::npos)
    seller->word = prompt.substr(from, prompt.find_last_not_of(" \n\r\t") + 1 - from);
  char* end = nullptr;
  seller->each = std::strtod(seller->word.c_str(), &end);
  if (end != seller->word.c_str() && *end == ' ') seller->feature = end + 1;
  return seller;
}

void hirehall_agent_destroy(void* agent) {
  delete static_cast<Seller*>(agent);
}

int hirehall_agent_bid(void* agent, const hirehall_call* call, double* price) {
  const auto& seller = *static_cast<const Seller*>(agent);
  if (seller.word == "decline") return HIREHALL_DECLINES;
  while (seller.word == "hang") ::pause();
  const uint64_t kib = call->payload_bytes / 1024 + 1;
  auto count = static_cast<double>(kib);
  if (!seller.feature.empty()) {
    if (!HIREHALL_HAS(call, features)) return HIREHALL_DECLINES;
    if (!hirehall_feature_number(call->features, seller.feature.c_str(), &count)) return HIREHALL_DECLINES;
  }
  *price = seller.each * count;
  return HIREHALL_BIDS;
}

int hirehall_agent_run(void*, const hirehall_task* task, const hirehall_host*, hirehall_result* result) {
  result->data = task->payload;
  result->content_type = task->content_type;
  return HIREHALL_SUCCEEDED;
}
