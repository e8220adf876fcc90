// hirehall-sim: worlds by seed, on both cores.
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/program_options.hpp>
#include <chrono>
#include <cstdio>
#include <iostream>

#include "common/log.h"
#include "common/mutant.h"
#include "tests/simulation/mutants.h"
#include "tests/simulation/run.h"

namespace {

using namespace hirehall;
using Clock = std::chrono::steady_clock;
namespace po = boost::program_options;

std::uint64_t running = 0;  // the seed, for a failed assertion

void aborted(int) {
  char line[64];
  auto n = std::snprintf(line, sizeof line, "seed %llu: the broker, a worker or a client asserts\n",
                         static_cast<unsigned long long>(running));
  static_cast<void>(!::write(1, line, static_cast<std::size_t>(n)));
  ::signal(SIGABRT, SIG_DFL);
  ::raise(SIGABRT);
}

struct Plan {
  std::uint64_t first = 1;
  std::uint64_t seeds = 1000;
  double seconds = 0;  // 0: no limit
  std::uint64_t step = 1;
  bool keep_going = false;
  std::uint64_t canary = 0;  // seed of a world with a planted violation: it goes the way of all others
};

struct Sum {
  std::uint64_t worlds = 0, events = 0, tasks = 0, seconds = 0, failed = 0, first_failed = 0;
  std::uint64_t canaries = 0;  // found
  sim::Tally tally;
};

Sum run(const Plan& plan) {
  Sum sum;
  auto end = Clock::now() + std::chrono::duration<double>(plan.seconds);
  for (std::uint64_t i = 0; i < plan.seeds; ++i) {
    if (plan.seconds > 0 && Clock::now() >= end) break;
    running = plan.first + i * plan.step;
    bool canary = running == plan.canary;
    auto report = sim::run_seed(running, canary);
    ++sum.worlds;
    sum.events += report.events;
    sum.tasks += report.tasks;
    sum.seconds += static_cast<std::uint64_t>(report.lasted / sim::second);
    sum.tally.add(report.tally);
    if (canary && report.violation && report.violation->invariant == "I7") {
      ++sum.canaries;
      continue;
    }
    if (!report.violation) continue;
    ++sum.failed;
    if (sum.first_failed == 0) sum.first_failed = running;
    auto text = sim::describe(report);
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
    if (!plan.keep_going) break;
  }
  return sum;
}

void write_all(int fd, const std::vector<std::uint64_t>& numbers) {
  const auto* at = reinterpret_cast<const char*>(numbers.data());
  auto left = numbers.size() * sizeof numbers[0];
  while (left > 0) {
    auto n = ::write(fd, at, left);
    if (n <= 0) return;
    at += n;
    left -= static_cast<std::size_t>(n);
  }
}

std::vector<std::uint64_t> read_all(int fd) {
  std::string bytes;
  char buffer[4096];
  for (ssize_t n = 0; (n = ::read(fd, buffer, sizeof buffer)) > 0;)
    bytes.append(buffer, static_cast<std::size_t>(n));
  std::vector<std::uint64_t> numbers(bytes.size() / sizeof(std::uint64_t));
  std::copy_n(bytes.data(), numbers.size() * sizeof(std::uint64_t), reinterpret_cast<char*>(numbers.data()));
  return numbers;
}

// A process per core: worlds share nothing.
Sum run_beside(Plan plan, unsigned jobs) {
  std::vector<std::pair<pid_t, int>> children;
  for (unsigned j = 0; j < jobs; ++j) {
    int ends[2];
    if (::pipe(ends) != 0) break;
    auto pid = ::fork();
    if (pid == 0) {
      ::close(ends[0]);
      Plan mine = plan;
      mine.first = plan.first + j;
      mine.step = jobs;
      mine.seeds = (plan.seeds + jobs - 1 - j) / jobs;
      auto sum = run(mine);
      auto numbers = sum.tally.numbers();
      numbers.insert(numbers.end(), {sum.worlds, sum.events, sum.tasks, sum.seconds, sum.failed,
                                     sum.first_failed, sum.canaries});
      write_all(ends[1], numbers);
      ::_exit(0);
    }
    ::close(ends[1]);
    children.emplace_back(pid, ends[0]);
  }
  Sum all;
  for (auto [pid, fd] : children) {
    auto numbers = read_all(fd);
    ::close(fd);
    int status = 0;
    ::waitpid(pid, &status, 0);
    if (numbers.size() < 7) {
      ++all.failed;  // it asserted and said with which seed
      continue;
    }
    auto* last = numbers.data() + numbers.size() - 7;
    all.worlds += last[0];
    all.events += last[1];
    all.tasks += last[2];
    all.seconds += last[3];
    all.failed += last[4];
    all.canaries += last[6];
    if (last[5] != 0)
      all.first_failed = all.first_failed == 0 ? last[5] : std::min(all.first_failed, last[5]);
    all.tally.add(sim::Tally::of(numbers));
  }
  return all;
}

// How many worlds it takes until a promise is broken or something asserts; 0: none of `most` showed it.
std::uint64_t seeds_to_find(std::string_view mutant, std::uint64_t first, std::uint64_t most) {
  auto* world = static_cast<std::uint64_t*>(
      ::mmap(nullptr, sizeof(std::uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  if (world == MAP_FAILED) return 0;
  auto pid = ::fork();
  if (pid == 0) {
    ::signal(SIGABRT, SIG_DFL);
    ::close(2);
    mutant::plant(mutant);
    for (*world = 1; *world <= most; ++*world)
      if (sim::run_seed(first + *world - 1).violation) ::_exit(1);
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  bool found = WIFSIGNALED(status) || WEXITSTATUS(status) == 1;
  auto needed = found ? *world : 0;
  ::munmap(world, sizeof(std::uint64_t));
  return needed;
}

int show_mutants(const std::string& only, std::uint64_t first, std::uint64_t most) {
  int survived = 0, known = 0;
  for (const auto& mutant : sim::mutants) {
    if (!only.empty() && only != mutant.name) continue;
    ++known;
    auto needed = seeds_to_find(mutant.name, first, most);
    survived += needed == 0;
    std::printf("| %-28s | %6s | %s |\n", mutant.name.data(),
                needed == 0 ? "none" : std::to_string(needed).c_str(), mutant.what.data());
    std::fflush(stdout);
  }
  if (known == 0) std::printf("no planted bug is named %s\n", only.c_str());
  return survived != 0 || known == 0 ? 1 : 0;
}

int say(const Sum& sum, double took, bool counts, bool need_all) {
  std::printf(
      "%llu worlds, %llu tasks, %llu events, %.1f simulated hours in %.1f s: %.0f worlds a minute, %llu "
      "violated\n",
      static_cast<unsigned long long>(sum.worlds), static_cast<unsigned long long>(sum.tasks),
      static_cast<unsigned long long>(sum.events), static_cast<double>(sum.seconds) / 3600, took,
      static_cast<double>(sum.worlds) * 60 / took, static_cast<unsigned long long>(sum.failed));
  if (counts) std::printf("%s", sum.tally.text().c_str());
  auto never = sum.tally.never();
  if (need_all && sum.failed == 0)
    for (const auto& name : never) std::printf("never happened: %s\n", name.c_str());
  if (sum.failed != 0) return 1;
  return need_all && !never.empty() ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t seed = 0, first = 1, seeds = 1000;
  double hours = 0, minutes = 0;
  unsigned jobs = 2;
  std::string mutant;
  po::options_description options("hirehall-sim: the hall under a simulated network, clock and disk");
  options.add_options()("help", "this text")("seed", po::value(&seed),
                                             "run this world and tell its trace hash")(
      "seeds", po::value(&seeds)->default_value(1000), "run so many worlds")(
      "first", po::value(&first), "the first seed (else: as the clock says)")(
      "hours", po::value(&hours), "go on for so long")("minutes", po::value(&minutes), "stop after so long")(
      "jobs", po::value(&jobs)->default_value(2), "processes side by side")(
      "mutant", po::value(&mutant), "how many worlds until this planted bug is found")(
      "mutants", "the same of all of them")("story", "with --seed: all that happened")(
      "counts", "tell how often what happened")("need-all", "a situation that never happened is a failure")(
      "canary", "the second world has a planted violation: not to see it is a failure")(
      "keep-going", "after a violation, too");
  po::variables_map given;
  try {
    po::store(po::parse_command_line(argc, argv, options), given);
    po::notify(given);
  } catch (const po::error& e) {
    std::cerr << "hirehall-sim: " << e.what() << "\n" << options;
    return 2;
  }
  if (given.contains("help")) return std::cout << options, 0;
  log::set_level(log::Level::off);
  ::signal(SIGABRT, aborted);
  bool planted = given.contains("mutant") || given.contains("mutants");
#ifndef HIREHALL_MUTANTS
  if (planted) {
    std::cerr << "hirehall-sim: no bugs are planted in this program: hirehall-sim-mutants has them\n";
    return 2;
  }
#endif
  if (planted && !given.contains("seed")) {
    std::printf("seeds from %llu\n", static_cast<unsigned long long>(first));
    return show_mutants(mutant, first, given["seeds"].defaulted() ? 20000 : seeds);
  }
  mutant::plant(mutant);
  if (given.contains("seed")) {
    running = seed;
    std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
    std::fflush(stdout);
    auto report = sim::run_seed(seed, false, given.contains("story"));
    std::printf("%s", sim::describe(report).c_str());
    if (!report.violation) std::printf("%s", report.story.c_str());
    if (given.contains("counts")) std::printf("%s", report.tally.text().c_str());
    return report.violation ? 1 : 0;
  }
  Plan plan;
  plan.first =
      given.contains("first")
          ? first
          : static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count()) / 1000;
  plan.seeds = hours > 0 ? UINT64_MAX / 2 : seeds;
  plan.seconds = hours > 0 ? hours * 3600 : minutes * 60;
  plan.keep_going = given.contains("keep-going");
  if (given.contains("canary")) plan.canary = plan.first + 1;
  std::printf("seeds from %llu\n", static_cast<unsigned long long>(plan.first));
  std::fflush(stdout);
  auto begin = Clock::now();
  auto sum = run_beside(plan, jobs);
  auto took = std::chrono::duration<double>(Clock::now() - begin).count();
  if (plan.canary != 0) {
    std::printf("the canary's world, %llu, was %s\n", static_cast<unsigned long long>(plan.canary),
                sum.canaries == 1 ? "seen" : "NOT SEEN: the checker is dead");
    if (sum.canaries != 1) ++sum.failed;
  }
  return say(sum, took, given.contains("counts") || hours > 0, given.contains("need-all"));
}
