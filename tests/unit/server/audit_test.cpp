// Nothing that needs a right can be forgotten: what neither a viewer nor a worker may do is audited, and has
// a name.
#include "broker/server/audit.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "broker/server/principals.h"
#include "common/ids.h"
#include "common/limits.h"
#include "common/msgpack.h"

namespace hirehall::server {
namespace {

using wire::Kind;

std::string document() {
  std::ifstream in(std::string(HIREHALL_SOURCE_DIR) + "/docs/audit.md");
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

TEST(Audit, EveryActHasANameAndStandsInTheDocument) {
  const auto text = document();
  int audited = 0;
  for (unsigned number = 1; number < 256; ++number) {
    const auto kind = static_cast<Kind>(number);
    if (!privileged(kind)) continue;
    ++audited;
    EXPECT_FALSE(act_of(kind).starts_with("request_"))
        << "give it a label in metrics_text.cpp: kind " << number;
    EXPECT_NE(text.find("`" + act_of(kind) + "`"), std::string::npos)
        << act_of(kind) << " is missing in docs/audit.md";
  }
  EXPECT_GE(audited, 23);
}

TEST(Audit, WhatEverybodyDoesAndWhatOnlyLooksIsNoAct) {
  for (const auto kind :
       {Kind::hello, Kind::submit, Kind::get, Kind::list, Kind::finish, Kind::report, Kind::register_worker,
        Kind::heartbeat, Kind::backup_list, Kind::backup_status, Kind::audit_list, Kind::award, Kind::ok})
    EXPECT_FALSE(privileged(kind)) << static_cast<int>(kind);
  for (const auto kind :
       {Kind::queue_set, Kind::pause, Kind::cancel, Kind::answer, Kind::dead_purge, Kind::bulk_start,
        Kind::schedule_set, Kind::limit_delete, Kind::backup_delete, Kind::worker_drain, Kind::agent_unlearn})
    EXPECT_TRUE(privileged(kind)) << static_cast<int>(kind);
  EXPECT_FALSE(privileged(static_cast<Kind>(5000)));
}

TEST(Audit, RequestsAreDescribedWithoutWhatMayBeSecret) {
  std::string body;
  msgpack::Writer w(body);
  const auto id = IdMaker({1}, 0, 1).make(7);
  w.map(7);
  w.str("ids");
  w.array(10);
  for (int i = 0; i < 10; ++i) w.bin(id.raw());
  w.entry("reason", "because");
  w.entry_bin("value", "a secret answer");
  w.entry("payload", "a secret payload");
  w.entry("token", "a secret token");
  w.str("options");
  w.map(1);
  w.entry("context", "a secret option");
  w.entry_sint("grace_ms", -5);
  const auto described = describe_request(body);
  EXPECT_EQ(described.reason, "because");
  EXPECT_NE(described.target.find(id.text()), std::string::npos);
  EXPECT_NE(described.target.find("and 2 more"), std::string::npos);
  EXPECT_EQ(described.target.find("secret"), std::string::npos) << described.target;
  EXPECT_NE(described.target.find("payload=16 bytes"), std::string::npos) << described.target;
  EXPECT_NE(described.target.find("grace_ms=-5"), std::string::npos);
}

TEST(Audit, DescriptionsAreBoundedWhateverTheRequestIs) {
  std::string body;
  msgpack::Writer w(body);
  w.map(3);
  w.entry("reason", std::string(100'000, 'r'));
  w.entry("name", std::string(100'000, 'n'));
  w.str("ids");
  w.array(4096);
  for (int i = 0; i < 4096; ++i) w.str("0123456789012345678901234567890123456789");
  const auto described = describe_request(body);
  EXPECT_LE(described.target.size(), limits::audit_text_bytes_max);
  EXPECT_LE(described.reason.size(), limits::audit_text_bytes_max);
  for (std::size_t cut = 0; cut < 200; ++cut) describe_request(std::string_view(body).substr(0, cut));
  EXPECT_EQ(describe_request("\xc1").target, "");
}

TEST(Audit, ResultsOfManyAreCounted) {
  std::string body;
  msgpack::Writer w(body);
  w.array(3);
  w.uint(0), w.uint(7), w.bin("sixteen bytes id");
  EXPECT_EQ(result_of(body), "2 of 3");
  std::string map;
  msgpack::Writer(map).map(0);
  EXPECT_EQ(result_of(map), "ok");
}

TEST(Audit, OnlyNamesOfErrorsAreRefusals) {
  EXPECT_TRUE(was_refused("denied"));
  EXPECT_TRUE(was_refused("denied (5 more before were left out)"));
  EXPECT_TRUE(was_refused("not_found"));
  EXPECT_FALSE(was_refused("ok"));
  EXPECT_FALSE(was_refused("ok: 2 changed"));
  EXPECT_FALSE(was_refused("2 of 3"));
  EXPECT_FALSE(was_refused("unanswered"));
}

engine::Audited act(const std::string& who, const std::string& target = "t") {
  return {0, who, "cli", "pause", target, "why", ""};
}

TEST(AuditDesk, AnActEndsWithItsAnswer) {
  AuditDesk desk;
  EXPECT_TRUE(desk.idle());
  desk.begin("c", 1, act("eve", "first"));
  desk.begin("c", 2, act("eve", "second"));
  desk.answered("c", 3, 0);
  desk.answered("d", 1, 0);
  EXPECT_FALSE(desk.has_ended());
  desk.answered("c", 2, 7);
  desk.refused("c", 1, Code::not_found, 1000);
  EXPECT_TRUE(desk.idle());
  const auto ended = desk.take();
  ASSERT_EQ(ended.size(), 2u);
  EXPECT_EQ(ended[0].act.target, "second");
  EXPECT_EQ(ended[0].answer, 7u);
  EXPECT_EQ(ended[1].act.target, "first");
  EXPECT_EQ(ended[1].act.result, "not_found");
  EXPECT_FALSE(desk.has_ended());
}

TEST(AuditDesk, ANumberUsedTwiceHidesNothing) {
  AuditDesk desk;
  desk.begin("c", 1, act("eve", "purge"));
  desk.begin("c", 1, act("eve", "harmless"));
  desk.answered("c", 1, 0);
  desk.answered("c", 1, 1);
  const auto ended = desk.take();
  ASSERT_EQ(ended.size(), 2u);
  EXPECT_EQ(ended[0].act.target, "purge");
  EXPECT_EQ(ended[1].act.target, "harmless");
}

TEST(AuditDesk, WhoLeavesLeavesItsActs) {
  AuditDesk desk;
  desk.begin("a", 1, act("ada"));
  desk.begin("b", 1, act("eve"));
  desk.begin("b", 9, act("eve"));
  desk.begin("c", 1, act("kim"));
  desk.gone("b");
  const auto ended = desk.take();
  ASSERT_EQ(ended.size(), 2u);
  for (const auto& one : ended) EXPECT_EQ(one.act.who + " " + one.act.result, "eve unanswered");
  desk.answered("a", 1, 0);
  desk.answered("c", 1, 1);
  EXPECT_TRUE(desk.idle());
}

TEST(AuditDesk, DeniedActsAreBoundedByPrincipalAndTheRestIsCounted) {
  AuditDesk desk;
  const auto deny = [&](const std::string& who, Millis now) {
    desk.begin("c", 1, act(who));
    desk.refused("c", 1, Code::denied, now);
  };
  for (int i = 0; i < 1000; ++i) deny("eve", 1000);
  deny("kim", 1000);
  EXPECT_EQ(desk.take().size(), limits::audit_denied_per_minute + 1);
  EXPECT_EQ(desk.left_out(), 1000 - limits::audit_denied_per_minute);
  deny("eve", 61'000);
  const auto ended = desk.take();
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].act.result, "denied (" + std::to_string(1000 - limits::audit_denied_per_minute) +
                                     " more before were left out)");
  EXPECT_TRUE(was_refused(ended[0].act.result));
}

}  // namespace
}  // namespace hirehall::server
