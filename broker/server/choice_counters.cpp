#include "broker/server/choice_counters.h"

#include "scheduler/handed_back.h"
#include "scheduler/policy.h"

namespace hirehall::server {

std::vector<LabelledCounter> choice_counters(const MetricsPage& page) {
  LabelledCounter choices{
      "choices_total", "Awards for which a policy had a choice to make, by policy.", "policy", {}};
  for (const auto policy :
       {scheduler::Policy::sticky, scheduler::Policy::learned, scheduler::Policy::auction})
    choices.values.emplace_back(scheduler::name_of(policy), page.choices[static_cast<std::size_t>(policy)]);
  LabelledCounter passed_on{"handed_back_awards_total",
                            "Next awards of tasks that their worker handed back, by whom they went to.",
                            "to",
                            {}};
  for (const auto to : {scheduler::WentTo::runner_up, scheduler::WentTo::another, scheduler::WentTo::same})
    passed_on.values.emplace_back(scheduler::name_of(to), page.passed_on[static_cast<std::size_t>(to)]);
  return {choices,
          {"shadow_choices_total",
           "Awards in queues with a shadow policy, by whether it would do the same.",
           "agrees",
           {{"yes", page.shadow_agreed}, {"no", page.shadow_differed}}},
          passed_on,
          {"preferred_labels_awards_total",
           "Awards with a choice of tasks that prefer labels, by how many of them the winner has.",
           "has",
           {{"none", page.labels_preferred[0]},
            {"some", page.labels_preferred[1]},
            {"all", page.labels_preferred[2]}}}};
}

}  // namespace hirehall::server
