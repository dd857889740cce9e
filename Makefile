# SPDX-License-Identifier: Apache-2.0
# Two targets do everything on a fresh machine: `make run` and `make test`.

GO       ?= go
BIN      := bin
VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
COMMIT   := $(shell git rev-parse --short HEAD 2>/dev/null)
LDFLAGS  := -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)
LINT     := $(BIN)/golangci-lint
LINT_VER := v2.15.0
RACE_PKGS := ./ingest/bus ./ingest/bus/embedded/... ./ingest/writer/... ./ingest/otlp/... ./internal/ledger/... ./internal/auth/... ./alerting/... ./storage/catalog/... ./fleet/... ./collector/fleet/... ./collector/queue ./collector/link ./internal/lease/...
export STRATA_TEST_BIN := $(CURDIR)/$(BIN)

.DEFAULT_GOAL := help
.PHONY: help build agents agent-kubernetes packages host-agent javaagent run dev test check lint fmt bench e2e ui clean engine test-deps race FORCE

help: ## Show this list.
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ui $(BIN)/strata $(BIN)/strata-agent host-agent ## Build the page and both binaries into bin/, and what install.sh hands out for this platform.

# The agent runs on hosts with any C library.
$(BIN)/strata-agent: export CGO_ENABLED = 0

$(BIN)/strata $(BIN)/strata-agent: FORCE
	@mkdir -p $(BIN)
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $@ ./cmd/$(notdir $@)

agent-kubernetes: $(BIN)/strata-agent-kubernetes ## Build the agent with kubernetes_sd_configs.

$(BIN)/strata-agent-kubernetes: FORCE
	@mkdir -p $(BIN)
	CGO_ENABLED=0 $(GO) build -trimpath -tags kubernetes -ldflags '$(LDFLAGS)' -o $@ ./cmd/strata-agent

FORCE:

NFPM        := github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.43.4
PKG_VERSION := $(if $(filter v%,$(VERSION)),$(patsubst v%,%,$(VERSION)),0.0.0+$(VERSION))

packages: agent-linux-amd64 agent-linux-arm64 ## Build .deb and .rpm of the agent into bin/agents.
	@rm -f $(BIN)/agents/*.deb $(BIN)/agents/*.rpm
	@for arch in amd64 arm64; do for kind in deb rpm; do \
		NFPM_ARCH=$$arch NFPM_VERSION='$(PKG_VERSION)' NFPM_BINARY=$(BIN)/agents/linux-$$arch/strata-agent \
		$(GO) run $(NFPM) package --config deploy/packages/nfpm.yaml --packager $$kind --target $(BIN)/agents/ || exit 1; done; done

# The server serves bin/agents/<os>-<arch> at /agent/<os>-<arch>.
HOST_PLATFORM := $(shell $(GO) env GOOS)-$(shell $(GO) env GOARCH)
PLATFORMS     := linux-amd64 linux-arm64 windows-amd64 darwin-arm64 darwin-amd64
checksum       = cd $(1) && sha256sum $(2) >$(2).sha256

host-agent: $(BIN)/strata-agent
	@mkdir -p $(BIN)/agents/$(HOST_PLATFORM)
	@ln -f $< $(BIN)/agents/$(HOST_PLATFORM)/strata-agent && $(call checksum,$(BIN)/agents/$(HOST_PLATFORM),strata-agent)

agents: $(addprefix agent-,$(PLATFORMS)) packages javaagent ## Build the agent for every platform with checksums, and the .deb and .rpm packages.

JAVAAGENT := io.opentelemetry.javaagent:opentelemetry-javaagent:2.33.1
JAVADIR   := $(BIN)/agents/java

javaagent: $(JAVADIR)/opentelemetry-javaagent.jar.sha256 ## Fetch the OpenTelemetry Java agent that the server hands out (needs Maven).

$(JAVADIR)/opentelemetry-javaagent.jar.sha256:
	mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy -Dartifact=$(JAVAAGENT) -DoutputDirectory=$(CURDIR)/$(JAVADIR) -Dmdep.stripVersion=true
	@$(call checksum,$(JAVADIR),opentelemetry-javaagent.jar)

$(addprefix agent-,$(PLATFORMS)): agent-%: FORCE
	@mkdir -p $(BIN)/agents/$*
	GOOS=$(word 1,$(subst -, ,$*)) GOARCH=$(word 2,$(subst -, ,$*)) CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' \
		-o $(BIN)/agents/$*/strata-agent$(if $(findstring windows,$*),.exe) ./cmd/strata-agent
	@$(call checksum,$(BIN)/agents/$*,strata-agent$(if $(findstring windows,$*),.exe))

ui: web/ui/dist/index.html ## Build the page that the server embeds.

web/ui/node_modules/.package-lock.json: web/ui/package-lock.json
	@# Not `npm ci`: it refuses a lock file that lacks the optional binaries of other platforms, which not every registry holds.
	cd web/ui && npm install --no-audit --no-fund
	@touch $@

web/ui/dist/index.html: web/ui/node_modules/.package-lock.json docs/reference/openapi.json $(shell find web/ui/src web/ui/public web/ui/index.html web/ui/vite.config.* -type f 2>/dev/null)
	cd web/ui && npm run build

engine: $(BIN)/strata ## Fetch the embedded ClickHouse engine once (178 MB, checksum verified).
	$(BIN)/strata engine fetch

run: build engine ## Build, fetch the engine, start the server and an agent for this host.
	deploy/local/run.sh $(BIN)

dev: build engine ## As run, with the page from Vite (live reload) and demo traffic.
	deploy/local/dev.sh $(BIN)

test: test-deps build agent-kubernetes engine javaagent $(BIN)/promtool ## Install what the tests need and run all of them.
	GO='$(GO)' RACE_PKGS='$(RACE_PKGS)' test/all.sh

# Tests of these packages need a server or a browser that test-deps installs.
SERVED := internal/testutil/(pgtest|kafkatest|middlewaretest)|strata/test/

check: lint engine $(BIN)/promtool ## Lint, and run every test that needs no installed server.
	cd web/ui && npm test
	$(GO) test -short $$($(GO) list -f '{{.ImportPath}} {{.TestImports}} {{.XTestImports}}' ./... | grep -vE '$(SERVED)' | cut -d' ' -f1)

# Prometheus's own tool, older than the library: what it reads, others read. The package is unpacked, not installed: it would start a server.
$(BIN)/promtool:
	@mkdir -p $(BIN)/deb && cd $(BIN)/deb && { apt-get download -qq prometheus || { apt-get update -qq && apt-get download -qq prometheus; }; } && \
		dpkg -x prometheus_*.deb . && mv usr/bin/promtool ../promtool && rm -rf ../deb

race: ## Run the packages with concurrency under the race detector.
	$(GO) test -race -short $(RACE_PKGS)

test-deps: ## Install the browser, the servers and tools that the tests use, where they are missing.
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || \
		{ apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; } || \
		{ echo "the tests need Chromium: install the package chromium" >&2; exit 1; }
	@# The tests start servers of their own; the file keeps the package from starting one on port 5432.
	@ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || command -v postgres >/dev/null || \
		{ mkdir -p /etc/postgresql-common/createcluster.d && echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.d/no-main.conf && \
		apt-get update -qq && apt-get install -y -qq --no-install-recommends postgresql; } || \
		{ echo "the tests need PostgreSQL: install the package postgresql" >&2; exit 1; }
	@python3 -c 'import ensurepip, venv' 2>/dev/null || { apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-venv; } || \
		{ echo "the tests need Python with venv: install the package python3-venv" >&2; exit 1; }
	@# The packages would start their servers; policy-rc.d keeps them from it while they are installed.
	@missing=""; for pair in nginx:nginx redis-server:redis-server mariadbd:mariadb-server memcached:memcached rabbitmq-server:rabbitmq-server rsyslogd:rsyslog dnsmasq:dnsmasq-base; do \
			command -v "$${pair%%:*}" >/dev/null || missing="$$missing $${pair##*:}"; done; \
		[ -d /usr/share/tomcat10-admin ] || missing="$$missing tomcat10 tomcat10-admin"; \
		ls /usr/lib/*/rsyslog/lmnsd_gtls.so >/dev/null 2>&1 || missing="$$missing rsyslog-gnutls"; \
		[ -e /usr/share/java/zookeeper.jar ] || missing="$$missing zookeeper"; \
		[ -z "$$missing" ] || { had=; [ -e /usr/sbin/policy-rc.d ] && had=1; \
			[ -n "$$had" ] || { printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d; }; \
			apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing; rc=$$?; \
			[ -n "$$had" ] || rm -f /usr/sbin/policy-rc.d; [ $$rc = 0 ]; } || \
		{ echo "the tests need nginx, redis-server, mariadb-server, tomcat10-admin, memcached, rabbitmq-server, rsyslog-gnutls, dnsmasq-base and zookeeper" >&2; exit 1; }
	@# What Debian does not have comes from Maven Central into ~/.cache/strata, once.
	@internal/testutil/middlewaretest/fetch.sh elasticsearch >/dev/null && internal/testutil/middlewaretest/fetch.sh opensearch >/dev/null
	@command -v shellcheck >/dev/null || { apt-get update -qq && apt-get install -y -qq --no-install-recommends shellcheck; } || \
		{ echo "the tests need shellcheck: install the package shellcheck" >&2; exit 1; }
	@command -v systemd-analyze >/dev/null || { apt-get update -qq && apt-get install -y -qq --no-install-recommends systemd; } || \
		{ echo "the tests need systemd-analyze: install the package systemd" >&2; exit 1; }

e2e: test-deps build engine javaagent ## The long form of the end-to-end tests: twenty kills, more load.
	STRATA_TEST_LONG=1 $(GO) test -timeout 60m -count=1 -v ./test/e2e/...

bench: build engine ## Measure work per CPU-second beside a peer; writes bench/results.json.
	bench/run.sh

$(LINT):
	GOBIN=$(CURDIR)/$(BIN) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VER)

lint: $(LINT) web/ui/node_modules/.package-lock.json ## Run every linter.
	$(GO) vet ./...
	$(LINT) run ./...
	cd web/ui && npm run check

fmt: $(LINT) ## Format everything.
	$(LINT) fmt ./...
	cd web/ui && npx biome check --write .

clean: ## Remove what was built. Data in ./data stays.
	rm -rf $(BIN) web/ui/node_modules web/ui/dist/assets web/ui/dist/index.html*
