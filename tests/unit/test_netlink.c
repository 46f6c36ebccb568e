// SPDX-License-Identifier: GPL-2.0-only
/*
 * Answers of rtnetlink that the kernel marks as interrupted, as it does while interfaces come
 * and go: every reader takes what they hold and goes on. The mark is set here, on the kernel's
 * own answers, so that it is there each time and needs no rights.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <dlfcn.h>
#include <limits.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>

#include "cli/base/netlink.h"
#include "cli/evidence/evidence.h"
#include "cli/host/internal.h"

static int interrupt_next; /* so many answers */
static unsigned answers;   /* ended */

/* In the place of libmnl's. */
ssize_t mnl_socket_recvfrom(const struct mnl_socket *sock, void *buf, size_t size)
{
	ssize_t (*real)(const struct mnl_socket *, void *, size_t) =
		(ssize_t(*)(const struct mnl_socket *, void *, size_t))dlsym(RTLD_NEXT, __func__);
	ssize_t n = real(sock, buf, size);
	struct nlmsghdr *nlh = buf;
	int left = (int)n;

	for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		if (interrupt_next > 0)
			nlh->nlmsg_flags |= NLM_F_DUMP_INTR;
		if (nlh->nlmsg_type != NLMSG_DONE)
			continue;
		answers++;
		interrupt_next -= interrupt_next > 0;
	}
	return n;
}

static uint32_t lo; /* it is everywhere */

static int setup(void **state)
{
	/* Of our own where that is allowed, so that nobody else's interfaces come or go. */
	if (unshare(CLONE_NEWNET))
		print_message("in the network namespace of this machine\n");
	lo = if_nametoindex("lo");
	return lo ? 0 : -1;
}

static int see_lo(const struct nlmsghdr *nlh, void *data)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);

	if (nlh->nlmsg_type == RTM_NEWLINK && ifi->ifi_index == (int)lo)
		++*(int *)data;
	return MNL_CB_OK;
}

static int refuse(const struct nlmsghdr *nlh, void *data)
{
	errno = E2BIG;
	return MNL_CB_ERROR;
}

static void ask_tells_of_the_interruption(void **state)
{
	struct vnx_netlink *nl;
	int seen = 0;

	assert_int_equal(vnx_netlink_open(&nl, NETLINK_ROUTE, 0, NULL), 0);
	for (int i = 0; i < 2; i++) {
		interrupt_next = !i;
		vnx_netlink_request(nl, RTM_GETLINK, NLM_F_DUMP, sizeof(struct ifinfomsg));
		assert_int_equal(vnx_netlink_ask(nl, see_lo, &seen), 0);
		assert_int_equal(nl->interrupted, !i);
		assert_int_equal(seen, i + 1);
	}
	vnx_netlink_close(nl);
}

/* What is left of an answer that was given up is not taken for the next one. */
static void ask_again_after_a_refusal(void **state)
{
	struct vnx_netlink *nl;
	int seen = 0;

	assert_int_equal(vnx_netlink_open(&nl, NETLINK_ROUTE, 0, NULL), 0);
	for (int i = 1; i <= 3; i++) {
		vnx_netlink_request(nl, RTM_GETLINK, NLM_F_DUMP, sizeof(struct ifinfomsg));
		assert_int_equal(vnx_netlink_ask(nl, refuse, NULL), -E2BIG);
		vnx_netlink_request(nl, RTM_GETLINK, NLM_F_DUMP, sizeof(struct ifinfomsg));
		assert_int_equal(vnx_netlink_ask(nl, see_lo, &seen), 0);
		assert_int_equal(seen, i);
	}
	vnx_netlink_close(nl);
}

/* Interrupted now and then: asked again at once. All the time: taken, and asked for later. */
static void links_under_change(void **state)
{
	struct vnx_link_watch *w;
	struct vnx_links links = { 0 };

	assert_int_equal(vnx_link_watch_open(&w, NULL), 0);
	assert_true(vnx_link_watch_changed(w));
	answers = 0;
	interrupt_next = 3;
	assert_int_equal(vnx_link_watch_read(w, &links, NULL), 0);
	assert_int_equal(answers, 4);
	assert_non_null(vnx_links_by_index(&links, lo));

	for (int hours = 0; hours < 20; hours++) {
		interrupt_next = INT_MAX;
		assert_int_equal(vnx_link_watch_read(w, &links, NULL), 0);
		assert_non_null(vnx_links_by_index(&links, lo));
		assert_true(vnx_link_watch_changed(w));
	}
	interrupt_next = 0;
	assert_int_equal(vnx_link_watch_read(w, &links, NULL), 0);
	vnx_link_watch_close(w);
	free(links.v);
}

static uint64_t find_sample(const struct vnx_samples *s, enum vnx_metric metric, uint64_t *to_ns)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i].metric == metric && s->v[i].entity == lo) {
			*to_ns = s->v[i].t_ns + s->v[i].dur_ns;
			return s->v[i].t_ns;
		}
	return 0;
}

/* Readings follow each other without a gap. */
static void counters_under_change(void **state)
{
	struct vnx_iface iface = { .name = (char *)"lo", .kind = (char *)"tap", .ifindex = lo };
	struct vnx_vm vm = { .ifaces = { &iface, 1, 1 }, .last_ns = UINT64_MAX };
	struct vnx_vms vms = { &vm, 1, 1 };
	struct vnx_samples s = { 0 };
	struct vnx_tapstats *ts;
	uint64_t last_ns = 0, to_ns = 0;

	assert_int_equal(vnx_tapstats_open(&ts, NULL), 0);
	for (int i = 0; i < 20; i++) {
		uint64_t from_ns;

		interrupt_next = INT_MAX;
		s.n = 0;
		assert_int_equal(vnx_tapstats_read(ts, &vms, &s, NULL), 0);
		from_ns = find_sample(&s, VNX_TX_BYTES, &to_ns);
		assert_true(!i == !from_ns);
		assert_true(i < 2 || from_ns == last_ns);
		last_ns = to_ns;
	}
	interrupt_next = 0;
	vnx_tapstats_close(ts);
	free(s.v);
}

static void evidence_under_change(void **state)
{
	struct vnx_iface iface = { .name = (char *)"lo", .kind = (char *)"tap", .ifindex = lo };
	struct vnx_vm vm = { .ifaces = { &iface, 1, 1 }, .last_ns = UINT64_MAX };
	struct vnx_vms vms = { &vm, 1, 1 };
	struct vnx_scene scene = { .vms = &vms };
	struct vnx_samples s = { 0 };
	struct vnx_readings out = { .samples = &s };
	uint64_t to_ns;
	void *src;

	assert_int_equal(vnx_source_net.open(&src, NULL), 0);
	for (int i = 0; i < 3; i++) {
		interrupt_next = INT_MAX;
		s.n = 0;
		scene.now_ns += 10 * VNX_NSEC_PER_SEC;
		assert_int_equal(vnx_source_net.read(src, &scene, &out, NULL), 0);
		assert_true(!i == !find_sample(&s, VNX_TX_DROPS, &to_ns));
	}
	interrupt_next = 0;
	vnx_source_net.close(src);
	free(s.v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ask_tells_of_the_interruption),
		cmocka_unit_test(ask_again_after_a_refusal),
		cmocka_unit_test(links_under_change),
		cmocka_unit_test(counters_under_change),
		cmocka_unit_test(evidence_under_change),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
