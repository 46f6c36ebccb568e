// SPDX-License-Identifier: GPL-2.0-only
#include "cli/pipeline/pipeline.h"

#include <inttypes.h>
#include <math.h>

#include "cli/host/host.h"
#include "cli/input/trace/clock_cost.h"
#include "cli/input/throughput/throughput_format.h"
#include "cli/pipeline/series.h"

/* A recording of a year at the narrowest bin; more is a damaged file, not a run. */
#define MAX_BINS (200ULL * 1000 * 1000)
/* The tap counts headers too: small packets make it count up to this much more. */
#define TAP_OVER_LOAD 1.7
#define TAP_UNDER_LOAD 0.9
/* How much better than the next VM the tap of the load's VM must follow the load. */
#define FOLLOW_MIN 0.8
#define FOLLOW_LEAD 0.1

/* What vnx_diagnose() is given, and what keeps it alive. */
struct inputs {
	struct vnx_vm_input *vms;
	double **made;                 /* throughput series made here, n of them */
	double *load;                  /* the load generator's series, or NULL */
	int *interval;                 /* ... and of which interval each bin is, or NULL */
	double *extra[VNX_METRIC_MAX]; /* what it told beside, where no socket did, or NULL */
	struct vnx_baseline *bases;
	size_t n;
};

static void inputs_fini(struct inputs *in)
{
	for (size_t i = 0; in->made && i < in->n; i++)
		free(in->made[i]);
	for (int m = 0; m < VNX_METRIC_MAX; m++)
		free(in->extra[m]);
	free(in->made);
	free(in->vms);
	free(in->bases);
	free(in->load);
	free(in->interval);
}

static double sum_where(const double *x, const double *mask, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		if (!isnan(x[i]) && !isnan(mask[i]))
			sum += x[i];
	return sum;
}

/* Does this tap direction carry the load? The better of both directions' correlation. */
static bool tap_carries(const struct vnx_series_set *set, size_t vm, enum vnx_metric m,
			const struct vnx_grid *grid, const double *load, double load_bytes,
			double *follow)
{
	const double *tap = vnx_series_get(set, vm, m);
	struct vnx_corr c;
	double bytes;

	if (!tap)
		return false;
	bytes = sum_where(tap, load, grid->n);
	if (bytes < TAP_UNDER_LOAD * load_bytes || bytes > TAP_OVER_LOAD * load_bytes)
		return false;
	vnx_correlate(VNX_PEARSON, tap, load, grid->n, &c);
	*follow = fmax(*follow, isnan(c.r) ? 0 : c.r);
	return true;
}

/*
 * Marks the VMs whose traffic the load generator measured: the only VM there is, or those
 * whose tap moved as many bytes; where several did (all share a link evenly), the one that
 * follows the load bin by bin. carries[n_vms]. Returns how many.
 */
static size_t attribute_load(const struct vnx_series_set *set, size_t n_vms,
			     const struct vnx_grid *grid, const double *load, bool *carries)
{
	double load_bytes = 0, best = -1, next = -1;
	size_t n = 0, best_vm = 0;

	for (size_t b = 0; b < grid->n; b++)
		if (!isnan(load[b]))
			load_bytes += load[b] / 8 * ((double)grid->bin_ns / VNX_NSEC_PER_SEC);
	for (size_t i = 0; i < n_vms; i++) {
		double tx = -1, rx = -1;
		bool t = tap_carries(set, i, VNX_TX_BYTES, grid, load, load_bytes, &tx);
		bool r = tap_carries(set, i, VNX_RX_BYTES, grid, load, load_bytes, &rx);
		double follow = fmax(tx, rx);

		carries[i] = n_vms == 1 || t || r;
		n += carries[i];
		if (carries[i] && follow > best) {
			next = best;
			best = follow;
			best_vm = i;
		} else if (carries[i] && follow > next) {
			next = follow;
		}
	}
	/* Two VMs may be the two ends of one flow: both follow it. More cannot be. */
	if (n > 2) {
		bool clear = best >= FOLLOW_MIN && best - next >= FOLLOW_LEAD;

		memset(carries, 0, n_vms * sizeof(*carries));
		carries[best_vm] = clear;
		n = clear;
	}
	return n;
}

/* The tap's own bytes, both directions, in bit/s. */
static double *tap_throughput(const struct vnx_series_set *set, size_t vm,
			      const struct vnx_grid *grid)
{
	const double *tx = vnx_series_get(set, vm, VNX_TX_BYTES);
	const double *rx = vnx_series_get(set, vm, VNX_RX_BYTES);
	double bin_s = (double)grid->bin_ns / VNX_NSEC_PER_SEC;
	double *out;

	if (!tx || !rx)
		return NULL;
	out = malloc((grid->n + 1) * sizeof(*out));
	for (size_t b = 0; out && b < grid->n; b++)
		out[b] = (tx[b] + rx[b]) * 8 / bin_s;
	return out;
}

static bool overlaps(const double *load, const struct vnx_grid *grid)
{
	bool any = false;

	for (size_t b = 0; b < grid->n; b++)
		any |= !isnan(load[b]);
	return any;
}

/* A load that was read and is used for no VM: why. */
static int say_if_lost(struct vnx_throughput *tp, size_t n_vms, const struct vnx_grid *grid,
		       const double *load, size_t n_carrying)
{
	if (!overlaps(load, grid))
		return vnx_throughput_note(tp, "it does not overlap the trace in time");
	if (n_vms > 1 && !n_carrying)
		return vnx_throughput_note(tp, "which VM's traffic it measured is not clear: --vm "
					       "NAME tells");
	return 0;
}

/* What no socket on this host told may stand in the load's own output. */
static int read_extras(const struct vnx_series_set *set, const struct vnx_grid *grid,
		       const struct vnx_throughput *tp, struct inputs *in)
{
	static const enum vnx_metric told[] = { VNX_LOAD_RETRANS, VNX_LOAD_CWND, VNX_LOAD_RTT,
						VNX_LOAD_LOST };

	for (size_t i = 0; i < VNX_ARRAY_SIZE(told); i++) {
		double *out;
		int ret;

		if (vnx_series_shared(set, told[i]))
			continue;
		out = malloc((grid->n + 1) * sizeof(*out));
		ret = out ? vnx_throughput_extra(tp, grid, told[i], out) : -ENOMEM;
		if (!ret)
			in->extra[told[i]] = out;
		else
			free(out);
		if (ret && ret != -ENODATA)
			return ret;
	}
	return 0;
}

/* Where they are longer than bins. */
static int read_intervals(const struct vnx_throughput *tp, const struct vnx_grid *grid,
			  struct inputs *in)
{
	in->interval = malloc((grid->n + 1) * sizeof(*in->interval));
	if (!in->interval)
		return -ENOMEM;
	if (!vnx_throughput_intervals(tp, grid, in->interval)) {
		free(in->interval);
		in->interval = NULL;
	}
	return 0;
}

/* The host's numbers are everybody's, the load's those of the VMs it talks to. */
static void share_evidence(const struct vnx_series_set *set, const struct inputs *in,
			   struct vnx_vm_input *vi, bool carries)
{
	for (int m = 0; m < VNX_METRIC_MAX; m++) {
		enum vnx_owner owner = vnx_metric_info((enum vnx_metric)m)->owner;

		if (owner == VNX_OF_HOST || (owner == VNX_OF_LOAD && carries))
			vi->series[m] = in->extra[m] ? in->extra[m]
						     : vnx_series_shared(set, (enum vnx_metric)m);
	}
}

/* What became of a load, for the VMs that it is not used for; NULL: there is none. */
static const char *load_fate(const struct vnx_throughput *tp, const struct vnx_grid *grid,
			     const double *load, const bool *carries, size_t n_vms)
{
	if (!tp || !tp->intervals.n)
		return NULL;
	if (tp->method == VNX_ALIGN_NONE)
		return "the load generator's times could not be put on the trace's clock";
	if (!overlaps(load, grid))
		return "the load generator ran at another time";
	for (size_t i = 0; i < n_vms; i++)
		if (carries[i])
			return "the load generator measured another VM";
	return "whose traffic the load generator measured is not clear: --vm NAME tells";
}

static int fill_throughput(const struct vnx_series_set *set, const struct vnx_vms *vms,
			   const struct vnx_grid *grid, struct vnx_throughput *tp, double asked,
			   struct inputs *in)
{
	VNX_CLEANUP_FREE bool *carries = calloc(vms->n + 1, sizeof(*carries));

	if (!carries)
		return -ENOMEM;
	if (tp && tp->intervals.n && tp->method != VNX_ALIGN_NONE) {
		in->load = malloc((grid->n + 1) * sizeof(double));
		if (!in->load || vnx_throughput_series(tp, grid, in->load) ||
		    read_intervals(tp, grid, in))
			return -ENOMEM;
		if (say_if_lost(tp, vms->n, grid, in->load,
				attribute_load(set, vms->n, grid, in->load, carries)))
			return -ENOMEM;
		if (read_extras(set, grid, tp, in))
			return -ENOMEM;
	}
	for (size_t i = 0; i < vms->n; i++) {
		struct vnx_vm_input *vi = &in->vms[i];

		in->made[i] = carries[i] ? NULL : tap_throughput(set, i, grid);
		vi->series[VNX_THROUGHPUT] = carries[i] ? in->load : in->made[i];
		vi->interval = carries[i] ? in->interval : NULL;
		vi->asked_bps = carries[i] ? asked : 0;
		vi->throughput_source = carries[i] ? tp->source : in->made[i] ? "tap" : "";
		vi->throughput_why = load_fate(tp, grid, in->load, carries, vms->n);
		share_evidence(set, in, vi, carries[i]);
	}
	return 0;
}

/* By name: an earlier run had other process ids. */
static int find_baselines(const struct vnx_diagnosis *dg, struct inputs *in)
{
	in->bases = calloc(in->n + 1, sizeof(*in->bases));
	if (!in->bases)
		return -ENOMEM;
	for (size_t i = 0; i < in->n; i++)
		for (size_t j = 0; j < dg->vms.n; j++)
			if (!strcmp(dg->vms.v[j].vm.name, in->vms[i].vm->name) &&
			    vnx_baseline_make(&dg->vms.v[j], &dg->grid, &in->bases[i]))
				in->vms[i].baseline = &in->bases[i];
	return 0;
}

static int make_inputs(const struct vnx_series_set *set, const struct vnx_vms *vms,
		       const struct vnx_grid *grid, struct vnx_throughput *tp, double asked,
		       struct inputs *in)
{
	in->n = vms->n;
	in->vms = calloc(vms->n + 1, sizeof(*in->vms));
	in->made = calloc(vms->n + 1, sizeof(*in->made));
	if (!in->vms || !in->made)
		return -ENOMEM;
	for (size_t i = 0; i < vms->n; i++) {
		in->vms[i].vm = &vms->v[i];
		in->vms[i].totals = vnx_series_totals(set, i);
		in->vms[i].threads = vnx_series_threads(set, i, &in->vms[i].n_threads);
		for (int m = 0; m < VNX_METRIC_MAX; m++)
			in->vms[i].series[m] = vnx_series_get(set, i, m);
	}
	return fill_throughput(set, vms, grid, tp, asked, in);
}

/* By the load's own output, else by its command where that is the load whose output it is. */
static double asked_of(const struct vnx_pipeline *p, const struct vnx_pipeline_conf *conf)
{
	if (p->tp && p->tp->asked_bps > 0)
		return p->tp->asked_bps;
	return conf->n_throughput ? 0 : vnx_load_asked(p->run.facts.command);
}

static int analyse(struct vnx_pipeline *p, const struct vnx_series_set *set,
		   const struct vnx_grid *grid, const struct vnx_pipeline_conf *conf)
{
	const struct vnx_run_facts *facts = &p->run.facts;
	struct vnx_diagnose_conf dc = {
		.sma_bins = (conf->sma_ns + grid->bin_ns / 2) / grid->bin_ns,
		.min_effect = 0.05,
		.min_bins = 3,
		/* A place that was searched for is not searched a second time. */
		.clock_uncertainty_s = p->tp && !p->tp->places ? p->tp->uncertainty_s : 0,
		.places = p->tp ? p->tp->places : 0,
		.stage_s =
			conf->stage_ns ? (double)conf->stage_ns / VNX_NSEC_PER_SEC : facts->stage_s,
		.lost = vnx_series_lost(set),
		.lost_events = vnx_series_lost_events(set),
		/* what came in by its arrival is on our clock, whatever the wall clock did */
		.clock_stepped =
			facts->clock_stepped && p->tp && p->tp->method == VNX_ALIGN_TIMESTAMP,
		.holds = p->run.holds.n ? &p->run.holds : NULL,
		.others = &p->run.others,
	};
	struct inputs in = { 0 };
	int err;

	for (int m = 0; m < VNX_METRIC_MAX; m++)
		dc.not_measured[m] = vnx_evidence_why(&p->run.sources, (enum vnx_metric)m);

	if (!dc.sma_bins)
		dc.sma_bins = 1;
	err = make_inputs(set, &p->run.vms, grid, p->tp, asked_of(p, conf), &in);
	if (!err && conf->baseline)
		err = find_baselines(conf->baseline, &in);
	if (!err)
		err = vnx_diagnose(grid, in.vms, in.n, &dc, &p->dg);
	inputs_fini(&in);
	return err;
}

/* --vm: only the named ones are judged. */
static int filter_vms(struct vnx_run *run, const struct vnx_pipeline_conf *conf,
		      struct vnx_err *err)
{
	struct vnx_vms *vms = &run->vms;
	size_t kept = 0;

	if (!conf->n_vms)
		return 0;
	for (size_t i = 0; i < vms->n; i++) {
		bool wanted = false;

		for (size_t j = 0; j < conf->n_vms; j++)
			wanted |= vnx_vm_matches(&vms->v[i], conf->vms[j]);
		if (wanted)
			vms->v[kept++] = vms->v[i];
		else if (vnx_vec_push(&run->others, vms->v[i]))
			vnx_vm_fini(&vms->v[i]);
	}
	vms->n = kept;
	if (kept)
		return 0;
	vnx_err_hint(err, "Without --vm the report names all VMs that were seen.");
	return vnx_err_set(err, -ENOENT, VNX_EXIT_FAILED, "no-such-vm",
			   "no VM of the run answers to --vm %s", conf->vms[0]);
}

/* As a person counts: vm2 before vm10. The pid keeps the order the same for equal names. */
static int compare_vms(const void *a, const void *b)
{
	const struct vnx_vm *x = a, *y = b;
	int by_name = strverscmp(x->name, y->name);

	return by_name ? by_name : x->pid < y->pid ? -1 : x->pid > y->pid;
}

/* The wall clock against the trace's, INT64_MIN where it is not known or cannot be used. */
static int64_t realtime_of(const struct vnx_run_facts *facts)
{
	const struct vnx_clock_cost *cost = vnx_clock_cost(facts->clock);

	if (!facts->realtime_minus_mono_ns || (cost && cost->no_stamps))
		return INT64_MIN;
	return facts->realtime_minus_mono_ns;
}

static void place_load(struct vnx_throughput *tp, const struct vnx_pipeline *p,
		       const struct vnx_pipeline_conf *conf)
{
	vnx_throughput_align(tp, realtime_of(&p->run.facts));
	if (conf->placement.given)
		vnx_throughput_offset(tp, conf->placement.offset_ns);
}

static int read_files(struct vnx_pipeline *p, const struct vnx_pipeline_conf *conf,
		      struct vnx_err *err)
{
	VNX_CLEANUP_FREE struct vnx_throughput **v = calloc(conf->n_throughput, sizeof(*v));
	size_t n = 0;
	int ret = v ? 0 : -ENOMEM;

	while (!ret && n < conf->n_throughput) {
		ret = vnx_throughput_read_file(conf->throughput[n], &v[n], err);
		if (!ret)
			place_load(v[n++], p, conf);
	}
	if (!ret)
		return vnx_throughput_join(v, n, &p->tp);
	while (n--)
		vnx_throughput_free(v[n]);
	return ret;
}

static int read_load(struct vnx_pipeline *p, const struct vnx_pipeline_conf *conf,
		     struct vnx_err *err)
{
	struct vnx_throughput *tp;
	int ret;

	if (conf->n_throughput)
		return read_files(p, conf, err);
	ret = p->run.lines.n ? vnx_throughput_parse(&p->run.lines, &p->tp, err) : -ENOENT;
	/* A load whose output is not known is no failure: the tap's counters serve. */
	if (ret == -ENOENT)
		return 0;
	if (ret)
		return ret;
	place_load(p->tp, p, conf);
	tp = p->tp;
	p->tp = NULL;
	return vnx_throughput_join(&tp, 1, &p->tp);
}

/* What a load can be seen to follow: the taps' bytes, else the calls. */
static int search_place(struct vnx_pipeline *p, const struct vnx_series_set *set,
			const struct vnx_grid *grid, struct vnx_err *err)
{
	static const enum vnx_metric wanted[2][2] = { { VNX_TX_BYTES, VNX_RX_BYTES },
						      { VNX_HANDLE_TX, VNX_HANDLE_RX } };
	size_t n_vms = p->run.vms.n, n = 0;
	VNX_CLEANUP_FREE const double **series = calloc(2 * n_vms + 1, sizeof(*series));
	VNX_CLEANUP_FREE const char **names = calloc(2 * n_vms + 1, sizeof(*names));

	if (!series || !names)
		return -ENOMEM;
	for (int k = 0; k < 2 && !n; k++)
		for (size_t i = 0; i < 2 * n_vms; i++) {
			enum vnx_metric m = wanted[k][i % 2];
			const double *x = vnx_series_get(set, i / 2, m);

			if (!x)
				continue;
			series[n] = x;
			names[n++] = vnx_metric_name(m);
		}
	return vnx_throughput_search(p->tp, grid, series, names, n, err);
}

/* No time at all, no rate, no bin. */
static int check_clock(const struct vnx_run_facts *facts, struct vnx_err *err)
{
	const struct vnx_clock_cost *cost = vnx_clock_cost(facts->clock);

	if (!cost || !cost->no_time)
		return 0;
	vnx_err_hint(err, "Record with a clock: trace-cmd record -C mono, perf record -k "
			  "CLOCK_MONOTONIC.");
	return vnx_err_set(err, -EINVAL, VNX_EXIT_FAILED, "no-time",
			   "the trace's clock is \"%s\": %s", facts->clock, cost->cost);
}

/* --from, --to: whole bins within. */
static int crop_grid(const struct vnx_run_facts *f, const struct vnx_pipeline_conf *conf,
		     struct vnx_grid *grid, struct vnx_err *err)
{
	uint64_t from = 0, to = grid->n;

	if (conf->from_ns > f->start_ns)
		from = (conf->from_ns - f->start_ns + f->bin_ns - 1) / f->bin_ns;
	if (conf->to_ns && conf->to_ns < f->end_ns)
		to = conf->to_ns > f->start_ns ? (conf->to_ns - f->start_ns) / f->bin_ns : 0;
	if (from >= to) {
		vnx_err_hint(err, "It reaches from %.3f s to %.3f s of the clock of its source.",
			     (double)f->start_ns / 1e9, (double)f->end_ns / 1e9);
		return vnx_err_set(err, -ENODATA, VNX_EXIT_USAGE, "usage",
				   "no bin of the run is between --from and --to");
	}
	grid->start_ns += from * f->bin_ns;
	grid->n = to - from;
	return 0;
}

static int make_grid(const struct vnx_run_facts *f, const struct vnx_pipeline_conf *conf,
		     struct vnx_grid *grid, struct vnx_err *err)
{
	if (!f->bin_ns || f->end_ns < f->start_ns ||
	    (f->end_ns - f->start_ns) / f->bin_ns > MAX_BINS)
		return vnx_err_set(err, -EINVAL, VNX_EXIT_FAILED, "damaged",
				   "the recording's own times make no sense: start %" PRIu64
				   " ns, end %" PRIu64 " ns, bins of %" PRIu64 " ns",
				   f->start_ns, f->end_ns, f->bin_ns);
	*grid = (struct vnx_grid){ .start_ns = f->start_ns,
				   .bin_ns = f->bin_ns,
				   .n = (f->end_ns - f->start_ns) / f->bin_ns };
	if (grid->n)
		return crop_grid(f, conf, grid, err);
	vnx_err_hint(err,
		     "Record for longer: a verdict takes 20 bins. A load after -- ends the run "
		     "when it ends.");
	return vnx_err_set(err, -ENODATA, VNX_EXIT_FAILED, "too-short",
			   "the run lasted %.3g s, less than one bin of %g s",
			   (f->end_ns - f->start_ns) / 1e9, f->bin_ns / 1e9);
}

/* With --from or --to totals are of that part only, without them of all that was counted. */
static bool outside(const struct vnx_pipeline_conf *conf, const struct vnx_grid *grid,
		    const struct vnx_sample *s)
{
	return (conf->from_ns || conf->to_ns) &&
	       (s->t_ns + s->dur_ns <= grid->start_ns ||
		s->t_ns >= grid->start_ns + grid->n * grid->bin_ns);
}

int vnx_pipeline_run(const struct vnx_reader_ops *ops, struct vnx_reader *r,
		     const struct vnx_pipeline_conf *conf, struct vnx_pipeline *out,
		     struct vnx_err *err)
{
	struct vnx_series_set *set = NULL;
	struct vnx_sample s;
	struct vnx_grid grid;
	int ret;

	*out = (struct vnx_pipeline){ 0 };
	ret = ops->run(r, &out->run, err);
	if (!ret)
		ret = check_clock(&out->run.facts, err);
	if (!ret)
		ret = filter_vms(&out->run, conf, err);
	if (!ret && out->run.vms.n)
		qsort(out->run.vms.v, out->run.vms.n, sizeof(struct vnx_vm), compare_vms);
	if (!ret)
		ret = make_grid(&out->run.facts, conf, &grid, err);
	if (!ret)
		ret = read_load(out, conf, err);
	if (!ret)
		ret = vnx_series_new(&set, &out->run, &grid);
	if (ret)
		goto out;
	while ((ret = ops->next(r, &s, err)) > 0) {
		if (outside(conf, &grid, &s))
			continue;
		ret = vnx_series_add(set, &s);
		if (ret)
			goto out;
	}
	if (!ret)
		ret = vnx_series_finish(set);
	if (!ret && out->tp && conf->placement.search)
		ret = search_place(out, set, &grid, err);
	if (!ret)
		ret = analyse(out, set, &grid, conf);
	for (int m = 0; m < VNX_METRIC_MAX; m++)
		out->run.unattributed.counts[m] = vnx_series_unattributed(set, m);
out:
	vnx_series_free(set);
	if (ret) {
		vnx_err_set(err, ret, VNX_EXIT_FAILED, "failed", "the analysis failed: %s",
			    strerror(-ret));
		vnx_pipeline_fini(out);
	}
	return ret;
}

void vnx_pipeline_fini(struct vnx_pipeline *p)
{
	vnx_diagnosis_free(p->dg);
	vnx_throughput_free(p->tp);
	vnx_run_fini(&p->run);
	*p = (struct vnx_pipeline){ 0 };
}
