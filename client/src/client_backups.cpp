// Backups: what the broker is asked to do, and how far it is.
#include <algorithm>
#include <chrono>
#include <thread>

#include "client/src/body.h"
#include "client/src/convert.h"
#include "client/src/inner.h"
#include "client/src/pairs.h"
#include "common/error.h"
#include "common/wire.h"

namespace hirehall::client {
namespace {

using msgpack::Reader;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds look_every{100};

BackupInfo read_backup(Reader& r) {
  BackupInfo b;
  each_pair_of(r, [&](Pair& p) {
    return p.count("backup", b.backup) || p.number("began_at", b.began_at) ||
           p.number("took_ms", b.took_ms) || p.count("incarnation", b.incarnation) ||
           p.count("commit", b.commit) || p.count("files", b.files) || p.count("bytes", b.bytes) ||
           p.count("copied_bytes", b.copied_bytes) || p.text("damage", b.damage);
  });
  return b;
}

Error read_error(Reader& r) {
  Error e;
  std::string code;
  each_pair_of(r, [&](Pair& p) {
    return p.text("code", code) || p.text("message", e.message) || p.text("context", e.context);
  });
  e.code = static_cast<ErrorCode>(code_from_name(code));
  return e;
}

Result<std::uint64_t> begin(Client::Inner& inner, wire::Kind kind, std::uint64_t backup) {
  Body b;
  if (backup != 0) b.number("backup", static_cast<std::int64_t>(backup));
  auto body = inner.call(kind, b.take());
  if (!body) return tl::unexpected(body.error());
  std::uint64_t job = 0;
  Reader r(*body);
  each_pair_of(r, [&](Pair& p) { return p.count("job", job); });
  if (!r.ok()) return malformed("backup");
  return job;
}

}  // namespace

Result<std::uint64_t> Client::backup_create() {
  return begin(*inner_, wire::Kind::backup_create, 0);
}
Result<std::uint64_t> Client::backup_verify(std::uint64_t backup) {
  return begin(*inner_, wire::Kind::backup_verify, backup);
}
Result<std::uint64_t> Client::backup_delete(std::uint64_t backup) {
  return begin(*inner_, wire::Kind::backup_delete, backup);
}

Result<BackupJob> Client::backup_job() {
  auto body = inner_->call(wire::Kind::backup_status, Body().take());
  if (!body) return tl::unexpected(body.error());
  BackupJob job;
  Reader r(*body);
  each_pair_of(r, [&](Pair& p) {
    if (p.count("job", job.job) || p.text("what", job.what) || p.boolean("running", job.running) ||
        p.count("backup", job.backup) || p.count("bytes_done", job.bytes_done) ||
        p.count("bytes_total", job.bytes_total) || p.number("began_at", job.began_at))
      return true;
    if (p.is("removed")) {
      each_item_of(r, [&] { job.removed.push_back(r.uint()); });
    } else if (p.is("error")) {
      job.error = read_error(r);
    } else if (p.is("made")) {
      job.made = read_backup(r);
    } else {
      return false;
    }
    return true;
  });
  if (!r.ok()) return malformed("backup_status");
  return job;
}

Result<BackupJob> Client::backup_wait(std::uint64_t job, Millis timeout_ms) {
  constexpr Millis longest = Millis{365} * 24 * 3600 * 1000;
  const auto give_up = Clock::now() + std::chrono::milliseconds(std::clamp<Millis>(timeout_ms, 0, longest));
  for (;;) {
    auto now = backup_job();
    if (!now) return now;
    if (now->job != job)
      return tl::unexpected(Error{
          ErrorCode::conflict, "another backup job has begun since; backups() shows what became of this one",
          std::to_string(job)});
    if (!now->running) {
      if (now->error) return tl::unexpected(*now->error);
      return now;
    }
    const auto left = give_up - Clock::now();
    if (left <= Clock::duration::zero())
      return tl::unexpected(Error{
          ErrorCode::timeout,
          "the backup job is not done after " + std::to_string(timeout_ms) + " ms; it goes on, ask again",
          std::to_string(job)});
    std::this_thread::sleep_for(std::min<Clock::duration>(left, look_every));
  }
}

Result<std::vector<BackupInfo>> Client::backups() {
  auto body = inner_->call(wire::Kind::backup_list, Body().take());
  if (!body) return tl::unexpected(body.error());
  std::vector<BackupInfo> out;
  Reader r(*body);
  each_pair_of(r, [&](Pair& p) {
    if (!p.is("backups")) return false;
    each_item_of(r, [&] { out.push_back(read_backup(r)); });
    return true;
  });
  if (!r.ok()) return malformed("backup_list");
  return out;
}

}  // namespace hirehall::client
