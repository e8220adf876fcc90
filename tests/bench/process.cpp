#include "tests/bench/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "tests/bench/interrupt.h"
#include "tests/bench/process_table.h"
#include "tests/bench/samples.h"

extern char** environ;

namespace hirehall::bench {
namespace {

namespace fs = std::filesystem;

constexpr auto poll_every = std::chrono::milliseconds(2);

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (auto& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

std::vector<std::string> environment_with(const std::vector<std::pair<std::string, std::string>>& more) {
  std::vector<std::string> out;
  for (char** entry = environ; *entry; ++entry) {
    std::string_view text = *entry;
    auto name = text.substr(0, text.find('='));
    // Our own options are read from HIREHALL_… variables; the programs must run as they were shipped.
    if (!name.starts_with("HIREHALL_")) out.emplace_back(text);
  }
  for (const auto& [name, value] : more) out.push_back(name + "=" + value);
  return out;
}

// Between fork and exec only what is async-signal-safe: the bench may have threads.
[[noreturn]] void become(char** argv, char** env, pid_t parent, int log, int out) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);
  unblock_signals();
  dup2(out >= 0 ? out : log, STDOUT_FILENO);
  dup2(log, STDERR_FILENO);
  execve(argv[0], argv, env);
  dprintf(STDERR_FILENO, "cannot run %s: %s\n", argv[0], strerror(errno));
  _exit(127);
}

std::string tail_of(const fs::path& file) {
  constexpr long tail_bytes = 1500;
  std::FILE* in = std::fopen(file.c_str(), "r");
  if (!in) return "(no log)";
  std::fseek(in, 0, SEEK_END);
  std::fseek(in, std::max(0L, std::ftell(in) - tail_bytes), SEEK_SET);
  std::string text(tail_bytes, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), in));
  std::fclose(in);
  return text.empty() ? "(its log is empty)" : text;
}

}  // namespace

Result<Child> Child::start(const Command& command) {
  int log = open(command.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (log < 0)
    return fail(Code::io, std::string("cannot write a log: ") + strerror(errno), command.log.string());
  int ends[2] = {-1, -1};
  if (command.pipe_stdout && pipe2(ends, O_CLOEXEC) != 0) {
    close(log);
    return fail(Code::io, std::string("no pipe: ") + strerror(errno), command.name);
  }
  auto arguments = command.arguments;
  auto environment = environment_with(command.environment);
  auto argv = pointers(arguments);
  auto env = pointers(environment);
  auto parent = getpid();
  auto pid = fork();
  if (pid == 0) become(argv.data(), env.data(), parent, log, ends[1]);
  auto fork_error = errno;
  close(log);
  if (ends[1] >= 0) close(ends[1]);
  Child child;
  child.stdout_ = ends[0];
  if (pid < 0) return fail(Code::io, std::string("cannot fork: ") + strerror(fork_error), command.name);
  at_signal_kill(pid);
  child.pid_ = pid;
  child.name_ = command.name;
  child.log_ = command.log;
  return child;
}

Child::~Child() {
  kill_hard();
  if (stdout_ >= 0) close(stdout_);
}

void Child::swap(Child& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(stdout_, other.stdout_);
  std::swap(exit_code_, other.exit_code_);
  name_.swap(other.name_);
  pending_.swap(other.pending_);
  log_.swap(other.log_);
}

void Child::reap(bool block) {
  if (pid_ < 0) return;
  int status = 0;
  pid_t got = 0;
  do got = waitpid(pid_, &status, block ? 0 : WNOHANG);
  while (got < 0 && errno == EINTR);
  if (got != pid_) return;
  at_signal_forget(pid_);
  exit_code_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  pid_ = -1;
}

bool Child::running() {
  reap(false);
  return pid_ > 0;
}

Error Child::died(std::string_view what, Code code) const {
  return Error{code, name_ + " " + std::string(what) + "; the end of its log:\n" + tail_of(log_),
               log_.string(), 0};
}

Status Child::check() {
  if (running()) return {};
  return tl::unexpected(died("ended by itself with code " + std::to_string(exit_code_)));
}

Result<std::string> Child::read_line(Limit limit) {
  auto deadline = Clock::now() + limit;
  for (;;) {
    if (auto end = pending_.find('\n'); end != std::string::npos) {
      auto line = pending_.substr(0, end);
      pending_.erase(0, end + 1);
      return line;
    }
    auto left = std::chrono::duration_cast<Limit>(deadline - Clock::now()).count();
    pollfd item{stdout_, POLLIN, 0};
    if (left <= 0)
      return tl::unexpected(died("said nothing for " + std::to_string(limit.count()) + " ms", Code::timeout));
    if (poll(&item, 1, static_cast<int>(left)) <= 0) continue;
    char buffer[4096];
    auto n = read(stdout_, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      reap(true);
      return tl::unexpected(died("ended with code " + std::to_string(exit_code_)));
    }
    pending_.append(buffer, static_cast<std::size_t>(n));
  }
}

Status Child::wait_for_file(const fs::path& file, Limit limit) {
  auto deadline = Clock::now() + limit;
  for (;;) {
    std::error_code none;
    if (auto size = fs::file_size(file, none); !none && size > 0) return {};
    if (auto alive = check(); !alive) return alive;
    if (Clock::now() > deadline)
      return tl::unexpected(
          died("was not ready within " + std::to_string(limit.count()) + " ms", Code::timeout));
    std::this_thread::sleep_for(poll_every);
  }
}

Result<int> Child::wait(Limit limit) {
  auto deadline = Clock::now() + limit;
  while (running()) {
    if (Clock::now() > deadline)
      return tl::unexpected(died("did not end within " + std::to_string(limit.count()) + " ms"));
    std::this_thread::sleep_for(poll_every);
  }
  return exit_code_;
}

Status Child::stop(Limit limit) {
  if (auto alive = check(); !alive) return alive;
  kill(pid_, SIGTERM);
  auto code = wait(limit);
  if (!code) {
    kill_hard();
    return tl::unexpected(code.error());
  }
  if (*code != 0) return tl::unexpected(died("stopped with code " + std::to_string(*code)));
  return {};
}

void Child::kill_hard() {
  if (!running()) return;
  kill(pid_, SIGKILL);
  reap(true);
}

std::int64_t Child::cpu_us() const {
  return pid_ > 0 ? tree_cpu_us(pid_) : 0;
}

double Child::rss_mb() const {
  return pid_ > 0 ? tree_rss_mb(pid_) : 0;
}

double Child::peak_rss_mb() const {
  return pid_ > 0 ? status_mb(pid_, "VmHWM") : 0;
}

std::int64_t own_cpu_us() {
  rusage use{};
  getrusage(RUSAGE_SELF, &use);
  auto us = [](const timeval& t) { return static_cast<std::int64_t>(t.tv_sec) * 1'000'000 + t.tv_usec; };
  return us(use.ru_utime) + us(use.ru_stime);
}

Result<Scratch> Scratch::make(const fs::path& parent, bool keep) {
  auto name = (parent / "hirehall-bench-XXXXXX").string();
  if (!mkdtemp(name.data()))
    return fail(Code::io,
                std::string("cannot make a directory for the data: ") + strerror(errno) +
                    "; choose another place with --dir",
                parent.string());
  if (!keep) at_signal_remove(name);
  return Scratch(name, keep);
}

Scratch::~Scratch() {
  if (path_.empty()) return;
  if (keep_) {
    std::fprintf(stderr, "kept: %s\n", path_.c_str());
    return;
  }
  std::error_code none;
  fs::remove_all(path_, none);
  at_signal_forget(path_);
}

}  // namespace hirehall::bench
