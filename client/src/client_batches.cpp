// Batches: tasks counted together.
#include <algorithm>

#include "client/src/body.h"
#include "client/src/convert.h"
#include "client/src/inner.h"

namespace hirehall::client {
namespace {

constexpr Millis wait_max_ms = 3'600'000;
constexpr Millis answer_slack_ms = 5'000;

Result<BatchInfo> batch_of(const Result<std::string>& body) {
  if (!body) return tl::unexpected(body.error());
  msgpack::Reader r(*body);
  auto info = read_batch(r);
  if (!r.ok()) return malformed("batch");
  return info;
}

void name_it(Body& b, std::string_view batch, std::string_view tenant) {
  b.text("batch", batch);
  b.text("tenant", tenant);
}

}  // namespace

Result<BatchInfo> Client::batch(std::string_view name, std::string_view tenant) {
  Body b;
  name_it(b, name, tenant);
  return batch_of(inner_->call(wire::Kind::batch_show, b.take()));
}

Result<std::vector<BatchInfo>> Client::batches() {
  std::vector<BatchInfo> out;
  for (bool more = true; more;) {
    Body b;
    if (!out.empty()) b.text("after_tenant", out.back().tenant), b.text("after", out.back().batch);
    auto body = inner_->call(wire::Kind::batch_list, b.take());
    if (!body) return tl::unexpected(body.error());
    if (!read_batches(*body, out, more)) return malformed("batch_list");
  }
  return out;
}

Result<BatchInfo> Client::batch_close(std::string_view name, const std::optional<TaskOptions>& completion,
                                      const std::optional<std::string>& payload, std::string_view tenant) {
  Body b;
  name_it(b, name, tenant);
  if (completion) b.raw("complete", encode_template(*completion));
  if (payload) b.bin("payload", *payload);
  return batch_of(inner_->call(wire::Kind::batch_close, b.take()));
}

Result<BatchInfo> Client::batch_wait(std::string_view name, Millis timeout_ms, std::string_view tenant) {
  Body b;
  name_it(b, name, tenant);
  auto left = std::clamp<Millis>(timeout_ms, 0, wait_max_ms);
  b.number("timeout_ms", left);
  return batch_of(inner_->call_for(wire::Kind::batch_wait, b.take(), left + answer_slack_ms));
}

}  // namespace hirehall::client
