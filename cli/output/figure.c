// SPDX-License-Identifier: GPL-2.0-only
#include "cli/output/figure.h"

#include <fcntl.h>
#include <math.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/output/json_write.h"
#include "cli/output/safe.h"
#include "cli/output/units.h"

/* Okabe and Ito's palette: told apart with every kind of colour vision. */
#define FALL_COLOR "CC79A7"
#define FALL_TEXT "8F3F6E"
#define GREY "707070"

extern char **environ;

/* Screen coordinates of the plots; what is above them is for the header. */
#define LEFT 0.085
#define RIGHT 0.975
#define TOP 0.855
#define BOTTOM 0.108
#define GAP 0.022

/*
 * Letters that the fonts of a bare system have. Of others cairo draws a box with the code,
 * which with gnuplot's scale covers the whole picture.
 */
static bool has_glyph(uint32_t cp)
{
	return cp < 0x250 || (cp >= 0x370 && cp < 0x530) || cp == 0x2192;
}

/* Text in gnuplot's single quotes, where only the quote itself means something. */
static void put_quoted(FILE *out, const char *s, unsigned width)
{
	VNX_CLEANUP_FREE char *safe = vnx_text_safe(s, width);
	const char *at = safe ? safe : "?";
	uint32_t cp;
	size_t len;

	fputc('\'', out);
	for (; (len = vnx_utf8_next(at, &cp)); at += len) {
		if (cp == '\'')
			fputs("''", out);
		else if (has_glyph(cp))
			fwrite(at, 1, len, out);
		else
			fputc('?', out);
	}
	fputc('\'', out);
}

static void put_header_label(FILE *out, double y, const char *font, const char *color,
			     const char *text, unsigned width)
{
	fputs("set label ", out);
	put_quoted(out, text, width);
	fprintf(out, " at screen %g, screen %g left noenhanced font '%s' tc rgb '#%s' front\n",
		LEFT, y, font, color);
}

static char *headline(const struct vnx_diagnosis *dg, const struct vnx_vm_finding *vm,
		      const char *label)
{
	char start[VNX_UNIT_LEN], end[VNX_UNIT_LEN], before[VNX_UNIT_LEN], after[VNX_UNIT_LEN];
	char change[VNX_UNIT_LEN], mean[VNX_UNIT_LEN];
	struct vnx_episode ep;
	double top;

	if (vm->verdict != VNX_DEGRADED ||
	    !vnx_pick_episode(vm, vnx_bin_start_s(&dg->grid, 1), &ep))
		return vnx_asprintf("%s  %s, mean %s", label, vnx_verdict_name(vm->verdict),
				    vnx_rate_format(vm->throughput.mean_bps, mean));
	top = fmax(ep.before_bps, ep.after_bps);
	return vnx_asprintf("%s  degraded %s %s%s%s: %s \u2192 %s %sbit/s (%s)", label,
			    isnan(ep.end_s) ? "since" : "from",
			    vnx_seconds_format(ep.start_s, start), isnan(ep.end_s) ? "" : " to ",
			    isnan(ep.end_s) ? "" : vnx_seconds_format(ep.end_s, end),
			    vnx_number_scaled(ep.before_bps, top, before),
			    vnx_number_scaled(ep.after_bps, top, after), vnx_scale_for(top).prefix,
			    vnx_percent_format(ep.change, change));
}

/* "0.86 [0.75, 0.93] raw", or "" where there is no number. */
static void r_words(const struct vnx_vm_finding *vm, enum vnx_metric x, enum vnx_corr_on on,
		    const char *name, char *buf, size_t len)
{
	const struct vnx_correlation *c = vnx_pick_corr(vm, x, on, VNX_PEARSON);

	buf[0] = '\0';
	if (!c || !isfinite(c->c.r))
		return;
	if (isfinite(c->c.ci_lo) && isfinite(c->c.ci_hi))
		snprintf(buf, len, "%.2f [%.2f, %.2f] %s", c->c.r, c->c.ci_lo, c->c.ci_hi, name);
	else
		snprintf(buf, len, "%.2f %s", c->c.r, name);
}

static char *caption(const struct vnx_diagnosis *dg, const struct vnx_vm_finding *vm)
{
	enum vnx_metric x = vnx_pick_shown_calls(vm);
	const struct vnx_correlation *c = vnx_pick_corr(vm, x, VNX_ON_RAW, VNX_PEARSON);
	char raw[64], sma[96], within[64], name[48], window[VNX_UNIT_LEN];

	if (!c && !vnx_backend_has_worker(vm->vm.backend))
		return vnx_asprintf("no vhost worker on back end %s: handle_tx and handle_rx "
				    "cannot move",
				    vnx_backend_name(vm->vm.backend));
	if (!c || !isfinite(c->c.r))
		return vnx_asprintf("no correlation with throughput: %s",
				    c && c->c.undefined ? c->c.undefined : "no calls measured");
	snprintf(name, sizeof(name), "%s SMA",
		 vnx_seconds_format(vnx_bin_start_s(&dg->grid, dg->sma_bins), window));
	r_words(vm, x, VNX_ON_RAW, "raw", raw, sizeof(raw));
	r_words(vm, x, VNX_ON_SMA, name, sma, sizeof(sma));
	r_words(vm, x, VNX_ON_WITHIN_STAGE, "within stages", within, sizeof(within));
	return vnx_asprintf("%s and throughput: r = %s%s%s%s%s", vnx_metric_name(x), raw,
			    *sma ? ";  " : "", sma, *within ? ";  " : "", within);
}

static const char *hook_of(const struct vnx_run *run, enum vnx_metric metric)
{
	for (size_t i = 0; run && i < run->hooks.n; i++)
		if (run->hooks.v[i].metric == metric && *run->hooks.v[i].hook)
			return run->hooks.v[i].hook;
	return "not measured";
}

static char *footnote(const struct vnx_finding *f, const struct vnx_vm_finding *vm)
{
	enum vnx_metric x = vnx_pick_shown_calls(vm);
	const struct vnx_correlation *c = vnx_pick_corr(vm, x, VNX_ON_RAW, VNX_PEARSON);
	const char *source = vm->throughput.source;
	char n_eff[64] = "", width[VNX_UNIT_LEN];

	if (c && isfinite(c->c.r))
		snprintf(n_eff, sizeof(n_eff), "Pearson's r [95 %%] with n_eff %.0f of %zu; ",
			 c->c.n_eff, c->c.n);
	return vnx_asprintf(
		"%s%zu bins of %s; back end %s; throughput: %s; %s: %s; "
		"vnetdx " VNX_VERSION,
		n_eff, f->dg->grid.n, vnx_seconds_format(vnx_bin_start_s(&f->dg->grid, 1), width),
		vnx_backend_name(vm->vm.backend), source && *source ? source : "not measured",
		vnx_metric_name(x), isnan(vm->totals[x]) ? "does not move" : hook_of(f->run, x));
}

static int put_header(FILE *out, const struct vnx_finding *f, size_t i)
{
	const struct vnx_vm_finding *vm = &f->dg->vms.v[i];
	VNX_CLEANUP_FREE char *label = vnx_pick_label(f->dg, i);
	VNX_CLEANUP_FREE char *name = label ? vnx_text_safe(label, 24) : NULL;
	VNX_CLEANUP_FREE char *head = name ? headline(f->dg, vm, name) : NULL;
	VNX_CLEANUP_FREE char *text = caption(f->dg, vm), *foot = footnote(f, vm);

	if (!head || !text || !foot)
		return -ENOMEM;
	put_header_label(out, 0.955, "DejaVu Sans:Bold,17", "202020", head, 70);
	put_header_label(out, 0.915, "DejaVu Sans,12", "202020", text, 124);
	put_header_label(out, 0.018, "DejaVu Sans,10", GREY, foot, 150);
	if (vm->degradations.n)
		fprintf(out,
			"set label 'dashes: stages; shaded: falls, darker where the start may lie' at "
			"screen %g, screen 0.048 right font 'DejaVu Sans,10' tc rgb '#" GREY "'\n",
			RIGHT);
	return 0;
}

/* Vertical dashes where the load's stages begin. */
static void put_stages(FILE *out, const struct vnx_grid *grid, const unsigned *stage)
{
	for (size_t i = 1; stage && i < grid->n; i++)
		if (stage[i] != stage[i - 1])
			fprintf(out,
				"set arrow from first %g, graph 0 to first %g, graph 1 nohead back "
				"dt (9,6) lw 1.3 lc rgb '#606060'\n",
				vnx_bin_start_s(grid, i), vnx_bin_start_s(grid, i));
}

/* A band over the fall, a darker one over the uncertainty of its start, its size above. */
static void put_falls(FILE *out, const struct vnx_grid *grid, const struct vnx_vm_finding *vm,
		      bool labels)
{
	double run_s = vnx_bin_start_s(grid, grid->n), last = -INFINITY;
	/* Falls that last lie over each other: the deeper, the darker, up to what can be read. */
	double depth = fmin(0.10, 0.30 / (double)vm->degradations.n);
	char change[VNX_UNIT_LEN];

	for (size_t i = 0; i < vm->degradations.n; i++) {
		const struct vnx_degradation *d = &vm->degradations.v[i];
		double end = isnan(d->end_s) ? run_s : fmin(d->end_s, run_s);
		double low = fmax(0, d->start_s - d->start_uncertainty_s);
		double high = fmin(run_s, d->start_s + d->start_uncertainty_s);

		fprintf(out,
			"set obj rect from first %g, graph 0 to first %g, graph 1 behind fs "
			"transparent solid %.3f noborder fc rgb '#" FALL_COLOR "'\n",
			d->start_s, end, depth);
		if (high > low)
			fprintf(out,
				"set obj rect from first %g, graph 0 to first %g, graph 1 behind "
				"fs transparent solid 0.35 noborder fc rgb '#" FALL_COLOR "'\n",
				low, high);
		if (!labels || d->start_s < last + run_s * 0.055)
			continue;
		last = d->start_s;
		fprintf(out,
			"set label '%s' at first %g, graph 1 center offset 0,0.55 noenhanced font "
			"'DejaVu Sans,11' tc rgb '#" FALL_TEXT "'\n",
			vnx_percent_format(d->change, change), d->start_s);
	}
}

static void put_panel(FILE *out, const struct vnx_panels *panels, size_t i,
		      const struct vnx_finding *f, const struct vnx_vm_finding *vm)
{
	const struct vnx_panel *p = &panels->v[i];
	const struct vnx_grid *grid = &f->dg->grid;
	double height = (TOP - BOTTOM - GAP * (double)(panels->n - 1)) / (double)panels->n;
	double top = TOP - (double)i * (height + GAP);
	char bin[VNX_UNIT_LEN], window[VNX_UNIT_LEN];
	bool last = i + 1 == panels->n;

	vnx_seconds_format(vnx_bin_start_s(grid, 1), bin);
	vnx_seconds_format(vnx_bin_start_s(grid, f->dg->sma_bins), window);
	fprintf(out, "set tmargin at screen %g\nset bmargin at screen %g\n", top, top - height);
	/* Not ylabel: that one moves with the width of the numbers beside it. */
	fprintf(out, "set label '%s' at screen 0.021, screen %g center rotate noenhanced\n",
		p->title, top - height / 2);
	fprintf(out, "set yrange [0:%g]\n", p->top * 1.3);
	fprintf(out, "set format x '%s'\n", last ? "%g" : "");
	if (last)
		fputs("set xlabel 'time since the first bin (s)' offset 0,0.4\n", out);
	put_stages(out, grid, vm->stage);
	put_falls(out, grid, vm, i == 0);
	if (p->any)
		fprintf(out,
			"plot $%s_raw w l lw 1.2 lc rgb '#70%s' t 'bins of %s', "
			"$%s_sma w l lw 3.2 lc rgb '#%s' t '%s average (SMA)'\n",
			p->id, p->color, bin, p->id, p->color, window);
	else
		fputs("set label 99 'not measured' at graph 0.5, graph 0.5 center\n"
		      "plot -1 notitle\nunset label 99\n",
		      out);
	/* The header is drawn once, with the first plot. */
	fputs("unset label\nunset arrow\nunset object\n", out);
}

static int put_picture(FILE *out, const char *terminal, const char *file,
		       const struct vnx_panels *panels, const struct vnx_finding *f, size_t i)
{
	int ret;

	fprintf(out, "set terminal %s\nset output '%s'\nset multiplot\n", terminal, file);
	ret = put_header(out, f, i);
	for (size_t k = 0; !ret && k < panels->n; k++)
		put_panel(out, panels, k, f, &f->dg->vms.v[i]);
	fputs("unset multiplot\nset output\nunset xlabel\n", out);
	return ret;
}

int vnx_figure_script(const struct vnx_finding *f, size_t i, const char *stem, FILE *out,
		      struct vnx_err *err)
{
	VNX_CLEANUP_FREE char *svg = vnx_asprintf("%s.svg", stem);
	VNX_CLEANUP_FREE char *png = vnx_asprintf("%s.png", stem);
	const struct vnx_grid *grid = &f->dg->grid;
	struct vnx_panels panels;
	int ret = -ENOMEM;

	if (!svg || !png || vnx_panels_init(&panels, f->dg, &f->dg->vms.v[i]))
		return vnx_err_set(err, ret, VNX_EXIT_FAILED, "no-memory", "out of memory");
	fputs("set encoding utf8\n", out);
	for (size_t k = 0; k < panels.n; k++)
		if (panels.v[k].any)
			vnx_panel_write(&panels.v[k], grid, out);
	fprintf(out,
		"set lmargin at screen %g\nset rmargin at screen %g\nset xrange [0:%g]\n"
		"set tics nomirror out scale 0.6\nset border 3 lc rgb '#404040'\n"
		"set grid ytics lt 1 lw 0.8 lc rgb '#DCDCDC'\n"
		"set key top right horizontal Left reverse noenhanced samplen 2.2 width -1 "
		"font ',11' opaque "
		"fillcolor rgb '#50FFFFFF'\n",
		LEFT, RIGHT, vnx_bin_start_s(grid, grid->n));
	ret = put_picture(out,
			  "svg size 1200,900 dynamic noenhanced font 'DejaVu Sans,13' "
			  "background rgb 'white'",
			  svg, &panels, f, i);
	if (!ret)
		ret = put_picture(out,
				  "pngcairo size 1200,900 noenhanced font 'DejaVu Sans,13' "
				  "background rgb 'white'",
				  png, &panels, f, i);
	vnx_panels_fini(&panels);
	return ret ? vnx_err_set(err, ret, VNX_EXIT_FAILED, "no-memory", "out of memory") : 0;
}

/* Runs gnuplot in @dir over the script in @in; its complaints go to @complaints. */
static int run_gnuplot(int in, int complaints, const char *dir, int *status)
{
	char *argv[] = { "gnuplot", "-d", "-", NULL };
	posix_spawn_file_actions_t fa;
	pid_t pid;
	int ret;

	ret = posix_spawn_file_actions_init(&fa);
	if (ret)
		return -ret;
	ret = posix_spawn_file_actions_adddup2(&fa, in, 0);
	if (!ret)
		ret = posix_spawn_file_actions_addopen(&fa, 1, "/dev/null", O_WRONLY, 0);
	if (!ret)
		ret = posix_spawn_file_actions_adddup2(&fa, complaints, 2);
	if (!ret)
		ret = posix_spawn_file_actions_addchdir_np(&fa, dir);
	if (!ret)
		ret = posix_spawnp(&pid, "gnuplot", &fa, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&fa);
	if (ret)
		return -ret;
	while (waitpid(pid, status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

/* gnuplot's first line that is not its echo of the script, for a person. */
static int complain(int fd, struct vnx_err *err)
{
	char buf[512] = "", *line;
	ssize_t n = pread(fd, buf, sizeof(buf) - 1, 0);

	buf[n > 0 ? n : 0] = '\0';
	line = strstr(buf, "line ");
	line = line ? line : buf;
	line[strcspn(line, "\n")] = '\0';
	vnx_err_set(err, -EIO, VNX_EXIT_FAILED, "gnuplot", "gnuplot could not draw the figure: %s",
		    *line ? line : "it gave no reason");
	vnx_err_hint(err, "is there room in the folder, and does `gnuplot -e 'set terminal "
			  "pngcairo'` work?");
	return -EIO;
}

static bool was_drawn(const char *path)
{
	struct stat st;

	return path && !stat(path, &st) && st.st_size > 0;
}

/* gnuplot ends with 0 where the disk is full. */
static int check_pictures(const char *dir, const char *stem, int complaints, struct vnx_err *err)
{
	VNX_CLEANUP_FREE char *svg = vnx_asprintf("%s/%s.svg", dir, stem);
	VNX_CLEANUP_FREE char *png = vnx_asprintf("%s/%s.png", dir, stem);

	if (!svg || !png)
		return vnx_err_set(err, -ENOMEM, VNX_EXIT_FAILED, "no-memory", "out of memory");
	if (!was_drawn(svg) || !was_drawn(png))
		return complain(complaints, err);
	return vnx_figure_fonts(svg, err);
}

int vnx_figure_draw(const struct vnx_finding *f, size_t i, const char *stem, const char *dir,
		    struct vnx_err *err)
{
	VNX_CLEANUP_CLOSE int complaints = memfd_create("vnetdx-gnuplot", MFD_CLOEXEC);
	VNX_CLEANUP_FCLOSE FILE *script = tmpfile();
	int ret, status = 0;

	/* A file, not a pipe: gnuplot may end early, and nobody waits for anybody. */
	if (!script || complaints < 0)
		return vnx_err_set(err, -errno, VNX_EXIT_FAILED, "gnuplot",
				   "no temporary file for gnuplot's script: %s", strerror(errno));
	ret = vnx_figure_script(f, i, stem, script, err);
	if (!ret)
		ret = vnx_output_check(script, err);
	if (ret)
		return ret;
	rewind(script);
	ret = run_gnuplot(fileno(script), complaints, dir, &status);
	if (ret == -ENOENT) {
		vnx_err_set(err, ret, VNX_EXIT_FAILED, "no-gnuplot",
			    "the figures were not drawn: gnuplot is not installed");
		vnx_err_hint(err, "apt-get install gnuplot-nox, then replay the recording with "
				  "--report");
		return ret;
	}
	if (ret)
		return vnx_err_set(err, ret, VNX_EXIT_FAILED, "gnuplot",
				   "gnuplot could not be started: %s", strerror(-ret));
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		return complain(complaints, err);
	return check_pictures(dir, stem, complaints, err);
}
