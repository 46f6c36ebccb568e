// SPDX-License-Identifier: GPL-2.0-only
/* The live view's model, keys, lines, screen and recording, fed by made-up bins. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>
#include <ncurses.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cli/live/app.h"
#include "cli/live/screen.h"
#include "tests/unit/live_bed.h"

static void test_numbers_of_a_row(void **state)
{
	struct bed *b = *state;
	const struct vnx_live_row *row;

	feed_add_vm(&b->f, "vm1");
	run_bins(b, 10, 100 * MBIT, 0.25);
	row = only_row(b);
	assert_float_equal(row->bps, 100 * MBIT, 2 * MBIT);
	assert_float_equal(row->bytes_per_call, 512, 2);
	assert_float_equal(row->wait, 0.25, 1e-3);
	assert_float_equal(row->tx_per_s, 100e6 / 8 / 512, 500);
	assert_float_equal(row->rx_per_s, 0, 0); /* the hook was there: silence is a zero */
	assert_int_equal(row->state, VNX_LIVE_WAITING);
}

static void test_what_is_not_measured_is_missing(void **state)
{
	struct bed *b = *state;
	const struct vnx_live_row *row;

	feed_add_vm(&b->f, "vm1");
	for (int i = 0; i < 30; i++)
		end_bin(b);
	row = only_row(b);
	assert_true(isnan(row->bps) && isnan(row->wait) && isnan(row->bytes_per_call));
	assert_int_equal(row->state, VNX_LIVE_UNKNOWN);
	assert_non_null(strstr(row->why, "not measured"));
}

static void test_idle_and_ok(void **state)
{
	struct bed *b = *state;

	feed_add_vm(&b->f, "vm1");
	run_bins(b, 30, 0, 0);
	assert_int_equal(only_row(b)->state, VNX_LIVE_IDLE);
	run_bins(b, 60, 50 * MBIT, 0);
	assert_int_equal(only_row(b)->state, VNX_LIVE_OK);
	assert_int_equal(count_of(b, VNX_EVENT_FELL), 0);
}

static void test_fall_begins_and_ends(void **state)
{
	struct bed *b = *state;
	const struct vnx_live_row *row;

	feed_add_vm(&b->f, "vm1");
	run_bins(b, 60, 100 * MBIT, 0.02);
	run_bins(b, 12, 40 * MBIT, 0.7); /* told within 6 s */
	row = only_row(b);
	assert_int_equal(row->state, VNX_LIVE_DEGRADED);
	assert_float_equal(row->fall->ep.change, -0.6, 0.03);
	assert_in_range(row->fall->start_ns, FEED_START_NS + 58 * FEED_BIN_NS,
			FEED_START_NS + 62 * FEED_BIN_NS);
	assert_float_equal(row->fall->quiet.of[VNX_VHOST_RUNQ_WAIT], 0.02, 0.005);
	assert_int_equal(count_of(b, VNX_EVENT_FELL), 1);
	run_bins(b, 60, 100 * MBIT, 0.02);
	assert_int_equal(only_row(b)->state, VNX_LIVE_OK);
	assert_int_equal(count_of(b, VNX_EVENT_ENDED), 1);
	assert_non_null(strstr(last_of(b, VNX_EVENT_ENDED)->text, "throughput is back"));
	assert_int_equal(count_of(b, VNX_EVENT_FELL), 1);
}

/* It outlives the memory: the level before the fall is remembered beside the bins. */
static void test_fall_longer_than_memory(void **state)
{
	struct bed *b = *state;

	feed_add_vm(&b->f, "vm1");
	run_bins(b, 100, 100 * MBIT, 0);
	run_bins(b, VNX_LIVE_BINS / 2, 40 * MBIT, 0.7);
	assert_int_equal(only_row(b)->state, VNX_LIVE_DEGRADED);
	assert_int_equal(count_of(b, VNX_EVENT_FELL), 1);
	run_bins(b, VNX_LIVE_BINS, 40 * MBIT, 0.7);
	assert_int_equal(only_row(b)->state, VNX_LIVE_LIMITED);
	assert_int_equal(count_of(b, VNX_EVENT_ENDED), 1);
	assert_non_null(strstr(last_of(b, VNX_EVENT_ENDED)->text, "out of memory"));
	assert_int_equal(count_of(b, VNX_EVENT_FELL), 2);
	assert_non_null(strstr(last_of(b, VNX_EVENT_FELL)->text, "limited, cpu_contention"));
	run_bins(b, 300, 100 * MBIT, 0);
	assert_int_equal(only_row(b)->state, VNX_LIVE_OK);
	assert_int_equal(count_of(b, VNX_EVENT_ENDED), 2);
}

/* A backup that ends: nothing on the host explains that less is moved, so nothing is told. */
static void test_less_wanted_is_no_fall(void **state)
{
	struct bed *b = *state;

	feed_add_vm(&b->f, "vm1");
	run_bins(b, 60, 30 * MBIT, 0.01);
	run_bins(b, 120, 900 * MBIT, 0.01);
	run_bins(b, 120, 30 * MBIT, 0.01);
	assert_int_equal(only_row(b)->state, VNX_LIVE_OK);
	assert_int_equal(count_of(b, VNX_EVENT_FELL), 0);
}

/* Always so: no fall is needed for it to be told. */
static void test_limited_all_along(void **state)
{
	struct bed *b = *state;

	feed_add_vm(&b->f, "vm1");
	run_bins(b, 60, 40 * MBIT, 0.75);
	assert_int_equal(only_row(b)->state, VNX_LIVE_LIMITED);
	assert_non_null(strstr(only_row(b)->why, "could run but had no CPU for 75 %"));
	assert_int_equal(count_of(b, VNX_EVENT_FELL), 1);
}

static void test_end_of_a_flow_is_no_fall(void **state)
{
	struct bed *b = *state;

	feed_add_vm(&b->f, "vm1");
	for (int i = 0; i < 4; i++) {
		run_bins(b, 60, 100 * MBIT, 0);
		run_bins(b, 1, 30 * MBIT, 0); /* cut by the bin's edge */
		run_bins(b, 40, 0, 0);
	}
	assert_int_equal(count_of(b, VNX_EVENT_FELL), 0);
	assert_int_equal(only_row(b)->state, VNX_LIVE_IDLE);
}

static void test_stop_ends_a_fall(void **state)
{
	struct bed *b = *state;

	feed_add_vm(&b->f, "vm1");
	run_bins(b, 60, 100 * MBIT, 0);
	run_bins(b, 20, 40 * MBIT, 0.7);
	run_bins(b, 40, 0, 0);
	assert_int_equal(only_row(b)->state, VNX_LIVE_IDLE);
	assert_int_equal(count_of(b, VNX_EVENT_ENDED), 1);
}

static void test_vms_come_and_go(void **state)
{
	struct bed *b = *state;

	feed_add_vm(&b->f, "vm1");
	run_bins(b, 5, MBIT, 0);
	assert_int_equal(count_of(b, VNX_EVENT_CAME), 0); /* it was there */
	feed_add_vm(&b->f, "vm2");
	run_bins(b, 5, MBIT, 0);
	assert_string_equal(last_of(b, VNX_EVENT_CAME)->vm, "vm2");
	b->f.vms.v[1].last_ns = b->f.facts.end_ns;
	run_bins(b, 5, MBIT, 0);
	assert_string_equal(last_of(b, VNX_EVENT_WENT)->vm, "vm2");
	assert_int_equal(vnx_live_view_update(&b->v), 0);
	assert_int_equal(b->v.rows.n, 2);
	run_bins(b, 130, MBIT, 0);
	only_row(b);
	assert_int_equal(count_of(b, VNX_EVENT_WENT), 1);
}

static void test_sources_and_losses_are_told(void **state)
{
	struct bed *b = *state;
	struct vnx_source_state s = { .name = "sched" };

	feed_add_vm(&b->f, "vm1");
	assert_int_equal(vnx_vec_push(&b->f.sources, s), 0);
	run_bins(b, 3, MBIT, 0);
	assert_int_equal(count_of(b, VNX_EVENT_SOURCE), 0);
	snprintf(b->f.sources.v[0].why, VNX_SOURCE_WHY, "schedstat went away");
	run_bins(b, 3, MBIT, 0);
	assert_non_null(strstr(last_of(b, VNX_EVENT_SOURCE)->text, "schedstat went away"));
	assert_int_equal(count_of(b, VNX_EVENT_SOURCE), 1);
	feed_sample(&b->f, VNX_LOST, 0, 17);
	run_bins(b, 1, MBIT, 0);
	feed_sample(&b->f, VNX_LOST, 0, 5);
	run_bins(b, 1, MBIT, 0);
	assert_int_equal(count_of(b, VNX_EVENT_LOST), 1); /* once for a while */
	assert_int_equal(b->m->lost_events, 22);
}

/* Evidence that is read every 2 s stands in every bin it covers. */
static void test_slow_evidence(void **state)
{
	struct bed *b = *state;
	struct vnx_sample s = { .t_ns = FEED_START_NS,
				.dur_ns = 4 * FEED_BIN_NS,
				.entity = 1000,
				.metric = VNX_VHOST_THROTTLED };

	feed_add_vm(&b->f, "vm1");
	for (unsigned i = 0; i < 24; i++) {
		if (i % 4 == 3) {
			s.t_ns = FEED_START_NS + (i - 3) * FEED_BIN_NS;
			s.count = s.dur_ns / 2;
			assert_int_equal(vnx_vec_push(&b->f.samples, s), 0);
		}
		run_bins(b, 1, MBIT, 0);
	}
	for (size_t bin = 0; bin < 20; bin++)
		assert_float_equal(
			vnx_live_value(b->m, b->m->vms.v[0]->ring[VNX_VHOST_THROTTLED], bin), 0.5,
			1e-3);
	/* It says nothing of calls. */
	assert_float_equal(vnx_live_value(b->m, b->m->vms.v[0]->ring[VNX_VCPU_ENTER], 10), 100, 0);
}

/* ---- keys and lines ---- */

static void test_sort_filter_pause(void **state)
{
	struct bed *b = *state;

	three_vms(b);
	press(b, "s"); /* by name */
	assert_order(b, "db", "mail", "web");
	press(b, "S");
	assert_order(b, "web", "mail", "db");
	press(b, "Ss"); /* by throughput */
	assert_order(b, "db", "mail", "web");
	press(b, "ssss"); /* by wait */
	assert_order(b, "mail", "web", "db");
	press(b, "/MA\n");
	assert_int_equal(b->v.rows.n, 1);
	press(b, "/\x15\n");
	assert_int_equal(b->v.rows.n, 3);
	press(b, "p");
	for (int i = 0; i < 20; i++) {
		feed_vm(&b->f, 0, 500 * MBIT, 0);
		end_bin(b);
	}
	assert_int_equal(vnx_live_view_update(&b->v), 0);
	assert_order(b, "mail", "web", "db");
	assert_true(b->v.rows.v[1].bps < 20 * MBIT);
	press(b, "p");
	assert_order(b, "web", "db", "mail"); /* the others are silent: not measured, last */
}

static void test_cursor_stays_on_its_vm(void **state)
{
	struct bed *b = *state;

	three_vms(b);
	press(b, "s");
	vnx_live_key(&b->v, KEY_DOWN);
	assert_string_equal(vnx_live_view_row(&b->v)->vm->label, "mail");
	press(b, "S");
	press(b, "ss");
	assert_string_equal(vnx_live_view_row(&b->v)->vm->label, "mail");
}

static void draw_all(struct bed *b)
{
	static const char pages[] = { 0, 'd', 'e', '?' };

	for (size_t i = 0; i < sizeof(pages); i++) {
		struct vnx_live_lines lines = { 0 };
		size_t marked;

		if (pages[i])
			vnx_live_key(&b->v, pages[i]);
		assert_int_equal(vnx_live_view_update(&b->v), 0);
		assert_int_equal(vnx_live_draw(&b->v, &lines, &marked), 0);
		assert_int_equal(lines.n, b->v.lines);
		assert_harmless(&lines, b->v.columns);
		vnx_live_lines_fini(&lines);
	}
	vnx_live_key(&b->v, 27);
}

static void test_hostile_names(void **state)
{
	struct bed *b = *state;

	feed_add_hostile(&b->f);
	for (unsigned i = 0; i < 100; i++) {
		for (uint32_t k = 0; k < b->f.vms.n; k++)
			feed_vm(&b->f, k, i < 60 ? 100 * MBIT : 30 * MBIT, i < 60 ? 0.1 : 0.7);
		end_bin(b);
	}
	assert_int_equal(count_of(b, VNX_EVENT_FELL), b->f.vms.n);
	for (int utf8 = 0; utf8 < 2; utf8++) {
		b->v.utf8 = utf8;
		b->v.columns = 80;
		b->v.lines = 24;
		draw_all(b);
		b->v.columns = 200;
		b->v.lines = 50;
		draw_all(b);
	}
}

static void draw_prompt(struct bed *b, const char *keys)
{
	struct vnx_live_lines lines = { 0 };
	size_t marked;

	for (const char *k = keys; *k; k++)
		vnx_live_key(&b->v, (unsigned char)*k);
	assert_int_equal(vnx_live_view_update(&b->v), 0);
	assert_int_equal(vnx_live_draw(&b->v, &lines, &marked), 0);
	assert_harmless(&lines, b->v.columns);
	/* What is typed is seen: the end of it. */
	assert_non_null(strstr(lines.v[lines.n - 1], "end_"));
	vnx_live_lines_fini(&lines);
	vnx_live_key(&b->v, 27);
}

static char *drawn_line(struct bed *b, size_t which)
{
	struct vnx_live_lines lines = { 0 };
	size_t marked;
	char *line;

	assert_int_equal(vnx_live_view_update(&b->v), 0);
	assert_int_equal(vnx_live_draw(&b->v, &lines, &marked), 0);
	assert_harmless(&lines, b->v.columns);
	line = strdup(lines.v[which < lines.n ? which : lines.n - 1]);
	vnx_live_lines_fini(&lines);
	return line;
}

/* Nothing runs over the screen: a recording's name, a long prompt, all states at once. */
static void test_long_lines(void **state)
{
	struct bed *b = *state;
	char keys[300], *line;

	three_vms(b);
	memset(keys, 'x', sizeof(keys));
	memcpy(keys, "/", 1);
	memcpy(keys + sizeof(keys) - 4, "end", 4);
	draw_prompt(b, keys);
	b->m->lost_events = 1234567;
	b->keep.path = strdup("vnetdx-20261122-094437-and-a-long-name.vdx");
	line = drawn_line(b, 1);
	assert_non_null(strstr(line, "3 VMs: "));
	assert_non_null(strstr(line, "REC"));
	assert_non_null(strstr(line, "lost 1234567"));
	free(line);
	snprintf(b->v.filter, sizeof(b->v.filter), "a name that is longer than the room it has");
	line = drawn_line(b, 1);
	assert_non_null(strstr(line, "REC 0 s"));
	assert_non_null(strstr(line, "filter"));
	free(line);
}

/* It stays for seconds of ours, not of a recording that runs a hundred times as fast. */
static void test_message_stays(void **state)
{
	struct bed *b = *state;
	char *line;

	feed_add_vm(&b->f, "vm1");
	run_bins(b, 2, MBIT, 0);
	press(b, "s");
	run_bins(b, 60, MBIT, 0);
	line = drawn_line(b, b->v.lines - 2);
	assert_non_null(strstr(line, "sorted by name"));
	free(line);
}

static void test_why_is_of_the_state(void **state)
{
	struct bed *b = *state;

	feed_add_vm(&b->f, "vm1");
	run_bins(b, 10, 10 * MBIT, 0);
	assert_int_equal(only_row(b)->state, VNX_LIVE_WAITING);
	assert_non_null(strstr(only_row(b)->why, "takes 20 bins"));
	/* nobody looked yet: that is not ok */
	b->m->conf.share = 0;
	b->m->tokens_s = 0;
	run_bins(b, 20, 10 * MBIT, 0);
	assert_int_equal(only_row(b)->state, VNX_LIVE_WAITING);
	assert_non_null(strstr(only_row(b)->why, "yet to come"));
	b->m->tokens_s = 1;
	run_bins(b, 2, 10 * MBIT, 0);
	assert_int_equal(only_row(b)->state, VNX_LIVE_OK);
	assert_string_equal(only_row(b)->why, "");
}

/* On a slow CPU few analyses use the budget up for half a minute; falls are told all the same. */
static void test_fall_is_told_without_budget(void **state)
{
	struct bed *b = *state;
	uint64_t analyses;
	int bins = 0;

	feed_add_vm(&b->f, "vm1");
	b->m->conf.share = 0;
	run_bins(b, 60, 60 * MBIT, 0);
	analyses = b->m->analyses;
	b->m->tokens_s = -10;
	run_bins(b, 60, 60 * MBIT, 0);
	assert_int_equal(b->m->analyses, analyses); /* nothing happened: none is due */
	while (only_row(b)->state != VNX_LIVE_DEGRADED && bins++ < 12)
		run_bins(b, 1, 20 * MBIT, 0.6);
	assert_int_equal(only_row(b)->state, VNX_LIVE_DEGRADED);
	analyses = b->m->analyses;
	run_bins(b, 20, 20 * MBIT, 0.6);
	assert_int_equal(b->m->analyses, analyses); /* it was told */
	for (bins = 0; only_row(b)->state == VNX_LIVE_DEGRADED && bins < 12; bins++)
		run_bins(b, 1, 60 * MBIT, 0);
	assert_int_equal(only_row(b)->state, VNX_LIVE_OK);
}

/* One analysis in 1.5 s is all there is: each VM is told in its turn, the last after minutes. */
static void test_many_falls_are_told_without_budget(void **state)
{
	enum { VMS = 50, BINS = 2 * VMS * 3 * 4 / 3 + 40 };
	struct bed *b = *state;
	char name[16];

	for (int i = 0; i < VMS; i++) {
		snprintf(name, sizeof(name), "vm%d", i);
		feed_add_vm(&b->f, name);
	}
	b->m->conf.share = 0;
	for (int n = 0; n < 60 + BINS; n++) {
		for (uint32_t i = 0; i < VMS; i++)
			feed_vm(&b->f, i, n < 60 ? 60 * MBIT : 20 * MBIT, n < 60 ? 0 : 0.6);
		end_bin(b);
	}
	assert_int_equal(count_of(b, VNX_EVENT_FELL), VMS);
	for (size_t i = 0; i < VMS; i++) {
		const struct vnx_live_vm *vm = b->m->vms.v[i];

		assert_non_null(vm->fall);
		assert_true(fabs((double)vm->fall->start_ns - FEED_START_NS - 30e9) <= 1e9);
	}
}

static void test_clock_of_another_day(void **state)
{
	struct bed *b = *state;
	char buf[32];

	b->m->facts.realtime_minus_mono_ns = 1;
	b->m->now_ns = 100 * 3600 * VNX_NSEC_PER_SEC;
	assert_int_equal(strlen(vnx_live_clock(b->m, b->m->now_ns, buf)), 8);
	assert_int_equal(strlen(vnx_live_clock(b->m, 90 * 3600 * VNX_NSEC_PER_SEC, buf)), 8);
	assert_int_equal(strlen(vnx_live_clock(b->m, 80 * 3600 * VNX_NSEC_PER_SEC, buf)), 14);
}

static void test_help_fits(void **state)
{
	struct bed *b = *state;

	three_vms(b);
	vnx_live_key(&b->v, '?');
	free(drawn_line(b, 0));
	assert_true(b->v.page_lines <= b->v.page_rows);
}

/* ---- lines instead of a screen ---- */

static size_t count_lines(FILE *out, const char *with)
{
	char line[512];
	size_t n = 0;

	rewind(out);
	while (fgets(line, sizeof(line), out))
		n += strstr(line, with) != NULL;
	fseek(out, 0, SEEK_END);
	return n;
}

static void test_lines_tell_each_event_once(void **state)
{
	struct bed *b = *state;
	struct vnx_live_app a = { .m = b->m, .lines = true, .interval_ns = FEED_BIN_NS };
	struct vnx_err err = { 0 };
	FILE *out = tmpfile();

	a.view.m = b->m;
	feed_add_vm(&b->f, "vm1");
	run_bins(b, 1, MBIT, 0);
	for (unsigned i = 0; i < 3 * VNX_LIVE_EVENTS / 2; i++) {
		assert_int_equal(vnx_live_tell(b->m, VNX_EVENT_NOTE, NULL, "number %u", i), 0);
		if (i % 10)
			continue;
		run_bins(b, 1, MBIT, 0);
		assert_int_equal(vnx_live_plain(&a, out, &err), 0);
	}
	assert_int_equal(count_lines(out, "event number"), 3 * VNX_LIVE_EVENTS / 2 - 9);
	/* Those after the last interval are told at the end; the VMs are not, again. */
	assert_int_equal(count_lines(out, " vm1 pid"), 3 * VNX_LIVE_EVENTS / 20);
	a.interval_ns = 1000 * FEED_BIN_NS;
	a.next_line_ns += a.interval_ns;
	b->f.facts.finished = true;
	run_bins(b, 1, MBIT, 0);
	assert_int_equal(vnx_live_plain(&a, out, &err), 0);
	assert_int_equal(count_lines(out, "event number"), 3 * VNX_LIVE_EVENTS / 2);
	assert_int_equal(count_lines(out, " vm1 pid"), 3 * VNX_LIVE_EVENTS / 20);
	vnx_live_view_fini(&a.view);
	fclose(out);
}

static void test_short_run_has_lines(void **state)
{
	struct bed *b = *state;
	struct vnx_live_app a = { .m = b->m, .lines = true, .interval_ns = 1000 * FEED_BIN_NS };
	struct vnx_err err = { 0 };
	FILE *out = tmpfile();

	a.view.m = b->m;
	feed_add_vm(&b->f, "vm1");
	run_bins(b, 2, MBIT, 0);
	assert_int_equal(vnx_live_plain(&a, out, &err), 0);
	assert_int_equal(count_lines(out, "vm1"), 0);
	b->f.facts.finished = true;
	run_bins(b, 1, MBIT, 0);
	assert_int_equal(vnx_live_plain(&a, out, &err), 0);
	assert_int_equal(count_lines(out, " vm1 pid"), 1);
	vnx_live_view_fini(&a.view);
	fclose(out);
}

/* ---- the screen ---- */

static char *painted(struct bed *b, const char *term, bool color)
{
	FILE *out = tmpfile(), *in = fopen("/dev/null", "r");
	struct vnx_live_lines lines = { 0 };
	struct vnx_err err = { 0 };
	char *text = calloc(1, 1 << 16);
	size_t marked;

	assert_int_equal(vnx_screen_open(term, out, in, color, &err), 0);
	assert_int_equal(vnx_live_view_update(&b->v), 0);
	assert_int_equal(vnx_live_draw(&b->v, &lines, &marked), 0);
	vnx_screen_paint(&lines, marked);
	vnx_screen_close();
	rewind(out);
	assert_true(fread(text, 1, (1 << 16) - 1, out) > 200);
	vnx_live_lines_fini(&lines);
	fclose(out);
	fclose(in);
	return text;
}

static void test_screen(void **state)
{
	struct bed *b = *state;
	char *text;

	three_vms(b);
	text = painted(b, "xterm-256color", true);
	assert_non_null(strstr(text, "mail"));
	assert_non_null(strstr(text, "\033[32m"));    /* none degraded, in green */
	assert_non_null(strstr(text, "\033[?1049l")); /* the terminal is given back */
	free(text);
	text = painted(b, "xterm-256color", false);
	assert_non_null(strstr(text, "mail"));
	assert_null(strstr(text, "\033[32m"));
	assert_null(strstr(text, ";32m"));
	free(text);
	text = painted(b, "vt100", true);
	assert_non_null(strstr(text, "mail"));
	free(text);
}

static void test_unknown_terminal(void **state)
{
	struct vnx_err err = { 0 };

	assert_int_equal(vnx_screen_open("no-such-terminal", stdout, stdin, true, &err), -ENOTTY);
	assert_non_null(strstr(err.message, "no-such-terminal"));
	assert_int_equal(err.exit, VNX_EXIT_FAILED);
}

/* ---- recording ---- */

static void test_recording_holds_what_was_before(void **state)
{
	struct bed *b = *state;
	char path[] = "/tmp/vnx-live-XXXXXX";
	struct vnx_recording *rec;
	struct vnx_run_facts facts;
	struct vnx_sample s;
	struct vnx_err err = { 0 };
	uint64_t enters = 0;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(vnx_live_keep_begin(&b->keep, path, false, &err), -EEXIST);
	assert_string_equal(err.code, "file-exists");
	unlink(path);
	feed_add_vm(&b->f, "vm1");
	run_bins(b, 20, 10 * MBIT, 0);
	err = (struct vnx_err){ 0 };
	assert_int_equal(vnx_live_keep_begin(&b->keep, path, false, &err), 0);
	run_bins(b, 20, 10 * MBIT, 0);
	assert_int_equal(vnx_live_keep_end(&b->keep, b->m, &err), 0);
	assert_null(b->keep.path);
	run_bins(b, 5, 10 * MBIT, 0); /* of no recording any more */
	assert_int_equal(vnx_recording_open(path, &rec, &err), 0);
	assert_int_equal(vnx_recording_facts(rec, &facts, &err), 0);
	assert_true(facts.finished);
	assert_int_equal(facts.start_ns, FEED_START_NS);
	assert_int_equal(facts.end_ns, FEED_START_NS + 40 * FEED_BIN_NS);
	while (vnx_recording_next(rec, &s, &err) == 1)
		enters += s.metric == VNX_VCPU_ENTER ? s.count : 0;
	assert_int_equal(enters, 40 * 100);
	assert_int_equal(vnx_recording_close(rec, &err), 0);
	unlink(path);
}

static void test_recording_that_fails_ends_alone(void **state)
{
	struct bed *b = *state;
	struct vnx_err err = { 0 };

	feed_add_vm(&b->f, "vm1");
	run_bins(b, 2, MBIT, 0);
	assert_int_equal(vnx_live_keep_begin(&b->keep, "/nowhere/at/all.vdx", false, &err), 0);
	run_bins(b, 2, MBIT, 0);
	assert_null(b->keep.path);
	assert_true(b->keep.failed[0]);
	assert_non_null(strstr(last_of(b, VNX_EVENT_NOTE)->text, "recording failed"));
	run_bins(b, 2, MBIT, 0);
}

/* A disk that is full when the recording is completed must not look like success. */
static void test_end_that_fails_is_told(void **state)
{
	struct bed *b = *state;
	struct vnx_live_app a = { .m = b->m };
	char path[] = "/tmp/vnx-live-XXXXXX", journal[64];
	struct vnx_err err = { 0 };
	struct rlimit before, limit;
	int fd = mkstemp(path), ret;

	assert_true(fd >= 0);
	close(fd);
	unlink(path);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	signal(SIGXFSZ, SIG_IGN); /* writing fails instead */
	feed_add_vm(&b->f, "vm1");
	run_bins(b, 2, MBIT, 0);
	assert_int_equal(vnx_live_keep_begin(&b->keep, path, false, &err), 0);
	run_bins(b, 2, MBIT, 0);
	limit = (struct rlimit){ .rlim_cur = 0, .rlim_max = before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	a.keep = b->keep;
	b->keep = (struct vnx_live_keep){ 0 };
	ret = vnx_live_app_complete(&a, &err);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_not_equal(ret, 0);
	assert_true(err.message[0]);
	assert_true(a.keep.failed[0]);
	assert_null(a.keep.done);
	vnx_live_keep_fini(&a.keep);
	unlink(path);
	snprintf(journal, sizeof(journal), "%s-journal", path);
	unlink(journal);
}

/* ncurses keeps what newterm() set up for a terminal that it then refused. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libtinfo";
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LIVE_TEST(test_numbers_of_a_row),
		LIVE_TEST(test_what_is_not_measured_is_missing),
		LIVE_TEST(test_idle_and_ok),
		LIVE_TEST(test_fall_begins_and_ends),
		LIVE_TEST(test_fall_longer_than_memory),
		LIVE_TEST(test_less_wanted_is_no_fall),
		LIVE_TEST(test_limited_all_along),
		LIVE_TEST(test_end_of_a_flow_is_no_fall),
		LIVE_TEST(test_stop_ends_a_fall),
		LIVE_TEST(test_vms_come_and_go),
		LIVE_TEST(test_sources_and_losses_are_told),
		LIVE_TEST(test_slow_evidence),
		LIVE_TEST(test_sort_filter_pause),
		LIVE_TEST(test_cursor_stays_on_its_vm),
		LIVE_TEST(test_hostile_names),
		LIVE_TEST(test_long_lines),
		LIVE_TEST(test_message_stays),
		LIVE_TEST(test_why_is_of_the_state),
		LIVE_TEST(test_fall_is_told_without_budget),
		LIVE_TEST(test_many_falls_are_told_without_budget),
		LIVE_TEST(test_clock_of_another_day),
		LIVE_TEST(test_help_fits),
		LIVE_TEST(test_lines_tell_each_event_once),
		LIVE_TEST(test_short_run_has_lines),
		LIVE_TEST(test_screen),
		LIVE_TEST(test_unknown_terminal),
		LIVE_TEST(test_recording_holds_what_was_before),
		LIVE_TEST(test_recording_that_fails_ends_alone),
		LIVE_TEST(test_end_that_fails_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
