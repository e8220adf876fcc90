// Where a ready task stands: for people who ask why it does not run. Looks only, and not far.
#include "broker/engine/engine.h"

namespace hirehall::engine {
namespace {

constexpr std::size_t entries_walked_max = 65536;

// Open entries before `sequence` in the line itself; found tells whether it was met.
struct Walk {
  const Segments& segments;
  Sequence sequence;
  std::uint64_t before = 0;
  std::size_t walked = 0;
  bool found = false;

  bool goes_on() const { return !found && walked < entries_walked_max; }
  void look(const Entry& entry) {
    ++walked;
    if (entry.sequence == sequence)
      found = true;
    else if (!segments.ended(entry.sequence))
      ++before;
  }
};

void walk(const Line& line, Walk& w) {
  for (const auto& [key, entry] : line.by_deadline)
    if (w.goes_on()) w.look(entry);
  for (auto i = line.returned.size(); i-- > 0 && w.goes_on();) w.look(line.returned[i]);
  for (std::size_t i = 0; i < line.head.size() && w.goes_on(); ++i) w.look(line.head.at(i));
  if (line.has_pages()) return;
  for (std::size_t i = 0; i < line.tail.size() && w.goes_on(); ++i) w.look(line.tail.at(i));
}

const Shelf* shelf_of(const Lane& lane, std::uint32_t class_) {
  for (const auto& [number, shelf] : lane.shelves)
    if (number == class_) return shelf;
  return nullptr;
}

bool is_line_of(const Line& line, const Place& place) {
  const auto* limits = line.limits;
  return line.priority == place.priority && line.urgent == (place.deadline != 0) &&
         (limits == nullptr ? place.limit_keys.empty() : limits->names == place.limit_keys);
}

}  // namespace

Engine::Ahead Engine::ahead_of(const Place& place, Sequence sequence) const {
  Ahead ahead;
  const auto* shelf = shelf_of(ledger_.lanes.at(place.lane), place.class_);
  if (shelf == nullptr) return ahead;
  auto each_keyed = [&](auto&& visit) {
    for (const auto& line : ledger_.lines)
      if (line && line->shelf == shelf && line->keyed()) visit(line.get());
  };
  auto consider = [&](const Line* line) {
    if (line == nullptr || held_back(*line)) return;
    bool before = line->priority > place.priority ||
                  (line->priority == place.priority && line->urgent && place.deadline == 0);
    if (before && !is_line_of(*line, place)) ahead.tasks += line->ready;
  };
  for (const auto* line : shelf->plain) consider(line);
  for (const auto* line : shelf->urgent) consider(line);
  each_keyed(consider);

  auto own = [&](const Line* line) {
    if (line == nullptr || !is_line_of(*line, place)) return;
    Walk w{ledger_.segments, sequence};
    walk(*line, w);
    ahead.tasks += w.before;
    ahead.exact = w.found;
  };
  if (place.limit_keys.empty()) {
    own((place.deadline != 0 ? shelf->urgent : shelf->plain)[place.priority]);
  } else {
    each_keyed(own);
  }
  return ahead;
}

}  // namespace hirehall::engine
