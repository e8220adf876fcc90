#include "client/cli/top.h"

#include <algorithm>
#include <array>
#include <map>

#include "client/cli/command.h"
#include "common/options.h"

namespace hirehall::cli {
namespace {

constexpr std::array<std::string_view, top_tabs> tab_names{"queues", "workers", "tasks", "tenants"};
constexpr std::size_t lines_around = 6;  // head, numbers, tabs, a blank, heading of the table, foot

std::int64_t per_second(std::int64_t difference, std::int64_t ms) {
  return ms <= 0 ? 0 : difference * 1000 / ms;
}

std::int64_t ended_of(const Document& stats) {
  auto tasks = stats.child("tasks");
  auto sum = stats.number("removed");
  for (const char* state : {"succeeded", "failed", "cancelled", "expired"}) sum += tasks.number(state);
  return sum;
}

const Document* same(const std::vector<Document>& all, const Document& one, std::string_view key) {
  for (const auto& other : all)
    if (other.text(key) == one.text(key)) return &other;
  return nullptr;
}

// Names upwards, numbers downwards: the busiest are on top.
void sort_rows(std::vector<Document>& rows, const std::string& key) {
  std::stable_sort(rows.begin(), rows.end(), [&](const Document& a, const Document& b) {
    if (a.number(key) != b.number(key)) return a.number(key) > b.number(key);
    return a.text(key) < b.text(key);
  });
}

std::string painted(const TopView& view, std::string_view with, const std::string& text) {
  return view.coloured ? std::string(with) + text + std::string(colour::reset) : text;
}

std::string head(const TopSample& now, const TopView& view) {
  auto up = now.stats.number("uptime_ms") / 1000;
  std::string out = painted(view, colour::bold, "hirehall top") + "  " + view.broker + "  up " +
                    render_duration(up < 120 ? up * 1000 : up / 60 * 60'000) + "  " + render_time(now.at_ms);
  if (view.paused) out += painted(view, colour::yellow, "  held, space goes on");
  if (!view.trouble.empty()) out += painted(view, colour::red, "  " + view.trouble);
  return out + "\n";
}

std::string numbers(const TopSample& before, const TopSample& now, const TopView& view) {
  auto tasks = now.stats.child("tasks");
  auto rates = top_rates(before, now);
  std::string out;
  for (const char* state : {"ready", "leased", "scheduled", "suspended", "failed"})
    out += std::string(out.empty() ? "" : "  ") + state + " " +
           painted(view, colour::bold, std::to_string(tasks.number(state)));
  out += "  in " + painted(view, colour::bold, rates.text("accepted") + "/s") + "  ended " +
         painted(view, colour::bold, rates.text("ended") + "/s") + "  commits " +
         painted(view, colour::bold, rates.text("commits") + "/s");
  return out + "\n";
}

std::string tabs(const TopView& view) {
  std::string out;
  for (std::size_t i = 0; i < tab_names.size(); ++i) {
    std::string name = " " + std::to_string(i + 1) + " " + std::string(tab_names[i]) + " ";
    bool chosen = i == static_cast<std::size_t>(view.tab);
    if (chosen && !view.coloured) name = "[" + name.substr(1, name.size() - 2) + "]";
    out += chosen ? painted(view, colour::reversed, name) : name;
  }
  if (view.tab == TopTab::tenants) out += "  the 1,000 with most open tasks; ended ones: since ever";
  if (view.tab == TopTab::tasks) out += "  that run, the newest 200";
  return out + "\n\n";
}

}  // namespace

Document top_rates(const TopSample& before, const TopSample& now) {
  auto ms = now.at_ms - before.at_ms;
  auto rate = [&](const char* key) {
    return per_second(now.stats.number(key) - before.stats.number(key), ms);
  };
  Document d;
  d.set("accepted", rate("accepted"));
  d.set("ended", per_second(ended_of(now.stats) - ended_of(before.stats), ms));
  d.set("commits", rate("commits"));
  d.set("syncs", rate("syncs"));
  return d;
}

std::vector<Document> top_rows(const TopSample& before, const TopSample& now, TopTab tab) {
  if (tab == TopTab::tasks) return now.tasks;
  if (tab == TopTab::tenants) return now.tenants;
  auto ms = now.at_ms - before.at_ms;
  bool queues = tab == TopTab::queues;
  std::vector<Document> rows;
  for (const auto& one : queues ? now.queues : now.workers) {
    auto& row = rows.emplace_back(one.copy());
    const auto* earlier = same(queues ? before.queues : before.workers, one, queues ? "queue" : "worker");
    auto since = [&](std::string_view key) {
      return earlier == nullptr ? 0 : per_second(one.number(key) - earlier->number(key), ms);
    };
    if (queues)
      row.set("ready_per_s", since("ready")), row.set("oldest_s", one.number("oldest_ready_ms") / 1000);
    else
      row.set("done_per_s", since("done"));
  }
  return rows;
}

std::string top_columns(TopTab tab) {
  switch (tab) {
    case TopTab::queues:
      return "queue,ready,ready_per_s,leased,scheduled,suspended,dead,oldest_s,weight,paused";
    case TopTab::workers:
      return "name,held,slots,done,done_per_s,connected,draining";
    case TopTab::tasks:
      return "id,queue,type,worker,attempt,priority,tenant,submitted_at";
    case TopTab::tenants:
      break;
  }
  return "tenant,ready,leased,scheduled,suspended,succeeded,failed,cancelled,expired";
}

std::string top_screen(const TopSample& before, const TopSample& now, TopView& view, ScreenSize size) {
  auto rows = top_rows(before, now, view.tab);
  auto columns = split_columns(top_columns(view.tab));
  const auto& key = columns[view.sort % columns.size()];
  bool as_it_comes = view.tab == TopTab::tasks && view.sort == 0;
  if (!as_it_comes) sort_rows(rows, key);
  std::size_t room = size.rows > lines_around + 1 ? size.rows - lines_around - 1 : 1;
  view.scroll = std::min(view.scroll, rows.size() > room ? rows.size() - room : 0);
  rows.erase(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(view.scroll));
  bool more = rows.size() > room;
  if (more) rows.erase(rows.begin() + static_cast<std::ptrdiff_t>(room), rows.end());
  auto text = head(now, view) + numbers(before, now, view) + tabs(view) +
              render_table(rows, top_columns(view.tab), view.coloured);
  if (rows.empty()) text += painted(view, colour::dim, "none") + "\n";
  auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  if (size.rows > lines + 1) text.append(size.rows - lines - 1, '\n');
  return text + painted(view, colour::dim,
                        "Tab, 1-4: page   s: sorted by " + key + "   up, down: scroll" +
                            (more ? " (more below)" : "") + "   space: hold   +, -: every " +
                            render_duration(view.interval_ms) + "   q: end");
}

Document top_document(const TopSample& before, const TopSample& now) {
  Document d;
  d.set("at", render_time(now.at_ms));
  d.set("interval_ms", now.at_ms - before.at_ms);
  d.set("rates", top_rates(before, now));
  d.set("stats", now.stats);
  for (std::size_t i = 0; i < top_tabs; ++i)
    d.set(tab_names[i], top_rows(before, now, static_cast<TopTab>(i)));
  return d;
}

}  // namespace hirehall::cli
