#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "client/cli/command.h"
#include "client/cli/submit_options.h"
#include "common/ids.h"
#include "common/msgpack.h"

namespace hirehall::cli {
namespace {

struct Answer {
  int code;
  std::string out, err;
};

Answer hirehall(const std::vector<std::string>& arguments) {
  std::ostringstream out, err;
  int code = run(arguments, out, err);
  return {code, out.str(), err.str()};
}

const Command& command(std::string_view noun, std::string_view verb) {
  for (const auto& c : commands())
    if (c.noun == noun && c.verb == verb) return c;
  ADD_FAILURE() << noun << " " << verb;
  return commands()[0];
}

client::Result<OptionValues> submit_values(const std::vector<std::string>& arguments) {
  auto values = table_of(command("task", "submit")).parse(arguments, [](const std::string&) -> const char* {
    return nullptr;
  });
  if (!values)
    return tl::unexpected(client::Error{client::ErrorCode::invalid, values.error().message, {}, 0});
  return *values;
}

std::string code_of(const client::Error& error) {
  return std::string(name_of(error.code));
}

TEST(Help, WithoutArgumentsTheOverviewIsShownAndItIsAUsageError) {
  auto a = hirehall({});
  EXPECT_EQ(a.code, usage);
  EXPECT_EQ(a.out, "");
  EXPECT_NE(a.err.find("task submit"), std::string::npos);
}

TEST(Help, IsThereOnEveryLevel) {
  EXPECT_EQ(hirehall({"--help"}).code, ok);
  EXPECT_EQ(hirehall({"task", "--help"}).code, ok);
  for (const auto& c : commands()) {
    std::vector<std::string> words{std::string(c.noun)};
    if (!c.verb.empty()) words.emplace_back(c.verb);
    words.emplace_back("--help");
    auto a = hirehall(words);
    EXPECT_EQ(a.code, ok) << words[0];
    EXPECT_NE(a.out.find("Examples:"), std::string::npos) << words[0];
    EXPECT_NE(a.out.find("Exit codes:"), std::string::npos) << words[0];
  }
}

TEST(Help, TheManualNamesEveryCommand) {
  auto text = manual();
  for (const auto& c : commands())
    EXPECT_NE(text.find("## hirehall " + std::string(c.noun)), std::string::npos);
}

TEST(Usage, AMistypedNounOrVerbGetsASuggestion) {
  auto noun = hirehall({"tsk", "submit"});
  EXPECT_EQ(noun.code, usage);
  EXPECT_NE(noun.err.find("did you mean `hirehall task submit`"), std::string::npos) << noun.err;
  auto verb = hirehall({"queue", "lst"});
  EXPECT_EQ(verb.code, usage);
  EXPECT_NE(verb.err.find("did you mean `hirehall queue list`"), std::string::npos) << verb.err;
}

TEST(Usage, AWordOfAnotherToolGetsTheOneThatIsMeant) {
  const std::pair<std::vector<std::string>, std::string> cases[]{
      {{"task", "show"}, "task get"},
      {{"task", "status"}, "task get"},
      {{"task", "ls"}, "task list"},
      {{"task", "enqueue"}, "task submit"},
      {{"task", "retry"}, "dead retry"},
      {{"queue", "create"}, "queue set"},
      {{"schedule", "rm"}, "schedule delete"},
      {{"schedule", "stop"}, "schedule pause"},
      {{"schedule", "update"}, "schedule edit"},
      {{"queue", "stop"}, "queue pause"},
      {{"limit", "stop"}, "limit pause-until"},
      {{"breaker", "close"}, "breaker reset"},
      {{"task", "stop"}, "task cancel"},
      {{"submit", "echo"}, "task submit"},
      {{"list"}, "task list"},
      {{"workers"}, "worker list"},
      {{"version"}, "--version"},
  };
  for (const auto& [words, meant] : cases) {
    auto a = hirehall(words);
    EXPECT_EQ(a.code, usage);
    EXPECT_NE(a.err.find("did you mean `hirehall " + meant + "`"), std::string::npos) << words[0] << a.err;
  }
}

TEST(Usage, AMistypedOptionGetsASuggestion) {
  auto a = hirehall({"task", "submit", "echo", "--prioritty=3"});
  EXPECT_EQ(a.code, usage);
  EXPECT_NE(a.err.find("did you mean --priority?"), std::string::npos) << a.err;
}

TEST(Usage, AStateThatIsNoneNamesThoseThatAre) {
  auto a = hirehall({"task", "list", "--where", "state=running"});
  EXPECT_EQ(a.code, usage);
  EXPECT_NE(a.err.find("scheduled, ready, leased, suspended, succeeded"), std::string::npos) << a.err;
  EXPECT_NE(a.err.find("what runs is leased"), std::string::npos) << a.err;
}

TEST(Usage, AnUnknownOptionNamesItselfAndTheHelp) {
  auto a = hirehall({"task", "list", "--colour"});
  EXPECT_EQ(a.code, usage);
  EXPECT_NE(a.err.find("colour"), std::string::npos) << a.err;
  EXPECT_NE(a.err.find("hirehall task list --help"), std::string::npos) << a.err;
}

TEST(Usage, OptionsMayStandBeforeTheNoun) {
  auto a = hirehall({"--broker", "ipc:///nowhere", "-o", "json", "task", "get", "not-an-id"});
  EXPECT_EQ(a.code, usage);
  EXPECT_NE(a.err.find("26 characters"), std::string::npos) << a.err;
}

TEST(Unreachable, NamesTheEndpointAndTheRemedy) {
  auto endpoint = "ipc://" + testing::TempDir() + "nobody.ipc";
  auto a = hirehall({"--broker", endpoint, "--request-timeout", "20ms", "stats"});
  EXPECT_EQ(a.code, unreachable);
  EXPECT_NE(a.err.find(endpoint), std::string::npos) << a.err;
  EXPECT_NE(a.err.find("hirehall dev"), std::string::npos) << a.err;
  EXPECT_EQ(a.out, "");
}

TEST(ExitCodes, FollowTheTable) {
  using client::ErrorCode;
  using client::State;
  EXPECT_EQ(exit_code_of(ErrorCode::not_found), 3);
  EXPECT_EQ(exit_code_of(ErrorCode::denied), 4);
  EXPECT_EQ(exit_code_of(ErrorCode::conflict), 5);
  EXPECT_EQ(exit_code_of(ErrorCode::timeout), 6);
  EXPECT_EQ(exit_code_of(ErrorCode::unreachable), 7);
  EXPECT_EQ(exit_code_of(ErrorCode::queue_full), 1);
  EXPECT_EQ(exit_code_of(State::succeeded), 0);
  EXPECT_EQ(exit_code_of(State::failed), 10);
  EXPECT_EQ(exit_code_of(State::cancelled), 11);
  EXPECT_EQ(exit_code_of(State::expired), 12);
}

TEST(Payload, IsNullWhenNotGiven) {
  EXPECT_EQ(payload_of(*submit_values({"echo"})).value(), "null");
}

TEST(Payload, AWordAfterTheTypeIsAJsonTextUnlessItIsJson) {
  EXPECT_EQ(payload_of(*submit_values({"echo", "hi"})).value(), "\"hi\"");
  EXPECT_EQ(payload_of(*submit_values({"echo", "{\"a\": 1}"})).value(), "{\"a\": 1}");
}

TEST(Payload, AWordThatBeginsAsJsonAndIsNoneIsASlip) {
  for (const char* slip : {"{\"a\": 1", "[1,", "\"open"}) {
    auto bad = payload_of(*submit_values({"echo", slip}));
    ASSERT_FALSE(bad) << slip;
    EXPECT_NE(bad.error().message.find("not JSON"), std::string::npos);
  }
  EXPECT_EQ(payload_of(*submit_values({"echo", "{x", "--content-type", "text/plain"})).value(), "{x");
}

TEST(Payload, GivenAsOptionMustBeJson) {
  auto bad = payload_of(*submit_values({"echo", "--payload", "hi"}));
  ASSERT_FALSE(bad);
  EXPECT_NE(bad.error().message.find("--content-type"), std::string::npos);
  EXPECT_EQ(payload_of(*submit_values({"echo", "--payload", "hi", "--content-type", "text/plain"})).value(),
            "hi");
}

TEST(Payload, ComesFromAFile) {
  auto path = testing::TempDir() + "payload.json";
  std::ofstream(path) << "[1, 2]";
  EXPECT_EQ(payload_of(*submit_values({"echo", "--payload", "@" + path})).value(), "[1, 2]");
  EXPECT_EQ(payload_of(*submit_values({"echo", "@" + path})).value(), "[1, 2]")
      << "the same without the option";
  std::filesystem::remove(path);
  EXPECT_FALSE(payload_of(*submit_values({"echo", "--payload", "@" + path})));
}

TEST(SubmitOptions, AreTakenFromTheFlags) {
  auto o = options_of(*submit_values({"mail", "--queue", "q", "--priority", "9", "--delay", "5s", "--label",
                                      "a=b=c", "--limit-key", "smtp", "--limit-key", "dns", "--max-attempts",
                                      "7", "--backoff", "2s", "--backoff-max", "1m"}),
                      0);
  ASSERT_TRUE(o);
  EXPECT_EQ(o->type, "mail");
  EXPECT_EQ(o->queue, "q");
  EXPECT_EQ(o->priority, 9);
  EXPECT_EQ(o->delay_ms, 5000);
  EXPECT_EQ(o->labels.at("a"), "b=c");
  EXPECT_EQ(o->limit_keys, (std::vector<std::string>{"smtp", "dns"}));
  EXPECT_EQ(o->max_attempts, 7);
  EXPECT_EQ(o->backoff_ms, 2000);
  EXPECT_EQ(o->backoff_max_ms, 60'000);
}

TEST(SubmitOptions, NotGivenMeansNotSent) {
  auto o = options_of(*submit_values({"mail"}), 0);
  ASSERT_TRUE(o);
  EXPECT_EQ(o->priority, 0);
  EXPECT_EQ(o->max_attempts, 0);
  EXPECT_EQ(o->backoff_ms, 0);
}

TEST(SubmitOptions, OneKeyForManyTasksIsRefused) {
  auto o = options_of(*submit_values({"mail", "--count", "2", "--idempotency-key", "k"}), 0);
  ASSERT_FALSE(o);
  EXPECT_EQ(code_of(o.error()), "invalid");
}

TEST(SubmitOptions, TheTypeIsNeeded) {
  EXPECT_FALSE(options_of(*submit_values({}), 0));
}

TEST(Time, IsAPointOrADurationFromNow) {
  EXPECT_EQ(parse_time("2027-01-31T12:00:00Z", 0).value(), 1801396800000);
  EXPECT_EQ(parse_time("1801396800000", 0).value(), 1801396800000);
  EXPECT_EQ(parse_time("10m", 1000).value(), 601000);
  for (const char* bad : {"", "soon", "12", "-5s", "2027-13-01"}) EXPECT_FALSE(parse_time(bad, 0)) << bad;
}

TEST(Time, IsShownInUtc) {
  EXPECT_EQ(render_time(1801396800000), "2027-01-31 12:00:00Z");
}

std::string task_body(std::string_view payload) {
  std::string body;
  msgpack::Writer w(body);
  w.map(3);
  w.entry_bin("id", std::string(16, '\1'));
  w.entry("state", "ready");
  w.entry_bin("payload", payload);
  return body;
}

TEST(Document, ShowsIdsAsTextAndJsonPayloadsAsJson) {
  auto d = Document::from_body(task_body("{\"a\":1}"));
  ASSERT_TRUE(d);
  TaskId id;
  id.bytes.fill(1);
  EXPECT_EQ(d->json(false), "{\"id\":\"" + id.text() + "\",\"state\":\"ready\",\"payload\":{\"a\":1}}");
}

TEST(Document, ShowsTextAsTextAndOtherBytesAsBase64) {
  EXPECT_EQ(Document::from_body(task_body("plain"))->text("payload"), "plain");
  EXPECT_EQ(Document::from_body(task_body("\xff\x01"))->text("payload"), "{\"base64\":\"/wE=\"}");
  EXPECT_EQ(Document::from_body(task_body("\xff"))->text("payload"), "{\"base64\":\"/w==\"}");
}

TEST(Document, NestingWithoutEndIsText) {
  const auto deep = std::string(200'000, '[') + std::string(200'000, ']');
  EXPECT_EQ(Document::from_body(task_body(deep))->text("payload"), deep);
}

TEST(Document, RefusesWhatIsNoMessage) {
  EXPECT_FALSE(Document::from_body("\x82\xa1"));
  EXPECT_FALSE(Document::from_body(""));
}

TEST(Table, IsAlignedAndShowsOnlyItsColumns) {
  Document a, b;
  a.set("queue", "default"), a.set("ready", 12), a.set("secret", "x");
  b.set("queue", "q"), b.set("ready", 3);
  EXPECT_EQ(render_table({a, b}, "queue,ready"), "QUEUE    READY\ndefault  12\nq        3\n");
}

TEST(Table, ControlCharactersDoNotReachTheTerminal) {
  Document a;
  a.set("queue", "evil\x1b[2J\n");
  EXPECT_EQ(render_table({a}, "queue").find('\x1b'), std::string::npos);
}

TEST(Keys, ASecretIsReadableByItsOwnerOnlyAndNeverOverwritten) {
  auto folder = testing::TempDir() + "keys";
  std::filesystem::create_directories(folder);
  EXPECT_EQ(hirehall({"key", "new", "alice", "--directory", folder}).code, ok);
  auto mode = std::filesystem::status(folder + "/alice.key").permissions();
  EXPECT_EQ(mode, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  EXPECT_EQ(hirehall({"key", "new", "alice", "--directory", folder}).code, conflict);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace hirehall::cli
