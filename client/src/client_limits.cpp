// Limits, and how they travel.
#include "client/src/body.h"
#include "client/src/convert.h"
#include "client/src/inner.h"
#include "client/src/pages.h"

namespace hirehall::client {
namespace {

using msgpack::Reader;
using msgpack::Writer;

LimitInfo read_limit(Reader& r) {
  LimitInfo l;
  auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    auto key = r.str();
    auto text = [&](std::string_view name, std::string& to) { return key == name && (to = r.str(), true); };
    auto number = [&](std::string_view name, Millis& to) { return key == name && (to = r.sint(), true); };
    auto count = [&](std::string_view name, std::uint64_t& to) {
      return key == name && (to = r.uint(), true);
    };
    if (text("name", l.name) || text("queue", l.queue) || text("type", l.type) || text("tenant", l.tenant) ||
        text("key", l.key) || text("per", l.per) || number("concurrency", l.concurrency) ||
        number("paused_until", l.paused_until) || text("paused_reason", l.paused_reason) ||
        text("set_by", l.set_by) || count("budgets", l.budgets) || count("running", l.running) ||
        count("waiting", l.waiting))
      continue;
    if (key == "paused") {
      l.paused = r.boolean();
    } else if (key == "rates") {
      auto n = r.array();
      for (std::size_t k = 0; k < n && r.ok(); ++k) {
        auto fields = r.array();
        auto units = r.sint();
        l.rates.push_back({units, r.sint()});
        for (std::size_t f = 2; f < fields && r.ok(); ++f) r.skip();
      }
    } else {
      r.skip();
    }
  }
  return l;
}

Result<LimitInfo> info_of(const Result<std::string>& body) {
  if (!body) return tl::unexpected(body.error());
  Reader r(*body);
  auto info = read_limit(r);
  if (!r.ok()) return malformed("limit");
  return info;
}

Status done(const Result<std::string>& body) {
  if (!body) return tl::unexpected(body.error());
  return {};
}

std::string pause_body(std::string_view name, Millis until, std::string_view reason) {
  Body b;
  b.text("name", name);
  b.number("until", until);
  b.text("reason", reason);
  return b.take();
}

std::string named(std::string_view name) {
  Body b;
  b.text("name", name);
  return b.take();
}

}  // namespace

Result<LimitInfo> Client::limit_set(std::string_view name, const LimitChange& change) {
  Body b;
  b.text("name", name);
  std::string encoded;
  Writer w(encoded);
  for (const auto& [key, text] : {std::pair{"queue", &change.queue},
                                  {"type", &change.type},
                                  {"tenant", &change.tenant},
                                  {"key", &change.key},
                                  {"per", &change.per}}) {
    if (!*text) continue;
    encoded.clear();
    w.str(**text);  // also an empty one: it takes the condition away
    b.raw(key, encoded);
  }
  b.number("concurrency", change.concurrency);
  if (change.rates) {
    encoded.clear();
    w.array(change.rates->size());
    for (const auto& rate : *change.rates) w.array(2), w.sint(rate.units), w.sint(rate.window_ms);
    b.raw("rates", encoded);
  }
  return info_of(inner_->call(wire::Kind::limit_set, b.take()));
}

Result<LimitInfo> Client::limit(std::string_view name) {
  return info_of(inner_->call(wire::Kind::limit_show, named(name)));
}

Result<std::vector<LimitInfo>> Client::limits() {
  return all_pages(*inner_, wire::Kind::limit_list, "limits", read_limit);
}

Status Client::limit_delete(std::string_view name) {
  return done(inner_->call(wire::Kind::limit_delete, named(name)));
}
Status Client::limit_pause(std::string_view name, Millis until, std::string_view reason) {
  return done(inner_->call(wire::Kind::limit_pause, pause_body(name, until == 0 ? -1 : until, reason)));
}
Status Client::limit_resume(std::string_view name) {
  return done(inner_->call(wire::Kind::limit_pause, pause_body(name, 0, {})));
}

}  // namespace hirehall::client
