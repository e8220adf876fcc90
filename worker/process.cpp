// Programs that stay: one per slot, JSON lines on stdin and stdout, one task after the other.
#include <map>

#include "worker/drive.h"
#include "worker/executor.h"
#include "worker/json_lines.h"
#include "worker/program.h"

namespace hirehall::worker {
namespace {

// A line with a payload or result of 1 MiB as base64 or with escapes, and its keys.
constexpr std::size_t line_bytes_max = 8u << 20;

class ProcessExecutor : public SingleExecutor {
 public:
  ProcessExecutor(const Definition& definition, ExecutorPlace place)
      : SingleExecutor(std::move(place)), definition_(definition) {}

 private:
  void attempt(const Attempt& a, const Shape& shape, Results& results) override {
    if (auto started = start(); !started) return add_no_start(a, describe(started.error()), results);
    Watch watch(place_.board, place_.slot, a, shape, definition_, monotonic_us());
    const auto begun_us = monotonic_us();
    usage_.clear();
    talk_->say(run_line(a, shape));
    Utterance answer;
    auto end = drive(
        *talk_, watch, [&] { return listen(watch, answer); },
        [&] { talk_->say(cancel_line(watch.explanation())); });
    if (end.gone) {
      add_death(a, watch, *talk_, end.how, begun_us, results);
      talk_.reset();
      return;
    }
    add_answer(a, watch, answer, begun_us, results);
    if (watch.why() != Watch::Why::none)
      talk_.reset();  // signals may still be on their way to it: not reused
  }

  Status start() {
    if (talk_) talk_->pump(-1, 0);  // it may have died while it had nothing to do
    if (talk_ && !talk_->ended()) return {};
    talk_.reset();
    auto child = Child::spawn(program_of(definition_));
    if (!child) return tl::unexpected(child.error());
    talk_ = std::make_unique<Talk>(std::move(*child), line_bytes_max);
    talk_->say(agent_line(definition_));
    return {};
  }

  bool listen(Watch& watch, Utterance& answer) {
    auto& incoming = talk_->incoming();
    for (auto end = incoming.find('\n'); end != std::string::npos; end = incoming.find('\n')) {
      auto heard = read_utterance(std::string_view(incoming).substr(0, end));
      incoming.erase(0, end + 1);
      if (!heard) {
        watch.log("unreadable line on stdout: " + heard.error().message);
        continue;
      }
      switch (heard->what) {
        case Utterance::What::outcome:
          answer = std::move(*heard);
          return true;
        case Utterance::What::progress:
          watch.progress(heard->done, heard->total, heard->message);
          break;
        case Utterance::What::checkpoint:
          watch.checkpoint(heard->data);
          break;
        case Utterance::What::answer:
          watch.answer(std::move(heard->data));
          break;
        case Utterance::What::log:
          watch.log(heard->data);
          break;
        case Utterance::What::usage:
          for (const auto& [what, amount] : heard->usage) usage_[what] += amount;
          break;
      }
    }
    if (talk_->overflowed()) talk_->child().signal(9);  // a line without end
    return false;
  }

  void add_answer(const Attempt& a, const Watch& watch, Utterance& answer, std::int64_t begun_us,
                  Results& results) {
    OutcomeExtras extras;
    if (answer.data.size() > limits::payload_bytes_max) {
      answer = {};
      answer.what = Utterance::What::outcome;
      answer.outcome = Outcome::failed_final;
      answer.error_code = "too_large";
      answer.error = "the result is larger than 1 MiB";
    }
    extras.result_type = answer.result_type;
    extras.error_code = answer.error_code;
    extras.error = answer.error;
    extras.service = answer.service;
    extras.on = answer.on;
    extras.question = answer.question;
    extras.delay_ms = answer.delay_ms;
    std::string explanation;
    auto outcome = settle(&watch, answer.outcome, extras, explanation);
    std::string usage;
    if (!usage_.empty()) {
      msgpack::Writer w(usage);
      w.map(usage_.size());
      for (const auto& [what, amount] : usage_) w.str(what), w.real(amount);
    }
    extras.usage = usage;
    tell_times(begun_us, extras);
    results.add(a.token, outcome, answer.data, extras);
  }

  const Definition definition_;
  std::unique_ptr<Talk> talk_;
  std::map<std::string, double> usage_;
};

}  // namespace

std::unique_ptr<Executor> make_process_executor(const Definition& definition, const ExecutorPlace& place) {
  return std::make_unique<ProcessExecutor>(definition, place);
}

}  // namespace hirehall::worker
