// What /proc says of a process and its descendants.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string_view>

namespace hirehall::bench {

std::int64_t tree_cpu_us(pid_t root);  // user and system time, in steps of a clock tick
double tree_rss_mb(pid_t root);
double status_mb(pid_t pid, std::string_view key);  // a line of /proc/PID/status that is given in kB

}  // namespace hirehall::bench
