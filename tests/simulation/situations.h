// Rare situations that a large run must have met, by name: one that never happens is a hole in the
// simulation.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace hirehall::sim {

// clang-format off
#define HIREHALL_SITUATIONS(X) \
  X(broker_crashed) X(broker_crashed_with_a_commit_under_way) X(broker_crashed_while_sending) \
  X(broker_crashed_and_the_commit_was_there) X(broker_crashed_and_the_commit_was_gone) \
  X(broker_crashed_again_within_a_second) X(broker_crashed_with_leases) X(broker_crashed_with_submits_under_way) \
  X(broker_crashed_with_reads_under_way) X(broker_recovered_from_a_snapshot) X(broker_recovered_from_the_first_fact) \
  X(broker_recovered_leases) X(broker_stalled_over_a_lease) \
  X(broker_stalled_briefly) X(a_commit_failed) X(a_sync_took_over_a_second) X(disk_was_full) X(submit_refused_disk_full) \
  X(snapshot_written) X(window_spilled) X(window_paged) \
  X(wall_jumped_forward) X(wall_jumped_back) X(wall_jumped_over_an_hour) \
  X(connection_broke) X(connection_half_open_for_peer) X(connection_half_open_for_broker) X(peer_was_cut_off) \
  X(cut_one_way) \
  X(worker_crashed) X(worker_crashed_holding) X(worker_paused) X(worker_paused_over_a_lease) X(worker_drained) \
  X(worker_drained_holding) X(worker_resumed_with_tasks) X(worker_was_told_of_lost_leases) \
  X(client_crashed) X(client_crashed_with_submits_under_way) X(client_paused) X(client_resent_submits) \
  X(client_resumed_its_session) X(client_got_session_expired) X(client_stream_had_a_gap) X(client_followed_from_the_start) X(client_read_slowly) \
  X(submit_atomic) X(submit_atomic_refused) X(submit_refused_queue_full) X(submit_refused_unknown_queue) \
  X(submit_refused_past_deadline) X(submit_large) \
  X(key_gave_the_same_task) X(key_conflict) X(key_after_a_crash) \
  X(lane_served) X(award_first) X(award_again) X(award_of_many) X(award_with_checkpoint) X(award_with_trace) \
  X(award_with_answer) X(award_after_restart) \
  X(finish_recorded) X(finish_stale) X(finish_stale_after_success_elsewhere) X(finish_answered_twice) \
  X(finish_of_many) X(finish_refused_invalid) \
  X(ended_succeeded) X(ended_failed_after_retries) X(ended_failed_for_good) X(ended_failed_by_losses) X(ended_cancelled) \
  X(ended_expired_deadline) X(ended_expired_ttl) X(ended_at_most_once_failed) X(ended_on_a_later_attempt) \
  X(retry_waited) X(snoozed) X(interrupted) X(timed_out) X(suspended) X(checkpointed) \
  X(cancel_scheduled) X(cancel_ready) X(cancel_leased) X(cancel_suspended) X(cancel_ended) X(cancel_unknown_id) \
  X(answered_suspended) X(answer_refused_not_suspended) X(answer_refused_ended) X(answer_refused_unfit) X(inbox_listed) \
  X(decided_approved) X(decided_rejected) X(decided_edited) X(decided_defaulted) X(decided_lapsed) \
  X(get_scheduled) X(get_ready) X(get_leased) X(get_suspended) X(get_ended) X(get_past_retention) X(get_unknown_id) \
  X(wait_answered) X(wait_timed_out) X(list_answered) X(list_went_on_with_a_cursor) X(explain_answered) X(explained_by_a_pause) X(explained_by_terms) X(explained_by_bids) X(explained_by_live_bids) X(explained_with_features) X(explained_with_another_run) X(explained_with_labels) X(passed_on) X(passed_on_to_the_runner_up) X(matched_in_a_round) X(called_for_bids) X(called_with_features) X(policy_changed) X(bulk_started) X(bulk_done) X(list_by_expression) X(log_line_shown) \
  X(batch_closed) X(batch_completed) X(batch_counted_exactly) X(batch_refused_closed) X(batch_wait_answered) X(batch_wait_timed_out) \
  X(dead_letter_replayed) X(queue_paused) X(queue_resumed) X(type_paused) \
  X(tenant_paused) X(unique_rejected) X(unique_replaced) X(unique_coalesced) X(unique_started) X(usage_reported) X(budget_used_up) X(limit_was_full) X(resource_was_used_up) X(room_was_kept) X(agent_was_at_its_most) X(rate_was_used_up) X(handed_back_unbegun) X(unit_given_back) X(schedule_ticked) X(retention_reclaimed) X(worker_listed) X(stats_read) \
  X(worker_drained_by_an_operator) X(worker_drain_undone) X(drained_worker_came_back) \
  X(dead_letter_purged) X(purge_refused) X(purged_letter_not_retried) \
  X(agent_redefined) X(agent_change_refused) X(agent_forgotten) X(agent_forget_refused) X(agents_listed) \
  X(stream_given_up) X(stream_given_up_before_it_stood) X(log_followed) X(bulk_stopped) \
  X(schedule_triggered_by_hand) X(trigger_said_again) X(limit_held_by_hand) \
  X(breaker_tripped_by_hand) X(breaker_opened) X(breaker_was_half_open) X(fallback_stood_in) \
  X(act_audited) X(refused_act_audited) X(audit_listed)
// clang-format on

enum class Situation : std::uint8_t {
#define X(name) name,
  HIREHALL_SITUATIONS(X)
#undef X
};

inline constexpr std::array situation_names = {
#define X(name) std::string_view(#name),
    HIREHALL_SITUATIONS(X)
#undef X
};
inline constexpr std::size_t situation_count = situation_names.size();
static_assert(situation_count >= 100);

}  // namespace hirehall::sim
