/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Does a hook count? What it counted, held against a number of the same thing that does not
 * depend on it.
 */
#ifndef VNX_ACCOUNT_H
#define VNX_ACCOUNT_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Were @hook calls counted and @events seen by the account meanwhile, each of which takes at
 * least @calls_each calls (0..1): would a hook that counts have stayed silent so long less than
 * once in a million? As if the calls came by chance at the account's rate (Poisson): that is
 * slower to say so than any stream that is more regular.
 */
bool vnx_account_denies(uint64_t hook, uint64_t events, double calls_each);

#endif
