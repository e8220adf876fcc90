// The child process of a plugin: the worker's own program, started with this flag, talking over descriptor 3.
#pragma once

namespace hirehall::worker {

inline constexpr const char* child_flag = "--child";

int child_main(int argc, char** argv);

}  // namespace hirehall::worker
