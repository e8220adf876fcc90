// Preferred labels of a task: how they travel, and what is refused by name.
#include <gtest/gtest.h>

#include "common/limits.h"
#include "common/task.h"

namespace hirehall {
namespace {

TaskOptions preferring(StringMap labels) {
  TaskOptions options;
  options.type = "echo";
  options.preferred_labels = std::move(labels);
  return options;
}

std::string refusal(const TaskOptions& options) {
  const auto done = validate(options);
  EXPECT_FALSE(done);
  EXPECT_EQ(done.error().code, Code::invalid);
  EXPECT_EQ(done.error().context, "preferred_labels");
  return done.error().message;
}

TEST(PreferredLabels, TheyTravelAsTheyCame) {
  const auto options = preferring({{"disk", "fast"}, {"zone", "eu"}});
  EXPECT_TRUE(validate(options));
  std::string wire;
  msgpack::Writer w(wire);
  write_wire_options(w, options);
  TaskOptions read;
  msgpack::Reader r(wire);
  ASSERT_TRUE(read_wire_options(r, read));
  EXPECT_EQ(read, options);
  EXPECT_EQ(*decode_options(encode_options(options)), options);
  const auto base = preferring({});
  EXPECT_EQ(*merge_options(base, encode_difference(options, base)), options);
}

TEST(PreferredLabels, WhatIsWrongIsNamed) {
  StringMap many;
  for (std::size_t i = 0; i <= limits::preferred_labels_max; ++i) many["key" + std::to_string(i)] = "value";
  EXPECT_NE(refusal(preferring(many)).find("9 pairs"), std::string::npos);
  EXPECT_NE(refusal(preferring({{"", "eu"}})).find("no key"), std::string::npos);
  EXPECT_NE(refusal(preferring({{std::string(256, 'k'), "eu"}})).find("256 bytes"), std::string::npos);
  EXPECT_NE(refusal(preferring({{"zone", std::string(300, 'v')}})).find("300 bytes"), std::string::npos);
  auto both = preferring({{"zone", "eu"}});
  both.requirements.labels = {{"zone", "eu"}};
  EXPECT_NE(refusal(both).find("zone=eu is required as well"), std::string::npos);
  both.requirements.labels = {{"zone", "us"}};
  EXPECT_TRUE(validate(both)) << "a worker may have one and its agent the other";
}

}  // namespace
}  // namespace hirehall
