#include "scheduler/policy.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "scheduler/chance.h"
#include "scheduler/preferred.h"

namespace hirehall::scheduler {

namespace {

constexpr std::array<std::string_view, 4> names{"least_loaded", "sticky", "learned", "auction"};
constexpr Micros money_max = 1'000'000 * micros_per_unit;
constexpr Micros slot_price_max = Micros{1} << 50;
constexpr std::int64_t wait_ms_max = std::int64_t{1} << 31;
constexpr std::int64_t million = 1'000'000;
constexpr std::int64_t free_slot = std::int64_t{1} << 40;  // above any hash of `sticky`
constexpr std::int64_t preferred_max = 64;
constexpr int points = 32;  // of the integral in propensity()

std::int64_t cut(std::int64_t value, std::int64_t most) {
  return std::clamp<std::int64_t>(value, 0, most);
}

std::int64_t in_ppm(double chance) {
  return std::llround(std::clamp(chance, 0.0, 1.0) * static_cast<double>(million));
}

std::int64_t waits(const PolicySettings& settings, const Candidate& candidate) {
  const auto ms = cut(candidate.finish_ms, wait_ms_max);
  const auto price = cut(settings.wait_price, money_max);
  return price / 1000 * ms + price % 1000 * ms / 1000;
}

std::int64_t valued(const PolicySettings& settings, std::int64_t chance_ppm) {
  const auto value = cut(settings.value, money_max);
  return value / million * chance_ppm + value % million * chance_ppm / million;
}

std::int64_t prefers(const PolicySettings& settings, const Candidate& candidate) {
  return std::min<std::int64_t>(candidate.preferred, preferred_max) * cut(settings.preference, money_max);
}

std::int64_t charge(const PolicySettings& settings, const Candidate& candidate) {
  return cut(settings.policy == Policy::auction ? candidate.ask : candidate.cost, money_max);
}

Micros priced(const Candidate& candidate) {
  return std::clamp(candidate.slot_price, -slot_price_max, slot_price_max);
}

double width(const PolicySettings& settings, const Candidate& candidate) {
  return candidate.log_odds_sd * settings.explore_percent / 100;
}

// `draw` gives the next number of the award's stream.
template <typename Draw>
Terms terms_of(const PolicySettings& settings, const Candidate& candidate, Draw&& draw,
               std::uint64_t affinity) {
  Terms out;
  out.worker = candidate.worker;
  out.agent = candidate.agent;
  out.load = candidate.load;
  const std::int64_t load = static_cast<std::int64_t>(std::min<std::uint64_t>(candidate.load, free_slot));
  switch (settings.policy) {
    case Policy::least_loaded:
      out.preferred =
          std::min<std::int64_t>(candidate.preferred, preferred_max) * static_cast<std::int64_t>(label_worth);
      out.cost = load;
      break;
    case Policy::sticky:
      // Whoever has the greatest hash with this key: no table, and a worker that leaves moves its keys only.
      out.value = pull_of(affinity, candidate.name_hash);
      if (candidate.load < load_one) out.preferred = free_slot;
      break;
    case Policy::learned:
    case Policy::auction:
      out.chance_ppm = in_ppm(logistic(candidate.log_odds + width(settings, candidate) * draw(candidate)));
      out.value = valued(settings, out.chance_ppm);
      out.preferred = prefers(settings, candidate);
      out.cost = charge(settings, candidate);
      out.wait = waits(settings, candidate);
      out.slot_price = priced(candidate);
      break;
  }
  return out;
}

bool better(const Terms& a, const Terms& b) {
  if (a.score() != b.score()) return a.score() > b.score();
  if (a.load != b.load) return a.load < b.load;
  return a.worker != b.worker ? a.worker < b.worker : a.agent < b.agent;
}

std::uint32_t best_of(const std::vector<Terms>& terms, std::uint32_t without) {
  std::uint32_t best = none;
  for (std::uint32_t i = 0; i < terms.size(); ++i)
    if (i != without && (best == none || better(terms[i], terms[best]))) best = i;
  return best;
}

Status within(Micros value, const std::string& what) {
  if (value >= 0 && value <= money_max) return {};
  return fail(
      Code::invalid,
      what + " is " + std::to_string(value) + " millionths; it may be 0 to " + std::to_string(money_max),
      what);
}

}  // namespace

std::uint64_t hash_of(std::string_view name) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  hash ^= hash >> 32;
  return hash == 0 ? 1 : hash;
}

std::int64_t pull_of(std::uint64_t affinity, std::uint64_t worker) {
  return static_cast<std::int64_t>(Stream(affinity ^ worker).next() >> 32);
}

std::string_view name_of(Policy policy) {
  return names[static_cast<std::size_t>(policy)];
}

std::string_view name_of(Settlement settlement) {
  return settlement == Settlement::first_price ? "first_price" : "second_price";
}

Result<Policy> policy_from(std::string_view name) {
  for (std::size_t i = 0; i < names.size(); ++i)
    if (names[i] == name) return static_cast<Policy>(i);
  return fail(Code::invalid, "policy is least_loaded, sticky, learned or auction", std::string(name));
}

Status check(const PolicySettings& settings) {
  if (auto good = within(settings.value, "value"); !good) return good;
  if (auto good = within(settings.wait_price, "wait_price"); !good) return good;
  if (auto good = within(settings.preference, "preference"); !good) return good;
  if (auto good = within(settings.reserve, "reserve"); !good) return good;
  if (settings.explore_percent <= 200) return {};
  return fail(Code::invalid, "explore_percent is 0 to 200", "explore_percent");
}

Award decide(const PolicySettings& settings, const std::vector<Candidate>& candidates, std::uint64_t seed,
             std::uint64_t affinity) {
  Award out;
  out.policy = settings.policy;
  out.seed = seed;
  Stream chance(seed);
  const auto draw = [&](const Candidate& candidate) {
    return candidate.own_draw == 0 ? chance.normal() : Stream(seed ^ candidate.own_draw).normal();
  };
  out.terms.reserve(candidates.size());
  for (const auto& candidate : candidates) out.terms.push_back(terms_of(settings, candidate, draw, affinity));
  out.winner = best_of(out.terms, none);
  out.runner_up = best_of(out.terms, out.winner);
  if (settings.policy != Policy::auction || out.winner == none) return out;
  const auto& won = out.terms[out.winner];
  out.first_price = won.cost;
  // Without a rival it could have asked for all that it is worth.
  const auto rival =
      out.runner_up == none ? std::int64_t{0} : std::max<std::int64_t>(0, out.terms[out.runner_up].score());
  auto most = won.score() + won.cost - rival;
  if (settings.reserve > 0) most = std::min(most, settings.reserve);
  out.second_price = std::max(won.cost, most);
  out.paid = settings.settlement == Settlement::first_price ? out.first_price : out.second_price;
  return out;
}

Micros burden(const PolicySettings& settings, const Candidate& candidate) {
  return charge(settings, candidate) + waits(settings, candidate);
}

std::uint32_t winner_of(const std::vector<Terms>& terms) {
  return best_of(terms, none);
}

// P(i wins) = E over i's draw of the product of P(j scores less): scores rise with draws, so each factor is a
// share of a normal distribution. Ties have no weight.
double propensity(const PolicySettings& settings, const std::vector<Candidate>& candidates,
                  std::uint32_t index) {
  const bool draws = settings.policy == Policy::learned || settings.policy == Policy::auction;
  if (!draws || settings.explore_percent == 0) return decide(settings, candidates, 0).winner == index ? 1 : 0;
  const auto fixed = [&](const Candidate& c) {
    return static_cast<double>(prefers(settings, c) - charge(settings, c) - waits(settings, c) - priced(c));
  };
  const auto& self = candidates[index];
  const double value = static_cast<double>(cut(settings.value, money_max));
  double sum = 0;
  for (int k = 0; k < points; ++k) {
    const double z = normal_quantile((k + 0.5) / points);
    const double score = value * logistic(self.log_odds + width(settings, self) * z) + fixed(self);
    double all = 1;
    for (std::uint32_t j = 0; j < candidates.size() && all > 0; ++j) {
      if (j == index) continue;
      const auto& other = candidates[j];
      const double needed = value > 0 ? (score - fixed(other)) / value : (score > fixed(other) ? 2 : -1);
      if (needed <= 0) all = 0;
      if (needed <= 0 || needed >= 1) continue;
      const double spread = std::max(width(settings, other), 1e-9);
      all *= normal_share((log_odds(needed) - other.log_odds) / spread);
    }
    sum += all;
  }
  return sum / points;
}

std::string explain(const Award& award) {
  const auto put = [](std::string_view name, std::int64_t value) {
    return ' ' + std::string(name) + '=' + std::to_string(value);
  };
  const auto shown = [&](std::uint32_t index) {
    return index == none ? std::int64_t{-1} : std::int64_t{award.terms[index].worker};
  };
  std::string out = "policy=" + std::string(name_of(award.policy)) + " seed=" + std::to_string(award.seed) +
                    put("winner", shown(award.winner)) + put("runner_up", shown(award.runner_up)) +
                    put("first_price", award.first_price) + put("second_price", award.second_price) + '\n';
  for (const auto& t : award.terms)
    out += "worker=" + std::to_string(t.worker) + put("agent", t.agent) +
           put("load", static_cast<std::int64_t>(t.load)) + put("chance_ppm", t.chance_ppm) +
           put("value", t.value) + put("preferred", t.preferred) + put("cost", t.cost) + put("wait", t.wait) +
           put("slot_price", t.slot_price) + put("score", t.score()) + '\n';
  return out;
}

Shadow shadow(const PolicySettings& settings, const std::vector<Candidate>& candidates, std::uint64_t seed,
              std::uint64_t affinity, const Award& real) {
  Shadow out{decide(settings, candidates, seed, affinity), false};
  out.agrees = out.award.winner == real.winner;
  return out;
}

}  // namespace hirehall::scheduler
