// The file system under RocksDB, with two habits of ours where RocksDB trusts in more order than a disk
// promises.
#pragma once

#include <memory>

namespace rocksdb {
class Env;
}

namespace hirehall::store {

// 1. Names are durable before CURRENT refers to them. RocksDB's recovery writes tables and a manifest,
// renames
//    CURRENT and syncs the directory after that; the power may go in between and leave the new CURRENT alone.
// 2. A manifest that counts grows sector by sector. RocksDB takes a short tail for the end, but a hole in
// front
//    of later bytes for damage, and would refuse a store from which nothing is missing. It grows by a sector
//    or three for each flush, so the syncs are few.
// `base` (null: the system's own) must outlive it.
std::unique_ptr<rocksdb::Env> make_ordered_disk(rocksdb::Env* base);

}  // namespace hirehall::store
