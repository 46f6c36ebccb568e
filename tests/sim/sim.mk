# SPDX-License-Identifier: GPL-2.0-only
# Simulations: what the detectors promise, measured.

SIM := $(patsubst tests/sim/%.c,$(B)/sim/%,$(wildcard tests/sim/*.c))

$(B)/sim/%: tests/sim/%.c $(B)/libvnx.a $(LIBPERF) $(LIBAPI)
	$(call say,SIM,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $< $(B)/libvnx.a \
		$(LIBPERF) $(LIBAPI) $(LDLIBS)

.PHONY: sim
sim: $(SIM) ## false alarms on healthy series, and power, delay and ramps on ill ones (minutes)
	$(Q)for s in $(SIM); do $$s || exit 1; done
