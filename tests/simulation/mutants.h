// The planted bugs, by name: each must be found (docs/testing.md has the table of seeds needed).
#pragma once

#include <array>
#include <string_view>

namespace hirehall::sim {

struct Mutant {
  std::string_view name;
  std::string_view what;
};

inline constexpr std::array mutants = {
    Mutant{"ack_before_sync", "answers leave when their batch is handed over, not when it is synced"},
    Mutant{"token_not_checked", "a lease is found by its slot, whatever the counter in the token"},
    Mutant{"losses_not_counted", "a lost lease does not count against the limit"},
    Mutant{"failures_not_counted", "a failure does not count against the attempts"},
    Mutant{"one_attempt_too_many", "the limit of attempts is off by one"},
    Mutant{"retry_at_once", "the delay that a worker asked for is ignored"},
    Mutant{"snooze_at_once", "a snoozed task runs again at once"},
    Mutant{"at_most_once_again", "at most once is awarded again"},
    Mutant{"success_under_a_stop_is_lost",
           "an attempt that succeeded although it was told to stop is cancelled"},
    Mutant{"finish_resent_is_new", "a finish that comes again is decided again"},
    Mutant{"leases_never_expire", "the leases of a silent worker stay"},
    Mutant{"lost_awards_stay_lost", "an award that never arrived is not taken back"},
    Mutant{"heartbeat_not_compared", "what a worker holds is not compared with what is leased to it"},
    Mutant{"unlisted_leases_stay", "a worker that comes back keeps leases that it does not list"},
    Mutant{"batch_resent_is_new", "a batch that comes again makes its tasks again"},
    Mutant{"keys_only_in_memory", "idempotency keys are not looked up in the store"},
    Mutant{"key_payload_not_compared", "a key with another payload gives the first task"},
    Mutant{"due_too_early", "timers fire two seconds early"},
    Mutant{"timers_lost_at_restart", "stored timers are not read after a restart"},
    Mutant{"answers_not_replayed", "a restart forgets that a suspended task was answered"},
    Mutant{"pauses_not_replayed", "a restart forgets pauses"},
    Mutant{"pause_ignored", "paused work is awarded"},
    Mutant{"pause_unexplained", "explain leaves pauses out"},
    Mutant{"bulk_progress_not_written", "how far bulk work is, is not recorded"},
    Mutant{"bulk_forgotten", "a restart forgets bulk work that runs"},
    Mutant{"where_ignored", "a list by an expression shows everything"},
    Mutant{"logs_of_a_neighbour", "a log line goes to the task submitted before"},
    Mutant{"ineligible_worker_wins", "a learned award asks workers that cannot do the task as well"},
    Mutant{"choice_not_acted_on", "an award goes to the least loaded and says that the policy chose"},
    Mutant{"limits_ignored", "a full limit key does not hold tasks back"},
    Mutant{"payload_of_a_neighbour", "an award carries the payload of the task before it"},
    Mutant{"checkpoint_left_behind", "checkpoints are not sent with the next award"},
    Mutant{"page_read_off_by_one", "the last entry of a page is left out"},
    Mutant{"answer_dropped", "an answer frees the task and is not kept"},
    Mutant{"edits_lost", "an approved task is awarded with the payload from before the edit"},
    Mutant{"released_without_consent", "a result that has to be approved is released at once"},
    Mutant{"decisions_not_kept", "who decided is not kept with the task"},
    Mutant{"questions_wait_for_ever", "a question outlasts its time"},
    Mutant{"limits_leak", "the end of an attempt does not free its limit keys"},
    Mutant{"cancelled_stay_in_batches", "a cancelled task counts as open in its batch"},
    Mutant{"closed_batches_not_replayed", "a restart forgets that batches are closed"},
    Mutant{"batch_completes_again", "the completion task of a batch is submitted again and again"},
    Mutant{"ticks_not_replayed", "a restart forgets that schedules have ticked"},
    Mutant{"overlap_ignored", "a schedule that skips runs beside its last task"},
    Mutant{"rates_not_replayed", "a restart forgets what is used of a rate"},
    Mutant{"rates_never_open", "what waits for a rate is not looked at again"},
    Mutant{"uniques_not_replayed", "a restart forgets who has which unique key"},
    Mutant{"replaced_stay", "what a later submission replaces is awarded as well"},
    Mutant{"coalesced_payload_lost", "a coalesced task is awarded with its first payload"},
    Mutant{"usage_not_replayed", "a restart forgets what attempts have used"},
    Mutant{"budgets_not_replayed", "a restart forgets budgets"},
    Mutant{"removed_miscounted", "reclaimed tasks are counted one short"},
    Mutant{"stragglers_swept", "what outlives its neighbours is swept away with their records"},
    Mutant{"dead_letters_go", "dead letters that outlived their neighbours are forgotten in the end"},
    Mutant{"full_disk_before_answers", "a full disk refuses a batch that is recorded already"},
    Mutant{"get_of_the_past", "get tells a state of before an attempt that ended meanwhile"},
    Mutant{"stream_stays_behind", "a stream that lagged once is never caught up"},
    Mutant{"large_result_waits",
           "a result larger than the rest of a window waits for a word that never comes"},
    Mutant{"stream_skips_one", "a resumed stream begins one end too late"},
    Mutant{"commit_torn", "the last write of a large batch is lost"},
    Mutant{"worker_takes_awards_twice", "a worker runs an award that came twice twice"},
    Mutant{"worker_forgets_finishes", "a worker does not resend finishes after a reconnect"},
    Mutant{"audit_not_replayed", "a restart forgets where the audit log ends"},
    Mutant{"audit_chain_is_loose", "entries of the audit log are not bound to those before them"},
    Mutant{"refused_acts_unaudited", "what was refused is not in the audit log"},
    Mutant{"client_renumbers", "a client gives resent batches new numbers"},
    Mutant{"client_forgets_batches", "a client does not resend after a reconnect"},
};
static_assert(mutants.size() >= 25);

}  // namespace hirehall::sim
