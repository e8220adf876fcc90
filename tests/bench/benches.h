// The benches: each prints its measurement on stdout, tells on stderr how it goes, and returns an exit code.
#pragma once

#include "common/error.h"
#include "tests/bench/settings.h"

namespace hirehall::bench {

int bench_pipeline(const Settings& settings);  // the limit, by itself
int bench_e2e(const Settings& settings);       // rate of whole tasks under load, in turn with the limit
int bench_latency(const Settings& settings);   // light load: submit to start, against sync and hop
int bench_backlog(const Settings& settings);   // many queued: memory, and drain against a short queue
int bench_recovery(const Settings& settings);  // many queued, kill -9: time to the first award
int bench_limits(const Settings& settings);    // what limits over many keys cost

void note(const char* format, ...) __attribute__((format(printf, 1, 2)));  // a line on stderr
int complain(const Error& error);                                          // on stderr; the exit code

}  // namespace hirehall::bench
