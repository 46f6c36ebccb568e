# SPDX-License-Identifier: GPL-2.0-only
# One non-recursive Makefile; all output under build/. `make help` lists what there is.

V ?= 0
ifeq ($(V),0)
Q := @
say = @printf '  %-7s %s\n' '$(1)' '$(2)';
else
Q :=
say =
endif

CC ?= gcc
CLANG ?= clang
BPFTOOL ?= $(or $(shell command -v bpftool 2>/dev/null),/usr/sbin/bpftool)
PREFIX ?= /usr/local
B := build
VERSION := 0.1.0

PKGS := libbpf libtracefs libtraceevent sqlite3 jansson libmnl libzstd ncursesw
CPPFLAGS += -D_GNU_SOURCE -DVNX_VERSION='"$(VERSION)"' -I. -I$(B) -Ibuild/linux/tools/lib/perf/include
CFLAGS ?= -O2 -g
CFLAGS += -std=gnu11 -Wall -Wextra -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
	-Wno-unused-parameter -Wno-missing-field-initializers -fdebug-prefix-map=$(CURDIR)=. -MMD -MP \
	$(if $(CI),-Werror)
# Only where the packages are installed: `make deps` must run before any of them is there.
ifeq ($(shell pkg-config --exists $(PKGS) 2>/dev/null && echo yes),yes)
CPPFLAGS += $(shell pkg-config --cflags $(PKGS) | sed 's/-I/-isystem /g')
LDLIBS += $(shell pkg-config --libs $(PKGS))
endif
LDLIBS += -lRmath -lelf -lz -lm -lpthread

ifneq ($(SAN),)
CFLAGS += -fsanitize=$(SAN) -fno-omit-frame-pointer
LDFLAGS += -fsanitize=$(SAN)
B := build/san
endif
ifneq ($(COVERAGE),)
CFLAGS += --coverage -O0
LDFLAGS += --coverage
B := build/cov
endif
ifneq ($(FUZZ),)
CFLAGS += -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
B := build/fuzz
endif
CPPFLAGS += -I$(B)

LIBPERF := build/linux/tools/lib/perf/libperf.a
LIBAPI := build/linux/tools/lib/api/libapi.a

BPF_SRC := $(wildcard bpf/*.bpf.c)
SKELS := $(BPF_SRC:bpf/%.bpf.c=$(B)/bpf/%.skel.h)
LIB_SRC := $(wildcard analysis/*.c) $(filter-out %.bpf.c,$(wildcard bpf/*.c)) \
	$(filter-out cli/main.c,$(wildcard cli/*.c cli/*/*.c cli/*/*/*.c))
LIB_OBJ := $(LIB_SRC:%.c=$(B)/%.o)
UNIT := $(patsubst tests/unit/%.c,$(B)/tests/%,$(wildcard tests/unit/test_*.c))

.SECONDARY:
.PHONY: all
all: $(B)/vnetdx ## build build/vnetdx

$(B)/vnetdx: $(B)/cli/main.o $(B)/libvnx.a $(LIBPERF) $(LIBAPI)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(B)/libvnx.a $(LIBPERF) $(LIBAPI) $(LDLIBS)

$(B)/libvnx.a: $(LIB_OBJ)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(B)/%.o: %.c | $(LIBPERF) $(SKELS)
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D) && $(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

# What runs in the kernel. Target triple bpf, CO-RE, no kernel headers of the machine.
$(B)/bpf/%.bpf.o: bpf/%.bpf.c $(wildcard bpf/*.h)
	$(call say,BPF,$<)
	$(Q)mkdir -p $(@D) && $(CLANG) -g -O2 -target bpf -mcpu=v3 -D__TARGET_ARCH_x86 -Wall -ffile-prefix-map=$(CURDIR)=. \
		-I. -isystem /usr/include/$(shell gcc -dumpmachine) -c -o $@ $<

$(B)/bpf/%.skel.h: $(B)/bpf/%.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name $* > $@.tmp && mv $@.tmp $@

# libperf: Debian packages none, so it is built from the kernel source package's tools/.
LINUX_TAR := $(firstword $(wildcard /usr/src/linux-source-6.1.tar.xz) $(wildcard /usr/src/linux-source-*.tar.xz))
build/linux/.unpacked:
	$(call say,UNPACK,linux-source tools (libperf))
	$(Q)test -n "$(LINUX_TAR)" || { echo "libperf needs Debian's linux-source package: run 'make deps' as root" >&2; exit 1; }
	$(Q)mkdir -p build/linux && tar xf $(LINUX_TAR) -C build/linux --strip-components=1 \
		--wildcards '*/tools/lib' '*/tools/build' '*/tools/scripts' '*/tools/include' '*/tools/arch' '*/scripts'
	$(Q)touch $@

# No path of this machine is to be in them: the same source gives the same bytes.
LIB_FLAGS := EXTRA_CFLAGS=-ffile-prefix-map=$(CURDIR)=.
$(LIBPERF): build/linux/.unpacked
	$(call say,LIBPERF,$@)
	$(Q)$(MAKE) -s -C build/linux/tools/lib/perf $(LIB_FLAGS) fixdep libperf.a

$(LIBAPI): build/linux/.unpacked | $(LIBPERF)
	$(call say,LIBAPI,$@)
	$(Q)$(MAKE) -s -C build/linux/tools/lib/api $(LIB_FLAGS) fixdep libapi.a

# Tests
$(B)/tests/%: tests/unit/%.c $(B)/libvnx.a $(LIBPERF) $(LIBAPI)
	$(call say,TEST,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $< $(B)/libvnx.a $(LIBPERF) $(LIBAPI) -lcmocka $(LDLIBS)

.PHONY: unit check test test-all clean deps help demo lab-shell lab-demo lab-causes install golden-update format
demo: ## install what is needed, build, diagnose: live on a KVM host, else a real recording
	$(Q)tests/deps
	$(Q)$(MAKE) -s all
	$(Q)tests/demo

unit: $(UNIT) ## build the unit tests

check: all unit ## the quick loop: unit tests and golden files, in about a minute
	$(Q)tests/run --quick

test: ## install what tests need and run all of them, lab included
	$(Q)tests/deps --test
	$(Q)$(MAKE) -s all unit
	$(Q)tests/run

test-all: ## the same with every scenario of the lab on every kernel
	$(Q)tests/deps --test
	$(Q)$(MAKE) -s all unit
	$(Q)tests/run --all

deps: ## install what the build and the run need (Debian packages, as root)
	$(Q)tests/deps

lab-shell: all ## a shell on a KVM host of your own, booted in emulation
	$(Q)tests/lab/lab shell

lab-demo: ## watch a live diagnosis: boots a KVM host in emulation and injects a fault
	$(Q)tests/deps --test
	$(Q)$(MAKE) -s all
	$(Q)tests/lab/demo

lab-causes: ## N runs of each injected fault on each of KERNELS, and how vnetdx judges them
	$(Q)tests/deps --test
	$(Q)$(MAKE) -s all
	$(Q)for k in $(or $(KERNELS),6.1 6.12); do \
		tests/lab/lab causes --kernel $$k --runs $(or $(N),2) --seed $(or $(SEED),0) || exit; done
	$(Q)tests/lab/causes/score.py

include cli/packaging/install.mk

golden-update: all ## accept what the program prints now as the golden files
	$(Q)tests/golden/golden.test --update

format: ## clang-format on every source file
	$(Q)clang-format -i $(shell git ls-files '*.c' '*.h')

-include tests/bench/bench.mk tests/fuzz/fuzz.mk tests/sim/sim.mk tests/browser/browser.mk

clean: ## remove build/ but keep the lab's images
	$(Q)find build -mindepth 1 -maxdepth 1 ! -name lab ! -name linux -exec rm -rf {} + 2>/dev/null || true

help: ## this list
	$(Q)grep -hE '^[a-z][a-z-]*:.*##' $(MAKEFILE_LIST) | sort | sed -E 's/:.*## /\t/' | expand -t 16

-include $(shell find $(B) -maxdepth 5 -type f -name '*.d' -not -path '*/linux/*' -not -path '*/lab/*' 2>/dev/null)
