// SPDX-License-Identifier: GPL-2.0-only
#include "analysis/account.h"

#include <math.h>

#define CHANCE 1e-6

bool vnx_account_denies(uint64_t hook, uint64_t events, double calls_each)
{
	/* P(0) = exp(-rate) */
	return !hook && exp(-(double)events * calls_each) < CHANCE;
}
