// A worker process: the real session core, and agents that behave as the world's chance wants.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tests/simulation/peer.h"
#include "worker/session.h"

namespace hirehall::sim {

// What the agents of a worker ask, by its name: each something else, some nothing, and more when they are
// busy.
worker::PriceOffer price_of(std::string_view worker);

// What the agent of a worker says of its breaker: some have one, and the worker after them stands in.
worker::GuardOffer guard_of(std::string_view worker);
inline constexpr std::uint32_t guarded_probes = 1;
bool bids_live(std::string_view worker);            // its agent can be called for bids
std::string_view zone_of(std::string_view worker);  // its label

class WorkerHost final : public Peer {
 public:
  WorkerHost(Scene& scene, std::string name, std::vector<std::string> types, std::uint32_t slots);

  void start();
  void crash();
  void pause(Micros duration);
  void drain();  // finishes what it holds, ends, and another one starts
  void break_link() { scene_.network.break_some(link_); }
  void cut(bool up, bool down, Micros until) { scene_.network.cut(this, up, down, until); }
  void heal();
  void stand_in(const std::vector<std::string>& types) { others_ = types; }  // for the worker before it
  const std::vector<std::string>& types() const { return types_; }
  std::size_t held() const { return alive() ? session_->held() : 0; }

 private:
  struct Running {
    worker::Token token = 0;
    Number number = 0;
    std::string id;
    std::uint32_t attempt = 1;
    bool begun = false;
    Micros begun_at = 0;  // by its own clock
    bool stopped = false;
    std::string stop_reason;
  };

  void hear(const Heard& heard) override;

  void with_session(const std::function<void(Micros now, worker::SessionOutput& out)>& use);
  void carry_out(worker::SessionOutput& out);
  void award(const worker::Attempt& attempt);
  void fill_slots();
  void begin(Running& running);
  void save_checkpoint(worker::Token token);
  void finish(worker::Token token, Outcome outcome);
  void bid(const worker::BidCall& call);
  void stop(const worker::StopOrder& order);
  void tick();
  void schedule_tick();
  void end_if_drained();
  void turned_away(const Error& error);
  void redefine();
  bool hands_back(worker::Token token);
  Outcome choose_outcome();
  std::string some_question();

  const std::string name_;
  const std::vector<std::string> types_;
  std::vector<std::string> others_;
  const std::uint32_t slots_;
  std::unique_ptr<worker::Session> session_;
  Link link_ = 0;
  std::map<worker::Token, Running> running_;
  std::deque<worker::Token> waiting_;
  std::set<worker::Token> started_;  // in this life
  std::uint32_t busy_ = 0;
  Micros next_tick_ = -1;
  bool draining_ = false;
  std::uint32_t lives_ = 0;
  std::uint32_t version_ = 1, digest_ = 1;  // of its agent's definition, which is edited between two lives
  std::uint64_t sessions_seen_ = 0;
};

}  // namespace hirehall::sim
