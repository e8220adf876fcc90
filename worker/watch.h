// One running attempt as its executor sees it: must it end, why, how urgently; and what it tells on the way.
#pragma once

#include <string>
#include <string_view>

#include "worker/board.h"
#include "worker/definition.h"

namespace hirehall::worker {

// How far an order to end has come. Each stage includes the one before.
enum class Stage : std::uint8_t { run, asked, terminate, kill };

class Watch {
 public:
  enum class Why : std::uint8_t { none, stop, lost, interrupt, timeout, stall };

  Watch(Board& board, std::size_t slot, const Attempt& attempt, const Shape& shape,
        const Definition& definition, Micros now);

  int wake_fd() const { return board_.wake_fd(slot_); }
  void acknowledge() const;  // empties the wake descriptor; ask stage() afterwards
  Stage stage(Micros now);
  Micros next_change(Micros now) const;  // when stage() may answer otherwise without a wake
  Why why() const { return why_; }
  bool cancelled() { return board_.anything_revoked() && stage(monotonic_us()) != Stage::run; }

  // What an attempt that was ended counts as, and the sentence for it.
  Outcome outcome() const;
  std::string explanation() const;

  void alive(Micros now) { alive_at_ = now; }
  // Bounded: what is over the limits is dropped and counted.
  void progress(std::uint64_t done, std::uint64_t total, std::string_view message);
  void log(std::string_view line);
  void checkpoint(std::string_view state);
  void answer(std::string report);  // to another task: an encoded map of id, value and reason
  std::size_t dropped() const { return dropped_; }

 private:
  void revoke(Why why, Micros since, Micros grace_us, std::string reason);

  Board& board_;
  const std::size_t slot_;
  const Token token_;
  const Micros started_;
  const Micros timeout_us_;
  const Micros stall_us_;
  Micros alive_at_;
  Why why_ = Why::none;
  Micros since_ = 0;
  Micros grace_us_ = 0;
  std::string reason_;
  std::size_t log_bytes_ = 0;
  std::size_t dropped_ = 0;
  Micros progress_second_ = 0;
  int progress_count_ = 0;
};

}  // namespace hirehall::worker
