// Budgets, as they are asked for (docs/usage.md); usage itself is booked where attempts end.
#include "broker/engine/engine.h"
#include "broker/engine/engine_impl.h"

namespace hirehall::engine {
namespace {

Status check_budget(std::string_view name, const BudgetRule& rule) {
  auto wrong = [](std::string message, const char* key) {
    return fail(Code::invalid, std::move(message), key);
  };
  if (name.empty() || name.size() > limits::name_bytes_max)
    return wrong("a budget's name has 1 to 255 bytes", "name");
  for (const auto& [key, text] : {std::pair{"tenant", &rule.tenant}, {"queue", &rule.queue}}) {
    if (text->size() > limits::name_bytes_max) return wrong("a name has at most 255 bytes", key);
    if (auto star = text->find('*'); star != std::string::npos && star + 1 != text->size())
      return wrong("'" + *text + "' has a * that is not its end; only an ending may be left open", key);
  }
  if (rule.unit.empty() || rule.unit.size() > usage_unit_bytes_max)
    return wrong("a budget has a unit of 1 to 64 bytes, as attempts report it: cost_usd, tokens", "unit");
  if (rule.hard < 0 || rule.soft < 0) return wrong("a budget is not below zero", "hard");
  if (rule.hard == 0 && rule.soft == 0)
    return wrong("a budget has a hard or a soft amount; to let nothing through, pause the queue", "hard");
  if (rule.hard != 0 && rule.soft > rule.hard)
    return wrong("the soft amount lies above the hard one and would never warn", "soft");
  return {};
}

}  // namespace

Status Engine::set_budget(const std::string& name, const BudgetRule& rule, std::string_view by) {
  if (auto valid = check_budget(name, rule); !valid) return valid;
  auto at = ledger_.budgets.find(name);
  if (at != ledger_.budgets.end() && at->second.rule == rule) return {};
  if (at == ledger_.budgets.end() && ledger_.budgets.size() >= budgets_max)
    return fail(Code::busy, "there are " + std::to_string(budgets_max) + " budgets already", "name");
  BudgetSet fact{name, rule, std::string(by)};
  record(fact);
  return {};
}

Status Engine::delete_budget(const std::string& name) {
  if (!ledger_.budgets.contains(name))
    return fail(Code::not_found, "no budget is called " + name + "; `hirehall budget list` shows them",
                "name");
  BudgetDeleted fact{name};
  record(fact);
  return {};
}

}  // namespace hirehall::engine
