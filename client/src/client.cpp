// Connecting, submitting and subscribing. Requests: client_requests.cpp.
#include "hirehall/client.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <random>

#include "client/src/convert.h"
#include "client/src/inner.h"
#include "client/src/submission.h"
#include "common/task_features.h"

namespace hirehall::client {
namespace {

using client_core::ItemView;
using client_core::PushedResult;
using client_core::Runtime;

// Waiting for an acknowledgement survives reconnects; a caller of submit() gets an answer in bounded time all
// the same.
Error no_answer_yet(const std::string& endpoint) {
  return {
      ErrorCode::timeout,
      "the broker at " + endpoint + " has not acknowledged the task yet; whether it was recorded is unknown",
      {},
      0};
}

std::uint64_t seed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) ^ device();
}

// Results as the public headers show them; one array is reused for all pushes.
client_core::Runtime::OnResults adapt(Client::OnResults callback) {
  return [callback = std::move(callback), views = std::vector<ResultView>()](
             std::span<const PushedResult> items, client_core::Position after, bool gap) mutable {
    views.resize(items.size());
    for (std::size_t i = 0; i < items.size(); ++i) {
      const auto& item = items[i];
      auto& view = views[i];
      std::copy(item.id.begin(), item.id.end(), view.id.bytes.begin());
      view.state = static_cast<State>(item.state);
      view.result = item.result;
      view.result_type = item.result_type;
      view.error_code = item.error_code;
      view.error_message = item.error_message;
    }
    callback(ResultBatch{views, {after.commit, after.index}, gap});
  };
}

client_core::Session::SubscribeSettings settings_of(const Subscribe& what) {
  client_core::Session::SubscribeSettings s;
  s.queue = what.queue;
  s.window_bytes = what.window_bytes;
  if (what.from) {
    s.has_position = true;
    s.position = {what.from->commit, what.from->index};
  }
  return s;
}

Result<TaskId> only_result(const Submission::State& state) {
  if (!state.refusals.empty()) return tl::unexpected(state.refusals.front().error);
  return state.ids.front();
}

// They differ from task to task, so they travel with the task: a template for each would be kept for nothing.
const Features* features_of(const TaskOptions& options) {
  return options.features.empty() ? nullptr : &options.features;
}

// An item without any says so where the shared options have some.
std::string encode_own(const Features& features, bool shared) {
  if (!features.empty() || !shared) return encode_features(features);
  return write_features({});
}

}  // namespace

std::string default_endpoint() {
  if (const char* given = std::getenv("HIREHALL_BROKER"); given != nullptr && *given != 0) return given;
  std::error_code ignored;
  if (const char* runtime = std::getenv("XDG_RUNTIME_DIR"); runtime != nullptr && *runtime != 0) {
    auto path = std::string(runtime) + "/hirehall/broker.ipc";
    if (std::filesystem::exists(path, ignored)) return "ipc://" + path;
  }
  if (std::filesystem::exists("/run/hirehall/broker.ipc", ignored)) return "ipc:///run/hirehall/broker.ipc";
  return "tcp://127.0.0.1:7420";
}

Client::Client(std::unique_ptr<Inner> inner) : inner_(std::move(inner)) {}
Client::Client(Client&&) noexcept = default;

Client& Client::operator=(Client&& other) noexcept {
  close();
  inner_ = std::move(other.inner_);
  return *this;
}

Client::~Client() {
  close();
}

void Client::close() {
  if (inner_ && inner_->runtime) inner_->runtime->stop(inner_->options.close_timeout_ms);
}

Result<Client> Client::connect(Options options) {
  if (options.broker.empty()) options.broker = default_endpoint();
  auto keys = client_core::load_keys(options.key_file, options.server_key_file);
  if (!keys) return failed(keys.error());
  Runtime::Settings settings;
  settings.endpoint = options.broker;
  settings.keys = *keys;
  settings.session.name = options.name;
  settings.session.reason = options.reason;
  settings.session.batches_in_flight =
      std::clamp<std::size_t>(options.batches_in_flight, 1, limits::batches_in_flight_max);
  settings.session.seed = seed();
  settings.batches.items_max = std::clamp<std::size_t>(options.batch_items, 1, limits::batch_items_max);
  settings.batches.bytes_max = std::clamp<std::size_t>(options.batch_bytes, 1, limits::batch_bytes_max);
  settings.buffer_bytes = std::max<std::size_t>(options.buffer_bytes, 1);
  auto runtime = Runtime::start(std::move(settings));
  if (!runtime) return failed(runtime.error());
  if (auto ready = (*runtime)->wait_ready(options.connect_timeout_ms); !ready) return failed(ready.error());
  auto inner = std::make_unique<Inner>();
  inner->options = std::move(options);
  inner->runtime = std::move(*runtime);
  return Client(std::move(inner));
}

Result<TaskId> Client::submit(const TaskOptions& options, std::string_view payload) {
  const Item item{payload, 0, options.idempotency_key, features_of(options)};
  auto submission = submit_many(options, std::span<const Item>(&item, 1));
  if (!submission.wait(inner_->options.request_timeout_ms))
    return tl::unexpected(no_answer_yet(inner_->runtime->endpoint()));
  return only_result(*submission.state_);
}

std::future<Result<TaskId>> Client::submit_async(const TaskOptions& options, std::string_view payload) {
  auto promise = std::make_shared<std::promise<Result<TaskId>>>();
  auto future = promise->get_future();
  auto state = std::make_shared<Submission::State>(inner_->runtime->settling(), 1);
  state->told = [promise](Submission::State& s) { promise->set_value(only_result(s)); };
  const auto features = encode_features(options.features);
  const ItemView item{payload, 0, options.idempotency_key, features};
  inner_->runtime->submit_each(state, encode_template(options, false), 1, [&](std::size_t) { return item; });
  return future;
}

Submission Client::submit_many(const TaskOptions& options, std::span<const std::string_view> payloads) {
  auto state = std::make_shared<Submission::State>(inner_->runtime->settling(), payloads.size());
  inner_->runtime->submit_each(state, encode_template(options), payloads.size(), [&](std::size_t i) {
    return ItemView{payloads[i], 0, {}, {}};
  });
  return Submission(std::move(state));
}

Submission Client::submit_many(const TaskOptions& options, std::span<const Item> items) {
  auto state = std::make_shared<Submission::State>(inner_->runtime->settling(), items.size());
  const bool own = std::ranges::all_of(items, [](const Item& item) { return item.features != nullptr; });
  const bool shared = !own && !options.features.empty();
  std::string features;  // of the item at hand
  inner_->runtime->submit_each(state, encode_template(options, !own), items.size(), [&](std::size_t i) {
    const auto& item = items[i];
    features = item.features == nullptr ? std::string() : encode_own(*item.features, shared);
    return ItemView{item.payload, item.priority, item.idempotency_key, features};
  });
  return Submission(std::move(state));
}

bool Client::flush(Millis timeout_ms) {
  return inner_->runtime->flush(timeout_ms);
}

Result<std::uint64_t> Client::subscribe(const Subscribe& what, OnResults callback) {
  auto id = inner_->runtime->subscribe(settings_of(what), adapt(std::move(callback)),
                                       inner_->options.request_timeout_ms);
  if (!id) return failed(id.error());
  return *id;
}

Result<std::uint64_t> Client::subscribe(const Subscribe& what) {
  auto id = inner_->runtime->subscribe(settings_of(what), nullptr, inner_->options.request_timeout_ms);
  if (!id) return failed(id.error());
  return *id;
}

std::size_t Client::next_results(std::uint64_t subscription, Millis timeout_ms, const OnResults& take) {
  std::size_t count = 0;
  auto adapted = adapt([&](const ResultBatch& batch) {
    count = batch.results.size();
    take(batch);
  });
  inner_->runtime->next_results(subscription, timeout_ms, adapted);
  return count;
}

Status Client::unsubscribe(std::uint64_t subscription) {
  inner_->runtime->unsubscribe(subscription);
  return {};
}

}  // namespace hirehall::client
