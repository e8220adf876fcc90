// Definitions of agents: what is accepted, and how mistakes are told.
#include "worker/definition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

namespace hirehall::worker {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string with(const std::string& more) {
  return "---\nname: echo\ndescription: Answers.\nkind: plugin\nlibrary: echo.so\ntypes: [echo]\n" + more +
         "---\n\nYou answer.\n";
}
std::string error_of(const std::string& text) {
  auto loaded = parse_definition(text, "a.md");
  return loaded ? "accepted" : describe(loaded.error());
}

TEST(Definition, FrontMatterBecomesKeysAndTheBodyThePrompt) {
  auto loaded = parse_definition(
      with("version: 2.1\ntimeout_ms: 30s\nmax_instances: 3\nlimits: {memory: 64MiB, cpu: 10s, files: 32}\n"
           "labels: {zone: a}\ncapabilities: [text, json]\ntools: grep, sed\ntier: 2\n"),
      "a.md");
  ASSERT_TRUE(loaded) << describe(loaded.error());
  const auto& d = loaded->definition;
  EXPECT_EQ(d.name, "echo");
  EXPECT_EQ(d.version, "2.1");
  EXPECT_EQ(d.timeout_ms, 30'000);
  EXPECT_EQ(d.max_instances, 3u);
  EXPECT_EQ(d.limits.memory_bytes, 64 << 20);
  EXPECT_EQ(d.limits.cpu_seconds, 10);
  EXPECT_EQ(d.labels.at("zone"), "a");
  EXPECT_THAT(d.tools, ElementsAre("grep", "sed")) << "a text with commas or a list";
  EXPECT_EQ(d.prompt, "You answer.\n");
  EXPECT_EQ(d.digest.size(), 64u);
  EXPECT_THAT(loaded->warnings, IsEmpty());
}

TEST(Definition, ABreakerIsAWordOrAMapAndMayHaveFallbacksAndServices) {
  auto guard_of = [](const std::string& text) {
    return parse_definition(with(text), "a.md")->definition.guard;
  };
  EXPECT_FALSE(guard_of("").breaker);
  EXPECT_FALSE(guard_of("breaker: off\n").breaker);
  const auto usual = guard_of("breaker: on\nfallbacks: [b-one, c-two]\nservices: smtp, crm\n");
  ASSERT_TRUE(usual.breaker);
  EXPECT_EQ(usual.breaker->failures, 3u);
  EXPECT_EQ(usual.breaker->open_ms, 60'000);
  EXPECT_EQ(usual.breaker->probes, 3u);
  EXPECT_THAT(usual.fallbacks, ElementsAre("b-one", "c-two"));
  EXPECT_THAT(usual.services, ElementsAre("smtp", "crm"));
  const auto own = guard_of("breaker: {failures: 5, open: 2m, probes: 1}\n").breaker;
  EXPECT_EQ(own->failures, 5u);
  EXPECT_EQ(own->open_ms, 120'000);
  EXPECT_EQ(own->probes, 1u);
  EXPECT_THAT(error_of(with("breaker: perhaps\n")),
              AllOf(HasSubstr("a.md:7"), HasSubstr("give on, off, or a map")));
  EXPECT_THAT(error_of(with("breaker: {failures: 0}\n")), HasSubstr("from 1 to 1000"));
  EXPECT_THAT(error_of(with("breaker: {open: 25h}\n")), HasSubstr("1 ms to 24h"));
  EXPECT_THAT(error_of(with("breaker: {after: 3}\n")), HasSubstr("failures, open and probes"));
  EXPECT_THAT(error_of(with("breaker: [3]\n")), HasSubstr("on, off, or a map"));
  EXPECT_THAT(error_of(with("fallbacks: [b-one]\n")), HasSubstr("say `breaker: on` as well"));
  EXPECT_THAT(error_of(with("services: [a, a]\n")), HasSubstr("named twice"));
}

TEST(Definition, APriceIsANumberOrAMap) {
  auto price_of = [](const std::string& text) {
    return parse_definition(with(text), "a.md")->definition.price;
  };
  EXPECT_FALSE(price_of(""));
  EXPECT_EQ(price_of("price: 0.25\n")->base, 0.25);
  auto price = price_of("price: {base: 0.1, load_slope: 0.2, cap: 2, types: {echo: 1.5}}\n");
  EXPECT_EQ(price->load_slope, 0.2);
  EXPECT_EQ(price->cap, 2);
  EXPECT_EQ(price->types.at("echo"), 1.5);
  EXPECT_THAT(error_of(with("price: -1\n")), AllOf(HasSubstr("a.md:7"), HasSubstr("price: base takes 0 to")));
  EXPECT_THAT(error_of(with("price: {floor: 1}\n")), HasSubstr("base, load_slope, cap and types"));
  EXPECT_THAT(error_of(with("price: {types: {echo: .nan}}\n")), HasSubstr("0 to 1000"));
  EXPECT_THAT(error_of(with("price: [1]\n")), HasSubstr("a map with base"));
}

TEST(Definition, TheDigestChangesWithEveryByteOfTheFile) {
  auto one = parse_definition(with(""), "a.md");
  auto two = parse_definition(with("") + " ", "a.md");
  EXPECT_NE(one->definition.digest, two->definition.digest);
  EXPECT_EQ(one->definition.digest, parse_definition(with(""), "b.md")->definition.digest);
}

TEST(Definition, AnUnknownKeyIsToldWithItsLineAndTheKnownOnes) {
  auto loaded = parse_definition(with("timeout: 5\n"), "a.md");
  ASSERT_TRUE(loaded);
  EXPECT_THAT(loaded->warnings,
              ElementsAre(AllOf(HasSubstr("a.md:7"), HasSubstr("'timeout'"), HasSubstr("timeout_ms"))));
}

TEST(Definition, MistakesNameLineKeyAndWhatIsAccepted) {
  EXPECT_THAT(error_of(with("timeout_ms: soon\n")),
              AllOf(HasSubstr("a.md:7"), HasSubstr("timeout_ms"), HasSubstr("30s")));
  EXPECT_THAT(error_of(with("tier: -1\n")), HasSubstr("tier: give a number from 0 to 1000"));
  EXPECT_THAT(error_of(with("in_process: maybe\n")), HasSubstr("true or false"));
  EXPECT_THAT(error_of(with("labels: [a]\n")), HasSubstr("a map"));
  EXPECT_THAT(error_of(with("kind: magic\n")), HasSubstr("plugin or process"));
  EXPECT_THAT(error_of(with("per_task: true\n")), HasSubstr("only for kind process"));
  EXPECT_THAT(
      error_of("---\nname: echo\ndescription: x\nkind: process\ncommand: [a]\ntypes: [a]\nper_task: true\n"
               "bids: true\n---\n"),
      HasSubstr("bids: not with per_task"));
  EXPECT_TRUE(parse_definition(with("bids: true\n"), "a.md")->definition.bids);
  EXPECT_FALSE(parse_definition(with(""), "a.md")->definition.bids);
  EXPECT_THAT(error_of(with("x: [\n")), HasSubstr("not YAML"));
  EXPECT_THAT(error_of("no front matter"), HasSubstr("a.md:1"));
  EXPECT_THAT(error_of("---\nname: echo\n"), HasSubstr("second one is missing"));
}

TEST(Definition, NamesAreLowerCaseWithHyphens) {
  for (auto name : {"Echo", "ab", "1st", "has space", "x_y", "-abc"})
    EXPECT_THAT(
        error_of("---\nname: " + std::string(name) + "\ndescription: d\nlibrary: l\ntypes: [t]\n---\n"),
        HasSubstr("name:"))
        << name;
}

TEST(Definition, YamlThatCouldGrowOrNestIsRefused) {
  EXPECT_THAT(error_of(with("labels: &a {x: y}\ntools: *a\n")), HasSubstr("not accepted"));
  EXPECT_THAT(error_of(with("x: [[[[[[[[[[1]]]]]]]]]]\n")), HasSubstr("nested deeper"));
  EXPECT_THAT(error_of(with("x: " + std::string(5000, '[') + "\n")), testing::Not("accepted"));
  EXPECT_THAT(error_of(std::string(300 << 10, 'x')), HasSubstr("256 KiB"));
}

TEST(Definition, ShippedAgentsLoadWithoutAWarning) {
  auto loaded = load_definitions(std::string(HIREHALL_SOURCE_DIR) + "/configs/agents", true);
  ASSERT_TRUE(loaded) << describe(loaded.error());
  EXPECT_THAT(loaded->warnings, IsEmpty());
  EXPECT_GE(loaded->definitions.size(), 8u);
}

TEST(Definition, AgentsThatRunCommandsAreLeftOutUnlessAllowed) {
  auto loaded = load_definitions(std::string(HIREHALL_SOURCE_DIR) + "/configs/agents", false);
  ASSERT_TRUE(loaded);
  EXPECT_FALSE(std::any_of(loaded->definitions.begin(), loaded->definitions.end(),
                           [](const auto& d) { return d.kind == AgentKind::process; }));
  EXPECT_THAT(loaded->warnings, testing::Contains(HasSubstr("--allow-commands")));
}

TEST(Definition, AProgramThatIsNotThereIsTold) {
  namespace fs = std::filesystem;
  const auto folder = fs::path(testing::TempDir()) / "agents-without-programs";
  fs::create_directories(folder);
  const auto warnings_with =
      [&](const std::string& command) {
        std::ofstream(folder / "one.md")
            << "---\nname: one-agent\ndescription: d\nkind: process\ntypes: [a]\ncommand: [" << command
            << "]\n---\n";
        auto loaded = load_definitions(folder.string(), true);
        return loaded ? loaded->warnings : std::vector<std::string>{describe(loaded.error())};
      };
  EXPECT_THAT(warnings_with("bin/none"), testing::ElementsAre(HasSubstr("there is no program bin/none")));
  EXPECT_THAT(warnings_with("no-such-program-anywhere"), testing::SizeIs(1));
  EXPECT_THAT(warnings_with("."), testing::SizeIs(1)) << "a folder is no program";
  EXPECT_THAT(warnings_with("sh"), IsEmpty());
  EXPECT_THAT(warnings_with("/bin/sh"), IsEmpty());
  fs::remove_all(folder);
}

TEST(Definition, AFolderThatIsNotThereIsNamed) {
  EXPECT_THAT(load_definitions("/no/such/folder", false).error().context, "/no/such/folder");
}

}  // namespace
}  // namespace hirehall::worker
