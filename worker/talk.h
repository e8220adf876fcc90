// A conversation with a child: bytes out and in without ever blocking longer than asked, stderr line by line.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "worker/board.h"
#include "worker/child.h"

namespace hirehall::worker {

class Talk {
 public:
  explicit Talk(Child child, std::size_t incoming_max)
      : child_(std::move(child)), incoming_max_(incoming_max) {}

  void say(std::string_view bytes) { outgoing_.append(bytes); }
  void hang_up() { hang_up_ = true; }  // close the child's stdin once all is written

  // Moves bytes until something came in, the child ended, `wake_fd` is readable or `until` is reached.
  void pump(int wake_fd, Micros until);

  std::string& incoming() { return incoming_; }  // consume from the front
  bool overflowed() const {
    return overflowed_;
  }                                      // more than incoming_max unread bytes: the rest was dropped
  bool ended() const { return ended_; }  // the process is gone; nothing more will come
  bool take_line(std::string& line);     // of stderr
  std::string_view last_words() const { return tail_; }  // the end of stderr
  Child& child() { return child_; }

 private:
  void write_some();
  bool read_some(int fd, std::string& into, std::size_t max);  // false: nothing more for now
  void read_err();

  Child child_;
  const std::size_t incoming_max_;
  std::string outgoing_;
  std::string incoming_;
  std::string err_;
  std::string tail_;
  bool out_closed_ = false;
  bool err_closed_ = false;
  bool hang_up_ = false;
  bool ended_ = false;
  bool overflowed_ = false;
};

}  // namespace hirehall::worker
