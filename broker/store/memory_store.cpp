#include "broker/store/memory_store.h"

#include <array>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <set>

#include "broker/store/failure.h"
#include "broker/store/side_records.h"
#include "common/check.h"
#include "common/mutant.h"

namespace hirehall::store {

namespace {

// What a key held since a commit; nothing when it was erased.
struct Version {
  std::uint64_t since = 0;
  std::optional<std::string> value;
};
using Records = std::map<std::string, std::vector<Version>, std::less<>>;

// A key with a version that no future view can see.
struct Aged {
  std::uint64_t since = 0;
  Family family = Family::meta;
  std::string key;
};

constexpr std::size_t slice_items = 128;

}  // namespace

struct MemoryDisk::Content {
  std::mutex mutex;
  Identity identity;
  bool open = false;
  std::uint64_t last_commit = 0;
  std::array<Records, family_count> families;
  std::multiset<std::uint64_t> views;  // commits that somebody still looks at
  std::deque<Aged> aged;
  Space space{1ull << 40, 1ull << 40, 0};
  bool admits = true;
  std::optional<std::pair<std::uint64_t, Error>> planned_failure;

  Records& records(Family family) { return families[static_cast<std::size_t>(family)]; }
  const std::string* visible(const std::vector<Version>& versions, std::uint64_t commit) const;
  void apply(const Write& write, std::uint64_t commit);
  void trim();
};

const std::string* MemoryDisk::Content::visible(const std::vector<Version>& versions,
                                                std::uint64_t commit) const {
  for (auto version = versions.rbegin(); version != versions.rend(); ++version)
    if (version->since <= commit) return version->value ? &*version->value : nullptr;
  return nullptr;
}

void MemoryDisk::Content::apply(const Write& write, std::uint64_t commit) {
  Records& family = records(write.family);
  auto place = family.find(write.key);
  if (place == family.end()) {
    if (write.erase) return;
    place = family.emplace(write.key, std::vector<Version>{}).first;
  }
  auto& versions = place->second;
  if (versions.empty() || versions.back().since != commit) versions.push_back({commit, std::nullopt});
  versions.back().value = write.erase ? std::nullopt : std::optional(write.value);
  if (versions.size() > 1 || write.erase) aged.push_back({commit, write.family, write.key});
}

void MemoryDisk::Content::trim() {
  const std::uint64_t oldest = views.empty() ? last_commit : *views.begin();
  for (; !aged.empty() && aged.front().since <= oldest; aged.pop_front()) {
    Records& family = records(aged.front().family);
    const auto place = family.find(aged.front().key);
    if (place == family.end()) continue;
    auto& versions = place->second;
    while (versions.size() > 1 && versions[1].since <= oldest) versions.erase(versions.begin());
    if (versions.size() == 1 && !versions.front().value && versions.front().since <= oldest)
      family.erase(place);
  }
}

MemoryDisk::MemoryDisk(Identity identity) : content_(std::make_unique<Content>()) {
  identity.format = format_version;
  content_->identity = identity;
  content_->records(Family::meta)[std::string(identity_key)] = {{0, encode(identity)}};
}

MemoryDisk::~MemoryDisk() = default;

void MemoryDisk::set_space(Space space) {
  const std::lock_guard lock(content_->mutex);
  content_->space = space;
}

void MemoryDisk::set_admits_submits(bool admits) {
  const std::lock_guard lock(content_->mutex);
  content_->admits = admits;
}

void MemoryDisk::fail_commit(std::uint64_t number, Error error) {
  const std::lock_guard lock(content_->mutex);
  content_->planned_failure = {number, std::move(error)};
}

namespace {

using Content = MemoryDisk::Content;
using Visit = std::function<bool(std::string_view, std::string_view)>;

class MemoryView final : public View {
 public:
  explicit MemoryView(Content& content) : content_(content) {
    const std::lock_guard lock(content_.mutex);
    commit_ = content_.last_commit;
    content_.views.insert(commit_);
  }
  ~MemoryView() override {
    const std::lock_guard lock(content_.mutex);
    content_.views.erase(content_.views.find(commit_));
    content_.trim();
  }

  Result<std::optional<std::string>> get(Family family, std::string_view key) const override {
    const std::lock_guard lock(content_.mutex);
    const Records& records = content_.records(family);
    const auto place = records.find(key);
    const std::string* value = place == records.end() ? nullptr : content_.visible(place->second, commit_);
    return value == nullptr ? std::nullopt : std::optional(*value);
  }

  Result<std::optional<Item>> floor(Family family, std::string_view key) const override {
    const std::lock_guard lock(content_.mutex);
    const Records& records = content_.records(family);
    for (auto place = records.upper_bound(key); place != records.begin();) {
      --place;
      if (const std::string* value = content_.visible(place->second, commit_))
        return Item{place->first, *value};
    }
    return std::nullopt;
  }

  // The visitor may use the store, so it is called without the lock, a slice at a time.
  Status scan(Family family, std::string_view from, std::string_view to, const Visit& visit) const override {
    std::string next(from);
    for (;;) {
      const auto items = forward(family, next, to);
      for (const Item& item : items)
        if (!visit(item.key, item.value)) return {};
      if (items.size() < slice_items) return {};
      next = items.back().key + '\0';
    }
  }

  Status scan_back(Family family, std::string_view from, std::string_view to,
                   const Visit& visit) const override {
    std::string end(to);
    for (;;) {
      const auto items = backward(family, from, end);
      for (const Item& item : items)
        if (!visit(item.key, item.value)) return {};
      if (items.size() < slice_items) return {};
      end = items.back().key;
      if (end.empty()) return {};  // nothing is below the empty key, and an empty end would mean no end
    }
  }

 private:
  std::vector<Item> forward(Family family, std::string_view from, std::string_view to) const {
    const std::lock_guard lock(content_.mutex);
    const Records& records = content_.records(family);
    std::vector<Item> items;
    for (auto place = records.lower_bound(from); place != records.end() && items.size() < slice_items;
         ++place) {
      if (!to.empty() && place->first >= to) break;
      if (const std::string* value = content_.visible(place->second, commit_))
        items.push_back({place->first, *value});
    }
    return items;
  }

  std::vector<Item> backward(Family family, std::string_view from, std::string_view to) const {
    const std::lock_guard lock(content_.mutex);
    const Records& records = content_.records(family);
    std::vector<Item> items;
    auto place = to.empty() ? records.end() : records.lower_bound(to);
    while (place != records.begin() && items.size() < slice_items) {
      --place;
      if (place->first < from) break;
      if (const std::string* value = content_.visible(place->second, commit_))
        items.push_back({place->first, *value});
    }
    return items;
  }

  Content& content_;
  std::uint64_t commit_ = 0;
};

class MemoryStore final : public Store {
 public:
  explicit MemoryStore(std::shared_ptr<MemoryDisk> disk)
      : disk_(std::move(disk)), content_(disk_->content()), identity_(content_.identity) {}
  ~MemoryStore() override {
    const std::lock_guard lock(content_.mutex);
    content_.open = false;
  }

  const Identity& identity() const override { return identity_; }

  std::uint64_t last_commit() const override {
    const std::lock_guard lock(content_.mutex);
    return content_.last_commit;
  }

  Status commit(const CommitBatch& batch) override {
    if (auto failed = failure_.get()) return tl::unexpected(*failed);
    const std::lock_guard lock(content_.mutex);
    HH_CHECK(batch.number == content_.last_commit + 1, "commit numbers are contiguous");
    if (content_.planned_failure && content_.planned_failure->first == batch.number) {
      failure_.set(content_.planned_failure->second);
      content_.planned_failure.reset();
      return tl::unexpected(*failure_.get());
    }
    content_.apply({Family::meta, false, std::string(commit_key), number_key(batch.number)}, batch.number);
    for (const Write& write : batch.writes) {
      HH_CHECK(write.family != Family::meta || (write.key != commit_key && write.key != identity_key),
               "these keys belong to the store");
      if (HH_MUTANT("commit_torn") && &write == &batch.writes.back() && batch.writes.size() > 4) continue;
      content_.apply(write, batch.number);
    }
    content_.last_commit = batch.number;
    content_.trim();
    counts_.commits += 1;
    counts_.syncs += 1;
    counts_.bytes += batch.bytes();
    return {};
  }

  std::unique_ptr<View> view() const override { return std::make_unique<MemoryView>(content_); }

  // Drops all it may, views or not: who relies on less notices here.
  Status drop_before(Family family, std::string_view end) override {
    if (auto failed = failure_.get()) return tl::unexpected(*failed);
    const std::lock_guard lock(content_.mutex);
    Records& records = content_.records(family);
    records.erase(records.begin(), records.lower_bound(end));
    return {};
  }

  std::optional<Error> failure() const override { return failure_.get(); }

  Space space() const override {
    const std::lock_guard lock(content_.mutex);
    return content_.space;
  }

  bool admits_submits() const override {
    const std::lock_guard lock(content_.mutex);
    return content_.admits;
  }

  Result<std::unique_ptr<Frozen>> freeze() const override {
    return fail(Code::unsupported, "a store in memory has no files to back up");
  }
  Counts counts() const override {
    const std::lock_guard lock(content_.mutex);
    return counts_;
  }

 private:
  std::shared_ptr<MemoryDisk> disk_;
  Content& content_;
  const Identity identity_;
  Failure failure_;
  Counts counts_;
};

}  // namespace

Result<std::unique_ptr<Store>> open_memory(std::shared_ptr<MemoryDisk> disk) {
  {
    const std::lock_guard lock(disk->content().mutex);
    if (disk->content().open)
      return fail(Code::conflict,
                  "another broker has this store open; close it first, or give this one its own disk");
    disk->content().open = true;
  }
  return std::make_unique<MemoryStore>(std::move(disk));
}

}  // namespace hirehall::store
