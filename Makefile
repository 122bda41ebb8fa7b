# The two commands for a newcomer are `make demo` and `make test`.

GO      ?= go
# From the tag, or 0.1.0~dev and the commit; asked once, for the tree may change.
ifndef VERSION
VERSION := $(shell scripts/version.sh)
endif
# The time of the commit, not of the build: the same source gives the same bytes.
BUILT   := $(shell git log -1 --format=%cI 2>/dev/null)
LDFLAGS := -s -w -X main.version=$(VERSION) -X main.built=$(BUILT)
SUDO    := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
export PATH := $(PATH):/usr/local/go/bin:/usr/sbin:/sbin

.PHONY: help demo test lab bench fleet fuzz soak faults field-tests build build-arm deb lintian test-os test-arm test-arm-boot test-pi need-go need-root clean

help:
	@echo 'make demo       the whole story in a lab on this machine, under 90 s (needs root or sudo)'
	@echo 'make test       gofmt, vet, staticcheck, all tests with the race detector, in the lab and on booted Debians'
	@echo 'make lab        bring the lab up and keep it; sudo bin/labctl shell enters it'
	@echo 'make test-os    the package on Debian 12 and 13, booted in the lab; RUN=regexp picks tests'
	@echo 'make test-arm   the arm64 and armhf packages on foreign systems, by qemu-user; 6 minutes, later 1'
	@echo 'make test-arm-boot  the same, booted on a board of QEMU: power on, path up, power cut; 10 minutes, later 4'
	@echo 'make test-pi    the same on a Raspberry Pi 3B of QEMU; 6 minutes, later 2'
	@echo 'make bench      measure everything in labs, write docs/performance.md; 25 minutes, ONLY=idle,dns parts of it'
	@echo 'make fuzz       every parser of outside bytes in turn; MINUTES=n in all (10), RUN=regexp picks functions'
	@echo 'make soak       everything at random for a long time, and docs/soak.md; HOURS=n (1), SEED=s plays the same again'
	@echo 'make field-tests  break the agent in every way in the lab, and write docs/field-tests.md'
	@echo 'make faults     break it while it runs in every way, and write docs/reliability.md; RUN=regexp picks rows; 20 minutes'
	@echo 'make fleet      100,000 simulated devices that lose the path at once, and docs/fleet.md; a minute'
	@echo 'make build      bin/edgeagent'
	@echo 'make build-arm  dist/edgeagent-armv6, for every Raspberry Pi'
	@echo 'make deb        dist/edgeagent_VERSION_{amd64,arm64,armhf}.deb; VERSION=1.2.3 names another'
	@echo 'make lintian    the packages, and what Debian has to say about them'
	@echo 'make clean      remove bin and dist'

demo: need-root need-go
	@scripts/setup.sh lab
	@$(MAKE) --no-print-directory build bin/labctl
	@$(SUDO) bin/labctl demo bin/edgeagent

test: need-go
	@scripts/setup.sh test
	@scripts/test.sh

RUN ?= .
test-os: need-root need-go
	@scripts/setup.sh os
	@GO=$(GO) VERSION=$(VERSION) scripts/test-os.sh '$(RUN)'

test-arm: arm_tests = user
test-arm-boot: arm_tests = boot
test-pi: arm_tests = pi
test-arm test-arm-boot test-pi: need-root need-go
	@GO=$(GO) VERSION=$(VERSION) scripts/test-arm.sh $(arm_tests) '$(RUN)'

lab: need-root need-go
	@scripts/setup.sh lab
	@$(MAKE) --no-print-directory build bin/labctl
	@$(SUDO) bin/labctl up bin/edgeagent

# ONLY=idle,dns measures these alone, with the packages that are there; the page
# keeps the others as they were.
bench: need-root need-go $(if $(ONLY),,deb)
	@scripts/setup.sh bench
	@$(MAKE) --no-print-directory build bin/labctl
	$(SUDO) bin/labctl bench $(if $(ONLY),-only $(ONLY),-version '$(VERSION)') bin/edgeagent

MINUTES ?= 10
fuzz: need-go
	@GO=$(GO) scripts/fuzz.sh $(MINUTES) '$(RUN)'

HOURS ?= 1
SEED  ?= 0
soak: need-root need-go
	@scripts/setup.sh lab
	@$(MAKE) --no-print-directory build bin/labctl
	$(SUDO) bin/labctl soak -for $(HOURS)h -seed $(SEED) -o docs/soak.md bin/edgeagent

field-tests: need-root need-go
	@scripts/setup.sh lab
	@$(MAKE) --no-print-directory build bin/labctl
	$(SUDO) bin/labctl field bin/edgeagent > docs/field-tests.md.new && mv docs/field-tests.md.new docs/field-tests.md

# With RUN= the report goes to the screen: a page with few rows would hide the others.
faults: need-root need-go
	@scripts/setup.sh lab
	@$(MAKE) --no-print-directory build bin/labctl
	$(SUDO) bin/labctl faults $(if $(filter-out .,$(RUN)),-run '$(RUN)',-o docs/reliability.md) bin/edgeagent

fleet: need-go
	@$(MAKE) --no-print-directory bin/labctl
	bin/labctl fleet docs

build:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/edgeagent ./cmd/edgeagent

build-arm:
	CGO_ENABLED=0 GOOS=linux GOARCH=arm GOARM=6 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o dist/edgeagent-armv6 ./cmd/edgeagent
	@stat -c '%n: %s bytes' dist/edgeagent-armv6

# ARCHES="amd64" builds one alone. debhelper packs what Go has built, so no cross
# compiler is needed.
ARCHES ?= amd64 arm64 armhf
deb: need-go
	@scripts/setup.sh deb
	@GO=$(GO) scripts/deb.sh $(VERSION) $(BUILT) $(ARCHES)

lintian: deb
	@scripts/setup.sh lintian
	@scripts/lintian.sh $(VERSION) $(ARCHES)

# The lab's own programs are for this machine only; go decides whether they are
# up to date.
.PHONY: bin/labctl
bin/labctl:
	@CGO_ENABLED=0 $(GO) build -o $@ ./internal/lab/labctl

need-go:
	@command -v $(GO) >/dev/null || { echo 'make: Go is not installed: see https://go.dev/dl' >&2; exit 1; }
	@$(GO) list -m >/dev/null || { echo "make: $$($(GO) version) cannot build this; Go 1.21 or later fetches what it needs" >&2; exit 1; }

need-root:
	@[ "$$(id -u)" = 0 ] || command -v sudo >/dev/null || \
		{ echo 'make: the lab needs root: it makes network namespaces; sudo is not installed' >&2; exit 1; }

clean:
	rm -rf bin dist
