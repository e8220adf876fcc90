// Agents of every kind, run for real: what they answer, and what an attempt costs when they misbehave.
#include "worker/executor.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/prctl.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/worker/one_slot.h"

namespace hirehall::worker {
namespace {

using testing::AnyOf;
using testing::HasSubstr;

struct AgentTest : testing::Test {
  // As the worker does: what a dying agent leaves behind comes to us.
  static void SetUpTestSuite() { ::prctl(PR_SET_CHILD_SUBREAPER, 1); }
};

TEST_F(AgentTest, APluginInTheWorkerAnswersWithItsPayload) {
  OneSlot slot(OneSlot::shipped("echo"));
  auto end = slot.run("echo", "\"hi\"");
  EXPECT_EQ(end.outcome, Outcome::succeeded);
  EXPECT_EQ(end.result, "\"hi\"");
}

TEST_F(AgentTest, APluginInAChildAnswersToOneTaskAfterTheOther) {
  OneSlot slot(OneSlot::shipped("echo-isolated"));
  std::string large(1 << 20, 'x');
  EXPECT_EQ(slot.run("echo-isolated", large).result, large);
  EXPECT_EQ(slot.run("echo-isolated", "2").result, "2");
}

TEST_F(AgentTest, APythonProgramAndAShellScriptAnswerToo) {
  OneSlot python(OneSlot::shipped("wordcount"));
  EXPECT_THAT(python.run("wordcount", "\"one two\\nthree\"").result, HasSubstr("\"words\":3"));
  auto refused = python.run("wordcount", "7");
  EXPECT_EQ(refused.outcome, Outcome::failed_final);
  EXPECT_EQ(refused.error_code, "bad_payload");
  OneSlot shell(OneSlot::shipped("sha256"));
  EXPECT_EQ(shell.run("sha256", "\"/dev/null\"").result,
            "{\"sha256\":\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"}");
  EXPECT_THAT(shell.run("sha256", "\"/no/such/file\"").error, HasSubstr("cannot be read"));
}

TEST_F(AgentTest, ACrashCostsOneAttemptAndTheNextOneRuns) {
  OneSlot slot(OneSlot::shipped("trouble"));
  auto crash = slot.run("crash", "1");
  EXPECT_EQ(crash.outcome, Outcome::failed);
  EXPECT_THAT(crash.error_code, AnyOf("crashed", "exit")) << crash.error;
  EXPECT_EQ(slot.run("exit", "1").error, "exit code 3");
  EXPECT_EQ(slot.run("flaky", "1", 0, 2).error_code, "flaky");
  EXPECT_EQ(slot.run("flaky", "1", 0, 3).outcome, Outcome::succeeded);
}

TEST_F(AgentTest, ACrashNamesTheSignal) {
  OneSlot slot(OneSlot::shell("kill -SEGV $$"));
  EXPECT_EQ(slot.run("script", "").error, "signal 11 (SIGSEGV)");
  OneSlot killed(OneSlot::shell("kill -KILL $$"));
  EXPECT_THAT(killed.run("script", "").error, HasSubstr("perhaps because memory ran out"));
}

TEST_F(AgentTest, MemoryGrowthEndsAtTheLimit) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers need address space without a limit";
#endif
  OneSlot slot(OneSlot::shipped("trouble"));
  auto end = slot.run("grow", "1");
  EXPECT_EQ(end.outcome, Outcome::failed);
  EXPECT_EQ(end.error, "out of memory");
}

TEST_F(AgentTest, AHangIsKilledAtItsTimeoutAndOnlyThenReported) {
  for (auto [agent, type] : {std::pair{"trouble", "hang"}, {"trouble-python", "python-hang"}}) {
    OneSlot slot(OneSlot::shipped(agent));
    auto end = slot.run(type, "1", 200);
    EXPECT_EQ(end.outcome, Outcome::timed_out) << type;
    EXPECT_EQ(end.error, "it ran longer than 200ms");
  }
}

TEST_F(AgentTest, ASilentAttemptIsTakenForHungWhenTheDefinitionSaysSo) {
  auto definition = OneSlot::shell("sleep 1000");
  definition.stall_ms = 200;
  OneSlot slot(definition);
  auto end = slot.run("script", "");
  EXPECT_EQ(end.outcome, Outcome::failed);
  EXPECT_EQ(end.error_code, "hung");
  EXPECT_EQ(end.error, "hung: no sign of life for 200ms");
}

TEST_F(AgentTest, GrandchildrenEndWithTheAttempt) {
  // The script tells the number of a grandchild that ignores SIGTERM, and then hangs.
  OneSlot slot(OneSlot::shell("trap '' TERM; sleep 1000 & echo $! >&2; wait"));
  slot.post("script", "", 500);
  auto said = slot.reported(Report::What::log);
  auto grandchild = static_cast<pid_t>(std::stol(std::string(msgpack::Reader(said).str())));
  EXPECT_EQ(::kill(grandchild, 0), 0);
  EXPECT_EQ(slot.ended().outcome, Outcome::timed_out);
  EXPECT_EQ(::kill(grandchild, 0), -1) << "gone and reaped";
}

TEST_F(AgentTest, NoZombieIsLeftBehind) {
  OneSlot slot(OneSlot::shell("sleep 1000 & exit 1"));
  for (int i = 0; i < 5; ++i) EXPECT_EQ(slot.run("script", "").outcome, Outcome::failed);
  std::ifstream children("/proc/self/task/" + std::to_string(::getpid()) + "/children");
  std::string pid;
  while (children >> pid) {
    std::ifstream stat("/proc/" + pid + "/stat");
    std::string text((std::istreambuf_iterator<char>(stat)), {});
    EXPECT_THAT(text, testing::Not(HasSubstr(") Z ")));
  }
}

TEST_F(AgentTest, ACancelIsHeardByAnAgentThatListens) {
  OneSlot slot(OneSlot::shipped("sleep"));
  auto token = slot.post("sleep", "100000");
  slot.reported(Report::What::progress);
  slot.board().stop({token, 10'000, "a person changed their mind"}, monotonic_us());
  auto end = slot.ended();
  EXPECT_EQ(end.outcome, Outcome::cancelled);
  EXPECT_EQ(end.error, "a person changed their mind");
}

TEST_F(AgentTest, ACancelEndsAnAgentThatDoesNotListen) {
  OneSlot slot(OneSlot::shell("trap '' TERM; echo up >&2; while :; do sleep 1000; done"));
  auto token = slot.post("script", "");
  slot.reported(Report::What::log);
  slot.board().stop({token, 200, "enough"}, monotonic_us());
  EXPECT_EQ(slot.ended().outcome, Outcome::cancelled);
}

TEST_F(AgentTest, AStopForATimeoutCountsAsTimedOut) {
  OneSlot slot(OneSlot::shell("echo up >&2; sleep 1000"));
  auto token = slot.post("script", "");
  slot.reported(Report::What::log);
  slot.board().stop({token, 0, "timeout"}, monotonic_us());
  EXPECT_EQ(slot.ended().outcome, Outcome::timed_out);
}

TEST_F(AgentTest, ATaskThatIsStoppedBeforeItBeganNeverBegins) {
  OneSlot slot(OneSlot::shell("echo up >&2; sleep 1000"));
  auto first = slot.post("script", "");
  auto second = slot.post("script", "");
  slot.reported(Report::What::log);
  slot.board().stop({second, 0, "no"}, monotonic_us());
  slot.board().stop({first, 0, "no"}, monotonic_us());
  EXPECT_EQ(slot.ended().token, first);
  auto end = slot.ended();
  EXPECT_EQ(end.token, second);
  EXPECT_EQ(end.outcome, Outcome::cancelled);
  EXPECT_EQ(slot.reports().size(), 1u);
}

TEST_F(AgentTest, AStoppingWorkerHandsBackWhatRunsAndWhatWaits) {
  OneSlot slot(OneSlot::shell("echo up >&2; sleep 1000"));
  slot.post("script", "");
  slot.post("script", "");
  slot.reported(Report::What::log);
  slot.board().interrupt_all(200'000, monotonic_us());
  EXPECT_EQ(slot.ended().outcome, Outcome::interrupted);
  EXPECT_EQ(slot.ended().outcome, Outcome::interrupted);
}

TEST_F(AgentTest, ProgressAndCheckpointsAreReportedAndTheNextAttemptStartsFromThem) {
  OneSlot slot(OneSlot::shipped("sleep"));
  EXPECT_EQ(slot.run("sleep", "600").result, "{\"slept_ms\":600}");
  EXPECT_EQ(msgpack::Reader(slot.reported(Report::What::checkpoint)).bin(), "500");
  std::string extras;
  msgpack::Writer w(extras);
  w.map(1);
  w.entry_bin("checkpoint", "99999999");
  EXPECT_EQ(slot.run("sleep", "100000000", 0, 2, extras).outcome, Outcome::succeeded)
      << "a hundred thousand seconds, but for one nap already slept";
}

TEST_F(AgentTest, AProgramThatCannotBeStartedIsNamed) {
  auto definition = OneSlot::shell("");
  definition.command = {"/no/such/program"};
  OneSlot slot(definition);
  auto end = slot.run("script", "");
  EXPECT_EQ(end.outcome, Outcome::failed);
  EXPECT_THAT(end.error, AllOf(HasSubstr("/no/such/program"), HasSubstr("No such file")));
}

TEST_F(AgentTest, ALibraryThatIsNoAgentIsNamed) {
  auto definition = OneSlot::shipped("echo-isolated");
  definition.library = "/bin/sh";
  OneSlot slot(definition);
  EXPECT_THAT(slot.run("echo-isolated", "").error, HasSubstr("/bin/sh"));
  definition.library = "missing.so";
  OneSlot missing(definition);
  EXPECT_THAT(missing.run("echo-isolated", "").error, HasSubstr("looked for"));
}

TEST_F(AgentTest, AResultOverTheLimitFailsAndIsNotCut) {
  OneSlot slot(OneSlot::shell("head -c 2000000 /dev/zero"));
  auto end = slot.run("script", "");
  EXPECT_EQ(end.outcome, Outcome::failed_final);
  EXPECT_EQ(end.error_code, "too_large");
}

TEST_F(AgentTest, AnAgentDoesNotSeeTheSecretsOfItsWorker) {
  ::setenv("HIREHALL_KEY_FILE", "/secret", 1);
  ::setenv("NOTIFY_SOCKET", "/run/notify", 1);
  OneSlot slot(OneSlot::shell("env"));
  auto seen = slot.run("script", "").result;
  ::unsetenv("HIREHALL_KEY_FILE");
  ::unsetenv("NOTIFY_SOCKET");
  EXPECT_THAT(seen, AllOf(HasSubstr("HIREHALL_TYPE=script"), testing::Not(HasSubstr("/secret")),
                          testing::Not(HasSubstr("/run/notify"))));
}

}  // namespace
}  // namespace hirehall::worker
