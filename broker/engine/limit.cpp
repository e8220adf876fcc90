#include "broker/engine/limit.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "common/pack.h"

namespace hirehall::engine {

void Window::advance(std::int64_t piece) {
  if (piece <= newest_) return;
  if (piece - newest_ > pieces) {
    counts_.fill(0);
    sum_ = 0;
  } else {
    for (auto p = newest_ + 1; p <= piece; ++p) sum_ -= std::exchange(at(p), 0u);
  }
  newest_ = piece;
}

void Window::count(Millis now) {
  advance(std::max<Millis>(now, 0) / piece_ms_);
  ++at(newest_);
  ++sum_;
}

bool Window::give_back(Millis at, Millis now) {
  const auto piece = std::max<Millis>(at, 0) / piece_ms_, current = std::max<Millis>(now, 0) / piece_ms_;
  if (piece > newest_ || piece < std::max(newest_, current) - pieces || this->at(piece) == 0) return false;
  given_ = given_at(now);
  std::uint64_t given = 0;
  for (const auto& before : given_) given += before.count;
  if (given >= rate_.units) return false;
  --this->at(piece);
  --sum_;
  if (given_.empty() || given_.back().number != current) given_.push_back({current, 0});
  ++given_.back().count;
  return true;
}

std::vector<Window::Piece> Window::given_at(Millis now) const {
  auto out = given_;
  std::erase_if(out, [&](const Piece& piece) { return piece.number < now / piece_ms_ - pieces; });
  return out;
}

std::vector<Window::Piece> Window::pieces_at(Millis now) const {
  std::vector<Piece> out;
  const auto first = std::max(newest_ - pieces, now / piece_ms_ - pieces);
  for (auto p = std::max<std::int64_t>(first, 0); p <= newest_; ++p)
    if (auto count = counts_[static_cast<std::size_t>(p % (pieces + 1))]; count != 0)
      out.push_back({p, count});
  return out;
}

std::uint32_t Window::used(Millis now) const {
  if (now / piece_ms_ <= newest_) return sum_;
  std::uint32_t used = 0;
  for (const auto& piece : pieces_at(now)) used += piece.count;
  return used;
}

Millis Window::opens_at(Millis now) const {
  auto left = used(now);
  if (left < rate_.units) return now;
  for (const auto& piece : pieces_at(now)) {
    left -= piece.count;
    if (left < rate_.units) return (piece.number + pieces + 1) * piece_ms_;
  }
  return until_resumed;  // it allows none at all
}

void Window::restore(const std::vector<Piece>& saved, std::vector<Piece> given) {
  given_ = std::move(given);
  for (const auto& piece : saved) {
    if (piece.number < newest_) continue;
    advance(piece.number);
    at(piece.number) += piece.count;
    sum_ += piece.count;
  }
}

bool Gate::used_up(Millis now) const {
  return std::ranges::any_of(windows, [&](const Window& w) { return w.full(now); });
}

void Gate::count(Millis now) {
  for (auto& window : windows) window.count(now);
  find_spare();
}

bool Gate::give_back(Millis at, Millis now) {
  bool some = false;
  for (auto& window : windows) some = window.give_back(at, now) || some;
  if (some) find_spare();
  return some;
}

void Gate::find_spare() {
  spare = std::numeric_limits<std::uint32_t>::max();
  for (const auto& window : windows) spare = std::min(spare, window.spare());
}

std::uint32_t Gate::room(Millis now) const {
  if (paused_until > now) return 0;
  auto room = max == 0 ? std::numeric_limits<std::uint32_t>::max() : max - std::min(max, running);
  for (const auto& w : windows) room = std::min(room, w.rate().units - std::min(w.rate().units, w.used(now)));
  return room;
}

Millis Gate::opens_at(Millis now) const {
  auto at = std::max(now, paused_until);
  for (const auto& w : windows) at = std::max(at, w.opens_at(now));
  return at;
}

bool Gate::idle(Millis now) const {
  return users == 0 && running == 0 && waiting.empty() && !opening &&
         std::ranges::all_of(windows, [&](const Window& w) { return w.blank(now); });
}

std::string queue_gate_key(std::uint32_t queue, std::string_view name) {
  std::string key = "q";
  Packer p(key);
  p.uint(queue);
  p.raw(name);
  return key;
}

std::string limit_gate_key(std::string_view limit, std::string_view value) {
  std::string key(1, limit_gate_tag);
  Packer p(key);
  p.bytes(limit);
  p.raw(value);
  return key;
}

}  // namespace hirehall::engine
