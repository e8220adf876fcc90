// The thread around a Session: owns the socket, feeds the session, and lets one user thread submit and ask.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "client/src/batcher.h"
#include "client/src/session.h"
#include "client/src/socket.h"

namespace hirehall::client_core {

// What would make a frame that the broker cannot take, so it must not be sent. nullopt: fit.
std::optional<hirehall::Error> unfit(std::string_view options, const ItemView& item);

// What receivers of one runtime share: a lock, a bell, and how many items are not settled.
struct Settling {
  std::mutex mutex;
  std::condition_variable changed;
  std::size_t outstanding = 0;
  std::size_t waiters = 0;
};

class Runtime : private Port, private Events {
 public:
  struct Settings {
    std::string endpoint;
    CurveKeys keys;
    Session::Settings session;
    Batcher::Settings batches;
    std::size_t buffer_bytes = 8u << 20;
  };
  using OnResults = std::function<void(std::span<const PushedResult>, Position, bool gap)>;

  static hirehall::Result<std::unique_ptr<Runtime>> start(Settings settings);
  ~Runtime() override;

  // Below: from the user's thread.
  hirehall::Status wait_ready(Millis timeout_ms);
  template <typename ItemOf>
  void submit_each(const std::shared_ptr<Receiver>& receiver, std::string_view options, std::size_t count,
                   ItemOf&& item_of);
  hirehall::Result<std::string> call(wire::Kind kind, std::string body, Millis timeout_ms);

  hirehall::Result<std::uint64_t> subscribe(Session::SubscribeSettings settings, OnResults callback,
                                            Millis timeout_ms);
  // Hands the oldest stored push of a subscription without callback to `take`; false: none came in time.
  bool next_results(std::uint64_t subscription, Millis timeout_ms, const OnResults& take);
  void unsubscribe(std::uint64_t subscription);

  const std::shared_ptr<Settling>& settling() const { return settling_; }
  bool flush(Millis timeout_ms);
  void stop(Millis flush_ms);
  const std::string& endpoint() const { return settings_.endpoint; }

 private:
  struct Call {
    bool done = false;
    hirehall::Result<std::string> answer = std::string();
  };
  struct StoredPush {
    std::string bytes;  // what the results view
    std::vector<PushedResult> items;
    Position after;
    bool gap = false;
    std::size_t pushed_bytes = 0;
  };
  using Command = std::function<void(Millis now)>;

  Runtime(Settings settings, std::unique_ptr<Socket> socket);
  void send(std::string_view frame) override;
  void answered(std::uint64_t ticket, const hirehall::Result<std::string_view>& body) override;
  void results(std::uint64_t subscription, std::span<const PushedResult> items, Position after, bool gap,
               std::size_t bytes) override;
  void became_ready() override;
  void refused(const hirehall::Error& error) override;

  void run();
  void run_commands(Millis now);
  void feed_submits();
  void flush_outbox();
  void park(Millis now);
  void give_up();
  void fail_unsent(const hirehall::Error& error);
  bool work_waits() const;  // with the lock held
  void command(Command command);
  void wake_if_parked(std::unique_lock<std::mutex>& lock);
  hirehall::Result<std::string> await(const std::shared_ptr<Call>& call);

  const Settings settings_;
  const std::shared_ptr<Settling> settling_ = std::make_shared<Settling>();
  const std::unique_ptr<Socket> socket_;

  // Of the inner thread alone.
  Session session_;
  std::deque<std::string> outbox_;
  std::map<std::uint64_t, std::shared_ptr<Call>> calls_;
  std::map<std::uint64_t, OnResults> callbacks_;

  // Under mutex_.
  std::mutex mutex_;
  std::condition_variable changed_;
  Batcher batcher_;
  std::vector<Command> commands_;
  std::map<std::uint64_t, std::deque<StoredPush>> stored_;
  bool ready_ = false;
  std::optional<hirehall::Error> refused_;
  bool stopping_ = false;
  bool parked_ = false;
  bool parked_window_open_ = false;
  bool parked_idle_ = false;

  std::thread thread_;
};

// Encodes under the lock a batch at a time, so that sending goes on meanwhile, and waits while the buffer is
// full.
template <typename ItemOf>
void Runtime::submit_each(const std::shared_ptr<Receiver>& receiver, std::string_view options,
                          std::size_t count, ItemOf&& item_of) {
  std::size_t i = 0;
  std::unique_lock lock(mutex_);
  while (i < count) {
    changed_.wait(lock, [&] { return stopping_ || refused_ || batcher_.bytes() < settings_.buffer_bytes; });
    if (stopping_ || refused_) {
      auto error = refused_ ? *refused_ : hirehall::Error{Code::unavailable, "the client is closed", {}, 0};
      lock.unlock();
      for (auto k = i; k < count; ++k) receiver->refused(k, error);
      return receiver->settled(count - i);
    }
    auto end = std::min(count, i + settings_.batches.items_max);
    for (; i < end; ++i) {
      const ItemView item = item_of(i);
      if (auto error = unfit(options, item)) {
        receiver->refused(i, *error);
        receiver->settled(1);
        continue;
      }
      batcher_.add(receiver, i, options, item);
    }
    wake_if_parked(lock);
  }
}

}  // namespace hirehall::client_core
