#include "common/task.h"

#include <algorithm>

#include "common/approval.h"
#include "common/task_features.h"
#include "common/trace.h"

namespace hirehall {
namespace {

constexpr std::array<std::string_view, state_count> state_names{
    "", "scheduled", "ready", "leased", "suspended", "succeeded", "failed", "cancelled", "expired"};
constexpr std::array<std::string_view, 5> suspended_names{"", "input", "approval", "signal", "children"};
constexpr std::array<std::string_view, outcome_count> outcome_names{
    "succeeded", "failed",  "failed_final", "timed_out", "interrupted",
    "cancelled", "snoozed", "suspended",    "lost"};

using msgpack::Reader;
using msgpack::Writer;

void write_value(Writer& w, const std::string& v) {
  w.str(v);
}
void write_value(Writer& w, std::int64_t v) {
  w.sint(v);
}
void write_value(Writer& w, std::uint64_t v) {
  w.uint(v);
}
void write_value(Writer& w, Delivery v) {
  w.uint(static_cast<std::uint64_t>(v));
}
void write_value(Writer& w, UniqueUntil v) {
  w.str(unique_until_names.at(static_cast<std::size_t>(v)));
}
void write_value(Writer& w, OnConflict v) {
  w.str(on_conflict_names.at(static_cast<std::size_t>(v)));
}
void write_value(Writer& w, const StringMap& v) {
  w.map(v.size());
  for (const auto& [key, value] : v) w.entry(key, value);
}
void write_value(Writer& w, const std::vector<std::string>& v) {
  w.array(v.size());
  for (const auto& s : v) w.str(s);
}
void write_value(Writer& w, const Requirements& v) {
  std::size_t n =
      !v.capabilities.empty() + !v.tools.empty() + !v.labels.empty() + (v.tier != 0) + !v.resources.empty();
  w.map(n);
  if (!v.capabilities.empty()) w.str("capabilities"), write_value(w, v.capabilities);
  if (!v.labels.empty()) w.str("labels"), write_value(w, v.labels);
  if (!v.resources.empty()) w.str("resources"), write_value(w, v.resources);
  if (v.tier != 0) w.entry_sint("tier", v.tier);
  if (!v.tools.empty()) w.str("tools"), write_value(w, v.tools);
}

void read_value(Reader& r, std::string& v) {
  v = r.str();
}
void read_value(Reader& r, std::int64_t& v) {
  v = r.sint();
}
void read_value(Reader& r, std::uint64_t& v) {
  v = r.uint();
}
void read_value(Reader& r, Delivery& v) {
  if (r.peek() == msgpack::Kind::str) {
    auto s = r.str();
    if (s == "at_most_once")
      v = Delivery::at_most_once;
    else if (s == "at_least_once")
      v = Delivery::at_least_once;
    else
      r.fail();
    return;
  }
  auto n = r.uint();
  if (n > 1) r.fail();
  v = static_cast<Delivery>(n & 1u);
}
template <typename Word, std::size_t n>
void read_word(Reader& r, Word& v, const std::array<std::string_view, n>& names) {
  const auto* at = std::ranges::find(names, r.str());
  if (at == names.end()) return r.fail();
  v = static_cast<Word>(at - names.begin());
}
void read_value(Reader& r, UniqueUntil& v) {
  read_word(r, v, unique_until_names);
}
void read_value(Reader& r, OnConflict& v) {
  read_word(r, v, on_conflict_names);
}
void read_value(Reader& r, StringMap& v) {
  v.clear();
  auto n = r.map();
  for (std::size_t i = 0; i < n && r.ok(); ++i) {
    auto key = r.str();
    if (r.peek() == msgpack::Kind::str)
      v.insert_or_assign(std::string(key), std::string(r.str()));
    else
      v.insert_or_assign(std::string(key), std::to_string(r.sint()));
  }
}
void read_value(Reader& r, std::vector<std::string>& v) {
  v.clear();
  auto n = r.array();
  for (std::size_t i = 0; i < n && r.ok(); ++i) v.emplace_back(r.str());
}
void read_value(Reader& r, Requirements& v) {
  v = {};
  auto n = r.map();
  for (std::size_t i = 0; i < n && r.ok(); ++i) {
    auto key = r.str();
    if (key == "capabilities")
      read_value(r, v.capabilities);
    else if (key == "tools")
      read_value(r, v.tools);
    else if (key == "labels")
      read_value(r, v.labels);
    else if (key == "tier")
      v.tier = r.sint();
    else if (key == "resources")
      read_value(r, v.resources);
    else
      r.skip();
  }
  std::sort(v.capabilities.begin(), v.capabilities.end());
  std::sort(v.tools.begin(), v.tools.end());
}

// Calls visit(number, wire key, member, is raw msgpack) for each option. The only list of them.
template <typename Options, typename Visit>
void each_option(Options& o, Visit&& visit) {
  visit(2u, "type", o.type, false);
  visit(3u, "description", o.description, false);
  visit(4u, "content_type", o.content_type, false);
  visit(5u, "queue", o.queue, false);
  visit(6u, "tenant", o.tenant, false);
  visit(7u, "submitter", o.submitter, false);
  visit(8u, "priority", o.priority, false);
  visit(9u, "not_before", o.not_before, false);
  visit(10u, "deadline", o.deadline, false);
  visit(11u, "ttl_ms", o.ttl_ms, false);
  visit(12u, "timeout_ms", o.timeout_ms, false);
  visit(13u, "max_attempts", o.retry.max_attempts, false);
  visit(14u, "backoff_ms", o.retry.backoff_ms, false);
  visit(15u, "backoff_max_ms", o.retry.backoff_max_ms, false);
  visit(16u, "max_losses", o.retry.max_losses, false);
  visit(17u, "labels", o.labels, false);
  visit(18u, "context", o.context, true);
  visit(19u, "requires", o.requirements, false);
  visit(20u, "agent", o.agent, false);
  visit(21u, "affinity_key", o.affinity_key, false);
  visit(22u, "limit_keys", o.limit_keys, false);
  visit(23u, "unique_key", o.unique_key, false);
  visit(24u, "idempotency_key", o.idempotency_key, false);
  visit(25u, "effort_ms", o.effort_ms, false);
  visit(26u, "budget", o.budget, true);
  visit(27u, "policies", o.policies, true);
  visit(28u, "retention_ms", o.retention_ms, false);
  visit(29u, "trace", o.trace, false);
  visit(30u, "parent", o.parent, false);
  visit(31u, "workflow", o.workflow, false);
  visit(32u, "trigger", o.trigger, false);
  visit(33u, "replay_of", o.replay_of, false);
  visit(34u, "schema", o.schema, false);
  visit(35u, "delivery", o.delivery, false);
  visit(36u, "producer", o.producer, false);
  visit(40u, "batch", o.batch, false);
  visit(50u, "unique_until", o.unique_until, false);
  visit(51u, "unique_for_ms", o.unique_for_ms, false);
  visit(52u, "on_conflict", o.on_conflict, false);
  visit(58u, "tracestate", o.tracestate, false);
  visit(59u, "baggage", o.baggage, false);
  visit(60u, "features", o.features, true);
  visit(61u, "preferred_labels", o.preferred_labels, false);
}

const TaskOptions& defaults() {
  static const TaskOptions value;
  return value;
}

// Pairs of (number or key) that differ from those of `plain`, in the order of their numbers.
template <typename WriteKey>
std::size_t write_changed(Writer& w, const TaskOptions& options, const TaskOptions& plain, bool broker_fields,
                          WriteKey&& write_key) {
  std::size_t n = 0;
  std::array<const void*, 64> default_of{};
  each_option(plain,
              [&](unsigned number, const char*, const auto& member, bool) { default_of[number] = &member; });
  each_option(options, [&](unsigned number, const char* key, const auto& member, bool raw) {
    using Member = std::decay_t<decltype(member)>;
    if (member == *static_cast<const Member*>(default_of[number])) return;
    if (!broker_fields && (number == 7 || number == 36)) return;
    write_key(number, key);
    if constexpr (std::is_same_v<Member, std::string>) {
      if (raw)
        w.raw(member);
      else
        write_value(w, member);
    } else {
      (void)raw;
      write_value(w, member);
    }
    ++n;
  });
  return n;
}

std::size_t depth_of(Reader& r, std::size_t depth) {
  if (depth > limits::depth_max) return depth;
  std::size_t deepest = depth;
  if (r.peek() == msgpack::Kind::map) {
    auto n = r.map();
    for (std::size_t i = 0; i < n && r.ok(); ++i) {
      r.skip();
      deepest = std::max(deepest, depth_of(r, depth + 1));
    }
  } else if (r.peek() == msgpack::Kind::array) {
    auto n = r.array();
    for (std::size_t i = 0; i < n && r.ok(); ++i) deepest = std::max(deepest, depth_of(r, depth + 1));
  } else {
    r.skip();
  }
  return deepest;
}

template <typename Member>
void read_member(Reader& r, Member& member, [[maybe_unused]] bool raw) {
  if constexpr (std::is_same_v<Member, std::string>) {
    if (raw) {
      member = std::string(r.raw());
      return;
    }
  }
  read_value(r, member);
}

Status out_of_range(const char* option, const std::string& value, const std::string& range) {
  return fail(Code::invalid, std::string(option) + " is " + value + "; accepted: " + range, option);
}

Status check_size(const char* option, std::string_view value, std::size_t max) {
  if (value.size() <= max) return {};
  return out_of_range(option, std::to_string(value.size()) + " bytes long", "at most " + std::to_string(max));
}

Status check_range(const char* option, std::int64_t value, std::int64_t low, std::int64_t high) {
  if (value >= low && value <= high) return {};
  return out_of_range(option, std::to_string(value), std::to_string(low) + " to " + std::to_string(high));
}

Status check_preferred_labels(const TaskOptions& o) {
  constexpr const char* option = "preferred_labels";
  if (o.preferred_labels.size() > limits::preferred_labels_max)
    return out_of_range(option, std::to_string(o.preferred_labels.size()) + " pairs",
                        "at most " + std::to_string(limits::preferred_labels_max));
  for (const auto& [key, value] : o.preferred_labels) {
    if (key.empty())
      return fail(Code::invalid, "a preferred label has no key; accepted: KEY=VALUE with a key", option);
    if (std::max(key.size(), value.size()) > limits::name_bytes_max)
      return out_of_range(
          option,
          "a label with " + std::to_string(std::max(key.size(), value.size())) + " bytes in its key or value",
          "at most " + std::to_string(limits::name_bytes_max) + " each");
    const auto required = o.requirements.labels.find(key);
    if (required != o.requirements.labels.end() && required->second == value)
      return fail(Code::invalid,
                  "the preferred label " + key + "=" + value +
                      " is required as well: whoever gets the task has it; leave one of the two out",
                  option);
  }
  return {};
}

// A tracestate says something of a trace; baggage may travel without one.
Status check_trace_luggage(const TaskOptions& o) {
  if (auto s = check_size("tracestate", o.tracestate, limits::tracestate_bytes_max); !s) return s;
  if (auto s = check_size("baggage", o.baggage, limits::baggage_bytes_max); !s) return s;
  if (!o.tracestate.empty() && o.trace.empty())
    return fail(Code::invalid, "tracestate goes with a trace: give that too, or neither", "tracestate");
  if (!o.tracestate.empty() && !is_tracestate(o.tracestate))
    return fail(Code::invalid,
                "tracestate is not up to 32 different KEY=VALUE with commas between, as W3C has them: " +
                    o.tracestate,
                "tracestate");
  if (!o.baggage.empty() && !is_baggage(o.baggage))
    return fail(Code::invalid,
                "baggage is not up to 180 KEY=VALUE with commas between, as W3C has them: " + o.baggage,
                "baggage");
  return {};
}

}  // namespace

std::string_view name_of(State s) {
  return state_names.at(static_cast<std::size_t>(s));
}
std::string_view name_of(SuspendedOn on) {
  return suspended_names.at(static_cast<std::size_t>(on));
}
std::string_view name_of(Outcome o) {
  return outcome_names.at(static_cast<std::size_t>(o));
}

std::optional<State> state_from_name(std::string_view name) {
  for (std::size_t i = 1; i < state_names.size(); ++i)
    if (state_names[i] == name) return static_cast<State>(i);
  return std::nullopt;
}

bool Requirements::empty() const {
  return capabilities.empty() && tools.empty() && labels.empty() && tier == 0 && resources.empty();
}

Status read_wire_options(Reader& r, TaskOptions& options) {
  auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    auto key = r.str();
    if (key == "delay_ms") {
      options.delay_ms = r.sint();
      if (r.ok()) continue;
      return fail(Code::bad_message, "option has a value of the wrong type", std::string(key));
    }
    bool known = false;
    each_option(options, [&](unsigned number, const char* name, auto& member, bool raw) {
      if (known || key != name) return;
      known = true;
      if (number == 7 || number == 36) return r.skip();  // the broker's to say
      read_member(r, member, raw);
    });
    if (!known) r.skip();
    if (!r.ok() && (key == "unique_until" || key == "on_conflict"))
      return fail(
          Code::bad_message,
          key == "on_conflict" ? "accepted: reject, existing, replace, coalesce" : "accepted: start, end",
          std::string(key));
    if (!r.ok()) return fail(Code::bad_message, "option has a value of the wrong type", std::string(key));
  }
  if (!r.ok()) return fail(Code::bad_message, "options are not a map with string keys");
  return {};
}

void write_wire_options(Writer& w, const TaskOptions& options) {
  std::string body;
  Writer inner(body);
  auto n =
      write_changed(inner, options, defaults(), false, [&](unsigned, const char* key) { inner.str(key); });
  if (options.delay_ms != 0) inner.entry_sint("delay_ms", options.delay_ms), ++n;
  w.map(n);
  w.raw(body);
}

std::string encode_options(const TaskOptions& options) {
  return encode_difference(options, defaults());
}

std::string encode_difference(const TaskOptions& options, const TaskOptions& base) {
  std::string body;
  Writer inner(body);
  auto n =
      write_changed(inner, options, base, true, [&](unsigned number, const char*) { inner.uint(number); });
  // Unknown pairs were kept as one encoded sequence: a count, then the pairs.
  std::size_t kept = 0;
  std::string_view pairs;
  if (!options.unknown.empty() && options.unknown != base.unknown) {
    Reader r(options.unknown);
    kept = r.uint();
    pairs = std::string_view(r.position(), r.remaining());
  }
  std::string out;
  Writer w(out);
  w.map(n + kept);
  w.raw(body);
  w.raw(pairs);
  return out;
}

Result<TaskOptions> decode_options(std::string_view bytes) {
  return merge_options({}, bytes);
}

Result<TaskOptions> merge_options(TaskOptions options, std::string_view difference) {
  Reader r(difference);
  std::string unknown;
  std::size_t unknown_count = 0;
  auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    auto key = r.uint();
    bool known = false;
    each_option(options, [&](unsigned number, const char*, auto& member, bool raw) {
      if (known || key != number) return;
      known = true;
      read_member(r, member, raw);
    });
    if (!known) {
      Writer(unknown).uint(key);
      unknown += r.raw();
      ++unknown_count;
    }
  }
  if (!r.finished()) return fail(Code::corrupt, "stored task options are malformed");
  if (unknown_count > 0) {
    options.unknown.clear();
    Writer(options.unknown).uint(unknown_count);
    options.unknown += unknown;
  }
  return options;
}

Status validate(const TaskOptions& o) {
  constexpr Millis year_ms = 366ll * 24 * 3600 * 1000;
  constexpr Millis time_max = 1ll << 48;  // some 8,900 years
  constexpr Millis unique_for_ms_max = 31ll * 24 * 3600 * 1000;
  for (auto& [option, value] : {std::pair<const char*, std::string_view>{"type", o.type},
                                {"queue", o.queue},
                                {"tenant", o.tenant},
                                {"agent", o.agent},
                                {"content_type", o.content_type},
                                {"trace", o.trace},
                                {"parent", o.parent},
                                {"workflow", o.workflow},
                                {"trigger", o.trigger},
                                {"replay_of", o.replay_of},
                                {"schema", o.schema},
                                {"batch", o.batch}})
    if (auto s = check_size(option, value, limits::name_bytes_max); !s) return s;
  for (auto& [option, value] : {std::pair<const char*, std::string_view>{"affinity_key", o.affinity_key},
                                {"unique_key", o.unique_key},
                                {"idempotency_key", o.idempotency_key}})
    if (auto s = check_size(option, value, limits::key_bytes_max); !s) return s;
  if (auto s = check_size("description", o.description, limits::description_bytes_max); !s) return s;
  if (o.type.empty() && o.description.empty())
    return fail(Code::invalid, "a task needs a type (or a description to find one by)", "type");
  if (o.priority != 0)
    if (auto s = check_range("priority", o.priority, limits::priority_min, limits::priority_max); !s)
      return s;
  if (auto s = check_range("delay_ms", o.delay_ms, 0, 100 * year_ms); !s) return s;
  if (auto s = check_range("not_before", o.not_before, 0, time_max); !s) return s;
  if (auto s = check_range("deadline", o.deadline, 0, time_max); !s) return s;
  if (auto s = check_range("ttl_ms", o.ttl_ms, 0, 100 * year_ms); !s) return s;
  if (auto s = check_range("timeout_ms", o.timeout_ms, 0, 100 * year_ms); !s) return s;
  if (auto s = check_range("retention_ms", o.retention_ms, 0, 100 * year_ms); !s) return s;
  if (auto s = check_range("effort_ms", o.effort_ms, 0, 100 * year_ms); !s) return s;
  if (auto s = check_range("max_attempts", o.retry.max_attempts, 1, limits::attempts_max); !s) return s;
  if (auto s = check_range("max_losses", o.retry.max_losses, 1, limits::attempts_max); !s) return s;
  if (auto s = check_range("backoff_ms", o.retry.backoff_ms, 0, year_ms); !s) return s;
  if (auto s = check_range("backoff_max_ms", o.retry.backoff_max_ms, 0, year_ms); !s) return s;
  if (o.labels.size() > limits::labels_max)
    return out_of_range("labels", std::to_string(o.labels.size()) + " pairs", "at most 64");
  if (o.limit_keys.size() > limits::limit_keys_max)
    return out_of_range("limit_keys", std::to_string(o.limit_keys.size()) + " keys", "at most 8");
  if (auto s = check_range("unique_for_ms", o.unique_for_ms, 0, unique_for_ms_max); !s) return s;
  if (o.unique_key.empty() &&
      (o.unique_until != UniqueUntil::unsaid || o.unique_for_ms != 0 || o.on_conflict != OnConflict::unsaid))
    return fail(Code::invalid,
                "unique_until, unique_for_ms and on_conflict say what a unique key means: give unique_key",
                "unique_key");
  for (const auto& key : o.limit_keys)
    if (auto s = check_size("limit_keys", key, limits::key_bytes_max); !s) return s;
  if (!o.policies.empty())
    if (auto approval = read_approval(o.policies); !approval) return tl::unexpected<Error>(approval.error());
  if (!o.trace.empty() && !is_traceparent(o.trace))
    return fail(Code::invalid,
                "trace is not a W3C traceparent, 00-TRACE-SPAN-FLAGS in lower case: " + o.trace, "trace");
  if (!o.tracestate.empty() || !o.baggage.empty())
    if (auto s = check_trace_luggage(o); !s) return s;
  if (!o.features.empty())
    if (auto s = check_features(o.features); !s) return s;
  if (!o.preferred_labels.empty())
    if (auto s = check_preferred_labels(o); !s) return s;
  if (!o.context.empty()) {
    Reader r(o.context);
    if (r.peek() != msgpack::Kind::map) return fail(Code::invalid, "context is not a map", "context");
    if (depth_of(r, 0) > limits::context_depth_max)
      return out_of_range("context", "nested too deep", "at most 5 levels");
  }
  return {};
}

}  // namespace hirehall
