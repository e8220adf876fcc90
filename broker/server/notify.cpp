#include "broker/server/notify.h"

#include <systemd/sd-daemon.h>

#include <algorithm>

namespace hirehall::server {
namespace {

// A status is one line; what a name or an error text brings along must not become another assignment.
std::string one_line(std::string text) {
  std::ranges::replace_if(
      text, [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return text;
}

// A manager that does not listen is no reason to stop: systemd decides by what it hears.
void send(const std::string& message) {
  static_cast<void>(sd_notify(0, message.c_str()));
}

}  // namespace

Notifier::Notifier() {
  std::uint64_t interval = 0;
  if (sd_watchdog_enabled(0, &interval) > 0) watchdog_us_ = interval;
}

void Notifier::ready(const std::string& status) {
  send("READY=1\nSTATUS=" + one_line(status));
}

void Notifier::status(const std::string& status) {
  send("STATUS=" + one_line(status));
}

void Notifier::reloading(std::int64_t monotonic_ms) {
  send("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(monotonic_ms * 1000));
}

void Notifier::stopping(const std::string& status) {
  send("STOPPING=1\nSTATUS=" + one_line(status));
}

void Notifier::extend_timeout(std::uint64_t microseconds, const std::string& status) {
  send("EXTEND_TIMEOUT_USEC=" + std::to_string(microseconds) + "\nSTATUS=" + one_line(status));
}

void Notifier::watchdog(std::int64_t monotonic_ms) {
  if (watchdog_us_ == 0 || monotonic_ms < next_feed_ms_) return;
  next_feed_ms_ = monotonic_ms + static_cast<std::int64_t>(watchdog_us_ / 3000);
  send("WATCHDOG=1");
}

}  // namespace hirehall::server
