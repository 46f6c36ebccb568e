// SPDX-License-Identifier: GPL-2.0-only
#include "cli/record/verify.h"

#include <inttypes.h>

#include "analysis/account.h"

/* vhost handles at most so many packets before it lets others have the worker (vhost/net.c). */
#define PACKETS_A_CALL 256

/* What a hook is held against, the better first: each event takes @calls_each calls at least. */
static const struct account {
	enum vnx_metric metric; /* of samples */
	double calls_each;
	const char *name, *what; /* for programs, for a person */
} accounts[VNX_VERIFY_HOOKS][VNX_VERIFY_ACCOUNTS] = {
	[VNX_HANDLE_TX] = { { VNX_TX_KICK, 1, "tx_kick", "guest notifications" },
			    { VNX_TX_PACKETS, 1.0 / PACKETS_A_CALL, "tx_packets",
			      "packets that vhost took from guests" } },
	[VNX_HANDLE_RX] = { { VNX_RX_KICK, 1, "rx_kick", "guest notifications" },
			    { VNX_RX_PACKETS, 1.0 / PACKETS_A_CALL, "rx_packets",
			      "packets that vhost gave to guests" } },
	[VNX_VCPU_ENTER] = { { VNX_EXIT_TOTAL, 1, "exits", "exits by KVM's own count" } },
	[VNX_VCPU_HALT] = { { VNX_EXIT_HALT, 1, "halt_exits", "halts by KVM's own count" } },
};

static bool has(const struct vnx_u32s *tids, uint32_t tid)
{
	for (size_t i = 0; i < tids->n; i++)
		if (tids->v[i] == tid)
			return true;
	return false;
}

/* Did a worker of @vm run? QEMU moves the packets itself until the guest's driver is there. */
static bool worker_ran(const struct vnx_vm *vm, const struct vnx_samples *samples)
{
	for (size_t i = 0; i < samples->n; i++) {
		const struct vnx_sample *s = &samples->v[i];

		if (s->metric == VNX_VHOST_RUN && s->count && has(&vm->workers, s->entity))
			return true;
	}
	return false;
}

static bool has_vcpus(const struct vnx_vms *vms, uint32_t pid)
{
	for (size_t i = 0; i < vms->n; i++)
		if (vms->v[i].pid == pid)
			return vms->v[i].vcpus.n;
	return false;
}

/* Did vhost move the packets of tap @ifindex? A VM may have a card without it beside. */
static bool by_vhost(const struct vnx_vms *vms, uint32_t ifindex, const struct vnx_samples *samples)
{
	for (size_t i = 0; i < vms->n; i++) {
		const struct vnx_vm *vm = &vms->v[i];

		for (size_t j = 0; j < vm->ifaces.n; j++)
			if (vm->ifaces.v[j].ifindex == ifindex)
				return vm->ifaces.v[j].backend == VNX_BACKEND_VHOST_NET &&
				       worker_ran(vm, samples);
	}
	return false;
}

/* Would the hook have seen what @s tells of? */
static bool is_seen(const struct vnx_sample *s, const struct vnx_samples *samples,
		    const struct vnx_vms *vms, bool listed_only)
{
	if (s->metric == VNX_TX_KICK || s->metric == VNX_RX_KICK)
		return true;
	if (s->metric == VNX_EXIT_TOTAL || s->metric == VNX_EXIT_HALT)
		return !listed_only || has_vcpus(vms, s->entity);
	return by_vhost(vms, s->entity, samples);
}

static int account_at(enum vnx_metric hook, uint32_t metric)
{
	for (int k = 0; k < VNX_VERIFY_ACCOUNTS; k++)
		if (accounts[hook][k].name && accounts[hook][k].metric == metric)
			return k;
	return -1;
}

/* The part of a count read at both ends of @s that falls before @until_ns (0: all of it). */
static uint64_t part_before(const struct vnx_sample *s, uint64_t until_ns)
{
	uint64_t end_ns = s->t_ns + s->dur_ns;

	if (!until_ns || end_ns <= until_ns)
		return s->count;
	if (s->t_ns >= until_ns)
		return 0;
	return (uint64_t)((double)s->count * (double)(until_ns - s->t_ns) / (double)s->dur_ns);
}

static void remember(struct vnx_verify *v, enum vnx_metric m, uint64_t t_ns)
{
	struct vnx_verify_past *past = v->of[m].past;
	size_t *n = &v->of[m].n_past;

	if (*n == VNX_VERIFY_PAST) {
		for (size_t i = 1; i < VNX_VERIFY_PAST / 2; i++)
			past[i] = past[2 * i];
		*n = VNX_VERIFY_PAST / 2;
	}
	past[(*n)++] = (struct vnx_verify_past){ t_ns, v->of[m].calls };
}

/* A sample of calls bears its whole bin: all of them are the hook's, also in its first one. */
static void add_calls(struct vnx_verify *v, enum vnx_metric m, const struct vnx_samples *samples)
{
	uint64_t end_ns = 0;

	for (size_t i = 0; i < samples->n; i++) {
		const struct vnx_sample *s = &samples->v[i];
		uint64_t s_end_ns = s->t_ns + s->dur_ns;

		if (s->metric != m || s_end_ns <= v->of[m].since_ns)
			continue;
		if (!v->of[m].n_past)
			remember(v, m, s->t_ns);
		v->of[m].calls += s->count;
		end_ns = s_end_ns > end_ns ? s_end_ns : end_ns;
	}
	if (end_ns)
		remember(v, m, end_ns);
}

/* In between they came evenly. */
static uint64_t calls_before(const struct vnx_verify *v, enum vnx_metric m, uint64_t t_ns)
{
	const struct vnx_verify_past *past = v->of[m].past;
	size_t n = v->of[m].n_past, i = 0;

	while (i < n && past[i].t_ns <= t_ns)
		i++;
	if (!i || i == n)
		return i ? past[n - 1].calls : 0;
	return past[i - 1].calls + (uint64_t)((double)(past[i].calls - past[i - 1].calls) *
					      (double)(t_ns - past[i - 1].t_ns) /
					      (double)(past[i].t_ns - past[i - 1].t_ns));
}

static void begin_account(struct vnx_verify *v, enum vnx_metric m, int k, uint64_t t_ns)
{
	if (v->of[m].begun[k])
		return;
	v->of[m].begun[k] = true;
	v->of[m].before[k] = calls_before(v, m, t_ns);
}

/*
 * Only while it matters are the account's events looked at one by one: a hook that counts needs
 * the sum alone.
 */
static void add_samples(struct vnx_verify *v, const struct vnx_hook *hook,
			const struct vnx_samples *samples, const struct vnx_vms *vms,
			bool listed_only)
{
	enum vnx_metric m = hook->metric;

	add_calls(v, m, samples);
	for (size_t i = 0; i < samples->n; i++) {
		const struct vnx_sample *s = &samples->v[i];
		int k = account_at(m, s->metric);

		if (s->t_ns < v->of[m].since_ns)
			continue;
		if (k >= 0)
			begin_account(v, m, k, s->t_ns);
		if (m == VNX_VCPU_HALT &&
		    (s->metric == VNX_HALT_SLEEP || s->metric == VNX_HALT_POLL))
			v->of[m].halted_ns += s->count;
		else if (k >= 0 && s->count &&
			 (v->of[m].calls || is_seen(s, samples, vms, listed_only)))
			v->of[m].account[k] += part_before(s, hook->until_ns);
	}
}

/* The account to name: the first that moved. */
static int best_account(const struct vnx_verify *v, enum vnx_metric m)
{
	for (int k = 0; k < VNX_VERIFY_ACCOUNTS; k++)
		if (v->of[m].account[k])
			return k;
	return -1;
}

static void say_unverified(const struct vnx_source_states *states, struct vnx_hook *hook)
{
	const struct account *a = accounts[hook->metric];
	const char *why = vnx_evidence_why(states, a->metric);

	if (a[1].name && why)
		why = vnx_evidence_why(states, a[1].metric);
	if (why)
		snprintf(hook->verified.why, VNX_WHY_LEN, "%s is not measured: %.150s", a->name,
			 why);
	else
		snprintf(hook->verified.why, VNX_WHY_LEN,
			 "no %s while it was attached: nothing to hold it against", a->what);
}

static void set_verified(const struct vnx_verify *v, const struct vnx_source_states *states,
			 struct vnx_hook *hook)
{
	int k = best_account(v, hook->metric);

	hook->verified.against[0] = '\0';
	if (!hook->hook[0])
		return;
	if (k < 0) {
		say_unverified(states, hook);
		return;
	}
	snprintf(hook->verified.against, sizeof(hook->verified.against), "%s",
		 accounts[hook->metric][k].name);
	hook->verified.hook = v->of[hook->metric].calls - v->of[hook->metric].before[k];
	hook->verified.account = v->of[hook->metric].account[k];
	hook->verified.why[0] = '\0';
}

void vnx_verify_add(struct vnx_verify *v, const struct vnx_samples *samples,
		    const struct vnx_vms *vms, bool listed_only,
		    const struct vnx_source_states *states, struct vnx_hooks *hooks)
{
	for (size_t i = 0; i < hooks->n; i++) {
		struct vnx_hook *hook = &hooks->v[i];

		if (hook->metric >= VNX_VERIFY_HOOKS)
			continue;
		if (v->of[hook->metric].since_ns != hook->since_ns) {
			memset(&v->of[hook->metric], 0, sizeof(v->of[0]));
			v->of[hook->metric].since_ns = hook->since_ns;
		}
		memcpy(v->of[hook->metric].ripe, v->of[hook->metric].account,
		       sizeof(v->of[0].ripe));
		if (hook->hook[0])
			add_samples(v, hook, samples, vms, listed_only);
		/* Detached: no more of its calls are to come. */
		if (hook->until_ns)
			memcpy(v->of[hook->metric].ripe, v->of[hook->metric].account,
			       sizeof(v->of[0].ripe));
		set_verified(v, states, hook);
	}
}

bool vnx_verify_denies(const struct vnx_verify *v, const struct vnx_hook *hook,
		       char why[VNX_WHY_LEN])
{
	if (!hook->hook[0] || hook->metric >= VNX_VERIFY_HOOKS)
		return false;
	/* Where the VMM emulates the interrupt controller, a halted vCPU waits in it, not in KVM.
	 */
	if (hook->metric == VNX_VCPU_HALT && !v->of[hook->metric].halted_ns)
		return false;
	for (int k = 0; k < VNX_VERIFY_ACCOUNTS; k++) {
		const struct account *a = &accounts[hook->metric][k];

		if (!a->name || !vnx_account_denies(v->of[hook->metric].calls,
						    v->of[hook->metric].ripe[k], a->calls_each))
			continue;
		snprintf(why, VNX_WHY_LEN, "attached but never ran (0 of %" PRIu64 " %s)",
			 v->of[hook->metric].account[k], a->what);
		return true;
	}
	return false;
}

const char *vnx_verify_against(enum vnx_metric metric)
{
	static const char *const text[VNX_VERIFY_HOOKS] = {
		[VNX_HANDLE_TX] = "guest notifications and the taps' packets",
		[VNX_HANDLE_RX] = "guest notifications and the taps' packets",
		[VNX_VCPU_ENTER] = "the exits that KVM counts",
		[VNX_VCPU_HALT] = "the halts that KVM counts",
	};

	return metric < VNX_VERIFY_HOOKS ? text[metric] : NULL;
}
