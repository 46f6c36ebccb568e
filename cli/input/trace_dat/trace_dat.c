// SPDX-License-Identifier: GPL-2.0-only
/* The reader of trace-cmd's trace.dat, versions 6 and 7. */
#include "cli/input/trace_dat/trace_dat.h"

struct vnx_reader {
	struct vnx_trace *t;
	struct dat dat;
};

static const unsigned char magic[10] = { 0x17, 0x08, 0x44, 't', 'r', 'a', 'c', 'i', 'n', 'g' };

static int trace_dat_probe(const char *path, const unsigned char *head, size_t len)
{
	return len >= sizeof(magic) && !memcmp(head, magic, sizeof(magic)) ? 100 : 0;
}

/* Events without a time are no series. */
static int check_clock(const struct dat *d)
{
	bool cycles = !strcmp(d->clock, "x86-tsc") || !strcmp(d->clock, "ppc-tb");

	if (strcmp(d->clock, "counter") && (!cycles || d->tsc_mult))
		return 0;
	vnx_err_hint(d->err, "Record again with -C mono.");
	return vnx_err_set(
		d->err, -EINVAL, VNX_EXIT_FAILED, "no-clock",
		"%s was recorded with the clock '%s', which does not tell time in seconds",
		d->in->path, d->clock);
}

static bool has_pages(const struct dat *d)
{
	for (size_t i = 0; i < d->buffers.n; i++)
		if (d->buffers.v[i].cpus.n)
			return true;
	return false;
}

static int decode(struct dat *d, struct vnx_input *in, const struct vnx_reader_conf *conf)
{
	bool pages = has_pages(d);

	if (d->text.end && !pages)
		return dat_decode_text(d, in, conf);
	if (d->text.end)
		vnx_trace_warn(d->t,
			       "it has the text of a latency tracer beside its events: that is "
			       "left out");
	return dat_decode(d);
}

static int read_all(struct dat *d, struct vnx_input *in, const struct vnx_reader_conf *conf)
{
	int ret = dat_read_headers(d);

	if (!ret)
		ret = decode(d, in, conf);
	if (!ret)
		ret = check_clock(d);
	if (ret == -ENOMEM)
		return vnx_err_set(d->err, ret, VNX_EXIT_FAILED, "no-memory", "out of memory");
	if (ret == -E2BIG)
		return dat_unusable(d, "it has more pieces or losses than any trace has");
	return ret;
}

static void trace_dat_close(struct vnx_reader *r)
{
	if (!r)
		return;
	dat_fini(&r->dat);
	vnx_trace_free(r->t);
	free(r);
}

static int trace_dat_open(struct vnx_reader **out, struct vnx_input *in,
			  const struct vnx_reader_conf *conf, struct vnx_err *err)
{
	struct vnx_reader *r;
	/* Its parts refer to each other. */
	int ret = vnx_input_spool(in, conf->quiet, err);

	*out = NULL;
	if (ret)
		return ret;
	r = calloc(1, sizeof(*r));
	if (!r)
		return vnx_err_set(err, -ENOMEM, VNX_EXIT_FAILED, "no-memory", "out of memory");
	ret = vnx_trace_new(&r->t, in, conf, err);
	if (!ret) {
		r->dat.in = in;
		r->dat.t = r->t;
		r->dat.err = err;
		r->dat.bin_ns = conf->bin_ns;
		r->dat.n_layers = 1;
		snprintf(r->dat.clock, sizeof(r->dat.clock), "local");
		ret = read_all(&r->dat, in, conf);
		r->dat.err = NULL;
	}
	if (ret) {
		trace_dat_close(r);
		return ret;
	}
	*out = r;
	return 0;
}

static int trace_dat_run(struct vnx_reader *r, struct vnx_run *run, struct vnx_err *err)
{
	const struct dat *d = &r->dat;
	struct vnx_trace_facts facts = {
		.clock = d->clock,
		.kernel = d->kernel,
		.host = d->host,
		.capture = *d->capture ? d->capture : "trace-cmd",
		.has_realtime = d->has_date,
		.realtime_minus_mono_ns = (int64_t)((uint64_t)d->date_us * 1000u),
	};

	return vnx_trace_run(r->t, &facts, run, err);
}

static int trace_dat_next(struct vnx_reader *r, struct vnx_sample *s, struct vnx_err *err)
{
	return vnx_trace_next(r->t, s);
}

const struct vnx_reader_ops vnx_reader_trace_dat = {
	.name = "trace.dat",
	.probe = trace_dat_probe,
	.open = trace_dat_open,
	.run = trace_dat_run,
	.next = trace_dat_next,
	.close = trace_dat_close,
};
