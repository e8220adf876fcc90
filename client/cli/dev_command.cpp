// hirehall dev: a whole fleet on this machine, with a demonstration on the first screen.
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <ostream>

#include "client/cli/command.h"
#include "client/cli/dev_fleet.h"
#include "client/src/body.h"
#include "client/src/inner.h"

namespace hirehall::cli {
namespace {

struct Sample {
  std::string_view type;
  std::string_view payload;
  std::string_view note;
};

// What the sample agents do, the failing ones included: only types that a worker offers are submitted.
constexpr std::array samples{
    Sample{"echo", R"("hello, hall")", "gives back what it gets"},
    Sample{"wordcount", R"("to be or not to be")", "a Python agent"},
    Sample{"sleep", R"({"ms": 200})", "holds its slot for a while"},
    Sample{"sha256", R"("/etc/hostname")", "a shell script, once per task"},
    Sample{"flaky", "null", "fails twice, and is tried again"},
    Sample{"crash", "null", "its process dies; the worker does not, and the task becomes a dead letter"},
};
constexpr client::Millis demo_wait_ms = 30'000;
constexpr client::Millis probe_ms = 500;

std::string default_listen() {
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  return runtime != nullptr && *runtime != 0 ? "ipc://" + std::string(runtime) + "/hirehall/broker.ipc"
                                             : std::string();
}

bool somebody_answers(const std::string& endpoint) {
  client::Options o;
  o.broker = endpoint;
  o.connect_timeout_ms = probe_ms;
  return client::Client::connect(std::move(o)).has_value();
}

client::Result<client::Client> connect(const std::string& endpoint) {
  client::Options o;
  o.broker = endpoint;
  o.name = "hirehall dev";
  return client::Client::connect(std::move(o));
}

// "attempt 1 on dev-2: succeeded"
std::string attempts(client::Client& c, const client::TaskId& id) {
  client::Body b;
  b.bin("id", client::raw_of(id));
  auto answer = c.inner().call(wire::Kind::get, b.take());
  auto task = answer ? Document::from_body(*answer) : tl::unexpected(answer.error());
  if (!task) return {};
  std::string out;
  for (const auto& a : task->items("history"))
    out += (out.empty() ? "" : "; ") + ("attempt " + a.text("attempt") + " on ") + a.text("worker") + ": " +
           a.text("outcome");
  return out;
}

bool offered(const std::vector<client::WorkerInfo>& workers, std::string_view type) {
  for (const auto& w : workers)
    for (const auto& t : w.types)
      if (t == type) return true;
  return false;
}

int demonstrate(Context& c, client::Client& client) {
  auto workers = client.workers();
  if (!workers) return c.complain(workers.error());
  std::vector<std::pair<Sample, client::TaskId>> tasks;
  c.out() << "Tasks are submitted, awarded to the worker that suits best, and their outcomes recorded:\n\n";
  for (const auto& sample : samples) {
    if (!offered(*workers, sample.type)) continue;
    client::TaskOptions o;
    o.type = sample.type;
    o.max_attempts = sample.type == "crash" ? 1 : 3;
    o.backoff_ms = 100;
    auto id = client.submit(o, sample.payload);
    if (!id) return c.complain(id.error());
    tasks.emplace_back(sample, *id);
  }
  if (tasks.empty()) return c.complain("no worker offers a type of the sample agents", failure);
  for (const auto& [sample, id] : tasks) {
    auto task = client.wait(id, demo_wait_ms);
    if (!task) return c.complain(task.error());
    auto what = task->error ? task->error->code + ": " + task->error->message : task->result;
    c.out() << "  " << sample.type << "  (" << sample.note << ")\n"
            << "    task     " << id.text() << "\n"
            << "    awards   " << attempts(client, id) << "\n"
            << "    outcome  " << name_of(task->state) << " in " << task->finished_at - task->submitted_at
            << " ms: " << what << "\n";
  }
  c.out() << "\n";
  return ok;
}

void say_farewell(Context& c) {
  c.out()
      << "That was a fleet for a moment. `hirehall dev` starts one that stays; then, in another terminal:\n"
      << "  hirehall task run echo hi\n"
      << std::flush;
}

void introduce(Context& c, const Fleet& fleet, std::int64_t workers) {
  bool found_by_itself = fleet.endpoint() == default_listen();
  std::string option = found_by_itself ? "" : " --broker " + fleet.endpoint();
  c.out() << "Hirehall is up: 1 broker, " << workers << " workers.\n"
          << "  broker   " << fleet.endpoint() << "\n";
  if (!fleet.metrics().empty()) c.out() << "  metrics  http://" << fleet.metrics() << "/metrics\n";
  c.out() << "  data     " << fleet.data() << "\n\nTry, in another terminal:\n"
          << "  hirehall" << option << " task run echo hi\n"
          << "  hirehall" << option << " task submit sleep '{\"ms\": 5000}' --count 20\n"
          << "  hirehall" << option << " worker list\n"
          << "  hirehall" << option << " stats\n"
          << "  hirehall" << option << " dead list\n\n"
          << std::flush;
}

// Until Ctrl-C, or until a part of the fleet ends by itself.
int stay(Context& c, Fleet& fleet, const sigset_t& signals) {
  c.out() << "Ctrl-C ends it all.\n" << std::flush;
  for (;;) {
    timespec second{1, 0};
    int got = ::sigtimedwait(&signals, nullptr, &second);
    if (got > 0 && got != SIGCHLD) {
      c.err() << "hirehall: stopping\n";
      return ok;
    }
    if (auto who = fleet.casualty(); !who.empty()) return c.complain(who, failure);
  }
}

}  // namespace

void declare_dev(OptionTable& t) {
  t.text("data", "", "folder to keep the data in; a temporary one when not given", "DIR");
  t.text("listen", "", "endpoint of the broker; this user's default when not given", "ENDPOINT");
  t.text("agents", "", "folder with definitions of agents; the sample agents when not given", "DIR");
  t.number("workers", 2, {1, 64}, "worker processes");
  t.number("slots", 4, {1, 1024}, "slots of each worker");
  t.flag("demo", "submit a few tasks and show what becomes of them");
  t.flag("once", "end after the demonstration, with its exit code");
}

int dev(Context& c) {
  // Before any thread or child exists, so that all of them leave these signals to us.
  sigset_t signals;
  sigemptyset(&signals);
  for (int number : {SIGINT, SIGTERM, SIGHUP, SIGCHLD}) sigaddset(&signals, number);
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);
  bool once = c.values().flag("once");
  FleetSettings settings;
  settings.data = c.values().text("data");
  settings.listen = c.values().text("listen");
  if (settings.listen.empty() && !once) settings.listen = default_listen();
  settings.agents = c.values().text("agents").empty() ? sample_agents() : c.values().text("agents");
  settings.workers = c.values().number("workers");
  settings.slots = c.values().number("slots");
  if (!settings.listen.empty() && somebody_answers(settings.listen))
    return c.complain("a broker answers at " + settings.listen + " already; give another --listen", conflict);
  Fleet fleet;
  if (auto s = fleet.start(settings); !s) return c.complain(s.error());
  int code = ok;
  if (c.values().flag("demo") || once) {
    auto client = connect(fleet.endpoint());
    code = client ? demonstrate(c, *client) : c.complain(client.error());
  }
  if (once && code == ok) say_farewell(c);
  if (once || code != ok) return code;
  introduce(c, fleet, settings.workers);
  return stay(c, fleet, signals);
}

}  // namespace hirehall::cli
