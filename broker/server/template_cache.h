// Templates by the bytes that a producer sent, so that tasks with the same options share one. In two
// generations: what was asked for since the last change of them is never forgotten by the next one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "broker/engine/body.h"
#include "common/limits.h"

namespace hirehall::server {

class TemplateCache {
 public:
  explicit TemplateCache(std::size_t items_max = limits::known_templates_max,
                         std::size_t bytes_max = limits::known_templates_bytes_max)
      : items_max_(items_max), bytes_max_(bytes_max) {}

  static std::uint64_t hash_of(std::uint64_t producer, std::string_view bytes);
  void fetch(std::uint64_t hash) const;  // into the processor's cache: it will be asked for soon
  // Nothing when it is not known.
  const engine::TemplateRef* find(std::uint64_t hash, std::uint64_t producer, std::string_view bytes);
  void add(std::uint64_t hash, std::uint64_t producer, std::string_view bytes, engine::TemplateRef made);
  void clear();
  std::size_t size() const { return young_.items.size() + old_.items.size(); }

 private:
  struct Item {
    std::uint64_t producer = 0;
    engine::TemplateRef made;
    std::string bytes;
  };
  struct Cell {
    std::uint64_t hash = 0;
    std::uint32_t item = 0;  // number + 1; 0: empty
  };
  struct Generation {
    std::vector<Cell> cells;
    std::vector<Item> items;
    std::size_t bytes = 0;

    Item* find(std::uint64_t hash, std::uint64_t producer, std::string_view bytes);
    void add(std::uint64_t hash, Item item);
    void place(const Cell& cell);
  };

  std::size_t items_max_, bytes_max_;
  Generation young_, old_;
};

}  // namespace hirehall::server
