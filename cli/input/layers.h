/* SPDX-License-Identifier: GPL-2.0-only */
/* What stands between a descriptor and struct vnx_input; for input.c and spool.c only. */
#ifndef VNX_LAYERS_H
#define VNX_LAYERS_H

#include "cli/input/input.h"

/* Reads on after a signal and over short reads; short at the end only; -errno. */
ssize_t vnx_read_full(int fd, void *buf, size_t len);

/* ---- packed files: memory is one window of at most 128 MB, whatever they unpack to ---- */

struct vnx_packing {
	const char *name, *magic, *unpacker;
	bool known; /* is unpacked here */
};
/* How a file that begins with @head is packed, NULL: it is not. */
const struct vnx_packing *vnx_packing_find(const unsigned char *head, size_t len);
/* Unpacks @head[0..len) and what @fd has after it. NULL: memory is out. */
struct vnx_unpack *vnx_unpack_new(const struct vnx_packing *packing, int fd,
				  const unsigned char *head, size_t len);
void vnx_unpack_free(struct vnx_unpack *u);
/* As vnx_input_read(). -EBADMSG: damaged, or ends early. */
ssize_t vnx_unpack_read(struct vnx_unpack *u, void *buf, size_t len) VNX_MUST_CHECK;
/* The sentence of -EBADMSG and its remedy. */
void vnx_unpack_tell(const struct vnx_unpack *u, const char *path, struct vnx_err *err);

/* ---- UTF-16 ---- */

enum vnx_utf16_order { VNX_UTF16_NOT, VNX_UTF16_LE, VNX_UTF16_BE };
/* By its mark; without one, by a first line in ASCII. */
enum vnx_utf16_order vnx_utf16_probe(const unsigned char *head, size_t len);
/* What @read gives of @arg, after @head[0..len), as UTF-8. NULL: memory is out. */
struct vnx_utf16 *vnx_utf16_new(enum vnx_utf16_order order, const unsigned char *head, size_t len,
				ssize_t (*read)(void *arg, void *buf, size_t len), void *arg);
void vnx_utf16_free(struct vnx_utf16 *x);
/* As vnx_input_read(). */
ssize_t vnx_utf16_read(struct vnx_utf16 *x, void *buf, size_t len) VNX_MUST_CHECK;

#endif
