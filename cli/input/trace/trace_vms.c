// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whose threads those are. On a trace there is no /proc to ask: what counts is what events
 * and saved names tell. A thread whose VM is not told stays nobody's; it is not guessed.
 */
#include "cli/input/trace/trace_internal.h"

#define MARKER "vnetdx vm "
#define CLOCK_MARKER "vnetdx clock realtime_minus_mono_ns="
#define TIDS_MAX 16384 /* that count; a trace with more is damaged */
#define ONE_VM_VCPUS 1024

static int by_tid(const void *a, const void *b)
{
	const struct vnx_trace_thread *x = a, *y = b;

	return x->tid < y->tid ? -1 : x->tid > y->tid;
}

void vnx_trace_threads_merge(struct vnx_trace_threads *threads)
{
	size_t kept = 0;

	if (threads->n)
		qsort(threads->v, threads->n, sizeof(*threads->v), by_tid);
	for (size_t i = 0; i < threads->n; i++) {
		struct vnx_trace_thread *to = kept ? &threads->v[kept - 1] : NULL;
		const struct vnx_trace_thread *from = &threads->v[i];

		if (!to || to->tid != from->tid) {
			threads->v[kept++] = *from;
			continue;
		}
		if (!to->tgid)
			to->tgid = from->tgid;
		if (!to->comm[0])
			memcpy(to->comm, from->comm, sizeof(to->comm));
	}
	threads->n = kept;
}

const struct vnx_trace_thread *vnx_trace_threads_find(const struct vnx_trace_threads *threads,
						      uint32_t tid)
{
	struct vnx_trace_thread key = { .tid = tid };

	return threads->n ? bsearch(&key, threads->v, threads->n, sizeof(key), by_tid) : NULL;
}

static int add_tid(struct vnx_u32s *set, uint32_t tid)
{
	for (size_t i = 0; i < set->n; i++)
		if (set->v[i] == tid)
			return 0;
	return vnx_vec_push(set, tid);
}

/* The VM of process @pid, made if need be; NULL when memory is out. */
static struct vnx_vm *vm_of(struct vnx_vms *vms, uint32_t pid)
{
	struct vnx_vm vm = { .pid = pid, .last_ns = UINT64_MAX };

	for (size_t i = 0; i < vms->n; i++)
		if (vms->v[i].pid == pid)
			return &vms->v[i];
	vm.name = vnx_asprintf("%u", pid);
	vm.nic = strdup("");
	if (!vm.name || !vm.nic || vnx_vec_push(vms, vm)) {
		vnx_vm_fini(&vm);
		return NULL;
	}
	return &vms->v[vms->n - 1];
}

/* "vhost-123": the thread that made the worker, which is the VMM's or one of its threads. */
static uint32_t owner_of(const struct vnx_trace *t, const struct vnx_trace_thread *worker)
{
	const struct vnx_trace_thread *owner;
	unsigned long tid;
	char *end;

	if (strncmp(worker->comm, "vhost-", 6))
		return 0;
	tid = strtoul(worker->comm + 6, &end, 10);
	if (*end || !tid || tid > UINT32_MAX)
		return 0;
	/* Since 6.4 the worker is a thread of the VMM itself. */
	if (worker->tgid && worker->tgid != worker->tid)
		return worker->tgid;
	owner = vnx_trace_threads_find(&t->threads, (uint32_t)tid);
	return owner && owner->tgid ? owner->tgid : (uint32_t)tid;
}

static bool is_worker_metric(uint32_t metric)
{
	return metric == VNX_HANDLE_TX || metric == VNX_HANDLE_RX;
}

static bool is_marked(const struct vnx_vms *vms, uint32_t tid)
{
	for (size_t i = 0; i < vms->n; i++) {
		for (size_t j = 0; j < vms->v[i].workers.n; j++)
			if (vms->v[i].workers.v[j] == tid)
				return true;
		for (size_t j = 0; j < vms->v[i].vcpus.n; j++)
			if (vms->v[i].vcpus.v[j] == tid)
				return true;
	}
	return false;
}

static int add_worker(const struct vnx_trace *t, uint32_t tid, struct vnx_vms *out)
{
	const struct vnx_trace_thread *row = vnx_trace_threads_find(&t->threads, tid);
	uint32_t owner = row ? owner_of(t, row) : 0;
	struct vnx_vm *vm;

	if (!owner)
		return 0;
	vm = vm_of(out, owner);
	if (!vm || add_tid(&vm->workers, tid))
		return -ENOMEM;
	vm->backend = VNX_BACKEND_VHOST_NET;
	return 0;
}

/* vCPU threads know their process, or there is but one VM that they can belong to. */
static int add_vcpu(const struct vnx_trace *t, uint32_t tid, uint32_t only_pid, struct vnx_vms *out)
{
	const struct vnx_trace_thread *row = vnx_trace_threads_find(&t->threads, tid);
	uint32_t pid = row && row->tgid ? row->tgid : only_pid;
	struct vnx_vm *vm;

	if (!pid)
		return 0;
	vm = vm_of(out, pid);
	return !vm || add_tid(&vm->vcpus, tid) ? -ENOMEM : 0;
}

static int by_u32(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* The threads that samples of workers' (or vCPUs') metrics are of, sorted. */
static int list_threads(const struct vnx_trace *t, bool workers, struct vnx_u32s *out)
{
	size_t kept = 0;

	for (size_t i = 0; i < t->samples.n; i++)
		if (is_worker_metric(t->samples.v[i].metric) == workers &&
		    vnx_vec_push(out, t->samples.v[i].entity))
			return -ENOMEM;
	if (out->n)
		qsort(out->v, out->n, sizeof(*out->v), by_u32);
	for (size_t i = 0; i < out->n; i++)
		if (!kept || out->v[kept - 1] != out->v[i])
			out->v[kept++] = out->v[i];
	out->n = kept;
	return kept > TIDS_MAX ? -E2BIG : 0;
}

/* Does more than one vCPU thread call itself by the same name? Then there are several VMs. */
static bool names_repeat(const struct vnx_trace *t, const struct vnx_u32s *vcpus)
{
	for (size_t i = 0; i < vcpus->n; i++) {
		const struct vnx_trace_thread *x = vnx_trace_threads_find(&t->threads, vcpus->v[i]);

		for (size_t j = 0; x && j < i; j++) {
			const struct vnx_trace_thread *y =
				vnx_trace_threads_find(&t->threads, vcpus->v[j]);

			if (y && x->comm[0] && !strcmp(x->comm, y->comm))
				return true;
		}
	}
	return false;
}

static int add_workers(const struct vnx_trace *t, struct vnx_vms *out)
{
	struct vnx_u32s tids = { 0 };
	int ret = list_threads(t, true, &tids);

	for (size_t i = 0; i < tids.n && !ret; i++)
		if (!is_marked(&t->marked, tids.v[i]))
			ret = add_worker(t, tids.v[i], out);
	free(tids.v);
	return ret;
}

/* Where one VM is known and its vCPUs' names are all different, nameless processes are its. */
static int add_vcpus(const struct vnx_trace *t, struct vnx_vms *out)
{
	struct vnx_u32s tids = { 0 };
	uint32_t only_pid = 0;
	int ret = list_threads(t, false, &tids);

	if (!ret && out->n == 1 && !t->marked.n && tids.n <= ONE_VM_VCPUS &&
	    !names_repeat(t, &tids))
		only_pid = out->v[0].pid;
	for (size_t i = 0; i < tids.n && !ret; i++)
		if (!is_marked(&t->marked, tids.v[i]))
			ret = add_vcpu(t, tids.v[i], only_pid, out);
	free(tids.v);
	return ret;
}

int vnx_trace_vms(struct vnx_trace *t, struct vnx_vms *out)
{
	int ret = 0;

	for (size_t i = 0; i < t->marked.n && !ret; i++) {
		struct vnx_vm copy;

		ret = vnx_vm_copy(&copy, &t->marked.v[i]);
		if (!ret && vnx_vec_push(out, copy)) {
			vnx_vm_fini(&copy);
			ret = -ENOMEM;
		}
	}
	if (!ret)
		ret = add_workers(t, out);
	return ret ? ret : add_vcpus(t, out);
}

/* ---- of no VM ---- */

/* Without a name, or with one that QEMU and vhost give: it may well be a VM's. */
static bool may_be_vms(const char *comm)
{
	return !*comm || !strncmp(comm, "vhost", 5) || strstr(comm, "/KVM") ||
	       !strncmp(comm, "qemu", 4) || !strncmp(comm, "kvm", 3);
}

/* Each name once, as many as there is room for. */
static void add_thread_name(struct vnx_unattributed *u, const char *comm, uint32_t tid)
{
	size_t used = strlen(u->threads), room = sizeof(u->threads) - used;
	const char *at = *comm ? strstr(u->threads, comm) : NULL;
	char name[VNX_COMM_LEN + 8];

	if (at && strchr(",", at[strlen(comm)]))
		return;
	if (*comm)
		snprintf(name, sizeof(name), "%s", comm);
	else
		snprintf(name, sizeof(name), "thread %u", tid);
	if (room > strlen(name) + 8)
		snprintf(u->threads + used, room, "%s%s", used ? ", " : "", name);
	else if (room > 5 && used && u->threads[used - 1] != '.')
		snprintf(u->threads + used, room, ", ...");
}

int vnx_trace_unattributed(struct vnx_trace *t, const char *remedy, struct vnx_run *run)
{
	struct vnx_unattributed *u = &run->unattributed;
	int ret = 0;

	for (int workers = 0; workers <= 1 && !ret; workers++) {
		struct vnx_u32s tids = { 0 };

		ret = list_threads(t, workers, &tids);
		for (size_t i = 0; i < tids.n && !ret; i++) {
			const struct vnx_trace_thread *row =
				vnx_trace_threads_find(&t->threads, tids.v[i]);
			const char *comm = row ? row->comm : "";

			if (is_marked(&run->vms, tids.v[i]))
				continue;
			add_thread_name(u, comm, tids.v[i]);
			if (may_be_vms(comm))
				u->remedy = remedy;
		}
		free(tids.v);
	}
	return ret;
}

/* ---- markers ---- */

/* Text after "KEY=" up to a blank; NULL where there is no such key. */
static const char *value_of(const char *text, const char *key, size_t *len)
{
	size_t n = strlen(key);

	for (const char *p = text; *p; p += strcspn(p, " "), p += strspn(p, " "))
		if (!strncmp(p, key, n) && p[n] == '=') {
			*len = strcspn(p + n + 1, " ");
			return p + n + 1;
		}
	return NULL;
}

static int parse_tids(const char *text, const char *key, struct vnx_u32s *out)
{
	size_t len = 0;
	const char *p = value_of(text, key, &len), *end = p ? p + len : NULL;

	while (p && p < end) {
		char *stop;
		unsigned long tid = strtoul(p, &stop, 10);

		if (stop == p || tid > UINT32_MAX)
			return 0;
		if (add_tid(out, (uint32_t)tid))
			return -ENOMEM;
		p = stop + (*stop == ',');
		if (*stop && *stop != ',')
			break;
	}
	return 0;
}

/* %XX is that byte; anything else stands for itself. */
static char *unescape(const char *p, size_t len)
{
	char *out = malloc(len + 1), *w = out;

	for (size_t i = 0; out && i < len; i++) {
		unsigned byte;

		if (p[i] == '%' && i + 2 < len && sscanf(p + i + 1, "%2x", &byte) == 1 && byte) {
			*w++ = (char)byte;
			i += 2;
		} else {
			*w++ = p[i];
		}
	}
	if (out)
		*w = '\0';
	return out;
}

static int take_marker(struct vnx_trace *t, const char *text)
{
	struct vnx_u32s pid = { 0 };
	size_t len = 0;
	const char *name = value_of(text, "name", &len), *word;
	struct vnx_vm *vm = NULL;
	int ret = parse_tids(text, "pid", &pid);

	if (!ret && pid.n)
		vm = vm_of(&t->marked, pid.v[0]);
	if (vm && name && len) {
		char *copy = unescape(name, len);

		if (copy) {
			free(vm->name);
			vm->name = copy;
		}
	}
	word = value_of(text, "backend", &len);
	if (vm && word) {
		char backend[32];

		snprintf(backend, sizeof(backend), "%.*s", (int)len, word);
		vm->backend = vnx_backend_parse(backend);
	}
	if (vm && parse_tids(text, "workers", &vm->workers))
		ret = -ENOMEM;
	if (vm && parse_tids(text, "vcpus", &vm->vcpus))
		ret = -ENOMEM;
	free(pid.v);
	return ret;
}

/* The first is kept: at the end of a run the clock may have been set. */
static void take_clock(struct vnx_trace *t, const char *text)
{
	char *end;
	long long ns = strtoll(text, &end, 10);

	if (end == text || t->has_realtime)
		return;
	t->has_realtime = true;
	t->realtime_minus_mono_ns = ns;
}

static const char *after(const char *text, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(text, prefix, n) ? NULL : text + n;
}

int vnx_trace_marker(struct vnx_trace *t, const char *text, size_t len)
{
	VNX_CLEANUP_FREE char *copy = strndup(text, len);
	const char *vm, *clock;
	int ret = 0;

	if (!copy)
		return -ENOMEM;
	copy[strcspn(copy, "\n")] = '\0';
	vm = after(copy, MARKER);
	clock = after(copy, CLOCK_MARKER);
	pthread_mutex_lock(&t->lock);
	if (vm)
		ret = take_marker(t, vm);
	else if (clock)
		take_clock(t, clock);
	pthread_mutex_unlock(&t->lock);
	return ret;
}
