// What documents and sample configuration say, against what the code does.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "broker/server/metrics_text.h"
#include "broker/server/principals.h"
#include "common/wire.h"

namespace hirehall::server {
namespace {

using wire::Kind;

std::string source(const std::string& path) {
  return std::string(HIREHALL_SOURCE_DIR) + "/" + path;
}

std::string content(const std::string& path) {
  std::ifstream file(source(path));
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

const std::map<std::string, Kind> kinds = {
    {"hello", Kind::hello},
    {"heartbeat", Kind::heartbeat},
    {"submit", Kind::submit},
    {"answer", Kind::answer},
    {"cancel", Kind::cancel},
    {"dead_retry", Kind::dead_retry},
    {"get", Kind::get},
    {"wait", Kind::wait},
    {"list", Kind::list},
    {"explain", Kind::explain},
    {"subscribe", Kind::subscribe},
    {"seen", Kind::seen},
    {"unsubscribe", Kind::unsubscribe},
    {"queue_list", Kind::queue_list},
    {"queue_show", Kind::queue_show},
    {"dead_list", Kind::dead_list},
    {"worker_list", Kind::worker_list},
    {"stats", Kind::stats},
    {"agent_list", Kind::agent_list},
    {"agent_show", Kind::agent_show},
    {"agent_forget", Kind::agent_forget},
    {"dead_purge", Kind::dead_purge},
    {"worker_drain", Kind::worker_drain},
    {"backup_create", Kind::backup_create},
    {"backup_status", Kind::backup_status},
    {"backup_list", Kind::backup_list},
    {"backup_verify", Kind::backup_verify},
    {"backup_delete", Kind::backup_delete},
    {"audit_list", Kind::audit_list},
    {"queue_set", Kind::queue_set},
    {"pause", Kind::pause},
    {"resume", Kind::resume},
    {"schedule_set", Kind::schedule_set},
    {"schedule_list", Kind::schedule_list},
    {"schedule_show", Kind::schedule_show},
    {"schedule_delete", Kind::schedule_delete},
    {"schedule_pause", Kind::schedule_pause},
    {"schedule_resume", Kind::schedule_resume},
    {"schedule_trigger", Kind::schedule_trigger},
    {"limit_set", Kind::limit_set},
    {"limit_list", Kind::limit_list},
    {"limit_show", Kind::limit_show},
    {"limit_delete", Kind::limit_delete},
    {"limit_pause", Kind::limit_pause},
    {"breaker_list", Kind::breaker_list},
    {"breaker_show", Kind::breaker_show},
    {"breaker_reset", Kind::breaker_reset},
    {"breaker_trip", Kind::breaker_trip},
    {"register_worker", Kind::register_worker},
    {"finish", Kind::finish},
    {"worker_heartbeat", Kind::worker_heartbeat},
    {"holding", Kind::holding},
    {"report", Kind::report},
    {"drain", Kind::drain},
    {"bid", Kind::bid},
    {"dead_groups", Kind::dead_groups},
    {"bulk_start", Kind::bulk_start},
    {"bulk_list", Kind::bulk_list},
    {"bulk_stop", Kind::bulk_stop},
    {"inbox", Kind::inbox},
    {"batch_list", Kind::batch_list},
    {"batch_show", Kind::batch_show},
    {"batch_close", Kind::batch_close},
    {"batch_wait", Kind::batch_wait},
    {"logs", Kind::logs},
    {"tenant_list", Kind::tenant_list},
    {"agent_stats", Kind::agent_stats},
    {"lane_list", Kind::lane_list},
    {"agent_unlearn", Kind::agent_unlearn},
    {"usage", Kind::usage},
    {"budget_set", Kind::budget_set},
    {"budget_list", Kind::budget_list},
    {"budget_delete", Kind::budget_delete},
};

TEST(SecurityDocument, has_the_table_of_roles_that_the_code_has) {
  std::istringstream lines(content("docs/security.md"));
  const std::vector<Role> columns = {Role::viewer, Role::operate, Role::developer, Role::admin, Role::worker};
  const std::regex row(R"(\| (\w+) \| (x?) ?\| (x?) ?\| (x?) ?\| (x?) ?\| (x?) ?\|)");
  std::set<Kind> documented;
  std::smatch cells;
  for (std::string line; std::getline(lines, line);) {
    if (!std::regex_match(line, cells, row)) continue;
    const auto kind = kinds.find(cells[1].str());
    ASSERT_NE(kind, kinds.end()) << line;
    documented.insert(kind->second);
    for (std::size_t i = 0; i < columns.size(); ++i) {
      EXPECT_EQ(cells[i + 2].str() == "x", role_may(columns[i], kind->second)) << line << name_of(columns[i]);
    }
  }
  for (unsigned number = 0; number <= 0xffff; ++number) {
    const auto kind = static_cast<Kind>(number);
    EXPECT_EQ(documented.contains(kind), role_may(Role::admin, kind)) << "kind " << number;
  }
}

TEST(SamplePrincipals, are_a_file_that_loads) {
  const auto principals = Principals::load(source("configs/principals.yaml"));
  ASSERT_TRUE(principals) << describe(principals.error());
  EXPECT_GE(principals->size(), 5u);
}

std::set<std::string> families_of_the_page() {
  MetricsPage page;
  page.queues.emplace_back();
  page.backups.possible = true;
  page.traces.possible = true;
  std::istringstream lines(render_page(page, {}));
  std::set<std::string> names;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# TYPE ")) names.insert(line.substr(7, line.find(' ', 7) - 7));
  }
  return names;
}

TEST(MetricsDocument, names_every_family_and_no_other) {
  const auto text = content("docs/metrics.md");
  const std::regex row(R"(\| `((?:hirehall|process)_\w+)(?:\{[^}]*\})?` \|)");
  std::set<std::string> documented;
  for (std::sregex_iterator at(text.begin(), text.end(), row), end; at != end; ++at) {
    documented.insert((*at)[1].str());
  }
  EXPECT_EQ(documented, families_of_the_page());
}

TEST(AlertRules, use_families_that_exist) {
  const auto text = content("configs/prometheus/hirehall.rules.yml");
  const auto families = families_of_the_page();
  const std::regex expression(R"(expr:.*)");
  const std::regex name(R"(hirehall_\w+)");
  int used = 0;
  for (std::sregex_iterator at(text.begin(), text.end(), expression), end; at != end; ++at) {
    const std::string line = at->str();
    for (std::sregex_iterator n(line.begin(), line.end(), name); n != end; ++n, ++used) {
      EXPECT_TRUE(families.contains(n->str())) << n->str();
    }
  }
  EXPECT_GE(used, 5);
}

TEST(AlertRules, are_what_promtool_likes_and_fire_when_they_should) {
  if (std::system("command -v promtool >/dev/null") != 0) GTEST_SKIP() << "promtool is not installed";
  const std::string go = "cd '" + source("configs/prometheus") + "' && promtool ";
  EXPECT_EQ(std::system((go + "check rules --lint=all --lint-fatal hirehall.rules.yml >/dev/null").c_str()),
            0);
  EXPECT_EQ(std::system((go + "test rules hirehall.rules.test.yml >/dev/null").c_str()), 0);
  EXPECT_EQ(std::system((go + "check config prometheus.yml >/dev/null").c_str()), 0);
}

}  // namespace
}  // namespace hirehall::server
