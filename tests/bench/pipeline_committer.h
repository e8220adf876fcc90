// The disk side of the bare pipeline: a thread that writes one commit at a time and raises an event
// descriptor. submit(), busy() and take() belong to the thread that owns the sockets.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "common/error.h"

namespace hirehall::bench {

// What becomes durable together.
struct PipelineCommit {
  std::string packed;  // all messages of the commit, one record

  PipelineCommit();
  ~PipelineCommit();
  PipelineCommit(PipelineCommit&&) = delete;
  // One record per task, instead of `packed`.
  void put_task(std::uint64_t number, std::string_view bytes);
  void replace_task_by_result(std::uint64_t number, std::string_view bytes);
  bool empty() const;
  void clear();

  struct Records;
  std::unique_ptr<Records> records;
};

class PipelineCommitter {
 public:
  static Result<std::unique_ptr<PipelineCommitter>> open(const std::string& directory, bool sync);
  ~PipelineCommitter();

  int event() const;  // readable when take() has something
  bool busy() const;  // a commit is with the thread, or not yet taken
  void submit(std::unique_ptr<PipelineCommit> commit);
  std::unique_ptr<PipelineCommit> take();  // the durable one; nullptr: not yet
  std::uint64_t commits() const;

 private:
  struct State;
  explicit PipelineCommitter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace hirehall::bench
