// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lets a script ask analysis/stats.h: one case a line on stdin,
 *     OP ARG NX x... NY y...
 * its numbers a line on stdout, in %.17g.
 */
#include "analysis/stats.h"

#include <math.h>

static double *read_series(size_t *n)
{
	double *x;

	if (scanf("%zu", n) != 1 || *n > 1000000)
		return NULL;
	x = calloc(*n + 1, sizeof(*x));
	for (size_t i = 0; x && i < *n; i++) {
		if (scanf("%lf", &x[i]) == 1)
			continue;
		free(x);
		return NULL;
	}
	return x;
}

static size_t count_valid(const double *x, size_t n)
{
	size_t valid = 0;

	for (size_t i = 0; i < n; i++)
		valid += isfinite(x[i]);
	return valid;
}

static void answer_corr(enum vnx_corr_method m, const double *x, const double *y, size_t n,
			double n_eff)
{
	struct vnx_corr c;

	if (isnan(n_eff))
		vnx_correlate(m, x, y, n, &c);
	else
		vnx_correlate_neff(m, x, y, n, n_eff, &c);
	printf("%.17g %zu %.17g %.17g %.17g %.17g\n", c.r, c.n, c.n_eff, c.ci_lo, c.ci_hi, c.p);
}

static int answer(const char *op, double arg, const double *x, size_t nx, const double *y,
		  size_t ny)
{
	for (int m = VNX_PEARSON; m <= VNX_KENDALL; m++)
		if (!strcmp(op, vnx_corr_method_name(m))) {
			answer_corr(m, x, y, nx, arg);
			return 0;
		}
	if (!strcmp(op, "welch"))
		printf("%.17g\n", vnx_welch_p_neff(x, nx, (double)count_valid(x, nx), y, ny,
						   (double)count_valid(y, ny)));
	else if (!strcmp(op, "basics"))
		printf("%.17g %.17g %.17g %.17g\n", vnx_mean(x, nx), vnx_sd(x, nx),
		       vnx_median(x, nx), vnx_mad(x, nx));
	else if (!strcmp(op, "quantile"))
		printf("%.17g\n", vnx_quantile(x, nx, arg));
	else if (!strcmp(op, "autocorr"))
		printf("%.17g\n", vnx_autocorr(x, nx, (size_t)arg));
	else
		return 1;
	return 0;
}

int main(void)
{
	char op[32];
	double arg;

	while (scanf("%31s %lf", op, &arg) == 2) {
		size_t nx = 0, ny = 0;
		double *x = read_series(&nx), *y = x ? read_series(&ny) : NULL;
		int err = !x || !y || answer(op, arg, x, nx, y, ny);

		free(x);
		free(y);
		if (err) {
			fprintf(stderr, "a case that cannot be read: %s\n", op);
			return 1;
		}
	}
	return 0;
}
