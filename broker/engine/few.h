// Pointers of which there is mostly one: that is kept in place.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <vector>

namespace hirehall::engine {

template <typename T>
class Few {
 public:
  T* const* begin() const { return more_ ? more_->data() : &one_; }
  T* const* end() const { return begin() + size(); }
  std::size_t size() const { return more_ ? more_->size() : one_ != nullptr ? 1 : 0; }
  bool empty() const { return size() == 0; }

  void push_back(T* item) {
    if (empty()) {
      one_ = item;
      return;
    }
    if (!more_) more_ = std::make_unique<std::vector<T*>>(1, one_);
    more_->push_back(item);
  }
  void erase(const T* item) {
    if (!more_) {
      if (one_ == item) one_ = nullptr;
      return;
    }
    std::erase(*more_, item);
    if (more_->size() > 1) return;
    one_ = more_->front();
    more_.reset();
  }
  void clear() {
    one_ = nullptr;
    more_.reset();
  }

 private:
  T* one_ = nullptr;
  std::unique_ptr<std::vector<T*>> more_;  // all of them, once they are more
};

}  // namespace hirehall::engine
