// A disk that loses what was not synced, as a file system in user space, for brokers under test.
//
//   lossy_disk BACKING MOUNT     in the foreground, until it is unmounted
//
// Everything is answered from memory (lossy_tree.h). BACKING is read at the start and written at the power
// cut, and at the unmount if there was none. Commands are values of the extended attribute "user.disk" of
// MOUNT; reading it gives the counts.
//   cut SEED [NTH [PART]]   the power goes: what was not synced is gone, in the way of SEED, and all is EIO
//   from then on;
//                           with NTH in the middle of the NTH sync from now, of files and folders with PART
//                           in their names
//   drop                    the same at once, and nothing of it is kept
//   lie [PART]              syncs (of such names) are answered at once, and nothing becomes durable by them
//   fail [PART]             the next sync of a file (of such a name) is EIO, and what it was to sync never
//   becomes durable,
//                           as pages that the kernel marks clean
#define FUSE_USE_VERSION 31
#include <fuse.h>
#include <linux/falloc.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "tests/fault/lossy_tree.h"

namespace {

using hirehall::test::Dropped;
using hirehall::test::Node;
using hirehall::test::NodePtr;
using hirehall::test::Tree;

constexpr std::string_view attribute = "user.disk";
constexpr off_t largest_file = off_t{4} << 30;

bool named(const Node& node, const std::string& part) {
  return node.label.find(part) != std::string::npos;
}

struct Disk {
  std::string backing;
  Tree tree{backing};
  std::unordered_map<std::uint64_t, NodePtr> open = {};
  std::uint64_t handles = 0;
  bool cut = false;
  std::optional<std::string> lying = {};    // the part of the names
  std::optional<std::string> failing = {};  // the same
  struct Planned {
    std::uint64_t seed = 0;
    std::uint64_t syncs = 0;  // until then; 0: none is planned
    std::string part;
  } planned = {};
  std::uint64_t syncs = 0;  // that kept their promise
  std::uint64_t lies = 0;
  std::uint64_t failures = 0;
  Dropped dropped = {};

  std::string counts() const;
  int command(const std::string& words);
  bool strikes(const Node& node);  // whether the planned cut is in the middle of its sync
  void power_cut(std::optional<std::uint64_t> seed);
  std::uint64_t handle(NodePtr node) {
    open[++handles] = std::move(node);
    return handles;
  }
};

std::string Disk::counts() const {
  const auto pair = [](const char* name, std::uint64_t value) {
    return "\"" + std::string(name) + "\": " + std::to_string(value);
  };
  return "{" + pair("cut", cut ? 1 : 0) + ", " + pair("syncs", syncs) + ", " + pair("lies", lies) + ", " +
         pair("failures", failures) + ", " + pair("dropped_bytes", dropped.bytes) + ", " +
         pair("dropped_writes", dropped.writes) + ", " + pair("dropped_names", dropped.names) + "}";
}

int Disk::command(const std::string& words) {
  std::istringstream reader(words);
  std::string verb;
  reader >> verb;
  if (verb == "cut") {
    if (!(reader >> planned.seed)) return -EINVAL;
    if (reader >> planned.syncs) {
      reader >> planned.part;
    } else {
      power_cut(planned.seed);
    }
  } else if (verb == "drop") {
    power_cut(std::nullopt);
  } else if (verb == "lie") {
    reader >> lying.emplace();
  } else if (verb == "fail") {
    reader >> failing.emplace();
  } else {
    return -EINVAL;
  }
  return 0;
}

bool Disk::strikes(const Node& node) {
  if (planned.syncs == 0 || !named(node, planned.part)) return false;
  return --planned.syncs == 0;
}

void Disk::power_cut(std::optional<std::uint64_t> seed) {
  if (cut) return;
  cut = true;
  dropped = tree.lose(seed);
  tree.store();
}

Disk& disk() {
  return *static_cast<Disk*>(fuse_get_context()->private_data);
}

// The node of a handle, else of a path; an open file may have lost its name.
NodePtr node_of(const char* path, const fuse_file_info* info) {
  if (info != nullptr) {
    const auto found = disk().open.find(info->fh);
    if (found != disk().open.end()) return found->second;
  }
  return path == nullptr ? nullptr : disk().tree.find(path);
}

struct Place {
  NodePtr folder;
  std::string name;
};

Place place_of(const char* path) {
  const std::string_view whole(path);
  const std::size_t slash = whole.rfind('/');
  NodePtr folder = disk().tree.find(std::string(whole.substr(0, slash)));
  if (folder != nullptr && !folder->folder()) folder = nullptr;
  return {std::move(folder), std::string(whole.substr(slash + 1))};
}

int attributes(const char* path, struct stat* out, fuse_file_info* info) {
  if (disk().cut) return -EIO;
  const NodePtr node = node_of(path, info);
  if (node == nullptr) return -ENOENT;
  *out = {};
  out->st_ino = node->number;
  out->st_mode = node->mode;
  out->st_nlink = node->links;
  out->st_uid = fuse_get_context()->uid;
  out->st_gid = fuse_get_context()->gid;
  out->st_size = static_cast<off_t>(node->seen.size());
  out->st_blocks = (out->st_size + 511) / 512;
  out->st_blksize = 4096;
  out->st_atim = out->st_mtim = out->st_ctim = node->modified;
  return 0;
}

int make(const char* path, mode_t mode, NodePtr& made) {
  if (disk().cut) return -EIO;
  const Place place = place_of(path);
  if (place.folder == nullptr) return -ENOENT;
  if (place.folder->names.contains(place.name)) return -EEXIST;
  made = disk().tree.make(mode);
  place.folder->name({.from = {}, .to = place.name, .node = made});
  return 0;
}

int make_folder(const char* path, mode_t mode) {
  NodePtr made;
  return make(path, S_IFDIR | mode, made);
}

int create(const char* path, mode_t mode, fuse_file_info* info) {
  NodePtr made;
  const int error = make(path, S_IFREG | (mode & 07777), made);
  if (error == 0) info->fh = disk().handle(std::move(made));
  return error;
}

int open_node(const char* path, fuse_file_info* info) {
  if (disk().cut) return -EIO;
  NodePtr node = disk().tree.find(path);
  if (node == nullptr) return -ENOENT;
  if ((info->flags & O_TRUNC) != 0 && !node->seen.empty())
    node->change({.offset = 0, .data = {}, .resize = true});
  info->fh = disk().handle(std::move(node));
  return 0;
}

int release(const char*, fuse_file_info* info) {
  disk().open.erase(info->fh);
  return 0;
}

int read(const char* path, char* out, std::size_t size, off_t offset, fuse_file_info* info) {
  if (disk().cut) return -EIO;
  const NodePtr node = node_of(path, info);
  if (node == nullptr) return -ENOENT;
  const auto begin = static_cast<std::size_t>(offset);
  if (begin >= node->seen.size()) return 0;
  return static_cast<int>(node->seen.copy(out, size, begin));
}

int write(const char* path, const char* data, std::size_t size, off_t offset, fuse_file_info* info) {
  if (disk().cut) return -EIO;
  const NodePtr node = node_of(path, info);
  if (node == nullptr) return -ENOENT;
  if (offset > largest_file) return -EFBIG;
  node->change({.offset = static_cast<std::uint64_t>(offset), .data = {data, size}});
  return static_cast<int>(size);
}

int resize(const char* path, off_t size, fuse_file_info* info) {
  if (disk().cut) return -EIO;
  const NodePtr node = node_of(path, info);
  if (node == nullptr) return -ENOENT;
  if (size > largest_file) return -EFBIG;
  if (static_cast<std::size_t>(size) != node->seen.size()) {
    node->change({.offset = static_cast<std::uint64_t>(size), .data = {}, .resize = true});
  }
  return 0;
}

int set_aside(const char* path, int mode, off_t offset, off_t length, fuse_file_info* info) {
  if (disk().cut) return -EIO;
  const NodePtr node = node_of(path, info);
  if (node == nullptr) return -ENOENT;
  if (mode == FALLOC_FL_KEEP_SIZE) return 0;
  if (mode != 0) return -EOPNOTSUPP;
  const bool longer = static_cast<std::size_t>(offset + length) > node->seen.size();
  return longer ? resize(path, offset + length, info) : 0;
}

int sync(const char* path, int, fuse_file_info* info) {
  Disk& here = disk();
  if (here.cut) return -EIO;
  const NodePtr node = node_of(path, info);
  if (node == nullptr) return -ENOENT;
  if (here.strikes(*node)) {
    here.power_cut(here.planned.seed);
    return -EIO;
  }
  if (here.failing && !node->folder() && named(*node, *here.failing)) {
    here.failing.reset();
    here.failures += 1;
    node->forget();
    return -EIO;
  }
  if (here.lying && named(*node, *here.lying)) {
    here.lies += 1;
    return 0;
  }
  here.syncs += 1;
  node->sync();
  return 0;
}

int remove_name(const char* path, bool folder) {
  if (disk().cut) return -EIO;
  const Place place = place_of(path);
  if (place.folder == nullptr) return -ENOENT;
  const auto found = place.folder->names.find(place.name);
  if (found == place.folder->names.end()) return -ENOENT;
  const NodePtr node = found->second;
  if (node->folder() != folder) return folder ? -ENOTDIR : -EISDIR;
  if (!node->names.empty()) return -ENOTEMPTY;
  node->links -= 1;
  place.folder->name({.from = place.name, .to = {}, .node = nullptr});
  return 0;
}

int remove_file(const char* path) {
  return remove_name(path, false);
}

int remove_folder(const char* path) {
  return remove_name(path, true);
}

int rename(const char* from_path, const char* to_path, unsigned int flags) {
  if (disk().cut) return -EIO;
  if (flags != 0) return -EINVAL;
  const Place from = place_of(from_path);
  const Place to = place_of(to_path);
  const NodePtr node = disk().tree.find(from_path);
  if (node == nullptr || to.folder == nullptr) return -ENOENT;
  if (const NodePtr old = disk().tree.find(to_path)) {
    if (old == node) return 0;
    if (old->folder() != node->folder()) return old->folder() ? -EISDIR : -ENOTDIR;
    if (!old->names.empty()) return -ENOTEMPTY;
    old->links -= 1;
  }
  if (from.folder == to.folder) {
    from.folder->name({.from = from.name, .to = to.name, .node = node});
  } else {
    to.folder->name({.from = {}, .to = to.name, .node = node});
    from.folder->name({.from = from.name, .to = {}, .node = nullptr});
  }
  return 0;
}

int link_name(const char* from, const char* to_path) {
  if (disk().cut) return -EIO;
  const NodePtr node = disk().tree.find(from);
  const Place to = place_of(to_path);
  if (node == nullptr || to.folder == nullptr) return -ENOENT;
  if (to.folder->names.contains(to.name)) return -EEXIST;
  node->links += 1;
  to.folder->name({.from = {}, .to = to.name, .node = node});
  return 0;
}

int read_folder(const char* path, void* out, fuse_fill_dir_t fill, off_t, fuse_file_info* info,
                fuse_readdir_flags) {
  if (disk().cut) return -EIO;
  const NodePtr node = node_of(path, info);
  if (node == nullptr) return -ENOENT;
  constexpr auto plain = static_cast<fuse_fill_dir_flags>(0);
  for (const char* name : {".", ".."}) fill(out, name, nullptr, 0, plain);
  for (const auto& [name, child] : node->names) {
    struct stat brief = {};
    brief.st_ino = child->number;
    brief.st_mode = child->mode;
    fill(out, name.c_str(), &brief, 0, plain);
  }
  return 0;
}

int change_mode(const char* path, mode_t mode, fuse_file_info* info) {
  if (disk().cut) return -EIO;
  const NodePtr node = node_of(path, info);
  if (node == nullptr) return -ENOENT;
  node->mode = (node->mode & static_cast<mode_t>(S_IFMT)) | (mode & 07777);
  return 0;
}

int change_times(const char* path, const timespec times[2], fuse_file_info* info) {
  if (disk().cut) return -EIO;
  const NodePtr node = node_of(path, info);
  if (node == nullptr) return -ENOENT;
  if (times[1].tv_nsec == UTIME_NOW) {
    std::timespec_get(&node->modified, TIME_UTC);
  } else if (times[1].tv_nsec != UTIME_OMIT) {
    node->modified = times[1];
  }
  return 0;
}

int space(const char*, struct statvfs* out) {
  if (disk().cut) return -EIO;
  return ::statvfs(disk().backing.c_str(), out) == 0 ? 0 : -errno;
}

int set_attribute(const char* path, const char* name, const char* value, std::size_t size, int) {
  if (std::string_view(path) != "/" || name != attribute) return -EOPNOTSUPP;
  try {
    return disk().command(std::string(value, size));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "lossy_disk: %s\n", error.what());
    return -EIO;
  }
}

int get_attribute(const char* path, const char* name, char* out, std::size_t size) {
  if (std::string_view(path) != "/" || name != attribute) return -ENODATA;
  const std::string counts = disk().counts();
  if (size != 0 && size < counts.size()) return -ERANGE;
  if (size != 0) counts.copy(out, counts.size());
  return static_cast<int>(counts.size());
}

void* begin(fuse_conn_info*, fuse_config* config) {
  config->hard_remove = 1;  // no ".fuse_hidden" names: an open file lives without one
  config->nullpath_ok = 1;
  config->use_ino = 1;
  return fuse_get_context()->private_data;
}

void end(void* data) {
  const auto& ending = *static_cast<const Disk*>(data);
  try {
    if (!ending.cut) ending.tree.store();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "lossy_disk: %s\n", error.what());
  }
}

fuse_operations operations() {
  fuse_operations table = {};
  table.getattr = attributes;
  table.mkdir = make_folder;
  table.unlink = remove_file;
  table.rmdir = remove_folder;
  table.rename = rename;
  table.link = link_name;
  table.chmod = change_mode;
  table.truncate = resize;
  table.open = open_node;
  table.read = read;
  table.write = write;
  table.statfs = space;
  table.release = release;
  table.fsync = sync;
  table.setxattr = set_attribute;
  table.getxattr = get_attribute;
  table.opendir = open_node;
  table.readdir = read_folder;
  table.releasedir = release;
  table.fsyncdir = sync;
  table.init = begin;
  table.destroy = end;
  table.create = create;
  table.utimens = change_times;
  table.fallocate = set_aside;
  return table;
}

}  // namespace

int main(int count, char** words) {
  if (count != 3) {
    std::fprintf(stderr, "usage: lossy_disk BACKING MOUNT\n");
    return 64;
  }
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);  // unmounted also when the test is killed
  try {
    Disk disk{.backing = words[1]};
    std::string options[] = {words[0], "-f", "-s", "-o", "fsname=lossy_disk", words[2]};
    char* arguments[std::size(options) + 1] = {};
    for (std::size_t i = 0; i < std::size(options); ++i) arguments[i] = options[i].data();
    const fuse_operations table = operations();
    return fuse_main(static_cast<int>(std::size(options)), arguments, &table, &disk);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "lossy_disk: %s\n", error.what());
    return 1;
  }
}
