#include "tests/bench/pipeline_codec.h"

#include <msgpack.hpp>

namespace hirehall::bench {
namespace {

struct StringSink {
  std::string* out;
  void write(const char* data, std::size_t size) { out->append(data, size); }
};

}  // namespace

void encode_tasks(const std::vector<PipelineTask>& tasks, std::string& out) {
  out.clear();
  StringSink sink{&out};
  ::msgpack::packer<StringSink> packer(sink);
  packer.pack_array(static_cast<std::uint32_t>(tasks.size()));
  for (const auto& task : tasks) {
    packer.pack_array(2).pack_uint64(task.number);
    packer.pack_bin(static_cast<std::uint32_t>(task.bytes.size()));
    packer.pack_bin_body(task.bytes.data(), static_cast<std::uint32_t>(task.bytes.size()));
  }
}

bool decode_tasks(std::string_view message, std::vector<PipelineTask>& tasks) {
  // Bytes stay in the message until they are copied into the task: one copy, not two.
  auto in_place = [](::msgpack::type::object_type, std::size_t, void*) { return true; };
  try {
    auto handle = ::msgpack::unpack(message.data(), message.size(), in_place);
    const auto& root = handle.get();
    if (root.type != ::msgpack::type::ARRAY) return false;
    tasks.reserve(tasks.size() + root.via.array.size);
    for (std::uint32_t i = 0; i < root.via.array.size; ++i) {
      const auto& item = root.via.array.ptr[i];
      if (item.type != ::msgpack::type::ARRAY || item.via.array.size != 2) return false;
      const auto* pair = item.via.array.ptr;
      if (pair[0].type != ::msgpack::type::POSITIVE_INTEGER || pair[1].type != ::msgpack::type::BIN)
        return false;
      tasks.push_back({pair[0].via.u64, std::string(pair[1].via.bin.ptr, pair[1].via.bin.size)});
    }
  } catch (const ::msgpack::unpack_error&) {
    return false;
  }
  return true;
}

}  // namespace hirehall::bench
