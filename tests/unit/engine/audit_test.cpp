// The chain of the audit log: what is done to it shows, and what retention takes does not.
#include "broker/engine/audit.h"

#include <gtest/gtest.h>

#include "broker/engine/records.h"
#include "common/limits.h"
#include "tests/unit/engine/hall.h"

namespace hirehall::engine {
namespace {

using Records = std::map<std::string, std::string>;

class AuditLog : public testing::Test {
 protected:
  void act(int times, const std::string& reason = "why") {
    for (int i = 0; i < times; ++i)
      hall_.engine->audit(
          {1000 + i, "eve", "10.0.0.1 cli", "pause", "queue=" + std::to_string(++acts_), reason, "ok"});
    hall_.turn();
  }
  Records records() const {
    Records out;
    for (const auto& [key, value] : hall_.kept.shelves.at(Shelving::records))
      if (key.front() == audit_tag) out.emplace(key, value);
    return out;
  }
  AuditTrail trail() const {
    AuditTrail trail;
    EXPECT_TRUE(decode_record(hall_.kept.shelves.at(Shelving::meta).at(std::string(audit_key)), trail));
    return trail;
  }
  // All that is found, a line each.
  static std::string check(const Records& records, const std::optional<AuditTrail>& trail) {
    AuditCheck check(trail);
    std::string found;
    for (const auto& [key, value] : records)
      if (auto seen = check.look(key, value); !seen) found += seen.error().message + "\n";
    if (auto end = check.end(); !end) found += end.error().message + "\n";
    return found;
  }

  std::uint64_t trail_bytes() const { return hall_.engine->ledger().audit.bytes; }

  Hall hall_;
  int acts_ = 0;
};

constexpr const char* changed = "the audit log was changed: ";

TEST_F(AuditLog, IsSoundAlsoAfterARestart) {
  act(5);
  hall_.restart(false);
  act(5);
  hall_.restart(true);
  act(1);
  EXPECT_EQ(records().size(), 11u);
  EXPECT_EQ(check(records(), trail()), "");
  EXPECT_EQ(hall_.engine->ledger().audit.head, trail().head);
}

TEST_F(AuditLog, KeepsTheOrderInWhichActsWereDone) {
  act(300);
  std::uint64_t index = 0;
  for (const auto& [key, value] : records()) {
    AuditRecord record;
    ASSERT_TRUE(decode_record(value, record));
    EXPECT_EQ(record.entry.index, ++index);
    EXPECT_EQ(record.entry.target, "queue=" + std::to_string(index));
  }
}

TEST_F(AuditLog, AChangedByteIsFoundAndTheEntryNamed) {
  act(8);
  const auto whole = records();
  ASSERT_EQ(check(whole, trail()), "");
  std::uint64_t index = 0;
  for (const auto& [key, value] : whole) {
    const auto name = changed + ("entry " + std::to_string(++index)) + " ";
    for (std::size_t at = 0; at < value.size(); ++at) {
      auto damaged = whole;
      damaged[key][at] = static_cast<char>(damaged[key][at] ^ 1);
      EXPECT_EQ(check(damaged, trail()).find(name), 0u) << "byte " << at << ": " << check(damaged, trail());
    }
  }
}

TEST_F(AuditLog, OnlyTheEntryThatWasChangedIsNamed) {
  act(8);
  auto damaged = records();
  auto& value = damaged[record_key(audit_tag, 4)];
  value[value.find("eve")] = 'a';
  EXPECT_EQ(check(damaged, trail()), changed + std::string("entry 4 is not what was written\n"));
}

TEST_F(AuditLog, ACutAndAnotherOrderShow) {
  act(8);
  const auto whole = records();
  for (const auto& [key, value] : whole) {
    auto cut = whole;
    cut.erase(key);
    EXPECT_NE(check(cut, trail()), "");
  }
  auto swapped = whole;
  std::swap(swapped.begin()->second, std::next(swapped.begin())->second);
  EXPECT_NE(check(swapped, trail()), "");
  auto again = whole;  // at a place that follows
  again[record_key(audit_tag, 9)] = whole.rbegin()->second;
  EXPECT_NE(check(again, trail()), "");
  EXPECT_NE(check({}, trail()), "");
  EXPECT_NE(check(whole, std::nullopt), "");
}

TEST_F(AuditLog, AnEntryThatWasWrittenAnewWithItsLinkDoesNotFitTheNext) {
  act(8);
  auto forged = records();
  auto& value = forged[record_key(audit_tag, 4)];
  AuditRecord record;
  ASSERT_TRUE(decode_record(value, record));
  record.entry.who = "adam";
  record.link = audit_link(record.before, record.entry);
  value = encode_record(record);
  EXPECT_EQ(check(forged, trail()),
            changed + std::string("entry 5 does not follow from the one before it\n"));
}

TEST_F(AuditLog, IsBoundedInNumberAndKeepsItsAnchor) {
  while (acts_ < static_cast<int>(limits::audit_entries_max + limits::audit_step) + 10) act(5000);
  EXPECT_GE(records().size(), limits::audit_entries_max);
  EXPECT_LE(records().size(), limits::audit_entries_max + limits::audit_step);
  EXPECT_GT(trail().first, limits::audit_step);
  EXPECT_EQ(check(records(), trail()), "");
  auto cut = records();
  cut.erase(cut.begin());
  EXPECT_NE(check(cut, trail()), "") << "a cut at the old end";
  hall_.restart(true);
  act(1);
  EXPECT_EQ(check(records(), trail()), "");
}

TEST_F(AuditLog, IsBoundedInBytesAndLongTextsAreCut) {
  const std::string longest(3 * limits::audit_text_bytes_max, 'x');
  while (trail_bytes() < limits::audit_bytes_max + (2u << 20)) act(1000, longest);
  std::size_t bytes = 0;
  for (const auto& [key, value] : records()) {
    bytes += key.size() + value.size();
    ASSERT_LE(value.size(), limits::audit_text_bytes_max + 200);
  }
  EXPECT_EQ(bytes, trail().bytes - trail().gone_bytes);
  EXPECT_LE(bytes, limits::audit_bytes_max + limits::audit_step * 2 * limits::audit_text_bytes_max);
  EXPECT_GT(trail().first, 1u);
  EXPECT_EQ(check(records(), trail()), "");
}

}  // namespace
}  // namespace hirehall::engine
