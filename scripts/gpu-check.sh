#!/usr/bin/env bash
# Runs the GPU tests and benchmarks of build/gpu.test (make gpu) on a machine with
# an NVIDIA GPU and writes docs/bench/gpu-<card>.md, or the folder that is named.
# Needs neither Go nor CUDA there: only the driver.
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-docs/bench}
test=$PWD/build/gpu.test
[ -x "$test" ] || { echo "build/gpu.test is not there: run make gpu first" >&2; exit 2; }
card=$(nvidia-smi --query-gpu=name --format=csv,noheader | head -n 1)
driver=$(nvidia-smi --query-gpu=driver_version --format=csv,noheader | head -n 1)
file="$out/gpu-$(echo "$card" | tr 'A-Z ' 'a-z-' | tr -cd 'a-z0-9-').md"
mkdir -p "$out"
cd reasoning/tensor/cuda # the tests find what they need relative to their package
log=$(mktemp)
trap 'rm -f "$log"' EXIT

echo "== tests"
"$test" -test.v -test.timeout 8m | tee "$log" | grep -E '^(---|    ---|FAIL|ok|PASS)' || true
grep -q '^PASS' "$log" || { echo "the tests failed" >&2; cat "$log" >&2; exit 1; }
if grep -q '^--- SKIP: TestAttention' "$log"; then echo "no GPU was found" >&2; exit 1; fi

if command -v compute-sanitizer >/dev/null; then
  echo "== compute-sanitizer"
  compute-sanitizer --tool memcheck --error-exitcode 9 "$test" -test.short -test.run 'Attention|Seal|Products|TopK|Training'
  compute-sanitizer --tool racecheck --error-exitcode 9 "$test" -test.short -test.run 'Seal|TopK'
fi

echo "== benchmarks"
"$test" -test.run '^$' -test.bench . -test.timeout 15m | tee "$log"
cd - >/dev/null
{
  echo "# GPU: $card"
  echo
  echo "Driver $driver. Made by \`make gpu\` and \`scripts/gpu-check.sh\`: median of 50 runs by the device's clock after 5 to"
  echo "warm up, buffers rotated through 256 MiB. The share is of the rate of the copy in the first row."
  echo
  echo "| what | us | MB | GB/s | share of copy |"
  echo "|---|---|---|---|---|"
  awk '/^Benchmark/ {
    us = mb = gb = "";
    for (i = 2; i < NF; i++) { if ($(i+1) == "us/run") us = $i; if ($(i+1) == "MB") mb = $i; if ($(i+1) == "GB/s") gb = $i; if ($(i+1) == "ns/op" && us == "" && $i > 0) us = $i / 1000 }
    if (gb == "" && us > 0 && mb != "") gb = mb / us * 1000
    sub(/-[0-9]+$/, "", $1); sub(/^Benchmark/, "", $1)
    if ($1 == "Copy") copy = gb
    printf "| %s | %.1f | %.1f | %.0f | %.2f |\n", $1, us, mb, gb, copy > 0 ? gb / copy : 0
  }' "$log"
} >"$file"
echo "wrote $file"
