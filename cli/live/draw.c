// SPDX-License-Identifier: GPL-2.0-only
/* The screen as lines: head, page, foot. */
#include "cli/live/view.h"

#include <inttypes.h>
#include <math.h>

#include "bpf/clock.h"
#include "cli/base/safe.h"
#include "cli/base/units.h"

#define HEAD_LINES 2
#define FOOT_LINES 2
#define STRIP_LINES 6
#define EVENTS_LEAST 4 /* lines below the strip that are worth a list of events */

static const char *const kind_marks[] = {
	[VNX_EVENT_CAME] = VNX_GREEN,    [VNX_EVENT_WENT] = VNX_DIM,
	[VNX_EVENT_FELL] = VNX_RED,      [VNX_EVENT_CAUSE] = VNX_RED,
	[VNX_EVENT_ENDED] = VNX_GREEN,   [VNX_EVENT_LOST] = VNX_YELLOW,
	[VNX_EVENT_SOURCE] = VNX_YELLOW, [VNX_EVENT_NOTE] = "",
};

void vnx_live_put_event(struct vnx_live_view *v, struct vnx_layout *l,
			const struct vnx_live_event *e, bool one_line)
{
	char at[32];
	const char *text = vnx_layout_format(l, "%s%s%s", *e->vm ? vnx_live_name(l, e->vm) : "",
					     *e->vm ? ": " : "", vnx_layout_safe(l, e->text));

	vnx_live_clock(v->m, e->t_ns, at);
	if (one_line)
		vnx_layout_line(
			l, "%s%s %s" VNX_PLAIN, kind_marks[e->kind], at,
			vnx_layout_fit(l, text, v->columns - 1 - (unsigned)strlen(at), false));
	else
		vnx_layout_para(l, 0, (unsigned)strlen(at) + 1, "%s%s" VNX_PLAIN " %s",
				kind_marks[e->kind], at, text);
}

void vnx_live_put_events(struct vnx_live_view *v, struct vnx_layout *l)
{
	size_t n = vnx_live_view_events(v);

	vnx_layout_line(l, VNX_BOLD "EVENTS" VNX_PLAIN VNX_DIM " the latest first" VNX_PLAIN);
	if (!n)
		vnx_layout_line(l, "none yet");
	/* Below the list no more of them are made than there may be lines. */
	for (size_t i = n; i > 0 && (v->page != VNX_PAGE_LIST || n - i < v->lines); i--)
		vnx_live_put_event(v, l, &v->m->events.v[i - 1], false);
}

static void put_help_row(struct vnx_layout *l, const char *const row[2])
{
	const char *pad = row[0];

	while (strlen(pad) < 18)
		pad = vnx_layout_format(l, "%s ", pad);
	vnx_layout_para(l, 2, 21, VNX_BOLD "%s" VNX_PLAIN VNX_NBSP "%s", vnx_layout_glue(l, pad),
			row[1]);
}

void vnx_live_put_help(struct vnx_live_view *v, struct vnx_layout *l)
{
	static const char *const keys[][2] = {
		{ "Up Down PgUp PgDn", "move, scroll; Home, End: first, last" },
		{ "Enter, d", "the VM under the cursor in full; again, Esc: back" },
		{ "Left, Right", "there: the VM before, the next" },
		{ "e", "events: VMs that came and went, falls, what was lost" },
		{ "s, S", "sort by the next column; S: the other way round" },
		{ "/", "show only VMs whose name holds a text; an empty text: all" },
		{ "p", "pause the screen; it goes on being measured" },
		{ "r", "record to a file, from what is in memory on; again: stop" },
		{ "q, Ctrl-C", "quit; a recording is completed; Ctrl-L: draw anew" },
	};
	static const char *const columns[][2] = {
		{ "BIT/S", "of the VM's taps, both directions together, mean of 2 s" },
		{ "TX/S, RX/S", "calls a second of vhost's handle_tx and handle_rx, 2 s" },
		{ "B/CALL", "bytes per call, of the direction that moves more, 5 s" },
		{ "WAIT", "share of 5 s the vhost thread could run but had no CPU" },
		{ "LAST 60 s", "throughput, each VM on a scale of its own; right is now" },
		{ "gathering", "too little data yet; idle: < 100 kbit/s; -: not measured" },
		{ "unknown", "whether it fell cannot be told; the line below says why" },
	};

	vnx_layout_line(l, VNX_BOLD "KEYS" VNX_PLAIN);
	for (size_t i = 0; i < VNX_ARRAY_SIZE(keys); i++)
		put_help_row(l, keys[i]);
	vnx_layout_line(l, VNX_BOLD "COLUMNS" VNX_PLAIN);
	for (size_t i = 0; i < VNX_ARRAY_SIZE(columns); i++)
		put_help_row(l, columns[i]);
}

/* @left and @right on one line of the screen's width. */
static void put_ends(struct vnx_live_view *v, struct vnx_layout *l, const char *left,
		     const char *right)
{
	unsigned used = vnx_text_columns(left) + vnx_text_columns(right);

	vnx_layout_line(l, "%s%*s%s", left, used < v->columns ? (int)(v->columns - used) : 1, "",
			right);
}

static void put_title(struct vnx_live_view *v, struct vnx_layout *l)
{
	const struct vnx_run_facts *f = &v->m->facts;
	char at[32], bin[VNX_UNIT_LEN];
	const char *what = !v->replay        ? ""
			   : isinf(v->speed) ? " replay"
					     : vnx_layout_format(l, " replay %gx", v->speed);
	const char *right = v->paused  ? VNX_BOLD VNX_YELLOW "PAUSED " VNX_PLAIN
			    : v->ended ? VNX_BOLD VNX_YELLOW "END OF RECORDING " VNX_PLAIN
				       : "";
	const char *left;
	int room;

	right = vnx_layout_format(l, "%s%s", right, vnx_live_clock(v->m, v->at_ns, at));
	left = vnx_layout_format(l, "%s %s, bin %s, Linux %s",
				 *f->host ? vnx_live_name(l, f->host) : "?",
				 *f->capture ? vnx_layout_safe(l, f->capture) : "trace",
				 vnx_seconds_format((double)f->bin_ns / 1e9, bin),
				 *f->kernel ? vnx_layout_safe(l, f->kernel) : "?");
	room = (int)v->columns - (int)vnx_text_columns(what) - (int)vnx_text_columns(right) - 13;
	put_ends(v, l,
		 vnx_layout_format(l, VNX_BOLD "vnetdx live%s" VNX_PLAIN " %s", what,
				   vnx_layout_fit(l, left, room > 8 ? (unsigned)room : 8, false)),
		 right);
}

static const char *record_text(struct vnx_live_view *v, struct vnx_layout *l, bool named)
{
	const struct vnx_live_keep *k = v->keep;

	if (!k || (!k->path && !*k->failed))
		return "";
	if (!k->path)
		return VNX_BOLD VNX_RED "RECORDING FAILED" VNX_PLAIN;
	return vnx_layout_format(l, VNX_BOLD VNX_RED "REC %s%s%.0f s" VNX_PLAIN,
				 named ? vnx_live_name(l, k->path) : "", named ? " " : "",
				 k->rec ? (double)(v->m->now_ns - k->start_ns) / 1e9 : 0);
}

/* What must not be overlooked: it is never left out. */
static const char *warning_text(struct vnx_live_view *v, struct vnx_layout *l)
{
	const char *text = "";
	unsigned columns = vnx_text_width(vnx_layout_safe(l, v->filter));

	if (v->m->lost_events)
		text = vnx_layout_format(l, " " VNX_YELLOW "lost %" PRIu64 VNX_PLAIN,
					 v->m->lost_events);
	if (!*v->filter)
		return text;
	return vnx_layout_format(l, "%s " VNX_YELLOW "filter \"%s\"" VNX_PLAIN, text,
				 vnx_layout_fit(l, v->filter, columns < 20 ? columns : 20, false));
}

/* @left with @more behind it, where @room columns hold both. */
static const char *add_part(struct vnx_layout *l, const char *left, const char *more, unsigned room)
{
	if (vnx_text_columns(left) + vnx_text_columns(more) > room)
		return left;
	return vnx_layout_format(l, "%s%s", left, more);
}

static void put_summary(struct vnx_live_view *v, struct vnx_layout *l)
{
	size_t n[VNX_LIVE_STATES], all = 0;
	char own[VNX_UNIT_LEN];
	const char *left, *warning = warning_text(v, l), *right = record_text(v, l, true);
	unsigned room, used;

	vnx_live_view_count(v, n);
	for (int i = 0; i < VNX_LIVE_STATES; i++)
		all += n[i];
	left = n[VNX_LIVE_DEGRADED]
		       ? vnx_layout_format(l, VNX_BOLD VNX_RED "%zu DEGRADED" VNX_PLAIN,
					   n[VNX_LIVE_DEGRADED])
		       : VNX_GREEN "none degraded" VNX_PLAIN;
	left = vnx_layout_format(l, "%zu VM%s: %s", all, all == 1 ? "" : "s", left);
	used = vnx_text_columns(left) + vnx_text_columns(warning) + 1;
	if (used + vnx_text_columns(right) > v->columns)
		right = record_text(v, l, false);
	room = v->columns > vnx_text_columns(right) + 1 ? v->columns - vnx_text_columns(right) - 1
							: 0;
	for (int i = VNX_LIVE_LIMITED; i < VNX_LIVE_STATES; i++)
		if (n[i] && room > vnx_text_columns(warning))
			left = add_part(
				l, left,
				vnx_layout_format(l, ", %zu %s", n[i], vnx_live_state_name(i)),
				room - vnx_text_columns(warning));
	left = vnx_layout_format(l, "%s%s", left, warning);
	if (!isnan(v->m->facts.cpu_share))
		left = add_part(l, left,
				vnx_layout_format(l, ", own cost %s of a core",
						  vnx_percent_format(v->m->facts.cpu_share, own)),
				room);
	put_ends(v, l, left, right);
}

/* ---- foot ---- */

/* Where not all of @text has room, its end is shown: there it is typed. */
static const char *typed_text(struct vnx_layout *l, const char *text, unsigned room)
{
	const char *s = vnx_layout_safe(l, text);

	while (*s && vnx_text_width(s) > room)
		for (s++; (*s & 0xc0) == 0x80;)
			s++;
	return *s ? vnx_layout_fit(l, s, vnx_text_width(s), false) : "";
}

static void put_message(struct vnx_live_view *v, struct vnx_layout *l)
{
	vnx_layout_line(l, VNX_BOLD VNX_YELLOW "%s" VNX_PLAIN,
			vnx_layout_fit(l, v->message, v->columns, false));
	if (*v->hint)
		vnx_layout_line(l, VNX_YELLOW "%s" VNX_PLAIN,
				vnx_layout_fit(l, v->hint, v->columns, false));
}

static void put_prompt(struct vnx_live_view *v, struct vnx_layout *l)
{
	static const char *const asks[] = { "", "show names that hold: ", "record to: ",
					    "stop recording? (y/n) " };
	double memory_s = v->keep ? vnx_live_keep_memory_s(v->keep, v->m) : 0;

	if (*v->message)
		put_message(v, l);
	else if (v->prompt == VNX_PROMPT_RECORD)
		vnx_layout_line(
			l,
			VNX_DIM
			"The recording holds the last %.0f s too. Enter: begin, Esc: not." VNX_PLAIN,
			memory_s);
	else
		vnx_layout_line(l, "%s", "");
	vnx_layout_line(
		l, VNX_BOLD "%s" VNX_PLAIN "%s_", asks[v->prompt],
		typed_text(l, v->input, v->columns - 1 - (unsigned)strlen(asks[v->prompt])));
}

static void put_foot(struct vnx_live_view *v, struct vnx_layout *l)
{
	static const char list[] = "Enter detail  e events  s sort  / filter  p pause  r record  "
				   "? help  q quit";
	static const char page[] = "Up Down scroll  Left Right VM  Esc back  e events  p pause  "
				   "r record  q quit";
	size_t n = vnx_live_view_events(v);

	if (v->prompt != VNX_PROMPT_NONE) {
		put_prompt(v, l);
		return;
	}
	if (*v->message)
		put_message(v, l);
	else if (n && (v->page != VNX_PAGE_LIST || !v->events_shown))
		vnx_live_put_event(v, l, &v->m->events.v[n - 1], true);
	else
		vnx_layout_line(l, "%s", "");
	vnx_layout_line(l, VNX_DIM "%s" VNX_PLAIN, v->page == VNX_PAGE_LIST ? list : page);
}

/* ---- all of it ---- */

struct sheet {
	struct vnx_layout l;
	FILE *out;
	char *text;
	size_t len;
};

static int sheet_begin(struct sheet *s, const struct vnx_live_view *v)
{
	struct vnx_report_conf rc = { .color = true, .utf8 = v->utf8, .columns = v->columns };

	*s = (struct sheet){ 0 };
	s->out = open_memstream(&s->text, &s->len);
	if (!s->out)
		return -ENOMEM;
	vnx_layout_init(&s->l, &rc, s->out);
	return 0;
}

/* Its lines go to @out, from the @skip-th on, @max at most; *total: how many there were. */
static int sheet_end(struct sheet *s, struct vnx_live_lines *out, size_t skip, size_t max,
		     size_t *total)
{
	int ret = s->l.failed ? -ENOMEM : 0;
	size_t n = 0;

	if (fclose(s->out))
		ret = -ENOMEM;
	for (char *at = s->text, *end; !ret && at && *at; at = end, n++) {
		size_t len = strcspn(at, "\n");

		end = at + len + (at[len] == '\n');
		if (n >= skip && n < skip + max) {
			char *line = strndup(at, len);

			if (!line || vnx_vec_push(out, line)) {
				free(line);
				ret = -ENOMEM;
			}
		}
	}
	if (total)
		*total = n;
	vnx_layout_fini(&s->l);
	free(s->text);
	return ret;
}

static int pad_to(struct vnx_live_lines *out, size_t lines)
{
	while (out->n < lines) {
		char *line = strdup("");

		if (!line || vnx_vec_push(out, line)) {
			free(line);
			return -ENOMEM;
		}
	}
	return 0;
}

static int draw_part(struct vnx_live_view *v, struct vnx_live_lines *out,
		     void (*put)(struct vnx_live_view *, struct vnx_layout *), size_t skip,
		     size_t max, size_t *total)
{
	struct sheet s;

	if (sheet_begin(&s, v))
		return -ENOMEM;
	put(v, &s.l);
	return sheet_end(&s, out, skip, max, total);
}

static void put_head(struct vnx_live_view *v, struct vnx_layout *l)
{
	put_title(v, l);
	put_summary(v, l);
}

static void put_list(struct vnx_live_view *v, struct vnx_layout *l)
{
	vnx_live_put_table(v, l, v->page_rows);
}

static void put_rule(struct vnx_live_view *v, struct vnx_layout *l)
{
	const char *rule = "";

	for (unsigned i = 0; i < v->columns; i++)
		rule = vnx_layout_format(l, "%s%s", rule, v->utf8 ? "\u2500" : "-");
	vnx_layout_line(l, VNX_DIM "%s" VNX_PLAIN, rule);
}

/* Rows above, what is suspected of the one under the cursor below. */
static int draw_list(struct vnx_live_view *v, struct vnx_live_lines *out, size_t *marked)
{
	size_t room = v->lines - HEAD_LINES - v->foot - 1;
	size_t strip = STRIP_LINES + (room > 30 ? 4 : 0), left;
	int ret;

	v->page_rows = room - strip - 1;
	ret = draw_part(v, out, put_list, 0, v->page_rows + 1, NULL);
	if (!ret && v->rows.n)
		*marked = HEAD_LINES + 1 + v->cursor - v->top;
	/* Few VMs: the suspicion stands right below them, not at the far end. */
	if (!ret)
		ret = pad_to(out,
			     v->rows.n < v->page_rows ? out->n + 1 : HEAD_LINES + 1 + v->page_rows);
	if (!ret)
		ret = draw_part(v, out, put_rule, 0, 1, NULL);
	if (!ret)
		ret = draw_part(v, out, vnx_live_put_strip, 0, v->lines - v->foot - out->n, NULL);
	left = v->lines - v->foot - out->n;
	v->events_shown = !ret && left >= EVENTS_LEAST;
	if (!v->events_shown)
		return ret;
	ret = pad_to(out, out->n + 1);
	return ret ? ret : draw_part(v, out, vnx_live_put_events, 0, left - 1, NULL);
}

static int draw_page(struct vnx_live_view *v, struct vnx_live_lines *out)
{
	static void (*const pages[])(struct vnx_live_view *, struct vnx_layout *) = {
		[VNX_PAGE_DETAIL] = vnx_live_put_detail,
		[VNX_PAGE_EVENTS] = vnx_live_put_events,
		[VNX_PAGE_HELP] = vnx_live_put_help,
	};
	size_t most;
	int ret;

	v->page_rows = v->lines - HEAD_LINES - v->foot;
	ret = draw_part(v, out, pages[v->page], v->scroll, v->page_rows, &v->page_lines);
	most = v->page_lines > v->page_rows ? v->page_lines - v->page_rows : 0;
	if (ret || v->scroll <= most)
		return ret;
	/* It became shorter meanwhile, or End was pressed. */
	v->scroll = most;
	while (out->n > HEAD_LINES)
		free(out->v[--out->n]);
	return draw_part(v, out, pages[v->page], v->scroll, v->page_rows, NULL);
}

int vnx_live_draw(struct vnx_live_view *v, struct vnx_live_lines *out, size_t *marked)
{
	int ret;

	*marked = SIZE_MAX;
	if (vnx_clock_mono() >= v->message_until_ns)
		*v->message = *v->hint = '\0';
	v->foot = FOOT_LINES + (*v->message && *v->hint);
	ret = draw_part(v, out, put_head, 0, HEAD_LINES, NULL);
	if (!ret)
		ret = v->page == VNX_PAGE_LIST ? draw_list(v, out, marked) : draw_page(v, out);
	if (!ret)
		ret = pad_to(out, v->lines - v->foot);
	return ret ? ret : draw_part(v, out, put_foot, 0, v->foot, NULL);
}
