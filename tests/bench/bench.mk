# SPDX-License-Identifier: GPL-2.0-only
# The bench and the tool that runs one capture back end alone.

$(B)/bench/%: tests/bench/%.c $(B)/libvnx.a $(LIBPERF) $(LIBAPI)
	$(call say,BENCH,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $< $(B)/libvnx.a $(LIBPERF) $(LIBAPI) $(LDLIBS)

.PHONY: capture-tool
capture-tool: $(B)/bench/capture_tool
