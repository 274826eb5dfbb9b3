# fairway: deciding where a service mesh's requests should go.
GO ?= go
RECORDINGS := $(addprefix datasets/recordings/lab-,train validation test)
OUT := out
SEED ?= 8
COMMA := ,
# Public data that benchmarks read where it is.
SHARED ?= ../shared
# A real-time class, where it may be had, keeps other work on the machine from
# delaying the mesh that is recorded.
REALTIME = $(shell chrt --rr 20 true 2>/dev/null && echo chrt --rr 20)

.DEFAULT_GOAL := help
.PHONY: help demo build test check test-deps format vet lint race bench bench-read bench-replay bench-network bench-routing eval-routing routing-model bench-forecast forecast-model bench-serve bench-threats bench-rollback soak test-real recording proto clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## train, replay, serve and ask, on the bundled recordings: the tour of two minutes
	@mkdir -p $(OUT)
	@echo "compiling (a cold build takes some minutes; nothing is timed yet)" >&2
	@$(GO) build -o $(OUT)/ ./cmd/...
	@$(OUT)/fairway demo $(addprefix --recording ,$(RECORDINGS)) --daemon $(OUT)/fairwayd --out $(OUT)/demo

build: ## both programs, into ./out
	@mkdir -p $(OUT)
	$(GO) build -o $(OUT)/ ./cmd/...

test: test-deps ## install what the tests need, then run them all
	$(GO) test ./...

test-deps: ## the Debian packages that the tests run against, where they may be installed
	@sh .ci/test-deps

check: format vet lint race ## format, vet, staticcheck, tests with the race detector, floors

format:
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); \
	if [ -n "$$unformatted" ]; then echo "not gofmt-ed: $$unformatted (run gofmt -w)" >&2; exit 1; fi

vet:
	$(GO) vet ./...

lint:
	$(GO) tool staticcheck ./...

race: test-deps
	$(GO) test -race -timeout 20m ./...

bench: ## the benchmarks, one line each
	$(GO) test -run '^$$' -bench . -benchmem ./...

bench-read: build test-deps ## how fast histories are read, against promtool: some minutes, one JSON line last
	@$(OUT)/fairway bench read

bench-replay: build ## the judge itself: queueing theory, Prequal's nine rules, leave one policy out, speed; minutes, one JSON line last
	@$(OUT)/fairway bench replay

bench-network: build ## training and inference beside others': Gorgonia, by hand, TensorFlow.js, gonum, ONNX Runtime; one JSON line last
	@$(OUT)/fairway bench network

bench-routing: build ## fairway beside tuned rivals in a part of the frozen scenarios: some minutes, one JSON line last
	@$(OUT)/fairway bench routing

eval-routing: build ## the same in all of them: half an hour or more, one JSON line last
	@$(OUT)/fairway bench routing --all

routing-model: build ## make the model that bench-routing runs anew, on random simulated meshes
	$(OUT)/fairway bench routing-model --out cmd/fairway/models/routing.model -- --epochs 80

bench-forecast: build ## the failure forecast: incidents announced against alarms for nothing, beside baselines; minutes, one JSON line last
	@$(OUT)/fairway bench forecast --shared $(SHARED)

forecast-model: build ## make the failure forecast that bench-forecast judges anew, on failing simulated meshes and the lab
	$(OUT)/fairway bench forecast-model --recording $(subst $() ,$(COMMA),$(RECORDINGS)) --out cmd/fairway/models/forecast.model --logistic cmd/fairway/models/forecast-logistic.model

bench-serve: build ## the API beside an empty gRPC call, in two processes: some minutes, one JSON line last
	@$(OUT)/fairway bench serve

bench-threats: build ## attacks and honest bursts through the guard: how soon each is told, what is blocked for nothing; minutes, one JSON line last
	@$(OUT)/fairway bench threats --seeds 5

bench-rollback: build test-deps ## a bad model, and an innocent one in a slow-down, promoted under load in the lab: minutes, one JSON line last
	@$(OUT)/fairway bench rollback --daemon $(OUT)/fairwayd

soak: test-deps ## the daemon for ten minutes with everything in motion: fails when memory, goroutines or files grow
	$(GO) test ./cmd/fairwayd -run '^TestSoak$$' -count=1 -v -timeout 20m -args -soak 10m

test-real: $(OUT)/traefik $(OUT)/kube-apiserver ## everything real: each proxy, also those that need long builds, Traefik (some minutes, once) and Caddy, and a Kubernetes API server (as long)
	@sh .ci/test-deps real
	CI=true FAIRWAY_KUBE_APISERVER=$(CURDIR)/$(OUT)/kube-apiserver $(GO) test ./router/discovery/... ./router/meshconfig ./cmd/fairway ./cmd/fairwayd -run 'TestReal|TestKube' -count=1
	CI=true FAIRWAY_TRAEFIK=$(CURDIR)/$(OUT)/traefik $(GO) test ./api/proxy/... -count=1
	cd api/proxy/caddy && $(GO) vet ./... && $(GO) test -count=1 ./...

$(OUT)/traefik:
	@mkdir -p $(OUT)
	sh examples/traefik/build.sh

$(OUT)/kube-apiserver:
	@mkdir -p $(OUT)
	sh .ci/kube-apiserver $(OUT)/kube-apiserver

$(OUT)/caddy: build
	cd api/proxy/caddy && $(GO) build -o ../../../$(OUT)/caddy ./cmd/caddy

recording: build test-deps ## make a new recording of the lab, with SEED: 48 minutes of real time
	$(REALTIME) $(OUT)/fairway lab record --duration 48m --seed $(SEED) --out $(OUT)/recording

proto: ## generate the API's code anew (needs protoc, Debian's protobuf-compiler)
	$(GO) generate ./api/...

clean: ## remove what make built
	rm -rf $(OUT)
