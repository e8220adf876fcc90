// hirehall-bench: measures the programs as they were built and installed. `hirehall bench …` calls it.
#include <array>
#include <cstdarg>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "common/version.h"
#include "tests/bench/benches.h"
#include "tests/bench/floor.h"
#include "tests/bench/interrupt.h"
#include "tests/bench/pipeline.h"
#include "tests/bench/scheduler_figures.h"

namespace hirehall::bench {
namespace {

constexpr int exit_failure = 1;
constexpr int exit_usage = 2;

constexpr std::array benches = {
    Bench{"e2e", "Rate of whole tasks: submitted, durable, awarded, run, result durable, told.", 1'000'000, 3,
          bench_e2e},
    Bench{"latency", "Light load: from submit to the agent's start.", 2'000, 1, bench_latency},
    Bench{"backlog", "Many queued tasks: memory, and how fast they drain.", 10'000'000, 1, bench_backlog},
    Bench{"recovery", "Many queued tasks and a kill -9: time to the first award.", 10'000'000, 1,
          bench_recovery},
    Bench{"limits", "What limits over 10,000 keys (--lanes) cost, against the same load without.", 300'000, 3,
          bench_limits},
    Bench{"pipeline", "The limit: the same libraries doing a bare broker's job.", 1'000'000, 3,
          bench_pipeline},
};

// What the benches start as processes of their own, and the bench that starts none.
struct Role {
  std::string_view name;
  int (*run)(const std::vector<std::string>& arguments);
};
constexpr std::array roles = {
    Role{"scheduler", bench_scheduler_main},
    Role{"pipeline-broker", pipeline_broker_main},
    Role{"pipeline-producer", pipeline_producer_main},
    Role{"pipeline-worker", pipeline_worker_main},
    Role{"hop-echo", hop_echo_main},
};

void print_usage(std::FILE* out) {
  std::fprintf(
      out, "usage: hirehall-bench BENCH [OPTION…]\n\nEach bench prints one JSON object per measurement.\n\n");
  for (const auto& bench : benches)
    std::fprintf(out, "  %-10s %s\n", std::string(bench.name).c_str(), std::string(bench.summary).c_str());
  std::fprintf(out, "  %-10s %s\n", "scheduler", "The scheduler alone: worth and cost of its decisions.");
  std::fprintf(out, "\nhirehall-bench BENCH --help tells its options.\n");
}

int run(const Bench& bench, const std::vector<std::string>& arguments) {
  auto parsed = parse_settings(bench, arguments);
  if (!parsed) {
    std::fprintf(stderr, "hirehall-bench: %s\n", describe(parsed.error()).c_str());
    return exit_usage;
  }
  if (parsed->answer) {
    std::printf("%s", parsed->answer->c_str());
    return 0;
  }
  return bench.run(parsed->settings);
}

}  // namespace

void note(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  std::vfprintf(stderr, format, arguments);
  va_end(arguments);
  std::fputc('\n', stderr);
}

int complain(const Error& error) {
  std::fprintf(stderr, "hirehall-bench: %s\n", describe(error).c_str());
  return exit_failure;
}

int dispatch(const std::vector<std::string>& words) {
  if (words.empty() || words[0] == "--help" || words[0] == "-h" || words[0] == "help") {
    print_usage(words.empty() ? stderr : stdout);
    return words.empty() ? exit_usage : 0;
  }
  if (words[0] == "--version") {
    std::printf("hirehall-bench %s\n", std::string(software_version()).c_str());
    return 0;
  }
  std::vector<std::string> rest(words.begin() + 1, words.end());
  for (const auto& bench : benches)
    if (words[0] == bench.name) {
      clean_up_on_signals();
      return run(bench, rest);
    }
  for (const auto& role : roles)
    if (words[0] == role.name) return role.run(rest);
  std::fprintf(stderr, "hirehall-bench: there is no bench '%s'\n\n", words[0].c_str());
  print_usage(stderr);
  return exit_usage;
}

}  // namespace hirehall::bench

int main(int argc, char** argv) {
  return hirehall::bench::dispatch(std::vector<std::string>(argv + 1, argv + argc));
}
