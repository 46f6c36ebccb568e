/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Made-up bins for the live view: VM i (from 0) has worker 1000 + i, vCPU 2000 + i and tap
 * 100 + i. For tests and for the cost of painting only; no recording is made of it.
 */
#ifndef LIVE_FEED_H
#define LIVE_FEED_H

#include "cli/live/view.h"

#define FEED_BIN_NS (500 * VNX_NSEC_PER_MSEC)
#define FEED_START_NS (1000 * VNX_NSEC_PER_SEC)

struct feed {
	struct vnx_run_facts facts;
	struct vnx_vms vms;
	struct vnx_hooks hooks;
	struct vnx_source_states sources;
	struct vnx_samples samples;
	struct vnx_holds holds;
	unsigned bin;
	unsigned seed;
};

static inline double feed_noise(struct feed *f)
{
	f->seed = f->seed * 1103515245u + 12345u;
	return (double)(f->seed >> 16 & 0x7fff) / 0x7fff - 0.5;
}

static inline void feed_add_vm(struct feed *f, const char *name)
{
	uint32_t i = (uint32_t)f->vms.n;
	struct vnx_vm vm = { .name = strdup(name),
			     .pid = 500 + i,
			     .start_ticks = 7,
			     .nic = strdup("virtio-net"),
			     .backend = VNX_BACKEND_VHOST_NET,
			     .first_ns = f->facts.end_ns,
			     .last_ns = UINT64_MAX };
	struct vnx_iface tap = { .name = vnx_asprintf("tap%u", i),
				 .ifindex = 100 + i,
				 .kind = strdup("tap"),
				 .nic = strdup("virtio-net"),
				 .backend = VNX_BACKEND_VHOST_NET,
				 .queues = 1,
				 .mac = strdup(""),
				 .sw = strdup("br0"),
				 .switch_kind = strdup("bridge"),
				 .uplink = strdup(""),
				 .uplink_bps = -1 };

	if (vnx_vec_push(&vm.workers, 1000 + i) || vnx_vec_push(&vm.vcpus, 2000 + i) ||
	    vnx_vec_push(&vm.ifaces, tap) || vnx_vec_push(&f->vms, vm))
		abort();
}

/* VMs whose names would harm a terminal. */
static inline void feed_add_hostile(struct feed *f)
{
	char longest[301];

	memset(longest, 'x', 300);
	longest[300] = '\0';
	feed_add_vm(f, "<script>alert(1)</script>");
	feed_add_vm(f, "\"; rm -rf ~");
	feed_add_vm(f, "\033[2J\033]0;owned\a\n\x9b"
		       "31m");
	feed_add_vm(f, longest);
	feed_add_vm(f, "\xff\xfe\xc0\x80");
	feed_add_vm(f, "\xe4\xbb\xae\xe6\x83\xb3\xe6\xa9\x9f\xe6\xa2\xb0\xe4\xbb\xae\xe6\x83\xb3");
	feed_add_vm(f, "");
	feed_add_vm(f, "\xe2\x80\xae"
		       "evil");
	feed_add_vm(f, "\xe2\x80\x8b"
		       "ghost");
	feed_add_vm(f, "\xc2\x9b"
		       "31m");
}

static inline void feed_init(struct feed *f)
{
	*f = (struct feed){ .seed = 1 };
	f->facts = (struct vnx_run_facts){ .bin_ns = FEED_BIN_NS,
					   .start_ns = FEED_START_NS,
					   .end_ns = FEED_START_NS,
					   .capture = "bpf",
					   .clock = "mono",
					   .host = "host",
					   .kernel = "6.1",
					   .cpu_share = 0.004 };
	for (int m = VNX_HANDLE_TX; m <= VNX_VCPU_HALT; m++) {
		struct vnx_hook h = { .metric = m, .hook = "fentry:made_up", .since_ns = 1 };

		if (vnx_vec_push(&f->hooks, h))
			abort();
	}
}

static inline void feed_fini(struct feed *f)
{
	vnx_vms_fini(&f->vms);
	vnx_hooks_fini(&f->hooks);
	free(f->sources.v);
	free(f->samples.v);
	free(f->holds.v);
}

static inline void feed_sample(struct feed *f, enum vnx_metric m, uint32_t entity, double count)
{
	struct vnx_sample s = { .t_ns = FEED_START_NS + f->bin * FEED_BIN_NS,
				.dur_ns = FEED_BIN_NS,
				.count = (uint64_t)count,
				.entity = entity,
				.metric = m };

	if (vnx_vec_push(&f->samples, s))
		abort();
}

/* One bin of VM @i at @bps, half a kilobyte a call, all of it sent; @wait: vhost's, a share. */
static inline void feed_vm(struct feed *f, uint32_t i, double bps, double wait)
{
	double bytes = bps / 8 / 2 * (1 + 0.02 * feed_noise(f));

	feed_sample(f, VNX_TX_BYTES, 100 + i, bytes);
	feed_sample(f, VNX_RX_BYTES, 100 + i, 0);
	feed_sample(f, VNX_TX_PACKETS, 100 + i, bytes / 1500);
	feed_sample(f, VNX_RX_PACKETS, 100 + i, 0);
	feed_sample(f, VNX_VHOST_RUNQ_WAIT, 1000 + i, wait * FEED_BIN_NS);
	feed_sample(f, VNX_VHOST_RUN, 1000 + i, 0.2 * FEED_BIN_NS);
	if (bytes >= 512)
		feed_sample(f, VNX_HANDLE_TX, 1000 + i, bytes / 512);
	feed_sample(f, VNX_VCPU_ENTER, 2000 + i, 100);
}

/* What feed_vm() and feed_sample() gave is a bin now. */
static inline int feed_end_bin(struct feed *f, struct vnx_live_model *m, struct vnx_live_keep *keep,
			       struct vnx_err *err)
{
	struct vnx_seen seen = { .facts = &f->facts,
				 .vms = &f->vms,
				 .hooks = &f->hooks,
				 .sources = &f->sources,
				 .samples = &f->samples,
				 .holds = &f->holds };
	int ret;

	f->bin++;
	f->facts.end_ns = FEED_START_NS + f->bin * FEED_BIN_NS;
	ret = vnx_live_model_feed(m, &seen);
	if (!ret && keep)
		ret = vnx_live_keep_feed(keep, m, &seen, err);
	f->samples.n = f->holds.n = 0;
	return ret;
}

#endif
