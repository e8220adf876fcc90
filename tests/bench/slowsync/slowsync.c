// Preloaded into a program: its calls that wait for the disk take HIREHALL_SYNC_DELAY_MS longer, as on a disk
// without a power-safe cache. With HIREHALL_SYNC_COUNT=FILE the number of calls stands in the first eight
// bytes of that file, in the machine's byte order.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static _Atomic uint64_t own_count;
static _Atomic uint64_t* count = &own_count;
static struct timespec delay;

static int (*next_fsync)(int);
static int (*next_fdatasync)(int);
static int (*next_sync_file_range)(int, off64_t, off64_t, unsigned int);

static void* next_of(const char* name) {
  void* found = dlsym(RTLD_NEXT, name);
  if (!found) abort();
  return found;
}

static void open_count(const char* file) {
  int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return;
  if (ftruncate(fd, sizeof own_count) == 0) {
    void* shared = mmap(NULL, sizeof own_count, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (shared != MAP_FAILED) count = shared;
  }
  close(fd);
}

__attribute__((constructor)) static void prepare(void) {
  *(void**)&next_fsync = next_of("fsync");
  *(void**)&next_fdatasync = next_of("fdatasync");
  *(void**)&next_sync_file_range = next_of("sync_file_range");
  const char* ms = getenv("HIREHALL_SYNC_DELAY_MS");
  double us = ms ? strtod(ms, NULL) * 1000 : 0;
  if (us > 0) {
    delay.tv_sec = (time_t)(us / 1e6);
    delay.tv_nsec = (long)((us - (double)delay.tv_sec * 1e6) * 1000);
  }
  const char* file = getenv("HIREHALL_SYNC_COUNT");
  if (file) open_count(file);
}

static void wait_as_the_disk_would(void) {
  atomic_fetch_add_explicit(count, 1, memory_order_relaxed);
  struct timespec left = delay;
  while ((left.tv_sec || left.tv_nsec) && nanosleep(&left, &left) != 0 && errno == EINTR) {
  }
}

int fsync(int fd) {
  wait_as_the_disk_would();
  return next_fsync(fd);
}

int fdatasync(int fd) {
  wait_as_the_disk_would();
  return next_fdatasync(fd);
}

// Without a wait flag it only starts the writing and returns, on any disk.
int sync_file_range(int fd, off64_t offset, off64_t bytes, unsigned int flags) {
  if (flags & (SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WAIT_AFTER)) wait_as_the_disk_would();
  return next_sync_file_range(fd, offset, bytes, flags);
}
