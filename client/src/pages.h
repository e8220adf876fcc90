// Lists that come in pages: each page goes on behind the name of the last one that came.
#pragma once

#include <string_view>
#include <vector>

#include "client/src/body.h"
#include "client/src/convert.h"
#include "common/wire.h"

namespace hirehall::client {

// False: malformed.
template <typename Info>
bool read_page(std::string_view body, std::string_view list, Info (*read)(msgpack::Reader&),
               std::vector<Info>& out, bool& more) {
  msgpack::Reader r(body);
  auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    auto key = r.str();
    if (key == list) {
      auto n = r.array();
      for (std::size_t k = 0; k < n && r.ok(); ++k) out.push_back(read(r));
    } else if (key == "more") {
      more = r.boolean();
    } else {
      r.skip();
    }
  }
  return r.ok();
}

template <typename Peer, typename Info>
Result<std::vector<Info>> all_pages(Peer& peer, wire::Kind kind, std::string_view list,
                                    Info (*read)(msgpack::Reader&)) {
  std::vector<Info> out;
  for (bool more = true; more;) {
    Body b;
    if (!out.empty()) b.text("after", out.back().name);
    auto body = peer.call(kind, b.take());
    if (!body) return tl::unexpected(body.error());
    auto before = out.size();
    more = false;
    if (!read_page(*body, list, read, out, more)) return malformed(list);
    more = more && out.size() > before;
  }
  return out;
}

}  // namespace hirehall::client
