/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is shown of the model: which page, which row, in which order. Keys change it; the
 * screen draws the lines made of it.
 */
#ifndef VNX_LIVE_VIEW_H
#define VNX_LIVE_VIEW_H

#include "cli/live/keep.h"
#include "cli/live/model.h"
#include "cli/output/text/layout.h"

#define VNX_LIVE_MIN_COLUMNS 80
#define VNX_LIVE_MIN_ROWS 24

enum vnx_live_page { VNX_PAGE_LIST, VNX_PAGE_DETAIL, VNX_PAGE_EVENTS, VNX_PAGE_HELP };

enum vnx_live_sort {
	VNX_SORT_STATE,
	VNX_SORT_NAME,
	VNX_SORT_THROUGHPUT,
	VNX_SORT_TX,
	VNX_SORT_RX,
	VNX_SORT_PER_CALL,
	VNX_SORT_WAIT,
	VNX_SORTS
};

enum vnx_live_prompt { VNX_PROMPT_NONE, VNX_PROMPT_FILTER, VNX_PROMPT_RECORD, VNX_PROMPT_STOP };

/* Numbers of a row; NaN: not measured. */
struct vnx_live_row {
	struct vnx_live_vm *vm;
	enum vnx_live_state state;
	struct vnx_suspicion *fall; /* a share of it, or NULL */
	char why[VNX_LIVE_WHY];
	double bps;                /* of the tap, both directions, over 2 s */
	double tx_per_s, rx_per_s; /* handle_tx, handle_rx over 2 s */
	double bytes_per_call;     /* of the direction that moves more, over 5 s */
	double wait;               /* of vhost for a CPU, share of 5 s */
};

struct vnx_live_view {
	struct vnx_live_model *m;   /* the caller's */
	struct vnx_live_keep *keep; /* the caller's; NULL: nothing can be recorded here */
	const char *replay;         /* path of what is played back, or NULL */
	double speed;
	bool ended; /* the recording is played to its end */
	bool color, utf8;
	unsigned columns, lines;
	enum vnx_live_page page;
	enum vnx_live_sort sort;
	bool reverse;
	char filter[512];
	struct {
		struct vnx_live_row *v;
		size_t n, cap;
	} rows; /* those shown, in order; behind them those that the filter hides */
	size_t all_rows;
	size_t cursor, top;
	uint32_t cursor_id; /* VM under the cursor, once it was moved; 0: the first row's */
	size_t scroll, page_lines, page_rows; /* of the other pages */
	bool paused;
	size_t at_bin; /* what is shown is of this bin ... */
	uint64_t at_ns;
	size_t n_events;   /* ever told by then */
	bool events_shown; /* below the list */
	enum vnx_live_prompt prompt;
	char input[512];
	char message[640], hint[384]; /* hint: a line of its own below, "" for none */
	uint64_t message_until_ns;    /* CLOCK_MONOTONIC: a replay's clock runs at any speed */
	size_t foot;                  /* lines below the page, as drawn last */
	bool quit;
};

/* Those of the model's events that were told by then: the first so many of them. */
size_t vnx_live_view_events(const struct vnx_live_view *v);

/* One line as text with layout marks turned to escape sequences; see vnx_layout_init(). */
struct vnx_live_lines {
	char **v; /* owned */
	size_t n, cap;
};
void vnx_live_lines_fini(struct vnx_live_lines *lines);

/* The rows anew from the model, unless paused; -ENOMEM. */
int vnx_live_view_update(struct vnx_live_view *v) VNX_MUST_CHECK;
void vnx_live_view_fini(struct vnx_live_view *v);
const struct vnx_live_row *vnx_live_view_row(const struct vnx_live_view *v); /* or NULL */
/* Counts of the rows by state, filtered ones too. */
void vnx_live_view_count(const struct vnx_live_view *v, size_t count[VNX_LIVE_STATES]);

/* A key as of ncurses' getch(). */
void vnx_live_key(struct vnx_live_view *v, int key);
void vnx_live_say(struct vnx_live_view *v, const char *fmt, ...) VNX_PRINTF(2, 3);
/* What went wrong and the remedy; "out of memory" where @err is empty. */
void vnx_live_say_error(struct vnx_live_view *v, const struct vnx_err *err);
const char *vnx_live_sort_name(enum vnx_live_sort sort);

/*
 * Lines of the whole screen, v->lines of them at most, into @out (zeroed by the caller);
 * *marked is the line under the cursor, SIZE_MAX for none. -ENOMEM.
 */
int vnx_live_draw(struct vnx_live_view *v, struct vnx_live_lines *out,
		  size_t *marked) VNX_MUST_CHECK;

/* A name within a sentence, harmless and not too long. */
const char *vnx_live_name(struct vnx_layout *l, const char *name);

/* Parts of it, each written to @l. */
void vnx_live_put_table(struct vnx_live_view *v, struct vnx_layout *l, size_t rows);
void vnx_live_put_strip(struct vnx_live_view *v, struct vnx_layout *l);
void vnx_live_put_detail(struct vnx_live_view *v, struct vnx_layout *l);
void vnx_live_put_events(struct vnx_live_view *v, struct vnx_layout *l);
void vnx_live_put_event(struct vnx_live_view *v, struct vnx_layout *l,
			const struct vnx_live_event *e, bool one_line);
void vnx_live_put_help(struct vnx_live_view *v, struct vnx_layout *l);
/* "vm1 DEGRADED since 14:03:12: 311 -> 151 Mbit/s (-51 %); ..." and why. */
void vnx_live_put_state(struct vnx_live_view *v, struct vnx_layout *l,
			const struct vnx_live_row *row);
/* The last minute of throughput in @width characters; *peak is NaN where none was measured. */
const char *vnx_live_spark(struct vnx_live_view *v, struct vnx_layout *l,
			   const struct vnx_live_vm *vm, unsigned width, double *peak);

#endif
