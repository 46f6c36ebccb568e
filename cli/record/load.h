/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The command after "--": runs it, takes its output line by line with the time of arrival.
 */
#ifndef VNX_LOAD_H
#define VNX_LOAD_H

#include "cli/input/throughput/throughput.h"

struct vnx_load;

/*
 * Starts @argv (NULL-terminated, not kept) in a process group of its own with LC_ALL=C, no
 * input, its output to us. Where it is iperf3 and the options lack them, `-i` (the bin) and
 * `--forceflush` are added. It dies with us. -ENOENT and -EACCES with a remedy.
 */
int vnx_load_start(struct vnx_load **out, char *const *argv, uint64_t bin_ns,
		   struct vnx_err *err) VNX_MUST_CHECK;
/* "-i 0.5 --forceflush": what was added to the command, "" if nothing. */
const char *vnx_load_added(const struct vnx_load *load);
/* Leader of its process group. */
uint32_t vnx_load_pid(const struct vnx_load *load);
/* Readable when vnx_load_pump() has something to do, the load's end included. */
int vnx_load_fd(const struct vnx_load *load);
/*
 * Appends to @out the lines that arrived, each stamped when it was read. Never blocks.
 * Lines of more than 1 MiB come in pieces; beyond 128 MiB in all, output is left out (a last
 * line says so). Only -ENOMEM and errors of read() fail.
 */
int vnx_load_pump(struct vnx_load *load, struct vnx_load_lines *out,
		  struct vnx_err *err) VNX_MUST_CHECK;
/*
 * False once the command has ended and nothing of it writes any more: its output is closed,
 * or has been silent for three seconds (a left-over child may hold it open for ever).
 */
bool vnx_load_running(struct vnx_load *load);
/*
 * Ends it if need be: SIGINT, after @grace_ns SIGTERM, after as much again SIGKILL, all to the
 * whole group; takes its last lines. Blocks for 2 * @grace_ns at most. Harmless when it is
 * over, and when called twice.
 */
void vnx_load_stop(struct vnx_load *load, uint64_t grace_ns, struct vnx_load_lines *out);
/*
 * True with one sentence in @why (exit status or signal, and its last words) if the load
 * ended badly. @ours: it was running when we stopped it, so that how it ended is our doing.
 */
bool vnx_load_failed(const struct vnx_load *load, bool ours, struct vnx_err *why);
/* Kills what is left and frees. NULL is fine. */
void vnx_load_free(struct vnx_load *load);

/*
 * The command as it is run: a new NULL-terminated array of new strings in *out (free with
 * vnx_load_argv_free()) and in @added what was put in. Exported for tests.
 */
int vnx_load_argv(char *const *argv, uint64_t bin_ns, char ***out, char *added,
		  size_t added_size) VNX_MUST_CHECK;
void vnx_load_argv_free(char **argv);

#endif
