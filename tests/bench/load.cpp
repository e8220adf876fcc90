#include "tests/bench/load.h"

#include <algorithm>

#include "common/limits.h"
#include "tests/bench/benches.h"
#include "tests/bench/fleet.h"

namespace hirehall::bench {
namespace {

constexpr auto look_every = std::chrono::milliseconds(250);
constexpr auto stall_limit = std::chrono::seconds(60);
// What filling leaves unanswered: enough to keep the broker busy, not the memory of this machine.
constexpr std::uint64_t unanswered_bytes = 32u << 20;
constexpr std::uint64_t unanswered_tasks_max = 64u << 10;

Error known_as(const client::Error& error) {
  return {static_cast<Code>(error.code), error.message, error.context, error.retry_after_ms};
}

// What one call hands over: a whole message at least, and enough that calls do not cost.
std::uint64_t group_of(const Settings& settings) {
  auto whole = std::max<std::uint64_t>(settings.batched, 64 / settings.batched * settings.batched);
  return std::clamp<std::uint64_t>(whole, 1, std::max<std::uint64_t>(1, settings.window / 4));
}

std::uint64_t next_random(std::uint64_t& state) {  // splitmix64
  auto z = state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

client::Options options_of(const Settings& settings, const std::string& endpoint) {
  client::Options options;
  options.broker = endpoint;
  options.name = "bench";
  options.connect_timeout_ms = 30'000;
  options.batch_items = settings.batched;
  // The load bounds what is unanswered by itself: a call that waits inside the library would not see that a
  // program died.
  options.buffer_bytes = SIZE_MAX / 2;
  // The count alone ends a batch, up to what the protocol allows.
  options.batch_bytes = limits::batch_bytes_max - settings.payload_bytes - 4096;
  return options;
}

}  // namespace

Load::Load(const Settings& settings, Setup setup)
    : settings_(settings),
      setup_(std::move(setup)),
      payloads_(settings.payload_bytes),
      group_(group_of(settings)),
      receipts_(payloads_, setup_.total, setup_.times ? (setup_.stamped ? 1 : group_) : 0, setup_.stamped),
      bytes_(group_ * settings.payload_bytes, '\0'),
      random_(settings.seed) {
  for (std::uint64_t i = 0; i < std::max(settings.lanes, setup_.keys); ++i) {
    client::TaskOptions options;
    options.type = task_type;
    if (setup_.keyed) options.limit_keys = {"key-" + std::to_string(i)};
    if (settings.lanes > 1 && setup_.keys == 0) options.tenant = "tenant-" + std::to_string(i);
    lanes_.push_back(std::move(options));
  }
}

Load::~Load() = default;

Status Load::limit_keys() {
  client::LimitChange change;
  change.key = "key-*";
  change.per = "key";
  change.concurrency = 1'000'000;
  change.rates = {{1'000'000'000, 1000}, {1'000'000'000, 60'000}};
  if (auto set = clients_[0].limit_set("bench", change); !set) return tl::unexpected(known_as(set.error()));
  return {};
}

Result<std::unique_ptr<Load>> Load::connect(const Settings& settings, Setup setup) {
  std::unique_ptr<Load> load(new Load(settings, std::move(setup)));
  for (std::uint64_t i = 0; i < settings.clients; ++i) {
    auto client = client::Client::connect(options_of(settings, load->setup_.endpoint));
    if (!client) return tl::unexpected(known_as(client.error()));
    auto& receipts = load->receipts_;
    auto subscribed =
        client->subscribe({}, [&receipts](const client::ResultBatch& batch) { receipts.take(batch); });
    if (!subscribed) return tl::unexpected(known_as(subscribed.error()));
    load->clients_.push_back(std::move(*client));
  }
  return load;
}

void Load::submit_group(std::uint64_t count) {
  if (setup_.times) receipts_.submitted(next_);
  auto& client = clients_[turn_++ % clients_.size()];
  items_.clear();
  for (std::uint64_t i = 0; i < count; ++i) {
    char* place = bytes_.data() + i * payloads_.bytes();
    payloads_.write(next_ + i, place);
    client::Item item;
    item.payload = {place, payloads_.bytes()};
    if (settings_.priorities > 1)
      item.priority = static_cast<int>(1 + next_random(random_) % settings_.priorities);
    items_.push_back(item);
  }
  next_ += count;
  pending_tasks_ += count;
  if (lanes_.size() == 1)
    pending_.push_back(client.submit_many(lanes_[0], items_));
  else
    submit_spread(client, count);
}

// Each task in a lane of its own choice: one call each, the library still fills its messages.
void Load::submit_spread(client::Client& client, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto& lane = lanes_[next_random(random_) % lanes_.size()];
    pending_.push_back(client.submit_many(lane, std::span<const client::Item>(&items_[i], 1)));
  }
}

std::uint64_t Load::unanswered_max() const {
  return std::clamp<std::uint64_t>(unanswered_bytes / payloads_.bytes(), 2 * group_, unanswered_tasks_max);
}

// Forgets answered submissions from the front, and waits until at most that many tasks are left.
Status Load::settle(std::uint64_t left_max) {
  auto deadline = Clock::now() + stall_limit;
  while (!pending_.empty()) {
    const auto& oldest = pending_.front();
    bool too_many = pending_tasks_ > left_max;
    if (!oldest.wait(too_many ? look_every.count() : 0)) {
      if (!too_many) return {};
      if (auto well = setup_.check(); !well) return well;
      if (Clock::now() > deadline)
        return fail(Code::timeout, "the broker acknowledged nothing for a minute", setup_.endpoint);
      continue;
    }
    if (!oldest.refusals().empty()) return tl::unexpected(known_as(oldest.refusals().front().error));
    pending_tasks_ -= oldest.size();
    pending_.pop_front();
    deadline = Clock::now() + stall_limit;
  }
  return {};
}

Status Load::run(std::uint64_t count) {
  auto end = next_ + count;
  while (next_ < end) {
    // Refilled from half of the window, so that waking up is rare.
    auto free_at = next_ > settings_.window / 2 ? next_ - settings_.window / 2 : 0;
    if (next_ - receipts_.seen() + group_ > settings_.window)
      if (auto came = wait_until(free_at); !came) return came;
    submit_group(std::min(group_, end - next_));
    if (auto answered = settle(settings_.window); !answered) return answered;
  }
  return wait_for_results();
}

Status Load::fill(std::uint64_t count) {
  auto end = next_ + count;
  auto shown = now_ns();
  while (next_ < end) {
    submit_group(std::min(group_, end - next_));
    if (auto answered = settle(unanswered_max()); !answered) return answered;
    if (seconds_since(shown) < 5) continue;
    shown = now_ns();
    note("filled %.1f M of %.1f M", static_cast<double>(next_) / 1e6, static_cast<double>(end) / 1e6);
  }
  return settle(0);
}

void Load::send_one() {
  submit_group(1);
}

Status Load::wait_for_results() {
  if (auto answered = settle(0); !answered) return answered;
  return wait_until(next_);
}

Status Load::wait_until(std::uint64_t count) {
  auto progress_ns = now_ns(), shown = progress_ns;
  auto before = receipts_.seen();
  while (!receipts_.wait_for(count, look_every)) {
    if (auto well = setup_.check(); !well) return well;
    auto seen = receipts_.seen();
    if (seen != before) progress_ns = now_ns();
    before = seen;
    if (seconds_since(progress_ns) > static_cast<double>(stall_limit.count()))
      return fail(Code::timeout,
                  "no result came for a minute; " + std::to_string(seen) + " of " + std::to_string(next_) +
                      " tasks are done",
                  setup_.endpoint);
    if (seconds_since(shown) < 5) continue;
    shown = now_ns();
    note("done %.1f M of %.1f M", static_cast<double>(seen) / 1e6, static_cast<double>(next_) / 1e6);
  }
  return {};
}

Status Load::pause() {
  client::PauseScope scope;
  scope.queue = "default";
  scope.reason = "bench fills it";
  if (auto done = clients_[0].pause(scope); !done) return tl::unexpected(known_as(done.error()));
  return {};
}

Status Load::resume() {
  client::PauseScope scope;
  scope.queue = "default";
  if (auto done = clients_[0].resume(scope); !done) return tl::unexpected(known_as(done.error()));
  return {};
}

Result<Counted> Load::counted() {
  auto stats = clients_[0].stats();
  if (!stats) return tl::unexpected(known_as(stats.error()));
  Counted counted;
  counted.commits = (*stats)["commits"];
  counted.syncs = (*stats)["syncs"];
  return counted;
}

}  // namespace hirehall::bench
