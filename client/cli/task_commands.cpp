// task get, wait, cancel, list, explain, answer, and the lists that work alike.
#include <ostream>

#include "client/cli/bulk.h"
#include "client/cli/reading.h"
#include "client/cli/submit_options.h"
#include "client/src/body.h"
#include "client/src/inner.h"
#include "common/limits.h"
#include "common/wire.h"

namespace hirehall::cli {
namespace {

using client::Body;
using client::TaskId;

constexpr std::string_view task_columns = "id,state,queue,type,priority,attempt,submitted_at,worker";
constexpr std::string_view dead_columns = "id,queue,type,failures,losses,finished_at";

client::Result<std::vector<TaskId>> ids_of(const Context& c) {
  std::vector<TaskId> ids;
  for (const auto& text : c.operands()) {
    auto id = TaskId::parse(text);
    if (!id) return tl::unexpected(id.error());
    ids.push_back(*id);
  }
  if (ids.empty())
    return tl::unexpected(client::Error{client::ErrorCode::invalid, "the id of a task is missing", {}, 0});
  return ids;
}

client::Result<Document> fetch(Context& c, const TaskId& id, bool payload) {
  Body b;
  b.bin("id", client::raw_of(id));
  b.boolean("payload", payload);
  auto task = c.ask(static_cast<std::uint16_t>(wire::Kind::get), b.take());
  if (!task && task.error().context.empty()) task.error().context = id.text();
  return task;
}

// What came of each task, `done` where nothing stood against it; the worst exit code.
template <typename Outcomes>
int show_outcomes(Context& c, const Outcomes& outcomes, std::string_view done) {
  int worst = ok;
  std::vector<Document> shown;
  for (const auto& o : outcomes) {
    Document d;
    d.set("id", o.id.text());
    d.set("outcome", o.error ? name_of(o.error->code) : done);
    if (o.error) worst = std::max(worst, exit_code_of(o.error->code));
    shown.push_back(d);
  }
  c.show(shown, "id,outcome");
  return worst;
}

// Walks pages until `limit` tasks are shown. jsonl streams; the other forms need them all.
int walk(Context& c, wire::Kind kind, const std::function<void(Body&)>& filter, std::string_view columns) {
  auto left = static_cast<std::size_t>(c.values().number("limit"));
  auto cl = c.client();
  if (!cl) return c.complain(cl.error());
  std::vector<Document> all;
  std::string cursor;
  while (left > 0) {
    Body b;
    filter(b);
    b.number("limit", static_cast<std::int64_t>(std::min<std::size_t>(left, 1000)));
    if (!cursor.empty()) b.bin("cursor", cursor);
    auto answer = (*cl)->inner().call(kind, b.take());
    if (!answer) return c.complain(answer.error());
    auto page = client::read_page(*answer);
    auto document = Document::from_body(*answer);
    if (!page || !document) return c.complain(page ? document.error() : page.error());
    auto tasks = document->items("tasks");
    left -= std::min(left, tasks.size());
    if (c.format() == Format::jsonl)
      c.show(tasks, columns);
    else
      all.insert(all.end(), tasks.begin(), tasks.end());
    cursor = page->cursor;
    if (cursor.empty()) break;
  }
  if (c.format() != Format::jsonl) c.show(all, columns);
  const bool asked = c.values().from("limit") != OptionValues::From::fallback;
  if (!cursor.empty() && !asked && c.format() == Format::text)
    c.err() << "hirehall: stopped after " << all.size() << ", there may be more: --limit N"
            << (c.values().declared("newest-first") && !c.values().flag("newest-first") ? ", --newest-first"
                                                                                        : "")
            << "\n";
  return ok;
}

}  // namespace

int task_get(Context& c) {
  auto ids = ids_of(c);
  if (!ids) return c.complain(ids.error());
  auto task = fetch(c, ids->front(), !c.values().flag("no-payload"));
  return task ? c.show(*task) : c.complain(task.error());
}

int dead_show(Context& c) {
  auto ids = ids_of(c);
  if (!ids) return c.complain(ids.error());
  auto task = fetch(c, ids->front(), true);
  if (!task) return c.complain(task.error());
  if (task->text("state") != "failed")
    return c.complain(
        "this task is no dead letter, it is " + task->text("state") + "; see `hirehall task get`", not_found);
  return c.show(*task);
}

int task_wait(Context& c) {
  auto ids = ids_of(c);
  if (!ids) return c.complain(ids.error());
  auto cl = c.client();
  if (!cl) return c.complain(cl.error());
  int worst = ok;
  auto deadline = wall_now_ms() + c.values().number("wait-timeout");
  for (const auto& id : *ids) {
    auto task = (*cl)->wait(id, std::max<std::int64_t>(0, deadline - wall_now_ms()));
    int code = task ? exit_code_of(task->state) : c.complain(task.error());
    worst = std::max(worst, code);
    if (!task) continue;
    auto whole = fetch(c, id, false);
    if (whole) c.show(*whole);
  }
  return worst;
}

int task_cancel(Context& c) {
  if (!c.values().text("where").empty()) {
    if (!c.operands().empty()) return c.complain("give ids or --where, not both");
    auto where = where_of(c);
    if (!where) return complain_of_where(c, where.error());
    return in_bulk(c, {"cancel", "cancelled"}, *where,
                   [&](Body& b) { b.number("grace_ms", c.values().number("grace")); });
  }
  auto ids = ids_of(c);
  if (!ids) return c.complain(ids.error());
  auto cl = c.client();
  if (!cl) return c.complain(cl.error());
  auto outcomes = (*cl)->cancel(*ids, c.values().text("reason"), c.values().number("grace"));
  if (!outcomes) return c.complain(outcomes.error());
  int worst = show_outcomes(c, *outcomes, "cancelled");
  if (worst != ok) c.err() << "hirehall: not every task could be cancelled (terminal: it had ended before)\n";
  return worst;
}

int task_list(Context& c) {
  auto where = where_of(c);
  if (!where) return complain_of_where(c, where.error());
  return walk(
      c, wire::Kind::list,
      [&](Body& b) {
        b.text("where", *where);
        for (const char* key : {"queue", "state", "tenant", "type", "batch"})
          b.text(key, c.values().text(key));
        if (c.values().flag("newest-first")) b.boolean("newest_first", true);
      },
      task_columns);
}

int dead_list(Context& c) {
  auto where = where_of(c);
  if (!where) return complain_of_where(c, where.error());
  return walk(
      c, wire::Kind::dead_list,
      [&](Body& b) {
        b.text("queue", c.values().text("queue"));
        b.text("where", *where);
      },
      dead_columns);
}

std::string deadline_in_words(const Document& deadline) {
  auto words = deadline.text("outlook") + ": " +
               reading_of_ms(static_cast<double>(deadline.number("left_ms"))) + " left";
  if (deadline.has("p50_ms"))
    words += ", an end is expected in " + reading_of_ms(static_cast<double>(deadline.number("p50_ms"))) +
             " (9 of 10 times within " + reading_of_ms(static_cast<double>(deadline.number("p90_ms"))) + ")";
  return words;
}

std::string cost_in_words(const Document& cost) {
  auto words = reading_of_ms(static_cast<double>(cost.number("expected_ms"))) + " of a slot expected";
  if (cost.number("weight") > 1) words += ", times " + cost.text("weight") + " for its resources";
  if (cost.has("charged_ms"))
    words += "; charged so far " + reading_of_ms(static_cast<double>(cost.number("charged_ms")));
  return words + "; its lane had " + reading_of_ms(static_cast<double>(cost.number("lane_lately_ms"))) +
         " in the last minute";
}

int task_explain(Context& c) {
  auto ids = ids_of(c);
  if (!ids) return c.complain(ids.error());
  Body b;
  b.bin("id", client::raw_of(ids->front()));
  auto answer = c.ask(static_cast<std::uint16_t>(wire::Kind::explain), b.take());
  if (!answer) return c.complain(answer.error());
  if (c.format() != Format::text) return c.show(*answer);
  std::vector<Document> why;  // the details are for programs
  for (const auto& reason : answer->items("why")) {
    auto& row = why.emplace_back();
    row.set("what", reason.text("what")).set("message", reason.text("message"));
  }
  Document shown;
  shown.set("state", answer->text("state"));
  if (const auto labels = answer->child("preferred_labels"); !labels.keys().empty()) {
    std::string words;
    for (const auto& key : labels.keys()) words += (words.empty() ? "" : ", ") + key + "=" + labels.text(key);
    shown.set("preferred_labels", words);
  }
  if (answer->has("deadline")) shown.set("deadline", deadline_in_words(answer->child("deadline")));
  if (answer->has("cost")) shown.set("cost", cost_in_words(answer->child("cost")));
  shown.set("why", why);
  std::vector<Document> awards, terms,
      absent;  // terms, and who was asked in vain, of the last award that has any
  for (const auto& award : answer->items("awards")) {
    auto& row = awards.emplace_back();
    for (const auto& key : award.keys())
      if (const auto inner = award.items(key); key == "absent")
        absent = inner;
      else if (inner.empty())
        row.set(key, award.text(key));
      else
        terms = inner;
  }
  shown.set("awards", awards);
  if (!terms.empty()) shown.set("terms", terms);
  if (!absent.empty()) shown.set("absent", absent);
  return c.show(shown);
}

int task_answer(Context& c) {
  auto ids = ids_of(c);
  if (!ids) return c.complain(ids.error());
  if (!is_json(c.values().text("value")))
    return c.complain("--value is not JSON; quote texts: --value '\"yes\"'");
  Body b;
  b.bin("id", client::raw_of(ids->front()));
  b.bin("value", c.values().text("value"));
  b.text("content_type", "application/json");
  auto answer = c.ask(static_cast<std::uint16_t>(wire::Kind::answer), b.take());
  if (!answer) return c.complain(answer.error());
  Document d;
  d.set("id", ids->front().text());
  d.set("outcome", "answered");
  return c.show(d);
}

namespace {

// Every dead letter of a queue. They leave the list as they are retried, so it is read to its end first.
client::Result<std::vector<TaskId>> all_dead(client::Client& cl, const std::string& queue) {
  std::vector<TaskId> ids;
  client::ListQuery query;
  query.queue = queue;
  query.limit = 1000;
  do {
    auto page = cl.dead(query);
    if (!page) return tl::unexpected(page.error());
    for (const auto& task : page->tasks) ids.push_back(task.id);
    query.cursor = page->cursor;
  } while (!query.cursor.empty());
  return ids;
}

}  // namespace

namespace {

// --where together with the other ways to say which; 0: it is the only one.
int only_where(Context& c) {
  if (!c.operands().empty() || c.values().flag("all") || !c.values().text("queue").empty())
    return c.complain("give ids, --all or --where, one of them");
  return ok;
}

int dead_retry_where(Context& c) {
  auto where = where_of(c);
  if (!where) return complain_of_where(c, where.error());
  if (int wrong = only_where(c); wrong != ok) return wrong;
  const auto& given = c.values().text("payload");
  auto payload = given.empty() ? client::Result<std::string>() : read_payload(given, true);
  if (!payload) return c.complain(payload.error());
  return in_bulk(c, {"retry", "submitted anew", true}, *where, [&](Body& b) {
    if (!given.empty()) b.bin("payload", *payload);
    b.text("queue", c.values().text("to-queue"));
    if (auto priority = c.values().number("to-priority"); priority != 0) b.number("priority", priority);
  });
}

}  // namespace

int dead_retry(Context& c) {
  if (!c.values().text("where").empty()) return dead_retry_where(c);
  for (const char* option : {"payload", "to-queue", "rate"})
    if (!c.values().text(option).empty()) return c.complain("--" + std::string(option) + " needs --where");
  auto cl = c.client();
  if (!cl) return c.complain(cl.error());
  bool all = c.values().flag("all");
  if (all && !c.operands().empty()) return c.complain("give ids or --all, not both");
  auto ids = all ? all_dead(**cl, c.values().text("queue")) : ids_of(c);
  if (!ids) return c.complain(ids.error());
  if (all) {
    c.err() << "hirehall: " << ids->size() << " dead letters\n";
    if (!c.values().flag("yes")) return c.complain("nothing was done; add --yes to submit them anew");
  }
  auto outcomes = (*cl)->dead_retry(*ids);
  if (!outcomes) return c.complain(outcomes.error());
  int worst = ok;
  std::vector<Document> shown;
  for (const auto& o : *outcomes) {
    Document d;
    d.set("dead", o.dead.text());
    if (o.task)
      d.set("id", o.task->text());
    else
      d.set("error", name_of(o.task.error().code)),
          worst = std::max(worst, exit_code_of(o.task.error().code));
    shown.push_back(d);
  }
  c.show(shown, "dead,id,error");
  return worst;
}

int dead_purge(Context& c) {
  if (!c.values().text("where").empty()) {
    auto where = where_of(c);
    if (!where) return complain_of_where(c, where.error());
    if (int wrong = only_where(c); wrong != ok) return wrong;
    return in_bulk(c, {"purge", "purged", true}, *where, [](Body&) {});
  }
  auto cl = c.client();
  if (!cl) return c.complain(cl.error());
  bool all = c.values().flag("all");
  if (all && !c.operands().empty()) return c.complain("give ids or --all, not both");
  auto ids = all ? all_dead(**cl, c.values().text("queue")) : ids_of(c);
  if (!ids) return c.complain(ids.error());
  if (all) c.err() << "hirehall: " << ids->size() << " dead letters\n";
  if (all && !c.values().flag("yes")) return c.complain("nothing was done; add --yes to purge them");
  auto outcomes = (*cl)->dead_purge(*ids, c.values().text("reason"));
  if (!outcomes) return c.complain(outcomes.error());
  return show_outcomes(c, *outcomes, "purged");
}

namespace {

// Cancels up to `most` tasks in this state, oldest first: those that come meanwhile are not purged for ever.
client::Result<std::size_t> cancel_all(client::Client& cl, const std::string& queue, client::State state,
                                       std::size_t most, const std::string& reason) {
  std::size_t cancelled = 0;
  client::ListQuery query;
  query.queue = queue;
  query.state = std::string(name_of(state));
  std::size_t seen = 0;
  do {
    query.limit = std::min<std::size_t>(most - seen, 1000);
    auto page = cl.list(query);
    if (!page) return tl::unexpected(page.error());
    std::vector<TaskId> ids;
    for (const auto& task : page->tasks) ids.push_back(task.id);
    auto outcomes = cl.cancel(ids, reason);
    if (!outcomes) return tl::unexpected(outcomes.error());
    for (const auto& o : *outcomes) cancelled += !o.error;
    seen += ids.size();
    query.cursor = page->cursor;
  } while (!query.cursor.empty() && seen < most);
  return cancelled;
}

}  // namespace

int queue_purge(Context& c) {
  if (c.operands().empty()) return c.complain("the name of the queue is missing");
  const auto& name = c.operands()[0];
  auto cl = c.client();
  if (!cl) return c.complain(cl.error());
  auto queue = (*cl)->queue(name);
  if (!queue) return c.complain(queue.error());
  c.err() << "hirehall: " << queue->ready + queue->scheduled << " tasks are queued in " << name << "\n";
  if (!c.values().flag("yes")) return c.complain("nothing was done; add --yes to cancel them");
  std::size_t cancelled = 0;
  for (auto [state, most] :
       {std::pair{client::State::scheduled, queue->scheduled}, {client::State::ready, queue->ready}}) {
    if (most == 0) continue;
    auto some = cancel_all(**cl, name, state, most, c.values().text("reason"));
    if (!some) return c.complain(some.error());
    cancelled += *some;
  }
  Document d;
  d.set("queue", name);
  d.set("cancelled", static_cast<std::int64_t>(cancelled));
  return c.show(d);
}

}  // namespace hirehall::cli
