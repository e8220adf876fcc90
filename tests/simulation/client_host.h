// A client process: the real session core and batcher, and what its user did and was told.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "client/src/session.h"
#include "tests/simulation/peer.h"

namespace hirehall::sim {

class ClientHost final : public Peer, public client_core::Port, public client_core::Events {
 public:
  using Answered = std::function<void(const Result<std::string_view>& body)>;

  ClientHost(Scene& scene, std::string name);

  void start();
  void crash();
  void pause(Micros duration);
  void break_link() { scene_.network.break_some(link_); }
  void cut(bool up, bool down, Micros until) { scene_.network.cut(this, up, down, until); }
  void heal();

  void submit(Number number);                                // in a batch with its neighbours
  void submit_together(const std::vector<Number>& numbers);  // atomic, one message
  // Nobody waits longer than `patience`.
  void request(wire::Kind kind, std::string body, Answered then, Micros patience = 60 * second);
  void follow(const std::string& queue, bool from_start);  // results; empty: of its own tasks
  void unfollow();
  bool follows() const { return !streams_.empty(); }
  bool idle() const { return unsettled_ == 0 && asked_.empty(); }
  // A task whose end it should have been told by a stream and was not (yet); 0: there is none.
  Number missed() const;

 private:
  struct Ear;
  struct Stream {
    std::string queue;
    bool standing = false;
    bool gap = false;
    std::set<std::string> seen;
  };

  void hear(const Heard& heard) override;
  void send(std::string_view frame) override { scene_.network.send(link_, frame); }
  void answered(std::uint64_t ticket, const Result<std::string_view>& body) override;
  void results(std::uint64_t subscription, std::span<const client_core::PushedResult> items,
               client_core::Position after, bool gap, std::size_t bytes) override;
  void became_ready() override;
  void refused(const Error& error) override;

  Millis local() const { return clock() / 1000; }
  void pump();
  void feed();
  void schedule_tick();
  void told(Number number, std::string_view id);

  const std::string name_;
  std::unique_ptr<client_core::Session> session_;
  std::unique_ptr<client_core::Batcher> batcher_;
  std::vector<client_core::Batch> by_hand_;
  Link link_ = 0;
  std::map<std::uint64_t, Answered> asked_;
  std::map<std::uint64_t, Stream> streams_;
  std::set<Number> followed_;  // submitted while a stream of its own stood …
  std::set<std::string> own_;  // … and their ids
  std::size_t unsettled_ = 0;
  Micros next_tick_ = -1;
  std::uint64_t readied_ = 0;
  std::uint64_t resent_ = 0;
  bool slow_reader_ = false;
  Micros seen_until_ = 0;  // it looks at one after the other
};

std::string options_bytes(const TaskOptions& options);

}  // namespace hirehall::sim
