#include "broker/server/backups.h"

#include <pthread.h>

#include "broker/store/side_records.h"
#include "common/log.h"
#include "common/version.h"

namespace hirehall::server {

namespace {

constexpr std::int64_t pause_after_failure_ms = 60'000;

}  // namespace

std::string_view name_of(BackupJob::What what) {
  switch (what) {
    case BackupJob::What::create:
      return "create";
    case BackupJob::What::verify:
      return "verify";
    case BackupJob::What::remove:
      return "delete";
  }
  return "";
}

BackupKeeper::BackupKeeper(const store::Store& store, BackupSettings settings)
    : store_(store), settings_(std::move(settings)) {
  const auto known = store::list_backups(settings_.folder);
  if (!known) return;
  for (const auto& one : *known) {
    if (!one.damage.empty()) continue;
    counts_.last_at = one.began_at;
    counts_.last_bytes = one.bytes;
    counts_.last_took_ms = one.took_ms;
  }
}

BackupKeeper::~BackupKeeper() {
  stop_.store(true);
  if (thread_.joinable()) thread_.join();
}

Status BackupKeeper::prepare(const store::Store& store, const BackupSettings& settings) {
  auto folder = store::BackupFolder::open(settings.folder);
  if (!folder) return tl::unexpected(folder.error());
  const auto tag = store::tag_of(store.identity().id_key);
  if (folder->incarnation(tag) > store.identity().incarnation)
    log::warn(
        "a later incarnation of this store was restored from these backups: two brokers of one store "
        "must not serve the same clients",
        {{"this", store.identity().incarnation}, {"restored", folder->incarnation(tag)}});
  return folder->note_incarnation(tag, store.identity().incarnation);
}

Result<std::uint64_t> BackupKeeper::begin(BackupJob::What what, std::uint64_t backup, std::int64_t now) {
  {
    const std::lock_guard lock(mutex_);
    if (job_.running) {
      Error busy{Code::busy, "a backup job runs: " + std::string(name_of(job_.what)), "backup", 1000};
      return tl::unexpected(std::move(busy));
    }
    BackupJob next;
    next.number = job_.number + 1;
    next.what = what;
    next.backup = backup;
    next.began_at = now;
    next.running = true;
    job_ = next;
  }
  if (thread_.joinable()) thread_.join();
  thread_ = std::thread([this, job = job_] { run(job); });
  return job_.number;
}

BackupJob BackupKeeper::job() const {
  const std::lock_guard lock(mutex_);
  return job_;
}

BackupCounts BackupKeeper::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

void BackupKeeper::look(std::int64_t now) {
  if (settings_.every_ms == 0) return;
  {
    const std::lock_guard lock(mutex_);
    if (job_.running || now - counts_.last_at < settings_.every_ms) return;
    if (job_.error && now - tried_at_ < pause_after_failure_ms) return;
    tried_at_ = now;
  }
  if (auto begun = begin(BackupJob::What::create, 0, now); !begun)
    log::warn("the backup that is due could not begin", {{"reason", begun.error().message}});
}

bool BackupKeeper::progressed(std::uint64_t done, std::uint64_t total) {
  const std::lock_guard lock(mutex_);
  job_.done = done;
  job_.total = total;
  return !stop_.load();
}

void BackupKeeper::run(BackupJob job) {
  ::pthread_setname_np(::pthread_self(), "backup");
  const auto done = work(job);
  if (!done) {
    job.error = done.error();
    log::error("a backup job failed", done.error());
  }
  const std::lock_guard lock(mutex_);
  job.running = false;
  job.done = job_.done;
  job.total = job_.total;
  if (job.what == BackupJob::What::create) {
    ++(done ? counts_.succeeded : counts_.failed);
    if (job.made) {
      counts_.last_at = job.made->began_at;
      counts_.last_bytes = job.made->bytes();
      counts_.last_took_ms = job.made->took_ms;
    }
  }
  job_ = std::move(job);
}

Status BackupKeeper::work(BackupJob& job) {
  auto folder = store::BackupFolder::open(settings_.folder);
  if (!folder) return tl::unexpected(folder.error());
  store::CopyProgress progress = [this](std::uint64_t done, std::uint64_t total) {
    return progressed(done, total);
  };
  if (job.what == BackupJob::What::remove) return folder->remove(job.backup);
  if (job.what == BackupJob::What::verify) {
    store::CopyPace pace;
    pace.progress = std::move(progress);
    pace.bytes_per_second = settings_.bytes_per_second;
    return folder->verify(job.backup, std::move(pace));
  }
  const auto frozen = store_.freeze();
  if (!frozen) return tl::unexpected(frozen.error());
  store::BackupRequest request;
  request.identity = store_.identity();
  request.now = job.began_at;
  request.software = software_version();
  request.bytes_per_second = settings_.bytes_per_second;
  request.progress = std::move(progress);
  auto made = folder->create(**frozen, request);
  if (!made) return tl::unexpected(made.error());
  job.backup = made->number;
  job.made = std::move(*made);
  log::info("backed up", {{"backup", job.made->number},
                          {"commit", job.made->commit},
                          {"bytes", job.made->bytes()},
                          {"copied", job.made->copied_bytes},
                          {"took_ms", job.made->took_ms}});
  if (settings_.keep == 0) return {};
  auto removed = folder->retain(settings_.keep);
  if (!removed) return tl::unexpected(removed.error());
  job.removed = std::move(*removed);
  return {};
}

}  // namespace hirehall::server
