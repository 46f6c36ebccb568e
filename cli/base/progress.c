// SPDX-License-Identifier: GPL-2.0-only
#include "cli/base/progress.h"

#include <unistd.h>

#define PLAIN_EVERY_NS (10 * VNX_NSEC_PER_SEC)

void vnx_progress_begin(struct vnx_progress *p, bool quiet, uint64_t start_ns, uint64_t duration_ns,
			uint64_t bin_ns)
{
	*p = (struct vnx_progress){ .quiet = quiet,
				    .terminal = isatty(STDERR_FILENO),
				    .start_ns = start_ns,
				    .duration_ns = duration_ns,
				    .bin_ns = bin_ns,
				    .last_ns = start_ns };
}

static double per_second(const struct vnx_samples *samples, unsigned from, unsigned to,
			 uint64_t bin_ns)
{
	double sum = 0;

	for (size_t i = 0; i < samples->n; i++)
		if (samples->v[i].metric == from || samples->v[i].metric == to)
			sum += (double)samples->v[i].count;
	return sum * VNX_NSEC_PER_SEC / bin_ns;
}

void vnx_progress_update(struct vnx_progress *p, const struct vnx_samples *samples, uint64_t now_ns)
{
	double elapsed_s = (double)(now_ns - p->start_ns) / VNX_NSEC_PER_SEC;
	char total[32] = "";

	if (p->quiet || now_ns < p->start_ns)
		return;
	if (!p->terminal && now_ns - p->last_ns < PLAIN_EVERY_NS)
		return;
	if (p->duration_ns)
		snprintf(total, sizeof(total), "/%.0f", (double)p->duration_ns / VNX_NSEC_PER_SEC);
	fprintf(stderr, "%srecording %.0f%s s   taps %.1f Mbit/s   handle_tx %.0f/s%s",
		p->terminal ? "\r\033[K" : "", elapsed_s, total,
		per_second(samples, VNX_TX_BYTES, VNX_RX_BYTES, p->bin_ns) * 8 / 1e6,
		per_second(samples, VNX_HANDLE_TX, VNX_HANDLE_TX, p->bin_ns),
		p->terminal ? "" : "\n");
	p->shown = p->terminal;
	p->last_ns = now_ns;
}

void vnx_progress_end(struct vnx_progress *p)
{
	if (p->shown)
		fputs("\r\033[K", stderr);
	p->shown = false;
}
