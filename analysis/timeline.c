// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bins on one clock: sums, coverage and losses per bin, and the moving average over them.
 */
#include "analysis/timeline.h"

#include <math.h>

int vnx_accum_init(struct vnx_accum *acc, const struct vnx_grid *grid)
{
	memset(acc, 0, sizeof(*acc));
	if (!grid->n || !grid->bin_ns || grid->n > (UINT64_MAX - grid->start_ns) / grid->bin_ns)
		return -EINVAL;
	acc->sum = calloc(grid->n, sizeof(*acc->sum));
	acc->cover = calloc(grid->n, sizeof(*acc->cover));
	acc->lost = calloc(grid->n, sizeof(*acc->lost));
	if (!acc->sum || !acc->cover || !acc->lost) {
		vnx_accum_fini(acc);
		return -ENOMEM;
	}
	acc->grid = *grid;
	return 0;
}

void vnx_accum_fini(struct vnx_accum *acc)
{
	free(acc->sum);
	free(acc->cover);
	free(acc->lost);
	memset(acc, 0, sizeof(*acc));
}

/*
 * The part of [t, t + dur) inside the grid, relative to the grid's start. False: none of it.
 * An end past UINT64_MAX is cut there.
 */
static bool grid_clip(const struct vnx_grid *grid, uint64_t t_ns, uint64_t dur_ns, uint64_t *from,
		      uint64_t *to)
{
	uint64_t end_ns = dur_ns > UINT64_MAX - t_ns ? UINT64_MAX : t_ns + dur_ns;
	uint64_t len_ns = grid->bin_ns * grid->n;

	if (!grid->n || end_ns < grid->start_ns)
		return false;
	*from = t_ns > grid->start_ns ? t_ns - grid->start_ns : 0;
	*to = end_ns - grid->start_ns;
	if (*to > len_ns)
		*to = len_ns;
	return *from < len_ns && *from <= *to;
}

/* How much of [from, to) lies in bin @i, both relative to the grid's start. */
static double bin_overlap_ns(const struct vnx_grid *grid, size_t i, uint64_t from, uint64_t to)
{
	uint64_t lo = grid->bin_ns * i, hi = lo + grid->bin_ns;

	if (lo < from)
		lo = from;
	if (hi > to)
		hi = to;
	return hi > lo ? (double)(hi - lo) : 0;
}

void vnx_accum_add(struct vnx_accum *acc, uint64_t t_ns, uint64_t dur_ns, double count)
{
	const struct vnx_grid *grid = &acc->grid;
	uint64_t from, to;

	if (!grid_clip(grid, t_ns, dur_ns, &from, &to))
		return;
	if (!dur_ns) {
		if (t_ns >= grid->start_ns)
			acc->sum[from / grid->bin_ns] += count;
		return;
	}
	if (from == to)
		return;
	/* An interval within one bin gives its count whole: no rounding for counters. */
	if (to - from == dur_ns && from / grid->bin_ns == (to - 1) / grid->bin_ns) {
		acc->sum[from / grid->bin_ns] += count;
		return;
	}
	for (size_t i = from / grid->bin_ns; i <= (to - 1) / grid->bin_ns; i++)
		acc->sum[i] += count * (bin_overlap_ns(grid, i, from, to) / (double)dur_ns);
}

void vnx_accum_cover(struct vnx_accum *acc, uint64_t t_ns, uint64_t dur_ns)
{
	const struct vnx_grid *grid = &acc->grid;
	uint64_t from, to;

	if (!grid_clip(grid, t_ns, dur_ns, &from, &to) || from == to)
		return;
	for (size_t i = from / grid->bin_ns; i <= (to - 1) / grid->bin_ns; i++)
		acc->cover[i] += bin_overlap_ns(grid, i, from, to) / (double)grid->bin_ns;
}

double vnx_accum_within(const struct vnx_accum *acc, uint64_t t_ns, uint64_t dur_ns)
{
	const struct vnx_grid *grid = &acc->grid;
	uint64_t from, to;
	double sum = 0;

	if (!grid_clip(grid, t_ns, dur_ns, &from, &to) || from == to)
		return 0;
	for (size_t i = from / grid->bin_ns; i <= (to - 1) / grid->bin_ns; i++)
		sum += acc->sum[i] * (bin_overlap_ns(grid, i, from, to) / (double)grid->bin_ns);
	return sum;
}

void vnx_accum_void(struct vnx_accum *acc, uint64_t t_ns, uint64_t dur_ns)
{
	const struct vnx_grid *grid = &acc->grid;
	uint64_t from, to;

	if (!grid_clip(grid, t_ns, dur_ns, &from, &to))
		return;
	if (!dur_ns) {
		if (t_ns >= grid->start_ns)
			acc->lost[from / grid->bin_ns] = true;
		return;
	}
	if (from == to)
		return;
	for (size_t i = from / grid->bin_ns; i <= (to - 1) / grid->bin_ns; i++)
		acc->lost[i] = true;
}

void vnx_accum_values(const struct vnx_accum *acc, bool scale, double *out)
{
	for (size_t i = 0; i < acc->grid.n; i++) {
		/* 1e-9: coverage adds up from parts, 0.3 + 0.5 must still pass as 0.8 */
		bool missing = acc->lost[i] || !(acc->cover[i] >= VNX_MIN_COVERAGE - 1e-9);

		if (missing)
			out[i] = NAN;
		else if (scale && acc->cover[i] < 1 - 1e-9)
			out[i] = acc->sum[i] / acc->cover[i];
		else
			out[i] = acc->sum[i];
	}
}

struct part {
	double sum;
	size_t n;
};

static void part_add(struct part *p, double x)
{
	if (!isfinite(x))
		return;
	p->sum += x;
	p->n++;
}

/*
 * A window over two neighbouring blocks of @window bins is the tail of the first plus the
 * head of the second (van Herk 1992, there for minima). So every sum is of at most @window
 * terms, in O(n) and without the drift of a running sum that subtracts what leaves.
 */
void vnx_sma(const double *x, size_t n, size_t window, double *out)
{
	struct part *tail VNX_CLEANUP_FREE = NULL;

	if (window < 1)
		window = 1;
	if (window <= n)
		tail = calloc(window + 1, sizeof(*tail));
	if (window <= n && !tail) {
		for (size_t i = 0; i < n; i++)
			out[i] = NAN;
		return;
	}
	for (size_t block = 0; block < n; block += window) {
		size_t len = n - block < window ? n - block : window;
		struct part head = { 0 };

		for (size_t i = 0; i < len; i++) {
			struct part sum;

			part_add(&head, x[block + i]);
			sum = head;
			if (tail) { /* tail[k]: bins k.. of the block before */
				sum.sum += tail[i + 1].sum;
				sum.n += tail[i + 1].n;
			}
			out[block + i] =
				sum.n && 2 * sum.n >= window ? sum.sum / (double)sum.n : NAN;
		}
		if (!tail || len < window)
			break;
		tail[window] = (struct part){ 0 };
		for (size_t i = window; i-- > 0;) {
			tail[i] = tail[i + 1];
			part_add(&tail[i], x[block + i]);
		}
	}
}
