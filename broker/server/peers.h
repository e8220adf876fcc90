// Who is connected: a session per connection handle (ROUTER's routing id), made by hello.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "broker/engine/body.h"
#include "broker/server/principals.h"
#include "common/task.h"

namespace hirehall::server {

struct Subscription {
  std::uint64_t number = 0;
  std::uint64_t producer = 0;  // of = session
  std::uint32_t queue = 0;     // of = queue
  bool of_queue = false;
  std::uint64_t window = 0;
  std::uint64_t unseen = 0;  // bytes pushed and not yet seen
  std::vector<std::pair<std::pair<std::uint64_t, std::uint64_t>, std::uint64_t>> pushed;  // position → bytes
  std::pair<std::uint64_t, std::uint64_t> position{};  // behind the last item pushed or being built
  bool lagging = false;                                // what comes is read from the store later
  bool reading = false;
  bool gap = false;   // tell it with the next push
  std::string items;  // being built for this commit
  std::uint32_t count = 0;
  // What ends while the last slice is read from the store, in commits after `until`: it follows the slice.
  struct Beside {
    std::uint64_t until = 0;
    bool open = false;  // closed when it has grown too large: one more slice is read then
    std::string items;
    std::uint32_t count = 0;
    std::pair<std::uint64_t, std::uint64_t> position{};
  } beside;
};

struct Peer {
  std::string routing;
  std::uint64_t serial = 0;  // tells a connection from a later one with the same handle
  std::shared_ptr<const Principal> principal;
  bool everything = false;  // the principal may name any tenant, queue and type
  std::string name, software;
  std::string reason;   // of its acts, unless they name their own
  std::string address;  // where it comes from, when the transport says so
  bool is_worker = false;
  std::uint64_t producer = 0;
  std::uint32_t worker = 0;  // once registered
  Millis last_heard = 0;
  // The last templates of its submits: the same bytes come again and again.
  std::string template_bytes;
  std::vector<engine::TemplateRef> templates;
  std::map<std::uint64_t, Subscription> subscriptions;
  std::uint64_t next_subscription = 1;
  // Answers of submits gathered for one message.
  std::string submitted;
  std::uint32_t submitted_count = 0;
  bool has_submitted = false;
  // Submits that wait for a lookup of idempotency keys keep the later ones behind them.
  std::deque<std::string> held_submits;
  std::size_t held_bytes = 0;
  bool submit_waits = false;
};

}  // namespace hirehall::server
