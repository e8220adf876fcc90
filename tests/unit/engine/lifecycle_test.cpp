// docs/lifecycle.md and the table of the code say the same, for every pair of state and event.
#include "broker/engine/lifecycle.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>

namespace hirehall::engine {
namespace {

// The words in backticks of a row's first three cells.
std::map<std::pair<std::string, std::string>, std::string> documented() {
  std::map<std::pair<std::string, std::string>, std::string> table;
  std::ifstream in(std::string(HIREHALL_SOURCE_DIR) + "/docs/lifecycle.md");
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with("| `")) continue;
    std::istringstream cells(line.substr(1));
    std::vector<std::string> words;
    for (std::string cell; words.size() < 3 && std::getline(cells, cell, '|');) {
      auto from = cell.find('`') + 1;
      words.push_back(cell.substr(from, cell.find('`', from) - from));
    }
    EXPECT_TRUE(table.emplace(std::pair{words[0], words[1]}, words[2]).second)
        << line << " stands there twice";
  }
  return table;
}

TEST(Lifecycle, TheDocumentHasTheTransitionsOfTheCodeAndNoOther) {
  auto table = documented();
  EXPECT_EQ(table.size(), transitions.size());
  for (std::size_t state = 1; state < state_count; ++state)
    for (std::size_t event = 0; event < event_count; ++event) {
      auto from = static_cast<State>(state);
      auto next = next_state(from, static_cast<Event>(event));
      auto row = table.find({std::string(name_of(from)), std::string(event_names[event])});
      SCOPED_TRACE(std::string(name_of(from)) + " × " + std::string(event_names[event]));
      ASSERT_EQ(row != table.end(), next.has_value());
      if (next) {
        EXPECT_EQ(row->second, name_of(*next));
      }
    }
}

TEST(Lifecycle, NothingLeadsOutOfATerminalState) {
  for (auto state : {State::succeeded, State::failed, State::cancelled, State::expired})
    for (std::size_t event = 0; event < event_count; ++event)
      EXPECT_FALSE(next_state(state, static_cast<Event>(event)).has_value());
}

}  // namespace
}  // namespace hirehall::engine
