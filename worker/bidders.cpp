#include "worker/bidders.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "common/check.h"
#include "common/log.h"
#include "worker/bid_line.h"

namespace hirehall::worker {
namespace {

constexpr Micros second = 1'000'000;
constexpr Micros hung_us = 10 * second;    // beyond its deadline: then the child is ended
constexpr Micros restart_us = 5 * second;  // between two starts of a child that does not live
constexpr std::size_t incoming_max = 1u << 20;
constexpr std::size_t waiting_max = 64;  // calls to one agent
constexpr std::size_t lines_max = 20;    // of its stderr in one call; the rest is read and not told

}  // namespace

// Where answers lie until the worker's main thread takes them.
struct Bidders::Tray {
  std::mutex mutex;
  std::vector<BidAnswer> answers;
  std::function<void()> wake;

  void put(BidAnswer answer) {
    {
      const std::lock_guard lock(mutex);
      answers.push_back(std::move(answer));
    }
    wake();
  }
};

// One agent: a thread, and the child that it talks to.
class Bidders::Desk {
 public:
  Desk(const Definition& definition, const Place& place, std::shared_ptr<Tray> tray)
      : definition_(definition),
        place_(place),
        tray_(std::move(tray)),
        stop_fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    HH_CHECK(stop_fd_ >= 0, "a descriptor to be stopped by");
    thread_ = std::thread([this] { serve(); });
  }
  ~Desk() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    const std::uint64_t one = 1;
    [[maybe_unused]] auto written = ::write(stop_fd_, &one, sizeof one);
    changed_.notify_one();
    thread_.join();
    ::close(stop_fd_);
  }
  Desk(const Desk&) = delete;
  Desk& operator=(const Desk&) = delete;

  const std::string& agent() const { return definition_.name; }
  void call(const BidCall& call, Micros until) {
    {
      const std::lock_guard lock(mutex_);
      if (waiting_.size() >= waiting_max) waiting_.pop_front();  // the oldest has the least time left
      waiting_.emplace_back(call, until);
    }
    changed_.notify_one();
  }

 private:
  bool stopping() {
    const std::lock_guard lock(mutex_);
    return stopping_;
  }

  void serve() {
    start();  // before the first call: that one shall not wait for it
    for (;;) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return stopping_ || !waiting_.empty(); });
      if (stopping_) return;
      auto [call, until] = std::move(waiting_.front());
      waiting_.pop_front();
      lock.unlock();
      if (monotonic_us() >= until) continue;
      if (start())
        ask(call, until);
      else
        decline(call, until);
    }
  }

  bool start() {
    if (talk_) talk_->pump(-1, 0);  // it may have died while it had nothing to do
    if (talk_ && !talk_->ended()) return true;
    talk_.reset();
    if (monotonic_us() < start_again_at_) return false;
    start_again_at_ = monotonic_us() + restart_us;
    if (!line_ && !make_line()) return false;
    auto child = Child::spawn(line_->program());
    if (!child) return say_broken(describe(child.error()));
    talk_ = std::make_unique<Talk>(std::move(*child), incoming_max);
    line_->greet(*talk_);
    talk_->pump(-1, 0);
    return true;
  }

  bool make_line() {
    if (definition_.kind == AgentKind::process) return line_ = make_process_bid_line(definition_), true;
    auto made = make_plugin_bid_line(definition_, place_.worker_program, place_.plugin_folders);
    if (!made) return say_broken(describe(made.error()));
    line_ = std::move(*made);
    return true;
  }

  // Once, until it has answered well again or says something else.
  bool say_broken(const std::string& why) {
    if (why == fault_) return false;
    fault_ = why;
    log::error("an agent cannot be asked for bids", {{"agent", definition_.name}, {"error", why}});
    return false;
  }

  // Who cannot answer shall not be waited for.
  void decline(const BidCall& call, Micros until) {
    if (monotonic_us() < until) tray_->put({call.round, call.agent, std::nullopt});
  }

  // An answer that comes too late is read and not told: the next one must not be taken for it. Neither must
  // one that nobody has asked for.
  void ask(const BidCall& call, Micros until) {
    while (line_->listen(*talk_)) {
    }
    line_->ask(*talk_, call);
    const auto give_up = until + hung_us;
    std::string words;
    std::size_t lines = 0;
    for (;;) {
      talk_->pump(stop_fd_, give_up);
      while (talk_->take_line(words))
        if (++lines <= lines_max) log::info("an agent that bids", {{"agent", agent()}, {"says", words}});
      if (auto said = line_->listen(*talk_)) {
        if (said->fault.empty())
          fault_.clear();
        else
          say_broken(said->fault);
        if (monotonic_us() < until) tray_->put({call.round, call.agent, said->price});
        return;
      }
      if (stopping()) return;
      const bool hung = monotonic_us() >= give_up;
      if (!hung && !talk_->ended() && !talk_->overflowed()) continue;
      say_broken(hung ? "it has not answered 10 s after the end of the round" : "its process has ended");
      talk_.reset();
      return decline(call, until);
    }
  }

  const Definition& definition_;
  const Place& place_;
  const std::shared_ptr<Tray> tray_;
  const int stop_fd_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::deque<std::pair<BidCall, Micros>> waiting_;
  std::unique_ptr<BidLine> line_;
  std::unique_ptr<Talk> talk_;
  Micros start_again_at_ = 0;
  std::string fault_;  // that was told last
  std::thread thread_;
};

Bidders::Bidders(const std::vector<Definition>& definitions, Place place)
    : place_(std::move(place)), tray_(std::make_shared<Tray>()) {
  tray_->wake = place_.wake;
  for (const auto& definition : definitions)
    if (definition.bids) desks_.push_back(std::make_unique<Desk>(definition, place_, tray_));
}

Bidders::~Bidders() = default;

void Bidders::call(const BidCall& call, Micros now) {
  for (const auto& desk : desks_)
    if (desk->agent() == call.agent) return desk->call(call, now + call.left_ms * 1000);
}

std::vector<BidAnswer> Bidders::collect() {
  const std::lock_guard lock(tray_->mutex);
  return std::exchange(tray_->answers, {});
}

}  // namespace hirehall::worker
