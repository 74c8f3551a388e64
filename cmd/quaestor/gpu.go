//go:build gpu

package main

import _ "github.com/quaestor-kg/quaestor/reasoning/tensor/cuda" // registers the backend "cuda"
