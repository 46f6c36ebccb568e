// SPDX-License-Identifier: GPL-2.0-only
#include "cli/record/memory.h"

#include <malloc.h>
#include <stdbool.h>
#include <sys/prctl.h>

static bool huge_pages_off; /* by us; inherited by children */

void vnx_memory_keep_small(void)
{
	if (!prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0))
		huge_pages_off = !prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
}

void vnx_memory_give_back(void)
{
	malloc_trim(0);
}

void vnx_memory_restore(void)
{
	if (huge_pages_off)
		prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0);
}
