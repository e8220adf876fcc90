#include "worker/bid_line.h"

#include <utility>

#include "common/msgpack.h"
#include "worker/child_frames.h"
#include "worker/child_main.h"
#include "worker/executor.h"
#include "worker/json_lines.h"
#include "worker/program.h"

namespace hirehall::worker {
namespace {

// Tells the program which of the agent's children it is: one that only bids need not load what runs need.
constexpr const char* role = "HIREHALL_ROLE=bidder";

class ProcessBidLine final : public BidLine {
 public:
  explicit ProcessBidLine(const Definition& definition) : definition_(definition) {}

  ChildSpec program() const override {
    auto spec = program_of(definition_);
    spec.environment.emplace_back(role);
    return spec;
  }
  void greet(Talk& talk) override { talk.say(agent_line(definition_)); }
  void ask(Talk& talk, const BidCall& call) override { talk.say(bid_line(call)); }
  std::optional<Said> listen(Talk& talk) override {
    auto& incoming = talk.incoming();
    for (auto end = incoming.find('\n'); end != std::string::npos; end = incoming.find('\n')) {
      auto answer = read_bid(std::string_view(incoming).substr(0, end));
      incoming.erase(0, end + 1);
      if (answer) return Said{answer->price, answer->fault};
    }
    return std::nullopt;
  }

 private:
  const Definition& definition_;
};

class PluginBidLine final : public BidLine {
 public:
  PluginBidLine(const Definition& definition, std::string worker_program, std::string library)
      : definition_(definition), worker_program_(std::move(worker_program)), library_(std::move(library)) {}

  ChildSpec program() const override {
    ChildSpec spec;
    spec.argv = {worker_program_, child_flag, definition_.name};
    spec.environment = child_environment(definition_.environment);
    spec.environment.emplace_back(role);
    spec.limits = definition_.limits;
    spec.socket = true;
    return spec;
  }
  void greet(Talk& talk) override {
    say(talk, ChildSays::agent, [&](msgpack::Writer& w) {
      w.array(4);
      for (const auto* text : {&library_, &definition_.name, &definition_.version, &definition_.prompt})
        w.str(*text);
    });
  }
  void ask(Talk& talk, const BidCall& call) override {
    say(talk, ChildSays::call, [&](msgpack::Writer& w) {
      w.array(10);
      for (const auto* text : {&call.type, &call.queue, &call.tenant, &call.content_type}) w.str(*text);
      w.uint(call.payload_bytes);
      w.uint(call.priority);
      w.sint(call.left_ms);
      w.sint(call.deadline);
      w.sint(call.effort_ms);
      w.bin(call.features);
    });
  }
  std::optional<Said> listen(Talk& talk) override {
    bool broken = false;
    while (auto frame = take_child_frame(talk.incoming(), broken)) {
      if (frame->kind == ChildSays::refused) return Said{std::nullopt, std::move(frame->body)};
      if (frame->kind != ChildSays::bid) continue;
      msgpack::Reader r(frame->body);
      r.array();
      Said out;
      if (!r.skip_nil()) out.price = r.real();
      out.fault = r.str();
      if (!r.finished()) out = {std::nullopt, "its answer cannot be read"};
      return out;
    }
    if (broken) talk.child().signal(9);
    return std::nullopt;
  }

 private:
  template <typename Write>
  static void say(Talk& talk, ChildSays kind, const Write& write) {
    std::string body, frame;
    msgpack::Writer w(body);
    write(w);
    append_child_frame(frame, kind, body);
    talk.say(frame);
  }

  const Definition& definition_;
  const std::string worker_program_, library_;
};

}  // namespace

std::unique_ptr<BidLine> make_process_bid_line(const Definition& definition) {
  return std::make_unique<ProcessBidLine>(definition);
}

Result<std::unique_ptr<BidLine>> make_plugin_bid_line(const Definition& definition,
                                                      const std::string& worker_program,
                                                      const std::vector<std::string>& plugin_folders) {
  auto library = find_library(definition, plugin_folders);
  if (!library) return tl::unexpected(library.error());
  return std::make_unique<PluginBidLine>(definition, worker_program, std::move(*library));
}

}  // namespace hirehall::worker
