// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finding VMs in recorded and made-up /proc trees. A made-up tree is a folder of its own under
 * TMPDIR; fd links dangle, as the kernel's do outside of the process.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <jansson.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/host/internal.h"

#define KTHREAD 0x00200000U

/* ---- a tree ---- */

static char tree[256];

static int rm_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static void rm_rel(const char *fmt, ...) VNX_PRINTF(1, 2);
static void put(const char *text, size_t len, const char *fmt, ...) VNX_PRINTF(3, 4);
static void put_link(const char *target, const char *fmt, ...) VNX_PRINTF(2, 3);

static void rm_rel(const char *fmt, ...)
{
	char rel[128], path[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(rel, sizeof(rel), fmt, ap);
	va_end(ap);
	snprintf(path, sizeof(path), "%s/%s", tree, rel);
	assert_int_equal(nftw(path, rm_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* Path under the tree, its folders made. */
static void place(char *path, size_t size, const char *rel)
{
	snprintf(path, size, "%s/%s", tree, rel);
	for (char *p = path + strlen(tree) + 1; (p = strchr(p, '/')); p++) {
		*p = '\0';
		assert_true(!mkdir(path, 0755) || errno == EEXIST);
		*p = '/';
	}
}

static void put(const char *text, size_t len, const char *fmt, ...)
{
	char rel[128], path[512];
	va_list ap;
	FILE *f;

	va_start(ap, fmt);
	vsnprintf(rel, sizeof(rel), fmt, ap);
	va_end(ap);
	place(path, sizeof(path), rel);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	fclose(f);
}

static void put_link(const char *target, const char *fmt, ...)
{
	char rel[128], path[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(rel, sizeof(rel), fmt, ap);
	va_end(ap);
	place(path, sizeof(path), rel);
	assert_int_equal(symlink(target, path), 0);
}

static int setup(void **state)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(tree, sizeof(tree), "%s/vnetdx-test-XXXXXX", tmp ? tmp : "/tmp");
	return mkdtemp(tree) ? 0 : -1;
}

static int teardown(void **state)
{
	return nftw(tree, rm_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void add_process(unsigned pid, const char *comm, unsigned flags, unsigned start)
{
	char text[512];
	int n = snprintf(
		text, sizeof(text),
		"%u (%s) S 1 %u %u 0 -1 %u 0 0 0 0 1 2 0 0 20 0 4 0 %u 99 9 18446744073709551615\n",
		pid, comm, pid, pid, flags, start);

	put(text, (size_t)n, "%u/stat", pid);
	put("", 0, "%u/fd/.none", pid);
}

static void add_task(unsigned pid, unsigned tid, const char *comm)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "%s\n", comm);

	put(text, (size_t)n, "%u/task/%u/comm", pid, tid);
	n = snprintf(text, sizeof(text), "Name:\tx\nTgid:\t%u\nPid:\t%u\n", pid, tid);
	put(text, (size_t)n, "%u/status", tid);
}

static void add_fd(unsigned pid, unsigned fd, const char *target, const char *iff)
{
	char text[128];
	int n;

	put_link(target, "%u/fd/%u", pid, fd);
	n = snprintf(text, sizeof(text), "pos:\t0\nflags:\t0104002\nmnt_id:\t9\nino:\t7\n%s%s%s",
		     iff ? "iff:\t" : "", iff ? iff : "", iff ? "\n" : "");
	put(text, (size_t)n, "%u/fdinfo/%u", pid, fd);
}

/* Arguments separated by '|'. */
static void add_cmdline(unsigned pid, const char *args)
{
	char text[1024];
	size_t n = strlen(args) + 1;

	assert_true(n < sizeof(text));
	memcpy(text, args, n);
	for (char *p = text; *p; p++)
		if (*p == '|')
			*p = '\0';
	put(text, n, "%u/cmdline", pid);
}

/* A QEMU with KVM: main thread, RCU, vCPU 0 as @pid + 2. */
static void add_qemu(unsigned pid, unsigned start, const char *args)
{
	add_process(pid, "qemu-system-x86", 0x400100, start);
	add_task(pid, pid, "qemu-system-x86");
	add_task(pid, pid + 1, "qemu-system-x86");
	add_task(pid, pid + 2, "CPU 0/KVM");
	add_cmdline(pid, args);
	add_fd(pid, 8, "/dev/kvm", NULL);
	add_fd(pid, 9, "anon_inode:kvm-vm", NULL);
	add_fd(pid, 12, "anon_inode:kvm-vcpu:0", NULL);
	put_link("net:[1]", "%u/ns/net", pid);
}

static void add_links(const char *text)
{
	char all[2048];
	int n = snprintf(all, sizeof(all), "netns net:[1]\n%s", text);

	put(all, (size_t)n, "vnetdx-links");
}

static const char plain_links[] = "link 2 eth0 - 3 0 1 10000000000 -\n"
				  "link 3 br0 bridge 0 0 0 -1 -\n"
				  "link 7 tap1 tun 3 0 0 10000000 -\n"
				  "link 8 tap2 tun 3 0 0 10000000 -\n";

static struct vnx_host *scanned(const char *proc)
{
	struct vnx_host *host = vnx_host_new(proc);
	struct vnx_err err = { 0 };
	bool changed = false;
	int ret = vnx_host_scan(host, 5, &changed, &err);

	if (ret)
		fail_msg("%s", err.message);
	return host;
}

static void rescan(struct vnx_host *host, uint64_t now_ns, bool want_change)
{
	bool changed = !want_change;

	assert_int_equal(vnx_host_scan(host, now_ns, &changed, NULL), 0);
	assert_int_equal(changed, want_change);
}

static const struct vnx_vm *vm_at(const struct vnx_host *host, size_t i)
{
	const struct vnx_vms *vms = vnx_host_vms(host);

	assert_true(i < vms->n);
	return &vms->v[i];
}

static void has_tids(const struct vnx_u32s *set, size_t n, ...)
{
	va_list ap;

	assert_int_equal(set->n, n);
	va_start(ap, n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(set->v[i], va_arg(ap, unsigned));
	va_end(ap);
}

static void card_is(const struct vnx_vm *vm, size_t i, const char *want)
{
	const struct vnx_iface *f = &vm->ifaces.v[i];
	char got[256];

	assert_true(i < vm->ifaces.n);
	snprintf(got, sizeof(got), "%s %s q%u %s/%s#%u > %s/%s > %s %lld", f->nic,
		 vnx_backend_name(f->backend), f->queues, f->name, f->kind, f->ifindex, f->sw,
		 f->switch_kind, f->uplink, (long long)f->uplink_bps);
	assert_string_equal(got, want);
}

/* ---- recorded trees ---- */

static void recorded_tcg_mixed(void **state)
{
	struct vnx_host *host = scanned("fixtures/host/tcg-mixed");

	assert_int_equal(vnx_host_vms(host)->n, 3);
	assert_string_equal(vm_at(host, 0)->name, "vm,one");
	assert_int_equal(vm_at(host, 0)->vcpus.n, 1);
	assert_int_equal(vm_at(host, 0)->backend, VNX_BACKEND_QEMU);
	card_is(vm_at(host, 0), 0,
		"virtio-net qemu-virtio q1 tap1/tap#5 > br0/bridge > v0 10000000000");
	assert_string_equal(vm_at(host, 0)->ifaces.v[0].mac, "52:54:00:00:00:01");
	assert_int_equal(vm_at(host, 1)->ifaces.n, 3);
	card_is(vm_at(host, 1), 0, "virtio-net qemu-virtio q2 tap2/tap#6 > /none >  -1");
	card_is(vm_at(host, 1), 1, "e1000 qemu-emulated q1 tap0/tap#8 > /none >  -1");
	card_is(vm_at(host, 1), 2, "rtl8139 none q0 /#0 > / >  -1");
	card_is(vm_at(host, 2), 0, "virtio-net qemu-virtio q1 mvt0/macvtap#7 > v1/macvtap > v1 -1");
	assert_int_equal(vm_at(host, 2)->workers.n, 0);
	vnx_host_free(host);
}

/* Five kinds of guest on a real KVM host whose workers are kernel processes or not. */
static void five_guests(const char *tree_path, bool kthreads)
{
	static const char *const cards[] = {
		"virtio-net vhost-net q1 tap1/tap#4 > br0/bridge > peer0 10000000000",
		"virtio-net qemu-virtio q1 tap2/tap#5 > br0/bridge > peer0 10000000000",
		"e1000 qemu-emulated q1 tap3/tap#6 > br0/bridge > peer0 10000000000",
		"virtio-net vhost-net q2 tap4/tap#7 > br0/bridge > peer0 10000000000",
		"virtio-net vhost-net q1 tap5/macvtap#10 > mvt0/macvtap > mvt0 10000000000",
	};
	static const size_t workers[] = { 1, 0, 0, 2, 1 }, vcpus[] = { 1, 1, 1, 2, 1 };
	struct vnx_host *host = scanned(tree_path);
	char path[160];

	assert_int_equal(vnx_host_vms(host)->n, 5);
	for (size_t i = 0; i < 5; i++) {
		const struct vnx_vm *vm = vm_at(host, i);
		char name[8];

		snprintf(name, sizeof(name), "vm%zu", i + 1);
		assert_string_equal(vm->name, name);
		assert_int_equal(vm->ifaces.n, 1);
		card_is(vm, 0, cards[i]);
		assert_int_equal(vm->workers.n, workers[i]);
		assert_int_equal(vm->vcpus.n, vcpus[i]);
		for (size_t j = 0; j < vm->workers.n; j++) {
			snprintf(path, sizeof(path), "%s/%u/stat", tree_path, vm->workers.v[j]);
			assert_int_equal(!access(path, F_OK), kthreads);
			snprintf(path, sizeof(path), "%s/%u/task/%u/comm", tree_path, vm->pid,
				 vm->workers.v[j]);
			assert_int_equal(!access(path, F_OK), !kthreads);
		}
	}
	assert_int_equal(vnx_host_tids(host)->n, 4 + 6);
	vnx_host_free(host);
}

static void recorded_lab_6_1(void **state)
{
	five_guests("fixtures/host/lab-6.1", true);
}

static void recorded_lab_6_12(void **state)
{
	five_guests("fixtures/host/lab-6.12", false);
}

/* ---- made-up trees ---- */

static void empty_host(void **state)
{
	struct vnx_host *host;

	add_process(1, "init", 0x400100, 1);
	add_process(2, "kthreadd", KTHREAD, 1);
	host = scanned(tree);
	assert_int_equal(vnx_host_vms(host)->n, 0);
	assert_int_equal(vnx_host_tids(host)->n, 0);
	vnx_host_free(host);
}

static void no_such_tree(void **state)
{
	struct vnx_host *host = vnx_host_new("/nonexistent/proc");
	struct vnx_err err = { 0 };

	assert_int_equal(vnx_host_scan(host, 0, NULL, &err), -ENOENT);
	assert_non_null(strstr(err.message, "/nonexistent/proc"));
	assert_true(err.hint[0]);
	vnx_host_free(host);
}

#define VHOST_ARGS                                                                    \
	"qemu-system-x86_64|-name|guest=vm1,debug-threads=on|-device|virtio-net-pci," \
	"netdev=n0,mac=52:54:00:00:00:01|-netdev|tap,id=n0,ifname=tap1,vhost=on,queues=2"

static void add_two_queues(unsigned pid)
{
	add_fd(pid, 20, "/dev/net/tun", "tap1");
	add_fd(pid, 21, "/dev/net/tun", "tap1");
	add_fd(pid, 22, "/dev/vhost-net", NULL);
	add_fd(pid, 23, "/dev/vhost-net", NULL);
}

/* Up to 6.3: workers are kernel processes, both named after the thread that set the owner. */
static void workers_are_kernel_threads(void **state)
{
	struct vnx_host *host;

	add_links(plain_links);
	add_process(2, "kthreadd", KTHREAD, 1);
	add_process(90, "vhost-777", KTHREAD, 50); /* another VMM's */
	add_process(91, "vhost-100", KTHREAD, 50);
	add_process(92, "vhost-100", KTHREAD, 50);
	add_process(93, "vhost-100", 0x400100, 50); /* a pretender: no kernel thread */
	add_qemu(100, 40, VHOST_ARGS);
	add_two_queues(100);
	host = scanned(tree);
	assert_int_equal(vnx_host_vms(host)->n, 1);
	has_tids(&vm_at(host, 0)->workers, 2, 91, 92);
	has_tids(&vm_at(host, 0)->vcpus, 1, 102);
	has_tids(vnx_host_tids(host), 3, 91, 92, 102);
	card_is(vm_at(host, 0), 0,
		"virtio-net vhost-net q2 tap1/tap#7 > br0/bridge > eth0 10000000000");
	assert_int_equal(vm_at(host, 0)->first_ns, 5);
	assert_int_equal(vm_at(host, 0)->last_ns, UINT64_MAX);
	assert_int_equal(vm_at(host, 0)->start_ticks, 40);
	/* A worker that ended still owns what it counted, but is not to be watched. */
	rm_rel("91");
	rescan(host, 6, false);
	has_tids(&vm_at(host, 0)->workers, 2, 91, 92);
	has_tids(vnx_host_tids(host), 2, 92, 102);
	vnx_host_free(host);
}

/* A card plugged in by another thread than the main one. */
static void owner_is_another_thread(void **state)
{
	struct vnx_host *host;

	add_links(plain_links);
	add_process(91, "vhost-101", KTHREAD, 50);
	add_qemu(100, 40, VHOST_ARGS);
	add_two_queues(100);
	host = scanned(tree);
	has_tids(&vm_at(host, 0)->workers, 1, 91);
	vnx_host_free(host);
}

/* From 6.4: workers are threads of the VMM. */
static void workers_are_threads(void **state)
{
	struct vnx_host *host;

	add_links(plain_links);
	add_qemu(100, 40, VHOST_ARGS);
	add_two_queues(100);
	add_task(100, 110, "vhost-100");
	add_task(100, 111, "vhost-100");
	host = scanned(tree);
	has_tids(&vm_at(host, 0)->workers, 2, 110, 111);
	has_tids(&vm_at(host, 0)->vcpus, 1, 102);
	rescan(host, 6, false);
	/* One more appears, one goes. */
	add_task(100, 112, "vhost-100");
	rm_rel("100/task/110");
	rescan(host, 7, true);
	has_tids(&vm_at(host, 0)->workers, 3, 110, 111, 112);
	has_tids(vnx_host_tids(host), 3, 102, 111, 112);
	vnx_host_free(host);
}

static void promised_vhost_is_not_enough(void **state)
{
	struct vnx_host *host;

	add_links(plain_links);
	add_qemu(100, 40, VHOST_ARGS);
	add_fd(100, 20, "/dev/net/tun", "tap1");
	host = scanned(tree);
	card_is(vm_at(host, 0), 0,
		"virtio-net qemu-virtio q1 tap1/tap#7 > br0/bridge > eth0 10000000000");
	vnx_host_free(host);
}

/* Two cards, descriptors handed over by libvirt; only the second uses vhost. */
static void descriptors_decide_which_card(void **state)
{
	struct vnx_host *host;

	add_links(plain_links);
	add_qemu(100, 40,
		 "q|-name|guest=x|-netdev|{\"type\":\"tap\",\"fd\":\"31\",\"id\":\"a\"}|-device|"
		 "{\"driver\":\"e1000\",\"netdev\":\"a\"}|-netdev|{\"type\":\"tap\",\"fd\":\"30\","
		 "\"vhost\":true,\"vhostfd\":\"33\",\"id\":\"b\"}|-device|{\"driver\":"
		 "\"virtio-net-pci\",\"netdev\":\"b\"}");
	add_fd(100, 30, "/dev/net/tun", "tap1");
	add_fd(100, 31, "/dev/net/tun", "tap2");
	add_fd(100, 33, "/dev/vhost-net", NULL);
	host = scanned(tree);
	card_is(vm_at(host, 0), 0,
		"e1000 qemu-emulated q1 tap2/tap#8 > br0/bridge > eth0 10000000000");
	card_is(vm_at(host, 0), 1,
		"virtio-net vhost-net q1 tap1/tap#7 > br0/bridge > eth0 10000000000");
	assert_int_equal(vm_at(host, 0)->backend, VNX_BACKEND_EMULATED);
	assert_string_equal(vm_at(host, 0)->nic, "e1000");
	vnx_host_free(host);
}

/* vhost=on for a card that cannot use it: QEMU opens vhost-net all the same. */
static void e1000_with_vhost_is_emulated(void **state)
{
	struct vnx_host *host;

	add_links(plain_links);
	add_qemu(100, 40, "q|-netdev|tap,id=n,ifname=tap1,vhost=on|-device|e1000,netdev=n");
	add_fd(100, 20, "/dev/net/tun", "tap1");
	add_fd(100, 22, "/dev/vhost-net", NULL);
	host = scanned(tree);
	assert_int_equal(vm_at(host, 0)->ifaces.n, 1);
	assert_int_equal(vm_at(host, 0)->backend, VNX_BACKEND_EMULATED);
	assert_string_equal(vm_at(host, 0)->name, "100");
	vnx_host_free(host);
}

static void macvtap_with_vhost(void **state)
{
	struct vnx_host *host;

	add_links("link 2 eth0 - 0 0 1 1000000000 -\nlink 9 mv0 macvtap 0 2 0 -1 -\n");
	add_qemu(100, 40, "q|-netdev|tap,id=n,fd=3,vhost=on|-device|virtio-net-pci,netdev=n");
	add_fd(100, 3, "/dev/tap9", NULL);
	add_fd(100, 22, "/dev/vhost-net", NULL);
	host = scanned(tree);
	card_is(vm_at(host, 0), 0,
		"virtio-net vhost-net q1 mv0/macvtap#9 > eth0/macvtap > eth0 1000000000");
	vnx_host_free(host);
}

static void hot_plugged_card(void **state)
{
	struct vnx_host *host;

	add_links(plain_links);
	add_qemu(100, 40, "q|-nodefaults|-name|x");
	host = scanned(tree);
	assert_int_equal(vm_at(host, 0)->ifaces.n, 0);
	assert_int_equal(vm_at(host, 0)->backend, VNX_BACKEND_NONE);
	add_fd(100, 20, "/dev/net/tun", "tap1");
	add_fd(100, 22, "/dev/vhost-net", NULL);
	add_fd(100, 23, "/dev/net/tun", "tap2");
	rescan(host, 6, true);
	assert_int_equal(vm_at(host, 0)->ifaces.n, 2);
	card_is(vm_at(host, 0), 0,
		"virtio-net vhost-net q1 tap1/tap#7 > br0/bridge > eth0 10000000000");
	card_is(vm_at(host, 0), 1,
		"unknown qemu-virtio q1 tap2/tap#8 > br0/bridge > eth0 10000000000");
	/* Pulled out again: what it counted is still this VM's. */
	rm_rel("100/fd/20");
	rm_rel("100/fd/22");
	rescan(host, 7, true);
	assert_int_equal(vm_at(host, 0)->ifaces.n, 2);
	vnx_host_free(host);
}

static void user_space_back_ends(void **state)
{
	struct vnx_host *host;

	add_links(plain_links);
	add_qemu(100, 40,
		 "q|-netdev|vhost-user,chardev=c,id=n,queues=4|-device|virtio-net-pci,netdev=n");
	add_qemu(200, 40,
		 "q|-netdev|vhost-vdpa,vhostdev=/dev/vhost-vdpa-0,id=n|-device|virtio-net-pci,"
		 "netdev=n");
	add_qemu(300, 40, "q|-nodefaults|-device|vfio-pci,host=ffff:ff:1f.7");
	host = scanned(tree);
	assert_int_equal(vm_at(host, 0)->backend, VNX_BACKEND_VHOST_USER);
	assert_int_equal(vm_at(host, 0)->ifaces.v[0].queues, 4);
	assert_int_equal(vm_at(host, 1)->backend, VNX_BACKEND_VDPA);
	assert_int_equal(vm_at(host, 2)->backend, VNX_BACKEND_VFIO);
	vnx_host_free(host);
}

/* Any process with a KVM VM is a VMM, whatever its name. */
static void other_vmms(void **state)
{
	struct vnx_host *host;

	add_links(plain_links);
	add_process(50, "a (strange) vmm\nS 1", 0x400100, 9);
	add_task(50, 50, "a (strange) vmm");
	add_fd(50, 4, "anon_inode:kvm-vm", NULL);
	add_process(60, "firecracker", 0x400100, 9);
	add_task(60, 60, "firecracker");
	add_task(60, 61, "fc_vcpu 0");
	add_task(60, 62, "fc_vcpu 1");
	add_fd(60, 4, "anon_inode:kvm-vm", NULL);
	add_fd(60, 5, "/dev/net/tun", "tap1");
	add_process(70, "kick", 0x400100, 9);
	add_task(70, 70, "kick");
	add_task(70, 71, "vhost-70");
	add_fd(70, 3, "/dev/vhost-net", NULL);
	host = scanned(tree);
	assert_int_equal(vnx_host_vms(host)->n, 3);
	assert_string_equal(vm_at(host, 0)->name, "50");
	assert_int_equal(vm_at(host, 0)->backend, VNX_BACKEND_NONE);
	assert_int_equal(vm_at(host, 0)->start_ticks, 9);
	has_tids(&vm_at(host, 1)->vcpus, 2, 61, 62);
	card_is(vm_at(host, 1), 0,
		"virtio-net qemu-virtio q1 tap1/tap#7 > br0/bridge > eth0 10000000000");
	assert_int_equal(vm_at(host, 2)->backend, VNX_BACKEND_VHOST_NET);
	has_tids(&vm_at(host, 2)->workers, 1, 71);
	vnx_host_free(host);
}

/* The parent that -daemonize leaves waiting, and libvirt asking what QEMU can do. */
static void qemus_that_are_no_vm(void **state)
{
	struct vnx_host *host;

	add_process(100, "qemu-system-x86", 0x400100, 9);
	add_task(100, 100, "qemu-system-x86");
	add_task(100, 101, "qemu-system-x86");
	add_cmdline(100, "qemu-system-x86_64|-daemonize|-name|x");
	add_qemu(200, 9, "qemu-system-x86_64|-S|-nodefaults|-machine|none,accel=kvm:tcg");
	host = scanned(tree);
	assert_int_equal(vnx_host_vms(host)->n, 0);
	/* And one that was only just starting. */
	add_task(100, 102, "qemu-system-x86");
	rescan(host, 6, true);
	assert_int_equal(vnx_host_vms(host)->n, 1);
	assert_int_equal(vm_at(host, 0)->first_ns, 6);
	vnx_host_free(host);
}

/* Without debug-threads: a waiting vCPU tells itself by its system call, a running one not. */
static void vcpus_without_names(void **state)
{
	struct vnx_host *host;

	add_links(plain_links);
	add_qemu(100, 40, "q|-nodefaults|-name|x");
	add_fd(100, 13, "anon_inode:kvm-vcpu:1", NULL);
	add_task(100, 102, "qemu-system-x86");
	add_task(100, 103, "qemu-system-x86");
	/* thread 103 waits in KVM_RUN of vCPU 0, thread 101 in an ioctl of another kind */
	put("16 0xc 0xae80 0x0 0x0 0x0 0x0 0x7f 0x7f\n", 40, "100/task/103/syscall");
	put("16 0xc 0xae81 0x0 0x0 0x0 0x0 0x7f 0x7f\n", 40, "100/task/101/syscall");
	put("running\n", 8, "100/task/102/syscall");
	/* The kernel's own thread bears the registers of the vCPU thread that caused it. */
	add_task(100, 99, "kvm-nx-lpage-re");
	put("16 0xc 0xae80 0x0 0x0 0x0 0x0 0x7f 0x7f\n", 40, "100/task/99/syscall");
	add_task(100, 104, "another");
	put("16 0xc 0xae80 0x0 0x0 0x0 0x0 0x7f 0x7f\n", 40, "100/task/104/syscall");
	host = scanned(tree);
	has_tids(&vm_at(host, 0)->vcpus, 1, 103);
	/* The capture saw 102 enter a guest. */
	assert_int_equal(vnx_host_note_thread(host, 102), 1);
	assert_int_equal(vnx_host_note_thread(host, 102), 0);
	has_tids(&vm_at(host, 0)->vcpus, 2, 103, 102); /* by number, unknown ones last */
	has_tids(vnx_host_tids(host), 2, 102, 103);
	assert_int_equal(vnx_host_note_thread(host, 4000000), -ESRCH);
	rescan(host, 6, false);
	has_tids(&vm_at(host, 0)->vcpus, 2, 103, 102);
	vnx_host_free(host);
}

/* An unknown process whose thread enters a guest is looked at by the next scan. */
static void note_thread_of_unknown_process(void **state)
{
	struct vnx_host *host;

	add_links(plain_links);
	add_process(50, "odd", 0x400100, 9);
	add_task(50, 50, "odd");
	host = scanned(tree);
	for (int i = 0; i < 10; i++) /* no longer looked at each time */
		rescan(host, 6, false);
	add_fd(50, 4, "anon_inode:kvm-vm", NULL);
	assert_int_equal(vnx_host_note_thread(host, 50), VNX_HOST_STRANGER);
	rescan(host, 7, true);
	assert_int_equal(vnx_host_vms(host)->n, 1);
	assert_int_equal(vnx_host_note_thread(host, 50), 1);
	vnx_host_free(host);
}

static void vms_come_and_go(void **state)
{
	struct vnx_host *host;

	add_links(plain_links);
	add_qemu(100, 40, "q|-nodefaults|-name|first");
	host = scanned(tree);
	rescan(host, 6, false);
	rm_rel("100");
	rescan(host, 7, true);
	assert_int_equal(vnx_host_vms(host)->n, 1);
	assert_int_equal(vm_at(host, 0)->last_ns, 7);
	assert_int_equal(vnx_host_tids(host)->n, 0);
	rescan(host, 8, false);
	assert_int_equal(vm_at(host, 0)->last_ns, 7);
	/* The pid is used again. */
	add_qemu(100, 99, "q|-nodefaults|-name|second");
	rescan(host, 9, true);
	assert_int_equal(vnx_host_vms(host)->n, 2);
	assert_string_equal(vm_at(host, 1)->name, "second");
	assert_int_equal(vm_at(host, 1)->first_ns, 9);
	assert_true(vnx_vm_matches(vm_at(host, 1), "second"));
	assert_true(vnx_vm_matches(vm_at(host, 1), "100"));
	assert_false(vnx_vm_matches(vm_at(host, 1), "100x"));
	assert_false(vnx_vm_matches(vm_at(host, 1), ""));
	/* A zombie is gone too. */
	put("100 (q) Z 1 1 1 0 -1 0 0 0 0 0 1 2 0 0 20 0 4 0 99 0 0\n", 54, "100/stat");
	rescan(host, 10, true);
	assert_int_equal(vm_at(host, 1)->last_ns, 10);
	vnx_host_free(host);
}

/* Killed, its descriptors are closed before it is a zombie: what it had stays known. */
static void exiting_vm_keeps_its_cards(void **state)
{
	static const char card[] =
		"virtio-net vhost-net q1 tap1/tap#7 > br0/bridge > eth0 10000000000";
	struct vnx_host *host;

	add_links(plain_links);
	add_qemu(100, 40, VHOST_ARGS);
	add_fd(100, 20, "/dev/net/tun", "tap1");
	add_fd(100, 21, "/dev/vhost-net", NULL);
	host = scanned(tree);
	card_is(vm_at(host, 0), 0, card);
	add_process(100, "qemu-system-x86", 0x400104, 40);
	rm_rel("100/fd/20");
	rm_rel("100/fd/21");
	rescan(host, 7, true);
	assert_int_equal(vm_at(host, 0)->last_ns, 7);
	assert_int_equal(vm_at(host, 0)->backend, VNX_BACKEND_VHOST_NET);
	card_is(vm_at(host, 0), 0, card);
	vnx_host_free(host);
}

static void other_network_namespace(void **state)
{
	struct vnx_host *host;

	add_links(plain_links);
	add_qemu(100, 40, VHOST_ARGS);
	add_two_queues(100);
	rm_rel("100/ns/net");
	put_link("net:[2]", "100/ns/net");
	host = scanned(tree);
	/* Same name, another interface: nothing of ours may be told of it. */
	card_is(vm_at(host, 0), 0, "virtio-net vhost-net q2 tap1/tap#0 > /unknown >  -1");
	assert_non_null(vnx_host_partial(host));
	assert_string_equal(vnx_host_partial(host)->code, "other-netns");
	vnx_host_free(host);
}

static void open_vswitch(void **state)
{
	struct vnx_host *host;

	add_links("link 2 eth0 - 5 0 1 25000000000 br-ex\n"
		  "link 3 eth1 - 5 0 1 1000000000 br-mgmt\n"
		  "link 5 ovs-system openvswitch 0 0 0 -1 -\n"
		  "link 7 tap1 tun 5 0 0 10000000 br-ex\n"
		  "link 8 tap2 tun 5 0 0 10000000 br-int\n");
	add_qemu(100, 40, VHOST_ARGS);
	add_two_queues(100);
	add_qemu(200, 40, "q|-netdev|tap,id=n,ifname=tap2|-device|virtio-net-pci,netdev=n");
	add_fd(200, 20, "/dev/net/tun", "tap2");
	host = scanned(tree);
	card_is(vm_at(host, 0), 0,
		"virtio-net vhost-net q2 tap1/tap#7 > br-ex/openvswitch > eth0 25000000000");
	card_is(vm_at(host, 1), 0,
		"virtio-net qemu-virtio q1 tap2/tap#8 > br-int/openvswitch >  -1");
	vnx_host_free(host);
}

static void ovsdb_replies(void **state)
{
	static const char reply[] =
		"{\"id\":0,\"error\":null,\"result\":[{\"rows\":[{\"name\":\"br-ex\",\"ports\":"
		"[\"set\",[[\"uuid\",\"p1\"],[\"uuid\",\"p2\"]]]},{\"name\":\"br-int\",\"ports\":"
		"[\"uuid\",\"p3\"]}]},{\"rows\":[{\"_uuid\":[\"uuid\",\"p1\"],\"interfaces\":"
		"[\"uuid\",\"i1\"]},{\"_uuid\":[\"uuid\",\"p2\"],\"interfaces\":[\"set\","
		"[[\"uuid\",\"i2\"],[\"uuid\",\"i3\"]]]},{\"_uuid\":[\"uuid\",\"p3\"],"
		"\"interfaces\":[\"uuid\",\"i4\"]}]},{\"rows\":[{\"_uuid\":[\"uuid\",\"i3\"],"
		"\"name\":\"tap1\"},{\"_uuid\":[\"uuid\",\"i4\"],\"name\":\"tap2\"},{\"_uuid\":"
		"[\"uuid\",\"i9\"],\"name\":\"tap3\"}]}]}";
	static const char *const bad[] = {
		"", "{", "null", "[]", "{\"result\":[]}", "{\"id\":0,\"error\":{\"error\":\"x\"}}"
	};
	struct vnx_link v[] = { { .name = "tap1" }, { .name = "tap2" }, { .name = "tap3" } };
	struct vnx_links links = { .v = v, .n = 3 };

	assert_int_equal(vnx_ovsdb_parse(reply, strlen(reply), &links), 0);
	assert_string_equal(v[0].bridge, "br-ex");
	assert_string_equal(v[1].bridge, "br-int");
	assert_string_equal(v[2].bridge, "");
	for (size_t i = 0; i < VNX_ARRAY_SIZE(bad); i++)
		assert_int_equal(vnx_ovsdb_parse(bad[i], strlen(bad[i]), &links), -EBADMSG);
	/* Half an answer is no answer. */
	assert_int_equal(vnx_ovsdb_parse(reply, strlen(reply) - 1, &links), -EBADMSG);
}

/* A database that answers in two pieces, and keeps the stream open as OVSDB does. */
static void serve_ovsdb(int listener)
{
	static const char reply[] =
		"{\"id\":0,\"error\":null,\"result\":[{\"rows\":[{\"name\":\"br-ex\",\"ports\":"
		"[\"uuid\",\"p1\"]}]},{\"rows\":[{\"_uuid\":[\"uuid\",\"p1\"],\"interfaces\":"
		"[\"uuid\",\"i1\"]}]},{\"rows\":[{\"_uuid\":[\"uuid\",\"i1\"],\"name\":\"tap1\"}]}]}";
	char request[4096];
	json_t *json;
	ssize_t n;
	int fd = accept(listener, NULL, NULL);

	n = recv(fd, request, sizeof(request), 0);
	json = n > 0 ? json_loadb(request, (size_t)n, 0, NULL) : NULL;
	if (!json || strcmp(json_string_value(json_object_get(json, "method")), "transact"))
		_exit(1);
	json_decref(json);
	send(fd, reply, 40, MSG_NOSIGNAL);
	usleep(20000);
	send(fd, reply + 40, strlen(reply) - 40, MSG_NOSIGNAL);
	recv(fd, request, sizeof(request), 0); /* until the client goes */
	_exit(0);
}

static void ovsdb_over_its_socket(void **state)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct vnx_link v[] = { { .name = "tap1" } };
	struct vnx_links links = { .v = v, .n = 1 };
	struct vnx_err err = { 0 };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), status;
	pid_t child;

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%.90s/db.sock", tree);
	assert_int_equal(vnx_ovsdb_bridges(sun.sun_path, &links, &err), -ENOENT);
	assert_true(err.message[0] && err.hint[0]);
	assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	assert_int_equal(listen(fd, 1), 0);
	child = fork();
	if (!child)
		serve_ovsdb(fd);
	assert_int_equal(vnx_ovsdb_bridges(sun.sun_path, &links, NULL), 0);
	assert_string_equal(v[0].bridge, "br-ex");
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	/* One that takes the call and never answers must not hold us up. */
	assert_int_equal(vnx_ovsdb_bridges(sun.sun_path, &links, NULL), -ETIMEDOUT);
	close(fd);
}

static void hostile_name(void **state)
{
	struct vnx_host *host;
	json_t *json;
	char *text;

	add_links(plain_links);
	add_qemu(100, 40, "q|-nodefaults|-name|\377\033[2J\xe2\x80");
	host = scanned(tree);
	assert_string_equal(vm_at(host, 0)->name, "\\xFF\033[2J\\xE2\\x80");
	json = vnx_vm_to_json(vm_at(host, 0));
	assert_non_null(json);
	text = json_dumps(json, 0);
	assert_null(strchr(text, '\033'));
	free(text);
	json_decref(json);
	vnx_host_free(host);
}

/* A settled host is not read again at each scan: a scan opens few files. */
static void rescan_is_cheap(void **state)
{
	struct timespec a, b;
	struct vnx_host *host;
	double first, later;

	add_links(plain_links);
	for (unsigned pid = 1000; pid < 2000; pid++)
		add_process(pid, "sleep", 0x400100, 1);
	host = vnx_host_new(tree);
	clock_gettime(CLOCK_MONOTONIC, &a);
	assert_int_equal(vnx_host_scan(host, 1, NULL, NULL), 0);
	clock_gettime(CLOCK_MONOTONIC, &b);
	first = (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
	for (int i = 0; i < 16; i++)
		rescan(host, 2, false);
	later = 1e9;
	for (int i = 0; i < 8; i++) {
		double t;

		clock_gettime(CLOCK_MONOTONIC, &a);
		rescan(host, 3, false);
		clock_gettime(CLOCK_MONOTONIC, &b);
		t = (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
		later = t < later ? t : later;
	}
	/* Measured: a sixth to a fifteenth; a third allows for a busy machine. */
	assert_true(later < first / 3);
	vnx_host_free(host);
}

#define IN_TREE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recorded_tcg_mixed),
		cmocka_unit_test(recorded_lab_6_1),
		cmocka_unit_test(recorded_lab_6_12),
		cmocka_unit_test(no_such_tree),
		cmocka_unit_test(ovsdb_replies),
		IN_TREE(empty_host),
		IN_TREE(workers_are_kernel_threads),
		IN_TREE(owner_is_another_thread),
		IN_TREE(workers_are_threads),
		IN_TREE(promised_vhost_is_not_enough),
		IN_TREE(descriptors_decide_which_card),
		IN_TREE(e1000_with_vhost_is_emulated),
		IN_TREE(macvtap_with_vhost),
		IN_TREE(hot_plugged_card),
		IN_TREE(user_space_back_ends),
		IN_TREE(other_vmms),
		IN_TREE(qemus_that_are_no_vm),
		IN_TREE(vcpus_without_names),
		IN_TREE(note_thread_of_unknown_process),
		IN_TREE(vms_come_and_go),
		IN_TREE(exiting_vm_keeps_its_cards),
		IN_TREE(other_network_namespace),
		IN_TREE(open_vswitch),
		IN_TREE(ovsdb_over_its_socket),
		IN_TREE(hostile_name),
		IN_TREE(rescan_is_cheap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
