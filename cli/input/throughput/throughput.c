// SPDX-License-Identifier: GPL-2.0-only
/* The table of load generators' formats, and the one that a file or a live load is in. */
#include "cli/input/throughput/throughput_format.h"

#include <ctype.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_FILE_BYTES (256u << 20)
#define MAX_LINES (4u << 20) /* each costs 50 bytes beside its own: so the whole stays bounded */
#define MAX_REMARKS 2048     /* bytes of a warning or note: nobody reads more */
/* kernel.md: the minimum finds the zero within 0.3 ms on a contended host */
#define STAMP_FLOOR_S 0.0003
/* one line alone: single lines were up to 1.8 s late */
#define ONE_STAMP_S 1.8
#define MAX_DECIMAL 40
#define MOST_BPS 1e15 /* a thousand times what any host moves: a number gone wrong */

/* One row a format; of two that are equally sure the first is tried first. */
const struct vnx_load_format *const vnx_load_formats[] = {
	&vnx_load_iperf3_json,
	&vnx_load_iperf3_text,
	&vnx_load_iperf2_csv,
	&vnx_load_netperf,
	&vnx_load_sockperf,
	&vnx_load_csv,
	NULL,
};

/* Life */

struct vnx_throughput *vnx_throughput_new(const char *source)
{
	struct vnx_throughput *tp = calloc(1, sizeof(*tp));

	if (!tp)
		return NULL;
	tp->uncertainty_s = tp->offset_s = tp->timestamp_s = NAN;
	tp->latency.p50_s = tp->latency.p99_s = NAN;
	tp->source = strdup(source);
	if (tp->source)
		return tp;
	free(tp);
	return NULL;
}

void vnx_throughput_free(struct vnx_throughput *tp)
{
	if (!tp)
		return;
	for (size_t i = 0; i < tp->peers.n; i++)
		vnx_throughput_free(tp->peers.v[i]);
	free(tp->peers.v);
	free(tp->source);
	free(tp->warning);
	free(tp->note);
	free(tp->path);
	free(tp->intervals.v);
	free(tp->reverse.v);
	free(tp->extras.v);
	free(tp->latency.v);
	free(tp);
}

static int add_remark(char **all, const char *fmt, va_list ap)
{
	char text[256], *joined;

	vsnprintf(text, sizeof(text), fmt, ap);
	if (*all && (strstr(*all, text) || strlen(*all) > MAX_REMARKS))
		return 0;
	joined = vnx_asprintf("%s%s%s", *all ? *all : "", *all ? "; " : "", text);
	if (!joined)
		return -ENOMEM;
	free(*all);
	*all = joined;
	return 0;
}

int vnx_throughput_warn(struct vnx_throughput *tp, const char *fmt, ...)
{
	va_list ap;
	int ret;

	va_start(ap, fmt);
	ret = add_remark(&tp->warning, fmt, ap);
	va_end(ap);
	return ret;
}

int vnx_throughput_note(struct vnx_throughput *tp, const char *fmt, ...)
{
	va_list ap;
	int ret;

	va_start(ap, fmt);
	ret = add_remark(&tp->note, fmt, ap);
	va_end(ap);
	return ret;
}

/* What the formats share */

static int compare_i64(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/*
 * A line can be late, never early: the smallest arrival - end is nearest the zero. How near
 * shows in how far the next two are from it: lines that came on time lie together; lines
 * that a buffer held back lie whole intervals apart.
 */
void vnx_throughput_stamps(struct vnx_throughput *tp, int64_t *lag, size_t n, double resolution_s)
{
	double spread_s;

	if (n)
		qsort(lag, n, sizeof(*lag), compare_i64);
	tp->stamps.n = n && lag[0] > 0 ? n : 0;
	if (!tp->stamps.n)
		return;
	spread_s = n == 1 ? ONE_STAMP_S : (double)(lag[n > 2 ? 2 : 1] - lag[0]) / 1e9;
	tp->stamps.zero_ns = (uint64_t)lag[0];
	/* A time printed as 0.50 is anything up to 5 ms beside it. */
	tp->stamps.uncertainty_s = fmax(STAMP_FLOOR_S, spread_s) + resolution_s / 2;
}

int vnx_throughput_stamps_of_intervals(struct vnx_throughput *tp)
{
	VNX_CLEANUP_FREE int64_t *lag = malloc((tp->intervals.n + 1) * sizeof(*lag));
	size_t n = 0;

	if (!lag)
		return -ENOMEM;
	for (size_t i = 0; i < tp->intervals.n; i++) {
		const struct vnx_interval *iv = &tp->intervals.v[i];

		if (iv->arrival_ns && iv->arrival_ns <= INT64_MAX && iv->end_s > 0 &&
		    iv->end_s < 1e8)
			lag[n++] = (int64_t)iv->arrival_ns - llround(iv->end_s * 1e9);
	}
	vnx_throughput_stamps(tp, lag, n, tp->resolution_s);
	return 0;
}

size_t vnx_lines_next(const struct vnx_load_lines *lines, size_t n)
{
	while (n < lines->n && !lines->v[n].text[strspn(lines->v[n].text, " \t\r")])
		n++;
	return n;
}

bool vnx_interval_sane(const struct vnx_interval *iv)
{
	/* Written so that NaN fails. */
	return iv->end_s > iv->start_s && iv->bytes >= 0 &&
	       iv->bytes * 8 <= MOST_BPS * (iv->end_s - iv->start_s);
}

const char *vnx_decimal_parse(const char *s, double *out)
{
	char copy[MAX_DECIMAL + 1], *end;
	size_t n;

	s += strspn(s, " \t");
	/* No "nan", "inf" or hexadecimal, which strtod() would take. */
	n = strspn(s, "0123456789.+-eE");
	if (!n || n > MAX_DECIMAL)
		return NULL;
	memcpy(copy, s, n);
	copy[n] = 0;
	*out = strtod(copy, &end);
	return end == copy || !isfinite(*out) ? NULL : s + (end - copy);
}

/* Choice */

static bool has_data(const struct vnx_throughput *tp)
{
	return tp->intervals.n || tp->reverse.n || tp->latency.n;
}

struct candidate {
	const struct vnx_load_format *format;
	int score;
};

static size_t list_candidates(const struct vnx_load_lines *lines, struct candidate *list)
{
	size_t n = 0;

	for (size_t i = 0; vnx_load_formats[i]; i++) {
		struct candidate c = { vnx_load_formats[i], vnx_load_formats[i]->probe(lines) };
		size_t at = n;

		if (c.score <= 0)
			continue;
		for (; at && list[at - 1].score < c.score; at--)
			list[at] = list[at - 1];
		list[at] = c;
		n++;
	}
	return n;
}

/*
 * The surest format that has something to give, or that refuses what it recognised; else the
 * surest that recognised its own, with nothing usable in it; else -ENOENT.
 */
static int parse_lines(const struct vnx_load_lines *lines, struct vnx_throughput **out,
		       struct vnx_err *err)
{
	struct candidate list[VNX_ARRAY_SIZE(vnx_load_formats)];
	size_t n = list_candidates(lines, list);
	int ret = -ENOENT;

	*out = NULL;
	for (size_t i = 0; i < n && (ret == -ENOENT || (!ret && !has_data(*out))); i++) {
		struct vnx_throughput *tp = NULL;
		int own = list[i].format->parse(lines, &tp, err);

		if (own == -ENOENT || (*out && (own || !has_data(tp)))) {
			vnx_throughput_free(tp);
			continue;
		}
		vnx_throughput_free(*out);
		*out = tp;
		ret = own;
	}
	return ret;
}

static int no_memory(struct vnx_err *err)
{
	return vnx_err_set(err, -ENOMEM, VNX_EXIT_FAILED, "no-memory",
			   "no memory for the load's output");
}

/**
 * vnx_throughput_parse() - recognises what a load printed.
 *
 * Also 0 where a test was recognised that has no interval (refused, -i 0): intervals.n is 0
 * then and tp->warning says why. A live load may print what it likes, so a format's complaint
 * is "not known" here.
 */
int vnx_throughput_parse(const struct vnx_load_lines *lines, struct vnx_throughput **out,
			 struct vnx_err *err)
{
	struct vnx_err ignored = { 0 };
	int ret = parse_lines(lines, out, &ignored);

	return ret == -ENOMEM ? no_memory(err) : ret ? -ENOENT : 0;
}

/* Files */

/* Up to the limit, not a byte more: a pipe may never end, a line may have no end. */
static int read_all(struct vnx_input *in, char **out, size_t *n)
{
	size_t cap = 0;
	ssize_t got = 1;
	int ret = 0;

	for (*n = 0; got > 0 && !ret; *n += got > 0 ? (size_t)got : 0) {
		ret = vnx_vec_grow((void **)out, &cap, *n + 65536, 1);
		if (ret)
			break;
		got = vnx_input_read(in, *out + *n, cap - *n);
		if (got < 0)
			ret = (int)got;
		else if (*n + (size_t)got > MAX_FILE_BYTES)
			ret = -EFBIG;
	}
	return ret;
}

/*
 * What a program printed, where its log is JSON, a document a line: {"log":"...\n"} of Docker's
 * json-file, {"MESSAGE":"..."} of journalctl -o json. Replaces @line's text. -ENOMEM.
 */
static int unwrap_line(struct vnx_load_line *line)
{
	const char *key = strstr(line->text, "\"log\":")       ? "log"
			  : strstr(line->text, "\"MESSAGE\":") ? "MESSAGE"
							       : NULL;
	json_t *doc = key && *line->text == '{' ? json_loads(line->text, 0, NULL) : NULL;
	const char *text = json_string_value(json_object_get(doc, key));
	char *copy = text ? strndup(text, strcspn(text, "\n")) : NULL;
	int ret = text && !copy ? -ENOMEM : 0;

	if (copy) {
		free(line->text);
		line->text = copy;
	}
	json_decref(doc);
	return ret;
}

static int push_line(struct vnx_load_lines *lines, const char *text, size_t n)
{
	struct vnx_load_line fresh = { .text = malloc(n + 1) }, *line;
	int ret = fresh.text ? vnx_vec_push(lines, fresh) : -ENOMEM;

	if (ret) {
		free(fresh.text);
		return ret;
	}
	line = &lines->v[lines->n - 1];
	for (size_t i = 0; i < n; i++)
		line->text[i] = text[i] ? text[i] : ' ';
	while (n && line->text[n - 1] == '\r')
		n--;
	line->text[n] = 0;
	return unwrap_line(line);
}

static int read_lines(struct vnx_input *in, struct vnx_load_lines *lines)
{
	VNX_CLEANUP_FREE char *buf = NULL;
	size_t n = 0;
	int ret = read_all(in, &buf, &n);

	for (size_t at = 0; at < n && !ret;) {
		const char *end = memchr(buf + at, '\n', n - at);
		size_t len = end ? (size_t)(end - buf) - at : n - at;

		ret = lines->n < MAX_LINES ? push_line(lines, buf + at, len) : -EFBIG;
		at += len + 1;
	}
	return ret;
}

static int cannot_read(const char *path, int error, struct vnx_err *err)
{
	if (error == ENOENT || error == ENOTDIR)
		vnx_err_hint(err,
			     "Look at the path; FILE is the output of iperf3, iperf2, netperf -D "
			     "or sockperf, or a CSV.");
	else if (error == EACCES)
		vnx_err_hint(err, "Run as its owner or root, or have it copied to you: ls -l %s",
			     path);
	return vnx_err_set(err, -error, VNX_EXIT_FAILED, "cannot-read", "cannot read %s: %s", path,
			   strerror(error));
}

static int open_text(struct vnx_input *in, const char *path, struct vnx_err *err)
{
	struct stat sb;
	int fd;

	if (stat(path, &sb))
		return cannot_read(path, errno, err);
	/* A pipe is welcome: --throughput <(ssh ...). */
	if (S_ISDIR(sb.st_mode) || S_ISCHR(sb.st_mode) || S_ISBLK(sb.st_mode))
		return vnx_err_set(err, -EINVAL, VNX_EXIT_FAILED, "not-a-file",
				   "%s is %s, not a load generator's output", path,
				   S_ISDIR(sb.st_mode) ? "a folder" : "a device");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? cannot_read(path, errno, err) : vnx_input_take(in, path, fd, err);
}

static int unknown_output(const char *path, bool empty, struct vnx_err *err)
{
	char names[160] = "";
	size_t at = 0;

	for (size_t i = 0; vnx_load_formats[i] && at < sizeof(names); i++)
		at += (size_t)snprintf(names + at, sizeof(names) - at, "%s%s", i ? ", " : "",
				       vnx_load_formats[i]->name);
	vnx_err_hint(err, "`iperf3 -c HOST -i 0.5 -J > FILE` makes one");
	if (empty)
		return vnx_err_set(err, -ENODATA, VNX_EXIT_FAILED, "empty-file", "%s is empty",
				   path);
	return vnx_err_set(err, -ENOMSG, VNX_EXIT_FAILED, "unknown-format",
			   "%s is no load generator's output known here (known: %s)", path, names);
}

/* A format's sentence names the line; here it gets the file's name. */
static int in_file(const char *path, const struct vnx_err *inner, int ret, struct vnx_err *err)
{
	if (inner->hint[0])
		vnx_err_hint(err, "%s", inner->hint);
	return vnx_err_set(err, ret, VNX_EXIT_FAILED, inner->code, "%s: %s", path, inner->message);
}

static int parse_file(const char *path, const struct vnx_load_lines *lines,
		      struct vnx_throughput **out, struct vnx_err *err)
{
	struct vnx_err inner = { 0 };
	int ret = parse_lines(lines, out, &inner);

	if (ret == -ENOMEM)
		return no_memory(err);
	if (ret == -ENOENT)
		return unknown_output(path, vnx_lines_next(lines, 0) == lines->n, err);
	if (ret)
		return in_file(path, &inner, ret, err);
	if (has_data(*out)) {
		(*out)->path = strdup(path);
		if ((*out)->path)
			return 0;
		ret = no_memory(err);
	} else {
		ret = vnx_err_set(err, -ENODATA, VNX_EXIT_FAILED, "no-intervals", "%s: %s", path,
				  (*out)->warning ? (*out)->warning : "it holds no interval");
	}
	vnx_throughput_free(*out);
	*out = NULL;
	return ret;
}

int vnx_throughput_read_input(struct vnx_input *in, struct vnx_throughput **out,
			      struct vnx_err *err)
{
	struct vnx_load_lines lines = { 0 };
	int ret = read_lines(in, &lines);

	*out = NULL;
	if (ret == -EFBIG)
		vnx_err_set(err, ret, VNX_EXIT_FAILED, "cannot-read",
			    "cannot read %s: it is larger than 256 MB or 4 million lines",
			    in->path);
	else if (ret)
		vnx_input_failed(in, ret, err);
	else
		ret = parse_file(in->path, &lines, out, err);
	vnx_load_lines_fini(&lines);
	return ret;
}

/**
 * vnx_throughput_read_file() - what a load wrote into a file.
 *
 * Errors, each with a sentence: -ENOMSG not recognised, -ENODATA empty or without a usable
 * interval, -EFBIG, -EINVAL folder, device or a line that cannot be understood, -ENOENT,
 * -EACCES, -ENOMEM.
 */
int vnx_throughput_read_file(const char *path, struct vnx_throughput **out, struct vnx_err *err)
{
	struct vnx_input in;
	int ret = open_text(&in, path, err);

	*out = NULL;
	if (ret)
		return ret;
	ret = vnx_throughput_read_input(&in, out, err);
	vnx_input_close(&in);
	return ret;
}
