/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What every folder needs: error sentences, growable arrays, cleanup attributes.
 * Nothing here prints, exits or opens a file.
 */
#ifndef VNX_UTIL_H
#define VNX_UTIL_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VNX_MUST_CHECK __attribute__((warn_unused_result))
#define VNX_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define VNX_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define VNX_NSEC_PER_SEC 1000000000ULL
#define VNX_NSEC_PER_MSEC 1000000ULL

/*
 * One sentence about what failed and one about what to do. Libraries fill it, cli/ prints
 * it once. `code` is a short stable word for scripts ("no-privilege", "not-a-recording").
 * `exit` is the exit status (vnetdx(1)) that the failure deserves (1 when left 0).
 */
struct vnx_err {
	char code[32];
	char message[384];
	char hint[384];
	int exit;
};

/* Exit codes of the command line; scripts rely on them. */
enum vnx_exit {
	VNX_EXIT_OK = 0,
	VNX_EXIT_FAILED = 1,
	VNX_EXIT_USAGE = 2,
	VNX_EXIT_UNSUPPORTED = 3, /* privilege or kernel feature missing */
	VNX_EXIT_DEGRADED = 4,    /* only with --check */
};

/*
 * Fills @err (may be NULL) and returns @ret, so that a failing path reads
 * `err = vnx_err_set(e, -ENOENT, VNX_EXIT_FAILED, "no-file", "...", path); goto out;`.
 * The first error stays: later calls on a filled @err change nothing.
 */
int vnx_err_set(struct vnx_err *err, int ret, int exit_code, const char *code, const char *fmt, ...)
	VNX_PRINTF(5, 6);
/* Adds the remedy to @err (may be NULL); the first hint stays. */
void vnx_err_hint(struct vnx_err *err, const char *fmt, ...) VNX_PRINTF(2, 3);

/*
 * Growable array: `struct { T *v; size_t n, cap; }`. vnx_vec_push() appends a copy and
 * evaluates to 0 or -ENOMEM; the array is unchanged when it fails.
 */
int vnx_vec_grow(void **v, size_t *cap, size_t want, size_t elem_size);
#define vnx_vec_push(vec, item)                                                         \
	(vnx_vec_grow((void **)&(vec)->v, &(vec)->cap, (vec)->n + 1, sizeof(*(vec)->v)) \
		 ? -ENOMEM                                                              \
		 : ((vec)->v[(vec)->n++] = (item), 0))

/* snprintf into a new string; NULL when memory is out. Caller frees. */
char *vnx_asprintf(const char *fmt, ...) VNX_PRINTF(1, 2);

void vnx_cleanup_free(void *p);
void vnx_cleanup_fclose(FILE **f);
void vnx_cleanup_close(int *fd);
#define VNX_CLEANUP_FREE __attribute__((cleanup(vnx_cleanup_free)))
#define VNX_CLEANUP_FCLOSE __attribute__((cleanup(vnx_cleanup_fclose)))
#define VNX_CLEANUP_CLOSE __attribute__((cleanup(vnx_cleanup_close)))

#endif
