// SPDX-License-Identifier: GPL-2.0-only
/* The reader of our own recordings. */
#include "cli/input/reader.h"

struct vnx_reader {
	struct vnx_recording *rec;
	bool borrowed;
};

static bool has_suffix(const char *path, const char *suffix)
{
	size_t n = strlen(path), m = strlen(suffix);

	return n >= m && !strcmp(path + n - m, suffix);
}

/*
 * Certain by the application id; any other SQLite file and any file of our name is taken at
 * low confidence, because open() says best what is wrong with it.
 */
static int vdx_probe(const char *path, const unsigned char *head, size_t len)
{
	static const unsigned char magic[16] = "SQLite format 3";
	static const unsigned char id[4] = { 'V', 'N', 'X', '1' };

	if (len >= sizeof(magic) && !memcmp(head, magic, sizeof(magic)))
		return len >= 72 && !memcmp(head + 68, id, sizeof(id)) ? 100 : 20;
	return has_suffix(path, ".vdx") ? 10 : 0;
}

static int reader_new(struct vnx_reader **out, struct vnx_recording *rec, bool borrowed)
{
	*out = malloc(sizeof(**out));
	if (!*out)
		return -ENOMEM;
	**out = (struct vnx_reader){ .rec = rec, .borrowed = borrowed };
	return 0;
}

static int vdx_open(struct vnx_reader **out, struct vnx_input *in,
		    const struct vnx_reader_conf *conf, struct vnx_err *err)
{
	struct vnx_recording *rec;
	int ret;

	if (in->unpack) {
		vnx_err_hint(err, "Unpack it: gzip -d or zstd -d < %s > FILE.vdx", in->path);
		return vnx_err_set(err, -ESPIPE, VNX_EXIT_FAILED, "not-a-file",
				   "%s is a packed .vdx: that is read as a database, in its place",
				   in->path);
	}
	if (!in->seekable) {
		vnx_err_hint(err, "Save it to a file and give the file's name.");
		return vnx_err_set(err, -ESPIPE, VNX_EXIT_FAILED, "not-a-file",
				   "a .vdx recording cannot be read from a pipe");
	}
	ret = vnx_recording_open(in->path, &rec, err);
	if (ret)
		return ret;
	ret = reader_new(out, rec, false);
	if (ret)
		vnx_recording_close(rec, NULL);
	return ret;
}

/**
 * vnx_reader_vdx_borrow() - reads a recording that is open, from its first sample.
 *
 * @rec stays the caller's and must outlive the reader.
 */
int vnx_reader_vdx_borrow(struct vnx_reader **out, struct vnx_recording *rec, struct vnx_err *err)
{
	vnx_recording_rewind(rec);
	return reader_new(out, rec, true);
}

static int vdx_next(struct vnx_reader *r, struct vnx_sample *s, struct vnx_err *err)
{
	return vnx_recording_next(r->rec, s, err);
}

static int vdx_run(struct vnx_reader *r, struct vnx_run *run, struct vnx_err *err)
{
	int ret = vnx_recording_facts(r->rec, &run->facts, err);

	if (!ret)
		ret = vnx_recording_hooks(r->rec, &run->hooks, err);
	if (!ret)
		ret = vnx_recording_vms(r->rec, &run->vms, &run->others, err);
	if (!ret)
		ret = vnx_recording_lines(r->rec, &run->lines, err);
	if (!ret)
		ret = vnx_recording_sources(r->rec, &run->sources, err);
	if (!ret)
		ret = vnx_recording_holds(r->rec, &run->holds, err);
	return ret;
}

static void vdx_close(struct vnx_reader *r)
{
	if (!r)
		return;
	if (!r->borrowed)
		vnx_recording_close(r->rec, NULL);
	free(r);
}

const struct vnx_reader_ops vnx_reader_vdx = {
	.name = "vdx",
	.fixed_hooks = true,
	.probe = vdx_probe,
	.open = vdx_open,
	.run = vdx_run,
	.next = vdx_next,
	.close = vdx_close,
};
