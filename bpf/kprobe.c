// SPDX-License-Identifier: GPL-2.0-only
#include "bpf/kprobe.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Of one processor, as the kernel wants one; the program runs on all. */
static int open_probe(int type, const char *place)
{
	struct perf_event_attr attr = { .size = sizeof(attr), .type = (uint32_t)type };
	int fd;

	if (!strncmp(place, "0x", 2))
		attr.kprobe_addr = strtoull(place, NULL, 16);
	else
		attr.kprobe_func = (uintptr_t)place;
	fd = (int)syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int vnx_kprobe_attach(struct bpf_program *prog, const struct vnx_symbol *sym, const char *function,
		      struct bpf_link **out)
{
	char place[160], why[VNX_WHY_LEN];
	int type = vnx_kernel_kprobe_pmu(why), fd = -ENOENT, ret;

	*out = NULL;
	if (type < 0)
		return type;
	for (unsigned i = 0; fd == -ENOENT; i++) {
		if (!vnx_kernel_place(sym, function, i, place, sizeof(place)))
			break;
		fd = open_probe(type, place);
	}
	if (fd < 0)
		return fd;
	*out = bpf_program__attach_perf_event(prog, fd);
	if (*out)
		return 0;
	ret = errno ? -errno : -EIO;
	close(fd);
	return ret;
}

/* struct bpf_link_info of 6.7 for a kprobe; headers that programs are built with may be older. */
struct kprobe_info {
	uint32_t link_type, id, prog_id, pad;
	uint32_t event_type, pad2;
	uint64_t name, name_len_offset, addr, missed;
};

#define LINK_PERF_EVENT 7 /* BPF_LINK_TYPE_PERF_EVENT */
#define EVENT_KPROBE 3    /* BPF_PERF_EVENT_KPROBE */

bool vnx_kprobe_missed(const struct bpf_link *link, uint64_t *missed)
{
	struct kprobe_info info = { 0 };
	uint32_t len = sizeof(info);

	/* The kernel says how much of it it knows: before 6.7, no @missed. */
	if (!link || bpf_obj_get_info_by_fd(bpf_link__fd(link), (void *)&info, &len) ||
	    len < sizeof(info) || info.link_type != LINK_PERF_EVENT ||
	    info.event_type != EVENT_KPROBE)
		return false;
	*missed = info.missed;
	return true;
}
