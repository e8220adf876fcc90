// Residency: what of the ready order is kept in memory, within one budget for all lines.
#include <algorithm>

#include "broker/engine/engine.h"
#include "broker/engine/engine_impl.h"
#include "common/mutant.h"

namespace hirehall::engine {
namespace {

constexpr std::size_t page_tasks_max = 4096;
constexpr std::size_t page_bytes_max = 512u << 10;  // what reading one page may bring into memory

}  // namespace

void Engine::page_read(std::uint64_t id, std::uint64_t page, const std::vector<PageEntry>& entries) {
  auto* line = ledger_.line_by_id(id);
  if (line == nullptr) return;
  line->page_asked = false;
  if (page != line->first_page || !line->has_pages()) return;
  open_part();
  Paged fact;
  fact.line = id;
  fact.page = page;
  fact.items.reserve(entries.size());
  for (auto& e : entries) {
    if (HH_MUTANT("page_read_off_by_one") && &e == &entries.back() && entries.size() > 1) break;
    fact.items.push_back(e.item);
    if (e.chunk) e.chunk.charge(ledger_.chunk_bytes);
  }
  write(fact);
  ledger_.paged(fact, &entries);
}

void Engine::bodies_read(std::uint64_t id, std::vector<FoundBody> bodies) {
  auto* line = ledger_.line_by_id(id);
  if (line == nullptr) return;
  line->bodies_asked = false;
  std::map<Sequence, FoundBody*> by_sequence;
  for (auto& b : bodies) {
    if (stale_bodies_.erase(b.sequence) != 0) continue;
    b.chunk.charge(ledger_.chunk_bytes);
    by_sequence.emplace(b.sequence, &b);
  }
  auto fill = [&](Entry& entry) {
    if (entry.chunk) return;
    auto at = by_sequence.find(entry.sequence);
    if (at == by_sequence.end()) return;
    entry.chunk = at->second->chunk;
    entry.offset = at->second->offset;
    if (at->second->extras) extras_.insert_or_assign(entry.sequence, at->second->extras);
  };
  for (auto& entry : line->returned) fill(entry);
  for (std::size_t i = 0; i < line->head.size(); ++i) fill(line->head.at(i));
  for (auto& [key, entry] : line->by_deadline) fill(entry);
  ledger_.touch_line(*line);
}

// Sends the line's last entries to pages, all but `keep` of the head. True when something went.
bool Engine::spill_line(Line& line, std::size_t keep) {
  if (line.urgent) return false;
  bool tail = line.has_pages();
  const auto& ring = tail ? line.tail : line.head;
  if (tail) keep = 0;
  if (ring.size() <= keep) return false;
  open_part();
  Spilled fact{line.id, line.next_page, tail, {}};
  std::uint32_t size = 0;
  std::size_t bytes = 0;
  for (auto i = keep; i < ring.size(); ++i) {
    const auto& entry = ring.at(i);
    if (ledger_.segments.ended(entry.sequence)) continue;
    auto body = entry.chunk ? entry.chunk->body_at(entry.offset).payload.size() : limits::chunk_bytes;
    if (size != 0 && (size == page_tasks_max || bytes + body > page_bytes_max)) {
      fact.sizes.push_back(size);
      size = 0;
      bytes = 0;
    }
    ++size;
    bytes += body;
  }
  if (size == 0) return false;
  fact.sizes.push_back(size);
  record(fact);
  return true;
}

void Engine::spill() {
  if (ledger_.window_bytes() <= settings_.window_bytes) return;
  std::size_t live = std::max<std::size_t>(1, ledger_.lines.size() - ledger_.free_lines.size());
  auto per_entry =
      std::max<std::uint64_t>(1, ledger_.window_bytes() / std::max<std::uint64_t>(1, ledger_.entries));
  auto keep = std::clamp<std::size_t>(settings_.window_bytes / 2 / per_entry / live, 4, page_tasks_max);
  page_low_water_ = std::max<std::size_t>(keep / 2, 4);
  for (std::size_t looked = 0; looked < ledger_.lines.size(); ++looked) {
    if (ledger_.window_bytes() <= settings_.window_bytes) return;
    if (draft_bytes_ > limits::commit_bytes_max) return;
    hand_ = (hand_ + 1) % ledger_.lines.size();
    if (ledger_.lines[hand_]) spill_line(*ledger_.lines[hand_], keep);
  }
}

}  // namespace hirehall::engine
