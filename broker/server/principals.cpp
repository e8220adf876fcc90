#include "broker/server/principals.h"

#include <sodium.h>

#include <algorithm>

#include "broker/server/audit.h"
#include "broker/server/principals_file.h"
#include "broker/server/small_file.h"
#include "common/check.h"

namespace hirehall::server {
namespace {

using wire::Kind;

constexpr std::uint8_t bit(Role role) {
  return static_cast<std::uint8_t>(1u << static_cast<unsigned>(role));
}
constexpr std::uint8_t admins = bit(Role::admin);
constexpr std::uint8_t everyone =
    bit(Role::viewer) | bit(Role::operate) | bit(Role::developer) | bit(Role::admin) | bit(Role::worker);
constexpr std::uint8_t readers = bit(Role::viewer) | bit(Role::operate) | bit(Role::developer) | admins;
constexpr std::uint8_t steering = bit(Role::operate) | bit(Role::developer) | admins;
constexpr std::uint8_t submitters = bit(Role::developer) | admins;
constexpr std::uint8_t operators = bit(Role::operate) | admins;
constexpr std::uint8_t workers = bit(Role::worker) | admins;

struct Rule {
  Kind kind;
  std::uint8_t roles;
};

// Kinds that are not here come only from the broker; nobody may send them.
constexpr Rule rules[] = {
    {Kind::hello, everyone},
    {Kind::heartbeat, everyone},
    {Kind::submit, submitters},
    {Kind::answer, steering},
    {Kind::cancel, steering},
    {Kind::dead_retry, steering},
    {Kind::get, readers},
    {Kind::wait, readers},
    {Kind::list, readers},
    {Kind::explain, readers},
    {Kind::subscribe, readers},
    {Kind::seen, readers},
    {Kind::unsubscribe, readers},
    {Kind::queue_list, readers},
    {Kind::queue_show, readers},
    {Kind::dead_list, readers},
    {Kind::worker_list, readers},
    {Kind::stats, readers},
    {Kind::queue_set, operators},
    {Kind::pause, operators},
    {Kind::resume, operators},
    {Kind::register_worker, workers},
    {Kind::finish, workers},
    {Kind::worker_heartbeat, workers},
    {Kind::holding, workers},
    {Kind::report, workers},
    {Kind::drain, workers},
    {Kind::bid, workers},
    {Kind::agent_list, readers},
    {Kind::agent_show, readers},
    {Kind::agent_forget, operators},
    {Kind::dead_purge, steering},
    {Kind::worker_drain, operators},
    {Kind::schedule_set, submitters},
    {Kind::schedule_list, readers},
    {Kind::schedule_show, readers},
    {Kind::schedule_delete, steering},
    {Kind::schedule_pause, steering},
    {Kind::schedule_resume, steering},
    {Kind::schedule_trigger, steering},
    {Kind::dead_groups, readers},
    {Kind::bulk_list, readers},
    {Kind::bulk_start, steering},
    {Kind::bulk_stop, steering},
    {Kind::tenant_list, readers},
    {Kind::lane_list, readers},
    {Kind::logs, readers},
    {Kind::limit_set, operators},
    {Kind::limit_list, readers},
    {Kind::limit_show, readers},
    {Kind::limit_delete, operators},
    {Kind::limit_pause, operators},
    {Kind::breaker_list, readers},
    {Kind::breaker_show, readers},
    {Kind::breaker_reset, operators},
    {Kind::breaker_trip, operators},
    {Kind::backup_create, operators},
    {Kind::backup_status, operators},
    {Kind::backup_list, operators},
    {Kind::backup_verify, operators},
    {Kind::backup_delete, admins},
    {Kind::inbox, readers},
    {Kind::batch_list, readers},
    {Kind::batch_show, readers},
    {Kind::batch_close, submitters},
    {Kind::batch_wait, readers},
    {Kind::agent_stats, readers},
    {Kind::agent_unlearn, operators},
    {Kind::audit_list, operators},
    {Kind::usage, readers},
    {Kind::budget_set, operators},
    {Kind::budget_list, readers},
    {Kind::budget_delete, operators},
};

std::uint8_t roles_of(Kind kind) {
  const auto* rule = std::ranges::find(rules, kind, &Rule::kind);
  return rule == std::end(rules) ? std::uint8_t{0} : rule->roles;
}

std::string who_may(std::uint8_t mask) {
  std::string text;
  for (std::size_t i = 0; i < role_count; ++i) {
    if ((mask & (1u << i)) == 0) continue;
    if (!text.empty()) text += ", ";
    text += name_of(static_cast<Role>(i));
  }
  return text.empty() ? "nobody" : text;
}

Status outside(const Principal& principal, std::string_view what, std::string_view name) {
  return fail(Code::denied,
              "principal '" + principal.name + "' has no right to " + std::string(what) + " '" +
                  std::string(name) + "'; an admin can add it to the principals file",
              std::string(what) + "=" + std::string(name));
}

std::shared_ptr<const Principal> make_local() {
  Principal local;
  local.name = "local";
  local.user_id = "local";
  local.roles[static_cast<std::size_t>(Role::admin)] = true;
  local.tenants = local.queues = local.types = Scope::everything();
  local.tenant = "default";
  return std::make_shared<const Principal>(std::move(local));
}

constexpr std::size_t file_bytes_max = 4u << 20;

}  // namespace

std::string_view name_of(Role role) {
  static constexpr std::array<std::string_view, role_count> names = {"viewer", "operator", "developer",
                                                                     "admin", "worker"};
  HH_CHECK(static_cast<std::size_t>(role) < role_count, "not a role");
  return names[static_cast<std::size_t>(role)];
}

bool role_may(Role role, Kind kind) {
  return (roles_of(kind) & bit(role)) != 0;
}

bool Scope::contains(std::string_view name) const {
  return all || std::ranges::find(names, name) != names.end();
}

bool is_request(Kind kind) {
  return std::ranges::find(rules, kind, &Rule::kind) != std::end(rules);
}

bool may(const Principal& principal, Kind kind) {
  const auto mask = roles_of(kind);
  for (std::size_t i = 0; i < role_count; ++i) {
    if (principal.roles[i] && (mask & (1u << i)) != 0) return true;
  }
  return false;
}

Status allowed(const Principal& principal, Kind kind, const Claim& claim) {
  if (!may(principal, kind)) {
    return fail(Code::denied,
                "principal '" + principal.name +
                    "' lacks a role for this request; it takes one of: " + who_may(roles_of(kind)),
                "kind=" + act_of(kind));
  }
  if (!claim.tenant.empty() && !principal.tenants.contains(claim.tenant)) {
    return outside(principal, "tenant", claim.tenant);
  }
  if (!claim.queue.empty() && !principal.queues.contains(claim.queue)) {
    return outside(principal, "queue", claim.queue);
  }
  if (!claim.type.empty() && !principal.types.contains(claim.type)) {
    return outside(principal, "type", claim.type);
  }
  return {};
}

Principals::Principals() {
  all_.push_back(make_local());
}

Result<Principals> Principals::parse(std::string_view yaml, std::string_view file) {
  auto read = read_principals(yaml, file);
  if (!read) return tl::unexpected(read.error());
  Principals principals;
  for (auto& principal : *read) {
    principals.all_.push_back(std::make_shared<const Principal>(std::move(principal)));
  }
  return principals;
}

Result<Principals> Principals::load(const std::string& path) {
  auto text = read_small_file(path, file_bytes_max, others_may_write);
  if (!text) return tl::unexpected(text.error());
  return parse(*text, path);
}

std::shared_ptr<const Principal> Principals::by_key(std::span<const std::uint8_t> key) const {
  if (key.size() != std::tuple_size_v<PublicKey>) return nullptr;
  // All are compared, each in constant time: how long it takes says nothing about the keys.
  std::size_t found = 0;
  for (std::size_t i = 1; i < all_.size(); ++i) {
    if (sodium_memcmp(all_[i]->key.data(), key.data(), key.size()) == 0) found = i;
  }
  return found == 0 ? nullptr : all_[found];
}

std::shared_ptr<const Principal> Principals::by_name(std::string_view name) const {
  for (const auto& principal : all_) {
    if (principal->name == name) return principal;
  }
  return nullptr;
}

std::shared_ptr<const Principal> Principals::by_user(std::string_view user_id) const {
  for (const auto& principal : all_) {
    if (!user_id.empty() && principal->user_id == user_id) return principal;
  }
  return nullptr;
}

std::shared_ptr<const Principals> PrincipalBook::current() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

Status PrincipalBook::reload(const std::string& path) {
  auto loaded = Principals::load(path);
  if (!loaded) return tl::unexpected(loaded.error());
  auto next = std::make_shared<const Principals>(std::move(*loaded));
  const std::lock_guard lock(mutex_);
  current_.swap(next);
  return {};
}

}  // namespace hirehall::server
