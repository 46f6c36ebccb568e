# SPDX-License-Identifier: GPL-2.0-only
# Fuzzing: the library is built once more, by clang and with its sanitizers, under build/fuzz.

T ?= 60
FUZZERS := $(patsubst tests/fuzz/%.c,$(B)/%,$(wildcard tests/fuzz/fuzz_*.c))

$(B)/fuzz_%: tests/fuzz/fuzz_%.c tests/fuzz/fuzz.h $(B)/libvnx.a $(LIBPERF) $(LIBAPI)
	$(call say,FUZZ,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(CPPFLAGS) $(CFLAGS) -fsanitize=fuzzer -o $@ $< $(B)/libvnx.a $(LIBPERF) $(LIBAPI) $(LDLIBS)

.PHONY: fuzz fuzzers
fuzzers: $(FUZZERS)

fuzz: ## fuzz every reader for T=60 seconds each; ONLY=NAME one of them
	$(Q)tests/deps --test
	$(Q)$(MAKE) -s FUZZ=1 CC=clang fuzzers
	$(Q)tests/fuzz/run $(T) $(ONLY)
