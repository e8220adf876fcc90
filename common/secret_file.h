// Whether a file keeps a secret by its mode: nobody but its owner may read it. Of root's, its group may as
// well, where we are somebody else: so systemd's credentials and mounted secrets come.
#pragma once

#include <sys/stat.h>
#include <unistd.h>

namespace hirehall {

inline bool keeps_secret(const struct stat& file) {
  const auto open = file.st_mode & (S_IRWXG | S_IRWXO);
  return open == 0 || (open == S_IRGRP && file.st_uid == 0 && ::geteuid() != 0);
}

}  // namespace hirehall
