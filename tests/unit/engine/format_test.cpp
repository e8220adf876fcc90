// The bytes of what is stored. They may only change together with their version: a store that was written
// yesterday must be read as it was meant, or be refused.
#include <gtest/gtest.h>

#include "broker/engine/audit.h"
#include "broker/engine/body.h"
#include "broker/engine/ledger.h"
#include "broker/engine/records.h"

namespace hirehall::engine {
namespace {

constexpr const char* what_to_do =
    "The form of stored records has changed. If that is meant: raise the version of this record (its first "
    "byte, or "
    "format_version in broker/store/side_records.h), keep reading the old one or refuse it, describe the new "
    "one in "
    "docs/storage.md, and only then change the bytes in this test. A changed fact gets a new number instead.";

std::string hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    constexpr char digits[] = "0123456789abcdef";
    out += digits[static_cast<unsigned char>(c) >> 4];
    out += digits[static_cast<unsigned char>(c) & 15];
  }
  return out;
}

template <typename Fact>
std::string fact_bytes(Fact fact) {
  std::string out;
  write_fact(out, fact);
  return hex(out);
}

Place place() {
  Place p;
  p.lane = 1;
  p.class_ = 2;
  p.priority = 7;
  p.deadline = 300;
  p.limit_keys = {"k"};
  return p;
}

BulkOrder bulk_order() {
  BulkOrder o;
  o.verb = BulkVerb::retry;
  o.token = "t";
  o.where = "w";
  o.reason = "r";
  o.by = "b";
  o.grace_ms = 10;
  o.rate = 5;
  o.queue = "q";
  o.priority = 9;
  o.edited = true;
  o.payload = "p";
  return o;
}

constexpr Tries tries{3, 2, 1, true, false};

TEST(Format, Facts) {
  Submitted submitted;
  submitted.producer = 1;
  submitted.batch = 2;
  submitted.acked = 1;
  submitted.first = 300;
  submitted.count = 2;
  submitted.exceptions = {{1, 4, 9, "m"}};
  Awarded awarded;
  awarded.counter = 5;
  awarded.runs = {{1, 2, 3, 4, {1, 2, 3, 4}, {{300, 0}, {299, 1}}}};
  Ended ended;
  ended.worker = 1;
  ended.number = 2;
  ended.acked = 1;
  ended.items.resize(2);
  ended.items[0].sequence = 300;
  ended.items[0].tries.attempts = 1;
  ended.items[0].result = "r";
  ended.items[1].sequence = 301;
  ended.items[1].outcome = Outcome::failed;
  ended.items[1].next = State::failed;
  ended.items[1].tries = tries;
  ended.items[1].error_code = "e";
  ended.items[1].error = "why";
  Paged paged;
  paged.line = 1;
  paged.page = 2;
  paged.items = {{300, 1000, {}}, {301, 1000, {}}, {303, 1001, tries}};
  EXPECT_EQ(fact_bytes(TimeFact{300}), "0102d804") << what_to_do;
  EXPECT_EQ(fact_bytes(Incarnated{2, 300, 5}), "3c0402ac0205") << what_to_do;
  EXPECT_EQ(fact_bytes(QueueSet{1, "q", {}}),
            "022401017101000c6c656173745f6c6f6164656480f0b252808080804000c0a9070000000000")
      << what_to_do;
  EXPECT_EQ(fact_bytes(LaneDefined{1, 2, "t"}), "030401020174") << what_to_do;
  EXPECT_EQ(fact_bytes(ClassDefined{1, "t", "r"}), "04050101740172") << what_to_do;
  EXPECT_EQ(fact_bytes(ProducerOpened{1, "t", "p"}), "05050101740170") << what_to_do;
  EXPECT_EQ(fact_bytes(ProducerClosed{1}), "060101") << what_to_do;
  EXPECT_EQ(fact_bytes(submitted), "070c010201ac020201010409016d") << what_to_do;
  EXPECT_EQ(fact_bytes(awarded), "08100501010203040102030402d804000101") << what_to_do;
  EXPECT_EQ(fact_bytes(ended),
            "09250102010002d804010000000172020000000000010600000302010100000165037768790000")
      << what_to_do;
  EXPECT_EQ(fact_bytes(WorkerOpened{1, "n", "t", "p"}), "0a0701016e01740170") << what_to_do;
  EXPECT_EQ(fact_bytes(WorkerClosed{1}), "0b0101") << what_to_do;
  EXPECT_EQ(fact_bytes(BecameDue{{{300, place(), tries}}}), "0c1001ac02010207d80401016b0302010100")
      << what_to_do;
  EXPECT_EQ(fact_bytes(Dropped{300, State::ready, State::cancelled, place(), 1, "r"}),
            "0d0fac020207010207d80401016b010172")
      << what_to_do;
  EXPECT_EQ(fact_bytes(StopAsked{300, State::cancelled, "r"}), "0e05ac02070172") << what_to_do;
  EXPECT_EQ(fact_bytes(Paused{true, "q", "t", "n", "r"}), "0f090101710174016e0172") << what_to_do;
  EXPECT_EQ(fact_bytes(PauseSet{true, "q", "t", "n", "r", "b", 1000}), "320d0101710174016e01720162d00f")
      << what_to_do;
  EXPECT_EQ(fact_bytes(BulkOpened{1, bulk_order(), 1000, 300}),
            "3316010301740177017201621405017109010170d00fac02")
      << what_to_do;
  EXPECT_EQ(fact_bytes(BulkMoved{1, "c", 2, 3}), "34050101630203") << what_to_do;
  EXPECT_EQ(fact_bytes(BulkClosed{1, BulkState::stopped, 1000, "m"}), "35060103d00f016d") << what_to_do;
  EXPECT_EQ(fact_bytes(Spilled{1, 2, true, {3, 4}}), "1006010201020304") << what_to_do;
  EXPECT_EQ(fact_bytes(paged), "111601020300d804d00f0000000000010004020302010100") << what_to_do;
  Decided decided;
  decided.sequence = 300;
  decided.place = place();
  decided.tries = tries;
  decided.deed = Deed::edited;
  decided.attempt = 2;
  decided.asked_until = 300;
  decided.by = "b";
  decided.reason = "r";
  decided.edits = true;
  decided.value = "v";
  EXPECT_EQ(fact_bytes(decided), "1b21ac0202010207d80401016b0302010100000302d804000001620172000101760000")
      << what_to_do;
  QuestionRecord question{
      Stage::release, SuspendedOn::approval, 2, 1, 300, 600, Lapse::reject, true, "t", true, "d", "r", "y"};
  EXPECT_EQ(fact_bytes(Asked{300, question}), "1c15ac0202020201d804b0090201017401016401720179") << what_to_do;
  EXPECT_EQ(hex(encode_record(question)), "0102020201d804b0090201017401016401720179") << what_to_do;
  EXPECT_EQ(hex(encode_record(DecisionRecord{Stage::award, Deed::approved, 0, 300, "b", "r"})),
            "01010100d80401620172")
      << what_to_do;
  EXPECT_EQ(fact_bytes(Checkpointed{300, "c"}), "1304ac020163") << what_to_do;
  EXPECT_EQ(fact_bytes(Replayed{300, 301, 1}), "1405ac02ad0201") << what_to_do;
  EXPECT_EQ(fact_bytes(Reclaimed{2048, 7, 1023, {300}}), "1508801007ff0701ac02") << what_to_do;
  EXPECT_EQ(fact_bytes(KeptLonger{300}), "1602d804") << what_to_do;
}

TEST(Format, FactsOfSchedules) {
  ScheduleSpec spec;
  spec.cron = "c";
  spec.zone = "z";
  spec.overlap = Overlap::queue;
  spec.catch_up = CatchUp::all;
  spec.jitter_ms = 300;
  spec.options = "o";
  spec.payload = "p";
  ScheduleSpec every;
  every.every_ms = 1000;
  EXPECT_EQ(fact_bytes(ScheduleSet{"n", spec, "b", 1000, 2000}),
            "2816016e016300017a02020ad804016f01700162d00fa01f")
      << what_to_do;
  EXPECT_EQ(fact_bytes(ScheduleSet{"n", every, "b", 1000, 2000}), "2812016e00d00f0000000a0000000162d00fa01f")
      << what_to_do;
  EXPECT_EQ(fact_bytes(ScheduleDeleted{"n"}), "2902016e") << what_to_do;
  EXPECT_EQ(fact_bytes(ScheduleTicked{"n", 2000, {{1000, 300}}, {1500}, 1, 2, 3, "e"}),
            "2a11016ea01f01d00fac0201b8170102030165")
      << what_to_do;
  EXPECT_EQ(fact_bytes(ScheduleHeld{"n", true, "r", 2000}), "2b07016e010172a01f") << what_to_do;
  EXPECT_EQ(fact_bytes(ScheduleFiled{"n", "f"}), "2c04016e0166") << what_to_do;
  EXPECT_EQ(fact_bytes(ScheduleTriggered{"n", "k", 300}), "2d06016e016bac02") << what_to_do;
}

TEST(Format, FactsOfLimits) {
  LimitRule rule{"q", "t", "n", "k", "key", 3, {{300, 1000}}};
  EXPECT_EQ(fact_bytes(LimitDefined{"n", rule, "b"}), "2f16016e01710174016e016b036b65790301ac02d00f0162")
      << what_to_do;
  EXPECT_EQ(fact_bytes(LimitDeleted{"n"}), "3002016e") << what_to_do;
  EXPECT_EQ(fact_bytes(LimitHeld{"n", 1000, "r"}), "3106016ed00f0172") << what_to_do;
}

TEST(Format, FactsOfUniqueKeysAndBudgets) {
  EXPECT_EQ(fact_bytes(Superseded{300, 301}), "3e04ac02ad02") << what_to_do;
  EXPECT_EQ(fact_bytes(Coalesced{300, true, "p", 1000}), "3f07ac02010170d00f") << what_to_do;
  EXPECT_EQ(fact_bytes(BudgetSet{"n", {"t", "q", "u", Period::month, 2'000'000, 1000}, "b"}),
            "4011016e017401710175018092f401d00f0162")
      << what_to_do;
  EXPECT_EQ(fact_bytes(BudgetDeleted{"n"}), "4102016e") << what_to_do;
  EXPECT_EQ(fact_bytes(Settled{{{3, "a", 1000}}}), "4e0601030161d00f") << what_to_do;
  EXPECT_EQ(fact_bytes(Paid{{{3, "a", 1000, {1, 300}}}}), "4f0a01030161d00f0201ac02") << what_to_do;
  EXPECT_EQ(fact_bytes(Unbegun{{300, 301}}), "500502ac02ad02") << what_to_do;
  UsageReport report;
  report.agent = "a";
  report.amounts = {{"n", 1'500'000}};
  EXPECT_EQ(hex(encode_usage(report)), "92a16181a16ece0016e360") << what_to_do;
}

TEST(Format, FactsOfBatches) {
  EXPECT_EQ(fact_bytes(BatchDefined{1, "t", "n"}), "1d05010174016e") << what_to_do;
  EXPECT_EQ(fact_bytes(BatchClosed{1, true, "o", true, "p"}), "1e070101016f010170") << what_to_do;
  EXPECT_EQ(fact_bytes(BatchCompleted{1, 300}), "1f0301ac02") << what_to_do;
  EXPECT_EQ(fact_bytes(BatchForgotten{1}), "200101") << what_to_do;
}

TEST(Format, Bodies) {
  TaskOptions options;
  options.type = "echo";
  options.limit_keys = {"k"};
  const auto shared = make_template(options);
  std::string tasks;
  write_body(tasks, {shared->flags, 7, 1, 2, 0, {}, "hi"});
  write_body(tasks, {static_cast<std::uint8_t>(shared->flags | body_own), 7, 1, 2, 0, "\x80", "ho"});
  EXPECT_EQ(hex(encode_body_record(300, 1000, {shared}, 2, tasks)),
            "01ac02d00f010b8202a46563686f1691a16b0208070102000268690907010200018002686f")
      << what_to_do;
}

TEST(Format, Pages) {
  std::vector<PageEntry> entries;
  entries.push_back({{300, 1000, {}}, {}, 0});
  entries.push_back({{302, 1000, tries}, {}, 0});
  EXPECT_EQ(hex(encode_page(entries)), "0100000200d804d00f00000000000004000302010100") << what_to_do;
  auto chunk = ChunkRef::make();
  TaskOptions options;
  options.type = "echo";
  chunk->templates = {make_template(options)};
  write_body(chunk->bytes, {0, 5, 1, 2, 0, {}, "hi"});
  std::vector<PageEntry> whole;
  whole.push_back({{300, 1000, {}}, chunk, 0});
  EXPECT_EQ(hex(encode_page(whole)), "0200000100d804d00f000000000001078102a46563686f0005010200026869")
      << what_to_do;
}

TEST(Format, Records) {
  AttemptRecord attempt;
  attempt.worker = 1;
  attempt.agent = "a";
  attempt.started = 1000;
  attempt.ended = 2000;
  attempt.outcome = Outcome::failed;
  attempt.next = State::scheduled;
  attempt.due = 3000;
  attempt.tries = tries;
  attempt.place = place();
  attempt.error_code = "e";
  attempt.error = "why";
  EXPECT_EQ(hex(encode_record(attempt)),
            "01010161d00fa01f0101f02e000302010100010207d80401016b01650377687900000000")
      << what_to_do;
  EXPECT_EQ(hex(encode_record(KeyRecord{300, "d", 1000})), "01ac020164d00f") << what_to_do;
  EXPECT_EQ(hex(encode_record(DeadRecord{1000, 7})), "01d00f07") << what_to_do;
}

TEST(Format, Audit) {
  const AuditEntry entry{1, 300, "w", "f", "a", "t", "r", "k"};
  EXPECT_EQ(fact_bytes(Audited{300, "w", "f", "a", "t", "r", "k"}), "3d0ed80401770166016101740172016b")
      << what_to_do;
  EXPECT_EQ(hex(encode_record(AuditRecord{entry, "b", "l"})), "0101d80401770166016101740172016b0162016c")
      << what_to_do;
  EXPECT_EQ(hex(encode_record(AuditTrail{1, 3, "a", "h", 7, 2})), "010103016101680702") << what_to_do;
  EXPECT_EQ(hex(record_key(audit_tag, 300)), "41000000000000012c") << what_to_do;
  EXPECT_EQ(hex(audit_link("", entry)), "af47d326d40222712988e3441986905c") << what_to_do;
  EXPECT_EQ(hex(audit_link("sixteen bytes id", entry)), "fb83d04ac719ecc3a7fd852400ab3298") << what_to_do;
}

TEST(Format, Keys) {
  EXPECT_EQ(hex(timer_key(1000, TimerKind::expire, 300)), "00000000000003e802000000000000012c") << what_to_do;
  EXPECT_EQ(hex(page_key(1, 2)), "00000000000000010000000000000002") << what_to_do;
  EXPECT_EQ(hex(attempt_key(300, 2)), "78000000000000012c00000002") << what_to_do;
  EXPECT_EQ(hex(checkpoint_key(300)), "6b000000000000012c") << what_to_do;
  EXPECT_EQ(hex(answer_key(300)), "61000000000000012c") << what_to_do;
  EXPECT_EQ(hex(question_key(300)), "71000000000000012c") << what_to_do;
  EXPECT_EQ(hex(decision_key(300, 2)), "68000000000000012c00000002") << what_to_do;
  EXPECT_EQ(hex(edited_key(300)), "70000000000000012c") << what_to_do;
  EXPECT_EQ(hex(timer_key(1000, TimerKind::question, 300)), "00000000000003e810000000000000012c")
      << what_to_do;
  EXPECT_EQ(hex(dead_key(1, 300)), "6400000001000000000000012c") << what_to_do;
  EXPECT_EQ(hex(straggler_body_key(300)), "62000000000000012c") << what_to_do;
  EXPECT_EQ(hex(straggler_end_key(300)), "65000000000000012c") << what_to_do;
  EXPECT_EQ(hex(replay_key(300)), "72000000000000012c") << what_to_do;
  EXPECT_EQ(hex(result_table_key(1, 7)), "6600000000000000010000000000000007") << what_to_do;
  EXPECT_EQ(hex(idempotency_key("t", "k")), "6901746b") << what_to_do;
  EXPECT_EQ(hex(unique_record_key(unique_key(1, "t", "k"), 300)), "75000000010174016b000000000000012c")
      << what_to_do;
}

// Without payments and what was given back of rates.
TEST(Format, SnapshotsOfVersion14AreRead) {
  constexpr std::string_view digits =
      "0e0001010000000000000000000000010764656661756c7401000c6c656173745f6c6f6164656480f0b2528080808040"
      "00c0a9070000000000000000000000000000000000000000000000000001000174000000000000000000000101016e01"
      "74017000000000010101740170000000020201010764656661756c740000017200000000000000000000000001010000"
      "0000000001000001000000000000000000000000";
  std::string bytes;
  for (std::size_t i = 0; i < digits.size(); i += 2)
    bytes += static_cast<char>(std::stoi(std::string(digits.substr(i, 2)), nullptr, 16));
  Ledger ledger;
  ASSERT_TRUE(ledger.load(bytes));
  std::string saved;
  ledger.save(saved);
  EXPECT_EQ(saved.size(), bytes.size() + 1) << "no payments";
}

TEST(Format, Snapshot) {
  Ledger ledger;
  QueueSet queue{0, "default", {}};
  LaneDefined lane{0, 0, "t"};
  WorkerOpened worker{1, "n", "t", "p"};
  ProducerOpened producer{1, "t", "p"};
  Paused paused{true, "default", "", "", "r"};
  ledger.apply(queue);
  ledger.apply(lane);
  ledger.apply(worker);
  ledger.apply(producer);
  ledger.apply(paused);
  std::string saved;
  ledger.save(saved);
  EXPECT_EQ(hex(saved),
            "0f0001010000000000000000000000010764656661756c7401000c6c656173745f6c6f6164656480f0b2528080808040"
            "00c0a9070000000000000000000000000000000000000000000000000001000174000000000000000000000101016e01"
            "74017000000000010101740170000000020201010764656661756c740000017200000000000000000000000001010000"
            "000000000100000001000000000000000000000000")
      << what_to_do;
}

}  // namespace
}  // namespace hirehall::engine
