/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Numbers as people read them: three digits and a unit. NaN reads "?" everywhere.
 */
#ifndef VNX_UNITS_H
#define VNX_UNITS_H

#include "analysis/util.h"

#define VNX_UNIT_LEN 32

/* A decimal prefix: 1e6 is "M". */
struct vnx_scale {
	double factor;
	const char *prefix; /* "", "k", "M", "G", "T" */
};
struct vnx_scale vnx_scale_for(double largest);

/* "118" of 118e6 at scale M: as many decimals as three digits of @largest ask for. */
char *vnx_number_scaled(double x, double largest, char buf[VNX_UNIT_LEN]);

/* What a reader takes @bps for: less than 1 kbit/s is 0, no traffic that anybody asks about. */
double vnx_rate_told(double bps);
/* vnx_number_scaled() of a rate. */
char *vnx_rate_scaled(double bps, double largest, char buf[VNX_UNIT_LEN]);
char *vnx_rate_format(double bps, char buf[VNX_UNIT_LEN]);     /* "118 Mbit/s", "0 bit/s" */
char *vnx_count_format(double n, char buf[VNX_UNIT_LEN]);      /* "2255", "12.0 k" */
char *vnx_size_format(double bytes, char buf[VNX_UNIT_LEN]);   /* "71.2 kB" */
char *vnx_percent_format(double part, char buf[VNX_UNIT_LEN]); /* 0.0004: "0.04 %" */
char *vnx_seconds_format(double s, char buf[VNX_UNIT_LEN]);    /* "75.5 s", "0.3 ms" */
char *vnx_cost_format(double ns, char buf[VNX_UNIT_LEN]);      /* "2475 ns", "10.8 us" */

#endif
