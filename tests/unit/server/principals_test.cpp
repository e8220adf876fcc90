#include "broker/server/principals.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "broker/server/curve.h"
#include "tests/unit/server/scratch.h"

namespace hirehall::server {
namespace {

using wire::Kind;

// Any 40 characters of z85 that decode are a key.
std::string key_number(int n) {
  std::array<std::uint8_t, 32> bytes{};
  bytes[0] = static_cast<std::uint8_t>(n);
  bytes[31] = 1;
  std::array<char, 41> text{};
  zmq_z85_encode(text.data(), bytes.data(), bytes.size());
  return text.data();
}

std::string entry(const std::string& name, int key, const std::string& rest) {
  return "  - name: " + name + "\n    public_key: '" + key_number(key) + "'\n" + rest;
}

std::string one(const std::string& rest) {
  return "principals:\n" + entry("alice", 1, rest);
}

Error refused(const std::string& yaml) {
  auto principals = Principals::parse(yaml, "p.yaml");
  EXPECT_FALSE(principals) << yaml;
  return principals ? Error{} : principals.error();
}

Principal with_role(Role role) {
  Principal principal;
  principal.name = "somebody";
  principal.roles[static_cast<std::size_t>(role)] = true;
  principal.tenants = principal.queues = principal.types = Scope::everything();
  return principal;
}

// The table of docs/security.md, written a second time: v viewer, o operator, d developer, a admin, w worker.
const std::map<Kind, std::string> table = {
    {Kind::hello, "vodaw"},
    {Kind::heartbeat, "vodaw"},
    {Kind::submit, "da"},
    {Kind::answer, "oda"},
    {Kind::cancel, "oda"},
    {Kind::dead_retry, "oda"},
    {Kind::get, "voda"},
    {Kind::wait, "voda"},
    {Kind::list, "voda"},
    {Kind::explain, "voda"},
    {Kind::inbox, "voda"},
    {Kind::batch_list, "voda"},
    {Kind::batch_show, "voda"},
    {Kind::batch_close, "da"},
    {Kind::batch_wait, "voda"},
    {Kind::subscribe, "voda"},
    {Kind::seen, "voda"},
    {Kind::unsubscribe, "voda"},
    {Kind::queue_list, "voda"},
    {Kind::queue_show, "voda"},
    {Kind::dead_list, "voda"},
    {Kind::worker_list, "voda"},
    {Kind::stats, "voda"},
    {Kind::agent_list, "voda"},
    {Kind::agent_show, "voda"},
    {Kind::agent_forget, "oa"},
    {Kind::dead_purge, "oda"},
    {Kind::worker_drain, "oa"},
    {Kind::queue_set, "oa"},
    {Kind::pause, "oa"},
    {Kind::resume, "oa"},
    {Kind::schedule_set, "da"},
    {Kind::schedule_list, "voda"},
    {Kind::schedule_show, "voda"},
    {Kind::schedule_delete, "oda"},
    {Kind::schedule_pause, "oda"},
    {Kind::schedule_resume, "oda"},
    {Kind::schedule_trigger, "oda"},
    {Kind::backup_create, "oa"},
    {Kind::backup_status, "oa"},
    {Kind::backup_list, "oa"},
    {Kind::backup_verify, "oa"},
    {Kind::backup_delete, "a"},
    {Kind::audit_list, "oa"},
    {Kind::limit_set, "oa"},
    {Kind::limit_list, "voda"},
    {Kind::limit_show, "voda"},
    {Kind::limit_delete, "oa"},
    {Kind::limit_pause, "oa"},
    {Kind::breaker_list, "voda"},
    {Kind::breaker_show, "voda"},
    {Kind::breaker_reset, "oa"},
    {Kind::breaker_trip, "oa"},
    {Kind::register_worker, "aw"},
    {Kind::finish, "aw"},
    {Kind::worker_heartbeat, "aw"},
    {Kind::holding, "aw"},
    {Kind::report, "aw"},
    {Kind::drain, "aw"},
    {Kind::bid, "aw"},
    {Kind::dead_groups, "voda"},
    {Kind::bulk_list, "voda"},
    {Kind::bulk_start, "oda"},
    {Kind::bulk_stop, "oda"},
    {Kind::logs, "voda"},
    {Kind::tenant_list, "voda"},
    {Kind::agent_stats, "voda"},
    {Kind::lane_list, "voda"},
    {Kind::agent_unlearn, "oa"},
    {Kind::usage, "voda"},
    {Kind::budget_set, "oa"},
    {Kind::budget_list, "voda"},
    {Kind::budget_delete, "oa"},
};

TEST(Roles, grant_exactly_what_the_table_says_for_every_role_and_kind) {
  const std::string letters = "vodaw";
  for (std::size_t r = 0; r < role_count; ++r) {
    const auto role = static_cast<Role>(r);
    const auto principal = with_role(role);
    for (unsigned number = 0; number <= 0xffff; ++number) {
      const auto kind = static_cast<Kind>(number);
      const auto row = table.find(kind);
      const bool expected = row != table.end() && row->second.find(letters[r]) != std::string::npos;
      ASSERT_EQ(role_may(role, kind), expected) << name_of(role) << " and kind " << number;
      ASSERT_EQ(may(principal, kind), expected);
      ASSERT_EQ(allowed(principal, kind).has_value(), expected);
    }
  }
}

TEST(Roles, nobody_may_send_what_only_the_broker_sends) {
  const auto admin = with_role(Role::admin);
  for (auto kind : {Kind::welcome, Kind::ok, Kind::error, Kind::submitted, Kind::results, Kind::award,
                    Kind::stop, Kind::lost}) {
    EXPECT_FALSE(may(admin, kind));
  }
}

TEST(Roles, a_principal_without_roles_may_not_even_say_hello) {
  const auto status = allowed(Principal{}, Kind::hello);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::denied);
}

TEST(Scopes, refuse_the_tenant_queue_or_type_that_is_not_listed) {
  auto alice = with_role(Role::developer);
  alice.tenants = Scope{false, {"red"}};
  alice.queues = Scope{false, {"mail"}};
  alice.types = Scope{false, {"send"}};
  EXPECT_TRUE(allowed(alice, Kind::submit, {"red", "mail", "send"}));
  EXPECT_TRUE(allowed(alice, Kind::submit, {"red"}));
  for (const Claim& claim :
       {Claim{"blue", "mail", "send"}, Claim{"red", "print", "send"}, Claim{"red", "mail", "eat"}}) {
    const auto status = allowed(alice, Kind::submit, claim);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, Code::denied);
    EXPECT_NE(status.error().message.find("principals file"), std::string::npos) << status.error().message;
  }
}

TEST(Scopes, an_empty_scope_contains_nothing) {
  EXPECT_FALSE(Scope{}.contains("default"));
}

TEST(Principals, know_local_as_an_admin_of_all_tenants_without_a_key) {
  const Principals principals;
  const auto local = principals.local();
  EXPECT_EQ(local->name, "local");
  EXPECT_EQ(local->tenant, "default");
  EXPECT_TRUE(local->has(Role::admin));
  EXPECT_TRUE(allowed(*local, Kind::submit, {"anything", "anywhere", "whatever"}));
  EXPECT_FALSE(principals.by_key(PublicKey{})) << "a key of zeros must not open the door to local";
}

TEST(Principals, are_found_by_key_and_by_name) {
  const auto yaml = "principals:\n" + entry("alice", 1, "    roles: [developer]\n    tenants: [red]\n") +
                    entry("bob", 2, "    roles: [viewer, operator]\n    tenants: '*'\n");
  const auto principals = Principals::parse(yaml, "p.yaml");
  ASSERT_TRUE(principals) << describe(principals.error());
  const auto key = decode_key(key_number(2), "");
  ASSERT_TRUE(key);
  const auto bob = principals->by_key(*key);
  ASSERT_TRUE(bob);
  EXPECT_EQ(bob->name, "bob");
  EXPECT_TRUE(bob->has(Role::operate));
  EXPECT_FALSE(bob->has(Role::admin));
  EXPECT_EQ(principals->by_name("alice")->tenant, "red") << "the only tenant is the default one";
  EXPECT_FALSE(principals->by_name("carol"));
  EXPECT_EQ(principals->by_user(bob->user_id), bob);
  EXPECT_EQ(principals->by_user("local"), principals->local());
  for (const auto* nobody : {"", "bob", "bob/", "carol"}) EXPECT_FALSE(principals->by_user(nobody)) << nobody;
  EXPECT_FALSE(principals->by_key(std::span<const std::uint8_t>(key->data(), 31)));
}

TEST(PrincipalsFile, names_file_and_line_of_what_is_wrong) {
  struct Case {
    std::string yaml;
    std::string message;
    std::string context;
  };
  const std::string fine = "    roles: [viewer]\n    tenants: [red]\n";
  const Case cases[] = {
      {"principals: [", "YAML", "p.yaml:"},
      {"people: []", "unknown key 'people'", "p.yaml:1"},
      {"principals: 5", "must be a list", "p.yaml"},
      {one("    roles: [king]\n    tenants: [red]\n"), "unknown role 'king'", "p.yaml:4"},
      {one("    roles: [viewer]\n"), "'tenants' is missing", "p.yaml:2"},
      {one("    tenants: [red]\n"), "'roles' is missing", "p.yaml:2"},
      {one(fine + "    colour: red\n"), "unknown key 'colour'", "p.yaml:6"},
      {one(fine + "    roles: [admin]\n"), "stands twice", "p.yaml:6"},
      {one(fine + "    tenant: blue\n"), "not among 'tenants'", "p.yaml:6"},
      {one("    roles: [viewer]\n    tenants: ['*', red]\n"), "no list", "p.yaml:5"},
      {one("    roles: [developer]\n    tenants: [red, blue]\n"), "'tenant' is missing", "p.yaml:2"},
      {one("    roles: [worker]\n    tenants: '*'\n"), "'queues' is missing", "p.yaml:2"},
      {one("    roles: [worker]\n    tenants: '*'\n    queues: '*'\n"), "'types' is missing", "p.yaml:2"},
      {"principals:\n" + entry("alice", 1, fine) + entry("alice", 2, fine), "is taken at p.yaml:2",
       "p.yaml:6"},
      {"principals:\n" + entry("alice", 1, fine) + entry("bob", 1, fine), "is taken at p.yaml:2", "p.yaml:6"},
      {"principals:\n" + entry("local", 1, fine), "built-in", "p.yaml:2"},
      {"principals:\n" + entry("'a b'", 1, fine), "letters", "p.yaml:2"},
      {"principals:\n  - name: eve\n    public_key: short\n" + fine, "40 characters", "p.yaml:3"},
  };
  for (const auto& c : cases) {
    const auto error = refused(c.yaml);
    EXPECT_EQ(error.code, Code::invalid);
    EXPECT_NE(error.message.find(c.message), std::string::npos) << error.message << "\n" << c.yaml;
    EXPECT_TRUE(error.context.starts_with(c.context)) << error.context << "\n" << c.yaml;
  }
}

TEST(PrincipalsFile, refuses_the_keys_of_the_manual) {
  for (const std::string key :
       {"Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID", "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"}) {
    const auto error = refused("principals:\n  - name: eve\n    public_key: '" + key +
                               "'\n    roles: [admin]\n    tenants: '*'\n");
    EXPECT_NE(error.message.find("zmq_curve(7)"), std::string::npos) << error.message;
  }
}

TEST(PrincipalsFile, that_is_huge_or_writable_by_others_is_refused) {
  const Scratch scratch;
  const auto path = scratch.file("p.yaml", "principals: []\n", 0644);
  EXPECT_TRUE(Principals::load(path));
  ::chmod(path.c_str(), 0646);
  const auto open = Principals::load(path);
  ASSERT_FALSE(open);
  EXPECT_NE(open.error().message.find("chmod 0644"), std::string::npos) << open.error().message;
  const auto huge = Principals::load(scratch.file("huge.yaml", std::string(5u << 20, '#'), 0644));
  ASSERT_FALSE(huge);
  EXPECT_EQ(huge.error().code, Code::invalid);
  const auto missing = Principals::load(scratch.path("none.yaml"));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Code::io);
  EXPECT_FALSE(Principals::load(scratch.directory()));
}

TEST(PrincipalsFile, of_hostile_depth_is_an_error_and_not_a_crash) {
  EXPECT_EQ(refused("principals: " + std::string(200000, '[')).code, Code::invalid);
  EXPECT_EQ(refused("principals: " + std::string(200000, '{')).code, Code::invalid);
  EXPECT_EQ(refused(std::string("principals: [\0]", 15)).code, Code::invalid);
}

TEST(PrincipalBook, keeps_the_old_set_when_the_new_file_is_wrong) {
  const Scratch scratch;
  const auto path = scratch.file("p.yaml", one("    roles: [viewer]\n    tenants: [red]\n"), 0644);
  PrincipalBook book;
  ASSERT_TRUE(book.reload(path));
  const auto before = book.current();
  EXPECT_EQ(before->size(), 2u);

  scratch.file("p.yaml", "principals: 7", 0644);
  EXPECT_FALSE(book.reload(path));
  EXPECT_EQ(book.current(), before);

  scratch.file("p.yaml", "principals: []", 0644);
  ASSERT_TRUE(book.reload(path));
  EXPECT_FALSE(book.current()->by_name("alice"));
  EXPECT_TRUE(before->by_name("alice")) << "whoever holds the old set may go on reading it";
}

TEST(CurveKeys, come_from_a_file_of_ones_own) {
  const Scratch scratch;
  std::array<char, 41> public_key{};
  std::array<char, 41> secret_key{};
  ASSERT_EQ(zmq_curve_keypair(public_key.data(), secret_key.data()), 0);
  const std::string text = std::string("# the broker's secret key\n") + secret_key.data() + "\n";
  const auto keys = load_curve_keys(scratch.file("key", text, 0600));
  ASSERT_TRUE(keys) << describe(keys.error());
  EXPECT_EQ(keys->public_key, public_key.data());

  const auto open = load_curve_keys(scratch.file("open", text, 0640));
  ASSERT_FALSE(open);
  EXPECT_NE(open.error().message.find("chmod 0600"), std::string::npos) << open.error().message;
  EXPECT_FALSE(load_curve_keys(scratch.file("manual", "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6\n", 0600)));
  EXPECT_FALSE(load_curve_keys(scratch.file("empty", "", 0600)));
  EXPECT_FALSE(load_curve_keys(scratch.file("text", "forty characters that are certainly no z8", 0600)));
}

TEST(CurveKeys, never_show_the_secret_in_an_error) {
  const Scratch scratch;
  const std::string secret(39, 'x');
  const auto keys = load_curve_keys(scratch.file("key", secret, 0600));
  ASSERT_FALSE(keys);
  EXPECT_EQ(describe(keys.error()).find(secret), std::string::npos);
}

}  // namespace
}  // namespace hirehall::server
