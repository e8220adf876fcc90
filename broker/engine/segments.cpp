#include "broker/engine/segments.h"

#include <algorithm>

#include "common/check.h"
#include "common/pack.h"

namespace hirehall::engine {

Segments::Segment* Segments::full_mark() {
  static Segment mark;
  return &mark;
}

Segments::Page* Segments::full_page() {
  static Page page;
  return &page;
}

Segments::~Segments() {
  for (auto* page : pages_) {
    if (page == nullptr || page == full_page()) continue;
    for (auto* cell : page->cells)
      if (cell != full_mark()) delete cell;
    delete page;
  }
}

const Segments::Segment* Segments::find(std::uint64_t segment) const {
  if (segment < low_) return full_mark();
  auto page = segment / page_size;
  if (page >= pages_.size() || pages_[page] == nullptr) return nullptr;
  if (pages_[page] == full_page()) return full_mark();
  return pages_[page]->cells[segment % page_size];
}

Segments::Segment* Segments::touch(std::uint64_t segment) {
  auto page = segment / page_size;
  if (page >= pages_.size()) pages_.resize(page + 1);
  if (pages_[page] == nullptr) pages_[page] = new Page;
  auto*& cell = pages_[page]->cells[segment % page_size];
  if (cell == nullptr) {
    cell = new Segment;
    if (segment == 0) cell->bits[0] = cell->count = 1;  // sequences count from 1
  }
  return cell;
}

Segments::Summary& Segments::summary_of(std::uint64_t segment) {
  if (segment - low_ >= summaries_.size()) summaries_.resize(segment - low_ + 1);
  return summaries_[segment - low_];
}

const Segments::Summary& Segments::summary(std::uint64_t segment) const {
  static const Summary untouched;
  return segment - low_ < summaries_.size() ? summaries_[segment - low_] : untouched;
}

std::uint64_t Segments::first_commit(std::uint64_t segment, std::uint64_t none) const {
  for (auto s = segment; s - low_ < summaries_.size(); ++s)
    if (auto first = summaries_[s - low_].first; first != 0) none = std::min(none, first);
  return none;
}

void Segments::note_replayed(Sequence s, Millis now) {
  if (segment_of(s) >= low_) {
    std::erase(summary_of(segment_of(s)).dead, static_cast<std::uint16_t>(s % segment_size));
  } else if (auto at = stragglers_.find(s); at != stragglers_.end()) {
    at->second.dead = false;
    at->second.ended = now;
  }
}

void Segments::end(Sequence s, std::uint64_t commit, State state, Millis now) {
  HH_CHECK(!ended(s), "a terminal record never changes");
  auto segment = segment_of(s);
  if (segment < low_) {
    stragglers_[s] = {state, state == State::failed, now};
    return;
  }
  auto* cell = touch(segment);
  auto offset = s % segment_size;
  auto& summary = summary_of(segment);
  if (summary.first == 0) summary.first = commit;
  summary.last = commit;
  if (state == State::failed) {
    ++summary.failed;
    summary.dead.push_back(static_cast<std::uint16_t>(offset));
  }
  if (state == State::cancelled) ++summary.cancelled;
  if (state == State::expired) ++summary.expired;
  cell->bits[offset / 64] |= std::uint64_t{1} << (offset % 64);
  if (cell->endings.capacity() == 0) cell->endings.reserve(64);
  cell->endings.push_back({static_cast<std::uint16_t>(offset), commit});
  ++pending_;
  if (++cell->count == segment_size) complete(segment, cell);
}

void Segments::complete(std::uint64_t segment, Segment* cell) {
  pending_ -= cell->endings.size();
  complete_.push_back({segment, encode(cell->endings)});
  delete cell;
  auto*& page = pages_[segment / page_size];
  page->cells[segment % page_size] = full_mark();
  if (++page->full == page_size) {
    delete page;
    page = full_page();
  }
}

// Entries sorted by offset: offset step, commit step (signed) from the one before.
std::string Segments::encode(const std::vector<Segment::Ending>& endings) {
  auto sorted = endings;
  std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.offset < b.offset; });
  std::string out;
  Packer p(out);
  p.uint(sorted.size());
  std::uint64_t offset = 0;
  std::uint64_t commit = 0;
  for (const auto& e : sorted) {
    p.uint(e.offset - offset);
    p.sint(static_cast<std::int64_t>(e.commit - commit));
    offset = e.offset;
    commit = e.commit;
  }
  return out;
}

std::uint64_t Segments::commit_in(const std::string& value, std::uint64_t wanted) {
  Unpacker u(value);
  auto n = u.count();
  std::uint64_t offset = 0;
  std::uint64_t commit = 0;
  for (std::size_t i = 0; i < n && u.ok(); ++i) {
    offset += u.uint();
    commit += static_cast<std::uint64_t>(u.sint());
    if (offset == wanted && u.ok()) return commit;
  }
  return 0;
}

std::vector<Segments::Table> Segments::take_complete() {
  return std::exchange(complete_, {});
}

std::vector<Segments::Table> Segments::take_all() {
  auto tables = take_complete();
  for (std::size_t p = 0; p < pages_.size(); ++p) {
    if (pages_[p] == nullptr || pages_[p] == full_page()) continue;
    for (std::size_t i = 0; i < page_size; ++i) {
      auto* cell = pages_[p]->cells[i];
      if (cell == nullptr || cell == full_mark() || cell->endings.empty()) continue;
      pending_ -= cell->endings.size();
      tables.push_back({p * page_size + i, encode(cell->endings)});
      std::vector<Segment::Ending>().swap(cell->endings);
    }
  }
  return tables;
}

std::uint64_t Segments::commit_of(Sequence s) const {
  for (const auto& table : complete_)
    if (table.segment == segment_of(s)) return commit_in(table.value, s % segment_size);
  const auto* cell = find(segment_of(s));
  if (cell == nullptr || cell == full_mark()) return 0;
  for (const auto& e : cell->endings)
    if (e.offset == s % segment_size) return e.commit;
  return 0;
}

std::uint32_t Segments::ended_in(std::uint64_t segment) const {
  const auto* cell = find(segment);
  if (cell == nullptr) return 0;
  return cell == full_mark() ? static_cast<std::uint32_t>(segment_size) : cell->count;
}

void Segments::forget_below(std::uint64_t segment, Millis now) {
  std::map<Sequence, Straggler> stay;
  for (auto s = low_; s < segment; ++s) {
    if (find(s) != full_mark())
      each_open(s, (s + 1) * segment_size, [&](Sequence open) { stay.emplace(open, Straggler{}); });
    for (auto offset : summary(s).dead)
      stay.emplace(s * segment_size + offset, Straggler{State::failed, true, now});
  }
  stragglers_.merge(stay);
  for (auto s = low_; s < segment; ++s) {
    auto page = s / page_size;
    if (page >= pages_.size()) break;
    if (pages_[page] == full_page() || pages_[page] == nullptr) {
      s = (page + 1) * page_size - 1;
      continue;
    }
    auto*& cell = pages_[page]->cells[s % page_size];
    if (cell != full_mark() && cell != nullptr) {
      pending_ -= cell->endings.size();
      delete cell;
    }
    cell = full_mark();
  }
  if (segment > low_) {
    auto gone = std::min<std::uint64_t>(segment - low_, summaries_.size());
    summaries_.erase(summaries_.begin(), summaries_.begin() + static_cast<std::ptrdiff_t>(gone));
  }
  low_ = std::max(low_, segment);
  for (std::size_t p = 0; p < low_ / page_size && p < pages_.size(); ++p) {
    if (pages_[p] == nullptr || pages_[p] == full_page()) continue;
    delete pages_[p];
    pages_[p] = full_page();
  }
}

// Steps of commits, and the counts of what did not succeed.
void Segments::save_summaries(std::string& out) const {
  Packer p(out);
  p.uint(summaries_.size());
  std::uint64_t before = 0;
  for (const auto& s : summaries_) {
    p.sint(static_cast<std::int64_t>(s.first - before));
    p.uint(s.last == 0 ? 0 : s.last - s.first + 1);
    bool plain = s.failed == 0 && s.cancelled == 0 && s.expired == 0;
    p.u8(plain ? 0 : 1);
    before = s.first;
    if (plain) continue;
    for (auto n : {s.failed, s.cancelled, s.expired}) p.uint(n);
    p.uint(s.dead.size());
    for (auto offset : s.dead) p.uint(offset);
  }
  p.uint(stragglers_.size());
  Sequence last = 0;
  for (const auto& [sequence, straggler] : stragglers_) {
    p.uint(sequence - last);
    p.u8(static_cast<std::uint8_t>(straggler.state));
    p.u8(straggler.dead ? 1 : 0);
    p.sint(straggler.ended);
    last = sequence;
  }
}

// low, then runs: complete segments as (gap, run) pairs, then partial segments with their bits.
void Segments::save(std::string& out) const {
  Packer p(out);
  p.uint(low_);
  std::vector<std::pair<std::uint64_t, std::uint64_t>> runs;
  std::vector<std::uint64_t> partial;
  for (std::uint64_t s = low_; s < pages_.size() * page_size;) {
    auto page = s / page_size;
    if (pages_[page] == nullptr) {
      s = (page + 1) * page_size;
      continue;
    }
    std::uint64_t width = 1;
    const auto* cell = find(s);
    if (pages_[page] == full_page()) width = (page + 1) * page_size - s;
    if (cell == full_mark()) {
      if (!runs.empty() && runs.back().first + runs.back().second == s)
        runs.back().second += width;
      else
        runs.emplace_back(s, width);
    } else if (cell != nullptr && cell->count > 0) {
      partial.push_back(s);
    }
    s += width;
  }
  p.uint(runs.size());
  for (auto [from, width] : runs) p.uint(from), p.uint(width);
  p.uint(partial.size());
  for (auto s : partial) {
    p.uint(s);
    const auto* cell = find(s);
    for (auto word : cell->bits) p.uint(word);
  }
  save_summaries(out);
}

// 7e13 tasks; what a damaged snapshot may make us reserve is bounded by it.
constexpr std::uint64_t segments_max = std::uint64_t{1} << 36;

bool Segments::load(const char*& at, const char* end) {
  Unpacker u(std::string_view(at, static_cast<std::size_t>(end - at)));
  low_ = u.uint();
  std::vector<std::pair<std::uint64_t, std::uint64_t>> runs(u.count());
  for (auto& [from, width] : runs) from = u.uint(), width = u.uint();
  std::vector<std::pair<std::uint64_t, std::unique_ptr<Segment>>> partial(u.count());
  for (auto& [number, segment] : partial) {
    number = u.uint();
    segment = std::make_unique<Segment>();
    for (auto& word : segment->bits) word = u.uint();
    if (!u.ok()) return false;
  }
  summaries_.resize(u.count());
  std::uint64_t before = 0;
  for (auto& s : summaries_) {
    before = s.first = before + static_cast<std::uint64_t>(u.sint());
    auto span = u.uint();
    s.last = span == 0 ? 0 : s.first + span - 1;
    if (u.u8() == 0) continue;
    for (auto* n : {&s.failed, &s.cancelled, &s.expired}) *n = static_cast<std::uint16_t>(u.uint());
    s.dead.resize(std::min<std::uint64_t>(u.uint(), segment_size));
    for (auto& offset : s.dead) offset = static_cast<std::uint16_t>(u.uint() % segment_size);
  }
  Sequence straggler = 0;
  for (auto left = u.count(); left > 0 && u.ok(); --left) {
    straggler += u.uint();
    auto& kept = stragglers_[straggler];
    auto state = u.u8();
    if (state < 1 || state >= state_count) return false;
    kept.state = static_cast<State>(state);
    kept.dead = u.u8() != 0;
    kept.ended = u.sint();
  }
  at = u.position();
  // Each segment in which something ended has a summary, so the bytes at hand bound what is made of them.
  const auto limit = low_ + summaries_.size();
  if (!u.ok() || limit > segments_max) return false;
  auto next = low_;
  for (const auto& [from, width] : runs) {
    if (from < next || width > limit || from > limit - width) return false;
    next = from + width;
    load_full(from, width);
  }
  for (const auto& [number, segment] : partial) {
    if (number < low_ || number >= limit || find(number) != nullptr) return false;
    auto* cell = touch(number);
    cell->bits = segment->bits;
    cell->count = 0;
    for (auto word : cell->bits) cell->count += static_cast<std::uint32_t>(__builtin_popcountll(word));
  }
  return true;
}

void Segments::load_full(std::uint64_t from, std::uint64_t width) {
  for (auto s = from; s < from + width; ++s) {
    auto page = s / page_size;
    if (page >= pages_.size()) pages_.resize(page + 1);
    if (s % page_size == 0 && from + width - s >= page_size) {
      pages_[page] = full_page();
      s += page_size - 1;
      continue;
    }
    if (pages_[page] == nullptr) pages_[page] = new Page;
    pages_[page]->cells[s % page_size] = full_mark();
    ++pages_[page]->full;
  }
}

}  // namespace hirehall::engine
