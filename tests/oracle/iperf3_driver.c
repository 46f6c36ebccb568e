// SPDX-License-Identifier: GPL-2.0-only
/*
 * What cli/input reads of one load's file, as JSON, for iperf3.test:
 *   iperf3_driver FILE REALTIME_MINUS_MONO_NS OFFSET_NS|- GRID_START_NS BIN_NS BINS
 */
#include <inttypes.h>
#include <math.h>

#include "cli/input/throughput/throughput.h"

static void put_number(double v, const char *end)
{
	if (isnan(v))
		printf("null%s", end);
	else
		printf("%.17g%s", v, end);
}

static void put_rows(const char *name, const struct vnx_interval *v, size_t n)
{
	printf("\"%s\": [", name);
	for (size_t i = 0; i < n; i++)
		printf("%s[%.17g, %.17g, %.17g]", i ? ", " : "", v[i].start_s, v[i].end_s,
		       v[i].bytes);
	printf("],\n");
}

int main(int argc, char **argv)
{
	struct vnx_throughput *tp;
	struct vnx_err err = { 0 };
	struct vnx_grid grid;
	double *series;

	if (argc != 7)
		return 2;
	if (vnx_throughput_read_file(argv[1], &tp, &err)) {
		fprintf(stderr, "%s\n", err.message);
		return 1;
	}
	vnx_throughput_align(tp, strtoll(argv[2], NULL, 10));
	if (strcmp(argv[3], "-") != 0)
		vnx_throughput_offset(tp, strtoll(argv[3], NULL, 10));
	grid = (struct vnx_grid){ strtoull(argv[4], NULL, 10), strtoull(argv[5], NULL, 10),
				  strtoul(argv[6], NULL, 10) };
	series = malloc((grid.n + 1) * sizeof(*series));
	if (!series || vnx_throughput_series(tp, &grid, series))
		return 1;
	printf("{\"source\": \"%s\", \"method\": \"%s\", \"zero_ns\": %" PRId64 ",\n", tp->source,
	       vnx_align_name(tp->method), tp->zero_ns);
	printf("\"precision\": %.17g, \"uncertainty_s\": ", tp->precision);
	put_number(tp->uncertainty_s, ",\n");
	put_rows("intervals", tp->intervals.v, tp->intervals.n);
	put_rows("reverse", tp->reverse.v, tp->reverse.n);
	printf("\"series\": [");
	for (size_t i = 0; i < grid.n; i++)
		put_number(series[i], i + 1 < grid.n ? ", " : "");
	printf("]}\n");
	free(series);
	vnx_throughput_free(tp);
	return 0;
}
