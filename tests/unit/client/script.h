// A scripted peer for the session core: what the client sends is read here, what a broker would say is said
// here.
#pragma once

#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "client/src/session.h"
#include "common/ids.h"

namespace hirehall::client_core {

inline constexpr Millis start_ms = 1'000'000;

// One submit as the broker reads it.
struct SeenSubmit {
  std::uint64_t request = 0, batch = 0, acked = 0;
  std::vector<std::string> types;     // of the templates
  std::vector<std::string> payloads;  // of the items
};

inline SeenSubmit read_submit(const wire::Frame& frame) {
  SeenSubmit s;
  s.request = frame.header.request;
  msgpack::Reader r(frame.body);
  r.array();
  s.batch = r.uint();
  s.acked = r.uint();
  auto templates = r.array();
  for (std::size_t i = 0; i < templates; ++i) {
    TaskOptions options;
    if (read_wire_options(r, options)) s.types.push_back(options.type);
  }
  auto items = r.array();
  for (std::size_t i = 0; i < items; ++i) {
    auto elements = r.array();
    r.uint();
    s.payloads.emplace_back(r.bin());
    for (std::size_t e = 2; e < elements; ++e) r.skip();
  }
  if (!r.finished()) s.payloads.emplace_back("MALFORMED");
  return s;
}

// What one submitter hears.
struct Ear : Receiver {
  std::vector<std::string> told;  // by index: id text, or the error's name
  std::size_t settled_count = 0;

  void tell(std::size_t index, std::string what) {
    if (told.size() <= index) told.resize(index + 1);
    told[index] = std::move(what);
  }
  void accepted(std::size_t index, std::string_view raw) override { tell(index, std::string(raw)); }
  void refused(std::size_t index, const hirehall::Error& error) override {
    tell(index, std::string(name_of(error.code)));
  }
  void settled(std::size_t count) override { settled_count += count; }
};

inline std::string id_of(char letter) {
  return std::string(16, letter);
}

class Script : public Port, public Events {
 public:
  explicit Script(Session::Settings settings = {}, Batcher::Settings batches = {})
      : session(std::move(settings), *this, *this), batcher(batches) {}

  // ---- Port and Events
  void send(std::string_view frame) override { sent.emplace_back(frame); }
  void answered(std::uint64_t ticket, const hirehall::Result<std::string_view>& body) override {
    answers.emplace_back(ticket, body ? "ok" : std::string(name_of(body.error().code)));
  }
  void results(std::uint64_t subscription, std::span<const PushedResult> items, Position after, bool gap,
               std::size_t bytes) override {
    for (const auto& item : items)
      heard.push_back(std::string(item.id.substr(0, 1)) + ":" + std::string(name_of(item.state)) + ":" +
                      std::string(item.result) + std::string(item.error_code));
    if (gap) heard.push_back("gap");
    session.seen(subscription, after, bytes);
  }
  void became_ready() override { ++ready; }
  void refused(const hirehall::Error& error) override { refusal = name_of(error.code); }

  // ---- the client's calls
  void add(std::string_view type, std::string_view payload) {
    std::string options;
    msgpack::Writer w(options);
    w.map(1);
    w.entry("type", type);
    batcher.add(ear, added++, options, {payload, 0, {}, {}});
  }
  void pump() {
    while (session.window_open()) {
      auto batch = batcher.take(session.in_flight());
      if (!batch) return;
      session.submit(std::move(*batch));
    }
  }
  void submit(std::string_view payload) { add("echo", payload), pump(); }
  void advance(Millis ms) { now += ms, session.tick(now); }

  // ---- what the broker sees
  wire::Frame next() {
    current = sent.empty() ? std::string() : sent.front();
    if (!sent.empty()) sent.pop_front();
    auto frame = wire::read_frame(current);
    return frame ? *frame : wire::Frame{};
  }
  wire::Kind next_kind() { return static_cast<wire::Kind>(next().header.kind); }
  SeenSubmit next_submit() {
    auto frame = next();
    return frame.header.kind == static_cast<std::uint16_t>(wire::Kind::submit) ? read_submit(frame)
                                                                               : SeenSubmit{};
  }
  bool silent() const { return sent.empty(); }

  // ---- what the broker says
  void say(wire::Kind kind, std::uint64_t request, const std::string& body) {
    std::string frame;
    wire::write_header(frame, kind, request);
    session.receive(frame + body, now);
    pump();
  }
  void say_error(std::uint64_t request, Code code, std::int64_t retry_after_ms = 0) {
    session.receive(wire::error_frame(request, {code, "said the script", {}, retry_after_ms}), now);
    pump();
  }
  // Answers the hello that comes next. `token` is what the client must have sent.
  void welcome(std::uint64_t next_batch = 1, bool resumed = false, std::uint64_t credit_batches = 64,
               std::uint64_t credit_bytes = 8u << 20) {
    auto hello = next();
    std::string body;
    msgpack::Writer w(body);
    w.map(7);
    w.entry_bin("session", "0123456789abcdef");
    w.entry_bool("resumed", resumed);
    w.entry_uint("next_batch", next_batch);
    w.entry("tenant", "local");
    w.entry_sint("heartbeat_ms", 2000);
    w.entry_uint("credit_batches", credit_batches);
    w.entry_uint("credit_bytes", credit_bytes);
    say(wire::Kind::welcome, hello.header.request, body);
  }
  void open(std::uint64_t credit_batches = 64, std::uint64_t credit_bytes = 8u << 20) {
    session.opened(now);
    welcome(1, false, credit_batches, credit_bytes);
  }
  // All items of the batch are accepted; the ids are runs of consecutive letters.
  static std::string accept_body(const SeenSubmit& s, char letter) {
    std::string body;
    msgpack::Writer w(body);
    w.array(1);
    w.array(3);
    w.uint(s.request);
    w.uint(s.batch);
    w.array(s.payloads.size());
    for (std::size_t i = 0; i < s.payloads.size(); ++i)
      w.bin(id_of(static_cast<char>(letter + static_cast<char>(i))));
    return body;
  }
  void accept(const SeenSubmit& s, char letter) { say(wire::Kind::submitted, 0, accept_body(s, letter)); }

  Millis now = start_ms;
  std::deque<std::string> sent;
  std::string current;
  std::vector<std::pair<std::uint64_t, std::string>> answers;
  std::vector<std::string> heard;
  int ready = 0;
  std::string refusal;
  std::shared_ptr<Ear> ear = std::make_shared<Ear>();
  std::size_t added = 0;
  Session session;
  Batcher batcher;
};

}  // namespace hirehall::client_core
