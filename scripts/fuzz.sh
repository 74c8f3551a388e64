#!/usr/bin/env bash
# Runs every fuzz target of the module for a while (default 20s each). All run,
# whatever one of them finds; the exit code is 1 if an input was found that
# fails, or a target could not run at all.
set -euo pipefail
cd "$(dirname "$0")/.."
each=${1:-20s}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
ran=0
bad=()
while read -r dir; do
  for target in $(grep -ho '^func Fuzz[A-Za-z0-9_]*' "$dir"/*_test.go | sed 's/^func //' | sort -u); do
    echo "== $dir $target"
    ran=$((ran + 1))
    if go test "$dir" -run '^$' -fuzz "^$target\$" -fuzztime "$each" -fuzzminimizetime 1s >"$log" 2>&1; then
      tail -n 2 "$log"
    elif grep -q 'context deadline exceeded' "$log" && ! grep -qE 'Failing input written|panic:|--- FAIL: .*/' "$log"; then
      # The go command reports a worker that is busy when time is up as failed.
      grep 'fuzz: elapsed' "$log" | tail -n 1
    else
      cat "$log"
      bad+=("$dir $target")
    fi
  done
done < <(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u)
echo "$ran fuzz targets ran, ${#bad[@]} with a finding"
if [ "${#bad[@]}" -gt 0 ]; then
  printf 'finding: %s\n' "${bad[@]}"
  exit 1
fi
