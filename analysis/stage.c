// SPDX-License-Identifier: GPL-2.0-only
/*
 * The levels of a run side by side. Calls may rise where throughput does not, or fall where it
 * does not: one call drains up to 256 packets or 512 KiB (drivers/vhost/net.c), so that calls
 * are bytes divided by bytes a call, and it is the divisor that moved.
 */
#include "analysis/diagnose_parts.h"

#include <math.h>

#define MOVED 0.1 /* calls that change by less than this need no explanation */
#define STEADY 0.05

/* Mean per second of @m where both it and throughput are there; NaN if nowhere. */
static double rate_in(const struct vnx_case *c, enum vnx_metric m, size_t from, size_t to)
{
	const double *x = c->f->series[m], *y = c->f->series[VNX_THROUGHPUT];
	double sum = 0;
	size_t n = 0;

	for (size_t i = from; x && i < to; i++) {
		if (!isfinite(x[i]) || !isfinite(y[i]))
			continue;
		sum += x[i];
		n++;
	}
	return n ? sum / (double)n / c->bin_s : NAN;
}

static void stage_fill(const struct vnx_case *c, size_t from, size_t to, struct vnx_stage *s)
{
	double tx_bytes = rate_in(c, VNX_TX_BYTES, from, to);
	double rx_bytes = rate_in(c, VNX_RX_BYTES, from, to);
	bool down = rx_bytes > tx_bytes;

	*s = (struct vnx_stage){ .start_s = (double)from * c->bin_s,
				 .throughput_bps =
					 vnx_mean(c->f->series[VNX_THROUGHPUT] + from, to - from),
				 .calls = down ? VNX_HANDLE_RX : VNX_HANDLE_TX };
	s->calls_per_s = rate_in(c, s->calls, from, to);
	s->bytes_per_call =
		s->calls_per_s > 0 ? (down ? rx_bytes : tx_bytes) / s->calls_per_s : NAN;
	s->packets_per_call =
		s->calls_per_s > 0 ? rate_in(c, down ? VNX_RX_PACKETS : VNX_TX_PACKETS, from, to) /
					     s->calls_per_s
				   : NAN;
}

/*
 * Calls went one way and throughput not with them: since they are bytes by bytes a call, that
 * one moved instead.
 */
static bool is_odd(const struct vnx_stage *a, const struct vnx_stage *b)
{
	double calls = b->calls_per_s / a->calls_per_s - 1;
	double bps = b->throughput_bps / a->throughput_bps - 1;

	if (a->calls != b->calls || !isfinite(calls) || !isfinite(bps) ||
	    !isfinite(a->bytes_per_call) || !isfinite(b->bytes_per_call))
		return false;
	return calls > MOVED ? bps < STEADY : calls < -MOVED && bps > -STEADY;
}

int vnx_case_stage_table(struct vnx_case *c)
{
	const unsigned *stage = c->f->stage;
	size_t from = 0;

	for (size_t i = 1; stage && i <= c->grid->n; i++) {
		struct vnx_stage s;

		if (i < c->grid->n && stage[i] == stage[from])
			continue;
		stage_fill(c, from, i, &s);
		if (c->f->stages.n)
			s.odd = is_odd(&c->f->stages.v[c->f->stages.n - 1], &s);
		if (vnx_vec_push(&c->f->stages, s))
			return -ENOMEM;
		from = i;
	}
	return 0;
}
