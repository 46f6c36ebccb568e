// SPDX-License-Identifier: GPL-2.0-only
/*
 * Location, scale, autocorrelation and Welch's t over series with holes. A value that is
 * not finite is missing. Correlation is in correlate.c.
 */
#include "analysis/stats.h"

#include <float.h>
#include <math.h>
#define MATHLIB_STANDALONE
#include <Rmath.h>

/*
 * Two passes, the second corrects the first: the mean of 10 Gbit/s in bit/s keeps its last
 * digit, and so does what is later subtracted from it.
 */
static double mean_of(const double *x, size_t n, size_t *valid)
{
	double sum = 0, rest = 0;

	*valid = 0;
	for (size_t i = 0; i < n; i++) {
		if (!isfinite(x[i]))
			continue;
		sum += x[i];
		(*valid)++;
	}
	if (!*valid)
		return NAN;
	sum /= (double)*valid;
	for (size_t i = 0; i < n; i++)
		if (isfinite(x[i]))
			rest += x[i] - sum;
	return sum + rest / (double)*valid;
}

double vnx_mean(const double *x, size_t n)
{
	size_t valid;

	return mean_of(x, n, &valid);
}

/* Sum of squared deviations from @mean, corrected for the mean's own rounding. */
static double squares_about(const double *x, size_t n, double mean, size_t valid)
{
	double sq = 0, rest = 0;

	for (size_t i = 0; i < n; i++) {
		if (!isfinite(x[i]))
			continue;
		sq += (x[i] - mean) * (x[i] - mean);
		rest += x[i] - mean;
	}
	sq -= rest * rest / (double)valid;
	return sq > 0 ? sq : 0;
}

double vnx_sd(const double *x, size_t n)
{
	size_t valid;
	double mean = mean_of(x, n, &valid);

	if (valid < 2)
		return NAN;
	return sqrt(squares_about(x, n, mean, valid) / (double)(valid - 1));
}

static int double_cmp(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double vnx_quantile(const double *x, size_t n, double q)
{
	double *v VNX_CLEANUP_FREE = NULL;
	size_t valid = 0, lo;
	double pos;

	if (!n || !(q >= 0 && q <= 1))
		return NAN;
	v = malloc(n * sizeof(*v));
	if (!v)
		return NAN;
	for (size_t i = 0; i < n; i++)
		if (isfinite(x[i]))
			v[valid++] = x[i];
	if (!valid)
		return NAN;
	qsort(v, valid, sizeof(*v), double_cmp);
	pos = q * (double)(valid - 1);
	lo = (size_t)pos;
	if (lo + 1 >= valid)
		return v[valid - 1];
	return v[lo] + (pos - (double)lo) * (v[lo + 1] - v[lo]);
}

double vnx_median(const double *x, size_t n)
{
	return vnx_quantile(x, n, 0.5);
}

double vnx_mad(const double *x, size_t n)
{
	double *dev VNX_CLEANUP_FREE = n ? malloc(n * sizeof(*dev)) : NULL;
	double median = vnx_median(x, n);

	if (!dev || isnan(median))
		return NAN;
	for (size_t i = 0; i < n; i++)
		dev[i] = isfinite(x[i]) ? fabs(x[i] - median) : NAN;
	return 1.4826 * vnx_median(dev, n);
}

bool vnx_is_constant(const double *x, size_t n)
{
	double lo = INFINITY, hi = -INFINITY;

	for (size_t i = 0; i < n; i++) {
		if (!isfinite(x[i]))
			continue;
		lo = fmin(lo, x[i]);
		hi = fmax(hi, x[i]);
	}
	return !(hi - lo > 16 * DBL_EPSILON * fmax(fabs(lo), fabs(hi)));
}

/*
 * Without holes the usual sum over n - lag products by the sum over n squares. With holes
 * the products there are stand for those there should be, so that the estimate keeps its
 * meaning (and the correction is exactly 1 without holes).
 */
static double autocorr_about(const double *x, size_t n, size_t lag, double mean, double squares,
			     size_t valid)
{
	double products = 0;
	size_t pairs = 0;

	for (size_t i = 0; i + lag < n; i++) {
		if (!isfinite(x[i]) || !isfinite(x[i + lag]))
			continue;
		products += (x[i] - mean) * (x[i + lag] - mean);
		pairs++;
	}
	if (!pairs)
		return NAN;
	return products / squares * ((double)(n - lag) / (double)pairs) *
	       ((double)valid / (double)n);
}

double vnx_autocorr(const double *x, size_t n, size_t lag)
{
	size_t valid;
	double mean = mean_of(x, n, &valid);

	if (valid < 3 || lag >= n || vnx_is_constant(x, n))
		return NAN;
	return autocorr_about(x, n, lag, mean, squares_about(x, n, mean, valid), valid);
}

/*
 * 1 / N* = 1 / N + 2 / N sum rxx(j) ryy(j), j = 1..N/5 (Pyper & Peterman 1998). @x and @y
 * are missing in the same bins.
 */
static double neff_of_pairs(const double *x, const double *y, size_t n, size_t valid)
{
	size_t lags = valid / 5;
	double *rx VNX_CLEANUP_FREE = calloc(lags + 1, sizeof(*rx));
	double *ry VNX_CLEANUP_FREE = calloc(lags + 1, sizeof(*ry));
	double big_n = (double)valid, inv = 1 / big_n;

	if (!rx || !ry || vnx_autocorr_pair(x, y, n, lags, rx, ry))
		return NAN;
	for (size_t lag = 1; lag <= lags; lag++)
		if (isfinite(rx[lag]) && isfinite(ry[lag]))
			inv += 2 / big_n * rx[lag] * ry[lag];
	if (inv <= 1 / big_n)
		return big_n;
	return fmax(1 / inv, fmin(4, big_n));
}

double vnx_neff(const double *x, const double *y, size_t n)
{
	double *px VNX_CLEANUP_FREE = NULL, *py VNX_CLEANUP_FREE = NULL;
	size_t valid = 0;

	if (n < 3)
		return NAN;
	px = malloc(n * sizeof(*px));
	py = malloc(n * sizeof(*py));
	if (!px || !py)
		return NAN;
	for (size_t i = 0; i < n; i++) {
		bool both = isfinite(x[i]) && isfinite(y[i]);

		px[i] = both ? x[i] : NAN;
		py[i] = both ? y[i] : NAN;
		valid += both;
	}
	if (valid < 3 || vnx_is_constant(px, n) || vnx_is_constant(py, n))
		return NAN;
	return neff_of_pairs(px, py, n, valid);
}

double vnx_welch_p_moments(double mean_a, double var_a, double neff_a, double df_a, double mean_b,
			   double var_b, double neff_b, double df_b)
{
	double ea = var_a / neff_a, eb = var_b / neff_b, se2 = ea + eb;

	if (!(neff_a > 1) || !(neff_b > 1) || !(df_a > 0) || !(df_b > 0) || isnan(se2))
		return NAN;
	if (!(se2 > 0)) /* two constants: nothing to test if equal, no doubt if not */
		return mean_a == mean_b ? NAN : 0;
	return 2 * pt(-fabs(mean_a - mean_b) / sqrt(se2),
		      se2 * se2 / (ea * ea / df_a + eb * eb / df_b), 1, 0);
}

double vnx_welch_p_neff(const double *a, size_t na, double neff_a, const double *b, size_t nb,
			double neff_b)
{
	double sa = vnx_sd(a, na), sb = vnx_sd(b, nb);

	return vnx_welch_p_moments(vnx_mean(a, na), sa * sa, neff_a, neff_a - 1, vnx_mean(b, nb),
				   sb * sb, neff_b, neff_b - 1);
}

/* Products at lag 1 and squares of @x about its own mean, added to *products, *squares. */
static void lag1_pool(const double *x, size_t n, double *products, double *squares, size_t *valid)
{
	size_t v;
	double mean = mean_of(x, n, &v), r;

	if (v < 2)
		return;
	*squares += squares_about(x, n, mean, v);
	*valid += v;
	r = autocorr_about(x, n, 1, mean, 1, v);
	if (isfinite(r))
		*products += r;
}

double vnx_ar1_pooled(const struct vnx_stretch *part, size_t n_parts)
{
	double products = 0, squares = 0, share, phi;
	size_t valid = 0;

	for (size_t i = 0; i < n_parts; i++)
		lag1_pool(part[i].x, part[i].n, &products, &squares, &valid);
	if (!valid || !(squares > 0))
		return 0;
	/*
	 * The sample's lag-1 autocorrelation about an estimated mean is low by (1 + 4 phi) / n
	 * (Marriott & Pope 1954), once per mean.
	 */
	share = (double)n_parts / (double)valid;
	phi = (products / squares + share) / fmax(1 - 4 * share, 0.5);
	return fmin(fmax(phi, 0), 0.98);
}

double vnx_mean_neff(size_t n, double phi)
{
	double nn = (double)n, f;

	if (n < 2 || !(phi > 0))
		return nn;
	/* n times the variance of the mean of an AR(1) series over the variance of one value */
	f = (1 + phi) / (1 - phi) - 2 * phi * (1 - pow(phi, nn)) / (nn * (1 - phi) * (1 - phi));
	/* the sample's variance is itself too small by (n - f) / (n - 1) */
	return fmax(nn / f * (nn - f) / (nn - 1), 1.5);
}

static size_t count_valid(const double *x, size_t n)
{
	size_t valid = 0;

	for (size_t i = 0; i < n; i++)
		valid += isfinite(x[i]);
	return valid;
}

double vnx_welch_p(const double *a, size_t na, const double *b, size_t nb)
{
	const struct vnx_stretch part[] = { { a, na }, { b, nb } };
	double phi = vnx_ar1_pooled(part, 2);

	return vnx_welch_p_neff(a, na, vnx_mean_neff(count_valid(a, na), phi), b, nb,
				vnx_mean_neff(count_valid(b, nb), phi));
}
