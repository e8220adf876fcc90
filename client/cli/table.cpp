// Every command with its options and examples.
#include <algorithm>
#include <array>

#include "client/cli/bulk.h"

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
  declare_bulk(t);
  t.flag("yes", "with --where: do it; otherwise only the count is shown");
}
void declare_elsewhere(OptionTable& t) {
  t.text("to-queue", "", "into this queue", "QUEUE");
  t.number("to-priority", 0, {0, 10}, "with this priority; 0: as it was");
}
void declare_move(OptionTable& t) {
  declare_bulk(t);
  declare_elsewhere(t);
  t.text("reason", "", "why, kept with the tasks and the work");
  t.flag("yes", "do it; otherwise only the count is shown");
}
void declare_where(OptionTable& t) {
  t.text("where", "", "only what matches: state=failed and age<1h and label.customer=7 (docs/where.md)",
         "WHERE");
}
void declare_list(OptionTable& t) {
  t.text("queue", "", "only of this queue", "QUEUE");
  t.text("state", "",
         "only in this state: scheduled, ready, leased, suspended, succeeded, failed, cancelled, expired",
         "STATE");
  t.text("tenant", "", "only of this tenant", "TENANT");
  t.text("type", "", "only of this type", "TYPE");
  t.text("batch", "", "only of this batch", "BATCH");
  t.number("limit", 50, {1, 10'000'000}, "stop after so many");
  t.flag("newest-first", "latest submitted first");
  declare_where(t);
}
void declare_answer(OptionTable& t) {
  t.text("value", "null", "the answer: JSON", "JSON");
}
void declare_pause(OptionTable& t) {
  t.text("type", "", "only tasks of this type", "TYPE");
  t.text("tenant", "", "only tasks of this tenant", "TENANT");
  t.text("reason", "", "why, shown with the queue");
}
void declare_dead_list(OptionTable& t) {
  t.text("queue", "", "only of this queue", "QUEUE");
  t.number("limit", 50, {1, 10'000'000}, "stop after so many");
  declare_where(t);
}
void declare_dead_groups(OptionTable& t) {
  t.text("queue", "", "only of this queue", "QUEUE");
  declare_where(t);
}
void declare_dead_retry(OptionTable& t) {
  t.flag("all", "every dead letter (of --queue, when given)");
  t.text("queue", "", "with --all: only of this queue", "QUEUE");
  declare_bulk(t);
  t.text("payload", "", "with --where: with this input instead of theirs", "JSON|@FILE|-");
  declare_elsewhere(t);
  t.text("reason", "", "why, for the audit log; with --where kept with the work, too");
  t.flag("yes", "with --all or --where: do it; otherwise only the count is shown");
}
void declare_agent(OptionTable& t) {
  t.text("agent-version", "", "version of its definition; show: the latest registered unless given",
         "VERSION");
}
void declare_agent_stats(OptionTable& t) {
  t.text("type", "", "of one type of task, with what its features change", "TYPE");
}
void declare_dead_purge(OptionTable& t) {
  t.flag("all", "every dead letter (of --queue, when given)");
  t.text("queue", "", "with --all: only of this queue", "QUEUE");
  declare_bulk(t);
  t.text("reason", "", "why, for the audit log");
  t.flag("yes", "with --all or --where: do it; otherwise only the count is shown");
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
void declare_context_use(OptionTable& t) {
  t.flag("none", "use no context");
}
void declare_help(OptionTable& t) {
  t.flag("markdown", "the whole reference, as in docs/cli.md");
  t.flag("json",
         "the table of all commands: operands, options with shapes and defaults, exit codes, examples");
  t.flag("man", "as a manual page: `hirehall help --man task submit`");
  t.text("man-directory", "", "write the manual pages of all commands into this folder", "DIR");
}

constexpr std::array check_exits{
    ExitMeaning{0, "ok"},
    ExitMeaning{1, "warning"},
    ExitMeaning{2, "critical"},
    ExitMeaning{3, "unknown, or wrong options"},
};

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
            "hirehall task get 00000800000000000000VSJHQ2\nhirehall task get ID -o json", true},
    Command{"task", "wait", "wait until tasks have ended; the exit code tells how", "ID...", "ids of tasks",
            4096, declare_wait, task_wait, "hirehall task wait ID --wait-timeout 5m"},
    Command{
        "task", "cancel", "cancel tasks, running ones too", "[ID...]", "ids of tasks", 4096, declare_cancel,
        task_cancel,
        "hirehall task cancel ID --reason 'ordered twice'\n"
        "hirehall task cancel --where 'queue=mail and label.customer=7' --yes --rate 500 --reason 'left us'"},
    Command{"task", "move", "queued tasks go on in another queue or with another priority, under new ids", "",
            "", 0, declare_move, task_move,
            "hirehall task move --where 'queue=mail and age>1h' --to-priority 9 --yes\n"
            "hirehall task move --where 'type=letter and state=ready' --to-queue post --yes"},
    Command{"task", "list", "list tasks in order of submission", "", "", 0, declare_list, task_list,
            "hirehall task list --queue default --state leased\nhirehall task list --newest-first --limit 5 "
            "-o jsonl\nhirehall task list --state leased --watch\n"
            "hirehall task list --where 'queue=mail and age>1h and not label.test=yes'",
            true},
    Command{"task", "explain", "why a task is where it is: state, reasons, awards", "ID", "id of the task", 1,
            nullptr, task_explain, "hirehall task explain ID", true},
    Command{"task", "logs", "what a running attempt tells: log lines and pieces of output", "ID",
            "id of the task", 1, declare_logs, task_logs,
            "hirehall task logs ID --follow\nhirehall task logs ID --tail 20 -o jsonl"},
    Command{"task", "answer", "answer a task that is suspended on input, approval or a signal", "ID",
            "id of the task", 1, declare_answer, task_answer,
            "hirehall task answer ID --value '{\"approved\": true}'"},
    Command{"batch", "list", "batches: tasks counted together", "", "", 0, nullptr, batch_list,
            "hirehall batch list\nhirehall batch list --watch", true},
    Command{"batch", "show", "how far a batch is", "BATCH", "name of the batch", 1, declare_batch, batch_show,
            "hirehall batch show import-17\nhirehall batch show import-17 --watch", true},
    Command{"batch", "close", "no further tasks; a task may follow once all have ended", "BATCH",
            "name of the batch", 1, declare_batch_close, batch_close,
            "hirehall batch close import-17 --then report --payload '{\"for\": \"import-17\"}'"},
    Command{"batch", "wait", "wait until all tasks of a batch have ended", "BATCH", "name of the batch", 1,
            declare_batch_wait, batch_wait, "hirehall batch wait import-17 --wait-timeout 30m"},
    Command{"batch", "cancel", "cancel what is open of a batch", "BATCH", "name of the batch", 1,
            declare_batch_many, batch_cancel, "hirehall batch cancel import-17 --yes --reason 'wrong file'"},
    Command{"batch", "retry", "submit what has failed of a batch anew", "BATCH", "name of the batch", 1,
            declare_batch_many, batch_retry, "hirehall batch retry import-17 --yes"},
    Command{"inbox", "list", "what waits for people: questions and approvals", "", "", 0, declare_inbox_list,
            inbox_list, "hirehall inbox list\nhirehall inbox list --on approval --queue payments -o jsonl",
            true},
    Command{"inbox", "show", "a question with all that it takes, and its task", "ID", "id of the task", 1,
            nullptr, inbox_show, "hirehall inbox show ID -o json", true},
    Command{"inbox", "answer", "answer a question; the next attempt gets the answer", "ID VALUE",
            "id of the task, and the answer", 2, declare_inbox_answer, inbox_answer,
            "hirehall inbox answer ID '{\"amount\": 12}'\nhirehall inbox answer ID yes --text --reason "
            "'asked Ada'"},
    Command{"inbox", "approve", "approve a task before it runs, or its result before it is released", "ID",
            "id of the task", 1, declare_inbox_reason, inbox_approve,
            "hirehall inbox approve ID --reason 'within budget'"},
    Command{"inbox", "reject", "reject it: the task ends as cancelled", "ID", "id of the task", 1,
            declare_inbox_reason, inbox_reject, "hirehall inbox reject ID --reason 'not this month'"},
    Command{"inbox", "edit", "approve it with another payload, or another result", "ID VALUE",
            "id of the task, and the new payload or result", 2, declare_inbox_reason, inbox_edit,
            "hirehall inbox edit ID '{\"amount\": 10}' --reason 'rounded'"},
    Command{"queue", "list", "list queues with what they hold", "", "", 0, nullptr, queue_list,
            "hirehall queue list\nhirehall queue list --watch --interval 500ms", true},
    Command{"queue", "show", "show a queue and its policy", "QUEUE", "name of the queue", 1, nullptr,
            queue_show, "hirehall queue show default -o json", true},
    Command{"queue", "shares", "what each lane had of the fleet, in time of a slot", "[QUEUE]",
            "name of the queue", 1, nullptr, queue_shares, "hirehall queue shares mail", true},
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
            dead_list, "hirehall dead list --queue mail", true},
    Command{"dead", "groups", "dead letters by what went wrong: errors that differ in numbers only are one",
            "", "", 0, declare_dead_groups, dead_groups,
            "hirehall dead groups --queue mail\nhirehall dead groups --where 'ended<1d' -o json", true},
    Command{"dead", "show", "show a dead letter with its attempts", "ID", "id of the task", 1, nullptr,
            dead_show, "hirehall dead show ID"},
    Command{"dead", "retry", "submit dead letters anew", "[ID...]", "ids of dead letters", 4096,
            declare_dead_retry, dead_retry,
            "hirehall dead retry ID\nhirehall dead retry --all --queue mail --yes\n"
            "hirehall dead retry --where 'fingerprint=0f3a9bc0e1d2' --rate 10 --yes\n"
            "hirehall dead retry --where 'type=letter and error=no_address' --payload @fixed.json --yes"},
    Command{"dead", "purge", "take dead letters off the list for good", "[ID...]", "ids of dead letters",
            4096, declare_dead_purge, dead_purge,
            "hirehall dead purge ID\nhirehall dead purge --all --queue mail --yes --reason 'old orders'\n"
            "hirehall dead purge --where 'queue=mail and ended>30d' --yes --reason 'old orders'"},
    Command{"bulk", "list", "bulk work that runs, and the last that has ended", "", "", 0, nullptr, bulk_list,
            "hirehall bulk list", true},
    Command{"bulk", "show", "show bulk work: how far it is, who asked for it and why", "BULK",
            "number of the work", 1, nullptr, bulk_show, "hirehall bulk show 3 --watch", true},
    Command{"bulk", "stop", "stop bulk work; what is done stays done", "BULK", "number of the work", 1,
            nullptr, bulk_stop, "hirehall bulk stop 3"},
    Command{"bulk", "wait", "wait until bulk work has ended", "BULK", "number of the work", 1, nullptr,
            bulk_wait, "hirehall bulk wait 3"},
    Command{"limit", "set", "make a limit by name, or change what is given of it", "LIMIT",
            "name of the limit", 1, declare_limit, limit_set,
            "hirehall limit set smtp --key smtp --rate 100/1m --rate 2000/1h\n"
            "hirehall limit set customers --key 'customer/*' --per key --concurrency 2\n"
            "hirehall limit set openai --type 'llm.*' --concurrency 20 --rate 500/1m"},
    Command{"limit", "list", "list limits with what runs under them and what waits", "", "", 0, nullptr,
            limit_list, "hirehall limit list", true},
    Command{"limit", "show", "show a limit and its fullest budgets", "LIMIT", "name of the limit", 1, nullptr,
            limit_show, "hirehall limit show customers -o json", true},
    Command{"limit", "pause-until", "let nothing through before a time; without one: until resumed",
            "LIMIT [TIME]", "name of the limit; a time, or a duration from now", 2, declare_reason,
            limit_pause_until,
            "hirehall limit pause-until smtp 10m --reason 'told to back off'\n"
            "hirehall limit pause-until smtp 2027-01-31T12:00:00Z"},
    Command{"limit", "resume", "undo a pause", "LIMIT", "name of the limit", 1, nullptr, limit_resume,
            "hirehall limit resume smtp"},
    Command{"limit", "delete", "take a limit away", "LIMIT", "name of the limit", 1, nullptr, limit_delete,
            "hirehall limit delete smtp"},
    Command{"breaker", "list", "list the breakers of agents and of the services they share", "", "", 0,
            nullptr, breaker_list, "hirehall breaker list", true},
    Command{"breaker", "show", "show a breaker: its state, what opened it, and who takes over", "BREAKER",
            "name of the agent or service", 1, declare_breaker, breaker_show,
            "hirehall breaker show writer -o json\nhirehall breaker show smtp --service", true},
    Command{"breaker", "reset", "close a breaker: it gets work at once", "BREAKER",
            "name of the agent or service", 1, declare_breaker_steer, breaker_reset,
            "hirehall breaker reset writer --reason 'key renewed'"},
    Command{"breaker", "trip", "open a breaker: no work for a while, then a few probes", "BREAKER",
            "name of the agent or service", 1, declare_breaker_trip, breaker_trip,
            "hirehall breaker trip smtp --for 10m --reason 'maintenance'"},
    Command{"budget", "set", "make a budget by name, or change what is given of it", "BUDGET",
            "name of the budget", 1, declare_budget, budget_set,
            "hirehall budget set acme --tenant acme --unit cost_usd --period day --soft 20 --hard 25"},
    Command{"budget", "list", "list budgets with what is used of them and what they hold back", "", "", 0,
            nullptr, budget_list, "hirehall budget list", true},
    Command{"budget", "delete", "take a budget away", "BUDGET", "name of the budget", 1, nullptr,
            budget_delete, "hirehall budget delete acme"},
    Command{"schedule", "create", "submit a task again and again: by cron, or each so often", "SCHEDULE",
            "name of the schedule", 1, declare_schedule, schedule_create,
            "hirehall schedule create nightly --cron '0 3 * * *' --zone Europe/Berlin --type report\n"
            "hirehall schedule create feed --every 10m --jitter 30s --type fetch --payload '\"news\"'\n"
            "hirehall schedule create close-books --cron '0 18 LW * *' --type close --overlap skip"},
    Command{"schedule", "list", "list schedules with their next and last tick", "", "", 0, nullptr,
            schedule_list, "hirehall schedule list\nhirehall schedule list -o jsonl", true},
    Command{"schedule", "show", "show a schedule with its next ticks", "SCHEDULE", "name of the schedule", 1,
            declare_schedule_show, schedule_show, "hirehall schedule show nightly --next 10", true},
    Command{
        "schedule", "edit", "change what is given of a schedule", "SCHEDULE", "name of the schedule", 1,
        declare_schedule, schedule_edit,
        "hirehall schedule edit nightly --cron '30 2 * * *'\nhirehall schedule edit feed --overlap queue"},
    Command{"schedule", "pause", "let no tick fire; resumed, it goes on with the next one", "SCHEDULE",
            "name of the schedule", 1, declare_reason, schedule_pause,
            "hirehall schedule pause nightly --reason 'holidays'"},
    Command{"schedule", "resume", "undo a pause", "SCHEDULE", "name of the schedule", 1, nullptr,
            schedule_resume, "hirehall schedule resume nightly"},
    Command{"schedule", "trigger", "submit its task now, beside its ticks", "SCHEDULE",
            "name of the schedule", 1, nullptr, schedule_trigger,
            "hirehall schedule trigger nightly -o json"},
    Command{"schedule", "delete", "end a schedule; its tasks go on", "SCHEDULE", "name of the schedule", 1,
            nullptr, schedule_delete, "hirehall schedule delete nightly"},
    Command{"worker", "list", "list workers with what they do", "", "", 0, nullptr, worker_list,
            "hirehall worker list", true},
    Command{"worker", "show", "show a worker with its agents and types", "WORKER", "name of the worker", 1,
            nullptr, worker_show, "hirehall worker show gpu-3", true},
    Command{"worker", "drain", "no more awards for a worker; what it holds it finishes", "WORKER",
            "name of the worker", 1, declare_drain, worker_drain,
            "hirehall worker drain gpu-3\nhirehall worker drain gpu-3 --undo"},
    Command{"agent", "list", "list registered agent definitions", "", "", 0, nullptr, agent_list,
            "hirehall agent list", true},
    Command{"agent", "show", "show an agent definition and the workers that offer it", "AGENT",
            "name of the agent", 1, declare_agent, agent_show,
            "hirehall agent show echo\nhirehall agent show echo --agent-version 2 -o json"},
    Command{"agent", "forget", "free name and version of a definition that no connected worker offers",
            "AGENT", "name of the agent", 1, declare_agent, agent_forget,
            "hirehall agent forget echo --agent-version 1"},
    Command{
        "agent", "stats", "what the broker has learned of its agents: chance of success and duration by type",
        "[AGENT]", "name of the agent; all without", 1, declare_agent_stats, agent_stats,
        "hirehall agent stats\nhirehall agent stats writer -o json\nhirehall agent stats --type summarize",
        true},
    Command{"agent", "unlearn", "forget what was learned of an agent", "AGENT", "name of the agent", 1,
            nullptr, agent_unlearn, "hirehall agent unlearn writer"},
    Command{"backup", "create", "back the broker's store up while it works, and wait for the end", "", "", 0,
            nullptr, backup_create, "hirehall backup create\nhirehall backup create -o json"},
    Command{"backup", "list", "list the backups in the broker's folder", "", "", 0, nullptr, backup_list,
            "hirehall backup list", true},
    Command{"backup", "verify", "read a backup again and compare it with its checksums", "BACKUP",
            "number of the backup", 1, nullptr, backup_verify, "hirehall backup verify 12"},
    Command{"backup", "delete", "delete a backup; what others need stays", "BACKUP", "number of the backup",
            1, nullptr, backup_delete, "hirehall backup delete 12"},
    Command{
        "audit", "list", "list privileged acts: who did what, from where, why, with what result", "", "", 0,
        declare_audit_list, audit_list,
        "hirehall audit list --since 1d --who eve\nhirehall audit list --act dead_purge --limit 5 -o json",
        true},
    Command{"audit", "export", "every entry kept, oldest first, one JSON object a line (-o json: an array)",
            "", "", 0, declare_audit, audit_export,
            "hirehall audit export > audit.jsonl\nhirehall audit export --since 1d --refused"},
    Command{"audit", "verify", "read the whole audit log and compute its chain again", "", "", 0, nullptr,
            audit_verify, "hirehall audit verify -o json"},
    Command{"stats", "", "numbers of the broker, what its agents and types do, and what is recommended", "",
            "", 0, nullptr, stats, "hirehall stats -o json\nhirehall stats --watch -o jsonl", true},
    Command{"usage", "", "what attempts have used: tokens, cost, any unit", "", "", 0, declare_usage,
            usage_of, "hirehall usage --by day,tenant --since 7d\nhirehall usage --by agent -o json", true},
    Command{"top", "", "queues, workers, tasks and tenants on a full screen, with rates", "", "", 0,
            declare_top, top, "hirehall top\nhirehall top --once -o json --interval 1s"},
    Command{"check", "", "is the hall well: a plug-in for monitoring", "", "", 0, declare_check, check,
            "hirehall check\nhirehall check -o nagios --workers 3 --dead-warning 10 --dead-critical 100\n"
            "hirehall check -o prometheus > /var/lib/prometheus/node-exporter/hirehall.prom",
            false, false, check_exits, 3},
    Command{"watch", "", "the same as --watch: a list again and again, until Ctrl-C", "NOUN [VERB]",
            "the list", 2, declare_watch, watch_nothing, "hirehall watch queue list\nhirehall watch stats",
            false, true},
    Command{"key", "new", "make a CURVE key pair: NAME.key (secret) and NAME.pub", "NAME",
            "name of the files", 1, declare_key, key_new,
            "hirehall key new alice --directory ~/.config/hirehall", false, true},
    Command{"context", "list", "list contexts: named brokers with keys and tenant", "", "", 0, nullptr,
            context_list, "hirehall context list", false, true},
    Command{"context", "show", "show a context; the one in use unless named", "[CONTEXT]",
            "name of the context", 1, nullptr, context_show, "hirehall context show prod -o json", false,
            true},
    Command{"context", "set", "make a context, or change what is given of it", "CONTEXT",
            "name of the context", 1, declare_context_set, context_set,
            "hirehall context set prod --broker tcp://hall.example:7420 --key-file me.key --server-key-file "
            "hall.pub\n"
            "hirehall context set prod --tenant acme",
            false, true},
    Command{"context", "use", "work with this context from now on", "[CONTEXT]", "name of the context", 1,
            declare_context_use, context_use, "hirehall context use prod\nhirehall context use --none", false,
            true},
    Command{"context", "forget", "take a context off the list; its key files stay", "CONTEXT",
            "name of the context", 1, nullptr, context_forget, "hirehall context forget prod", false, true},
    Command{"dev", "", "a broker, two workers and sample agents until Ctrl-C", "", "", 0, declare_dev, dev,
            "hirehall dev\nhirehall dev --demo\nhirehall dev --data ./data --workers 4", false, true},
    Command{"completion", "", "a script that completes commands, options and names in your shell", "SHELL",
            "bash, zsh or fish", 1, nullptr, completion,
            "source <(hirehall completion bash)\n"
            "hirehall completion zsh > ~/.zfunc/_hirehall\n"
            "hirehall completion fish > ~/.config/fish/completions/hirehall.fish",
            false, true},
    Command{"help", "", "this overview, one command, or the reference of all commands", "[NOUN [VERB]]",
            "the command; the overview without it", 2, declare_help, help,
            "hirehall help\nhirehall help task submit\nhirehall help --json\nhirehall help --man task submit",
            false, true},
};

constexpr std::size_t width = 100;  // of a line of exit codes

constexpr std::array general_exits{
    ExitMeaning{ok, "ok"},
    ExitMeaning{failure, "failure"},
    ExitMeaning{usage, "usage"},
    ExitMeaning{not_found, "not found"},
    ExitMeaning{denied, "denied"},
    ExitMeaning{conflict, "conflict"},
    ExitMeaning{timed_out, "timeout"},
    ExitMeaning{unreachable, "broker unreachable"},
    ExitMeaning{task_failed, "task failed"},
    ExitMeaning{task_cancelled, "task cancelled"},
    ExitMeaning{task_expired, "task expired"},
};

void declare_global(OptionTable& t, bool monitored = false) {
  t.text("broker", "",
         "endpoint of the broker; default: this user's or this machine's broker, or tcp://127.0.0.1:7420",
         "ENDPOINT");
  std::vector<std::string> forms{"text", "json", "jsonl", "none"};
  if (monitored) forms.insert(forms.end(), {"nagios", "prometheus"});
  t.choice("output,o", "text", forms, "form of the results");
  t.choice("color", "auto", {"auto", "always", "never"},
           "colours; auto: on a terminal, unless NO_COLOR is set");
  t.duration("request-timeout", 30'000, {1, 86'400'000}, "how long one answer may take");
  t.text("key-file", "", "secret CURVE key of this client", "FILE");
  t.text("server-key-file", "", "public CURVE key of the broker", "FILE");
  t.text("context", "", "named broker to work with (`hirehall context list`); the one in use unless given",
         "CONTEXT");
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

std::span<const ExitMeaning> exits_of(const Command& c) {
  return c.exits.empty() ? std::span<const ExitMeaning>(general_exits) : c.exits;
}

std::string name_of(const Command& c) {
  return std::string(c.noun) + (c.verb.empty() ? "" : " " + std::string(c.verb));
}

std::string exit_line(std::span<const ExitMeaning> exits) {
  std::string out = "Exit codes:";
  std::size_t column = out.size();
  for (const auto& e : exits) {
    std::string entry = " " + std::to_string(e.code) + " " + std::string(e.meaning);
    entry += &e == &exits.back() ? "." : ",";
    if (column + entry.size() > width) {
      out += "\n           ";
      column = 11;
    }
    out += entry;
    column += entry.size();
  }
  return out + "\n";
}

OptionTable global_table() {
  OptionTable t("hirehall", "the command line of Hirehall, a hiring hall for software agents");
  declare_global(t);
  return t;
}

namespace {

// What the audit log tells of, and somebody may want to give a reason for.
bool acts(const Command& c) {
  static constexpr std::array verbs{"answer", "cancel", "create",  "delete",  "drain",
                                    "edit",   "forget", "purge",   "resume",  "retry",
                                    "set",    "stop",   "trigger", "unlearn", "verify"};
  return !c.local && c.noun != "context" && c.noun != "audit" &&
         std::ranges::find(verbs, c.verb) != verbs.end();
}

}  // namespace

OptionTable table_of(const Command& c) {
  OptionTable t("hirehall " + name_of(c), std::string(c.summary));
  declare_global(t, c.run == check);
  if (c.declare != nullptr) c.declare(t);
  if (acts(c) && std::ranges::none_of(t.declarations(), [](const auto& d) { return d.name == "reason"; }))
    t.text("reason", "", "why, for the audit log");
  if (c.watch) declare_watch(t);
  if (c.operands_max > 0) t.operands(std::string(c.operands), std::string(c.operand_help), c.operands_max);
  t.epilogue("Examples:\n" + indented(c.examples) + "\n" + exit_line(exits_of(c)));
  return t;
}

std::size_t noun_at(std::span<const std::string> arguments) {
  static const OptionTable global = global_table();
  std::size_t i = 0;
  for (; i < arguments.size() && arguments[i].starts_with('-'); ++i) {
    const auto& word = arguments[i];
    for (const auto& d : global.declarations())
      if (d.shape != OptionShape::flag &&
          (word == "--" + d.name || (d.letter != 0 && word == std::string("-") + d.letter)))
        ++i;
  }
  return std::min(i, arguments.size());
}

Named find_command(std::span<const std::string> words) {
  for (const auto& c : table) {
    std::size_t count = c.verb.empty() ? 1 : 2;
    if (words.size() < count || words[0] != c.noun || (count == 2 && words[1] != c.verb)) continue;
    return {&c, count};
  }
  return {};
}

}  // namespace hirehall::cli
