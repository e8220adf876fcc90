// bulk list, show, stop, wait; task move; and what the other verbs do with --where.
#include "client/cli/bulk.h"

#include <poll.h>

#include <algorithm>
#include <ostream>
#include <random>

#include "client/cli/submit_options.h"
#include "client/src/inner.h"
#include "common/where.h"
#include "common/wire.h"

namespace hirehall::cli {
namespace {

using client::Body;

constexpr int look_every_ms = 200;
constexpr std::string_view bulk_columns = "bulk,verb,state,done,passed,where,by,reason,started_at,ended_at";
constexpr std::string_view group_columns = "fingerprint,count,type,code,message,last_at,example";

std::uint16_t number(wire::Kind kind) {
  return static_cast<std::uint16_t>(kind);
}

// So that an answer that got lost on the way does not start the work twice.
std::string fresh_token() {
  std::random_device device;
  std::string token;
  for (int i = 0; i < 16; ++i) token += static_cast<char>(device() & 0xff);
  return token;
}

// The sum of a field over the parts of a walk; `each` may look at every part.
client::Result<std::int64_t> walk_parts(Context& c, wire::Kind kind, const std::function<void(Body&)>& ask,
                                        const std::function<std::int64_t(const Document&)>& each) {
  auto cl = c.client();
  if (!cl) return tl::unexpected(cl.error());
  std::int64_t sum = 0;
  std::string cursor;
  do {
    Body b;
    ask(b);
    if (!cursor.empty()) b.bin("cursor", cursor);
    auto answer = (*cl)->inner().call(kind, b.take());
    if (!answer) return tl::unexpected(answer.error());
    auto document = Document::from_body(*answer);
    if (!document) return tl::unexpected(document.error());
    sum += each(*document);
    auto page = client::read_page(*answer);
    if (!page) return tl::unexpected(page.error());
    cursor = page->cursor;
  } while (!cursor.empty());
  return sum;
}

client::Result<Document> look_at(Context& c, std::int64_t bulk) {
  Body b;
  b.number("bulk", bulk);
  auto answer = c.ask(number(wire::Kind::bulk_list), b.take());
  if (!answer) return tl::unexpected(answer.error());
  auto items = answer->items("bulks");
  if (items.empty())
    return tl::unexpected(client::Error{client::ErrorCode::not_found, "there is no such bulk work", {}, 0});
  return items.front();
}

int exit_of(const Document& bulk) {
  return bulk.text("state") == "done" ? ok : failure;
}

// Until it has ended; a person is told how far it is.
int follow(Context& c, std::int64_t bulk, std::int64_t total) {
  for (;;) {
    auto now = look_at(c, bulk);
    if (!now) return c.complain(now.error());
    bool running = now->text("state") == "running";
    if (c.err_is_terminal()) {
      c.err() << "\rhirehall: " << now->number("done") + now->number("passed");
      if (total >= 0) c.err() << " of " << total;
      c.err() << (running ? "" : "\n") << std::flush;
    }
    if (!running) {
      c.show(*now);
      return exit_of(*now);
    }
    ::poll(nullptr, 0, look_every_ms);
  }
}

client::Result<std::int64_t> number_of(const Context& c) {
  const auto text = c.operands().empty() ? std::string() : c.operands()[0];
  if (text.empty() || text.size() > 18 || text.find_first_not_of("0123456789") != std::string::npos)
    return tl::unexpected(client::Error{
        client::ErrorCode::invalid, "give the number of the bulk work: `hirehall bulk list` has it", {}, 0});
  return std::stoll(text);
}

}  // namespace

void declare_bulk(OptionTable& t) {
  t.text("where", "", "all that match: state=failed and queue=mail and age<1h (docs/where.md)", "WHERE");
  t.text("rate", "", "with --where: at most so many a second", "N");
  t.flag("background", "with --where: print the number of the work and do not wait for its end");
}

client::Result<std::string> where_of(const Context& c) {
  const auto& text = c.values().text("where");
  if (auto parsed = Where::parse(text); !parsed) {
    auto error = client::to_public(parsed.error());
    error.context = parsed.error().context;
    return tl::unexpected(error);
  }
  return text;
}

int complain_of_where(Context& c, const client::Error& error) {
  const auto& text = c.values().text("where");
  c.complain("--where: " + error.message);
  c.err() << where_pointer(text, Error{Code::invalid, error.message, error.context, 0});
  return usage;
}

int in_bulk(Context& c, const BulkDeed& deed, const std::string& where,
            const std::function<void(Body&)>& more) {
  std::int64_t rate = 0;
  if (const auto& text = c.values().text("rate"); !text.empty()) {
    if (text.size() > 7 || text.find_first_not_of("0123456789") != std::string::npos)
      return c.complain("--rate is '" + text + "'; give tasks per second");
    rate = std::stoll(text);
  }
  auto count = walk_parts(
      c, deed.dead ? wire::Kind::dead_list : wire::Kind::list,
      [&](Body& b) {
        b.text("where", where);
        b.boolean("count", true);
        if (!deed.dead) b.boolean("open", true);
      },
      [](const Document& part) { return part.number("count"); });
  if (!count) return c.complain(count.error());
  c.err() << "hirehall: " << *count << (*count == 1 ? " task matches\n" : " tasks match\n");
  if (!c.values().flag("yes"))
    return c.complain("nothing was done; add --yes and they are " + std::string(deed.done));
  Body b;
  b.text("verb", deed.verb);
  b.text("where", where);
  b.text("reason", c.values().text("reason"));
  b.bin("token", fresh_token());
  if (rate != 0) b.number("rate", rate);
  more(b);
  auto started = c.ask(number(wire::Kind::bulk_start), b.take());
  if (!started) return c.complain(started.error());
  auto bulk = started->number("bulk");
  if (c.values().flag("background")) return c.show(*started);
  return follow(c, bulk, *count);
}

int task_move(Context& c) {
  auto where = where_of(c);
  if (!where) return complain_of_where(c, where.error());
  if (where->empty()) return c.complain("say which tasks: --where 'queue=mail and type=letter'");
  const auto& queue = c.values().text("to-queue");
  auto priority = c.values().number("to-priority");
  if (queue.empty() && priority == 0) return c.complain("say where to: --to-queue, --to-priority or both");
  return in_bulk(c, {"move", "moved"}, *where, [&](Body& b) {
    b.text("queue", queue);
    if (priority != 0) b.number("priority", priority);
  });
}

int bulk_list(Context& c) {
  auto answer = c.ask(number(wire::Kind::bulk_list), Body().take());
  return answer ? c.show(answer->items("bulks"), bulk_columns) : c.complain(answer.error());
}

int bulk_show(Context& c) {
  auto bulk = number_of(c);
  if (!bulk) return c.complain(bulk.error());
  auto found = look_at(c, *bulk);
  return found ? c.show(*found) : c.complain(found.error());
}

int bulk_stop(Context& c) {
  auto bulk = number_of(c);
  if (!bulk) return c.complain(bulk.error());
  Body b;
  b.number("bulk", *bulk);
  auto answer = c.ask(number(wire::Kind::bulk_stop), b.take());
  if (!answer) return c.complain(answer.error());
  return bulk_show(c);
}

int bulk_wait(Context& c) {
  auto bulk = number_of(c);
  return bulk ? follow(c, *bulk, -1) : c.complain(bulk.error());
}

int dead_groups(Context& c) {
  auto where = where_of(c);
  if (!where) return complain_of_where(c, where.error());
  std::vector<Document> groups;
  auto add = [&](const Document& part) {
    for (const auto& group : part.items("groups")) {
      auto known = std::find_if(groups.begin(), groups.end(), [&](const Document& other) {
        return other.text("fingerprint") == group.text("fingerprint");
      });
      if (known == groups.end()) {
        groups.push_back(group);
        continue;
      }
      auto sum = group.copy();
      sum.set("count", known->number("count") + group.number("count"));
      sum.set("first_at", std::min(known->number("first_at"), group.number("first_at")));
      sum.set("last_at", std::max(known->number("last_at"), group.number("last_at")));
      *known = sum;
    }
    return std::int64_t{0};
  };
  auto walked = walk_parts(
      c, wire::Kind::dead_groups,
      [&](Body& b) {
        b.text("queue", c.values().text("queue"));
        b.text("where", *where);
      },
      add);
  if (!walked) return c.complain(walked.error());
  std::stable_sort(groups.begin(), groups.end(), [](const Document& a, const Document& b) {
    return a.number("count") > b.number("count");
  });
  return c.show(groups, group_columns);
}

}  // namespace hirehall::cli
