# `make` lists what there is. Rust and Go are all that is needed; everything else is built or is optional.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# As the tools are built, so that Go compiles nothing twice.
export CGO_ENABLED := 0
export GOFLAGS := $(GOFLAGS) -trimpath

.PHONY: help chart demo test test-alerts test-all test-argocd test-chart test-chart-matrix test-docs test-image test-memory test-node fuzz test-kube-state-metrics docs reference model chaos bench image release test-release sbom lint lint-deny fmt crds fixtures build clean need-rust need-go

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: need-rust need-go ## Show the operator at work against a real API server and a simulated cloud (KEEP=1 leaves it running)
	@dev/demo.sh

# Most tests wait most of the time: for a watch, a poll, a backoff.
test: export RUST_TEST_THREADS ?= 6
test: need-rust need-go ## Run all tests beside one API server
	@bin=$$(dev/kubernetes/build.sh); "$$bin/cluster" -- cargo test --locked --workspace
	@bin=$$(dev/kubernetes/build.sh); "$$bin/cluster" -- cargo test --locked --features failpoints,otlp \
		--test failpoints --test traces
	@cargo test --locked --workspace --features dataworks-core/mutations --test mutations
	@cd dev/kubernetes && go test ./cluster ./dns
	@# Go's cache does not see the objects, which are outside of the module.
	@cd dev/kstatus && go test -count=1 ./...

test-all: need-rust need-go ## Run everything that there is, the slow parts too (hours), and list the verdicts
	@dev/test-all.sh

test-argocd: need-go ## Run Argo CD's own code over the scripts for it (builds much of Argo CD, several minutes)
	@cd dev/argocd-lua && go test -count=1 ./...

chaos: need-rust need-go ## Kill and freeze two operators while the cloud fails and objects change (SEED=1 OBJECTS=200 KILLS=50)
	@bin=$$(dev/kubernetes/build.sh); CHAOS_SEED=$(or $(SEED),1) CHAOS_OBJECTS=$(or $(OBJECTS),200) \
		CHAOS_KILLS=$(or $(KILLS),50) "$$bin/cluster" -- cargo test --locked --workspace --test chaos -- --nocapture

fuzz: need-rust ## Feed the readers of paths, documents, specs and answers with whatever breaks them (SECONDS=20 each)
	@dev/fuzz.sh $(or $(SECONDS),20)

test-memory: need-rust need-go ## Fill etcd with the largest objects and measure the operator (many minutes, gigabytes)
	@bin=$$(dev/kubernetes/build.sh); "$$bin/cluster" -- cargo test --locked --workspace --test security -- --ignored --nocapture

bench: need-rust need-go ## Measure what many objects cost (N=2000,10000; SAVE=1 keeps the figures)
	@bin=$$(dev/kubernetes/build.sh); cargo build --locked --release --workspace --bins --bench life; \
		"$$bin/cluster" -- cargo bench --locked --workspace --bench life

test-alerts: need-go ## Check alerts, runbooks and the dashboard: syntax, unit tests, and each against the others
	@dev/observability/test.sh

test-kube-state-metrics: need-go ## Run kube-state-metrics' own code on the configuration for it (minutes, the first time)
	@cd dev/observability/kube-state-metrics && GOWORK=off go test -count=1 .

test-chart: need-rust need-go ## Check the Helm chart and deploy/: lint, unit tests, renders, package; then beside an API server
	@dev/chart.sh test
	@bin=$$(dev/kubernetes/build.sh); "$$bin/cluster" -- cargo test --locked --workspace --test deploy

test-chart-matrix: need-go ## Lint and render each shape of the Helm chart by Helm 3, too, and compare (builds Helm 3, minutes, the first time)
	@dev/chart.sh matrix

test-node: need-rust need-go ## Install, upgrade, kill and uninstall the operator on a real node (root on Debian, quarter of an hour)
	@dev/test-node.sh

model: need-rust ## Tell the plan longer stories of faults than `make test` does (many minutes, gigabytes)
	MODEL=deep cargo test --locked --workspace --test model -- --test-threads 1

lint: need-rust need-go lint-deny ## Check format, lints, shell scripts and dependencies
	cargo fmt --all --check
	cargo fmt --manifest-path fuzz/Cargo.toml --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo clippy --locked --workspace --features dataworks-core/mutations --test mutations -- -D warnings
	cargo clippy --locked --features failpoints,node-tests,otlp --bins --test failpoints --test node --test traces -- -D warnings
	@files=$$(gofmt -l dev/kubernetes dev/argocd-lua dev/kstatus dev/observability); if [[ -n $$files ]]; then echo "gofmt would change: $$files"; exit 1; fi
	cd dev/kubernetes && go vet ./cluster ./dns ./pause
	cd dev/kstatus && go vet ./...
	cd dev/observability && go vet ./...
	@if command -v shellcheck >/dev/null; then set -x; shellcheck dev/*.sh dev/docs/*.sh dev/gitops/*.sh dev/observability/*.sh dev/tools/*.sh dev/kubernetes/*.sh .ci/run; \
		else echo "shellcheck is not installed: shell scripts are not checked"; fi

lint-deny: need-rust ## Check licences, duplicates and sources of the dependencies, and the advisories where they can be had
	@dev/deny.sh

fmt: need-rust need-go ## Format Rust and Go
	cargo fmt --all
	cargo fmt --manifest-path fuzz/Cargo.toml
	gofmt -w dev/kubernetes dev/argocd-lua dev/kstatus dev/observability

chart: need-go ## Write anew what is made from the chart: its README.md, deploy/ and the renders in tests/fixtures/chart
	@dev/chart.sh update

crds: need-rust need-go ## Write crds/, the chart's copy, deploy/ and docs/reference.md anew from the Rust types
	UPDATE_CRDS=1 UPDATE_DOCS=1 cargo test --locked --workspace --test crd --test reference
	cp crds/*.yaml charts/dataworks-operator/files/crds/
	dev/chart.sh update

fixtures: need-rust ## Write the objects of every phase, and what is made from them, anew
	UPDATE_FIXTURES=1 cargo test --locked --workspace --test status_in_tools
	UPDATE_FIXTURES=1 cargo test --locked -p dataworks-integrations

reference: crds ## The same, and the tables of flags in docs/configuration.md
	UPDATE_DOCS=1 cargo test --locked --workspace --test docs

docs: ## Build the book into .cache/book
	@mdbook=$$(dev/docs/mdbook.sh); "$$mdbook" build

test-docs: need-rust docs ## Build the book; check links, manifests and what is made from the code
	cargo test --locked --workspace --test docs --test reference

build: need-rust ## Build the operator and the simulator for release
	cargo build --locked --release --workspace --bins

image: need-rust ## Build container images as OCI archives in .cache/images (ARCH=amd64 or arm64, or all for both in one)
	@$(if $(filter all,$(ARCH)),dev/image.sh index,dev/image.sh images $(or $(ARCH),amd64))

sbom: need-rust ## Write bills of materials (CycloneDX) of the images into .cache/sbom
	@dev/sbom.sh

test-image: need-rust ## Check the images for both machines, and that the same sources give the same ones (QUICK=1 or FULL=1)
	@QUICK=$(QUICK) FULL=$(FULL) dev/test-image.sh

release: need-rust need-go ## Push images, bills of materials and chart to REGISTRY, and sign them (COSIGN_KEY, or as the CI that runs it)
	@dev/release.sh $(REGISTRY)

test-release: need-rust need-go ## Release to a registry on this machine, and verify what is there (root on Debian; images of both machines)
	@dev/test-release.sh

clean: ## Remove what was built here, the Kubernetes binaries included
	rm -rf .cache
	cargo clean

need-rust:
	@command -v cargo >/dev/null || { echo "Rust is needed: https://rustup.rs" >&2; exit 1; }

need-go:
	@command -v go >/dev/null || { echo "Go 1.26 or newer is needed: https://go.dev/doc/install" >&2; exit 1; }
