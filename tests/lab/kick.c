// SPDX-License-Identifier: GPL-2.0-only
/*
 * A known number of events for tests of counting: calls of handle_tx and handle_rx (vhost_net),
 * guest entries and halts (kvm), with no VMM.
 *
 *   kick --tx 23 --rx 29 --entries 31 --halts 37 [--gap-ms 0] [--tap kick0]
 *
 * Sets up and prints "ready"; waits for a line on stdin, so that a counter can attach; drives the
 * events; prints what there was as one line of JSON, then "done"; waits for a line; tears down.
 * Set-up itself calls handle_tx (set backend) and enters the guest: that is before "ready".
 *
 * Why the numbers are exact:
 * - tx: one descriptor and one write to the kick eventfd; the next only when the used index moved
 *   and the worker sleeps. Without the latter newer kernels, which re-enable notifications after
 *   sending, may see the next descriptor in time to queue themselves once more.
 * - rx: one frame sent into the tap; the socket becomes readable; awaited likewise.
 * - entries: one 'out' a KVM_RUN. An interrupt of the host may add an entry, so the kernel's own
 *   statistic "exits" (one an entry) decides when there were enough, and what is reported.
 * - halts: KVM_RUN on a vCPU set to halted blocks without an entry, until the signal of a timer,
 *   which is unblocked only inside KVM_RUN and hence never lost.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/kvm.h>
#include <linux/vhost.h>
#include <linux/virtio_ring.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { RING = 64, BUFFER = 2048, VNET_HDR = 10, FRAME = 60, QUEUES = 2, RX = 0, TX = 1 };
enum { WAIT_S = 20, WARM_UP = 8, HALT_NS = 3000000 };

struct ring {
	struct vring vring;
	unsigned char *buffers;
	uint16_t used_seen;
	int kick, call;
};

struct net {
	const char *tap_name;
	int tap, vhost, packet, worker_stat;
	struct ring ring[QUEUES];
};

struct vcpu {
	int kvm, vm, vcpu, stats;
	struct kvm_run *run;
	size_t run_size;
	uint64_t exits_offset;
	timer_t timer;
};

static int must(int r, const char *what)
{
	if (r < 0)
		err(1, "%s", what);
	return r;
}

static void *map(size_t size, int fd)
{
	int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, flags | MAP_POPULATE, fd, 0);

	if (p == MAP_FAILED)
		err(1, "mmap");
	return p;
}

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + 1e-9 * (double)ts.tv_nsec;
}

/* ---------------------------------------------------------------- vhost */

static void quiet_tap(const char *name)
{
	char path[128];
	int fd;

	/* else the kernel's router solicitations would be frames to handle_rx */
	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", name);
	fd = open(path, O_WRONLY);
	if (fd >= 0) {
		must((int)write(fd, "1", 1), path);
		close(fd);
	}
}

static void tap_open(struct net *n)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	struct sockaddr_ll to = { .sll_family = AF_PACKET };

	snprintf(ifr.ifr_name, IFNAMSIZ, "%s", n->tap_name);
	n->tap = must(open("/dev/net/tun", O_RDWR | O_NONBLOCK), "/dev/net/tun");
	must(ioctl(n->tap, TUNSETIFF, &ifr), "TUNSETIFF");
	quiet_tap(n->tap_name);
	/* protocol 0: sends, receives nothing */
	n->packet = must(socket(AF_PACKET, SOCK_RAW, 0), "packet socket");
	ifr.ifr_flags = IFF_UP | IFF_NOARP;
	must(ioctl(n->packet, SIOCSIFFLAGS, &ifr), "SIOCSIFFLAGS");
	to.sll_ifindex = (int)if_nametoindex(n->tap_name);
	must(bind(n->packet, (struct sockaddr *)&to, sizeof(to)), "bind to the tap");
}

static void offer(struct ring *r, uint16_t descriptor)
{
	struct vring_avail *avail = r->vring.avail;

	avail->ring[avail->idx % RING] = descriptor;
	__atomic_store_n(&avail->idx, (uint16_t)(avail->idx + 1), __ATOMIC_SEQ_CST);
}

static void ring_open(struct net *n, unsigned int index)
{
	struct ring *r = &n->ring[index];
	struct vhost_vring_state num = { .index = index, .num = RING }, base = { .index = index };
	struct vhost_vring_file kick = { .index = index }, call = { .index = index };
	struct vhost_vring_addr addr = { .index = index };

	vring_init(&r->vring, RING, map(vring_size(RING, 4096), -1), 4096);
	r->buffers = map((size_t)RING * BUFFER, -1);
	for (uint16_t i = 0; i < RING; i++) {
		r->vring.desc[i].addr = (uintptr_t)(r->buffers + (size_t)i * BUFFER);
		r->vring.desc[i].len = index == RX ? BUFFER : VNET_HDR + FRAME;
		r->vring.desc[i].flags = index == RX ? VRING_DESC_F_WRITE : 0;
		if (index == RX)
			offer(r, i);
	}
	r->kick = kick.fd = must(eventfd(0, EFD_NONBLOCK), "eventfd");
	r->call = call.fd = must(eventfd(0, EFD_NONBLOCK), "eventfd");
	addr.desc_user_addr = (uintptr_t)r->vring.desc;
	addr.avail_user_addr = (uintptr_t)r->vring.avail;
	addr.used_user_addr = (uintptr_t)r->vring.used;
	must(ioctl(n->vhost, VHOST_SET_VRING_NUM, &num), "VHOST_SET_VRING_NUM");
	must(ioctl(n->vhost, VHOST_SET_VRING_BASE, &base), "VHOST_SET_VRING_BASE");
	must(ioctl(n->vhost, VHOST_SET_VRING_ADDR, &addr), "VHOST_SET_VRING_ADDR");
	must(ioctl(n->vhost, VHOST_SET_VRING_KICK, &kick), "VHOST_SET_VRING_KICK");
	must(ioctl(n->vhost, VHOST_SET_VRING_CALL, &call), "VHOST_SET_VRING_CALL");
}

/* The guest's "physical" addresses are our own. */
static void memory_table(struct net *n)
{
	struct {
		struct vhost_memory head;
		struct vhost_memory_region region[1];
	} table = { .head.nregions = 1 };

	table.region[0].memory_size = (1ULL << 47) - 4096;
	must(ioctl(n->vhost, VHOST_SET_MEM_TABLE, &table), "VHOST_SET_MEM_TABLE");
}

static int open_if_named(const char *folder, const char *entry, const char *wanted)
{
	char path[300], comm[64] = "";
	int fd, len;

	snprintf(path, sizeof(path), "%s/%s/comm", folder, entry);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return -1;
	len = (int)read(fd, comm, sizeof(comm) - 1);
	close(fd);
	if (len < 1 || strncmp(comm, wanted, strlen(wanted)) || comm[strlen(wanted)] != '\n')
		return -1;
	snprintf(path, sizeof(path), "%s/%s/stat", folder, entry);
	return open(path, O_RDONLY);
}

/* stat file of the thread vhost-<our pid>: a thread of ours or, on older kernels, a process. */
static int find_worker(void)
{
	static const char *const folders[] = { "/proc/self/task", "/proc" };
	char wanted[32];
	int fd = -1;

	snprintf(wanted, sizeof(wanted), "vhost-%d", getpid());
	for (int i = 0; i < 2 && fd < 0; i++) {
		DIR *dir = opendir(folders[i]);
		struct dirent *d;

		while (dir && fd < 0 && (d = readdir(dir)))
			if (d->d_name[0] >= '1' && d->d_name[0] <= '9')
				fd = open_if_named(folders[i], d->d_name, wanted);
		if (dir)
			closedir(dir);
	}
	return fd;
}

static int worker_sleeps(struct net *n)
{
	char stat[256] = "";
	char *state;

	if (pread(n->worker_stat, stat, sizeof(stat) - 1, 0) <= 0)
		errx(1, "the vhost worker is gone");
	state = strrchr(stat, ')');
	return state && state[2] == 'S';
}

static void wait_worker(struct net *n)
{
	double deadline = now_s() + WAIT_S;

	while (!worker_sleeps(n)) {
		if (now_s() > deadline)
			errx(1, "the vhost worker does not come to rest");
		usleep(200);
	}
}

/* Until the used index moved on by one and the worker sleeps again. */
static void wait_used(struct net *n, struct ring *r)
{
	double deadline = now_s() + WAIT_S;
	struct pollfd pfd = { .fd = r->call, .events = POLLIN };
	uint64_t calls;

	while (__atomic_load_n(&r->vring.used->idx, __ATOMIC_SEQ_CST) == r->used_seen) {
		if (now_s() > deadline)
			errx(1, "vhost did not take a descriptor");
		poll(&pfd, 1, 10);
	}
	(void)!read(r->call, &calls, sizeof(calls));
	r->used_seen++;
	if (__atomic_load_n(&r->vring.used->idx, __ATOMIC_SEQ_CST) != r->used_seen)
		errx(1, "vhost took more than there was");
	wait_worker(n);
}

static void net_open(struct net *n)
{
	struct vhost_vring_file backend;
	uint64_t features = 0;

	tap_open(n);
	n->vhost = must(open("/dev/vhost-net", O_RDWR), "/dev/vhost-net");
	must(ioctl(n->vhost, VHOST_SET_OWNER), "VHOST_SET_OWNER");
	must(ioctl(n->vhost, VHOST_SET_FEATURES, &features), "VHOST_SET_FEATURES");
	memory_table(n);
	for (unsigned int i = 0; i < QUEUES; i++)
		ring_open(n, i);
	for (unsigned int i = 0; i < QUEUES; i++) {
		backend = (struct vhost_vring_file){ .index = i, .fd = n->tap };
		must(ioctl(n->vhost, VHOST_NET_SET_BACKEND, &backend), "VHOST_NET_SET_BACKEND");
	}
	n->worker_stat = must(find_worker(), "vhost worker thread");
	usleep(100000); /* the worker starts, and looks at its queues once */
	wait_worker(n);
}

static void net_close(struct net *n)
{
	for (unsigned int i = 0; i < QUEUES; i++) {
		struct vhost_vring_file none = { .index = i, .fd = -1 };

		must(ioctl(n->vhost, VHOST_NET_SET_BACKEND, &none), "VHOST_NET_SET_BACKEND");
	}
	close(n->vhost);
	close(n->packet);
	close(n->tap);
}

/* An experimental EtherType, to nobody: no protocol answers it. */
static void fill_frame(unsigned char *frame)
{
	static const unsigned char head[14] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5 };

	memset(frame, 0, FRAME);
	memcpy(frame, head, sizeof(head));
}

static void send_one(struct net *n)
{
	struct ring *r = &n->ring[TX];
	uint16_t descriptor = r->vring.avail->idx % RING;
	uint64_t one = 1;

	memset(r->buffers + (size_t)descriptor * BUFFER, 0, VNET_HDR);
	fill_frame(r->buffers + (size_t)descriptor * BUFFER + VNET_HDR);
	offer(r, descriptor);
	must((int)write(r->kick, &one, sizeof(one)), "kick");
	wait_used(n, r);
}

static void receive_one(struct net *n)
{
	struct ring *r = &n->ring[RX];
	unsigned char frame[FRAME];

	fill_frame(frame);
	must((int)send(n->packet, frame, FRAME, 0), "frame into the tap");
	wait_used(n, r);
	offer(r, (uint16_t)r->vring.used->ring[(uint16_t)(r->used_seen - 1) % RING].id);
}

/* ---------------------------------------------------------------- kvm */

/* Where the vCPU's statistics file holds "exits". */
static uint64_t find_exits(int fd)
{
	struct kvm_stats_header head;
	char storage[sizeof(struct kvm_stats_desc) + 256];
	struct kvm_stats_desc *d = (struct kvm_stats_desc *)storage;

	if (pread(fd, &head, sizeof(head), 0) != sizeof(head))
		err(1, "KVM statistics");
	for (uint32_t i = 0; i < head.num_desc; i++) {
		size_t size = sizeof(*d) + head.name_size;

		if (size > sizeof(storage) ||
		    pread(fd, d, size, head.desc_offset + (off_t)(i * size)) != (ssize_t)size)
			err(1, "KVM statistics");
		if (!strcmp(d->name, "exits"))
			return head.data_offset + d->offset;
	}
	errx(1, "KVM statistics lack exits");
}

static void open_stats(struct vcpu *v)
{
	v->stats = ioctl(v->vcpu, KVM_GET_STATS_FD, NULL);
	if (v->stats >= 0)
		v->exits_offset = find_exits(v->stats);
}

/* Kernels before 5.14 have them in debugfs alone, as text, one VM's vCPUs summed. */
static uint64_t exits_in_debugfs(struct vcpu *v)
{
	char path[128], text[32] = "";
	int fd;

	snprintf(path, sizeof(path), "/sys/kernel/debug/kvm/%d-%d/exits", getpid(), v->vm);
	fd = must(open(path, O_RDONLY), path);
	must((int)read(fd, text, sizeof(text) - 1), path);
	close(fd);
	return strtoull(text, NULL, 10);
}

static uint64_t exits(struct vcpu *v)
{
	uint64_t value;

	if (v->stats < 0)
		return exits_in_debugfs(v);
	if (pread(v->stats, &value, sizeof(value), (off_t)v->exits_offset) != sizeof(value))
		err(1, "KVM statistics");
	return value;
}

static void real_mode(struct vcpu *v)
{
	struct kvm_sregs sregs;
	struct kvm_regs regs = { .rip = 0x1000, .rflags = 2 };

	must(ioctl(v->vcpu, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
	sregs.cs.base = sregs.cs.selector = 0;
	must(ioctl(v->vcpu, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
	must(ioctl(v->vcpu, KVM_SET_REGS, &regs), "KVM_SET_REGS");
}

/* A signal mask for KVM_RUN alone: there SIGUSR1 gets through. */
static void signals(struct vcpu *v)
{
	struct {
		struct kvm_signal_mask head;
		uint64_t set;
	} __attribute__((packed)) mask = { .head.len = 8 };
	struct sigevent ev = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	must(sigprocmask(SIG_BLOCK, &set, NULL), "sigprocmask");
	must(ioctl(v->vcpu, KVM_SET_SIGNAL_MASK, &mask), "KVM_SET_SIGNAL_MASK");
	ev._sigev_un._tid = (pid_t)syscall(SYS_gettid);
	must(timer_create(CLOCK_MONOTONIC, &ev, &v->timer), "timer_create");
}

static void enter_once(struct vcpu *v)
{
	must(ioctl(v->vcpu, KVM_RUN, 0), "KVM_RUN");
	if (v->run->exit_reason != KVM_EXIT_IO)
		errx(1, "KVM_RUN ended for reason %u", v->run->exit_reason);
}

static void set_state(struct vcpu *v, uint32_t state)
{
	struct kvm_mp_state mp = { .mp_state = state };

	must(ioctl(v->vcpu, KVM_SET_MP_STATE, &mp), "KVM_SET_MP_STATE");
}

static void vcpu_open(struct vcpu *v)
{
	static const unsigned char code[] = { 0xe6, 0x80, 0xeb,
					      0xfc }; /* 1: out %al, $0x80; jmp 1b */
	unsigned char *memory = map(0x10000, -1);
	struct kvm_userspace_memory_region region = { .memory_size = 0x10000,
						      .userspace_addr = (uintptr_t)memory };

	memcpy(memory + 0x1000, code, sizeof(code));
	v->kvm = must(open("/dev/kvm", O_RDWR), "/dev/kvm");
	v->vm = must(ioctl(v->kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
	must(ioctl(v->vm, KVM_SET_TSS_ADDR, 0xfffbd000), "KVM_SET_TSS_ADDR");
	must(ioctl(v->vm, KVM_CREATE_IRQCHIP), "KVM_CREATE_IRQCHIP");
	must(ioctl(v->vm, KVM_SET_USER_MEMORY_REGION, &region), "KVM_SET_USER_MEMORY_REGION");
	v->vcpu = must(ioctl(v->vm, KVM_CREATE_VCPU, 0), "KVM_CREATE_VCPU");
	v->run_size =
		(size_t)must(ioctl(v->kvm, KVM_GET_VCPU_MMAP_SIZE, 0), "KVM_GET_VCPU_MMAP_SIZE");
	v->run = map(v->run_size, v->vcpu);
	open_stats(v);
	real_mode(v);
	signals(v);
	for (int i = 0; i < WARM_UP; i++) /* the first entries also fault pages in */
		enter_once(v);
}

static void halt_once(struct vcpu *v)
{
	struct itimerspec soon = { .it_value.tv_nsec = HALT_NS };
	struct timespec limit = { .tv_sec = WAIT_S };
	sigset_t set;

	must(timer_settime(v->timer, 0, &soon, NULL), "timer_settime");
	if (ioctl(v->vcpu, KVM_RUN, 0) == 0 || errno != EINTR)
		errx(1, "KVM_RUN of a halted vCPU was not interrupted");
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	must(sigtimedwait(&set, NULL, &limit), "sigtimedwait");
}

/* ---------------------------------------------------------------- main */

static long counts[4];
static long gap_ms;

static void gap(void)
{
	if (gap_ms)
		usleep((useconds_t)gap_ms * 1000);
}

static void say(const char *word)
{
	puts(word);
	fflush(stdout);
}

static void wait_line(void)
{
	int c;

	do
		c = getchar();
	while (c != '\n' && c != EOF);
}

/* What there was: entries are the kernel's own number, the rest was done one by one. */
static void drive(struct net *n, struct vcpu *v)
{
	uint64_t first = exits(v);

	for (long i = 0; i < counts[0]; i++, gap())
		send_one(n);
	for (long i = 0; i < counts[1]; i++, gap())
		receive_one(n);
	set_state(v, KVM_MP_STATE_RUNNABLE);
	for (; exits(v) - first < (uint64_t)counts[2]; gap())
		enter_once(v);
	set_state(v, KVM_MP_STATE_HALTED);
	for (long i = 0; i < counts[3]; i++, gap())
		halt_once(v);
	set_state(v, KVM_MP_STATE_RUNNABLE);
	printf("{\"handle_tx\": %ld, \"handle_rx\": %ld, \"vcpu_enter\": %llu, \"vcpu_halt\": %ld, "
	       "\"tx_packets\": %ld, \"tx_bytes\": %ld, \"rx_packets\": %ld, \"rx_bytes\": %ld, "
	       "\"pid\": %d, \"tap\": \"%s\"}\n",
	       counts[0], counts[1], (unsigned long long)(exits(v) - first), counts[3], counts[0],
	       counts[0] * FRAME, counts[1], counts[1] * FRAME, getpid(), n->tap_name);
}

static long number(const char *text)
{
	char *end;
	long value;

	errno = 0;
	value = strtol(text, &end, 10);
	if (errno || end == text || *end || value < 0 || value > 1000000)
		errx(2, "%s: not a count", text);
	return value;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "tx", required_argument, NULL, 0 },
		{ "rx", required_argument, NULL, 1 },
		{ "entries", required_argument, NULL, 2 },
		{ "halts", required_argument, NULL, 3 },
		{ "gap-ms", required_argument, NULL, 'g' },
		{ "tap", required_argument, NULL, 't' },
		{ 0 },
	};
	struct net net = { .tap_name = "kick0" };
	struct vcpu vcpu = { 0 };
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt >= 0 && opt < 4)
			counts[opt] = number(optarg);
		else if (opt == 'g')
			gap_ms = number(optarg);
		else if (opt == 't')
			net.tap_name = optarg;
		else
			errx(2,
			     "usage: kick --tx N --rx N --entries N --halts N [--gap-ms N] [--tap NAME]");
	}
	net_open(&net);
	vcpu_open(&vcpu);
	/* As QEMU names it with debug-threads=on: who counts by thread must know the vCPU's. */
	must(prctl(PR_SET_NAME, "CPU 0/KVM"), "PR_SET_NAME");
	say("ready");
	wait_line();
	drive(&net, &vcpu);
	say("done");
	wait_line();
	net_close(&net);
	return 0;
}
