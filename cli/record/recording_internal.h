/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the writing half (recording.c) and the reading half (recording_read.c) share.
 */
#ifndef VNX_RECORDING_INTERNAL_H
#define VNX_RECORDING_INTERNAL_H

#include "cli/record/recording.h"

#include <sqlite3.h>

#define REC_SCHEMA 1
#define REC_APPLICATION_ID 0x564e5831 /* "VNX1", at byte 68 of the file */
#define REC_METRIC_IDS 256            /* ids of table metric that a reader looks at */
#define REC_ROWS 16                   /* samples in one statement */

struct vnx_recording {
	sqlite3 *db;
	char *path;  /* NULL: in memory */
	char *shown; /* what errors call it */
	bool writer;
	bool in_tx;
	bool failed;      /* a write failed: nothing more is written */
	int failed_errno; /* ... and this is what later calls return */
	sqlite3_stmt *begin, *commit;
	sqlite3_stmt *add_sample, *add_samples; /* one row, REC_ROWS rows */
	sqlite3_stmt *add_line, *add_hold, *put_fact;
	struct vnx_run_facts written;  /* what table meta holds ... */
	bool facts_written;            /* ... if it holds any */
	sqlite3_stmt *cursor;          /* of vnx_recording_next() */
	bool cursor_done;              /* it ran to the end */
	bool metrics_read;             /* metric_of[] is valid */
	int metric_of[REC_METRIC_IDS]; /* id in the file to enum vnx_metric, -1: not known */
};

enum rec_type { REC_U64, REC_I64, REC_DOUBLE, REC_BOOL, REC_TEXT };

/* One fact of struct vnx_run_facts as a row of table meta. */
struct rec_fact {
	const char *key;
	enum rec_type type;
	size_t offset, size;
};
extern const struct rec_fact rec_facts[];
extern const size_t rec_n_facts;

/*
 * Turns SQLite's result @rc of "while @doing" into a sentence and an errno. A failure in
 * writing sets rec->failed, so that one full disk is told once.
 */
int rec_fail(struct vnx_recording *rec, int rc, const char *doing, struct vnx_err *err);
int rec_exec(struct vnx_recording *rec, const char *sql, const char *doing, struct vnx_err *err);
int rec_prepare(struct vnx_recording *rec, sqlite3_stmt **st, const char *sql, struct vnx_err *err);
/* A path that SQLite takes for nothing but a file; caller frees; NULL when memory is out. */
char *rec_safe_path(const char *path);
/* Settings that every connection of ours wants. */
void rec_configure(sqlite3 *db);

/* Opens the transaction if none is; the errno of an earlier failed write. */
int rec_tx_begin(struct vnx_recording *rec, struct vnx_err *err) VNX_MUST_CHECK;
/* Steps a statement that gives no rows, and makes it ready for the next use. */
int rec_write_row(struct vnx_recording *rec, sqlite3_stmt *st, const char *doing,
		  struct vnx_err *err) VNX_MUST_CHECK;
/* -ERANGE where @v is more than SQLite's integers hold; @what names it. */
int rec_bind_u64(struct vnx_recording *rec, sqlite3_stmt *st, int at, uint64_t v, const char *what,
		 struct vnx_err *err) VNX_MUST_CHECK;
void rec_bind_text(sqlite3_stmt *st, int at, const char *text); /* NULL is "" */

#endif
