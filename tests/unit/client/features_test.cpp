// Features of tasks on their way to the broker: with the task where it has its own, with the options where
// all share them.
#include <gtest/gtest.h>

#include "client/src/batcher.h"
#include "client/src/convert.h"
#include "common/msgpack.h"
#include "common/task.h"
#include "common/task_features.h"
#include "common/wire.h"

namespace hirehall::client {
namespace {

hirehall::TaskOptions read(std::string_view encoded) {
  hirehall::TaskOptions out;
  msgpack::Reader r(encoded);
  EXPECT_TRUE(read_wire_options(r, out));
  return out;
}

struct Deaf : client_core::Receiver {
  void accepted(std::size_t, std::string_view) override {}
  void refused(std::size_t, const hirehall::Error&) override {}
  void settled(std::size_t) override {}
};

TEST(ClientFeatures, NumbersAndWordsAreWrittenAsTheBrokerReadsThem) {
  const Features features{
      {"tokens", 12000}, {"share", 0.25}, {"language", "de"}, {"topic", std::string("law")}};
  const auto encoded = encode_features(features);
  const auto read_back = read_features(encoded);
  ASSERT_TRUE(read_back) << read_back.error().message;
  ASSERT_EQ(read_back->size(), 4u);
  for (const auto& one : *read_back) {
    const auto& given = features.at(std::string(one.name));
    EXPECT_EQ(one.numeric, given.numeric) << one.name;
    EXPECT_EQ(one.number, given.number) << one.name;
    EXPECT_EQ(one.word, given.word) << one.name;
  }
  EXPECT_EQ(encode_features({}), "");
}

TEST(ClientFeatures, ATemplateHasThemOnlyWhereTheyAreShared) {
  const TaskOptions options{.type = "answer", .features = {{"tokens", 180}}};
  EXPECT_EQ(read(encode_template(options)).features, encode_features(options.features));
  EXPECT_EQ(read(encode_template(options, false)).features, "");
}

TEST(ClientLabels, PreferredOnesTravelWithTheTemplate) {
  const TaskOptions options{.type = "answer", .preferred_labels = {{"zone", "eu"}}};
  EXPECT_EQ(read(encode_template(options)).preferred_labels, (StringMap{{"zone", "eu"}}));
  EXPECT_TRUE(read(encode_template({.type = "answer"})).preferred_labels.empty());
}

TEST(ClientFeatures, TasksWithTheirOwnShareOneTemplate) {
  client_core::Batcher batcher({});
  const auto ear = std::make_shared<Deaf>();
  const auto options = encode_template({.type = "answer"});
  std::vector<std::string> sent;
  for (int i = 0; i < 3; ++i) sent.push_back(encode_features({{"tokens", 100 * i}}));
  for (std::size_t i = 0; i < sent.size(); ++i)
    batcher.add(ear, i, options, {"x", 0, i == 1 ? "key" : "", sent[i]});
  const auto batch = batcher.take(0);
  ASSERT_TRUE(batch);
  const auto frame = wire::read_frame(batch->frame);
  ASSERT_TRUE(frame);
  msgpack::Reader r(frame->body);
  r.array(), r.uint(), r.uint();
  ASSERT_EQ(r.array(), 1u) << "one template";
  r.skip();
  ASSERT_EQ(r.array(), 3u);
  for (std::size_t i = 0; i < sent.size(); ++i) {
    ASSERT_EQ(r.array(), 7u);
    for (int skipped = 0; skipped < 6; ++skipped) r.skip();
    const auto own = read(r.raw());
    EXPECT_EQ(own.features, sent[i]);
    EXPECT_EQ(own.idempotency_key, i == 1 ? "key" : "");
  }
  EXPECT_TRUE(r.finished());
}

}  // namespace
}  // namespace hirehall::client
