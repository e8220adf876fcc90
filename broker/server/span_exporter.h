// Sends spans to a collector, in batches, on a thread of its own. Who offers a span never waits: what does
// not fit is dropped and counted (docs/tracing.md).
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "broker/server/spans.h"
#include "common/error.h"

namespace hirehall::server {

struct SpanExporterSettings {
  std::string url;                   // of the requests, see collector_url
  std::vector<std::string> headers;  // "Name: value"
  std::size_t waiting_max = 8192;
  std::size_t batch_max = 512;
  std::chrono::milliseconds every{1000};
  std::chrono::milliseconds answer_within{10'000};
  std::chrono::milliseconds give_up_after{60'000};  // then a batch is dropped
  std::chrono::milliseconds stop_within{3'000};
};

struct SpanCounts {
  std::uint64_t sent = 0, dropped = 0, rejected = 0;
  std::uint64_t waiting = 0;
};

// http or https, a host; "/v1/traces" is added unless it is there. invalid: says what is wrong.
Result<std::string> collector_url(std::string_view given);
// Lines "Name: value", # begins a comment.
Result<std::vector<std::string>> load_headers(const std::string& path);

class SpanExporter {
 public:
  explicit SpanExporter(SpanExporterSettings settings);
  ~SpanExporter();  // sends what waits, for a short time
  SpanExporter(const SpanExporter&) = delete;

  void offer(Span span);
  std::size_t room() const;  // for so many
  void count_dropped(std::uint64_t spans);
  SpanCounts counts() const;

 private:
  using Clock = std::chrono::steady_clock;
  struct Answer {
    enum class Verdict : std::uint8_t { taken, later, refused } verdict = Verdict::later;
    std::chrono::seconds wait{0};  // as the collector asked
    std::string why;
    PartialSuccess partial;
  };

  void run();
  bool take(std::vector<Span>& batch);  // false: stopping, and nothing waits
  void deliver(std::vector<Span>& batch);
  void note(const Answer& answer, std::size_t spans);
  void say_away(const std::string& why);
  Answer post(const std::string& body);
  bool rest(std::chrono::milliseconds time);  // false: stopping

  const SpanExporterSettings settings_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Span> waiting_;
  SpanCounts counts_;
  bool stop_ = false;
  Clock::time_point stop_by_{};
  bool away_ = false;            // the thread's
  Clock::time_point said_at_{};  // the thread's
  void* curl_ = nullptr;         // the thread's
  std::thread thread_;
};

}  // namespace hirehall::server
