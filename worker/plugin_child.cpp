// Plugins in a child process of their own, one per slot, kept from attempt to attempt.
#include "common/log.h"
#include "worker/child_frames.h"
#include "worker/child_main.h"
#include "worker/drive.h"
#include "worker/executor.h"
#include "worker/json_lines.h"

namespace hirehall::worker {
namespace {

constexpr Micros start_patience_us = 10'000'000;  // for loading the library and hirehall_agent_create

class PluginExecutor : public SingleExecutor {
 public:
  PluginExecutor(const Definition& definition, ExecutorPlace place)
      : SingleExecutor(std::move(place)), definition_(definition) {}

 private:
  void attempt(const Attempt& a, const Shape& shape, Results& results) override {
    if (auto started = start(); !started) return add_no_start(a, describe(started.error()), results);
    Watch watch(place_.board, place_.slot, a, shape, definition_, monotonic_us());
    const auto begun_us = monotonic_us();
    say_run(a, shape);
    std::string answer;
    auto end = drive(
        *talk_, watch, [&] { return listen(watch, answer); },
        [&] {
          std::string cancel;
          append_child_frame(cancel, ChildSays::cancel, {});
          talk_->say(cancel);
        });
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
    auto library = find_library(definition_, place_.plugin_folders);
    if (!library) return tl::unexpected(library.error());
    ChildSpec spec;
    spec.argv = {place_.worker_program, child_flag, definition_.name};
    spec.environment = child_environment(definition_.environment);
    spec.limits = definition_.limits;
    spec.socket = true;
    auto child = Child::spawn(spec);
    if (!child) return tl::unexpected(child.error());
    talk_ = std::make_unique<Talk>(std::move(*child), child_frame_max + 16);
    std::string body;
    msgpack::Writer w(body);
    w.array(4);
    w.str(*library);
    w.str(definition_.name);
    w.str(definition_.version);
    w.str(definition_.prompt);
    std::string frame;
    append_child_frame(frame, ChildSays::agent, body);
    talk_->say(frame);
    return wait_ready(*library);
  }

  Status wait_ready(const std::string& library) {
    auto give_up = monotonic_us() + start_patience_us;
    std::string why = "the agent did not load within 10 s";
    for (bool broken = false; !broken && monotonic_us() < give_up;) {
      if (auto frame = take_child_frame(talk_->incoming(), broken)) {
        if (frame->kind == ChildSays::ready) return {};
        if (frame->kind == ChildSays::refused) why = frame->body;
        break;
      }
      if (talk_->ended()) {
        why = "the agent's process ended while loading: " + talk_->child().end() + ": " +
              std::string(talk_->last_words());
        break;
      }
      talk_->pump(-1, give_up);
    }
    talk_.reset();
    log::error("an agent does not load", {{"agent", definition_.name}, {"library", library}, {"error", why}});
    return fail(Code::invalid, why, library);
  }

  void say_run(const Attempt& a, const Shape& shape) {
    body_.clear();
    msgpack::Writer w(body_);
    w.array(8);
    w.bin(a.id);
    w.str(shape.type);
    w.str(shape.queue);
    w.str(shape.tenant);
    w.str(shape.content_type);
    w.bin(a.payload);
    w.bin(a.extras);
    w.uint(a.attempt);
    frame_.clear();
    append_child_frame(frame_, ChildSays::run, body_);
    talk_->say(frame_);
  }

  // Passes on what the child tells on the way; true once its answer is there.
  bool listen(Watch& watch, std::string& answer) {
    bool broken = false;
    while (auto frame = take_child_frame(talk_->incoming(), broken)) {
      msgpack::Reader r(frame->body);
      switch (frame->kind) {
        case ChildSays::result:
          answer = std::move(frame->body);
          return true;
        case ChildSays::log:
          watch.log(frame->body);
          break;
        case ChildSays::checkpoint:
          watch.checkpoint(frame->body);
          break;
        case ChildSays::progress: {
          r.array();
          auto done = r.uint();
          auto total = r.uint();
          watch.progress(done, total, r.str());
          break;
        }
        default:
          break;
      }
    }
    // A plugin that writes rubbish over our descriptor is a crash in the making.
    if (broken) talk_->child().signal(9);
    return false;
  }

  static void add_unreadable(const Attempt& a, std::int64_t begun_us, Results& results) {
    OutcomeExtras extras;
    extras.error_code = "bad_agent";
    extras.error = "the agent's process answered something unreadable";
    tell_times(begun_us, extras);
    results.add(a.token, Outcome::failed, {}, extras);
  }

  void add_answer(const Attempt& a, const Watch& watch, const std::string& answer, std::int64_t begun_us,
                  Results& results) {
    msgpack::Reader r(answer);
    OutcomeExtras extras;
    r.array();
    auto number = r.uint();
    auto data = r.bin();
    for (auto* text : {&extras.result_type, &extras.error_code, &extras.error, &extras.on}) *text = r.str();
    extras.delay_ms = r.sint();
    auto usage = r.raw();
    auto question = question_of(r.str());
    extras.question = question;
    extras.service = r.str();
    if (!r.ok() || number > static_cast<std::uint64_t>(Outcome::suspended))
      return add_unreadable(a, begun_us, results);
    auto outcome = static_cast<Outcome>(number);
    std::string explanation;
    outcome = settle(&watch, outcome, extras, explanation);
    if (usage.size() > 1) extras.usage = usage;  // more than an empty map
    tell_times(begun_us, extras);
    results.add(a.token, outcome, data, extras);
  }

  const Definition definition_;
  std::unique_ptr<Talk> talk_;
  std::string body_;
  std::string frame_;
};

}  // namespace

std::unique_ptr<Executor> make_plugin_executor(const Definition& definition, const ExecutorPlace& place) {
  return std::make_unique<PluginExecutor>(definition, place);
}

}  // namespace hirehall::worker
