// SPDX-License-Identifier: GPL-2.0-only
/* Which rows, in which order, with which numbers. */
#include "cli/live/view.h"

#include <math.h>
#include <stdarg.h>
#include <strings.h>

#include "bpf/clock.h"

#define FAST_S 2 /* rates are means over this */
#define SLOW_S 5 /* ... and what wavers more over this */
#define SAY_NS (8 * VNX_NSEC_PER_SEC)

static const char *const sorts[VNX_SORTS] = {
	[VNX_SORT_STATE] = "state",      [VNX_SORT_NAME] = "name",
	[VNX_SORT_THROUGHPUT] = "bit/s", [VNX_SORT_TX] = "tx calls",
	[VNX_SORT_RX] = "rx calls",      [VNX_SORT_PER_CALL] = "bytes per call",
	[VNX_SORT_WAIT] = "wait",
};

const char *vnx_live_sort_name(enum vnx_live_sort sort)
{
	return (unsigned)sort < VNX_SORTS ? sorts[sort] : "?";
}

void vnx_live_lines_fini(struct vnx_live_lines *lines)
{
	for (size_t i = 0; i < lines->n; i++)
		free(lines->v[i]);
	free(lines->v);
	*lines = (struct vnx_live_lines){ 0 };
}

void vnx_live_say(struct vnx_live_view *v, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(v->message, sizeof(v->message), fmt, ap);
	va_end(ap);
	*v->hint = '\0';
	v->message_until_ns = vnx_clock_mono() + SAY_NS;
}

void vnx_live_say_error(struct vnx_live_view *v, const struct vnx_err *err)
{
	vnx_live_say(v, "%s", *err->message ? err->message : "out of memory");
	snprintf(v->hint, sizeof(v->hint), "%s", err->hint);
}

static void drop_rows(struct vnx_live_view *v)
{
	for (size_t i = 0; i < v->all_rows; i++)
		vnx_suspicion_put(v->rows.v[i].fall);
	v->rows.n = v->all_rows = 0;
}

void vnx_live_view_fini(struct vnx_live_view *v)
{
	drop_rows(v);
	free(v->rows.v);
}

/* The direction that moves more bytes. */
static double bytes_per_call(const struct vnx_live_model *m, const struct vnx_live_vm *vm,
			     size_t end)
{
	double tx = vnx_live_level(m, vm, VNX_TX_BYTES, end, SLOW_S);
	double rx = vnx_live_level(m, vm, VNX_RX_BYTES, end, SLOW_S);
	bool in = rx > tx;
	double calls = vnx_live_level(m, vm, in ? VNX_HANDLE_RX : VNX_HANDLE_TX, end, SLOW_S);

	return calls > 0 ? (in ? rx : tx) / calls : NAN;
}

static struct vnx_live_row make_row(const struct vnx_live_model *m, struct vnx_live_vm *vm)
{
	struct vnx_live_row row = { .vm = vm, .state = vm->state, .fall = vm->fall };
	size_t end = m->bins;

	if (row.fall)
		row.fall->refs++;
	snprintf(row.why, sizeof(row.why), "%s", vm->why);
	row.bps = vnx_live_level(m, vm, VNX_THROUGHPUT, end, FAST_S);
	row.tx_per_s = vnx_live_level(m, vm, VNX_HANDLE_TX, end, FAST_S);
	row.rx_per_s = vnx_live_level(m, vm, VNX_HANDLE_RX, end, FAST_S);
	row.bytes_per_call = bytes_per_call(m, vm, end);
	row.wait = vnx_live_level(m, vm, VNX_VHOST_RUNQ_WAIT, end, SLOW_S);
	return row;
}

static double sort_key(const struct vnx_live_row *row, enum vnx_live_sort sort)
{
	switch (sort) {
	case VNX_SORT_STATE:
		return -(double)row->state;
	case VNX_SORT_THROUGHPUT:
		return row->bps;
	case VNX_SORT_TX:
		return row->tx_per_s;
	case VNX_SORT_RX:
		return row->rx_per_s;
	case VNX_SORT_PER_CALL:
		return row->bytes_per_call;
	case VNX_SORT_WAIT:
		return row->wait;
	default:
		return 0;
	}
}

/* Most first, what is not measured last; vm2 before vm10 among equals. */
static int compare_rows(const void *a, const void *b, void *arg)
{
	const struct vnx_live_view *v = arg;
	const struct vnx_live_row *x = a, *y = b;
	double kx = sort_key(x, v->sort), ky = sort_key(y, v->sort);
	int way = v->reverse ? -1 : 1, by_name;

	if (isnan(kx) != isnan(ky))
		return isnan(kx) ? 1 : -1;
	if (kx != ky && !isnan(kx))
		return (kx > ky ? -1 : 1) * way;
	by_name = strverscmp(x->vm->label, y->vm->label);
	if (v->sort == VNX_SORT_NAME)
		by_name *= way;
	return by_name ? by_name : x->vm->id < y->vm->id ? -1 : 1;
}

static int fill_rows(struct vnx_live_view *v)
{
	const struct vnx_live_model *m = v->m;

	drop_rows(v);
	for (size_t i = 0; i < m->vms.n; i++) {
		struct vnx_live_row row;

		if (!vnx_live_is_shown(m, m->vms.v[i]))
			continue;
		row = make_row(m, m->vms.v[i]);
		if (vnx_vec_push(&v->rows, row)) {
			vnx_suspicion_put(row.fall);
			return -ENOMEM;
		}
		v->all_rows = v->rows.n;
	}
	return 0;
}

/* Also while paused: a filter that is changed then is of what is shown. */
static void hide_rows(struct vnx_live_view *v)
{
	v->rows.n = 0;
	for (size_t i = 0; i < v->all_rows; i++) {
		struct vnx_live_row row = v->rows.v[i];

		if (*v->filter && !strcasestr(row.vm->label, v->filter))
			continue;
		v->rows.v[i] = v->rows.v[v->rows.n];
		v->rows.v[v->rows.n++] = row;
	}
}

void vnx_live_view_count(const struct vnx_live_view *v, size_t count[VNX_LIVE_STATES])
{
	memset(count, 0, VNX_LIVE_STATES * sizeof(*count));
	for (size_t i = 0; i < v->m->vms.n; i++)
		if (vnx_live_is_shown(v->m, v->m->vms.v[i]))
			count[v->m->vms.v[i]->state]++;
}

/* Another VM in the place of the one looked at must not be taken for it. */
static void leave_gone(struct vnx_live_view *v)
{
	const struct vnx_live_vm *vm = vnx_live_find(v->m, v->cursor_id);

	v->page = VNX_PAGE_LIST;
	v->scroll = 0;
	v->cursor_id = 0;
	vnx_live_say(v, "%s is gone", vm ? vm->label : "that VM");
}

/* The cursor stays on its VM wherever that is now. */
static void place_cursor(struct vnx_live_view *v)
{
	bool found = false;

	for (size_t i = 0; i < v->rows.n && v->cursor_id && !found; i++) {
		found = v->rows.v[i].vm->id == v->cursor_id;
		v->cursor = found ? i : v->cursor;
	}
	if (v->page == VNX_PAGE_DETAIL && v->cursor_id && !found)
		leave_gone(v);
	if (!v->cursor_id)
		v->cursor = 0;
	if (v->cursor >= v->rows.n)
		v->cursor = v->rows.n ? v->rows.n - 1 : 0;
	v->m->selected = v->rows.n ? v->rows.v[v->cursor].vm->id : 0;
}

int vnx_live_view_update(struct vnx_live_view *v)
{
	int ret = 0;

	if (!v->paused) {
		v->at_bin = v->m->bins;
		v->at_ns = v->m->now_ns;
		v->n_events = v->m->events_gone + v->m->events.n;
		ret = fill_rows(v);
	}
	v->m->hold = v->paused;
	hide_rows(v);
	if (v->rows.n)
		qsort_r(v->rows.v, v->rows.n, sizeof(*v->rows.v), compare_rows, v);
	place_cursor(v);
	return ret;
}

size_t vnx_live_view_events(const struct vnx_live_view *v)
{
	const struct vnx_live_model *m = v->m;
	size_t n = v->n_events > m->events_gone ? v->n_events - m->events_gone : 0;

	return n < m->events.n ? n : m->events.n;
}

const struct vnx_live_row *vnx_live_view_row(const struct vnx_live_view *v)
{
	return v->cursor < v->rows.n ? &v->rows.v[v->cursor] : NULL;
}
