#include "broker/server/spans.h"

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "common/version.h"

namespace hirehall::server {
namespace {

using Json = nlohmann::ordered_json;

Json text_attribute(std::string_view key, std::string_view value) {
  return {{"key", key}, {"value", {{"stringValue", value}}}};
}

// 64-bit numbers are texts in the JSON of protocol buffers.
struct AttributeValue {
  Json operator()(const std::string& value) const { return {{"stringValue", value}}; }
  Json operator()(std::int64_t value) const { return {{"intValue", std::to_string(value)}}; }
  Json operator()(double value) const { return {{"doubleValue", value}}; }
};

std::string nanoseconds(Millis ms) {
  return std::to_string(std::max<Millis>(ms, 0)) + "000000";
}

Json span_json(const Span& span) {
  constexpr int status_error = 2;
  Json out{{"traceId", span.trace}, {"spanId", span.id}};
  if (!span.state.empty()) out["traceState"] = span.state;
  if (!span.parent.empty()) out["parentSpanId"] = span.parent;
  out["name"] = span.name;
  out["kind"] = static_cast<int>(span.kind);
  out["startTimeUnixNano"] = nanoseconds(span.begin);
  out["endTimeUnixNano"] = nanoseconds(std::max(span.begin, span.end));
  auto& attributes = out["attributes"] = Json::array();
  for (const auto& [key, value] : span.attributes)
    attributes.push_back({{"key", key}, {"value", std::visit(AttributeValue{}, value)}});
  auto& links = out["links"] = Json::array();
  for (const auto& link : span.links) {
    Json told{{"traceId", link.trace}, {"spanId", link.id}};
    if (!link.state.empty()) told["traceState"] = link.state;
    links.push_back(std::move(told));
  }
  if (span.failed) out["status"] = {{"code", status_error}, {"message", span.error}};
  return out;
}

}  // namespace

std::string encode_spans(std::span<const Span> spans) {
  Json list = Json::array();
  for (const auto& span : spans) list.push_back(span_json(span));
  Json resource;
  resource["attributes"] = {text_attribute("service.name", "hirehall-broker"),
                            text_attribute("service.version", std::string(software_version()))};
  Json scope_spans;
  scope_spans["scope"] = {{"name", "hirehall"}, {"version", std::string(software_version())}};
  scope_spans["spans"] = std::move(list);
  Json resource_spans;
  resource_spans["resource"] = std::move(resource);
  resource_spans["scopeSpans"] = Json::array({std::move(scope_spans)});
  Json request;
  request["resourceSpans"] = Json::array({std::move(resource_spans)});
  // What peers named may be anything: bytes that are no UTF-8 are replaced.
  return request.dump(-1, ' ', false, Json::error_handler_t::replace);
}

PartialSuccess read_partial_success(std::string_view body) {
  PartialSuccess out;
  const auto answer = Json::parse(body, nullptr, false);
  if (!answer.is_object() || !answer.contains("partialSuccess")) return out;
  const auto& partial = answer["partialSuccess"];
  if (!partial.is_object()) return out;
  if (auto message = partial.find("errorMessage"); message != partial.end() && message->is_string())
    out.message = message->get<std::string>();
  auto rejected = partial.find("rejectedSpans");
  if (rejected == partial.end()) return out;
  if (rejected->is_number_unsigned()) out.rejected = rejected->get<std::uint64_t>();
  if (rejected->is_string()) out.rejected = std::strtoull(rejected->get<std::string>().c_str(), nullptr, 10);
  return out;
}

}  // namespace hirehall::server
