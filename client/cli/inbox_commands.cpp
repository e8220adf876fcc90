// inbox: what waits for people, and their answers.
#include <ostream>

#include "client/cli/command.h"
#include "client/src/body.h"
#include "client/src/inner.h"
#include "common/wire.h"

namespace hirehall::cli {
namespace {

using client::Body;
using client::TaskId;

constexpr std::string_view columns = "id,queue,type,on,asks,asked_at,due_at";

// One line of the list: the question's own words, or what a policy wants.
Document row_of(const Document& item) {
  auto question = item.child("question");
  Document row = item.copy();
  auto stage = question.text("stage");
  auto asks = question.text("question");
  if (stage == "award") asks = "approve before it runs";
  if (stage == "release") asks = "approve its result";
  row.set("on", question.text("on"));
  row.set("asks", asks);
  row.set("asked_at", question.number("asked_at"));
  if (question.has("due_at")) row.set("due_at", question.number("due_at"));
  return row;
}

client::Result<TaskId> id_of(const Context& c) {
  if (c.operands().empty())
    return tl::unexpected(client::Error{client::ErrorCode::invalid, "the id of a task is missing", {}, 0});
  return TaskId::parse(c.operands()[0]);
}

int say(Context& c, const TaskId& id, Body& b, std::string_view outcome) {
  b.bin("id", client::raw_of(id));
  b.text("reason", c.values().text("reason"));
  auto answer = c.ask(static_cast<std::uint16_t>(wire::Kind::answer), b.take());
  if (!answer) return c.complain(answer.error());
  Document d;
  d.set("id", id.text());
  d.set("outcome", outcome);
  return c.show(d);
}

int decide(Context& c, std::string_view decision, std::string_view outcome, bool with_value) {
  auto id = id_of(c);
  if (!id) return c.complain(id.error());
  Body b;
  b.text("decision", decision);
  if (with_value) {
    if (c.operands().size() < 2) return c.complain("an edit needs the new payload or result: JSON");
    if (!is_json(c.operands()[1])) return c.complain("the value is not JSON; quote texts: '\"yes\"'");
    b.bin("value", c.operands()[1]);
  }
  return say(c, *id, b, outcome);
}

}  // namespace

int inbox_list(Context& c) {
  auto left = static_cast<std::size_t>(c.values().number("limit"));
  std::vector<Document> all;
  auto cl = c.client();
  if (!cl) return c.complain(cl.error());
  std::string cursor;
  do {
    Body b;
    for (const char* key : {"queue", "tenant", "on"}) b.text(key, c.values().text(key));
    b.number("limit", static_cast<std::int64_t>(std::min<std::size_t>(left, 1000)));
    if (!cursor.empty()) b.bin("cursor", cursor);
    auto body = (*cl)->inner().call(wire::Kind::inbox, b.take());
    if (!body) return c.complain(body.error());
    auto page = client::read_inbox(*body);
    auto document = Document::from_body(*body);
    if (!page || !document) return c.complain(page ? document.error() : page.error());
    for (const auto& item : document->items("tasks")) all.push_back(row_of(item));
    left -= std::min(left, document->items("tasks").size());
    cursor = page->cursor;
  } while (!cursor.empty() && left > 0);
  return c.show(all, columns);
}

int inbox_show(Context& c) {
  auto id = id_of(c);
  if (!id) return c.complain(id.error());
  Body b;
  b.bin("id", client::raw_of(*id));
  auto task = c.ask(static_cast<std::uint16_t>(wire::Kind::get), b.take());
  if (!task) return c.complain(task.error());
  if (!task->has("question"))
    return c.complain("this task waits for no answer, it is " + task->text("state") +
                          "; `hirehall inbox list` shows those that do",
                      not_found);
  return c.show(*task);
}

int inbox_answer(Context& c) {
  auto id = id_of(c);
  if (!id) return c.complain(id.error());
  if (c.operands().size() < 2) return c.complain("the answer is missing: JSON, or plain words with --text");
  auto value = c.operands()[1];
  if (c.values().flag("text")) value = json_string(value);
  if (!is_json(value)) return c.complain("the answer is not JSON; quote texts, or add --text");
  Body b;
  b.bin("value", value);
  return say(c, *id, b, "answered");
}

int inbox_approve(Context& c) {
  return decide(c, "approve", "approved", false);
}

int inbox_reject(Context& c) {
  return decide(c, "reject", "rejected", false);
}

int inbox_edit(Context& c) {
  return decide(c, "edit", "edited", true);
}

void declare_inbox_list(OptionTable& t) {
  t.text("queue", "", "only of this queue", "QUEUE");
  t.text("tenant", "", "only of this tenant", "TENANT");
  t.text("on", "", "only what waits for this: input, approval, signal", "WHAT");
  t.number("limit", 50, {1, 10'000'000}, "stop after so many");
}

void declare_inbox_reason(OptionTable& t) {
  t.text("reason", "", "why, kept in the history of the task");
}

void declare_inbox_answer(OptionTable& t) {
  declare_inbox_reason(t);
  t.flag("text", "the answer is a text as it stands, no JSON");
}

}  // namespace hirehall::cli
