// Progress and log lines of attempts: taken from workers' reports, given to those who look on, now or when
// more comes.
#include <algorithm>

#include "broker/server/broker.h"
#include "common/msgpack.h"
#include "common/mutant.h"

namespace hirehall::server {
namespace {

constexpr std::size_t lines_default = 100, lines_max = 1000;
constexpr Millis wait_max_ms = 60000;
constexpr std::size_t answer_bytes_max = limits::batch_bytes_max;

struct Asked {
  std::string_view id;
  std::uint64_t after = 0;
  std::size_t limit = lines_default;
  bool tail = false;
  Millis wait_ms = 0;
};

Result<Asked> read_asked(std::string_view body) {
  Asked asked;
  msgpack::Reader r(body);
  auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    auto key = r.str();
    if (key == "id")
      asked.id = r.bin();
    else if (key == "after")
      asked.after = r.uint();
    else if (key == "limit")
      asked.limit = r.uint();
    else if (key == "tail")
      asked.tail = r.boolean();
    else if (key == "wait_ms")
      asked.wait_ms = r.sint();
    else
      r.skip();
  }
  if (!r.finished() || asked.id.size() != 16)
    return fail(Code::bad_message, "logs takes a map with an id of 16 bytes", "id");
  if (asked.limit == 0 || asked.limit > lines_max) return fail(Code::invalid, "limit is 1 to 1000", "limit");
  if (asked.wait_ms < 0 || asked.wait_ms > wait_max_ms)
    return fail(Code::invalid, "wait_ms is 0 to 60000", "wait_ms");
  return asked;
}

}  // namespace

// One item of a report; false when its value is malformed.
bool Broker::take_detail(const engine::Lease& lease, std::string_view what, msgpack::Reader& r) {
  auto sequence = lease.sequence - (HH_MUTANT("logs_of_a_neighbour") ? 1 : 0);
  auto attempt = lease.tries.attempts;
  if (what == "progress") {
    AttemptDetails::Progress report;
    report.at = engine_.now();
    report.attempt = attempt;
    auto pairs = r.map();
    for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
      auto key = r.str();
      if (key == "done")
        report.done = r.uint();
      else if (key == "total")
        report.total = r.uint();
      else if (key == "message")
        report.message = r.str();
      else
        r.skip();
    }
    if (r.ok()) details_->progress(sequence, std::move(report));
  } else if (what == "log" || what == "output") {
    auto text = r.bin();
    if (r.ok()) details_->line(sequence, attempt, engine_.now(), text, what == "output");
    if (r.ok()) answer_log_waits(sequence);
  } else {
    r.skip();
  }
  return r.ok();
}

void Broker::logs(Peer& peer, const Frame& frame) {
  auto request = frame.header.request;
  auto asked = read_asked(frame.body);
  if (!asked) return refuse(peer, request, asked.error());
  auto sequence = sequence_of(asked->id);
  if (!sequence) return refuse(peer, request, {Code::not_found, "no such task", {}, 0});
  LogWait wait{engine_.now() + asked->wait_ms,
               peer.routing,
               peer.serial,
               request,
               *sequence,
               asked->after,
               asked->limit,
               asked->tail};
  if (peer.principal->tenants.all) return answer_logs_or_wait(wait);
  // Of another tenant's task nothing may be told.
  load_task(*sequence, [this, wait](Result<std::optional<StoredTask>> task) {
    auto* peer = peer_at(wait.routing, wait.serial);
    if (peer == nullptr) return;
    if (!task) return refuse(*peer, wait.request, task.error());
    if (!*task || !visible(*peer, (*task)->lane))
      return refuse(*peer, wait.request, {Code::not_found, "no such task", {}, 0});
    answer_logs_or_wait(wait);
  });
}

void Broker::answer_logs_or_wait(const LogWait& wait) {
  const auto* task = details_->of(wait.sequence);
  bool more = task != nullptr && !task->lines.empty() && task->lines.back().position > wait.after;
  bool ended = engine_.look(wait.sequence) == engine::Engine::Known::ended;
  if (more || ended || wait.until <= engine_.now() || log_waits_.size() >= log_waits_max)
    return answer_logs(wait);
  log_waits_.push_back(wait);
}

void Broker::answer_log_waits(Sequence sequence) {
  for (std::size_t i = 0; i < log_waits_.size();) {
    if (log_waits_[i].sequence != sequence) {
      ++i;
      continue;
    }
    auto wait = std::move(log_waits_[i]);
    log_waits_[i] = std::move(log_waits_.back());
    log_waits_.pop_back();
    answer_logs(wait);
  }
}

void Broker::look_at_log_waits() {
  for (std::size_t i = 0; i < log_waits_.size();) {
    const auto& wait = log_waits_[i];
    bool over = wait.until <= engine_.now() || engine_.look(wait.sequence) == engine::Engine::Known::ended;
    if (!over) {
      ++i;
      continue;
    }
    auto one = std::move(log_waits_[i]);
    log_waits_[i] = std::move(log_waits_.back());
    log_waits_.pop_back();
    answer_logs(one);
  }
}

void Broker::answer_logs(const LogWait& wait) {
  auto* peer = peer_at(wait.routing, wait.serial);
  if (peer == nullptr) return;
  std::string lines;
  msgpack::Writer list(lines);
  std::size_t count = 0;
  auto next = wait.after;
  bool missed = false;
  const auto* task = details_->of(wait.sequence);
  if (task != nullptr) {
    auto after = wait.after - (wait.after != 0 && HH_MUTANT("log_lines_again") ? 1 : 0);
    auto from = std::upper_bound(task->lines.begin(), task->lines.end(), after,
                                 [](std::uint64_t after, const auto& line) { return after < line.position; });
    if (wait.tail && static_cast<std::size_t>(task->lines.end() - from) > wait.limit)
      from = task->lines.end() - static_cast<std::ptrdiff_t>(wait.limit);
    else
      missed = !wait.tail && wait.after != 0 && wait.after < task->gone_up_to;
    for (; from != task->lines.end() && count < wait.limit && lines.size() < answer_bytes_max;
         ++from, ++count) {
      list.array(5);
      list.uint(from->position);
      list.sint(engine_.to_wall(from->at));
      list.uint(from->attempt);
      list.str(from->output ? "output" : "log");
      list.bin(from->text);
      next = from->position;
    }
  }
  bool ended = engine_.look(wait.sequence) == engine::Engine::Known::ended;
  bool more = task != nullptr && !task->lines.empty() && task->lines.back().position > next;
  bool progress = task != nullptr && task->progress;
  msgpack::Writer w(answer(*peer, wait.request));
  w.map(progress ? 6 : 5);
  w.str("lines");
  w.array(count);
  w.raw(lines);
  w.entry_uint("next", next);
  w.entry_bool("missed", missed);
  w.entry_bool("more", more);
  w.entry_bool("ended", ended);
  if (progress) write_progress(w, *task->progress);
}

void Broker::write_progress(msgpack::Writer& w, const AttemptDetails::Progress& progress) const {
  w.str("progress");
  w.map(5);
  w.entry_uint("done", progress.done);
  w.entry_uint("total", progress.total);
  w.entry("message", progress.message);
  w.entry_sint("at", engine_.to_wall(progress.at));
  w.entry_uint("attempt", progress.attempt);
}

}  // namespace hirehall::server
