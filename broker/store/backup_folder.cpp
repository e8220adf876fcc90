#include "broker/store/backup_folder.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <set>
#include <sstream>
#include <system_error>

#include "broker/store/files.h"
#include "broker/store/side_records.h"
#include "broker/store/space_guard.h"
#include "broker/store/wal_scan.h"

namespace hirehall::store {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view format_line = "hirehall-backups 1\n";
constexpr std::string_view creating_ending = ".creating";
constexpr std::string_view removing_ending = ".removing";
constexpr std::size_t manifest_bytes_max = 256u << 20;
constexpr std::uint64_t room_left = 64u << 20;  // a backup never takes the disk's last bytes

std::uint64_t number_in(const std::string& name) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  return error == std::errc() && end == name.data() + name.size() ? number : 0;
}

template <typename Visit>
Status each_entry(const std::string& path, Visit&& visit) {
  std::error_code error;
  for (auto entry = fs::directory_iterator(path, error); !error && entry != fs::directory_iterator();
       entry.increment(error))
    if (auto done = visit(entry->path()); !done) return done;
  if (error) return system_failure("list", path, error.value());
  return {};
}

Status check_format(const std::string& path) {
  const auto text = read_file(path + "/format", 64);
  if (text && *text == format_line) return {};
  if (text)
    return fail(Code::unsupported, "the folder's format is not known to this program; nothing was changed",
                path + "/format");
  if (text.error().code != Code::not_found) return tl::unexpected(text.error());
  return each_entry(path, [&](const fs::path& entry) -> Status {
    if (entry.filename() == "lock" || entry.filename() == "lost+found" || entry.filename() == "format.new")
      return {};
    return fail(Code::invalid,
                "there are no backups here but other files are; give the backups a folder of their own",
                entry.string());
  });
}

BackupSummary summary_of(const BackupManifest& manifest) {
  return {manifest.number,      manifest.began_at,     manifest.took_ms,
          manifest.incarnation, manifest.commit,       manifest.files.size(),
          manifest.bytes(),     manifest.copied_bytes, {}};
}

Result<BackupManifest> read_manifest(const std::string& folder, std::uint64_t number) {
  std::error_code error;
  if (!fs::exists(folder, error))
    return fail(
        Code::not_found,
        "there is no backup " + std::to_string(number) + "; `hirehall backup list` shows those there are",
        "backup");
  const auto path = folder + "/manifest";
  const auto size = fs::file_size(path, error);
  const auto text = read_file(path, error ? 0 : std::min<std::uintmax_t>(size, manifest_bytes_max));
  if (!text && text.error().code == Code::not_found)
    return fail(Code::corrupt, "the list of the backup's files is missing; use another backup", path);
  if (!text) return tl::unexpected(text.error());
  return decode_backup_manifest(*text, path);
}

Result<std::vector<std::uint64_t>> numbers_in(const std::string& path) {
  std::vector<std::uint64_t> found;
  auto listed = each_entry(path, [&](const fs::path& entry) -> Status {
    if (const auto number = number_in(entry.filename().string()); number != 0) found.push_back(number);
    return {};
  });
  if (!listed) return tl::unexpected(listed.error());
  std::sort(found.begin(), found.end());
  return found;
}

// A look at names and lengths; verify reads.
std::string missing_file(const std::string& path, const BackupManifest& manifest) {
  for (const auto& file : manifest.files) {
    const auto at = file.stored.empty() ? path + "/" + std::to_string(manifest.number) + "/" + file.name
                                        : path + "/tables/" + file.stored;
    std::error_code error;
    if (fs::file_size(at, error) != file.bytes || error) return "the file " + at + " is missing or cut";
  }
  return {};
}

std::vector<BackupSummary> summaries(const std::string& path, const std::vector<std::uint64_t>& numbers) {
  std::vector<BackupSummary> out;
  for (const auto number : numbers) {
    const auto folder = path + "/" + std::to_string(number);
    const auto manifest = read_manifest(folder, number);
    // Taken away while we looked.
    if (!manifest && manifest.error().code == Code::not_found) continue;
    auto& one = out.emplace_back(manifest ? summary_of(*manifest) : BackupSummary{});
    one.number = number;
    one.damage = manifest ? missing_file(path, *manifest) : describe(manifest.error());
  }
  return out;
}

}  // namespace

Result<std::vector<BackupSummary>> list_backups(const std::string& path) {
  std::error_code error;
  if (!fs::exists(path + "/format", error))
    return fail(Code::not_found,
                "there are no backups here; give the folder that the broker's --backups names", path);
  if (auto known = check_format(path); !known) return tl::unexpected(known.error());
  const auto numbers = numbers_in(path);
  if (!numbers) return tl::unexpected(numbers.error());
  return summaries(path, *numbers);
}

Result<BackupFolder> BackupFolder::open(const std::string& path) {
  if (auto made = make_directory(path); !made) return tl::unexpected(made.error());
  if (auto known = check_format(path); !known) return tl::unexpected(known.error());
  auto lock = StoreLock::take(path + "/lock", StoreLock::Kind::writer);
  if (!lock && lock.error().code == Code::conflict)
    return fail(Code::conflict, "somebody else works in the folder of backups; try again when that is over",
                path);
  if (!lock) return tl::unexpected(lock.error());
  BackupFolder folder(path, std::move(*lock));
  // First of all: a folder with anything else in it and no format is somebody else's.
  std::error_code error;
  if (!fs::exists(path + "/format", error))
    if (auto written = replace_file(path + "/format", format_line); !written)
      return tl::unexpected(written.error());
  if (auto made = make_directory(folder.tables()); !made) return tl::unexpected(made.error());
  if (auto read = folder.read_counters(); !read) return tl::unexpected(read.error());
  if (auto cleaned = folder.clean_up(); !cleaned) return tl::unexpected(cleaned.error());
  return folder;
}

std::vector<std::uint64_t> BackupFolder::numbers() const {
  return numbers_in(path_).value_or(std::vector<std::uint64_t>());
}

std::vector<BackupSummary> BackupFolder::list() const {
  return summaries(path_, numbers());
}

Result<BackupManifest> BackupFolder::manifest(std::uint64_t number) const {
  return read_manifest(folder_of(number), number);
}

std::string BackupFolder::path_of(std::uint64_t number, const BackupFile& file) const {
  return file.stored.empty() ? folder_of(number) + "/" + file.name : tables() + "/" + file.stored;
}

Status BackupFolder::clean_up() {
  std::set<std::string> needed;
  bool all_known = true;
  auto swept = each_entry(path_, [&](const fs::path& entry) -> Status {
    const auto name = entry.filename().string();
    if (name.ends_with(creating_ending) || name.ends_with(removing_ending)) return remove_all(entry.string());
    const auto number = number_in(name);
    if (number == 0) return {};
    const auto read = manifest(number);
    if (!read) return all_known = false, Status();
    for (const auto& file : read->files) needed.insert(file.stored);
    return {};
  });
  // A backup whose list cannot be read may need any table.
  if (!swept || !all_known) return swept;
  return each_entry(tables(), [&](const fs::path& entry) -> Status {
    return needed.contains(entry.filename().string()) ? Status() : remove_all(entry.string());
  });
}

Status BackupFolder::read_counters() {
  const auto text = read_file(path_ + "/counters", 64u << 10);
  if (!text && text.error().code == Code::not_found) {
    for (const auto& known : list()) counters_.next = std::max(counters_.next, known.number + 1);
    return {};
  }
  if (!text) return tl::unexpected(text.error());
  std::istringstream in(*text);
  std::string word;
  bool ended = false;
  while (in >> word) {
    std::uint64_t tag = 0;
    std::uint16_t incarnation = 0;
    if (word == "next")
      in >> counters_.next;
    else if (word == "incarnation" && in >> tag >> incarnation)
      counters_.incarnations[tag] = incarnation;
    else if (word == "end")
      ended = true;
    else
      break;
  }
  if (!ended)
    return fail(Code::corrupt,
                "the counters of the folder of backups are damaged: move the file away when no store was "
                "restored from here, else write down the highest incarnation of each",
                path_ + "/counters");
  return {};
}

Status BackupFolder::write_counters() const {
  std::string text = "next " + std::to_string(counters_.next) + "\n";
  for (const auto& [tag, incarnation] : counters_.incarnations)
    text += "incarnation " + std::to_string(tag) + " " + std::to_string(incarnation) + "\n";
  return replace_file(path_ + "/counters", text + "end\n");
}

std::uint16_t BackupFolder::incarnation(std::uint64_t store_tag) const {
  const auto at = counters_.incarnations.find(store_tag);
  return at == counters_.incarnations.end() ? 0 : at->second;
}

Status BackupFolder::note_incarnation(std::uint64_t store_tag, std::uint16_t number) {
  if (incarnation(store_tag) >= number) return {};
  counters_.incarnations[store_tag] = number;
  return write_counters();
}

// Tables that are here whole, with the digest that the backup which brought them noted.
std::map<std::string, std::string> BackupFolder::known_tables() const {
  std::map<std::string, std::string> known;
  std::error_code error;
  for (const auto number : numbers())
    if (const auto before = manifest(number))
      for (const auto& file : before->files)
        if (!file.stored.empty() && fs::file_size(tables() + "/" + file.stored, error) == file.bytes &&
            !error)
          known[file.stored] = file.digest;
  return known;
}

Status BackupFolder::fits(std::uint64_t needed) const {
  const auto disk = measure_disk(path_);
  if (!disk) return tl::unexpected(disk.error());
  if (disk->free_bytes >= needed + std::min(room_left, disk->total_bytes / 50)) return {};
  return fail(Code::disk_full,
              "the backup would copy " + std::to_string(needed) + " bytes and " +
                  std::to_string(disk->free_bytes) +
                  " are free; nothing was written; free space, delete old backups, or give another folder",
              path_);
}

Result<BackupFile> BackupFolder::copy(const FrozenFile& file, const std::string& into, CopyPace& pace) {
  BackupFile out{file.name, file.lasting_name, file.bytes, {}};
  if (!file.content.empty()) {
    out.bytes = file.content.size();
    out.digest = digest_of_bytes(file.content);
    if (auto put = write_new_file(into + "/" + file.name, file.content); !put)
      return tl::unexpected(put.error());
    return out;
  }
  const auto to = file.lasting_name.empty() ? into + "/" + file.name : tables() + "/" + file.lasting_name;
  // Of another length than it should have: an older backup has a damaged table, and is mended by this copy.
  if (auto removed = remove_all(to); !removed) return tl::unexpected(removed.error());
  auto digest = copy_file(file.path, to, file.bytes, pace);
  if (!digest) return tl::unexpected(digest.error());
  out.digest = *digest;
  return out;
}

Status BackupFolder::fill(const Frozen& frozen, const BackupRequest& request, const std::string& creating,
                          const std::map<std::string, std::string>& known, BackupManifest& manifest) {
  CopyPace pace;
  pace.progress = request.progress;
  pace.bytes_per_second = request.bytes_per_second;
  pace.total = manifest.copied_bytes;
  for (const auto& file : frozen.files()) {
    if (const auto at = known.find(file.lasting_name); at != known.end()) {
      manifest.files.push_back({file.name, file.lasting_name, file.bytes, at->second});
      continue;
    }
    auto copied = copy(file, creating, pace);
    if (!copied) return tl::unexpected(copied.error());
    manifest.files.push_back(std::move(*copied));
  }
  return sync_directory(tables());
}

Result<BackupManifest> BackupFolder::create(const Frozen& frozen, const BackupRequest& request) {
  if (auto cleaned = clean_up(); !cleaned) return tl::unexpected(cleaned.error());
  const auto known = known_tables();
  BackupManifest manifest;
  for (const auto& file : frozen.files())
    if (!known.contains(file.lasting_name)) manifest.copied_bytes += file.bytes;
  if (auto fit = fits(manifest.copied_bytes); !fit) return tl::unexpected(fit.error());
  manifest.store_tag = tag_of(request.identity.id_key);
  if (auto noted = note_incarnation(manifest.store_tag, request.identity.incarnation); !noted)
    return tl::unexpected(noted.error());
  manifest.number = counters_.next++;
  if (auto written = write_counters(); !written) return tl::unexpected(written.error());
  manifest.began_at = request.now;
  manifest.shard = request.identity.shard;
  manifest.incarnation = request.identity.incarnation;
  manifest.software = request.software;
  const auto began = std::chrono::steady_clock::now();
  const auto creating = folder_of(manifest.number) + std::string(creating_ending);
  auto made = make_directory(creating);
  if (made) made = fill(frozen, request, creating, known, manifest);
  if (made) {
    const auto logs = scan_wal(creating);
    if (!logs) made = tl::unexpected(logs.error());
    manifest.commit = std::max(frozen.commit(), logs ? logs->last_commit : 0);
    using std::chrono::milliseconds;
    manifest.took_ms =
        std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - began).count();
  }
  if (made) made = write_new_file(creating + "/manifest", encode(manifest));
  if (made) made = sync_directory(creating);
  if (made) made = rename_durably(creating, folder_of(manifest.number));
  if (made) return manifest;
  if (auto cleaned = clean_up(); !cleaned) made.error().message += "; and " + cleaned.error().message;
  return tl::unexpected(made.error());
}

Status BackupFolder::verify_file(std::uint64_t number, const BackupFile& file, CopyPace& pace) const {
  const auto path = path_of(number, file);
  const auto digest = digest_of_file(path, file.bytes, pace);
  if (!digest && digest.error().code == Code::not_found)
    return fail(
        Code::corrupt,
        "a file of backup " + std::to_string(number) + " is missing; use another backup, make a new one",
        path);
  if (!digest) return tl::unexpected(digest.error());
  if (*digest == file.digest) return {};
  return fail(Code::corrupt,
              "a file of backup " + std::to_string(number) +
                  " is not what was copied; use another backup, make a new one, and look at the disk",
              path);
}

// Goes through all files and gives the first finding. A shared table that has rotted is taken away, so that
// the next backup brings it again for all that need it.
Status BackupFolder::verify(std::uint64_t number, CopyPace pace) {
  const auto known = manifest(number);
  if (!known) return tl::unexpected(known.error());
  pace.total = known->bytes();
  Status first;
  for (const auto& file : known->files) {
    auto found = verify_file(number, file, pace);
    if (found) continue;
    if (found.error().code != Code::corrupt) return found;
    if (first) first = found;
    if (!file.stored.empty())
      if (auto removed = remove_all(path_of(number, file)); !removed) return removed;
  }
  return first;
}

Status BackupFolder::remove(std::uint64_t number) {
  std::error_code error;
  if (!fs::exists(folder_of(number), error))
    return fail(
        Code::not_found,
        "there is no backup " + std::to_string(number) + "; `hirehall backup list` shows those there are",
        "backup");
  // Out of the list first: it never names tables that are gone.
  const auto removing = folder_of(number) + std::string(removing_ending);
  if (auto renamed = rename_durably(folder_of(number), removing); !renamed) return renamed;
  return clean_up();
}

Result<std::vector<std::uint64_t>> BackupFolder::retain(std::size_t keep) {
  std::vector<std::uint64_t> sound;
  for (const auto& known : list())
    if (known.damage.empty()) sound.push_back(known.number);
  std::vector<std::uint64_t> removed;
  for (std::size_t i = 0; i + keep < sound.size(); ++i) {
    if (auto done = remove(sound[i]); !done) return tl::unexpected(done.error());
    removed.push_back(sound[i]);
  }
  return removed;
}

}  // namespace hirehall::store
