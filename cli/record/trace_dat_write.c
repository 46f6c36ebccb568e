// SPDX-License-Identifier: GPL-2.0-only
/*
 * The format is that of trace-cmd.dat.v6(5); option numbers and what is in the options are
 * those of trace-cmd's lib/trace-cmd (TRACECMD_OPTION_*) and tracecmd/trace-record.c.
 */
#include "cli/record/trace_dat_write.h"

#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#define OPTION_CPUSTAT 2
#define OPTION_TRACECLOCK 4
#define OPTION_UNAME 5
#define OPTION_VERSION 9
#define COPY_CHUNK (256u << 10)
/* Kernel addresses are in it: not for everybody, as with perf.data. */
#define FILE_MODE 0600

struct piece {
	int fd; /* -1: this CPU had no page */
	uint64_t size;
};

struct vnx_trace_dat {
	char *path;
	int fd;
	unsigned n_cpus, digits; /* of the highest CPU: so that a shell lists them in order */
	struct piece *piece;
};

static int no_memory(struct vnx_err *err)
{
	return vnx_err_set(err, -ENOMEM, VNX_EXIT_FAILED, "no-memory", "out of memory");
}

/* "FILE.cpu07" */
static char *piece_path(const struct vnx_trace_dat *d, unsigned cpu)
{
	return vnx_asprintf("%s.cpu%0*u", d->path, (int)d->digits, cpu);
}

static int write_failed(const char *path, int err_no, struct vnx_err *err)
{
	if (err_no == ENOSPC || err_no == EDQUOT)
		return vnx_err_set(err, -err_no, VNX_EXIT_FAILED, "disk-full",
				   "no space left on the disk for %s", path);
	return vnx_err_set(err, -err_no, VNX_EXIT_FAILED, "io", "%s cannot be written: %s", path,
			   strerror(err_no));
}

/* ---- creation ---- */

/* FILE.cpuN: the first of them, or all removed. */
static int find_remains(const char *path, bool remove, char **first)
{
	VNX_CLEANUP_FREE char *pattern = malloc(2 * strlen(path) + 16);
	char *w = pattern;
	glob_t g;
	int ret;

	*first = NULL;
	if (!pattern)
		return -ENOMEM;
	for (const char *p = path; *p; p++) {
		if (strchr("\\*?[]", *p))
			*w++ = '\\';
		*w++ = *p;
	}
	strcpy(w, ".cpu[0-9]*");
	ret = glob(pattern, 0, NULL, &g);
	if (ret)
		return ret == GLOB_NOSPACE ? -ENOMEM : 0;
	for (size_t i = 0; i < g.gl_pathc && remove; i++)
		unlink(g.gl_pathv[i]);
	if (!remove)
		*first = strdup(g.gl_pathv[0]);
	ret = remove || *first ? 0 : -ENOMEM;
	globfree(&g);
	return ret;
}

static int check_remains(const char *path, bool force, struct vnx_err *err)
{
	VNX_CLEANUP_FREE char *first = NULL;

	if (find_remains(path, force, &first))
		return no_memory(err);
	if (!first)
		return 0;
	vnx_err_hint(err,
		     "`trace-cmd restore -i %s -o OUT.dat %s.cpu*` makes a trace of it; "
		     "--force throws it away",
		     path, path);
	return vnx_err_set(err, -EEXIST, VNX_EXIT_FAILED, "file-exists",
			   "%s is there: a run that was killed left its events in it", first);
}

static int create_failed(const char *path, int err_no, struct vnx_err *err)
{
	if (err_no == EEXIST)
		vnx_err_hint(err, "Give another name, or --force to overwrite it");
	else if (err_no == ENOENT)
		vnx_err_hint(err, "The folder does not exist: mkdir -p it first");
	return vnx_err_set(err, -err_no, VNX_EXIT_FAILED,
			   err_no == EEXIST ? "file-exists" : "output", "cannot write %s: %s", path,
			   err_no == EEXIST ? "it exists" : strerror(err_no));
}

/* Of an own kind only a plain file can be: it is written to and fro. */
static int open_target(const char *path, bool force, struct vnx_err *err)
{
	struct stat st;
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK | (force ? 0 : O_EXCL),
		      FILE_MODE);

	if (fd < 0)
		return create_failed(path, errno, err);
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && !ftruncate(fd, 0))
		return fd;
	close(fd);
	return vnx_err_set(err, -EINVAL, VNX_EXIT_FAILED, "output",
			   "cannot write %s: it is no plain file", path);
}

static struct vnx_trace_dat *new_dat(const char *path, unsigned n_cpus)
{
	struct vnx_trace_dat *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->fd = -1;
	d->path = strdup(path);
	d->piece = malloc((n_cpus ? n_cpus : 1) * sizeof(*d->piece));
	if (!d->path || !d->piece) {
		vnx_trace_dat_discard(d);
		return NULL;
	}
	d->n_cpus = n_cpus;
	d->digits = 1;
	for (unsigned n = n_cpus ? n_cpus - 1 : 0; n >= 10; n /= 10)
		d->digits++;
	for (unsigned cpu = 0; cpu < n_cpus; cpu++)
		d->piece[cpu] = (struct piece){ .fd = -1 };
	return d;
}

int vnx_trace_dat_create(struct vnx_trace_dat **out, const char *path, bool force, unsigned n_cpus,
			 struct vnx_err *err)
{
	struct vnx_trace_dat *d;
	int ret = check_remains(path, force, err);

	*out = NULL;
	if (ret)
		return ret;
	d = new_dat(path, n_cpus);
	if (!d)
		return no_memory(err);
	d->fd = open_target(path, force, err);
	if (d->fd < 0) {
		ret = d->fd;
		vnx_trace_dat_discard(d);
		return ret;
	}
	*out = d;
	return 0;
}

/* ---- pages ---- */

static int write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static int open_piece(struct vnx_trace_dat *d, unsigned cpu, const char *path, struct vnx_err *err)
{
	d->piece[cpu].fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);
	if (d->piece[cpu].fd >= 0)
		return 0;
	if (errno == EMFILE)
		vnx_err_hint(err, "Each CPU needs two open files: ulimit -n 8192");
	return create_failed(path, errno, err);
}

int vnx_trace_dat_pages(void *arg, unsigned cpu, const void *pages, size_t len, struct vnx_err *err)
{
	struct vnx_trace_dat *d = arg;
	VNX_CLEANUP_FREE char *path = NULL;
	struct piece *piece;
	int ret = 0;

	if (cpu >= d->n_cpus)
		return vnx_err_set(err, -EINVAL, VNX_EXIT_FAILED, "io", "there is no CPU %u", cpu);
	piece = &d->piece[cpu];
	path = piece_path(d, cpu);
	if (!path)
		return no_memory(err);
	if (piece->fd < 0)
		ret = open_piece(d, cpu, path, err);
	if (ret)
		return ret;
	ret = write_all(piece->fd, pages, len);
	if (!ret) {
		piece->size += len;
		return 0;
	}
	write_failed(path, -ret, err);
	if (ftruncate(piece->fd, (off_t)piece->size) ||
	    lseek(piece->fd, (off_t)piece->size, SEEK_SET) < 0)
		return ret; /* then a part of a page is at its end: readers say so */
	return ret;
}

uint64_t vnx_trace_dat_bytes(const struct vnx_trace_dat *d)
{
	uint64_t sum = 0;

	for (unsigned cpu = 0; cpu < d->n_cpus; cpu++)
		sum += d->piece[cpu].size;
	return sum;
}

/* ---- the file ---- */

/* Errors of a stream stay with it: they are asked for once, at the end. */
static void put(FILE *f, const void *data, size_t len)
{
	if (len)
		fwrite(data, 1, len, f);
}

static void put2(FILE *f, uint16_t x)
{
	put(f, &x, sizeof(x));
}

static void put4(FILE *f, uint32_t x)
{
	put(f, &x, sizeof(x));
}

static void put8(FILE *f, uint64_t x)
{
	put(f, &x, sizeof(x));
}

static void put_text4(FILE *f, const char *text)
{
	size_t len = text ? strnlen(text, UINT32_MAX) : 0;

	put4(f, (uint32_t)len);
	put(f, text, len);
}

static void put_text8(FILE *f, const char *text)
{
	size_t len = text ? strlen(text) : 0;

	put8(f, len);
	put(f, text, len);
}

/* With its end, as readers take it for a string. */
static void put_option(FILE *f, uint16_t id, const char *text)
{
	if (!text)
		return;
	put2(f, id);
	put4(f, (uint32_t)strlen(text) + 1);
	put(f, text, strlen(text) + 1);
}

static void put_headers(FILE *f, const struct vnx_events_meta *m)
{
	const uint16_t one = 1;

	put(f, "\x17\x08\x44tracing6", 12);    /* with the end of the string */
	fputc(*(const char *)&one ? 0 : 1, f); /* byte order: ours */
	fputc(sizeof(long), f);
	put4(f, m->page_size);
	put(f, "header_page", 12);
	put_text8(f, m->header_page);
	put(f, "header_event", 13);
	put_text8(f, m->header_event);
}

static void put_formats(FILE *f, const struct vnx_events_meta *m)
{
	const struct vnx_events_format *v = m->events.v;
	uint32_t systems = 0;

	put4(f, (uint32_t)m->ftrace.n);
	for (size_t i = 0; i < m->ftrace.n; i++)
		put_text8(f, m->ftrace.v[i].text);
	for (size_t i = 0; i < m->events.n; i++)
		systems += !i || strcmp(v[i].system, v[i - 1].system);
	put4(f, systems);
	for (size_t i = 0, n; i < m->events.n; i += n) {
		for (n = 1; i + n < m->events.n && !strcmp(v[i].system, v[i + n].system);)
			n++;
		put(f, v[i].system, strlen(v[i].system) + 1);
		put4(f, (uint32_t)n);
		for (size_t k = 0; k < n; k++)
			put_text8(f, v[i + k].text);
	}
}

static void put_options(FILE *f, const struct vnx_events_meta *m)
{
	put(f, "options  ", 10);
	put_option(f, OPTION_TRACECLOCK, m->clocks);
	put_option(f, OPTION_UNAME, m->uname);
	put_option(f, OPTION_VERSION, "vnetdx " VNX_VERSION);
	for (unsigned cpu = 0; cpu < m->n_cpus; cpu++) {
		char *text = m->stats && m->stats[cpu]
				     ? vnx_asprintf("CPU: %u\n%s", cpu, m->stats[cpu])
				     : NULL;

		put_option(f, OPTION_CPUSTAT, text);
		free(text);
	}
	put2(f, 0);
}

static uint64_t round_up(uint64_t x, uint64_t to)
{
	return (x + to - 1) / to * to;
}

/* Everything before the first CPU's pages, padded up to there; where that is in *data_at. */
static void put_head(FILE *f, const struct vnx_trace_dat *d, const struct vnx_events_meta *m,
		     bool empty, uint64_t *data_at)
{
	uint64_t at;
	long here;

	put_headers(f, m);
	put_formats(f, m);
	put_text4(f, m->kallsyms);
	put_text4(f, m->printk_formats);
	put_text8(f, m->cmdlines);
	put4(f, d->n_cpus);
	put_options(f, m);
	put(f, "flyrecord", 10);
	here = ftell(f);
	at = *data_at = round_up((uint64_t)(here < 0 ? 0 : here) + 16 * d->n_cpus, m->page_size);
	for (unsigned cpu = 0; cpu < d->n_cpus; cpu++) {
		uint64_t size = empty ? 0 : d->piece[cpu].size;

		put8(f, at);
		put8(f, size);
		at = round_up(at + size, m->page_size);
	}
	for (uint64_t i = (uint64_t)here + 16 * d->n_cpus; here >= 0 && i < *data_at; i++)
		fputc(0, f);
}

static int write_head(struct vnx_trace_dat *d, const struct vnx_events_meta *meta, bool empty,
		      uint64_t *data_at, struct vnx_err *err)
{
	int fd = dup(d->fd), ret = 0;
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r+e");

	if (!f) {
		ret = -errno;
		if (fd >= 0)
			close(fd);
		return write_failed(d->path, -ret, err);
	}
	errno = 0;
	if (ftruncate(fd, 0) || fseek(f, 0, SEEK_SET))
		ret = -errno;
	if (!ret)
		put_head(f, d, meta, empty, data_at);
	if (!ret && (fflush(f) || ferror(f)))
		ret = errno ? -errno : -EIO;
	if (fclose(f) && !ret)
		ret = -errno;
	return ret ? write_failed(d->path, -ret, err) : 0;
}

int vnx_trace_dat_head(struct vnx_trace_dat *d, const struct vnx_events_meta *meta,
		       struct vnx_err *err)
{
	uint64_t data_at;

	return write_head(d, meta, true, &data_at, err);
}

/* Where the file system cannot copy by itself. */
static int copy_by_hand(int from, uint64_t from_at, int to, uint64_t to_at, uint64_t len)
{
	VNX_CLEANUP_FREE char *buf = malloc(COPY_CHUNK);
	int ret = buf ? 0 : -ENOMEM;

	if (!ret && lseek(to, (off_t)to_at, SEEK_SET) < 0)
		ret = -errno;
	while (len && !ret) {
		ssize_t n = pread(from, buf, len < COPY_CHUNK ? len : COPY_CHUNK, (off_t)from_at);

		if (n <= 0)
			return n ? -errno : -EIO;
		ret = write_all(to, buf, (size_t)n);
		from_at += (uint64_t)n;
		len -= (uint64_t)n;
	}
	return ret;
}

static int copy_piece(int from, int to, uint64_t to_at, uint64_t len)
{
	off_t in = 0, out = (off_t)to_at;

	while (len) {
		ssize_t n = copy_file_range(from, &in, to, &out, len < INT_MAX ? len : INT_MAX, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EIO))
			return -errno;
		if (n <= 0)
			return copy_by_hand(from, (uint64_t)in, to, (uint64_t)out, len);
		len -= (uint64_t)n;
	}
	return 0;
}

static int put_together(struct vnx_trace_dat *d, const struct vnx_events_meta *meta,
			struct vnx_err *err)
{
	uint64_t at;
	int ret = write_head(d, meta, false, &at, err);

	for (unsigned cpu = 0; cpu < d->n_cpus && !ret; cpu++) {
		if (d->piece[cpu].size)
			ret = copy_piece(d->piece[cpu].fd, d->fd, at, d->piece[cpu].size);
		if (ret)
			return write_failed(d->path, -ret, err);
		at = round_up(at + d->piece[cpu].size, meta->page_size);
	}
	return ret;
}

/* Frees; the files stay, but for the pieces where @remove. */
static void dat_free(struct vnx_trace_dat *d, bool remove)
{
	for (unsigned cpu = 0; cpu < d->n_cpus; cpu++) {
		VNX_CLEANUP_FREE char *path = NULL;

		if (d->piece[cpu].fd < 0)
			continue;
		close(d->piece[cpu].fd);
		path = remove ? piece_path(d, cpu) : NULL;
		if (path)
			unlink(path);
	}
	if (d->fd >= 0)
		close(d->fd);
	free(d->piece);
	free(d->path);
	free(d);
}

int vnx_trace_dat_finish(struct vnx_trace_dat *d, const struct vnx_events_meta *meta,
			 struct vnx_err *err)
{
	struct vnx_err ignored = { 0 };
	uint64_t data_at;
	int ret = put_together(d, meta, err);

	if (ret) {
		vnx_err_hint(err,
			     "The events are in %s.cpu*: with room, `trace-cmd restore -i %s -o "
			     "OUT.dat %s.cpu*` makes a trace of them",
			     d->path, d->path, d->path);
		/* Gives the room back, too. */
		write_head(d, meta, true, &data_at, &ignored);
	}
	dat_free(d, !ret);
	return ret;
}

void vnx_trace_dat_discard(struct vnx_trace_dat *d)
{
	if (!d)
		return;
	if (d->fd >= 0)
		unlink(d->path);
	dat_free(d, true);
}
