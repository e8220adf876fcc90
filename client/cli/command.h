// The one table of commands: dispatch, help, docs/cli.md, manual pages, completion and `help --json` are made
// from it.
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
  std::ostream& out() { return *out_; }
  std::ostream& err() { return *err_; }
  bool err_is_terminal() const;
  bool coloured() const { return coloured_; }
  // Runs it with all that it says going there.
  int captured(std::ostream& into, int (*command)(Context&));

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
  std::ostream* out_;
  std::ostream* err_;
  bool coloured_ = false;
  std::size_t room_ = 0;  // columns of the terminal; 0: no terminal
  std::unique_ptr<client::Client> client_;
};

struct ExitMeaning {
  int code;
  std::string_view meaning;
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
  std::string_view examples;                // lines
  bool watch = false;                       // a list or a state that can be looked at again and again
  bool local = false;                       // talks to no broker: no context is looked up
  std::span<const ExitMeaning> exits = {};  // where they are not those of all commands
  int usage_code = usage;                   // of wrong options
};

std::span<const Command> commands();
std::string name_of(const Command& command);  // "task submit"
OptionTable table_of(const Command& command);
OptionTable global_table();  // the options that every command has; they may stand before the noun
std::span<const ExitMeaning> exits_of(const Command& command);
std::string exit_line(std::span<const ExitMeaning> exits);  // "Exit codes: 0 ok, …"

// The command that these words (noun first) name, and how many of them that takes; nullptr: none.
struct Named {
  const Command* command = nullptr;
  std::size_t words = 0;
};
Named find_command(std::span<const std::string> words);
// Where the noun stands: behind the options before it.
std::size_t noun_at(std::span<const std::string> arguments);

// The values of a command: options, then variables, then the context, then the configuration file.
client::Result<OptionValues> settle(const Command& command, const std::vector<std::string>& arguments);
client::Options connection(const OptionValues& values);

// argv without the program's name. `own_path` is where this program lies, for hirehall-X beside it.
int run(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err);

std::string overview();                        // hirehall --help
std::string noun_help(std::string_view noun);  // hirehall task --help
std::string manual();                          // docs/cli.md
std::string table_json();                      // hirehall help --json
std::string overview_man();                    // hirehall(1)

// Rendering, pure.
std::vector<std::string> split_columns(std::string_view columns);  // "id,state"
std::string render_table(const std::vector<Document>& objects, std::string_view columns,
                         bool coloured = false, std::size_t room = 0);  // room: columns; 0: any
std::string render_object(const Document& object, bool coloured = false, std::size_t room = 0);
std::string render_time(std::int64_t epoch_ms);           // 2026-01-31 12:00:00Z
std::string deadline_in_words(const Document& deadline);  // as `explain` tells it

// "2026-01-31T12:00:00Z", milliseconds since the epoch, or a duration from now ("10m"). invalid otherwise.
client::Result<std::int64_t> parse_time(std::string_view text, std::int64_t now_ms);
std::int64_t wall_now_ms();

// --watch of a command, and what declares it.
int watch(Context& c, const Command& command);
void declare_watch(OptionTable&);

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
int batch_list(Context&);
int batch_show(Context&);
int batch_close(Context&);
int batch_wait(Context&);
int batch_cancel(Context&);
int batch_retry(Context&);
void declare_batch(OptionTable&);
void declare_batch_close(OptionTable&);
void declare_batch_wait(OptionTable&);
void declare_batch_many(OptionTable&);
int inbox_list(Context&);
int inbox_show(Context&);
int inbox_answer(Context&);
int inbox_approve(Context&);
int inbox_reject(Context&);
int inbox_edit(Context&);
void declare_inbox_list(OptionTable&);
void declare_inbox_reason(OptionTable&);
void declare_inbox_answer(OptionTable&);
int queue_list(Context&);
int queue_show(Context&);
int queue_shares(Context&);
int queue_set(Context&);
int queue_pause(Context&);
int queue_resume(Context&);
int dead_list(Context&);
int dead_show(Context&);
int dead_retry(Context&);
int dead_purge(Context&);
int queue_purge(Context&);
int dead_groups(Context&);
int task_move(Context&);
int task_logs(Context&);
void declare_logs(OptionTable&);
int bulk_list(Context&);
int bulk_show(Context&);
int bulk_stop(Context&);
int bulk_wait(Context&);
int limit_set(Context&);
int limit_list(Context&);
int limit_show(Context&);
int limit_pause_until(Context&);
int limit_resume(Context&);
int limit_delete(Context&);
void declare_usage(OptionTable&);
int usage_of(Context&);
void declare_budget(OptionTable&);
int budget_set(Context&);
int budget_list(Context&);
int budget_delete(Context&);
void declare_limit(OptionTable&);
void declare_queue_set(OptionTable&);
int breaker_list(Context&);
client::Result<std::vector<Document>> all_breakers(Context&);
int breaker_show(Context&);
int breaker_reset(Context&);
int breaker_trip(Context&);
void declare_breaker(OptionTable&);
void declare_breaker_steer(OptionTable&);
void declare_breaker_trip(OptionTable&);
// Names and what stands beside them; none when the broker does not say.
std::vector<std::pair<std::string, std::string>> breaker_names(client::Client& client);
int schedule_create(Context&);
int schedule_edit(Context&);
int schedule_list(Context&);
int schedule_show(Context&);
int schedule_pause(Context&);
int schedule_resume(Context&);
int schedule_trigger(Context&);
int schedule_delete(Context&);
void declare_schedule(OptionTable&);
void declare_schedule_show(OptionTable&);
void declare_reason(OptionTable&);
int worker_drain(Context&);
int worker_list(Context&);
int worker_show(Context&);
std::vector<std::string> agent_names(client::Client& client);  // none when the broker does not say
int agent_list(Context&);
int agent_show(Context&);
int agent_forget(Context&);
int agent_stats(Context&);
int agent_unlearn(Context&);
int audit_list(Context&);
int audit_export(Context&);
int audit_verify(Context&);
void declare_audit(OptionTable&);
void declare_audit_list(OptionTable&);
int backup_create(Context&);
int backup_list(Context&);
int backup_verify(Context&);
int backup_delete(Context&);
int stats(Context&);
int key_new(Context&);
int context_list(Context&);
int context_show(Context&);
int context_set(Context&);
int context_use(Context&);
int context_forget(Context&);
void declare_context_set(OptionTable&);
int dev(Context&);
void declare_dev(OptionTable&);
int check(Context&);
void declare_check(OptionTable&);
int top(Context&);
void declare_top(OptionTable&);
int watch_nothing(Context&);
int help(Context&);
int completion(Context&);

}  // namespace hirehall::cli
