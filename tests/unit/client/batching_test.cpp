#include <gtest/gtest.h>

#include "tests/unit/client/script.h"

namespace hirehall::client_core {
namespace {

TEST(Batching, ALoneTaskLeavesAtOnce) {
  Script s;
  s.open();
  s.submit("one");
  auto seen = s.next_submit();
  EXPECT_EQ(seen.batch, 1u);
  EXPECT_EQ(seen.types, std::vector<std::string>{"echo"});
  EXPECT_EQ(seen.payloads, std::vector<std::string>{"one"});
}

TEST(Batching, WhileABatchIsUnderWayTheNextOneGrows) {
  Script s;
  s.open();
  s.submit("one");
  s.submit("two");
  s.submit("three");
  auto first = s.next_submit();
  EXPECT_TRUE(s.silent()) << "the second batch waits for the answer of the first";
  s.accept(first, 'a');
  EXPECT_EQ(s.next_submit().payloads, (std::vector<std::string>{"two", "three"}));
}

TEST(Batching, AFullBatchLeavesWithoutWaiting) {
  Script s({}, {.items_max = 2, .bytes_max = 1 << 20});
  s.open();
  for (const char* payload : {"1", "2", "3", "4", "5"}) s.submit(payload);
  EXPECT_EQ(s.next_submit().payloads, std::vector<std::string>{"1"});
  EXPECT_EQ(s.next_submit().payloads, (std::vector<std::string>{"2", "3"}));
  EXPECT_EQ(s.next_submit().payloads, (std::vector<std::string>{"4", "5"}));
  EXPECT_TRUE(s.silent());
}

TEST(Batching, BytesFillABatchToo) {
  Script s({}, {.items_max = 100, .bytes_max = 1000});
  s.open();
  s.submit("first");
  s.submit(std::string(600, 'x'));
  EXPECT_EQ(s.next_submit().payloads.size(), 1u);
  EXPECT_TRUE(s.silent());
  s.submit(std::string(600, 'y'));
  EXPECT_EQ(s.next_submit().payloads.size(), 2u);
}

TEST(Batching, OneTaskPerMessageWhenAskedFor) {
  Script s({}, {.items_max = 1, .bytes_max = 1 << 20});
  s.open();
  for (const char* payload : {"1", "2", "3"}) s.submit(payload);
  for (std::uint64_t n = 1; n <= 3; ++n) EXPECT_EQ(s.next_submit().batch, n);
}

TEST(Batching, TwoLargestPayloadsNeverShareAFrame) {
  Script s({}, {.items_max = 100, .bytes_max = limits::batch_bytes_max});
  s.open();
  s.submit("first");
  s.submit(std::string(limits::payload_bytes_max, 'x'));
  s.submit(std::string(limits::payload_bytes_max, 'y'));
  EXPECT_EQ(s.next_submit().payloads.size(), 1u);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(s.next_submit().payloads.size(), 1u);
    EXPECT_LE(s.current.size(), limits::frame_bytes_max);
  }
}

TEST(Batching, EqualOptionsShareATemplate) {
  Script s;
  s.open();
  s.submit("first");
  s.add("echo", "1");
  s.add("sleep", "2");
  s.add("echo", "3");
  s.accept(s.next_submit(), 'a');
  EXPECT_EQ(s.next_submit().types, (std::vector<std::string>{"echo", "sleep"}));
}

TEST(Credit, NoMoreBatchesAreUnansweredThanGranted) {
  Script s({}, {.items_max = 1, .bytes_max = 1 << 20});
  s.open(2);
  for (const char* payload : {"1", "2", "3"}) s.submit(payload);
  auto first = s.next_submit();
  s.next_submit();
  EXPECT_TRUE(s.silent());
  s.accept(first, 'a');
  EXPECT_EQ(s.next_submit().payloads, std::vector<std::string>{"3"});
}

TEST(Credit, BytesAreGrantedTooButOneBatchMayAlwaysLeave) {
  Script s({}, {.items_max = 1, .bytes_max = 1 << 20});
  s.open(64, 10);
  s.submit(std::string(500, 'x'));
  s.submit("next");
  auto first = s.next_submit();
  EXPECT_EQ(first.payloads.size(), 1u);
  EXPECT_TRUE(s.silent());
  s.accept(first, 'a');
  EXPECT_EQ(s.next_submit().payloads, std::vector<std::string>{"next"});
}

}  // namespace
}  // namespace hirehall::client_core
