#include "tests/bench/process_table.h"

#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

namespace hirehall::bench {
namespace {

struct Entry {
  pid_t parent = 0;
  std::int64_t ticks = 0;
};

// The program's name is in parentheses and may hold anything, so counting starts behind the last one.
std::optional<Entry> read_stat(const std::string& pid) {
  std::ifstream in("/proc/" + pid + "/stat");
  std::string text;
  if (!std::getline(in, text)) return std::nullopt;
  auto close = text.rfind(')');
  if (close == std::string::npos) return std::nullopt;
  std::istringstream fields(text.substr(close + 1));
  std::string state, skipped;
  Entry entry;
  std::int64_t user = 0, system = 0, waited_user = 0, waited_system = 0;
  fields >> state >> entry.parent;
  for (int i = 0; i < 9; ++i) fields >> skipped;
  fields >> user >> system >> waited_user >> waited_system;
  entry.ticks = user + system + waited_user + waited_system;
  return entry;
}

std::vector<pid_t> tree_of(pid_t root, std::map<pid_t, Entry>& table) {
  for (const auto& folder : std::filesystem::directory_iterator("/proc")) {
    auto name = folder.path().filename().string();
    pid_t pid = 0;
    if (auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
        error != std::errc{} || *end != 0)
      continue;
    if (auto entry = read_stat(name)) table[pid] = *entry;
  }
  std::vector<pid_t> found{root};
  for (std::size_t i = 0; i < found.size(); ++i)
    for (const auto& [pid, entry] : table)
      if (entry.parent == found[i]) found.push_back(pid);
  return found;
}

}  // namespace

std::int64_t tree_cpu_us(pid_t root) {
  std::map<pid_t, Entry> table;
  std::int64_t ticks = 0;
  for (auto pid : tree_of(root, table)) ticks += table[pid].ticks;
  return ticks * 1'000'000 / sysconf(_SC_CLK_TCK);
}

double tree_rss_mb(pid_t root) {
  std::map<pid_t, Entry> table;
  double sum = 0;
  for (auto pid : tree_of(root, table)) sum += status_mb(pid, "VmRSS");
  return sum;
}

double status_mb(pid_t pid, std::string_view key) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(in, line);)
    if (line.starts_with(key)) return std::stod(line.substr(line.find(':') + 1)) / 1024;
  return 0;
}

}  // namespace hirehall::bench
