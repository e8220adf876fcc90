// Looking at a store that no broker has open. Nothing in it is changed, not even its logs.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/store/store.h"
#include "broker/store/wal_scan.h"

namespace hirehall::store {

// Called every few thousand records: what is being read, how many records of it so far, how many RocksDB
// expects.
using Progress = std::function<void(std::string_view what, std::uint64_t done, std::uint64_t expected)>;

struct FamilyReport {
  Family family = Family::meta;
  std::uint64_t records = 0;
  std::uint64_t key_bytes = 0;
  std::uint64_t value_bytes = 0;
  std::string first_key;  // empty when there is no record
  std::string last_key;
};

struct Inspection {
  Identity identity;
  std::uint64_t last_commit = 0;
  std::uint64_t watermark = 0;
  WalScan logs;
  std::array<FamilyReport, family_count> families;
};

// not_found, unsupported, conflict (a broker has it open), corrupt.
Result<Inspection> inspect(const std::string& path, const Progress& progress);

// Says whether a record can be decoded; whoever writes the records knows.
using Decode = std::function<Status(Family family, std::string_view key, std::string_view value)>;

struct Verification {
  Identity identity;
  std::uint64_t last_commit = 0;
  std::uint64_t watermark = 0;
  std::uint64_t records = 0;
  std::uint64_t first_facts = 0;  // commit of the oldest record of facts; 0 when there is none
  std::uint64_t findings_total = 0;
  std::vector<Error> findings;  // the first hundred; none means sound

  bool sound() const { return findings_total == 0; }
};

// Every block's checksum, every record's form, logs and watermark against the commits recovered, and the
// facts: a record for each commit from the oldest kept to the last, parts of a commit numbered from 0. An
// error means that nothing could be verified; what is wrong inside is a finding.
Result<Verification> verify(const std::string& path, const Decode& decode, const Progress& progress);

}  // namespace hirehall::store
