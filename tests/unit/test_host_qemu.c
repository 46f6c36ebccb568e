// SPDX-License-Identifier: GPL-2.0-only
/* QEMU's arguments: names, cards and back ends in all spellings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "cli/host/internal.h"

/* Arguments separated by blanks, as no argument here needs one. */
static void parse(struct vnx_qemu *q, const char *args)
{
	size_t len = strlen(args) + 1;
	char *copy = strdup(args);

	for (char *p = copy; *p; p++)
		if (*p == ' ')
			*p = '\0';
	assert_int_equal(vnx_qemu_parse(q, copy, len), 0);
	free(copy);
}

static void names(void **state)
{
	static const struct {
		const char *args, *name;
	} rows[] = {
		{ "q -name vm1", "vm1" },
		{ "q -name guest=vm1,debug-threads=on", "vm1" },
		{ "q -name debug-threads=on,guest=vm1", "vm1" },
		{ "q -name vm1,debug-threads=on", "vm1" },
		{ "q --name vm1", "vm1" },
		{ "q -name a,,b", "a,b" },
		{ "q -name guest=a,,,,b,process=x", "a,,b" },
		{ "q -name one -name two", "two" },
		{ "q -append -name -name real", "real" },
		{ "q -m 1", "" },
		{ "q -name", "" },
		{ "q -name guest=\377\033[1m", "\377\033[1m" },
	};

	for (size_t i = 0; i < VNX_ARRAY_SIZE(rows); i++) {
		struct vnx_qemu q;

		parse(&q, rows[i].args);
		assert_string_equal(q.name, rows[i].name);
		vnx_qemu_fini(&q);
	}
}

/* One card on one back end, in every spelling: "driver type ifname mac queues vhost fds vfds". */
static void cards(void **state)
{
	static const struct {
		const char *args, *want;
	} rows[] = {
		{ "q -device virtio-net-pci,netdev=n,mac=M -netdev tap,id=n,ifname=t0,vhost=on",
		  "virtio-net tap t0 M 0 1 0 0" },
		{ "q -netdev tap,id=n,ifname=t0,vhost -device virtio-net-device,netdev=n",
		  "virtio-net tap t0 - 0 1 0 0" },
		{ "q -device e1000,netdev=n -netdev tap,id=n,ifname=t0", "e1000 tap t0 - 0 0 0 0" },
		{ "q -device driver=e1000e,netdev=n -netdev type=tap,id=n,novhost,ifname=t0",
		  "e1000e tap t0 - 0 0 0 0" },
		{ "q -netdev tap,fds=30:31,id=n,vhost=on,vhostfds=32:33 -device "
		  "virtio-net-pci,mq=on,netdev=n",
		  "virtio-net tap - - 0 1 2 2" },
		{ "q -netdev tap,fd=30,id=n,vhostfd=32 -device virtio-net-pci,netdev=n",
		  "virtio-net tap - - 0 1 1 1" },
		{ "q -netdev tap,id=n,vhostforce=on,queues=4 -device virtio-net-ccw,netdev=n",
		  "virtio-net tap - - 4 1 0 0" },
		{ "q -netdev {\"type\":\"tap\",\"fd\":\"30\",\"vhost\":true,\"vhostfd\":\"31\","
		  "\"id\":\"hostnet0\"} -device {\"driver\":\"virtio-net-pci\",\"netdev\":"
		  "\"hostnet0\",\"id\":\"net0\",\"mac\":\"M\",\"bus\":\"pci.1\"}",
		  "virtio-net tap - M 0 1 1 1" },
		{ "q -netdev {\"type\":\"tap\",\"fds\":\"30:31\",\"vhost\":false,\"id\":\"a\"} "
		  "-device {\"driver\":\"e1000\",\"netdev\":\"a\"}",
		  "e1000 tap - - 0 0 2 0" },
		{ "q -nic tap,model=virtio-net-pci,mac=M,ifname=t0,vhost=on,queues=2",
		  "virtio-net tap t0 M 2 1 0 0" },
		{ "q -nic tap,ifname=t0", "e1000 tap t0 - 0 0 0 0" },
		{ "q -nic tap,ifname=t0 -M q35", "e1000e tap t0 - 0 0 0 0" },
		{ "q -nic bridge,br=br0,model=virtio", "virtio-net bridge - - 0 0 0 0" },
		{ "q -nic user,model=rtl8139", "rtl8139 user - - 0 0 0 0" },
		{ "q -net nic,model=virtio,macaddr=M -net tap,ifname=t0,vhost=on",
		  "virtio-net tap t0 M 0 1 0 0" },
		{ "q -net nic -net user", "e1000 user - - 0 0 0 0" },
		{ "q -netdev vhost-user,chardev=c,id=n,queues=2 -device virtio-net-pci,netdev=n",
		  "virtio-net vhost-user - - 2 0 0 0" },
		{ "q -netdev type=vhost-vdpa,vhostdev=/dev/vhost-vdpa-0,id=n -device "
		  "virtio-net-pci,netdev=n",
		  "virtio-net vhost-vdpa - - 0 0 0 0" },
		/* a name given over the monitor is no descriptor of ours */
		{ "q -netdev tap,fd=myfd,id=n -device virtio-net-pci,netdev=n",
		  "virtio-net tap - - 0 0 0 0" },
	};

	for (size_t i = 0; i < VNX_ARRAY_SIZE(rows); i++) {
		struct vnx_qemu q;
		char got[256];

		parse(&q, rows[i].args);
		assert_int_equal(q.nics.n, 1);
		assert_int_equal(q.netdevs.n, 1);
		assert_string_equal(q.nics.v[0].netdev, q.netdevs.v[0].id);
		snprintf(got, sizeof(got), "%s %s %s %s %u %d %zu %zu", q.nics.v[0].driver,
			 q.netdevs.v[0].type,
			 q.netdevs.v[0].ifname[0] ? q.netdevs.v[0].ifname : "-",
			 q.nics.v[0].mac[0] ? q.nics.v[0].mac : "-", q.netdevs.v[0].queues,
			 q.netdevs.v[0].vhost, q.netdevs.v[0].fds.n, q.netdevs.v[0].vhostfds.n);
		assert_string_equal(got, rows[i].want);
		vnx_qemu_fini(&q);
	}
}

static void no_card(void **state)
{
	static const char *const rows[] = { "q -nodefaults",
					    "q -m 1 -nodefaults",
					    "q -nic none",
					    "q -net none",
					    "q -M microvm",
					    "q -nodefaults -device virtio-blk-pci",
					    "q -nodefaults -device {broken" };

	for (size_t i = 0; i < VNX_ARRAY_SIZE(rows); i++) {
		struct vnx_qemu q;

		parse(&q, rows[i]);
		assert_int_equal(q.nics.n, 0);
		vnx_qemu_fini(&q);
	}
}

static void default_card(void **state)
{
	struct vnx_qemu q;

	parse(&q, "q -m 128 -machine q35,accel=kvm");
	assert_int_equal(q.nics.n, 1);
	assert_string_equal(q.nics.v[0].driver, "e1000e");
	assert_int_equal(q.netdevs.n, 0);
	vnx_qemu_fini(&q);
}

static void vfio(void **state)
{
	struct vnx_qemu q;

	parse(&q, "q -device vfio-pci,host=0000:01:00.0 -device "
		  "{\"driver\":\"vfio-pci\",\"host\":\"0000:02:00.1\"}");
	assert_int_equal(q.nics.n, 2);
	assert_string_equal(q.nics.v[0].driver, "vfio-pci");
	assert_string_equal(q.nics.v[1].host, "0000:02:00.1");
	vnx_qemu_fini(&q);
}

static void libvirt_asking_is_no_guest(void **state)
{
	struct vnx_qemu q;

	parse(&q, "q -S -no-user-config -nodefaults -nographic -machine none,accel=kvm:tcg");
	assert_true(q.no_guest);
	vnx_qemu_fini(&q);
}

/* Any bytes must be survived; ASan and valgrind watch. */
static void noise(void **state)
{
	static const char *const pieces[] = {
		"-netdev", "-device", "-name", "-nic", "-net", "{\"",  ",,", "=", "tap",
		"{}",      "-",       "--",    "fds=", "9:",   "\xff", "-M", "",  "id="
	};
	unsigned seed = 1;

	for (int round = 0; round < 3000; round++) {
		struct vnx_qemu q;
		char buf[256];
		size_t len = 0;

		while (len < 200) {
			const char *p;

			seed = seed * 1103515245 + 12345;
			p = pieces[(seed >> 16) % VNX_ARRAY_SIZE(pieces)];
			memcpy(buf + len, p, strlen(p));
			len += strlen(p);
			if (seed >> 24 & 1)
				buf[len++] = '\0';
		}
		assert_int_equal(vnx_qemu_parse(&q, buf, len), 0);
		vnx_qemu_fini(&q);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),   cmocka_unit_test(cards),
		cmocka_unit_test(no_card), cmocka_unit_test(default_card),
		cmocka_unit_test(vfio),    cmocka_unit_test(libvirt_asking_is_no_guest),
		cmocka_unit_test(noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
