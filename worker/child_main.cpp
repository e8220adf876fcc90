#include "worker/child_main.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <new>

#include "common/msgpack.h"
#include "worker/child.h"
#include "worker/child_frames.h"
#include "worker/plugin.h"

namespace hirehall::worker {
namespace {

constexpr int socket_fd = 3;

class ChildSide {
 public:
  int serve();

 private:
  // Waits for the next frame; nothing: the worker is gone.
  std::optional<ChildFrame> next();
  bool fill(int flags);  // reads what is there; false: nothing more now, or the end
  void say(ChildSays kind, std::string_view body);
  bool load(std::string_view body);
  void run(std::string_view body);
  void bid(std::string_view body);
  bool cancel_seen();

  static ChildSide& from(void* self) { return *static_cast<ChildSide*>(self); }
  static int cancelled(void* self) { return from(self).cancel_seen() ? 1 : 0; }
  static void progress(void* self, std::uint64_t done, std::uint64_t total, hirehall_bytes message);
  static void checkpoint(void* self, hirehall_bytes state);
  static void log(void* self, hirehall_bytes line);
  static void usage(void* self, const char* what, double amount) { from(self).usage_[what] += amount; }

  std::string incoming_;
  std::string outgoing_;
  bool gone_ = false;
  bool cancelled_ = false;
  std::unique_ptr<PluginInstance> instance_;
  std::map<std::string, double> usage_;
};

bool ChildSide::fill(int flags) {
  char buffer[64 << 10];
  for (;;) {
    auto n = ::recv(socket_fd, buffer, sizeof buffer, flags);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return false;
    if (n <= 0) return gone_ = true, false;
    incoming_.append(buffer, static_cast<std::size_t>(n));
    return true;
  }
}

std::optional<ChildFrame> ChildSide::next() {
  for (bool broken = false;;) {
    if (auto frame = take_child_frame(incoming_, broken)) return frame;
    if (broken || !fill(0)) return std::nullopt;
  }
}

void ChildSide::say(ChildSays kind, std::string_view body) {
  outgoing_.clear();
  append_child_frame(outgoing_, kind, body);
  for (std::string_view rest = outgoing_; !rest.empty();) {
    auto n = ::send(socket_fd, rest.data(), rest.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) ::_exit(1);  // the worker is gone: so is the lease
    rest.remove_prefix(static_cast<std::size_t>(n));
  }
}

bool ChildSide::cancel_seen() {
  if (cancelled_) return true;
  while (fill(MSG_DONTWAIT)) {
  }
  bool broken = false;
  while (auto frame = take_child_frame(incoming_, broken))
    cancelled_ = cancelled_ || frame->kind == ChildSays::cancel;
  return cancelled_ || gone_;
}

void ChildSide::progress(void* self, std::uint64_t done, std::uint64_t total, hirehall_bytes message) {
  std::string body;
  msgpack::Writer w(body);
  w.array(3);
  w.uint(done);
  w.uint(total);
  w.str(to_view(message).substr(0, limits::log_line_bytes_max));
  from(self).say(ChildSays::progress, body);
}

void ChildSide::checkpoint(void* self, hirehall_bytes state) {
  if (state.size > limits::payload_bytes_max) return;
  from(self).say(ChildSays::checkpoint, to_view(state));
}

void ChildSide::log(void* self, hirehall_bytes line) {
  from(self).say(ChildSays::log, to_view(line).substr(0, limits::log_line_bytes_max));
}

bool ChildSide::load(std::string_view body) {
  msgpack::Reader r(body);
  r.array();
  std::string path(r.str());
  auto name = r.str();
  auto version = r.str();
  auto prompt = r.str();
  auto plugin = Plugin::load(path);
  if (!plugin) return say(ChildSays::refused, describe(plugin.error())), false;
  auto instance = PluginInstance::make(*plugin, name, version, prompt);
  if (!instance) return say(ChildSays::refused, describe(instance.error())), false;
  instance_ = std::move(*instance);
  say(ChildSays::ready, {});
  return true;
}

void ChildSide::run(std::string_view body) {
  msgpack::Reader r(body);
  r.array();
  hirehall_task task{};
  task.struct_size = sizeof task;
  task.id = to_bytes(r.bin());
  task.type = to_bytes(r.str());
  task.queue = to_bytes(r.str());
  task.tenant = to_bytes(r.str());
  task.content_type = to_bytes(r.str());
  task.payload = to_bytes(r.bin());
  auto extras = r.bin();
  task.extras = to_bytes(extras);
  task.attempt = static_cast<std::uint32_t>(r.uint());
  auto parts = read_task_extras(extras);
  task.checkpoint = to_bytes(parts.checkpoint);
  task.answer = to_bytes(parts.answer);
  hirehall_host host{sizeof host, this, &cancelled, &progress, &checkpoint, &log, &usage};
  hirehall_result result{};
  result.struct_size = sizeof result;
  cancelled_ = false;
  usage_.clear();
  int returned = instance_->run(task, host, result);
  OutcomeExtras out;
  std::string_view data;
  std::string reason;
  auto outcome = read_result(returned, result, out, data, reason);
  std::string answer;
  msgpack::Writer w(answer);
  w.array(10);
  w.uint(static_cast<std::uint64_t>(outcome));
  w.bin(data);
  for (auto text : {out.result_type, out.error_code, out.error, out.on}) w.str(text);
  w.sint(out.delay_ms);
  w.map(usage_.size());
  for (const auto& [what, amount] : usage_) w.str(what), w.real(amount);
  w.str(to_view(result.question));
  w.str(out.service);
  say(ChildSays::result, answer);
}

void ChildSide::bid(std::string_view body) {
  msgpack::Reader r(body);
  r.array();
  hirehall_call call{};
  call.struct_size = sizeof call;
  for (auto* text : {&call.type, &call.queue, &call.tenant, &call.content_type}) *text = to_bytes(r.str());
  call.payload_bytes = r.uint();
  call.priority = static_cast<std::uint32_t>(r.uint());
  call.left_ms = r.sint();
  call.deadline_ms = r.sint();
  call.effort_ms = r.sint();
  call.features = to_bytes(r.bin());
  std::string answer;
  msgpack::Writer w(answer);
  w.array(2);
  double price = 0;
  const int said = instance_->bids() ? instance_->bid(call, price) : HIREHALL_DECLINES;
  if (said == HIREHALL_BIDS)
    w.real(price);
  else
    w.nil();
  w.str(!instance_->bids() ? "its library exports no hirehall_agent_bid: leave out `bids` in its definition"
        : said == HIREHALL_BIDS || said == HIREHALL_DECLINES
            ? ""
            : "hirehall_agent_bid returned neither HIREHALL_BIDS nor HIREHALL_DECLINES");
  say(ChildSays::bid, answer);
}

int ChildSide::serve() {
  while (auto frame = next()) {
    if (frame->kind == ChildSays::agent && !load(frame->body)) return 1;
    if (frame->kind == ChildSays::run && instance_ != nullptr) run(frame->body);
    if (frame->kind == ChildSays::call && instance_ != nullptr) bid(frame->body);
  }
  instance_.reset();
  return 0;
}

}  // namespace

int child_main(int /*argc*/, char** /*argv*/) {
  if (::fcntl(socket_fd, F_GETFD) < 0) {
    constexpr std::string_view advice =
        "this is how hirehall-worker starts the children of plugins; it is not for people\n";
    [[maybe_unused]] auto told = ::write(STDERR_FILENO, advice.data(), advice.size());
    return 2;
  }
  // Without memory nothing can be told in words; the exit code says it.
  std::set_new_handler([] { ::_exit(exit_out_of_memory); });
  return ChildSide{}.serve();
}

}  // namespace hirehall::worker
