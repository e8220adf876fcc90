#include "broker/server/choices.h"

#include <algorithm>
#include <cstring>

#include "common/pack.h"

namespace hirehall::server {
namespace {

// Written from end to end and then forgotten as a whole: what is old is not touched again, since awards need
// the processor's caches.
constexpr std::size_t block_bytes = 64u << 10;
constexpr std::size_t lengths_bytes_max = 20;

}  // namespace

void Choices::add(const engine::ChoicesOut& choices) {
  choices.visit([&](std::string_view terms, Awards awards) { add(terms, awards); });
}

void Choices::add(std::string_view terms, Awards awards) {
  if (awards.empty()) return;
  Packer p(block_for(terms.size() + awards.size_bytes() + lengths_bytes_max));
  p.bytes(terms);
  p.uint(awards.size());
  p.raw({reinterpret_cast<const char*>(awards.data()), awards.size_bytes()});
}

// The newest block while it has room for so much, else a new one in the memory of the oldest.
std::string& Choices::block_for(std::size_t bytes) {
  if (!blocks_.empty() && blocks_.back().capacity() - blocks_.back().size() >= bytes) return blocks_.back();
  const auto wanted = std::max(std::min(block_bytes, most_ / 4), bytes);
  std::string block;
  while (!blocks_.empty() && bytes_ + wanted > most_) {
    bytes_ -= blocks_.front().capacity();
    block = std::move(blocks_.front());
    blocks_.pop_front();
  }
  block.clear();
  block.reserve(wanted);
  bytes_ += block.capacity();
  return blocks_.emplace_back(std::move(block));
}

std::optional<scheduler::Choice> Choices::find(Sequence sequence, std::uint32_t attempt) const {
  for (auto block = blocks_.rbegin(); block != blocks_.rend(); ++block) {
    Unpacker in(*block);
    while (!in.at_end()) {
      const auto terms = in.bytes();
      for (auto left = in.uint(); left > 0; --left) {
        engine::ChoicesOut::Award award;
        std::memcpy(&award, in.raw(sizeof(award)).data(), sizeof(award));
        if (award.sequence == sequence && award.attempt == attempt) return scheduler::unpack_choice(terms);
      }
    }
  }
  return std::nullopt;
}

}  // namespace hirehall::server
