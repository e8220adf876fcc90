// Files and folders as a disk with a cache has them: what is seen, what is durable, and what lies between the
// two.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <ctime>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace hirehall::test {

struct Node;
using NodePtr = std::shared_ptr<Node>;
using Names = std::map<std::string, NodePtr>;

// Bytes at an offset, or with `resize` a new length of the file, which is the offset.
struct Change {
  std::uint64_t offset = 0;
  std::string data;
  bool resize = false;
};

// A new name has no `from`, a removed one no `to`; with both it is a rename inside one folder, whole or not
// at all.
struct NameChange {
  std::string from;
  std::string to;
  NodePtr node;
};

struct Node {
  std::uint64_t number = 0;
  std::string label;  // the name it got last
  mode_t mode = 0;
  nlink_t links = 0;
  std::timespec modified = {};
  // A file.
  std::string seen;
  std::string durable;
  std::vector<Change> pending;
  // A folder.
  Names names;
  Names durable_names;
  std::vector<NameChange> pending_names;

  bool folder() const;
  void change(Change change);
  void name(NameChange change);
  void sync();    // all of it is durable: of a file its bytes and length, of a folder its names
  void forget();  // what is pending never becomes durable, and nobody is told
};

struct Dropped {
  std::uint64_t bytes = 0;  // of writes that were not kept
  std::uint64_t writes = 0;
  std::uint64_t names = 0;
};

class Tree {
 public:
  explicit Tree(std::filesystem::path backing);  // what the folder holds is seen and durable

  const NodePtr& root() const { return root_; }
  NodePtr find(const std::string& path) const;  // null: no such name
  NodePtr make(mode_t mode);                    // without a name

  // The power goes: of what was not synced each file and each folder keeps nothing, all, a prefix or a random
  // part; without a seed nothing.
  Dropped lose(std::optional<std::uint64_t> seed);
  // The backing folder becomes what is seen.
  void store() const;

 private:
  NodePtr load(const std::filesystem::path& path);
  void lose_in(Node& folder, std::mt19937_64* random, Dropped& dropped);

  std::filesystem::path backing_;
  std::uint64_t numbers_ = 0;
  NodePtr root_;
};

}  // namespace hirehall::test
