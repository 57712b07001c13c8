# What a newcomer needs: Debian, Go 1.26, make. `make help` lists the targets.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help

GO_MINOR := 26

# The first Go that is new enough: the one in PATH, else the usual place, which sudo drops from PATH. `go env GOVERSION` fetches
# the toolchain that go.mod names where the go command is allowed to.
GO := $(shell for go in $$(command -v go) /usr/local/go/bin/go; do \
	minor=$$($$go env GOVERSION 2>/dev/null | sed -n 's/.*go1\.\([0-9]*\).*/\1/p'); \
	if [ "$${minor:-0}" -ge $(GO_MINOR) ]; then echo $$go; break; fi; done)

# Tests and tools call the go command too. Nothing of ours needs a C compiler, except the race detector.
ifneq ($(GO),)
export PATH := $(dir $(GO)):$(PATH)
endif
export CGO_ENABLED := 0

TOOL := $(GO) tool -modfile=tools.mod

.PHONY: help
help: ## list the targets
	@echo "Usage: make TARGET"
	sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' Makefile | expand -t 12

.PHONY: go
go:
	@if [ -z "$(GO)" ]; then
		echo "passerelle needs Go 1.$(GO_MINOR) or newer, and there is none in PATH or /usr/local/go." >&2
		echo "Unpack it from https://go.dev/dl/ into /usr/local, and put /usr/local/go/bin into PATH." >&2
		exit 1
	fi

.PHONY: build
build: go ## build bin/passerelle, one static file
	$(GO) build -trimpath -ldflags='-s -w' -o bin/passerelle ./cmd/passerelle

# The Debian package has no configuration: it does not start before the operator has written one.
DEB_ARCH = $(shell dpkg --print-architecture)
DEB_VERSION = 0~$(shell git log -1 --format=%cd.%h --date=format:%Y%m%d%H%M%S 2>/dev/null || date +%Y%m%d%H%M%S)
.PHONY: deb
deb: build ## a Debian package of this machine's architecture, in bin
	@root=bin/deb
	doc=$$root/usr/share/doc/passerelle
	rm -rf $$root
	install -d $$root/DEBIAN $$root/etc/passerelle $$root/lib/systemd/system $$doc
	install -D bin/passerelle $$root/usr/bin/passerelle
	sed 's,/usr/local/bin/,/usr/bin/,' deploy/passerelle.service >$$root/lib/systemd/system/passerelle.service
	install -m 644 deploy/passerelle.socket $$root/lib/systemd/system/
	cp -r README.md docs deploy $$doc
	install -m 644 LICENSE $$doc/copyright
	printf '%s\n' 'Package: passerelle' 'Version: $(DEB_VERSION)' 'Architecture: $(DEB_ARCH)' 'Section: net' 'Priority: optional' \
		'Maintainer: The Passerelle authors <root@localhost>' 'Recommends: ca-certificates' 'Suggests: prosody | ejabberd' \
		'Description: gateway from XMPP to IRC, email and the social web' \
		' Joins an XMPP server as a component and gives its users other networks.' \
		' What is to be configured is in /usr/share/doc/passerelle/README.md.' >$$root/DEBIAN/control
	printf '%s\n' '#!/bin/sh' 'set -e' '[ -d /run/systemd/system ] || exit 0' 'systemctl daemon-reload' \
		'if [ "$$1" = configure ] && [ -n "$$2" ]; then systemctl try-restart passerelle.service; fi' >$$root/DEBIAN/postinst
	printf '%s\n' '#!/bin/sh' 'set -e' 'if [ "$$1" = remove ] && [ -d /run/systemd/system ]; then systemctl disable --now passerelle.socket passerelle.service; fi' >$$root/DEBIAN/prerm
	chmod 755 $$root/DEBIAN/postinst $$root/DEBIAN/prerm
	chmod -R u=rwX,go=rX $$root
	dpkg-deb --root-owner-group --build $$root bin/passerelle_$(DEB_VERSION)_$(DEB_ARCH).deb
	rm -rf $$root

.PHONY: check
check: go build ## formatting, static analysis, import table, generated files, build
	@unformatted=$$($(TOOL) gofumpt -l .)
	if [ -n "$$unformatted" ]; then
		printf 'not formatted, run "go tool -modfile=tools.mod gofumpt -w .":\n%s\n' "$$unformatted" >&2
		exit 1
	fi
	set -x
	$(GO) vet ./...
	$(TOOL) staticcheck ./...
	$(GO) mod tidy -diff
	$(GO) test -count=1 ./internal/archtest ./config

.PHONY: quick
quick: go ## the tests that need no server, in under a minute once compiled
	$(GO) test -short ./...

.PHONY: test
test: go deps ## install the servers and run all tests against them
	REQUIRE_SERVERS=1 $(GO) test -count=1 -shuffle=on -timeout=20m ./...

.PHONY: race
race: go ## the quick tests under the race detector (needs gcc)
	@command -v gcc >/dev/null || { echo "the race detector needs a C compiler: apt-get install gcc" >&2; exit 1; }
	CGO_ENABLED=1 $(GO) test -race -short -shuffle=on ./...

FUZZTIME := 1m
.PHONY: fuzz
fuzz: go ## every fuzz target, FUZZTIME=1m each
	@targets=$$($(GO) test -short -list '^Fuzz' ./... | awk '/^Fuzz/ { names = names " " $$1 } /^ok/ { if (names) print $$2 names; names = "" }')
	failed=
	while read -r package names; do
		for name in $$names; do
			echo "$$package $$name"
			$(GO) test -run='^$$' -fuzz="^$$name$$" -fuzztime=$(FUZZTIME) "$$package" </dev/null || failed="$$failed $$name"
		done
	done <<<"$$targets"
	if [ -n "$$failed" ]; then echo "failed:$$failed" >&2; exit 1; fi

.PHONY: bench
bench: go ## all benchmarks into bin/bench.txt; OLD=file compares with that one
	@mkdir -p bin
	$(GO) test -short -run='^$$' -bench=. -benchmem -count=6 ./... | tee bin/bench.txt
	$(GO) test -run='^$$' -bench=IdleSessions -benchtime=1x ./e2e | tee -a bin/bench.txt
	if [ -n "$(OLD)" ]; then $(TOOL) benchstat "$(OLD)" bin/bench.txt; fi

.PHONY: bench-irc
bench-irc: build deps ## passerelle and biboumi beside each other on the same work; ARGS=-tls=off, -soak and the like
	$(GO) build -o bin/benchirc ./e2e/benchirc
	bin/benchirc $(ARGS)

.PHONY: bench-mail
bench-mail: build deps ## the email gateway beside Postfix and Dovecot, with the same mails; ARGS=-mails=1000 and the like
	$(GO) build -o bin/benchmail ./e2e/benchmail
	bin/benchmail $(ARGS)

.PHONY: bench-social
bench-social: build deps ## the social gateway: a post to 10,000 subscribers, slaps, discovery; ARGS=-subscribers=1000 and the like
	$(GO) build -o bin/benchsocial ./e2e/benchsocial
	bin/benchsocial $(ARGS)

.PHONY: demo
demo: build deps ## show the gateway at work with real servers; ARGS=… for the demo
	$(GO) build -o bin/demo ./e2e/demo
	bin/demo $(ARGS)

# The tests start servers of their own. policy-rc.d keeps Debian from starting the packaged ones as well, and what follows from
# doing so at the next boot; one that is there already is the operator's and stays.
.PHONY: deps
deps: ## install the Debian packages that the tests need
	@packages=$$(sed 's/#.*//' internal/realservers/packages.txt)
	missing=
	for p in $$packages; do
		dpkg-query -W -f='$${Status}' "$$p" 2>/dev/null | grep -q 'ok installed$$' || missing="$$missing $$p"
	done
	if [ -z "$$missing" ]; then exit; fi
	sudo=
	if [ "$$(id -u)" != 0 ]; then
		sudo=sudo
		command -v sudo >/dev/null || { echo "as root: apt-get install$$missing" >&2; exit 1; }
	fi
	echo "installing with apt-get, without starting their services:$$missing"
	policy=/usr/sbin/policy-rc.d
	if [ ! -e $$policy ]; then
		trap '$$sudo rm -f $$policy' EXIT
		printf '#!/bin/sh\nexit 101\n' | $$sudo tee $$policy >/dev/null
		$$sudo chmod 755 $$policy
	fi
	$$sudo apt-get update -qq
	# What else comes along, such as dovecot-core, may have services too.
	services() { { ls /etc/init.d; find /etc/systemd/system -path '*.wants/*.service' -printf '%f\n'; } 2>/dev/null | sort -u || true; }
	before=$$(services)
	$$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=120 -o Dpkg::Use-Pty=0 $$missing
	for new in $$(comm -13 <(echo "$$before") <(services)); do
		case $$new in
		*.service) ! command -v systemctl >/dev/null || $$sudo systemctl --root=/ disable "$$new" ;;
		*) $$sudo /usr/sbin/update-rc.d "$$new" disable ;;
		esac
	done

.PHONY: clean
clean: ## remove what was built
	rm -rf bin
