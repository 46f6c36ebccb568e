// SPDX-License-Identifier: GPL-2.0-only
/* Hostile names on their way to a terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "cli/base/safe.h"

static void is_safe(const char *in, unsigned width, const char *want)
{
	VNX_CLEANUP_FREE char *got = vnx_text_safe(in, width);

	assert_string_equal(got, want);
}

static void plain_text_stays(void **state)
{
	is_safe("vm1", 0, "vm1");
	is_safe("", 0, "");
	is_safe(NULL, 10, "");
	is_safe("caf\303\251 \346\227\245\346\234\254", 0, "caf\303\251 \346\227\245\346\234\254");
}

static void controls_become_text(void **state)
{
	is_safe("a\033[2Jb", 0, "a\\x1B[2Jb");
	is_safe("a\nb\tc\r\177", 0, "a\\x0Ab\\x09c\\x0D\\x7F");
	/* C1: CSI in one character */
	is_safe("\302\23331m", 0, "\\xC2\\x9B31m");
	/* marks that turn the direction of what follows */
	is_safe("a\342\200\256b", 0, "a\\xE2\\x80\\xAEb");
	is_safe("a\342\200\250b", 0, "a\\xE2\\x80\\xA8b");
	is_safe("\357\273\277a", 0, "\\xEF\\xBB\\xBFa");
}

static void broken_utf8_becomes_text(void **state)
{
	is_safe("\377\376", 0, "\\xFF\\xFE");
	is_safe("\300\257", 0, "\\xC0\\xAF");                   /* overlong "/" */
	is_safe("\355\240\200", 0, "\\xED\\xA0\\x80");          /* surrogate */
	is_safe("\364\220\200\200", 0, "\\xF4\\x90\\x80\\x80"); /* past U+10FFFF */
	is_safe("\340\200", 0, "\\xE0\\x80");                   /* cut short */
	is_safe("\342\202", 0, "\\xE2\\x82");
}

static void long_text_is_cut(void **state)
{
	char in[301];

	memset(in, 'x', 300);
	in[300] = '\0';
	is_safe(in, 10, "xxxxxxx...");
	is_safe("12345", 5, "12345");
	is_safe("123456", 5, "12...");
	is_safe("12345", 3, "123");
	/* never half a wide letter: three columns hold one of two columns */
	is_safe("\346\227\245\346\227\245\346\227\245\346\227\245", 6, "\346\227\245...");
	is_safe("\346\227\245\346\227\245\346\227\245", 6, "\346\227\245\346\227\245\346\227\245");
}

static void widths(void **state)
{
	assert_int_equal(vnx_text_width("abc"), 3);
	assert_int_equal(vnx_text_width("\346\227\245"), 2);
	assert_int_equal(vnx_text_width("e\314\201"), 1);
}

static void utf8_dup_keeps_controls(void **state)
{
	VNX_CLEANUP_FREE char *got = vnx_utf8_dup("a\033b\377\303\251");

	assert_string_equal(got, "a\033b\\xFF\303\251");
}

static void quotes_cannot_end_early(void **state)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	vnx_text_quote(f, "a\"]; evil [label=\"\\\n");
	fclose(f);
	assert_string_equal(text, "\"a\\\"]; evil [label=\\\"\\\\\\\\x0A\"");
	free(text);
}

static void cells_are_padded(void **state)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	vnx_text_cell(f, "\346\227\245", 4);
	vnx_text_cell(f, "toolong", 5);
	fclose(f);
	assert_string_equal(text, "\346\227\245  to...");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_text_stays),
		cmocka_unit_test(controls_become_text),
		cmocka_unit_test(broken_utf8_becomes_text),
		cmocka_unit_test(long_text_is_cut),
		cmocka_unit_test(widths),
		cmocka_unit_test(utf8_dup_keeps_controls),
		cmocka_unit_test(quotes_cannot_end_early),
		cmocka_unit_test(cells_are_padded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
