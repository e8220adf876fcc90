// The end of a list that is asked for in pages: rows that are written already, and whether there are more.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/msgpack.h"

namespace hirehall::server {

inline void write_page(std::string& out, std::string_view list, std::uint64_t count, std::string_view rows,
                       bool more) {
  msgpack::Writer w(out);
  w.map(2);
  w.str(list);
  w.array(count);
  out += rows;
  w.entry_bool("more", more);
}

}  // namespace hirehall::server
