// Submits one task and waits for it, then a thousand at once and takes their results as they come, then ten
// that are counted together.
//   submit_and_wait [ENDPOINT]        needs a worker that does `echo`: hirehall dev
#include <cstdio>
#include <ctime>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "hirehall/client.h"

namespace {

using namespace hirehall::client;

int complain(const Error& error) {
  std::fprintf(stderr, "%s (%s)\n", error.message.c_str(), std::string(name_of(error.code)).c_str());
  return 1;
}

// An id is durable once submit() returns it: the broker may crash now, the task will still be done.
int one(Client& client) {
  TaskOptions options;
  options.type = "echo";
  auto id = client.submit(options, R"("hello")");
  if (!id) return complain(id.error());
  auto task = client.wait(*id, 10'000);
  if (!task) return complain(task.error());
  std::printf("%s %s %s\n", id->text().c_str(), std::string(name_of(task->state)).c_str(),
              task->result.c_str());
  return task->state == State::succeeded ? 0 : 1;
}

int many(Client& client) {
  auto subscription = client.subscribe({});
  if (!subscription) return complain(subscription.error());

  std::vector<std::string> payloads;
  payloads.reserve(1000);
  for (int i = 0; i < 1000; ++i) payloads.push_back(std::to_string(i));
  std::vector<std::string_view> views(payloads.begin(), payloads.end());
  TaskOptions options;
  options.type = "echo";
  Submission submission = client.submit_many(options, views);
  if (!submission.wait(10'000)) return complain({ErrorCode::timeout, "no acknowledgement", {}, 0});
  for (const auto& refusal : submission.refusals()) return complain(refusal.error);

  // Results come at least once, so ids are ticked off rather than counted.
  std::set<TaskId> open(submission.ids().begin(), submission.ids().end());
  while (!open.empty()) {
    auto count = client.next_results(*subscription, 10'000, [&](const ResultBatch& batch) {
      for (const auto& result : batch.results) open.erase(result.id);
    });
    if (count == 0) return complain({ErrorCode::timeout, "no more results", {}, 0});
  }
  std::printf("1000 results\n");
  return 0;
}

int counted(Client& client) {
  TaskOptions options;
  options.type = "echo";
  options.batch = "example-" + std::to_string(std::time(nullptr));  // a closed one takes no further tasks
  const std::vector<std::string_view> payloads(10, "1");
  Submission submission = client.submit_many(options, payloads);
  if (!submission.wait(10'000)) return complain({ErrorCode::timeout, "no acknowledgement", {}, 0});
  for (const auto& refusal : submission.refusals()) return complain(refusal.error);
  if (auto closed = client.batch_close(options.batch); !closed) return complain(closed.error());
  auto batch = client.batch_wait(options.batch, 10'000);
  if (!batch) return complain(batch.error());
  std::printf("%s: %d of %d succeeded\n", batch->state.c_str(), static_cast<int>(batch->succeeded),
              static_cast<int>(batch->total));
  return batch->succeeded == 10 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  options.name = "example";
  if (argc > 1) options.broker = argv[1];
  auto client = Client::connect(options);
  if (!client) return complain(client.error());
  if (int code = one(*client); code != 0) return code;
  if (int code = many(*client); code != 0) return code;
  return counted(*client);
}
