// SPDX-License-Identifier: GPL-2.0-only
/* --report DIR: every format and the figures side by side. */
#include <ctype.h>
#include <inttypes.h>
#include <sys/stat.h>

#include "cli/output/figure.h"

#define STEM_MAX 64

static int write_file(const struct vnx_finding *f, const struct vnx_reporter_ops *ops,
		      const char *dir, const char *name, struct vnx_err *err)
{
	static const struct vnx_report_conf conf = { .columns = 80, .verbose = true, .utf8 = true };
	VNX_CLEANUP_FREE char *path = vnx_asprintf("%s/%s", dir, name);
	FILE *out = path ? fopen(path, "we") : NULL;
	int ret;

	if (!out)
		return vnx_err_set(err, path ? -errno : -ENOMEM, VNX_EXIT_FAILED, "output",
				   "cannot write %s: %s", path ? path : name, strerror(errno));
	ret = ops->report(f, &conf, out, err);
	if (fclose(out) && !ret)
		ret = vnx_err_set(err, -errno, VNX_EXIT_FAILED, "output", "cannot write %s: %s",
				  path, strerror(errno));
	return ret;
}

static int make_folder(const char *dir, struct vnx_err *err)
{
	struct stat st;
	int ret;

	if (!mkdir(dir, 0755) || (errno == EEXIST && !stat(dir, &st) && S_ISDIR(st.st_mode)))
		return 0;
	ret = errno == EEXIST ? -ENOTDIR : -errno;
	vnx_err_set(err, ret, VNX_EXIT_FAILED, "output", "cannot make the folder %s: %s", dir,
		    strerror(-ret));
	if (ret == -ENOENT)
		vnx_err_hint(err, "the folder above it does not exist: mkdir -p it first");
	return ret;
}

/*
 * "throughput-<vm>": only letters that mean nothing to shells, file systems and web servers.
 * VMs whose names become equal by that are told apart by their place in the list.
 */
static void figure_stem(const struct vnx_diagnosis *dg, size_t i, char stem[STEM_MAX])
{
	const char *name = dg->vms.v[i].vm.name;
	char other[STEM_MAX];
	size_t n;

	n = (size_t)snprintf(stem, STEM_MAX, "throughput-");
	if (!name || !*name)
		n += (size_t)snprintf(stem + n, STEM_MAX - n, "pid-%" PRIu32, dg->vms.v[i].vm.pid);
	for (; name && *name && n < STEM_MAX - 12; name++)
		stem[n++] =
			isascii(*name) && (isalnum(*name) || strchr("._-", *name)) ? *name : '_';
	stem[n] = '\0';
	for (size_t j = 0; j < i; j++) {
		figure_stem(dg, j, other);
		if (!strcmp(other, stem)) {
			snprintf(stem + n, STEM_MAX - n, "-%zu", i + 1);
			break;
		}
	}
}

/* One figure that fails does not take the others along; a missing gnuplot does. */
static int draw_all(const struct vnx_finding *f, const char *dir, struct vnx_err *err)
{
	char stem[STEM_MAX];
	int ret = 0, one;

	for (size_t i = 0; ret != -ENOENT && i < f->dg->vms.n; i++) {
		figure_stem(f->dg, i, stem);
		one = vnx_figure_draw(f, i, stem, dir, err);
		ret = ret ? ret : one;
	}
	return ret;
}

int vnx_report_folder(const struct vnx_finding *f, const char *dir, struct vnx_err *err)
{
	int ret;

	ret = make_folder(dir, err);
	if (!ret)
		ret = write_file(f, &vnx_reporter_json, dir, "diagnosis.json", err);
	if (!ret)
		ret = write_file(f, &vnx_reporter_text, dir, "diagnosis.txt", err);
	if (!ret)
		ret = write_file(f, &vnx_reporter_csv, dir, "series.csv", err);
	return ret ? ret : draw_all(f, dir, err);
}
