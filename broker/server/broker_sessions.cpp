// hello: a connection becomes a session.
#include <algorithm>

#include "broker/server/broker.h"
#include "common/log.h"
#include "common/msgpack.h"
#include "common/text.h"
#include "common/version.h"

namespace hirehall::server {
namespace {

struct Hello {
  std::uint64_t min_version = 1, max_version = 1;
  std::string role = "client", name, software, session, reason;
};

Result<Hello> read_hello(std::string_view body) {
  Hello hello;
  msgpack::Reader r(body);
  auto pairs = r.map();
  std::string_view key;
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    key = r.str();
    if (key == "min_version")
      hello.min_version = r.uint();
    else if (key == "max_version")
      hello.max_version = r.uint();
    else if (key == "role")
      hello.role = r.str();
    else if (key == "name")
      hello.name = clip(r.str(), limits::name_bytes_max);
    else if (key == "software")
      hello.software = clip(r.str(), limits::name_bytes_max);
    else if (key == "reason")
      hello.reason = clip(r.str(), limits::audit_text_bytes_max);
    else if (key == "session")
      hello.session = r.skip_nil() ? std::string_view{} : r.bin();
    else
      r.skip();
  }
  if (!r.finished()) return fail(Code::bad_message, "hello cannot be decoded", std::string(key));
  return hello;
}

}  // namespace

void Broker::hello(const std::string& routing, const char* user, const Frame& frame) {
  auto read = read_hello(frame.body);
  auto request = frame.header.request;
  if (!read) {
    ++page_.malformed;
    return refuse(routing, request, read.error());
  }
  auto& hello = *read;
  if (hello.min_version > wire::version || hello.max_version < wire::version)
    return refuse(routing, request, {Code::version_mismatch, "this broker speaks version 1", {}, 0});
  if (hello.role != "client" && hello.role != "worker")
    return refuse(routing, request,
                  {Code::invalid, "role is client or worker, not " + hello.role, "role", 0});
  auto book = parts_.principals->current();
  auto principal = user == nullptr ? nullptr : book->by_user(user);
  if (!principal)
    return refuse(routing, request, {Code::denied, "the principal is not known any more", {}, 0});
  bool is_worker = hello.role == "worker";
  if (auto may_do = allowed(*principal, is_worker ? wire::Kind::register_worker : wire::Kind::hello); !may_do)
    return refuse(routing, request, may_do.error());
  if (peers_.size() >= limits::sessions_max && !peers_.contains(routing))
    return refuse(routing, request, {Code::busy, "20,000 peers are connected already", {}, 1000});

  std::uint64_t producer = 0;
  bool resumed = false;
  std::string token;
  if (!is_worker) {
    if (!hello.session.empty()) {
      auto known = engine_.producer_by_token(hello.session);
      if (!known || engine_.producer(*known)->principal != principal->name)
        return refuse(routing, request,
                      {Code::session_expired, "the session is not known; say hello without it", {}, 0});
      producer = *known;
      resumed = true;
      token = hello.session;
      if (auto other = routing_of_producer_.find(producer);
          other != routing_of_producer_.end() && other->second != routing)
        drop_peer(std::string(other->second));
    } else {
      if (!engine_.room_for_producer())
        return refuse(routing, request, {Code::busy, "100,000 producers have records already", {}, 1000});
      token = this->token();
      producer = engine_.open_producer(token, principal->name);
    }
  } else {
    token = this->token();
  }
  drop_peer(routing);
  auto made = std::make_unique<Peer>();
  auto& peer = *made;
  peer.routing = routing;
  peer.serial = next_serial_++;
  peer.principal = principal;
  peer.everything = principal->tenants.all && principal->queues.all && principal->types.all;
  peer.name = hello.name;
  peer.software = hello.software;
  peer.reason = hello.reason;
  peer.address = surroundings_.address();
  peer.is_worker = is_worker;
  peer.producer = producer;
  peer.last_heard = engine_.now();
  peers_[routing] = std::move(made);
  if (producer != 0) routing_of_producer_[producer] = routing;

  std::string out;
  wire::write_header(out, wire::Kind::welcome, request);
  msgpack::Writer w(out);
  w.map(14);
  w.entry_uint("version", wire::version);
  w.entry_bin("session", token);
  w.entry_bool("resumed", resumed);
  w.entry_uint("producer", producer);
  w.entry_uint("next_batch", producer != 0 ? engine_.producer(producer)->last_batch + 1 : 0);
  w.entry("principal", principal->name);
  w.entry("tenant", principal->tenant);
  w.entry_sint("heartbeat_ms", is_worker ? engine_.worker_heartbeat_ms() : limits::heartbeat_ms);
  w.entry_sint("lease_ms", engine_.lease_ms());
  w.entry_sint("server_time", engine_.to_wall(engine_.now()));
  w.entry_uint("credit_batches", limits::batches_in_flight_max);
  w.entry_uint("credit_bytes", limits::held_bytes_max);
  w.str("limits");
  w.map(4);
  w.entry_uint("frame_bytes", limits::frame_bytes_max);
  w.entry_uint("batch_items", limits::batch_items_max);
  w.entry_uint("batch_bytes", limits::batch_bytes_max);
  w.entry_uint("payload_bytes", limits::payload_bytes_max);
  w.entry("software", std::string("hirehall-broker ") + std::string(software_version()));
  send_later(routing, std::move(out));
}

}  // namespace hirehall::server
