// From flags to the options and payload of a task.
#include "client/cli/submit_options.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>

#include "common/limits.h"
#include "common/task_features.h"
#include "common/trace.h"
#include "common/unique.h"

namespace hirehall::cli {
namespace {

client::Error bad(std::string message, std::string context = {}) {
  return {client::ErrorCode::invalid, std::move(message), std::move(context), 0};
}

client::Result<std::string> read_all(const std::string& path) {
  if (path == "-") return std::string(std::istreambuf_iterator<char>(std::cin), {});
  std::ifstream in(path, std::ios::binary);
  if (!in)
    return tl::unexpected(
        bad(std::string("the payload file cannot be read: ") + std::strerror(errno) + "; give @FILE, or JSON",
            path));
  return std::string(std::istreambuf_iterator<char>(in), {});
}

// What the surroundings say is a hint: what is no such thing is left out, a given one is refused.
std::string around_or(const std::string& given, const char* variable, bool (*fits)(std::string_view),
                      std::size_t most) {
  const char* around = std::getenv(variable);
  return given.empty() && around != nullptr && std::string_view(around).size() <= most && fits(around)
             ? around
             : given;
}

// The state of a trace is taken from where the trace is.
void take_trace(const OptionValues& v, client::TaskOptions& o) {
  o.trace = around_or(v.text("trace"), "TRACEPARENT", is_traceparent, limits::tracestate_bytes_max);
  o.tracestate = v.text("tracestate");
  if (v.text("trace").empty() && !o.trace.empty())
    o.tracestate = around_or(o.tracestate, "TRACESTATE", is_tracestate, limits::tracestate_bytes_max);
  o.baggage = around_or(v.text("baggage"), "BAGGAGE", is_baggage, limits::baggage_bytes_max);
}

// One of the words that an option takes; the first stands for none.
template <typename Word, std::size_t n>
client::Status word_of(const OptionValues& v, const std::string& option,
                       const std::array<std::string_view, n>& names, Word& out) {
  const auto& text = v.text(option);
  std::string accepted;
  for (std::size_t i = 0; i < n; ++i) {
    if (names[i] == text) {
      out = static_cast<Word>(i);
      return {};
    }
    if (i > 0) (accepted += i > 1 ? ", " : "") += names[i];
  }
  return tl::unexpected(bad("--" + option + " is '" + text + "'; accepted: " + accepted, "--" + option));
}

}  // namespace

void declare_submit(OptionTable& t) {
  t.text("payload", "", "JSON, or @FILE, or - for stdin", "JSON|@FILE|-");
  t.text("content-type", "", "of the payload; application/json unless given", "TYPE");
  t.number("count", 1, {1, 1'000'000'000}, "submit so many of them");
  t.text("queue", "", "default when not given", "QUEUE");
  t.text("tenant", "", "for whom; the principal's own when not given", "TENANT");
  t.number("priority", 5, {1, 10}, "10 goes first");
  t.duration("delay", 0, {0, INT64_C(86'400'000) * 36'600}, "not started before");
  t.text("at", "", "not started before this time: 2027-01-31T12:00:00Z, or a duration from now", "TIME");
  t.text("deadline", "", "expires when not ended by then: a time, or a duration from now", "TIME");
  t.duration("ttl", 0, {0, INT64_C(86'400'000) * 36'600}, "expires when queued for longer; 0: never");
  t.duration("timeout", 0, {0, INT64_C(86'400'000) * 36'600}, "of one attempt; 0: the queue's");
  t.text("batch", "", "count it together with the others of this name", "BATCH");
  t.text("approval", "", "somebody approves it first: award, release or both", "POINTS");
  t.duration("approval-timeout", 0, {0, INT64_C(86'400'000) * 366},
             "how long an approval may take; 0: for ever");
  t.text("approval-on-timeout", "", "what happens then: fail, approve, reject", "WHAT");
  t.texts("approver", "who may approve: a principal, or role:NAME; operators unless given", "WHO");
  t.number("max-attempts", 3, {1, 1000}, "failures until it becomes a dead letter");
  t.duration("backoff", 1000, {1, INT64_C(86'400'000) * 365},
             "pause before the next try: a random time up to this, twice as much after each failure");
  t.duration("backoff-max", 600'000, {1, INT64_C(86'400'000) * 365}, "and never more than this");
  t.number("max-losses", 3, {1, 1000}, "losses of its worker until it becomes a dead letter");
  t.texts("limit-key", "falls under the limits of this key (`limit set --key`, `queue set --limit`)", "KEY");
  t.text("idempotency-key", "", "the same key within 24 hours gives the first task's id", "KEY");
  t.text("unique-key", "", "the same as --unique", "KEY");
  t.text("trace", "", "W3C traceparent that the attempts are linked to; $TRACEPARENT unless given",
         "TRACEPARENT");
  t.text("tracestate", "", "W3C tracestate beside it; $TRACESTATE unless given", "TRACESTATE");
  t.text("baggage", "", "W3C baggage that agents are given; $BAGGAGE unless given", "BAGGAGE");
  t.text("unique", "", "while a task with this key has not ended there is no second one: its id instead",
         "KEY");
  t.text("unique-until", "", "the key is taken until the task's start or end", "start|end");
  t.duration("unique-for", 0, {0, INT64_C(86'400'000) * 31},
             "the key is taken for so long at most; 0: any time");
  t.text("on-conflict", "", "when the key is taken: reject, existing, replace or coalesce", "RULE");
  t.text("affinity-key", "", "tasks with one key like the same worker", "KEY");
  t.texts("feature", "a number or a word that tells who does it well: tokens=12000", "NAME=VALUE");
  t.text("agent", "", "preferred agent", "NAME");
  t.texts("capability", "that the agent must have", "WORD");
  t.texts("tool", "that the agent must have", "WORD");
  t.number("tier", 0, {0, 1'000'000}, "that the agent must have at least; 0: any");
  t.texts("require-label", "that the worker or its agent must have", "KEY=VALUE");
  t.texts("prefer-label", "that the worker or its agent would better have; others may get it too",
          "KEY=VALUE");
  t.texts("resource", "that must be free on the worker: gpu=1, memory=8Gi", "NAME=AMOUNT");
  t.text("description", "", "for people");
  t.texts("label", "label of the task", "KEY=VALUE");
  t.duration("retention", 0, {0, INT64_C(86'400'000) * 36'600},
             "how long the ended task is kept; 0: the queue's");
  t.flag("at-most-once", "never a second attempt");
  t.flag("wait", "wait for the end; the exit code tells how it went");
  t.duration("wait-timeout", 3'600'000, {0, INT64_C(86'400'000) * 30}, "how long --wait waits");
}

namespace {

// `task run echo hi` means the text "hi". What begins as JSON does and is none is a slip, no text.
client::Result<std::string> operand_payload(const std::string& text, bool json) {
  if (!json) return text;
  if (text == "-" || (text.size() > 1 && text[0] == '@')) return read_payload(text, json);
  if (is_json(text)) return text;
  const auto first = text.find_first_not_of(" \t\r\n");
  const bool begins_as_json =
      first != std::string::npos && std::string_view("{[\"").find(text[first]) != std::string_view::npos;
  return begins_as_json ? read_payload(text, json) : json_string(text);
}

}  // namespace

client::Result<std::string> payload_of(const OptionValues& values) {
  const auto& given = values.text("payload");
  bool operand = values.operands().size() > 1;
  if (operand && !given.empty())
    return tl::unexpected(bad("the payload is given twice: as an argument and --payload"));
  const auto& content_type = values.text("content-type");
  bool json = content_type.empty() || content_type == "application/json";
  if (operand) return operand_payload(values.operands()[1], json);
  if (given.empty()) return std::string(json ? "null" : "");
  return read_payload(given, json);
}

client::Result<std::string> read_payload(const std::string& given, bool json) {
  auto payload = given == "-" ? read_all("-") : given[0] == '@' ? read_all(given.substr(1)) : given;
  if (payload && json && !is_json(*payload))
    return tl::unexpected(
        bad("the payload is not JSON; quote texts ('\"hi\"'), or say what it is: --content-type text/plain",
            given));
  return payload;
}

client::Result<client::Features> features_of(const OptionValues& v) {
  client::Features out;
  for (const auto& text : v.texts("feature")) {
    const auto read = parse_feature(text);
    if (!read) return tl::unexpected(bad(read.error().message, "--feature"));
    const auto value =
        read->numeric ? client::Feature(read->number) : client::Feature(std::string(read->word));
    if (!out.emplace(read->name, value).second)
      return tl::unexpected(bad("feature '" + std::string(read->name) + "' is given twice", "--feature"));
  }
  return out;
}

client::Result<client::TaskOptions> options_of(const OptionValues& v, std::int64_t now_ms) {
  if (v.operands().empty())
    return tl::unexpected(bad("the type of the task is missing: hirehall task submit TYPE"));
  client::TaskOptions o;
  o.type = v.operands()[0];
  o.content_type = v.text("content-type");
  o.queue = v.text("queue");
  o.tenant = v.text("tenant");
  if (v.from("priority") != OptionValues::From::fallback) o.priority = static_cast<int>(v.number("priority"));
  o.delay_ms = v.number("delay");
  for (auto [name, member] : {std::pair{"at", &o.not_before}, {"deadline", &o.deadline}}) {
    if (v.text(name).empty()) continue;
    auto time = parse_time(v.text(name), now_ms);
    if (!time) {
      time.error().context = std::string("--") + name;
      return tl::unexpected(time.error());
    }
    *member = *time;
  }
  o.ttl_ms = v.number("ttl");
  o.timeout_ms = v.number("timeout");
  if (v.from("max-attempts") != OptionValues::From::fallback)
    o.max_attempts = static_cast<int>(v.number("max-attempts"));
  if (v.from("max-losses") != OptionValues::From::fallback)
    o.max_losses = static_cast<int>(v.number("max-losses"));
  if (v.from("backoff") != OptionValues::From::fallback) o.backoff_ms = v.number("backoff");
  if (v.from("backoff-max") != OptionValues::From::fallback) o.backoff_max_ms = v.number("backoff-max");
  o.limit_keys = v.texts("limit-key");
  o.idempotency_key = v.text("idempotency-key");
  o.unique_key = v.text(v.text("unique").empty() ? "unique-key" : "unique");
  o.unique_for_ms = v.number("unique-for");
  if (auto read = word_of(v, "unique-until", unique_until_names, o.unique_until); !read)
    return tl::unexpected(read.error());
  if (auto read = word_of(v, "on-conflict", on_conflict_names, o.on_conflict); !read)
    return tl::unexpected(read.error());
  o.affinity_key = v.text("affinity-key");
  auto features = features_of(v);
  if (!features) return tl::unexpected(features.error());
  o.features = std::move(*features);
  take_trace(v, o);
  o.agent = v.text("agent");
  o.description = v.text("description");
  o.retention_ms = v.number("retention");
  o.at_most_once = v.flag("at-most-once");
  o.batch = v.text("batch");
  o.approval = v.text("approval");
  o.approval_timeout_ms = v.number("approval-timeout");
  o.approval_on_timeout = v.text("approval-on-timeout");
  o.approvers = v.texts("approver");
  o.capabilities = v.texts("capability");
  o.tools = v.texts("tool");
  o.tier = v.number("tier");
  for (auto [option, pairs] : {std::pair{"label", &o.labels},
                               {"require-label", &o.required_labels},
                               {"prefer-label", &o.preferred_labels},
                               {"resource", &o.resources}})
    for (const auto& pair : v.texts(option)) {
      auto at = pair.find('=');
      if (at == std::string::npos || at == 0)
        return tl::unexpected(bad(std::string("--") + option + " takes KEY=VALUE", pair));
      (*pairs)[pair.substr(0, at)] = pair.substr(at + 1);
    }
  if (v.number("count") > 1 && !(o.idempotency_key.empty() && o.unique_key.empty()))
    return tl::unexpected(bad("one idempotency or unique key makes one task; leave --count out", "--count"));
  return o;
}

}  // namespace hirehall::cli
