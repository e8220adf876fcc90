// hirehall-broker inspect | verify: looking at a store while no broker runs.
#pragma once

namespace hirehall::server {

// argv[0] is the subcommand. The exit code: 0 sound, 1 findings, 64 wrong options, 65 cannot be read.
int run_offline(int argc, char** argv);

}  // namespace hirehall::server
