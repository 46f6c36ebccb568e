// SPDX-License-Identifier: GPL-2.0-only
#include "bpf/hist.h"

#include <ctype.h>

static int compare_rows(const void *a, const void *b)
{
	const struct vnx_hist_row *x = a, *y = b;

	if (x->stamp_ns != y->stamp_ns)
		return x->stamp_ns < y->stamp_ns ? -1 : 1;
	return (x->tid > y->tid) - (x->tid < y->tid);
}

/* The number after @label within the line, past blanks and the "~" of a bucket. */
static bool find_number(const char *line, size_t len, const char *label, uint64_t *out)
{
	const char *p = memmem(line, len, label, strlen(label)), *end = line + len;
	char *stop;

	if (!p)
		return false;
	p += strlen(label);
	while (p < end && (isblank((unsigned char)*p) || *p == '~'))
		p++;
	if (p == end || !isdigit((unsigned char)*p))
		return false;
	errno = 0;
	*out = strtoull(p, &stop, 10);
	return !errno && stop <= end;
}

static int parse_row(const char *line, size_t len, struct vnx_hist *out)
{
	struct vnx_hist_row row = { 0 };
	uint64_t tid;

	if (!find_number(line, len, "common_pid:", &tid) || tid > UINT32_MAX ||
	    !find_number(line, len, "hitcount:", &row.count))
		return -EPROTO;
	row.tid = (uint32_t)tid;
	if (memmem(line, len, "common_timestamp:", 17) &&
	    !find_number(line, len, "common_timestamp:", &row.stamp_ns))
		return -EPROTO;
	return vnx_vec_push(out, row);
}

/* Two processors may make the same row at once: the kernel then shows both. */
static void merge_equal(struct vnx_hist *h)
{
	size_t kept = 0;

	for (size_t i = 0; i < h->n; i++) {
		if (kept && !compare_rows(&h->v[kept - 1], &h->v[i]))
			h->v[kept - 1].count += h->v[i].count;
		else
			h->v[kept++] = h->v[i];
	}
	h->n = kept;
}

int vnx_hist_parse(const char *text, struct vnx_hist *out)
{
	out->n = 0;
	out->dropped = 0;
	while (*text) {
		size_t len = strcspn(text, "\n");
		int ret = *text == '{' ? parse_row(text, len, out) : 0;

		if (ret)
			return ret;
		if (*text != '{' && *text != '#')
			find_number(text, len, "Dropped:", &out->dropped);
		text += len + (text[len] == '\n');
	}
	if (out->n)
		qsort(out->v, out->n, sizeof(*out->v), compare_rows);
	merge_equal(out);
	return 0;
}

void vnx_hist_update(struct vnx_hist *seen, struct vnx_hist *now)
{
	struct vnx_hist was = *seen;

	for (size_t i = 0, j = 0; i < now->n; i++) {
		while (j < was.n && compare_rows(&was.v[j], &now->v[i]) < 0)
			j++;
		if (j < was.n && !compare_rows(&was.v[j], &now->v[i]))
			now->v[i].emitted = was.v[j].emitted;
	}
	*seen = *now;
	was.n = 0;
	*now = was;
}

void vnx_hist_forget(struct vnx_hist *seen, uint64_t stamp_ns)
{
	size_t first = 0;

	while (first < seen->n && seen->v[first].stamp_ns < stamp_ns)
		first++;
	memmove(seen->v, seen->v + first, (seen->n - first) * sizeof(*seen->v));
	seen->n -= first;
	seen->dropped = 0;
}

void vnx_hist_fini(struct vnx_hist *h)
{
	free(h->v);
	*h = (struct vnx_hist){ 0 };
}
