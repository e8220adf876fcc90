#include "scheduler/features.h"

#include <algorithm>
#include <cmath>

#include "common/task_features.h"
#include "scheduler/chance.h"
#include "scheduler/learned_bytes.h"

namespace hirehall::scheduler {

namespace {

constexpr double pi_by_8 = 0.39269908169872414;
constexpr double weight_sd = 1.0, base_sd = 0.3;
constexpr double amount_drift = 2e-5;  // variance that a lesson adds to what it is about: amounts change
constexpr double steps_max = 4;        // further out counts as this far
constexpr double settled = 8;          // so many of a number are seen before its spread is used; until then 1
constexpr double spread_min = 1e-9, narrow = 0.01;  // of what hardly changes, and by its middle
constexpr std::size_t first_format_numbers = 1 + 16 + 16 * 17 / 2;

std::uint64_t hash_of(std::string_view text, std::uint64_t seed) {
  std::uint64_t sum = 0xcbf29ce484222325 ^ seed;
  for (const char c : text) sum = (sum ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return Stream(sum).next();
}

std::uint64_t place_hash(std::string_view name, bool numeric) {
  return hash_of(name, numeric ? 1 : 2);
}

// Since the last power of two from `settled` on.
double seen_anew(double count) {
  double last = 0;
  for (double power = settled; power < count && power < 1e15; power *= 2) last = power;
  return count - last;
}

bool is_power_of_two(double count) {
  const auto whole = static_cast<std::uint64_t>(count);
  return (whole & (whole - 1)) == 0;
}

}  // namespace

Features Features::of(std::string_view encoded) {
  Features out;
  const auto read = read_features(encoded);
  if (!read || read->empty()) return out;
  out.encoded_ = encoded;
  out.all_.reserve(read->size());
  for (const auto& feature : *read)
    feature.numeric ? out.number(feature.name, feature.number) : out.word(feature.name, feature.word);
  return out;
}

void Features::number(std::string_view name, double value) {
  if (std::isfinite(value))
    all_.push_back({place_hash(name, true), std::string(name), true, std::asinh(value)});
}

void Features::word(std::string_view name, std::string_view value) {
  auto text = std::string(name) + "=" + std::string(value);
  const auto hash = place_hash(text, false);
  all_.push_back({hash, std::move(text), false, 1});
}

FeatureModel::FeatureModel() : FeatureModel(width, 0, base_sd * base_sd) {}

// How open the base is where nothing is known of it.
double FeatureModel::base_open() const {
  return width_ == width ? base_sd * base_sd : weight_sd * weight_sd;
}

FeatureModel::FeatureModel(std::size_t places, double base, double base_variance)
    : width_(places), places_(1), triangle_(1, base_variance) {
  places_[0].mean = base;
}

std::size_t FeatureModel::find(const Features::One& one) const {
  for (std::size_t i = 1; i < places_.size(); ++i)
    if (places_[i].hash == one.hash && places_[i].name == one.name) return i;
  return 0;
}

void FeatureModel::reset(std::size_t place) {
  for (std::size_t i = 0; i < places_.size(); ++i) covariance(place, i) = 0;
  covariance(place, place) = weight_sd * weight_sd;
}

// Full: in place of the one seen least, but for those of the same task. 0: there is none.
std::size_t FeatureModel::make_place(const Features::One& one, const std::vector<Term>& taken,
                                     std::uint32_t& displaced) {
  std::size_t place = places_.size();
  if (place <= width_) {
    places_.emplace_back();
    triangle_.resize((place + 1) * (place + 2) / 2);
  } else {
    place = 0;
    for (std::size_t i = 1; i < places_.size(); ++i)
      if ((place == 0 || places_[i].seen < places_[place].seen) &&
          std::ranges::none_of(taken, [&](const Term& t) { return t.place == i; }))
        place = i;
    if (place == 0) return 0;
    ++displaced;
    places_[place] = {};
  }
  places_[place].hash = one.hash;
  places_[place].name = one.name;
  places_[place].numeric = one.numeric;
  reset(place);
  return place;
}

// A number's middle and spread follow what was seen since they were taken over last; each time that twice as
// many were, they are taken over anew. So what was wrong at first, as a unit that nobody had set, is out of
// them soon. Until then it goes by e-folds from the first one, so that an agent learns from its first tasks.
void FeatureModel::watch(Place& place, std::size_t index, double value) {
  const double seen = seen_anew(place.seen);
  if (seen == 1) place.centre = value, place.squares = 0;
  const double off = value - place.centre;
  place.centre += off / seen;
  place.squares += off * (value - place.centre);
  if (place.seen == 1) place.middle = value, place.spread = 1;
  if (place.seen >= settled && is_power_of_two(place.seen)) rescale(index);
}

// What is believed stays the same: the weight is told in the new steps, and the base moves by what the middle
// has moved.
void FeatureModel::rescale(std::size_t index) {
  auto& place = places_[index];
  const double middle = place.centre;
  const double spread =
      std::max({spread_min, narrow * std::abs(middle), std::sqrt(place.squares / seen_anew(place.seen))});
  const double step = spread / place.spread, moved = (middle - place.middle) / place.spread;
  place.middle = middle;
  place.spread = spread;
  // What was believed of values that were cut off says nothing in the new steps.
  if (step > steps_max || step < 1 / steps_max) {
    place.mean = 0;
    reset(index);
    // The base is believed of another middle.
    covariance(0, 0) += base_open();
    return;
  }
  places_[0].mean += moved * place.mean;
  place.mean *= step;
  for (std::size_t i = 1; i < places_.size(); ++i) covariance(0, i) += moved * covariance(index, i);
  covariance(0, 0) += 2 * moved * covariance(0, index) - moved * moved * covariance(index, index);
  for (std::size_t i = 0; i < places_.size(); ++i) covariance(index, i) *= i == index ? step * step : step;
  // A weight that was believed to be small only because the first steps were large is as open as any.
  if (place.seen == settled && spread < 1)
    covariance(index, index) += (1 - spread * spread) * weight_sd * weight_sd;
}

std::vector<FeatureModel::Term> FeatureModel::terms_of(const Features& features) const {
  std::vector<Term> terms;
  terms.reserve(features.all().size() + 1);
  terms.push_back({0, 1});
  for (const auto& one : features.all()) {
    const auto at = find(one);
    if (at == 0) continue;
    const auto& place = places_[at];
    const double value = one.numeric
                             ? std::clamp((one.value - place.middle) / place.spread, -steps_max, steps_max)
                             : one.value;
    if (value != 0) terms.push_back({at, value});
  }
  return terms;
}

FeatureModel::Sum FeatureModel::sum_of(const std::vector<Term>& terms) const {
  Sum out;
  for (const auto& a : terms) {
    out.mean += places_[a.place].mean * a.value;
    for (const auto& b : terms) out.variance += a.value * covariance(a.place, b.place) * b.value;
  }
  out.variance = std::max(0.0, out.variance);
  return out;
}

FeatureModel::Shift FeatureModel::shift(const Features& features) const {
  if (features.empty() || outcomes_ == 0) return {};
  const auto now = sum(features);
  return {now.mean, now.variance};
}

bool FeatureModel::knows(const Features& features) const {
  return std::ranges::any_of(features.all(), [&](const auto& one) { return find(one) != 0; });
}

// Each feature of the task gets its place, if it is to be had, and is counted as seen.
std::uint32_t FeatureModel::make_room(const Features& features) {
  std::uint32_t displaced = 0;
  std::vector<Term> taken;
  for (const auto& one : features.all())
    if (const auto at = find(one); at != 0) taken.push_back({at, 1});
  for (const auto& one : features.all()) {
    auto at = find(one);
    if (at == 0) at = make_place(one, taken, displaced), taken.push_back({at, 1});
    if (at == 0) continue;
    places_[at].seen += 1;
    if (one.numeric) watch(places_[at], at, one.value);
  }
  return displaced;
}

std::uint32_t FeatureModel::learn(const Features& features, double log_odds, double variance, bool success) {
  if (features.empty()) return 0;
  const auto displaced = make_room(features);
  const auto terms = terms_of(features);
  const auto now = sum_of(terms);
  const double all = variance + now.variance;
  const double p = logistic((log_odds + now.mean) / std::sqrt(1 + pi_by_8 * all));
  const double curvature = p * (1 - p);
  const double share = 1 / (1 + all * curvature);
  const double error = (success ? 1.0 : 0.0) - p;
  move(terms, error * share, curvature * share);
  outcomes_ += 1;
  return displaced;
}

void FeatureModel::move(const std::vector<Term>& terms, double gain, double shrink) {
  std::vector<double> far(places_.size());  // covariance · features
  for (std::size_t i = 0; i < far.size(); ++i)
    for (const auto& term : terms) far[i] += covariance(i, term.place) * term.value;
  for (std::size_t i = 0; i < far.size(); ++i) {
    places_[i].mean += far[i] * gain;
    for (std::size_t j = 0; j <= i; ++j) covariance(i, j) -= far[i] * far[j] * shrink;
  }
}

FeatureModel::Lesson FeatureModel::learn_amount(const Features& features, double value, double noise) {
  Lesson out;
  out.displaced = make_room(features);
  const auto terms = terms_of(features);
  const auto now = sum_of(terms);
  const double all = noise + std::max(now.variance, 1e-9);
  out.error = value - now.mean;
  out.of_noise = noise / all;
  move(terms, out.error / all, 1 / all);
  drift(terms);
  outcomes_ += 1;
  return out;
}

// What is known for sure can change as well; what is open stays as it is.
void FeatureModel::drift(const std::vector<Term>& terms) {
  for (const auto& term : terms) {
    auto& own = covariance(term.place, term.place);
    if (own < weight_sd * weight_sd) own = std::max(own, 0.0) + amount_drift;
  }
}

std::vector<FeatureWeight> FeatureModel::weights() const {
  std::vector<FeatureWeight> out;
  for (std::size_t i = 1; i < places_.size(); ++i) {
    const auto& place = places_[i];
    auto& row = out.emplace_back();
    row.name = place.name;
    row.numeric = place.numeric;
    row.weight = place.mean;
    row.sd = std::sqrt(std::max(0.0, covariance(i, i)));
    row.seen = place.seen;
    if (!place.numeric) continue;
    row.low = std::sinh(std::clamp(place.middle - place.spread, -700.0, 700.0));
    row.high = std::sinh(std::clamp(place.middle + place.spread, -700.0, 700.0));
  }
  const auto sureness = [](const FeatureWeight& w) { return std::abs(w.weight) / std::max(w.sd, 1e-6); };
  std::ranges::stable_sort(out, [&](const auto& a, const auto& b) { return sureness(a) > sureness(b); });
  return out;
}

void FeatureModel::save(Packer& out) const {
  put_number(out, outcomes_);
  out.uint(places_.size());
  for (const auto& place : places_) {
    out.bytes(place.name);
    out.u8(place.numeric ? 1 : 0);
    put_number(out, place.seen);
    put_number(out, place.mean);
    if (!place.numeric) continue;
    for (const double value : {place.centre, place.squares, place.middle, place.spread})
      put_number(out, value);
  }
  for (const double value : triangle_) put_number(out, value);
}

bool FeatureModel::load(Unpacker& in, FeatureModel& into, std::size_t most) {
  FeatureModel model;
  model.width_ = most;
  model.outcomes_ = take_number(in, 0);
  const auto places = in.count();
  if (places < 1 || places > most + 1) in.fail();
  model.places_.clear();
  for (std::size_t i = 0; i < places && in.ok(); ++i) {
    auto& place = model.places_.emplace_back();
    place.name = in.bytes();
    const auto kind = in.u8();
    if (kind > 1 || place.name.empty() != (i == 0) || (i == 0 && kind != 0)) in.fail();
    place.numeric = kind == 1;
    place.hash = place_hash(place.name, place.numeric);
    place.seen = take_number(in, 0);
    place.mean = take_number(in);
    if (!place.numeric) continue;
    place.centre = take_number(in);
    place.squares = take_number(in, 0);
    place.middle = take_number(in);
    place.spread = take_number(in, spread_min);
  }
  if (!in.ok()) return false;
  model.triangle_.resize(places * (places + 1) / 2);
  for (std::size_t i = 0; i < places; ++i)
    for (std::size_t j = 0; j <= i; ++j) model.covariance(i, j) = take_number(in, i == j ? 0 : -1e12);
  if (!in.ok()) return false;
  into = std::move(model);
  return true;
}

void FeatureModel::skip_first_format(Unpacker& in) {
  for (std::size_t i = 0; i < first_format_numbers; ++i) take_number(in);
}

}  // namespace hirehall::scheduler
