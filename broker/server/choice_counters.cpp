#include "broker/server/choice_counters.h"

#include "scheduler/handed_back.h"
#include "scheduler/policy.h"

namespace hirehall::server {

namespace {

using Values = std::vector<std::pair<std::string_view, double>>;

double number(std::uint64_t count) {
  return static_cast<double>(count);
}

void add_matching(const engine::MatchingCounts& counts, std::vector<LabelledCounter>& out) {
  const auto alone = [&](const char* name, const char* help, double value) {
    out.push_back({name, help, nullptr, {{"", value}}});
  };
  alone("matched_rounds_total", "Rounds in which tasks of one turn were matched with free places.",
        number(counts.rounds));
  out.push_back({"matched_tasks_total",
                 "Awards of tasks that were matched, by whether they went where their round said.",
                 "went",
                 {{"as_matched", number(counts.as_matched)}, {"otherwise", number(counts.otherwise)}}});
  alone("matched_placed_more_total",
        "Tasks that a round found a place for, and awards one by one would not have found one.",
        number(counts.placed_more));
  alone("matched_gain_units_total",
        "What rounds were worth more than awards one by one of as many tasks, in cost units.",
        number(counts.gained) / static_cast<double>(scheduler::micros_per_unit));
}

}  // namespace

std::vector<LabelledCounter> choice_counters(const MetricsPage& page) {
  std::vector<LabelledCounter> out;
  Values choices, passed_on;
  for (const auto policy :
       {scheduler::Policy::sticky, scheduler::Policy::learned, scheduler::Policy::auction})
    choices.emplace_back(scheduler::name_of(policy), number(page.choices[static_cast<std::size_t>(policy)]));
  for (const auto to : {scheduler::WentTo::runner_up, scheduler::WentTo::another, scheduler::WentTo::same})
    passed_on.emplace_back(scheduler::name_of(to), number(page.passed_on[static_cast<std::size_t>(to)]));
  out.push_back({"choices_total", "Awards for which a policy had a choice to make, by policy.", "policy",
                 std::move(choices)});
  out.push_back({"shadow_choices_total",
                 "Awards in queues with a shadow policy, by whether it would do the same.",
                 "agrees",
                 {{"yes", number(page.shadow_agreed)}, {"no", number(page.shadow_differed)}}});
  out.push_back({"handed_back_awards_total",
                 "Next awards of tasks that their worker handed back, by whom they went to.", "to",
                 std::move(passed_on)});
  out.push_back({"preferred_labels_awards_total",
                 "Awards with a choice of tasks that prefer labels, by how many of them the winner has.",
                 "has",
                 {{"none", number(page.labels_preferred[0])},
                  {"some", number(page.labels_preferred[1])},
                  {"all", number(page.labels_preferred[2])}}});
  add_matching(page.matching, out);
  return out;
}

}  // namespace hirehall::server
