// SPDX-License-Identifier: GPL-2.0-only
/*
 * sockperf's --full-log, a line a packet, below a copy of what it printed:
 *   packet, txTime(sec), rxTime(sec), latency(usec)
 *   0, 2.406848375, 2.406869717, 10.671
 * ("rtt(usec)" with --full-rtt; before 3.0 "txTime, rxTime" alone). Times are of a clock that
 * begins with the run. It measures latency and has no throughput: what can be told of it are
 * its quantiles.
 */
#include "cli/input/throughput/throughput_format.h"

#include <ctype.h>
#include <math.h>

#include "analysis/stats.h"

#define LONGEST_S 1e7

struct columns {
	int tx, rx, latency; /* place from 0, latency -1: none */
	bool round_trip;
};

/* The last word of the field at @s: a log may put others in front. */
static const char *last_word(const char *s)
{
	const char *end = s + strcspn(s, ",");

	while (end > s && isspace((unsigned char)end[-1]))
		end--;
	while (end > s && end[-1] != ' ' && end[-1] != '\t')
		end--;
	return end;
}

/* The titles; false where @text is another line. */
static bool take_titles(const char *text, struct columns *c)
{
	const char *at = text;

	*c = (struct columns){ -1, -1, -1, false };
	for (int i = 0; i < 8 && at; i++) {
		at = last_word(at);
		if (!strncmp(at, "txTime", 6))
			c->tx = i;
		else if (!strncmp(at, "rxTime", 6))
			c->rx = i;
		else if (!strncmp(at, "latency(usec)", 13) || !strncmp(at, "rtt(usec)", 9))
			c->latency = i;
		if (c->latency == i)
			c->round_trip = *at == 'r';
		at = strchr(at, ',');
		at = at ? at + 1 : NULL;
	}
	if (c->latency < 0)
		c->round_trip = true; /* receipt minus sending is there and back */
	return c->tx >= 0 && c->rx >= 0;
}

static size_t find_titles(const struct vnx_load_lines *lines, struct columns *c)
{
	for (size_t i = 0; i < lines->n; i++)
		if (take_titles(lines->v[i].text, c))
			return i;
	return lines->n;
}

static int sockperf_probe(const struct vnx_load_lines *lines)
{
	struct columns c;

	if (find_titles(lines, &c) < lines->n)
		return 90;
	for (size_t i = 0; i < lines->n; i++)
		if (strstr(lines->v[i].text, "sockperf: "))
			return 30;
	return 0;
}

/* The columns of a packet's line; false: some other line. */
static bool take_packet(const char *text, const struct columns *c, struct vnx_latency *out)
{
	double value[8], latency_s;
	int n = 0;

	for (const char *s = text; s && n < 8; s = strchr(s, ','), s = s ? s + 1 : NULL, n++) {
		value[n] = NAN;
		(void)vnx_decimal_parse(last_word(s), &value[n]);
	}
	if (n <= c->tx || n <= c->rx || n <= c->latency)
		return false;
	if (isnan(value[c->tx]) || isnan(value[c->rx]))
		return false;
	latency_s = c->latency < 0 ? value[c->rx] - value[c->tx] : value[c->latency] / 1e6;
	out->start_s = value[c->tx];
	out->seconds = latency_s;
	return out->start_s >= 0 && out->start_s < 9e9 && latency_s >= 0 && latency_s < LONGEST_S;
}

static int take_packets(struct vnx_throughput *tp, const struct vnx_load_lines *lines, size_t from,
			const struct columns *c)
{
	size_t bad_line = 0;

	for (size_t i = vnx_lines_next(lines, from); i < lines->n;
	     i = vnx_lines_next(lines, i + 1)) {
		const char *text = lines->v[i].text;
		struct vnx_latency l;

		/* The table is closed by a rule. */
		if (strstr(text, "----"))
			break;
		if (take_packet(text, c, &l)) {
			if (vnx_vec_push(&tp->latency, l))
				return -ENOMEM;
			continue;
		}
		tp->dropped++;
		bad_line = bad_line ? bad_line : i + 1;
	}
	tp->latency.round_trip = c->round_trip;
	return bad_line ? vnx_throughput_warn(tp, "line %zu is no packet of sockperf's", bad_line)
			: 0;
}

static int summarise(struct vnx_throughput *tp)
{
	size_t n = tp->latency.n;
	VNX_CLEANUP_FREE double *x = malloc((n + 1) * sizeof(*x));

	if (!x)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		x[i] = tp->latency.v[i].seconds;
	tp->latency.p50_s = vnx_quantile(x, n, 0.5);
	tp->latency.p99_s = vnx_quantile(x, n, 0.99);
	if (!n)
		return vnx_throughput_warn(tp, "sockperf's log holds no packet");
	return vnx_throughput_note(tp,
				   "sockperf measures latency: it has no throughput to correlate; "
				   "%s of %zu packets: median %.4g us, 99 %% within %.4g us",
				   tp->latency.round_trip ? "round trip"
							  : "one way (half the "
							    "round trip)",
				   n, tp->latency.p50_s * 1e6, tp->latency.p99_s * 1e6);
}

static int sockperf_parse(const struct vnx_load_lines *lines, struct vnx_throughput **out,
			  struct vnx_err *err)
{
	struct vnx_throughput *tp;
	struct columns c;
	size_t titles = find_titles(lines, &c);
	int ret;

	if (titles == lines->n) {
		vnx_err_hint(err, "`sockperf ping-pong -i HOST --full-log FILE` writes one");
		return vnx_err_set(err, -ENODATA, VNX_EXIT_FAILED, "no-intervals",
				   "sockperf's summary alone is no series: --full-log is needed");
	}
	tp = vnx_throughput_new("sockperf");
	ret = tp ? take_packets(tp, lines, titles + 1, &c) : -ENOMEM;
	if (!ret)
		ret = summarise(tp);
	if (ret)
		vnx_throughput_free(tp);
	else
		*out = tp;
	return ret;
}

const struct vnx_load_format vnx_load_sockperf = {
	.name = "sockperf --full-log",
	.probe = sockperf_probe,
	.parse = sockperf_parse,
};
