// SPDX-License-Identifier: GPL-2.0-only
/* Where stdout is no terminal: a line a VM and interval, for logs and pipes. */
#include "cli/live/app.h"

#include <inttypes.h>
#include <math.h>

#include "cli/output/units.h"

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

	if (!row->fall || row->state != VNX_LIVE_DEGRADED)
		return vnx_live_state_name(row->state);
	return vnx_layout_format(l, "DEGRADED %s %s since %s",
				 vnx_cause_name(row->fall->ep.first->cause),
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

int vnx_live_plain(struct vnx_live_app *a, FILE *out, struct vnx_err *err)
{
	struct vnx_report_conf rc = { .utf8 = a->utf8, .columns = 100 };
	bool over = a->m->facts.finished, due;
	struct vnx_layout l;
	int ret;

	if (!a->next_line_ns)
		a->next_line_ns = a->m->facts.start_ns + a->interval_ns;
	due = a->m->now_ns >= a->next_line_ns || (over && !a->any_line);
	if (!due && !over)
		return 0;
	while (a->next_line_ns <= a->m->now_ns)
		a->next_line_ns += a->interval_ns;
	ret = vnx_live_view_update(&a->view);
	if (ret)
		return ret;
	vnx_layout_init(&l, &rc, out);
	put_events(a, &l);
	if (due)
		put_vms(a, &l);
	ret = l.failed ? -ENOMEM : vnx_output_check(out, err);
	vnx_layout_fini(&l);
	return ret;
}
