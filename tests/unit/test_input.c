// SPDX-License-Identifier: GPL-2.0-only
/* The bytes under every reader: packed, in UTF-16, marked, damaged, from pipes. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "cli/input/input.h"

struct bytes {
	unsigned char v[1 << 16];
	size_t n;
};

static struct vnx_err err;

static int fd_of(const void *p, size_t n)
{
	int fd = memfd_create("input", MFD_CLOEXEC);

	assert_true(fd >= 0 && write(fd, p, n) == (ssize_t)n);
	return fd;
}

/* All of it in pieces of @piece bytes, or the error. */
static int read_back(const void *p, size_t n, size_t piece, struct bytes *out)
{
	struct vnx_input in;
	ssize_t got = 1;
	int ret;

	err = (struct vnx_err){ 0 };
	out->n = 0;
	ret = vnx_input_take(&in, "x", fd_of(p, n), &err);
	if (ret)
		return ret;
	while (got > 0) {
		assert_true(out->n + piece <= sizeof(out->v));
		got = vnx_input_read(&in, out->v + out->n, piece);
		if (got < 0)
			ret = vnx_input_failed(&in, (int)got, &err);
		else
			out->n += (size_t)got;
	}
	vnx_input_close(&in);
	return ret;
}

static void gives(const void *p, size_t n, const void *want, size_t want_n)
{
	static const size_t pieces[] = { 1, 3, 1000, 30000 };
	struct bytes got;

	for (size_t i = 0; i < VNX_ARRAY_SIZE(pieces); i++) {
		assert_int_equal(read_back(p, n, pieces[i], &got), 0);
		assert_int_equal(got.n, want_n);
		assert_memory_equal(got.v, want, want_n);
	}
}

/* Enough for several pieces of the reader, and no two lines alike. */
static void make_text(struct bytes *t)
{
	t->n = 0;
	for (int i = 0; i < 1500; i++)
		t->n += (size_t)sprintf((char *)t->v + t->n, "line %d of %x\n", i, i * 2654435761u);
}

static void pack_gzip(const void *p, size_t n, struct bytes *out)
{
	z_stream z = { 0 };

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = (Bytef *)(uintptr_t)p;
	z.avail_in = (uInt)n;
	z.next_out = out->v;
	z.avail_out = sizeof(out->v);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	out->n = sizeof(out->v) - z.avail_out;
	deflateEnd(&z);
}

static void pack_zstd(const void *p, size_t n, struct bytes *out)
{
	ZSTD_CCtx *c = ZSTD_createCCtx();

	ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 1);
	out->n = ZSTD_compress2(c, out->v, sizeof(out->v), p, n);
	assert_false(ZSTD_isError(out->n));
	ZSTD_freeCCtx(c);
}

typedef void (*packer)(const void *p, size_t n, struct bytes *out);
static const packer packers[] = { pack_gzip, pack_zstd };

static void test_plain(void **state)
{
	struct bytes t;

	make_text(&t);
	gives(t.v, t.n, t.v, t.n);
	gives("", 0, "", 0);
	gives("\x1f\x8b", 2, "\x1f\x8b", 2); /* a magic alone is no packed file */
}

static void test_packed(void **state)
{
	struct bytes t, packed;

	make_text(&t);
	for (size_t i = 0; i < VNX_ARRAY_SIZE(packers); i++) {
		packers[i](t.v, t.n, &packed);
		gives(packed.v, packed.n, t.v, t.n);
		packers[i]("", 0, &packed);
		gives(packed.v, packed.n, "", 0);
	}
}

/* pzstd puts a frame that is to be skipped before each of its own. */
static void test_skippable(void **state)
{
	static const char skip[] = "\x50\x2a\x4d\x18\x04\0\0\0abcd";
	struct bytes t, packed;

	make_text(&t);
	pack_zstd(t.v, t.n, &packed);
	memmove(packed.v + sizeof(skip) - 1, packed.v, packed.n);
	memcpy(packed.v, skip, sizeof(skip) - 1);
	gives(packed.v, packed.n + sizeof(skip) - 1, t.v, t.n);
}

/* A cut anywhere is said, with its place; never less in silence. */
static void test_cut_anywhere(void **state)
{
	struct bytes t, packed, got;

	make_text(&t);
	for (size_t i = 0; i < VNX_ARRAY_SIZE(packers); i++) {
		packers[i](t.v, t.n, &packed);
		for (size_t n = 5; n < packed.n; n += n < 100 ? 1 : 37) {
			char place[32];

			snprintf(place, sizeof(place), "at byte %zu", n);
			assert_int_equal(read_back(packed.v, n, 1000, &got), -EBADMSG);
			assert_string_equal(err.code, "damaged");
			assert_non_null(strstr(err.message, "ends early"));
			assert_non_null(strstr(err.message, place));
			assert_non_null(strstr(err.hint, i ? "zstd -d < x" : "gzip -d < x"));
		}
	}
}

/* Both have a checksum: whatever bit turns, nothing wrong is taken for right. */
static void test_flips(void **state)
{
	struct bytes t, packed, got;

	make_text(&t);
	for (size_t i = 0; i < VNX_ARRAY_SIZE(packers); i++) {
		packers[i](t.v, t.n, &packed);
		for (size_t at = 10; at < packed.n; at += 29) {
			packed.v[at] ^= 1u << at % 8;
			if (read_back(packed.v, packed.n, 1000, &got))
				assert_true(err.message[0] && err.hint[0]);
			else
				assert_memory_equal(got.v, t.v, t.n);
			packed.v[at] ^= 1u << at % 8;
		}
	}
	pack_gzip(t.v, t.n, &packed);
	memcpy(packed.v + packed.n, "behind", 6);
	assert_int_equal(read_back(packed.v, packed.n + 6, 1000, &got), -EBADMSG);
	assert_non_null(strstr(err.message, "damaged"));
	memcpy(packed.v + packed.n, "\0\0behind", 8);
	assert_int_equal(read_back(packed.v, packed.n + 8, 1000, &got), -EBADMSG);
	assert_non_null(strstr(err.message, "something else follows the packed data"));
}

static void test_utf16(void **state)
{
	/* "ab\u00e9\u20ac\U0001f600" and a line end; then halves of pairs, and half a unit */
	static const unsigned char le[] = "\xff\xfe"
					  "a\0b\0\xe9\0\xac\x20\x3d\xd8\x00\xde\n\0";
	static const char utf8[] = "ab\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\n";
	static const unsigned char odd[] = "\xfe\xff\xd8\x3d\0a\xde\0\0b\xd8\x3d\xd8";
	static const char none[] = "\xef\xbf\xbd";
	unsigned char be[sizeof(le) - 1];
	char want[64];

	gives(le, sizeof(le) - 1, utf8, strlen(utf8));
	for (size_t i = 0; i < sizeof(be); i++)
		be[i] = le[i ^ 1];
	gives(be, sizeof(be), utf8, strlen(utf8));
	snprintf(want, sizeof(want), "%sa%sb%s%s", none, none, none, none);
	gives(odd, sizeof(odd) - 1, want, strlen(want));
}

/* Without a mark the first characters tell: eight in ASCII. Fewer, or none such, are bytes. */
static void test_utf16_unmarked(void **state)
{
	static const unsigned char le[] = "t\0i\0m\0e\0,\0b\0p\0s\0\n\0\xe9\0";
	static const unsigned char two[] = "t\0i\0";
	static const unsigned char binary[] = "\1\0\2\0\3\0\4\0\5\0\6\0\7\0\1\0";

	gives(le, sizeof(le) - 1, "time,bps\n\xc3\xa9", 11);
	gives(two, sizeof(two) - 1, two, sizeof(two) - 1);
	gives(binary, sizeof(binary) - 1, binary, sizeof(binary) - 1);
}

static void test_marks(void **state)
{
	struct vnx_input in;
	struct bytes packed;
	char got[4];

	gives("\xef\xbb\xbf{}\n", 6, "{}\n", 3);
	gives("\xef\xbb\xbf", 3, "", 0);
	gives("\xef\xbb", 2, "\xef\xbb", 2);
	pack_gzip("\xef\xbb\xbf{}\n", 6, &packed);
	gives(packed.v, packed.n, "{}\n", 3);
	/* Offsets of the marked file are those of what is read. */
	assert_int_equal(vnx_input_take(&in, "x", fd_of("\xef\xbb\xbf{}\n", 6), &err), 0);
	assert_true(in.seekable && in.size == 3);
	assert_int_equal(vnx_input_pread(&in, got, 4, 1), 2);
	assert_memory_equal(got, "}\n", 2);
	vnx_input_close(&in);
}

static void test_spool(void **state)
{
	struct bytes t, packed;
	struct vnx_input in;
	char got[100];

	make_text(&t);
	for (size_t i = 0; i < VNX_ARRAY_SIZE(packers); i++) {
		packers[i](t.v, t.n, &packed);
		assert_int_equal(vnx_input_take(&in, "x", fd_of(packed.v, packed.n), &err), 0);
		assert_false(in.seekable);
		assert_int_equal(vnx_input_spool(&in, true, &err), 0);
		assert_true(in.seekable && in.size == t.n && !in.unpack);
		assert_int_equal(vnx_input_pread(&in, got, 100, t.n - 50), 50);
		assert_memory_equal(got, t.v + t.n - 50, 50);
		/* In order too, from the start. */
		for (size_t at = 0; at + 100 < 10000; at += 100) {
			assert_int_equal(vnx_input_read(&in, got, 100), 100);
			assert_memory_equal(got, t.v + at, 100);
		}
		vnx_input_close(&in);
	}
}

/* 256 MB of zeros in 260 KB of gzip, for what a bomb does. */
static int bomb(void)
{
	static char zeros[1 << 20];
	z_stream z = { 0 };
	struct bytes b;
	int fd = memfd_create("bomb", MFD_CLOEXEC), ret = Z_OK;

	deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
	for (int i = 0; i < 256 || ret != Z_STREAM_END;) {
		if (!z.avail_in && i < 256) {
			z.next_in = (Bytef *)zeros;
			z.avail_in = sizeof(zeros);
			i++;
		}
		z.next_out = b.v;
		z.avail_out = sizeof(b.v);
		ret = deflate(&z, i < 256 ? Z_NO_FLUSH : Z_FINISH);
		assert_true(write(fd, b.v, sizeof(b.v) - z.avail_out) >= 0);
	}
	deflateEnd(&z);
	return fd;
}

static long peak_kb(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return u.ru_maxrss;
}

static void test_bomb(void **state)
{
	static const struct rlimit small = { 8 << 20, RLIM_INFINITY };
	struct rlimit was;
	struct vnx_input in;
	static char buf[1 << 16];
	int fd = bomb();
	long before_kb = peak_kb();
	uint64_t all = 0;
	ssize_t got;

	assert_int_equal(vnx_input_take(&in, "x", dup(fd), &err), 0);
	while ((got = vnx_input_read(&in, buf, sizeof(buf))) > 0)
		all += (uint64_t)got;
	assert_int_equal(all, 256 << 20);
	vnx_input_close(&in);
	assert_true(peak_kb() - before_kb < 32768);
	/* A disk that has no room for it: refused, with the remedy, and nothing is left there. */
	err = (struct vnx_err){ 0 };
	assert_int_equal(vnx_input_take(&in, "x", fd, &err), 0);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &was);
	setrlimit(RLIMIT_FSIZE, &small);
	assert_int_equal(vnx_input_spool(&in, true, &err), -ENOSPC);
	setrlimit(RLIMIT_FSIZE, &was);
	assert_string_equal(err.code, "no-room");
	assert_non_null(strstr(err.message, "8 MB"));
	assert_non_null(strstr(err.hint, "TMPDIR"));
	vnx_input_close(&in);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),        cmocka_unit_test(test_packed),
		cmocka_unit_test(test_cut_anywhere), cmocka_unit_test(test_flips),
		cmocka_unit_test(test_utf16),        cmocka_unit_test(test_utf16_unmarked),
		cmocka_unit_test(test_marks),        cmocka_unit_test(test_spool),
		cmocka_unit_test(test_bomb),         cmocka_unit_test(test_skippable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
