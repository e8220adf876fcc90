// Features of tasks: what is accepted, what is refused by name, and that they travel unchanged.
#include "common/task_features.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "common/msgpack.h"
#include "common/task.h"

namespace hirehall {
namespace {

std::string packed(void (*write)(msgpack::Writer&)) {
  std::string out;
  msgpack::Writer w(out);
  write(w);
  return out;
}

void expect_refused(const std::string& encoded, const std::string& words) {
  const auto read = read_features(encoded);
  ASSERT_FALSE(read) << words;
  EXPECT_EQ(read.error().code, Code::invalid);
  EXPECT_EQ(read.error().context, "features");
  EXPECT_NE(read.error().message.find(words), std::string::npos) << read.error().message;
  TaskOptions options;
  options.type = "echo";
  options.features = encoded;
  const auto valid = validate(options);
  ASSERT_FALSE(valid) << words;
  EXPECT_EQ(valid.error().context, "features");
}

std::string one(double number) {
  return write_features({{"tokens", true, number, {}}});
}

TEST(TaskFeatures, NumbersAndWordsAsPeopleWriteThem) {
  for (const auto& [text, number] :
       {std::pair{"tokens=12000", 12000.0}, {"a=-0.5", -0.5}, {"a=.25", 0.25}, {"a=1e3", 1000.0}}) {
    const auto read = parse_feature(text);
    ASSERT_TRUE(read) << text;
    EXPECT_TRUE(read->numeric) << text;
    EXPECT_EQ(read->number, number) << text;
  }
  for (const auto& [text, word] : {std::pair{"language=de", "de"},
                                   {"language=nan", "nan"},
                                   {"day=2026-11-21", "2026-11-21"},
                                   {"version=1.2.3", "1.2.3"},
                                   {"a=-", "-"},
                                   {"a=b=c", "b=c"}}) {
    const auto read = parse_feature(text);
    ASSERT_TRUE(read) << text;
    EXPECT_FALSE(read->numeric) << text;
    EXPECT_EQ(read->word, word) << text;
  }
  for (const auto& [text, words] : {std::pair{"tokens", "NAME=VALUE"},
                                    {"=1", "1 to 32 of a-z"},
                                    {"Tokens=1", "'Tokens'"},
                                    {"a b=1", "1 to 32"},
                                    {"tokens=", "0 bytes"},
                                    {"tokens=1e999", "1e999"},
                                    {"tokens=1e16", "-1e15 to 1e15"},
                                    {"tokens=-inf", "-1e15"}}) {
    const auto read = parse_feature(text);
    ASSERT_FALSE(read) << text;
    EXPECT_NE(read.error().message.find(words), std::string::npos) << read.error().message;
  }
}

TEST(TaskFeatures, WhatIsNoFeatureIsRefusedByName) {
  expect_refused(one(std::numeric_limits<double>::quiet_NaN()), "'tokens' is nan");
  expect_refused(one(std::numeric_limits<double>::infinity()), "'tokens' is inf");
  expect_refused(one(-2e15), "-1e15 to 1e15");
  expect_refused(one(1e99), "'tokens' is 1e+99;");
  expect_refused(write_features({{"", true, 1, {}}}), "''");
  expect_refused(write_features({{"Length", true, 1, {}}}), "'Length'");
  expect_refused(write_features({{std::string(33, 'a'), true, 1, {}}}), "1 to 32");
  expect_refused(write_features({{"a", false, 0, ""}}), "0 bytes");
  expect_refused(write_features({{"a", false, 0, std::string(65, 'x')}}), "65 bytes");
  expect_refused(write_features({{"a", true, 1, {}}, {"a", false, 0, "b"}}), "'a' is given twice");
  std::vector<TaskFeature> many(17, {"a", true, 1, {}});
  expect_refused(write_features(many), "17");
  expect_refused(packed([](auto& w) { w.map(1), w.str("a"), w.map(0); }), "'a' is neither");
  expect_refused(packed([](auto& w) { w.map(1), w.str("a"), w.boolean(true); }), "'a' is neither");
  expect_refused(packed([](auto& w) { w.map(1), w.str("a"), w.nil(); }), "'a' is neither");
  expect_refused(packed([](auto& w) { w.map(1), w.uint(1), w.uint(1); }), "no text");
  expect_refused(packed([](auto& w) { w.array(0); }), "not a map");
  expect_refused(packed([](auto& w) { w.nil(); }), "not a map");
  // Long names of many bytes a letter are cut between letters.
  for (const std::string shift : {"", "a", "ab"}) {
    std::string name = shift;
    for (int i = 0; i < 30; ++i) name += "語";
    const auto message = read_features(write_features({{name, true, 1, {}}})).error().message;
    std::string sent;
    msgpack::Writer(sent).str(message);
    msgpack::Reader r(sent);
    r.str();
    EXPECT_TRUE(r.finished()) << message;
  }
  EXPECT_TRUE(read_features(write_features({})));
  EXPECT_TRUE(read_features(one(1e15)));
}

TEST(TaskFeatures, TheyTravelAsTheyCame) {
  TaskOptions base;
  base.type = "echo";
  auto options = base;
  options.features =
      write_features({{"tokens", true, 12000, {}}, {"share", true, 0.25, {}}, {"language", false, 0, "de"}});
  std::string wire;
  msgpack::Writer w(wire);
  write_wire_options(w, options);
  TaskOptions read;
  msgpack::Reader r(wire);
  ASSERT_TRUE(read_wire_options(r, read));
  EXPECT_EQ(read, options);
  EXPECT_TRUE(validate(read));
  const auto own = encode_difference(options, base);
  EXPECT_EQ(features_among(own), options.features);
  EXPECT_EQ(*merge_options(base, own), options);
  EXPECT_EQ(features_among(encode_difference(base, TaskOptions{})), "");
  auto none = options;
  none.features = write_features({});
  EXPECT_EQ(merge_options(options, encode_difference(none, options))->features, none.features)
      << "an item may have none";
}

}  // namespace
}  // namespace hirehall
