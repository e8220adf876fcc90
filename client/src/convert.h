// Between the types of the public headers and those of common/, and from message bodies to public structs.
#pragma once

#include <string>
#include <string_view>

#include "common/error.h"
#include "common/msgpack.h"
#include "common/task.h"
#include "hirehall/client.h"

namespace hirehall::client {

Error to_public(const hirehall::Error& error);
tl::unexpected<Error> failed(const hirehall::Error& error);
TaskId id_from(std::string_view raw);  // 16 bytes
inline std::string_view raw_of(const TaskId& id) {
  return {reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()};
}

// The options map in wire form, without the idempotency key (it travels with the item).
std::string encode_template(const TaskOptions& options, bool with_features = true);
std::string encode_features(const Features& features);  // as the option of the wire; empty: none

Task read_task(msgpack::Reader& reader);
Result<TaskPage> read_page(std::string_view body);
BatchInfo read_batch(msgpack::Reader& r);
bool read_batches(std::string_view body, std::vector<BatchInfo>& out, bool& more);  // false: malformed
Result<InboxPage> read_inbox(std::string_view body);
std::string policies_of(const TaskOptions& options);  // as the option of the wire; empty: none
QueueInfo read_queue(msgpack::Reader& reader);
WorkerInfo read_worker(msgpack::Reader& reader);
void read_numbers(msgpack::Reader& reader, const std::string& prefix, std::map<std::string, double>& out);
tl::unexpected<Error> malformed(std::string_view what);

}  // namespace hirehall::client
