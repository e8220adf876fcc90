// A file system under RocksDB that tells a recorder what is done, and fails where the recorder says so.
#pragma once

#include <memory>

namespace rocksdb {
class Env;
}

namespace hirehall::images {

class Recorder;

// The recorder must outlive it.
std::unique_ptr<rocksdb::Env> make_recording_disk(Recorder& recorder);

}  // namespace hirehall::images
