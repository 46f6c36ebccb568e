// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writing a recording.
 *
 * Why a rollback journal and no write-ahead log: a killed run must leave something that can
 * be carried away as one file. With a log the newest bins would sit in FILE-wal and be lost
 * by a plain copy; with a rollback journal FILE itself is complete up to the last commit but
 * for the milliseconds in which a commit copies its pages.
 *
 * journal_mode=PERSIST: a commit ends by zeroing the journal's head, the atomic step; it saves
 * the create and unlink per bin of mode DELETE, and the fresh pages that TRUNCATE would fill.
 * synchronous=OFF while recording: SIGKILL cannot take back what write() gave to the kernel,
 * and order of write() calls is all that a rollback needs. Only a power loss or a crash of the
 * kernel could reorder them; against that a sync per bin would load the disk of a host which
 * is being measured because it is ill. On close the file is synced.
 * cache_spill=OFF: pages reach FILE at commits only, so the window above stays that short, and
 * a reader's lock can delay a commit, but never fail an insert.
 */
#include "cli/record/recording_internal.h"

#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#define FACT(k, t, f)                                                                           \
	{                                                                                       \
		k, t, offsetof(struct vnx_run_facts, f), sizeof(((struct vnx_run_facts *)0)->f) \
	}

const struct rec_fact rec_facts[] = {
	FACT("bin_ns", REC_U64, bin_ns),
	FACT("start_ns", REC_U64, start_ns),
	FACT("end_ns", REC_U64, end_ns),
	FACT("realtime_minus_mono_ns", REC_I64, realtime_minus_mono_ns),
	FACT("capture", REC_TEXT, capture),
	FACT("clock", REC_TEXT, clock),
	FACT("kernel", REC_TEXT, kernel),
	FACT("host", REC_TEXT, host),
	FACT("command", REC_TEXT, command),
	FACT("stage_s", REC_DOUBLE, stage_s),
	FACT("finished", REC_BOOL, finished),
	FACT("clock_stepped", REC_BOOL, clock_stepped),
	FACT("events", REC_U64, stats.events),
	FACT("lost", REC_U64, stats.lost),
	FACT("ns_per_event", REC_DOUBLE, stats.ns_per_event),
	FACT("clock_error_s", REC_DOUBLE, stats.clock_error_s),
	FACT("bent", REC_U64, stats.bent),
	FACT("bent_s", REC_DOUBLE, stats.bent_s),
	FACT("cpu_share", REC_DOUBLE, cpu_share),
};
const size_t rec_n_facts = VNX_ARRAY_SIZE(rec_facts);

/* The file explains itself to whoever opens it with any SQLite tool. */
static const char *const about[][2] = {
	{ "file", "A run of vnetdx: counts of kernel functions of a KVM host's virtual network, "
		  "per bin and thread. Schema 1 (PRAGMA user_version). No packet was read." },
	{ "journal",
	  "If a file of this name with -journal appended lies beside this one, the run was killed or "
	  "is still going on: keep the two together until this file has been opened once." },
	{ "meta",
	  "One fact a row. bin_ns: width of a bin. start_ns, end_ns: recorded stretch, "
	  "CLOCK_MONOTONIC, ns. realtime_minus_mono_ns: add it to get wall-clock time. "
	  "capture: bpf, ftrace or perf. command: the load that ran. stage_s: length of the "
	  "load's stages, 0: not given. finished: 1 closed in order, 0 killed. "
	  "clock_stepped: 1 the wall clock jumped. events, lost: counted, lost in the "
	  "kernel. ns_per_event: cost of the hook. clock_error_s: bins are off by this at "
	  "most, but for bent samples over their true stretch, whose edges came up to bent_s late. "
	  "cpu_share: vnetdx's own. NULL is not measured, never 0." },
	{ "metric", "Names of the numbers in sample.metric." },
	{ "sample",
	  "count happened within [t_ns, t_ns + dur_ns) of CLOCK_MONOTONIC. No row is no event, as "
	  "long as the metric's hook was attached. entity: thread id for handle_*, vcpu_*, vhost_*, "
	  "kvm_exit (count of *_wait, *_run, *_throttled: ns), interface index for tx_*, rx_*, "
	  "qdisc_*, uplink_* (of the guest's side), 0 for load_* and host_*. Levels (load_*q, "
	  "*_backlog, *_cpus) hold over the stretch; host_* and uplink_use are millionths. metric "
	  "lost: something in that stretch is missing; entity 2147483648 + metric.id: calls of that "
	  "metric, 3221225472 + metric.id: calls that the kernel kept from its hook. View counts has the names." },
	{ "hook", "Where each metric was counted. hook '': nowhere. since_ns, until_ns: attached "
		  "from, to; 0: not attached, still attached." },
	{ "refusal", "Hooks that were tried before the one in hook.seq, and why they lost. "
		     "later: 1 the hook may be had once its module is loaded." },
	{ "verified",
	  "What the hook in hook.seq counted, and what the account in against, which does not "
	  "depend on it, saw over the same time. against '': nothing was compared, why "
	  "tells." },
	{ "vm", "One JSON document a virtual machine, as `vnetdx topology --json` prints it." },
	{ "holder", "Of the time within [t_ns, t_ns + dur_ns) that thread victim waited for a CPU, "
		    "threads named comm of process pid had it before (0: it was idle) for ns." },
	{ "source", "Sources of evidence beside the hooks. why '': it measured; else why not." },
	{ "load_line", "Output of the load, line by line, with the time of its arrival "
		       "(CLOCK_MONOTONIC, ns; 0: not stamped)." },
};

/*
 * sample is clustered by its key: rows arrive nearly in that order and are read in it, so
 * neither side sorts and no index is needed.
 */
static const char schema[] =
	"CREATE TABLE about(topic TEXT PRIMARY KEY, text TEXT NOT NULL);"
	"CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
	"CREATE TABLE metric(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);"
	"CREATE TABLE sample(t_ns INTEGER NOT NULL, dur_ns INTEGER NOT NULL,"
	" metric INTEGER NOT NULL, entity INTEGER NOT NULL, count INTEGER NOT NULL,"
	" PRIMARY KEY(t_ns, metric, entity, dur_ns)) WITHOUT ROWID;"
	"CREATE TABLE hook(seq INTEGER PRIMARY KEY, metric TEXT NOT NULL, hook TEXT NOT NULL,"
	" note TEXT NOT NULL, since_ns INTEGER NOT NULL, until_ns INTEGER NOT NULL);"
	"CREATE TABLE refusal(seq INTEGER PRIMARY KEY, hook_seq INTEGER NOT NULL,"
	" hook TEXT NOT NULL, why TEXT NOT NULL, later INTEGER NOT NULL);"
	"CREATE TABLE verified(hook_seq INTEGER PRIMARY KEY, against TEXT NOT NULL,"
	" hook INTEGER NOT NULL, account INTEGER NOT NULL, why TEXT NOT NULL);"
	"CREATE TABLE vm(seq INTEGER PRIMARY KEY, doc TEXT NOT NULL);"
	"CREATE TABLE load_line(seq INTEGER PRIMARY KEY, arrival_ns INTEGER NOT NULL,"
	" text TEXT NOT NULL);"
	"CREATE TABLE holder(t_ns INTEGER NOT NULL, dur_ns INTEGER NOT NULL,"
	" victim INTEGER NOT NULL, pid INTEGER NOT NULL, comm TEXT NOT NULL,"
	" ns INTEGER NOT NULL);"
	"CREATE TABLE source(seq INTEGER PRIMARY KEY, name TEXT NOT NULL, why TEXT NOT NULL);"
	"CREATE VIEW counts AS SELECT"
	" (s.t_ns - (SELECT value FROM meta WHERE key = 'start_ns')) / 1e9 AS t_s,"
	" s.dur_ns / 1e9 AS dur_s, m.name AS metric, s.entity, s.count"
	" FROM sample s JOIN metric m ON m.id = s.metric;";

/* Errors */

static int fail_full(struct vnx_recording *rec, struct vnx_err *err)
{
	vnx_err_set(err, 0, VNX_EXIT_FAILED, "disk-full",
		    "no space left on the disk for %s; what was recorded before stays readable",
		    rec->shown);
	vnx_err_hint(err, "Free some space, record elsewhere with -o, or take wider bins (--bin)");
	return -ENOSPC;
}

static int fail_damaged(struct vnx_recording *rec, const char *doing, struct vnx_err *err)
{
	vnx_err_set(err, 0, VNX_EXIT_FAILED, "damaged-recording",
		    "%s is damaged or cut short (while %s: %s)", rec->shown, doing,
		    sqlite3_errmsg(rec->db));
	vnx_err_hint(err,
		     "Copy it again, with %s-journal if there is one; "
		     "`sqlite3 %s .recover` may save parts",
		     rec->shown, rec->shown);
	return -EBADMSG;
}

static int fail_busy(struct vnx_recording *rec, struct vnx_err *err)
{
	vnx_err_set(err, 0, VNX_EXIT_FAILED, "recording-busy", "%s is in use by another program",
		    rec->shown);
	vnx_err_hint(err, "`fuser %s` shows which one", rec->shown);
	return -EBUSY;
}

static int fail_other(struct vnx_recording *rec, int rc, const char *doing, struct vnx_err *err)
{
	int sys = sqlite3_system_errno(rec->db);
	int ret = (rc & 0xff) == SQLITE_NOMEM ? -ENOMEM : sys ? -sys : -EIO;

	if (sys == EDQUOT || sys == EFBIG)
		return fail_full(rec, err);
	return vnx_err_set(err, ret, VNX_EXIT_FAILED, "recording-io", "%s: %s failed: %s%s%s",
			   rec->shown, doing, sqlite3_errmsg(rec->db), sys ? ": " : "",
			   sys ? strerror(sys) : "");
}

int rec_fail(struct vnx_recording *rec, int rc, const char *doing, struct vnx_err *err)
{
	int ret;

	switch (rc & 0xff) {
	case SQLITE_FULL:
		ret = fail_full(rec, err);
		break;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_ERROR: /* "no such table": a schema that is not ours */
		ret = fail_damaged(rec, doing, err);
		break;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		ret = fail_busy(rec, err);
		break;
	default:
		ret = fail_other(rec, rc, doing, err);
	}
	if (rec->writer && !rec->failed) {
		rec->failed = true;
		rec->failed_errno = ret;
	}
	return ret;
}

int rec_exec(struct vnx_recording *rec, const char *sql, const char *doing, struct vnx_err *err)
{
	int rc = sqlite3_exec(rec->db, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : rec_fail(rec, rc, doing, err);
}

int rec_prepare(struct vnx_recording *rec, sqlite3_stmt **st, const char *sql, struct vnx_err *err)
{
	int rc = sqlite3_prepare_v2(rec->db, sql, -1, st, NULL);

	return rc == SQLITE_OK ? 0 : rec_fail(rec, rc, "preparing a query", err);
}

void rec_configure(sqlite3 *db)
{
	sqlite3_extended_result_codes(db, 1);
	/* A recording may come from anyone: nothing in its schema is to be run or trusted. */
	sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_exec(db, "PRAGMA temp_store=MEMORY; PRAGMA cell_size_check=ON", NULL, NULL, NULL);
}

/* Transactions */

int rec_tx_begin(struct vnx_recording *rec, struct vnx_err *err)
{
	int ret = 0;

	if (rec->failed)
		return vnx_err_set(err, rec->failed_errno, VNX_EXIT_FAILED, "recording-failed",
				   "%s: an earlier write failed, nothing more was recorded",
				   rec->shown);
	if (rec->in_tx)
		return 0;
	/* IMMEDIATE: the file is marked as being written even between two commits. */
	if (!rec->begin)
		ret = rec_prepare(rec, &rec->begin, "BEGIN IMMEDIATE", err);
	if (!ret)
		ret = rec_write_row(rec, rec->begin, "starting a bin", err);
	rec->in_tx = !ret;
	return ret;
}

/* Steps a statement that gives no rows, and makes it ready for the next use. */
int rec_write_row(struct vnx_recording *rec, sqlite3_stmt *st, const char *doing,
		  struct vnx_err *err)
{
	int rc = sqlite3_step(st);
	int ret = rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : rec_fail(rec, rc, doing, err);

	sqlite3_reset(st);
	return ret;
}

/*
 * SQLite's integers are signed: times and counts beyond 2^63 cannot be told apart from
 * negative ones and are refused instead of written wrong.
 */
int rec_bind_u64(struct vnx_recording *rec, sqlite3_stmt *st, int at, uint64_t v, const char *what,
		 struct vnx_err *err)
{
	if (v > INT64_MAX)
		return vnx_err_set(err, -ERANGE, VNX_EXIT_FAILED, "out-of-range",
				   "%s: %s is %llu, more than a recording can hold", rec->shown,
				   what, (unsigned long long)v);
	sqlite3_bind_int64(st, at, (sqlite3_int64)v);
	return 0;
}

void rec_bind_text(sqlite3_stmt *st, int at, const char *text)
{
	sqlite3_bind_text(st, at, text ? text : "", -1, SQLITE_TRANSIENT);
}

/* Facts */

static int fact_bind(struct vnx_recording *rec, sqlite3_stmt *st, const struct rec_fact *f,
		     const struct vnx_run_facts *facts, struct vnx_err *err)
{
	const void *p = (const char *)facts + f->offset;

	switch (f->type) {
	case REC_U64:
		return rec_bind_u64(rec, st, 2, *(const uint64_t *)p, f->key, err);
	case REC_I64:
		sqlite3_bind_int64(st, 2, *(const int64_t *)p);
		break;
	case REC_BOOL:
		sqlite3_bind_int(st, 2, *(const bool *)p);
		break;
	case REC_TEXT:
		sqlite3_bind_text(st, 2, p, (int)strnlen(p, f->size), SQLITE_TRANSIENT);
		break;
	case REC_DOUBLE: /* NaN becomes NULL */
		sqlite3_bind_double(st, 2, *(const double *)p);
		break;
	}
	return 0;
}

/**
 * vnx_recording_update() - writes the facts of the run that are not written so yet.
 *
 * Part of the open transaction. Errors: as vnx_recording_add_samples(), and -ERANGE for a
 * number beyond 2^63.
 */
int vnx_recording_update(struct vnx_recording *rec, const struct vnx_run_facts *facts,
			 struct vnx_err *err)
{
	int ret = rec_tx_begin(rec, err);

	if (!ret && !rec->put_fact)
		ret = rec_prepare(rec, &rec->put_fact,
				  "INSERT OR REPLACE INTO meta(key, value) VALUES(?1, ?2)", err);
	for (size_t i = 0; i < rec_n_facts && !ret; i++) {
		const struct rec_fact *f = &rec_facts[i];

		if (rec->facts_written && !memcmp((const char *)facts + f->offset,
						  (const char *)&rec->written + f->offset, f->size))
			continue;
		rec_bind_text(rec->put_fact, 1, f->key);
		ret = fact_bind(rec, rec->put_fact, f, facts, err);
		if (!ret)
			ret = rec_write_row(rec, rec->put_fact, "writing facts", err);
	}
	if (!ret) {
		rec->written = *facts;
		rec->facts_written = true;
	}
	return ret;
}

/* Creation */

/* True if @path holds a recording, or nothing at all: what --force may replace. */
static bool is_replaceable(const char *path)
{
	VNX_CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	unsigned char head[72];
	ssize_t got;

	if (fd < 0)
		return false;
	got = pread(fd, head, sizeof(head), 0);
	if (got <= 0)
		return got == 0;
	return got == sizeof(head) && !memcmp(head, "SQLite format 3", 16) &&
	       head[68] == (REC_APPLICATION_ID >> 24 & 0xff) &&
	       head[69] == (REC_APPLICATION_ID >> 16 & 0xff) &&
	       head[70] == (REC_APPLICATION_ID >> 8 & 0xff) &&
	       head[71] == (REC_APPLICATION_ID & 0xff);
}

/* SQLite gives a meaning to ":memory:" and ""; with a folder in front a name is a name. */
char *rec_safe_path(const char *path)
{
	return vnx_asprintf("%s%s", path[0] == '/' ? "" : "./", path);
}

/* A recorder holds its file's write lock from the first to the last moment. */
static bool is_being_written(const char *path)
{
	VNX_CLEANUP_FREE char *safe = rec_safe_path(path);
	sqlite3 *db = NULL;
	int rc = safe ? sqlite3_open_v2(safe, &db, SQLITE_OPEN_READWRITE, NULL) : SQLITE_NOMEM;

	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db, "BEGIN IMMEDIATE; ROLLBACK", NULL, NULL, NULL);
	sqlite3_close(db);
	return (rc & 0xff) == SQLITE_BUSY;
}

static int replace_old(const char *path, struct vnx_err *err)
{
	VNX_CLEANUP_FREE char *journal = vnx_asprintf("%s-journal", path);

	if (!journal)
		return -ENOMEM;
	if (!is_replaceable(path)) {
		vnx_err_set(err, 0, VNX_EXIT_FAILED, "file-exists",
			    "%s exists and is not a recording: --force overwrites recordings only",
			    path);
		vnx_err_hint(err, "Give another name with -o, or remove the file yourself");
		return -EEXIST;
	}
	if (is_being_written(path)) {
		vnx_err_set(err, 0, VNX_EXIT_FAILED, "recording-busy",
			    "%s is being written by another vnetdx", path);
		vnx_err_hint(err, "Give another name with -o, or stop the other one first");
		return -EBUSY;
	}
	if (unlink(path))
		return vnx_err_set(err, -errno, VNX_EXIT_FAILED, "cannot-overwrite",
				   "cannot overwrite %s: %s", path, strerror(errno));
	/* A journal of the old file would be played back into the new one. */
	unlink(journal);
	return 0;
}

static int claim_failed(const char *path, int e, struct vnx_err *err)
{
	const char *slash = strrchr(path, '/');
	int dir_len = slash ? (int)(slash - path) : 1;
	const char *dir = slash ? path : ".";
	struct stat sb;

	if (slash == path)
		dir_len = 1;
	if (e == EEXIST && !stat(path, &sb) && !S_ISREG(sb.st_mode))
		return vnx_err_set(err, S_ISDIR(sb.st_mode) ? -EISDIR : -EINVAL, VNX_EXIT_FAILED,
				   "not-a-file", "%s is %s; a recording needs a file name", path,
				   S_ISDIR(sb.st_mode) ? "a folder" : "a device or a pipe");
	if (e == EEXIST) {
		vnx_err_set(err, 0, VNX_EXIT_FAILED, "file-exists",
			    "%s exists already; --force overwrites", path);
	} else if (e == ENOENT) {
		vnx_err_set(err, 0, VNX_EXIT_FAILED, "no-folder", "the folder of %s does not exist",
			    path);
		vnx_err_hint(err, "Make it: mkdir -p %.*s", dir_len, dir);
	} else {
		vnx_err_set(err, 0, VNX_EXIT_FAILED, "cannot-write", "cannot create %s: %s", path,
			    strerror(e));
		vnx_err_hint(err, "Record to a folder that can be written, with -o");
	}
	return -e;
}

/* Takes the name: O_EXCL decides between two programs that want it. */
static int target_claim(const char *path, bool overwrite, struct vnx_err *err)
{
	const int flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC;
	int fd = open(path, flags, 0644);
	struct stat sb;
	int ret;

	if (fd < 0 && errno == EEXIST && overwrite && !stat(path, &sb) && S_ISREG(sb.st_mode)) {
		ret = replace_old(path, err);
		if (ret)
			return ret;
		fd = open(path, flags, 0644);
	}
	if (fd < 0)
		return claim_failed(path, errno, err);
	close(fd);
	return 0;
}

static int schema_write(struct vnx_recording *rec, struct vnx_err *err)
{
	sqlite3_stmt *st = NULL;
	char sql[96];
	int ret;

	snprintf(sql, sizeof(sql), "PRAGMA application_id=%d; PRAGMA user_version=%d",
		 REC_APPLICATION_ID, REC_SCHEMA);
	ret = rec_exec(rec, sql, "writing the header", err);
	if (!ret)
		ret = rec_exec(rec, schema, "creating tables", err);
	if (!ret)
		ret = rec_prepare(rec, &st, "INSERT INTO about VALUES(?1, ?2)", err);
	for (size_t i = 0; i < VNX_ARRAY_SIZE(about) && !ret; i++) {
		rec_bind_text(st, 1, about[i][0]);
		rec_bind_text(st, 2, about[i][1]);
		ret = rec_write_row(rec, st, "writing the description", err);
	}
	sqlite3_finalize(st);
	st = NULL;
	if (!ret)
		ret = rec_prepare(rec, &st, "INSERT INTO metric VALUES(?1, ?2)", err);
	for (int i = 0; i < VNX_METRIC_MAX && !ret; i++) {
		sqlite3_bind_int(st, 1, i);
		rec_bind_text(st, 2, vnx_metric_name(i));
		ret = rec_write_row(rec, st, "writing metric names", err);
	}
	sqlite3_finalize(st);
	return ret;
}

static int database_create(struct vnx_recording *rec, const struct vnx_run_facts *facts,
			   struct vnx_err *err)
{
	int rc = sqlite3_open_v2(rec->path ? rec->path : ":memory:", &rec->db,
				 SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
				 NULL);
	int ret;

	if (rc != SQLITE_OK)
		return rec_fail(rec, rc, "creating the file", err);
	rec_configure(rec->db);
	ret = rec_exec(
		rec, "PRAGMA journal_mode=PERSIST; PRAGMA synchronous=OFF; PRAGMA cache_spill=OFF",
		"setting up the journal", err);
	if (!ret)
		ret = rec_tx_begin(rec, err);
	if (!ret)
		ret = schema_write(rec, err);
	if (!ret)
		ret = vnx_recording_update(rec, facts, err);
	if (!ret)
		ret = vnx_recording_commit(rec, err);
	return ret;
}

static void finalize_all(struct vnx_recording *rec)
{
	sqlite3_stmt **const all[] = { &rec->begin,       &rec->commit,   &rec->add_sample,
				       &rec->add_samples, &rec->add_line, &rec->add_hold,
				       &rec->put_fact,    &rec->cursor };

	for (size_t i = 0; i < VNX_ARRAY_SIZE(all); i++) {
		sqlite3_finalize(*all[i]);
		*all[i] = NULL;
	}
}

static void recording_free(struct vnx_recording *rec)
{
	finalize_all(rec);
	sqlite3_close_v2(rec->db);
	free(rec->path);
	free(rec->shown);
	free(rec);
}

/**
 * vnx_recording_create() - starts a recording and commits its schema and facts.
 * @path: file to make, copied; NULL for one in memory that vanishes with its close
 * @overwrite: an existing recording (or empty file) is replaced; any other file never is
 *
 * Call it when all else that can fail at the start has succeeded: with @overwrite the old
 * recording is gone after it. Errors: -EEXIST, -EBUSY (another vnetdx writes it), -EISDIR,
 * -EINVAL (device), -ENOENT, -EACCES, -EROFS, -ENOSPC, -ERANGE, -ENOMEM.
 */
int vnx_recording_create(const char *path, bool overwrite, const struct vnx_run_facts *facts,
			 struct vnx_recording **out, struct vnx_err *err)
{
	struct vnx_recording *rec = calloc(1, sizeof(*rec));
	bool claimed = false;
	int ret = -ENOMEM;

	*out = NULL;
	if (!rec)
		return ret;
	rec->writer = true;
	rec->path = path ? rec_safe_path(path) : NULL;
	rec->shown = strdup(path ? path : "the recording in memory");
	if ((path && !rec->path) || !rec->shown)
		goto out;
	if (path) {
		ret = target_claim(path, overwrite, err);
		if (ret)
			goto out;
		claimed = true;
	}
	ret = database_create(rec, facts, err);
	if (ret)
		goto out;
	*out = rec;
	return 0;
out:
	if (claimed) {
		VNX_CLEANUP_FREE char *journal = vnx_asprintf("%s-journal", path);

		unlink(path);
		if (journal)
			unlink(journal);
	}
	recording_free(rec);
	return ret;
}

/* Adding */

#define SAMPLE_COLUMNS 5

/*
 * A statement for @rows samples: most of what a row costs is the statement around it. Samples
 * of equal time, metric, entity and length add up, as struct vnx_sample says.
 */
static int prepare_add(struct vnx_recording *rec, sqlite3_stmt **st, int rows, struct vnx_err *err)
{
	char sql[512] = "INSERT INTO sample(t_ns, dur_ns, metric, entity, count) VALUES";
	size_t n = strlen(sql);

	if (*st)
		return 0;
	for (int i = 0; i < rows; i++)
		n += (size_t)snprintf(sql + n, sizeof(sql) - n, "%s(?,?,?,?,?)", i ? "," : "");
	snprintf(sql + n, sizeof(sql) - n, " ON CONFLICT DO UPDATE SET count=count+excluded.count");
	return rec_prepare(rec, st, sql, err);
}

static int sample_bind(struct vnx_recording *rec, sqlite3_stmt *st, int row,
		       const struct vnx_sample *s, struct vnx_err *err)
{
	int at = row * SAMPLE_COLUMNS;
	int ret = rec_bind_u64(rec, st, at + 1, s->t_ns, "a sample's time", err);

	if (!ret)
		ret = rec_bind_u64(rec, st, at + 2, s->dur_ns, "a sample's length", err);
	if (!ret)
		ret = rec_bind_u64(rec, st, at + 5, s->count, "a sample's count", err);
	if (ret)
		return ret;
	if (!vnx_metric_name(s->metric))
		return vnx_err_set(err, -EINVAL, VNX_EXIT_FAILED, "bad-metric",
				   "%s: %u is no metric", rec->shown, s->metric);
	sqlite3_bind_int(st, at + 3, (int)s->metric);
	sqlite3_bind_int64(st, at + 4, s->entity);
	return 0;
}

/**
 * vnx_recording_add_samples() - adds to the open transaction.
 *
 * After a failed write (-ENOSPC, -EIO) nothing more is written: later calls give the same
 * errno at once, so that the caller can go on measuring and say it once. -ERANGE and -EINVAL
 * are the caller's and leave the recording usable.
 */
int vnx_recording_add_samples(struct vnx_recording *rec, const struct vnx_samples *samples,
			      struct vnx_err *err)
{
	int ret = rec_tx_begin(rec, err);

	if (!ret)
		ret = prepare_add(rec, &rec->add_sample, 1, err);
	if (!ret)
		ret = prepare_add(rec, &rec->add_samples, REC_ROWS, err);
	for (size_t i = 0, n; i < samples->n && !ret; i += n) {
		sqlite3_stmt *st;

		n = samples->n - i < REC_ROWS ? 1 : REC_ROWS;
		st = n == 1 ? rec->add_sample : rec->add_samples;
		for (size_t row = 0; row < n && !ret; row++)
			ret = sample_bind(rec, st, (int)row, &samples->v[i + row], err);
		if (!ret)
			ret = rec_write_row(rec, st, "writing samples", err);
	}
	return ret;
}

/**
 * vnx_recording_add_lines() - adds lines[from..n) of the load's output, numbered by their
 * place in @lines. Errors as vnx_recording_add_samples().
 */
int vnx_recording_add_lines(struct vnx_recording *rec, const struct vnx_load_lines *lines,
			    size_t from, struct vnx_err *err)
{
	int ret = rec_tx_begin(rec, err);

	if (!ret && !rec->add_line)
		ret = rec_prepare(rec, &rec->add_line,
				  "INSERT OR REPLACE INTO load_line VALUES(?1, ?2, ?3)", err);
	for (size_t i = from; i < lines->n && !ret; i++) {
		sqlite3_bind_int64(rec->add_line, 1, (sqlite3_int64)i);
		rec_bind_text(rec->add_line, 3, lines->v[i].text);
		ret = rec_bind_u64(rec, rec->add_line, 2, lines->v[i].arrival_ns, "a line's time",
				   err);
		if (!ret)
			ret = rec_write_row(rec, rec->add_line, "writing the load's output", err);
	}
	return ret;
}

/**
 * vnx_recording_commit() - makes all that was added since the last commit survive a kill.
 *
 * A program that reads the file just now can hold a commit back. Nothing is lost by that:
 * the transaction stays open and goes with the next commit, so it is no error here.
 */
int vnx_recording_commit(struct vnx_recording *rec, struct vnx_err *err)
{
	int ret = rec_tx_begin(rec, err);
	int rc;

	if (!ret && !rec->commit)
		ret = rec_prepare(rec, &rec->commit, "COMMIT", err);
	if (ret)
		return ret;
	rc = sqlite3_step(rec->commit);
	sqlite3_reset(rec->commit);
	rc = rc == SQLITE_DONE ? SQLITE_OK : rc;
	if ((rc & 0xff) == SQLITE_BUSY)
		return 0;
	if (rc != SQLITE_OK) {
		ret = rec_fail(rec, rc, "writing", err);
		sqlite3_exec(rec->db, "ROLLBACK", NULL, NULL, NULL);
	}
	rec->in_tx = !sqlite3_get_autocommit(rec->db);
	return ret ? ret : rec_tx_begin(rec, err);
}

/* Closing */

static int sync_path(const char *path, int flags)
{
	VNX_CLEANUP_CLOSE int fd = open(path, flags | O_RDONLY | O_CLOEXEC);

	return fd < 0 || fsync(fd) ? -errno : 0;
}

/* The name must survive a power loss too, so the folder is synced after the file. */
static int sync_file_and_folder(const char *path)
{
	char *dir, *slash;
	int ret = sync_path(path, 0);

	dir = strdup(path);
	if (!dir)
		return -ENOMEM;
	slash = strrchr(dir, '/');
	if (slash)
		slash[slash == dir] = 0;
	if (!ret)
		ret = sync_path(slash ? dir : ".", O_DIRECTORY);
	free(dir);
	/* Some file systems cannot sync folders; that is not the recording's fault. */
	return ret == -EINVAL ? 0 : ret;
}

static int writer_finish(struct vnx_recording *rec, struct vnx_err *err)
{
	int ret = 0;

	if (rec->failed) {
		sqlite3_exec(rec->db, "ROLLBACK", NULL, NULL, NULL);
		return 0; /* told when it happened */
	}
	if (rec->in_tx && rec->path) {
		sqlite3_busy_timeout(rec->db, 10000);
		ret = rec_exec(rec, "COMMIT", "finishing", err);
	}
	if (ret) {
		sqlite3_exec(rec->db, "ROLLBACK", NULL, NULL, NULL);
		return ret;
	}
	/* Removes the journal, so that a finished recording is one file. */
	if (rec->path)
		sqlite3_exec(rec->db, "PRAGMA journal_mode=DELETE", NULL, NULL, NULL);
	return 0;
}

/**
 * vnx_recording_close() - commits, syncs, frees. @rec is gone whatever it returns.
 *
 * Errors: -ENOSPC, -EIO, -EBUSY (another program held the file for 10 s); the last commit
 * stays readable in each case.
 */
int vnx_recording_close(struct vnx_recording *rec, struct vnx_err *err)
{
	char *path = NULL;
	int ret = 0;

	if (!rec)
		return 0;
	finalize_all(rec);
	if (rec->writer) {
		path = rec->path ? strdup(rec->path) : NULL;
		ret = writer_finish(rec, err);
	}
	recording_free(rec);
	if (path && !ret) {
		ret = sync_file_and_folder(path);
		if (ret)
			vnx_err_set(err, ret, VNX_EXIT_FAILED, "recording-io",
				    "%s: syncing to disk failed: %s", path, strerror(-ret));
	}
	free(path);
	return ret;
}
