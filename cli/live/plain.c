// SPDX-License-Identifier: GPL-2.0-only
/* Where stdout is no terminal: a line a VM and interval, for logs and pipes. */
#include "cli/live/app.h"

#include <inttypes.h>
#include <math.h>
#include <stdio_ext.h>

#include "cli/base/units.h"
#include "cli/base/stop.h"

static void put_events(struct vnx_live_app *a, struct vnx_layout *l)
{
	char at[32];
	size_t gone = a->m->events_gone;

	/* The model gives up its oldest: what is gone cannot be told. */
	for (size_t i = a->events_told > gone ? a->events_told - gone : 0; i < a->m->events.n;
	     i++) {
		const struct vnx_live_event *e = &a->m->events.v[i];

		vnx_layout_line(l, "%s event %s%s%s", vnx_live_clock(a->m, e->t_ns, at),
				*e->vm ? vnx_live_name(l, e->vm) : "", *e->vm ? ": " : "",
				vnx_layout_safe(l, e->text));
	}
	a->events_told = gone + a->m->events.n;
}

static const char *state_text(struct vnx_live_app *a, struct vnx_layout *l,
			      const struct vnx_live_row *row)
{
	char change[VNX_UNIT_LEN], since[32];

	if (row->state == VNX_LIVE_LIMITED)
		return vnx_layout_format(l, "LIMITED %s", vnx_cause_name(row->vm->limit));
	if (!row->fall || row->state != VNX_LIVE_DEGRADED)
		return vnx_live_state_name(row->state);
	return vnx_layout_format(l, "DEGRADED %s %s since %s",
				 vnx_cause_name(row->fall->ep.worst->cause),
				 vnx_percent_format(row->fall->ep.change, change),
				 vnx_live_clock(a->m, row->fall->start_ns, since));
}

static void put_vm(struct vnx_live_app *a, struct vnx_layout *l, const struct vnx_live_row *row)
{
	char at[32], bps[VNX_UNIT_LEN], tx[VNX_UNIT_LEN], rx[VNX_UNIT_LEN], size[VNX_UNIT_LEN];
	char wait[VNX_UNIT_LEN];

	vnx_layout_line(
		l, "%s %s pid %" PRIu32 " %s %s tx %s/s rx %s/s %s/call wait %s %s",
		vnx_live_clock(a->m, a->view.at_ns, at), vnx_live_name(l, row->vm->label),
		row->vm->vm.pid, vnx_backend_name(row->vm->vm.backend),
		vnx_rate_format(row->bps, bps), vnx_count_format(round(row->tx_per_s), tx),
		vnx_count_format(round(row->rx_per_s), rx),
		vnx_size_format(row->bytes_per_call, size),
		vnx_percent_format(isnan(row->wait) ? NAN : round(row->wait * 100) / 100, wait),
		state_text(a, l, row));
}

static void put_vms(struct vnx_live_app *a, struct vnx_layout *l)
{
	char at[32];

	for (size_t i = 0; i < a->view.rows.n; i++)
		put_vm(a, l, &a->view.rows.v[i]);
	if (!a->view.rows.n)
		vnx_layout_line(l, "%s no VM runs here now; one that starts is told",
				vnx_live_clock(a->m, a->view.at_ns, at));
	a->any_line = true;
}

static int make_lines(struct vnx_live_app *a, bool due, char **text, size_t *len)
{
	struct vnx_report_conf rc = { .utf8 = a->utf8, .columns = 100 };
	FILE *out = open_memstream(text, len);
	struct vnx_layout l;
	bool failed;

	if (!out)
		return -ENOMEM;
	vnx_layout_init(&l, &rc, out);
	put_events(a, &l);
	if (due)
		put_vms(a, &l);
	failed = l.failed;
	vnx_layout_fini(&l);
	return fclose(out) || failed ? -ENOMEM : 0;
}

/* All at once, for of a stream that is filled bit by bit errno is that of the last bit. */
static int write_lines(struct vnx_live_app *a, FILE *out, const char *text, size_t len,
		       struct vnx_err *err)
{
	int ret;

	errno = 0;
	if (fwrite(text, 1, len, out) == len && !fflush(out))
		return 0;
	ret = errno ? -errno : -EIO;
	/*
	 * Ctrl-C while the pipe is full, or it ended the reader too: nobody reads the rest, and
	 * what is left in the stream would stop us again at exit.
	 */
	if ((ret == -EINTR || ret == -EPIPE) && vnx_stop_asked()) {
		__fpurge(out);
		a->lines = false;
		return 0;
	}
	if (ret == -EPIPE)
		return vnx_err_set(err, ret, VNX_EXIT_FAILED, "output",
				   "the program that reads the output went away");
	return vnx_err_set(err, ret, VNX_EXIT_FAILED, "output", "cannot write the output: %s",
			   strerror(-ret));
}

int vnx_live_plain(struct vnx_live_app *a, FILE *out, struct vnx_err *err)
{
	bool over = a->m->facts.finished, due;
	VNX_CLEANUP_FREE char *text = NULL;
	size_t len;
	int ret;

	if (!a->next_line_ns)
		a->next_line_ns = a->m->facts.start_ns + a->interval_ns;
	due = a->m->now_ns >= a->next_line_ns || (over && !a->any_line);
	if (!due && !over)
		return 0;
	while (a->next_line_ns <= a->m->now_ns)
		a->next_line_ns += a->interval_ns;
	ret = vnx_live_view_update(&a->view);
	if (!ret)
		ret = make_lines(a, due, &text, &len);
	return ret ? ret : write_lines(a, out, text, len, err);
}
