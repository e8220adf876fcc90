// How agents of either kind are asked for a bid: the words that go over their pipe or socket.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "worker/bid.h"
#include "worker/definition.h"
#include "worker/talk.h"

namespace hirehall::worker {

class BidLine {
 public:
  virtual ~BidLine() = default;
  struct Said {
    std::optional<double> price;  // nothing: it declines
    std::string fault;            // why it declines, when that is not its own wish
  };
  virtual ChildSpec program() const = 0;
  virtual void greet(Talk& talk) = 0;
  virtual void ask(Talk& talk, const BidCall& call) = 0;
  // The answer, once it is there; what else the agent says is passed over.
  virtual std::optional<Said> listen(Talk& talk) = 0;
};

std::unique_ptr<BidLine> make_process_bid_line(const Definition& definition);
// not_found: there is no such library.
Result<std::unique_ptr<BidLine>> make_plugin_bid_line(const Definition& definition,
                                                      const std::string& worker_program,
                                                      const std::vector<std::string>& plugin_folders);

}  // namespace hirehall::worker
