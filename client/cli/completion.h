// What could stand at the end of a command line, from the table of commands.
#pragma once

#include <functional>
#include <iosfwd>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hirehall::cli {

// `hirehall __complete WORD... LAST` is what the scripts of the shells call: the words behind `hirehall` up
// to the cursor. It prints a candidate a line, with a tab and a note, and at last `:files`, `:folders` or
// `:end`.
inline constexpr std::string_view completion_word = "__complete";
int complete_words(const std::vector<std::string>& words, std::ostream& out);

struct Candidate {
  std::string word;
  std::string note;
};

struct Completion {
  enum class Files { none, files, folders };
  std::vector<Candidate> candidates;
  Files files = Files::none;
};

std::vector<Candidate> context_candidates();

// Names of a kind ("QUEUE", "WORKER", "ID" …: the placeholders of the table) as the broker knows them. `noun`
// is that of the command.
using Names = std::function<std::vector<Candidate>(std::string_view kind, std::string_view noun)>;

Completion complete(std::span<const std::string> words, const Names& names);
std::string completion_script(std::string_view shell);  // empty: no such shell

}  // namespace hirehall::cli
