// agent list, show, forget, stats, unlearn.
#include "client/cli/command.h"
#include "client/src/body.h"
#include "client/src/inner.h"
#include "common/wire.h"

namespace hirehall::cli {
namespace {

using client::Body;

constexpr std::string_view agent_columns = "name,version,types,workers,registered_by,registered_at,digest";

constexpr std::string_view stats_columns =
    "name,version,type,outcomes,success_per_mille,success_low,success_high,p50_ms,p90_ms,p99_ms,cost,quality";

constexpr std::string_view weight_columns = "agent,feature,kind,weight,sd,seen,low,high";

constexpr std::string_view factor_columns =
    "agent,of,feature,kind,factor,factor_low,factor_high,seen,low,high,believed";

void collect(const std::vector<Document>& agents, const char* key, const char* of,
             std::vector<Document>& all) {
  for (const auto& agent : agents)
    for (const auto& weight : agent.items(key)) {
      auto row = weight.copy();
      row.set("agent", agent.text("name"));
      row.set("of", of);
      all.push_back(std::move(row));
    }
}

// Under the table of agents: what each has learned of the features of the type that was asked for.
int show_weights(Context& c, const std::vector<Document>& agents) {
  std::vector<Document> weights, factors;
  collect(agents, "features", "success", weights);
  collect(agents, "duration_features", "duration", factors);
  collect(agents, "cost_features", "cost", factors);
  int shown = ok;
  for (const auto& [rows, columns] : {std::pair{&weights, weight_columns}, {&factors, factor_columns}}) {
    if (rows->empty()) continue;
    c.out() << "\n";
    shown = std::max(shown, c.show(*rows, columns));
  }
  return shown;
}

client::Result<Document> about(Context& c, wire::Kind kind) {
  Body b;
  b.text("name", c.operands()[0]);
  b.text("version", c.values().text("agent-version"));
  auto answer = c.ask(static_cast<std::uint16_t>(kind), b.take());
  if (!answer && answer.error().context.empty()) answer.error().context = c.operands()[0];
  return answer;
}

}  // namespace

std::vector<std::string> agent_names(client::Client& client) {
  std::vector<std::string> out;
  auto answer = client.inner().call(wire::Kind::agent_list, Body().take());
  auto page = answer ? Document::from_body(*answer) : tl::unexpected(answer.error());
  if (!page) return out;
  for (const auto& agent : page->items("agents")) out.push_back(agent.text("name"));
  return out;
}

int agent_list(Context& c) {
  std::vector<Document> all;
  for (bool more = true; more;) {
    Body b;
    if (!all.empty()) {
      b.text("name", all.back().text("name"));
      b.text("version", all.back().text("version"));
    }
    auto answer = c.ask(static_cast<std::uint16_t>(wire::Kind::agent_list), b.take());
    if (!answer) return c.complain(answer.error());
    auto page = answer->items("agents");
    all.insert(all.end(), page.begin(), page.end());
    more = !page.empty() && answer->text("more") == "true";
  }
  return c.show(all, agent_columns);
}

int agent_show(Context& c) {
  if (c.operands().empty()) return c.complain("the name of the agent is missing");
  auto answer = about(c, wire::Kind::agent_show);
  return answer ? c.show(*answer) : c.complain(answer.error());
}

int agent_forget(Context& c) {
  if (c.operands().empty()) return c.complain("the name of the agent is missing");
  if (c.values().text("agent-version").empty()) return c.complain("--agent-version is missing");
  auto answer = about(c, wire::Kind::agent_forget);
  if (!answer) return c.complain(answer.error());
  Document d;
  d.set("name", c.operands()[0]);
  d.set("version", c.values().text("agent-version"));
  d.set("outcome", "forgotten");
  return c.show(d);
}

int agent_stats(Context& c) {
  std::vector<Document> all;
  for (bool more = true; more;) {
    Body b;
    if (!c.operands().empty()) b.text("name", c.operands()[0]);
    b.text("type", c.values().text("type"));
    if (!all.empty()) {
      b.text("after_name", all.back().text("name"));
      b.text("after_type", all.back().text("type"));
    }
    auto answer = c.ask(static_cast<std::uint16_t>(wire::Kind::agent_stats), b.take());
    if (!answer) return c.complain(answer.error());
    auto page = answer->items("agents");
    all.insert(all.end(), page.begin(), page.end());
    more = !page.empty() && answer->text("more") == "true";
  }
  const auto shown = c.show(all, stats_columns);
  return c.format() == Format::text ? show_weights(c, all) : shown;
}

int agent_unlearn(Context& c) {
  if (c.operands().empty()) return c.complain("the name of the agent is missing");
  Body b;
  b.text("name", c.operands()[0]);
  auto answer = c.ask(static_cast<std::uint16_t>(wire::Kind::agent_unlearn), b.take());
  if (!answer) return c.complain(answer.error());
  Document d;
  d.set("name", c.operands()[0]);
  d.set("outcome", "unlearned");
  return c.show(d);
}

}  // namespace hirehall::cli
