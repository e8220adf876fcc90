// Programs that do one task and end: payload on stdin, result on stdout, exit code 0 for success. Any shell
// script will do.
#include <sys/wait.h>

#include "common/ids.h"
#include "common/msgpack.h"
#include "worker/drive.h"
#include "worker/executor.h"
#include "worker/program.h"

namespace hirehall::worker {
namespace {

constexpr int exit_retry_later = 75;  // EX_TEMPFAIL: hand it back

// docs/tracing.md
void add_traces(std::vector<std::string>& environment, std::string_view extras) {
  if (extras.empty()) return;
  msgpack::Reader r(extras);
  const auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    const auto key = r.str();
    if (key == "trace")
      environment.push_back("TRACEPARENT=" + std::string(r.str()));
    else if (key == "trace_origin")
      environment.push_back("HIREHALL_TRACE_ORIGIN=" + std::string(r.str()));
    else if (key == "tracestate")
      environment.push_back("TRACESTATE=" + std::string(r.str()));
    else if (key == "baggage")
      environment.push_back("BAGGAGE=" + std::string(r.str()));
    else
      r.skip();
  }
}

class PerTaskExecutor : public SingleExecutor {
 public:
  PerTaskExecutor(const Definition& definition, ExecutorPlace place)
      : SingleExecutor(std::move(place)), definition_(definition) {}

 private:
  void attempt(const Attempt& a, const Shape& shape, Results& results) override {
    auto child = Child::spawn(program_for(a, shape));
    if (!child) return add_no_start(a, describe(child.error()), results);
    Talk talk(std::move(*child), limits::payload_bytes_max + 1);
    Watch watch(place_.board, place_.slot, a, shape, definition_, monotonic_us());
    const auto begun_us = monotonic_us();
    talk.say(a.payload);
    talk.hang_up();
    auto end = drive(
        talk, watch, [&] { return talk.overflowed(); }, [] {});
    if (!end.gone) {
      talk.child().end();
      return add_failure(a, "too_large", "the result is larger than 1 MiB", begun_us, results);
    }
    int status = talk.child().status();
    bool exited = WIFEXITED(status) && watch.why() != Watch::Why::timeout && watch.why() != Watch::Why::stall;
    if (exited && WEXITSTATUS(status) == 0) return add_success(a, talk.incoming(), begun_us, results);
    if (exited && WEXITSTATUS(status) == exit_retry_later && watch.why() == Watch::Why::none) {
      OutcomeExtras extras;
      tell_times(begun_us, extras);
      results.add(a.token, Outcome::interrupted, {}, extras);
      return;
    }
    add_death(a, watch, talk, end.how, begun_us, results);
  }

  ChildSpec program_for(const Attempt& a, const Shape& shape) const {
    ChildSpec spec = program_of(definition_);
    auto id = TaskId::from_raw(a.id);
    spec.environment.push_back("HIREHALL_TASK=" + (id ? id->text() : std::string{}));
    spec.environment.push_back("HIREHALL_TYPE=" + shape.type);
    spec.environment.push_back("HIREHALL_QUEUE=" + shape.queue);
    spec.environment.push_back("HIREHALL_TENANT=" + shape.tenant);
    spec.environment.push_back("HIREHALL_ATTEMPT=" + std::to_string(a.attempt));
    spec.environment.push_back("HIREHALL_CONTENT_TYPE=" + shape.content_type);
    add_traces(spec.environment, a.extras);
    return spec;
  }

  static void add_success(const Attempt& a, const std::string& out, std::int64_t begun_us, Results& results) {
    OutcomeExtras extras;
    extras.result_type = "text/plain";
    if (!out.empty() && (out.front() == '{' || out.front() == '[' || out.front() == '"'))
      extras.result_type = {};
    tell_times(begun_us, extras);
    results.add(a.token, Outcome::succeeded, out, extras);
  }

  static void add_failure(const Attempt& a, std::string_view code, std::string_view error,
                          std::int64_t begun_us, Results& results) {
    OutcomeExtras extras;
    extras.error_code = code;
    extras.error = error;
    tell_times(begun_us, extras);
    results.add(a.token, Outcome::failed_final, {}, extras);
  }

  const Definition definition_;
};

}  // namespace

std::unique_ptr<Executor> make_per_task_executor(const Definition& definition, const ExecutorPlace& place) {
  return std::make_unique<PerTaskExecutor>(definition, place);
}

}  // namespace hirehall::worker
