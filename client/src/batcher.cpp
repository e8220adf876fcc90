#include "client/src/batcher.h"

#include <algorithm>

#include "common/limits.h"
#include "common/msgpack.h"
#include "common/wire.h"

namespace hirehall::client_core {
namespace {

using msgpack::Writer;

// Options that differ from task to task make templates of their own; the latest few are worth comparing with.
constexpr std::size_t templates_compared = 8;
constexpr std::size_t frame_overhead = 64;  // header, numbers, array lengths

void wide_uint(std::string& out) {
  out.append("\xcf\0\0\0\0\0\0\0\0", 9);
}

std::size_t estimate(const ItemView& item) {
  return item.payload.size() + item.idempotency_key.size() + item.features.size() + 50;
}

void write_item(std::string& out, std::size_t template_index, const ItemView& item) {
  Writer w(out);
  if (!item.idempotency_key.empty() || !item.features.empty()) {
    w.array(7);
    w.uint(template_index);
    w.bin(item.payload);
    w.sint(item.priority);
    w.nil(), w.nil(), w.nil();
    w.map((item.idempotency_key.empty() ? 0 : 1) + (item.features.empty() ? 0 : 1));
    if (!item.idempotency_key.empty()) w.entry("idempotency_key", item.idempotency_key);
    if (!item.features.empty()) w.str("features"), w.raw(item.features);
    return;
  }
  w.array(item.priority != 0 ? 3 : 2);
  w.uint(template_index);
  w.bin(item.payload);
  if (item.priority != 0) w.sint(item.priority);
}

}  // namespace

std::size_t Batcher::template_of(std::string_view options) {
  auto newest = templates_.size();
  auto oldest = newest > templates_compared ? newest - templates_compared : 0;
  for (auto i = newest; i-- > oldest;)
    if (templates_[i] == options) return i;
  templates_.emplace_back(options);
  template_bytes_ += options.size();
  return newest;
}

void Batcher::add(const std::shared_ptr<Receiver>& receiver, std::size_t index, std::string_view options,
                  const ItemView& item) {
  auto grown = open_items_.size() + template_bytes_ + options.size() + estimate(item) + frame_overhead;
  if (open_.items > 0 && grown > limits::batch_bytes_max) seal();
  write_item(open_items_, template_of(options), item);
  if (open_.segments.empty() || open_.segments.back().receiver != receiver ||
      open_.segments.back().first + open_.segments.back().count != index)
    open_.segments.push_back({receiver, index, 0});
  ++open_.segments.back().count;
  ++open_.items;
  if (open_.items >= settings_.items_max || open_items_.size() + template_bytes_ >= settings_.bytes_max)
    seal();
}

void Batcher::seal() {
  auto& frame = open_.frame;
  frame.reserve(64 + template_bytes_ + templates_.size() * 2 + open_items_.size());
  wire::write_header(frame, wire::Kind::submit, 0);
  Writer w(frame);
  w.array(4);
  wide_uint(frame);
  wide_uint(frame);
  w.array(templates_.size());
  for (const auto& t : templates_) w.raw(t);
  w.array(open_.items);
  w.raw(open_items_);
  full_bytes_ += frame.size();
  full_.push_back(std::move(open_));
  open_ = {};
  open_items_.clear();
  templates_.clear();
  template_bytes_ = 0;
}

std::optional<Batch> Batcher::take(std::size_t in_flight) {
  if (full_.empty()) {
    if (open_.items == 0 || in_flight > 0) return std::nullopt;
    seal();
  }
  auto batch = std::move(full_.front());
  full_.pop_front();
  full_bytes_ -= batch.frame.size();
  return batch;
}

std::vector<Batch> Batcher::take_all() {
  std::vector<Batch> all;
  while (auto batch = take(0)) all.push_back(std::move(*batch));
  return all;
}

}  // namespace hirehall::client_core
