// Every command with its options and examples.
#include <array>

#include "client/cli/command.h"

namespace hirehall::cli {
namespace {

void declare_wait(OptionTable& t) {
  t.duration("wait-timeout", 3'600'000, {0, INT64_C(86'400'000) * 30},
             "how long to wait for the end of the task");
}
void declare_get(OptionTable& t) {
  t.flag("no-payload", "leave the payload out");
}
void declare_cancel(OptionTable& t) {
  t.text("reason", "", "why, kept with the task");
  t.duration("grace", 10'000, {0, 86'400'000}, "time a running attempt has to end before it is killed");
}
void declare_list(OptionTable& t) {
  t.text("queue", "", "only of this queue", "QUEUE");
  t.text("state", "",
         "only in this state: scheduled, ready, leased, suspended, succeeded, failed, cancelled, expired",
         "STATE");
  t.text("tenant", "", "only of this tenant", "TENANT");
  t.text("type", "", "only of this type", "TYPE");
  t.number("limit", 50, {1, 10'000'000}, "stop after so many");
  t.flag("newest-first", "latest submitted first");
}
void declare_answer(OptionTable& t) {
  t.text("value", "null", "the answer: JSON", "JSON");
}
void declare_queue_set(OptionTable& t) {
  t.text("weight", "", "share of the fleet compared with other queues, 1–1000", "N");
  t.text("cap", "", "tasks the queue may hold, dead letters included; 0: no cap", "N");
  t.text("retention", "", "how long ended tasks are kept", "DURATION");
  t.text("attempt-timeout", "", "of attempts whose task names none", "DURATION");
  t.texts("tenant-weight", "weight of a tenant inside the queue", "TENANT=N");
  t.texts("limit", "most tasks with this limit key that run at once; 0: no limit", "KEY=N");
}
void declare_pause(OptionTable& t) {
  t.text("type", "", "only tasks of this type", "TYPE");
  t.text("tenant", "", "only tasks of this tenant", "TENANT");
  t.text("reason", "", "why, shown with the queue");
}
void declare_dead_list(OptionTable& t) {
  t.text("queue", "", "only of this queue", "QUEUE");
  t.number("limit", 50, {1, 10'000'000}, "stop after so many");
}
void declare_dead_retry(OptionTable& t) {
  t.flag("all", "every dead letter (of --queue, when given)");
  t.text("queue", "", "with --all: only of this queue", "QUEUE");
  t.flag("yes", "with --all: do it; otherwise only the count is shown");
}
void declare_agent(OptionTable& t) {
  t.text("agent-version", "", "version of its definition; show: the latest registered unless given",
         "VERSION");
}
void declare_dead_purge(OptionTable& t) {
  t.flag("all", "every dead letter (of --queue, when given)");
  t.text("queue", "", "with --all: only of this queue", "QUEUE");
  t.text("reason", "", "why, for the broker's log");
  t.flag("yes", "with --all: do it; otherwise only the count is shown");
}
void declare_queue_purge(OptionTable& t) {
  t.text("reason", "", "why, kept with the tasks");
  t.flag("yes", "do it; otherwise only the count is shown");
}
void declare_drain(OptionTable& t) {
  t.flag("undo", "give it tasks again");
}
void declare_key(OptionTable& t) {
  t.text("directory", ".", "where the two files are written", "DIR");
}
void declare_help(OptionTable& t) {
  t.flag("markdown", "the whole reference, as in docs/cli.md");
}

constexpr std::array table{
    Command{"task", "submit", "put tasks into a queue", "TYPE [PAYLOAD]", "type and payload of the task", 2,
            declare_submit, task_submit,
            "hirehall task submit echo --payload '{\"greeting\": \"hi\"}'\n"
            "hirehall task submit echo --count 1000 --priority 9 -o jsonl\n"
            "hirehall task submit report --payload @order.json --at 2027-01-01T06:00:00Z --label team=sales\n"
            "generate | hirehall task submit resize --payload - --idempotency-key order-17 --wait"},
    Command{"task", "run", "submit a task, wait for its end, print its result", "TYPE [PAYLOAD]",
            "type and payload of the task", 2, declare_submit, task_run,
            "hirehall task run echo hi\nhirehall task run wordcount --payload '\"one two\"' || echo \"ended "
            "with $?\""},
    Command{"task", "get", "show a task", "ID", "id of the task", 1, declare_get, task_get,
            "hirehall task get 00000800000000000000VSJHQ2\nhirehall task get ID -o json"},
    Command{"task", "wait", "wait until tasks have ended; the exit code tells how", "ID...", "ids of tasks",
            4096, declare_wait, task_wait, "hirehall task wait ID --wait-timeout 5m"},
    Command{"task", "cancel", "cancel tasks, running ones too", "ID...", "ids of tasks", 4096, declare_cancel,
            task_cancel, "hirehall task cancel ID --reason 'ordered twice'"},
    Command{"task", "list", "list tasks in order of submission", "", "", 0, declare_list, task_list,
            "hirehall task list --queue default --state leased\nhirehall task list --newest-first --limit 5 "
            "-o jsonl"},
    Command{"task", "explain", "why a task is where it is: state, reasons, awards", "ID", "id of the task", 1,
            nullptr, task_explain, "hirehall task explain ID"},
    Command{"task", "answer", "answer a task that is suspended on input, approval or a signal", "ID",
            "id of the task", 1, declare_answer, task_answer,
            "hirehall task answer ID --value '{\"approved\": true}'"},
    Command{"queue", "list", "list queues with what they hold", "", "", 0, nullptr, queue_list,
            "hirehall queue list"},
    Command{"queue", "show", "show a queue and its policy", "QUEUE", "name of the queue", 1, nullptr,
            queue_show, "hirehall queue show default -o json"},
    Command{"queue", "set", "create a queue, or change its policy", "QUEUE", "name of the queue", 1,
            declare_queue_set, queue_set,
            "hirehall queue set mail --weight 5 --cap 100000 --retention 7d\n"
            "hirehall queue set mail --limit smtp=10 --tenant-weight acme=3"},
    Command{"queue", "pause", "stop awards of a queue, a type or a tenant; submits go on", "[QUEUE]",
            "name of the queue", 1, declare_pause, queue_pause,
            "hirehall queue pause mail --reason 'server moves'"},
    Command{"queue", "resume", "undo a pause", "[QUEUE]", "name of the queue", 1, declare_pause, queue_resume,
            "hirehall queue resume mail"},
    Command{"queue", "purge", "cancel all tasks that are queued in a queue; what runs goes on", "QUEUE",
            "name of the queue", 1, declare_queue_purge, queue_purge,
            "hirehall queue purge mail\nhirehall queue purge mail --yes --reason 'sent by hand'"},
    Command{"dead", "list", "list dead letters: tasks that failed for good", "", "", 0, declare_dead_list,
            dead_list, "hirehall dead list --queue mail"},
    Command{"dead", "show", "show a dead letter with its attempts", "ID", "id of the task", 1, nullptr,
            dead_show, "hirehall dead show ID"},
    Command{"dead", "retry", "submit dead letters anew", "[ID...]", "ids of dead letters", 4096,
            declare_dead_retry, dead_retry,
            "hirehall dead retry ID\nhirehall dead retry --all --queue mail --yes"},
    Command{"dead", "purge", "take dead letters off the list for good", "[ID...]", "ids of dead letters",
            4096, declare_dead_purge, dead_purge,
            "hirehall dead purge ID\nhirehall dead purge --all --queue mail --yes --reason 'old orders'"},
    Command{"worker", "list", "list workers with what they do", "", "", 0, nullptr, worker_list,
            "hirehall worker list"},
    Command{"worker", "drain", "no more awards for a worker; what it holds it finishes", "NAME",
            "name of the worker", 1, declare_drain, worker_drain,
            "hirehall worker drain gpu-3\nhirehall worker drain gpu-3 --undo"},
    Command{"agent", "list", "list registered agent definitions", "", "", 0, nullptr, agent_list,
            "hirehall agent list"},
    Command{"agent", "show", "show an agent definition and the workers that offer it", "NAME",
            "name of the agent", 1, declare_agent, agent_show,
            "hirehall agent show echo\nhirehall agent show echo --agent-version 2 -o json"},
    Command{"agent", "forget", "free name and version of a definition that no connected worker offers",
            "NAME", "name of the agent", 1, declare_agent, agent_forget,
            "hirehall agent forget echo --agent-version 1"},
    Command{"stats", "", "numbers of the broker", "", "", 0, nullptr, stats, "hirehall stats -o json"},
    Command{"key", "new", "make a CURVE key pair: NAME.key (secret) and NAME.pub", "NAME",
            "name of the files", 1, declare_key, key_new,
            "hirehall key new alice --directory ~/.config/hirehall"},
    Command{"dev", "", "a broker, two workers and sample agents until Ctrl-C", "", "", 0, declare_dev, dev,
            "hirehall dev\nhirehall dev --demo\nhirehall dev --data ./data --workers 4"},
    Command{"help", "", "this overview, or the reference of all commands", "", "", 0, declare_help, help,
            "hirehall help\nhirehall task submit --help"},
};

constexpr std::string_view exit_codes =
    "Exit codes: 0 ok, 1 failure, 2 usage, 3 not found, 4 denied, 5 conflict, 6 timeout, 7 broker "
    "unreachable,\n"
    "            10 task failed, 11 task cancelled, 12 task expired.\n";

std::string full_name(const Command& c) {
  std::string name = "hirehall " + std::string(c.noun);
  if (!c.verb.empty()) name += " " + std::string(c.verb);
  return name;
}

std::string indented(std::string_view lines) {
  std::string out;
  while (!lines.empty()) {
    auto end = std::min(lines.find('\n'), lines.size());
    out += "  " + std::string(lines.substr(0, end)) + "\n";
    lines.remove_prefix(std::min(end + 1, lines.size()));
  }
  return out;
}

}  // namespace

std::span<const Command> commands() {
  return table;
}

OptionTable table_of(const Command& c) {
  OptionTable t(full_name(c), std::string(c.summary));
  t.text("broker", "",
         "endpoint of the broker; default: this user's or this machine's broker, or tcp://127.0.0.1:7420",
         "ENDPOINT");
  t.choice("output,o", "text", {"text", "json", "jsonl", "none"}, "form of the results");
  t.duration("request-timeout", 30'000, {1, 86'400'000}, "how long one answer may take");
  t.text("key-file", "", "secret CURVE key of this client", "FILE");
  t.text("server-key-file", "", "public CURVE key of the broker", "FILE");
  if (c.declare != nullptr) c.declare(t);
  if (c.operands_max > 0) t.operands(std::string(c.operands), std::string(c.operand_help), c.operands_max);
  t.epilogue("Examples:\n" + indented(c.examples) + "\n" + std::string(exit_codes));
  return t;
}

std::string overview() {
  std::string out =
      "hirehall NOUN VERB [options]: the command line of Hirehall, a hiring hall for software agents\n\n";
  std::string_view noun;
  for (const auto& c : table) {
    if (c.noun != noun && !noun.empty()) out += "\n";
    noun = c.noun;
    std::string name = std::string(c.noun) + (c.verb.empty() ? "" : " " + std::string(c.verb));
    name.resize(16, ' ');
    out += "  " + name + std::string(c.summary) + "\n";
  }
  out +=
      "\nFirst steps:\n  hirehall dev --demo              a whole fleet on this machine\n"
      "  hirehall task run echo hi        a task, and its result\n\n"
      "Options go anywhere; `hirehall task submit --help` lists those of a command. Results are on stdout, "
      "the rest\n"
      "on stderr. `hirehall X` runs `hirehall-X` when X is none of these.\n\n";
  return out + std::string(exit_codes);
}

std::string noun_help(std::string_view noun) {
  std::string out;
  for (const auto& c : table) {
    if (c.noun != noun) continue;
    std::string name = full_name(c) + (c.operands.empty() ? "" : " " + std::string(c.operands));
    out += name + "\n    " + std::string(c.summary) + "\n";
  }
  return out + "\n`" + "hirehall " + std::string(noun) + " VERB --help` shows options and examples.\n";
}

std::string manual() {
  std::string out =
      "# The command line\n\n"
      "Made by `hirehall help --markdown` from the table in `client/cli/table.cpp`; a test compares the "
      "two.\n\n"
      "Options go anywhere on the line. Each one of the first group can stand in a configuration file\n"
      "(`~/.config/hirehall/hirehall.conf`, lines `name = value`) or a variable (`HIREHALL_BROKER`, "
      "`HIREHALL_OUTPUT`,\n"
      "`HIREHALL_KEY_FILE`, `HIREHALL_SERVER_KEY_FILE`, `HIREHALL_REQUEST_TIMEOUT`, `HIREHALL_CONFIG`); the "
      "flag wins over\n"
      "the variable, the variable over the file. Results are on stdout, everything else on stderr; nothing "
      "is asked,\n"
      "coloured or animated unless stderr is a terminal, and `NO_COLOR` is honoured.\n\n"
      "Without `--broker` the broker is looked for at `$XDG_RUNTIME_DIR/hirehall/broker.ipc`, then at\n"
      "`/run/hirehall/broker.ipc`, then at `tcp://127.0.0.1:7420`.\n\n"
      "`-o json` prints one object, or an array of them; `-o jsonl` one object a line; `-o none` nothing.\n\n"
      "| exit code | meaning |\n|---|---|\n| 0 | done |\n| 1 | failure |\n| 2 | usage |\n| 3 | not found "
      "|\n| 4 | denied |\n"
      "| 5 | conflict |\n| 6 | timeout |\n| 7 | no broker answers |\n| 10 | the task failed |\n| 11 | the "
      "task was cancelled |\n"
      "| 12 | the task expired |\n\n"
      "`hirehall X` runs the program `hirehall-X` (beside `hirehall`, or in `PATH`) when X is none of the "
      "nouns below.\n";
  for (const auto& c : table) {
    out += "\n## " + full_name(c) + "\n\n```\n" + table_of(c).help() + "```\n";
  }
  return out;
}

}  // namespace hirehall::cli
