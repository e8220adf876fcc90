// Plugins in the worker's own process: the fastest kind, for code that is trusted as the worker is.
#include <map>

#include "common/check.h"
#include "common/log.h"
#include "worker/executor.h"
#include "worker/json_lines.h"
#include "worker/plugin.h"
#include "worker/watch.h"

namespace hirehall::worker {
namespace {

// What an attempt may ask for while it runs. Most ask for nothing, so what that costs is made on demand.
class InlineHost {
 public:
  InlineHost(const ExecutorPlace& place, const Definition& definition)
      : place_(place), definition_(definition) {
    host_ = {sizeof host_, this, &cancelled, &progress, &checkpoint, &log, &usage};
  }
  const hirehall_host& host() const { return host_; }

  void begin(const Attempt& attempt, const Shape& shape) {
    attempt_ = &attempt;
    shape_ = &shape;
    watch_.reset();
    usage_.clear();
    // With a deadline to watch the attempt starts its clock now.
    if (shape.timeout_ms > 0 || definition_.timeout_ms > 0) watch();
  }
  // The encoded usage, empty when there is none.
  std::string usage_map() const {
    std::string out;
    if (usage_.empty()) return out;
    msgpack::Writer w(out);
    w.map(usage_.size());
    for (const auto& [what, amount] : usage_) w.str(what), w.real(amount);
    return out;
  }
  const Watch* watched() const { return watch_ ? &*watch_ : nullptr; }

 private:
  static InlineHost& from(void* self) { return *static_cast<InlineHost*>(self); }
  Watch& watch() {
    if (!watch_) watch_.emplace(place_.board, place_.slot, *attempt_, *shape_, definition_, monotonic_us());
    return *watch_;
  }
  static int cancelled(void* self) {
    auto& host = from(self);
    if (!host.watch_ && !host.place_.board.anything_revoked()) return 0;
    return host.watch().stage(monotonic_us()) != Stage::run ? 1 : 0;
  }
  static void progress(void* self, std::uint64_t done, std::uint64_t total, hirehall_bytes message) {
    from(self).watch().progress(done, total, to_view(message));
  }
  static void checkpoint(void* self, hirehall_bytes state) { from(self).watch().checkpoint(to_view(state)); }
  static void log(void* self, hirehall_bytes line) { from(self).watch().log(to_view(line)); }
  static void usage(void* self, const char* what, double amount) { from(self).usage_[what] += amount; }

  const ExecutorPlace& place_;
  const Definition& definition_;
  hirehall_host host_{};
  const Attempt* attempt_ = nullptr;
  const Shape* shape_ = nullptr;
  std::optional<Watch> watch_;
  std::map<std::string, double> usage_;
};

class InlineExecutor : public Executor {
 public:
  InlineExecutor(const Definition& definition, ExecutorPlace place)
      : definition_(definition), place_(std::move(place)), host_(place_, definition_) {
    if (auto s = load(); !s) broken_ = describe(s.error());
    if (!broken_.empty())
      log::error("an agent does not load", {{"agent", definition.name}, {"error", broken_}});
  }

  void run(const Run& run, Results& results) override {
    constexpr Micros held_back_us = 2000;
    auto since = monotonic_us(), begun = since;
    while (auto index = place_.board.next(place_.slot)) {
      const Attempt& a = run.award->attempts[*index];
      const auto now = ended_before_begun(place_.board, a, results)
                           ? begun
                           : attempt(a, run.award->shapes[a.shape], begun, results);
      begun = now;
      if (now - since > held_back_us) {
        place_.board.done(place_.slot, results);
        since = begun = monotonic_us();
      }
    }
  }

 private:
  Status load() {
    auto path = find_library(definition_, place_.plugin_folders);
    if (!path) return tl::unexpected(path.error());
    auto plugin = Plugin::load(*path);
    if (!plugin) return tl::unexpected(plugin.error());
    auto instance = PluginInstance::make(*plugin, definition_.name, definition_.version, definition_.prompt);
    if (!instance) return tl::unexpected(instance.error());
    instance_ = std::move(*instance);
    return {};
  }

  // Begun just now; gives the time when it ended.
  Micros attempt(const Attempt& a, const Shape& shape, Micros begun, Results& results) {
    OutcomeExtras extras;
    if (instance_ == nullptr) {
      extras.error_code = "bad_agent";
      extras.error = broken_;
      results.add(a.token, Outcome::failed, {}, extras);
      return begun;
    }
    hirehall_task task{};
    task.struct_size = sizeof task;
    task.id = to_bytes(a.id);
    task.type = to_bytes(shape.type);
    task.queue = to_bytes(shape.queue);
    task.tenant = to_bytes(shape.tenant);
    task.content_type = to_bytes(shape.content_type);
    task.payload = to_bytes(a.payload);
    task.extras = to_bytes(a.extras);
    if (!a.extras.empty()) {
      auto parts = read_task_extras(a.extras);
      task.checkpoint = to_bytes(parts.checkpoint);
      task.answer = to_bytes(parts.answer);
    }
    task.attempt = a.attempt;
    hirehall_result result{};
    result.struct_size = sizeof result;
    host_.begin(a, shape);
    Millis timeout_ms = shape.timeout_ms > 0 ? shape.timeout_ms : definition_.timeout_ms;
    if (timeout_ms > 0) place_.board.expect_by(place_.slot, monotonic_us() + timeout_ms * 1000);
    int returned = instance_->run(task, host_.host(), result);
    if (timeout_ms > 0) place_.board.expect_by(place_.slot, 0);
    std::string_view data;
    Outcome outcome = read_result(returned, result, extras, data, reason_);
    outcome = settle(host_.watched(), outcome, extras, told_reason_);
    std::string usage = host_.usage_map();
    extras.usage = usage;
    std::string question;
    if (outcome == Outcome::suspended) question = question_of(to_view(result.question));
    extras.question = question;
    const auto ended = monotonic_us();
    tell_times(begun, extras);
    results.add(a.token, outcome, data, extras);
    return ended;
  }

  const Definition definition_;
  const ExecutorPlace place_;
  InlineHost host_;
  std::unique_ptr<PluginInstance> instance_;
  std::string broken_;  // why there is no instance
  std::string reason_;
  std::string told_reason_;
};

}  // namespace

std::unique_ptr<Executor> make_inline_executor(const Definition& definition, const ExecutorPlace& place) {
  return std::make_unique<InlineExecutor>(definition, place);
}

}  // namespace hirehall::worker
