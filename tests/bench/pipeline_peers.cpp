// The two ends of the bare pipeline: the producer keeps a window of tasks unacknowledged, the worker answers
// "ok".
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <zmq.hpp>

#include "common/check.h"
#include "tests/bench/payload.h"
#include "tests/bench/pipeline.h"
#include "tests/bench/pipeline_codec.h"
#include "tests/bench/process.h"

namespace hirehall::bench {
namespace {

std::uint64_t number(const std::string& text) {
  return std::strtoull(text.c_str(), nullptr, 10);
}

class Peer {
 public:
  Peer(const char* id, const std::string& endpoint) {
    socket_.set(zmq::sockopt::routing_id, id);
    socket_.connect(endpoint);
  }
  void send(std::string_view bytes) { socket_.send(zmq::buffer(bytes), zmq::send_flags::none); }
  std::string_view receive() {
    HH_CHECK(socket_.recv(message_).has_value(), "a blocking receive gives a message");
    return {static_cast<const char*>(message_.data()), message_.size()};
  }

 private:
  zmq::context_t context_{1};
  zmq::socket_t socket_{context_, ZMQ_DEALER};
  zmq::message_t message_;
};

void produce(Peer& peer, std::uint64_t tasks, std::uint64_t batched, const Payloads& payloads,
             std::uint64_t window) {
  std::uint64_t sent = 0, acknowledged = 0;
  std::vector<PipelineTask> batch;
  std::string message;
  while (acknowledged < tasks) {
    while (sent < tasks && sent - acknowledged < window) {
      batch.resize(static_cast<std::size_t>(std::min(batched, tasks - sent)));
      for (auto& task : batch) {
        task.number = ++sent;
        task.bytes.resize(payloads.bytes());
        payloads.write(sent, task.bytes.data());
      }
      encode_tasks(batch, message);
      peer.send(message);
    }
    std::uint64_t count = 0;
    std::memcpy(&count, peer.receive().data(), sizeof count);
    acknowledged += count;
  }
}

void work(Peer& peer, std::uint64_t tasks) {
  peer.send("hello");
  std::vector<PipelineTask> batch;
  std::string message;
  for (std::uint64_t done = 0; done < tasks; done += batch.size()) {
    batch.clear();
    HH_CHECK(decode_tasks(peer.receive(), batch), "the broker speaks our language");
    for (auto& task : batch) task.bytes = "ok";
    encode_tasks(batch, message);
    peer.send(message);
  }
  peer.receive();  // the last results are durable
}

int guarded(const char* name, const auto& body) {
  try {
    body();
  } catch (const zmq::error_t& error) {
    std::fprintf(stderr, "pipeline %s: %s\n", name, error.what());
    return 1;
  }
  std::printf("%lld\n", static_cast<long long>(own_cpu_us()));
  std::fflush(stdout);
  return 0;
}

}  // namespace

int pipeline_producer_main(const std::vector<std::string>& arguments) {
  HH_CHECK(arguments.size() == 5, "run_pipeline gives five arguments");
  return guarded("producer", [&] {
    Peer peer("P", arguments[0]);
    produce(peer, number(arguments[1]), number(arguments[2]), Payloads(number(arguments[3])),
            number(arguments[4]));
  });
}

int pipeline_worker_main(const std::vector<std::string>& arguments) {
  HH_CHECK(arguments.size() == 2, "run_pipeline gives two arguments");
  return guarded("worker", [&] {
    Peer peer("W", arguments[0]);
    work(peer, number(arguments[1]));
  });
}

}  // namespace hirehall::bench
