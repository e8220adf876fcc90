#include "scheduler/prediction.h"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>

#include "scheduler/chance.h"
#include "scheduler/learned_bytes.h"

namespace hirehall::scheduler {

namespace {

constexpr double pi_by_8 = 0.39269908169872414;
constexpr AgentNo unknown = ~AgentNo{0};
constexpr double reported_window = 256;             // older reports fade
constexpr double newcomer_variance = 1;             // of a weight before its first lesson
constexpr unsigned has_duration = 1, has_cost = 2;  // what is kept beside a model of chances

}  // namespace

void Prediction::Reported::add(double value) {
  if (!takes(value)) return;
  if (count >= reported_window) sum *= 1 - 1 / reported_window, count -= 1;
  sum += value;
  count += 1;
}

bool Prediction::Reported::takes(double value) {
  return std::isfinite(value) && value >= 0 && value <= 1e9;
}

Forecast Prediction::forecast(std::string_view agent, std::string_view type, const Features* features) const {
  const auto of_type = types_.find(type);
  const TypeNo type_no = of_type != types_.end() ? of_type->second : unknown;
  const auto known = agents_.find(agent);
  const AgentNo agent_no = known != agents_.end() ? known->second.number : unknown;
  Forecast out;
  out.success = success_.belief(agent_no, type_no);
  out.duration = duration_.belief(agent_no, type_no);
  if (known == agents_.end()) return out;
  if (const auto told = known->second.reported.find(type_no); told != known->second.reported.end()) {
    const auto& [cost, quality] = told->second;
    out.cost = cost.mean(), out.costs_told = cost.count;
    out.quality = quality.mean(), out.qualities_told = quality.count;
  }
  if (features == nullptr) return out;
  const auto* models = find_features(agent, type);
  if (models == nullptr) return out;
  if (models->duration) out.duration = models->duration->duration(*features, out.duration);
  if (models->cost) out.cost = models->cost->mean(*features, out.cost);
  const auto shift = models->success.shift(*features);
  if (shift.variance == 0) return out;
  auto& s = out.success;
  s.log_odds += shift.log_odds;
  s.sd = std::sqrt(s.sd * s.sd + shift.variance);
  s.own_sd = std::sqrt(s.own_sd * s.own_sd + shift.variance);
  s.probability = logistic(s.log_odds / std::sqrt(1 + pi_by_8 * s.sd * s.sd));
  return out;
}

std::size_t Prediction::FeatureModels::size() const {
  return success.size() + (duration ? duration->size() : 0) + (cost ? cost->size() : 0);
}

const Prediction::FeatureModels* Prediction::find_features(std::string_view agent,
                                                           std::string_view type) const {
  const auto known = agents_.find(agent);
  if (known == agents_.end() || known->second.features.empty()) return nullptr;
  const auto of_type = types_.find(type);
  if (of_type == types_.end()) return nullptr;
  const auto model = known->second.features.find(of_type->second);
  return model == known->second.features.end() ? nullptr : &model->second;
}

FeatureModel::Shift Prediction::shift(std::string_view agent, std::string_view type,
                                      const Features& features) const {
  const auto* models = find_features(agent, type);
  return models == nullptr ? FeatureModel::Shift{} : models->success.shift(features);
}

ByFeatures Prediction::by_features(std::string_view agent, std::string_view type, const Features& features,
                                   double bare_p50_ms, double bare_cost) const {
  ByFeatures out{{}, bare_p50_ms, bare_cost};
  const auto* models = find_features(agent, type);
  if (models == nullptr) return out;
  out.success = models->success.shift(features);
  if (models->duration) out.p50_ms = models->duration->median(features, bare_p50_ms);
  if (models->cost) out.cost = models->cost->mean(features, bare_cost);
  return out;
}

Prediction::FeatureCounts Prediction::feature_counts() const {
  FeatureCounts out{0, features_displaced_, features_left_out_};
  for (const auto& [name, agent] : agents_)
    for (const auto& [type, models] : agent.features) out.weights += models.size();
  return out;
}

std::optional<TypeNo> Prediction::number_of(std::string_view type) {
  if (const auto found = types_.find(type); found != types_.end()) return found->second;
  if (types_.size() >= names_max) return std::nullopt;
  const auto number = static_cast<TypeNo>(types_.size());
  types_.emplace(type, number);
  type_names_.emplace_back(type);
  return number;
}

Prediction::Agent* Prediction::agent_of(std::string_view name) {
  if (const auto found = agents_.find(name); found != agents_.end()) return &found->second;
  if (agents_.size() >= names_max) return nullptr;
  auto& agent = agents_.emplace(name, Agent{}).first->second;
  agent.number = static_cast<AgentNo>(agents_.size() - 1);
  return &agent;
}

void Prediction::forget(Agent& agent) {
  cells_ -= success_.known(agent.number);
  success_.reset(agent.number);
  duration_.reset(agent.number);
  agent.reported.clear();
  forget_features(agent);
}

void Prediction::forget_features(Agent& agent, std::optional<TypeNo> type) {
  feature_models_ -= agent.features.size();
  if (type)
    agent.features.erase(*type);
  else
    agent.features.clear();
  feature_models_ += agent.features.size();
}

// Nothing: there are too many.
Prediction::FeatureModels* Prediction::features_of(Agent& agent, TypeNo type) {
  if (const auto found = agent.features.find(type); found != agent.features.end()) return &found->second;
  if (feature_models_ >= feature_models_max) {
    ++features_left_out_;
    return nullptr;
  }
  ++feature_models_;
  return &agent.features[type];
}

bool Prediction::learn(const Experience& experience) {
  auto* agent = agent_of(experience.agent);
  const auto type = agent != nullptr ? number_of(experience.type) : std::nullopt;
  if (!type) {
    ++refused_;
    return false;
  }
  if (agent->version != experience.version) {
    forget(*agent);
    agent->version = experience.version;
  }
  if (!success_.knows(agent->number, *type)) {
    if (cells_ >= cells_max) {
      ++refused_;
      return false;
    }
    ++cells_;
  }
  ++outcomes_;
  // One error moves both: what the features explain is not learned as the agent's own doing, and a run of
  // hard tasks is no change of the agent.
  SuccessModel::Beside beside;
  if (experience.features != nullptr && !experience.features->empty()) {
    if (auto* models = features_of(*agent, *type); models != nullptr) {
      learn_amounts(*agent, *type, *models, experience);
      auto* model = &models->success;
      const auto shift = model->shift(*experience.features);
      const auto base = success_.belief(agent->number, *type);
      const auto places = model->size();
      const auto displaced =
          model->learn(*experience.features, base.log_odds, base.sd * base.sd, experience.success);
      features_displaced_ += displaced;
      // What has just got its place was unknown: its outcome may surprise without being a change of the
      // agent.
      const auto newcomers = static_cast<double>(model->size() - places + displaced);
      beside = {shift.log_odds, shift.variance + newcomers * newcomer_variance};
    }
  }
  const auto known = success_.known(agent->number);
  if (success_.learn(agent->number, *type, experience.success, beside)) {
    const auto left = success_.known(agent->number);
    forget_features(*agent, left < known ? std::nullopt : type);
    cells_ -= known - std::min(known, left);
  }
  if (experience.success) duration_.learn(agent->number, *type, experience.took_ms);
  if (!experience.cost && !experience.quality) return true;
  auto& [cost, quality] = agent->reported[*type];
  if (experience.cost) cost.add(*experience.cost);
  if (experience.quality) quality.add(*experience.quality);
  return true;
}

// Before what is believed without them has learned of it.
void Prediction::learn_amounts(const Agent& agent, TypeNo type, FeatureModels& models,
                               const Experience& experience) {
  if (experience.success) {
    if (!models.duration) models.duration.emplace(duration_.log_of(agent.number, type));
    features_displaced_ += models.duration->learn_duration(*experience.features, experience.took_ms,
                                                           duration_.belief(agent.number, type));
  }
  if (!experience.cost || !Reported::takes(*experience.cost)) return;
  const auto told = agent.reported.find(type);
  const double mean = told == agent.reported.end() ? 0 : told->second.first.mean();
  if (!models.cost) {
    if (*experience.cost <= 0) return;
    models.cost.emplace(AmountModel::start_of_cost(mean > 0 ? mean : *experience.cost));
  }
  features_displaced_ += models.cost->learn_cost(*experience.features, *experience.cost, mean);
}

bool Prediction::reset(std::string_view agent) {
  const auto found = agents_.find(agent);
  if (found == agents_.end()) return false;
  forget(found->second);
  return true;
}

AgentStatus Prediction::status_of(const std::string& name, const Agent& agent, TypeNo type) const {
  AgentStatus row{name, agent.version, type_names_[type], forecast(name, type_names_[type])};
  if (const auto* models = find_features(name, row.type); models != nullptr) {
    row.features = &models->success;
    if (models->duration) row.duration_features = &*models->duration;
    if (models->cost) row.cost_features = &*models->cost;
  }
  return row;
}

std::vector<AgentStatus> Prediction::status() const {
  std::vector<AgentStatus> rows;
  for (const auto& [name, agent] : agents_)
    for (const auto type : success_.types_of(agent.number)) rows.push_back(status_of(name, agent, type));
  const auto place = [](const AgentStatus& row) { return std::tie(row.agent, row.type); };
  std::sort(rows.begin(), rows.end(), [&](const auto& a, const auto& b) { return place(a) < place(b); });
  return rows;
}

std::string Prediction::save() const {
  std::string bytes;
  Packer out(bytes);
  out.u8(format);
  out.uint(outcomes_);
  out.uint(types_.size());
  for (const auto& [name, number] : types_) out.bytes(name), out.uint(number);
  out.uint(agents_.size());
  for (const auto& [name, agent] : agents_) {
    out.bytes(name);
    out.bytes(agent.version);
    out.uint(agent.number);
    out.uint(agent.reported.size());
    for (const auto& [type, told] : agent.reported) {
      out.uint(type);
      for (const auto* row : {&told.first, &told.second})
        put_number(out, row->sum), put_number(out, row->count);
    }
    out.uint(agent.features.size());
    for (const auto& [type, models] : agent.features) {
      out.uint(type);
      models.success.save(out);
      out.u8(static_cast<std::uint8_t>((models.duration ? has_duration : 0) | (models.cost ? has_cost : 0)));
      if (models.duration) models.duration->save(out);
      if (models.cost) models.cost->save(out);
    }
  }
  success_.save(out);
  duration_.save(out);
  return bytes;
}

void Prediction::load_models(Unpacker& in, std::uint8_t version, FeatureModels& models) {
  if (!FeatureModel::load(in, models.success)) return in.fail();
  if (version == 2) return;
  const auto kept = in.u8();
  if ((kept & ~(has_duration | has_cost)) != 0) return in.fail();
  for (auto* model : {(kept & has_duration) != 0 ? &models.duration : nullptr,
                      (kept & has_cost) != 0 ? &models.cost : nullptr})
    if (model != nullptr && !AmountModel::load(in, model->emplace())) return in.fail();
}

void Prediction::load_agent(Unpacker& in, std::uint8_t version, Prediction& out) {
  auto [at, added] = out.agents_.emplace(in.bytes(), Agent{});
  auto& agent = at->second;
  agent.version = in.bytes();
  const auto number = in.uint();
  if (!added || number >= names_max) in.fail();
  agent.number = static_cast<AgentNo>(number);
  for (auto types = in.count(); types > 0 && in.ok(); --types) {
    const auto type = in.uint();
    if (type >= names_max) in.fail();
    auto& [cost, quality] = agent.reported[static_cast<TypeNo>(type)];
    for (auto* row : {&cost, &quality}) row->sum = take_number(in, 0), row->count = take_number(in, 0);
  }
  if (version == 1) {
    if (in.u8() == 1) FeatureModel::skip_first_format(in);
    return;
  }
  for (auto models = in.count(); models > 0 && in.ok(); --models) {
    const auto type = in.uint();
    if (type >= out.type_names_.size() || out.feature_models_ >= feature_models_max) return in.fail();
    const auto [kept, first] = agent.features.try_emplace(static_cast<TypeNo>(type));
    if (!first) return in.fail();
    load_models(in, version, kept->second);
    ++out.feature_models_;
  }
}

Result<Prediction> Prediction::load(std::string_view bytes) {
  Unpacker in(bytes);
  const auto bad = [](const std::string& why) {
    return fail(Code::corrupt, "what was learned of the agents cannot be read: " + why, "prediction");
  };
  const auto version = in.u8();
  if (version < 1 || version > format)
    return bad("its format is " + std::to_string(version) + ", this program knows 1 to " +
               std::to_string(format));
  Prediction out;
  out.outcomes_ = in.uint();
  for (auto left = in.count(); left > 0 && in.ok(); --left) {
    const auto name = in.bytes();
    const auto number = in.uint();
    if (number >= names_max || !out.types_.emplace(name, static_cast<TypeNo>(number)).second) in.fail();
  }
  out.type_names_.resize(out.types_.size());
  for (const auto& [name, number] : out.types_) {
    if (number >= out.type_names_.size() || !out.type_names_[number].empty())
      return bad("two types share a number");
    out.type_names_[number] = name;
  }
  for (auto left = in.count(); left > 0 && in.ok(); --left) load_agent(in, version, out);
  if (!SuccessModel::load(in, out.success_) || !DurationModel::load(in, out.duration_) || !in.finished())
    return bad("the bytes are damaged");
  std::vector<bool> taken(out.agents_.size());
  for (const auto& [name, agent] : out.agents_) {
    if (agent.number >= taken.size() || taken[agent.number]) return bad("two agents share a number");
    taken[agent.number] = true;
    out.cells_ += out.success_.known(agent.number);
    for (const auto type : out.success_.types_of(agent.number))
      if (type >= out.type_names_.size()) return bad("a type has no name");
  }
  return out;
}

}  // namespace hirehall::scheduler
