// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long quotas of control groups held threads back, from a tree of files as the kernel has
 * it, of either version of control groups.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <ftw.h>
#include <sys/stat.h>

#include "cli/evidence/quota.h"

#define SEC VNX_NSEC_PER_SEC
#define MSEC VNX_NSEC_PER_MSEC

struct rig {
	char dir[64];
	bool v1;
	uint32_t tids[3]; /* a worker and two vCPUs */
	struct vnx_vm vm;
	struct vnx_vms vms;
	struct vnx_threads threads;
	struct vnx_samples samples;
	void *src;
	uint64_t now_ns;
};

static int rm_one(const char *path, const struct stat *sb, int flag, struct FTW *ftw)
{
	return remove(path);
}

static void put(const struct rig *r, const char *path, const char *text)
{
	char full[256];
	FILE *f;

	snprintf(full, sizeof(full), "%s/%s", r->dir, path);
	for (char *slash = full + strlen(r->dir) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		mkdir(full, 0700);
		*slash = '/';
	}
	f = fopen(full, "w");
	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static void put_group(const struct rig *r, uint32_t tid, const char *group)
{
	char path[32], text[256];

	snprintf(path, sizeof(path), "%u/cgroup", tid);
	snprintf(text, sizeof(text), "5:memory,cpuset:/no\n%s%s\n1:name=systemd:/no\n",
		 r->v1 ? "4:cpuacct,cpu:" : "0::", group);
	put(r, path, text);
}

/* Throttled time of a group. */
static void put_ms(const struct rig *r, const char *group, unsigned ms)
{
	char path[128], text[128];

	snprintf(path, sizeof(path), "root%s/cpu.stat", group);
	snprintf(text, sizeof(text), "nr_periods 9\nnr_throttled 3\nthrottled_%s %u%s\n",
		 r->v1 ? "time" : "usec", ms, r->v1 ? "000000" : "000");
	put(r, path, text);
}

static void begin(struct rig *r, bool v1)
{
	const char *tmp = getenv("TMPDIR");
	struct vnx_err err;
	char text[512];

	snprintf(r->dir, sizeof(r->dir), "%s/vnetdx-test-XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(r->dir));
	memcpy(r->tids, (uint32_t[]){ 11, 12, 13 }, sizeof(r->tids));
	r->v1 = v1;
	r->vm = (struct vnx_vm){ .workers = { r->tids, 1, 1 },
				 .vcpus = { r->tids + 1, 2, 2 },
				 .last_ns = UINT64_MAX };
	r->vms = (struct vnx_vms){ &r->vm, 1, 1 };
	snprintf(text, sizeof(text), "20 1 0:5 / /no rw - tmpfs tmpfs rw,cpu\n%s %s/root %s\n",
		 v1 ? "21 1 0:6 / /no rw - cgroup2 cgroup2 rw\n22 1 0:7 /" : "21 1 0:6 /", r->dir,
		 v1 ? "rw shared:9 - cgroup cgroup rw,cpuacct,cpu" : "rw - cgroup2 cgroup2 rw");
	put(r, "self/mountinfo", text);
	put_group(r, 11, "/slice/vm-1");
	put_group(r, 12, "/slice/vm-1/vcpu0");
	put_group(r, 13, "/");
	put_ms(r, "/slice", 100);
	put_ms(r, "/slice/vm-1", 1000);
	put_ms(r, "/slice/vm-1/vcpu0", 7);
	put_ms(r, "", 0);
	assert_int_equal(vnx_quota_open_at(&r->src, r->dir, &err), 0);
}

static void end(struct rig *r)
{
	vnx_source_quota.close(r->src);
	vnx_threads_fini(&r->threads);
	free(r->samples.v);
	assert_int_equal(nftw(r->dir, rm_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* A second later. */
static void read_next(struct rig *r)
{
	struct vnx_readings out = { .samples = &r->samples };
	struct vnx_err err;
	struct vnx_scene scene = { .threads = &r->threads };

	scene.now_ns = r->now_ns += SEC;
	r->samples.n = 0;
	assert_int_equal(vnx_threads_sync(&r->threads, &r->vms), 0);
	assert_int_equal(vnx_source_quota.read(r->src, &scene, &out, &err), 0);
}

/* -1: no sample */
static int held_ms(const struct rig *r, uint32_t tid)
{
	for (size_t i = 0; i < r->samples.n; i++)
		if (r->samples.v[i].entity == tid)
			return (int)(r->samples.v[i].count / MSEC);
	return -1;
}

static void assert_held(const struct rig *r, int worker, int vcpu0, int vcpu1)
{
	assert_int_equal(held_ms(r, 11), worker);
	assert_int_equal(held_ms(r, 12), vcpu0);
	assert_int_equal(held_ms(r, 13), vcpu1);
}

/* What a group is held back, all below it are. */
static void all_above_count(void **state)
{
	for (int v1 = 0; v1 < 2; v1++) {
		struct rig r = { 0 };

		begin(&r, v1);
		read_next(&r);
		assert_held(&r, -1, -1, -1);
		put_ms(&r, "/slice", 123);
		put_ms(&r, "/slice/vm-1/vcpu0", 36);
		read_next(&r);
		assert_held(&r, 23, 23 + 29, 0);
		assert_int_equal(r.samples.v[0].dur_ns, SEC);
		end(&r);
	}
}

static void moved_to_another_group(void **state)
{
	struct rig r = { 0 };

	begin(&r, false);
	read_next(&r);
	put_group(&r, 13, "/slice/vm-1/vcpu1");
	put_ms(&r, "/slice/vm-1/vcpu1", 500);
	for (int i = 0; i < 5; i++) /* noticed within five seconds */
		read_next(&r);
	assert_held(&r, 0, 0, -1);
	put_ms(&r, "/slice/vm-1/vcpu1", 531);
	read_next(&r);
	assert_held(&r, 0, 0, 31);
	end(&r);
}

/* VMs come and go under names of their own; a group that comes back begins anew. */
static void comes_and_goes(void **state)
{
	struct rig r = { 0 };

	begin(&r, false);
	read_next(&r);
	for (unsigned i = 0; i < 20; i++) {
		char group[64];

		snprintf(group, sizeof(group), "/slice/vm-%u", i * 7 % 20);
		for (uint32_t k = 0; k < 3; k++)
			put_group(&r, r.tids[k] = 100 + 3 * i + k, group);
		put_ms(&r, group, 10 * i);
		read_next(&r);
		assert_int_equal(r.samples.n, 0);
		put_ms(&r, group, 10 * i + 3);
		read_next(&r);
		assert_int_equal(r.samples.n, 3);
		assert_int_equal(held_ms(&r, 100 + 3 * i), 3);
	}
	r.vms.n = 0;
	read_next(&r);
	assert_int_equal(r.samples.n, 0);
	end(&r);
}

static void not_mounted(void **state)
{
	struct vnx_err err = { 0 };
	void *src;

	assert_int_equal(vnx_quota_open_at(&src, "/nowhere", &err), -ENOENT);
	assert_non_null(strstr(err.message, "no control groups"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_above_count),
		cmocka_unit_test(moved_to_another_group),
		cmocka_unit_test(comes_and_goes),
		cmocka_unit_test(not_mounted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
