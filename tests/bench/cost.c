// SPDX-License-Identifier: GPL-2.0-only
/*
 * What counting costs per event: `cost [-n ROUNDS] [-k PACKETS] [-q]`; -q: without peers.
 *
 * Packets are written to a tap in a network namespace of the bench's own and meet the
 * tracepoint netif_receive_skb on their way. One pair is a batch of packets without anything
 * attached and the same batch with it, in CPU time; the added cost of a pair is the difference per
 * packet. Methods take turns pair by pair, so that a drift of the machine meets all alike.
 *
 * Stated are medians over the pairs:
 *
 * - ours / empty: added cost of vnetdx's bpf back end over that of a BPF program that does
 *   nothing, at the same hook (goal: at most 1.10): once its first bins were read as a recording
 *   reads them, in its first second, and by thread id, as hooks of the user's are counted. The
 *   kernel's run-time statistics are on for two windows of 5 to 40 ms between the first two
 *   states, and part of neither;
 * - peer / ours: added cost of bpftrace or perf stat counting the same tracepoint over that of
 *   vnetdx (goal: at least 3).
 *
 * Everything is gone when the process is: namespaces, tap, mount, probes.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/if_ether.h>
#include <linux/if_tun.h>
#include <math.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "analysis/stats.h"
#include "bench/empty.skel.h"
#include "bpf/capture.h"
#include "bpf/clock.h"
#include "bpf/kernel.h"

#define HOOK "netif_receive_skb"
#define WARM_UP 2000
#define PIECES 100
#define MAX_REPEAT 4
#define PEER_START_MS 20000
#define GOAL_EMPTY 1.10
#define BIN_NS (100 * VNX_NSEC_PER_MSEC)
#define GOAL_PEER 3.0

struct bench {
	int tap;
	size_t packets, rounds, n_methods;
	struct empty *empty;
	struct bpf_link *link;
	struct vnx_capture *cap;
	long long counted; /* by it so far */
	size_t disturbed;  /* pairs of the empty program with run-time statistics on */
	pid_t peer;
	int peer_out;
};

/* One way of counting. attach() leaves a reason in @why where it cannot. */
struct method {
	const char *name;
	int (*attach)(struct bench *b, char *why, size_t size);
	/* Events counted since attach(), or -1: does not tell. */
	long long (*detach)(struct bench *b);
	char why[256];
	double *plain, *traced, *added; /* ns a packet, one a pair */
	size_t n;
	unsigned repeat; /* pairs a round: what is quick to attach can do more */
};

static uint64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * VNX_NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

static void write_packets(const struct bench *b, size_t n)
{
	/* To a multicast address with an ethertype nobody takes: dropped right behind the hook. */
	static const uint8_t frame[ETH_ZLEN] = {
		0x03, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5
	};

	for (size_t i = 0; i < n; i++)
		if (write(b->tap, frame, sizeof(frame)) != sizeof(frame)) {
			perror("cost: writing to the tap");
			exit(1);
		}
}

/*
 * Time a packet. The batch is timed in pieces by the thread's own CPU clock, and the piece
 * a tenth of the way up from the quickest stands for it: what neighbours on the machine do
 * to a piece (preemption, shared caches and cores) only ever makes it slower.
 */
static double batch_ns(const struct bench *b)
{
	double piece[PIECES];
	uint64_t start;

	for (size_t i = 0; i < PIECES; i++) {
		start = cpu_ns();
		write_packets(b, b->packets / PIECES);
		piece[i] = (double)(cpu_ns() - start) / (double)(b->packets / PIECES);
	}
	return vnx_quantile(piece, PIECES, 0.1);
}

static int attach_empty(struct bench *b, char *why, size_t size)
{
	b->empty = empty__open_and_load();
	if (!b->empty) {
		snprintf(why, size, "loading: %s", strerror(errno));
		return -1;
	}
	b->link = bpf_program__attach_raw_tracepoint(b->empty->progs.empty, HOOK);
	if (b->link)
		return 0;
	snprintf(why, size, "attaching: %s", strerror(errno));
	empty__destroy(b->empty);
	return -1;
}

/* Nobody here asked for them: then another process has, and every BPF program pays for it. */
static bool statistics_are_on(const struct bpf_program *prog)
{
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);

	return !bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &len) && info.run_cnt;
}

static long long detach_empty(struct bench *b)
{
	b->disturbed += statistics_are_on(b->empty->progs.empty);
	bpf_link__destroy(b->link);
	empty__destroy(b->empty);
	return -1;
}

static int open_ours(struct bench *b, bool by_stack, char *why, size_t size)
{
	static const struct vnx_hook_override hook = { VNX_HANDLE_TX, "raw_tp:" HOOK };
	struct vnx_capture_conf conf = { .bin_ns = BIN_NS,
					 .metrics = 1u << VNX_HANDLE_TX,
					 .overrides = &hook,
					 .n_overrides = 1,
					 .by_stack = by_stack,
					 .threads_hint = 64 };
	struct vnx_err err = { 0 };

	b->counted = 0;
	if (!vnx_capture_bpf.open(&b->cap, &conf, &err))
		return 0;
	snprintf(why, size, "%s", err.message);
	return -1;
}

static int read_ours(struct bench *b, bool final)
{
	struct vnx_samples samples = { 0 };
	struct vnx_err err = { 0 };
	int ret = vnx_capture_bpf.read(b->cap, &samples, final, &err);

	for (size_t i = 0; i < samples.n; i++)
		if (samples.v[i].metric == VNX_HANDLE_TX)
			b->counted += (long long)samples.v[i].count;
	free(samples.v);
	return ret;
}

/* The first two bins, 20 ms after their ends, as a recording reads them. */
static int read_two_bins(struct bench *b, char *why, size_t size)
{
	uint64_t start_ns = vnx_capture_bpf.start_ns(b->cap);
	int ret = 0;

	for (int i = 0; i < 2 && !ret; i++) {
		uint64_t in_bin_ns = (vnx_clock_mono() - start_ns) % BIN_NS;

		write_packets(b, 100);
		usleep((useconds_t)((BIN_NS - in_bin_ns) / 1000 + 20000));
		ret = read_ours(b, false);
	}
	if (!ret)
		return 0;
	snprintf(why, size, "reading: %s", strerror(-ret));
	vnx_capture_bpf.close(b->cap);
	return -1;
}

static int attach_ours(struct bench *b, char *why, size_t size)
{
	return open_ours(b, true, why, size) || read_two_bins(b, why, size) ? -1 : 0;
}

static int attach_by_tid(struct bench *b, char *why, size_t size)
{
	return open_ours(b, false, why, size) || read_two_bins(b, why, size) ? -1 : 0;
}

static int attach_first_second(struct bench *b, char *why, size_t size)
{
	return open_ours(b, true, why, size);
}

static long long detach_ours(struct bench *b)
{
	struct vnx_err err = { 0 };

	if (vnx_capture_bpf.detach(b->cap, &err) || read_ours(b, true))
		b->counted = 0;
	vnx_capture_bpf.close(b->cap);
	return b->counted;
}

/* The peers' user space is not what is measured: it gets the other processors. */
static void run_elsewhere(void)
{
	cpu_set_t set;
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	CPU_ZERO(&set);
	for (long cpu = 0; cpu < n && cpu < CPU_SETSIZE; cpu++)
		if (cpu != 1 || n == 1)
			CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/* Starts @argv with both outputs in a pipe; it dies with us. */
static pid_t start_peer(const char *const argv[], int *out)
{
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return -1;
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		run_elsewhere();
		dup2(fds[1], STDOUT_FILENO);
		dup2(fds[1], STDERR_FILENO);
		execvp(argv[0], (char *const *)argv);
		_exit(127);
	}
	close(fds[1]);
	*out = fds[0];
	return pid;
}

/* Reads until a line holds @word; the last line read stays in @line. */
static bool await_line(int fd, const char *word, char *line, size_t size)
{
	uint64_t end = vnx_clock_mono() + PEER_START_MS * VNX_NSEC_PER_MSEC;
	size_t n = 0;

	while (vnx_clock_mono() < end) {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		if (poll(&p, 1, 1000) <= 0)
			continue;
		if (read(fd, line + n, 1) != 1)
			break;
		line[n + 1] = '\0';
		if (line[n] == '\n') {
			line[n] = '\0';
			if (strstr(line, word))
				return true;
			n = 0;
		} else if (n + 2 < size) {
			n++;
		}
	}
	return false;
}

static int attach_peer(struct bench *b, const char *const argv[], const char *ready, char *why,
		       size_t size)
{
	char line[512] = "";

	b->peer = start_peer(argv, &b->peer_out);
	if (b->peer > 0 && await_line(b->peer_out, ready, line, sizeof(line)))
		return 0;
	snprintf(why, size, "%s does not run here%s%.180s", argv[0], *line ? ": " : "", line);
	if (b->peer > 0) {
		kill(b->peer, SIGKILL);
		waitpid(b->peer, NULL, 0);
		close(b->peer_out);
	}
	return -1;
}

static void end_peer(struct bench *b)
{
	close(b->peer_out);
	waitpid(b->peer, NULL, 0);
}

static int attach_bpftrace(struct bench *b, char *why, size_t size)
{
	/* Probes are attached in order: when the interval's speaks, the other one counts. */
	static const char *const argv[] = {
		"bpftrace", "-e",
		"tracepoint:net:" HOOK " { @ = count(); } interval:ms:50 { printf(\"ready\\n\"); }",
		NULL
	};

	return attach_peer(b, argv, "ready", why, size);
}

static long long detach_bpftrace(struct bench *b)
{
	char line[512];
	long long n = -1;

	kill(b->peer, SIGINT);
	if (await_line(b->peer_out, "@: ", line, sizeof(line)))
		n = strtoll(strstr(line, "@: ") + 3, NULL, 10);
	end_peer(b);
	return n;
}

static int attach_perf(struct bench *b, char *why, size_t size)
{
	static const char *const argv[] = { "perf", "stat", "-a", "-I",        "50",
					    "-x",   ",",    "-e", "net:" HOOK, NULL };

	return attach_peer(b, argv, ",net:" HOOK, why, size);
}

static long long detach_perf(struct bench *b)
{
	char line[512], *comma;
	long long n = 0;

	kill(b->peer, SIGINT);
	while (await_line(b->peer_out, "net:" HOOK, line, sizeof(line)))
		if ((comma = strchr(line, ',')))
			n += strtoll(comma + 1, NULL, 10);
	end_peer(b);
	return n;
}

static struct method methods[] = {
	{ .name = "empty raw_tp program",
	  .attach = attach_empty,
	  .detach = detach_empty,
	  .repeat = MAX_REPEAT },
	{ .name = "vnetdx, bpf back end",
	  .attach = attach_ours,
	  .detach = detach_ours,
	  .repeat = MAX_REPEAT },
	{ .name = "  in the first second",
	  .attach = attach_first_second,
	  .detach = detach_ours,
	  .repeat = MAX_REPEAT },
	{ .name = "  by thread id",
	  .attach = attach_by_tid,
	  .detach = detach_ours,
	  .repeat = MAX_REPEAT },
	{ .name = "bpftrace count()",
	  .attach = attach_bpftrace,
	  .detach = detach_bpftrace,
	  .repeat = 1 },
	{ .name = "perf stat -e", .attach = attach_perf, .detach = detach_perf, .repeat = 1 },
};

enum { EMPTY, OURS, FIRST_SECOND, BY_TID, FIRST_PEER };

static void run_pair(struct bench *b, struct method *m)
{
	double before, traced, after;
	long long counted;

	write_packets(b, WARM_UP);
	before = batch_ns(b);
	if (m->attach(b, m->why, sizeof(m->why)))
		return;
	write_packets(b, WARM_UP);
	traced = batch_ns(b);
	counted = m->detach(b);
	after = batch_ns(b);
	/* A method that missed packets was not attached all the time: no fair pair. */
	if (counted >= 0 && counted < (long long)(b->packets + WARM_UP)) {
		snprintf(m->why, sizeof(m->why), "counted %lld of %zu packets", counted,
			 b->packets + WARM_UP);
		return;
	}
	m->plain[m->n] = (before + after) / 2;
	m->traced[m->n] = traced;
	m->added[m->n] = traced - m->plain[m->n];
	m->n++;
}

static int set_up_tap(struct bench *b)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	int sock;

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "vnxbench0");
	b->tap = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	if (b->tap < 0 || ioctl(b->tap, TUNSETIFF, &ifr))
		return -errno;
	sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ifr.ifr_flags = IFF_UP;
	if (sock < 0 || ioctl(sock, SIOCSIFFLAGS, &ifr))
		return -errno;
	close(sock);
	return 0;
}

/* Namespaces of our own: no interface and no mount of ours is seen outside or outlives us. */
static int set_up(struct bench *b)
{
	VNX_CLEANUP_FREE char *tracefs = NULL;
	cpu_set_t one;
	int ret;

	if (unshare(CLONE_NEWNET | CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) {
		fprintf(stderr, "cost: no namespaces: %s; run as root\n", strerror(errno));
		return -1;
	}
	tracefs = vnx_kernel_tracefs();
	if (!tracefs && mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL))
		fprintf(stderr, "cost: no tracefs for the peers: %s\n", strerror(errno));
	ret = set_up_tap(b);
	if (ret) {
		fprintf(stderr, "cost: no tap: %s\n", strerror(-ret));
		return -1;
	}
	CPU_ZERO(&one);
	CPU_SET(sysconf(_SC_NPROCESSORS_ONLN) > 1 ? 1 : 0, &one);
	sched_setaffinity(0, sizeof(one), &one);
	return 0;
}

static int alloc_pairs(size_t rounds)
{
	for (size_t i = 0; i < VNX_ARRAY_SIZE(methods); i++) {
		size_t n = rounds * methods[i].repeat;

		methods[i].plain = calloc(n, sizeof(double));
		methods[i].traced = calloc(n, sizeof(double));
		methods[i].added = calloc(n, sizeof(double));
		if (!methods[i].plain || !methods[i].traced || !methods[i].added)
			return -ENOMEM;
	}
	return 0;
}

static void print_method(const struct method *m)
{
	if (!m->n) {
		printf("%-22s  not measured: %s\n", m->name, m->why);
		return;
	}
	printf("%-22s %9.1f %9.1f %9.1f   %6.1f..%-6.1f %5zu\n", m->name,
	       vnx_median(m->plain, m->n), vnx_median(m->traced, m->n), vnx_median(m->added, m->n),
	       vnx_quantile(m->added, m->n, 0.25), vnx_quantile(m->added, m->n, 0.75), m->n);
}

static void print_ratio(const char *what, double ratio, bool met, const char *goal)
{
	if (isnan(ratio))
		printf("%-32s not measured\n", what);
	else
		printf("%-32s %6.2f   goal %s: %s\n", what, ratio, goal, met ? "met" : "missed");
}

static void print_results(const struct bench *b)
{
	double ours = vnx_median(methods[OURS].added, methods[OURS].n);
	double empty = vnx_median(methods[EMPTY].added, methods[EMPTY].n), ratio;

	printf("ns a packet (medians)    untraced    traced     added   middle half   pairs\n");
	for (size_t i = 0; i < VNX_ARRAY_SIZE(methods); i++)
		print_method(&methods[i]);
	printf("\nadded = traced less untraced, pair by pair: the cost per event\n");
	if (b->disturbed)
		printf("in %zu pairs another process had BPF run-time statistics switched on: the "
		       "ratios do not hold\n",
		       b->disturbed);
	for (size_t i = OURS; i < FIRST_PEER; i++) {
		ratio = vnx_median(methods[i].added, methods[i].n) / empty;
		print_ratio(i == OURS ? "vnetdx / empty program" : methods[i].name, ratio,
			    ratio <= GOAL_EMPTY, "<= 1.10");
	}
	for (size_t i = FIRST_PEER; i < VNX_ARRAY_SIZE(methods); i++) {
		char what[64];

		ratio = vnx_median(methods[i].added, methods[i].n) / ours;
		snprintf(what, sizeof(what), "%s / vnetdx", methods[i].name);
		print_ratio(what, ratio, ratio >= GOAL_PEER, ">= 3");
	}
}

/* Each method in turn, from another one on every time, so that none always follows one. */
static void run_round(struct bench *b, size_t round)
{
	for (unsigned again = 0; again < MAX_REPEAT; again++)
		for (size_t i = 0; i < b->n_methods; i++) {
			struct method *m = &methods[(i + round) % b->n_methods];

			/* One that never works is not waited for. */
			if (again < m->repeat && (round < 2 || m->n))
				run_pair(b, m);
		}
}

int main(int argc, char **argv)
{
	struct bench b = { .packets = 5000, .rounds = 31, .n_methods = VNX_ARRAY_SIZE(methods) };
	int opt;

	while ((opt = getopt(argc, argv, "n:k:q")) != -1) {
		unsigned long v = opt == 'q' ? 1 : optarg ? strtoul(optarg, NULL, 10) : 0;

		if (!v || v > 1000000)
			return 2;
		if (opt == 'q')
			b.n_methods = FIRST_PEER;
		else
			*(opt == 'n' ? &b.rounds : &b.packets) = v;
	}
	b.packets -= b.packets % PIECES;
	if (!b.packets)
		return 2;
	if (set_up(&b) || alloc_pairs(b.rounds))
		return 1;
	for (size_t round = 0; round < b.rounds; round++)
		run_round(&b, round);
	print_results(&b);
	return methods[OURS].n ? 0 : 1;
}
