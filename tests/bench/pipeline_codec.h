// Messages of the bare pipeline: an array of (number, bytes). Library exceptions become errors here.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hirehall::bench {

struct PipelineTask {
  std::uint64_t number = 0;
  std::string bytes;
};

// Replaces `out`; a string that is used again saves its allocation.
void encode_tasks(const std::vector<PipelineTask>& tasks, std::string& out);
// Appends; false when the message is not one of ours.
bool decode_tasks(std::string_view message, std::vector<PipelineTask>& tasks);

}  // namespace hirehall::bench
