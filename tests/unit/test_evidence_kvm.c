// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM's counters by a tree of files as debugfs shows it: whole, damaged, coming and going; and
 * from there through a recording into a verdict's levels. The NUMA source likewise.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/evidence/kvm.h"
#include "cli/evidence/numa.h"
#include "cli/pipeline/pipeline.h"
#include "cli/record/recording.h"

#define SEC VNX_NSEC_PER_SEC
#define BIN (SEC / 2)
#define PID 1800000001u /* no kernel has numbers that high */
#define NOBODY 65534

static const char *const names[] = { "exits",
				     "io_exits",
				     "mmio_exits",
				     "halt_exits",
				     "irq_exits",
				     "irq_window_exits",
				     "signal_exits",
				     "hypercalls",
				     "halt_attempted_poll",
				     "halt_successful_poll",
				     "halt_poll_success_ns",
				     "halt_poll_fail_ns",
				     "halt_wait_ns" };

struct rig {
	char dir[64];
	struct vnx_vm vms_v[1];
	uint32_t vcpus[2];
	struct vnx_vms vms;
	struct vnx_samples samples;
	struct vnx_readings out;
	struct vnx_err err;
	void *src;
	uint64_t now_ns;
};

static void run_shell(const char *fmt, const char *a, const char *b)
{
	char cmd[256];

	snprintf(cmd, sizeof(cmd), fmt, a, b);
	assert_int_equal(system(cmd), 0);
}

static void put(const struct rig *r, const char *folder, const char *name, const char *text)
{
	char path[192];
	FILE *f;

	snprintf(path, sizeof(path), "%s/kvm%s%s/%s", r->dir, folder[0] ? "/" : "", folder, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
	assert_int_equal(fclose(f), 0);
}

static void put_number(const struct rig *r, const char *folder, const char *name, uint64_t n)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu\n", (unsigned long long)n);
	put(r, folder, name, text);
}

/* A VM's folder, or "" for that above them; all numbers are @n. */
static void put_all(const struct rig *r, const char *folder, uint64_t n)
{
	char path[192];

	snprintf(path, sizeof(path), "%s/kvm/%s", r->dir, folder);
	mkdir(path, 0755);
	for (size_t i = 0; i < VNX_ARRAY_SIZE(names); i++)
		put_number(r, folder, names[i], n);
}

static void drop(const struct rig *r, const char *what)
{
	run_shell("rm -r %s/kvm/%s", r->dir, what);
}

#define FOLDER "1800000001-12"
#define OTHER "1800000001-13"

/* A VM of two vCPUs, all of its counters at 1000. */
static int setup(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	strcpy(r->dir, "/tmp/vnx-test-kvm-XXXXXX");
	assert_non_null(mkdtemp(r->dir));
	assert_int_equal(chmod(r->dir, 0755), 0);
	run_shell("mkdir %s/kvm %s/usb", r->dir, r->dir);
	put_all(r, "", 7);
	put_all(r, FOLDER, 1000);
	r->vcpus[0] = PID + 1;
	r->vcpus[1] = PID + 2;
	r->vms_v[0] = (struct vnx_vm){ .name = "vm1",
				       .nic = "virtio-net",
				       .pid = PID,
				       .start_ticks = 5,
				       .vcpus = { r->vcpus, 2, 2 },
				       .last_ns = UINT64_MAX };
	r->vms = (struct vnx_vms){ r->vms_v, 1, 1 };
	r->out.samples = &r->samples;
	r->now_ns = 100 * SEC;
	*state = r;
	return 0;
}

static int teardown(void **state)
{
	struct rig *r = *state;

	if (r->src)
		vnx_source_kvm.close(r->src);
	run_shell("rm -r %s", r->dir, NULL);
	free(r->samples.v);
	free(r);
	return 0;
}

static void open_ok(struct rig *r)
{
	assert_int_equal(vnx_kvm_open_at(&r->src, r->dir, &r->err), 0);
}

/* Reads @after_ns later; the samples of that reading alone. */
static void read_after(struct rig *r, uint64_t after_ns)
{
	struct vnx_scene scene = { .vms = &r->vms };

	r->now_ns += after_ns;
	scene.now_ns = r->now_ns;
	r->samples.n = 0;
	assert_int_equal(vnx_kvm_read_now(r->src, &scene, &r->out, &r->err), 0);
}

/* -1: none. All are of the VM, and end now. */
static int64_t sample(const struct rig *r, enum vnx_metric metric)
{
	int64_t count = -1;

	for (size_t i = 0; i < r->samples.n; i++) {
		const struct vnx_sample *s = &r->samples.v[i];

		assert_int_equal(s->entity, PID);
		assert_int_equal(s->t_ns + s->dur_ns, r->now_ns);
		if (s->metric != metric)
			continue;
		assert_int_equal(count, -1);
		count = (int64_t)s->count;
	}
	return count;
}

static void counts(void **state)
{
	static const struct {
		const char *name;
		uint64_t by;
		enum vnx_metric metric;
		int64_t want;
	} c[] = {
		{ "exits", 1009, VNX_EXIT_TOTAL, 1009 },
		{ "io_exits", 23, VNX_EXIT_IO, 23 },
		{ "mmio_exits", 29, VNX_EXIT_MMIO, 29 },
		{ "halt_exits", 31, VNX_EXIT_HALT, 31 },
		{ "irq_exits", 37, VNX_EXIT_IRQ, 37 },
		{ "irq_window_exits", 41, VNX_EXIT_IRQ_WINDOW, 41 },
		{ "signal_exits", 43, VNX_EXIT_SIGNAL, 43 },
		{ "hypercalls", 47, VNX_EXIT_HYPERCALL, 47 },
		/* a signal is no reason of an exit of its own */
		{ "halt_attempted_poll", 16, VNX_EXIT_OTHER, 1009 - 23 - 29 - 31 - 37 - 41 - 47 },
		{ "halt_successful_poll", 4, VNX_HALT_POLL_HIT, 250000 },
		/* two vCPUs: their mean */
		{ "halt_poll_success_ns", 60000, VNX_HALT_POLL, (60000 + 40000) / 2 },
		{ "halt_poll_fail_ns", 40000, VNX_HALT_POLL, (60000 + 40000) / 2 },
		{ "halt_wait_ns", SEC / 2, VNX_HALT_SLEEP, SEC / 4 },
	};
	struct rig *r = *state;

	open_ok(r);
	assert_int_equal(vnx_source_kvm.lacks(r->src), 0);
	read_after(r, 0);
	assert_int_equal(r->samples.n, 0); /* nothing before the first */
	for (size_t i = 0; i < VNX_ARRAY_SIZE(c); i++)
		put_number(r, FOLDER, c[i].name, 1000 + c[i].by);
	read_after(r, BIN);
	for (size_t i = 0; i < VNX_ARRAY_SIZE(c); i++)
		assert_int_equal(sample(r, c[i].metric), c[i].want);
	assert_int_equal(r->samples.n, 12);
	for (size_t i = 0; i < r->samples.n; i++) {
		assert_int_equal(r->samples.v[i].dur_ns, BIN);
		assert_true(vnx_source_kvm.metrics & VNX_BIT(r->samples.v[i].metric));
	}
}

/* What is over the stretch is the lateness of the account; no share is above 1. */
static void bounds(void **state)
{
	struct rig *r = *state;

	open_ok(r);
	read_after(r, 0);
	put_number(r, FOLDER, "io_exits", 5000); /* more than all: read a little later */
	put_number(r, FOLDER, "exits", 4000);
	put_number(r, FOLDER, "halt_wait_ns", 100 * SEC);
	put_number(r, FOLDER, "halt_poll_fail_ns", 100 * SEC);
	put_number(r, FOLDER, "halt_attempted_poll", 1010);
	put_number(r, FOLDER, "halt_successful_poll", 1011);
	read_after(r, BIN);
	assert_int_equal(sample(r, VNX_EXIT_OTHER), 0);
	assert_int_equal(sample(r, VNX_HALT_SLEEP), BIN);
	assert_int_equal(sample(r, VNX_HALT_POLL), BIN);
	assert_int_equal(sample(r, VNX_HALT_POLL_HIT), 1000000);
	read_after(r, BIN); /* nothing moved: measured zeros, but no share of no polls */
	assert_int_equal(sample(r, VNX_EXIT_IO), 0);
	assert_int_equal(sample(r, VNX_HALT_POLL), 0);
	assert_int_equal(sample(r, VNX_HALT_POLL_HIT), -1);
}

/* A sleep is accounted as it ends: until then its stretch grows, but not for ever. */
static void sleeps(void **state)
{
	struct rig *r = *state;

	open_ok(r);
	read_after(r, 0);
	read_after(r, SEC);
	assert_int_equal(sample(r, VNX_HALT_SLEEP), -1);
	put_number(r, FOLDER, "halt_wait_ns", 1000 + 3 * SEC);
	read_after(r, SEC);
	assert_int_equal(sample(r, VNX_HALT_SLEEP), 3 * SEC / 2);
	for (size_t i = 0; i < r->samples.n; i++)
		if (r->samples.v[i].metric == VNX_HALT_SLEEP)
			assert_int_equal(r->samples.v[i].dur_ns, 2 * SEC);
	read_after(r, 2 * SEC);
	assert_int_equal(sample(r, VNX_HALT_SLEEP), -1);
	read_after(r, SEC);
	assert_int_equal(sample(r, VNX_HALT_SLEEP), 0);
}

static void backwards(void **state)
{
	struct rig *r = *state;

	open_ok(r);
	read_after(r, 0);
	put_number(r, FOLDER, "io_exits", 0);
	put_number(r, FOLDER, "exits", 1500);
	read_after(r, BIN);
	assert_int_equal(sample(r, VNX_EXIT_IO), -1);
	assert_int_equal(sample(r, VNX_EXIT_OTHER), -1);
	assert_int_equal(sample(r, VNX_EXIT_TOTAL), 500);
	assert_int_equal(sample(r, VNX_EXIT_MMIO), 0);
	put_number(r, FOLDER, "io_exits", 11);
	read_after(r, BIN);
	assert_int_equal(sample(r, VNX_EXIT_IO), 11);
	assert_int_equal(sample(r, VNX_EXIT_OTHER), 0);
}

/* One number that cannot be read is missing, twice: no difference ends or begins with it. */
static void damaged(void **state)
{
	static const char *const bad[] = {
		"",
		"12",
		"\n",
		"abc\n",
		"-5\n",
		"+5\n",
		"1 2\n",
		" 7\n",
		"0x10\n",
		"99999999999999999999999\n",
		"18446744073709551615999999999999999999999999\n",
	};
	struct rig *r = *state;

	open_ok(r);
	for (size_t i = 0; i <= VNX_ARRAY_SIZE(bad); i++) {
		put_number(r, FOLDER, "irq_exits", 1000);
		read_after(r, BIN);
		read_after(r, BIN);
		assert_int_equal(sample(r, VNX_EXIT_IRQ), 0);
		if (i < VNX_ARRAY_SIZE(bad))
			put(r, FOLDER, "irq_exits", bad[i]);
		else
			drop(r, FOLDER "/irq_exits");
		read_after(r, BIN);
		assert_int_equal(sample(r, VNX_EXIT_IRQ), -1);
		assert_int_equal(sample(r, VNX_EXIT_OTHER), -1);
		assert_int_equal(sample(r, VNX_EXIT_TOTAL), 0);
		put_number(r, FOLDER, "irq_exits", 1000);
		read_after(r, BIN);
		assert_int_equal(sample(r, VNX_EXIT_IRQ), -1);
	}
}

/* Its folder goes and another one comes, of the same process or of a new one of that number. */
static void leaves_and_returns(void **state)
{
	struct rig *r = *state;

	open_ok(r);
	read_after(r, 0);
	drop(r, FOLDER);
	read_after(r, BIN);
	assert_int_equal(r->samples.n, 0);
	put_all(r, OTHER, 90);
	read_after(r, BIN);
	assert_int_equal(r->samples.n, 0);
	put_number(r, OTHER, "io_exits", 93);
	read_after(r, BIN);
	assert_int_equal(sample(r, VNX_EXIT_IO), 3);

	/* the VM is gone, its folder not quite */
	r->vms_v[0].last_ns = r->now_ns;
	put_number(r, OTHER, "io_exits", 99);
	read_after(r, BIN);
	assert_int_equal(r->samples.n, 0);
	/* the number is another's: nothing is left of the old account */
	r->vms_v[0].last_ns = UINT64_MAX;
	r->vms_v[0].start_ticks = 6;
	read_after(r, BIN);
	assert_int_equal(r->samples.n, 0);
	put_number(r, OTHER, "io_exits", 100);
	read_after(r, BIN);
	assert_int_equal(sample(r, VNX_EXIT_IO), 1);
	/* and so from one reading to the next */
	r->vms_v[0].start_ticks = 7;
	put_number(r, OTHER, "io_exits", 200);
	read_after(r, BIN);
	assert_int_equal(r->samples.n, 0);
}

/* A process with two of KVM's VMs is one VM of ours: the sum. */
static void two_folders(void **state)
{
	struct rig *r = *state;

	put_all(r, OTHER, 50);
	put_all(r, "1800000001-x", 1); /* no folder of KVM's */
	put_all(r, "1800000099-3", 1); /* somebody else's */
	open_ok(r);
	read_after(r, 0);
	put_number(r, FOLDER, "exits", 1013);
	put_number(r, OTHER, "exits", 57);
	put_number(r, FOLDER, "halt_attempted_poll", 1010);
	put_number(r, OTHER, "halt_attempted_poll", 60);
	put_number(r, OTHER, "halt_successful_poll", 55);
	put_number(r, "1800000099-3", "exits", 100);
	read_after(r, BIN);
	assert_int_equal(sample(r, VNX_EXIT_TOTAL), 13 + 7);
	assert_int_equal(sample(r, VNX_HALT_POLL_HIT), 250000);
	/* one goes: what it did last is not known, so the sum is not */
	drop(r, OTHER);
	read_after(r, BIN);
	assert_int_equal(r->samples.n, 0);
	put_number(r, FOLDER, "exits", 1020);
	read_after(r, BIN);
	assert_int_equal(sample(r, VNX_EXIT_TOTAL), 7);
}

/* The folder bears the number of the thread that made it. */
static void made_by_a_thread(void **state)
{
	struct rig *r = *state;
	char folder[32];
	pid_t child = fork();

	assert_true(child >= 0);
	if (!child) {
		pause();
		_exit(0);
	}
	snprintf(folder, sizeof(folder), "%d-9", (int)child);
	r->vms_v[0].pid = (uint32_t)child;
	put_all(r, folder, 10);
	open_ok(r);
	read_after(r, 0);
	put_number(r, folder, "exits", 12);
	read_after(r, BIN);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_true(r->samples.n > 0);
	assert_int_equal(r->samples.v[0].entity, child);
	assert_int_equal(r->samples.v[0].count, 2);
}

static void kernel_counts_less(void **state)
{
	struct vnx_source_state rows[] = { { "kvm", "" },
					   { "exit_irq", "this kernel counts no exit_irq" } };
	struct vnx_source_states states = { .v = rows, .n = 2 };
	struct rig *r = *state;

	drop(r, "irq_exits");
	drop(r, "halt_wait_ns");
	open_ok(r);
	assert_true(vnx_source_kvm.lacks(r->src) ==
		    (VNX_BIT(VNX_EXIT_IRQ) | VNX_BIT(VNX_EXIT_OTHER) | VNX_BIT(VNX_HALT_SLEEP)));
	read_after(r, 0);
	read_after(r, 5 * SEC);
	assert_int_equal(sample(r, VNX_EXIT_IRQ), -1);
	assert_int_equal(sample(r, VNX_EXIT_OTHER), -1);
	assert_int_equal(sample(r, VNX_HALT_SLEEP), -1);
	assert_int_equal(sample(r, VNX_EXIT_TOTAL), 0);

	assert_string_equal(vnx_evidence_why(&states, VNX_EXIT_IRQ), rows[1].why);
	assert_null(vnx_evidence_why(&states, VNX_EXIT_IO));
	strcpy(rows[0].why, "switched off");
	assert_string_equal(vnx_evidence_why(&states, VNX_EXIT_IRQ), "switched off");
	states.n = 0;
	assert_string_equal(vnx_evidence_why(&states, VNX_EXIT_IRQ), VNX_NO_EVIDENCE);
}

static void assert_refused(struct rig *r, const char *message, const char *hint)
{
	r->err = (struct vnx_err){ 0 };
	assert_int_not_equal(vnx_kvm_open_at(&r->src, r->dir, &r->err), 0);
	assert_null(r->src);
	assert_non_null(strstr(r->err.message, message));
	assert_non_null(strstr(r->err.hint, hint));
}

static void refused(void **state)
{
	struct rig *r = *state;
	char all[64];

	for (size_t i = 0; i < VNX_ARRAY_SIZE(names); i++)
		drop(r, names[i]);
	assert_refused(r, "shows no counters", "");
	run_shell("rm -r %s/kvm", r->dir, NULL);
	open_ok(r); /* debugfs is there, KVM not yet */
	assert_int_equal(vnx_source_kvm.lacks(r->src), 0);
	read_after(r, 0);
	run_shell("mkdir %s/kvm", r->dir, NULL);
	put_all(r, FOLDER, 1);
	read_after(r, 10 * SEC); /* and there it is */
	put_number(r, FOLDER, "exits", 4);
	read_after(r, BIN);
	assert_int_equal(sample(r, VNX_EXIT_TOTAL), 3);
	vnx_source_kvm.close(r->src);
	r->src = NULL;
	run_shell("rm -r %s/kvm %s/usb", r->dir, r->dir);
	assert_refused(r, "not mounted", "mount -t debugfs none /");
	strcpy(all, r->dir);
	strcat(r->dir, "/none");
	assert_refused(r, "no debugfs", "");
	strcpy(r->dir, all);
}

/* debugfs is root's alone. */
static void not_root(void **state)
{
	struct rig *r = *state;
	int status;
	pid_t child;

	run_shell("chmod 0700 %s && chmod 0 %s/kvm/exits", r->dir, r->dir);
	child = fork();
	assert_true(child >= 0);
	if (!child) {
		if (!geteuid() && setuid(NOBODY))
			_exit(2);
		_exit(!(vnx_kvm_open_at(&r->src, r->dir, &r->err) == -EACCES &&
			!strcmp(r->err.hint, "Run as root.")));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static bool due(const struct vnx_pace *pace, uint64_t now_ns, bool last)
{
	struct vnx_scene scene = { .now_ns = now_ns, .last = last };

	return vnx_pace_due(pace, &scene);
}

/* The dearer a reading, the longer the pause, up to a bound. */
static void paces(void **state)
{
	struct vnx_pace pace = { 0 };
	struct vnx_scene scene = { .vms = &((struct rig *)*state)->vms };
	struct rig *r = *state;

	assert_true(due(&pace, 1, false));
	/* the first opens files, and says nothing of the others */
	vnx_pace_spent(&pace, SEC, UINT64_MAX);
	assert_false(due(&pace, SEC, false));
	assert_true(due(&pace, SEC + 1, false));
	vnx_pace_spent(&pace, SEC, 2 * VNX_NSEC_PER_MSEC);
	assert_false(due(&pace, 3 * SEC, false));
	assert_true(due(&pace, 3 * SEC, true));
	assert_true(due(&pace, 3 * SEC + 1, false));
	vnx_pace_spent(&pace, SEC, UINT64_MAX);
	assert_false(due(&pace, 11 * SEC, false));
	assert_true(due(&pace, 11 * SEC + 1, false));

	open_ok(r);
	for (int i = 0; i < 2; i++) {
		r->now_ns += 10 * SEC;
		scene.now_ns = r->now_ns;
		assert_int_equal(vnx_source_kvm.read(r->src, &scene, &r->out, &r->err), 0);
		assert_int_equal(sample(r, VNX_EXIT_TOTAL), i ? 0 : -1);
	}
	/* a reading costs something: at the same moment there is no second one */
	r->samples.n = 0;
	assert_int_equal(vnx_source_kvm.read(r->src, &scene, &r->out, &r->err), 0);
	assert_int_equal(r->samples.n, 0);
}

/* ---- into a verdict ---- */

#define BINS 80

static void add(struct vnx_samples *list, enum vnx_metric metric, uint32_t entity, uint64_t bin,
		uint64_t count)
{
	struct vnx_sample s = { 100 * SEC + bin * BIN, BIN, count, entity, metric };

	assert_int_equal(vnx_vec_push(list, s), 0);
}

/* Throughput falls to a third half-way, and io exits rise from 10 to 30 a bin. */
static void write_run(struct rig *r, const char *path)
{
	struct vnx_run_facts facts = { .bin_ns = BIN,
				       .start_ns = 100 * SEC,
				       .end_ns = 100 * SEC + BINS * BIN,
				       .capture = "bpf",
				       .clock = "mono",
				       .finished = true };
	struct vnx_source_state rows[] = { { "kvm", "" }, { "halt_poll", "counts none" } };
	struct vnx_source_states states = { .v = rows, .n = 2 };
	struct vnx_iface tap = { .name = "tap1",
				 .kind = "tap",
				 .ifindex = 7,
				 .nic = "virtio-net",
				 .backend = VNX_BACKEND_VHOST_NET,
				 .mac = "",
				 .sw = "",
				 .switch_kind = "none",
				 .uplink = "",
				 .uplink_bps = -1 };
	struct vnx_recording *rec;

	static uint32_t worker = PID + 3;

	r->vms_v[0].workers = (struct vnx_u32s){ &worker, 1, 1 };
	r->vms_v[0].ifaces.v = &tap;
	r->vms_v[0].ifaces.n = 1;
	r->vms_v[0].backend = VNX_BACKEND_VHOST_NET;
	r->vms_v[0].first_ns = facts.start_ns;
	for (uint64_t b = 0; b < BINS; b++) {
		uint64_t wander = b * 7919 % 13, late = b >= BINS / 2;

		add(&r->samples, VNX_TX_BYTES, 7, b, (late ? 1000000 : 3000000) + wander * 10000);
		add(&r->samples, VNX_RX_BYTES, 7, b, 50000);
		/* a starved vCPU: of a tap's traffic only what the host explains is a drop */
		add(&r->samples, VNX_VCPU_RUN, PID + 1, b, BIN / 10);
		add(&r->samples, VNX_VCPU_RUNQ_WAIT, PID + 1, b, late ? BIN * 8 / 10 : 0);
		add(&r->samples, VNX_VHOST_RUN, PID + 3, b, BIN / 10);
		add(&r->samples, VNX_VHOST_RUNQ_WAIT, PID + 3, b, 0);
		add(&r->samples, VNX_EXIT_IO, PID, b, late ? 30 : 10);
		add(&r->samples, VNX_HALT_SLEEP, PID, b, late ? BIN / 4 : BIN / 2);
		add(&r->samples, VNX_HALT_POLL_HIT, PID, b, late ? 100000 : 900000);
		add(&r->samples, VNX_EXIT_IO, PID + 5, b, 1000); /* nobody's */
	}
	assert_int_equal(vnx_recording_create(path, false, &facts, &rec, &r->err), 0);
	assert_int_equal(vnx_recording_put_vms(rec, &r->vms, NULL, &r->err), 0);
	assert_int_equal(vnx_recording_put_sources(rec, &states, &r->err), 0);
	assert_int_equal(vnx_recording_add_samples(rec, &r->samples, &r->err), 0);
	assert_int_equal(vnx_recording_update(rec, &facts, &r->err), 0);
	assert_int_equal(vnx_recording_close(rec, &r->err), 0);
}

static void assert_level(const struct vnx_degradation *d, enum vnx_metric metric, double before,
			 double after)
{
	for (size_t i = 0; i < d->levels.n; i++) {
		if (d->levels.v[i].metric != metric)
			continue;
		assert_true(fabs(d->levels.v[i].before - before) < 1e-6);
		assert_true(fabs(d->levels.v[i].after - after) < 1e-6);
		return;
	}
	fail_msg("%s is not among the levels", vnx_metric_name(metric));
}

static void verdict(void **state)
{
	const struct vnx_reader_conf conf = { .bin_ns = BIN, .quiet = true };
	const struct vnx_pipeline_conf pc = { .sma_ns = 10 * SEC };
	const struct vnx_reader_ops *ops;
	const struct vnx_degradation *d;
	struct rig *r = *state;
	struct vnx_pipeline p;
	struct vnx_reader *reader;
	struct vnx_input in;
	char path[128];

	snprintf(path, sizeof(path), "%s/run.vdx", r->dir);
	write_run(r, path);
	assert_int_equal(vnx_input_open(&in, path, &r->err), 0);
	ops = vnx_reader_find(&in, &r->err);
	assert_non_null(ops);
	assert_int_equal(ops->open(&reader, &in, &conf, &r->err), 0);
	assert_int_equal(vnx_pipeline_run(ops, reader, &pc, &p, &r->err), 0);
	assert_int_equal(p.dg->vms.n, 1);
	assert_int_equal(p.dg->vms.v[0].degradations.n, 1);
	d = p.dg->vms.v[0].degradations.v;
	assert_level(d, VNX_EXIT_IO, 20, 60); /* a second */
	assert_level(d, VNX_HALT_SLEEP, 0.5, 0.25);
	assert_level(d, VNX_HALT_POLL_HIT, 0.9, 0.1);
	for (size_t i = 0; i < d->levels.n; i++)
		assert_true(d->levels.v[i].metric != VNX_EXIT_TOTAL); /* not measured: absent */
	assert_true(p.run.unattributed.counts[VNX_EXIT_IO] == 1000 * BINS);
	assert_string_equal(vnx_evidence_why(&p.run.sources, VNX_HALT_POLL), "counts none");
	vnx_pipeline_fini(&p);
	ops->close(reader);
	vnx_input_close(&in);
}

/* ---- NUMA ---- */

static void put_node(struct rig *r, const char *node, const char *list)
{
	char folder[96];

	snprintf(folder, sizeof(folder), "nodes/%s", node);
	run_shell("mkdir -p %s/kvm/%s", r->dir, folder);
	put(r, folder, "cpulist", list);
}

static void nodes(void **state)
{
	struct rig *r = *state;
	struct vnx_threads threads = { 0 };
	struct vnx_scene scene = { .vms = &r->vms, .threads = &threads, .now_ns = 10 * SEC };
	uint32_t me = (uint32_t)getpid(), parent = (uint32_t)getppid();
	char path[96];
	void *src = NULL;

	snprintf(path, sizeof(path), "%s/kvm/nodes", r->dir);
	put_node(r, "node1", "\n"); /* memory without CPUs */
	assert_int_equal(vnx_numa_open_at(&src, path, &r->err), -ENOENT);
	assert_non_null(strstr(r->err.message, "names no NUMA node that has CPUs"));
	r->vms_v[0].workers = (struct vnx_u32s){ &me, 1, 1 };
	r->vms_v[0].vcpus = (struct vnx_u32s){ &parent, 1, 1 };
	assert_int_equal(vnx_threads_sync(&threads, &r->vms), 0);
	/* one node, then two; all CPUs there are on node0 */
	put_node(r, "node0", "0-1023,1030-4000000000\n");
	for (size_t i = 1; i <= 2; i++) {
		assert_int_equal(vnx_numa_open_at(&src, path, &r->err), 0);
		assert_int_equal(vnx_source_numa.read(src, &scene, &r->out, &r->err), 0);
		assert_int_equal(r->samples.n, i - 1);
		scene.now_ns += 10 * SEC;
		assert_int_equal(vnx_source_numa.read(src, &scene, &r->out, &r->err), 0);
		assert_int_equal(r->samples.n, i);
		assert_int_equal(r->samples.v[i - 1].entity, me);
		assert_int_equal(r->samples.v[i - 1].count, 0);
		assert_int_equal(r->samples.v[i - 1].dur_ns, 10 * SEC);
		vnx_source_numa.close(src);
		put_node(r, "node3", "1024,1026-1029\n");
	}
	vnx_threads_fini(&threads);
}

static void far_away(void **state)
{
	struct vnx_thread t[] = {
		{ .tid = 9, .vm_pid = 7, .worker = true }, /* no vCPU known */
		{ .tid = 7, .vm_pid = 8 },                 /* another VM's */
		{ .tid = 1, .vm_pid = 9, .worker = true },
		{ .tid = 2, .vm_pid = 9 },
		{ .tid = 3, .vm_pid = 9 },
		{ .tid = 4, .vm_pid = 9 },
		{ .tid = 5, .vm_pid = 9 },
		{ .tid = 6, .vm_pid = 9 },
		{ .tid = 8, .vm_pid = 9, .worker = true },
	};
	const uint32_t of[] = { 0, 0, 1, 0, 0, 1, 2, VNX_NO_NODE, VNX_NO_NODE };
	struct vnx_threads list = { t, VNX_ARRAY_SIZE(t), VNX_ARRAY_SIZE(t) };
	struct rig *r = *state;

	assert_int_equal(vnx_numa_emit(&list, of, SEC, 2 * SEC, &r->out), 0);
	assert_int_equal(r->samples.n, 1);
	assert_int_equal(r->samples.v[0].entity, 1);
	assert_int_equal(r->samples.v[0].metric, VNX_VHOST_FAR);
	assert_int_equal(r->samples.v[0].count, 750000);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(counts),
		TEST(bounds),
		TEST(sleeps),
		TEST(backwards),
		TEST(damaged),
		TEST(leaves_and_returns),
		TEST(two_folders),
		TEST(made_by_a_thread),
		TEST(kernel_counts_less),
		TEST(refused),
		TEST(not_root),
		TEST(paces),
		TEST(verdict),
		TEST(nodes),
		TEST(far_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
