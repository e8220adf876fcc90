// What is on a disk: files by path, and what of it a crash may leave.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tests/images/disk_record.h"

namespace hirehall::images {

using Bytes = std::shared_ptr<const std::string>;

struct Image {
  std::map<std::string, Bytes> files;
  std::set<std::string> directories;

  std::uint64_t hash() const;  // of names and contents
  void write_to(const std::string& directory) const;
};

// A small generator with a seed: the same choices on every machine.
class Chance {
 public:
  explicit Chance(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next();
  std::uint64_t below(std::uint64_t limit) { return next() % limit; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }

 private:
  std::uint64_t state_;
};

// What becomes of that which was not synced when the power went.
enum class Fate {
  all,           // the process died, the machine did not
  none,          // gone
  prefix,        // the first of it, cut anywhere in a write
  torn_512,      // the last write ends at a sector
  torn_4096,     // … at a page
  subset_512,    // any sectors of it and any names
  subset_4096,   // any pages
  lost_entries,  // all bytes, but not all names: renames, new files and deletions undone
};
inline constexpr Fate fates[] = {Fate::all,       Fate::none,       Fate::prefix,      Fate::torn_512,
                                 Fate::torn_4096, Fate::subset_512, Fate::subset_4096, Fate::lost_entries};
std::string_view name_of(Fate fate);

// A disk that keeps apart what is durable and what was only asked for.
class Disk {
 public:
  explicit Disk(const Image& durable = {});

  void apply(const Operation& operation);
  bool settled() const { return pending_.empty(); }  // every crash leaves the same
  Image crash(Fate fate, Chance& chance) const;

 private:
  static constexpr std::size_t none = SIZE_MAX;
  struct Node {
    bool directory = false;
    Bytes bytes = std::make_shared<std::string>();  // durable
    std::map<std::string, std::size_t> entries;     // durable
    std::map<std::string, std::size_t> names;       // as the program sees them
  };
  struct Entry {
    std::size_t directory;
    std::string name;
    std::size_t node;  // none: the name goes
  };
  struct Change {
    enum class Kind { bytes, size, entries } kind;
    std::size_t node = none;
    std::uint64_t offset = 0;
    std::string bytes;
    std::vector<Entry> entries;
  };
  using Overlay = std::map<std::size_t, Node>;  // what one crash makes of nodes

  std::size_t make(bool directory);
  std::size_t find(const std::string& path) const;
  std::pair<std::size_t, std::string> place(const std::string& path) const;
  void enter(std::vector<Entry> entries);
  void sync(std::size_t node);
  Node& touched(Overlay& overlay, std::size_t node) const;
  void keep(Overlay& overlay, const Change& change) const;
  using Blocks = std::map<std::pair<std::size_t, std::uint64_t>, bool>;  // of nodes: kept or not
  void keep_some(Overlay& overlay, const Change& change, std::size_t block, Chance& chance,
                 Blocks& decided) const;
  void keep_begin(Overlay& overlay, const Change& change, std::uint64_t end) const;
  void gather(const Overlay& overlay, std::size_t directory, const std::string& prefix, Image& out) const;

  std::vector<Node> nodes_;
  std::vector<Change> pending_;
};

}  // namespace hirehall::images
