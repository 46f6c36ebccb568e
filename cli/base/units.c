// SPDX-License-Identifier: GPL-2.0-only
#include "cli/base/units.h"

#include <math.h>

struct vnx_scale vnx_scale_for(double largest)
{
	static const struct vnx_scale scales[] = {
		{ 1e12, "T" }, { 1e9, "G" }, { 1e6, "M" }, { 1e3, "k" }
	};

	/* 999.5 rounds to four digits already. */
	for (size_t i = 0; i < VNX_ARRAY_SIZE(scales); i++)
		if (fabs(largest) >= scales[i].factor * 0.9995)
			return scales[i];
	return (struct vnx_scale){ 1, "" };
}

/* Decimals that show about three digits of @x. */
static int decimals(double x)
{
	x = fabs(x);
	if (x >= 99.95)
		return 0;
	return x >= 9.995 ? 1 : 2;
}

char *vnx_number_scaled(double x, double largest, char buf[VNX_UNIT_LEN])
{
	double factor = vnx_scale_for(largest).factor;
	int digits = decimals(largest / factor);

	if (isnan(x)) {
		snprintf(buf, VNX_UNIT_LEN, "?");
		return buf;
	}
	/* A small number beside a large one keeps two digits of its own. */
	if (x != 0 && fabs(x / factor) < 9.95 && digits == 0)
		digits = 1;
	if (x != 0 && fabs(x / factor) < 0.095 && digits < 3)
		digits = 3;
	if (x != 0 && fabs(x / factor) < 0.0005)
		snprintf(buf, VNX_UNIT_LEN, "<0.001");
	else
		snprintf(buf, VNX_UNIT_LEN, "%.*f", x == 0 ? 0 : digits, x / factor);
	return buf;
}

static char *with_unit(double x, const char *unit, char buf[VNX_UNIT_LEN])
{
	char number[VNX_UNIT_LEN];

	if (isnan(x))
		snprintf(buf, VNX_UNIT_LEN, "?");
	else
		snprintf(buf, VNX_UNIT_LEN, "%.20s %s%s", vnx_number_scaled(x, x, number),
			 vnx_scale_for(x).prefix, unit);
	return buf;
}

double vnx_rate_told(double bps)
{
	return fabs(bps) < 1e3 ? 0 : bps;
}

char *vnx_rate_scaled(double bps, double largest, char buf[VNX_UNIT_LEN])
{
	return vnx_number_scaled(vnx_rate_told(bps), largest, buf);
}

char *vnx_rate_format(double bps, char buf[VNX_UNIT_LEN])
{
	return with_unit(vnx_rate_told(bps), "bit/s", buf);
}

char *vnx_size_format(double bytes, char buf[VNX_UNIT_LEN])
{
	return with_unit(bytes, "B", buf);
}

char *vnx_count_format(double n, char buf[VNX_UNIT_LEN])
{
	if (isnan(n))
		snprintf(buf, VNX_UNIT_LEN, "?");
	else if (n != 0 && fabs(n) < 0.005)
		snprintf(buf, VNX_UNIT_LEN, "<0.01");
	else if (fabs(n) < 9999.5)
		snprintf(buf, VNX_UNIT_LEN, "%.*f", n == floor(n) ? 0 : decimals(n), n);
	else
		with_unit(n, "", buf);
	return buf;
}

char *vnx_percent_format(double part, char buf[VNX_UNIT_LEN])
{
	double percent = part * 100 + 0.0; /* no -0 */

	if (isnan(part))
		snprintf(buf, VNX_UNIT_LEN, "?");
	else if (percent != 0 && fabs(percent) < 0.01)
		snprintf(buf, VNX_UNIT_LEN, "under 0.01 %%");
	else
		snprintf(buf, VNX_UNIT_LEN, "%.*f %%",
			 fabs(percent) < 0.995 && percent != 0 ? 2 : 0, percent);
	return buf;
}

char *vnx_cost_format(double ns, char buf[VNX_UNIT_LEN])
{
	if (isnan(ns))
		snprintf(buf, VNX_UNIT_LEN, "?");
	else if (fabs(ns) < 9999.5)
		snprintf(buf, VNX_UNIT_LEN, "%.0f ns", ns);
	else
		snprintf(buf, VNX_UNIT_LEN, "%.1f us", ns / 1e3);
	return buf;
}

char *vnx_seconds_format(double s, char buf[VNX_UNIT_LEN])
{
	if (isnan(s))
		snprintf(buf, VNX_UNIT_LEN, "?");
	else if (s != 0 && fabs(s) < 0.1)
		snprintf(buf, VNX_UNIT_LEN, "%.*f ms", fabs(s) < 0.00995 ? 1 : 0, s * 1e3);
	else if (fabs(s) >= 999.95 || s == floor(s))
		snprintf(buf, VNX_UNIT_LEN, "%.0f s", s);
	else
		snprintf(buf, VNX_UNIT_LEN, "%.1f s", s);
	return buf;
}
