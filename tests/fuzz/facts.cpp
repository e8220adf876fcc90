// A record of facts: what can be decoded can be written again, and then means the same.
#include "broker/engine/audit.h"
#include "broker/engine/facts_batches.h"
#include "broker/engine/facts_inbox.h"
#include "broker/engine/limit.h"
#include "broker/engine/schedule.h"

#include "broker/engine/facts_frame.h"
#include "tests/fuzz/fuzzing.h"

namespace {

using namespace hirehall::engine;

template <typename Fact>
void round_trip(std::string_view body) {
  Fact fact;
  if (!read_fact(body, fact)) return;
  ++hirehall::fuzz::accepted;
  std::string once;
  write_fact(once, fact);
  hirehall::Unpacker u(once);
  HH_CHECK(u.u8() == static_cast<std::uint8_t>(Fact::kind), "its kind comes first");
  const auto written = u.bytes();
  HH_CHECK(u.finished(), "a fact says how long it is");
  Fact again;
  HH_CHECK(read_fact(written, again), "what was written can be read");
  std::string twice;
  write_fact(twice, again);
  HH_CHECK(once == twice, "a fact has one form");
}

template <typename... Facts>
void any_of(FactKind kind, std::string_view body) {
  ((kind == Facts::kind ? round_trip<Facts>(body) : void()), ...);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hirehall::Unpacker u(hirehall::fuzz::view_of(data, size));
  u.u8();
  u.sint();
  while (u.ok() && !u.at_end()) {
    const auto kind = static_cast<FactKind>(u.u8());
    const auto body = u.bytes();
    if (!u.ok()) break;
    any_of<TimeFact, QueueSet, LaneDefined, ClassDefined, ProducerOpened, ProducerClosed, Submitted, Awarded,
           Ended, WorkerOpened, WorkerClosed, BecameDue, Dropped, StopAsked, Paused, Spilled, Paged, Decided,
           Asked, Checkpointed, Replayed, Reclaimed, KeptLonger, QueueFiled, AgentDefined, AgentForgotten,
           DeadPurged, ScheduleSet, ScheduleDeleted, ScheduleTicked, ScheduleHeld, ScheduleFiled,
           ScheduleTriggered, LimitDefined, LimitDeleted, LimitHeld, Audited, BatchDefined, BatchClosed,
           BatchCompleted, BatchForgotten>(kind, body);
  }
  return 0;
}
