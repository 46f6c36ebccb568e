// SPDX-License-Identifier: GPL-2.0-only
/* The VMs that come and go, and what is known of their last minutes. */
#include "cli/live/model.h"

#include <inttypes.h>
#include <math.h>

struct vnx_live_model *vnx_live_model_new(const struct vnx_live_conf *conf)
{
	struct vnx_live_model *m = calloc(1, sizeof(*m));

	if (m)
		m->conf = *conf;
	return m;
}

static void vm_free(struct vnx_live_vm *vm)
{
	if (!vm)
		return;
	vnx_vm_fini(&vm->vm);
	vnx_suspicion_put(vm->fall);
	vnx_watch_free(vm->watch);
	for (int k = 0; k < VNX_METRIC_MAX; k++)
		free(vm->ring[k]);
	for (size_t i = 0; i < vm->threads.n; i++)
		for (int k = 0; k < VNX_TIMES; k++)
			free(vm->threads.v[i].ring[k]);
	free(vm->threads.v);
	free(vm->label);
	free(vm);
}

void vnx_live_model_free(struct vnx_live_model *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->vms.n; i++)
		vm_free(m->vms.v[i]);
	for (int k = 0; k < VNX_METRIC_MAX; k++)
		free(m->host[k]);
	vnx_live_events_free(m);
	vnx_hooks_fini(&m->hooks);
	free(m->vms.v);
	free(m->map);
	free(m->sources.v);
	free(m->fast.v);
	free(m->slow.v);
	free(m->holds.v);
	free(m);
}

struct vnx_live_vm *vnx_live_find(const struct vnx_live_model *m, uint32_t id)
{
	for (size_t i = 0; i < m->vms.n; i++)
		if (m->vms.v[i]->id == id)
			return m->vms.v[i];
	return NULL;
}

double vnx_live_bin_s(const struct vnx_live_model *m)
{
	return (double)m->facts.bin_ns / VNX_NSEC_PER_SEC;
}

size_t vnx_live_bin_at(const struct vnx_live_model *m, uint64_t ns)
{
	size_t b = m->facts.bin_ns && ns > m->facts.start_ns
			   ? (ns - m->facts.start_ns) / m->facts.bin_ns
			   : 0;

	return b < m->bins ? b : m->bins;
}

double vnx_live_value(const struct vnx_live_model *m, const float *ring, size_t b)
{
	if (!ring || b >= m->bins || m->bins - b > VNX_LIVE_BINS)
		return NAN;
	return ring[b % VNX_LIVE_BINS];
}

static double level_of(const struct vnx_live_model *m, const float *ring, enum vnx_metric metric,
		       size_t end, double s)
{
	size_t n = (size_t)(s / vnx_live_bin_s(m)), valid = 0;
	size_t oldest = m->bins > VNX_LIVE_BINS ? m->bins - VNX_LIVE_BINS : 0, from;
	double sum = 0;

	n = n ? n : 1;
	from = end > n ? end - n : 0;
	for (size_t b = from < oldest ? oldest : from; ring && b < end && b < m->bins; b++) {
		float x = ring[b % VNX_LIVE_BINS];

		if (isnan(x))
			continue;
		sum += x;
		valid++;
	}
	if (!valid)
		return NAN;
	/* Throughput is bit/s already. */
	return sum / (double)valid /
	       (metric == VNX_THROUGHPUT || vnx_metric_is_mean(metric) ? 1 : vnx_live_bin_s(m));
}

double vnx_live_level(const struct vnx_live_model *m, const struct vnx_live_vm *vm,
		      enum vnx_metric metric, size_t end, double s)
{
	const float *ring =
		vnx_metric_info(metric)->owner == VNX_OF_HOST ? m->host[metric] : vm->ring[metric];

	return level_of(m, ring, metric, end, s);
}

void vnx_live_levels(const struct vnx_live_model *m, const struct vnx_live_vm *vm, size_t end,
		     double s, struct vnx_levels *out)
{
	for (int k = 0; k < VNX_METRIC_MAX; k++)
		out->of[k] = vnx_live_level(m, vm, k, end, s);
}

static bool same_list(const struct vnx_u32s *a, const struct vnx_u32s *b)
{
	return a->n == b->n && (!a->n || !memcmp(a->v, b->v, a->n * sizeof(*a->v)));
}

static bool same_iface(const struct vnx_iface *a, const struct vnx_iface *b)
{
	return a->ifindex == b->ifindex && a->backend == b->backend && !strcmp(a->sw, b->sw) &&
	       !strcmp(a->uplink, b->uplink) && a->uplink_bps == b->uplink_bps;
}

static bool same_vm(const struct vnx_vm *a, const struct vnx_vm *b)
{
	if (strcmp(a->name, b->name) || a->backend != b->backend || a->last_ns != b->last_ns ||
	    !same_list(&a->workers, &b->workers) || !same_list(&a->vcpus, &b->vcpus) ||
	    a->ifaces.n != b->ifaces.n)
		return false;
	for (size_t i = 0; i < a->ifaces.n; i++)
		if (!same_iface(&a->ifaces.v[i], &b->ifaces.v[i]))
			return false;
	return true;
}

static bool is_one(const struct vnx_live_vm *vm, const struct vnx_vm *as)
{
	return vm->vm.pid == as->pid && vm->vm.start_ticks == as->start_ticks;
}

static struct vnx_live_vm *find_known(const struct vnx_live_model *m, const struct vnx_vm *vm,
				      size_t hint)
{
	if (hint < m->map_n && is_one(m->map[hint], vm))
		return m->map[hint];
	for (size_t i = 0; i < m->vms.n; i++)
		if (is_one(m->vms.v[i], vm))
			return m->vms.v[i];
	return NULL;
}

/* Equal names are told apart by their pids; those that bear a name alone have it alone. */
static int label_vm(const struct vnx_live_model *m, struct vnx_live_vm *vm)
{
	bool alone = true;

	for (size_t i = 0; i < m->vms.n; i++)
		alone &= m->vms.v[i] == vm || strcmp(m->vms.v[i]->vm.name, vm->vm.name);
	free(vm->label);
	vm->label = !*vm->vm.name ? vnx_asprintf("pid %" PRIu32, vm->vm.pid)
		    : alone       ? strdup(vm->vm.name)
				  : vnx_asprintf("%s#%" PRIu32, vm->vm.name, vm->vm.pid);
	return vm->label ? 0 : -ENOMEM;
}

static int tell_came(struct vnx_live_model *m, const struct vnx_live_vm *vm)
{
	const struct vnx_iface *nic = vm->vm.ifaces.n ? vm->vm.ifaces.v : NULL;

	return vnx_live_tell(m, VNX_EVENT_CAME, vm->label, "came: pid %" PRIu32 ", %s%s%s",
			     vm->vm.pid, vnx_backend_name(vm->vm.backend), nic ? ", " : "",
			     nic ? nic->name : "");
}

static int add_vm(struct vnx_live_model *m, const struct vnx_vm *from, struct vnx_live_vm **out)
{
	static const struct vnx_change_conf cc = VNX_CHANGE_CONF_DEFAULT;
	struct vnx_live_vm *vm = calloc(1, sizeof(*vm));
	int ret;

	*out = vm;
	if (!vm)
		return -ENOMEM;
	vm->id = ++m->next_id;
	vm->state = VNX_LIVE_WAITING;
	vm->limit = VNX_CAUSE_MAX;
	vm->first = vm->watch_next = m->bins;
	vm->watch = vnx_watch_new(&cc);
	ret = vm->watch ? vnx_vm_copy(&vm->vm, from) : -ENOMEM;
	if (!ret)
		ret = vnx_vec_push(&m->vms, vm);
	if (ret)
		vm_free(vm);
	return ret;
}

static int update_vm(struct vnx_live_model *m, struct vnx_live_vm *vm, const struct vnx_vm *from,
		     bool fresh)
{
	if (!fresh && !same_vm(&vm->vm, from)) {
		struct vnx_vm copy;

		if (vnx_vm_copy(&copy, from))
			return -ENOMEM;
		vnx_vm_fini(&vm->vm);
		vm->vm = copy;
	}
	if (fresh && label_vm(m, vm))
		return -ENOMEM;
	/* Those there from the start are no news. */
	if (fresh && m->map && tell_came(m, vm))
		return -ENOMEM;
	if (from->last_ns == UINT64_MAX || vm->gone_ns)
		return 0;
	vm->gone_ns = m->now_ns;
	vm->state = VNX_LIVE_GONE;
	return vnx_live_tell(m, VNX_EVENT_WENT, vm->label, "went");
}

bool vnx_live_is_shown(const struct vnx_live_model *m, const struct vnx_live_vm *vm)
{
	return !vm->gone_ns || m->now_ns - vm->gone_ns < VNX_LIVE_GONE_NS;
}

static void forget_bins(struct vnx_live_vm *vm)
{
	for (int k = 0; k < VNX_METRIC_MAX; k++) {
		free(vm->ring[k]);
		vm->ring[k] = NULL;
	}
}

/* Of those that went a while ago nothing is kept; the host goes on listing them. */
static void drop_gone(struct vnx_live_model *m)
{
	size_t n = 0;

	for (size_t i = 0; i < m->vms.n; i++) {
		struct vnx_live_vm *vm = m->vms.v[i];
		bool listed = false;

		for (size_t j = 0; j < m->map_n && vm->gone_ns && !listed; j++)
			listed = m->map[j] == vm;
		if (m->hold || vnx_live_is_shown(m, vm) || listed) {
			if (!m->hold && !vnx_live_is_shown(m, vm))
				forget_bins(vm);
			m->vms.v[n++] = vm;
		} else {
			vm_free(vm);
		}
	}
	m->vms.n = n;
}

static int compare_vms(struct vnx_live_model *m, const struct vnx_seen *seen)
{
	struct vnx_live_vm **map = calloc(seen->vms->n + 1, sizeof(struct vnx_live_vm *));
	int ret = map ? 0 : -ENOMEM;

	for (size_t i = 0; i < seen->vms->n && !ret; i++) {
		const struct vnx_vm *vm = &seen->vms->v[i];
		bool fresh;

		map[i] = find_known(m, vm, i);
		fresh = !map[i];
		if (fresh)
			ret = add_vm(m, vm, &map[i]);
		if (!ret)
			ret = update_vm(m, map[i], vm, fresh);
	}
	if (ret) {
		free(map);
		return ret;
	}
	free(m->map);
	m->map = map;
	m->map_n = seen->vms->n;
	drop_gone(m);
	return 0;
}

int vnx_live_model_feed(struct vnx_live_model *m, const struct vnx_seen *seen)
{
	int ret = 0;

	if (!m->facts.bin_ns)
		m->facts = *seen->facts;
	m->now_ns = seen->facts->end_ns > m->now_ns ? seen->facts->end_ns : m->now_ns;
	ret = vnx_live_compare(m, seen);
	if (!ret)
		ret = compare_vms(m, seen);
	if (!ret)
		ret = vnx_live_take(m, seen);
	m->facts = *seen->facts;
	m->others = seen->others;
	if (!ret)
		ret = vnx_live_suspect(m);
	m->others = NULL;
	return ret;
}
