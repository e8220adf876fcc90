// Deeds on all tasks that match.
#include <algorithm>
#include <random>

#include "client/src/body.h"
#include "client/src/inner.h"

namespace hirehall::client {
namespace {

using msgpack::Reader;

BulkInfo read_bulk(Reader& r) {
  BulkInfo bulk;
  auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    auto key = r.str();
    auto text = [&](std::string_view name, std::string& into) {
      if (key != name) return false;
      into = r.str();
      return true;
    };
    auto number = [&](std::string_view name, std::uint64_t& into) {
      if (key != name) return false;
      into = r.uint();
      return true;
    };
    bool known = text("verb", bulk.verb) || text("state", bulk.state) || text("where", bulk.where) ||
                 text("by", bulk.by) || text("reason", bulk.reason) || text("message", bulk.message) ||
                 number("bulk", bulk.bulk) || number("done", bulk.done) || number("passed", bulk.passed);
    if (!known) r.skip();
  }
  return bulk;
}

std::string fresh_token() {
  std::random_device device;
  std::string token;
  for (int i = 0; i < 16; ++i) token += static_cast<char>(device() & 0xff);
  return token;
}

}  // namespace

Result<std::uint64_t> Client::bulk_start(const BulkOrder& order) {
  Body b;
  b.text("verb", order.verb);
  b.text("where", order.where);
  b.text("reason", order.reason);
  b.bin("token", order.token.empty() ? fresh_token() : order.token);
  b.number("grace_ms", order.grace_ms);
  if (order.rate != 0) b.number("rate", static_cast<std::int64_t>(order.rate));
  b.text("queue", order.queue);
  if (order.priority != 0) b.number("priority", static_cast<std::int64_t>(order.priority));
  if (order.payload) b.bin("payload", *order.payload);
  auto answer = inner_->call(wire::Kind::bulk_start, b.take());
  if (!answer) return tl::unexpected(answer.error());
  Reader r(*answer);
  std::uint64_t number = 0;
  auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    if (r.str() == "bulk")
      number = r.uint();
    else
      r.skip();
  }
  if (!r.ok() || number == 0) return malformed("bulk_start");
  return number;
}

Result<std::vector<BulkInfo>> Client::bulks(std::uint64_t bulk) {
  Body b;
  if (bulk != 0) b.number("bulk", static_cast<std::int64_t>(bulk));
  auto answer = inner_->call(wire::Kind::bulk_list, b.take());
  if (!answer) return tl::unexpected(answer.error());
  std::vector<BulkInfo> out;
  Reader r(*answer);
  auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    if (r.str() != "bulks") {
      r.skip();
      continue;
    }
    auto n = r.array();
    for (std::size_t k = 0; k < n && r.ok(); ++k) out.push_back(read_bulk(r));
  }
  if (!r.ok()) return malformed("bulk_list");
  return out;
}

Status Client::bulk_stop(std::uint64_t bulk) {
  Body b;
  b.number("bulk", static_cast<std::int64_t>(bulk));
  auto answer = inner_->call(wire::Kind::bulk_stop, b.take());
  if (!answer) return tl::unexpected(answer.error());
  return {};
}

}  // namespace hirehall::client
