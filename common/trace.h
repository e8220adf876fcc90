// W3C trace context, level 1: the traceparent of a task, and those of its attempts (docs/tracing.md).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace hirehall {

// version-traceid-parentid-flags in lower case; later versions may have more behind it.
bool is_traceparent(std::string_view text);

// What systems on the way have to say of the trace: up to 32 list members KEY=VALUE, each key once.
bool is_tracestate(std::string_view text);
// What the callers before hand on: up to 180 KEY=VALUE, each perhaps with ;PROPERTIES.
bool is_baggage(std::string_view text);

// Names in a trace: 32 and 16 hexadecimal digits.
struct SpanName {
  std::string trace, span;
  bool sampled = true;
};
SpanName span_of(std::string_view traceparent);  // of a valid one
std::string traceparent_of(const SpanName& name);

// They follow from the task's id and the attempt's number, so nobody has to keep them.
SpanName attempt_span(std::string_view raw_id, std::uint32_t attempt);
std::string task_span(std::string_view raw_id);  // 16 digits, in the trace that the task came from

}  // namespace hirehall
