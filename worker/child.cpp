#include "worker/child.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern "C" {  // glibc 2.36 forgets to say so
#include <sys/pidfd.h>
}

#include <array>
#include <cerrno>
#include <cstdlib>
#include <utility>

#include "common/check.h"

namespace hirehall::worker {
namespace {

// A sanitizer maps terabytes of address space at the start: under a limit no child of such a build would
// begin.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool address_space_can_be_limited = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool address_space_can_be_limited = false;
#else
constexpr bool address_space_can_be_limited = true;
#endif
#else
constexpr bool address_space_can_be_limited = true;
#endif

constexpr int socket_fd = 3;  // where a child finds its socket
constexpr int report_fd = 4;  // where exec's failure is told; closed by its success

struct Pair {
  int read = -1;
  int write = -1;
};

void shut(int& fd) {
  if (fd >= 0) ::close(fd);
  fd = -1;
}

// All descriptors of one start; whatever is left open here is closed at the end.
struct Plumbing {
  Pair in, out, err, report;
  int socket[2] = {-1, -1};

  Plumbing() = default;
  Plumbing(const Plumbing&) = delete;
  Plumbing& operator=(const Plumbing&) = delete;
  ~Plumbing() {
    for (auto* pair : {&in, &out, &err, &report}) shut(pair->read), shut(pair->write);
    shut(socket[0]), shut(socket[1]);
  }

  static bool pipe(Pair& pair) {
    int fds[2];
    if (::pipe2(fds, O_CLOEXEC) != 0) return false;
    pair = {fds[0], fds[1]};
    return true;
  }
  bool open(bool with_socket) {
    if (!pipe(err) || !pipe(report)) return false;
    if (with_socket) return ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, socket) == 0;
    return pipe(in) && pipe(out);
  }
};

void limit(__rlimit_resource resource, std::int64_t value) {
  if (value <= 0) return;
  rlimit r{static_cast<rlim_t>(value), static_cast<rlim_t>(value)};
  ::setrlimit(resource, &r);
}

// Between fork and exec of a process with threads only calls that are safe in a signal handler are allowed.
[[noreturn]] void become(const ChildSpec& spec, const Plumbing& pipes, char* const* argv,
                         char* const* environment, pid_t parent) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);  // it died before the line above
  // Move everything out of the way of the low numbers first.
  constexpr int high = 64;
  int in = ::fcntl(spec.socket ? pipes.socket[1] : pipes.in.read, F_DUPFD, high);
  int out = ::fcntl(spec.socket ? pipes.err.write : pipes.out.write, F_DUPFD, high);
  int err = ::fcntl(pipes.err.write, F_DUPFD, high);
  int report = ::fcntl(pipes.report.write, F_DUPFD, high);
  int nothing = ::open("/dev/null", O_RDWR);
  ::dup2(spec.socket ? nothing : in, 0);
  ::dup2(out, 1);
  ::dup2(err, 2);
  if (spec.socket) ::dup2(in, socket_fd);
  ::dup3(report, report_fd, O_CLOEXEC);
  if (!spec.socket) ::close(socket_fd);
  ::close_range(report_fd + 1, ~0u, 0);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  if (address_space_can_be_limited) limit(RLIMIT_AS, spec.limits.memory_bytes);
  limit(RLIMIT_CPU, spec.limits.cpu_seconds);
  limit(RLIMIT_NOFILE, spec.limits.files);
  rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  if (spec.folder.empty() || ::chdir(spec.folder.c_str()) == 0) ::execvpe(argv[0], argv, environment);
  int error = errno;
  [[maybe_unused]] auto told = ::write(report_fd, &error, sizeof error);
  ::_exit(127);
}

// Orphans of a killed group become our children (the worker is a subreaper), each once its own parent is
// gone.
void reap_group(pid_t group) {
  constexpr int patience = 10'000;
  for (int tries = 0; tries < patience; ++tries) {
    if (::waitpid(-group, nullptr, 0) > 0) continue;
    if (errno == ECHILD && ::kill(-group, 0) != 0) return;
    ::sched_yield();
  }
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> out;
  out.reserve(texts.size() + 1);
  for (const auto& text : texts) out.push_back(const_cast<char*>(text.c_str()));
  out.push_back(nullptr);
  return out;
}

}  // namespace

Result<Child> Child::spawn(const ChildSpec& spec) {
  HH_CHECK(!spec.argv.empty(), "a child has a program");
  Plumbing pipes;
  if (!pipes.open(spec.socket))
    return fail(Code::io, std::string("no descriptors for a child process: ") + ::strerror(errno),
                spec.argv[0]);
  auto argv = pointers(spec.argv);
  auto environment = pointers(spec.environment);
  pid_t parent = ::getpid();
  pid_t pid = ::fork();
  if (pid < 0) return fail(Code::io, std::string("fork failed: ") + ::strerror(errno), spec.argv[0]);
  if (pid == 0) become(spec, pipes, argv.data(), environment.data(), parent);
  ::setpgid(pid, pid);  // both sides do it: neither may go on before it is done
  shut(pipes.report.write);
  int error = 0;
  ssize_t got = 0;
  do got = ::read(pipes.report.read, &error, sizeof error);
  while (got < 0 && errno == EINTR);
  if (got > 0) {
    ::waitpid(pid, nullptr, 0);
    return fail(error == ENOENT ? Code::not_found : Code::io,
                std::string("the program cannot be started: ") + ::strerror(error), spec.argv[0]);
  }
  Child child;
  child.pid_ = pid;
  child.exit_fd_ = ::pidfd_open(pid, 0);
  HH_CHECK(child.exit_fd_ >= 0, "a process just started has a pidfd");
  if (spec.socket) {
    child.in_ = std::exchange(pipes.socket[0], -1);
    child.out_ = child.in_;
  } else {
    child.in_ = std::exchange(pipes.in.write, -1);
    child.out_ = std::exchange(pipes.out.read, -1);
  }
  child.err_ = std::exchange(pipes.err.read, -1);
  for (int fd : {child.in_, child.out_, child.err_}) ::fcntl(fd, F_SETFL, O_NONBLOCK);
  return child;
}

Child::~Child() {
  if (running()) end();
}

Child::Child(Child&& other) noexcept {
  *this = std::move(other);
}

Child& Child::operator=(Child&& other) noexcept {
  if (this == &other) return *this;
  if (running()) end();
  pid_ = std::exchange(other.pid_, -1);
  in_ = std::exchange(other.in_, -1);
  out_ = std::exchange(other.out_, -1);
  err_ = std::exchange(other.err_, -1);
  exit_fd_ = std::exchange(other.exit_fd_, -1);
  status_ = other.status_;
  return *this;
}

void Child::close_in() {
  if (in_ != out_) shut(in_);
}

void Child::signal(int number) const {
  if (running()) ::kill(-pid_, number);
}

std::string Child::end() {
  HH_CHECK(running(), "a child ends once");
  pollfd ended{exit_fd_, POLLIN, 0};
  bool by_itself = ::poll(&ended, 1, 0) == 1;
  // The leader is not reaped yet, so its number, and with it the group's, cannot have been given to another
  // process.
  ::kill(-pid_, SIGKILL);
  while (::waitpid(pid_, &status_, 0) < 0 && errno == EINTR) {
  }
  reap_group(pid_);
  pid_ = -1;
  if (in_ != out_) shut(in_);
  in_ = -1;
  shut(out_);
  shut(err_);
  shut(exit_fd_);
  return describe_exit(status_, !by_itself);
}

std::string describe_exit(int status, bool killed_by_us) {
  if (WIFEXITED(status)) {
    if (WEXITSTATUS(status) == exit_out_of_memory) return "out of memory";
    return "exit code " + std::to_string(WEXITSTATUS(status));
  }
  int number = WTERMSIG(status);
  const char* name = ::sigabbrev_np(number);
  std::string what = "signal " + std::to_string(number) + " (SIG" + (name == nullptr ? "?" : name) + ")";
  if (number == SIGKILL)
    return killed_by_us ? "killed" : "killed: " + what + ", perhaps because memory ran out";
  if (number == SIGTERM) return "ended: " + what;
  if (number == SIGXCPU) return "out of CPU time: " + what;
  return what;
}

std::vector<std::string> child_environment(const StringMap& extra) {
  constexpr std::array<std::string_view, 5> withheld{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID",
                                                     "CREDENTIALS_DIRECTORY", "LISTEN_FDS"};
  std::vector<std::string> out;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    std::string_view text(*entry);
    auto name = text.substr(0, text.find('='));
    bool keep = extra.find(name) == extra.end() && name.substr(0, 9) != "HIREHALL_";
    for (auto w : withheld) keep = keep && name != w;
    if (keep) out.emplace_back(text);
  }
  for (const auto& [name, value] : extra) out.push_back(name + "=" + value);
  return out;
}

}  // namespace hirehall::worker
