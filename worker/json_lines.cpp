#include "worker/json_lines.h"

#include <sodium.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/ids.h"
#include "common/limits.h"

namespace hirehall::worker {
namespace {

using nlohmann::json;

// Bytes that are not UTF-8 are shown as U+FFFD: a line must be JSON whatever an agent or a submitter wrote.
std::string line_of(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

std::string base64(std::string_view bytes) {
  constexpr int variant = sodium_base64_VARIANT_ORIGINAL;
  std::string out(sodium_base64_encoded_len(bytes.size(), variant), '\0');
  sodium_bin2base64(out.data(), out.size(), reinterpret_cast<const unsigned char*>(bytes.data()),
                    bytes.size(), variant);
  out.pop_back();  // its terminating zero
  return out;
}

std::optional<std::string> unbase64(const std::string& text) {
  std::string out(text.size(), '\0');
  std::size_t size = 0;
  if (sodium_base642bin(reinterpret_cast<unsigned char*>(out.data()), out.size(), text.data(), text.size(),
                        "\r\n ", &size, nullptr, sodium_base64_VARIANT_ORIGINAL) != 0)
    return std::nullopt;
  out.resize(size);
  return out;
}

bool is_json(std::string_view content_type) {
  return content_type.empty() || content_type.starts_with("application/json") ||
         content_type.ends_with("+json");
}

// The library reads any depth; writing it again takes a stack frame for each level, and that would be the
// worker's.
constexpr int json_depth_max = 500;
json parsed(std::string_view text) {
  bool deep = false;
  auto value = json::parse(
      text, [&](int depth, json::parse_event_t, json&) { return !(deep = deep || depth > json_depth_max); },
      false);
  return deep ? json(json::value_t::discarded) : value;
}

// Bytes under `key` as the JSON they are, else as base64 under `key`_base64.
void put_bytes(json& object, const std::string& key, std::string_view bytes, bool as_json) {
  if (as_json) {
    auto value = parsed(bytes);
    if (!value.is_discarded()) {
      object[key] = std::move(value);
      return;
    }
  }
  object[key + "_base64"] = base64(bytes);
}

json to_json(msgpack::Reader& r, std::size_t depth) {
  if (depth > limits::depth_max) return r.fail(), json();
  switch (r.peek()) {
    case msgpack::Kind::nil:
      r.skip_nil();
      return {};
    case msgpack::Kind::boolean:
      return r.boolean();
    case msgpack::Kind::uint:
      return r.uint();
    case msgpack::Kind::sint:
      return r.sint();
    case msgpack::Kind::real:
      return r.real();
    case msgpack::Kind::str:
      return std::string(r.str());
    case msgpack::Kind::bin:
      return base64(r.bin());
    case msgpack::Kind::array: {
      json out = json::array();
      auto n = r.array();
      for (std::size_t i = 0; i < n && r.ok(); ++i) out.push_back(to_json(r, depth + 1));
      return out;
    }
    case msgpack::Kind::map: {
      json out = json::object();
      auto n = r.map();
      for (std::size_t i = 0; i < n && r.ok(); ++i) {
        std::string key(r.str());
        out[key] = to_json(r, depth + 1);
      }
      return out;
    }
    case msgpack::Kind::invalid:
      break;
  }
  r.fail();
  return {};
}

void put_extras(json& run, std::string_view extras) {
  if (extras.empty()) return;
  msgpack::Reader r(extras);
  auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    std::string key(r.str());
    if (key == "checkpoint" || key == "answer")
      put_bytes(run, key, r.bin(), true);
    else
      run[key] = to_json(r, 0);
  }
}

std::string text_of(const json& object, const char* key, std::size_t max) {
  auto it = object.find(key);
  if (it == object.end() || !it->is_string()) return {};
  return it->get_ref<const std::string&>().substr(0, max);
}

std::int64_t number_of(const json& object, const char* key) {
  auto it = object.find(key);
  if (it == object.end() || !it->is_number()) return 0;
  if (it->is_number_integer()) return std::max<std::int64_t>(0, it->get<std::int64_t>());
  return static_cast<std::int64_t>(std::clamp(it->get<double>(), 0.0, 9e15));
}

std::string compact(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

void pack(msgpack::Writer& w, const json& value) {
  switch (value.type()) {
    case json::value_t::null:
      return w.nil();
    case json::value_t::boolean:
      return w.boolean(value.get<bool>());
    case json::value_t::number_integer:
      return w.sint(value.get<std::int64_t>());
    case json::value_t::number_unsigned:
      return w.uint(value.get<std::uint64_t>());
    case json::value_t::number_float:
      return w.real(value.get<double>());
    case json::value_t::string:
      return w.str(value.get_ref<const std::string&>());
    case json::value_t::array:
      w.array(value.size());
      for (const auto& one : value) pack(w, one);
      return;
    case json::value_t::object:
      w.map(value.size());
      for (const auto& [key, one] : value.items()) w.str(key), pack(w, one);
      return;
    default:
      return w.nil();
  }
}

std::string pack_question(const json& value) {
  std::string pairs, out;
  msgpack::Writer w(pairs);
  std::size_t count = 0;
  for (const auto* key : {"question", "options", "form", "timeout_ms", "who"})
    if (auto at = value.find(key); at != value.end() && !at->is_null()) w.str(key), pack(w, *at), ++count;
  if (auto at = value.find("default"); at != value.end()) w.entry_bin("default", compact(*at)), ++count;
  if (count == 0) return {};
  msgpack::Writer(out).map(count);
  return out + pairs;
}

// {"answer": {"task": ID, "value": any, "reason": "…"}}
Status read_answer(const json& value, Utterance& out) {
  auto id = TaskId::parse(text_of(value, "task", limits::name_bytes_max));
  if (!id || !value.contains("value"))
    return fail(Code::bad_message, "answer takes the id of a task and a value");
  out.what = Utterance::What::answer;
  msgpack::Writer w(out.data);
  w.map(3);
  w.entry_bin("id", id->raw());
  w.entry_bin("value", compact(value.at("value")));
  w.entry("reason", text_of(value, "reason", limits::error_bytes_max));
  return {};
}

Status read_result(const json& line, Utterance& out) {
  out.what = Utterance::What::outcome;
  out.outcome = Outcome::succeeded;
  out.result_type = text_of(line, "content_type", limits::name_bytes_max);
  if (auto it = line.find("result_base64"); it != line.end() && it->is_string()) {
    auto bytes = unbase64(it->get_ref<const std::string&>());
    if (!bytes) return fail(Code::bad_message, "result_base64 is not base64");
    out.data = std::move(*bytes);
    if (out.result_type.empty()) out.result_type = "application/octet-stream";
    return {};
  }
  out.data = compact(line.at("result"));
  return {};
}

void read_end(const std::string& key, const json& value, Utterance& out) {
  out.what = Utterance::What::outcome;
  out.delay_ms = number_of(value, "delay_ms");
  out.error = value.is_string() ? value.get<std::string>() : text_of(value, "error", limits::error_bytes_max);
  out.error.resize(std::min(out.error.size(), limits::error_bytes_max));
  out.error_code = text_of(value, "code", limits::name_bytes_max);
  if (key == "failed") {
    auto final_ = value.find("final");
    bool for_good = value.is_object() && final_ != value.end() && final_->is_boolean() && final_->get<bool>();
    out.outcome = for_good ? Outcome::failed_final : Outcome::failed;
    out.service = text_of(value, "service", limits::name_bytes_max);
  } else if (key == "snoozed") {
    out.outcome = Outcome::snoozed;
  } else if (key == "suspended") {
    out.outcome = Outcome::suspended;
    out.on = value.is_string() ? value.get<std::string>() : text_of(value, "on", limits::name_bytes_max);
    if (value.is_object()) out.question = pack_question(value);
    out.error.clear();
  } else {
    out.outcome = key == "cancelled" ? Outcome::cancelled : Outcome::interrupted;
  }
}

}  // namespace

std::string agent_line(const Definition& d) {
  return line_of({{"agent", {{"name", d.name}, {"version", d.version}, {"prompt", d.prompt}}}});
}

std::string run_line(const Attempt& a, const Shape& shape) {
  json run = {{"type", shape.type}, {"queue", shape.queue}, {"tenant", shape.tenant}, {"attempt", a.attempt}};
  auto id = TaskId::from_raw(a.id);
  run["id"] = id ? id->text() : base64(a.id);
  run["content_type"] = shape.content_type.empty() ? "application/json" : shape.content_type;
  put_bytes(run, "payload", a.payload, is_json(shape.content_type));
  put_extras(run, a.extras);
  return line_of({{"run", std::move(run)}});
}

std::string cancel_line(std::string_view reason) {
  return line_of({{"cancel", {{"reason", std::string(reason)}}}});
}

std::string question_of(std::string_view text) {
  auto value = parsed(text);
  return value.is_object() ? pack_question(value) : std::string();
}

std::string bid_line(const BidCall& call) {
  json what{{"round", call.round},
            {"type", call.type},
            {"queue", call.queue},
            {"tenant", call.tenant},
            {"content_type", call.content_type},
            {"payload_bytes", call.payload_bytes},
            {"priority", call.priority},
            {"left_ms", call.left_ms}};
  if (call.deadline != 0) what["deadline"] = call.deadline;
  if (call.effort_ms != 0) what["effort_ms"] = call.effort_ms;
  if (!call.features.empty()) {
    msgpack::Reader features(call.features);
    what["features"] = to_json(features, 0);
  }
  return line_of({{"bid", std::move(what)}});
}

std::optional<SaidBid> read_bid(std::string_view text) {
  const auto line = parsed(text);
  if (line.is_discarded()) return SaidBid{std::nullopt, "its answer is no JSON"};
  if (!line.is_object() || !line.contains("bid")) return std::nullopt;
  const json& value = line["bid"];
  if (value.is_number()) return SaidBid{value.get<double>(), {}};
  if (value.is_null()) return SaidBid{};
  return SaidBid{std::nullopt,
                 "its bid is no number and not null, but of type " + std::string(value.type_name())};
}

Result<Utterance> read_utterance(std::string_view text) {
  auto line = parsed(text);
  if (line.is_discarded() || !line.is_object() || line.empty())
    return fail(Code::bad_message, "not a JSON object: " + std::string(text.substr(0, 200)));
  Utterance out;
  if (line.contains("result") || line.contains("result_base64")) {
    if (auto s = read_result(line, out); !s) return tl::unexpected(s.error());
    return out;
  }
  const auto& key = line.begin().key();
  const json& value = line.begin().value();
  if (key == "failed" || key == "snoozed" || key == "suspended" || key == "cancelled" ||
      key == "interrupted") {
    read_end(key, value, out);
  } else if (key == "progress") {
    out.what = Utterance::What::progress;
    out.done = static_cast<std::uint64_t>(number_of(value, "done"));
    out.total = static_cast<std::uint64_t>(number_of(value, "total"));
    out.message = text_of(value, "message", limits::log_line_bytes_max);
  } else if (key == "answer") {
    if (auto read = read_answer(value, out); !read) return tl::unexpected(read.error());
  } else if (key == "checkpoint") {
    out.what = Utterance::What::checkpoint;
    out.data = compact(value);
  } else if (key == "log") {
    out.what = Utterance::What::log;
    out.data = value.is_string() ? value.get<std::string>() : compact(value);
  } else if (key == "usage" && value.is_object()) {
    out.what = Utterance::What::usage;
    for (const auto& [what, amount] : value.items())
      if (amount.is_number()) out.usage.emplace_back(what, amount.get<double>());
  } else {
    return fail(Code::bad_message, "unknown word '" + key + "': see docs/agents.md");
  }
  return out;
}

}  // namespace hirehall::worker
