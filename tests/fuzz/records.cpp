// The small records of the store, chosen by the first byte: attempts, dead letters, keys, result tables,
// timers, and the identity and watermark beside it.
#include "broker/engine/records.h"
#include "broker/engine/audit.h"
#include "broker/engine/facts_inbox.h"

#include "broker/engine/segments.h"
#include "broker/store/side_records.h"
#include "scheduler/chooser.h"
#include "tests/fuzz/fuzzing.h"

namespace {

using namespace hirehall::engine;

template <typename Record>
void round_trip(std::string_view value) {
  Record record;
  if (!decode_record(value, record)) return;
  ++hirehall::fuzz::accepted;
  const auto once = encode_record(record);
  Record again;
  HH_CHECK(decode_record(once, again) && encode_record(again) == once, "a record has one form");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto value = hirehall::fuzz::view_of(data + 1, size - 1);
  switch (data[0] % 10) {
    case 0:
      round_trip<KeyRecord>(value);
      break;
    case 1:
      round_trip<AttemptRecord>(value);
      break;
    case 2:
      round_trip<DeadRecord>(value);
      round_trip<AuditRecord>(value);
      round_trip<AuditTrail>(value);
      break;
    case 7:
      round_trip<QuestionRecord>(value);
      break;
    case 8:
      round_trip<DecisionRecord>(value);
      break;
    case 9:
      if (const auto choice = hirehall::scheduler::unpack_choice(value)) {
        ++hirehall::fuzz::accepted;
        const auto again = hirehall::scheduler::unpack_choice(hirehall::scheduler::pack(*choice));
        HH_CHECK(again && again->award.winner == choice->award.winner, "the terms name one winner");
      }
      break;
    case 3:
      for (std::uint64_t offset = 0; offset < segment_size; offset += 341)
        Segments::commit_in(std::string(value), offset);
      break;
    case 4:
      if (const auto timer = read_timer_key(value))
        HH_CHECK(timer_key(timer->due, timer->kind, timer->number) == value, "a key has one form");
      break;
    case 5:
      if (const auto identity = hirehall::store::decode_identity(value))
        HH_CHECK(hirehall::store::encode(*identity) == value, "an identity has one form");
      break;
    default:
      if (const auto mark = hirehall::store::decode_mark(value))
        HH_CHECK(hirehall::store::encode(*mark) == value, "a mark has one form");
  }
  return 0;
}
