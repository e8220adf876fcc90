#!/bin/bash
# run.sh TREE COMMAND...  runs a command of a sanitizer tree (asan, tsan) with the options that make it strict.
# A tree that was not built is a skip (77), or a failure when HIREHALL_REQUIRE_SANITIZERS is set, as `./dev test` does.
set -u
tree=$1
shift
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# Of a test in Python the tree is the one its environment names; otherwise the program itself must be there.
needed=$1
if [[ $needed == */python3* ]]; then
  needed=${HIREHALL_BIN:?}
fi
if [[ ! -e $needed ]]; then
  if [[ -n ${HIREHALL_REQUIRE_SANITIZERS:-} ]]; then
    echo "FAILED: $needed does not exist: the $tree tree is not built (./dev build $tree)"
    exit 1
  fi
  echo "SKIPPED: the $tree tree is not built (./dev build $tree, or ./dev test for everything)"
  exit 77
fi

export ASAN_OPTIONS="detect_stack_use_after_return=1:strict_string_checks=1:check_initialization_order=1:detect_leaks=1:malloc_context_size=20${ASAN_OPTIONS:+:$ASAN_OPTIONS}"
export LSAN_OPTIONS="suppressions=$here/lsan.supp:print_suppressions=0"
export UBSAN_OPTIONS="print_stacktrace=1"
export TSAN_OPTIONS="suppressions=$here/tsan.supp:halt_on_error=1:second_deadlock_stack=1:history_size=4${TSAN_OPTIONS:+:$TSAN_OPTIONS}"

# With a high-entropy address layout the thread sanitizer of gcc 12 cannot map its shadow and dies at start.
if [[ $tree == tsan ]] && setarch "$(uname -m)" -R true 2>/dev/null; then
  exec setarch "$(uname -m)" -R "$@"
fi
exec "$@"
