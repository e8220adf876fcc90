// The offline tools: what they tell about a sound store, and what they find in a hurt one.
#include "broker/store/verify.h"

#include <filesystem>

#include "tests/unit/store/durable.h"

namespace hirehall::store {
namespace {

using ::testing::HasSubstr;

class Offline : public DurableTest {
 protected:
  std::string only_finding() {
    const auto found = verify(options_.path, nullptr, nullptr);
    if (!found) return "refused: " + describe(found.error());
    if (found->findings.size() != 1) return std::to_string(found->findings.size()) + " findings";
    return describe(found->findings.front());
  }
};

TEST_F(Offline, InspectTellsWhatIsThere) {
  open();
  const Identity identity = store_->identity();
  commit_many(3, "12345");
  close();
  std::vector<std::string> told;
  const auto seen = inspect(
      options_.path, [&](std::string_view what, std::uint64_t, std::uint64_t) { told.emplace_back(what); });
  ASSERT_TRUE(seen) << describe(seen.error());
  EXPECT_EQ(seen->identity.id_key, identity.id_key);
  EXPECT_EQ(seen->last_commit, 3u);
  EXPECT_EQ(seen->watermark, 3u);
  EXPECT_EQ(seen->logs.last_commit, 3u);
  EXPECT_FALSE(seen->logs.damaged);
  const FamilyReport& bodies = seen->families[static_cast<std::size_t>(Family::bodies)];
  EXPECT_EQ(bodies.records, 3u);
  EXPECT_EQ(bodies.value_bytes, 15u);
  EXPECT_EQ(bodies.key_bytes, 24u);
  EXPECT_EQ(bodies.first_key, number_key(1));
  EXPECT_EQ(bodies.last_key, number_key(3));
  EXPECT_EQ(told.size(), family_count);
}

TEST_F(Offline, SoundStoreHasNoFindings) {
  open();
  commit_many(400, std::string(64 << 10, 'v'));
  close();
  std::uint64_t decoded = 0;
  const auto decode = [&](Family, std::string_view, std::string_view) {
    decoded += 1;
    return Status{};
  };
  const auto found = verify(options_.path, decode, nullptr);
  ASSERT_TRUE(found) << describe(found.error());
  EXPECT_TRUE(found->sound()) << describe(found->findings.front());
  EXPECT_EQ(decoded, 800u);
  EXPECT_EQ(found->first_facts, 1u);
}

TEST_F(Offline, NothingIsChanged) {
  open();
  commit_many(3);
  close();
  std::string before, after;
  const auto list = [&](std::string& out) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(options_.path))
      out += entry.path().string() + " " + std::to_string(entry.is_regular_file() ? entry.file_size() : 0) +
             "\n";
  };
  list(before);
  ASSERT_TRUE(verify(options_.path, nullptr, nullptr));
  list(after);
  EXPECT_EQ(before, after);
}

TEST_F(Offline, StoreInUseIsRefused) {
  open();
  EXPECT_EQ(inspect(options_.path, nullptr).error().code, Code::conflict);
}

TEST_F(Offline, ToolAndBrokerKeepEachOtherOut) {
  open();
  commit_many(1);
  close();
  const auto inside = inspect(options_.path, [&](std::string_view, std::uint64_t, std::uint64_t) {
    EXPECT_EQ(refused().code, Code::conflict);
  });
  EXPECT_TRUE(inside);
}

TEST_F(Offline, MissingStoreIsNotFound) {
  EXPECT_EQ(inspect(scratch_ / "nowhere", nullptr).error().code, Code::not_found);
}

TEST_F(Offline, DamagedBlockIsFound) {
  open();
  commit_many(400, std::string(64 << 10, 'v'));
  close();
  flip_bit(newest(".sst"), 1000);
  const auto found = verify(options_.path, nullptr, nullptr);
  ASSERT_TRUE(found) << describe(found.error());
  EXPECT_FALSE(found->sound());
  EXPECT_THAT(found->findings.front().message, HasSubstr("block"));
}

TEST_F(Offline, MissingFactsAreFound) {
  open();
  commit_many(2);
  ASSERT_TRUE(store_->commit({3, {}}));
  commit_many(1);
  close();
  EXPECT_THAT(only_finding(), HasSubstr("facts are missing between commit 2 and commit 4"));
}

TEST_F(Offline, MissingPartOfFactsIsFound) {
  open();
  commit_many(1);
  ASSERT_TRUE(store_->commit(
      {2, {{Family::facts, false, number_key(2, 0), ""}, {Family::facts, false, number_key(2, 2), ""}}}));
  close();
  EXPECT_THAT(only_finding(), HasSubstr("facts of commit 2 lack a part before part 2"));
}

TEST_F(Offline, RecordThatCannotBeDecodedIsFoundWithItsKey) {
  open();
  commit_many(1, "good");
  commit_many(1, "bad");
  close();
  const auto decode = [](Family, std::string_view, std::string_view value) -> Status {
    if (value == "bad") return fail(Code::corrupt, "not a body");
    return {};
  };
  const auto found = verify(options_.path, decode, nullptr);
  ASSERT_TRUE(found);
  ASSERT_EQ(found->findings.size(), 1u);
  EXPECT_EQ(found->findings[0].message, "not a body");
  EXPECT_THAT(found->findings[0].context, HasSubstr("bodies key 0000000000000002"));
}

TEST_F(Offline, CommitsBelowTheWatermarkAreFound) {
  open();
  commit_many(4);
  close();
  cut(newest(".log"), 3);
  const auto found = verify(options_.path, nullptr, nullptr);
  ASSERT_TRUE(found);
  ASSERT_FALSE(found->sound());
  EXPECT_THAT(found->findings[0].message, HasSubstr("commits up to 4 were made durable and 3 can be read"));
}

}  // namespace
}  // namespace hirehall::store
