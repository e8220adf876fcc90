#include "broker/store/layout.h"

#include <filesystem>
#include <string_view>
#include <system_error>

#include "broker/store/files.h"
#include "broker/store/side_records.h"

namespace hirehall::store {

namespace {

constexpr std::string_view format_word = "hirehall-store ";

Result<bool> exists(const std::string& path) {
  std::error_code error;
  const bool there = std::filesystem::exists(path, error);
  if (error) return system_failure("look at", path, error.value());
  return there;
}

Status check_format(const Layout& layout) {
  const auto text = read_file(layout.format, 64);
  if (!text) return tl::unexpected(text.error());
  const std::string expected = std::string(format_word) + std::to_string(format_version) + "\n";
  if (*text == expected) return {};
  if (!text->starts_with(format_word))
    return fail(Code::corrupt,
                "this file does not say which format the store has; restore the store from a backup",
                layout.format);
  std::string number = text->substr(format_word.size());
  if (number.ends_with('\n')) number.pop_back();
  return fail(Code::unsupported,
              "the store has format " + number + " and this program knows format " +
                  std::to_string(format_version) +
                  "; nothing was changed; use the program version that wrote it",
              layout.format);
}

// Somebody's home directory is no place to begin a store in.
Status check_empty(const Layout& layout) {
  std::error_code error;
  for (auto entry = std::filesystem::directory_iterator(layout.directory, error);
       !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const std::string path = entry->path().string();
    const bool ours = path == layout.lock || path == layout.watermark || path == layout.reserve ||
                      path == layout.creating || path == layout.watermark + ".new" ||
                      path == layout.format + ".new" || entry->path().filename() == "lost+found";
    if (!ours)
      return fail(Code::invalid,
                  "there is no store here but other files are; give the store an empty directory", path);
  }
  if (error) return system_failure("list", layout.directory, error.value());
  return {};
}

}  // namespace

Layout::Layout(std::string place)
    : directory(std::move(place)),
      format(directory + "/format"),
      lock(directory + "/lock"),
      watermark(directory + "/watermark"),
      reserve(directory + "/reserve"),
      database(directory + "/db"),
      creating(directory + "/db.creating"),
      restoring(directory + "/db.restoring") {}

Result<Presence> examine(const Layout& layout) {
  const auto format = exists(layout.format);
  if (!format) return tl::unexpected(format.error());
  const auto database = exists(layout.database);
  if (!database) return tl::unexpected(database.error());
  const auto restoring = exists(layout.restoring);
  if (!restoring) return tl::unexpected(restoring.error());
  if (*restoring && !*database)
    return fail(Code::corrupt,
                "a restore was cut off here and there is no store yet; run hirehall-broker restore again",
                layout.restoring);
  if (*format) {
    if (auto known = check_format(layout); !known) return tl::unexpected(known.error());
    if (*database) return Presence::whole;
    const auto creating = exists(layout.creating);
    if (!creating) return tl::unexpected(creating.error());
    if (*creating) return Presence::absent;
    return fail(Code::corrupt, "the database of this store is missing; restore the store from a backup",
                layout.database);
  }
  if (*database)
    return fail(
        Code::corrupt,
        "the file that says which format the store has is missing; restore it or the store from a backup",
        layout.format);
  if (auto empty = check_empty(layout); !empty) return tl::unexpected(empty.error());
  return Presence::absent;
}

Status write_format(const Layout& layout) {
  return replace_file(layout.format, std::string(format_word) + std::to_string(format_version) + "\n");
}

}  // namespace hirehall::store
