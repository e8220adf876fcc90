// The worker's options, and the files and pages that repeat them.
#include "worker/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

namespace hirehall::worker {
namespace {

using testing::HasSubstr;

Result<Settings> settings_of(const std::vector<std::string>& arguments) {
  auto values = worker_options().parse(arguments, [](const std::string&) -> const char* { return nullptr; });
  EXPECT_TRUE(values) << describe(values.error());
  return read_settings(*values);
}
std::string read_file(const std::string& path) {
  std::ifstream in(std::string(HIREHALL_SOURCE_DIR) + "/" + path);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(Settings, AFolderOfAgentsIsAllThatIsNeeded) {
  auto settings = settings_of({"--agents", "a"});
  ASSERT_TRUE(settings) << describe(settings.error());
  EXPECT_GE(settings->slots, 1u) << "one per processor";
  EXPECT_FALSE(settings->name.empty());
  EXPECT_FALSE(settings->allow_commands);
  EXPECT_EQ(settings_of({}).error().context, "--agents");
}

TEST(Settings, MistakesNameTheOption) {
  EXPECT_EQ(settings_of({"--agents", "a", "--broker", "7420"}).error().context, "--broker");
  EXPECT_EQ(settings_of({"--agents", "a", "--label", "x"}).error().context, "--label");
  EXPECT_THAT(settings_of({"--agents", "a", "--key-file", "k"}).error().context,
              HasSubstr("--server-key-file"));
}

TEST(Settings, TheShippedConfigurationIsTheAnnotatedOne) {
  EXPECT_EQ(read_file("configs/worker.conf"), worker_options().annotated_config())
      << "write it anew: hirehall-worker --print-config > configs/worker.conf";
}

TEST(Settings, ThePageOfAgentsNamesEveryExitCode) {
  auto page = read_file("docs/agents.md");
  for (int code : {exit_code::stopped, exit_code::failure, exit_code::usage, exit_code::denied,
                   exit_code::conflict, exit_code::stuck})
    EXPECT_THAT(page, HasSubstr("| " + std::to_string(code) + " |"));
}

}  // namespace
}  // namespace hirehall::worker
