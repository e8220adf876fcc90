#!/usr/bin/env bash
# The same seeds give the same traces in two builds of hirehall-sim. 77: there is no second build.
set -euo pipefail
ours=$1
theirs=$2
if [[ ! -x $theirs ]]; then
  echo "skipped: no $theirs (cmake -B build/clang -DCMAKE_CXX_COMPILER=clang++-14 makes that tree)"
  exit 77
fi
if [[ $theirs -ot $ours ]]; then
  echo "skipped: $theirs is older than $ours: build both from the same sources"
  exit 77
fi
worlds() {
  for seed in $(seq 1 20); do "$1" --seed "$seed" | sed -n 2p; done
}
diff <(worlds "$ours") <(worlds "$theirs")
