// A day in the life of a broker, small: the real engine commits to the real store, and what each commit must
// have made of it is noted outside.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "broker/store/rocksdb_store.h"
#include "tests/images/image.h"
#include "tests/unit/engine/hall.h"

namespace hirehall::images {

// What must be in the store when it ends at a commit.
struct State {
  std::uint64_t ledger = 0;   // hash of the ledger's canonical form
  std::uint64_t records = 0;  // sum over all records that may not be dropped
  std::string bodies_from;    // keys below may be dropped
  std::string facts_from;
};

struct Reference {
  engine::Engine::Settings settings;
  std::vector<State> states;  // by commit; 0: a new store
  // Records that commit, snapshots and so on: what the run was about.
  std::uint64_t snapshots = 0, pages = 0, tables = 0, drops = 0;
};

std::uint64_t hash_of_record(store::Family family, std::string_view key, std::string_view value);
std::uint64_t hash_of_ledger(const engine::Engine& engine);

class Workload {
 public:
  struct Size {
    int bulk_tasks;  // submitted and done in bulk, so that segments complete and are reclaimed
    int steps;       // of mixed work
  };
  // `recorder` may be null. The store must have nothing in it yet.
  Workload(store::Store& store, Recorder* recorder, std::uint64_t seed, Size size);

  void run();
  bool failed() const { return failed_; }  // a commit was refused
  std::uint64_t acknowledged() const { return acknowledged_; }
  const Reference& reference() const { return reference_; }

 private:
  void commit(const engine::Draft& draft, const engine::Engine& engine);
  void note(const engine::Engine& engine, const store::CommitBatch& batch);
  void forget(store::Family family, const std::string& until);
  void bulk(int tasks);
  void mixed();
  void submit();
  void finish(engine::Hand& hand);
  void reclaim();
  bool going() const;

  store::Store& store_;
  Recorder* const recorder_;
  Size size_;
  Chance chance_;
  bool failed_ = false;
  std::uint64_t acknowledged_ = 0;
  std::map<std::pair<store::Family, std::string>, std::uint64_t> records_;  // hash of each
  std::uint64_t sum_ = 0;
  Reference reference_;
  std::unique_ptr<engine::Hall> hall_;
};

}  // namespace hirehall::images
