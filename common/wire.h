// The frame of the wire protocol: a 16-byte little-endian header and a msgpack body (docs/protocol.md).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/error.h"

namespace hirehall::wire {

inline constexpr std::uint16_t magic = 0x4848;  // "HH"
inline constexpr std::uint8_t version = 1;
inline constexpr std::size_t header_bytes = 16;

// Numbers are never reused. Requests go to the broker; answers and pushes come from it.
enum class Kind : std::uint16_t {
  hello = 1,
  welcome = 2,
  ok = 3,
  error = 4,
  heartbeat = 5,

  submit = 16,
  submitted = 17,  // answers of one or more submits
  get = 18,
  wait = 19,
  cancel = 20,
  list = 21,
  answer = 22,
  subscribe = 23,
  results = 25,  // push
  seen = 26,     // note: no answer
  unsubscribe = 27,

  queue_list = 32,
  queue_show = 33,
  queue_set = 34,
  pause = 35,
  resume = 36,
  dead_list = 37,
  dead_retry = 38,
  worker_list = 39,
  stats = 40,
  explain = 41,
  agent_list = 42,
  agent_show = 43,
  agent_forget = 44,
  dead_purge = 45,
  worker_drain = 46,

  inbox = 64,
  batch_list = 65,
  batch_show = 66,
  batch_close = 67,
  batch_wait = 68,

  register_worker = 48,
  award = 49,  // push
  finish = 50,
  worker_heartbeat = 51,
  holding = 52,
  stop = 53,  // push: cancel these attempts
  lost = 54,  // push: these leases are over
  report = 55,
  drain = 56,

  schedule_set = 80,
  schedule_list = 81,
  schedule_show = 82,
  schedule_delete = 83,
  schedule_pause = 84,
  schedule_resume = 85,
  schedule_trigger = 86,
  limit_set = 88,
  limit_list = 89,
  limit_show = 90,
  limit_delete = 91,
  limit_pause = 92,

  dead_groups = 96,
  bulk_start = 97,
  bulk_list = 98,
  bulk_stop = 99,
  logs = 100,
  tenant_list = 101,

  backup_create = 112,
  backup_status = 113,
  backup_list = 114,
  backup_verify = 115,
  backup_delete = 116,
  audit_list = 117,
  usage = 118,
  budget_set = 119,
  budget_list = 120,
  budget_delete = 121,
  breaker_list = 122,
  breaker_show = 123,
  breaker_reset = 124,
  breaker_trip = 125,

  call_for_bids = 126,  // push
  bid = 127,
  agent_stats = 128,
  agent_unlearn = 129,
  lane_list = 130,
};

struct Header {
  std::uint8_t flags = 0;
  std::uint16_t kind = 0;
  std::uint64_t request = 0;
};

// Appends a header; the body is appended behind it by the caller.
void write_header(std::string& out, Kind kind, std::uint64_t request);

struct Frame {
  Header header;
  std::string_view body;
};

// bad_message: short, wrong magic or reserved bits; version_mismatch: another version.
Result<Frame> read_frame(std::string_view bytes);

// A whole error answer, header included.
std::string error_frame(std::uint64_t request, const Error& error);
Error read_error(std::string_view body);

}  // namespace hirehall::wire
