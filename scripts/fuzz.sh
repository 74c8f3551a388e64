#!/usr/bin/env bash
# Runs every fuzz target of the module for a while (default 20s each), two at a
# time. All run, whatever one of them finds; the exit code is 1 if an input was
# found that fails, or a target could not run at all.
set -euo pipefail
cd "$(dirname "$0")/.."
export each=${1:-20s} logs
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT

fuzz() {
  dir=$1 target=$2
  log="$logs/$(echo "$dir" | tr / _)_$target"
  if go test "$dir" -run '^$' -fuzz "^$target\$" -fuzztime "$each" -fuzzminimizetime 1s -parallel 1 >"$log" 2>&1; then
    echo "ok      $dir $target: $(grep 'fuzz: elapsed' "$log" | tail -n 1)"
  elif grep -q 'context deadline exceeded' "$log" && ! grep -qE 'Failing input written|panic:|--- FAIL: .*/' "$log"; then
    # The go command reports a worker that is busy when time is up as failed.
    echo "ok      $dir $target: busy at the end; $(grep 'fuzz: elapsed' "$log" | tail -n 1)"
  else
    echo "FINDING $dir $target"
    cat "$log"
    touch "$log.bad"
  fi
}
export -f fuzz

grep -r --include='*_test.go' -o '^func Fuzz[A-Za-z0-9_]*' . | sed 's|/[^/]*:func | |' | sort -u |
  xargs -L 1 -P 2 bash -c 'fuzz "$1" "$2"' fuzz
ran=$(find "$logs" -type f ! -name '*.bad' | wc -l)
bad=$(find "$logs" -type f -name '*.bad' | wc -l)
echo "$ran fuzz targets ran, $bad with a finding"
[ "$bad" -eq 0 ]
