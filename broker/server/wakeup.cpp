#include "broker/server/wakeup.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

#include "common/check.h"

namespace hirehall::server {

Wakeup::Wakeup() : descriptor_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  HH_CHECK(descriptor_ >= 0, "the kernel gives an event descriptor");
}

Wakeup::~Wakeup() {
  ::close(descriptor_);
}

void Wakeup::signal() const {
  std::uint64_t one = 1;
  // A full counter is readable already.
  [[maybe_unused]] auto written = ::write(descriptor_, &one, sizeof one);
}

void Wakeup::clear() const {
  std::uint64_t count = 0;
  [[maybe_unused]] auto got = ::read(descriptor_, &count, sizeof count);
}

}  // namespace hirehall::server
