// hirehall-worker: options, definitions, keys; then the runtime until it is told to stop.
#include <cstdio>
#include <cstring>

#include "common/log.h"
#include "worker/child_main.h"
#include "worker/runtime.h"

namespace {

using namespace hirehall;
using namespace hirehall::worker;

int refuse(const Error& error) {
  std::fprintf(stderr, "hirehall-worker: %s\n", describe(error).c_str());
  return exit_code::usage;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], child_flag) == 0) return child_main(argc, argv);
  auto values = worker_options().parse(argc, argv);
  if (!values) return refuse(values.error());
  if (values->answer()) return std::fputs(values->answer()->c_str(), stdout) < 0 ? exit_code::failure : 0;
  auto settings = read_settings(*values);
  if (!settings) return refuse(settings.error());
  log::setup("hirehall-worker", *log::level_from_name(settings->log_level));
  auto agents = load_definitions(settings->agents, settings->allow_commands);
  if (!agents) return refuse(agents.error());
  for (const auto& warning : agents->warnings) log::warn(warning);
  if (agents->definitions.empty())
    return refuse({Code::invalid, "no agent to run: the folder has no definition that may be loaded",
                   settings->agents});
  auto keys = read_keys(settings->server_key_file, settings->key_file);
  if (!keys) return refuse(keys.error());
  Runtime runtime(std::move(*settings), std::move(agents->definitions), std::move(*keys));
  return runtime.run();
}
