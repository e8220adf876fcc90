// Whether a task that has a deadline will end in time, as far as what was learned of its type can tell.
#pragma once

#include <cstdint>
#include <string_view>

#include "broker/engine/engine.h"
#include "common/msgpack.h"
#include "scheduler/prediction.h"

namespace hirehall::server {

// What an estimate starts from. Times in engine time.
struct Dated {
  std::string_view type;
  Millis deadline = 0;
  Millis begins = 0;               // of a scheduled one: not before; of a leased one: when it did; else now
  std::uint64_t ahead = 0;         // tasks that go before it
  std::string_view features = {};  // encoded
};

enum class Outlook : std::uint8_t { unknown, likely, doubtful, unlikely };
std::string_view name_of(Outlook outlook);

struct DeadlineOutlook {
  Outlook outlook = Outlook::unknown;  // unknown: nothing was learned of the type yet, or nobody does it
  Millis left_ms = 0;
  Millis p50_ms = 0, p90_ms = 0;  // until its end, if it is known
};

// likely: nine times of ten in time; doubtful: half of the times; unlikely: less.
DeadlineOutlook outlook_of(const engine::Engine& engine, const scheduler::Prediction& learned,
                           const Dated& task);
void write_outlook(msgpack::Writer& w, const DeadlineOutlook& outlook, std::int64_t deadline);  // a map

}  // namespace hirehall::server
