#include "broker/server/task_walk.h"

#include "broker/server/fingerprint.h"
#include "common/mutant.h"

namespace hirehall::server {

std::pair<std::string, std::string> error_of(const StoredTask& task) {
  if (task.end) {
    const auto& end = *task.end;
    if (end.state == State::succeeded) return {};
    auto code = end.error_code;
    if (end.outcome == Outcome::lost && end.attempted) code = "lost";
    if (code.empty() && end.outcome == Outcome::timed_out) code = "timed_out";
    if (code.empty()) code = "failed";
    return {code, end.attempted ? end.error : end.reason};
  }
  if (task.attempts.empty()) return {};
  const auto& last = task.attempts.back().record;
  return {last.error_code, last.error};
}

namespace {

std::optional<WhereValue> text_of(std::string_view text) {
  return text.empty() ? std::nullopt : std::optional<WhereValue>(text);
}

}  // namespace

bool TaskWalk::fits(const Row& row) const {
  if (state && row.state != *state) return false;
  if (!batch.empty() && row.task->options.batch != batch) return false;
  if (!selective || HH_MUTANT("where_ignored")) return true;
  const auto& task = *row.task;
  std::string made;  // what a look made, for as long as it is compared
  return where.fits([&](std::string_view field) -> std::optional<WhereValue> {
    auto number = [](std::int64_t n) { return std::optional<WhereValue>(n); };
    if (field == "state") return name_of(row.state);
    if (field == "queue") return std::string_view(row.queue);
    if (field == "tenant") return std::string_view(row.tenant);
    if (field == "type") return text_of(row.type);
    if (field == "priority") return number(task.priority);
    if (field == "attempt") return number(row.tries.attempts);
    if (field == "failures") return number(row.tries.failures);
    if (field == "losses") return number(row.tries.losses);
    if (field == "age") return number(now - task.submitted);
    if (field == "ended") return task.end ? number(now - task.end->at) : std::nullopt;
    if (field == "worker") return text_of(row.worker);
    if (field == "submitter") return text_of(task.options.submitter);
    if (field == "unique_key") return text_of(task.options.unique_key);
    if (field == "affinity_key") return text_of(task.options.affinity_key);
    if (field == "batch") return text_of(task.options.batch);
    if (field == "description") return text_of(task.options.description);
    if (field.starts_with("label.")) {
      auto label = task.options.labels.find(field.substr(6));
      return label == task.options.labels.end() ? std::nullopt
                                                : std::optional<WhereValue>(std::string_view(label->second));
    }
    auto [code, message] = error_of(task);
    if (code.empty() && message.empty()) return std::nullopt;
    made = field == "error"     ? code
           : field == "message" ? message
                                : error_fingerprint(row.type, code, message);
    return std::string_view(made);
  });
}

}  // namespace hirehall::server
