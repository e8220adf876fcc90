// What agents ask, as people write it.
#include "worker/price.h"

#include <gmock/gmock.h>

namespace hirehall::worker {
namespace {

TEST(Price, IsABaseOrNamedParts) {
  EXPECT_EQ(parse_price("0.5")->base, 0.5);
  const auto price = parse_price("base=0.02,load_slope=0.01,cap=3");
  ASSERT_TRUE(price);
  EXPECT_EQ(price->base, 0.02);
  EXPECT_EQ(price->load_slope, 0.01);
  EXPECT_EQ(price->cap, 3);
}

TEST(Price, WhatIsNoneSaysWhatIsAccepted) {
  for (const auto* text : {"x", "-1", "1.1234567", "1000001", "base=", "base=nan", "base=1e3", "base"})
    EXPECT_THAT(parse_price(text).error().message, testing::HasSubstr("0 to 1000000 cost units")) << text;
  EXPECT_THAT(parse_price("cost=1").error().message, testing::HasSubstr("base, load_slope, cap and types"));
  PriceOffer price;
  EXPECT_THAT(set_multiplier(price, "t", "1001").error().message, testing::HasSubstr("0 to 1000"));
  for (int i = 0; i < 64; ++i) ASSERT_TRUE(set_multiplier(price, std::to_string(i), "2"));
  EXPECT_FALSE(set_multiplier(price, "one more", "2"));
}

}  // namespace
}  // namespace hirehall::worker
