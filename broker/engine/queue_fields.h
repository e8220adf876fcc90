// The settings of a queue one by one, each with its range: for the wire, for the file of queues, and for
// telling what a person has set from what the file has.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "broker/engine/facts_frame.h"

namespace hirehall::engine {

struct QueueField {
  std::string_view name;
  std::int64_t low, high;
  std::int64_t (*get)(const QueueSettings&);
  void (*set)(QueueSettings&, std::int64_t);
};
std::span<const QueueField> queue_fields();
const QueueField* queue_field(std::string_view name);

inline constexpr std::int64_t tenant_weight_max = 1000;
inline constexpr std::int64_t limit_max = INT32_MAX;

// All that is set at once: fields by name, and `tenants/NAME`, `limits/KEY` for the entries of those maps.
using QueueValues = std::map<std::string, std::int64_t, std::less<>>;

// Nothing: there is no such entry.
std::optional<std::int64_t> queue_value(const QueueSettings& settings, std::string_view name);
void set_queue_value(QueueSettings& settings, std::string_view name, std::optional<std::int64_t> value);

}  // namespace hirehall::engine
