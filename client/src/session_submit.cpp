// Numbered batches: sent once or many times, recorded once.
// submits_ holds every batch above `acked`, by rising number. Each transmission has a request number of its
// own, so an error about an earlier transmission is recognised and ignored; a recorded answer counts
// whichever transmission it belongs to, because it names the batch.
#include <algorithm>

#include "client/src/session.h"
#include "common/check.h"
#include "common/ids.h"
#include "common/mutant.h"

namespace hirehall::client_core {
namespace {

using msgpack::Reader;

constexpr Millis hold_ms = 50;  // after busy, out_of_order … without a hint of the broker's
constexpr int rounds_before_new_socket = 4;

void put_big_endian(std::string& frame, std::size_t at, std::uint64_t v) {
  for (std::size_t i = 0; i < 8; ++i) frame[at + i] = static_cast<char>(v >> (56 - 8 * i));
}

void put_little_endian(std::string& frame, std::size_t at, std::uint64_t v) {
  for (std::size_t i = 0; i < 8; ++i) frame[at + i] = static_cast<char>(v >> (8 * i));
}

hirehall::Error read_refusal(Reader& r) {
  hirehall::Error error;
  auto n = r.array();
  if (n == 0) r.fail();
  auto code = r.uint();
  error.code = is_code(code) && code > 0 ? static_cast<Code>(code) : Code::internal;
  if (n > 1 && !r.skip_nil()) error.message = r.str();
  if (n > 2 && !r.skip_nil())
    if (auto id = TaskId::from_raw(r.bin())) error.context = id->text();
  for (std::size_t i = 3; i < n && r.ok(); ++i) r.skip();
  return error;
}

}  // namespace

bool Session::window_open() const {
  if (phase_ != Phase::ready || held_) return false;
  if (unanswered_ == 0) return true;
  return unanswered_ < std::min(credit_batches_, settings_.batches_in_flight) &&
         submits_.size() < limits::batches_in_flight_max && unanswered_bytes_ < credit_bytes_;
}

void Session::submit(Batch batch) {
  HH_CHECK(window_open(), "a batch was given to a session whose window is closed");
  auto& record = submits_.emplace_back();
  record.batch = std::move(batch);
  record.number = next_batch_++;
  ++unanswered_;
  unanswered_bytes_ += record.batch.frame.size();
  transmit(record);
}

void Session::transmit(Submitted& record) {
  if (HH_MUTANT("client_renumbers") && record.request != 0) record.number = next_batch_++;
  record.request = next_number_++;
  auto& frame = record.batch.frame;
  put_little_endian(frame, 8, record.request);
  put_big_endian(frame, submit_batch_at + 1, record.number);
  put_big_endian(frame, submit_acked_at + 1, submits_.front().number - 1);
  port_.send(frame);
  sent_since_tick_ = true;
}

void Session::resend_submits(std::size_t from) {
  for (auto i = from; i < submits_.size(); ++i) {
    if (submits_[i].answered) continue;
    transmit(submits_[i]);
    ++counters_.resent;
  }
}

// A resumed producer goes on where the broker says. It is behind us only when it never recorded our
// unanswered batches (a restored store): those get the numbers it expects.
void Session::renumber(std::uint64_t first) {
  if (submits_.empty()) {
    next_batch_ = first;
    return;
  }
  if (first >= submits_.front().number) {
    next_batch_ = std::max(next_batch_, first);
    return;
  }
  while (!submits_.empty() && submits_.front().answered) submits_.pop_front();
  std::erase_if(submits_, [](const Submitted& s) { return s.answered; });
  for (auto& s : submits_) s.number = first++;
  next_batch_ = first;
}

std::size_t Session::find_by_request(std::uint64_t number) const {
  for (std::size_t i = 0; i < submits_.size(); ++i)
    if (submits_[i].request == number && !submits_[i].answered) return i;
  return submits_.size();
}

void Session::on_submitted(std::string_view body) {
  Reader r(body);
  auto answers = r.array();
  for (std::size_t i = 0; i < answers && r.ok(); ++i) {
    auto elements = r.array();
    if (elements < 3) return r.fail(), void(++counters_.malformed);
    r.skip();
    auto number = r.uint();
    auto index = submits_.empty() ? 0 : number - submits_.front().number;
    bool awaited = !submits_.empty() && number >= submits_.front().number && index < submits_.size() &&
                   !submits_[index].answered;
    if (!awaited) {
      r.skip();
    } else if (!read_answer(r, submits_[index])) {
      break;
    }
    for (std::size_t e = 3; e < elements && r.ok(); ++e) r.skip();
  }
  if (!r.ok()) ++counters_.malformed;
  settle_front();
}

bool Session::read_answer(Reader& r, Submitted& record) {
  if (r.array() != record.batch.items) return r.fail(), false;
  for (const auto& segment : record.batch.segments) {
    auto* receiver = segment.receiver.get();
    for (std::size_t i = segment.first; i < segment.first + segment.count; ++i) {
      if (r.peek() == msgpack::Kind::array) {
        auto error = read_refusal(r);
        if (!r.ok()) return false;
        receiver->refused(i, error);
        continue;
      }
      auto id = r.bin();
      if (id.size() != 16) return r.fail(), false;
      receiver->accepted(i, id);
    }
  }
  for (auto& segment : record.batch.segments) segment.receiver->settled(segment.count);
  record.answered = true;
  --unanswered_;
  unanswered_bytes_ -= record.batch.frame.size();
  record.batch = {};
  rounds_without_progress_ = 0;
  return true;
}

void Session::settle_front() {
  while (!submits_.empty() && submits_.front().answered) {
    submits_.pop_front();
    if (resend_from_ > 0) --resend_from_;
  }
}

// The broker recorded nothing of this batch and still expects its number; what followed it was refused as out
// of order.
void Session::on_submit_error(std::size_t index, const hirehall::Error& error, Millis now) {
  if (error.code == Code::session_expired) {
    token_.clear();
    return say_hello(now);
  }
  bool again =
      error.code == Code::out_of_order || error.code == Code::busy || error.code == Code::unavailable;
  if (!again) {
    fail_batch(submits_[index], error);
    for (auto i = index + 1; i < submits_.size(); ++i) --submits_[i].number;
    submits_.erase(submits_.begin() + static_cast<std::ptrdiff_t>(index));
    --next_batch_;
    settle_front();
    if (index < submits_.size()) resend_submits(index);
    return;
  }
  if (++rounds_without_progress_ > rounds_before_new_socket) {
    // Resending does not help: a new hello tells which number the broker expects.
    rounds_without_progress_ = 0;
    return close(now);
  }
  resend_from_ = held_ ? std::min(resend_from_, index) : index;
  held_ = true;
  auto pause = error.retry_after_ms > 0           ? error.retry_after_ms
               : error.code == Code::out_of_order ? 0
                                                  : hold_ms;
  submits_held_until_ = now + (pause > 0 ? jitter(pause, pause + pause / 2) : 0);
  for (auto i = index; i < submits_.size(); ++i) submits_[i].request = 0;  // their answers are about the past
}

void Session::fail_batch(Submitted& record, const hirehall::Error& error) {
  if (record.answered) return;
  for (auto& segment : record.batch.segments) {
    for (auto i = segment.first; i < segment.first + segment.count; ++i) segment.receiver->refused(i, error);
    segment.receiver->settled(segment.count);
  }
  record.answered = true;
  --unanswered_;
  unanswered_bytes_ -= record.batch.frame.size();
  record.batch = {};
}

void Session::fail_submits(const hirehall::Error& error) {
  for (auto& record : submits_) fail_batch(record, error);
  submits_.clear();
  held_ = false;
  resend_from_ = 0;
}

}  // namespace hirehall::client_core
