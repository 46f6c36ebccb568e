// SPDX-License-Identifier: GPL-2.0-only
/*
 * A capture back end alone, without the rest of vnetdx: for the bench, the lab and for
 * looking at one by hand.
 *
 *   capture_tool [-b BACKEND] [-d SECONDS] [-i BIN_MS] [-o METRIC=HOOK]... [-t PID]...
 *                [-c COMM]... [-w] [-s] [-r READ_S] [-m METRIC]...
 *
 * -t: the threads of that process and the vhost workers named after them; -c: all threads
 * of that name (a prefix), both looked up anew every second; -w: print "ready" once attached
 * and end when standard input closes; -s: print each sample; -r: seconds between reads.
 */
#include <dirent.h>
#include <getopt.h>
#include <poll.h>
#include <unistd.h>

#include "bpf/capture.h"
#include "bpf/clock.h"

struct tids {
	uint32_t *v;
	size_t n, cap;
};

struct tool {
	const struct vnx_capture_ops *ops;
	struct vnx_capture_conf conf;
	struct vnx_hook_override overrides[16];
	char names[16][128];
	const char *comms[16];
	uint32_t pids[16];
	size_t n_comms, n_pids;
	double seconds, read_s;
	bool wait, samples;
	uint64_t totals[VNX_METRIC_MAX];
};

static void die(const char *what, const struct vnx_err *err)
{
	fprintf(stderr, "capture_tool: %s: %s%s%s\n", what, err->message, *err->hint ? "; " : "",
		err->hint);
	exit(err->exit ? err->exit : 1);
}

static bool wanted(const struct tool *t, uint32_t tgid, const char *comm)
{
	for (size_t i = 0; i < t->n_pids; i++) {
		char worker[32];

		snprintf(worker, sizeof(worker), "vhost-%u", t->pids[i]);
		if (t->pids[i] == tgid || !strcmp(comm, worker))
			return true;
	}
	for (size_t i = 0; i < t->n_comms; i++)
		if (!strncmp(comm, t->comms[i], strlen(t->comms[i])))
			return true;
	return false;
}

static void add_process(const struct tool *t, uint32_t tgid, struct tids *out)
{
	char path[300], comm[64];
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%u/task", tgid);
	d = opendir(path);
	while (d && (e = readdir(d))) {
		uint32_t tid = (uint32_t)strtoul(e->d_name, NULL, 10);
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%u/task/%u/comm", tgid, tid);
		f = tid ? fopen(path, "r") : NULL;
		if (!f)
			continue;
		if (fgets(comm, sizeof(comm), f)) {
			comm[strcspn(comm, "\n")] = '\0';
			if (wanted(t, tgid, comm) && vnx_vec_push(out, tid))
				exit(1);
		}
		fclose(f);
	}
	if (d)
		closedir(d);
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void find_tids(const struct tool *t, struct tids *out)
{
	DIR *d = t->n_pids || t->n_comms ? opendir("/proc") : NULL;
	struct dirent *e;

	out->n = 0;
	while (d && (e = readdir(d))) {
		uint32_t tgid = (uint32_t)strtoul(e->d_name, NULL, 10);

		if (tgid)
			add_process(t, tgid, out);
	}
	if (d)
		closedir(d);
	if (out->n)
		qsort(out->v, out->n, sizeof(*out->v), compare);
}

static void read_samples(struct tool *t, struct vnx_capture *cap, bool final)
{
	struct vnx_samples s = { 0 };
	struct vnx_err err = { 0 };
	uint64_t start = t->ops->start_ns(cap);

	if (t->ops->read(cap, &s, final, &err))
		die("read", &err);
	for (size_t i = 0; i < s.n; i++) {
		t->totals[s.v[i].metric] += s.v[i].count;
		if (t->samples)
			printf("%12.6f %9.6f %-10s %7u %8llu\n",
			       ((double)s.v[i].t_ns - (double)start) / 1e9,
			       (double)s.v[i].dur_ns / 1e9,
			       vnx_metric_name((enum vnx_metric)s.v[i].metric), s.v[i].entity,
			       (unsigned long long)s.v[i].count);
	}
	free(s.v);
}

static void print_hooks(const struct vnx_hooks *hooks)
{
	for (size_t i = 0; i < hooks->n; i++) {
		const struct vnx_hook *h = &hooks->v[i];

		printf("hook %s %s%s%s since %.3f until %.3f\n", vnx_metric_name(h->metric),
		       h->hook[0] ? h->hook : "none", *h->note ? " # " : "", h->note,
		       (double)h->since_ns / 1e9, (double)h->until_ns / 1e9);
		for (size_t j = 0; j < h->refused.n; j++)
			printf("refused %s %s: %s\n", vnx_metric_name(h->metric),
			       h->refused.v[j].hook, h->refused.v[j].why);
	}
}

static void print_totals(const struct tool *t, const struct vnx_capture *cap)
{
	struct vnx_capture_stats st;

	print_hooks(t->ops->hooks(cap));
	t->ops->stats(cap, &st);
	for (int m = 0; m < VNX_METRIC_MAX; m++)
		if (t->totals[m] || (t->conf.metrics & 1u << m && vnx_metric_is_call(m)))
			printf("total %s %llu\n", vnx_metric_name(m),
			       (unsigned long long)t->totals[m]);
	printf("events %llu lost %llu ns_per_event %.1f clock_error_s %.6f\n",
	       (unsigned long long)st.events, (unsigned long long)st.lost, st.ns_per_event,
	       st.clock_error_s);
}

static void run(struct tool *t)
{
	struct vnx_capture *cap;
	struct vnx_err err = { 0 };
	struct tids tids = { 0 };
	uint64_t end, last_read = vnx_clock_mono();
	bool over = false;

	if (t->ops->open(&cap, &t->conf, &err))
		die("open", &err);
	end = vnx_clock_mono() + (uint64_t)(t->seconds * 1e9);
	for (bool first = true; !over; first = false) {
		struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };

		find_tids(t, &tids);
		if (t->ops->refresh(cap, tids.v, tids.n, &err))
			die("refresh", &err);
		if (first && t->wait)
			printf("ready\n");
		fflush(stdout);
		over = poll(&in, t->wait, first ? 100 : 500) > 0 || vnx_clock_mono() >= end;
		if (!over && vnx_clock_mono() - last_read >= (uint64_t)(t->read_s * 1e9)) {
			last_read = vnx_clock_mono();
			read_samples(t, cap, false);
		}
	}
	if (t->ops->detach(cap, &err))
		die("detach", &err);
	read_samples(t, cap, true);
	print_totals(t, cap);
	t->ops->close(cap);
	free(tids.v);
}

static void add_override(struct tool *t, const char *arg)
{
	size_t n = t->conf.n_overrides;
	char *eq;
	int metric;

	if (n == VNX_ARRAY_SIZE(t->overrides))
		exit(2);
	snprintf(t->names[n], sizeof(t->names[n]), "%s", arg);
	eq = strchr(t->names[n], '=');
	if (!eq)
		exit(2);
	*eq = '\0';
	metric = vnx_metric_parse(t->names[n]);
	if (metric < 0)
		exit(2);
	t->overrides[n] = (struct vnx_hook_override){ (enum vnx_metric)metric, eq + 1 };
	t->conf.n_overrides++;
}

static void parse(struct tool *t, int argc, char **argv)
{
	int opt, m;

	while ((opt = getopt(argc, argv, "b:d:i:o:t:c:r:m:ws")) != -1) {
		if (opt == 'b')
			t->ops = vnx_capture_find(optarg);
		else if (opt == 'd')
			t->seconds = strtod(optarg, NULL);
		else if (opt == 'i')
			t->conf.bin_ns = (uint64_t)(strtod(optarg, NULL) * 1e6);
		else if (opt == 'r')
			t->read_s = strtod(optarg, NULL);
		else if (opt == 'o')
			add_override(t, optarg);
		else if (opt == 't' && t->n_pids < 16)
			t->pids[t->n_pids++] = (uint32_t)strtoul(optarg, NULL, 10);
		else if (opt == 'c' && t->n_comms < 16)
			t->comms[t->n_comms++] = optarg;
		else if (opt == 'm' && (m = vnx_metric_parse(optarg)) >= 0)
			t->conf.metrics |= 1u << m;
		else if (opt == 'w')
			t->wait = true;
		else if (opt == 's')
			t->samples = true;
		else
			exit(2);
	}
}

int main(int argc, char **argv)
{
	struct tool t = { .ops = &vnx_capture_bpf, .seconds = 5, .read_s = 1 };

	t.conf = (struct vnx_capture_conf){ .bin_ns = 500000000, .threads_hint = 64 };
	t.conf.overrides = t.overrides;
	parse(&t, argc, argv);
	if (!t.conf.metrics)
		t.conf.metrics = 0xf;
	if (!t.ops || t.seconds <= 0 || t.conf.bin_ns < 10000000) {
		fprintf(stderr, "capture_tool: no such back end, or a bad number\n");
		return 2;
	}
	run(&t);
	return 0;
}
