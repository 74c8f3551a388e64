# Few targets, each a command worth remembering.
.PHONY: decoder build test race fuzz lint web gpu test-emu

build: ## the program
	go build -trimpath -o build/quaestor ./cmd/quaestor

test: ## everything that needs only Go
	go test ./...

race: ## the concurrent packages under the race detector
	go test -race -short ./kg/... ./sparql/exec/... ./api/... ./reasoning/kvcache/...

lint: ## vet and staticcheck
	go vet ./...
	go tool staticcheck ./...

fuzz: ## each fuzz target for 20 s
	scripts/fuzz.sh 20s

web: ## rebuild web/dist from web/console (needs Node's npm once)
	go run ./web/build

# The GPU build needs cgo and a C++ compiler, but no CUDA: the header is cut from
# gorgonia.org/cu's own sources, the driver is loaded when the program runs.
CUDA := reasoning/tensor/cuda
GPU := CGO_ENABLED=1 CGO_CFLAGS=-I$(CURDIR)/build/include

build/include/cuda.h: go.mod scripts/cuda-header.sh
	bash scripts/cuda-header.sh build/include

gpu: build/include/cuda.h ## the program and the tests with GPU support, to run where a GPU is
	$(GPU) go build -trimpath -tags gpu -o build/quaestor-gpu ./cmd/quaestor
	$(GPU) go test -tags gpu -c -o build/gpu.test ./$(CUDA)

build/emu/libcuda.so.1: $(wildcard $(CUDA)/emu/* $(CUDA)/kernels/*)
	mkdir -p build/emu
	g++ -std=c++17 -O2 -march=native -ffp-contract=off -fPIC -shared -fvisibility=hidden -Wno-unknown-pragmas -I$(CUDA)/kernels -I$(CUDA)/emu -o $@ $(CUDA)/emu/fakecuda.cpp

test-emu: build/include/cuda.h build/emu/libcuda.so.1 ## the GPU code and kernels on the processor
	$(GPU) CUDA_DRIVER_LIB=$(CURDIR)/build/emu/libcuda.so.1 go test -count=1 -tags gpu ./$(CUDA)

decoder: ## a decoder like the embedded one, from scratch: an hour on two free cores (needs QUAESTOR_SHARED)
	go run ./cmd/quaestor train data --out build/rows.jsonl.gz
	go run ./cmd/quaestor train decoder --data build/rows.jsonl.gz --dir build/decoder
