#include "tests/simulation/client_host.h"

#include <algorithm>

#include "tests/simulation/violation.h"

namespace hirehall::sim {

using client_core::Batch;

// Hears of one submitted item. It outlives the process it was made for: what comes later is for nobody.
struct ClientHost::Ear final : client_core::Receiver {
  Ear(ClientHost& host, std::vector<Number> given) : host(host), numbers(std::move(given)) {}
  void accepted(std::size_t index, std::string_view id) override { host.told(numbers.at(index), id); }
  void refused(std::size_t, const Error& error) override {
    host.scene_.tally.saw_if(error.code == Code::disk_full, Situation::submit_refused_disk_full);
    host.scene_.tally.saw_if(numbers.size() > 1, Situation::submit_atomic_refused);
  }
  void settled(std::size_t count) override { host.unsettled_ -= count; }
  ClientHost& host;
  std::vector<Number> numbers;
};

std::string options_bytes(const TaskOptions& options) {
  std::string out;
  msgpack::Writer w(out);
  write_wire_options(w, options);
  return out;
}

ClientHost::ClientHost(Scene& scene, std::string name) : Peer(scene), name_(std::move(name)) {}

void ClientHost::start() {
  begin_life();
  client_core::Session::Settings settings;
  settings.name = name_;
  settings.seed = scene_.chance.next();
  settings.batches_in_flight = static_cast<std::size_t>(scene_.chance.between(1, 16));
  session_ = std::make_unique<client_core::Session>(settings, *this, *this);
  client_core::Batcher::Settings batches;
  batches.items_max = static_cast<std::size_t>(scene_.chance.between(1, 40));
  batcher_ = std::make_unique<client_core::Batcher>(batches);
  by_hand_.clear();
  asked_.clear();
  streams_.clear();
  own_.clear();
  followed_.clear();
  unsettled_ = 0;
  next_tick_ = -1;
  readied_ = resent_ = 0;
  slow_reader_ = scene_.chance.permille(300);
  link_ = scene_.network.open(this);
  session_->opened(local());
  pump();
}

void ClientHost::crash() {
  if (!alive()) return;
  scene_.saw(Situation::client_crashed);
  scene_.tally.saw_if(unsettled_ > 0, Situation::client_crashed_with_submits_under_way);
  scene_.note("client dies", 0, static_cast<std::int64_t>(unsettled_));
  scene_.network.close(link_);
  link_ = 0;
  end_life();
  session_.reset();
  scene_.time.in(10 * ms + scene_.chance.skewed(5 * second), [this] {
    if (!alive()) start();
  });
}

void ClientHost::pause(Micros duration) {
  if (!alive()) return;
  scene_.saw(Situation::client_paused);
  doze(duration);
}

void ClientHost::heal() {
  awake();
  if (!alive()) return start();
  read_held();
  pump();
}

void ClientHost::hear(const Heard& heard) {
  if (heard.link != link_ || heard.what != What::frame) return;  // its socket does not tell
  session_->receive(heard.frame, local());
  pump();
}

void ClientHost::pump() {
  if (session_ == nullptr) return;
  auto now = local();
  if (now >= session_->next_tick()) {
    if (session_->wants_socket()) {
      scene_.network.close(link_);
      link_ = scene_.network.open(this);
      session_->opened(now);
    }
    session_->tick(now);
  }
  scene_.tally.saw_if(session_->counters().resent != resent_, Situation::client_resent_submits);
  resent_ = session_->counters().resent;
  feed();
  schedule_tick();
}

void ClientHost::feed() {
  while (session_->window_open()) {
    if (!by_hand_.empty()) {
      session_->submit(std::move(by_hand_.front()));
      by_hand_.erase(by_hand_.begin());
      continue;
    }
    auto batch = batcher_->take(session_->in_flight());
    if (!batch) return;
    session_->submit(std::move(*batch));
  }
}

void ClientHost::schedule_tick() {
  auto local_ms = session_->next_tick();
  if (local_ms == INT64_MAX) return;
  auto when = std::max(from_clock(local_ms * 1000), scene_.time.now() + 100);
  if (next_tick_ >= scene_.time.now() && next_tick_ <= when) return;
  next_tick_ = when;
  later(when, [this, when] {
    if (next_tick_ == when || next_tick_ < scene_.time.now()) next_tick_ = -1, pump();
  });
}

void ClientHost::submit(Number number) {
  if (!alive()) return;
  const auto& intent = scene_.model.intent(number);
  client_core::ItemView item;
  item.payload = intent.payload;
  auto options = intent.options;
  if (scene_.chance.permille(500)) {
    item.priority = options.priority;
    item.idempotency_key = intent.options.idempotency_key;
    options.priority = 0;
    options.idempotency_key.clear();
  }
  batcher_->add(std::make_shared<Ear>(*this, std::vector{number}), 0, options_bytes(options), item);
  ++unsettled_;
  // What a key finds belongs to who submitted it first.
  if (intent.options.idempotency_key.empty() && intent.options.unique_key.empty())
    for (const auto& [ticket, stream] : streams_)
      if (stream.standing && stream.queue.empty()) followed_.insert(number);
  if (!asleep()) pump();
}

void ClientHost::submit_together(const std::vector<Number>& numbers) {
  if (!alive()) return;
  Batch batch;
  wire::write_header(batch.frame, wire::Kind::submit, 0);
  msgpack::Writer w(batch.frame);
  w.array(5);
  for (int i = 0; i < 2; ++i) batch.frame.append("\xcf\0\0\0\0\0\0\0\0", 9);
  w.array(numbers.size());
  for (auto number : numbers) w.raw(options_bytes(scene_.model.intent(number).options));
  w.array(numbers.size());
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    w.array(2);
    w.uint(i);
    w.bin(scene_.model.intent(numbers[i]).payload);
  }
  w.boolean(true);
  batch.items = numbers.size();
  batch.segments.push_back({std::make_shared<Ear>(*this, numbers), 0, numbers.size()});
  unsettled_ += numbers.size();
  by_hand_.push_back(std::move(batch));
  if (!asleep()) pump();
}

void ClientHost::told(Number number, std::string_view id) {
  scene_.model.heard(number, id);
  if (followed_.contains(number)) own_.emplace(id);
}

void ClientHost::request(wire::Kind kind, std::string body, Answered then, Micros patience) {
  if (!alive()) return;
  auto ticket = session_->request(kind, std::move(body), local() + patience / 1000);
  asked_[ticket] = std::move(then);
  if (!asleep()) pump();
}

void ClientHost::answered(std::uint64_t ticket, const Result<std::string_view>& body) {
  if (auto stream = streams_.find(ticket); stream != streams_.end()) {
    if (body)
      stream->second.standing = true;
    else
      streams_.erase(stream);
    return;
  }
  auto at = asked_.find(ticket);
  if (at == asked_.end()) return;
  auto then = std::move(at->second);
  asked_.erase(at);
  if (then) then(body);
}

void ClientHost::follow(const std::string& queue, bool from_start) {
  if (!alive()) return;
  client_core::Session::SubscribeSettings settings;
  settings.queue = queue;
  if (scene_.chance.permille(600)) settings.window_bytes = 4096;
  if (from_start) {
    settings.has_position = true;
    settings.position = {1, 0};
    scene_.saw(Situation::client_followed_from_the_start);
  }
  auto ticket = session_->subscribe(settings);
  streams_[ticket].queue = queue;
  if (!asleep()) pump();
}

void ClientHost::unfollow() {
  if (!alive() || streams_.empty()) return;
  auto [ticket, stream] = *streams_.begin();
  scene_.saw(stream.standing ? Situation::stream_given_up : Situation::stream_given_up_before_it_stood);
  streams_.erase(streams_.begin());
  own_.clear();  // a later stream begins then
  followed_.clear();
  session_->unsubscribe(ticket);
  if (!asleep()) pump();
}

void ClientHost::results(std::uint64_t subscription, std::span<const client_core::PushedResult> items,
                         client_core::Position after, bool gap, std::size_t bytes) {
  auto at = streams_.find(subscription);
  if (at == streams_.end()) return;
  auto& stream = at->second;
  if (gap) stream.gap = true, scene_.saw(Situation::client_stream_had_a_gap);
  for (const auto& item : items) {
    auto* life = scene_.model.life(item.id);
    if (life == nullptr || !life->ended || *life->ended != item.state)
      violated("I6", "a client was told an end that the broker did not promise",
               life == nullptr ? 0 : life->number);
    scene_.note("result arrives", life->number);
    if (!stream.seen.emplace(item.id).second) violated("I6", "a stream told an end twice", life->number);
  }
  if (!slow_reader_ || scene_.healing) return session_->seen(subscription, after, bytes);
  scene_.saw(Situation::client_read_slowly);
  seen_until_ = std::max(seen_until_, scene_.time.now() + scene_.chance.skewed(3 * second));
  later(seen_until_, [this, subscription, after, bytes] {
    session_->seen(subscription, after, bytes);
    pump();
  });
}

void ClientHost::became_ready() {
  if (readied_++ == 0) return;
  bool resumed = session_->counters().sessions == 1;
  scene_.saw(resumed ? Situation::client_resumed_its_session : Situation::client_got_session_expired);
  if (resumed) return;
  for (auto& [ticket, stream] : streams_)
    stream.gap = true;  // ends of the old session's tasks are not its own
}

void ClientHost::refused(const Error& error) {
  violated("I9", "a client was turned away: " + describe(error));
}

Number ClientHost::missed() const {
  // Retention makes gaps, which are told with the next push only.
  if (!alive() || !scene_.model.tidy || scene_.model.short_retention) return 0;
  for (const auto& [ticket, stream] : streams_) {
    if (!stream.standing || stream.gap || !stream.queue.empty()) continue;
    for (const auto& id : own_) {
      auto* life = scene_.model.life(id);
      if (life != nullptr && life->ended && !stream.seen.contains(id)) return life->number;
    }
  }
  return 0;
}

}  // namespace hirehall::sim
