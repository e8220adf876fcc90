#include "worker/program.h"

#include <filesystem>

namespace hirehall::worker {

ChildSpec program_of(const Definition& definition) {
  namespace fs = std::filesystem;
  ChildSpec spec;
  spec.argv = definition.command;
  spec.environment = child_environment(definition.environment);
  spec.limits = definition.limits;
  std::error_code error;
  auto folder = fs::absolute(definition.path, error).parent_path();
  if (!error) spec.folder = folder.string();
  return spec;
}

}  // namespace hirehall::worker
