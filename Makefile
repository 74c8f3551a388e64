# Few targets, each a command worth remembering.
.PHONY: build test race fuzz lint web

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
