// Who may do what: principals are named by their CURVE public key (TCP) or are the built-in `local` (ipc,
// --insecure). Deny by default: what no role grants and no scope names is refused (docs/security.md has the
// table).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"
#include "common/wire.h"

namespace hirehall::server {

enum class Role : std::uint8_t { viewer = 0, operate = 1, developer = 2, admin = 3, worker = 4 };
inline constexpr std::size_t role_count = 5;
std::string_view name_of(Role role);  // `operate` is called "operator" in files and documents

// Whether a peer may send this kind at all, and which roles may: one table for the broker, the documents and
// the tests.
bool role_may(Role role, wire::Kind kind);

// A list of names, or everything.
struct Scope {
  bool all = false;
  std::vector<std::string> names;

  bool contains(std::string_view name) const;
  std::optional<std::vector<std::string>> listed() const { return all ? std::nullopt : std::optional(names); }
  static Scope everything() { return {true, {}}; }
};

using PublicKey = std::array<std::uint8_t, 32>;

struct Principal {
  std::string name;
  PublicKey key{};  // all zero for `local`
  // What the gate writes on the messages of a connection: name and key, so that a connection made with a key
  // that was taken back cannot go on under the same name. `local` for local.
  std::string user_id;
  std::array<bool, role_count> roles{};
  Scope tenants;
  Scope queues;
  Scope types;
  std::string tenant;  // of what is submitted without one

  bool has(Role role) const { return roles[static_cast<std::size_t>(role)]; }
};

// What a request names; empty = it names none.
struct Claim {
  std::string_view tenant = {};
  std::string_view queue = {};
  std::string_view type = {};
};

// False for kinds that only the broker sends, and for unknown ones.
bool is_request(wire::Kind kind);
bool may(const Principal& principal, wire::Kind kind);  // the role table alone
Status allowed(const Principal& principal, wire::Kind kind,
               const Claim& claim = {});  // denied, and says what is missing

// An immutable set of principals: `local` and what the file names.
class Principals {
 public:
  Principals();
  static Result<Principals> parse(std::string_view yaml, std::string_view file);
  static Result<Principals> load(const std::string& path);

  // Nothing when unknown. The time taken does not depend on which keys are close to `key`. Never gives
  // `local`.
  std::shared_ptr<const Principal> by_key(std::span<const std::uint8_t> key) const;
  std::shared_ptr<const Principal> by_name(std::string_view name) const;
  // For the User-Id of a message. Nothing when it is empty: a connection that nobody judged is nobody.
  std::shared_ptr<const Principal> by_user(std::string_view user_id) const;
  std::shared_ptr<const Principal> local() const { return all_.front(); }
  std::size_t size() const { return all_.size(); }

 private:
  std::vector<std::shared_ptr<const Principal>> all_;  // `local` first, then in the order of the file
};

// The set in force: swapped whole by a reload while other threads look things up.
class PrincipalBook {
 public:
  PrincipalBook() : current_(std::make_shared<const Principals>()) {}
  explicit PrincipalBook(Principals principals)
      : current_(std::make_shared<const Principals>(std::move(principals))) {}

  std::shared_ptr<const Principals> current() const;
  // A file that cannot be read or is wrong leaves the set as it was. After success sessions look their
  // principal up again by name: whoever is gone, or now has another key, is cut off.
  Status reload(const std::string& path);

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const Principals> current_;
};

}  // namespace hirehall::server
