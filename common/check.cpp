#include "common/check.h"

#include <cstdio>
#include <cstdlib>

namespace hirehall {

void check_failed(const char* file, int line, const char* condition, std::string_view reason) {
  std::fprintf(stderr, "%s:%d: invariant broken: %s (%.*s)\n", file, line, condition,
               static_cast<int>(reason.size()), reason.data());
  std::abort();
}

}  // namespace hirehall
