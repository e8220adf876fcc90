// Assertions that stay on in release builds: a broken invariant ends the process with the file, line and
// reason.
#pragma once

#include <string_view>

namespace hirehall {

[[noreturn]] void check_failed(const char* file, int line, const char* condition, std::string_view reason);

}  // namespace hirehall

#define HH_CHECK(condition, reason)                                       \
  do {                                                                    \
    if (__builtin_expect(!(condition), 0))                                \
      ::hirehall::check_failed(__FILE__, __LINE__, #condition, (reason)); \
  } while (false)
