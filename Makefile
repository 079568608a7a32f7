# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the Apus authors

SHELL := /bin/bash
PREFIX ?= /usr/local
FIRMWARE ?= uefi
METHOD ?= sanboot
RUNS ?= 10000000

.PHONY: help demo test test-boots check fuzz bench build install clean package

help: ## list what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 18

demo: ## boot a QEMU machine without a disk to its login prompt (FIRMWARE=uefi|bios METHOD=sanboot|kernel|firmware|http)
	@scripts/setup
	@scripts/demo "$(FIRMWARE)" "$(METHOD)"

test: ## everything that CI runs: unit suites, real peers, whole boots
	@scripts/setup
	@scripts/test

test-boots: build ## boot by every method, firmware and card to the login prompt; links cut under load (an hour)
	@scripts/setup
	@Tests/boots/boots.sh .build/release/apus all
	@Tests/boots/long/robust.sh .build/release/apus
	@Tests/boots/long/networks.sh .build/release/apus
	@Tests/boots/long/enrolment.sh .build/release/apus

check: ## what can be checked without running: format, imports, warnings
	@scripts/check

fuzz: ## ten million inputs to everything that strangers feed (RUNS=n)
	@scripts/setup
	@scripts/fuzz "$(RUNS)"

bench: ## measure Apus beside tgt, in one run
	@scripts/setup
	@scripts/bench

build: ## build the program: .build/release/apus
	@swift build -c release --static-swift-stdlib --product apus

# The generator is the argument parser's own; it asks the program for its help.
.PHONY: manual
manual: build
	@swift build -c release --static-swift-stdlib --product generate-manual
	@mkdir -p .build/manual && rm -f .build/manual/*
	@.build/release/generate-manual --multi-page --output-directory .build/manual .build/release/apus

install: manual ## install program, unit, manual pages, completions below PREFIX (/usr/local)
	@scripts/install-files .build/release/apus .build/manual "$(DESTDIR)" "$(PREFIX)"

package: manual ## make a .deb, and an .rpm where rpmbuild is here, in .build/packages
	@scripts/package .build/release/apus .build/manual

clean: ## remove everything that was built, the demo's images too
	rm -rf .build
