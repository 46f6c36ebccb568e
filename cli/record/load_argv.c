// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which options a command of iperf3 gets beside the user's own. What he gave stays as it is.
 */
#include "cli/record/load.h"

#include <string.h>

/* iperf3's one-letter options that take a value, so that "-c -J" is a host named "-J". */
static const char short_with_value[] = "pficbtnklPwBMSLOFATCIX";

/* Programs that run the command which follows their own options. */
static const char *const wrappers[] = {
	"sudo",   "doas",    "ip",      "nsenter",     "taskset", "nice",
	"ionice", "chrt",    "timeout", "env",         "stdbuf",  "setsid",
	"chroot", "numactl", "unshare", "systemd-run", "ssh",
};

struct given {
	bool interval, json, flush;
};

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Where in @argv iperf3's name stands, or -1. */
static int find_iperf3(char *const *argv)
{
	bool wrapped = false;

	for (size_t i = 0; i < VNX_ARRAY_SIZE(wrappers); i++)
		wrapped |= !strcmp(base_name(argv[0]), wrappers[i]);
	for (int i = 0; argv[i]; i++) {
		if (!strcmp(base_name(argv[i]), "iperf3"))
			return i;
		if (!wrapped)
			break;
	}
	return -1;
}

/* getopt_long() takes any beginning of a name that is no other's; @least letters are. */
static bool is_long(const char *arg, const char *name, size_t least)
{
	size_t n = strcspn(arg, "=");

	return n >= least && n <= strlen(name) && !strncmp(arg, name, n);
}

static void note_long(const char *arg, struct given *g)
{
	g->interval |= is_long(arg, "interval", 2);
	g->json |= is_long(arg, "json", 1) || is_long(arg, "json-stream", 1);
	g->flush |= is_long(arg, "forceflush", 4);
}

/* Notes a cluster such as "-uJ"; true if its last letter takes the next argument. */
static bool note_short(const char *letters, struct given *g)
{
	for (; *letters; letters++) {
		g->json |= *letters == 'J';
		g->interval |= *letters == 'i';
		if (strchr(short_with_value, *letters))
			return !letters[1];
	}
	return false;
}

static struct given options_given(char *const *argv)
{
	/* Long options that take the next argument need no care: no value looks like ours. */
	struct given g = { 0 };

	for (int i = 0; argv[i]; i++) {
		if (!strcmp(argv[i], "--"))
			break;
		if (!strncmp(argv[i], "--", 2))
			note_long(argv[i] + 2, &g);
		else if (argv[i][0] == '-' && note_short(argv[i] + 1, &g) && argv[i + 1])
			i++;
	}
	return g;
}

void vnx_load_argv_free(char **argv)
{
	for (size_t i = 0; argv && argv[i]; i++)
		free(argv[i]);
	free(argv);
}

/* iperf3 takes intervals of 0.1 to 60 s. */
static double interval_s(uint64_t bin_ns)
{
	double s = (double)bin_ns / VNX_NSEC_PER_SEC;

	return s < 0.1 ? 0.1 : s > 60 ? 60 : s;
}

/* Fills add[3] with what is to be put behind iperf3's name; returns how many. */
static size_t options_missing(char *const *argv, const char *interval, const char *add[3])
{
	struct given g = options_given(argv);
	size_t n = 0;

	if (!g.interval) {
		add[n++] = "-i";
		add[n++] = interval;
	}
	/* Into a pipe, text waits in a buffer of 4 KiB otherwise and arrives minutes late. */
	if (!g.json && !g.flush)
		add[n++] = "--forceflush";
	return n;
}

int vnx_load_argv(char *const *argv, uint64_t bin_ns, char ***out, char *added, size_t added_size)
{
	int at = find_iperf3(argv);
	const char *add[3] = { NULL };
	size_t n = 0, n_add = 0, len = 0;
	char interval[32];
	char **v;

	snprintf(interval, sizeof(interval), "%.10g", interval_s(bin_ns));
	added[0] = 0;
	if (at >= 0)
		n_add = options_missing(argv + at + 1, interval, add);
	for (size_t i = 0; i < n_add && len < added_size; i++)
		len += (size_t)snprintf(added + len, added_size - len, "%s%s", i ? " " : "",
					add[i]);
	while (argv[n])
		n++;
	v = calloc(n + n_add + 1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	for (size_t i = 0, o = 0; i < n; i++) {
		v[o] = strdup(argv[i]);
		if (!v[o++])
			goto out;
		for (size_t k = 0; (int)i == at && k < n_add; k++) {
			v[o] = strdup(add[k]);
			if (!v[o++])
				goto out;
		}
	}
	*out = v;
	return 0;
out:
	vnx_load_argv_free(v);
	return -ENOMEM;
}
