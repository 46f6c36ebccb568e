// SPDX-License-Identifier: GPL-2.0-only
/* A recording watched again as it happened: fed bin by bin, at its own pace or faster. */
#include "cli/live/app.h"

#include <math.h>
#include <poll.h>

#include "bpf/clock.h"
#include "cli/host/host.h"
#include "cli/base/stop.h"

struct player {
	struct vnx_live_app *a;
	const struct vnx_live_play *play;
	struct vnx_run run;
	struct vnx_samples all, part;
	struct vnx_holds part_holds;
	size_t next_sample, next_hold;
	uint64_t edge_ns, end_ns; /* of the recording's clock */
	uint64_t due_ns;          /* ours */
};

static int compare_samples(const void *a, const void *b)
{
	const struct vnx_sample *x = a, *y = b;

	return x->t_ns < y->t_ns ? -1 : x->t_ns > y->t_ns;
}

static int read_all(struct player *p, const struct vnx_reader_ops *ops, struct vnx_reader *r,
		    struct vnx_err *err)
{
	struct vnx_sample s;
	int ret = ops->run(r, &p->run, err);

	if (ret)
		return ret;
	while ((ret = ops->next(r, &s, err)) > 0)
		if (vnx_vec_push(&p->all, s))
			return -ENOMEM;
	if (!ret && p->all.n)
		qsort(p->all.v, p->all.n, sizeof(*p->all.v), compare_samples);
	if (!ret && (!p->run.facts.bin_ns ||
		     p->run.facts.end_ns < p->run.facts.start_ns + p->run.facts.bin_ns))
		ret = vnx_err_set(err, -ENODATA, VNX_EXIT_FAILED, "too-short",
				  "the recording is shorter than one bin");
	return ret;
}

static bool is_wanted(const struct player *p, const struct vnx_vm *vm)
{
	for (size_t i = 0; i < p->play->n_vms; i++)
		if (vnx_vm_matches(vm, p->play->vms[i]))
			return true;
	return !p->play->n_vms;
}

static int check_vm_names(const struct player *p, struct vnx_err *err)
{
	for (size_t i = 0; i < p->run.vms.n; i++)
		if (is_wanted(p, &p->run.vms.v[i]))
			return 0;
	if (!p->play->n_vms)
		return 0;
	vnx_err_hint(err, "`vnetdx live --replay` without --vm shows the %zu VMs of the recording.",
		     p->run.vms.n);
	return vnx_err_set(err, -ENOENT, VNX_EXIT_FAILED, "no-such-vm",
			   "no VM of the recording answers to --vm %s", p->play->vms[0]);
}

/* Of @from those that were there by then, as they were seen then, into one of the two lists. */
static int list_vms(const struct player *p, const struct vnx_vms *from, struct vnx_vms *wanted,
		    struct vnx_vms *others)
{
	int ret = 0;

	for (size_t i = 0; i < from->n && !ret; i++) {
		struct vnx_vm vm = from->v[i];

		if (vm.first_ns > p->edge_ns)
			continue;
		if (vm.last_ns > p->edge_ns)
			vm.last_ns = UINT64_MAX;
		ret = from == &p->run.vms && is_wanted(p, &vm) ? vnx_vec_push(wanted, vm)
							       : vnx_vec_push(others, vm);
	}
	return ret;
}

/* What began before the bin's end had been read by then, give or take the reading's delay. */
static int cut_part(struct player *p)
{
	int ret = 0;

	p->part.n = p->part_holds.n = 0;
	while (!ret && p->next_sample < p->all.n && p->all.v[p->next_sample].t_ns < p->edge_ns)
		ret = vnx_vec_push(&p->part, p->all.v[p->next_sample++]);
	while (!ret && p->next_hold < p->run.holds.n &&
	       p->run.holds.v[p->next_hold].t_ns < p->edge_ns)
		ret = vnx_vec_push(&p->part_holds, p->run.holds.v[p->next_hold++]);
	return ret;
}

static int feed_bin(struct player *p, struct vnx_err *err)
{
	struct vnx_run_facts facts = p->run.facts;
	struct vnx_vms vms = { 0 }, others = { 0 };
	struct vnx_seen seen = { .facts = &facts,
				 .vms = &vms,
				 .others = &others,
				 .hooks = &p->run.hooks,
				 .sources = &p->run.sources,
				 .samples = &p->part,
				 .holds = &p->part_holds };
	int ret;

	p->edge_ns += facts.bin_ns;
	facts.end_ns = p->edge_ns;
	facts.finished = p->edge_ns + facts.bin_ns > p->end_ns;
	ret = cut_part(p);
	if (!ret)
		ret = list_vms(p, &p->run.vms, &vms, &others);
	if (!ret)
		ret = list_vms(p, &p->run.others, &vms, &others);
	if (!ret)
		ret = vnx_live_app_bin(p->a, &seen, err);
	free(vms.v);
	free(others.v);
	return ret;
}

/* Until the next bin is due, or a key comes; paused: until it goes on. */
static int wait_due(struct player *p, bool over, struct vnx_err *err)
{
	uint64_t now_ns = vnx_clock_mono();
	struct pollfd pfd = { .fd = vnx_live_app_fd(p->a), .events = POLLIN };
	bool rest = over || p->a->view.paused;
	uint64_t left_ns = p->due_ns > now_ns ? p->due_ns - now_ns : 0;
	int ms = rest ? VNX_WATCH_MS : (int)((left_ns + VNX_NSEC_PER_MSEC - 1) / VNX_NSEC_PER_MSEC);

	ms = ms > VNX_WATCH_MS ? VNX_WATCH_MS : ms;
	if (poll(&pfd, 1, ms) < 0 && errno != EINTR)
		return vnx_err_set(err, -errno, VNX_EXIT_FAILED, "io", "poll failed: %s",
				   strerror(errno));
	return vnx_live_app_wake(p->a, err);
}

static int step(struct player *p, struct vnx_err *err)
{
	uint64_t now_ns = vnx_clock_mono();

	if (p->a->view.paused) {
		p->due_ns = now_ns;
		return 0;
	}
	if (now_ns < p->due_ns)
		return 0;
	p->due_ns += isfinite(p->play->speed)
			     ? (uint64_t)((double)p->run.facts.bin_ns / p->play->speed)
			     : 0;
	/* Late by more than a moment (stopped by Ctrl-Z): not made up for. */
	if (now_ns > p->due_ns + VNX_NSEC_PER_SEC)
		p->due_ns = now_ns;
	return feed_bin(p, err);
}

static int play_on(struct player *p, struct vnx_err *err)
{
	bool over = false;
	int ret = 0;

	while (!ret && !vnx_stop_asked()) {
		over = p->edge_ns + p->run.facts.bin_ns > p->end_ns;
		p->a->view.ended = over && p->edge_ns + p->run.facts.bin_ns > p->run.facts.end_ns;
		/* A screen stays until it is quit, unless -d ends it. */
		if (over && (!p->a->full_screen || p->play->duration_ns))
			break;
		ret = wait_due(p, over, err);
		if (!ret && !over)
			ret = step(p, err);
	}
	return ret < 0 ? ret : 0;
}

int vnx_live_replay(struct vnx_live_app *a, const struct vnx_reader_ops *ops, struct vnx_reader *r,
		    const struct vnx_live_play *play, struct vnx_err *err)
{
	struct player p = { .a = a, .play = play };
	int ret = read_all(&p, ops, r, err);

	if (!ret)
		ret = check_vm_names(&p, err);
	for (size_t i = 0; i < p.run.hooks.n; i++)
		p.run.hooks.v[i].until_ns = 0; /* they went at the recording's end */
	p.edge_ns = p.run.facts.start_ns;
	p.end_ns = p.run.facts.end_ns;
	if (play->duration_ns && p.end_ns - p.edge_ns > play->duration_ns)
		p.end_ns = p.edge_ns + play->duration_ns;
	p.due_ns = vnx_clock_mono();
	a->view.speed = play->speed;
	if (!ret) {
		vnx_stop_catch();
		ret = play_on(&p, err);
		vnx_live_app_end(a);
		vnx_stop_release();
	}
	vnx_run_fini(&p.run);
	free(p.all.v);
	free(p.part.v);
	free(p.part_holds.v);
	return ret;
}
