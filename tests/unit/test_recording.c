// SPDX-License-Identifier: GPL-2.0-only
/*
 * The recording: what goes in comes out, whatever happens to the writer, the disk or the file.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/input/reader.h"

#define BIN (500 * VNX_NSEC_PER_MSEC)
#define START 1234567890123456789ULL
#define NOBODY 65534

static char dir[64];
static struct vnx_err err;

static const char *in_dir(const char *name)
{
	static char buf[4][256];
	static int at;

	at = (at + 1) % 4;
	snprintf(buf[at], sizeof(buf[at]), "%s/%s", dir, name);
	return buf[at];
}

static int setup(void **state)
{
	snprintf(dir, sizeof(dir), "/tmp/vnx-test-recording-XXXXXX");
	err = (struct vnx_err){ 0 };
	return mkdtemp(dir) ? chmod(dir, 0755) : -1;
}

static int teardown(void **state)
{
	char cmd[192];

	snprintf(cmd, sizeof(cmd), "chmod -R u+w %s; rm -rf %s", dir, dir);
	return system(cmd);
}

static struct vnx_run_facts some_facts(void)
{
	return (struct vnx_run_facts){
		.bin_ns = BIN,
		.start_ns = START,
		.end_ns = START + 10 * BIN,
		.realtime_minus_mono_ns = -1795296850123456789LL,
		.capture = "bpf",
		.clock = "mono",
		.kernel = "6.12.1 #1 SMP",
		.host = "h\xc3\xb6st",
		.command = "iperf3 -c 192.0.2.1 -t 'a b'",
		.stage_s = 0.1 + 0.2,
		.finished = true,
		.clock_stepped = true,
		.stats = { .events = INT64_MAX,
			   .lost = 7,
			   .ns_per_event = NAN,
			   .clock_error_s = 0x1.23456789abcdep-30 },
		.cpu_share = -0.0,
	};
}

static bool same_bits(double a, double b)
{
	return !memcmp(&a, &b, sizeof(a));
}

static struct vnx_recording *create(const char *path)
{
	struct vnx_run_facts facts = some_facts();
	struct vnx_recording *rec = NULL;
	int ret = vnx_recording_create(path, false, &facts, &rec, &err);

	if (ret)
		print_error("%s\n", err.message);
	assert_int_equal(ret, 0);
	return rec;
}

static int add(struct vnx_recording *rec, uint64_t t, uint32_t metric, uint32_t entity,
	       uint64_t count)
{
	struct vnx_sample s = {
		.t_ns = t, .dur_ns = BIN, .count = count, .entity = entity, .metric = metric
	};
	struct vnx_samples list = { .v = &s, .n = 1 };

	return vnx_recording_add_samples(rec, &list, &err);
}

static void close_ok(struct vnx_recording *rec)
{
	assert_int_equal(vnx_recording_close(rec, &err), 0);
}

static void assert_facts_equal(const struct vnx_run_facts *a, const struct vnx_run_facts *b)
{
	assert_int_equal(a->bin_ns, b->bin_ns);
	assert_int_equal(a->start_ns, b->start_ns);
	assert_int_equal(a->end_ns, b->end_ns);
	assert_int_equal(a->realtime_minus_mono_ns, b->realtime_minus_mono_ns);
	assert_string_equal(a->capture, b->capture);
	assert_string_equal(a->clock, b->clock);
	assert_string_equal(a->kernel, b->kernel);
	assert_string_equal(a->host, b->host);
	assert_string_equal(a->command, b->command);
	assert_true(same_bits(a->stage_s, b->stage_s));
	assert_int_equal(a->finished, b->finished);
	assert_int_equal(a->clock_stepped, b->clock_stepped);
	assert_int_equal(a->stats.events, b->stats.events);
	assert_int_equal(a->stats.lost, b->stats.lost);
	assert_true(isnan(a->stats.ns_per_event) && isnan(b->stats.ns_per_event));
	assert_true(same_bits(a->stats.clock_error_s, b->stats.clock_error_s));
	assert_true(same_bits(a->cpu_share, b->cpu_share));
}

/* The parts that are lists; strings of the load may hold any bytes but NUL. */
static void fill_lists(struct vnx_recording *rec)
{
	struct vnx_load_line lines[] = { { START, "[  5] x" }, { 0, "" }, { 9, "\xff\xfe bytes" } };
	struct vnx_load_lines list = { .v = lines, .n = 3 };
	struct vnx_refusal why[] = { { "fentry:vcpu_enter_guest", "inlined", false },
				     { "kprobe:x", "no kprobes", true } };
	struct vnx_hook hooks[] = {
		{ .metric = VNX_VCPU_ENTER,
		  .hook = "raw_tp:kvm_entry",
		  .note = "n",
		  .since_ns = 5,
		  .until_ns = 6,
		  .refused = { why, 2, 2 },
		  .verified = { "exits", 31, 32, "not all" } },
		{ .metric = VNX_HANDLE_TX },
	};
	struct vnx_hooks hook_list = { .v = hooks, .n = 2 };
	struct vnx_vm vm = {
		.name = "vm1", .nic = "virtio-net", .pid = 144, .last_ns = UINT64_MAX
	};
	struct vnx_vm other = { .name = "vm2", .pid = 244, .last_ns = UINT64_MAX };
	struct vnx_vms vms = { .v = &vm, .n = 1 }, others = { .v = &other, .n = 1 };

	assert_int_equal(vnx_recording_add_lines(rec, &list, 0, &err), 0);
	assert_int_equal(vnx_recording_put_hooks(rec, &hook_list, &err), 0);
	/* twice: the second replaces */
	assert_int_equal(vnx_recording_put_hooks(rec, &hook_list, &err), 0);
	assert_int_equal(vnx_recording_put_vms(rec, &vms, &others, &err), 0);
	assert_int_equal(vnx_recording_put_vms(rec, &vms, &others, &err), 0);
}

static void assert_lists(const struct vnx_run *run)
{
	assert_int_equal(run->lines.n, 3);
	assert_int_equal(run->lines.v[0].arrival_ns, START);
	assert_string_equal(run->lines.v[0].text, "[  5] x");
	assert_string_equal(run->lines.v[1].text, "");
	assert_string_equal(run->lines.v[2].text, "\xff\xfe bytes");
	assert_int_equal(run->hooks.n, 2);
	assert_int_equal(run->hooks.v[0].metric, VNX_VCPU_ENTER);
	assert_string_equal(run->hooks.v[0].hook, "raw_tp:kvm_entry");
	assert_int_equal(run->hooks.v[0].since_ns, 5);
	assert_int_equal(run->hooks.v[0].until_ns, 6);
	assert_int_equal(run->hooks.v[0].refused.n, 2);
	assert_string_equal(run->hooks.v[0].refused.v[1].why, "no kprobes");
	assert_false(run->hooks.v[0].refused.v[0].later);
	assert_true(run->hooks.v[0].refused.v[1].later);
	assert_string_equal(run->hooks.v[0].verified.against, "exits");
	assert_int_equal(run->hooks.v[0].verified.hook, 31);
	assert_int_equal(run->hooks.v[0].verified.account, 32);
	assert_string_equal(run->hooks.v[0].verified.why, "not all");
	assert_string_equal(run->hooks.v[1].verified.against, "");
	assert_string_equal(run->hooks.v[1].hook, "");
	assert_int_equal(run->hooks.v[1].refused.n, 0);
	assert_int_equal(run->vms.n, 1);
	assert_string_equal(run->vms.v[0].name, "vm1");
	assert_int_equal(run->vms.v[0].pid, 144);
	assert_int_equal(run->others.n, 1);
	assert_string_equal(run->others.v[0].name, "vm2");
	assert_int_equal(run->others.v[0].pid, 244);
}

static void read_and_check(const struct vnx_reader_ops *ops, struct vnx_reader *r)
{
	static const struct {
		uint64_t t, count;
		uint32_t metric, entity;
	} want[] = {
		{ 0, 1, VNX_HANDLE_TX, 7 },
		{ 0, 23, VNX_HANDLE_TX, 9 },
		{ 0, 5, VNX_LOST, 0 },
		{ 1, 37, VNX_VCPU_HALT, UINT32_MAX },
		{ 2, INT64_MAX, VNX_TX_BYTES, 3 },
	};
	struct vnx_run_facts facts = some_facts();
	struct vnx_run run = { 0 };
	struct vnx_sample s;

	for (size_t i = 0; i < VNX_ARRAY_SIZE(want); i++) {
		assert_int_equal(ops->next(r, &s, &err), 1);
		assert_int_equal(s.t_ns, START + want[i].t * BIN);
		assert_int_equal(s.dur_ns, BIN);
		assert_int_equal(s.metric, want[i].metric);
		assert_int_equal(s.entity, want[i].entity);
		assert_int_equal(s.count, want[i].count);
	}
	assert_int_equal(ops->next(r, &s, &err), 0);
	assert_int_equal(ops->next(r, &s, &err), 0);
	assert_int_equal(ops->run(r, &run, &err), 0);
	assert_facts_equal(&run.facts, &facts);
	assert_lists(&run);
	vnx_run_fini(&run);
}

static void fill(struct vnx_recording *rec)
{
	fill_lists(rec);
	/* out of order, and one in two parts that add up */
	assert_int_equal(add(rec, START + 2 * BIN, VNX_TX_BYTES, 3, INT64_MAX), 0);
	assert_int_equal(add(rec, START, VNX_LOST, 0, 5), 0);
	assert_int_equal(add(rec, START, VNX_HANDLE_TX, 9, 20), 0);
	assert_int_equal(add(rec, START + BIN, VNX_VCPU_HALT, UINT32_MAX, 37), 0);
	assert_int_equal(vnx_recording_commit(rec, &err), 0);
	assert_int_equal(add(rec, START, VNX_HANDLE_TX, 9, 3), 0);
	assert_int_equal(add(rec, START, VNX_HANDLE_TX, 7, 1), 0);
}

static void test_round_trip(void **state)
{
	const char *path = in_dir("a.vdx");
	struct vnx_recording *rec = create(path);
	const struct vnx_reader_conf conf = { .bin_ns = VNX_NSEC_PER_SEC / 2 };
	const struct vnx_reader_ops *ops;
	struct vnx_reader *r;
	struct vnx_input in;
	struct stat sb;

	fill(rec);
	assert_int_equal(vnx_reader_vdx_borrow(&r, rec, &err), 0);
	read_and_check(&vnx_reader_vdx, r); /* live ... */
	vnx_reader_vdx.close(r);
	assert_int_equal(vnx_recording_commit(rec, &err), 0);
	close_ok(rec);
	assert_int_equal(stat(in_dir("a.vdx-journal"), &sb), -1); /* one file */
	assert_int_equal(vnx_input_open(&in, path, &err), 0);
	ops = vnx_reader_find(&in, &err);
	assert_ptr_equal(ops, &vnx_reader_vdx);
	assert_int_equal(ops->open(&r, &in, &conf, &err), 0);
	read_and_check(ops, r); /* ... and replayed give the same */
	ops->close(r);
	vnx_input_close(&in);
}

static void test_in_memory(void **state)
{
	struct vnx_recording *rec = create(NULL);
	struct vnx_reader *r;

	fill(rec);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(vnx_reader_vdx_borrow(&r, rec, &err), 0);
		read_and_check(&vnx_reader_vdx, r);
		vnx_reader_vdx.close(r);
		assert_int_equal(vnx_recording_commit(rec, &err), 0);
	}
	close_ok(rec);
	assert_int_equal(vnx_recording_close(NULL, &err), 0);
}

static void test_range(void **state)
{
	struct vnx_recording *rec = create(in_dir("a.vdx"));
	struct vnx_run_facts facts = some_facts();

	assert_int_equal(add(rec, 1ULL << 63, 0, 1, 1), -ERANGE);
	assert_non_null(strstr(err.message, "a sample's time"));
	assert_int_equal(add(rec, START, 0, 1, UINT64_MAX), -ERANGE);
	assert_int_equal(add(rec, START, VNX_METRIC_MAX, 1, 1), -EINVAL);
	facts.stats.lost = 1ULL << 63;
	assert_int_equal(vnx_recording_update(rec, &facts, &err), -ERANGE);
	/* still usable */
	assert_int_equal(add(rec, START, 0, 1, 1), 0);
	assert_int_equal(vnx_recording_commit(rec, &err), 0);
	close_ok(rec);
}

static int open_fails(const char *path, const char *word)
{
	struct vnx_recording *rec = NULL;
	int ret;

	err = (struct vnx_err){ 0 };
	ret = vnx_recording_open(path, &rec, &err);
	if (!ret || !strstr(err.message, word) || !strstr(err.message, path))
		print_error("'%s' lacks '%s'\n", err.message, word);
	assert_int_not_equal(ret, 0);
	assert_null(rec);
	assert_non_null(strstr(err.message, word));
	assert_non_null(strstr(err.message, path));
	return ret;
}

static void put_file(const char *path, const void *bytes, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, n), n);
	close(fd);
}

static void sql(const char *path, const char *text)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void make_small(const char *path)
{
	struct vnx_recording *rec = create(path);

	fill(rec);
	close_ok(rec);
}

static void test_not_a_recording(void **state)
{
	put_file(in_dir("empty.vdx"), "", 0);
	assert_int_equal(open_fails(in_dir("empty.vdx"), "empty"), -ENOMSG);
	put_file(in_dir("text.vdx"), "hello, this is just text\n", 25);
	assert_int_equal(open_fails(in_dir("text.vdx"), "not a recording"), -ENOMSG);
	put_file(in_dir("short.vdx"), "SQLite format 3\0xxxx", 20);
	assert_int_equal(open_fails(in_dir("short.vdx"), "not a recording"), -ENOMSG);
	sql(in_dir("other.db"), "CREATE TABLE t(x)");
	assert_int_equal(open_fails(in_dir("other.db"), "other program's"), -ENOMSG);
	sql(in_dir("none.db"), "PRAGMA user_version=1");
	assert_int_equal(open_fails(in_dir("none.db"), "before anything was recorded"), -ENOMSG);
	make_small(in_dir("new.vdx"));
	sql(in_dir("new.vdx"), "PRAGMA user_version=3");
	assert_int_equal(open_fails(in_dir("new.vdx"), "newer vnetdx (schema 3, this one reads up "
						       "to 1)"),
			 -EPROTO);
	assert_int_equal(open_fails(in_dir("missing.vdx"), "No such file"), -ENOENT);
	assert_int_equal(open_fails(dir, "a folder"), -EISDIR);
	assert_int_equal(open_fails("/dev/null", "device"), -EINVAL);
	assert_int_equal(mkfifo(in_dir("fifo"), 0644), 0);
	assert_int_equal(open_fails(in_dir("fifo"), "pipe"), -EINVAL);
}

static const struct vnx_reader_ops *find_reader(const char *path)
{
	const struct vnx_reader_ops *ops = NULL;
	struct vnx_input in;

	if (!vnx_input_open(&in, path, &err)) {
		ops = vnx_reader_find(&in, &err);
		vnx_input_close(&in);
	}
	return ops;
}

static void find_fails(const char *path, const char *word)
{
	err = (struct vnx_err){ 0 };
	assert_null(find_reader(path));
	if (!strstr(err.message, word))
		print_error("'%s' lacks '%s'\n", err.message, word);
	assert_non_null(strstr(err.message, word));
}

static void test_reader_find(void **state)
{
	make_small(in_dir("no-suffix"));
	assert_ptr_equal(find_reader(in_dir("no-suffix")), &vnx_reader_vdx);
	put_file(in_dir("empty"), "", 0);
	find_fails(in_dir("empty"), "is empty");
	put_file(in_dir("text"), "hello", 5);
	find_fails(in_dir("text"), "known: vdx");
	find_fails(dir, "a folder");
	find_fails("/dev/zero", "device");
	find_fails(in_dir("missing"), "No such file");
}

/* Reads all there is; any result but a crash, a hang or an error without words will do. */
static int read_all(const char *path)
{
	struct vnx_run run = { 0 };
	struct vnx_input in = { .path = path, .seekable = true };
	struct vnx_reader *r;
	struct vnx_sample s;
	int ret;

	err = (struct vnx_err){ 0 };
	ret = vnx_reader_vdx.open(&r, &in, NULL, &err);
	if (!ret) {
		ret = vnx_reader_vdx.run(r, &run, &err);
		while (!ret && (ret = vnx_reader_vdx.next(r, &s, &err)) > 0)
			ret = 0;
		vnx_reader_vdx.close(r);
		vnx_run_fini(&run);
	}
	if (ret)
		assert_true(err.message[0]);
	return ret;
}

static unsigned char *slurp(const char *path, size_t *n)
{
	unsigned char *buf = malloc(1 << 20);
	FILE *f = fopen(path, "r");

	assert_true(buf && f);
	*n = fread(buf, 1, 1 << 20, f);
	fclose(f);
	return buf;
}

static void test_cut_and_mutated(void **state)
{
	const char *path = in_dir("bad.vdx");
	uint64_t seed = 42;
	unsigned char *whole;
	size_t n;
	int failed = 0;

	make_small(in_dir("a.vdx"));
	whole = slurp(in_dir("a.vdx"), &n);
	for (size_t cut = 0; cut < n; cut += 509) {
		put_file(path, whole, cut);
		assert_int_not_equal(read_all(path), 0);
	}
	for (int i = 0; i < 1000; i++) {
		unsigned char *copy = malloc(n);

		memcpy(copy, whole, n);
		for (int k = 0; k < 8; k++) {
			seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
			copy[(seed >> 33) % n] = (unsigned char)(seed >> 25);
		}
		put_file(path, copy, n);
		failed += read_all(path) != 0;
		free(copy);
	}
	assert_in_range(failed, 1, 999);
	free(whole);
}

static void test_wrong_values(void **state)
{
	static const char *const bad[] = {
		"UPDATE sample SET count = 'many'",
		"UPDATE sample SET t_ns = -t_ns",
		"UPDATE sample SET entity = entity + 4294967296",
		"UPDATE sample SET dur_ns = 1.5",
		"UPDATE meta SET value = 'wide' WHERE key = 'bin_ns'",
		"UPDATE meta SET value = 0 WHERE key = 'bin_ns'",
		"DELETE FROM meta",
		"UPDATE meta SET value = 1 WHERE key = 'end_ns'",
		"UPDATE vm SET doc = '{'",
		"UPDATE vm SET doc = '[]'",
		"UPDATE hook SET since_ns = -1",
		"UPDATE load_line SET arrival_ns = -1",
		"UPDATE verified SET hook = -1",
		"DROP VIEW counts; DROP TABLE sample",
		"DROP VIEW counts; DROP TABLE metric",
		"DROP TABLE hook",
	};

	for (size_t i = 0; i < VNX_ARRAY_SIZE(bad); i++) {
		make_small(in_dir("a.vdx"));
		sql(in_dir("a.vdx"), bad[i]);
		if (!read_all(in_dir("a.vdx")))
			fail_msg("accepted: %s", bad[i]);
		unlink(in_dir("a.vdx"));
	}
	/* What a later vnetdx may add without a new schema is passed over. */
	make_small(in_dir("a.vdx"));
	sql(in_dir("a.vdx"), "INSERT INTO meta VALUES('later', 1);"
			     "INSERT INTO metric VALUES(77, 'later');"
			     "INSERT INTO sample VALUES(1, 1, 77, 1, 1);"
			     "INSERT INTO hook VALUES(9, 'later', 'x', '', 0, 0)");
	assert_int_equal(read_all(in_dir("a.vdx")), 0);
	/* What an earlier one did not write yet is not missed. */
	sql(in_dir("a.vdx"), "DROP TABLE verified");
	assert_int_equal(read_all(in_dir("a.vdx")), 0);
}

static int create_again(const char *path, bool force)
{
	struct vnx_run_facts facts = some_facts();
	struct vnx_recording *rec = NULL;
	int ret;

	err = (struct vnx_err){ 0 };
	ret = vnx_recording_create(path, force, &facts, &rec, &err);
	if (ret)
		assert_null(rec);
	else
		close_ok(rec);
	return ret;
}

static void test_existing(void **state)
{
	struct vnx_recording *rec;
	const char *path = in_dir("a.vdx");
	struct stat sb;

	make_small(path);
	assert_int_equal(create_again(path, false), -EEXIST);
	assert_non_null(strstr(err.message, "exists already; --force overwrites"));
	assert_int_equal(read_all(path), 0);
	assert_int_equal(create_again(path, true), 0);

	put_file(in_dir("precious"), "text", 4);
	assert_int_equal(create_again(in_dir("precious"), true), -EEXIST);
	assert_int_equal(stat(in_dir("precious"), &sb), 0);
	assert_int_equal(sb.st_size, 4);
	put_file(in_dir("empty"), "", 0);
	assert_int_equal(create_again(in_dir("empty"), true), 0);

	rec = create(in_dir("busy.vdx"));
	assert_int_equal(create_again(in_dir("busy.vdx"), true), -EBUSY);
	assert_non_null(strstr(err.message, "another vnetdx"));
	assert_int_equal(add(rec, START, 0, 1, 1), 0);
	close_ok(rec);
	assert_int_equal(read_all(in_dir("busy.vdx")), 0);
}

static void test_bad_targets(void **state)
{
	assert_int_equal(create_again(dir, true), -EISDIR);
	assert_int_equal(create_again("/dev/null", true), -EINVAL);
	assert_int_equal(create_again(in_dir("no/such/x.vdx"), false), -ENOENT);
	assert_non_null(strstr(err.hint, "mkdir -p"));
	assert_int_equal(chdir(dir), 0);
	assert_int_equal(create_again(":memory:", false), 0); /* a file's name like any other */
	assert_int_equal(read_all(in_dir(":memory:")), 0);
	assert_int_equal(chdir("/"), 0);
}

/* Runs @fn in a child that cannot write what others own; its exit status is its verdict. */
static void as_nobody(int (*fn)(void))
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		if (!getuid() && setresuid(NOBODY, NOBODY, NOBODY))
			_exit(99);
		_exit(fn());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static int create_denied(void)
{
	int ret = create_again(in_dir("a.vdx"), false);

	return ret != -EACCES || !strstr(err.message, "Permission denied") || !err.hint[0];
}

static void test_folder_not_writable(void **state)
{
	assert_int_equal(chmod(dir, 0555), 0);
	as_nobody(create_denied);
}

/* A commit cut in its middle: pages of an unfinished transaction are in the file already. */
static void make_hot(const char *to)
{
	char cmd[400];
	sqlite3 *db;

	make_small(in_dir("a.vdx"));
	assert_int_equal(sqlite3_open(in_dir("a.vdx"), &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(db,
			     "PRAGMA synchronous=OFF; PRAGMA cache_size=5; BEGIN;"
			     "UPDATE sample SET count = 99;"
			     "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
			     " WHERE i < 50000) INSERT INTO sample SELECT i, 1, 0, 1, 1 FROM n",
			     NULL, NULL, NULL),
		SQLITE_OK);
	snprintf(cmd, sizeof(cmd), "cp %s/a.vdx %s && cp %s/a.vdx-journal %s-journal", dir, to, dir,
		 to);
	assert_int_equal(system(cmd), 0);
	sqlite3_close(db);
}

static int read_hot(void)
{
	struct vnx_input in = { .path = in_dir("ro/hot.vdx"), .seekable = true };
	struct vnx_reader *r;

	if (vnx_reader_vdx.open(&r, &in, NULL, &err)) {
		print_error("%s\n", err.message);
		return 1;
	}
	read_and_check(&vnx_reader_vdx, r);
	vnx_reader_vdx.close(r);
	return 0;
}

static int count_leftovers(void)
{
	struct dirent *e;
	DIR *d = opendir("/tmp");
	int n = 0;

	assert_non_null(d);
	while ((e = readdir(d)))
		n += strlen(e->d_name) == 13 && !strncmp(e->d_name, "vnetdx-", 7);
	closedir(d);
	return n;
}

static void test_interrupted_commit(void **state)
{
	int before = count_leftovers();
	unsigned char *bytes, *again;
	size_t n, m;

	assert_int_equal(mkdir(in_dir("ro"), 0755), 0);
	make_hot(in_dir("ro/hot.vdx"));
	bytes = slurp(in_dir("ro/hot.vdx"), &n);
	assert_int_equal(chmod(in_dir("ro"), 0555), 0);
	as_nobody(read_hot);
	again = slurp(in_dir("ro/hot.vdx"), &m); /* untouched */
	assert_int_equal(n, m);
	assert_memory_equal(bytes, again, n);
	assert_int_equal(count_leftovers(), before);
	/* where it may be written, it is mended in place */
	assert_int_equal(chmod(in_dir("ro"), 0755), 0);
	assert_int_equal(read_hot(), 0);
	assert_int_equal(access(in_dir("ro/hot.vdx-journal"), F_OK), -1);
	assert_int_equal(read_hot(), 0);
	free(bytes);
	free(again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_round_trip, setup, teardown),
		cmocka_unit_test_setup_teardown(test_in_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(test_range, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_a_recording, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reader_find, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cut_and_mutated, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wrong_values, setup, teardown),
		cmocka_unit_test_setup_teardown(test_existing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_targets, setup, teardown),
		cmocka_unit_test_setup_teardown(test_folder_not_writable, setup, teardown),
		cmocka_unit_test_setup_teardown(test_interrupted_commit, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
