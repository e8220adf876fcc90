// hirehall-broker inspect | verify | restore: work on a store while no broker runs on it.
#pragma once

namespace hirehall::server {

// argv[0] is the subcommand. The exit code: 0 done or sound, 1 findings or a disk that fails, 64 wrong
// options, 65 cannot be read.
int run_offline(int argc, char** argv);

}  // namespace hirehall::server
