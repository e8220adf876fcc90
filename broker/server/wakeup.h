// A descriptor that other threads make readable to wake the command thread.
#pragma once

namespace hirehall::server {

class Wakeup {
 public:
  Wakeup();
  ~Wakeup();
  Wakeup(const Wakeup&) = delete;
  Wakeup& operator=(const Wakeup&) = delete;

  int descriptor() const { return descriptor_; }
  void signal() const;  // any thread
  void clear() const;

 private:
  int descriptor_;
};

}  // namespace hirehall::server
