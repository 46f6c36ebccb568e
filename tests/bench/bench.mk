# SPDX-License-Identifier: GPL-2.0-only
# The bench, and the tool that runs one capture back end alone.

$(B)/bench/%.bpf.o: tests/bench/%.bpf.c
	$(call say,BPF,$<)
	$(Q)mkdir -p $(@D) && $(CLANG) -g -O2 -target bpf -mcpu=v3 -Wall \
		-isystem /usr/include/$(shell gcc -dumpmachine) -c -o $@ $<

$(B)/bench/%.skel.h: $(B)/bench/%.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name $* > $@.tmp && mv $@.tmp $@

$(B)/bench/%: tests/bench/%.c $(B)/bench/empty.skel.h $(B)/libvnx.a $(LIBPERF) $(LIBAPI)
	$(call say,BENCH,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $< $(B)/libvnx.a \
		$(LIBPERF) $(LIBAPI) $(LDLIBS)

.PHONY: bench bench-replay bench-live capture-tool
bench: $(B)/bench/cost ## cost of counting per event, beside an empty program, bpftrace and perf (root)
	$(Q)tests/deps --bench
	$(Q)$(B)/bench/cost

bench-replay: all $(B)/bench/make_trace_dat $(B)/bench/make_perf_data ## how fast traces are read, beside their own tools
	$(Q)tests/deps --bench
	$(Q)tests/bench/replay

bench-live: $(B)/bench/bench_live ## cost of the live view for 200 VMs, made up
	$(Q)$(B)/bench/bench_live

capture-tool: $(B)/bench/capture_tool
