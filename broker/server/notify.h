// Messages to the service manager (sd_notify). Without one, all of this does nothing.
#pragma once

#include <cstdint>
#include <string>

namespace hirehall::server {

class Notifier {
 public:
  Notifier();  // asks for the watchdog interval

  void ready(const std::string& status);      // READY=1: recovered and bound
  void status(const std::string& status);     // one line for `systemctl status`
  void reloading(std::int64_t monotonic_ms);  // before a reload; ready() ends it
  void stopping(const std::string& status);
  // Recovery and drain take as long as they take: call more often than `microseconds` while there is
  // progress.
  void extend_timeout(std::uint64_t microseconds, const std::string& status);

  // From the loop itself, so that a loop which hangs is restarted. Sends when a third of the interval has
  // passed.
  void watchdog(std::int64_t monotonic_ms);
  std::uint64_t watchdog_us() const { return watchdog_us_; }  // 0 = not asked for

 private:
  std::uint64_t watchdog_us_ = 0;
  std::int64_t next_feed_ms_ = 0;
};

}  // namespace hirehall::server
