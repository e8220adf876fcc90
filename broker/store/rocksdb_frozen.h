#pragma once

#include <memory>

#include "broker/store/frozen.h"
#include "broker/store/rocksdb_database.h"

namespace hirehall::store {

// `commit`: the last one that is durable. It must not outlive the database.
Result<std::unique_ptr<Frozen>> freeze(const Database& database, std::uint64_t commit);

}  // namespace hirehall::store
