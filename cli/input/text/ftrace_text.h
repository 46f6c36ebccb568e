/* SPDX-License-Identifier: GPL-2.0-only */
/* The grammar of a line of ftrace; shared by ftrace_text.c and ftrace_text_line.c only. */
#ifndef VNX_FTRACE_TEXT_H
#define VNX_FTRACE_TEXT_H

#include "cli/input/text/text_lines.h"

enum vnx_ftrace_kind {
	VNX_FTRACE_CONTEXT,
	VNX_FTRACE_TICKS,    /* the stamp is a count */
	VNX_FTRACE_RELATIVE, /* latency format of `trace`: t_ns counts from an untold start */
	VNX_FTRACE_GRAPH,
	VNX_FTRACE_GRAPH_RELATIVE,
	VNX_FTRACE_GRAPH_NO_TIME,
};

struct vnx_ftrace_line {
	enum vnx_ftrace_kind kind;
	bool has_thread;
	uint64_t t_ns;
	uint32_t cpu;
	uint32_t buffer; /* added to cpu, tells the CPUs of several buffers apart; 0: not told */
	struct vnx_text_thread thread;
	const char *rest; /* what happened */
};

#define VNX_FTRACE_LATENCY_COMM 8 /* characters that lat_print_generic() leaves of a name */

/* "COMM-PID [CPU] FLAGS TS: ...": false where the line is none. */
bool vnx_ftrace_context(const char *p, struct vnx_ftrace_line *l);
/* "TS | CPU) COMM-PID | ...": false where the line is none. */
bool vnx_ftrace_graph(const char *p, struct vnx_ftrace_line *l);
/* Behind the duration and its bar, if there are any. */
const char *vnx_ftrace_graph_call(const char *p);
/* A function's entry: "handle_tx() {", "handle_tx [vhost_net](net=0x1);". */
bool vnx_ftrace_is_call(const char *p);
/* Behind "NAME: ", which reports of several buffers put before every line. */
const char *vnx_ftrace_behind_buffer(const char *p);
/* vnx_ftrace_line.buffer of a line whose own part begins at @own. */
uint32_t vnx_ftrace_buffer(const char *line, const char *own);

#endif
