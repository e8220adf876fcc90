// The broker of the bare pipeline: sockets, ready tasks, and natural batching into one commit at a time.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <exception>
#include <zmq.hpp>

#include "common/check.h"
#include "tests/bench/pipeline.h"
#include "tests/bench/pipeline_codec.h"
#include "tests/bench/pipeline_committer.h"
#include "tests/bench/process.h"
#include "tests/bench/process_table.h"
#include "tests/bench/samples.h"

#include <unistd.h>

namespace hirehall::bench {
namespace {

constexpr int messages_per_turn = 64;   // then the disk is asked again
constexpr std::uint64_t credit = 8192;  // tasks with the worker

std::string_view view_of(const zmq::message_t& message) {
  return {static_cast<const char*>(message.data()), message.size()};
}

struct Send {
  bool to_worker = false;
  zmq::message_t message;
};

// What may leave, and counts, once a commit is durable.
struct Effects {
  std::vector<Send> sends;
  std::uint64_t finished = 0;  // tasks whose results it holds
};

class Broker {
 public:
  Broker(std::uint64_t tasks, std::size_t batched, bool packed, PipelineCommitter& committer)
      : tasks_(tasks), batched_(batched), packed_(packed), committer_(committer) {
    socket_.set(zmq::sockopt::sndhwm, 0);
    socket_.set(zmq::sockopt::rcvhwm, 0);
    socket_.bind("tcp://127.0.0.1:*");
  }

  std::string endpoint() const { return socket_.get(zmq::sockopt::last_endpoint); }

  double run() {
    while (finished_ < tasks_) {
      zmq::pollitem_t items[] = {{socket_.handle(), 0, ZMQ_POLLIN, 0},
                                 {nullptr, committer_.event(), ZMQ_POLLIN, 0}};
      zmq::poll(items, 2, std::chrono::seconds(1));
      receive();
      if (auto durable = committer_.take()) release(std::move(durable));
      dispatch();
      if (!committer_.busy() && (!next_->empty() || !effects_.sends.empty())) commit();
    }
    auto seconds = seconds_since(started_ns_);
    send({true, zmq::message_t("bye", 3)});
    return seconds;
  }

 private:
  void receive() {
    zmq::message_t peer, message;
    for (int i = 0; i < messages_per_turn && socket_.recv(peer, zmq::recv_flags::dontwait); ++i) {
      HH_CHECK(socket_.recv(message).has_value(), "a message has two frames");
      switch (view_of(peer).front()) {
        case 'P':
          submitted(view_of(message));
          break;
        default:
          from_worker(view_of(message));
      }
    }
  }

  void submitted(std::string_view message) {
    if (started_ns_ == 0) started_ns_ = now_ns();
    decoded_.clear();
    HH_CHECK(decode_tasks(message, decoded_), "the producer speaks our language");
    if (packed_)
      next_->packed.append(message);
    else
      for (const auto& task : decoded_) next_->put_task(task.number, task.bytes);
    std::uint64_t count = decoded_.size();
    for (auto& task : decoded_) ready_.push_back(std::move(task));
    effects_.sends.push_back({false, zmq::message_t(&count, sizeof count)});
  }

  void from_worker(std::string_view message) {
    if (!have_worker_) {  // its first message is a greeting
      have_worker_ = true;
      return;
    }
    decoded_.clear();
    HH_CHECK(decode_tasks(message, decoded_), "the worker speaks our language");
    if (packed_)
      next_->packed.append(message);
    else
      for (const auto& task : decoded_) next_->replace_task_by_result(task.number, task.bytes);
    effects_.finished += decoded_.size();
    with_worker_ -= decoded_.size();
  }

  void dispatch() {
    while (have_worker_ && !ready_.empty() && with_worker_ < credit) {
      dispatched_.clear();
      for (; dispatched_.size() < batched_ && !ready_.empty(); ready_.pop_front())
        dispatched_.push_back(std::move(ready_.front()));
      with_worker_ += dispatched_.size();
      encode_tasks(dispatched_, encoded_);
      effects_.sends.push_back({true, zmq::message_t(encoded_.data(), encoded_.size())});
    }
  }

  void commit() {
    committer_.submit(std::move(next_));
    next_ = spare_ ? std::move(spare_) : std::make_unique<PipelineCommit>();
    leaving_ = std::exchange(effects_, {});
  }

  void release(std::unique_ptr<PipelineCommit> durable) {
    for (auto& message : leaving_.sends) send(std::move(message));
    finished_ += leaving_.finished;
    leaving_ = {};
    durable->clear();
    spare_ = std::move(durable);
  }

  void send(Send message) {
    socket_.send(zmq::buffer(message.to_worker ? "W" : "P", 1), zmq::send_flags::sndmore);
    socket_.send(message.message, zmq::send_flags::none);
  }

  const std::uint64_t tasks_;
  const std::size_t batched_;
  const bool packed_;
  PipelineCommitter& committer_;
  zmq::context_t context_{1};
  zmq::socket_t socket_{context_, ZMQ_ROUTER};
  std::unique_ptr<PipelineCommit> next_ = std::make_unique<PipelineCommit>();
  std::unique_ptr<PipelineCommit> spare_;  // used again: its megabytes need no new pages
  Effects effects_;                        // of next_
  Effects leaving_;                        // of the commit that is with the disk
  std::vector<PipelineTask> decoded_;
  std::vector<PipelineTask> dispatched_;
  std::string encoded_;
  std::deque<PipelineTask> ready_;
  bool have_worker_ = false;
  std::uint64_t with_worker_ = 0;
  std::uint64_t finished_ = 0;
  std::int64_t started_ns_ = 0;
};

}  // namespace

int pipeline_broker_main(const std::vector<std::string>& arguments) {
  HH_CHECK(arguments.size() == 5, "run_pipeline gives five arguments");
  auto tasks = std::strtoull(arguments[1].c_str(), nullptr, 10);
  auto batched = std::strtoull(arguments[2].c_str(), nullptr, 10);
  auto committer = PipelineCommitter::open(arguments[0], arguments[4] == "sync");
  if (!committer) {
    std::fprintf(stderr, "%s\n", describe(committer.error()).c_str());
    return 1;
  }
  try {
    Broker broker(tasks, batched, arguments[3] == "packed", **committer);
    std::printf("%s\n", broker.endpoint().c_str());
    std::fflush(stdout);
    auto seconds = broker.run();
    std::printf("%.9f %llu %lld %.3f\n", seconds, static_cast<unsigned long long>((*committer)->commits()),
                static_cast<long long>(own_cpu_us()), status_mb(getpid(), "VmHWM"));
    std::fflush(stdout);
  } catch (const zmq::error_t& error) {
    std::fprintf(stderr, "pipeline broker: %s\n", error.what());
    return 1;
  }
  return 0;
}

}  // namespace hirehall::bench
