// SPDX-License-Identifier: GPL-2.0-only
/*
 * A trace.dat made of made-up pages: laid out as trace-cmd.dat.v6(5) says, and read by trace-cmd
 * itself. 23 and 29 events on two CPUs, none on a third.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/record/trace_dat_write.h"

#define PAGE 4096
#define CPUS 3
#define TICK_ID 1001
#define COMMON                                                                         \
	"\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"         \
	"\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;\n"         \
	"\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;\n" \
	"\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n"

static char dir[64], path[96];

static char header_page[] = "\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;\n"
			    "\tfield: local_t commit;\toffset:8;\tsize:8;\tsigned:1;\n"
			    "\tfield: int overwrite;\toffset:8;\tsize:1;\tsigned:1;\n"
			    "\tfield: char data;\toffset:16;\tsize:4080;\tsigned:0;\n";
static char header_event[] = "# compressed entry header\n\ttype_len    :    5 bits\n"
			     "\ttime_delta  :   27 bits\n\tarray       :   32 bits\n\n"
			     "\tpadding     : type == 29\n\ttime_extend : type == 30\n"
			     "\ttime_stamp : type == 31\n\tdata max type_len  == 28\n";
static char tick[] =
	"name: tick\nID: 1001\nformat:\n" COMMON
	"\tfield:int n;\toffset:8;\tsize:4;\tsigned:1;\n\nprint fmt: \"n=%d\", REC->n\n";
static char tock[] =
	"name: tock\nID: 1002\nformat:\n" COMMON
	"\tfield:int n;\toffset:8;\tsize:4;\tsigned:1;\n\nprint fmt: \"n=%d\", REC->n\n";
static char print[] = "name: print\nID: 5\nformat:\n" COMMON
		      "\tfield:unsigned long ip;\toffset:8;\tsize:8;\tsigned:0;\n"
		      "\tfield:char buf[];\toffset:16;\tsize:0;\tsigned:0;\n\n"
		      "print fmt: \"%ps: %s\", (void *)REC->ip, REC->buf\n";
static char stats0[] = "entries: 0\noverrun: 17\n", stats1[] = "entries: 0\noverrun: 0\n";

static struct vnx_events_format ftrace[] = { { "ftrace", print } };
static struct vnx_events_format events[] = { { "fake", tick },
					     { "fake", tock },
					     { "other", tock } };
static char *stats[CPUS] = { stats0, stats1, NULL };
static uint64_t lost[CPUS] = { 17 };

static const struct vnx_events_meta meta = {
	.page_size = PAGE,
	.n_cpus = CPUS,
	.header_page = header_page,
	.header_event = header_event,
	.ftrace = { ftrace, 1, 1 },
	.events = { events, 3, 3 },
	.kallsyms = "ffffffff81000000 T start_here\n",
	.printk_formats = "",
	.cmdlines = "148 vhost-144\n150 CPU 0/KVM\n",
	.clocks = "local global [mono] boot\n",
	.uname = "Linux lab 6.1.0 x86_64",
	.stats = stats,
	.lost = lost,
};

static void must(int ret)
{
	assert_int_equal(ret, 0);
}

static int setup(void **state)
{
	snprintf(dir, sizeof(dir), "%s/vnx-dat-XXXXXX",
		 getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/run.dat", dir);
	return 0;
}

static int files_in_dir(void)
{
	char command[128];
	FILE *p;
	int n = -1;

	snprintf(command, sizeof(command), "ls -A %s | wc -l", dir);
	p = popen(command, "r");
	assert_non_null(p);
	assert_int_equal(fscanf(p, "%d", &n), 1);
	pclose(p);
	return n;
}

static int teardown(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

/* A page of @n ticks of thread @tid, numbered from @first, 1 us apart (rb_event: type_len 3). */
static void make_page(unsigned char *page, uint64_t t_ns, uint32_t tid, int first, int n)
{
	unsigned char *p = page + 16;

	memset(page, 0, PAGE);
	for (int i = 0; i < n; i++) {
		uint32_t word[4] = { 3 | (i ? 1000u : 0u) << 5, TICK_ID, tid,
				     (uint32_t)(first + i) };

		memcpy(p, word, sizeof(word));
		p += sizeof(word);
	}
	memcpy(page, &t_ns, 8);
	t_ns = (uint64_t)(p - page - 16);
	memcpy(page + 8, &t_ns, 8);
}

/* CPU 0: two pages, 11 and 12 events; CPU 1: 29 on one; CPU 2: nothing. */
static void add_pages(struct vnx_trace_dat *d)
{
	static unsigned char pages[2 * PAGE];
	struct vnx_err err = { 0 };

	make_page(pages, 5000000000, 148, 0, 11);
	make_page(pages + PAGE, 5100000000, 148, 11, 12);
	must(vnx_trace_dat_pages(d, 0, pages, 2 * PAGE, &err));
	make_page(pages, 5000500000, 150, 100, 29);
	must(vnx_trace_dat_pages(d, 1, pages, PAGE, &err));
	assert_int_equal(vnx_trace_dat_bytes(d), 3 * PAGE);
}

static struct vnx_trace_dat *begin(bool force)
{
	struct vnx_err err = { 0 };
	struct vnx_trace_dat *d;

	must(vnx_trace_dat_create(&d, path, force, CPUS, &err));
	must(vnx_trace_dat_head(d, &meta, &err));
	return d;
}

static void make_file(void)
{
	struct vnx_err err = { 0 };
	struct vnx_trace_dat *d = begin(false);

	add_pages(d);
	must(vnx_trace_dat_finish(d, &meta, &err));
}

static unsigned char *read_file(const char *name, size_t *size)
{
	FILE *f = fopen(name, "r");
	unsigned char *data = malloc(1 << 20);

	assert_non_null(f);
	assert_non_null(data);
	*size = fread(data, 1, 1 << 20, f);
	fclose(f);
	return data;
}

/* ---- the layout ---- */

struct cursor {
	const unsigned char *p, *end;
};

static uint64_t number(struct cursor *c, size_t len)
{
	uint64_t x = 0;

	assert_true((size_t)(c->end - c->p) >= len);
	memcpy(&x, c->p, len);
	c->p += len;
	return x;
}

static void literal(struct cursor *c, const char *text, size_t len)
{
	assert_true((size_t)(c->end - c->p) >= len);
	assert_memory_equal(c->p, text, len);
	c->p += len;
}

/* A length of @width bytes, then that text. */
static void counted(struct cursor *c, size_t width, const char *text)
{
	assert_int_equal(number(c, width), strlen(text));
	literal(c, text, strlen(text));
}

static void option(struct cursor *c, uint64_t id, const char *text)
{
	assert_int_equal(number(c, 2), id);
	assert_int_equal(number(c, 4), strlen(text) + 1);
	literal(c, text, strlen(text) + 1);
}

static void check_formats(struct cursor *c)
{
	assert_int_equal(number(c, 4), 1);
	counted(c, 8, print);
	assert_int_equal(number(c, 4), 2);
	literal(c, "fake", 5);
	assert_int_equal(number(c, 4), 2);
	counted(c, 8, tick);
	counted(c, 8, tock);
	literal(c, "other", 6);
	assert_int_equal(number(c, 4), 1);
	counted(c, 8, tock);
}

static void check_options(struct cursor *c)
{
	literal(c, "options  ", 10);
	option(c, 4, meta.clocks);
	option(c, 5, meta.uname);
	option(c, 9, "vnetdx " VNX_VERSION);
	option(c, 2, "CPU: 0\nentries: 0\noverrun: 17\n");
	option(c, 2, "CPU: 1\nentries: 0\noverrun: 0\n");
	assert_int_equal(number(c, 2), 0);
}

static void check_data(const unsigned char *data, size_t size, struct cursor *c)
{
	static const uint64_t sizes[CPUS] = { 2 * PAGE, PAGE, 0 };
	static const uint64_t stamps[CPUS] = { 5000000000, 5000500000 };
	uint64_t end = 0;

	literal(c, "flyrecord", 10);
	for (int cpu = 0; cpu < CPUS; cpu++) {
		uint64_t at = number(c, 8), len = number(c, 8), stamp;

		assert_int_equal(len, sizes[cpu]);
		assert_int_equal(at % PAGE, 0);
		if (!len)
			continue;
		assert_true(at >= (cpu ? end : (uint64_t)(c->p - data)));
		end = at + len;
		memcpy(&stamp, data + at, 8);
		assert_int_equal(stamp, stamps[cpu]);
	}
	assert_int_equal(end, size);
}

static void test_layout(void **state)
{
	size_t size;
	unsigned char *data;
	struct cursor c;

	make_file();
	data = read_file(path, &size);
	c = (struct cursor){ data, data + size };
	literal(&c, "\x17\x08\x44tracing6", 12);
	assert_int_equal(number(&c, 1), 0);
	assert_int_equal(number(&c, 1), sizeof(long));
	assert_int_equal(number(&c, 4), PAGE);
	literal(&c, "header_page", 12);
	counted(&c, 8, header_page);
	literal(&c, "header_event", 13);
	counted(&c, 8, header_event);
	check_formats(&c);
	counted(&c, 4, meta.kallsyms);
	counted(&c, 4, "");
	counted(&c, 8, meta.cmdlines);
	assert_int_equal(number(&c, 4), CPUS);
	check_options(&c);
	check_data(data, size, &c);
	free(data);
	assert_int_equal(files_in_dir(), 1);
}

static void test_addresses_are_not_for_all(void **state)
{
	struct stat st;

	make_file();
	must(stat(path, &st));
	assert_int_equal(st.st_mode & 0777, 0600);
}

/* ---- trace-cmd ---- */

static void need_trace_cmd(void)
{
	if (!system("command -v trace-cmd >/dev/null 2>&1"))
		return;
	print_message("skip: trace-cmd is not installed; tests/deps --test installs it\n");
	skip();
}

/* Lines of @command's output that contain all of @a and @b. */
static int count_lines(const char *command, const char *a, const char *b)
{
	FILE *p = popen(command, "r");
	char line[512];
	int n = 0;

	assert_non_null(p);
	while (fgets(line, sizeof(line), p))
		n += strstr(line, a) && strstr(line, b);
	assert_int_equal(pclose(p), 0);
	return n;
}

static void check_report(const char *file)
{
	char command[256];

	snprintf(command, sizeof(command), "trace-cmd report -t %s 2>/dev/null", file);
	assert_int_equal(count_lines(command, "tick:", "vhost-144-148"), 23);
	assert_int_equal(count_lines(command, "tick:", "CPU 0/KVM-150"), 29);
	assert_int_equal(count_lines(command, "tick:", "n="), 52);
	assert_int_equal(count_lines(command, "5.100003000: tick:", "n=14"), 1);
	assert_int_equal(count_lines(command, "5.000528000: tick:", "n=128"), 1);
}

static void test_trace_cmd_reports(void **state)
{
	char command[256];

	need_trace_cmd();
	make_file();
	check_report(path);
	snprintf(command, sizeof(command), "trace-cmd report --stat %s 2>/dev/null", path);
	assert_int_equal(count_lines(command, "overrun: 17", ""), 1);
	snprintf(command, sizeof(command), "trace-cmd report --uname %s 2>/dev/null", path);
	assert_int_equal(count_lines(command, "6.1.0", ""), 1);
}

static void test_trace_cmd_reports_an_empty_run(void **state)
{
	struct vnx_err err = { 0 };
	char command[256];

	need_trace_cmd();
	must(vnx_trace_dat_finish(begin(false), &meta, &err));
	snprintf(command, sizeof(command), "trace-cmd report %s 2>/dev/null", path);
	assert_int_equal(count_lines(command, "tick:", ""), 0);
}

/* As a kill leaves it: neither finished nor discarded. */
static void leave_remains(void)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		add_pages(begin(false));
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(files_in_dir(), 3);
}

static void test_killed_run_is_restored(void **state)
{
	char command[512], out[128];

	need_trace_cmd();
	leave_remains();
	snprintf(out, sizeof(out), "%s/out.dat", dir);
	snprintf(command, sizeof(command), "trace-cmd restore -i %s -o %s %s.cpu* >/dev/null 2>&1",
		 path, out, path);
	must(system(command));
	check_report(out);
}

/* ---- what stands in the way ---- */

static void test_killed_run_is_told(void **state)
{
	struct vnx_err err = { 0 };
	struct vnx_trace_dat *d;

	leave_remains();
	assert_int_equal(vnx_trace_dat_create(&d, path, false, CPUS, &err), -EEXIST);
	assert_non_null(strstr(err.message, "run.dat.cpu0 is there"));
	assert_non_null(strstr(err.hint, "trace-cmd restore -i"));
	assert_int_equal(files_in_dir(), 3);
	vnx_trace_dat_discard(begin(true));
	assert_int_equal(files_in_dir(), 0);
}

static void test_existing_file_stays(void **state)
{
	struct vnx_err err = { 0 };
	struct vnx_trace_dat *d;
	struct stat st;

	make_file();
	assert_int_equal(vnx_trace_dat_create(&d, path, false, CPUS, &err), -EEXIST);
	assert_null(d);
	assert_non_null(strstr(err.hint, "--force"));
	must(stat(path, &st));
	assert_true(st.st_size > 3 * PAGE);
	err = (struct vnx_err){ 0 };
	assert_true(vnx_trace_dat_create(&d, dir, true, CPUS, &err) < 0);
	assert_true(vnx_trace_dat_create(&d, "/dev/null", true, CPUS, &err) < 0);
}

/* No room in the middle of a page: the piece keeps whole pages, and the file is made of them. */
static void test_no_room(void **state)
{
	struct rlimit old, small;
	struct vnx_err err = { 0 };
	struct vnx_trace_dat *d = begin(false);
	static unsigned char pages[4 * PAGE];
	struct stat st;
	char piece[128];

	add_pages(d);
	must(getrlimit(RLIMIT_FSIZE, &old));
	small = (struct rlimit){ 3 * PAGE + 100, old.rlim_max };
	signal(SIGXFSZ, SIG_IGN);
	must(setrlimit(RLIMIT_FSIZE, &small));
	assert_true(vnx_trace_dat_pages(d, 0, pages, sizeof(pages), &err) < 0);
	must(setrlimit(RLIMIT_FSIZE, &old));
	assert_non_null(strstr(err.message, "run.dat.cpu0"));
	snprintf(piece, sizeof(piece), "%s.cpu0", path);
	must(stat(piece, &st));
	assert_int_equal(st.st_size, 2 * PAGE);
	err = (struct vnx_err){ 0 };
	must(vnx_trace_dat_finish(d, &meta, &err));
	assert_int_equal(files_in_dir(), 1);
}

/* Nor room to put it together: the pieces stay, and a file that restore takes. */
static void test_no_room_at_the_end(void **state)
{
	struct rlimit old, small;
	struct vnx_err err = { 0 };
	struct vnx_trace_dat *d = begin(false);
	struct stat st;

	add_pages(d);
	must(stat(path, &st));
	must(getrlimit(RLIMIT_FSIZE, &old));
	small = (struct rlimit){ (rlim_t)st.st_size + 100, old.rlim_max };
	signal(SIGXFSZ, SIG_IGN);
	must(setrlimit(RLIMIT_FSIZE, &small));
	assert_true(vnx_trace_dat_finish(d, &meta, &err) < 0);
	must(setrlimit(RLIMIT_FSIZE, &old));
	assert_non_null(strstr(err.hint, "trace-cmd restore -i"));
	assert_int_equal(files_in_dir(), 3);
}

static void test_cpu_that_is_not_there(void **state)
{
	static unsigned char page[PAGE];
	struct vnx_err err = { 0 };
	struct vnx_trace_dat *d = begin(false);

	assert_int_equal(vnx_trace_dat_pages(d, CPUS, page, PAGE, &err), -EINVAL);
	vnx_trace_dat_discard(d);
	assert_int_equal(files_in_dir(), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_layout),
		TEST(test_addresses_are_not_for_all),
		TEST(test_trace_cmd_reports),
		TEST(test_trace_cmd_reports_an_empty_run),
		TEST(test_killed_run_is_restored),
		TEST(test_killed_run_is_told),
		TEST(test_existing_file_stays),
		TEST(test_no_room),
		TEST(test_no_room_at_the_end),
		TEST(test_cpu_that_is_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
