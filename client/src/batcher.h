// Gathers submitted items into batches, and decides when a batch leaves.
// A batch leaves when it is full (items or bytes), or as soon as nothing is in flight: while one is under way
// the next one grows, so load makes batches and a lone task waits for nobody. Pure; the owner serializes
// calls.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"

namespace hirehall::client_core {

// Hears what became of submitted items. Called by the session, in the thread that drives it, and for what
// cannot be sent by the thread that submits. An answer may be told twice before it is settled (the frame that
// carried it was cut short), never after.
class Receiver {
 public:
  virtual ~Receiver() = default;
  virtual void accepted(std::size_t index, std::string_view raw_id) = 0;  // 16 bytes
  virtual void refused(std::size_t index, const hirehall::Error& error) = 0;
  virtual void settled(std::size_t count) = 0;  // that many items are answered for good
};

// Consecutive items of one receiver.
struct Segment {
  std::shared_ptr<Receiver> receiver;
  std::size_t first = 0;
  std::size_t count = 0;
};

// A submit message: complete but for its numbers, which stand at fixed places (Session fills them in).
struct Batch {
  std::string frame;
  std::size_t items = 0;
  std::vector<Segment> segments;
};

struct ItemView {
  std::string_view payload;
  std::int64_t priority = 0;         // 0: as the options
  std::string_view idempotency_key;  // empty: none
  std::string_view features;         // an encoded map; empty: those of the options
};

class Batcher {
 public:
  struct Settings {
    std::size_t items_max = 256;
    std::size_t bytes_max = 64u << 10;
  };

  explicit Batcher(Settings settings) : settings_(settings) {}

  // `options` is a map in wire form (docs/protocol.md, section 3), the template of the item.
  void add(const std::shared_ptr<Receiver>& receiver, std::size_t index, std::string_view options,
           const ItemView& item);

  // The next batch that may leave, given how many are unanswered.
  std::optional<Batch> take(std::size_t in_flight);
  bool has_full() const { return !full_.empty(); }
  bool empty() const { return full_.empty() && open_.items == 0; }
  std::size_t bytes() const { return full_bytes_ + open_items_.size(); }  // not taken yet
  std::vector<Batch> take_all();

 private:
  void seal();
  std::size_t template_of(std::string_view options);

  Settings settings_;
  std::deque<Batch> full_;
  std::size_t full_bytes_ = 0;
  Batch open_;
  std::string open_items_;
  std::size_t template_bytes_ = 0;
  std::vector<std::string> templates_;
};

// Where the numbers of a submit frame stand: each is a msgpack uint64 of nine bytes.
inline constexpr std::size_t submit_batch_at = 17;
inline constexpr std::size_t submit_acked_at = 26;

}  // namespace hirehall::client_core
