#!/usr/bin/env bash
# The same seeds give the same traces in two builds of hirehall-sim. The second is built here when it is not up to date.
# 77: there is no second tree.
set -euo pipefail
ours=$1
tree=$2
seeds=${3:-40}
if [[ ! -f $tree/build.ninja ]]; then
  echo "no tree in $tree: ./dev build clang --target hirehall-sim makes it"
  [[ -z ${HIREHALL_REQUIRE_SANITIZERS:-} ]] || exit 1
  exit 77
fi
cmake --build "$tree" --target hirehall-sim -j 2
worlds() {
  for seed in $(seq 1 "$seeds"); do "$1" --seed "$seed" | sed -n 2p; done
}
first=$(worlds "$ours")
second=$(worlds "$tree/bin/hirehall-sim")
(($(wc -l <<<"$first") == seeds)) || exit 1
diff <(echo "$first") <(echo "$second")
head -1 <<<"$first"
echo "$seeds worlds, the same traces"
