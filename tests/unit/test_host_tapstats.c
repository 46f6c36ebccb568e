// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counters of a tap and a macvtap that the test makes in a network namespace of its own: known
 * numbers of frames of known length go in and come out. Needs root; skips with a reason.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bpf/clock.h"
#include "cli/host/internal.h"

#define TX_FRAMES 23
#define TX_LEN 211
#define RX_FRAMES 29
#define RX_LEN 307

static char skip_reason[128];

static int setup(void **state)
{
	if (geteuid())
		snprintf(skip_reason, sizeof(skip_reason), "not root");
	else if (access("/dev/net/tun", R_OK | W_OK))
		snprintf(skip_reason, sizeof(skip_reason), "no /dev/net/tun");
	else if (unshare(CLONE_NEWNET))
		snprintf(skip_reason, sizeof(skip_reason), "no network namespace: %s",
			 strerror(errno));
	return 0;
}

#define SKIP_IF_NEEDED()                                             \
	do {                                                         \
		if (skip_reason[0]) {                                \
			print_message("skipped: %s\n", skip_reason); \
			skip();                                      \
		}                                                    \
	} while (0)

static void set_up(const char *name)
{
	struct ifreq ifr = { .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &ifr), 0);
	close(fd);
}

/* No IPv6, so that nothing but our own frames moves. */
static int make_tap(const char *name)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	char path[96];
	int fd = open("/dev/net/tun", O_RDWR), proc;

	assert_true(fd >= 0);
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	assert_int_equal(ioctl(fd, TUNSETIFF, &ifr), 0);
	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", name);
	proc = open(path, O_WRONLY);
	if (proc >= 0) {
		assert_int_equal(write(proc, "1", 1), 1);
		close(proc);
	}
	set_up(name);
	return fd;
}

/* As a guest would: written to the tap. */
static void guest_sends(int fd, int frames)
{
	char frame[TX_LEN] = { [12] = 0x88, [13] = 0xb5 };

	memset(frame, 0xff, 6);
	for (int i = 0; i < frames; i++)
		assert_int_equal(write(fd, frame, sizeof(frame)), sizeof(frame));
}

/* As the switch would: sent out of the interface; a frame counts when the guest takes it. */
static void host_sends(const char *name, int tap, int frames)
{
	char taken[2048];
	char frame[RX_LEN] = { [12] = 0x88, [13] = 0xb5 };
	struct sockaddr_ll ll = { .sll_family = AF_PACKET,
				  .sll_ifindex = (int)if_nametoindex(name),
				  .sll_halen = 6 };
	int fd = socket(AF_PACKET, SOCK_RAW, 0);

	assert_true(fd >= 0);
	memset(frame, 0xff, 6);
	for (int i = 0; i < frames; i++)
		assert_int_equal(sendto(fd, frame, sizeof(frame), 0, (void *)&ll, sizeof(ll)),
				 sizeof(frame));
	for (int i = 0; i < frames; i++)
		assert_int_equal(read(tap, taken, sizeof(taken)), sizeof(frame));
	close(fd);
}

struct rig {
	struct vnx_iface iface;
	struct vnx_vm vm;
	struct vnx_vms vms;
	struct vnx_samples s;
	struct vnx_tapstats *ts;
};

static void rig_open(struct rig *r, const char *name, const char *kind)
{
	memset(r, 0, sizeof(*r));
	r->iface.name = (char *)name;
	r->iface.kind = (char *)kind;
	r->iface.ifindex = if_nametoindex(name);
	r->vm.ifaces.v = &r->iface;
	r->vm.ifaces.n = 1;
	r->vm.last_ns = UINT64_MAX;
	r->vms.v = &r->vm;
	r->vms.n = 1;
	assert_true(r->iface.ifindex > 0);
	assert_int_equal(vnx_tapstats_open(&r->ts, NULL), 0);
}

static void rig_close(struct rig *r)
{
	vnx_tapstats_close(r->ts);
	free(r->s.v);
}

static void rig_read(struct rig *r)
{
	r->s.n = 0;
	assert_int_equal(vnx_tapstats_read(r->ts, &r->vms, &r->s, NULL), 0);
}

static uint64_t count_of(const struct rig *r, enum vnx_metric metric)
{
	for (size_t i = 0; i < r->s.n; i++)
		if (r->s.v[i].metric == metric && r->s.v[i].entity == r->iface.ifindex)
			return r->s.v[i].count;
	return UINT64_MAX;
}

static void counts_are(const struct rig *r, uint64_t txp, uint64_t txb, uint64_t rxp, uint64_t rxb)
{
	assert_int_equal(count_of(r, VNX_TX_PACKETS), txp);
	assert_int_equal(count_of(r, VNX_TX_BYTES), txb);
	assert_int_equal(count_of(r, VNX_RX_PACKETS), rxp);
	assert_int_equal(count_of(r, VNX_RX_BYTES), rxb);
}

static void tap_counts_from_the_guests_side(void **state)
{
	struct rig r;
	int fd;

	SKIP_IF_NEEDED();
	fd = make_tap("vnxt0");
	rig_open(&r, "vnxt0", "tap");
	rig_read(&r);
	assert_int_equal(r.s.n, 0); /* the first read is the base */
	guest_sends(fd, TX_FRAMES);
	host_sends("vnxt0", fd, RX_FRAMES);
	rig_read(&r);
	counts_are(&r, TX_FRAMES, TX_FRAMES * TX_LEN, RX_FRAMES, RX_FRAMES * RX_LEN);
	/* Nothing happened: that is a measured 0, not a hole. */
	rig_read(&r);
	assert_int_equal(r.s.n, 4);
	counts_are(&r, 0, 0, 0, 0);
	rig_close(&r);
	close(fd);
}

static void intervals_follow_each_other(void **state)
{
	uint64_t before, after, end = 0;
	struct rig r;
	int fd;

	SKIP_IF_NEEDED();
	fd = make_tap("vnxt0");
	rig_open(&r, "vnxt0", "tap");
	before = vnx_clock_mono();
	rig_read(&r);
	for (int i = 0; i < 5; i++) {
		usleep(3000);
		rig_read(&r);
		after = vnx_clock_mono();
		assert_int_equal(r.s.n, 4);
		assert_true(r.s.v[0].t_ns >= before);
		assert_true(r.s.v[0].t_ns + r.s.v[0].dur_ns <= after);
		assert_true(r.s.v[0].dur_ns >= 3000000);
		if (end)
			assert_int_equal(r.s.v[0].t_ns, end);
		end = r.s.v[0].t_ns + r.s.v[0].dur_ns;
	}
	rig_close(&r);
	close(fd);
}

/* The tap goes and one of the same name comes: another interface, a new base. */
static void tap_made_anew(void **state)
{
	struct rig r;
	int fd;

	SKIP_IF_NEEDED();
	fd = make_tap("vnxt0");
	rig_open(&r, "vnxt0", "tap");
	guest_sends(fd, TX_FRAMES);
	rig_read(&r);
	close(fd);
	rig_read(&r);
	assert_int_equal(r.s.n, 0); /* gone: no sample, no zeros */
	fd = make_tap("vnxt0");
	r.iface.ifindex = if_nametoindex("vnxt0");
	rig_read(&r);
	assert_int_equal(r.s.n, 0);
	guest_sends(fd, 1);
	rig_read(&r);
	assert_int_equal(count_of(&r, VNX_TX_PACKETS), 1);
	rig_close(&r);
	close(fd);
}

static void set_index(struct ifreq *ifr, int fd, int index)
{
	assert_int_equal(ioctl(fd, TUNSETIFINDEX, &index), 0);
	assert_int_equal(ioctl(fd, TUNSETIFF, ifr), 0);
}

/* Same index, counters from zero again: lost, not a huge number and not a negative one. */
static void counters_going_backwards_are_lost(void **state)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI, .ifr_name = "vnxt1" };
	struct rig r;
	int fd;

	SKIP_IF_NEEDED();
	fd = open("/dev/net/tun", O_RDWR);
	set_index(&ifr, fd, 4711);
	set_up("vnxt1");
	rig_open(&r, "vnxt1", "tap");
	assert_int_equal(r.iface.ifindex, 4711);
	guest_sends(fd, TX_FRAMES);
	rig_read(&r);
	close(fd);
	fd = open("/dev/net/tun", O_RDWR);
	set_index(&ifr, fd, 4711);
	set_up("vnxt1");
	rig_read(&r);
	assert_int_equal(r.s.n, 1);
	assert_int_equal(r.s.v[0].metric, VNX_LOST);
	assert_int_equal(r.s.v[0].entity, 4711);
	assert_true(r.s.v[0].dur_ns > 0);
	guest_sends(fd, 3);
	rig_read(&r);
	assert_int_equal(count_of(&r, VNX_TX_PACKETS), 3);
	rig_close(&r);
	close(fd);
}

static void gone_vms_are_not_read(void **state)
{
	struct rig r;
	int fd;

	SKIP_IF_NEEDED();
	fd = make_tap("vnxt0");
	rig_open(&r, "vnxt0", "tap");
	rig_read(&r);
	r.vm.last_ns = 1;
	rig_read(&r);
	assert_int_equal(r.s.n, 0);
	rig_close(&r);
	close(fd);
}

/* A macvtap sends what the guest sends: the other way round than a tap. */
static void macvtap_counts_from_the_guests_side(void **state)
{
	char path[64];
	struct rig r;
	int tap, fd;

	SKIP_IF_NEEDED();
	tap = make_tap("vnxt2");
	if (system("ip link add link vnxt2 name vnxm0 address 52:54:00:00:00:07 type macvtap mode "
		   "bridge 2>/dev/null && "
		   "ip link set vnxm0 up addrgenmode none")) {
		print_message("skipped: this kernel has no macvtap\n");
		close(tap);
		skip();
	}
	snprintf(path, sizeof(path), "/dev/tap%u", if_nametoindex("vnxm0"));
	fd = open(path, O_RDWR | O_NONBLOCK);
	if (fd < 0) {
		print_message("skipped: no %s here\n", path);
		close(tap);
		skip();
	}
	/* plain frames, no virtio header, as on the tap above */
	assert_int_equal(ioctl(fd, TUNSETIFF, &(struct ifreq){ .ifr_flags = IFF_TAP | IFF_NO_PI }),
			 0);
	rig_open(&r, "vnxm0", "macvtap");
	rig_read(&r);
	guest_sends(fd, TX_FRAMES);
	rig_read(&r);
	assert_int_equal(count_of(&r, VNX_TX_PACKETS), TX_FRAMES);
	assert_int_equal(count_of(&r, VNX_RX_PACKETS), 0);
	rig_close(&r);
	close(fd);
	close(tap);
}

/* Many interfaces: several batches, and none is missed. */
static void many_interfaces(void **state)
{
	struct vnx_iface ifaces[150] = { 0 };
	struct rig r;
	int fds[150];

	SKIP_IF_NEEDED();
	for (int i = 0; i < 150; i++) {
		char name[16];

		snprintf(name, sizeof(name), "vnxn%d", i);
		fds[i] = make_tap(name);
		ifaces[i].ifindex = if_nametoindex(name);
		ifaces[i].kind = (char *)"tap";
	}
	rig_open(&r, "vnxn0", "tap");
	r.vm.ifaces.v = ifaces;
	r.vm.ifaces.n = 150;
	rig_read(&r);
	for (int i = 0; i < 150; i++)
		guest_sends(fds[i], i + 1);
	rig_read(&r);
	assert_int_equal(r.s.n, 600);
	for (int i = 0; i < 150; i++) {
		assert_int_equal(r.s.v[4 * i].entity, ifaces[i].ifindex);
		assert_int_equal(r.s.v[4 * i].metric, VNX_TX_PACKETS);
		assert_int_equal(r.s.v[4 * i].count, i + 1);
		close(fds[i]);
	}
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tap_counts_from_the_guests_side),
		cmocka_unit_test(intervals_follow_each_other),
		cmocka_unit_test(tap_made_anew),
		cmocka_unit_test(counters_going_backwards_are_lost),
		cmocka_unit_test(gone_vms_are_not_read),
		cmocka_unit_test(macvtap_counts_from_the_guests_side),
		cmocka_unit_test(many_interfaces),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
