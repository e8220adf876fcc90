// The registry of agent definitions, as it is asked for.
#include "broker/server/broker.h"
#include "broker/server/list_page.h"
#include "common/log.h"
#include "common/msgpack.h"

namespace hirehall::server {
namespace {

struct AgentQuery {
  std::string name, version;
};

Result<AgentQuery> read_agent_query(std::string_view body) {
  AgentQuery query;
  msgpack::Reader r(body);
  auto pairs = r.map();
  std::string_view key;
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    key = r.str();
    if (key == "name")
      query.name = r.str();
    else if (key == "version")
      query.version = r.str();
    else
      r.skip();
  }
  if (!r.finished()) return fail(Code::bad_message, "a value has the wrong type", std::string(key));
  return query;
}

void write_agent(msgpack::Writer& w, const engine::AgentName& name, const engine::AgentRecord& agent) {
  w.entry("name", name.first);
  w.entry("version", name.second);
  w.entry("digest", agent.digest);
  w.str("types");
  w.array(agent.types.size());
  for (const auto& type : agent.types) w.str(type);
  w.entry("registered_by", agent.by);
  w.entry_sint("registered_at", agent.at);
}

}  // namespace

// In order of name and version, behind those that the request names.
void Broker::agent_list(Peer& peer, const Frame& frame) {
  auto query = read_agent_query(frame.body);
  if (!query) return refuse(peer, frame.header.request, query.error());
  const auto& agents = engine_.ledger().agents;
  // How many connected workers offer each, counted in one walk.
  std::map<engine::AgentName, std::uint64_t> workers;
  for (const auto& [number, session] : engine_.sessions())
    if (session.connected)
      for (const auto& agent : session.spec.agents) ++workers[{agent.name, agent.version}];
  std::string body;
  msgpack::Writer w(body);
  std::size_t count = 0;
  auto at = query->name.empty() ? agents.begin() : agents.upper_bound({query->name, query->version});
  for (; at != agents.end() && body.size() < limits::batch_bytes_max; ++at, ++count) {
    w.map(7);
    write_agent(w, at->first, at->second);
    auto offered = workers.find(at->first);
    w.entry_uint("workers", offered == workers.end() ? 0 : offered->second);
  }
  write_page(answer(peer, frame.header.request), "agents", count, body, at != agents.end());
}

// Without a version: of the versions, the one that was registered last.
void Broker::agent_show(Peer& peer, const Frame& frame) {
  auto request = frame.header.request;
  auto query = read_agent_query(frame.body);
  if (!query) return refuse(peer, request, query.error());
  const auto& agents = engine_.ledger().agents;
  auto found = agents.end();
  for (auto at = agents.lower_bound({query->name, query->version});
       at != agents.end() && at->first.first == query->name; ++at) {
    if (!query->version.empty() && at->first.second != query->version) break;
    if (found == agents.end() || at->second.at >= found->second.at) found = at;
  }
  if (found == agents.end()) {
    auto version = query->version.empty() ? "" : " " + query->version;
    return refuse(peer, request,
                  {Code::not_found, "no agent " + query->name + version + " is registered", "agent", 0});
  }
  auto workers = engine_.offering(found->first.first, found->first.second);
  msgpack::Writer w(answer(peer, request));
  w.map(7);
  write_agent(w, found->first, found->second);
  w.str("workers");
  w.array(workers.size());
  for (auto worker : workers) w.str(engine_.ledger().workers.at(worker).name);
}

void Broker::agent_forget(Peer& peer, const Frame& frame) {
  auto request = frame.header.request;
  auto query = read_agent_query(frame.body);
  if (!query) return refuse(peer, request, query.error());
  if (auto done = engine_.forget_agent(query->name, query->version); !done)
    return refuse(peer, request, done.error());
  log::info("agent forgotten",
            {{"agent", query->name}, {"version", query->version}, {"by", peer.principal->name}});
  msgpack::Writer(answer(peer, request)).map(0);
}

}  // namespace hirehall::server
