// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whether a vhost worker runs near its VM: the share of the VM's vCPUs whose last CPU was on
 * another NUMA node than the worker's. Every byte then crosses between the nodes.
 */
#include <limits.h>

#include "bpf/clock.h"
#include "cli/base/proc.h"
#include "cli/evidence/numa.h"

#define NODES "/sys/devices/system/node"
#define MAX_CPUS 8192      /* CONFIG_NR_CPUS is that at most */
#define LIST_MAX (1 << 20) /* of one node: every other CPU, and longer than a page */
#define MAX_NODES 1024     /* CONFIG_NODES_SHIFT is 10 at most */

struct numa {
	struct vnx_u32s ran_on;  /* node of each thread of the list, at this reading */
	uint32_t node[MAX_CPUS]; /* of a CPU, or VNX_NO_NODE */
	unsigned nodes;          /* that have CPUs; 1: nothing is far, wherever it runs */
	struct vnx_pace pace;
	uint64_t read_ns; /* of the last reading, 0: none yet */
};

/* "0-3,8\n" (Documentation/ABI/stable/sysfs-devices-node); true where a CPU is in it. */
static bool parse_list(struct numa *nu, const char *list, uint32_t node)
{
	unsigned first, last;
	bool any = false;
	int used = 0;

	for (; sscanf(list, "%u%n", &first, &used) == 1; list += *list == ',') {
		list += used;
		last = first;
		if (sscanf(list, "-%u%n", &last, &used) == 1)
			list += used;
		for (unsigned cpu = first; cpu <= last && cpu < MAX_CPUS; cpu++) {
			nu->node[cpu] = node;
			any = true;
		}
	}
	return any;
}

/* Nodes that have CPUs. */
static unsigned read_nodes(struct numa *nu, const char *path)
{
	char name[PATH_MAX];
	unsigned nodes = 0;

	for (uint32_t node = 0; node < MAX_NODES; node++) {
		snprintf(name, sizeof(name), "%s/node%u/cpulist", path, node);
		VNX_CLEANUP_FREE char *list = vnx_proc_read(AT_FDCWD, name, LIST_MAX, NULL);

		if (list)
			nodes += parse_list(nu, list, node);
	}
	return nodes;
}

int vnx_numa_open_at(void **src, const char *path, struct vnx_err *err)
{
	struct numa *nu = calloc(1, sizeof(*nu));

	if (!nu)
		return -ENOMEM;
	for (int i = 0; i < MAX_CPUS; i++)
		nu->node[i] = VNX_NO_NODE;
	nu->nodes = read_nodes(nu, path);
	if (nu->nodes) {
		*src = nu;
		return 0;
	}
	free(nu);
	return vnx_err_set(err, -ENOENT, VNX_EXIT_UNSUPPORTED, "no-nodes",
			   "%s names no NUMA node that has CPUs", path);
}

static int numa_open(void **src, struct vnx_err *err)
{
	return vnx_numa_open_at(src, NODES, err);
}

static uint32_t node_of(const struct numa *nu, const struct vnx_thread *t)
{
	int cpu;

	if (nu->nodes == 1)
		return 0;
	cpu = vnx_thread_last_cpu(t->tid);
	return cpu >= 0 && cpu < MAX_CPUS ? nu->node[cpu] : VNX_NO_NODE;
}

int vnx_numa_emit(const struct vnx_threads *list, const uint32_t *nodes, uint64_t from_ns,
		  uint64_t to_ns, const struct vnx_readings *out)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct vnx_thread *w = &list->v[i];
		uint64_t vcpus = 0, far = 0;
		size_t end, j = vnx_threads_vm(list, i, &end);

		for (; w->worker && nodes[i] != VNX_NO_NODE && j < end; j++) {
			if (list->v[j].worker || nodes[j] == VNX_NO_NODE)
				continue;
			vcpus++;
			far += nodes[j] != nodes[i];
		}
		if (vcpus && vnx_evidence_emit(out, VNX_VHOST_FAR, w->tid, from_ns, to_ns,
					       far * 1000000 / vcpus))
			return -ENOMEM;
	}
	return 0;
}

static int numa_read(void *src, const struct vnx_scene *scene, const struct vnx_readings *out,
		     struct vnx_err *err)
{
	struct numa *nu = src;
	uint64_t cpu_ns = vnx_clock_thread_cpu();

	if (!vnx_pace_due(&nu->pace, scene))
		return 0;
	nu->ran_on.n = 0;
	for (size_t i = 0; i < scene->threads->n; i++)
		if (vnx_vec_push(&nu->ran_on, node_of(nu, &scene->threads->v[i])))
			return -ENOMEM;
	if (nu->read_ns &&
	    vnx_numa_emit(scene->threads, nu->ran_on.v, nu->read_ns, scene->now_ns, out))
		return -ENOMEM;
	nu->read_ns = scene->now_ns;
	vnx_pace_spent(&nu->pace, scene->now_ns, vnx_clock_thread_cpu() - cpu_ns);
	return 0;
}

static void numa_close(void *src)
{
	struct numa *nu = src;

	free(nu->ran_on.v);
	free(nu);
}

const struct vnx_source_ops vnx_source_numa = {
	.name = "numa",
	.summary = "whether vhost workers run on another NUMA node than their VM's vCPUs",
	.metrics = VNX_BIT(VNX_VHOST_FAR),
	.open = numa_open,
	.read = numa_read,
	.close = numa_close,
};
