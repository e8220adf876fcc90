// Questions of suspended tasks, and their answers.
#include "client/src/body.h"
#include "client/src/convert.h"
#include "client/src/inner.h"

namespace hirehall::client {
namespace {

constexpr std::string_view word_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::approve:
      return "approve";
    case Verdict::reject:
      return "reject";
    case Verdict::edit:
      break;
  }
  return "edit";
}

Status sent(Client::Inner& inner, const TaskId& id, Body& body) {
  body.bin("id", raw_of(id));
  auto answer = inner.call(wire::Kind::answer, body.take());
  if (answer) return {};
  if (answer.error().context.empty()) answer.error().context = id.text();
  return tl::unexpected(answer.error());
}

}  // namespace

Result<InboxPage> Client::inbox(const InboxQuery& query) {
  Body b;
  b.text("queue", query.queue);
  b.text("tenant", query.tenant);
  b.text("on", query.on);
  if (!query.cursor.empty()) b.bin("cursor", query.cursor);
  b.number("limit", static_cast<std::int64_t>(query.limit));
  auto body = inner_->call(wire::Kind::inbox, b.take());
  if (!body) return tl::unexpected(body.error());
  return read_inbox(*body);
}

Status Client::answer(const TaskId& id, std::string_view value, std::string_view reason) {
  Body b;
  b.bin("value", value);
  b.text("reason", reason);
  return sent(*inner_, id, b);
}

Status Client::decide(const TaskId& id, Verdict verdict, std::string_view reason, std::string_view value) {
  Body b;
  b.text("decision", word_of(verdict));
  b.text("reason", reason);
  if (!value.empty() || verdict == Verdict::edit) b.bin("value", value);
  return sent(*inner_, id, b);
}

}  // namespace hirehall::client
