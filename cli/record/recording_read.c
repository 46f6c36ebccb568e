// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading a recording. Anyone may have written the file: every value is checked, and what is
 * wrong is named.
 */
#include "cli/record/recording_internal.h"

#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/host/host.h"

/* Opening */

static int not_a_recording(const char *path, const char *what, struct vnx_err *err)
{
	vnx_err_set(err, 0, VNX_EXIT_FAILED, "not-a-recording", "%s is not a recording: %s", path,
		    what);
	vnx_err_hint(err, "`vnetdx record -o FILE.vdx` makes one");
	return -ENOMSG;
}

static bool has_journal(const char *path)
{
	VNX_CLEANUP_FREE char *journal = vnx_asprintf("%s-journal", path);
	struct stat sb;

	return journal && !stat(journal, &sb) && sb.st_size > 0;
}

/* What can be told without SQLite, in clearer words than its own. */
static int check_file(const char *path, struct vnx_err *err)
{
	VNX_CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat sb;
	char head[16];
	ssize_t got;

	if (fd < 0 || fstat(fd, &sb))
		return vnx_err_set(err, -errno, VNX_EXIT_FAILED, "cannot-read",
				   "cannot read %s: %s", path, strerror(errno));
	if (S_ISDIR(sb.st_mode))
		return vnx_err_set(err, -EISDIR, VNX_EXIT_FAILED, "not-a-file",
				   "%s is a folder, not a recording", path);
	if (!S_ISREG(sb.st_mode))
		return vnx_err_set(err, -EINVAL, VNX_EXIT_FAILED, "not-a-file",
				   "%s is a device or a pipe, not a recording", path);
	if (has_journal(path))
		return 0; /* a commit was interrupted: only SQLite can tell what is inside */
	if (sb.st_size == 0)
		return not_a_recording(path, "it is empty", err);
	got = pread(fd, head, sizeof(head), 0);
	if (got < 0)
		return vnx_err_set(err, -errno, VNX_EXIT_FAILED, "cannot-read",
				   "cannot read %s: %s", path, strerror(errno));
	if (got < (ssize_t)sizeof(head) || memcmp(head, "SQLite format 3", 16))
		return not_a_recording(path, "it has no SQLite header", err);
	return 0;
}

static int pragma_int(sqlite3 *db, const char *sql, int64_t *out)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(db, sql, -1, &st, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(st);
	if (rc == SQLITE_ROW) {
		*out = sqlite3_column_int64(st, 0);
		rc = SQLITE_OK;
	}
	sqlite3_finalize(st);
	return rc;
}

/* Opens and takes one read lock, which is when SQLite finds an interrupted commit. */
static int open_and_touch(const char *path, int flags, sqlite3 **db)
{
	int64_t n;
	int rc = sqlite3_open_v2(path, db, flags, NULL);

	if (rc == SQLITE_OK) {
		rec_configure(*db);
		sqlite3_busy_timeout(*db, 5000);
		rc = pragma_int(*db, "SELECT count(*) FROM sqlite_schema", &n);
	}
	return rc;
}

static int copy_file(const char *from, const char *to)
{
	VNX_CLEANUP_CLOSE int in = open(from, O_RDONLY | O_CLOEXEC);
	VNX_CLEANUP_CLOSE int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	char buf[65536];
	ssize_t got;

	if (in < 0 || out < 0)
		return -errno;
	while ((got = read(in, buf, sizeof(buf))) > 0)
		for (ssize_t done = 0, n; done < got; done += n) {
			n = write(out, buf + done, (size_t)(got - done));
			if (n < 0)
				return -errno;
		}
	return got < 0 ? -errno : 0;
}

/* One attempt of open_copy() in @tmp; leaves nothing behind but the open descriptor. */
static int open_copy_in(const char *tmp, const char *path, sqlite3 **db)
{
	VNX_CLEANUP_FREE char *dir = vnx_asprintf("%s/vnetdx-XXXXXX", tmp);
	VNX_CLEANUP_FREE char *from = vnx_asprintf("%s-journal", path);
	VNX_CLEANUP_FREE char *copy = NULL, *journal = NULL;
	int rc = SQLITE_CANTOPEN;

	if (!dir || !from || !mkdtemp(dir))
		return rc;
	copy = vnx_asprintf("%s/copy", dir);
	journal = vnx_asprintf("%s/copy-journal", dir);
	if (copy && journal && !copy_file(path, copy) && !copy_file(from, journal))
		rc = open_and_touch(copy, SQLITE_OPEN_READWRITE, db);
	if (copy)
		unlink(copy);
	if (journal)
		unlink(journal);
	rmdir(dir);
	return rc;
}

/*
 * A killed recording whose last commit must be undone, where its folder cannot be written:
 * undo it in a copy. The copy's name is gone at once; SQLite reads on by descriptor.
 */
static int open_copy(const char *path, sqlite3 **db)
{
	const char *const dirs[] = { getenv("TMPDIR"), "/tmp", "/var/tmp", "/dev/shm" };
	int rc = SQLITE_CANTOPEN;

	for (size_t i = 0; i < VNX_ARRAY_SIZE(dirs); i++) {
		if (!dirs[i])
			continue;
		rc = open_copy_in(dirs[i], path, db);
		if (rc == SQLITE_OK)
			break;
		sqlite3_close(*db);
		*db = NULL;
	}
	return rc;
}

static int database_open(struct vnx_recording *rec, struct vnx_err *err)
{
	int rc = open_and_touch(rec->path, SQLITE_OPEN_READONLY, &rec->db);
	int primary = rc & 0xff;

	if ((primary == SQLITE_READONLY || primary == SQLITE_CANTOPEN) && has_journal(rec->path)) {
		sqlite3_close(rec->db);
		rec->db = NULL;
		rc = open_and_touch(rec->path, SQLITE_OPEN_READWRITE, &rec->db);
		if (rc != SQLITE_OK) {
			sqlite3_close(rec->db);
			rec->db = NULL;
			rc = open_copy(rec->path, &rec->db);
		}
		if (rc != SQLITE_OK) {
			vnx_err_set(err, 0, VNX_EXIT_FAILED, "needs-rollback",
				    "%s was killed while writing and its last commit cannot be "
				    "undone here",
				    rec->shown);
			vnx_err_hint(err, "Copy it and %s-journal to a folder that can be written",
				     rec->shown);
			return -EROFS;
		}
	}
	if ((rc & 0xff) == SQLITE_NOTADB)
		return not_a_recording(rec->shown, "it is no SQLite database", err);
	return rc == SQLITE_OK ? 0 : rec_fail(rec, rc, "opening", err);
}

/* SQLite takes what lies behind a cut for empty pages, and an empty page may well pass. */
static int check_length(struct vnx_recording *rec, struct vnx_err *err)
{
	int64_t pages = 0, page_size = 0;
	struct stat sb;
	int rc = pragma_int(rec->db, "PRAGMA page_count", &pages);

	if (rc == SQLITE_OK)
		rc = pragma_int(rec->db, "PRAGMA page_size", &page_size);
	if (rc != SQLITE_OK)
		return rec_fail(rec, rc, "reading the header", err);
	/* Of a copy whose name is gone the original says nothing. */
	if (stat(rec->path, &sb) || has_journal(rec->path) || sb.st_size >= pages * page_size)
		return 0;
	vnx_err_set(err, 0, VNX_EXIT_FAILED, "damaged-recording",
		    "%s is cut short: %lld bytes of %lld are there", rec->shown,
		    (long long)sb.st_size, (long long)(pages * page_size));
	vnx_err_hint(err, "Copy it again; `sqlite3 %s .recover` may save parts", rec->shown);
	return -EBADMSG;
}

static int check_schema(struct vnx_recording *rec, struct vnx_err *err)
{
	int64_t app = 0, version = 0, tables = 0;
	int rc = pragma_int(rec->db, "PRAGMA application_id", &app);

	if (rc == SQLITE_OK)
		rc = pragma_int(rec->db, "PRAGMA user_version", &version);
	if (rc == SQLITE_OK)
		rc = pragma_int(rec->db, "SELECT count(*) FROM sqlite_schema", &tables);
	if (rc != SQLITE_OK)
		return rec_fail(rec, rc, "reading the header", err);
	if (!app && !tables)
		return not_a_recording(rec->shown, "the run ended before anything was recorded",
				       err);
	if (app != REC_APPLICATION_ID)
		return not_a_recording(rec->shown, "it is some other program's SQLite database",
				       err);
	if (version > REC_SCHEMA) {
		vnx_err_set(err, 0, VNX_EXIT_FAILED, "newer-schema",
			    "%s was written by a newer vnetdx (schema %lld, this one reads up to "
			    "%d)",
			    rec->shown, (long long)version, REC_SCHEMA);
		vnx_err_hint(err, "Read it with that vnetdx, or upgrade this one");
		return -EPROTO;
	}
	return version >= 1 ? 0 : not_a_recording(rec->shown, "its schema version is not set", err);
}

/**
 * vnx_recording_open() - opens a recording for reading.
 *
 * The file is not changed, with one exception: if a killed run left a commit half done and
 * the folder can be written, that commit is undone in place (elsewhere in a copy).
 * Errors: -ENOMSG not a recording, -EPROTO newer schema, -EBADMSG damaged, -EISDIR, -EINVAL
 * (device), -ENOENT, -EACCES, -EROFS (nowhere to undo a commit), -EBUSY, -ENOMEM.
 */
int vnx_recording_open(const char *path, struct vnx_recording **out, struct vnx_err *err)
{
	struct vnx_recording *rec = NULL;
	int ret = check_file(path, err);

	*out = NULL;
	if (ret)
		return ret;
	rec = calloc(1, sizeof(*rec));
	if (!rec)
		return -ENOMEM;
	rec->path = rec_safe_path(path);
	rec->shown = strdup(path);
	ret = rec->path && rec->shown ? database_open(rec, err) : -ENOMEM;
	if (!ret)
		ret = check_schema(rec, err);
	if (!ret)
		ret = check_length(rec, err);
	if (ret) {
		/* A reader has nothing to finish, so closing cannot fail. */
		vnx_recording_close(rec, NULL);
		return ret;
	}
	*out = rec;
	return 0;
}

/* Values */

static int bad_row(struct vnx_recording *rec, const char *table, const char *what,
		   struct vnx_err *err)
{
	vnx_err_set(err, 0, VNX_EXIT_FAILED, "damaged-recording", "%s is damaged: table %s, %s",
		    rec->shown, table, what);
	vnx_err_hint(err, "`sqlite3 %s .dump` shows what is inside", rec->shown);
	return -EBADMSG;
}

/* False unless column @at is a whole number of 0 or more. */
static bool column_u64(sqlite3_stmt *st, int at, uint64_t *out)
{
	if (sqlite3_column_type(st, at) != SQLITE_INTEGER || sqlite3_column_int64(st, at) < 0)
		return false;
	*out = (uint64_t)sqlite3_column_int64(st, at);
	return true;
}

static const char *column_text(sqlite3_stmt *st, int at)
{
	const char *text = (const char *)sqlite3_column_text(st, at);

	return text ? text : "";
}

/* 1: a row; 0: no more; -errno. */
static int next_row(struct vnx_recording *rec, sqlite3_stmt *st, const char *doing,
		    struct vnx_err *err)
{
	int rc = sqlite3_step(st);

	if (rc == SQLITE_ROW)
		return 1;
	return rc == SQLITE_DONE ? 0 : rec_fail(rec, rc, doing, err);
}

/* Facts */

static bool fact_store(sqlite3_stmt *st, const struct rec_fact *f, struct vnx_run_facts *out)
{
	void *p = (char *)out + f->offset;
	int type = sqlite3_column_type(st, 1);

	switch (f->type) {
	case REC_U64:
		return column_u64(st, 1, p);
	case REC_I64:
		*(int64_t *)p = sqlite3_column_int64(st, 1);
		return type == SQLITE_INTEGER;
	case REC_BOOL:
		*(bool *)p = sqlite3_column_int64(st, 1) != 0;
		return type == SQLITE_INTEGER;
	case REC_DOUBLE:
		*(double *)p = type == SQLITE_NULL ? NAN : sqlite3_column_double(st, 1);
		return type == SQLITE_NULL || type == SQLITE_FLOAT || type == SQLITE_INTEGER;
	case REC_TEXT:
		snprintf(p, f->size, "%s", column_text(st, 1));
		return type == SQLITE_TEXT;
	}
	return false;
}

static int fact_read(struct vnx_recording *rec, sqlite3_stmt *st, struct vnx_run_facts *out,
		     struct vnx_err *err)
{
	const char *key = column_text(st, 0);
	char what[96];

	for (size_t i = 0; i < rec_n_facts; i++) {
		if (strcmp(key, rec_facts[i].key))
			continue;
		if (fact_store(st, &rec_facts[i], out))
			return 0;
		snprintf(what, sizeof(what), "%s has a value of the wrong kind", key);
		return bad_row(rec, "meta", what, err);
	}
	return 0; /* a fact that a later vnetdx added without need of a new schema */
}

/** vnx_recording_facts() - the facts as last committed. Doubles not measured are NaN. */
int vnx_recording_facts(struct vnx_recording *rec, struct vnx_run_facts *out, struct vnx_err *err)
{
	sqlite3_stmt *st = NULL;
	int ret, more;

	*out = (struct vnx_run_facts){ .cpu_share = NAN, .stats.ns_per_event = NAN };
	ret = rec_prepare(rec, &st, "SELECT key, value FROM meta", err);
	while (!ret && (more = next_row(rec, st, "reading facts", err)) != 0)
		ret = more < 0 ? more : fact_read(rec, st, out, err);
	sqlite3_finalize(st);
	if (!ret && (!out->bin_ns || out->end_ns < out->start_ns))
		ret = bad_row(rec, "meta",
			      out->bin_ns ? "it ends before it starts" : "bin_ns is missing", err);
	return ret;
}

/* Lists */

/**
 * vnx_recording_vms() - appends the VMs, those not asked for to @others; on failure both are
 * emptied.
 */
int vnx_recording_vms(struct vnx_recording *rec, struct vnx_vms *out, struct vnx_vms *others,
		      struct vnx_err *err)
{
	sqlite3_stmt *st = NULL;
	int more, ret = rec_prepare(rec, &st, "SELECT doc FROM vm ORDER BY seq", err);

	while (!ret && (more = next_row(rec, st, "reading virtual machines", err)) != 0) {
		struct vnx_vm vm = { 0 };
		bool asked;
		json_t *json;

		if (more < 0) {
			ret = more;
			break;
		}
		json = json_loads(column_text(st, 0), 0, NULL);
		ret = json ? vnx_vm_from_json(&vm, json, err)
			   : bad_row(rec, "vm", "a row is not JSON", err);
		asked = !json_is_false(json_object_get(json, "asked"));
		json_decref(json);
		if (!ret) {
			ret = asked ? vnx_vec_push(out, vm) : vnx_vec_push(others, vm);
			if (ret)
				vnx_vm_fini(&vm);
		}
	}
	sqlite3_finalize(st);
	if (ret) {
		vnx_vms_fini(out);
		vnx_vms_fini(others);
	}
	return ret;
}

/* Recordings of the first days lack some. */
static int has_table(struct vnx_recording *rec, const char *name, struct vnx_err *err)
{
	sqlite3_stmt *st = NULL;
	int ret = rec_prepare(
		rec, &st, "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1", err);

	if (!ret) {
		sqlite3_bind_text(st, 1, name, -1, SQLITE_TRANSIENT);
		ret = next_row(rec, st, "reading the schema", err);
	}
	sqlite3_finalize(st);
	return ret;
}

static int hook_read(struct vnx_recording *rec, sqlite3_stmt *st, struct vnx_hook *h,
		     struct vnx_err *err)
{
	int metric = vnx_metric_parse(column_text(st, 1));

	*h = (struct vnx_hook){ 0 };
	if (metric < 0)
		return 0; /* known to a later vnetdx only */
	h->metric = metric;
	snprintf(h->hook, sizeof(h->hook), "%s", column_text(st, 2));
	snprintf(h->note, sizeof(h->note), "%s", column_text(st, 3));
	if (!column_u64(st, 4, &h->since_ns) || !column_u64(st, 5, &h->until_ns))
		return bad_row(rec, "hook", "a time is no whole number", err);
	return 1;
}

static int refusals_read(struct vnx_recording *rec, sqlite3_int64 seq, struct vnx_refusals *out,
			 struct vnx_err *err)
{
	sqlite3_stmt *st = NULL;
	int more, ret = rec_prepare(
			  rec, &st,
			  "SELECT hook, why, later FROM refusal WHERE hook_seq = ?1 ORDER BY seq",
			  err);

	if (!ret)
		sqlite3_bind_int64(st, 1, seq);
	while (!ret && (more = next_row(rec, st, "reading refused hooks", err)) != 0) {
		struct vnx_refusal r = { 0 };

		snprintf(r.hook, sizeof(r.hook), "%s", column_text(st, 0));
		snprintf(r.why, sizeof(r.why), "%s", column_text(st, 1));
		r.later = sqlite3_column_int(st, 2) != 0;
		ret = more < 0 ? more : vnx_vec_push(out, r);
	}
	sqlite3_finalize(st);
	return ret;
}

static int verified_read(struct vnx_recording *rec, sqlite3_int64 seq, struct vnx_verified *v,
			 struct vnx_err *err)
{
	sqlite3_stmt *st = NULL;
	int more = 0, ret = has_table(rec, "verified", err);

	if (!ret)
		snprintf(v->why, sizeof(v->why), "this recording does not tell");
	if (ret <= 0)
		return ret;
	ret = rec_prepare(rec, &st,
			  "SELECT against, hook, account, why FROM verified WHERE hook_seq = ?1",
			  err);
	if (!ret) {
		sqlite3_bind_int64(st, 1, seq);
		more = next_row(rec, st, "reading comparisons", err);
	}
	if (more > 0) {
		snprintf(v->against, sizeof(v->against), "%s", column_text(st, 0));
		snprintf(v->why, sizeof(v->why), "%s", column_text(st, 3));
		if (!column_u64(st, 1, &v->hook) || !column_u64(st, 2, &v->account))
			ret = bad_row(rec, "verified", "a count is no whole number", err);
	}
	sqlite3_finalize(st);
	return more < 0 ? more : ret;
}

/** vnx_recording_hooks() - appends the hooks; on failure @out is emptied. */
int vnx_recording_hooks(struct vnx_recording *rec, struct vnx_hooks *out, struct vnx_err *err)
{
	sqlite3_stmt *st = NULL;
	int more, ret;

	ret = rec_prepare(
		rec, &st,
		"SELECT seq, metric, hook, note, since_ns, until_ns FROM hook ORDER BY seq", err);
	while (!ret && (more = next_row(rec, st, "reading hooks", err)) != 0) {
		struct vnx_hook h;

		ret = more < 0 ? more : hook_read(rec, st, &h, err);
		if (ret <= 0)
			continue;
		ret = refusals_read(rec, sqlite3_column_int64(st, 0), &h.refused, err);
		if (!ret)
			ret = verified_read(rec, sqlite3_column_int64(st, 0), &h.verified, err);
		if (!ret)
			ret = vnx_vec_push(out, h);
		if (ret)
			free(h.refused.v);
	}
	sqlite3_finalize(st);
	if (ret)
		vnx_hooks_fini(out);
	return ret;
}

/** vnx_recording_lines() - appends the load's output; on failure @out is emptied. */
int vnx_recording_lines(struct vnx_recording *rec, struct vnx_load_lines *out, struct vnx_err *err)
{
	sqlite3_stmt *st = NULL;
	int more, ret;

	ret = rec_prepare(rec, &st, "SELECT arrival_ns, text FROM load_line ORDER BY seq", err);
	while (!ret && (more = next_row(rec, st, "reading the load's output", err)) != 0) {
		struct vnx_load_line line = { 0 };

		if (more < 0) {
			ret = more;
		} else if (!column_u64(st, 0, &line.arrival_ns)) {
			ret = bad_row(rec, "load_line", "a time is no whole number", err);
		} else {
			line.text = strdup(column_text(st, 1));
			ret = line.text ? vnx_vec_push(out, line) : -ENOMEM;
			if (ret)
				free(line.text);
		}
	}
	sqlite3_finalize(st);
	if (ret)
		vnx_load_lines_fini(out);
	return ret;
}

/* Samples */

static int metrics_read(struct vnx_recording *rec, struct vnx_err *err)
{
	sqlite3_stmt *st = NULL;
	int more, ret = rec_prepare(rec, &st, "SELECT id, name FROM metric", err);

	for (size_t i = 0; i < REC_METRIC_IDS; i++)
		rec->metric_of[i] = -1;
	while (!ret && (more = next_row(rec, st, "reading metric names", err)) != 0) {
		sqlite3_int64 id = sqlite3_column_int64(st, 0);

		ret = more < 0 ? more : 0;
		if (more > 0 && id >= 0 && id < REC_METRIC_IDS)
			rec->metric_of[id] = vnx_metric_parse(column_text(st, 1));
	}
	sqlite3_finalize(st);
	rec->metrics_read = !ret;
	return ret;
}

static int cursor_open(struct vnx_recording *rec, struct vnx_err *err)
{
	int ret = rec->metrics_read ? 0 : metrics_read(rec, err);

	if (!ret && !rec->cursor)
		ret = rec_prepare(rec, &rec->cursor,
				  "SELECT t_ns, dur_ns, count, entity, metric FROM sample"
				  " ORDER BY t_ns, metric, entity, dur_ns",
				  err);
	return ret;
}

/* 1: *s filled; 0: of a metric that only a later vnetdx knows. */
static int sample_read(struct vnx_recording *rec, struct vnx_sample *s, struct vnx_err *err)
{
	uint64_t entity, metric;

	if (!column_u64(rec->cursor, 0, &s->t_ns) || !column_u64(rec->cursor, 1, &s->dur_ns) ||
	    !column_u64(rec->cursor, 2, &s->count) || !column_u64(rec->cursor, 3, &entity) ||
	    !column_u64(rec->cursor, 4, &metric) || entity > UINT32_MAX)
		return bad_row(rec, "sample", "a row holds something else than whole numbers", err);
	if (metric >= REC_METRIC_IDS || rec->metric_of[metric] < 0)
		return 0;
	s->entity = (uint32_t)entity;
	s->metric = (uint32_t)rec->metric_of[metric];
	return 1;
}

/**
 * vnx_recording_next() - the next sample in order of time, metric, entity.
 *
 * Also over a recording that is being written: it sees what was added so far. At the end it
 * keeps giving 0 until vnx_recording_rewind().
 */
int vnx_recording_next(struct vnx_recording *rec, struct vnx_sample *s, struct vnx_err *err)
{
	int ret = rec->cursor_done ? 0 : cursor_open(rec, err);

	if (ret || rec->cursor_done)
		return ret;
	do {
		ret = next_row(rec, rec->cursor, "reading samples", err);
		if (ret == 0) {
			rec->cursor_done = true;
			sqlite3_reset(rec->cursor);
			return 0;
		}
		if (ret > 0)
			ret = sample_read(rec, s, err);
	} while (ret == 0);
	return ret;
}

/** vnx_recording_rewind() - the next vnx_recording_next() gives the first sample. */
void vnx_recording_rewind(struct vnx_recording *rec)
{
	sqlite3_reset(rec->cursor);
	rec->cursor_done = false;
}

/* Evidence */

static int hold_read(struct vnx_recording *rec, sqlite3_stmt *st, struct vnx_hold *h,
		     struct vnx_err *err)
{
	uint64_t victim, holder;

	*h = (struct vnx_hold){ 0 };
	if (!column_u64(st, 0, &h->t_ns) || !column_u64(st, 1, &h->dur_ns) ||
	    !column_u64(st, 2, &victim) || !column_u64(st, 3, &holder) ||
	    !column_u64(st, 5, &h->ns) || victim > UINT32_MAX || holder > UINT32_MAX)
		return bad_row(rec, "holder", "a number is out of range", err);
	h->victim = (uint32_t)victim;
	h->holder = (uint32_t)holder;
	snprintf(h->comm, sizeof(h->comm), "%s", column_text(st, 4));
	return 0;
}

/** vnx_recording_holds() - appends them; on failure the caller frees what is there. */
int vnx_recording_holds(struct vnx_recording *rec, struct vnx_holds *out, struct vnx_err *err)
{
	sqlite3_stmt *st = NULL;
	int more, ret = has_table(rec, "holder", err);

	if (ret <= 0)
		return ret;
	ret = rec_prepare(rec, &st,
			  "SELECT t_ns, dur_ns, victim, pid, comm, ns FROM holder ORDER BY t_ns",
			  err);
	while (!ret && (more = next_row(rec, st, "reading waits", err)) != 0) {
		struct vnx_hold h;

		ret = more < 0 ? more : hold_read(rec, st, &h, err);
		if (!ret)
			ret = vnx_vec_push(out, h);
	}
	sqlite3_finalize(st);
	return ret;
}

/** vnx_recording_sources() - appends them; on failure the caller frees what is there. */
int vnx_recording_sources(struct vnx_recording *rec, struct vnx_source_states *out,
			  struct vnx_err *err)
{
	sqlite3_stmt *st = NULL;
	int more, ret = has_table(rec, "source", err);

	if (ret <= 0)
		return ret;
	ret = rec_prepare(rec, &st, "SELECT name, why FROM source ORDER BY seq", err);
	while (!ret && (more = next_row(rec, st, "reading sources", err)) != 0) {
		struct vnx_source_state s = { 0 };

		snprintf(s.name, sizeof(s.name), "%s", column_text(st, 0));
		snprintf(s.why, sizeof(s.why), "%s", column_text(st, 1));
		ret = more < 0 ? more : vnx_vec_push(out, s);
	}
	sqlite3_finalize(st);
	return ret;
}
