#include "client/cli/process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <deque>
#include <filesystem>
#include <fstream>
#include <utility>

namespace hirehall::cli {
namespace {

constexpr long poll_ns = 10'000'000;

// Between fork and exec: only calls that are safe there.
[[noreturn]] void become(const std::string& path, std::vector<char*>& argv, int log, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) ::_exit(1);  // it died before the line above took effect
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  int null = ::open("/dev/null", O_RDONLY);
  ::dup2(null, STDIN_FILENO);
  ::dup2(log, STDOUT_FILENO);
  ::dup2(log, STDERR_FILENO);
  ::execv(path.c_str(), argv.data());
  ::_exit(127);
}

}  // namespace

std::string find_program(const std::string& name) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  auto beside = fs::read_symlink("/proc/self/exe", ignored).parent_path() / name;
  if (::access(beside.c_str(), X_OK) == 0) return beside;
  const char* path = std::getenv("PATH");
  std::string_view folders = path == nullptr ? "" : path;
  while (!folders.empty()) {
    auto end = std::min(folders.find(':'), folders.size());
    auto candidate = fs::path(folders.substr(0, end)) / name;
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
    folders.remove_prefix(std::min(end + 1, folders.size()));
  }
  return {};
}

std::string last_lines(const std::string& file, std::size_t count) {
  std::ifstream in(file);
  std::deque<std::string> lines;
  for (std::string line; std::getline(in, line);) {
    lines.push_back(line);
    if (lines.size() > count) lines.pop_front();
  }
  std::string out;
  for (const auto& line : lines) out += "  " + line + "\n";
  return out;
}

client::Result<Process> Process::start(const std::string& program, const std::vector<std::string>& arguments,
                                       const std::string& log_file) {
  auto path = find_program(program);
  if (path.empty())
    return tl::unexpected(
        client::Error{client::ErrorCode::not_found,
                      "there is no program " + program + " beside this one or in PATH; install it",
                      {},
                      0});
  int log = ::open(log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (log < 0)
    return tl::unexpected(client::Error{
        client::ErrorCode::io, std::string("cannot write a log: ") + std::strerror(errno), log_file, 0});
  std::vector<std::string> words{program};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (auto& w : words) argv.push_back(w.data());
  argv.push_back(nullptr);
  Process p;
  p.name_ = program;
  p.log_file_ = log_file;
  auto parent = ::getpid();
  p.pid_ = ::fork();
  if (p.pid_ == 0) become(path, argv, log, parent);
  int error = errno;
  ::close(log);
  if (p.pid_ < 0)
    return tl::unexpected(client::Error{
        client::ErrorCode::io, std::string("cannot start a process: ") + std::strerror(error), program, 0});
  return p;
}

Process::Process(Process&& o) noexcept
    : name_(std::move(o.name_)),
      log_file_(std::move(o.log_file_)),
      pid_(std::exchange(o.pid_, -1)),
      status_(o.status_) {}

Process& Process::operator=(Process&& o) noexcept {
  std::swap(name_, o.name_);
  std::swap(log_file_, o.log_file_);
  std::swap(pid_, o.pid_);
  std::swap(status_, o.status_);
  return *this;
}

Process::~Process() {
  if (!running()) return;
  signal(SIGKILL);
  wait(5'000);
}

bool Process::running() {
  if (pid_ <= 0 || status_) return false;
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) != pid_) return true;
  status_ = status;
  return false;
}

std::string Process::status() const {
  if (!status_) return "running";
  if (WIFSIGNALED(*status_))
    return "signal " + std::to_string(WTERMSIG(*status_)) + " (" + strsignal(WTERMSIG(*status_)) + ")";
  return "exit code " + std::to_string(WEXITSTATUS(*status_));
}

void Process::signal(int number) const {
  if (pid_ > 0 && !status_) ::kill(pid_, number);
}

bool Process::wait(std::int64_t timeout_ms) {
  for (std::int64_t waited = 0; running(); waited += poll_ns / 1'000'000) {
    if (waited >= timeout_ms) return false;
    timespec pause{0, poll_ns};
    ::nanosleep(&pause, nullptr);
  }
  return true;
}

}  // namespace hirehall::cli
