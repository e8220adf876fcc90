// The zones of the system: what we read out of tzdata is what the C library reads.
#include "broker/server/zones.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>
#include <filesystem>

#include "broker/engine/cron.h"
#include "common/hash.h"
#include "common/text.h"

namespace hirehall::server {
namespace {

std::int64_t offset_by_libc(std::int64_t utc) {
  std::tm local{};
  const auto time = static_cast<std::time_t>(utc);
  localtime_r(&time, &local);
  return local.tm_gmtoff;
}

std::vector<std::string> installed() {
  std::vector<std::string> names;
  for (const auto* area :
       {"Africa", "America", "Asia", "Atlantic", "Australia", "Europe", "Pacific", "Etc"}) {
    const std::filesystem::path folder = std::filesystem::path("/usr/share/zoneinfo") / area;
    if (!std::filesystem::exists(folder)) continue;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
      if (entry.is_regular_file())
        names.push_back(std::string(area) + "/" + entry.path().filename().string());
  }
  return names;
}

TEST(SystemZones, OffsetsAreThoseOfTheCLibraryInEveryZone) {
  const auto names = installed();
  if (names.empty()) GTEST_SKIP() << "tzdata is not installed";
  std::uint64_t chance = 1;
  for (const auto& name : names) {
    auto zone = load_zone(name);
    ASSERT_TRUE(zone.has_value()) << name << describe(zone.error());
    ::setenv("TZ", name.c_str(), 1);
    ::tzset();
    for (int i = 0; i < 60; ++i) {
      // From 1970 to 2099; every change of the span that is hit, too.
      const auto utc = static_cast<std::int64_t>(mix(++chance) % 4'100'000'000ull);
      const auto span = zone->span_at(utc);
      ASSERT_EQ(span.offset, offset_by_libc(utc)) << name << " at " << utc;
      if (span.from > 0) {
        ASSERT_EQ(span.offset, offset_by_libc(span.from)) << name << " at its beginning, " << span.from;
        ASSERT_EQ(zone->span_at(span.from - 1).offset, offset_by_libc(span.from - 1)) << name;
      }
    }
  }
  ::unsetenv("TZ");
  ::tzset();
}

TEST(SystemZones, ABerlinNightOfOctoberHasTwentyFiveHours) {
  auto zone = load_zone("Europe/Berlin");
  if (!zone) GTEST_SKIP() << "tzdata is not installed";
  auto cron = *engine::Cron::parse("@daily");
  const Millis sunday = *cron.next(1'792'800'000'000, *zone);  // 2026-10-24
  EXPECT_EQ(sunday, 1'792'879'200'000);
  EXPECT_EQ(*cron.next(sunday, *zone) - sunday, 25 * 3'600'000);
}

TEST(SystemZones, NamesThatAreNone) {
  for (const auto* name : {"Mars/Phobos", "../etc/passwd", "/etc/localtime", "Europe/",
                           "Europe/../Europe/Berlin", "tzdata.zi", "Europe"}) {
    auto zone = load_zone(name);
    ASSERT_FALSE(zone.has_value()) << name;
    EXPECT_EQ(zone.error().code, Code::invalid);
    EXPECT_EQ(zone.error().context, "zone");
  }
  EXPECT_TRUE(load_zone("").has_value());
}

}  // namespace
}  // namespace hirehall::server
