// SPDX-License-Identifier: GPL-2.0-only
#include "cli/input/reader.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* One row a format; names are what errors list. */
const struct vnx_reader_ops *const vnx_readers[] = {
	&vnx_reader_vdx,
	NULL,
};

/** vnx_run_fini() - frees what @run owns and zeroes it. */
void vnx_run_fini(struct vnx_run *run)
{
	vnx_hooks_fini(&run->hooks);
	vnx_vms_fini(&run->vms);
	vnx_load_lines_fini(&run->lines);
	*run = (struct vnx_run){ 0 };
}

static const struct vnx_reader_ops *best_reader(const char *path, const unsigned char *head,
						size_t len)
{
	const struct vnx_reader_ops *best = NULL;
	int best_score = 0;

	for (size_t i = 0; vnx_readers[i]; i++) {
		int score = vnx_readers[i]->probe(path, head, len);

		if (score > best_score) {
			best_score = score;
			best = vnx_readers[i];
		}
	}
	return best;
}

static void unknown_format(const char *path, struct vnx_err *err)
{
	char names[128] = "";
	size_t at = 0;

	for (size_t i = 0; vnx_readers[i] && at < sizeof(names); i++)
		at += (size_t)snprintf(names + at, sizeof(names) - at, "%s%s", i ? ", " : "",
				       vnx_readers[i]->name);
	vnx_err_set(err, 0, VNX_EXIT_FAILED, "unknown-format",
		    "%s is in no format known here (known: %s)", path, names);
	vnx_err_hint(err, "`vnetdx record -o FILE.vdx` makes a recording; "
			  "output of a load generator goes with --throughput FILE");
}

/* Reads the head; -errno with a sentence where @path is nothing that can be read. */
static ssize_t read_head(const char *path, unsigned char *head, size_t size, struct vnx_err *err)
{
	/* NONBLOCK: opening a pipe without a writer must not hang. */
	VNX_CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat sb;
	ssize_t got;

	if (fd < 0 || fstat(fd, &sb))
		return vnx_err_set(err, -errno, VNX_EXIT_FAILED, "cannot-read",
				   "cannot read %s: %s", path, strerror(errno));
	if (S_ISDIR(sb.st_mode))
		return vnx_err_set(err, -EISDIR, VNX_EXIT_FAILED, "not-a-file",
				   "%s is a folder, not a recording", path);
	if (!S_ISREG(sb.st_mode))
		return vnx_err_set(err, -EINVAL, VNX_EXIT_FAILED, "not-a-file",
				   "%s is a device or a pipe, not a recording", path);
	got = pread(fd, head, size, 0);
	if (got < 0)
		return vnx_err_set(err, -errno, VNX_EXIT_FAILED, "cannot-read",
				   "cannot read %s: %s", path, strerror(errno));
	return got;
}

/**
 * vnx_reader_find() - the reader most certain that @path is its own; NULL with @err.
 */
const struct vnx_reader_ops *vnx_reader_find(const char *path, struct vnx_err *err)
{
	unsigned char head[4096];
	ssize_t len = read_head(path, head, sizeof(head), err);
	const struct vnx_reader_ops *best;

	if (len < 0)
		return NULL;
	best = best_reader(path, head, (size_t)len);
	if (!best && len == 0) {
		vnx_err_set(err, 0, VNX_EXIT_FAILED, "empty-file", "%s is empty", path);
		vnx_err_hint(err, "nothing was recorded into it; record again");
	} else if (!best) {
		unknown_format(path, err);
	}
	return best;
}
