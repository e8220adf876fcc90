#include "tests/bench/settings.h"

#include <cstdlib>

#include "common/limits.h"
#include "common/options.h"
#include "tests/bench/installation.h"
#include "tests/bench/payload.h"

namespace hirehall::bench {
namespace {

constexpr std::int64_t tasks_max = 10'000'000'000;

std::string temporary_directory() {
  const char* given = std::getenv("TMPDIR");
  return given && *given ? given : "/tmp";
}

OptionTable table_of(const Bench& bench) {
  auto count = [](std::uint64_t n) { return static_cast<std::int64_t>(n); };
  OptionTable table("hirehall-bench " + std::string(bench.name), std::string(bench.summary));
  table.number("tasks,n", count(bench.tasks), {1, tasks_max}, "tasks to measure")
      .number("batched", 256, {1, count(limits::batch_items_max)}, "tasks in one message")
      .number("payload", 100, {count(Payloads::bytes_min), 65'536}, "bytes of a payload")
      .number("window", 16'384, {1, 1'000'000}, "tasks under way at the same time")
      .number("rounds", count(bench.rounds), {1, 1'000}, "repetitions; the figures are medians")
      .duration("sync-delay", 0, {0, 10'000}, "what each sync of the disk takes longer")
      .text("dir", temporary_directory(), "where the data goes; it is removed afterwards", "DIR")
      .flag("keep", "leave data and logs in place")
      .choice("output,o", "json", {"json", "jsonl"}, "form of the measurement: one object, one line");
  if (bench.name == "pipeline") {
    table.choice("records", "packed", {"packed", "naive"}, "one record per commit, or one per task")
        .choice("durability", "fsync", {"fsync", "buffered"}, "sync each commit, or leave it to the system");
    return table;
  }
  table.number("lanes", 1, {1, count(limits::lanes_max)}, "tenants the tasks are spread over")
      .number("priorities", 1, {1, 10}, "priorities the tasks are spread over")
      .number("clients", 1, {1, 64}, "connections the tasks come from")
      .number("slots", 2, {1, 4'096}, "slots of the worker")
      .number("seed", 1, {0, INT64_MAX}, "of the spread over lanes and priorities")
      .number("rate", 200, {1, 100'000}, "tasks per second of an open loop (latency)")
      .choice("kind", "inline", {"inline", "child", "process"},
              "agent: plugin in the worker, plugin in a child, program in Python")
      .choice("transport", "ipc", {"ipc", "tcp"}, "between broker, worker and client")
      .text("bin", own_directory().string(), "where hirehall-broker and hirehall-worker lie", "DIR");
  if (bench.name == "e2e")
    table
        .choice("policy", "least_loaded", {"least_loaded", "sticky", "learned", "auction"},
                "of the queue; each round takes least_loaded as well and tells the ratio")
        .number("agents", 1, {1, 64},
                "agents of the worker, alike but for their names: what a policy chooses from");
  return table;
}

}  // namespace

Result<Parsed> parse_settings(const Bench& bench, const std::vector<std::string>& arguments) {
  auto values = table_of(bench).parse(
      arguments, [](const std::string& variable) -> const char* { return std::getenv(variable.c_str()); });
  if (!values) return tl::unexpected(values.error());
  Parsed parsed;
  parsed.answer = values->answer();
  if (parsed.answer) return parsed;
  auto count = [&](std::string_view name) { return static_cast<std::uint64_t>(values->number(name)); };
  auto& s = parsed.settings;
  s.tasks = count("tasks");
  s.batched = count("batched");
  s.payload_bytes = count("payload");
  s.window = count("window");
  s.rounds = count("rounds");
  s.sync_delay_ms = static_cast<double>(values->number("sync-delay"));
  s.directory = values->text("dir");
  s.keep = values->flag("keep");
  if (bench.name == "pipeline") {
    s.records = values->text("records");
    s.durability = values->text("durability");
    return parsed;
  }
  s.lanes = count("lanes");
  s.priorities = count("priorities");
  s.clients = count("clients");
  s.slots = count("slots");
  s.seed = count("seed");
  s.rate = count("rate");
  s.kind = values->text("kind");
  s.transport = values->text("transport");
  s.programs = values->text("bin");
  if (bench.name != "e2e") return parsed;
  s.policy = values->text("policy");
  s.agents = count("agents");
  return parsed;
}

}  // namespace hirehall::bench
