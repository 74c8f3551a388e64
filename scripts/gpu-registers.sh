#!/usr/bin/env bash
# Lists registers, spills and shared memory of every kernel, as NVIDIA's ptxas
# assembles it. Usage: gpu-registers.sh [PTXAS] [ARCH]; fails if a kernel spills.
set -euo pipefail
cd "$(dirname "$0")/../reasoning/tensor/cuda/ptx"
ptxas=${1:-ptxas} arch=${2:-sm_90}
printf '%-16s %9s %6s %7s\n' kernel registers spills shared
for f in *.ptx; do
  "$ptxas" -v -arch="$arch" "$f" -o /dev/null 2>&1
done | awk -v q="'" '
  /Compiling entry function/ { split($0, a, q); kernel = a[2] }
  /bytes spill stores/ { for (i = 1; i <= NF; i++) if ($(i+1) == "bytes" && $(i+2) == "spill") { spills = $i; break } }
  /Used [0-9]+ registers/ {
    shared = 0
    for (i = 1; i <= NF; i++) { if ($i == "Used") registers = $(i+1); if ($(i+1) == "bytes" && $(i+2) ~ /^smem/) shared = $i }
    printf "%-16s %9d %6d %7d\n", kernel, registers, spills, shared
    if (spills > 0) bad = 1
  }
  END { exit bad }'
