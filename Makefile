# Entry points. Every target installs what it needs (apt and npm only), except doctor and help, which only look.
SHELL := /bin/bash
.DEFAULT_GOAL := help
# Node of this project's own, when the machine's is too old; sbin for ip and ethtool of ordinary users.
export PATH := $(CURDIR)/build/tools/bin:$(CURDIR)/node_modules/.bin:$(PATH):/usr/sbin:/sbin

# Options of make run, dev and debug, and ONLY of make test, handed on as they are.
OPTIONS := APP NET ACCEL MACHINE QUEUES PCAP PORT APPEND OFFLOAD LOG ENV FILES RESTART ONLY
export $(OPTIONS)
# Shells have a variable of that name, which is not meant for us.
ifeq ($(origin ENV),environment)
unexport ENV
endif

.PHONY: help setup setup-run setup-debug setup-disk setup-fleet doctor build run dev disk package test test-fleet check bench debug
.PHONY: postmortem debug-server clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "Options of run, dev and debug: APP=path/to/app.ts NET=tap|user ACCEL=auto|kvm|tcg MACHINE=q35|microvm QUEUES=1"
	@echo "                               PCAP=out.pcapng PORT=8080 OFFLOAD=all|none|csum,tso4,... LOG=info ENV=.env FILES=folder APPEND='key=value ...'"
	@echo "Option of run:                 RESTART=always, a guest that ends is started again"
	@echo "Option of test:                ONLY=debug, the QEMU tests of files whose path holds it and nothing else"

setup: ## install what this machine lacks (apt as root or with sudo, npm)
	@scripts/setup/setup.sh

# What only the tests need, a browser for one, is left for those who run them.
setup-run:
	@scripts/setup/setup.sh run

setup-debug:
	@scripts/setup/setup.sh debug

setup-disk:
	@scripts/setup/setup.sh disk

setup-fleet:
	@scripts/setup/setup.sh fleet

doctor: ## what is missing on this machine and the command that mends it
	@scripts/setup/doctor.sh

build: setup-run ## build/x86_64/eremite.elf and, with APP=path/to/app.ts, build/x86_64/<name>.app
	@exec node --import tsx scripts/build.ts

run: setup-run ## build, boot, show what was negotiated, prove the offload, serve
	@exec node --import tsx scripts/run.ts

dev: setup-run ## the same without the proof, rebuilt and restarted at every change, behind the same port
	@exec node --import tsx scripts/dev.ts

disk: setup-disk ## build/disk/<name>/disk.raw and disk.qcow2, which BIOS and UEFI start
	@exec node --import tsx scripts/disk.ts

package: setup-disk ## build/package/<name>: image, app, settings, disk, OCI layout; libvirt, systemd, Nomad and KubeVirt run it
	@exec node --import tsx scripts/package.ts

test: setup ## type check, lint, unit tests, simulations and QEMU tests
	@exec node --import tsx scripts/test.ts

test-fleet: setup-fleet ## the disk under SeaBIOS and OVMF, what make package writes under libvirt; installs more than make test
	@exec node --import tsx scripts/test.ts fleet

check: setup-run ## type check and lint only
	@npm run --silent check

bench: setup ## beside a Linux guest: throughput, requests, boot time, memory, as tables and a picture
	@exec node --import tsx scripts/bench.ts

debug: setup-debug ## QEMU paused on its gdb stub, gdb attached, TypeScript backtraces
	@exec node --import tsx scripts/debug.ts

debug-server: setup-debug ## QEMU paused on its gdb stub at build/debug.gdb, for an editor to attach
	@exec node --import tsx scripts/debug.ts --wait

postmortem: setup-debug ## gdb on the core of a failed test: BUNDLE=build/test/failed/bundle-...
	@exec node --import tsx scripts/postmortem.ts "BUNDLE=$(BUNDLE)"

clean: ## remove what was built (the engine's download cache stays)
	rm -rf build
