// What the broker reads from files while it runs: principals, and what queues should be.
#include "broker/server/broker.h"
#include "broker/server/queues_file.h"
#include "common/log.h"

namespace hirehall::server {
namespace {

std::string shown(const std::optional<std::int64_t>& value) {
  return value ? std::to_string(*value) : "none";
}

}  // namespace

// Leaves everything as it is when the file has a mistake.
void Broker::adopt_queues() {
  if (parts_.queues_path.empty()) return;
  auto file = load_queues(parts_.queues_path);
  if (!file) {
    audit_own("queues_file", parts_.queues_path, std::string(name_of(file.error().code)));
    return log::error("the queues stay as they were", file.error());
  }
  auto changes = engine_.adopt_queues(*file, parts_.queues_force);
  if (!changes) {
    audit_own("queues_file", parts_.queues_path, std::string(name_of(changes.error().code)));
    return log::error("not all queues of the file could be made", changes.error());
  }
  std::size_t kept = 0;
  for (const auto& change : *changes) {
    kept += change.kept;
    if (change.kept)
      log::warn("a setting of a queue stays as it was set by hand", {{"queue", change.queue},
                                                                     {"setting", change.name},
                                                                     {"is", shown(change.from)},
                                                                     {"file", shown(change.to)}});
    else
      log::info("a setting of a queue follows the file", {{"queue", change.queue},
                                                          {"setting", change.name},
                                                          {"was", shown(change.from)},
                                                          {"is", shown(change.to)}});
  }
  if (changes->size() != kept)
    audit_own("queues_file", parts_.queues_path,
              "ok: " + std::to_string(changes->size() - kept) + " changed");
  log::info("queues read", {{"file", parts_.queues_path},
                            {"queues", file->size()},
                            {"changed", changes->size() - kept},
                            {"set_by_hand", kept}});
}

void Broker::reload_principals() {
  if (parts_.principals_path.empty() || parts_.principals == nullptr) return;
  if (auto done = parts_.principals->reload(parts_.principals_path); !done) {
    audit_own("principals_file", parts_.principals_path, std::string(name_of(done.error().code)));
    return log::error("the principals stay as they were", done.error());
  }
  auto current = parts_.principals->current();
  std::vector<std::string> gone;
  for (auto& [routing, peer] : peers_) {
    auto now = current->by_name(peer->principal->name);
    if (!now || now->key != peer->principal->key)
      gone.push_back(routing);
    else
      peer->principal = now;
    if (now && peer->worker != 0)
      engine_.bind_worker(peer->worker, now->queues.listed(), now->types.listed());
    peer->template_bytes.clear();  // what a template leaves open is the principal's
  }
  known_templates_.clear();
  for (const auto& routing : gone) drop_peer(routing);
  audit_own("principals_file", parts_.principals_path, "ok: " + std::to_string(gone.size()) + " cut off");
  log::info("principals reloaded", {{"principals", current->size()}, {"cut_off", gone.size()}});
}

}  // namespace hirehall::server
