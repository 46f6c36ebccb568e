// SPDX-License-Identifier: GPL-2.0-only
#include "cli/record/memory.h"

#include <malloc.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/resource.h>

/* By us; inherited by children. */
static bool huge_pages_off, files_raised;
static struct rlimit files_before;

void vnx_memory_keep_small(void)
{
	if (!prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0))
		huge_pages_off = !prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
}

void vnx_memory_give_back(void)
{
	malloc_trim(0);
}

void vnx_files_raise(void)
{
	struct rlimit lim;

	if (files_raised || getrlimit(RLIMIT_NOFILE, &files_before))
		return;
	lim = files_before;
	lim.rlim_cur = lim.rlim_max;
	files_raised = !setrlimit(RLIMIT_NOFILE, &lim);
}

void vnx_memory_restore(void)
{
	if (files_raised)
		setrlimit(RLIMIT_NOFILE, &files_before);
	if (huge_pages_off)
		prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0);
}
