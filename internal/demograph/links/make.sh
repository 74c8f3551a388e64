#!/bin/sh
# Trains the demo's link predictor again: four minutes of one core. The
# same seed gives the same bytes. Run from the root of the repository.
set -eu
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
go build -o "$work/quaestor" ./cmd/quaestor
"$work/quaestor" load internal/demograph/films.nt.gz --store "$work/films"
"$work/quaestor" train link --store "$work/films" --model complex --dim 32 --batch 250 --group 8 --n3 0.03 \
	--epochs 5 --seed 1 --quantise
"$work/quaestor" train queries --store "$work/films" --steps 100 --draw 500
cp "$work/films/link.ckpt" internal/demograph/links/link.ckpt
gzip -9nc "$work/films/link.ckpt.queries.json" >internal/demograph/links/queries.json.gz
