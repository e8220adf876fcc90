#!/bin/sh
# Trouble on purpose: what it does is the type of the task.
case $HIREHALL_TYPE in
shell-flaky)
  if [ "$HIREHALL_ATTEMPT" -le 2 ]; then
    echo "the first two attempts always fail" >&2
    exit 1
  fi
  printf '"third time lucky"'
  ;;
shell-hang)
  trap '' TERM
  # Leaves a grandchild behind as well: it ends with the group.
  sleep 1000 &
  wait
  ;;
*)
  kill -SEGV $$
  ;;
esac
