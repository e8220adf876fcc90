// Watches the wire for privileged acts, and holds the audit log against what it saw: each act that was
// answered stands in it, none stands there twice, and the chain is whole.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "broker/store/store.h"

namespace hirehall::sim {

class AuditWatch {
 public:
  void read(const std::string& routing, std::string_view frame);  // by the broker
  void sent(const std::string& routing, std::string_view frame);  // by it
  void broker_died() { open_.clear(); }
  // violated() when the log does not fit; the number of entries otherwise.
  std::uint64_t check(const store::View& view) const;
  std::uint64_t refused() const { return refused_; }

 private:
  struct Counts {
    std::uint64_t asked = 0, answered = 0, refused = 0;  // refused ones are answered, too
  };
  std::map<std::pair<std::string, std::uint64_t>, std::string> open_;
  std::map<std::string, Counts> acts_;
  std::uint64_t refused_ = 0;
};

}  // namespace hirehall::sim
