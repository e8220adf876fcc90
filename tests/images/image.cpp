#include "tests/images/image.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "common/check.h"

namespace hirehall::images {

namespace {

std::uint64_t mix(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

std::uint64_t hash_of(std::string_view bytes, std::uint64_t hash) {
  hash = mix(hash ^ bytes.size());
  while (bytes.size() >= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data(), 8);
    hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
    hash ^= hash >> 32;
    bytes.remove_prefix(8);
  }
  for (const char c : bytes) hash = mix(hash ^ static_cast<unsigned char>(c));
  return mix(hash);
}

void put(std::string& to, std::uint64_t offset, std::string_view bytes) {
  if (to.size() < offset + bytes.size()) to.resize(offset + bytes.size(), '\0');
  std::copy(bytes.begin(), bytes.end(), to.begin() + static_cast<std::ptrdiff_t>(offset));
}

}  // namespace

std::uint64_t Chance::next() {
  state_ += 0x9e3779b97f4a7c15u;
  return mix(state_);
}

std::uint64_t Image::hash() const {
  std::uint64_t hash = 1;
  for (const auto& directory : directories) hash = hash_of(directory, hash);
  for (const auto& [path, bytes] : files) hash = hash_of(*bytes, hash_of(path, hash));
  return hash;
}

void Image::write_to(const std::string& root) const {
  std::filesystem::create_directories(root);
  for (const auto& directory : directories) std::filesystem::create_directories(root + "/" + directory);
  for (const auto& [path, bytes] : files) {
    std::ofstream file(root + "/" + path, std::ios::binary);
    file.write(bytes->data(), static_cast<std::streamsize>(bytes->size()));
    HH_CHECK(file.good(), "an image can be written");
  }
}

std::string_view name_of(Fate fate) {
  switch (fate) {
    case Fate::all:
      return "all of it";
    case Fate::none:
      return "none";
    case Fate::prefix:
      return "prefix";
    case Fate::torn_512:
      return "torn at 512";
    case Fate::torn_4096:
      return "torn at 4096";
    case Fate::subset_512:
      return "subset of 512";
    case Fate::subset_4096:
      return "subset of 4096";
    case Fate::lost_entries:
      return "lost names";
  }
  return "?";
}

Disk::Disk(const Image& durable) {
  make(true);
  for (const auto& path : durable.directories) {
    const auto [directory, name] = place(path);
    const std::size_t node = make(true);
    nodes_[directory].entries[name] = nodes_[directory].names[name] = node;
  }
  for (const auto& [path, bytes] : durable.files) {
    const auto [directory, name] = place(path);
    const std::size_t node = make(false);
    nodes_[node].bytes = bytes;
    nodes_[directory].entries[name] = nodes_[directory].names[name] = node;
  }
}

std::size_t Disk::make(bool directory) {
  nodes_.emplace_back().directory = directory;
  return nodes_.size() - 1;
}

std::size_t Disk::find(const std::string& path) const {
  std::size_t node = 0;
  for (const auto& part : std::filesystem::path(path)) {
    const auto found = nodes_[node].names.find(part.string());
    if (found == nodes_[node].names.end()) return none;
    node = found->second;
  }
  return node;
}

std::pair<std::size_t, std::string> Disk::place(const std::string& path) const {
  const std::filesystem::path whole(path);
  const std::size_t directory = find(whole.parent_path().string());
  HH_CHECK(directory != none, "a file lies in a directory that was made");
  return {directory, whole.filename().string()};
}

void Disk::enter(std::vector<Entry> entries) {
  for (const auto& entry : entries) {
    auto& names = nodes_[entry.directory].names;
    if (entry.node == none)
      names.erase(entry.name);
    else
      names[entry.name] = entry.node;
  }
  pending_.push_back({Change::Kind::entries, none, 0, {}, std::move(entries)});
}

void Disk::apply(const Operation& operation) {
  using Kind = Operation::Kind;
  const std::size_t node = find(operation.path);
  switch (operation.kind) {
    case Kind::make_file:
    case Kind::make_directory: {
      if (node != none) {  // opened again and made empty
        if (!nodes_[node].directory) pending_.push_back({Change::Kind::size, node, 0, {}, {}});
        return;
      }
      const auto [directory, name] = place(operation.path);
      return enter({{directory, name, make(operation.kind == Kind::make_directory)}});
    }
    case Kind::rename: {
      if (node == none) return;  // a file that is not recorded
      const auto [from, old_name] = place(operation.path);
      const auto [to, new_name] = place(operation.target);
      return enter({{from, old_name, none}, {to, new_name, node}});
    }
    case Kind::erase: {
      if (node == none) return;
      const auto [directory, name] = place(operation.path);
      return enter({{directory, name, none}});
    }
    default:
      break;
  }
  HH_CHECK(node != none, "an open file is there");
  if (operation.kind == Kind::write)
    pending_.push_back({Change::Kind::bytes, node, operation.offset, operation.bytes, {}});
  else if (operation.kind == Kind::truncate)
    pending_.push_back({Change::Kind::size, node, operation.offset, {}, {}});
  else
    sync(node);
}

void Disk::sync(std::size_t node) {
  Overlay durable;
  std::erase_if(pending_, [&](const Change& change) {
    const bool here = change.kind == Change::Kind::entries
                          ? std::any_of(change.entries.begin(), change.entries.end(),
                                        [&](const Entry& entry) { return entry.directory == node; })
                          : change.node == node;
    if (here) keep(durable, change);
    return here;
  });
  for (auto& [number, changed] : durable) {
    nodes_[number].bytes = changed.bytes;
    nodes_[number].entries = changed.entries;
  }
}

Disk::Node& Disk::touched(Overlay& overlay, std::size_t node) const {
  return overlay.try_emplace(node, nodes_[node]).first->second;
}

void Disk::keep(Overlay& overlay, const Change& change) const {
  if (change.kind == Change::Kind::bytes)
    return keep_begin(overlay, change, change.offset + change.bytes.size());
  if (change.kind == Change::Kind::size) {
    auto& node = touched(overlay, change.node);
    auto bytes = std::make_shared<std::string>(*node.bytes);
    bytes->resize(change.offset, '\0');
    node.bytes = std::move(bytes);
    return;
  }
  for (const auto& entry : change.entries) {
    auto& entries = touched(overlay, entry.directory).entries;
    if (entry.node == none)
      entries.erase(entry.name);
    else
      entries[entry.name] = entry.node;
  }
}

// The bytes of a write that lie before `end` in the file.
void Disk::keep_begin(Overlay& overlay, const Change& change, std::uint64_t end) const {
  if (end <= change.offset) return;
  auto& node = touched(overlay, change.node);
  auto bytes = std::make_shared<std::string>(*node.bytes);
  put(*bytes, change.offset, std::string_view(change.bytes).substr(0, end - change.offset));
  node.bytes = std::move(bytes);
}

// A block goes to the disk as a whole, with all that was written to it.
void Disk::keep_some(Overlay& overlay, const Change& change, std::size_t block, Chance& chance,
                     Blocks& decided) const {
  if (change.kind != Change::Kind::bytes) {
    if (chance.one_in(2)) keep(overlay, change);
    return;
  }
  auto& node = touched(overlay, change.node);
  auto bytes = std::make_shared<std::string>(*node.bytes);
  for (std::uint64_t at = change.offset, end = change.offset + change.bytes.size(); at < end;) {
    const std::uint64_t next = std::min(end, (at / block + 1) * block);
    if (decided.try_emplace({change.node, at / block}, chance.one_in(2)).first->second)
      put(*bytes, at, std::string_view(change.bytes).substr(at - change.offset, next - at));
    at = next;
  }
  node.bytes = std::move(bytes);
}

Image Disk::crash(Fate fate, Chance& chance) const {
  Overlay overlay;
  Blocks decided;
  const std::size_t begin = fate == Fate::prefix ? chance.below(pending_.size() + 1) : pending_.size();
  std::size_t last_write = none;
  for (std::size_t i = 0; i < pending_.size(); ++i)
    if (pending_[i].kind == Change::Kind::bytes) last_write = i;
  for (std::size_t i = 0; i < pending_.size() && fate != Fate::none; ++i) {
    const auto& change = pending_[i];
    const std::uint64_t inside = change.offset + chance.below(change.bytes.size() + 1);
    const std::uint64_t block = fate == Fate::torn_512 || fate == Fate::subset_512 ? 512 : 4096;
    const bool torn = fate == Fate::torn_512 || fate == Fate::torn_4096;
    if (i == begin && change.kind == Change::Kind::bytes) keep_begin(overlay, change, inside);
    if (i >= begin) break;
    if (fate == Fate::subset_512 || fate == Fate::subset_4096)
      keep_some(overlay, change, block, chance, decided);
    else if (torn && i == last_write)
      keep_begin(overlay, change, inside / block * block);
    else if (fate != Fate::lost_entries || change.kind != Change::Kind::entries || chance.one_in(2))
      keep(overlay, change);
  }
  Image image;
  gather(overlay, 0, "", image);
  return image;
}

void Disk::gather(const Overlay& overlay, std::size_t directory, const std::string& prefix,
                  Image& out) const {
  const auto node_of = [&](std::size_t number) -> const Node& {
    const auto found = overlay.find(number);
    return found == overlay.end() ? nodes_[number] : found->second;
  };
  for (const auto& [name, number] : node_of(directory).entries) {
    const Node& node = node_of(number);
    if (!node.directory) {
      out.files.emplace(prefix + name, node.bytes);
      continue;
    }
    out.directories.insert(prefix + name);
    gather(overlay, number, prefix + name + "/", out);
  }
}

}  // namespace hirehall::images
