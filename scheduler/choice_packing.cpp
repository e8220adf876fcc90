// What an award rested on, as bytes beside its task. Behind what every choice has come parts, each with a
// number: of choices that have them.
#include <array>

#include "common/pack.h"
#include "scheduler/chooser.h"
#include "scheduler/milli.h"

namespace hirehall::scheduler {

namespace {

constexpr std::uint8_t choice_format = 1;
constexpr std::uint8_t part_labels = 1, part_handed_back = 2, part_amounts = 3, part_matched = 4;

// Numbers of a choice on their way into its bytes: one append for many of them.
class FewNumbers {
 public:
  FewNumbers& uint(std::uint64_t v) {
    for (; v >= 128; v >>= 7) bytes_[size_++] = static_cast<char>(v | 128);
    bytes_[size_++] = static_cast<char>(v);
    return *this;
  }
  FewNumbers& sint(std::int64_t v) {
    return uint((static_cast<std::uint64_t>(v) << 1) ^ static_cast<std::uint64_t>(v >> 63));
  }
  void flush(Packer& p) {
    p.raw({bytes_.data(), size_});
    size_ = 0;
  }

 private:
  static constexpr std::size_t most = 12, longest = 10;
  std::array<char, most * longest> bytes_;
  std::size_t size_ = 0;
};

}  // namespace

void pack(const Choice& choice, std::string& out) {
  FewNumbers numbers;
  Packer p(out);
  const auto& settings = choice.settings;
  const bool auction = settings.policy == Policy::auction;
  p.u8(choice_format);
  p.u8(static_cast<std::uint8_t>(choice.award.policy));
  numbers.uint(choice.award.seed).uint(choice.outcomes).uint(choice.affinity);
  numbers.sint(settings.value).sint(settings.wait_price).sint(settings.preference).sint(settings.reserve);
  numbers.uint(settings.explore_percent).uint(static_cast<std::uint8_t>(settings.settlement));
  numbers.uint(choice.over_reserve).uint(choice.candidates.size()).flush(p);
  for (std::size_t i = 0; i < choice.candidates.size(); ++i) {
    const auto& c = choice.candidates[i];
    numbers.uint(c.worker).uint(c.agent).uint(c.load).uint(c.preferred).uint(c.name_hash);
    numbers.sint(milli(c.log_odds)).sint(milli(c.log_odds_sd)).sint(c.finish_ms).sint(c.cost);
    numbers.uint(choice.agents[i].size()).flush(p);
    p.raw(choice.agents[i]);
    if (!auction) continue;
    const auto& quote = choice.quotes[i];
    numbers.sint(quote.ask).sint(quote.base).sint(quote.load_slope).sint(quote.cap).sint(quote.multiplier);
    numbers.uint(quote.live ? 1 : 0).flush(p);
  }
  p.uint(choice.round);
  p.uint(choice.absent.size());
  for (const auto& absent : choice.absent) {
    p.uint(absent.worker);
    p.bytes(absent.agent);
    p.bytes(absent.why);
  }
  p.bytes(choice.features);
  for (const auto& bare : choice.bare) p.sint(milli(bare.log_odds));
  if (!choice.bare.empty()) {
    p.u8(part_amounts);
    for (const auto& bare : choice.bare) p.sint(bare.run_ms), p.sint(bare.cost), p.sint(bare.run_ms_with);
  }
  if (choice.wanted_labels != 0) {
    p.u8(part_labels);
    p.uint(choice.wanted_labels);
    for (const auto& c : choice.candidates) p.uint(c.labels);
  }
  if (choice.went_to != WentTo::anew) {
    p.u8(part_handed_back);
    p.uint(choice.handed_back_by);
    p.u8(static_cast<std::uint8_t>(choice.went_to));
  }
  if (choice.matched.with != none) {
    const auto& round = choice.matched.round;
    p.u8(part_matched);
    numbers.uint(choice.matched.with).uint(round.tasks).uint(round.places);
    numbers.sint(round.total).sint(round.one_by_one).uint(round.one_by_one_tasks).flush(p);
    for (const auto& c : choice.candidates) p.sint(c.slot_price);
  }
}

namespace {

void read_matched(Unpacker& in, Choice& out) {
  auto& round = out.matched.round;
  out.matched.with = static_cast<WorkerNo>(in.uint());
  round.tasks = static_cast<std::uint32_t>(in.uint());
  round.places = static_cast<std::uint32_t>(in.uint());
  round.total = in.sint();
  round.one_by_one = in.sint();
  round.one_by_one_tasks = static_cast<std::uint32_t>(in.uint());
  for (std::size_t i = 0; i < out.candidates.size(); ++i) {
    out.candidates[i].slot_price = in.sint();
    out.candidates[i].own_draw = hash_of(out.agents[i]);
  }
}

// False: a part that this program does not know.
bool read_part(Unpacker& in, Choice& out) {
  switch (in.u8()) {
    case part_labels:
      out.wanted_labels = static_cast<std::uint32_t>(in.uint());
      for (auto& c : out.candidates) c.labels = static_cast<std::uint32_t>(in.uint());
      return true;
    case part_handed_back: {
      out.handed_back_by = static_cast<WorkerNo>(in.uint());
      const auto to = in.u8();
      out.went_to = static_cast<WentTo>(to % went_to_count);
      return to < went_to_count;
    }
    case part_amounts:
      for (auto& bare : out.bare)
        bare.run_ms = in.sint(), bare.cost = in.sint(), bare.run_ms_with = in.sint();
      return true;
    case part_matched:
      read_matched(in, out);
      return true;
    default:
      return false;
  }
}

}  // namespace

std::string pack(const Choice& choice) {
  std::string out;
  pack(choice, out);
  return out;
}

std::optional<Choice> unpack_choice(std::string_view packed) {
  Unpacker in(packed);
  if (in.u8() != choice_format) return std::nullopt;
  const auto policy = in.u8();
  if (policy > static_cast<std::uint8_t>(Policy::auction)) return std::nullopt;
  Choice out;
  out.settings.policy = static_cast<Policy>(policy);
  const auto seed = in.uint();
  out.outcomes = in.uint();
  out.affinity = in.uint();
  for (auto* amount :
       {&out.settings.value, &out.settings.wait_price, &out.settings.preference, &out.settings.reserve})
    *amount = in.sint();
  out.settings.explore_percent = static_cast<std::uint32_t>(in.uint());
  out.settings.settlement = in.u8() == 0 ? Settlement::second_price : Settlement::first_price;
  out.over_reserve = in.uint();
  for (auto left = in.uint(); left > 0 && in.ok(); --left) {
    auto& c = out.candidates.emplace_back();
    c.worker = static_cast<WorkerNo>(in.uint());
    c.agent = static_cast<std::uint16_t>(in.uint());
    c.load = in.uint();
    c.preferred = static_cast<std::uint32_t>(in.uint());
    c.name_hash = in.uint();
    c.log_odds = from_milli(in.sint());
    c.log_odds_sd = from_milli(in.sint());
    c.finish_ms = in.sint();
    c.cost = in.sint();
    out.agents.emplace_back(in.bytes());
    if (out.settings.policy != Policy::auction) continue;
    auto& quote = out.quotes.emplace_back();
    for (auto* amount : {&quote.ask, &quote.base, &quote.load_slope, &quote.cap, &quote.multiplier})
      *amount = in.sint();
    quote.live = in.u8() != 0;
    c.ask = quote.ask;
  }
  out.round = in.uint();
  for (auto left = in.uint(); left > 0 && in.ok(); --left) {
    auto& absent = out.absent.emplace_back();
    absent.worker = static_cast<WorkerNo>(in.uint());
    absent.agent = in.bytes();
    absent.why = in.bytes();
  }
  out.features = in.bytes();
  if (!out.features.empty())
    for (std::size_t i = 0; i < out.candidates.size(); ++i)
      out.bare.push_back({.log_odds = from_milli(in.sint())});
  while (in.ok() && !in.finished())
    if (!read_part(in, out)) return std::nullopt;
  if (!in.finished()) return std::nullopt;
  out.award = decide(out.settings, out.candidates, seed, out.affinity);
  if (out.award.winner == none) return std::nullopt;
  return out;
}

}  // namespace hirehall::scheduler
