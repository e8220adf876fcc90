#include "broker/server/offline.h"

#include <cstdio>
#include <iostream>

#include "broker/engine/engine.h"
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

Status decode(Family family, std::string_view key, std::string_view value) {
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
    default:
      return {};
  }
}

void show_progress(std::string_view what, std::uint64_t done, std::uint64_t expected) {
  std::fprintf(stderr, "%.*s: %llu of about %llu records\n", static_cast<int>(what.size()), what.data(),
               static_cast<unsigned long long>(done), static_cast<unsigned long long>(expected));
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
  auto found = store::verify(path, decode, show_progress);
  if (!found) {
    std::fprintf(stderr, "hirehall-broker verify: %s\n", describe(found.error()).c_str());
    return 65;
  }
  for (const auto& finding : found->findings) std::cout << describe(finding) << "\n";
  std::cout << found->records << " records, commits " << found->first_facts << " to " << found->last_commit
            << ", watermark " << found->watermark << ": "
            << (found->sound() ? "sound"
                               : std::to_string(found->findings_total) + " findings; restore a backup")
            << "\n";
  return found->sound() ? 0 : 1;
}

}  // namespace

int run_offline(int argc, char** argv) {
  std::string verb = argv[0];
  OptionTable table("hirehall-broker " + verb,
                    verb == "inspect" ? "Shows what a store holds." : "Checks every record of a store.");
  table.text("data", "", "directory of the store", "DIR");
  auto options = table.parse(argc, argv);
  if (!options || (!options->answer() && options->text("data").empty())) {
    std::fprintf(stderr, "hirehall-broker %s: %s\n", verb.c_str(),
                 options ? "--data DIR is needed" : describe(options.error()).c_str());
    return 64;
  }
  if (options->answer()) {
    std::cout << *options->answer();
    return 0;
  }
  return verb == "inspect" ? inspect_store(options->text("data")) : verify_store(options->text("data"));
}

}  // namespace hirehall::server
