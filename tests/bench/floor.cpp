#include "tests/bench/floor.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <thread>
#include <zmq.hpp>

#include "tests/bench/installation.h"
#include "tests/bench/process.h"

namespace hirehall::bench {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t page = 4096;
constexpr std::size_t message_bytes = 160;  // a small task with its envelope
constexpr auto answer_limit = std::chrono::seconds(10);

Error failed(const char* what, const fs::path& file) {
  return {Code::io, std::string(what) + ": " + std::strerror(errno), file.string(), 0};
}

Result<Samples> ping(const std::string& endpoint, std::uint64_t count, std::uint64_t rate) {
  zmq::context_t context(1);
  zmq::socket_t socket(context, ZMQ_DEALER);
  socket.set(zmq::sockopt::linger, 0);
  socket.set(zmq::sockopt::rcvtimeo, static_cast<int>(std::chrono::milliseconds(answer_limit).count()));
  socket.connect(endpoint);
  std::string bytes(message_bytes, 'x');
  zmq::message_t answer;
  Samples hops;
  Pace pace(rate);
  constexpr std::uint64_t warm_up = 20;
  for (std::uint64_t i = 0; i < count + warm_up; ++i) {
    pace.wait();
    auto start = now_ns();
    socket.send(zmq::buffer(bytes), zmq::send_flags::none);
    if (!socket.recv(answer))
      return fail(Code::timeout, "the other end of the hop does not answer", endpoint);
    if (i >= warm_up) hops.add((now_ns() - start) / 2);
  }
  return hops;
}

}  // namespace

void Pace::wait() {
  std::this_thread::sleep_until(next_);
  next_ += every_;
}

Result<Samples> measure_syncs(const fs::path& directory, std::uint64_t count, std::uint64_t rate) {
  auto file = directory / "bare-sync";
  int fd = open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return tl::unexpected(failed("cannot write", file));
  // Room in advance without a longer file, as a write-ahead log has it.
  if (fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(count * page)) != 0) errno = 0;
  std::string bytes(page, 'x');
  Samples syncs;
  Pace pace(rate);
  for (std::uint64_t i = 0; i < count; ++i) {
    pace.wait();
    auto start = now_ns();
    if (write(fd, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()) || fdatasync(fd) != 0) {
      auto error = failed("cannot write and sync", file);
      close(fd);
      return tl::unexpected(error);
    }
    syncs.add(now_ns() - start);
  }
  close(fd);
  unlink(file.c_str());
  return syncs;
}

Result<Samples> measure_hops(const fs::path& directory, bool tcp, std::uint64_t count, std::uint64_t rate) {
  Child::Command command;
  command.name = "hop-echo";
  command.arguments = {own_program(), command.name,
                       tcp ? "tcp://127.0.0.1:*" : "ipc://" + (directory / "hop.ipc").string()};
  command.log = directory / "hop-echo.log";
  command.pipe_stdout = true;
  auto echo = Child::start(command);
  if (!echo) return tl::unexpected(echo.error());
  auto endpoint = echo->read_line(answer_limit);
  if (!endpoint) return tl::unexpected(endpoint.error());
  try {
    return ping(*endpoint, count, rate);
  } catch (const zmq::error_t& error) {
    return fail(Code::io, std::string("no hop: ") + error.what(), *endpoint);
  }
}

int hop_echo_main(const std::vector<std::string>& arguments) {
  try {
    zmq::context_t context(1);
    zmq::socket_t socket(context, ZMQ_ROUTER);
    socket.set(zmq::sockopt::linger, 0);
    socket.bind(arguments.at(0));
    std::printf("%s\n", socket.get(zmq::sockopt::last_endpoint).c_str());
    std::fflush(stdout);
    for (zmq::message_t peer, bytes;;) {  // until it is killed
      if (!socket.recv(peer) || !socket.recv(bytes)) return 1;
      socket.send(peer, zmq::send_flags::sndmore);
      socket.send(bytes, zmq::send_flags::none);
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "hop-echo: %s\n", error.what());
    return 1;
  }
}

}  // namespace hirehall::bench
