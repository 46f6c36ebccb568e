// SPDX-License-Identifier: GPL-2.0-only
#include "cli/evidence/threads.h"

#include <inttypes.h>
#include <unistd.h>

#include "cli/base/proc.h"

#define PACE_SHARE 1000
#define PACE_MAX_NS (10 * VNX_NSEC_PER_SEC)

static int compare_threads(const void *a, const void *b)
{
	const struct vnx_thread *x = a, *y = b;

	if (x->vm_pid != y->vm_pid)
		return x->vm_pid < y->vm_pid ? -1 : 1;
	return (x->tid > y->tid) - (x->tid < y->tid);
}

/* The first @known are sorted. */
static int note_thread(struct vnx_threads *list, size_t known, const struct vnx_vm *vm,
		       uint32_t tid, bool worker)
{
	struct vnx_thread t = { .tid = tid,
				.vm_pid = vm->pid,
				.vm_start = vm->start_ticks,
				.worker = worker,
				.seen = true };
	struct vnx_thread *was =
		known ? bsearch(&t, list->v, known, sizeof(t), compare_threads) : NULL;

	if (was && was->vm_start == vm->start_ticks && was->worker == worker) {
		was->seen = true;
		return 0;
	}
	return vnx_vec_push(list, t);
}

/* Drops those that went; the first @known had places before. */
static int sweep(struct vnx_threads *list, size_t known)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->n; i++) {
		if (list->v[i].seen)
			list->v[kept++] = list->v[i];
		else if (vnx_vec_push(&list->gone, list->v[i].place) ||
			 vnx_vec_push(&list->free, list->v[i].place))
			return -ENOMEM;
	}
	if (list->gone.n || list->n > known)
		list->changes++;
	known -= list->gone.n;
	list->n = kept;
	for (size_t i = known; i < kept; i++)
		list->v[i].place = list->free.n ? list->free.v[--list->free.n] : list->places++;
	if (kept > known)
		qsort(list->v, kept, sizeof(*list->v), compare_threads);
	return 0;
}

int vnx_threads_sync(struct vnx_threads *list, const struct vnx_vms *vms)
{
	size_t known = list->n;

	list->gone.n = 0;
	for (size_t i = 0; i < known; i++)
		list->v[i].seen = false;
	for (size_t i = 0; i < vms->n; i++) {
		const struct vnx_vm *vm = &vms->v[i];

		if (vm->last_ns != UINT64_MAX)
			continue;
		for (size_t j = 0; j < vm->workers.n; j++)
			if (note_thread(list, known, vm, vm->workers.v[j], true))
				return -ENOMEM;
		for (size_t j = 0; j < vm->vcpus.n; j++)
			if (note_thread(list, known, vm, vm->vcpus.v[j], false))
				return -ENOMEM;
	}
	return sweep(list, known);
}

void vnx_threads_fini(struct vnx_threads *list)
{
	free(list->v);
	free(list->gone.v);
	free(list->free.v);
}

size_t vnx_threads_vm(const struct vnx_threads *list, size_t i, size_t *end)
{
	uint32_t pid = list->v[i].vm_pid;

	for (*end = i; *end < list->n && list->v[*end].vm_pid == pid; ++*end)
		;
	while (i && list->v[i - 1].vm_pid == pid)
		i--;
	return i;
}

int vnx_thread_records_sync(struct vnx_thread_records *r, const struct vnx_threads *list)
{
	if (list->places > r->n) {
		if (vnx_vec_grow((void **)&r->v, &r->cap, list->places, r->size))
			return -ENOMEM;
		memset(r->v + r->n * r->size, 0, (list->places - r->n) * r->size);
		r->n = list->places;
	}
	for (size_t i = 0; i < list->gone.n; i++)
		memset(vnx_thread_record(r, list->gone.v[i]), 0, r->size);
	return 0;
}

int vnx_evidence_emit(const struct vnx_readings *out, enum vnx_metric metric, uint32_t entity,
		      uint64_t from_ns, uint64_t to_ns, uint64_t count)
{
	struct vnx_sample s = { .t_ns = from_ns,
				.dur_ns = to_ns - from_ns,
				.count = count,
				.entity = entity,
				.metric = metric };

	return to_ns > from_ns ? vnx_vec_push(out->samples, s) : 0;
}

ssize_t vnx_evidence_pread(int fd, char *buf, size_t size)
{
	ssize_t n = pread(fd, buf, size - 1, 0);

	if (n < 0)
		return -errno;
	buf[n] = '\0';
	return n;
}

int vnx_thread_last_cpu(uint32_t tid)
{
	struct vnx_proc_stat st;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%" PRIu32, tid);
	return vnx_proc_stat(AT_FDCWD, path, &st) ? -1 : st.last_cpu;
}

void vnx_pace_spent(struct vnx_pace *pace, uint64_t now_ns, uint64_t cpu_ns)
{
	if (!pace->next_ns)
		cpu_ns = 0;
	pace->next_ns = now_ns + 1 +
			(cpu_ns < PACE_MAX_NS / PACE_SHARE ? cpu_ns * PACE_SHARE : PACE_MAX_NS);
}
