#include "tests/bench/scheduler/simulator/outcomes.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <map>
#include <numeric>
#include <sstream>

#include "scheduler/chance.h"
#include "scheduler/policy.h"
#include "scheduler/success.h"

namespace hirehall::simulator {

using scheduler::Stream;

namespace {

double reward(const Question& question, std::uint32_t arm) {
  return (question.right[arm] ? 1.0 : 0.0) - (arm == 1 ? strong_call : 0.0);
}

std::vector<std::size_t> shuffled(std::size_t size, Stream& stream) {
  std::vector<std::size_t> order(size);
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (std::size_t i = size; i > 1; --i) std::swap(order[i - 1], order[stream.below(i)]);
  return order;
}

void add_hindsight(const Recorded& recorded, const std::vector<std::size_t>& order, Rewards& out) {
  std::vector<std::array<double, 2>> sums(recorded.subjects.size());
  std::array<double, 2> all{};
  for (const auto i : order)
    for (std::uint32_t arm = 0; arm < 2; ++arm) {
      const double r = reward(recorded.questions[i], arm);
      sums[recorded.questions[i].subject][arm] += r;
      all[arm] += r;
    }
  const auto n = static_cast<double>(order.size());
  out.best_fixed = std::max(all[0], all[1]) / n;
  for (const auto& sum : sums) out.best_per_subject += std::max(sum[0], sum[1]) / n;
}

class TwoArms {
 public:
  explicit TwoArms(std::uint32_t explore_percent) {
    settings_.policy = scheduler::Policy::learned;
    settings_.explore_percent = explore_percent;
    arms_.resize(2);
    arms_[1].cost = static_cast<scheduler::Micros>(strong_call * scheduler::micros_per_unit);
  }
  std::uint32_t choose(std::uint32_t subject, std::uint64_t seed) {
    for (std::uint32_t arm = 0; arm < 2; ++arm) {
      const auto belief = model_.belief(arm, subject);
      arms_[arm].worker = arm;
      arms_[arm].log_odds = belief.log_odds;
      arms_[arm].log_odds_sd = belief.own_sd;
    }
    return scheduler::decide(settings_, arms_, seed).winner;
  }
  void tell(std::uint32_t arm, const Question& question) {
    model_.learn(arm, question.subject, question.right[arm]);
  }

 private:
  scheduler::PolicySettings settings_;
  std::vector<scheduler::Candidate> arms_;
  scheduler::SuccessModel model_;
};

}  // namespace

Result<Recorded> read_outcomes(const std::filesystem::path& csv) {
  std::ifstream file(csv);
  if (!file) return fail(Code::not_found, "there are no recorded outcomes", csv.string());
  Recorded out;
  std::map<std::string, std::uint32_t> numbers;
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    std::istringstream cells(line);
    std::string subject, cell;
    std::getline(cells, subject, ',');
    std::vector<double> row;
    while (std::getline(cells, cell, ',')) row.push_back(std::strtod(cell.c_str(), nullptr));
    if (row.size() != 5) return fail(Code::invalid, "a row of outcomes has six cells: " + line, csv.string());
    const auto [at, added] = numbers.emplace(subject, static_cast<std::uint32_t>(numbers.size()));
    if (added) out.subjects.push_back(subject);
    auto& question = out.questions.emplace_back();
    question.subject = at->second;
    question.prompt_words = row[2];
    question.right[0] = row[3] == 1;
    question.right[1] = row[4] == 1;
  }
  if (out.questions.empty()) return fail(Code::invalid, "there is no outcome in it", csv.string());
  return out;
}

Rewards online(const Recorded& recorded, std::uint64_t seed) {
  Stream stream(seed);
  const auto order = shuffled(recorded.questions.size(), stream);
  TwoArms arms(70);
  Rewards out;
  for (const auto i : order) {
    const auto& question = recorded.questions[i];
    const auto arm = arms.choose(question.subject, stream.next());
    out.learned += reward(question, arm) / static_cast<double>(order.size());
    arms.tell(arm, question);
  }
  add_hindsight(recorded, order, out);
  return out;
}

Rewards trained(const Recorded& recorded, std::uint64_t seed) {
  Stream stream(seed);
  auto order = shuffled(recorded.questions.size(), stream);
  const std::vector<std::size_t> test(order.begin() + static_cast<std::ptrdiff_t>(order.size() / 2),
                                      order.end());
  order.resize(order.size() / 2);
  TwoArms arms(0);
  for (const auto i : order)
    for (std::uint32_t arm = 0; arm < 2; ++arm) arms.tell(arm, recorded.questions[i]);
  Rewards out;
  for (const auto i : test) {
    const auto& question = recorded.questions[i];
    out.learned += reward(question, arms.choose(question.subject, 0)) / static_cast<double>(test.size());
  }
  add_hindsight(recorded, test, out);
  return out;
}

}  // namespace hirehall::simulator
