// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the live view costs beside the capture: CPU time per second watched, of the model and of
 * painting onto a pty, for made-up VMs. Usage: live [VMS [SECONDS [COLUMNS LINES]]]
 */
#include <fcntl.h>
#include <locale.h>
#include <math.h>
#include <poll.h>
#include <pty.h>
#include <time.h>
#include <unistd.h>

#include "cli/live/app.h"
#include "cli/live/screen.h"
#include "tests/unit/live_feed.h"

static double cpu_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* The terminal takes all that is written, as a real one does. */
static size_t drain(int fd)
{
	static char buf[1 << 16];
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	size_t n = 0;
	ssize_t got;

	while (poll(&pfd, 1, 0) > 0 && (got = read(fd, buf, sizeof(buf))) > 0)
		n += (size_t)got;
	return n;
}

static void feed_all(struct feed *f, unsigned vms)
{
	static const enum vnx_metric of_worker[] = { VNX_VHOST_CPUS, VNX_VHOST_WITH_VCPU,
						     VNX_TX_KICK, VNX_RX_KICK, VNX_VHOST_TURN };
	static const enum vnx_metric of_tap[] = { VNX_QDISC_DROPS, VNX_QDISC_BACKLOG,
						  VNX_QDISC_OVERLIMITS, VNX_RX_DROPS,
						  VNX_TX_DROPS };

	for (uint32_t i = 0; i < vms; i++) {
		/* One in ten falls for half of every other minute. */
		bool low = i % 10 == 0 && f->bin % 240 > 180;

		feed_vm(f, i, (low ? 30 : 100) * 1e6 * (1 + 0.1 * feed_noise(f)), low ? 0.6 : 0.05);
		for (size_t k = 0; k < VNX_ARRAY_SIZE(of_worker); k++)
			feed_sample(f, of_worker[k], 1000 + i, 1);
		feed_sample(f, VNX_VCPU_RUN, 2000 + i, FEED_BIN_NS / 4);
		feed_sample(f, VNX_VCPU_RUNQ_WAIT, 2000 + i, FEED_BIN_NS / 100);
		feed_sample(f, VNX_VCPU_HALT, 2000 + i, 50);
		for (size_t k = 0; k < VNX_ARRAY_SIZE(of_tap) && f->bin % 3 == i % 3; k++) {
			feed_sample(f, of_tap[k], 100 + i, 0);
			f->samples.v[f->samples.n - 1].dur_ns = 3 * FEED_BIN_NS;
		}
	}
}

int main(int argc, char **argv)
{
	unsigned vms = argc > 1 ? (unsigned)atoi(argv[1]) : 200;
	unsigned seconds = argc > 2 ? (unsigned)atoi(argv[2]) : 120;
	struct winsize ws = { .ws_col = argc > 4 ? (unsigned short)atoi(argv[3]) : 200,
			      .ws_row = argc > 4 ? (unsigned short)atoi(argv[4]) : 50 };
	struct vnx_live_conf conf = { .share = 0.002 };
	struct vnx_live_view v = { .utf8 = true, .columns = ws.ws_col, .lines = ws.ws_row };
	struct vnx_live_keep keep = { 0 };
	struct vnx_err err = { 0 };
	double model_s = 0, paint_s = 0, begun_s, took_s;
	struct feed f;
	size_t sent = 0, painted = 0;
	uint64_t next_ns = 0;
	int master, slave;
	FILE *tty;

	setlocale(LC_CTYPE, "C.UTF-8");
	feed_init(&f);
	for (unsigned i = 0; i < vms; i++) {
		char name[16];

		snprintf(name, sizeof(name), "vm%u", i + 1);
		feed_add_vm(&f, name);
	}
	v.m = vnx_live_model_new(&conf);
	v.keep = &keep;
	if (!v.m || openpty(&master, &slave, NULL, NULL, &ws) || !(tty = fdopen(slave, "r+")) ||
	    vnx_screen_open("xterm-256color", tty, tty, true, &err))
		return 1;
	for (unsigned bin = 0; bin < 2 * seconds; bin++) {
		struct vnx_live_lines lines = { 0 };
		size_t marked;

		feed_all(&f, vms);
		begun_s = cpu_s();
		if (feed_end_bin(&f, v.m, &keep, &err))
			return 1;
		model_s += cpu_s() - begun_s;
		if (f.facts.end_ns < next_ns)
			continue;
		begun_s = cpu_s();
		if (vnx_live_view_update(&v) || vnx_live_draw(&v, &lines, &marked))
			return 1;
		vnx_screen_paint(&lines, marked);
		vnx_live_lines_fini(&lines);
		took_s = cpu_s() - begun_s;
		paint_s += took_s;
		painted++;
		next_ns = f.facts.end_ns + vnx_live_paint_pause_ns((uint64_t)(took_s * 1e9));
		sent += drain(master);
	}
	vnx_screen_close();
	printf("%u VMs, %u s, %ux%u: model %.2f ms/s (%.1f analyses/s), painting %.2f ms/s (%.1f/s), "
	       "together %.2f %% of a core; %.0f bytes/s to the terminal\n",
	       vms, seconds, ws.ws_col, ws.ws_row, model_s * 1e3 / seconds,
	       (double)v.m->analyses / seconds, paint_s * 1e3 / seconds, (double)painted / seconds,
	       (model_s + paint_s) * 100 / seconds, (double)sent / seconds);
	return 0;
}
