// What operators ask and are told, read from the protocol's documents.
#include "common/msgpack.h"
#include "tests/simulation/reading.h"

namespace hirehall::sim {
namespace {

using msgpack::Reader;

// Calls use(key) for each key of a map; it reads the value.
template <typename Use>
void each_entry(Reader& r, Use&& use) {
  auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) use(r.str());
}

ReadAgent read_agent(Reader& r) {
  ReadAgent agent;
  each_entry(r, [&](std::string_view key) {
    if (key == "name")
      agent.name = r.str();
    else if (key == "version")
      agent.version = r.str();
    else if (key == "digest")
      agent.digest = r.str();
    else if (key == "workers" && r.peek() == msgpack::Kind::uint)
      agent.workers = r.uint();
    else
      r.skip();
  });
  return agent;
}

ReadBreaker read_breaker(Reader& r) {
  ReadBreaker breaker;
  each_entry(r, [&](std::string_view key) {
    if (key == "name")
      breaker.name = r.str();
    else if (key == "state")
      breaker.state = r.str();
    else if (key == "opened")
      breaker.opened = r.uint();
    else if (key == "until")
      breaker.until = r.sint();
    else
      r.skip();
  });
  return breaker;
}

}  // namespace

std::vector<ReadBreaker> read_breakers(std::string_view body) {
  std::vector<ReadBreaker> out;
  Reader r(body);
  each_entry(r, [&](std::string_view key) {
    if (key != "breakers") return r.skip();
    auto n = r.array();
    for (std::size_t i = 0; i < n && r.ok(); ++i) out.push_back(read_breaker(r));
  });
  return out;
}

std::vector<ReadAgent> read_agents(std::string_view body) {
  std::vector<ReadAgent> out;
  Reader r(body);
  each_entry(r, [&](std::string_view key) {
    if (key != "agents") return r.skip();
    auto n = r.array();
    for (std::size_t i = 0; i < n && r.ok(); ++i) out.push_back(read_agent(r));
  });
  return out;
}

std::vector<std::string> read_ids(std::string_view body) {
  std::vector<std::string> out;
  Reader r(body);
  each_entry(r, [&](std::string_view key) {
    if (key != "ids") return r.skip();
    auto n = r.array();
    for (std::size_t i = 0; i < n && r.ok(); ++i) out.emplace_back(r.bin());
  });
  return out;
}

std::vector<std::uint64_t> read_numbers(std::string_view body) {
  std::vector<std::uint64_t> out;
  Reader r(body);
  auto n = r.array();
  for (std::size_t i = 0; i < n && r.ok(); ++i) {
    if (r.peek() == msgpack::Kind::bin)
      r.skip(), out.push_back(0);
    else
      out.push_back(r.uint());
  }
  return out;
}

std::vector<std::uint64_t> read_drained(std::string_view body) {
  std::vector<std::uint64_t> out;
  Reader r(body);
  each_entry(r, [&](std::string_view key) {
    if (key != "workers") return r.skip();
    auto n = r.array();
    for (std::size_t i = 0; i < n && r.ok(); ++i) out.push_back(r.uint());
  });
  return out;
}

std::uint64_t read_subscription(std::string_view results) {
  Reader r(results);
  r.array();
  return r.uint();
}

std::uint64_t read_number_or(std::string_view body, std::string_view wanted, std::uint64_t otherwise) {
  auto out = otherwise;
  Reader r(body);
  each_entry(r, [&](std::string_view key) {
    auto value = r.raw();
    if (key != wanted) return;
    Reader found(value);
    out = found.peek() == msgpack::Kind::boolean ? (found.boolean() ? 1 : 0) : found.uint();
  });
  return out;
}

}  // namespace hirehall::sim
