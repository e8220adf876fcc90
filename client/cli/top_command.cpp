// hirehall top: samples of the broker on a full screen, until q.
#include <poll.h>

#include <algorithm>
#include <iostream>

#include "client/cli/command.h"
#include "client/cli/top.h"
#include "client/src/body.h"
#include "common/wire.h"

namespace hirehall::cli {
namespace {

constexpr std::int64_t interval_min_ms = 250;
constexpr std::int64_t tasks_shown = 200;

client::Result<std::vector<Document>> listed(Context& c, std::string_view state, std::int64_t limit) {
  client::Body b;
  if (!state.empty()) b.text("state", std::string(state));
  b.number("limit", limit);
  b.boolean("newest_first", true);
  auto answer = c.ask(static_cast<std::uint16_t>(wire::Kind::list), b.take());
  if (!answer) return tl::unexpected(answer.error());
  return answer->items("tasks");
}

// What a tab does not show is not asked for: a look costs the broker as little as it can.
client::Result<TopSample> sample(Context& c, bool tasks, bool tenants) {
  auto ask = [&](wire::Kind kind) { return c.ask(static_cast<std::uint16_t>(kind), client::Body().take()); };
  TopSample s;
  auto stats = ask(wire::Kind::stats);
  if (!stats) return tl::unexpected(stats.error());
  s.at_ms = wall_now_ms();
  s.stats = *stats;
  auto queues = ask(wire::Kind::queue_list);
  if (!queues) return tl::unexpected(queues.error());
  s.queues = queues->items("queues");
  auto workers = ask(wire::Kind::worker_list);
  if (!workers) return tl::unexpected(workers.error());
  s.workers = workers->items("workers");
  if (tasks) {
    auto found = listed(c, "leased", tasks_shown);
    if (!found) return tl::unexpected(found.error());
    s.tasks = std::move(*found);
  }
  if (tenants) {
    auto found = ask(wire::Kind::tenant_list);
    if (!found) return tl::unexpected(found.error());
    s.tenants = found->items("tenants");
  }
  return s;
}

int once(Context& c) {
  auto before = sample(c, false, false);
  if (!before) return c.complain(before.error());
  ::poll(nullptr, 0, static_cast<int>(c.values().number("interval")));
  auto now = sample(c, true, true);
  if (!now) return c.complain(now.error());
  if (c.format() != Format::text) return c.show(top_document(*before, *now));
  for (std::size_t i = 0; i < top_tabs; ++i) {
    auto tab = static_cast<TopTab>(i);
    c.show(top_rows(*before, *now, tab), top_columns(tab));
    if (i + 1 < top_tabs) c.out() << "\n";
  }
  return ok;
}

class Top {
 public:
  Top(Context& c, TopSample first) : c_(c), before_(first), now_(std::move(first)) {
    view_.coloured = c.coloured();
    view_.interval_ms = c.values().number("interval");
    view_.broker = c.values().text("broker").empty() ? client::default_endpoint() : c.values().text("broker");
  }

  int run() {
    FullScreen screen(c_.out());
    auto next = wall_now_ms() + std::min(view_.interval_ms, interval_min_ms);  // the first rates come soon
    for (;;) {
      auto size = screen_size();
      c_.out() << page(top_screen(before_, now_, view_, size), size) << std::flush;
      auto left = std::max<std::int64_t>(0, next - wall_now_ms());
      int key = screen.key(view_.paused ? 60'000 : left);
      if (key == 'q' || key == 'Q' || key == 3 || key == 4 || key == FullScreen::ended) return ok;
      if (obey(key)) next = 0;
      if (view_.paused || wall_now_ms() < next) continue;
      look();
      next = wall_now_ms() + view_.interval_ms;
    }
  }

 private:
  // true: look at once
  bool obey(int key) {
    auto tab = static_cast<std::size_t>(view_.tab);
    auto turn = [&](std::size_t to) {
      view_.tab = static_cast<TopTab>(to % top_tabs);
      view_.sort = view_.scroll = 0;
      return !view_.paused;
    };
    switch (key) {
      case '\t':
      case FullScreen::right:
        return turn(tab + 1);
      case FullScreen::left:
        return turn(tab + top_tabs - 1);
      case '1':
      case '2':
      case '3':
      case '4':
        return turn(static_cast<std::size_t>(key - '1'));
      case 's':
        view_.sort = (view_.sort + 1) % columns();
        return false;
      case 'S':
        view_.sort = (view_.sort + columns() - 1) % columns();
        return false;
      case ' ':
        view_.paused = !view_.paused;
        return !view_.paused;
      case FullScreen::down:
      case 'j':
        ++view_.scroll;
        return false;
      case FullScreen::up:
      case 'k':
        view_.scroll -= view_.scroll > 0;
        return false;
      case '+':
        view_.interval_ms = std::min<std::int64_t>(view_.interval_ms * 2, 60'000);
        return false;
      case '-':
        view_.interval_ms = std::max(view_.interval_ms / 2, interval_min_ms);
        return true;
      default:
        return false;
    }
  }

  std::size_t columns() const {
    auto names = top_columns(view_.tab);
    return static_cast<std::size_t>(std::count(names.begin(), names.end(), ',')) + 1;
  }

  void look() {
    auto taken = sample(c_, view_.tab == TopTab::tasks, view_.tab == TopTab::tenants);
    view_.trouble = taken ? std::string() : taken.error().message;
    if (!taken) return;
    before_ = std::exchange(now_, std::move(*taken));
  }

  Context& c_;
  TopSample before_, now_;
  TopView view_;
};

}  // namespace

void declare_top(OptionTable& t) {
  t.duration("interval", 2'000, {interval_min_ms, 60'000}, "between two samples");
  t.flag("once", "two samples, then print and end");
}

int top(Context& c) {
  if (c.values().flag("once")) return once(c);
  if (!is_terminal(c.out()) || c.format() != Format::text)
    return c.complain("this is no terminal; `hirehall top --once -o json` prints the numbers");
  auto first = sample(c, false, false);
  if (!first) return c.complain(first.error());
  return Top(c, std::move(*first)).run();
}

}  // namespace hirehall::cli
