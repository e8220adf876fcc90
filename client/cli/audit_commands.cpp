// audit list, export, verify.
#include <algorithm>
#include <functional>
#include <ostream>

#include "client/cli/command.h"
#include "client/src/body.h"
#include "common/audit.h"
#include "common/limits.h"
#include "common/wire.h"

namespace hirehall::cli {
namespace {

using client::Body;

constexpr std::string_view audit_columns = "index,at,who,from,act,target,reason,result";
constexpr std::int64_t longest_since_ms = INT64_C(3660) * 86'400'000;

struct Trail {
  std::int64_t first = 1, next = 1;
  std::string anchor, head;
  bool own_only = false;
};

enum class Order : std::uint8_t { oldest_first, newest_first };

// The entries that the options name, until `visit` says no. `page` is told the trail of each page before its
// entries come.
client::Status each_entry(Context& c, Order order, const std::function<void(const Trail&)>& page,
                          const std::function<bool(const Document&)>& visit, bool all = false) {
  const auto& v = c.values();
  std::int64_t cursor = 0;
  do {
    Body b;
    b.number(order == Order::newest_first ? "before" : "after", cursor);
    b.number("limit", static_cast<std::int64_t>(limits::audit_page_max));
    if (!all) {
      b.text("who", v.text("who"));
      b.text("act", v.text("act"));
      if (const auto since = v.number("since"); since != 0) b.number("since", wall_now_ms() - since);
      b.boolean("refused", v.flag("refused"));
    }
    auto answer = c.ask(static_cast<std::uint16_t>(wire::Kind::audit_list), b.take());
    if (!answer) return tl::unexpected(answer.error());
    page({answer->number("first"), answer->number("next"), answer->text("anchor"), answer->text("head"),
          answer->text("own_only") == "true"});
    for (const auto& entry : answer->items("entries"))
      if (!visit(entry)) return {};
    cursor = answer->number("cursor");
  } while (cursor != 0);
  return {};
}

void ignore(const Trail&) {}

std::string bytes_of(std::string_view hex) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    out.push_back(static_cast<char>(digit(hex[i]) * 16 + digit(hex[i + 1])));
  return out;
}

// The chain, computed again from the entries as they come.
class Chain {
 public:
  // Before a page: what lies before `first` went meanwhile, to keep the log within its bounds.
  void page(const Trail& trail) {
    trail_ = trail;
    if (last_ + 1 >= trail.first) return;
    last_ = trail.first - 1;
    link_ = bytes_of(trail.anchor);
  }
  bool add(const Document& entry) {
    const auto index = entry.number("index");
    const AuditEntry e{static_cast<std::uint64_t>(index),
                       entry.number("at"),
                       entry.text("who"),
                       entry.text("from"),
                       entry.text("act"),
                       entry.text("target"),
                       entry.text("reason"),
                       entry.text("result")};
    link_ = audit_link(link_, e);
    if (index != last_ + 1)
      wrong_ = "entry " + std::to_string(last_ + 1) + " is missing";
    else if (hex_of(link_) != entry.text("link"))
      wrong_ = "entry " + std::to_string(index) +
               " is not what was written, or does not follow from the one before it";
    last_ = index;
    return wrong_.empty();
  }
  // Nothing when it is sound.
  std::string wrong() const {
    if (!wrong_.empty()) return wrong_;
    if (last_ + 1 != trail_.next || hex_of(link_) != trail_.head)
      return "it ends at entry " + std::to_string(last_) + ", and its trail at " +
             std::to_string(trail_.next - 1);
    return {};
  }
  const Trail& trail() const { return trail_; }

 private:
  Trail trail_;
  std::int64_t last_ = -1;
  std::string link_, wrong_;
};

}  // namespace

void declare_audit(OptionTable& t) {
  t.text("who", "", "only acts of this principal", "PRINCIPAL");
  t.text("act", "", "only this act: queue_set, pause, cancel, …", "ACT");
  t.duration("since", 0, {0, longest_since_ms}, "only the last so long; 0: all");
  t.flag("refused", "only what was refused");
}

void declare_audit_list(OptionTable& t) {
  declare_audit(t);
  t.number("limit", 50, {1, 1'000'000}, "the latest so many");
}

int audit_list(Context& c) {
  const auto most = static_cast<std::size_t>(c.values().number("limit"));
  std::vector<Document> shown;
  auto done = each_entry(c, Order::newest_first, ignore, [&](const Document& entry) {
    shown.push_back(entry);
    return shown.size() < most;
  });
  if (!done) return c.complain(done.error());
  std::reverse(shown.begin(), shown.end());
  return c.show(shown, audit_columns);
}

// Page by page: the log may be larger than what fits memory twice.
int audit_export(Context& c) {
  const bool array = c.format() == Format::json;
  std::string before = array ? "[" : "";
  auto done = each_entry(c, Order::oldest_first, ignore, [&](const Document& entry) {
    if (c.format() != Format::none) c.out() << before << entry.json(false) << (array ? "" : "\n");
    before = array ? ",\n " : "";
    return static_cast<bool>(c.out());
  });
  if (!done) return c.complain(done.error());
  if (array) c.out() << (before == "[" ? "[]\n" : "]\n");
  return ok;
}

int audit_verify(Context& c) {
  Chain chain;
  auto done = each_entry(
      c, Order::oldest_first, [&](const Trail& trail) { chain.page(trail); },
      [&](const Document& entry) { return chain.add(entry); }, true);
  if (!done) return c.complain(done.error());
  if (chain.trail().own_only)
    return c.complain(
        "you see your own acts only, and the chain goes over all: somebody with a right to all "
        "tenants can verify it",
        denied);
  if (auto wrong = chain.wrong(); !wrong.empty())
    return c.complain("the audit log was changed: " + wrong, failure);
  Document d;
  d.set("outcome", "sound");
  d.set("first", chain.trail().first);
  d.set("entries", chain.trail().next - chain.trail().first);
  d.set("head", chain.trail().head);
  return c.show(d);
}

}  // namespace hirehall::cli
