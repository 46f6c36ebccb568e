/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The threads of the VMs, with something remembered of each from reading to reading.
 */
#ifndef VNX_EVIDENCE_THREADS_H
#define VNX_EVIDENCE_THREADS_H

#include "cli/evidence/evidence.h"

/* Sources whose numbers cost more to read, or come in jiffies, are read about once a second. */
#define VNX_SLOW_READ_NS (VNX_NSEC_PER_SEC - 100 * VNX_NSEC_PER_MSEC)

/*
 * A source that costs more the more VMs there are takes 1/1000 of a CPU: the pause between two
 * readings grows with what the last one cost, up to 10 s. The first one, which opens files, does
 * not count, and the last one of a run is not put off.
 */
struct vnx_pace {
	uint64_t next_ns;
};

static inline bool vnx_pace_due(const struct vnx_pace *pace, const struct vnx_scene *scene)
{
	return scene->last || scene->now_ns >= pace->next_ns;
}

/* A reading at @now_ns took @cpu_ns. */
void vnx_pace_spent(struct vnx_pace *pace, uint64_t now_ns, uint64_t cpu_ns);

struct vnx_thread {
	uint32_t tid, vm_pid;
	uint64_t vm_start; /* of the VM's process: tells a reused number */
	bool worker;       /* of vhost; else a vCPU */
	bool seen;         /* at the last vnx_threads_sync() */
	uint32_t place;    /* a small number, its own for as long as it is listed */
};

/* One for all sources, brought up to date before they are read. */
struct vnx_threads {
	struct vnx_thread *v; /* by VM, then by tid */
	size_t n, cap;
	struct vnx_u32s gone; /* places of those that went at the last sync, each once */
	struct vnx_u32s free; /* places that nobody has; those of gone are among them */
	uint32_t places;      /* ever given */
	unsigned changes;     /* syncs at which a thread came or went */
};

/* Takes in the threads of living VMs, drops those that are gone. */
int vnx_threads_sync(struct vnx_threads *list, const struct vnx_vms *vms) VNX_MUST_CHECK;
void vnx_threads_fini(struct vnx_threads *list);

/* Where the threads of the VM that the one at @i belongs to begin in the list, and *@end. */
size_t vnx_threads_vm(const struct vnx_threads *list, size_t i, size_t *end);

/* What a source keeps of each thread from reading to reading: a record of @size bytes. */
struct vnx_thread_records {
	char *v;
	size_t n, cap, size;
};

/* To be called after each sync: the records of threads that are new are all 0 then. */
int vnx_thread_records_sync(struct vnx_thread_records *r,
			    const struct vnx_threads *list) VNX_MUST_CHECK;

static inline void *vnx_thread_record(const struct vnx_thread_records *r, uint32_t place)
{
	return r->v + r->size * place;
}

/* The CPU that thread @tid ran on last, -1 where it is gone. */
int vnx_thread_last_cpu(uint32_t tid);

/* Appends one sample over [from_ns, to_ns). */
int vnx_evidence_emit(const struct vnx_readings *out, enum vnx_metric metric, uint32_t entity,
		      uint64_t from_ns, uint64_t to_ns, uint64_t count) VNX_MUST_CHECK;

/* Reads @fd from its start into @buf, of @size, with a closing 0. Length or -errno. */
ssize_t vnx_evidence_pread(int fd, char *buf, size_t size) VNX_MUST_CHECK;

#endif
