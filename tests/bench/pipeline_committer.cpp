#include "tests/bench/pipeline_committer.h"

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <semaphore>
#include <thread>

#include "common/check.h"

namespace hirehall::bench {
namespace {

struct Key {
  std::array<char, 9> bytes;

  Key(char family, std::uint64_t number) : bytes{family} {
    for (std::size_t i = 0; i < 8; ++i) bytes[1 + i] = static_cast<char>(number >> (56 - 8 * i));
  }
  rocksdb::Slice slice() const { return {bytes.data(), bytes.size()}; }
};

// The options of a store that is a queue of big records: nothing that a broker would not set as well. What is
// queued lives too short to earn back a compression.
rocksdb::Options store_options() {
  rocksdb::Options options;
  options.create_if_missing = true;
  options.error_if_exists = true;
  options.write_buffer_size = 64u << 20;
  options.max_background_jobs = 2;
  options.compression = rocksdb::kNoCompression;
  return options;
}

}  // namespace

struct PipelineCommit::Records {
  rocksdb::WriteBatch batch;
};

PipelineCommit::PipelineCommit() : records(std::make_unique<Records>()) {}
PipelineCommit::~PipelineCommit() = default;

void PipelineCommit::put_task(std::uint64_t number, std::string_view bytes) {
  records->batch.Put(Key('t', number).slice(), rocksdb::Slice(bytes.data(), bytes.size()));
}

void PipelineCommit::replace_task_by_result(std::uint64_t number, std::string_view bytes) {
  records->batch.SingleDelete(Key('t', number).slice());
  records->batch.Put(Key('r', number).slice(), rocksdb::Slice(bytes.data(), bytes.size()));
}

bool PipelineCommit::empty() const {
  return packed.empty() && records->batch.Count() == 0;
}

void PipelineCommit::clear() {
  packed.clear();
  records->batch.Clear();
}

struct PipelineCommitter::State {
  std::unique_ptr<rocksdb::DB> db;
  rocksdb::WriteOptions options;
  int event = -1;
  std::uint64_t commits = 0;
  bool busy = false;
  std::unique_ptr<PipelineCommit> slot;  // of the thread between `given` and `done`, else of the owner
  std::binary_semaphore given{0};
  std::atomic<bool> done{false};
  std::thread thread;

  void run() {
    for (;;) {
      given.acquire();
      if (!slot) return;
      write();
      done.store(true, std::memory_order_release);
      eventfd_write(event, 1);
    }
  }
  void write() {
    if (!slot->packed.empty()) slot->records->batch.Put(Key('b', ++commits).slice(), slot->packed);
    if (slot->records->batch.Count() == 0) return;
    auto status = db->Write(options, &slot->records->batch);
    if (status.ok()) return;
    std::fprintf(stderr, "the store cannot write: %s\n", status.ToString().c_str());
    _exit(1);
  }
};

Result<std::unique_ptr<PipelineCommitter>> PipelineCommitter::open(const std::string& directory, bool sync) {
  auto state = std::make_unique<State>();
  rocksdb::DB* db = nullptr;
  auto status = rocksdb::DB::Open(store_options(), directory, &db);
  if (!status.ok()) return fail(Code::io, "cannot open a store: " + status.ToString(), directory);
  state->db.reset(db);
  state->options.sync = sync;
  state->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (state->event < 0) return fail(Code::io, "no event descriptor", "eventfd");
  state->thread = std::thread([raw = state.get()] { raw->run(); });
  return std::unique_ptr<PipelineCommitter>(new PipelineCommitter(std::move(state)));
}

PipelineCommitter::PipelineCommitter(std::unique_ptr<State> state) : state_(std::move(state)) {}

PipelineCommitter::~PipelineCommitter() {
  HH_CHECK(!state_->busy, "the last commit is taken before the end");
  state_->given.release();
  state_->thread.join();
  close(state_->event);
}

int PipelineCommitter::event() const {
  return state_->event;
}

bool PipelineCommitter::busy() const {
  return state_->busy;
}

std::uint64_t PipelineCommitter::commits() const {
  return state_->commits;
}

void PipelineCommitter::submit(std::unique_ptr<PipelineCommit> commit) {
  HH_CHECK(!state_->busy, "one commit at a time");
  state_->busy = true;
  state_->slot = std::move(commit);
  state_->given.release();
}

std::unique_ptr<PipelineCommit> PipelineCommitter::take() {
  if (!state_->done.exchange(false, std::memory_order_acquire)) return nullptr;
  eventfd_t ignored = 0;
  eventfd_read(state_->event, &ignored);
  state_->busy = false;
  return std::move(state_->slot);
}

}  // namespace hirehall::bench
