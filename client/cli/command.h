// The one table of commands: dispatch, help and docs/cli.md are made from it.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "client/cli/document.h"
#include "common/options.h"
#include "hirehall/client.h"

namespace hirehall::cli {

enum Exit : int {
  ok = 0,
  failure = 1,
  usage = 2,
  not_found = 3,
  denied = 4,
  conflict = 5,
  timed_out = 6,
  unreachable = 7,
  task_failed = 10,
  task_cancelled = 11,
  task_expired = 12,
};

int exit_code_of(client::ErrorCode code);
int exit_code_of(client::State state);  // of a task that was waited for

enum class Format : std::uint8_t { text, json, jsonl, none };

// What a command works with. Results go to `out`, everything else to `err`.
class Context {
 public:
  Context(OptionValues values, std::ostream& out, std::ostream& err);

  const OptionValues& values() const { return values_; }
  const std::vector<std::string>& operands() const { return values_.operands(); }
  Format format() const { return format_; }
  std::ostream& out() { return out_; }
  std::ostream& err() { return err_; }
  bool err_is_terminal() const;

  client::Result<client::Client*> client();  // connects on first use
  client::Result<Document> ask(std::uint16_t kind, std::string body);

  int complain(const client::Error& error);  // prints it; returns the exit code
  int complain(std::string_view message, int code = usage);

  // One object, or many: as a table of `columns` in text form ("id,state": keys of the objects).
  int show(const Document& object);
  int show(const std::vector<Document>& objects, std::string_view columns);

 private:
  OptionValues values_;
  Format format_;
  std::ostream& out_;
  std::ostream& err_;
  std::unique_ptr<client::Client> client_;
};

struct Command {
  std::string_view noun;
  std::string_view verb;  // empty: the noun is the whole command
  std::string_view summary;
  std::string_view operands;  // as help shows them
  std::string_view operand_help;
  std::size_t operands_max;
  void (*declare)(OptionTable&);  // its own options; may be null
  int (*run)(Context&);
  std::string_view examples;  // lines
};

std::span<const Command> commands();
OptionTable table_of(const Command& command);

// argv without the program's name. `own_path` is where this program lies, for hirehall-X beside it.
int run(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err);

std::string overview();                        // hirehall --help
std::string noun_help(std::string_view noun);  // hirehall task --help
std::string manual();                          // docs/cli.md

// Rendering, pure.
std::string render_table(const std::vector<Document>& objects, std::string_view columns);
std::string render_object(const Document& object);
std::string render_time(std::int64_t epoch_ms);  // 2026-01-31 12:00:00Z

// "2026-01-31T12:00:00Z", milliseconds since the epoch, or a duration from now ("10m"). invalid otherwise.
client::Result<std::int64_t> parse_time(std::string_view text, std::int64_t now_ms);
std::int64_t wall_now_ms();

// The commands, by file.
int task_submit(Context&);
int task_run(Context&);
int task_get(Context&);
int task_wait(Context&);
int task_cancel(Context&);
int task_list(Context&);
int task_explain(Context&);
int task_answer(Context&);
void declare_submit(OptionTable&);
int queue_list(Context&);
int queue_show(Context&);
int queue_set(Context&);
int queue_pause(Context&);
int queue_resume(Context&);
int dead_list(Context&);
int dead_show(Context&);
int dead_retry(Context&);
int dead_purge(Context&);
int queue_purge(Context&);
int worker_drain(Context&);
int worker_list(Context&);
int agent_list(Context&);
int agent_show(Context&);
int agent_forget(Context&);
int stats(Context&);
int key_new(Context&);
int dev(Context&);
void declare_dev(OptionTable&);
int help(Context&);

}  // namespace hirehall::cli
