// The verdicts of `hirehall check`, the forms they take, and text that fits a terminal.
#include "client/cli/health.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "client/cli/command.h"
#include "client/cli/screen.h"
#include "client/cli/top.h"

namespace hirehall::cli {
namespace {

using testing::HasSubstr;

constexpr HealthLimits limits{60'000, 600'000, 10, 100, 2, 1000, 2000};

Document queue(std::string_view name, std::int64_t ready, std::int64_t oldest_ms, std::int64_t dead,
               bool paused = false) {
  Document d;
  d.set("queue", name).set("ready", ready).set("oldest_ready_ms", oldest_ms).set("dead", dead);
  return d.set_bool("paused", paused);
}
Document worker(std::string_view name, bool connected, bool draining) {
  Document d;
  return d.set("name", name).set_bool("connected", connected).set_bool("draining", draining);
}
Document stats(bool admits) {
  Document d;
  return d.set_bool("admits_submits", admits).set("free_bytes", 7);
}

Verdict verdict(std::string_view check, const Document& s, const std::vector<Document>& queues,
                const std::vector<Document>& workers) {
  for (const auto& f : findings(s, queues, workers, 3, limits))
    if (f.check == check) return f.verdict;
  ADD_FAILURE() << check;
  return Verdict::unknown;
}

TEST(Health, AgeOfTheOldestReadyTaskIsJudged) {
  EXPECT_EQ(verdict("oldest_ready", stats(true), {queue("a", 1, 60'000, 0)}, {}), Verdict::fine);
  EXPECT_EQ(verdict("oldest_ready", stats(true), {queue("a", 1, 60'001, 0)}, {}), Verdict::warning);
  EXPECT_EQ(verdict("oldest_ready", stats(true), {queue("a", 1, 1, 0), queue("b", 1, 600'001, 0)}, {}),
            Verdict::critical);
  EXPECT_EQ(verdict("oldest_ready", stats(true), {queue("a", 1, 600'001, 0, true)}, {}), Verdict::fine)
      << "paused on purpose";
}

TEST(Health, ABreakerThatIsNotClosedIsAWarning) {
  auto breaker = [](const char* name, const char* state) {
    return Document().set("kind", "agent").set("name", name).set("state", state);
  };
  auto found = [&](const std::vector<Document>& breakers) {
    for (const auto& f : findings(stats(true), {}, {}, 3, limits, breakers))
      if (f.check == "breakers") return f;
    return Finding{};
  };
  EXPECT_EQ(found({}).check, "") << "nobody has one";
  EXPECT_EQ(found({breaker("a", "closed")}).verdict, Verdict::fine);
  const auto open = found({breaker("a", "open"), breaker("b", "closed"), breaker("c", "half_open")});
  EXPECT_EQ(open.verdict, Verdict::warning);
  EXPECT_EQ(open.value, 2);
  EXPECT_EQ(open.message, "2 breakers are not closed: agent a open, agent c half_open");
}

TEST(Health, TheNewestBackupIsJudgedWhereThereAreSome) {
  auto aged = [](std::int64_t ms) { return stats(true).set("backup_age_ms", ms); };
  EXPECT_EQ(verdict("backup", aged(1000), {}, {}), Verdict::fine);
  EXPECT_EQ(verdict("backup", aged(1001), {}, {}), Verdict::warning);
  EXPECT_EQ(verdict("backup", aged(2001), {}, {}), Verdict::critical);
  EXPECT_EQ(verdict("backup", aged(-1).set("uptime_ms", 1000), {}, {}), Verdict::fine) << "none yet";
  EXPECT_EQ(verdict("backup", aged(-1).set("uptime_ms", 1001), {}, {}), Verdict::warning) << "none for long";
  for (const auto& f : findings(stats(true), {}, {}, 3, limits)) EXPECT_NE(f.check, "backup");
}

TEST(Health, DeadLettersWorkersAndTheStoreAreJudged) {
  EXPECT_EQ(verdict("dead", stats(true), {queue("a", 0, 0, 5), queue("b", 0, 0, 6)}, {}), Verdict::warning);
  EXPECT_EQ(verdict("dead", stats(true), {queue("a", 0, 0, 101)}, {}), Verdict::critical);
  EXPECT_EQ(verdict("workers", stats(true), {}, {worker("a", true, false), worker("b", true, true)}),
            Verdict::warning);
  EXPECT_EQ(verdict("workers", stats(true), {}, {worker("a", false, false)}), Verdict::critical);
  EXPECT_EQ(verdict("workers", stats(true), {}, {worker("a", true, false), worker("b", true, false)}),
            Verdict::fine);
  EXPECT_EQ(verdict("store", stats(false), {}, {}), Verdict::critical);
  EXPECT_EQ(verdict("store", Document(), {}, {}), Verdict::unknown);
}

TEST(Health, AKnownFaultOutweighsTheUnknown) {
  EXPECT_EQ(worst_of({{"a", Verdict::unknown, "", 0, {}}, {"b", Verdict::warning, "", 0, {}}}),
            Verdict::warning);
  EXPECT_EQ(worst_of({{"a", Verdict::unknown, "", 0, {}}, {"b", Verdict::fine, "", 0, {}}}),
            Verdict::unknown);
}

TEST(Health, NagiosGetsOneLineWhateverQueuesAreCalled) {
  auto line = health_nagios(findings(stats(true), {queue("a|b\nc", 1, 700'000, 0)},
                                     {worker("w", true, false), worker("v", true, false)}, 3, limits));
  EXPECT_EQ(line,
            "HIREHALL CRITICAL - the oldest ready task has waited 700s in a b c | broker=3ms store=7 "
            "oldest_ready=700000ms workers=2 dead=0\n");
}

TEST(Health, PrometheusGetsGauges) {
  auto text = health_prometheus(findings(stats(true), {queue("a", 1, 1'005, 0)}, {}, 3, limits));
  EXPECT_THAT(text, HasSubstr("hirehall_check_status{check=\"workers\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("hirehall_check_oldest_ready_seconds 1.005\n"));
}

TEST(Health, WrongOptionsAreUnknownNotCritical) {
  std::ostringstream out, err;
  EXPECT_EQ(run({"check", "--workers", "many"}, out, err), 3);
}

TEST(Screen, CountsCharactersAndNotEscapes) {
  EXPECT_EQ(width_of("\x1b[31mgrün\x1b[0m"), 4u);
  EXPECT_EQ(clipped("\x1b[31mgrünlich\x1b[0m", 4), "\x1b[31mgrün\x1b[0m");
  EXPECT_EQ(clipped("plain", 3), "pla");
}

TEST(Screen, APageNeverScrolls) {
  auto text = page("one\ntwo\nthree\n", {2, 80});
  EXPECT_EQ(text, "\x1b[Hone\x1b[K\r\ntwo\x1b[K\x1b[J");
}

TEST(Colour, OnlyChangesWhatIsSeen) {
  Document d;
  d.set("id", "x").set("state", "failed").set("queue", "q");
  auto plain = render_table({d}, "id,state,queue"), coloured = render_table({d}, "id,state,queue", true);
  EXPECT_EQ(plain, "ID  STATE   QUEUE\nx   failed  q\n");
  EXPECT_EQ(coloured,
            "\x1b[1mID\x1b[0m  \x1b[1mSTATE\x1b[0m   \x1b[1mQUEUE\x1b[0m\nx   \x1b[31mfailed\x1b[0m  q\n");
}

TopSample sample(std::int64_t at_ms, std::int64_t accepted, std::int64_t done) {
  TopSample s;
  s.at_ms = at_ms;
  s.stats.set("accepted", accepted);
  s.stats.set("tasks", Document().set("succeeded", done));
  Document w;
  s.workers = {w.set("name", "w").set("worker", 1).set("done", done)};
  s.queues = {queue("mail", accepted - done, 0, 0)};
  return s;
}

TEST(Top, RatesComeFromTwoSamples) {
  auto before = sample(1'000, 100, 40), now = sample(3'000, 300, 140);
  auto rates = top_rates(before, now);
  EXPECT_EQ(rates.number("accepted"), 100);
  EXPECT_EQ(rates.number("ended"), 50);
  EXPECT_EQ(top_rows(before, now, TopTab::workers).at(0).number("done_per_s"), 50);
  EXPECT_EQ(top_rows(before, now, TopTab::queues).at(0).number("ready_per_s"), 50);
  EXPECT_EQ(top_rates(now, now).number("accepted"), 0);
  EXPECT_FALSE(now.workers[0].has("done_per_s")) << "rows are copies";
}

TEST(Top, TheScreenFillsTheTerminalAndNoMore) {
  auto now = sample(1'000, 5, 0);
  for (int i = 0; i < 50; ++i) now.queues.push_back(queue("q" + std::to_string(i), i, 0, 0));
  for (std::size_t rows : {8u, 24u, 60u}) {
    TopView view;
    view.scroll = 1'000;
    auto text = top_screen(now, now, view, {rows, 80});
    EXPECT_LE(std::count(text.begin(), text.end(), '\n') + 1, static_cast<std::ptrdiff_t>(rows));
    EXPECT_THAT(text, HasSubstr("q: end"));
  }
}

TEST(Watch, SaysWhatCanBeWatched) {
  std::ostringstream out, err;
  EXPECT_EQ(run({"watch", "queue", "pause"}, out, err), usage);
  EXPECT_THAT(err.str(), HasSubstr("queue list"));
}

}  // namespace
}  // namespace hirehall::cli
