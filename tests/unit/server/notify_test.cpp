#include "broker/server/notify.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string>

#include "tests/unit/server/scratch.h"

namespace hirehall::server {
namespace {

// A service manager as a program sees it: a datagram socket named in the environment.
class Manager {
 public:
  explicit Manager(const char* watchdog_us) : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    scratch_.path("notify").copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    ::setenv("NOTIFY_SOCKET", scratch_.path("notify").c_str(), 1);
    if (watchdog_us != nullptr) ::setenv("WATCHDOG_USEC", watchdog_us, 1);
  }
  ~Manager() {
    ::unsetenv("NOTIFY_SOCKET");
    ::unsetenv("WATCHDOG_USEC");
    ::close(fd_);
  }
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;

  // What was said last, or nothing.
  std::string heard() {
    std::array<char, 4096> text{};
    const ssize_t size = ::recv(fd_, text.data(), text.size(), MSG_DONTWAIT);
    return size < 0 ? std::string() : std::string(text.data(), static_cast<std::size_t>(size));
  }

 private:
  Scratch scratch_;
  int fd_;
};

TEST(Notifier, tells_the_service_manager_where_it_is) {
  Manager manager(nullptr);
  Notifier notifier;
  notifier.extend_timeout(30'000'000, "recovering");
  EXPECT_EQ(manager.heard(), "EXTEND_TIMEOUT_USEC=30000000\nSTATUS=recovering");
  notifier.ready("serving");
  EXPECT_EQ(manager.heard(), "READY=1\nSTATUS=serving");
  notifier.reloading(12);
  EXPECT_EQ(manager.heard(), "RELOADING=1\nMONOTONIC_USEC=12000");
  notifier.stopping("draining");
  EXPECT_EQ(manager.heard(), "STOPPING=1\nSTATUS=draining");
}

TEST(Notifier, makes_one_line_of_a_status) {
  Manager manager(nullptr);
  Notifier notifier;
  notifier.status("queue a\nREADY=1");
  EXPECT_EQ(manager.heard(), "STATUS=queue a READY=1");
}

TEST(Notifier, feeds_the_watchdog_three_times_an_interval) {
  Manager manager("30000000");
  Notifier notifier;
  EXPECT_EQ(notifier.watchdog_us(), 30'000'000u);
  notifier.watchdog(1000);
  EXPECT_EQ(manager.heard(), "WATCHDOG=1");
  notifier.watchdog(10'999);
  EXPECT_EQ(manager.heard(), "");
  notifier.watchdog(11'000);
  EXPECT_EQ(manager.heard(), "WATCHDOG=1");
}

TEST(Notifier, is_quiet_when_nobody_listens) {
  ::unsetenv("NOTIFY_SOCKET");
  ::unsetenv("WATCHDOG_USEC");
  Notifier notifier;
  EXPECT_EQ(notifier.watchdog_us(), 0u);
  notifier.ready("serving");
  notifier.watchdog(1000);
}

}  // namespace
}  // namespace hirehall::server
