// Pages of the ready order, as facts fold: what leaves the window, and what comes back.
#include "broker/engine/ledger.h"
#include "common/check.h"

namespace hirehall::engine {

std::string Ledger::page_value(const EntryRing& ring, std::size_t from, std::size_t to) {
  std::vector<PageEntry> page;
  page.reserve(to - from);
  for (std::size_t i = from; i < to; ++i) {
    const auto& e = ring.at(i);
    if (segments.ended(e.sequence)) continue;
    page.push_back({{e.sequence, e.ready_at, tries_of(e)}, e.chunk, e.offset});
  }
  return encode_page(page);
}

void Ledger::apply(Spilled& fact) {
  auto* line = line_by_id(fact.line);
  HH_CHECK(line != nullptr && fact.page == line->next_page, "pages of a line are written in order");
  auto& ring = fact.tail ? line->tail : line->head;
  // Only entries of open tasks count: those of ended ones may be there or not.
  auto first = ring.size();
  for (auto left = fact.count(); left > 0; --first) {
    HH_CHECK(first > 0, "a page is cut from resident entries");
    if (!segments.ended(ring.at(first - 1).sequence)) --left;
  }
  auto from = first;
  for (auto size : fact.sizes) {
    auto to = from;
    for (auto left = size; left > 0; ++to)
      if (!segments.ended(ring.at(to).sequence)) --left;
    if (index != nullptr)
      index->push_back(
          {Shelving::pages, false, page_key(line->id, line->next_page), page_value(ring, from, to)});
    from = to;
    ++line->next_page;
  }
  for (auto i = first; i < ring.size(); ++i)
    if (ring.at(i).tried) tries.erase(ring.at(i).sequence);
  entries -= ring.size() - first;
  ring.drop_back(ring.size() - first);
}

void Ledger::apply(Paged& fact) {
  paged(fact, nullptr);
}

void Ledger::paged(Paged& fact, const std::vector<PageEntry>* bodies) {
  auto* line = line_by_id(fact.line);
  HH_CHECK(line != nullptr && fact.page == line->first_page && line->has_pages(), "pages are read in order");
  for (std::size_t i = 0; i < fact.items.size(); ++i) {
    const auto& item = fact.items[i];
    if (segments.ended(item.sequence)) continue;
    Entry entry{item.sequence, item.ready_at, {}, 0, false};
    const auto* unique = uniques.empty() ? nullptr : uniques.of(item.sequence);
    if (bodies != nullptr && (unique == nullptr || !unique->coalesces)) {
      entry.chunk = (*bodies)[i].chunk;
      entry.offset = (*bodies)[i].offset;
    }
    if (!item.tries.fresh()) {
      entry.tried = true;
      entry.chunk = {};  // what it may have beside its body is fetched with it
      tries.insert_or_assign(item.sequence, item.tries);
    }
    ++entries;
    line->head.push_back(std::move(entry));
  }
  if (index != nullptr) index->push_back({Shelving::pages, true, page_key(line->id, fact.page), {}});
  ++line->first_page;
  line->join_tail();
  touch_line(*line);
  retire(*line);
}

}  // namespace hirehall::engine
