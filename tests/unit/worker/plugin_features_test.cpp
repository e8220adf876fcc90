// Plugins read features of tasks from the encoded map, with nothing but the C header.
#include <gtest/gtest.h>
#include <hirehall/features.h>

#include <cstring>
#include <string>
#include <vector>

#include "common/msgpack.h"
#include "common/task_features.h"

namespace hirehall::worker {
namespace {

hirehall_bytes bytes_of(const std::string& text) {
  return {text.data(), text.size()};
}

TEST(PluginFeatures, EachNumberIsReadAsItWasGiven) {
  for (const double given :
       {0.0,   1.0,   127.0,  128.0,  255.0,    256.0, 65535.0, 65536.0, 12e9, 9e15, -1.0,
        -32.0, -33.0, -128.0, -129.0, -40000.0, -3e9,  -9e15,   0.25,    -1.5, 1e15, 3.5e-9}) {
    const auto map = write_features({{"before", false, 0, "a word"}, {"tokens", true, given, {}}});
    double read = 7;
    ASSERT_EQ(hirehall_feature_number(bytes_of(map), "tokens", &read), 1) << given;
    EXPECT_EQ(read, given);
  }
  std::string map;
  msgpack::Writer w(map);
  w.map(1), w.str("tokens");
  map += std::string("\xca\x3f\x00\x00\x00", 5);  // of four bytes: 0.5
  double read = 0;
  ASSERT_EQ(hirehall_feature_number(bytes_of(map), "tokens", &read), 1);
  EXPECT_EQ(read, 0.5);
}

TEST(PluginFeatures, WordsAreWordsAndWhatIsMissingIsSaidSo) {
  const std::string longest(64, 'x');
  const auto map =
      write_features({{"topic", false, 0, "law"}, {"tokens", true, 3, {}}, {"name", false, 0, longest}});
  hirehall_bytes word{};
  double number = 7;
  ASSERT_EQ(hirehall_feature_word(bytes_of(map), "topic", &word), 1);
  EXPECT_EQ(std::string(word.data, word.size), "law");
  ASSERT_EQ(hirehall_feature_word(bytes_of(map), "name", &word), 1);
  EXPECT_EQ(std::string(word.data, word.size), longest);
  EXPECT_EQ(hirehall_feature_word(bytes_of(map), "tokens", &word), 0);
  EXPECT_EQ(hirehall_feature_number(bytes_of(map), "topic", &number), 0);
  EXPECT_EQ(hirehall_feature_number(bytes_of(map), "token", &number), 0);
  EXPECT_EQ(hirehall_feature_number({nullptr, 0}, "tokens", &number), 0);
  EXPECT_EQ(number, 7);
  std::vector<TaskFeature> many;
  std::vector<std::string> names;
  for (int i = 0; i < 16; ++i) names.push_back("f" + std::to_string(i));
  for (const auto& name : names) many.push_back({name, true, 5, {}});
  const auto wide = write_features(many);  // a map of more than 15 has another form
  EXPECT_EQ(hirehall_feature_number(bytes_of(wide), "f15", &number), 1);
}

// Cut anywhere or changed: nothing is read beyond the end (the sanitizers watch), and nothing is made up of a
// cut.
TEST(PluginFeatures, DamagedBytesAreReadAsNothing) {
  const auto map = write_features({{"topic", false, 0, "law"}, {"tokens", true, 12'000, {}}});
  for (std::size_t cut = 0; cut < map.size(); ++cut) {
    const std::vector<char> exact(map.begin(), map.begin() + static_cast<std::ptrdiff_t>(cut));
    double number = 0;
    EXPECT_EQ(hirehall_feature_number({exact.data(), exact.size()}, "tokens", &number), 0) << cut;
  }
  for (std::size_t at = 0; at < map.size(); ++at)
    for (int value = 0; value < 256; ++value) {
      std::vector<char> changed(map.begin(), map.end());
      changed[at] = static_cast<char>(value);
      double number = 0;
      hirehall_bytes word{};
      hirehall_feature_number({changed.data(), changed.size()}, "tokens", &number);
      if (hirehall_feature_word({changed.data(), changed.size()}, "topic", &word) == 1) {
        EXPECT_GE(word.data, changed.data());
        EXPECT_LE(word.data + word.size, changed.data() + changed.size());
      }
    }
}

}  // namespace
}  // namespace hirehall::worker
