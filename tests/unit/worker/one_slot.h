// One slot with one agent, run for real: attempts go in, their results come out.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/msgpack.h"
#include "worker/executor.h"

namespace hirehall::worker {

struct Ended {
  Token token = 0;
  Outcome outcome = Outcome::failed;
  std::string result;
  std::string error_code;
  std::string error;
  std::string usage;
};

class OneSlot {
 public:
  explicit OneSlot(Definition definition)
      : definition_(std::move(definition)), board_(1, {definition_.max_instances}, [this] { wake(); }) {
    ExecutorPlace place{board_,
                        0,
                        std::string(HIREHALL_BUILD_DIR) + "/bin/hirehall-worker",
                        {std::string(HIREHALL_BUILD_DIR) + "/lib/hirehall/agents"}};
    slot_ = std::thread([this, place] {
      auto executor = make_executor(definition_, place);
      worker::Run run;
      Results results;
      while (board_.take(0, run, results)) executor->run(run, results);
    });
  }
  ~OneSlot() {
    board_.close();
    slot_.join();
  }
  OneSlot(const OneSlot&) = delete;
  OneSlot& operator=(const OneSlot&) = delete;

  static Definition shipped(const std::string& name) {
    auto loaded = load_definition(std::string(HIREHALL_SOURCE_DIR) + "/configs/agents/" + name + ".md");
    EXPECT_TRUE(loaded) << describe(loaded.error());
    return loaded ? loaded->definition : Definition{};
  }
  // A per_task shell command.
  static Definition shell(const std::string& script) {
    Definition d;
    d.path = std::string(HIREHALL_SOURCE_DIR) + "/configs/agents/test.md";
    d.name = "script";
    d.kind = AgentKind::process;
    d.per_task = true;
    d.command = {"/bin/sh", "-c", script};
    d.types = {"script"};
    return d;
  }

  Token post(const std::string& type, const std::string& payload, Millis timeout_ms = 0,
             std::uint32_t attempt = 1, const std::string& extras = {}) {
    struct Bytes {
      std::string id = "0123456789abcdef", payload, extras;
    };
    auto bytes = std::make_shared<Bytes>();
    bytes->payload = payload;
    bytes->extras = extras;
    auto award = std::make_shared<Award>();
    award->shapes.push_back({type, definition_.name, "", "default", "local", timeout_ms});
    award->attempts.push_back({++token_, bytes->id, bytes->payload, bytes->extras, attempt, 0});
    award->bytes = bytes;
    board_.post(award, {0});
    return token_;
  }

  // The end of the next attempt, in order of ending; a failure after the limit.
  Ended ended() {
    wait([this] { return !ended_.empty(); });
    if (ended_.empty()) return {};
    Ended first = ended_.front();
    ended_.erase(ended_.begin());
    return first;
  }
  Ended run(const std::string& type, const std::string& payload, Millis timeout_ms = 0,
            std::uint32_t attempt = 1, const std::string& extras = {}) {
    post(type, payload, timeout_ms, attempt, extras);
    return ended();
  }
  // Until something of this kind has been reported; its value.
  std::string reported(Report::What what) {
    std::string value;
    wait([&] {
      for (const auto& report : reports_)
        if (report.what == what) value = report.value;
      return !value.empty();
    });
    return value;
  }
  Board& board() { return board_; }
  const std::vector<Report>& reports() const { return reports_; }

 private:
  void wake() {
    std::lock_guard lock(mutex_);
    woken_ = true;
    wakes_.notify_all();
  }
  template <typename Done>
  void wait(Done done) {
    auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    for (;;) {
      collect();
      if (done()) return;
      std::unique_lock lock(mutex_);
      if (!wakes_.wait_until(lock, limit, [this] { return woken_; })) {
        ADD_FAILURE() << "nothing came within 30 s";
        return;
      }
      woken_ = false;
    }
  }
  void collect() {
    std::vector<Results> results;
    std::vector<Report> reports;
    board_.collect(results, reports);
    for (auto& report : reports) reports_.push_back(std::move(report));
    for (const auto& batch : results)
      for (std::size_t i = 0; i < batch.size(); ++i) ended_.push_back(read(batch.item(i)));
  }
  static Ended read(std::string_view item) {
    Ended e;
    msgpack::Reader r(item);
    auto parts = r.array();
    e.token = r.uint();
    e.outcome = static_cast<Outcome>(r.uint());
    e.result = r.bin();
    if (parts > 3) {
      auto pairs = r.map();
      for (std::size_t i = 0; i < pairs; ++i) {
        auto key = r.str();
        if (key == "error")
          e.error = r.str();
        else if (key == "error_code")
          e.error_code = r.str();
        else if (key == "usage")
          e.usage = r.raw();
        else
          r.skip();
      }
    }
    EXPECT_TRUE(r.finished());
    return e;
  }

  Definition definition_;
  std::mutex mutex_;
  std::condition_variable wakes_;
  bool woken_ = false;
  Board board_;
  std::thread slot_;
  Token token_ = 0;
  std::vector<Ended> ended_;
  std::vector<Report> reports_;
};

}  // namespace hirehall::worker
