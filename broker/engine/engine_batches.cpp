// Batches: who may join, when one is complete, and the task that follows then.
#include <utility>

#include "broker/engine/engine.h"
#include "broker/engine/engine_impl.h"
#include "common/mutant.h"
#include "common/text.h"

namespace hirehall::engine {
namespace {

constexpr Millis batch_kept_ms = 7ll * 24 * 3600 * 1000;

std::string counts_of(const Batch& batch) {
  constexpr char digits[] = "0123456789abcdef";
  std::string out = "{\"batch\":\"";
  for (char c : batch.name) {
    auto byte = static_cast<unsigned char>(c);
    if (byte < ' ') {
      (out += "\\u00") += digits[byte >> 4];
      out += digits[byte & 15];
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += "\",\"total\":" + std::to_string(batch.total);
  for (auto state : {State::succeeded, State::failed, State::cancelled, State::expired})
    ((out += ",\"") += name_of(state)) +=
        "\":" + std::to_string(batch.ended[static_cast<std::size_t>(state)]);
  return out + "}";
}

}  // namespace

// Of a task whose names are resolved; it is defined when the task is appended.
Code Engine::check_batch(Resolved& out) const {
  auto refuse = [&](Code code, std::string message) {
    out.code = static_cast<std::uint32_t>(code);
    out.message = std::move(message);
    return code;
  };
  if (ledger_.batch_of.size() >= limits::batch_members_max)
    return refuse(Code::busy, "the open tasks of all batches are " +
                                  std::to_string(limits::batch_members_max) + " already");
  if (const auto* known = batch(ledger_.lanes[out.lane].tenant, out.batch); known != nullptr)
    return known->closed && !HH_MUTANT("closed_batches_take_tasks")
               ? refuse(Code::conflict,
                        "batch " + out.batch + " is closed and takes no further tasks: give another name")
               : Code::ok;
  if (ledger_.batches.size() >= limits::batches_max && ledger_.batches_over.empty())
    return refuse(Code::busy, "there are " + std::to_string(limits::batches_max) +
                                  " batches with open tasks already: close those that get no more");
  return Code::ok;
}

// Unless it is known. The one that is over for longest makes room.
void Engine::define_batch(std::uint32_t lane, const std::string& name) {
  const auto& tenant = ledger_.lanes[lane].tenant;
  if (batch(tenant, name) != nullptr) return;
  if (ledger_.batches.size() >= limits::batches_max) forget_batch(0);
  BatchDefined fact{ledger_.next_batch, tenant, name};
  record(fact);
}

// The batch that is over for longest, if for so long at least.
bool Engine::forget_batch(Millis kept) {
  if (ledger_.batches_over.empty() || now_ - ledger_.batches_over.begin()->first < kept) return false;
  BatchForgotten fact{ledger_.batches_over.begin()->second};
  record(fact);
  return true;
}

const Batch* Engine::batch(std::string_view tenant, std::string_view name) const {
  auto at = ledger_.batch_by_name.find(BatchNameLess::View{tenant, name});
  return at == ledger_.batch_by_name.end() ? nullptr : &ledger_.batches.at(at->second);
}

Code Engine::close_batch(std::string_view tenant, std::string_view name, const TaskOptions* completion,
                         std::optional<std::string_view> payload) {
  auto at = ledger_.batch_by_name.find(BatchNameLess::View{tenant, name});
  if (at == ledger_.batch_by_name.end()) return Code::not_found;
  if (ledger_.batches.at(at->second).closed) return Code::conflict;
  BatchClosed fact;
  fact.batch = at->second;
  fact.completes = completion != nullptr;
  if (completion != nullptr) fact.options = encode_options(*completion);
  fact.with_payload = payload.has_value();
  fact.payload = payload.value_or("");
  record(fact);
  return Code::ok;
}

void Engine::start_batches() {
  ledger_.batches_at_rest.clear();
  for (const auto& [number, batch] : ledger_.batches)
    if (batch.closed && !batch.completed && batch.open == 0) ledger_.batches_at_rest.push_back(number);
}

// Once for each: the fact and the task are in one commit.
void Engine::complete_batches() {
  if (ledger_.batches_at_rest.empty()) return;
  for (auto number : std::exchange(ledger_.batches_at_rest, {})) {
    auto at = ledger_.batches.find(number);
    if (at == ledger_.batches.end() || at->second.open != 0 || at->second.completed) continue;
    const auto& batch = at->second;
    BatchCompleted fact{number, batch.completion.completes ? submit_completion(batch) : 0};
    if (fact.task != 0 && HH_MUTANT("batch_completes_again")) {
      ledger_.batches_at_rest.push_back(number);
      continue;
    }
    record(fact);
  }
  if (ledger_.batches.size() > limits::batches_max / 2) forget_batch(batch_kept_ms);
}

// 0: its names cannot be resolved (any more).
Sequence Engine::submit_completion(const Batch& batch) {
  auto options = decode_options(batch.completion.options);
  if (!options) return 0;
  Resolved task;
  if (resolve_names(*options, task) != Code::ok) return 0;
  options->trigger = clip("batch/" + batch.name, limits::name_bytes_max);
  if (options->delay_ms != 0)
    options->not_before = std::max(options->not_before, now_ + std::exchange(options->delay_ms, 0));
  if (options->retention_ms > ledger_.longest_retention) note_retention(options->retention_ms);
  return submit_own(*options, batch.completion.with_payload ? batch.completion.payload : counts_of(batch),
                    task);
}

}  // namespace hirehall::engine
