// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host as a whole where it is large: files of /proc that are many pages long, and sets of
 * more CPUs than a cpu_set_t holds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <inttypes.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cli/base/cpus.h"
#include "cli/evidence/host_evidence.h"
#include "cli/evidence/numa.h"
#include "cli/evidence/threads.h"

#define SEC VNX_NSEC_PER_SEC
#define CPUS 2048

struct rig {
	char dir[64];
	struct vnx_threads threads;
	struct vnx_samples samples;
	struct vnx_readings out;
	void *src;
	struct vnx_err err;
};

static void put(const struct rig *r, const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", r->dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
	assert_int_equal(fclose(f), 0);
}

/* Each CPU: 100 jiffies a @round, 5 of them in interrupts. */
static void put_stat(const struct rig *r, uint64_t round)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	fprintf(f, "cpu  0 0 0 %" PRIu64 " 0 0 0 %" PRIu64 " 0 0\n", 75 * round, 25 * round);
	for (unsigned cpu = 0; cpu < CPUS; cpu++)
		fprintf(f, "cpu%u 0 0 0 %" PRIu64 " 0 %" PRIu64 " 0 0 0 0\n", cpu, 95 * round,
			5 * round);
	fprintf(f, "intr 1 2 3\nctxt 1\n");
	assert_int_equal(fclose(f), 0);
	assert_true(size > 10 * 4096);
	put(r, "stat", text);
	free(text);
}

/* @drops of each CPU but the last, of which it is a thousand times as many. */
static void put_softnet(const struct rig *r, uint32_t drops)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	for (unsigned cpu = 0; cpu < CPUS; cpu++)
		fprintf(f,
			"%08x %08x %08x 00000000 00000000 00000000 00000000 00000000 00000000 "
			"00000000 00000000 00000000 %08x\n",
			cpu * 3, drops * (cpu == CPUS - 1 ? 1000 : 1), 9, cpu);
	assert_int_equal(fclose(f), 0);
	assert_true(size > 10 * 4096);
	put(r, "net/softnet_stat", text);
	free(text);
}

static int setup(void **state)
{
	const char *tmp = getenv("TMPDIR");
	struct rig *r = calloc(1, sizeof(*r));
	char path[80];

	assert_non_null(r);
	snprintf(r->dir, sizeof(r->dir), "%s/vnetdx-test-XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(r->dir));
	snprintf(path, sizeof(path), "%s/net", r->dir);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/node0", r->dir);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/node1", r->dir);
	assert_int_equal(mkdir(path, 0700), 0);
	r->out.samples = &r->samples;
	*state = r;
	return 0;
}

static int teardown(void **state)
{
	static const char *const names[] = { "net/softnet_stat",
					     "node0/cpulist",
					     "node1/cpulist",
					     "stat",
					     "net",
					     "node0",
					     "node1",
					     "" };
	struct rig *r = *state;

	for (size_t i = 0; i < VNX_ARRAY_SIZE(names); i++) {
		char path[128];

		snprintf(path, sizeof(path), "%s/%s", r->dir, names[i]);
		remove(path);
	}
	free(r->samples.v);
	vnx_threads_fini(&r->threads);
	free(r);
	return 0;
}

static void read_host(struct rig *r, uint64_t now_ns)
{
	struct vnx_scene scene = { .now_ns = now_ns, .threads = &r->threads };

	r->samples.n = 0;
	assert_int_equal(vnx_source_host.read(r->src, &scene, &r->out, &r->err), 0);
}

static int64_t count_of(const struct rig *r, enum vnx_metric metric)
{
	for (size_t i = 0; i < r->samples.n; i++)
		if (r->samples.v[i].metric == metric)
			return (int64_t)r->samples.v[i].count;
	return -1;
}

static void whole_files(void **state)
{
	struct rig *r = *state;
	uint32_t me = (uint32_t)getpid();
	struct vnx_vm vm = { .workers = { &me, 1, 1 }, .last_ns = UINT64_MAX };
	struct vnx_vms vms = { &vm, 1, 1 };

	assert_int_equal(vnx_threads_sync(&r->threads, &vms), 0);
	put_stat(r, 1);
	put_softnet(r, 1);
	assert_int_equal(vnx_host_evidence_open_at(&r->src, r->dir, &r->err), 0);
	read_host(r, SEC);
	put_stat(r, 2);
	put_softnet(r, 3);
	read_host(r, 2 * SEC);
	assert_int_equal(count_of(r, VNX_HOST_IDLE), 750000);
	assert_int_equal(count_of(r, VNX_HOST_STEAL), 250000);
	assert_int_equal(count_of(r, VNX_WORKER_IRQ), SEC / 20);
	assert_int_equal(count_of(r, VNX_SOFTNET_DROPS), 2 * (CPUS - 1) + 2 * 1000);
	vnx_source_host.close(r->src);
}

static void no_stat(void **state)
{
	struct rig *r = *state;

	assert_int_equal(vnx_host_evidence_open_at(&r->src, r->dir, &r->err), -ENOENT);
	assert_non_null(strstr(r->err.message, "/stat cannot be read"));
}

/* Every other CPU, then the one that we run on: longer than a page. */
static void long_list(void **state)
{
	struct rig *r = *state;
	uint32_t me = (uint32_t)getpid(), parent = (uint32_t)getppid();
	struct vnx_vm vm = { .workers = { &me, 1, 1 },
			     .vcpus = { &parent, 1, 1 },
			     .last_ns = UINT64_MAX };
	struct vnx_vms vms = { &vm, 1, 1 };
	struct vnx_scene scene = { .now_ns = SEC, .threads = &r->threads };
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	for (unsigned cpu = 1024; cpu < 8192; cpu += 2)
		fprintf(f, "%u,", cpu);
	fprintf(f, "0-1023\n");
	assert_int_equal(fclose(f), 0);
	assert_true(size > 4 * 4096);
	put(r, "node0/cpulist", text);
	free(text);
	assert_int_equal(vnx_threads_sync(&r->threads, &vms), 0);
	/* A second node, so that it is asked which CPU a thread ran on. */
	put(r, "node1/cpulist", "8191\n");
	assert_int_equal(vnx_numa_open_at(&r->src, r->dir, &r->err), 0);
	assert_int_equal(vnx_source_numa.read(r->src, &scene, &r->out, &r->err), 0);
	scene.now_ns += 20 * SEC;
	assert_int_equal(vnx_source_numa.read(r->src, &scene, &r->out, &r->err), 0);
	assert_int_equal(r->samples.n, 1);
	assert_int_equal(count_of(r, VNX_VHOST_FAR), 0);
	vnx_source_numa.close(r->src);
}

/* A kernel of 2000 CPUs, in the place of this one: all threads may use these two alone. */
static int allowed[2];

int sched_getaffinity(pid_t tid, size_t size, cpu_set_t *set)
{
	if (size < 2048 / 8) {
		errno = EINVAL;
		return -1;
	}
	if (tid < 0) {
		errno = ESRCH;
		return -1;
	}
	for (size_t i = 0; i < 2; i++)
		CPU_SET_S((size_t)allowed[i], size, set);
	return 0;
}

static void many_cpus(void **state)
{
	struct vnx_cpus a = { 0 }, b = { 0 };

	memcpy(allowed, (int[]){ 3, 1999 }, sizeof(allowed));
	assert_int_equal(vnx_cpus_read(&a, 1), 0);
	assert_int_equal(vnx_cpus_count(&a), 2);
	assert_int_equal(vnx_cpus_read(&b, 2), 0);
	assert_true(vnx_cpus_equal(&a, &b));
	allowed[0] = 1999;
	assert_int_equal(vnx_cpus_read(&b, 2), 0);
	assert_int_equal(vnx_cpus_count(&b), 1);
	assert_false(vnx_cpus_equal(&a, &b));
	assert_int_equal(vnx_cpus_read(&b, (uint32_t)-1), -ESRCH);
	vnx_cpus_fini(&a);
	vnx_cpus_fini(&b);
}

/* A worker and its VM's vCPU, both on CPU 1999 alone. */
static void bound_to_a_late_cpu(void **state)
{
	struct rig *r = *state;
	uint32_t me = (uint32_t)getpid(), parent = (uint32_t)getppid();
	struct vnx_vm vm = { .workers = { &me, 1, 1 },
			     .vcpus = { &parent, 1, 1 },
			     .last_ns = UINT64_MAX };
	struct vnx_vms vms = { &vm, 1, 1 };
	struct vnx_scene scene = { .now_ns = SEC, .threads = &r->threads };

	if (sysconf(_SC_NPROCESSORS_ONLN) == 1 || access("/proc/self/schedstat", R_OK)) {
		print_message("skipped: one CPU, or no schedstat\n");
		skip();
	}
	allowed[0] = allowed[1] = 1999;
	assert_int_equal(vnx_threads_sync(&r->threads, &vms), 0);
	assert_int_equal(vnx_source_sched.open(&r->src, &r->err), 0);
	assert_int_equal(vnx_source_sched.read(r->src, &scene, &r->out, &r->err), 0);
	scene.now_ns += SEC;
	assert_int_equal(vnx_source_sched.read(r->src, &scene, &r->out, &r->err), 0);
	assert_int_equal(count_of(r, VNX_VHOST_CPUS), 1);
	assert_int_equal(count_of(r, VNX_VHOST_WITH_VCPU), 1);
	vnx_source_sched.close(r->src);
}

/* What every schedstat says, in the place of the kernel's; NULL: the kernel's own word. */
static const char *account;

ssize_t pread(int fd, void *buf, size_t n, off_t at)
{
	size_t len = account ? strlen(account) : 0;

	if (!account)
		return syscall(SYS_pread64, fd, buf, n, at);
	memcpy(buf, account, len < n ? len : n);
	return (ssize_t)(len < n ? len : n);
}

static uint64_t waited(const struct rig *r, uint64_t from_ns, uint64_t dur_ns)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < r->samples.n; i++)
		if (r->samples.v[i].metric == VNX_VHOST_RUNQ_WAIT &&
		    r->samples.v[i].t_ns == from_ns && r->samples.v[i].dur_ns == dur_ns)
			sum += r->samples.v[i].count;
	return sum;
}

/* A wait of 2.9 s that ends in the last three seconds, 0.5 s of which the thread ran. */
static void long_wait(void **state)
{
	static const char *const says[] = { "0 0 1",         "500000000 0 2",
					    "700000000 0 3", "700000000 0 3",
					    "700000000 0 3", "1200000000 2900000000 4" };
	struct rig *r = *state;
	uint32_t me = (uint32_t)getpid();
	struct vnx_vm vm = { .workers = { &me, 1, 1 }, .last_ns = UINT64_MAX };
	struct vnx_vms vms = { &vm, 1, 1 };
	struct vnx_scene scene = { .now_ns = SEC, .threads = &r->threads };

	if (access("/proc/self/schedstat", R_OK)) {
		print_message("skipped: no schedstat\n");
		skip();
	}
	allowed[0] = allowed[1] = 0;
	assert_int_equal(vnx_threads_sync(&r->threads, &vms), 0);
	assert_int_equal(vnx_source_sched.open(&r->src, &r->err), 0);
	for (size_t i = 0; i < VNX_ARRAY_SIZE(says); i++, scene.now_ns += SEC) {
		account = says[i];
		assert_int_equal(vnx_source_sched.read(r->src, &scene, &r->out, &r->err), 0);
	}
	account = NULL;
	vnx_source_sched.close(r->src);
	assert_int_equal(waited(r, SEC, SEC), 0);
	assert_int_equal(waited(r, 2 * SEC, SEC), 4 * SEC / 10);
	assert_int_equal(waited(r, 3 * SEC, 3 * SEC), 25 * SEC / 10);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(whole_files),         TEST(no_stat),   TEST(long_list), TEST(many_cpus),
		TEST(bound_to_a_late_cpu), TEST(long_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
