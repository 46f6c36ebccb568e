// SPDX-License-Identifier: GPL-2.0-only
/* The load's own processes and connections: real ones over loopback, and messages by hand. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bpf/clock.h"
#include "cli/evidence/load_diag.h"
#include "cli/evidence/load_procs.h"

#define MS VNX_NSEC_PER_MSEC

static struct vnx_err err;
static struct vnx_samples samples;
static struct vnx_holds holds;
static const struct vnx_vms no_vms;
static pid_t leader;
static void *src;
static const struct vnx_source_ops *ops;

static void nap(uint64_t ms)
{
	struct timespec ts = { (time_t)(ms / 1000), (long)(ms % 1000) * 1000000 };

	nanosleep(&ts, NULL);
}

static int setup(void **state)
{
	err = (struct vnx_err){ 0 };
	samples.n = 0;
	leader = 0;
	src = NULL;
	return 0;
}

static int teardown(void **state)
{
	if (src)
		ops->close(src);
	if (leader > 0) {
		kill(-leader, SIGKILL);
		kill(-leader, SIGCONT);
		waitpid(leader, NULL, 0);
	}
	free(samples.v);
	samples = (struct vnx_samples){ 0 };
	return 0;
}

static void open_source(const struct vnx_source_ops *which)
{
	int ret;

	ops = which;
	ret = ops->open(&src, &err);
	if (ret)
		fail_msg("%s: %s", ops->name, err.message);
}

static void read_source(void)
{
	struct vnx_scene scene = { .now_ns = vnx_clock_mono(),
				   .vms = &no_vms,
				   .load_pid = (uint32_t)leader };
	struct vnx_readings out = { &samples, &holds };
	int ret = ops->read(src, &scene, &out, &err);

	if (ret)
		fail_msg("%s: %s", ops->name, err.message);
}

/* The last sample of @metric, NULL: none. */
static const struct vnx_sample *last(enum vnx_metric metric)
{
	for (size_t i = samples.n; i-- > 0;)
		if (samples.v[i].metric == (uint32_t)metric)
			return &samples.v[i];
	return NULL;
}

static double share(enum vnx_metric metric)
{
	const struct vnx_sample *s = last(metric);

	assert_non_null(s);
	assert_int_equal(s->entity, 0);
	assert_true(s->dur_ns > 0);
	return (double)s->count / (double)s->dur_ns;
}

/* Children: @job runs in a process group of its own and says by a byte that it is under way. */

static void ready(int fd)
{
	if (write(fd, "r", 1) != 1)
		_exit(1);
}

static bool has_pid(const struct vnx_load_procs *list, pid_t pid)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->v[i].pid == (uint32_t)pid)
			return true;
	return false;
}

/* Until the leader is dead, but not reaped: as cli/record/load.c leaves it. */
static void kill_leader(void)
{
	siginfo_t si;

	kill(-leader, SIGKILL);
	assert_int_equal(waitid(P_PID, (id_t)leader, &si, WEXITED | WNOWAIT), 0);
}

/* Until a process that is not ours is no more than a number. */
static void await_end(struct vnx_load_procs *list, pid_t pid, uint64_t now_ns)
{
	for (int i = 0; i < 200; i++) {
		assert_int_equal(vnx_load_procs_sync(list, (uint32_t)leader, now_ns), 0);
		if (!has_pid(list, pid))
			return;
		nap(10);
	}
	fail_msg("%d does not end", pid);
}

static void start(void (*job)(int ready_fd, int arg), int arg)
{
	int p[2];
	char c;

	assert_int_equal(pipe(p), 0);
	leader = fork();
	assert_true(leader >= 0);
	if (!leader) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		setpgid(0, 0);
		close(p[0]);
		job(p[1], arg);
		_exit(0);
	}
	setpgid(leader, leader);
	close(p[1]);
	assert_int_equal(read(p[0], &c, 1), 1);
	close(p[0]);
}

static void wait_forever(void)
{
	for (;;)
		pause();
}

static void sleep_long(int fd, int arg)
{
	ready(fd);
	wait_forever();
}

/* Processes */

/* @report: pids of a child of its own session and of an orphan of the group. */
static void make_family(int fd, int report)
{
	pid_t pids[2], middle;
	int p[2];

	pids[0] = fork();
	if (!pids[0]) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		setsid();
		wait_forever();
	}
	if (pipe(p))
		_exit(1);
	middle = fork();
	if (!middle) {
		pid_t orphan = fork();

		if (!orphan)
			wait_forever();
		if (write(p[1], &orphan, sizeof(orphan)) != sizeof(orphan))
			_exit(1);
		_exit(0);
	}
	waitpid(middle, NULL, 0);
	if (read(p[0], &pids[1], sizeof(pids[1])) != sizeof(pids[1]) ||
	    write(report, pids, sizeof(pids)) != sizeof(pids))
		_exit(1);
	sleep_long(fd, 0);
}

static void test_family(void **state)
{
	struct vnx_load_procs list = { 0 };
	uint64_t now = vnx_clock_mono();
	pid_t pids[2];
	int p[2];

	assert_int_equal(pipe(p), 0);
	start(make_family, p[1]);
	assert_int_equal(read(p[0], pids, sizeof(pids)), sizeof(pids));
	assert_int_equal(vnx_load_procs_sync(&list, 0, now), 0);
	assert_int_equal(list.n, 0);
	assert_int_equal(vnx_load_procs_sync(&list, (uint32_t)leader, now), 0);
	assert_true(list.looked);
	assert_true(has_pid(&list, leader) && has_pid(&list, pids[0]) && has_pid(&list, pids[1]));
	assert_int_equal(list.n, 3);
	assert_false(has_pid(&list, getpid()));

	/* Not looked for again so soon, but the dead go. */
	kill(pids[1], SIGKILL);
	await_end(&list, pids[1], now + 10 * MS);
	assert_false(list.looked);
	assert_int_equal(list.n, 2);
	assert_int_equal(vnx_load_procs_sync(&list, (uint32_t)leader, now + 1000 * MS), 0);
	assert_true(list.looked);
	assert_int_equal(list.n, 2);

	/* Its end: a zombie is no process that could be looked at. */
	kill_leader();
	kill(pids[0], SIGKILL);
	await_end(&list, pids[0], now + 1000 * MS);
	assert_int_equal(list.n, 0);
	assert_int_equal(vnx_load_procs_sync(&list, (uint32_t)leader, now + 3000 * MS), 0);
	assert_int_equal(list.n, 0);
	vnx_load_procs_fini(&list);
	close(p[0]);
	close(p[1]);
}

static void burn(int fd, int arg)
{
	ready(fd);
	for (;;)
		;
}

static void test_burning(void **state)
{
	open_source(&vnx_source_load);
	start(burn, 0);
	read_source();
	assert_int_equal(samples.n, 0);
	nap(300);
	read_source();
	/* It runs or waits, whatever else this machine does. */
	if (share(VNX_LOAD_RUN) + share(VNX_LOAD_WAIT) < 0.7)
		fail_msg("ran %g, waited %g", share(VNX_LOAD_RUN), share(VNX_LOAD_WAIT));
	assert_true(share(VNX_LOAD_RUN) > 0.02 && share(VNX_LOAD_RUN) <= 1);
	assert_int_equal(last(VNX_LOAD_STOPPED)->count, 0);
	assert_int_equal(samples.n, 3);

	/* Over: nothing is told of it. */
	kill_leader();
	read_source();
	assert_int_equal(samples.n, 3);
}

static void test_stopped(void **state)
{
	open_source(&vnx_source_load);
	start(sleep_long, 0);
	read_source();
	nap(100);
	kill(-leader, SIGSTOP);
	nap(100);
	read_source();
	/* Stopped at one end: half; it slept, so running does not make it less. */
	assert_true(share(VNX_LOAD_STOPPED) > 0.45 && share(VNX_LOAD_STOPPED) <= 0.5);
	nap(100);
	read_source();
	assert_true(share(VNX_LOAD_STOPPED) > 0.99);
	assert_true(share(VNX_LOAD_RUN) < 0.01 && share(VNX_LOAD_WAIT) < 0.01);
	kill(-leader, SIGCONT);
	nap(100);
	read_source();
	nap(50);
	read_source();
	assert_int_equal(last(VNX_LOAD_STOPPED)->count, 0);
}

static void test_no_load(void **state)
{
	const struct vnx_source_ops *both[] = { &vnx_source_load, &vnx_source_load_tcp };

	for (size_t i = 0; i < 2; i++) {
		open_source(both[i]);
		read_source();
		nap(5);
		read_source();
		assert_int_equal(samples.n, 0);
		ops->close(src);
		src = NULL;
	}
}

/* Connections over loopback */

enum { SEND = 1, RECEIVE = 2, CONTROL = 4, IPV6 = 8, DEEP = 16 };

static int listen_fd, conn_fd, control_fd, port;

static void set_buffer(int fd)
{
	int size = 16384;

	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
}

static void listen_here(int flags)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_addr = in6addr_loopback };
	struct sockaddr_in four = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr *a = flags & IPV6 ? (struct sockaddr *)&six : (struct sockaddr *)&four;
	socklen_t len = flags & IPV6 ? sizeof(six) : sizeof(four);

	listen_fd = socket(a->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	set_buffer(listen_fd);
	assert_int_equal(bind(listen_fd, a, len), 0);
	assert_int_equal(listen(listen_fd, 8), 0);
	assert_int_equal(getsockname(listen_fd, a, &len), 0);
	port = flags & IPV6 ? six.sin6_port : four.sin_port;
}

static int connect_there(int flags)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6,
				    .sin6_addr = in6addr_loopback,
				    .sin6_port = (in_port_t)port };
	struct sockaddr_in four = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				    .sin_port = (in_port_t)port };
	int fd = socket(flags & IPV6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0);

	set_buffer(fd);
	if (flags & IPV6 ? connect(fd, (struct sockaddr *)&six, sizeof(six))
			 : connect(fd, (struct sockaddr *)&four, sizeof(four)))
		_exit(1);
	return fd;
}

/* The load: a connection that sends until it is dead, or never reads. */
static void talk(int fd, int flags)
{
	static char block[4096];
	int control = -1, conn;

	close(listen_fd);
	if (flags & DEEP && fork())
		wait_forever();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	conn = connect_there(flags);
	if (flags & CONTROL) {
		control = connect_there(flags);
		if (write(control, block, 2000) != 2000)
			_exit(1);
	}
	ready(fd);
	while (flags & SEND && write(conn, block, sizeof(block)) > 0)
		;
	wait_forever();
}

static void start_talk(int flags)
{
	listen_here(flags);
	start(talk, flags);
	conn_fd = accept(listen_fd, NULL, NULL);
	assert_true(conn_fd >= 0);
	control_fd = flags & CONTROL ? accept(listen_fd, NULL, NULL) : -1;
	assert_int_equal(fcntl(conn_fd, F_SETFL, O_NONBLOCK), 0);
}

static void stop_talk(void)
{
	close(conn_fd);
	if (control_fd >= 0)
		close(control_fd);
	close(listen_fd);
}

static void drink(size_t bytes)
{
	static char block[65536];

	while (bytes) {
		ssize_t n = read(conn_fd, block, bytes < sizeof(block) ? bytes : sizeof(block));

		if (n > 0)
			bytes -= (size_t)n;
		else
			nap(1);
	}
}

static void feed(void)
{
	static char block[65536];
	int left = 40;

	while (left--) {
		while (write(conn_fd, block, sizeof(block)) > 0)
			;
		nap(2);
	}
}

/* The peer does not read: the sender is held back by its window, all of the time. */
static void sender_is_held(int flags)
{
	open_source(&vnx_source_load_tcp);
	start_talk(SEND | CONTROL | flags);
	drink(200000);
	nap(100);
	read_source();
	assert_int_equal(samples.n, 0);
	nap(300);
	read_source();
	if (share(VNX_LOAD_RWND) < 0.6 || share(VNX_LOAD_BUSY) < 0.6)
		fail_msg("held back by the window %g, busy %g", share(VNX_LOAD_RWND),
			 share(VNX_LOAD_BUSY));
	assert_true(share(VNX_LOAD_RWND) <= 1);
	assert_true(last(VNX_LOAD_SENDQ)->count > 1000);
	assert_true(last(VNX_LOAD_CWND)->count > 0);
	assert_true(last(VNX_LOAD_RTT)->count > 0 && last(VNX_LOAD_RTT)->count < 10000000);
	assert_non_null(last(VNX_LOAD_RETRANS));
	assert_non_null(last(VNX_LOAD_SNDBUF));
	assert_null(last(VNX_LOAD_RECVQ));
	assert_null(last(VNX_LOAD_OOO));
	for (size_t i = 0; i < samples.n; i++)
		assert_true(samples.v[i].entity == 0 && samples.v[i].dur_ns > 250 * MS);
}

static void test_sender(void **state)
{
	size_t n;

	sender_is_held(0);
	/* The connection ends, then the load. */
	n = samples.n;
	stop_talk();
	kill_leader();
	read_source();
	assert_int_equal(samples.n, n);
}

static void test_sender_ipv6_deep(void **state)
{
	sender_is_held(IPV6 | DEEP);
	stop_talk();
}

/* The load does not read. */
static void test_receiver(void **state)
{
	open_source(&vnx_source_load_tcp);
	start_talk(RECEIVE | CONTROL);
	feed();
	read_source();
	nap(100);
	read_source();
	assert_true(last(VNX_LOAD_RECVQ)->count > 4096);
	assert_non_null(last(VNX_LOAD_OOO));
	assert_null(last(VNX_LOAD_RWND));
	assert_null(last(VNX_LOAD_RETRANS));
	assert_null(last(VNX_LOAD_SENDQ));
	stop_talk();
}

static void test_two_ways(void **state)
{
	open_source(&vnx_source_load_tcp);
	start_talk(SEND);
	drink(20000);
	feed();
	read_source();
	nap(100);
	read_source();
	assert_non_null(last(VNX_LOAD_RECVQ));
	assert_non_null(last(VNX_LOAD_SENDQ));
	stop_talk();
}

/* A connection that moved next to nothing only controls. */
static void test_control_alone(void **state)
{
	open_source(&vnx_source_load_tcp);
	start_talk(CONTROL);
	read_source();
	nap(50);
	read_source();
	assert_int_equal(samples.n, 0);
	stop_talk();
}

/* Messages by hand */

struct message {
	char buf[1024] __attribute__((aligned(8)));
};

/* A socket's message with the first @info_len bytes of a struct tcp_info of odd numbers. */
static const struct nlmsghdr *make_message(struct message *m, size_t info_len)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(m->buf);
	struct tcp_info ti = { .tcpi_total_retrans = 7,
			       .tcpi_rtt = 1234,
			       .tcpi_snd_cwnd = 10,
			       .tcpi_bytes_acked = 5000000000ULL,
			       .tcpi_bytes_received = 77,
			       .tcpi_busy_time = 900,
			       .tcpi_rwnd_limited = 800,
			       .tcpi_sndbuf_limited = 700,
			       .tcpi_rcv_ooopack = 3 };
	struct inet_diag_msg *msg;
	char info[sizeof(ti) + 64] = { 0 };

	memcpy(info, &ti, sizeof(ti));
	nlh->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	msg = mnl_nlmsg_put_extra_header(nlh, sizeof(*msg));
	msg->idiag_family = AF_INET;
	msg->idiag_state = 1;
	msg->idiag_inode = 4711;
	msg->idiag_rqueue = 11;
	msg->idiag_wqueue = 13;
	msg->id.idiag_sport = htons(5201);
	mnl_attr_put_u8(nlh, INET_DIAG_SHUTDOWN, 0);
	if (info_len != SIZE_MAX)
		mnl_attr_put(nlh, INET_DIAG_INFO, info_len, info);
	return nlh;
}

static void test_message_whole(void **state)
{
	struct vnx_tcp_facts f;
	struct message m;

	/* As of this build, and of a kernel that knows more. */
	for (size_t len = sizeof(struct tcp_info); len <= sizeof(struct tcp_info) + 64; len += 64) {
		assert_true(vnx_tcp_facts_parse(make_message(&m, len), &f));
		assert_int_equal(f.family, AF_INET);
		assert_int_equal(f.state, 1);
		assert_int_equal(f.inode, 4711);
		assert_int_equal(f.recvq, 11);
		assert_int_equal(f.sendq, 13);
		assert_int_equal(f.id.idiag_sport, htons(5201));
		assert_int_equal(f.retrans, 7);
		assert_int_equal(f.rtt_us, 1234);
		assert_int_equal(f.cwnd, 10);
		assert_int_equal(f.acked, 5000000000ULL);
		assert_int_equal(f.received, 77);
		assert_int_equal(f.busy_us, 900);
		assert_int_equal(f.rwnd_us, 800);
		assert_int_equal(f.sndbuf_us, 700);
		assert_int_equal(f.ooo, 3);
	}
}

/* At every length a field is either all there or not known. */
static void test_message_short_info(void **state)
{
	const size_t retrans_end = offsetof(struct tcp_info, tcpi_total_retrans) + 4;
	const size_t acked_end = offsetof(struct tcp_info, tcpi_bytes_acked) + 8;
	const size_t busy_end = offsetof(struct tcp_info, tcpi_busy_time) + 8;
	const size_t ooo_end = offsetof(struct tcp_info, tcpi_rcv_ooopack) + 4;
	struct vnx_tcp_facts f;
	struct message m;

	for (size_t len = 0; len <= sizeof(struct tcp_info); len++) {
		assert_true(vnx_tcp_facts_parse(make_message(&m, len), &f));
		assert_true(f.retrans == (len >= retrans_end ? 7 : VNX_TCP_UNKNOWN));
		assert_true(f.acked == (len >= acked_end ? 5000000000ULL : VNX_TCP_UNKNOWN));
		assert_true(f.busy_us == (len >= busy_end ? 900 : VNX_TCP_UNKNOWN));
		assert_true(f.ooo == (len >= ooo_end ? 3 : VNX_TCP_UNKNOWN));
		assert_int_equal(f.recvq, 11);
	}
	assert_true(vnx_tcp_facts_parse(make_message(&m, SIZE_MAX), &f));
	assert_true(f.retrans == VNX_TCP_UNKNOWN && f.rtt_us == VNX_TCP_UNKNOWN);
}

static void test_message_broken(void **state)
{
	struct vnx_tcp_facts f;
	struct nlmsghdr *nlh;
	struct message m;
	uint32_t whole;

	nlh = (struct nlmsghdr *)make_message(&m, sizeof(struct tcp_info));
	whole = nlh->nlmsg_len;
	/* The kernel's lengths are of whole words. */
	for (uint32_t len = MNL_NLMSG_HDRLEN; len < whole; len += 4) {
		/* On the heap, so that a sanitizer sees a step beyond. */
		struct nlmsghdr *cut = malloc(len);

		memcpy(cut, nlh, len);
		cut->nlmsg_len = len;
		if (len < MNL_NLMSG_HDRLEN + sizeof(struct inet_diag_msg)) {
			assert_false(vnx_tcp_facts_parse(cut, &f));
		} else {
			assert_true(vnx_tcp_facts_parse(cut, &f));
			assert_true(f.retrans == VNX_TCP_UNKNOWN);
		}
		free(cut);
	}
	nlh->nlmsg_type = NLMSG_DONE;
	assert_false(vnx_tcp_facts_parse(nlh, &f));
}

/* What cannot be asked says so. */
static void test_refused(void **state)
{
	struct vnx_tcp_diag *diag;

	assert_int_equal(vnx_tcp_diag_open(&diag, "/proc/self/status", &err), -EINVAL);
	assert_null(diag);
	assert_non_null(strstr(err.message, "network namespace cannot be entered"));
	err = (struct vnx_err){ 0 };
	assert_int_equal(vnx_tcp_diag_open(&diag, "/nowhere", &err), -ENOENT);
}

static int take_none(const struct vnx_tcp_facts *facts, void *data)
{
	return -E2BIG;
}

static void test_diag(void **state)
{
	struct vnx_tcp_facts none = { .family = AF_INET }, f;
	struct vnx_tcp_diag *diag;

	assert_int_equal(vnx_tcp_diag_open(&diag, NULL, &err), 0);
	assert_int_equal(vnx_tcp_diag_get(diag, &none, &f), -ENOENT);
	/* A dump that was broken off leaves nothing behind for the next question. */
	listen_here(0);
	assert_int_equal(vnx_tcp_diag_dump(diag, take_none, NULL), -E2BIG);
	close(listen_fd);
	assert_int_equal(vnx_tcp_diag_get(diag, &none, &f), -ENOENT);
	vnx_tcp_diag_close(diag);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_family, setup, teardown),
		cmocka_unit_test_setup_teardown(test_burning, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stopped, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_load, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sender, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sender_ipv6_deep, setup, teardown),
		cmocka_unit_test_setup_teardown(test_receiver, setup, teardown),
		cmocka_unit_test_setup_teardown(test_two_ways, setup, teardown),
		cmocka_unit_test_setup_teardown(test_control_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_message_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(test_message_short_info, setup, teardown),
		cmocka_unit_test_setup_teardown(test_message_broken, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_diag, setup, teardown),
	};

	return cmocka_run_group_tests_name("load_evidence", tests, NULL, NULL);
}
