// SPDX-License-Identifier: GPL-2.0-only
/* The list: head, a row a VM, what is suspected of the one under the cursor. */
#include "cli/live/view.h"

#include <inttypes.h>
#include <math.h>

#include "cli/base/safe.h"
#include "cli/output/text/text.h"
#include "cli/base/units.h"

#define NAME_MAX_COLUMNS 40 /* of a name within a sentence */

/* "311M", "1.25G", "537"; a dash where it is not measured. */
static const char *short_number(struct vnx_layout *l, double x)
{
	char number[VNX_UNIT_LEN];

	if (isnan(x))
		return "-";
	if (fabs(x) < 999.5)
		return vnx_layout_format(l, "%.0f", x);
	return vnx_layout_format(l, "%s%s", vnx_number_scaled(x, x, number),
				 vnx_scale_for(x).prefix);
}

const char *vnx_live_name(struct vnx_layout *l, const char *name)
{
	unsigned columns = vnx_text_width(vnx_layout_safe(l, name));

	columns = columns < NAME_MAX_COLUMNS ? columns : NAME_MAX_COLUMNS;
	return vnx_layout_fit(l, name, columns ? columns : 1, false);
}

static const char *short_share(struct vnx_layout *l, double x)
{
	return isnan(x) ? "-" : vnx_layout_format(l, "%.0f%%", x * 100);
}

const char *vnx_live_spark(struct vnx_live_view *v, struct vnx_layout *l,
			   const struct vnx_live_vm *vm, unsigned width, double *peak)
{
	size_t n = (size_t)(60 / vnx_live_bin_s(v->m));
	VNX_CLEANUP_FREE double *x = NULL;
	double top = NAN;

	n = n ? n : 1;
	n = n < VNX_LIVE_BINS ? n : VNX_LIVE_BINS;
	x = malloc(n * sizeof(*x));
	if (!x) {
		l->failed = true;
		return "";
	}
	/* The newest stands at the right, also while less than a minute is known. */
	for (size_t i = 0; i < n; i++) {
		size_t b = v->at_bin + i;

		x[i] = b < n ? NAN : vnx_live_value(v->m, vm->ring[VNX_THROUGHPUT], b - n);
		top = fmax(top, x[i]); /* NaN only where nothing else is known */
	}
	if (peak)
		*peak = top;
	/* A line without any traffic is flat, not full. */
	return vnx_layout_spark(l, x, n, width, top > 0 ? top : 1);
}

static const char *short_backend(enum vnx_backend backend)
{
	static const char *const names[VNX_BACKEND_MAX] = {
		[VNX_BACKEND_UNKNOWN] = "?",        [VNX_BACKEND_VHOST_NET] = "vhost",
		[VNX_BACKEND_QEMU] = "qemu",        [VNX_BACKEND_EMULATED] = "emul",
		[VNX_BACKEND_VHOST_USER] = "vuser", [VNX_BACKEND_VDPA] = "vdpa",
		[VNX_BACKEND_VFIO] = "vfio",        [VNX_BACKEND_NONE] = "none",
	};

	return (unsigned)backend < VNX_BACKEND_MAX ? names[backend] : "?";
}

static const char *state_mark(enum vnx_live_state state)
{
	static const char *const marks[VNX_LIVE_STATES] = {
		[VNX_LIVE_DEGRADED] = VNX_BOLD VNX_RED,
		[VNX_LIVE_LIMITED] = VNX_BOLD VNX_YELLOW,
		[VNX_LIVE_UNKNOWN] = VNX_YELLOW,
		[VNX_LIVE_OK] = VNX_GREEN,
		[VNX_LIVE_WAITING] = VNX_DIM,
		[VNX_LIVE_IDLE] = VNX_DIM,
		[VNX_LIVE_GONE] = VNX_DIM,
	};

	return marks[state];
}

/* Widths of the columns that grow with the screen. */
struct widths {
	unsigned name, spark, backend, state;
	bool pid, wide; /* wide: causes by their full names */
};

static struct widths widths_for(unsigned columns)
{
	struct widths w = { .name = 10, .spark = 10, .backend = 5, .state = 19 };
	unsigned more = columns > 80 ? columns - 80 : 0;

	if (more >= 8) {
		w.pid = true;
		more -= 8;
	}
	if (more >= 20) {
		w.wide = true;
		w.state += 12;
		w.backend += 8;
		more -= 20;
	}
	w.name += more / 3 < 22 ? more / 3 : 22;
	more -= more / 3 < 22 ? more / 3 : 22;
	w.spark += more < 50 ? more : 50;
	return w;
}

static const char *state_text(struct vnx_layout *l, const struct vnx_live_row *row, bool wide)
{
	const struct vnx_episode *ep = row->fall ? &row->fall->ep : NULL;
	char change[VNX_UNIT_LEN];

	if (row->state == VNX_LIVE_LIMITED)
		return vnx_layout_format(l, "LIMITED %s",
					 wide ? vnx_cause_name(row->vm->limit)
					      : vnx_live_cause_word(row->vm->limit));
	if (row->state != VNX_LIVE_DEGRADED || !ep)
		return vnx_live_state_name(row->state);
	if (!wide)
		return vnx_layout_format(l, "DEGRADED %s", vnx_live_cause_word(ep->worst->cause));
	return vnx_layout_format(l, "DEGRADED %s %s", vnx_percent_format(ep->change, change),
				 vnx_cause_name(ep->worst->cause));
}

static const char *pid_text(struct vnx_layout *l, const struct widths *w, const char *text)
{
	return w->pid ? vnx_layout_format(l, "%7s ", text) : "";
}

/* Names of the columns; the one that sorts is marked. */
static void put_columns(struct vnx_live_view *v, struct vnx_layout *l, const struct widths *w)
{
	static const char *const plain[VNX_SORTS] = { "STATE", "VM",     "BIT/S", "TX/S",
						      "RX/S",  "B/CALL", "WAIT" };
	const char *name[VNX_SORTS];

	for (int i = 0; i < VNX_SORTS; i++)
		name[i] = i != (int)v->sort
				  ? plain[i]
				  : vnx_layout_format(l, "%s%c", plain[i], v->reverse ? '^' : 'v');
	vnx_layout_line(l, VNX_BOLD "%s %s%s %6s %5s %5s %7s %5s %s %s" VNX_PLAIN,
			vnx_layout_fit(l, name[VNX_SORT_NAME], w->name, false),
			pid_text(l, w, "PID"),
			vnx_layout_fit(l, w->wide ? "BACK END" : "BACK", w->backend, false),
			name[VNX_SORT_THROUGHPUT], name[VNX_SORT_TX], name[VNX_SORT_RX],
			name[VNX_SORT_PER_CALL], name[VNX_SORT_WAIT],
			vnx_layout_fit(l, "LAST 60 s", w->spark, false), name[VNX_SORT_STATE]);
}

static void put_row(struct vnx_live_view *v, struct vnx_layout *l, const struct widths *w,
		    const struct vnx_live_row *row)
{
	const struct vnx_vm *vm = &row->vm->vm;
	const char *backend = w->wide ? vnx_backend_name(vm->backend) : short_backend(vm->backend);

	vnx_layout_line(l, "%s%s%s %s%s %6s %5s %5s %7s %s%5s%s %s %s%s" VNX_PLAIN,
			row->state == VNX_LIVE_DEGRADED ? VNX_BOLD VNX_RED : "",
			vnx_layout_fit(l, row->vm->label, w->name, false), VNX_PLAIN,
			pid_text(l, w, vnx_layout_format(l, "%" PRIu32, vm->pid)),
			vnx_layout_fit(l, backend, w->backend, false),
			short_number(l, vnx_rate_told(row->bps)), short_number(l, row->tx_per_s),
			short_number(l, row->rx_per_s), short_number(l, row->bytes_per_call),
			row->wait >= 0.2 ? VNX_BOLD VNX_YELLOW : "", short_share(l, row->wait),
			row->wait >= 0.2 ? VNX_PLAIN : "",
			vnx_live_spark(v, l, row->vm, w->spark, NULL), state_mark(row->state),
			vnx_layout_fit(l, state_text(l, row, w->wide), w->state, false));
}

void vnx_live_put_table(struct vnx_live_view *v, struct vnx_layout *l, size_t rows)
{
	struct widths w = widths_for(v->columns);

	put_columns(v, l, &w);
	if (v->cursor < v->top)
		v->top = v->cursor;
	if (v->cursor >= v->top + rows)
		v->top = v->cursor + 1 - rows;
	if (v->top + rows > v->rows.n)
		v->top = v->rows.n > rows ? v->rows.n - rows : 0;
	for (size_t i = v->top; i < v->rows.n && i < v->top + rows; i++)
		put_row(v, l, &w, &v->rows.v[i]);
	if (v->rows.n)
		return;
	if (*v->filter)
		vnx_layout_line(
			l, VNX_YELLOW "no VM's name holds \"%s\"; / and Enter shows all" VNX_PLAIN,
			vnx_layout_fit(l, v->filter, 30, false));
	else
		vnx_layout_line(l, VNX_YELLOW
				"no VM runs here now; one that starts is shown" VNX_PLAIN);
}

/* ---- the suspicion ---- */

static const char *held_by(struct vnx_layout *l, const struct vnx_degradation *d)
{
	const char *who = "";

	for (size_t i = 0; i < d->offenders.n; i++) {
		const struct vnx_offender *o = &d->offenders.v[i];

		who = vnx_layout_format(l,
					"%s%s%s %s (pid" VNX_NBSP "%" PRIu32 ") %.0f" VNX_NBSP "%%",
					who, *who ? ", " : "", o->is_vm ? "VM" : "process",
					vnx_live_name(l, o->name), o->pid, o->share * 100);
	}
	return who;
}

static void put_fall(struct vnx_live_view *v, struct vnx_layout *l, const struct vnx_live_row *row)
{
	const struct vnx_suspicion *s = row->fall;
	const struct vnx_degradation *d = s->ep.worst;
	char at[32], ago[VNX_UNIT_LEN], before[VNX_UNIT_LEN], after[VNX_UNIT_LEN];
	char change[VNX_UNIT_LEN];
	double top = fmax(s->ep.before_bps, s->ep.after_bps);
	const char *missing = vnx_text_missing(l, d), *who = held_by(l, d);
	double for_s = v->at_ns > s->start_ns ? (double)(v->at_ns - s->start_ns) / 1e9 : 0;

	vnx_layout_para(l, 0, 2,
			VNX_BOLD "%s" VNX_RED " DEGRADED" VNX_PLAIN " since %s (%s): " VNX_BOLD
				 "%s \u2192 %s" VNX_NBSP "%sbit/s" VNX_PLAIN " (%s); " VNX_BOLD
				 "%s" VNX_PLAIN,
			vnx_live_name(l, row->vm->label), vnx_live_clock(v->m, s->start_ns, at),
			vnx_layout_glue(l, vnx_seconds_format(round(for_s), ago)),
			vnx_rate_scaled(s->ep.before_bps, top, before),
			vnx_rate_scaled(s->ep.after_bps, top, after), vnx_scale_for(top).prefix,
			vnx_layout_glue(l, vnx_percent_format(s->ep.change, change)),
			d->cause == VNX_CAUSE_UNKNOWN ? "cause unknown" : vnx_text_cause(d->cause));
	if (d->cause == VNX_CAUSE_UNKNOWN && *missing)
		vnx_layout_para(l, 2, 2, "Not measured, hence no cause: %s", missing);
	if (d->finding && *d->finding)
		vnx_layout_para(l, 2, 2, "%s%s%s%s", vnx_layout_safe(l, d->finding),
				*who ? " Held by " : "", who, *who ? "." : "");
	if (d->advice && *d->advice)
		vnx_layout_para(l, 2, 2, VNX_GREEN "Do:" VNX_PLAIN " %s",
				vnx_layout_safe(l, d->advice));
}

void vnx_live_put_state(struct vnx_live_view *v, struct vnx_layout *l,
			const struct vnx_live_row *row)
{
	const char *why = row->why, *rate = "throughput not measured";
	char bps[VNX_UNIT_LEN];

	if (row->fall && row->state == VNX_LIVE_DEGRADED) {
		put_fall(v, l, row);
		return;
	}
	if (row->state == VNX_LIVE_IDLE || row->state == VNX_LIVE_GONE)
		why = "";
	if (!isnan(row->bps))
		rate = vnx_layout_glue(l, vnx_rate_format(row->bps, bps));
	vnx_layout_para(l, 0, 2, VNX_BOLD "%s" VNX_PLAIN " %s%s" VNX_PLAIN ": %s%s%s",
			vnx_live_name(l, row->vm->label), state_mark(row->state),
			vnx_live_state_name(row->state), *why && isnan(row->bps) ? "" : rate,
			*why && !isnan(row->bps) ? "; " : "", vnx_layout_safe(l, why));
}

void vnx_live_put_strip(struct vnx_live_view *v, struct vnx_layout *l)
{
	const struct vnx_live_row *row = vnx_live_view_row(v);

	if (row)
		vnx_live_put_state(v, l, row);
}
