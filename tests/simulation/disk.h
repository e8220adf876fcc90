// The store of a world: the in-memory twin, whose commits become durable when the world says so, fail when
// the weather says so, and are looked at for the table of transitions.
#pragma once

#include <memory>

#include "broker/store/memory_store.h"
#include "tests/simulation/scene.h"

namespace hirehall::sim {

std::unique_ptr<store::Store> watched_store(Scene& scene, std::shared_ptr<store::MemoryDisk> disk);

}  // namespace hirehall::sim
