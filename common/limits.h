// Every limit of the system, its reason, and the answer a caller gets at the limit.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hirehall::limits {

// Wire. One frame must fit a batch of answers for the largest batch; bigger frames delay heartbeats.
inline constexpr std::size_t frame_bytes_max = 2u << 20;    // libzmq drops the connection
inline constexpr std::size_t batch_items_max = 4096;        // too_large
inline constexpr std::size_t batch_bytes_max = 1u << 20;    // too_large, unless it is one item
inline constexpr std::size_t payload_bytes_max = 1u << 20;  // too_large; also result, checkpoint, answer
inline constexpr std::size_t depth_max = 16;                // bad_message: nesting of a message body
inline constexpr std::size_t context_depth_max = 5;         // invalid: nesting of a task's context map

// Names and maps in task options.
inline constexpr std::size_t name_bytes_max = 255;  // invalid: queue, tenant, type, agent, worker names
inline constexpr std::size_t key_bytes_max = 512;   // invalid: idempotency, unique, affinity and limit keys
inline constexpr std::size_t description_bytes_max = 10000;  // invalid
inline constexpr std::size_t labels_max = 64;                // invalid: labels of a task
inline constexpr std::size_t preferred_labels_max = 8;       // invalid: of one task, each a term of a score
inline constexpr std::size_t limit_keys_max = 8;             // invalid: limit keys of one task
inline constexpr std::size_t award_overhead_bytes = 128u
                                                    << 10;   // of an award beside payload, checkpoint, answer
inline constexpr std::size_t options_bytes_max = 64u << 10;  // too_large: encoded options of one task
inline constexpr std::size_t error_bytes_max = 4096;         // longer error texts of attempts are cut

// Questions and approvals.
inline constexpr std::size_t question_bytes_max = 64u << 10;  // invalid: a question, encoded
inline constexpr std::size_t approvers_max = 32;              // invalid: who may answer one, by name
inline constexpr std::int64_t question_timeout_max_ms = 366ll * 24 * 3600 * 1000;  // invalid

// Batches.
inline constexpr std::size_t batches_max = 10000;            // busy; those that are over make room
inline constexpr std::size_t batch_members_max = 1'000'000;  // busy: open tasks of all batches

// Sessions.
inline constexpr std::size_t batches_in_flight_max = 1024;    // busy: unanswered batches of one producer …
inline constexpr std::size_t refusals_in_flight_max = 65536;  // busy: … and refused items in their answers
inline constexpr std::size_t held_bytes_max = 16u
                                              << 20;  // busy: batches of one session that wait for a lookup
inline constexpr std::size_t finishes_in_flight_max = 64;         // unanswered finish messages of one worker
inline constexpr std::size_t sessions_max = 20000;                // busy
inline constexpr std::size_t producers_max = 100000;              // busy: durable producer records
inline constexpr std::size_t subscriptions_per_session_max = 16;  // busy
inline constexpr std::size_t results_window_min = 4096;           // of a subscription: raised …
inline constexpr std::size_t results_window_max = 64u << 20;      // … or cut to this
inline constexpr std::int64_t producer_idle_ms = 24 * 3600 * 1000;  // then session_expired
inline constexpr std::int64_t idempotency_window_ms = 24 * 3600 * 1000;

// Engine tables: what is resident must be bounded whatever the backlog is.
inline constexpr std::size_t queues_max = 4096;            // busy
inline constexpr std::size_t lanes_max = 100000;           // busy: (queue, tenant) pairs
inline constexpr std::size_t classes_max = 16384;          // busy: (type, requirements) pairs
inline constexpr std::size_t lines_max = 1000000;          // busy: lines with work, see docs/storage.md
inline constexpr std::size_t window_bytes = 64u << 20;     // bodies and entries kept resident for all lines
inline constexpr std::size_t chunk_bytes = 64u << 10;      // one packed record, unless one task is larger
inline constexpr std::size_t tracestate_bytes_max = 1024;  // invalid
inline constexpr std::size_t baggage_bytes_max = 8192;     // invalid
inline constexpr std::size_t known_templates_max = 16384;  // shared by the tasks that name them …
inline constexpr std::size_t known_templates_bytes_max = 4u << 20;  // … as long as they come to this much …
inline constexpr std::size_t known_template_bytes_max = 1024;       // … when they are small
inline constexpr std::size_t commit_bytes_max = 4u << 20;     // one commit batch closes at this size …
inline constexpr std::size_t commit_items_max = 16384;        // … or at this many inputs
inline constexpr std::size_t scheduled_resident_max = 65536;  // timers kept in memory; the rest on disk
inline constexpr std::size_t stragglers_max =
    100000;  // tasks that outlive their neighbours; more keep these …
inline constexpr std::size_t stragglers_per_segment_max = 64;  // … as do more of one segment
inline constexpr std::size_t history_max = 20;  // attempts kept per task; older ones are counted

// Schedules: all of them are resident, and part of each snapshot.
inline constexpr std::size_t schedules_max = 10000;                   // busy
inline constexpr std::size_t schedules_bytes_max = 64u << 20;         // busy: payloads and options together
inline constexpr std::size_t schedule_payload_bytes_max = 64u << 10;  // too_large
inline constexpr std::size_t schedule_waiting_max = 100;              // further ticks are left out, counted
inline constexpr std::uint32_t schedule_catch_up_max = 1000;          // invalid
inline constexpr std::int64_t schedule_every_ms_min = 1000;           // invalid
inline constexpr std::size_t schedule_ticks_shown_max = 1000;         // of `show`, cut to this

// The audit log: it may grow by what anybody asks for, so it is bounded whatever that is.
inline constexpr std::size_t audit_entries_max = 100000;    // then the oldest go …
inline constexpr std::size_t audit_bytes_max = 64u << 20;   // … and when the records take this much …
inline constexpr std::size_t audit_step = 1024;             // … so many at a time
inline constexpr std::size_t audit_text_bytes_max = 1024;   // of target, reason and result; cut
inline constexpr std::size_t audit_denied_per_minute = 30;  // of one principal; more are counted, not kept
inline constexpr std::size_t audit_page_max = 1000;         // entries of one answer; cut to this
inline constexpr std::size_t audit_looked_at_max = 4096;    // for one answer; its cursor says where to go on

// Workers and leases.
inline constexpr std::size_t workers_max = 10000;          // busy
inline constexpr std::size_t agents_per_worker_max = 256;  // invalid
inline constexpr std::size_t types_per_agent_max = 256;    // invalid
inline constexpr std::size_t agents_max = 10000;    // busy: registered definitions, (name, version) pairs
inline constexpr std::uint32_t credit_max = 16384;  // cut to this
inline constexpr std::int64_t heartbeat_ms = 2000;
inline constexpr std::int64_t lease_ms = 6000;  // three missed heartbeats
inline constexpr int attempts_default = 3;
inline constexpr int attempts_max = 1000;  // invalid
inline constexpr int losses_max_default = 3;
inline constexpr int priority_min = 1;
inline constexpr int priority_max = 10;
inline constexpr int priority_default = 5;
inline constexpr std::size_t log_line_bytes_max = 8192;             // cut
inline constexpr std::size_t log_bytes_per_attempt_max = 1u << 20;  // dropped and counted
inline constexpr int progress_per_second_max = 10;                  // dropped and counted

static_assert(payload_bytes_max <= batch_bytes_max, "one item may be as large as a batch");
static_assert(batch_bytes_max + 64 * 1024 <= frame_bytes_max, "a full batch fits a frame");
static_assert(lease_ms >= 3 * heartbeat_ms, "two lost heartbeats do not end a lease");
static_assert(chunk_bytes * 16 <= window_bytes, "the window holds many chunks");

}  // namespace hirehall::limits
