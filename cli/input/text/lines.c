// SPDX-License-Identifier: GPL-2.0-only
#include "cli/input/throughput/throughput.h"

/** vnx_load_lines_fini() - frees the lines and zeroes the list. */
void vnx_load_lines_fini(struct vnx_load_lines *lines)
{
	for (size_t i = 0; i < lines->n; i++)
		free(lines->v[i].text);
	free(lines->v);
	*lines = (struct vnx_load_lines){ 0 };
}
