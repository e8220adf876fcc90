#include "tests/fault/lossy_tree.h"

#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>
#include <stdexcept>
#include <utility>

namespace hirehall::test {
namespace {

using Random = std::mt19937_64;

enum class Keep : unsigned { nothing, all, prefix, part };

Keep draw(Random* random) {
  return random == nullptr ? Keep::nothing : static_cast<Keep>((*random)() % 4);
}

void land(std::string& bytes, const Change& change) {
  if (change.resize) return bytes.resize(change.offset);
  if (bytes.size() < change.offset + change.data.size()) bytes.resize(change.offset + change.data.size());
  bytes.replace(change.offset, change.data.size(), change.data);
}

void land(Names& names, const NameChange& change) {
  if (!change.from.empty()) names.erase(change.from);
  if (!change.to.empty()) names[change.to] = change.node;
}

// The sectors of a write, each kept or not by itself.
void land_part(std::string& bytes, const Change& change, std::size_t sector, Random& random,
               Dropped& dropped) {
  for (std::size_t at = 0; at < change.data.size();) {
    const std::uint64_t offset = change.offset + at;
    const std::size_t size = std::min(sector - offset % sector, change.data.size() - at);
    if (random() % 2 == 0) {
      land(bytes, {.offset = offset, .data = change.data.substr(at, size)});
    } else {
      dropped.bytes += size;
    }
    at += size;
  }
}

void keep_prefix(Node& file, Random& random, Dropped& dropped) {
  const std::size_t whole = random() % file.pending.size();
  for (std::size_t i = 0; i < file.pending.size(); ++i) {
    Change& change = file.pending[i];
    if (i < whole) {
      land(file.durable, change);
      continue;
    }
    const std::size_t length = change.data.size();
    const std::size_t kept = i == whole && length != 0 ? random() % length : 0;
    dropped.bytes += length - kept;
    dropped.writes += 1;
    change.data.resize(kept);
    if (kept != 0) land(file.durable, change);
  }
}

void lose_bytes(Node& file, Random* random, Dropped& dropped) {
  switch (file.pending.empty() ? Keep::all : draw(random)) {
    case Keep::all:
      file.sync();
      break;
    case Keep::nothing:
      for (const Change& change : file.pending) dropped.bytes += change.data.size();
      dropped.writes += file.pending.size();
      break;
    case Keep::prefix:
      keep_prefix(file, *random, dropped);
      break;
    case Keep::part: {
      const std::size_t sector = (*random)() % 2 == 0 ? 512 : 4096;
      for (const Change& change : file.pending) {
        if (!change.resize) {
          land_part(file.durable, change, sector, *random, dropped);
        } else if ((*random)() % 2 == 0) {
          land(file.durable, change);
        } else {
          dropped.writes += 1;
        }
      }
    }
  }
  file.forget();
  file.seen = file.durable;
}

void lose_names(Node& folder, Random* random, Dropped& dropped) {
  if (!folder.pending_names.empty()) {
    const Keep keep = draw(random);
    const std::size_t prefix = keep == Keep::prefix ? (*random)() % folder.pending_names.size() : 0;
    for (std::size_t i = 0; i < folder.pending_names.size(); ++i) {
      if (keep == Keep::all || i < prefix || (keep == Keep::part && (*random)() % 2 == 0)) {
        land(folder.durable_names, folder.pending_names[i]);
      } else {
        dropped.names += 1;
      }
    }
  }
  folder.forget();
  folder.names = folder.durable_names;
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file) throw std::runtime_error("cannot read " + path.string());
  return bytes;
}

// Space that was set aside and never written stays a hole.
void write_file(const std::filesystem::path& path, const std::string& bytes) {
  constexpr std::size_t block = 64 * 1024;
  std::ofstream file(path, std::ios::binary);
  for (std::size_t at = 0; at < bytes.size(); at += block) {
    const std::size_t size = std::min(block, bytes.size() - at);
    const char* from = bytes.data() + at;
    if (std::all_of(from, from + size, [](char c) { return c == 0; })) continue;
    file.seekp(static_cast<std::streamoff>(at));
    file.write(from, static_cast<std::streamsize>(size));
  }
  file.close();
  if (!file) throw std::runtime_error("cannot write " + path.string());
  std::filesystem::resize_file(path, bytes.size());
}

void store_in(const Node& folder, const std::filesystem::path& path) {
  for (const auto& [name, node] : folder.names) {
    if (node->folder()) {
      std::filesystem::create_directory(path / name);
      store_in(*node, path / name);
    } else {
      write_file(path / name, node->seen);
    }
    std::filesystem::permissions(path / name, static_cast<std::filesystem::perms>(node->mode & 07777));
  }
}

}  // namespace

bool Node::folder() const {
  return S_ISDIR(mode);
}

void Node::change(Change change) {
  land(seen, change);
  pending.push_back(std::move(change));
  std::timespec_get(&modified, TIME_UTC);
}

void Node::name(NameChange change) {
  if (!change.to.empty()) change.node->label = change.to;
  land(names, change);
  pending_names.push_back(std::move(change));
  std::timespec_get(&modified, TIME_UTC);
}

void Node::sync() {
  for (const Change& change : pending) land(durable, change);
  for (const NameChange& change : pending_names) land(durable_names, change);
  forget();
}

void Node::forget() {
  pending.clear();
  pending_names.clear();
}

Tree::Tree(std::filesystem::path backing) : backing_(std::move(backing)), root_(load(backing_)) {}

NodePtr Tree::make(mode_t mode) {
  auto node = std::make_shared<Node>();
  node->number = ++numbers_;
  node->mode = mode;
  node->links = S_ISDIR(mode) ? 2 : 1;
  std::timespec_get(&node->modified, TIME_UTC);
  return node;
}

NodePtr Tree::load(const std::filesystem::path& path) {
  struct ::stat found = {};
  if (::stat(path.c_str(), &found) != 0) throw std::runtime_error("cannot look at " + path.string());
  NodePtr node = make(found.st_mode);
  if (node->folder()) {
    for (const auto& entry : std::filesystem::directory_iterator(path)) {
      const std::string name = entry.path().filename();
      node->names[name] = load(entry.path());
      node->names[name]->label = name;
    }
    node->durable_names = node->names;
  } else {
    node->seen = read_file(path);
    node->durable = node->seen;
  }
  return node;
}

NodePtr Tree::find(const std::string& path) const {
  NodePtr node = root_;
  for (const auto& part : std::filesystem::path(path).relative_path()) {
    const auto found = node->names.find(part);
    if (found == node->names.end()) return nullptr;
    node = found->second;
  }
  return node;
}

Dropped Tree::lose(std::optional<std::uint64_t> seed) {
  Dropped dropped;
  Random random(seed.value_or(0));
  lose_in(*root_, seed ? &random : nullptr, dropped);
  return dropped;
}

void Tree::lose_in(Node& folder, Random* random, Dropped& dropped) {
  lose_names(folder, random, dropped);
  for (const auto& [name, node] : folder.names) {
    if (node->folder()) {
      lose_in(*node, random, dropped);
    } else {
      lose_bytes(*node, random, dropped);
    }
  }
}

void Tree::store() const {
  for (const auto& entry : std::filesystem::directory_iterator(backing_)) std::filesystem::remove_all(entry);
  store_in(*root_, backing_);
}

}  // namespace hirehall::test
