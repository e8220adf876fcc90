// batch: tasks that were submitted under one name, counted together.
#include <ostream>

#include "client/cli/bulk.h"
#include "client/cli/command.h"
#include "client/cli/submit_options.h"
#include "client/src/body.h"
#include "client/src/inner.h"
#include "common/wire.h"

namespace hirehall::cli {
namespace {

using client::BatchInfo;
using client::Body;

constexpr std::string_view columns =
    "batch,tenant,state,total,open,succeeded,failed,cancelled,expired,progress";

client::Result<Document> ask_about(Context& c, wire::Kind kind, Body&& more = {}) {
  more.text("batch", c.operands()[0]);
  more.text("tenant", c.values().text("tenant"));
  return c.ask(static_cast<std::uint16_t>(kind), more.take());
}

int show_batch(Context& c, const client::Result<Document>& answer) {
  return answer ? c.show(*answer) : c.complain(answer.error());
}

int missing_name(Context& c) {
  return c.complain("the name of the batch is missing: `hirehall batch list` shows them");
}

// A value of a where-expression.
client::Result<std::string> quoted(std::string_view value) {
  for (char quote : {'\'', '"'})
    if (value.find(quote) == std::string_view::npos) return quote + std::string(value) + quote;
  return tl::unexpected(
      client::Error{client::ErrorCode::invalid,
                    "a name with both kinds of quotes cannot stand in an expression: use --where "
                    "with a piece of it (batch~…)",
                    std::string(value), 0});
}

int on_all(Context& c, const BulkDeed& deed) {
  if (c.operands().empty()) return missing_name(c);
  auto batch = ask_about(c, wire::Kind::batch_show);
  if (!batch) return c.complain(batch.error());
  auto name = quoted(batch->text("batch"));
  if (!name) return c.complain(name.error());
  auto tenant = quoted(batch->text("tenant"));
  if (!tenant) return c.complain(tenant.error());
  return in_bulk(c, deed, "batch=" + *name + " and tenant=" + *tenant, [](Body&) {});
}

}  // namespace

int batch_list(Context& c) {
  std::vector<Document> all;
  for (bool more = true; more;) {
    Body b;
    if (!all.empty()) {
      b.text("after_tenant", all.back().text("tenant"));
      b.text("after", all.back().text("batch"));
    }
    auto answer = c.ask(static_cast<std::uint16_t>(wire::Kind::batch_list), b.take());
    if (!answer) return c.complain(answer.error());
    auto some = answer->items("batches");
    all.insert(all.end(), some.begin(), some.end());
    more = answer->text("more") == "true" && !some.empty();
  }
  return c.show(all, columns);
}

int batch_show(Context& c) {
  if (c.operands().empty()) return missing_name(c);
  return show_batch(c, ask_about(c, wire::Kind::batch_show));
}

int batch_close(Context& c) {
  if (c.operands().empty()) return missing_name(c);
  client::TaskOptions then;
  then.type = c.values().text("then");
  then.queue = c.values().text("then-queue");
  const auto& payload = c.values().text("payload");
  if (then.type.empty() && !(payload.empty() && then.queue.empty()))
    return c.complain("--payload and --then-queue are for the task of --then TYPE");
  Body b;
  if (!then.type.empty()) b.raw("complete", client::encode_template(then));
  if (!payload.empty()) {
    auto read = read_payload(payload, true);
    if (!read) return c.complain(read.error());
    b.bin("payload", *read);
  }
  return show_batch(c, ask_about(c, wire::Kind::batch_close, std::move(b)));
}

int batch_wait(Context& c) {
  if (c.operands().empty()) return missing_name(c);
  auto cl = c.client();
  if (!cl) return c.complain(cl.error());
  auto done =
      (*cl)->batch_wait(c.operands()[0], c.values().number("wait-timeout"), c.values().text("tenant"));
  if (!done) return c.complain(done.error());
  if (int code = batch_show(c); code != ok) return code;
  return done->succeeded == done->total ? ok : task_failed;
}

int batch_cancel(Context& c) {
  return on_all(c, {"cancel", "cancelled"});
}

int batch_retry(Context& c) {
  return on_all(c, {"retry", "submitted anew", true});
}

void declare_batch(OptionTable& t) {
  t.text("tenant", "", "whose batch; the principal's own when not given", "TENANT");
}

void declare_batch_close(OptionTable& t) {
  declare_batch(t);
  t.text("then", "", "submit a task of this type, once, when all have ended", "TYPE");
  t.text("then-queue", "", "into this queue", "QUEUE");
  t.text("payload", "", "of that task: JSON, or @FILE, or - for stdin; the counts of the batch unless given",
         "JSON|@FILE|-");
}

void declare_batch_wait(OptionTable& t) {
  declare_batch(t);
  t.duration("wait-timeout", 3'600'000, {0, 3'600'000}, "how long to wait until all have ended");
}

void declare_batch_many(OptionTable& t) {
  declare_batch(t);
  t.text("reason", "", "why, kept with the tasks and the work");
  t.text("rate", "", "at most so many a second", "N");
  t.flag("background", "print the number of the work and do not wait for its end");
  t.flag("yes", "do it; otherwise only the count is shown");
}

}  // namespace hirehall::cli
