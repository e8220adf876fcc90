// `hirehall-broker verify` finds what was done to the audit log of a store, and names it.
#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "broker/engine/audit.h"
#include "broker/engine/facts_frame.h"
#include "broker/engine/records.h"
#include "broker/server/offline.h"
#include "broker/store/rocksdb_store.h"
#include "tests/unit/server/scratch.h"

namespace hirehall::server {
namespace {

using store::Family;

constexpr std::uint64_t entries = 5;

// As the engine writes it (tests/unit/engine/audit_test.cpp): a record an act, and the trail.
class AuditOfAStore : public testing::Test {
 protected:
  void SetUp() override {
    auto opened = open();
    engine::AuditTrail trail;
    std::vector<store::Write> writes;
    for (; trail.next <= entries; ++trail.next) {
      engine::AuditRecord record;
      record.entry = {trail.next, 1000, "eve", "", "pause", "queue=mail", "", "ok"};
      record.before = trail.head;
      record.link = trail.head = audit_link(trail.head, record.entry);
      writes.push_back({Family::records, false, engine::record_key(engine::audit_tag, trail.next),
                        engine::encode_record(record)});
    }
    writes.push_back({Family::meta, false, std::string(engine::audit_key), engine::encode_record(trail)});
    commit(*opened, std::move(writes));
  }

  std::unique_ptr<store::Store> open() {
    store::RocksdbOptions options;
    options.path = scratch_.path("store");
    options.memory = store::MemoryProfile::small;
    options.space.reserve_bytes = 0;
    auto opened = store::open_rocksdb(options);
    EXPECT_TRUE(opened) << describe(opened.error());
    return std::move(*opened);
  }

  static void commit(store::Store& store, std::vector<store::Write> writes) {
    store::CommitBatch batch;
    batch.number = store.last_commit() + 1;
    std::string facts;
    engine::begin_part(facts, 1000);
    writes.push_back({Family::facts, false, store::number_key(batch.number, 0), std::move(facts)});
    batch.writes = std::move(writes);
    const auto done = store.commit(batch);
    ASSERT_TRUE(done) << describe(done.error());
  }

  // Somebody who can write the store, and leaves every checksum of RocksDB right.
  void tamper(std::uint64_t index, const std::function<void(std::string&)>& with) {
    auto opened = open();
    const auto key = engine::record_key(engine::audit_tag, index);
    auto value = opened->view()->get(Family::records, key);
    ASSERT_TRUE(value && *value);
    with(**value);
    commit(*opened, {{Family::records, (*value)->empty(), key, **value}});
  }

  std::pair<int, std::string> verify() {
    std::string verb = "verify", option = "--data", path = scratch_.path("store");
    std::vector<char*> words{verb.data(), option.data(), path.data(), nullptr};
    testing::internal::CaptureStdout();
    const int code = run_offline(3, words.data());
    return {code, testing::internal::GetCapturedStdout()};
  }

  Scratch scratch_;
};

TEST_F(AuditOfAStore, AWholeLogIsSoundAndItsHeadIsTold) {
  const auto [code, said] = verify();
  EXPECT_EQ(code, 0) << said;
  EXPECT_NE(said.find("audit log: entries 1 to 5, head "), std::string::npos) << said;
}

TEST_F(AuditOfAStore, AChangedByteIsFoundAndItsEntryNamed) {
  tamper(3, [](std::string& value) { value[value.find("eve")] = 'a'; });
  const auto [code, said] = verify();
  EXPECT_EQ(code, 1);
  EXPECT_NE(said.find("the audit log was changed: entry 3 is not what was written"), std::string::npos)
      << said;
  EXPECT_EQ(said.find("entry 4"), std::string::npos) << said;
}

TEST_F(AuditOfAStore, AMissingEntryIsFound) {
  tamper(2, [](std::string& value) { value.clear(); });
  const auto [code, said] = verify();
  EXPECT_EQ(code, 1);
  EXPECT_NE(said.find("entry 3 follows entry 1: what was between them is missing"), std::string::npos)
      << said;
}

TEST_F(AuditOfAStore, ALogThatWasCutAtItsEndIsFound) {
  tamper(entries, [](std::string& value) { value.clear(); });
  const auto [code, said] = verify();
  EXPECT_EQ(code, 1);
  EXPECT_NE(said.find("it ends at entry 4, and its trail at 5"), std::string::npos) << said;
}

TEST_F(AuditOfAStore, ATrailThatIsGoneIsFound) {
  {
    auto opened = open();
    commit(*opened, {{Family::meta, true, std::string(engine::audit_key), {}}});
  }
  const auto [code, said] = verify();
  EXPECT_EQ(code, 1);
  EXPECT_NE(said.find("entry 1 is there, but no trail is"), std::string::npos) << said;
}

}  // namespace
}  // namespace hirehall::server
