// The fleet of `hirehall dev`: a broker, workers and sample agents with data in one folder.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "client/cli/process.h"

namespace hirehall::cli {

struct FleetSettings {
  std::string data;    // empty: a temporary folder, removed at the end
  std::string listen;  // empty: in the data folder
  std::string agents;  // folder of definitions
  std::int64_t workers = 2;
  std::int64_t slots = 4;
};

class Fleet {
 public:
  Fleet() = default;
  ~Fleet();  // stop()
  Fleet(const Fleet&) = delete;
  Fleet& operator=(const Fleet&) = delete;

  // Returns once broker and workers are ready; the error carries the end of the log of whoever failed.
  client::Status start(const FleetSettings& settings);
  void stop();  // workers first, so that they hand back what they hold

  const std::string& endpoint() const { return endpoint_; }
  const std::string& metrics() const { return metrics_; }  // 127.0.0.1:PORT
  const std::string& data() const { return data_; }
  // Who has ended although nobody asked; empty: all run.
  std::string casualty();

 private:
  client::Status prepare(const FleetSettings& settings);
  client::Status start_broker(const FleetSettings& settings);
  client::Status wait_ready(Process& process, const std::string& ready_file);

  std::string data_;
  bool temporary_ = false;
  std::string endpoint_;
  std::string metrics_;
  Process broker_;
  std::vector<Process> workers_;
};

// The sample agents: beside this program in an installed tree or a build tree; empty when nowhere.
std::string sample_agents();

}  // namespace hirehall::cli
