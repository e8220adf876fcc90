#include "common/approval.h"

#include <algorithm>

namespace hirehall {
namespace {

template <std::size_t N>
std::optional<std::int64_t> index_of(const std::array<std::string_view, N>& names, std::string_view name) {
  const auto* at = std::find(names.begin(), names.end(), name);
  if (at == names.end()) return std::nullopt;
  return at - names.begin();
}

tl::unexpected<Error> wrong(std::string what) {
  return fail(Code::invalid, std::move(what), "policies");
}

}  // namespace

std::optional<std::int64_t> approval_points(std::string_view name) {
  return index_of(approval_names, name);
}

std::optional<std::int64_t> lapse_of(std::string_view name) {
  return index_of(lapse_names, name);
}

Result<Approval> read_approval(std::string_view policies) {
  Approval out;
  if (policies.empty()) return out;
  msgpack::Reader r(policies);
  if (r.peek() != msgpack::Kind::map) return wrong("policies is not a map");
  auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    auto key = r.str();
    if (key == "approval") {
      auto name = r.str();
      if (!r.ok()) break;
      auto points = approval_points(name);
      if (!points)
        return wrong("approval is '" + std::string(name) + "'; accepted: none, award, release, both");
      out.points = static_cast<std::uint8_t>(*points);
    } else if (key == "approval_on_timeout") {
      auto name = r.str();
      if (!r.ok()) break;
      auto lapse = lapse_of(name);
      if (!lapse)
        return wrong("approval_on_timeout is '" + std::string(name) + "'; accepted: fail, approve, reject");
      out.lapse = static_cast<Lapse>(*lapse);
    } else if (key == "approval_timeout_ms") {
      out.timeout_ms = r.sint();
      if (out.timeout_ms < 0 || out.timeout_ms > limits::question_timeout_max_ms)
        return wrong("approval_timeout_ms is " + std::to_string(out.timeout_ms) + "; accepted: 0 to a year");
    } else if (key == "approvers") {
      auto n = r.array();
      if (n > limits::approvers_max) return wrong("at most 32 approvers can be named");
      for (std::size_t k = 0; k < n && r.ok(); ++k) out.approvers.emplace_back(r.str());
    } else {
      r.skip();
    }
  }
  if (!r.finished()) return wrong("a value of policies has the wrong type");
  return out;
}

}  // namespace hirehall
