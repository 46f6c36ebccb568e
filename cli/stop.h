/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Signals that end a run in order: SIGINT, SIGTERM, SIGHUP. A second one ends it at once.
 */
#ifndef VNX_STOP_H
#define VNX_STOP_H

#include <stdbool.h>

void vnx_stop_catch(void); /* forgets an earlier signal */
void vnx_stop_release(void);
bool vnx_stop_asked(void);

#endif
