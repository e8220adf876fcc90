// Calls for bids, and the bids. Nothing is sent again: what is lost on the way was no bid.
#include "common/msgpack.h"
#include "worker/session.h"

namespace hirehall::worker {

void Session::on_call(std::string_view body, SessionOutput& out) {
  BidCall call;
  std::vector<std::string> agents;
  msgpack::Reader r(body);
  const auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    const auto key = r.str();
    if (key == "round") {
      call.round = r.uint();
    } else if (key == "left_ms") {
      call.left_ms = r.sint();
    } else if (key == "agents") {
      const auto n = r.array();
      for (std::size_t k = 0; k < n && r.ok(); ++k) agents.emplace_back(r.str());
    } else if (key == "type") {
      call.type = r.str();
    } else if (key == "queue") {
      call.queue = r.str();
    } else if (key == "tenant") {
      call.tenant = r.str();
    } else if (key == "content_type") {
      call.content_type = r.str();
    } else if (key == "payload_bytes") {
      call.payload_bytes = r.uint();
    } else if (key == "priority") {
      call.priority = static_cast<std::uint32_t>(r.uint());
    } else if (key == "deadline") {
      call.deadline = r.sint();
    } else if (key == "effort_ms") {
      call.effort_ms = r.sint();
    } else if (key == "features") {
      call.features = r.raw();
    } else {
      r.skip();
    }
  }
  if (!r.finished()) return malformed("call_for_bids", out);
  ++counters_.calls;
  for (auto& agent : agents) {
    call.agent = std::move(agent);
    out.calls.push_back(call);
  }
}

void Session::bid(BidAnswer answer) {
  if (phase_ == Phase::working) bids_.push_back(std::move(answer));
}

void Session::send_bids(SessionOutput& out) {
  std::string frame;
  wire::write_header(frame, wire::Kind::bid, next_request());
  msgpack::Writer w(frame);
  w.array(bids_.size());
  for (const auto& bid : bids_) {
    w.array(3);
    w.uint(bid.round);
    w.str(bid.agent);
    if (bid.price)
      w.real(*bid.price);
    else
      w.nil();
  }
  bids_.clear();
  out.frames.push_back(std::make_shared<const std::string>(std::move(frame)));
}

}  // namespace hirehall::worker
