// task submit and task run: one task or a million, waited for or not.
#include <deque>
#include <ostream>
#include <unordered_set>

#include "client/cli/command.h"
#include "client/cli/interrupt.h"
#include "client/cli/progress.h"
#include "client/cli/submit_options.h"
#include "client/src/body.h"
#include "client/src/inner.h"
#include "common/wire.h"

namespace hirehall::cli {
namespace {

using client::Body;
using client::Submission;
using client::TaskId;

constexpr std::size_t chunk = 8192;           // items of one submit_many()
constexpr std::size_t chunks_under_way = 16;  // acknowledgements may lag that far behind
constexpr std::int64_t progress_every_ms = 200;
constexpr client::Millis ack_patience_ms = 60'000;
constexpr std::size_t drain_every = 256;

// How far many tasks are, drawn a few times a second.
class Progress {
 public:
  Progress(Context& c, const char* what, std::size_t total)
      : bar_(c.err(), what, c.coloured()), total_(total) {}
  void at(std::size_t done) {
    const auto now = wall_now_ms();
    if (total_ < 2 || now - drawn_at_ < progress_every_ms) return;
    drawn_at_ = now;
    bar_.show(done, total_, std::to_string(done) + " of " + std::to_string(total_));
  }
  void make_room() {
    bar_.hide();
    drawn_at_ = 0;
  }

 private:
  ProgressBar bar_;
  std::size_t total_;
  std::int64_t drawn_at_ = 0;
};

class Submitting {
 public:
  Submitting(Context& c, client::Client& client, client::TaskOptions options, std::string payload)
      : c_(c),
        client_(client),
        options_(std::move(options)),
        payload_(std::move(payload)),
        total_(static_cast<std::size_t>(c.values().number("count"))),
        progress_(c, "submitted", total_) {}

  // Returns the exit code of the submits alone.
  int submit(const std::function<void(const TaskId&)>& accepted) {
    std::deque<Submission> under_way;
    for (std::size_t sent = 0; sent < total_ || !under_way.empty();) {
      if (sent < total_ && under_way.size() < chunks_under_way) {
        under_way.push_back(send(std::min(chunk, total_ - sent)));
        sent += under_way.back().size();
        if (sent < total_) continue;
      }
      if (!under_way.front().wait(ack_patience_ms))
        return c_.complain(
            "the broker has not acknowledged the tasks for a minute; what is recorded is unknown", timed_out);
      collect(under_way.front(), accepted);
      under_way.pop_front();
    }
    return code_;
  }

 private:
  Submission send(std::size_t count) {
    if (total_ == 1) {
      const client::Item item{payload_, 0, options_.idempotency_key};
      return client_.submit_many(options_, std::span<const client::Item>(&item, 1));
    }
    payloads_.assign(count, payload_);
    return client_.submit_many(options_, payloads_);
  }

  void collect(const Submission& s, const std::function<void(const TaskId&)>& accepted) {
    for (const auto& refusal : s.refusals()) {
      if (code_ == ok) code_ = c_.complain(refusal.error);
      ++refused_;
    }
    for (const auto& id : s.ids())
      if (id != TaskId{}) accepted(id), ++done_;
    progress_.at(done_);
    if (refused_ > 1 && s.refusals().size() > 0)
      c_.err() << "hirehall: " << refused_ << " of " << total_ << " tasks were refused\n";
  }

  Context& c_;
  client::Client& client_;
  client::TaskOptions options_;
  std::string payload_;
  std::size_t total_;
  Progress progress_;
  std::vector<std::string_view> payloads_;
  std::size_t done_ = 0, refused_ = 0;
  int code_ = ok;
};

// An array in json form, a line each otherwise; one object alone stays one object.
class Sink {
 public:
  Sink(Context& c, bool many) : c_(c), many_(many && c.format() == Format::json) {
    if (many_) c_.out() << "[";
  }
  ~Sink() {
    if (many_) c_.out() << "]\n";
  }
  void put(const Document& object, const std::string& text) {
    if (c_.format() == Format::text)
      c_.out() << text << "\n";
    else if (many_)
      c_.out() << (first_ ? "" : ",\n ") << object.json(false);
    else
      c_.show(object);
    first_ = false;
  }

 private:
  Context& c_;
  bool many_;
  bool first_ = true;
};

struct Ended {
  client::State state;
  Document object;
  std::string result;
  std::string error;
};

Ended ended(const TaskId& id, client::State state, std::string_view result, std::string_view code,
            std::string_view message) {
  Ended e{state, {}, std::string(result), {}};
  e.object.set("id", id.text());
  e.object.set("state", name_of(state));
  if (!result.empty()) e.object.set_bytes("result", result);
  if (!code.empty() || !message.empty()) {
    Document error;
    error.set("code", code);
    error.set("message", message);
    e.object.set("error", error);
    e.error = std::string(code) + ": " + std::string(message);
  }
  return e;
}

Ended of_task(const client::Task& task) {
  auto error = task.error.value_or(client::TaskError{});
  return ended(task.id, task.state, task.result, error.code, error.message);
}

void report(Context& c, Sink& sink, const TaskId& id, const Ended& e, bool result_alone) {
  auto line = id.text() + " " + std::string(name_of(e.state)) + (e.result.empty() ? "" : " " + e.result);
  bool nothing = result_alone && e.result.empty() && e.state != client::State::succeeded;
  if (!nothing || c.format() != Format::text) sink.put(e.object, result_alone ? e.result : line);
  if (!e.error.empty() || e.state != client::State::succeeded)
    c.err() << "hirehall: task " << id.text() << " " << name_of(e.state) << (e.error.empty() ? "" : ": ")
            << e.error << "\n";
}

// Results are pushed to the session that submitted; a task found by its key may belong to another, so it is
// asked for.
int run_one(Context& c, client::Client& client, Submitting& submitting, bool result_alone) {
  TaskId id;
  if (int code = submitting.submit([&](const TaskId& given) { id = given; }); code != ok) return code;
  const InterruptNote note("hirehall: the task goes on; `hirehall task wait " + id.text() + "` waits again");
  auto task = client.wait(id, c.values().number("wait-timeout"));
  if (!task) return c.complain(task.error());
  Sink sink(c, false);
  auto e = of_task(*task);
  report(c, sink, id, e, result_alone);
  return exit_code_of(task->state);
}

int run_many(Context& c, client::Client& client, Submitting& submitting, std::size_t total) {
  auto subscription = client.subscribe({});
  if (!subscription) return c.complain(subscription.error());
  std::unordered_set<TaskId> awaited, early;  // acknowledged and not ended; ended and not acknowledged
  Sink sink(c, true);
  Progress progress(c, "ended", total);
  int worst = ok;
  std::size_t count = 0, acknowledged = 0;
  bool gap = false;
  auto take = [&](const client::ResultBatch& batch) {
    gap = gap || batch.gap;
    for (const auto& r : batch.results) {
      if (awaited.erase(r.id) == 0 && !early.insert(r.id).second) continue;
      ++count;
      progress.make_room();
      report(c, sink, r.id, ended(r.id, r.state, r.result, r.error_code, r.error_message), false);
      worst = std::max(worst, exit_code_of(r.state));
    }
  };
  int code = submitting.submit([&](const TaskId& id) {
    if (early.erase(id) == 0) awaited.insert(id);
    // The window of the subscription must not fill up while the rest is submitted.
    if (++acknowledged % drain_every == 0)
      while (client.next_results(*subscription, 0, take) > 0) {
      }
  });
  const InterruptNote note("hirehall: what has not ended goes on; `hirehall task list` shows it");
  auto deadline = wall_now_ms() + c.values().number("wait-timeout");
  while (!awaited.empty()) {
    auto left = deadline - wall_now_ms();
    if (left <= 0)
      return c.complain(std::to_string(awaited.size()) + " tasks have not ended in time; they go on",
                        timed_out);
    client.next_results(*subscription, std::min<std::int64_t>(left, progress_every_ms), take);
    progress.at(count);
    if (gap) break;
  }
  progress.make_room();
  // What the stream has lost is still in the records.
  for (const auto& id : awaited) {
    auto task = client.wait(id, std::max<std::int64_t>(0, deadline - wall_now_ms()));
    if (!task) return c.complain(task.error());
    report(c, sink, id, of_task(*task), false);
    worst = std::max(worst, exit_code_of(task->state));
  }
  return std::max(code, worst);
}

// A task that will hardly end in time is better known of now than at its deadline.
void warn_of_deadline(Context& c, const TaskId& id) {
  Body b;
  b.bin("id", client::raw_of(id));
  const auto answer = c.ask(static_cast<std::uint16_t>(wire::Kind::explain), b.take());
  if (!answer) return;
  const auto deadline = answer->child("deadline");
  if (const auto outlook = deadline.text("outlook"); outlook == "doubtful" || outlook == "unlikely")
    c.err() << "hirehall: that its deadline is met is " << deadline_in_words(deadline) << "\n";
}

int submit_with(Context& c, bool wait, bool result_alone) {
  auto options = options_of(c.values(), wall_now_ms());
  if (!options) return c.complain(options.error());
  auto payload = payload_of(c.values());
  if (!payload) return c.complain(payload.error());
  auto client = c.client();
  if (!client) return c.complain(client.error());
  auto total = static_cast<std::size_t>(c.values().number("count"));
  Submitting submitting(c, **client, std::move(*options), std::move(*payload));
  if (wait && total == 1) return run_one(c, **client, submitting, result_alone);
  if (wait) return run_many(c, **client, submitting, total);
  Sink sink(c, total > 1);
  TaskId last;
  const int code = submitting.submit([&](const TaskId& id) {
    last = id;
    if (c.format() == Format::none) return;
    auto text = id.text();
    if (c.format() == Format::text) return sink.put({}, text);
    Document d;
    d.set("id", text);
    sink.put(d, text);
  });
  if (code == ok && total == 1 && !c.values().text("deadline").empty()) warn_of_deadline(c, last);
  return code;
}

}  // namespace

int task_submit(Context& c) {
  return submit_with(c, c.values().flag("wait"), false);
}
int task_run(Context& c) {
  return submit_with(c, true, true);
}

}  // namespace hirehall::cli
