// Which templates are known again, and how many are kept.
#include "broker/server/template_cache.h"

#include <gtest/gtest.h>

#include <string>

namespace hirehall::server {
namespace {

engine::TemplateRef made_of(const std::string& type) {
  TaskOptions options;
  options.type = type;
  return engine::make_template(options);
}

class TemplateCacheTest : public testing::Test {
 protected:
  // As a submit does it; true when it was known.
  bool ask(std::uint64_t producer, const std::string& bytes) {
    const auto hash = TemplateCache::hash_of(producer, bytes);
    cache.fetch(hash);
    if (const auto* known = cache.find(hash, producer, bytes)) {
      EXPECT_EQ((*known)->options.type, bytes);
      return true;
    }
    cache.add(hash, producer, bytes, made_of(bytes));
    return false;
  }

  TemplateCache cache{100, 10'000};
};

TEST_F(TemplateCacheTest, SameBytesOfOneProducerAreOneTemplate) {
  EXPECT_FALSE(ask(1, "a"));
  EXPECT_TRUE(ask(1, "a"));
  EXPECT_FALSE(ask(2, "a")) << "the submitter stands in it";
  EXPECT_FALSE(ask(1, "b"));
  EXPECT_EQ(cache.size(), 3u);
  cache.clear();
  EXPECT_FALSE(ask(1, "a"));
}

TEST_F(TemplateCacheTest, WhatIsAskedForAgainStaysWhateverElseComes) {
  ask(1, "often");
  for (int i = 0; i < 10'000; ++i) {
    ask(1, "once " + std::to_string(i));
    EXPECT_TRUE(ask(1, "often")) << i;
    ASSERT_LE(cache.size(), 200u);
  }
  EXPECT_FALSE(ask(1, "once 1"));
}

TEST_F(TemplateCacheTest, BytesAreBoundedAsWell) {
  for (int i = 0; i < 100; ++i) ask(1, std::string(1000, 'x') + std::to_string(i));
  EXPECT_LE(cache.size(), 20u);
}

TEST_F(TemplateCacheTest, AsManyAsThereIsRoomForAreAllKnown) {
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(ask(1, std::to_string(i)));
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(ask(1, std::to_string(i))) << i;
}

}  // namespace
}  // namespace hirehall::server
