#include "broker/store/watermark.h"

#include <fcntl.h>

#include <optional>

#include "common/check.h"

namespace hirehall::store {

namespace {

// Far enough apart that one torn or lost sector, or page, cannot take both.
constexpr std::size_t slot_distance = 4096;
constexpr std::size_t file_bytes = 2 * slot_distance;

struct Found {
  Mark mark;
  unsigned slot = 0;
};

Result<Found> newest(const std::string& path) {
  const auto bytes = read_file(path, file_bytes);
  if (!bytes) return tl::unexpected(bytes.error());
  std::optional<Found> best;
  for (unsigned slot = 0; slot < 2; ++slot) {
    const std::size_t at = slot * slot_distance;
    if (bytes->size() < at + mark_bytes) continue;
    const auto mark = decode_mark(std::string_view(*bytes).substr(at, mark_bytes));
    if (mark && (!best || mark->commit > best->mark.commit)) best = Found{*mark, slot};
  }
  if (!best)
    return fail(Code::corrupt,
                "the watermark file cannot be read, so lost commits could not be noticed; run "
                "hirehall-broker verify, "
                "then restore a backup or open once with accept-loss",
                path);
  return *best;
}

}  // namespace

Result<Watermark> Watermark::create(const std::string& path, const Mark& mark) {
  std::string bytes(file_bytes, '\0');
  bytes.replace(0, mark_bytes, encode(mark));
  if (auto made = replace_file(path, bytes); !made) return tl::unexpected(made.error());
  return open(path);
}

Result<Watermark> Watermark::open(const std::string& path) {
  const auto found = newest(path);
  if (!found) return tl::unexpected(found.error());
  auto file = open_file(path, O_RDWR);
  if (!file) return tl::unexpected(file.error());
  return Watermark(path, std::move(*file), found->mark, 1 - found->slot);
}

Result<Mark> Watermark::read(const std::string& path) {
  return newest(path).map([](const Found& found) { return found.mark; });
}

Status Watermark::advance(std::uint64_t commit) {
  HH_CHECK(commit >= mark_.commit, "the watermark never goes back");
  const Mark next{mark_.store_tag, commit};
  if (auto put = write_at(file_, path_, encode(next), next_slot_ * slot_distance); !put) return put;
  if (auto synced = sync(file_, path_); !synced) return synced;
  mark_ = next;
  next_slot_ = 1 - next_slot_;
  return {};
}

}  // namespace hirehall::store
