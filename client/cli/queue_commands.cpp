// queue, worker, stats, key.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <ostream>

#include "client/cli/command.h"
#include "client/cli/reading.h"
#include "client/src/body.h"
#include "client/src/socket.h"
#include "common/wire.h"

namespace hirehall::cli {
namespace {

using client::Body;

constexpr std::string_view queue_columns = "queue,paused,ready,scheduled,leased,suspended,dead,weight,cap";
constexpr std::string_view lane_columns =
    "queue,tenant,queue_weight,weight,ready,leased,share_per_mille,lately_ms,used_ms,charged_ms,added_ms,"
    "back_ms";
constexpr std::string_view worker_columns = "name,slots,credit,held,done,connected,draining,last_seen";

std::uint16_t number(wire::Kind kind) {
  return static_cast<std::uint16_t>(kind);
}

client::Error bad(std::string_view option, const std::string& value, std::string_view accepts) {
  return {client::ErrorCode::invalid,
          "--" + std::string(option) + " is '" + value + "'; give " + std::string(accepts),
          {},
          0};
}

std::optional<std::int64_t> whole(std::string_view text) {
  std::int64_t v = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), v);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return v;
}

// "acme=3" …
client::Result<std::map<std::string, std::int64_t>> pairs(const Context& c, std::string_view option) {
  std::map<std::string, std::int64_t> out;
  for (const auto& text : c.values().texts(option)) {
    auto at = text.rfind('=');
    auto value = at == std::string::npos ? std::nullopt : whole(std::string_view(text).substr(at + 1));
    if (!value || at == 0) return tl::unexpected(bad(option, text, "NAME=NUMBER"));
    out[text.substr(0, at)] = *value;
  }
  return out;
}

client::Result<std::string> queue_set_body(const Context& c) {
  Body b;
  b.text("queue", c.operands()[0]);
  for (const char* option : {"weight", "cap"}) {
    const auto& text = c.values().text(option);
    if (text.empty()) continue;
    auto value = whole(text);
    if (!value) return tl::unexpected(bad(option, text, "a number"));
    b.number(option, *value);
  }
  b.text("policy", c.values().text("policy"));
  b.text("shadow", c.values().text("shadow"));
  for (auto [option, key] : {std::pair{"success-value", "success_value"},
                             {"wait-price", "wait_price"},
                             {"preference", "preference"},
                             {"reserve", "reserve"}}) {
    const auto& text = c.values().text(option);
    if (text.empty()) continue;
    auto value = parse_cost(text);
    if (!value)
      return tl::unexpected(bad(option, text, "cost units: 0.5, at most six digits behind the point"));
    b.real(key, static_cast<double>(*value) / 1e6);
  }
  b.text("settlement", c.values().text("settlement"));
  b.text("approval", c.values().text("approval"));
  b.text("approval_on_timeout", c.values().text("approval-on-timeout"));
  for (auto [option, key] : {std::pair{"retention", "retention_ms"},
                             {"attempt-timeout", "timeout_ms"},
                             {"aging", "aging_ms"},
                             {"live-bids-from", "live_bids_from_ms"},
                             {"bid-deadline", "bid_deadline_ms"},
                             {"match-from", "match_from_ms"},
                             {"approval-timeout", "approval_timeout_ms"}}) {
    const auto& text = c.values().text(option);
    if (text.empty()) continue;
    auto value = parse_duration(text);
    if (!value) return tl::unexpected(bad(option, text, "a duration: 30s, 5m, 2h, 7d"));
    b.number(key, *value);
  }
  for (auto [option, key] : {std::pair{"tenant-weight", "tenants"}, {"limit", "limits"}}) {
    auto given = pairs(c, option);
    if (!given) return tl::unexpected(given.error());
    b.numbers(key, *given);
  }
  return b.take();
}

int hold(Context& c, wire::Kind kind) {
  Body b;
  Document shown;
  auto add = [&](std::string_view key, const std::string& value) {
    b.text(key, value);
    if (!value.empty()) shown.set(key, value);
  };
  if (!c.operands().empty()) add("queue", c.operands()[0]);
  add("type", c.values().text("type"));
  add("tenant", c.values().text("tenant"));
  if (shown.keys().empty()) return c.complain("name a queue, --type or --tenant");
  add("reason", c.values().text("reason"));
  auto answer = c.ask(number(kind), b.take());
  if (!answer) return c.complain(answer.error());
  shown.set_bool("paused", kind == wire::Kind::pause);
  return c.show(shown);
}

int one_queue(Context& c, wire::Kind kind, const client::Result<std::string>& body) {
  if (!body) return c.complain(body.error());
  auto answer = c.ask(number(kind), *body);
  if (!answer) {
    if (answer.error().context.empty()) answer.error().context = c.operands()[0];
    return c.complain(answer.error());
  }
  return c.show(*answer);
}

// O_EXCL: an existing key is never overwritten.
client::Status write_key(const std::string& path, const std::string& key, mode_t mode) {
  int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  auto line = key + "\n";
  bool written = fd >= 0 && ::write(fd, line.data(), line.size()) == static_cast<ssize_t>(line.size());
  int error = errno;
  if (fd >= 0) ::close(fd);
  if (written) return {};
  auto code = error == EEXIST ? client::ErrorCode::conflict : client::ErrorCode::io;
  std::string why = error == EEXIST
                        ? "the file exists; keys are never overwritten, remove it or take another name"
                        : std::string("cannot write the key: ") + std::strerror(error);
  return tl::unexpected(client::Error{code, why, path, 0});
}

}  // namespace

void declare_queue_set(OptionTable& t) {
  t.text("weight", "", "share of the fleet compared with other queues, 1–1000", "N");
  t.text("cap", "", "tasks the queue may hold, dead letters included; 0: no cap", "N");
  t.text("retention", "", "how long ended tasks are kept", "DURATION");
  t.text("attempt-timeout", "", "of attempts whose task names none", "DURATION");
  t.text("aging", "", "a waiting task gains a priority every so long; 0: never", "DURATION");
  t.text("policy", "", "who gets its tasks: least_loaded, sticky, learned, auction", "POLICY");
  t.text("success-value", "", "learned, auction: what a success is worth, in cost units", "UNITS");
  t.text("wait-price", "", "learned, auction: what a second until the finish costs", "UNITS");
  t.text("preference", "", "learned, auction: what the agent is worth that the task would like", "UNITS");
  t.text("reserve", "", "auction: the highest bid that takes part; 0: any", "UNITS");
  t.text("settlement", "", "auction: which price counts as paid: second_price, first_price", "PRICE");
  t.text("live-bids-from", "", "auction: tasks that take so long are put up for live bids; 0: none",
         "DURATION");
  t.text("bid-deadline", "", "auction: how long live bids may take, 10ms to 5s; usual: 200ms", "DURATION");
  t.text("match-from", "",
         "learned, auction: tasks that take so long are matched with others of their turn; 0: none",
         "DURATION");
  t.text("shadow", "", "a policy that only watches, counted in the metrics; none: no more", "POLICY");
  t.text("approval", "", "what somebody has to approve: none, award, release, both", "POINTS");
  t.text("approval-timeout", "", "how long an approval may take; 0: for ever", "DURATION");
  t.text("approval-on-timeout", "", "what happens then: fail, approve, reject", "WHAT");
  t.texts("tenant-weight", "weight of a tenant inside the queue", "TENANT=N");
  t.texts("limit", "most tasks with this limit key that run at once; 0: no limit", "KEY=N");
}

int queue_list(Context& c) {
  auto answer = c.ask(number(wire::Kind::queue_list), Body().take());
  return answer ? c.show(answer->items("queues"), queue_columns) : c.complain(answer.error());
}

int queue_show(Context& c) {
  if (c.operands().empty()) return c.complain("the name of the queue is missing");
  Body b;
  b.text("queue", c.operands()[0]);
  return one_queue(c, wire::Kind::queue_show, b.take());
}

int queue_shares(Context& c) {
  Body b;
  if (!c.operands().empty()) b.text("queue", c.operands()[0]);
  auto answer = c.ask(number(wire::Kind::lane_list), b.take());
  return answer ? c.show(answer->items("lanes"), lane_columns) : c.complain(answer.error());
}

int queue_set(Context& c) {
  if (c.operands().empty()) return c.complain("the name of the queue is missing");
  return one_queue(c, wire::Kind::queue_set, queue_set_body(c));
}

int queue_pause(Context& c) {
  return hold(c, wire::Kind::pause);
}
int queue_resume(Context& c) {
  return hold(c, wire::Kind::resume);
}

int worker_list(Context& c) {
  auto answer = c.ask(number(wire::Kind::worker_list), Body().take());
  return answer ? c.show(answer->items("workers"), worker_columns) : c.complain(answer.error());
}

// Workers may share a name: all of them are shown.
int worker_show(Context& c) {
  if (c.operands().empty()) return c.complain("the name of the worker is missing");
  const auto& name = c.operands()[0];
  auto answer = c.ask(number(wire::Kind::worker_list), Body().take());
  if (!answer) return c.complain(answer.error());
  bool found = false;
  for (const auto& worker : answer->items("workers"))
    if (worker.text("name") == name) {
      found = true;
      if (const int code = c.show(worker); code != ok) return code;
    }
  return found ? ok
               : c.complain("no worker is called " + name + "; `hirehall worker list` shows those there are",
                            not_found);
}

int worker_drain(Context& c) {
  if (c.operands().empty()) return c.complain("the name of the worker is missing");
  Body b;
  b.text("name", c.operands()[0]);
  if (c.values().flag("undo")) b.boolean("undo", true);
  auto answer = c.ask(number(wire::Kind::worker_drain), b.take());
  if (!answer) return c.complain(answer.error());
  Document d;
  d.set("name", c.operands()[0]);
  d.set_bool("draining", !c.values().flag("undo"));
  d.set("workers", static_cast<std::int64_t>(answer->items("workers").size()));
  return c.show(d);
}

namespace {

// Shares as people read them, and the trend in a word; the evidence is for programs.
Document agent_row(const Document& agent) {
  Document row;
  for (const auto* key : {"agent", "type", "outcomes", "running", "success", "p50_ms", "p90_ms", "cost"})
    row.set(key, agent.text(key));
  return row.set("trend", agent.child("trend").text("trend"));
}

}  // namespace

int stats(Context& c) {
  Body b;
  b.boolean("fleet", true);
  auto answer = c.ask(number(wire::Kind::stats), b.take());
  if (!answer) return c.complain(answer.error());
  if (c.format() != Format::text) return c.show(*answer);
  Document flat;
  for (const auto& [key, value] : answer->flat())
    if (!key.starts_with("fleet."))
      flat.set(key,
               key == "sync_delay" ? reading_of_ms(static_cast<double>(answer->number(key)) / 1000) : value);
  const auto fleet = answer->child("fleet");
  for (const auto* key : {"slots", "busy", "utilisation", "bottleneck"})
    if (fleet.has(key)) flat.set(key, fleet.text(key));
  std::vector<Document> agents, advice;
  for (const auto& agent : fleet.items("agents")) agents.push_back(agent_row(agent));
  for (const auto& one : fleet.items("recommendations"))
    advice.push_back(Document().set("what", one.text("what")).set("message", one.text("message")));
  if (!agents.empty()) flat.set("agents", agents);
  if (const auto types = fleet.items("types"); !types.empty()) flat.set("types", types);
  if (!advice.empty()) flat.set("recommendations", advice);
  return c.show(flat);
}

int key_new(Context& c) {
  if (c.operands().empty()) return c.complain("the name of the key is missing");
  auto pair = client_core::make_key_pair();
  if (!pair) return c.complain(client::to_public(pair.error()));
  auto base = c.values().text("directory") + "/" + c.operands()[0];
  if (auto s = write_key(base + ".key", pair->own_secret, 0600); !s) return c.complain(s.error());
  if (auto s = write_key(base + ".pub", pair->own_public, 0644); !s) return c.complain(s.error());
  Document d;
  d.set("secret_file", base + ".key");
  d.set("public_file", base + ".pub");
  d.set("public_key", pair->own_public);
  return c.show(d);
}

}  // namespace hirehall::cli
