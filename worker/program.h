// How the program of an agent of kind process is started.
#pragma once

#include "worker/child.h"
#include "worker/definition.h"

namespace hirehall::worker {

// A program named with a slash is looked for beside the definition; it runs in the folder of the definition.
ChildSpec program_of(const Definition& definition);

}  // namespace hirehall::worker
