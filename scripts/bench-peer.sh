#!/usr/bin/env bash
# Measures the decoder beside llama.cpp on one model file: the peer's script and
# ours take turns, so that both see the same machine.
#
# usage: scripts/bench-peer.sh MODEL.gguf MODELS_DIR [ROUNDS]
# MODELS_DIR is the folder of shared models (tools/peer_speed.py, goldens/). The
# peer's prebuilt libraries are found by LCPP_LIB and LCPP_DECL, python by PYTHON;
# see MODELS_DIR/README.md.
set -euo pipefail
cd "$(dirname "$0")/.."
model=$1 models=$2 rounds=${3:-3}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
go build -o "$out/quaestor" ./cmd/quaestor
for round in $(seq "$rounds"); do
  echo "# round $round, load $(cut -d' ' -f1 /proc/loadavg)"
  PYTHONPATH="$models/tools" ONE_THREAD=1 "${PYTHON:-python3}" "$models/tools/peer_speed.py" "$model" "$models/goldens/prompts.jsonl" "$out/peer.json" f16
  "$out/quaestor" bench decode --model "$model" --threads 1 --runs 9
  "$out/quaestor" bench decode --model "$model" --threads 1 --runs 9 --kv cbh4
done
