#include "worker/runtime.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "common/check.h"
#include "common/log.h"
#include "worker/bidders.h"
#include "worker/board.h"
#include "worker/executor.h"
#include "worker/sentinel.h"
#include "worker/session.h"

namespace hirehall::worker {
namespace {

constexpr Micros second = 1'000'000;
// After the stop timeout running attempts are told, terminated and killed within this; then the process ends.
constexpr Micros interrupt_grace_us = 2 * second;
constexpr Micros last_words_us = 3 * second;  // for their results to be recorded
// An in-process attempt that is this much over its timeout will not return: the process is of no use any
// more.
constexpr Micros overdue_us = 10 * second;
constexpr int frames_per_turn = 64;
// Beyond a lease: what it holds is lost to others by then, and nothing that is still running can be told.
constexpr Micros stuck_us = 10 * second;
constexpr Micros away_first_us = 2 * second;
constexpr Micros away_again_us = 60 * second;

std::uint64_t random_seed() {
  std::random_device device;
  return std::uint64_t{device()} << 32 | device();
}

SessionConfig session_config(const Settings& settings, const std::vector<Definition>& definitions) {
  SessionConfig config;
  config.name = settings.name;
  config.slots = settings.slots;
  config.labels = settings.labels;
  config.resources = settings.resources;
  config.price = settings.price;
  config.seed = random_seed();
  for (const auto& d : definitions)
    config.agents.push_back({d.name, d.version, d.digest, d.types, d.capabilities, d.tools, d.labels, d.tier,
                             d.price, d.guard, d.bids, d.max_instances});
  return config;
}

std::vector<std::uint32_t> instances(const std::vector<Definition>& definitions) {
  std::vector<std::uint32_t> out;
  out.reserve(definitions.size());
  for (const auto& d : definitions) out.push_back(d.max_instances);
  return out;
}

int signal_descriptor() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  int fd = ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  HH_CHECK(fd >= 0, "a descriptor for signals");
  return fd;
}

// The log may be what the loop hangs in: one line, if stderr takes it now.
[[noreturn]] void end_stuck() {
  ::sd_notify(0, "STATUS=stuck: the session loop does not turn");
  constexpr std::string_view line =
      "hirehall-worker: stuck: the session loop has not turned for 10s; ending, its tasks go to others\n";
  pollfd out{STDERR_FILENO, POLLOUT, 0};
  if (::poll(&out, 1, 0) == 1 && (out.revents & POLLOUT) != 0) {
    [[maybe_unused]] auto written = ::write(STDERR_FILENO, line.data(), line.size());
  }
  std::_Exit(exit_code::stuck);
}

void wake(int fd) {
  const std::uint64_t one = 1;
  [[maybe_unused]] auto written = ::write(fd, &one, sizeof one);
}

void drain_eventfd(int fd) {
  std::uint64_t count = 0;
  [[maybe_unused]] auto got = ::read(fd, &count, sizeof count);
}

}  // namespace

struct Runtime::Parts {
  Parts(Settings s, std::vector<Definition> d, LinkKeys keys)
      : settings(std::move(s)),
        definitions(std::move(d)),
        signal_fd(signal_descriptor()),
        wake_fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
        session(session_config(settings, definitions)),
        link(settings.broker, std::move(keys)),
        board(settings.slots, instances(definitions), [fd = wake_fd] { wake(fd); }) {
    HH_CHECK(wake_fd >= 0, "a descriptor to be woken by");
  }
  ~Parts() {
    ::close(wake_fd);
    ::close(signal_fd);
  }

  void slot(std::size_t index);
  void turn();
  void receive();
  void carry_out(Micros now);
  void award(Link::Message message);
  void results(Micros now);
  void signals(Micros now);
  void stopping(Micros now);
  void watchdog(Micros now);
  void registered();
  void tell_away(Micros now);
  void bind_late(Micros now);
  std::uint32_t agent_of(const Shape& shape) const;
  Micros next_turn() const;

  static constexpr std::uint32_t nobody = UINT32_MAX;

  const Settings settings;
  const std::vector<Definition> definitions;
  const int signal_fd;
  const int wake_fd;
  Session session;
  Link link;
  Board board;
  std::vector<std::thread> slots;
  std::unique_ptr<Bidders> bidders;

  SessionOutput out;
  std::vector<Results> finished;
  std::vector<Report> reports;
  Results unrunnable;  // tasks for agents that are not here
  Results waiting;     // that are handed back
  Micros look_at = 0;  // when it is looked next whether some are
  std::uint64_t sessions_seen = 0;
  Micros tell_away_at = 0;     // 0: the broker is there
  Micros stop_at = INT64_MAX;  // when what is held is handed back
  Micros end_at = INT64_MAX;   // when the process ends whatever is left
  bool draining = false;
  bool handed_back = false;
  std::uint64_t watchdog_us = 0;
  Micros watchdog_at = 0;
  int code = -1;
};

Runtime::Runtime(Settings settings, std::vector<Definition> definitions, LinkKeys keys)
    : parts_(std::make_unique<Parts>(std::move(settings), std::move(definitions), std::move(keys))) {}

Runtime::~Runtime() = default;

int Runtime::run() {
  Parts& p = *parts_;
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);  // what agents leave behind comes to us to be reaped
  for (std::size_t i = 0; i < p.settings.slots; ++i) p.slots.emplace_back([&p, i] { p.slot(i); });
  p.bidders = std::make_unique<Bidders>(
      p.definitions, Bidders::Place{"/proc/self/exe", p.settings.plugins, [fd = p.wake_fd] { wake(fd); }});
  ::sd_notify(0, "READY=1\nSTATUS=connecting to the broker");
  if (::sd_watchdog_enabled(0, &p.watchdog_us) <= 0) p.watchdog_us = 0;
  p.session.start(monotonic_us(), p.out);
  {
    Sentinel sentinel(stuck_us, [] { end_stuck(); });
    for (; p.code < 0; sentinel.turned()) p.turn();
  }
  p.link.close();
  p.bidders.reset();
  p.board.close();
  if (p.board.busy_slots() > 0)
    std::_Exit(p.code);  // an agent in this process does not return: nothing to wait for
  for (auto& slot : p.slots) slot.join();
  return p.code;
}

void Runtime::Parts::slot(std::size_t index) {
  std::vector<std::unique_ptr<Executor>> executors(definitions.size());
  ExecutorPlace place{board, index, "/proc/self/exe", settings.plugins};
  Run run;
  Results results;
  while (board.take(index, run, results)) {
    auto& executor = executors[run.agent];
    if (!executor) executor = make_executor(definitions[run.agent], place);
    executor->run(run, results);
    run.award.reset();
  }
}

void Runtime::Parts::turn() {
  auto now = monotonic_us();
  for (auto event : link.events()) {
    if (event == Link::Event::connected)
      session.connected(now, out);
    else
      session.disconnected(now);
  }
  carry_out(now);
  receive();
  now = monotonic_us();
  results(now);
  signals(now);
  stopping(now);
  bind_late(now);
  session.tick(now, out);
  session.flush(now, out);
  carry_out(now);
  watchdog(now);
  tell_away(now);
  if (session.failure()) {
    log::error("the broker does not accept this worker", *session.failure());
    auto refusal = session.failure()->code;
    code = refusal == Code::conflict ? exit_code::conflict
           : refusal == Code::denied ? exit_code::denied
                                     : exit_code::failure;
  }
  if (board.overdue(now) > overdue_us) {
    log::error(
        "an in-process agent did not return after its timeout: ending the process, its tasks are lost to "
        "others");
    code = exit_code::stuck;
  }
  if (code < 0) link.wait({wake_fd, signal_fd}, next_turn());
}

Micros Runtime::Parts::next_turn() const {
  auto next = std::min({session.next_tick(), stop_at, end_at, monotonic_us() + second});
  if (session.held() > settings.slots) next = std::min(next, look_at);
  return watchdog_us == 0 ? next : std::min(next, watchdog_at);
}

void Runtime::Parts::receive() {
  Link::Message message;
  for (int i = 0; i < frames_per_turn; ++i) {
    auto bytes = link.receive(message);
    if (message == nullptr) return;
    auto now = monotonic_us();
    session.frame(bytes, now, out);
    if (!out.start.empty()) award(std::move(message));
    carry_out(now);
  }
}

std::uint32_t Runtime::Parts::agent_of(const Shape& shape) const {
  for (std::uint32_t i = 0; i < definitions.size(); ++i) {
    if (shape.agent == definitions[i].name) return i;
    if (!shape.agent.empty()) continue;
    const auto& types = definitions[i].types;
    if (std::find(types.begin(), types.end(), shape.type) != types.end()) return i;
  }
  return nobody;
}

void Runtime::Parts::award(Link::Message message) {
  std::vector<std::uint32_t> agents;
  bool all_here = true;
  for (const auto& shape : out.shapes) {
    agents.push_back(agent_of(shape));
    all_here = all_here && agents.back() != nobody;
  }
  if (!all_here) {
    std::erase_if(out.start, [&](const Attempt& a) {
      if (agents[a.shape] != nobody) return false;
      OutcomeExtras extras;
      extras.error_code = "no_such_agent";
      extras.error = "this worker has no agent '" + out.shapes[a.shape].agent + "'";
      unrunnable.add(a.token, Outcome::failed, {}, extras);
      return true;
    });
    session.finished(unrunnable);
    unrunnable.clear();
  }
  if (out.start.empty()) return;
  auto award = std::make_shared<Award>();
  award->bytes = std::move(message);
  award->shapes = std::move(out.shapes);
  award->attempts = std::move(out.start);
  board.post(award, agents);
}

void Runtime::Parts::carry_out(Micros now) {
  if (out.close) link.close();
  if (out.open) {
    if (auto opened = link.open(); !opened) {
      log::error("no connection", opened.error());
      code = exit_code::usage;
    }
  }
  for (const auto& frame : out.frames) {
    if (link.send(*frame)) continue;
    // All of it is sent again after the next registration; a hello is repeated anyway.
    if (session.phase() != Session::Phase::greeting) session.disconnected(now);
    break;
  }
  for (const auto& order : out.stop) {
    log::info("told to stop an attempt", {{"token", order.token}, {"reason", order.reason}});
    board.stop(order, now);
  }
  for (auto token : out.lost) {
    log::warn("a lease is over: ending its attempt", {{"token", token}});
    board.lose(token, now);
  }
  for (const auto& call : out.calls) bidders->call(call, now);
  for (const auto& warning : out.warnings) log::warn(warning);
  out.clear();
  if (session.counters().sessions != sessions_seen) {
    sessions_seen = session.counters().sessions;
    registered();
  }
}

// Whoever has just started a worker wants to know why it does nothing.
void Runtime::Parts::tell_away(Micros now) {
  const auto phase = session.phase();
  if (draining || phase == Session::Phase::working || phase == Session::Phase::failed) {
    tell_away_at = 0;
    return;
  }
  if (tell_away_at == 0) tell_away_at = now + away_first_us;
  if (now < tell_away_at) return;
  tell_away_at = now + away_again_us;
  const bool may_want_keys = settings.broker.starts_with("tcp://");
  log::warn(
      "no broker answers; trying on",
      {{"broker", settings.broker},
       {"check", may_want_keys ? "that it runs there, and that it knows this worker's key if it asks for keys"
                               : "that it runs there, and --broker"}});
  ::sd_notify(0, "STATUS=no broker answers");
}

void Runtime::Parts::registered() {
  log::info("registered", {{"broker", settings.broker}, {"name", settings.name}, {"held", session.held()}});
  ::sd_notify(0, "STATUS=working");
  if (settings.ready_file.empty() || sessions_seen != 1) return;
  nlohmann::json ready{{"name", settings.name}, {"broker", settings.broker}, {"pid", ::getpid()}};
  ready["slots"] = settings.slots;
  for (const auto& d : definitions) ready["agents"].push_back(d.name);
  // Renamed into place: whoever waits for the file never sees half of it.
  auto temporary = settings.ready_file + ".new";
  std::ofstream(temporary) << ready.dump() << '\n';
  std::error_code error;
  std::filesystem::rename(temporary, settings.ready_file, error);
  if (error)
    log::error("the ready file cannot be written",
               {{"file", settings.ready_file}, {"error", error.message()}});
}

void Runtime::Parts::results(Micros /*now*/) {
  drain_eventfd(wake_fd);
  board.collect(finished, reports);
  for (auto& report : reports) session.report(std::move(report));
  for (const auto& batch : finished) session.finished(batch);
  for (auto& bid : bidders->collect()) session.bid(std::move(bid));
  if (!finished.empty()) board.recycle(finished);
}

void Runtime::Parts::signals(Micros now) {
  signalfd_siginfo info{};
  while (::read(signal_fd, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    if (!draining) {
      draining = true;
      stop_at = now + settings.stop_timeout_ms * 1000;
      session.drain();
      log::info("stopping",
                {{"held", session.held()}, {"stop_timeout", render_duration(settings.stop_timeout_ms)}});
      ::sd_notify(0, "STOPPING=1\nSTATUS=finishing what it holds");
    } else {
      stop_at = std::min(stop_at, now);
    }
  }
}

void Runtime::Parts::stopping(Micros now) {
  if (!draining) return;
  bool told = session.drained() || session.phase() != Session::Phase::working;
  if (session.settled() && told && board.busy_slots() == 0) {
    log::info("stopped", {{"finished", session.counters().finished}});
    code = exit_code::stopped;
    return;
  }
  if (now >= stop_at && !handed_back) {
    handed_back = true;
    stop_at = INT64_MAX;
    end_at = now + interrupt_grace_us + last_words_us;
    log::warn("handing back what is not finished", {{"held", session.held()}});
    board.interrupt_all(interrupt_grace_us, now);
  } else if (handed_back) {
    stop_at = INT64_MAX;
  }
  if (now < end_at) return;
  log::warn("stopped with tasks that could not be handed back: their leases lapse",
            {{"held", session.held()}});
  code = exit_code::stopped;
}

// More is held than runs so that slots need not wait for the network; behind long work it would wait here
// while others could begin it.
void Runtime::Parts::bind_late(Micros now) {
  if (now < look_at || session.held() <= settings.slots) return;
  const auto long_us = session.long_work_us();
  look_at = now + long_us / 4;
  board.hand_back_waiting(now, long_us, waiting);
  if (waiting.empty()) return;
  log::info("handed back tasks that would have waited behind long ones",
            {{"tasks", waiting.size()}, {"slots", settings.slots}});
  session.hand_back(waiting, now);
  waiting.clear();
}

void Runtime::Parts::watchdog(Micros now) {
  if (watchdog_us == 0 || now < watchdog_at) return;
  watchdog_at = now + static_cast<Micros>(watchdog_us / 2);
  ::sd_notify(0, "WATCHDOG=1");
}

}  // namespace hirehall::worker
