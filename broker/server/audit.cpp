#include "broker/server/audit.h"

#include <algorithm>
#include <array>

#include "broker/server/metrics_text.h"
#include "broker/server/principals.h"
#include "common/ids.h"
#include "common/limits.h"
#include "common/msgpack.h"
#include "common/text.h"

namespace hirehall::server {

namespace {

using wire::Kind;

constexpr std::size_t items_shown_max = 8;
constexpr std::size_t depth_shown_max = 3;

// What only looks, or is what developers do all day, although not everybody may.
constexpr std::array everyday{Kind::submit, Kind::backup_status, Kind::backup_list, Kind::audit_list};

// Shown by their length: they may be secret, and are said elsewhere.
constexpr std::array<std::string_view, 4> hidden{"payload", "value", "token", "options"};

// One value for people. Ids as they are shown elsewhere, other bytes by their length: payloads stay out.
void show(msgpack::Reader& r, std::string& out, std::size_t depth) {
  if (depth > depth_shown_max || out.size() > limits::audit_text_bytes_max) return r.skip();
  switch (r.peek()) {
    case msgpack::Kind::str:
      out += clip(r.str(), limits::audit_text_bytes_max);
      return;
    case msgpack::Kind::bin: {
      const auto bytes = r.bin();
      const auto id = TaskId::from_raw(bytes);
      out += id ? id->text() : std::to_string(bytes.size()) + " bytes";
      return;
    }
    case msgpack::Kind::uint:
      out += std::to_string(r.uint());
      return;
    case msgpack::Kind::sint:
      out += std::to_string(r.sint());
      return;
    case msgpack::Kind::boolean:
      out += r.boolean() ? "true" : "false";
      return;
    case msgpack::Kind::array: {
      const auto n = r.array();
      out += "[";
      for (std::size_t i = 0; i < n && r.ok(); ++i) {
        if (i >= items_shown_max) {
          r.skip();
          continue;
        }
        if (i != 0) out += ", ";
        show(r, out, depth + 1);
      }
      if (n > items_shown_max) out += " and " + std::to_string(n - items_shown_max) + " more";
      out += "]";
      return;
    }
    case msgpack::Kind::map: {
      const auto n = r.map();
      out += "{";
      for (std::size_t i = 0; i < n && r.ok(); ++i) {
        if (i != 0) out += ", ";
        out += r.str();
        out += "=";
        show(r, out, depth + 1);
      }
      out += "}";
      return;
    }
    default:
      r.skip();
  }
}

void show_length(msgpack::Reader& r, std::string& out) {
  switch (r.peek()) {
    case msgpack::Kind::str:
      out += std::to_string(r.str().size()) + " bytes";
      return;
    case msgpack::Kind::bin:
      out += std::to_string(r.bin().size()) + " bytes";
      return;
    default:
      out += "…";
      r.skip();
  }
}

}  // namespace

bool privileged(Kind kind) {
  static const auto all = [] {
    std::array<bool, 256> acts{};
    for (std::size_t number = 0; number < acts.size(); ++number) {
      const auto one = static_cast<Kind>(number);
      acts[number] = is_request(one) && !role_may(Role::viewer, one) && !role_may(Role::worker, one) &&
                     std::find(everyday.begin(), everyday.end(), one) == everyday.end();
    }
    return acts;
  }();
  const auto number = static_cast<std::size_t>(kind);
  return number < all.size() && all[number];
}

std::string act_of(Kind kind) {
  const char* known = label_of(kind);
  return known != nullptr ? known : "request_" + std::to_string(static_cast<unsigned>(kind));
}

Described describe_request(std::string_view body) {
  Described out;
  msgpack::Reader r(body);
  if (r.peek() != msgpack::Kind::map) return out;
  const auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    const auto key = r.str();
    if (key == "reason" && r.peek() == msgpack::Kind::str) {
      out.reason = clip(r.str(), limits::audit_text_bytes_max);
      continue;
    }
    if (out.target.size() > limits::audit_text_bytes_max) {
      r.skip();
      continue;
    }
    if (!out.target.empty()) out.target += " ";
    out.target += clip(key, limits::name_bytes_max);
    out.target += "=";
    if (std::find(hidden.begin(), hidden.end(), key) != hidden.end())
      show_length(r, out.target);
    else
      show(r, out.target, 0);
  }
  out.target = std::string(clip(out.target, limits::audit_text_bytes_max));
  return out;
}

std::string result_of(std::string_view body) {
  msgpack::Reader r(body);
  if (r.peek() != msgpack::Kind::array) return "ok";
  const auto n = r.array();
  std::size_t good = 0;
  for (std::size_t i = 0; i < n && r.ok(); ++i) {
    if (r.peek() == msgpack::Kind::uint)
      good += r.uint() == 0;
    else
      r.skip(), ++good;
  }
  return good == n ? "ok" : std::to_string(good) + " of " + std::to_string(n);
}

bool was_refused(std::string_view result) {
  const auto name = result.substr(0, result.find(' '));
  for (std::size_t number = 1; number < code_numbers; ++number)
    if (is_code(number) && name_of(static_cast<Code>(number)) == name) return true;
  return false;
}

// --- between request and commit ---

void AuditDesk::begin(const std::string& connection, std::uint64_t request, engine::Audited act) {
  open_.emplace(std::pair{connection, request}, std::move(act));
}

void AuditDesk::answered(const std::string& connection, std::uint64_t request, std::size_t answer) {
  const auto at = open_.lower_bound({connection, request});
  if (at == open_.end() || at->first != std::pair{connection, request}) return;
  ended_.push_back({std::move(at->second), answer});
  open_.erase(at);
}

void AuditDesk::refused(const std::string& connection, std::uint64_t request, Code code, Millis now) {
  const auto at = open_.lower_bound({connection, request});
  if (at == open_.end() || at->first != std::pair{connection, request}) return;
  auto act = std::move(at->second);
  open_.erase(at);
  act.result = name_of(code);
  if (code != Code::denied || keep_denial(act, now)) add(std::move(act));
}

bool AuditDesk::keep_denial(engine::Audited& act, Millis now) {
  constexpr Millis minute = 60'000;
  auto& denials = denials_[act.who];
  if (now - denials.since >= minute || denials.since == 0) denials.since = now, denials.kept = 0;
  if (denials.kept == limits::audit_denied_per_minute) {
    ++denials.left_out;
    ++left_out_;
    return false;
  }
  ++denials.kept;
  if (const auto more = std::exchange(denials.left_out, 0); more != 0)
    act.result += " (" + std::to_string(more) + " more before were left out)";
  return true;
}

void AuditDesk::gone(const std::string& connection) {
  for (auto at = open_.lower_bound({connection, 0}); at != open_.end() && at->first.first == connection;) {
    at->second.result = "unanswered";
    add(std::move(at->second));
    at = open_.erase(at);
  }
}

}  // namespace hirehall::server
