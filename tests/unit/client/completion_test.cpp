// What the shells offer at the end of a line comes from the table, and from the broker for names.
#include "client/cli/completion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/cli/command.h"

namespace hirehall::cli {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using Words = std::vector<std::string>;

std::vector<Candidate> asked(std::string_view kind, std::string_view noun) {
  return {{"one-" + std::string(kind), {}}, {"two-" + std::string(noun), {}}};
}

Words offered(const Words& words) {
  Words out;
  for (const auto& c : complete(words, asked).candidates) out.push_back(c.word);
  return out;
}

TEST(Completion, OffersNounsThenVerbs) {
  EXPECT_THAT(offered({""}), Contains("task"));
  EXPECT_THAT(offered({"ta"}), ElementsAre("task"));
  EXPECT_THAT(offered({"queue", "p"}), ElementsAre("pause", "purge"));
  EXPECT_THAT(offered({"nonsense", ""}), IsEmpty());
}

TEST(Completion, EveryCommandIsReached) {
  for (const auto& c : commands()) {
    EXPECT_THAT(offered({std::string(c.noun)}), Contains(std::string(c.noun)));
    if (c.verb.empty()) continue;
    EXPECT_THAT(offered({std::string(c.noun), std::string(c.verb)}), Contains(std::string(c.verb)));
  }
}

TEST(Completion, OffersFieldsAndValuesInsideAnExpression) {
  EXPECT_THAT(offered({"task", "list", "--where", "pri"}), ElementsAre("priority="));
  EXPECT_THAT(offered({"task", "list", "--where", "state=le"}), ElementsAre("state=leased"));
  EXPECT_THAT(offered({"task", "list", "--where", "state=failed and qu"}),
              ElementsAre("state=failed and queue="));
  EXPECT_THAT(offered({"task", "list", "--where", "not (queue!=one"}), ElementsAre("not (queue!=one-QUEUE"));
  EXPECT_THAT(offered({"task", "cancel", "--where=state!=re"}), ElementsAre("--where=state!=ready"));
  EXPECT_THAT(offered({"task", "list", "--where", "age<1"}), IsEmpty());
}

TEST(Completion, OffersTheOptionsOfTheCommandNotTwice) {
  EXPECT_THAT(offered({"task", "list", "--st"}), ElementsAre("--state"));
  EXPECT_THAT(offered({"task", "list", "--state", "ready", "--st"}), IsEmpty());
  EXPECT_THAT(offered({"task", "submit", "echo", "--label", "a=b", "--lab"}), ElementsAre("--label"));
  EXPECT_THAT(offered({"--brok"}), ElementsAre("--broker"));
}

TEST(Completion, OffersValuesOfAnOption) {
  EXPECT_THAT(offered({"task", "list", "-o", "json"}), ElementsAre("json", "jsonl"));
  EXPECT_THAT(offered({"-o", "n"}), ElementsAre("none"));
  EXPECT_THAT(offered({"task", "list", "--output=n"}), ElementsAre("--output=none"));
  EXPECT_THAT(offered({"task", "list", "--state", "l"}), ElementsAre("leased"));
  EXPECT_THAT(offered({"task", "list", "--limit", ""}), IsEmpty());
}

TEST(Completion, AsksForNamesByThePlaceholderOfTheTable) {
  EXPECT_THAT(offered({"queue", "show", ""}), ElementsAre("one-QUEUE", "two-queue"));
  EXPECT_THAT(offered({"worker", "drain", "one"}), ElementsAre("one-WORKER"));
  EXPECT_THAT(offered({"task", "list", "--queue", "one"}), ElementsAre("one-QUEUE"));
  EXPECT_THAT(offered({"dead", "retry", "A", "B", ""}), ElementsAre("one-ID", "two-dead"));
  EXPECT_THAT(offered({"context", "use", "one"}), ElementsAre("one-CONTEXT"));
  EXPECT_THAT(offered({"queue", "show", "mail", ""}), IsEmpty());  // it takes one
}

TEST(Completion, WordsBeforeTheNounDoNotConfuseIt) {
  EXPECT_THAT(offered({"--broker", "tcp://127.0.0.1:1", "-o", "json", "task", "li"}), ElementsAre("list"));
  EXPECT_THAT(offered({"--broker", ""}), IsEmpty());
}

TEST(Completion, LeavesFilesToTheShell) {
  const Words words{"task", "list", "--key-file", ""}, folder{"dev", "--data", ""},
      neither{"task", "list", ""};
  EXPECT_EQ(complete(words, asked).files, Completion::Files::files);
  EXPECT_EQ(complete(folder, asked).files, Completion::Files::folders);
  EXPECT_EQ(complete(neither, asked).files, Completion::Files::none);
}

TEST(Completion, KnowsThreeShells) {
  for (const auto* shell : {"bash", "zsh", "fish"})
    EXPECT_NE(completion_script(shell).find(completion_word), std::string::npos) << shell;
  EXPECT_EQ(completion_script("tcsh"), "");
}

}  // namespace
}  // namespace hirehall::cli
