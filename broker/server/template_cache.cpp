#include "broker/server/template_cache.h"

#include <functional>
#include <utility>

#include "common/hash.h"

namespace hirehall::server {
namespace {

constexpr std::size_t cells_min = 64;

}  // namespace

std::uint64_t TemplateCache::hash_of(std::uint64_t producer, std::string_view bytes) {
  return mix(std::hash<std::string_view>{}(bytes) ^ (producer * 0x9e3779b97f4a7c15ull));
}

void TemplateCache::fetch(std::uint64_t hash) const {
  if (!young_.cells.empty()) __builtin_prefetch(&young_.cells[hash & (young_.cells.size() - 1)]);
}

TemplateCache::Item* TemplateCache::Generation::find(std::uint64_t hash, std::uint64_t producer,
                                                     std::string_view bytes) {
  if (cells.empty()) return nullptr;
  const auto mask = cells.size() - 1;
  for (std::size_t at = hash & mask; cells[at].item != 0; at = (at + 1) & mask) {
    if (cells[at].hash != hash) continue;
    auto& item = items[cells[at].item - 1];
    if (item.producer == producer && item.bytes == bytes) return &item;
  }
  return nullptr;
}

void TemplateCache::Generation::place(const Cell& cell) {
  const auto mask = cells.size() - 1;
  std::size_t at = cell.hash & mask;
  while (cells[at].item != 0) at = (at + 1) & mask;
  cells[at] = cell;
}

void TemplateCache::Generation::add(std::uint64_t hash, Item item) {
  if ((items.size() + 1) * 2 > cells.size()) {
    std::vector<Cell> before(cells.empty() ? cells_min : cells.size() * 2);
    before.swap(cells);
    for (const auto& cell : before)
      if (cell.item != 0) place(cell);
  }
  bytes += item.bytes.size();
  items.push_back(std::move(item));
  place({hash, static_cast<std::uint32_t>(items.size())});
}

const engine::TemplateRef* TemplateCache::find(std::uint64_t hash, std::uint64_t producer,
                                               std::string_view bytes) {
  if (auto* item = young_.find(hash, producer, bytes)) return &item->made;
  auto* item = old_.find(hash, producer, bytes);
  if (item == nullptr) return nullptr;
  add(hash, producer, bytes, item->made);
  return &young_.items.back().made;
}

void TemplateCache::add(std::uint64_t hash, std::uint64_t producer, std::string_view bytes,
                        engine::TemplateRef made) {
  if (young_.items.size() >= items_max_ || young_.bytes + bytes.size() > bytes_max_)
    old_ = std::exchange(young_, {});
  young_.add(hash, {producer, std::move(made), std::string(bytes)});
}

void TemplateCache::clear() {
  young_ = {};
  old_ = {};
}

}  // namespace hirehall::server
