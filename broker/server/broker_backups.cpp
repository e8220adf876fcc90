// Backups, as they are asked for.
#include "broker/server/broker.h"
#include "common/log.h"
#include "common/msgpack.h"

namespace hirehall::server {
namespace {

Result<std::uint64_t> read_backup_number(std::string_view body, bool needed) {
  std::uint64_t backup = 0;
  msgpack::Reader r(body);
  auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    if (r.str() == "backup")
      backup = r.uint();
    else
      r.skip();
  }
  if (!r.finished()) return fail(Code::bad_message, "a backup's number is a number", "backup");
  if (needed && backup == 0) return fail(Code::invalid, "name the backup by its number", "backup");
  return backup;
}

Error no_folder() {
  return {Code::unsupported, "this broker has no folder for backups: start it with --backups DIR", "backup",
          0};
}

void write_summary(msgpack::Writer& w, const store::BackupSummary& one) {
  w.map(one.damage.empty() ? 8 : 9);
  w.entry_uint("backup", one.number);
  w.entry_sint("began_at", one.began_at);
  w.entry_sint("took_ms", one.took_ms);
  w.entry_uint("incarnation", one.incarnation);
  w.entry_uint("commit", one.commit);
  w.entry_uint("files", one.files);
  w.entry_uint("bytes", one.bytes);
  w.entry_uint("copied_bytes", one.copied_bytes);
  if (!one.damage.empty()) w.entry("damage", one.damage);
}

}  // namespace

// Begins a job; how it goes is asked by backup_status.
void Broker::backup_begin(Peer& peer, const Frame& frame, BackupJob::What what) {
  auto request = frame.header.request;
  auto backup = read_backup_number(frame.body, what != BackupJob::What::create);
  if (!backup) return refuse(peer, request, backup.error());
  if (parts_.backups == nullptr) return refuse(peer, request, no_folder());
  auto begun = parts_.backups->begin(what, *backup, surroundings_.wall_ms());
  if (!begun) return refuse(peer, request, begun.error());
  log::info("backup job", {{"what", name_of(what)}, {"backup", *backup}, {"by", peer.principal->name}});
  msgpack::Writer w(answer(peer, request));
  w.map(1);
  w.entry_uint("job", *begun);
}

void Broker::backup_status(Peer& peer, const Frame& frame) {
  auto request = frame.header.request;
  if (parts_.backups == nullptr) return refuse(peer, request, no_folder());
  const auto job = parts_.backups->job();
  msgpack::Writer w(answer(peer, request));
  w.map(8 + (job.error ? 1 : 0) + (job.made ? 1 : 0));
  w.entry_uint("job", job.number);
  w.entry("what", job.number == 0 ? "" : name_of(job.what));
  w.entry_bool("running", job.running);
  w.entry_uint("backup", job.backup);
  w.entry_uint("bytes_done", job.done);
  w.entry_uint("bytes_total", job.total);
  w.entry_sint("began_at", job.began_at);
  w.str("removed");
  w.array(job.removed.size());
  for (auto number : job.removed) w.uint(number);
  if (job.error) {
    w.str("error");
    w.map(3);
    w.entry("code", name_of(job.error->code));
    w.entry("message", job.error->message);
    w.entry("context", job.error->context);
  }
  if (!job.made) return;
  w.str("made");
  write_summary(w, {job.made->number,
                    job.made->began_at,
                    job.made->took_ms,
                    job.made->incarnation,
                    job.made->commit,
                    job.made->files.size(),
                    job.made->bytes(),
                    job.made->copied_bytes,
                    {}});
}

void Broker::backup_list(Peer& peer, const Frame& frame) {
  auto request = frame.header.request;
  if (parts_.backups == nullptr) return refuse(peer, request, no_folder());
  read_later([this, request, routing = peer.routing, serial = peer.serial,
              folder = parts_.backups->settings().folder](const store::View&, std::uint64_t) -> Reader::Then {
    auto known = std::make_shared<Result<std::vector<store::BackupSummary>>>(store::list_backups(folder));
    return [this, request, routing, serial, known] {
      auto* peer = peer_at(routing, serial);
      if (peer == nullptr) return;
      if (!*known) return refuse(*peer, request, known->error());
      msgpack::Writer w(answer(*peer, request));
      w.map(1);
      w.str("backups");
      w.array((*known)->size());
      for (const auto& one : **known) write_summary(w, one);
    };
  });
}

}  // namespace hirehall::server
