#include "worker/attempt.h"

namespace hirehall::worker {

bool Attempt::at_most_once() const {
  if (extras.empty()) return false;
  msgpack::Reader r(extras);
  for (auto left = r.map(); left > 0 && r.ok(); --left) {
    if (r.str() == "at_most_once") return r.boolean();
    r.skip();
  }
  return false;
}

std::size_t OutcomeExtras::size() const {
  return static_cast<std::size_t>(!result_type.empty()) + !error_code.empty() + !error.empty() +
         !service.empty() + !on.empty() + !question.empty() + !checkpoint.empty() + !usage.empty() +
         (delay_ms != 0) + (started_at != 0) + (ended_at != 0);
}

void Results::add(Token token, Outcome outcome, std::string_view result, const OutcomeExtras& extras) {
  std::size_t pairs = extras.size();
  if (pairs == 0) return add(token, outcome, result);
  msgpack::Writer w(items_);
  w.array(4);
  w.uint(token);
  w.uint(static_cast<std::uint64_t>(outcome));
  w.bin(result);
  w.map(pairs);
  if (!extras.result_type.empty()) w.entry("result_type", extras.result_type);
  if (!extras.error_code.empty()) w.entry("error_code", extras.error_code);
  if (!extras.error.empty()) w.entry("error", extras.error);
  if (!extras.service.empty()) w.entry("service", extras.service);
  if (!extras.on.empty()) w.entry("on", extras.on);
  if (!extras.question.empty()) w.str("question"), w.raw(extras.question);
  if (!extras.checkpoint.empty()) w.entry_bin("checkpoint", extras.checkpoint);
  if (!extras.usage.empty()) w.str("usage"), w.raw(extras.usage);
  if (extras.delay_ms != 0) w.entry_sint("delay_ms", extras.delay_ms);
  if (extras.started_at != 0) w.entry_sint("started_at", extras.started_at);
  if (extras.ended_at != 0) w.entry_sint("ended_at", extras.ended_at);
  close(token);
}

std::string_view name_of(Report::What what) {
  switch (what) {
    case Report::What::checkpoint:
      return "checkpoint";
    case Report::What::progress:
      return "progress";
    case Report::What::log:
      return "log";
    case Report::What::usage:
      return "usage";
    case Report::What::answer:
      return "answer";
  }
  return "log";
}

}  // namespace hirehall::worker
