/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Signals that end a run in order: SIGINT, SIGTERM, SIGHUP. SIGINT or SIGTERM a second time ends
 * it at once. SIGHUP stays ignored where it was (nohup).
 */
#ifndef VNX_STOP_H
#define VNX_STOP_H

#include <stdbool.h>

void vnx_stop_catch(void); /* forgets an earlier signal */
void vnx_stop_release(void);
bool vnx_stop_asked(void);
/*
 * @rites, NULL for none, runs before a second signal, or SIGQUIT, ends it: in the signal's
 * handler.
 */
void vnx_stop_on_death(void (*rites)(void));

#endif
