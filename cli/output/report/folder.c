// SPDX-License-Identifier: GPL-2.0-only
/* The folder of a report: the page, its Markdown, and of each run the data and figures. */
#include <ctype.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bpf/clock.h"
#include "cli/output/plot/figure.h"
#include "cli/output/json_write.h"
#include "cli/output/report/report_parts.h"
#include "cli/base/safe.h"

#define STEM_PLAIN (VNX_STEM_MAX - 20) /* room for a number behind it */
#define NAME_COLUMNS 60
#define PROGRESS_AFTER_S 2

struct progress {
	bool quiet, terminal, shown;
	time_t said_s;
	size_t done, all;
};

static int no_memory(struct vnx_err *err)
{
	return vnx_err_set(err, -ENOMEM, VNX_EXIT_FAILED, "no-memory", "out of memory");
}

static time_t now_s(void)
{
	return (time_t)(vnx_clock_mono() / VNX_NSEC_PER_SEC);
}

/* One line, rewritten on a terminal; elsewhere one every ten seconds. */
static void progress_step(struct progress *p)
{
	time_t now = now_s();

	p->done++;
	if (p->quiet || now - p->said_s < (p->terminal && p->shown ? 1 : PROGRESS_AFTER_S))
		return;
	if (!p->terminal && p->shown && now - p->said_s < 10)
		return;
	fprintf(stderr, "%sdrawing figures, %zu of %zu%s",
		p->terminal ? "\r\033[K" : "vnetdx: ", p->done, p->all, p->terminal ? "" : "\n");
	p->said_s = now;
	p->shown = true;
}

static void progress_end(const struct progress *p)
{
	if (p->shown && p->terminal)
		fputs("\r\033[K", stderr);
}

/* What writes one file. */
typedef int (*write_fn)(const void *what, FILE *out, struct vnx_err *err);

static int write_file(const char *dir, const char *folder, const char *name, write_fn write,
		      const void *what, struct vnx_err *err)
{
	VNX_CLEANUP_FREE char *path = vnx_asprintf("%s/%s%s", dir, folder, name);
	FILE *out = path ? fopen(path, "we") : NULL;
	int ret;

	if (!path)
		return no_memory(err);
	if (!out)
		return vnx_err_set(err, -errno, VNX_EXIT_FAILED, "output", "cannot write %s: %s",
				   path, strerror(errno));
	ret = write(what, out, err);
	if (fclose(out) && !ret)
		ret = vnx_err_set(err, -errno, VNX_EXIT_FAILED, "output", "cannot write %s: %s",
				  path, strerror(errno));
	if (ret)
		vnx_err_hint(err, "Is there room? It was while %s was written.", path);
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
		vnx_err_hint(err, "The folder above it does not exist: mkdir -p it first");
	return ret;
}

/* Only letters that mean nothing to shells, file systems and web servers. */
static size_t put_plain(char *at, size_t room, const char *name)
{
	size_t n = 0;

	for (; *name && n + 1 < room; name++)
		at[n++] = isascii(*name) && (isalnum(*name) || strchr("._-", *name)) ? *name : '_';
	at[n] = '\0';
	return n;
}

static bool is_taken(char stems[][VNX_STEM_MAX], size_t n, const char *stem)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(stems[i], stem))
			return true;
	return false;
}

int vnx_report_stems(const struct vnx_diagnosis *dg, char (**out)[VNX_STEM_MAX])
{
	char(*stems)[VNX_STEM_MAX] = calloc(dg->vms.n + 1, sizeof(*stems));

	*out = stems;
	if (!stems)
		return -ENOMEM;
	for (size_t i = 0; i < dg->vms.n; i++) {
		const struct vnx_vm *vm = &dg->vms.v[i].vm;
		char stem[VNX_STEM_MAX];
		size_t n;

		if (vm->name && *vm->name)
			n = put_plain(stem, STEM_PLAIN, vm->name);
		else
			n = (size_t)snprintf(stem, sizeof(stem), "pid-%" PRIu32, vm->pid);
		/* Some number is free: there are fewer VMs before this one than numbers. */
		for (size_t k = i + 1; is_taken(stems, i, stem); k++)
			snprintf(stem + n, sizeof(stem) - n, "-%zu", k);
		memcpy(stems[i], stem, sizeof(stem));
	}
	return 0;
}

static int write_json(const void *what, FILE *out, struct vnx_err *err)
{
	return vnx_reporter_json.report(what, &(struct vnx_report_conf){ 0 }, out, err);
}

static int write_text(const void *what, FILE *out, struct vnx_err *err)
{
	struct vnx_report_conf conf = { .columns = 80, .verbose = true, .utf8 = true };

	return vnx_reporter_text.report(what, &conf, out, err);
}

static int write_csv(const void *what, FILE *out, struct vnx_err *err)
{
	return vnx_reporter_csv.report(what, &(struct vnx_report_conf){ 0 }, out, err);
}

static int write_wide(const void *what, FILE *out, struct vnx_err *err)
{
	return vnx_report_wide(what, out, err);
}

static int write_metrics(const void *what, FILE *out, struct vnx_err *err)
{
	return vnx_report_metrics(what, out, err);
}

static int write_set(const void *what, FILE *out, struct vnx_err *err)
{
	return vnx_report_set_json(what, out, err);
}

struct document {
	const struct vnx_report_parts *parts;
	const struct vnx_doc_ops *ops;
	const char *dir;
};

static int write_document(const void *what, FILE *out, struct vnx_err *err)
{
	const struct document *doc = what;
	struct vnx_doc d;
	int ret;

	vnx_doc_init(&d, doc->ops, doc->dir, out, err);
	ret = vnx_report_document(&d, doc->parts);
	vnx_doc_fini(&d);
	return ret;
}

static int write_data(const struct vnx_report_part *part, const char *dir, struct vnx_err *err)
{
	static const struct {
		const char *name;
		write_fn write;
	} files[] = {
		{ "diagnosis.json", write_json }, { "diagnosis.txt", write_text },
		{ "series.csv", write_csv },      { "series-wide.csv", write_wide },
		{ "metrics.csv", write_metrics },
	};
	int ret = 0;

	for (size_t i = 0; i < VNX_ARRAY_SIZE(files) && !ret; i++)
		ret = write_file(dir, part->folder, files[i].name, files[i].write, part->in->f,
				 err);
	return ret;
}

/*
 * One figure that fails does not take the others along, its reason stands in its place; where
 * gnuplot is missing there is no place.
 */
static int drawn_keep(struct vnx_drawn *drawn, const char *folder, const char *stem, int ret,
		      const struct vnx_err *why, struct vnx_err *err)
{
	if (ret)
		vnx_err_set(err, ret, why->exit, why->code, "%s", why->message);
	if (ret && why->hint[0])
		vnx_err_hint(err, "%s", why->hint);
	if (ret == -ENOENT || ret == -ENOMEM)
		return ret;
	if (ret)
		drawn->why = strdup(why->message);
	else
		drawn->file = vnx_asprintf("%s%s", folder, stem);
	return drawn->why || drawn->file ? ret : no_memory(err);
}

static void drawn_fini(struct vnx_drawn *drawn)
{
	free(drawn->why);
	free(drawn->file);
}

static int draw_one(struct vnx_report_part *part, const struct vnx_plot_ops *plot, size_t i,
		    const char *dir, struct vnx_err *err)
{
	VNX_CLEANUP_FREE char *folder = vnx_asprintf("%s/%s", dir, part->folder);
	struct vnx_drawn drawn = { .plot = plot, .vm = i };
	struct vnx_err why = { 0 };
	VNX_CLEANUP_FREE char *stem = vnx_asprintf("%s-%s", plot->id, part->stems[i]);
	int ret;

	ret = folder && stem ? vnx_plot_draw(plot, part->in->f, i, stem, folder, &why)
			     : no_memory(&why);
	part->no_gnuplot |= ret == -ENOENT;
	ret = drawn_keep(&drawn, part->folder, stem, ret, &why, err);
	if ((!drawn.why && !drawn.file) || !vnx_vec_push(&part->drawings, drawn))
		return ret;
	drawn_fini(&drawn);
	return no_memory(err);
}

static int draw_overlay(struct vnx_report_parts *parts, const char *dir, struct vnx_err *err)
{
	const char *stem = "comparison-cdf";
	struct vnx_err why = { 0 };
	int ret = vnx_overlay_draw(parts, stem, dir, &why);

	return drawn_keep(&parts->overlay, "", stem, ret, &why, err);
}

static bool is_drawn(const struct vnx_finding *f, const struct vnx_plot_ops *plot, size_t i)
{
	return vnx_report_tells(f->dg, i) && plot->has(f, i);
}

static size_t count_figures(const struct vnx_report_part *part)
{
	size_t n = 0;

	for (size_t i = 0; part->in->f && i < part->in->f->dg->vms.n; i++)
		for (size_t k = 0; vnx_plots[k]; k++)
			n += is_drawn(part->in->f, vnx_plots[k], i);
	return n;
}

static int draw_part(struct vnx_report_part *part, const char *dir, struct progress *progress,
		     struct vnx_err *err)
{
	const struct vnx_finding *f = part->in->f;
	int ret = 0, one;

	for (size_t i = 0; i < f->dg->vms.n; i++)
		for (size_t k = 0; vnx_plots[k] && !part->no_gnuplot; k++) {
			if (!is_drawn(f, vnx_plots[k], i))
				continue;
			one = draw_one(part, vnx_plots[k], i, dir, err);
			ret = ret ? ret : one;
			progress_step(progress);
		}
	return ret;
}

/* The end of a path: its folder tells recordings apart that are all called run.vdx. */
static const char *path_end(const char *path)
{
	const char *at = strrchr(path, '/');

	if (!at)
		return path;
	while (at > path && at[-1] != '/')
		at--;
	return at[0] == '.' && at[1] == '/' ? at + 2 : at;
}

static int part_init(struct vnx_report_part *part, const struct vnx_report_set *set, size_t i)
{
	char plain[VNX_STEM_MAX];

	part->in = &set->v[i];
	part->name = vnx_text_safe(path_end(part->in->path), NAME_COLUMNS);
	put_plain(plain, sizeof(plain), path_end(part->in->path));
	part->folder = set->n == 1 ? strdup("") : vnx_asprintf("%zu-%s/", i + 1, plain);
	if (part->in->f && vnx_report_stems(part->in->f->dg, &part->stems))
		return -ENOMEM;
	return part->name && part->folder ? 0 : -ENOMEM;
}

static void parts_fini(struct vnx_report_parts *parts)
{
	for (size_t i = 0; parts->v && i < parts->n; i++) {
		struct vnx_drawings *list = &parts->v[i].drawings;

		for (size_t k = 0; k < list->n; k++)
			drawn_fini(&list->v[k]);
		free(list->v);
		free(parts->v[i].name);
		free(parts->v[i].folder);
		free(parts->v[i].stems);
	}
	free(parts->v);
	drawn_fini(&parts->overlay);
}

/* Data first: nothing of it hangs on gnuplot. */
static int write_parts(struct vnx_report_parts *parts, const char *dir, struct vnx_err *err)
{
	int ret = 0;

	for (size_t i = 0; i < parts->n && !ret; i++) {
		VNX_CLEANUP_FREE char *folder = vnx_asprintf("%s/%s", dir, parts->v[i].folder);

		if (!parts->v[i].in->f)
			continue;
		ret = folder ? make_folder(folder, err) : no_memory(err);
		if (!ret)
			ret = write_data(&parts->v[i], dir, err);
	}
	return ret;
}

static int draw_parts(struct vnx_report_parts *parts, const char *dir, struct vnx_err *err)
{
	struct progress progress = { .quiet = parts->set->quiet,
				     .terminal = isatty(STDERR_FILENO),
				     .said_s = now_s() };
	bool overlay = vnx_overlay_has(parts);
	int ret = 0, one;

	progress.all = overlay;
	for (size_t i = 0; i < parts->n; i++)
		progress.all += count_figures(&parts->v[i]);
	if (overlay) {
		ret = draw_overlay(parts, dir, err);
		progress_step(&progress);
	}
	for (size_t i = 0; i < parts->n; i++) {
		if (!parts->v[i].in->f)
			continue;
		one = draw_part(&parts->v[i], dir, &progress, err);
		ret = ret ? ret : one;
	}
	progress_end(&progress);
	return ret;
}

static int write_all(struct vnx_report_parts *parts, const char *dir, struct vnx_err *err)
{
	struct document page = { parts, &vnx_doc_page, dir };
	struct document markdown = { parts, &vnx_doc_markdown, dir };
	int ret = write_parts(parts, dir, err), drawn;

	if (!ret && parts->n > 1)
		ret = write_file(dir, "", "report.json", write_set, parts->set, err);
	if (ret)
		return ret;
	drawn = draw_parts(parts, dir, err);
	ret = write_file(dir, "", "index.html", write_document, &page, err);
	if (!ret)
		ret = write_file(dir, "", "report.md", write_document, &markdown, err);
	return ret ? ret : drawn;
}

int vnx_report_write(const struct vnx_report_set *set, const char *dir, struct vnx_err *err)
{
	struct vnx_report_parts parts = { .set = set, .n = set->n };
	int ret = make_folder(dir, err);

	if (ret)
		return ret;
	parts.v = calloc(set->n, sizeof(*parts.v));
	ret = parts.v ? 0 : no_memory(err);
	for (size_t i = 0; i < set->n && !ret; i++)
		if (part_init(&parts.v[i], set, i))
			ret = no_memory(err);
	if (!ret)
		ret = write_all(&parts, dir, err);
	parts_fini(&parts);
	return ret;
}

int vnx_report_folder(const struct vnx_finding *f, const char *dir, struct vnx_err *err)
{
	struct vnx_report_input in = { .path = f->source_path, .f = f };
	struct vnx_report_set set = { .v = &in, .n = 1, .quiet = true };

	return vnx_report_write(&set, dir, err);
}

static int put_input_json(const struct vnx_report_input *in, FILE *out, struct vnx_err *err)
{
	struct vnx_json j = { .out = out };
	int ret = 0;

	fputs("{\"path\": ", out);
	vnx_json_text(&j, NULL, in->path);
	if (in->f) {
		fputs(", \"diagnosis\": ", out);
		ret = write_json(in->f, out, err);
	} else {
		fputs(", \"failed\": ", out);
		vnx_report_error_json(in->err, out);
	}
	fputc('}', out);
	return ret;
}

int vnx_report_set_json(const struct vnx_report_set *set, FILE *out, struct vnx_err *err)
{
	int ret = 0;

	fputs("{\"schema\": \"vnetdx.report/1\", \"inputs\": [", out);
	for (size_t i = 0; i < set->n && !ret; i++) {
		fputs(i ? ",\n" : "\n", out);
		ret = put_input_json(&set->v[i], out, err);
	}
	fputs("]}\n", out);
	return ret ? ret : vnx_output_check(out, err);
}
