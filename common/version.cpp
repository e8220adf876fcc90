#include "common/version.h"

namespace hirehall {

std::string_view software_version() {
  return HIREHALL_VERSION;
}

}  // namespace hirehall
