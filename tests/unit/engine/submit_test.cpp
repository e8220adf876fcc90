// What is refused at the door, item by item and batch by batch: the reason names the input, and the
// neighbours go in.
#include "common/limits.h"
#include "tests/unit/engine/hall.h"

namespace hirehall::engine {
namespace {

class Submit : public testing::Test {
 protected:
  Submit() {
    first = hall.submit("first");
    number = hall.producer();
  }

  Result<SubmitAnswer> batch(std::uint64_t batch, std::vector<SubmitItem> items, TaskOptions options = echo(),
                             std::uint64_t acked = 0) {
    std::vector<TemplateRef> templates = {make_template(std::move(options))};
    SubmitRequest request;
    request.producer = number;
    request.batch = batch;
    request.acked = acked;
    request.templates = templates;
    request.items = items;
    auto answer = hall.engine->submit(request);
    hall.turn();
    return answer;
  }
  // Of one item between two good ones: they are accepted, and it is refused with this.
  void expect_refused(const SubmitItem& item, Code code, const std::string& words,
                      TaskOptions options = echo()) {
    SubmitItem good;
    good.payload = "good";
    auto answer = batch(++last, {good, item, good}, std::move(options));
    ASSERT_TRUE(answer) << describe(answer.error());
    ASSERT_EQ(answer->exceptions.size(), 1u) << words;
    EXPECT_EQ(answer->exceptions[0].code, static_cast<std::uint32_t>(code)) << answer->exceptions[0].message;
    EXPECT_NE(answer->exceptions[0].message.find(words), std::string::npos) << answer->exceptions[0].message;
    EXPECT_EQ(answer->count, 3u);
  }

  Hall hall;
  Sequence first = 0;
  std::uint64_t number = 0;
  std::uint64_t last = 1;  // the batch of `first`
};

TEST_F(Submit, AnItemIsRefusedForWhatItSays) {
  SubmitItem item;
  item.template_ = 7;
  expect_refused(item, Code::invalid, "no template 7");
  item = {};
  const std::string large(limits::payload_bytes_max + 1, 'x');
  item.payload = large;
  expect_refused(item, Code::too_large, std::to_string(large.size()));
  item = {};
  item.priority = 11;
  expect_refused(item, Code::invalid, "priority is 11");
  item = {};
  const std::string name(limits::name_bytes_max + 1, 'n');
  item.tenant = name;
  expect_refused(item, Code::invalid, "tenant");
  item = {};
  item.options = "\xc1";
  expect_refused(item, Code::invalid, ":");
  item = {};
  item.fault = "the item is no array";
  expect_refused(item, Code::invalid, "no array");
  item = {};
  item.queue = "nowhere";
  expect_refused(item, Code::not_found, "nowhere");
}

TEST_F(Submit, AnItemMaySayMoreThanItsTemplate) {
  std::string options;
  msgpack::Writer w(options);
  w.map(2);
  w.entry("type", "other");
  w.entry_sint("timeout_ms", 5000);
  SubmitItem item;
  item.options = options;
  item.payload = "own";
  auto answer = batch(2, {item});
  ASSERT_TRUE(answer) << describe(answer.error());
  EXPECT_TRUE(answer->exceptions.empty());
  auto& hand = hall.hire({"other"});
  hall.turn();
  EXPECT_EQ(hall.award(hand).sequence, answer->first);
}

TEST_F(Submit, BatchesComeInOrder) {
  SubmitItem item;
  auto gap = batch(5, {item});
  ASSERT_FALSE(gap);
  EXPECT_EQ(gap.error().code, Code::out_of_order);
  EXPECT_NE(gap.error().message.find("2 is next"), std::string::npos) << gap.error().message;
  ASSERT_TRUE(batch(2, {item}));
  auto again = batch(2, {item});
  ASSERT_TRUE(again);
  EXPECT_EQ(again->first, first + 1);
  ASSERT_TRUE(batch(3, {item}, echo(), 2));
  auto forgotten = batch(2, {item});
  ASSERT_FALSE(forgotten);
  EXPECT_EQ(forgotten.error().code, Code::out_of_order);
  number = 999;
  auto nobody = batch(1, {item});
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error().code, Code::session_expired);
}

}  // namespace
}  // namespace hirehall::engine
