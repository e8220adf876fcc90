#include "broker/server/offline.h"

#include <cstdio>
#include <iostream>

#include "broker/engine/audit.h"
#include "broker/engine/engine.h"
#include "broker/store/restoring.h"
#include "broker/store/verify.h"
#include "common/options.h"

namespace hirehall::server {
namespace {

using store::Family;

Status decode_part(std::string_view value) {
  engine::PartReader facts(value);
  if (facts.version() != engine::facts_part_version)
    return fail(Code::corrupt, "facts of an unknown version");
  while (facts.next())
    if (!engine::known_fact(static_cast<std::uint8_t>(facts.kind())))
      return fail(Code::corrupt, "a fact of unknown kind " + std::to_string(static_cast<int>(facts.kind())));
  if (!facts.ok()) return fail(Code::corrupt, "facts end in the middle");
  return {};
}

Status decode(engine::AuditCheck& audit, Family family, std::string_view key, std::string_view value) {
  switch (family) {
    case Family::bodies: {
      auto record = engine::decode_body_record(value);
      if (!record) return tl::unexpected<Error>(record.error());
      if (record->first != store::number_of(key))
        return fail(Code::corrupt, "a body record lies under a foreign key");
      return {};
    }
    case Family::facts:
      return decode_part(value);
    case Family::pages: {
      auto page = engine::decode_page(value);
      if (!page) return tl::unexpected<Error>(page.error());
      return {};
    }
    case Family::timers:
      if (!engine::read_timer_key(key)) return fail(Code::corrupt, "a timer has a malformed key");
      return {};
    case Family::records:
      return key.starts_with(engine::audit_tag) ? audit.look(key, value) : Status();
    case Family::meta: {
      if (key != engine::audit_key) return {};
      engine::AuditTrail trail;
      if (!engine::decode_record(value, trail)) return fail(Code::corrupt, "the audit trail is malformed");
      audit = engine::AuditCheck(trail);
      return {};
    }
    default:
      return {};
  }
}

void show_progress(std::string_view what, std::uint64_t done, std::uint64_t expected) {
  std::fprintf(stderr, "%.*s: %llu of about %llu records\n", static_cast<int>(what.size()), what.data(),
               static_cast<unsigned long long>(done), static_cast<unsigned long long>(expected));
}

OptionTable offline_options(const std::string& verb) {
  OptionTable table("hirehall-broker " + verb, verb == "inspect"  ? "Shows what a store holds."
                                               : verb == "verify" ? "Checks every record of a store."
                                                                  : "Makes a store out of a backup.");
  table.text("data", "", verb == "restore" ? "empty directory for the store" : "directory of the store",
             "DIR");
  if (verb == "restore") {
    table.text("backups", "", "folder of backups", "DIR");
    table.number("backup", 0, {0, INT64_MAX}, "which one; 0: the newest that can be read");
    table.epilogue(
        "The broker that wrote the backup need not be stopped, but must not serve the same clients any "
        "more.\n"
        "Exit codes: 0 restored, 1 the disk is full or failed, 64 wrong options, 65 the backup cannot be "
        "read.");
  }
  return table.section(8);
}

int inspect_store(const std::string& path) {
  auto found = store::inspect(path, show_progress);
  if (!found) {
    std::fprintf(stderr, "hirehall-broker inspect: %s\n", describe(found.error()).c_str());
    return 65;
  }
  std::cout << "format " << found->identity.format << ", shard " << found->identity.shard << ", incarnation "
            << found->identity.incarnation << "\nlast commit " << found->last_commit << ", watermark "
            << found->watermark << "\n";
  for (const auto& family : found->families)
    std::cout << store::name_of(family.family) << ": " << family.records << " records, "
              << family.key_bytes + family.value_bytes << " bytes\n";
  return 0;
}

int verify_store(const std::string& path) {
  engine::AuditCheck audit;
  auto found = store::verify(
      path,
      [&](Family family, std::string_view key, std::string_view value) {
        return decode(audit, family, key, value);
      },
      show_progress);
  if (!found) {
    std::fprintf(stderr, "hirehall-broker verify: %s\n", describe(found.error()).c_str());
    return 65;
  }
  if (auto whole = audit.end(); !whole) {
    ++found->findings_total;
    found->findings.push_back(whole.error());
  }
  if (const auto& trail = audit.trail())
    std::cout << "audit log: entries " << trail->first << " to " << trail->next - 1 << ", head "
              << (trail->head.empty() ? "none" : hex_of(trail->head)) << "\n";
  for (const auto& finding : found->findings) std::cout << describe(finding) << "\n";
  std::cout << found->records << " records, commits " << found->first_facts << " to " << found->last_commit
            << ", watermark " << found->watermark << ": "
            << (found->sound() ? "sound"
                               : std::to_string(found->findings_total) + " findings; restore a backup")
            << "\n";
  return found->sound() ? 0 : 1;
}

int exit_of(const Error& error) {
  switch (error.code) {
    case Code::not_found:
    case Code::conflict:
    case Code::invalid:
      return 64;
    case Code::disk_full:
    case Code::io:
      return 1;
    default:
      return 65;
  }
}

int restore_store(const OptionValues& options) {
  store::RestoreRequest request;
  request.backups = options.text("backups");
  request.data = options.text("data");
  if (options.number("backup") != 0) request.number = static_cast<std::uint64_t>(options.number("backup"));
  std::uint64_t told = 0;
  request.progress = [&](std::uint64_t done, std::uint64_t total) {
    constexpr std::uint64_t step = 256u << 20;
    if (done / step == told / step && done != total) return true;
    told = done;
    std::fprintf(stderr, "restore: %s of %s\n", render_bytes(static_cast<std::int64_t>(done)).c_str(),
                 render_bytes(static_cast<std::int64_t>(total)).c_str());
    return true;
  };
  auto restored = store::restore(request);
  if (!restored) {
    std::fprintf(stderr, "hirehall-broker restore: %s\n", describe(restored.error()).c_str());
    return exit_of(restored.error());
  }
  std::cout << "restored backup " << restored->manifest.number << ": last commit " << restored->commit
            << ", incarnation " << restored->identity.incarnation << ", " << restored->manifest.bytes()
            << " bytes\n"
            << "start the broker with --data " << request.data
            << "; what was submitted after the backup is not in it\n";
  return 0;
}

}  // namespace

int run_offline(int argc, char** argv) {
  const std::string verb = argv[0];
  const auto complain = [&](const std::string& what) {
    std::fprintf(stderr, "hirehall-broker %s: %s\n", verb.c_str(), what.c_str());
    return 64;
  };
  const auto table = offline_options(verb);
  auto options = table.parse(argc, argv);
  if (!options) return complain(describe(options.error()));
  if (options->answer()) {
    std::cout << *options->answer();
    return 0;
  }
  if (options->text("data").empty()) return complain("--data DIR is needed");
  if (verb == "inspect") return inspect_store(options->text("data"));
  if (verb == "verify") return verify_store(options->text("data"));
  if (options->text("backups").empty()) return complain("--backups DIR is needed");
  return restore_store(*options);
}

}  // namespace hirehall::server
