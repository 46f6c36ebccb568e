/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A live view's model, view and recording on a feed of made-up bins; for tests that include
 * cmocka before it.
 */
#ifndef LIVE_BED_H
#define LIVE_BED_H

#include <locale.h>
#include <math.h>

#include "cli/base/safe.h"
#include "tests/unit/live_feed.h"

#define MBIT 1e6

struct bed {
	struct feed f;
	struct vnx_live_model *m;
	struct vnx_live_view v;
	struct vnx_live_keep keep;
};

static inline int setup(void **state)
{
	struct vnx_live_conf conf = { .share = INFINITY };
	struct bed *b = calloc(1, sizeof(*b));

	setlocale(LC_CTYPE, "C.UTF-8");
	feed_init(&b->f);
	b->m = vnx_live_model_new(&conf);
	b->v = (struct vnx_live_view){
		.m = b->m, .keep = &b->keep, .utf8 = true, .columns = 80, .lines = 24
	};
	*state = b;
	return b->m ? 0 : -1;
}

static inline int teardown(void **state)
{
	struct bed *b = *state;

	vnx_live_view_fini(&b->v);
	vnx_live_keep_fini(&b->keep);
	vnx_live_model_free(b->m);
	feed_fini(&b->f);
	free(b);
	return 0;
}

static inline void end_bin(struct bed *b)
{
	struct vnx_err err = { 0 };

	assert_int_equal(feed_end_bin(&b->f, b->m, &b->keep, &err), 0);
}

/* @n bins of one VM. */
static inline void run_bins(struct bed *b, unsigned n, double bps, double wait)
{
	while (n--) {
		feed_vm(&b->f, 0, bps, wait);
		end_bin(b);
	}
}

static inline const struct vnx_live_event *last_of(const struct bed *b, enum vnx_live_kind kind)
{
	for (size_t i = b->m->events.n; i > 0; i--)
		if (b->m->events.v[i - 1].kind == kind)
			return &b->m->events.v[i - 1];
	return NULL;
}

static inline size_t count_of(const struct bed *b, enum vnx_live_kind kind)
{
	size_t n = 0;

	for (size_t i = 0; i < b->m->events.n; i++)
		n += b->m->events.v[i].kind == kind;
	return n;
}

static inline const struct vnx_live_row *only_row(struct bed *b)
{
	assert_int_equal(vnx_live_view_update(&b->v), 0);
	assert_int_equal(b->v.rows.n, 1);
	return &b->v.rows.v[0];
}

static inline void press(struct bed *b, const char *keys)
{
	for (; *keys; keys++)
		vnx_live_key(&b->v, (unsigned char)*keys);
	assert_int_equal(vnx_live_view_update(&b->v), 0);
}

static inline void three_vms(struct bed *b)
{
	feed_add_vm(&b->f, "web");
	feed_add_vm(&b->f, "db");
	feed_add_vm(&b->f, "mail");
	for (int i = 0; i < 10; i++) {
		feed_vm(&b->f, 0, 10 * MBIT, 0.5);
		feed_vm(&b->f, 1, 30 * MBIT, 0.1);
		feed_vm(&b->f, 2, 20 * MBIT, 0.9);
		end_bin(b);
	}
	assert_int_equal(vnx_live_view_update(&b->v), 0);
}

static inline void assert_order(const struct bed *b, const char *x, const char *y, const char *z)
{
	assert_int_equal(b->v.rows.n, 3);
	assert_string_equal(b->v.rows.v[0].vm->label, x);
	assert_string_equal(b->v.rows.v[1].vm->label, y);
	assert_string_equal(b->v.rows.v[2].vm->label, z);
}

/* U+0080-9F, or a mark that hides or reorders what stands around it: U+200B-200F, U+202A-202E. */
static inline bool is_unseen(const char *s)
{
	const unsigned char *u = (const unsigned char *)s;

	if (u[0] == 0xc2)
		return u[1] >= 0x80 && u[1] <= 0x9f;
	return u[0] == 0xe2 && u[1] == 0x80 &&
	       ((u[2] >= 0x8b && u[2] <= 0x8f) || (u[2] >= 0xaa && u[2] <= 0xae));
}

/* Nothing but our own escape sequences, and no line wider than the screen. */
static inline void assert_harmless(const struct vnx_live_lines *lines, unsigned columns)
{
	for (size_t i = 0; i < lines->n; i++) {
		char *plain = calloc(1, strlen(lines->v[i]) + 1), *to = plain;

		for (const char *s = lines->v[i]; *s; s++) {
			if (*s == '\033') {
				size_t len = strspn(s + 1, "[0123456789");

				assert_int_equal(s[1], '[');
				assert_int_equal(s[1 + len], 'm');
				s += 1 + len;
				continue;
			}
			assert_true((unsigned char)*s >= ' ' && *s != 127 && !is_unseen(s));
			*to++ = *s;
		}
		assert_true(vnx_text_width(plain) <= columns);
		free(plain);
	}
}

/* All lines of the screen, ended by line feeds; the caller's to free. */
static inline char *drawn_text(struct bed *b)
{
	struct vnx_live_lines lines = { 0 };
	char *text = NULL;
	size_t marked, len;
	FILE *out = open_memstream(&text, &len);

	assert_int_equal(vnx_live_view_update(&b->v), 0);
	assert_int_equal(vnx_live_draw(&b->v, &lines, &marked), 0);
	assert_int_equal(lines.n, b->v.lines);
	assert_harmless(&lines, b->v.columns);
	for (size_t i = 0; i < lines.n; i++)
		fprintf(out, "%s\n", lines.v[i]);
	fclose(out);
	vnx_live_lines_fini(&lines);
	return text;
}

static inline bool is_drawn(struct bed *b, const char *words)
{
	char *text = drawn_text(b);
	bool found = strstr(text, words);

	free(text);
	return found;
}

#define LIVE_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
