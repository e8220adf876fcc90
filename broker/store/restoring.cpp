#include "broker/store/restoring.h"

#include <rocksdb/db.h>

#include <filesystem>
#include <system_error>

#include "broker/store/files.h"
#include "broker/store/layout.h"
#include "broker/store/opening.h"
#include "broker/store/side_records.h"
#include "broker/store/space_guard.h"
#include "broker/store/watermark.h"

namespace hirehall::store {

namespace fs = std::filesystem;

namespace {

// An empty place: what an earlier restore left there is taken away.
Status make_place(const Layout& layout) {
  if (auto made = make_directory(layout.directory); !made) return made;
  std::error_code error;
  if (fs::exists(layout.database, error))
    return fail(Code::conflict,
                "there is a store here already; restore into an empty directory, or move this one away",
                layout.directory);
  if (fs::exists(layout.restoring, error)) {
    for (const auto& left : {layout.restoring, layout.format, layout.watermark})
      if (auto removed = remove_all(left); !removed) return removed;
  }
  const auto presence = examine(layout);
  if (!presence) return tl::unexpected(presence.error());
  return {};
}

Result<BackupManifest> choose(const BackupFolder& folder, std::optional<std::uint64_t> number) {
  if (number) return folder.manifest(*number);
  const auto known = folder.list();
  for (auto at = known.rbegin(); at != known.rend(); ++at)
    if (at->damage.empty()) return folder.manifest(at->number);
  return fail(Code::not_found, "there is no backup that can be read here", "backup");
}

Status copy_all(const BackupFolder& folder, const BackupManifest& manifest, const Layout& layout,
                const CopyProgress& progress) {
  const auto disk = measure_disk(layout.directory);
  if (!disk) return tl::unexpected(disk.error());
  if (disk->free_bytes < manifest.bytes())
    return fail(Code::disk_full,
                "the backup has " + std::to_string(manifest.bytes()) + " bytes and " +
                    std::to_string(disk->free_bytes) + " are free",
                layout.directory);
  CopyPace pace;
  pace.progress = progress;
  pace.total = manifest.bytes();
  for (const auto& file : manifest.files) {
    const auto from = folder.path_of(manifest.number, file);
    const auto digest = copy_file(from, layout.restoring + "/" + file.name, file.bytes, pace);
    if (!digest && digest.error().code == Code::not_found)
      return fail(Code::corrupt, "a file of the backup is missing; restore another one (--backup)", from);
    if (!digest) return tl::unexpected(digest.error());
    if (*digest != file.digest)
      return fail(Code::corrupt,
                  "a file of the backup is not what was copied; restore another one (--backup)", from);
  }
  return sync_directory(layout.restoring);
}

// One more than any that this store ever had, and noted before the store can be opened.
Result<std::uint16_t> next_incarnation(BackupFolder& folder, const BackupManifest& manifest) {
  const auto highest = std::max(folder.incarnation(manifest.store_tag), manifest.incarnation);
  if (highest >= incarnation_max)
    return fail(Code::corrupt, "the store was restored or reseeded too often; begin a new one",
                "incarnation");
  const auto next = static_cast<std::uint16_t>(highest + 1);
  if (auto noted = folder.note_incarnation(manifest.store_tag, next); !noted)
    return tl::unexpected(noted.error());
  return next;
}

// Recovery reads the logs here, so that what opens later has nothing to doubt.
Result<Restored> make_whole(BackupFolder& folder, const BackupManifest& manifest, const Layout& layout,
                            MemoryProfile memory) {
  Database::Settings settings;
  settings.path = layout.restoring;
  settings.memory = memory;
  auto database = Database::open(settings);
  if (!database) return tl::unexpected(database.error());
  auto identity = (*database)->identity();
  if (!identity) return tl::unexpected(identity.error());
  const auto last = (*database)->last_commit();
  if (!last) return tl::unexpected(last.error());
  if (tag_of(identity->id_key) != manifest.store_tag || *last < manifest.commit)
    return fail(Code::corrupt,
                "the backup should reach commit " + std::to_string(manifest.commit) + " and reaches " +
                    std::to_string(*last) + "; restore another one (--backup)",
                layout.restoring);
  const auto incarnation = next_incarnation(folder, manifest);
  if (!incarnation) return tl::unexpected(incarnation.error());
  identity->incarnation = *incarnation;
  if (auto put = write_identity(**database, *identity); !put) return tl::unexpected(put.error());
  return Restored{manifest, *identity, *last};
}

Status put_in_place(const Layout& layout, const Restored& restored) {
  if (auto mark = Watermark::create(layout.watermark, {tag_of(restored.identity.id_key), restored.commit});
      !mark)
    return tl::unexpected(mark.error());
  if (auto written = write_format(layout); !written) return written;
  return rename_durably(layout.restoring, layout.database);
}

}  // namespace

Result<Restored> restore(const RestoreRequest& request) {
  if (auto there = list_backups(request.backups); !there) return tl::unexpected(there.error());
  auto folder = BackupFolder::open(request.backups);
  if (!folder) return tl::unexpected(folder.error());
  const auto manifest = choose(*folder, request.number);
  if (!manifest) return tl::unexpected(manifest.error());
  const Layout layout(request.data);
  if (auto made = make_place(layout); !made) return tl::unexpected(made.error());
  const auto lock = StoreLock::take(layout.lock, StoreLock::Kind::writer);
  if (!lock) return tl::unexpected(lock.error());
  if (auto made = make_directory(layout.restoring); !made) return tl::unexpected(made.error());
  const auto undone = [&](const Error& why) {
    if (auto removed = remove_all(layout.restoring); !removed)
      return fail(why.code, why.message + "; and " + removed.error().message, why.context);
    return fail(why.code, why.message, why.context);
  };
  if (auto copied = copy_all(*folder, *manifest, layout, request.progress); !copied)
    return undone(copied.error());
  auto restored = make_whole(*folder, *manifest, layout, request.memory);
  if (!restored) return undone(restored.error());
  if (auto placed = put_in_place(layout, *restored); !placed) return undone(placed.error());
  return restored;
}

}  // namespace hirehall::store
