// What an operator's program does: a budget, what was used of it, who did what, and a backup that is
// verified.
//   operate [ENDPOINT]        needs a broker with --backups DIR, and the rights of an operator
#include <cstdio>
#include <string>

#include "hirehall/client.h"

namespace {

using namespace hirehall::client;

constexpr Millis patience_ms = 60'000;

int complain(const Error& error) {
  std::fprintf(stderr, "%s (%s)\n", error.message.c_str(), std::string(name_of(error.code)).c_str());
  return 1;
}

int budgets(Client& client) {
  BudgetChange change;
  change.unit = "cost_usd";
  change.period = "month";
  change.hard = 25;
  change.soft = 0.5;
  auto budget = client.budget_set("example", change);
  if (!budget) return complain(budget.error());
  std::printf("%s: %g of %g %s used, %s\n", budget->name.c_str(), budget->used, budget->hard,
              budget->unit.c_str(), budget->state.c_str());

  UsageQuery by_queue;
  by_queue.by = {"queue"};
  auto report = client.usage(by_queue);
  if (!report) return complain(report.error());
  for (const auto& row : report->rows)
    for (const auto& [unit, amount] : row.usage)
      std::printf("queue %s: %g %s\n", row.queue.c_str(), amount, unit.c_str());
  return 0;
}

int acts(Client& client) {
  AuditQuery query;
  query.act = "budget_set";
  query.newest_first = true;
  query.limit = 1;
  auto page = client.audit(query);
  if (!page) return complain(page.error());
  for (const auto& entry : page->entries)
    std::printf("%s by %s: %s\n", entry.act.c_str(), entry.who.c_str(), entry.result.c_str());
  return page->entries.size() == 1 ? 0 : 1;
}

int backups(Client& client) {
  auto job = client.backup_create();
  if (!job) return complain(job.error());
  auto made = client.backup_wait(*job, patience_ms);
  if (!made) return complain(made.error());
  const auto number = made->made->backup;
  job = client.backup_verify(number);
  if (!job) return complain(job.error());
  if (auto sound = client.backup_wait(*job, patience_ms); !sound) return complain(sound.error());
  auto all = client.backups();
  if (!all) return complain(all.error());
  for (const auto& one : *all)
    if (one.backup == number && one.damage.empty())
      std::printf("a backup of %d files is sound\n", static_cast<int>(one.files));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (argc > 1) options.broker = argv[1];
  auto client = Client::connect(options);
  if (!client) return complain(client.error());
  for (auto* part : {budgets, acts, backups})
    if (int code = part(*client); code != 0) return code;
  if (auto gone = client->budget_delete("example"); !gone) return complain(gone.error());
  return 0;
}
