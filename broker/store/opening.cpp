#include "broker/store/opening.h"

#include <rocksdb/db.h>
#include <rocksdb/options.h>
#include <sodium.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "broker/store/wal_scan.h"

namespace hirehall::store {

namespace {

constexpr std::string_view way_out =
    "; restore a backup (hirehall-broker restore), or start once with accept-loss to go on without them";
constexpr std::string_view untouched = "; nothing was deleted";

tl::unexpected<Error> lost(std::uint64_t recovered, std::uint64_t acknowledged, const std::string& where,
                           const std::string& path) {
  return fail(Code::corrupt,
              "acknowledged commits are missing: " + std::to_string(acknowledged) +
                  " were made durable and only " + std::to_string(recovered) + " can be read" + where +
                  std::string(way_out),
              path);
}

// What the logs seem to lack may lie in tables: when a start is cut off while it deletes logs that are not
// needed any more, an older one may outlive a newer one, or none may be left. A look that changes nothing
// decides.
// What could not be read says nothing about what is there.
Result<bool> reaches(Database::Settings settings, std::uint64_t commit) {
  settings.read_only = true;
  settings.failure = nullptr;
  const auto database = Database::open(settings);
  if (!database && database.error().code != Code::corrupt) return tl::unexpected(database.error());
  if (!database) return false;
  const auto last = (*database)->last_commit();
  if (!last && last.error().code != Code::corrupt) return tl::unexpected(last.error());
  return last && *last >= commit;
}

// Before RocksDB opens anything, because its recovery deletes the logs behind the place where it stops.
Status check_logs(const WalScan& logs, const Mark& mark, const std::string& path) {
  if (logs.gap)
    return lost(logs.gap_after, logs.last_commit,
                " in order (damage in log " + logs.damage + ")" + std::string(untouched), path);
  if (logs.last_commit < mark.commit)
    return lost(logs.last_commit, mark.commit,
                (logs.damaged ? " (damage in log " + logs.damage + ")" : "") + std::string(untouched), path);
  return {};
}

Status check_identity(const Identity& identity, const Mark& mark, const RocksdbOptions& options) {
  if (identity.shard != options.shard)
    return fail(Code::invalid,
                "this store is shard " + std::to_string(identity.shard) + " and shard " +
                    std::to_string(options.shard) +
                    " was asked for; give the right directory or the right shard",
                options.path);
  if (mark.store_tag != tag_of(identity.id_key) && !options.accept_loss)
    return fail(Code::corrupt, "the watermark file belongs to another store; put this store's own file back",
                options.path);
  return {};
}

Result<Watermark> open_watermark(const Layout& layout, bool accept_loss) {
  auto watermark = Watermark::open(layout.watermark);
  if (watermark || !accept_loss) {
    if (!watermark && watermark.error().code == Code::not_found)
      return fail(Code::corrupt,
                  "the watermark file is missing, so lost commits could not be noticed; put it back, restore "
                  "a backup, or "
                  "open once with accept-loss",
                  layout.watermark);
    return watermark;
  }
  return Watermark::create(layout.watermark, Mark{});
}

// Ids of the lost commits may have been told to clients, so the numbers after them are given in a new
// incarnation.
Status accept_loss(const Layout& layout, Opened& opened) {
  if (opened.identity.incarnation >= incarnation_max)
    return fail(Code::corrupt, "the store was restored or reseeded too often; begin a new one",
                layout.directory);
  opened.identity.incarnation = static_cast<std::uint16_t>(opened.identity.incarnation + 1);
  if (auto put = write_identity(*opened.database, opened.identity); !put) return put;
  auto watermark = Watermark::create(layout.watermark, {tag_of(opened.identity.id_key), opened.last_commit});
  if (!watermark) return tl::unexpected(watermark.error());
  opened.watermark = std::move(*watermark);
  return {};
}

}  // namespace

Status write_identity(const Database& database, const Identity& identity) {
  rocksdb::WriteOptions options;
  options.sync = true;
  const auto status =
      database.db().Put(options, database.family(Family::meta),
                        rocksdb::Slice(identity_key.data(), identity_key.size()), encode(identity));
  if (!status.ok())
    return tl::unexpected(error_of(status, "the identity cannot be written", database.path()));
  return {};
}

// Built aside and renamed when whole: a directory with a database in it is a store with an identity, always.
Status create_store(const Layout& layout, const RocksdbOptions& options) {
  std::error_code error;
  std::filesystem::remove_all(layout.creating, error);
  if (error) return system_failure("remove the unfinished", layout.creating, error.value());
  if (sodium_init() < 0) return fail(Code::io, "no source of random bytes; check /dev/urandom", options.path);
  Identity identity;
  identity.format = format_version;
  identity.shard = options.shard;
  randombytes_buf(identity.id_key.data(), identity.id_key.size());

  if (auto mark = Watermark::create(layout.watermark, {tag_of(identity.id_key), 0}); !mark)
    return tl::unexpected(mark.error());
  Database::Settings settings;
  settings.path = layout.creating;
  settings.memory = options.memory;
  settings.env = options.env;
  settings.create = true;
  {
    const auto database = Database::open(settings);
    if (!database) return tl::unexpected(database.error());
    if (auto put = write_identity(**database, identity); !put) return put;
  }
  // With a format there must be a database, finished or not; so its name is durable first.
  if (auto synced = sync_directory(layout.directory); !synced) return synced;
  if (auto written = write_format(layout); !written) return written;
  if (std::rename(layout.creating.c_str(), layout.database.c_str()) != 0)
    return system_failure("rename", layout.creating, errno);
  return sync_directory(layout.directory);
}

Result<Opened> open_store(const Layout& layout, const RocksdbOptions& options,
                          const Database::Settings& settings) {
  auto watermark = open_watermark(layout, options.accept_loss);
  if (!watermark) return tl::unexpected(watermark.error());
  const auto logs = scan_wal(layout.database);
  if (!logs) return tl::unexpected(logs.error());
  // Readable now, so it must be there after recovery too; noted outside, because recovery may delete the log.
  const std::uint64_t expected = std::max(watermark->mark().commit, logs->last_commit);
  // RocksDB would end the process over this.
  if (!logs->disorder.empty())
    return fail(Code::corrupt,
                "log " + logs->disorder + " repeats commits of an older one: files were exchanged" +
                    std::string(untouched) + std::string(way_out),
                layout.database);
  auto trusted = check_logs(*logs, watermark->mark(), layout.database);
  if (!trusted) {
    const auto whole = reaches(settings, expected);
    if (!whole) return tl::unexpected(whole.error());
    if (*whole) trusted = {};
  }
  if (!trusted && !options.accept_loss) return tl::unexpected(trusted.error());
  if (trusted)
    if (auto noted = watermark->advance(expected); !noted) return tl::unexpected(noted.error());

  auto database = Database::open(settings);
  if (!database) return tl::unexpected(database.error());
  const auto identity = (*database)->identity();
  if (!identity) return tl::unexpected(identity.error());
  const auto last = (*database)->last_commit();
  if (!last) return tl::unexpected(last.error());
  if (auto ours = check_identity(*identity, watermark->mark(), options); !ours)
    return tl::unexpected(ours.error());
  Opened opened{std::move(*database), std::move(*watermark), *identity, *last};
  const bool right_mark = opened.watermark.mark().store_tag == tag_of(identity->id_key);
  if (*last >= expected && trusted && right_mark) return opened;
  if (!options.accept_loss) return lost(*last, expected, "", layout.directory);
  if (auto accepted = accept_loss(layout, opened); !accepted) return tl::unexpected(accepted.error());
  return opened;
}

}  // namespace hirehall::store
