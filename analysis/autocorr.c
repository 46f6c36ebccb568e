// SPDX-License-Identifier: GPL-2.0-only
/*
 * Autocorrelation of a pair of series at many lags, by Fourier transform: an hour of bins
 * has 1440 lags to look at, a day 34560, for every metric of every VM.
 */
#include "analysis/stats.h"

#include <complex.h>
#include <math.h>

/* In place, n a power of two, w[k] = exp(-2 pi i k / n) for k < n / 2. */
static void transform(double complex *z, size_t n, const double complex *w)
{
	for (size_t i = 1, j = 0; i < n; i++) {
		size_t bit = n >> 1;

		for (; j & bit; bit >>= 1)
			j ^= bit;
		j |= bit;
		if (i < j) {
			double complex t = z[i];

			z[i] = z[j];
			z[j] = t;
		}
	}
	for (size_t len = 2; len <= n; len *= 2) {
		for (size_t i = 0; i < n; i += len) {
			for (size_t k = 0; k < len / 2; k++) {
				double complex u = z[i + k];
				double complex v = z[i + k + len / 2] * w[k * (n / len)];

				z[i + k] = u + v;
				z[i + k + len / 2] = u - v;
			}
		}
	}
}

/*
 * Sums of lagged products of two real series a + i b at once: the power spectra of both,
 * packed again into one complex series, transform back into both sums. z[lag] afterwards.
 */
static void lagged_products(double complex *z, size_t n, const double complex *w)
{
	transform(z, n, w);
	for (size_t k = 0; k <= n / 2; k++) {
		size_t m = (n - k) % n;
		double complex a = (z[k] + conj(z[m])) / 2, b = (z[k] - conj(z[m])) / (2 * I);
		double pa = creal(a) * creal(a) + cimag(a) * cimag(a);
		double pb = creal(b) * creal(b) + cimag(b) * cimag(b);

		z[k] = z[m] = pa + I * pb;
	}
	/* the spectra are even, so forward and back are alike but for the factor */
	transform(z, n, w);
	for (size_t k = 0; k < n; k++)
		z[k] /= (double)n;
}

static size_t transform_size(size_t n, size_t max_lag)
{
	size_t size = 2;

	while (size < n + max_lag + 1)
		size *= 2;
	return size;
}

/* z[lag]: how many pairs of valid bins are @lag apart. */
static void pairs_at_lags(const double *x, size_t n, double complex *z, size_t size,
			  const double complex *w)
{
	for (size_t i = 0; i < size; i++)
		z[i] = i < n && isfinite(x[i]) ? 1 : 0;
	lagged_products(z, size, w);
}

int vnx_autocorr_pair(const double *x, const double *y, size_t n, size_t max_lag, double *rx,
		      double *ry)
{
	size_t size = transform_size(n, max_lag), valid = 0;
	double complex *z VNX_CLEANUP_FREE = calloc(size, sizeof(*z));
	double complex *pairs VNX_CLEANUP_FREE = calloc(size, sizeof(*pairs));
	double complex *w VNX_CLEANUP_FREE = calloc(size, sizeof(*w));
	double mean_x = vnx_mean(x, n), mean_y = vnx_mean(y, n), sd_x = vnx_sd(x, n),
	       sd_y = vnx_sd(y, n);

	if (!z || !pairs || !w)
		return -ENOMEM;
	for (size_t k = 0; k < size / 2; k++)
		w[k] = cexp(-2 * M_PI * I * (double)k / (double)size);
	for (size_t i = 0; i < n; i++) {
		if (!isfinite(x[i]))
			continue;
		z[i] = (x[i] - mean_x) / sd_x + I * ((y[i] - mean_y) / sd_y);
		valid++;
	}
	lagged_products(z, size, w);
	pairs_at_lags(x, n, pairs, size, w);
	for (size_t lag = 0; lag <= max_lag; lag++) {
		double there = lag < n ? round(creal(pairs[lag])) : 0, scale;

		/* products there are stand for those there should be, see vnx_autocorr() */
		scale = (double)(n - lag) / there * ((double)valid / (double)n);
		rx[lag] = there > 0 ? creal(z[lag]) / ((double)valid - 1) * scale : NAN;
		ry[lag] = there > 0 ? cimag(z[lag]) / ((double)valid - 1) * scale : NAN;
	}
	return 0;
}
