// Spans as OTLP/HTTP takes them in JSON (docs/tracing.md).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "common/task.h"

namespace hirehall::server {

enum class SpanKind : std::uint8_t { internal = 1, producer = 4, consumer = 5 };

struct Span {
  std::string trace, id, parent;  // hexadecimal; no parent: the root of its trace
  std::string state;              // W3C tracestate of its trace
  std::string name;
  SpanKind kind = SpanKind::internal;
  Millis begin = 0, end = 0;  // wall clock
  std::vector<std::pair<std::string, std::variant<std::string, std::int64_t, double>>> attributes;
  struct Link {
    std::string trace, id, state = {};
  };
  std::vector<Link> links;
  bool failed = false;
  std::string error;  // of a failed one
};

// The body of one export request.
std::string encode_spans(std::span<const Span> spans);

// What the collector says to a request that it took: spans that it refused, and why.
struct PartialSuccess {
  std::uint64_t rejected = 0;
  std::string message;
};
PartialSuccess read_partial_success(std::string_view body);

}  // namespace hirehall::server
