#include "tests/simulation/tally.h"

#include <map>

#include "common/wire.h"

namespace hirehall::sim {
namespace {

using wire::Kind;

// The kinds of docs/protocol.md, as they are called there.
const std::map<Kind, const char*>& kind_names() {
  static const std::map<Kind, const char*> names = {
      {Kind::hello, "hello"},
      {Kind::welcome, "welcome"},
      {Kind::ok, "ok"},
      {Kind::error, "error"},
      {Kind::heartbeat, "heartbeat"},
      {Kind::submit, "submit"},
      {Kind::submitted, "submitted"},
      {Kind::get, "get"},
      {Kind::wait, "wait"},
      {Kind::cancel, "cancel"},
      {Kind::list, "list"},
      {Kind::answer, "answer"},
      {Kind::inbox, "inbox"},
      {Kind::subscribe, "subscribe"},
      {Kind::results, "results"},
      {Kind::queue_list, "queue_list"},
      {Kind::queue_show, "queue_show"},
      {Kind::queue_set, "queue_set"},
      {Kind::seen, "seen"},
      {Kind::unsubscribe, "unsubscribe"},
      {Kind::pause, "pause"},
      {Kind::resume, "resume"},
      {Kind::dead_list, "dead_list"},
      {Kind::dead_retry, "dead_retry"},
      {Kind::dead_purge, "dead_purge"},
      {Kind::worker_list, "worker_list"},
      {Kind::worker_drain, "worker_drain"},
      {Kind::agent_list, "agent_list"},
      {Kind::agent_show, "agent_show"},
      {Kind::agent_forget, "agent_forget"},
      {Kind::stats, "stats"},
      {Kind::explain, "explain"},
      {Kind::register_worker, "register_worker"},
      {Kind::award, "award"},
      {Kind::finish, "finish"},
      {Kind::worker_heartbeat, "worker_heartbeat"},
      {Kind::holding, "holding"},
      {Kind::stop, "stop"},
      {Kind::lost, "lost"},
      {Kind::report, "report"},
      {Kind::drain, "drain"},
      {Kind::call_for_bids, "call_for_bids"},
      {Kind::bid, "bid"},
      {Kind::dead_groups, "dead_groups"},
      {Kind::bulk_start, "bulk_start"},
      {Kind::bulk_list, "bulk_list"},
      {Kind::bulk_stop, "bulk_stop"},
      {Kind::logs, "logs"},
      {Kind::audit_list, "audit_list"},
      {Kind::batch_list, "batch_list"},
      {Kind::batch_show, "batch_show"},
      {Kind::batch_close, "batch_close"},
      {Kind::batch_wait, "batch_wait"},
      {Kind::agent_stats, "agent_stats"},
      {Kind::agent_unlearn, "agent_unlearn"},
      {Kind::tenant_list, "tenant_list"},
      {Kind::lane_list, "lane_list"},
      {Kind::schedule_set, "schedule_set"},
      {Kind::schedule_list, "schedule_list"},
      {Kind::schedule_show, "schedule_show"},
      {Kind::schedule_delete, "schedule_delete"},
      {Kind::schedule_pause, "schedule_pause"},
      {Kind::schedule_resume, "schedule_resume"},
      {Kind::schedule_trigger, "schedule_trigger"},
      {Kind::limit_set, "limit_set"},
      {Kind::limit_list, "limit_list"},
      {Kind::limit_show, "limit_show"},
      {Kind::limit_pause, "limit_pause"},
      {Kind::breaker_list, "breaker_list"},
      {Kind::breaker_show, "breaker_show"},
      {Kind::breaker_reset, "breaker_reset"},
      {Kind::breaker_trip, "breaker_trip"},
  };
  return names;
}

}  // namespace

void Tally::add(const Tally& other) {
  for (std::size_t i = 0; i < situations_.size(); ++i) situations_[i] += other.situations_[i];
  for (std::size_t s = 0; s < cells_.size(); ++s)
    for (std::size_t e = 0; e < cells_[s].size(); ++e) cells_[s][e] += other.cells_[s][e];
  for (std::size_t k = 0; k < kinds; ++k)
    for (std::size_t f = 0; f < fates; ++f) frames_[k][f] += other.frames_[k][f];
}

std::vector<std::string> Tally::never() const {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < situations_.size(); ++i)
    if (situations_[i] == 0) out.push_back("situation " + std::string(situation_names[i]));
  for (const auto& t : engine::transitions)
    if (cells_[static_cast<std::size_t>(t.from)][static_cast<std::size_t>(t.event)] == 0)
      out.push_back("cell " + std::string(name_of(t.from)) + " × " +
                    std::string(engine::event_names[static_cast<std::size_t>(t.event)]));
  for (const auto& [kind, name] : kind_names())
    if (frames_[static_cast<std::size_t>(kind)][fate_arrived] == 0)
      out.push_back("message " + std::string(name));
  return out;
}

std::string Tally::text() const {
  std::string out = "situations\n";
  for (std::size_t i = 0; i < situations_.size(); ++i)
    out += "  " + std::to_string(situations_[i]) + "  " + std::string(situation_names[i]) + "\n";
  out += "transitions\n";
  for (const auto& t : engine::transitions)
    out += "  " +
           std::to_string(cells_[static_cast<std::size_t>(t.from)][static_cast<std::size_t>(t.event)]) +
           "  " + std::string(name_of(t.from)) + " × " +
           std::string(engine::event_names[static_cast<std::size_t>(t.event)]) + " → " +
           std::string(name_of(t.to)) + "\n";
  out += "frames: arrived, lost, twice, late, stale\n";
  for (std::size_t kind = 0; kind < kinds; ++kind) {
    const auto& f = frames_[kind];
    auto known = kind_names().find(static_cast<Kind>(kind));
    if (known == kind_names().end() && f == std::array<std::uint64_t, fates>{}) continue;
    auto name = known == kind_names().end() ? "kind " + std::to_string(kind) : std::string(known->second);
    out += "  " + std::to_string(f[fate_arrived]) + " " + std::to_string(f[fate_lost]) + " " +
           std::to_string(f[fate_twice]) + " " + std::to_string(f[fate_late]) + " " +
           std::to_string(f[fate_stale]) + "  " + name + "\n";
  }
  return out;
}

std::vector<std::uint64_t> Tally::numbers() const {
  std::vector<std::uint64_t> out(situations_.begin(), situations_.end());
  for (const auto& row : cells_) out.insert(out.end(), row.begin(), row.end());
  for (const auto& row : frames_) out.insert(out.end(), row.begin(), row.end());
  return out;
}

Tally Tally::of(const std::vector<std::uint64_t>& numbers) {
  Tally out;
  std::size_t at = 0;
  auto take = [&](std::uint64_t& into) {
    if (at < numbers.size()) into = numbers[at++];
  };
  for (auto& n : out.situations_) take(n);
  for (auto& row : out.cells_)
    for (auto& n : row) take(n);
  for (auto& row : out.frames_)
    for (auto& n : row) take(n);
  return out;
}

}  // namespace hirehall::sim
