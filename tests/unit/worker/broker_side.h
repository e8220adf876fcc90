// The broker's side of a dialogue with a worker's session, spoken by the test.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/msgpack.h"
#include "common/wire.h"
#include "worker/session.h"

namespace hirehall::worker {

constexpr Micros ms = 1000;
constexpr Micros second = 1000 * ms;

// The protocol's mix(), written down again from docs/protocol.md.
inline std::uint64_t mix_of(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}

struct Item {
  Token token = 0;
  std::string payload = "p";
};

struct FinishSeen {
  std::uint64_t credit = 0;
  std::uint64_t number = 0;
  std::uint64_t acked = 0;
  std::vector<Token> tokens;
  std::vector<std::uint64_t> outcomes;
};

class BrokerSide {
 public:
  explicit BrokerSide(SessionConfig config = small()) : session(std::move(config)) {}

  static SessionConfig small() {
    SessionConfig config;
    config.name = "w";
    config.slots = 2;
    config.seed = 7;
    config.agents.push_back({"echo", "1", "d", {"echo"}, {}, {}, {}, 0});
    return config;
  }

  // What the worker has just sent, in order; the output is taken.
  struct Sent {
    wire::Kind kind{};
    std::uint64_t request = 0;
    std::string body;
  };
  std::vector<Sent> sent() {
    std::vector<Sent> all;
    for (const auto& frame : out.frames) {
      auto read = wire::read_frame(*frame);
      EXPECT_TRUE(read);
      all.push_back(
          {static_cast<wire::Kind>(read->header.kind), read->header.request, std::string(read->body)});
    }
    out.frames.clear();
    return all;
  }
  Sent only(wire::Kind kind) {
    auto all = sent();
    EXPECT_EQ(all.size(), 1u);
    if (all.empty()) return {};
    EXPECT_EQ(static_cast<int>(all.front().kind), static_cast<int>(kind));
    return all.front();
  }

  template <typename Body>
  void say(wire::Kind kind, std::uint64_t request, Body body) {
    frame_.clear();
    wire::write_header(frame_, kind, request);
    msgpack::Writer w(frame_);
    body(w);
    session.frame(frame_, now, out);
  }
  void ok(std::uint64_t request) {
    say(wire::Kind::ok, request, [](auto& w) { w.array(0); });
  }
  void error(std::uint64_t request, Code code, std::int64_t retry_after_ms = 0) {
    Error e{code, "because", "", retry_after_ms};
    auto bytes = wire::error_frame(request, e);
    session.frame(bytes, now, out);
  }

  void welcome(std::uint64_t request) {
    say(wire::Kind::welcome, request, [](auto& w) {
      w.map(2);
      w.entry_bin("session", "0123456789abcdef");
      w.entry_uint("heartbeat_ms", 2000);
    });
  }
  void registered(std::uint64_t request, bool resumed = false, std::uint64_t next_finish = 1,
                  std::vector<Token> lost = {}, std::uint64_t worker = 1) {
    say(wire::Kind::ok, request, [&](auto& w) {
      w.map(5);
      w.entry_uint("worker", worker);
      w.entry_bin("token", "fedcba9876543210");
      w.entry_bool("resumed", resumed);
      w.entry_uint("next_finish", next_finish);
      w.str("lost");
      w.array(lost.size());
      for (auto t : lost) w.uint(t);
    });
  }
  // From nothing to working.
  void join() {
    session.start(now, out);
    EXPECT_TRUE(out.open);
    out.open = false;
    session.connected(now, out);
    welcome(only(wire::Kind::hello).request);
    registered(only(wire::Kind::register_worker).request);
    EXPECT_EQ(session.phase(), Session::Phase::working);
  }
  void award(std::uint64_t number, std::vector<Item> items) {
    say(wire::Kind::award, 0, [&](auto& w) {
      w.array(3);
      w.uint(number);
      w.array(1);
      w.array(6);
      for (auto text : {"echo", "echo", "", "default", "local"}) w.str(text);
      w.sint(0);
      w.array(items.size());
      for (const auto& item : items) {
        w.array(5);
        w.uint(item.token);
        w.bin("0123456789abcdef");
        w.uint(1);
        w.uint(0);
        w.bin(item.payload);
      }
    });
  }
  // The tasks the session has just asked to start.
  std::vector<Token> started() {
    std::vector<Token> tokens;
    for (const auto& a : out.start) tokens.push_back(a.token);
    out.start.clear();
    out.shapes.clear();
    return tokens;
  }
  // The slots finish these tokens and a turn ends.
  void finish(const std::vector<Token>& tokens, std::int64_t service_ns = 1000) {
    Results results;
    for (auto token : tokens) results.add(token, Outcome::succeeded, "r");
    results.service_ns = service_ns;
    session.finished(results);
    session.flush(now, out);
  }
  static FinishSeen read_finish(const std::string& body) {
    FinishSeen seen;
    msgpack::Reader r(body);
    EXPECT_EQ(r.array(), 4u);
    seen.credit = r.uint();
    auto n = r.array();
    for (std::size_t i = 0; i < n; ++i) {
      auto parts = r.array();
      seen.tokens.push_back(r.uint());
      seen.outcomes.push_back(r.uint());
      for (std::size_t k = 2; k < parts; ++k) r.skip();
    }
    seen.number = r.uint();
    seen.acked = r.uint();
    EXPECT_TRUE(r.finished());
    return seen;
  }
  // `holding` and `resume` of a register_worker.
  static std::vector<Token> holding_of(const std::string& body, std::string* resume = nullptr) {
    std::vector<Token> tokens;
    msgpack::Reader r(body);
    auto pairs = r.map();
    for (std::size_t i = 0; i < pairs; ++i) {
      auto key = r.str();
      if (key == "holding") {
        auto n = r.array();
        for (std::size_t k = 0; k < n; ++k) tokens.push_back(r.uint());
      } else if (key == "resume" && resume != nullptr) {
        *resume = r.bin();
      } else {
        r.skip();
      }
    }
    EXPECT_TRUE(r.finished());
    return tokens;
  }

  Session session;
  SessionOutput out;
  Micros now = 100 * second;

 private:
  std::string frame_;
};

}  // namespace hirehall::worker
