#include "worker/talk.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "common/limits.h"

namespace hirehall::worker {
namespace {

constexpr std::size_t tail_bytes_max = 1024;
constexpr std::size_t err_bytes_max =
    64u << 10;  // of lines nobody has taken yet; then they are one long line, cut

int timeout_ms(Micros until) {
  if (until == INT64_MAX) return -1;
  auto left = until - monotonic_us();
  return left <= 0 ? 0 : static_cast<int>(std::min<Micros>(left / 1000 + 1, 3'600'000));
}

}  // namespace

void Talk::write_some() {
  while (!outgoing_.empty() && child_.in() >= 0) {
    auto n = child_.in() == child_.out()
                 ? ::send(child_.in(), outgoing_.data(), outgoing_.size(), MSG_NOSIGNAL)
                 : ::write(child_.in(), outgoing_.data(), outgoing_.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n < 0) outgoing_.clear();  // the child closed its end: its exit tells the rest
    if (n > 0) outgoing_.erase(0, static_cast<std::size_t>(n));
  }
  if (hang_up_ && outgoing_.empty()) child_.close_in();
}

bool Talk::read_some(int fd, std::string& into, std::size_t max) {
  constexpr std::size_t step = 64u << 10;
  char buffer[step];
  auto n = ::read(fd, buffer, step);
  if (n < 0) return errno == EINTR;
  if (n == 0) return false;
  auto got = static_cast<std::size_t>(n);
  auto room = max > into.size() ? max - into.size() : 0;
  if (got > room) overflowed_ = overflowed_ || &into == &incoming_;
  into.append(buffer, std::min(got, room));
  return got == step;
}

void Talk::read_err() {
  auto before = err_.size();
  while (read_some(child_.err(), err_, err_bytes_max)) {
  }
  tail_.append(err_, before);
  if (tail_.size() > tail_bytes_max) tail_.erase(0, tail_.size() - tail_bytes_max);
}

void Talk::pump(int wake_fd, Micros until) {
  if (ended_) return;
  write_some();
  pollfd fds[5] = {{child_.exit_fd(), POLLIN, 0},
                   {wake_fd, POLLIN, 0},
                   {out_closed_ ? -1 : child_.out(), POLLIN, 0},
                   {err_closed_ ? -1 : child_.err(), POLLIN, 0},
                   {-1, POLLOUT, 0}};
  if (!outgoing_.empty()) fds[4].fd = child_.in();
  if (::poll(fds, 5, timeout_ms(until)) <= 0) return;
  if (fds[2].revents != 0) {
    auto before = incoming_.size();
    while (read_some(child_.out(), incoming_, incoming_max_)) {
    }
    // Readable without a byte: the other end is closed. Polling it again would spin.
    if (incoming_.size() == before && !overflowed_) out_closed_ = true;
  }
  if (fds[3].revents != 0) {
    auto before = err_.size();
    read_err();
    if (err_.size() == before && (fds[3].revents & POLLIN) == 0) err_closed_ = true;
  }
  if (fds[4].revents != 0) write_some();
  if (fds[0].revents != 0) {  // what it wrote before it ended is still in the pipes
    while (!overflowed_ && read_some(child_.out(), incoming_, incoming_max_)) {
    }
    read_err();
    ended_ = true;
  }
}

bool Talk::take_line(std::string& line) {
  auto end = err_.find('\n');
  if (end == std::string::npos && err_.size() < limits::log_line_bytes_max && !(ended_ && !err_.empty()))
    return false;
  if (end == std::string::npos) end = err_.size();
  line.assign(err_, 0, end);
  err_.erase(0, end + 1);
  return true;
}

}  // namespace hirehall::worker
