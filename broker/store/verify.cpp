#include "broker/store/verify.h"

#include <rocksdb/db.h>
#include <rocksdb/options.h>

#include <memory>
#include <optional>

#include "broker/store/layout.h"
#include "broker/store/lock.h"
#include "broker/store/rocksdb_database.h"
#include "broker/store/watermark.h"

namespace hirehall::store {

namespace {

constexpr std::size_t findings_max = 100;
constexpr std::uint64_t records_between_progress = 8192;

// A store opened for reading: the lock keeps brokers out while it is held.
struct Offline {
  StoreLock lock;
  Layout layout;
  WalScan logs;
  std::unique_ptr<Database> database;
  Identity identity;
  std::uint64_t last_commit = 0;
};

Result<Offline> open_offline(const std::string& path) {
  const Layout layout(path);
  const auto presence = examine(layout);
  if (!presence) return tl::unexpected(presence.error());
  if (*presence == Presence::absent)
    return fail(Code::not_found, "there is no store here; give its data directory", path);
  auto lock = StoreLock::take(layout.lock, StoreLock::Kind::reader);
  if (!lock) return tl::unexpected(lock.error());
  const auto logs = scan_wal(layout.database);
  if (!logs) return tl::unexpected(logs.error());
  Database::Settings settings;
  settings.path = layout.database;
  settings.read_only = true;
  auto database = Database::open(settings);
  if (!database) return tl::unexpected(database.error());
  const auto identity = (*database)->identity();
  if (!identity) return tl::unexpected(identity.error());
  const auto last = (*database)->last_commit();
  if (!last) return tl::unexpected(last.error());
  return Offline{std::move(*lock), layout, *logs, std::move(*database), *identity, *last};
}

std::uint64_t estimate(const Database& database, Family family) {
  std::uint64_t keys = 0;
  database.db().GetIntProperty(database.family(family), "rocksdb.estimate-num-keys", &keys);
  return keys;
}

// Every record of a family, with progress.
Status walk(const Database& database, Family family, const Progress& progress,
            const std::function<void(std::string_view, std::string_view)>& visit) {
  const std::uint64_t expected = estimate(database, family);
  std::uint64_t done = 0;
  auto walked = database.view()->scan(family, "", "", [&](std::string_view key, std::string_view value) {
    visit(key, value);
    if (++done % records_between_progress == 0 && progress) progress(name_of(family), done, expected);
    return true;
  });
  if (progress) progress(name_of(family), done, done);
  return walked;
}

class Verifier {
 public:
  explicit Verifier(Verification& out) : out_(out) {}

  void find(Error error) {
    out_.findings_total += 1;
    if (out_.findings.size() < findings_max) out_.findings.push_back(std::move(error));
  }

  void facts_key(std::string_view key) {
    if (key.size() != 8 && key.size() != 12)
      return find({Code::corrupt,
                   "a key of the family facts has " + std::to_string(key.size()) + " bytes, not 8 or 12",
                   printable(key), 0});
    const std::uint64_t commit = number_of(key);
    std::uint32_t part = 0;
    for (const char byte : key.substr(8)) part = part << 8 | static_cast<unsigned char>(byte);
    if (!last_commit_) out_.first_facts = commit;
    const bool same = last_commit_ == commit;
    if (last_commit_ && !same && commit != *last_commit_ + 1)
      find({Code::corrupt,
            "facts are missing between commit " + std::to_string(*last_commit_) + " and commit " +
                std::to_string(commit),
            printable(key), 0});
    // Whole files were dropped before the first record, and a file may begin in the middle of a commit.
    if (last_commit_ && part != (same ? last_part_ + 1 : 0))
      find({Code::corrupt,
            "facts of commit " + std::to_string(commit) + " lack a part before part " + std::to_string(part),
            printable(key), 0});
    last_commit_ = commit;
    last_part_ = part;
  }

  void facts_end() {
    if (last_commit_ && *last_commit_ != out_.last_commit)
      find({Code::corrupt,
            "facts end at commit " + std::to_string(*last_commit_) + " and the last commit is " +
                std::to_string(out_.last_commit),
            "facts", 0});
  }

  static std::string printable(std::string_view key) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string out = "key ";
    for (const char byte : key) {
      out.push_back(digits[static_cast<unsigned char>(byte) >> 4]);
      out.push_back(digits[static_cast<unsigned char>(byte) & 15]);
    }
    return out;
  }

 private:
  Verification& out_;
  std::optional<std::uint64_t> last_commit_;
  std::uint32_t last_part_ = 0;
};

void verify_logs_and_watermark(const Offline& store, Verifier& verifier, Verification& out) {
  if (store.logs.gap)
    verifier.find({Code::corrupt,
                   "a log is damaged after commit " + std::to_string(store.logs.gap_after) +
                       ", and later commits up to " + std::to_string(store.logs.last_commit) +
                       " can be read behind it",
                   store.logs.damage, 0});
  if (store.last_commit < store.logs.last_commit)
    verifier.find({Code::corrupt,
                   "the logs hold commit " + std::to_string(store.logs.last_commit) +
                       " and recovery ends at commit " + std::to_string(store.last_commit),
                   store.layout.database, 0});
  const auto mark = Watermark::read(store.layout.watermark);
  if (!mark) return verifier.find(mark.error());
  out.watermark = mark->commit;
  if (mark->store_tag != tag_of(store.identity.id_key))
    verifier.find({Code::corrupt, "the watermark belongs to another store", store.layout.watermark, 0});
  if (mark->commit > store.last_commit)
    verifier.find({Code::corrupt,
                   "commits up to " + std::to_string(mark->commit) + " were made durable and " +
                       std::to_string(store.last_commit) + " can be read",
                   store.layout.watermark, 0});
}

}  // namespace

Result<Inspection> inspect(const std::string& path, const Progress& progress) {
  const auto store = open_offline(path);
  if (!store) return tl::unexpected(store.error());
  Inspection out;
  out.identity = store->identity;
  out.last_commit = store->last_commit;
  out.logs = store->logs;
  if (const auto mark = Watermark::read(store->layout.watermark)) out.watermark = mark->commit;
  for (std::size_t i = 0; i < family_count; ++i) {
    FamilyReport& report = out.families[i];
    report.family = static_cast<Family>(i);
    const auto count = [&](std::string_view key, std::string_view value) {
      if (report.records == 0) report.first_key = key;
      report.last_key = key;
      report.records += 1;
      report.key_bytes += key.size();
      report.value_bytes += value.size();
    };
    if (auto walked = walk(*store->database, report.family, progress, count); !walked)
      return tl::unexpected(walked.error());
  }
  return out;
}

Result<Verification> verify(const std::string& path, const Decode& decode, const Progress& progress) {
  const auto store = open_offline(path);
  if (!store) return tl::unexpected(store.error());
  Verification out;
  out.identity = store->identity;
  out.last_commit = store->last_commit;
  Verifier verifier(out);
  verify_logs_and_watermark(*store, verifier, out);
  // Also blocks that no record's reading would touch: filters, indexes, records that were replaced.
  if (const auto sums = store->database->db().VerifyChecksum(); !sums.ok())
    verifier.find(error_of(sums, "a block is damaged", store->layout.database));
  for (std::size_t i = 0; i < family_count; ++i) {
    const auto family = static_cast<Family>(i);
    const auto look = [&](std::string_view key, std::string_view value) {
      out.records += 1;
      if (family == Family::facts) verifier.facts_key(key);
      const bool own = family == Family::meta && (key == commit_key || key == identity_key);
      if (!decode || own) return;
      if (auto decoded = decode(family, key, value); !decoded) {
        Error error = decoded.error();
        error.context = std::string(name_of(family)) + " " + Verifier::printable(key) + " " + error.context;
        verifier.find(std::move(error));
      }
    };
    if (auto walked = walk(*store->database, family, progress, look); !walked) verifier.find(walked.error());
  }
  verifier.facts_end();
  return out;
}

}  // namespace hirehall::store
