// Ctrl-C in the middle of a measurement leaves nothing behind: no process, no data.
#pragma once

#include <sys/types.h>

#include <filesystem>

namespace hirehall::bench {

// Once, before any thread is made: SIGINT, SIGTERM and SIGHUP end the program after what is listed below is
// gone.
void clean_up_on_signals();

void at_signal_kill(pid_t child);
void at_signal_forget(pid_t child);
void at_signal_remove(const std::filesystem::path& directory);
void at_signal_forget(const std::filesystem::path& directory);

void unblock_signals();  // in a child, before exec: it wants its signals itself

}  // namespace hirehall::bench
