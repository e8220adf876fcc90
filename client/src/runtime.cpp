#include "client/src/runtime.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <chrono>

namespace hirehall::client_core {
namespace {

constexpr std::size_t frames_per_turn = 256;

Millis steady_now() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count();
}

std::chrono::milliseconds for_ms(Millis ms) {
  return std::chrono::milliseconds(std::max<Millis>(0, ms));
}

hirehall::Error nobody_answers(const std::string& endpoint) {
  // With CURVE a stranger is not told that it is one.
  const bool may_want_keys = endpoint.starts_with("tcp://");
  return {Code::unreachable,
          "no broker answers at " + endpoint +
              "; start one with `hirehall dev`, or name another with --broker" +
              (may_want_keys ? "; one that asks for keys is silent to keys that it does not know "
                               "(--key-file, --server-key-file)"
                             : ""),
          {},
          0};
}

hirehall::Error too_long(const char* what, std::size_t size, std::size_t max) {
  return {Code::too_large, std::to_string(size) + " bytes; accepted: at most " + std::to_string(max), what,
          0};
}

}  // namespace

std::optional<hirehall::Error> unfit(std::string_view options, const ItemView& item) {
  if (item.payload.size() > limits::payload_bytes_max)
    return too_long("payload", item.payload.size(), limits::payload_bytes_max);
  if (options.size() > limits::options_bytes_max)
    return too_long("options", options.size(), limits::options_bytes_max);
  if (item.idempotency_key.size() > limits::key_bytes_max)
    return too_long("idempotency_key", item.idempotency_key.size(), limits::key_bytes_max);
  if (item.features.size() > limits::options_bytes_max)
    return too_long("features", item.features.size(), limits::options_bytes_max);
  return std::nullopt;
}

Runtime::Runtime(Settings settings, std::unique_ptr<Socket> socket)
    : settings_(std::move(settings)),
      socket_(std::move(socket)),
      session_(settings_.session, *this, *this),
      batcher_(settings_.batches) {}

hirehall::Result<std::unique_ptr<Runtime>> Runtime::start(Settings settings) {
  auto socket = Socket::make(settings.endpoint, settings.keys);
  if (!socket) return tl::unexpected(socket.error());
  std::unique_ptr<Runtime> runtime(new Runtime(std::move(settings), std::move(*socket)));
  // Signals are the business of the program's own threads.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  runtime->thread_ = std::thread([r = runtime.get()] { r->run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return runtime;
}

Runtime::~Runtime() {
  stop(0);
}

hirehall::Status Runtime::wait_ready(Millis timeout_ms) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, for_ms(timeout_ms), [&] { return ready_ || refused_; });
  if (refused_) return tl::unexpected(*refused_);
  if (!ready_) return tl::unexpected(nobody_answers(settings_.endpoint));
  return {};
}

// ---- the inner thread

void Runtime::run() {
  session_.opened(steady_now());
  for (;;) {
    auto now = steady_now();
    {
      std::lock_guard lock(mutex_);
      if (stopping_) break;
    }
    run_commands(now);
    socket_->receive(frames_per_turn, [&](std::string_view frame) { session_.receive(frame, now); });
    if (now >= session_.next_tick()) {
      if (session_.wants_socket()) {
        // Without a fresh socket (no descriptor left) the old one is as good: it reconnects by itself.
        if (socket_->reopen()) outbox_.clear();
        session_.opened(now);
      }
      session_.tick(now);
    }
    if (!outbox_.empty()) flush_outbox();
    feed_submits();
    park(now);
  }
  give_up();
}

void Runtime::run_commands(Millis now) {
  std::vector<Command> commands;
  {
    std::lock_guard lock(mutex_);
    commands.swap(commands_);
  }
  for (auto& c : commands) c(now);
}

void Runtime::feed_submits() {
  while (session_.window_open()) {
    std::optional<Batch> batch;
    bool room = false;
    {
      std::lock_guard lock(mutex_);
      auto before = batcher_.bytes();
      batch = batcher_.take(session_.in_flight());
      room = before >= settings_.buffer_bytes && batcher_.bytes() < settings_.buffer_bytes;
    }
    if (!batch) return;
    if (room) changed_.notify_all();
    session_.submit(std::move(*batch));
  }
}

void Runtime::send(std::string_view frame) {
  if (!outbox_.empty() || !socket_->send(frame)) outbox_.emplace_back(frame);
}

void Runtime::flush_outbox() {
  while (!outbox_.empty() && socket_->send(outbox_.front())) outbox_.pop_front();
}

bool Runtime::work_waits() const {
  return stopping_ || !commands_.empty() ||
         (parked_window_open_ && (batcher_.has_full() || (parked_idle_ && !batcher_.empty())));
}

void Runtime::park(Millis now) {
  {
    std::lock_guard lock(mutex_);
    parked_window_open_ = session_.window_open();
    parked_idle_ = session_.in_flight() == 0;
    if (work_waits()) return;
    parked_ = true;
  }
  auto next = session_.next_tick();
  socket_->wait(next == INT64_MAX ? -1 : std::max<Millis>(0, next - now), !outbox_.empty());
  std::lock_guard lock(mutex_);
  parked_ = false;
}

void Runtime::wake_if_parked(std::unique_lock<std::mutex>&) {
  if (!parked_ || !work_waits()) return;
  parked_ = false;
  socket_->wake();
}

void Runtime::give_up() {
  hirehall::Error error{
      Code::unreachable,
      "the client was closed before the broker answered: whether this was recorded is unknown",
      {},
      0};
  session_.fail_submits(error);
  fail_unsent({Code::unreachable, "the client was closed before this was sent", {}, 0});
}

void Runtime::fail_unsent(const hirehall::Error& error) {
  std::vector<Batch> left;
  {
    std::lock_guard lock(mutex_);
    left = batcher_.take_all();
  }
  for (auto& batch : left) {
    for (auto& segment : batch.segments) {
      for (std::size_t i = 0; i < segment.count; ++i) segment.receiver->refused(segment.first + i, error);
      segment.receiver->settled(segment.count);
    }
  }
}

// ---- events of the session, in the inner thread

void Runtime::answered(std::uint64_t ticket, const hirehall::Result<std::string_view>& body) {
  auto at = calls_.find(ticket);
  if (at == calls_.end()) {
    if (!body) callbacks_.erase(ticket);  // a subscription could not be renewed
    return;
  }
  auto call = at->second;
  calls_.erase(at);
  std::lock_guard lock(mutex_);
  if (body)
    call->answer = std::string(*body);
  else
    call->answer = tl::unexpected(body.error().code == Code::unreachable ? nobody_answers(settings_.endpoint)
                                                                         : body.error());
  call->done = true;
  changed_.notify_all();
}

void Runtime::results(std::uint64_t subscription, std::span<const PushedResult> items, Position after,
                      bool gap, std::size_t bytes) {
  auto at = callbacks_.find(subscription);
  if (at == callbacks_.end()) return;
  if (items.empty() && !gap) return session_.seen(subscription, after, bytes);
  if (at->second) {
    at->second(items, after, gap);
    return session_.seen(subscription, after, bytes);
  }
  StoredPush push;
  push.after = after;
  push.gap = gap;
  push.pushed_bytes = bytes;
  push.bytes.reserve(bytes);  // all views lie within the push, so this never grows and views stay valid
  auto keep = [&](std::string_view v) {
    auto at = push.bytes.size();
    push.bytes.append(v);
    return std::string_view(push.bytes.data() + at, v.size());
  };
  push.items.assign(items.begin(), items.end());
  for (auto& item : push.items) {
    item.id = keep(item.id);
    item.result = keep(item.result);
    item.result_type = keep(item.result_type);
    item.error_code = keep(item.error_code);
    item.error_message = keep(item.error_message);
  }
  std::lock_guard lock(mutex_);
  stored_[subscription].push_back(std::move(push));
  changed_.notify_all();
}

void Runtime::became_ready() {
  std::lock_guard lock(mutex_);
  ready_ = true;
  changed_.notify_all();
}

void Runtime::refused(const hirehall::Error& error) {
  {
    std::lock_guard lock(mutex_);
    refused_ = error;
    changed_.notify_all();
  }
  fail_unsent(error);
}

// ---- the user's thread

void Runtime::command(Command command) {
  std::unique_lock lock(mutex_);
  commands_.push_back(std::move(command));
  wake_if_parked(lock);
}

hirehall::Result<std::string> Runtime::await(const std::shared_ptr<Call>& call) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return call->done || refused_ || stopping_; });
  if (call->done) return call->answer;
  if (refused_) return tl::unexpected(*refused_);
  return fail(Code::unavailable, "the client is closed");
}

hirehall::Result<std::string> Runtime::call(wire::Kind kind, std::string body, Millis timeout_ms) {
  if (body.size() > limits::frame_bytes_max - wire::header_bytes)
    return fail(Code::too_large,
                "a request of " + std::to_string(body.size()) + " bytes does not fit a frame");
  auto call = std::make_shared<Call>();
  command([this, call, kind, body = std::move(body), timeout_ms](Millis now) mutable {
    auto ticket = session_.request(kind, std::move(body), now + timeout_ms);
    calls_[ticket] = call;
  });
  return await(call);
}

hirehall::Result<std::uint64_t> Runtime::subscribe(Session::SubscribeSettings settings, OnResults callback,
                                                   Millis timeout_ms) {
  auto call = std::make_shared<Call>();
  auto id = std::make_shared<std::uint64_t>(0);
  command([this, call, id, settings = std::move(settings), callback = std::move(callback)](Millis) mutable {
    auto given = session_.subscribe(std::move(settings));
    {
      std::lock_guard lock(mutex_);
      *id = given;
      if (!callback) stored_[given];
    }
    callbacks_[given] = std::move(callback);
    calls_[given] = call;
  });
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, for_ms(timeout_ms), [&] { return call->done || refused_ || stopping_; })) {
    auto given = *id;
    lock.unlock();
    unsubscribe(given);
    return tl::unexpected(nobody_answers(settings_.endpoint));
  }
  if (refused_) return tl::unexpected(*refused_);
  if (!call->done) return fail(Code::unavailable, "the client is closed");
  if (!call->answer) return tl::unexpected(call->answer.error());
  return *id;
}

bool Runtime::next_results(std::uint64_t subscription, Millis timeout_ms, const OnResults& take) {
  StoredPush push;
  {
    std::unique_lock lock(mutex_);
    auto came = [&] {
      auto at = stored_.find(subscription);
      return at != stored_.end() && !at->second.empty();
    };
    // A wait of no time costs a timer's slack all the same.
    if (timeout_ms > 0 && !came())
      changed_.wait_for(lock, for_ms(timeout_ms), [&] { return came() || stopping_ || refused_; });
    if (!came()) return false;
    push = std::move(stored_[subscription].front());
    stored_[subscription].pop_front();
  }
  take(push.items, push.after, push.gap);
  command([this, subscription, after = push.after, bytes = push.pushed_bytes](Millis) {
    session_.seen(subscription, after, bytes);
  });
  return true;
}

void Runtime::unsubscribe(std::uint64_t subscription) {
  command([this, subscription](Millis) {
    session_.unsubscribe(subscription);
    callbacks_.erase(subscription);
    calls_.erase(subscription);
  });
  std::lock_guard lock(mutex_);
  stored_.erase(subscription);
}

bool Runtime::flush(Millis timeout_ms) {
  std::unique_lock lock(settling_->mutex);
  ++settling_->waiters;
  bool done =
      settling_->changed.wait_for(lock, for_ms(timeout_ms), [&] { return settling_->outstanding == 0; });
  --settling_->waiters;
  return done;
}

void Runtime::stop(Millis flush_ms) {
  if (!thread_.joinable()) return;
  flush(flush_ms);
  {
    std::unique_lock lock(mutex_);
    stopping_ = true;
    wake_if_parked(lock);
    changed_.notify_all();
  }
  thread_.join();
}

}  // namespace hirehall::client_core
