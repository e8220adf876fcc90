#include "common/mutant.h"

#include <string>

namespace hirehall::mutant {
namespace {

std::string& chosen() {
  static std::string name;
  return name;
}

}  // namespace

void plant(std::string_view name) {
  chosen() = name;
}

bool planted(std::string_view name) {
  return chosen() == name;
}

}  // namespace hirehall::mutant
