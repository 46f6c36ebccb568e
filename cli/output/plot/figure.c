// SPDX-License-Identifier: GPL-2.0-only
#include "cli/output/plot/figure.h"

#include <math.h>

#include "cli/output/plot/plot_internal.h"
#include "cli/base/safe.h"
#include "cli/base/units.h"

/* Screen coordinates of the plots, and their letters; above them is room for a header. */
struct look {
	unsigned width, height, font, key_font, png; /* png: its pixels to one of the SVG */
	double left, right, top, bottom, gap, title; /* title: of the y axes */
	bool header;
};

static const struct look alone = { .width = 1200,
				   .height = 900,
				   .font = 13,
				   .key_font = 11,
				   .png = 1,
				   .left = 0.085,
				   .right = 0.975,
				   .top = 0.855,
				   .bottom = 0.108,
				   .gap = 0.022,
				   .title = 0.021,
				   .header = true };
static const struct look on_page = { .width = 640,
				     .height = 720,
				     .font = 15,
				     .key_font = 13,
				     .png = 2,
				     .left = 0.125,
				     .right = 0.972,
				     .top = 0.966,
				     .bottom = 0.088,
				     .gap = 0.025,
				     .title = 0.027 };

static void put_header_label(FILE *out, double y, const char *font, const char *color,
			     const char *text, unsigned width)
{
	fputs("set label ", out);
	vnx_plot_quote(out, text, width);
	fprintf(out, " at screen %g, screen %g left noenhanced font '%s' tc rgb '#%s' front\n",
		alone.left, y, font, color);
}

static char *headline(const struct vnx_diagnosis *dg, const struct vnx_vm_finding *vm,
		      const char *label)
{
	char start[VNX_UNIT_LEN], end[VNX_UNIT_LEN], before[VNX_UNIT_LEN], after[VNX_UNIT_LEN];
	char change[VNX_UNIT_LEN], mean[VNX_UNIT_LEN];
	struct vnx_episode ep;
	double top;

	if (vm->verdict != VNX_DEGRADED || !vnx_pick_worst(vm, vnx_bin_start_s(&dg->grid, 1), &ep))
		return vnx_asprintf("%s  %s, mean %s", label, vnx_verdict_name(vm->verdict),
				    vnx_rate_format(vm->throughput.mean_bps, mean));
	top = fmax(ep.before_bps, ep.after_bps);
	return vnx_asprintf("%s  degraded %s %s%s%s: %s \u2192 %s %sbit/s (%s)", label,
			    isnan(ep.end_s) ? "since" : "from",
			    vnx_seconds_format(ep.start_s, start), isnan(ep.end_s) ? "" : " to ",
			    isnan(ep.end_s) ? "" : vnx_seconds_format(ep.end_s, end),
			    vnx_rate_scaled(ep.before_bps, top, before),
			    vnx_rate_scaled(ep.after_bps, top, after), vnx_scale_for(top).prefix,
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
	put_header_label(out, 0.955, "DejaVu Sans:Bold,17", VNX_RGB_INK, head, 70);
	put_header_label(out, 0.915, "DejaVu Sans,12", VNX_RGB_INK, text, 124);
	put_header_label(out, 0.018, "DejaVu Sans,10", VNX_RGB_MUTED, foot, 150);
	if (vm->degradations.n)
		fprintf(out,
			"set label 'dashes: stages; shaded: falls, darker where the start may lie' at "
			"screen %g, screen 0.048 right font 'DejaVu Sans,10' tc rgb '#" VNX_RGB_MUTED
			"'\n",
			alone.right);
	return 0;
}

static void put_panel(FILE *out, const struct look *look, const struct vnx_panels *panels, size_t i,
		      const struct vnx_finding *f, const struct vnx_vm_finding *vm)
{
	double height = (look->top - look->bottom - look->gap * (double)(panels->n - 1)) /
			(double)panels->n;
	double top = look->top - (double)i * (height + look->gap);
	const struct vnx_panel *p = &panels->v[i];
	const struct vnx_grid *grid = &f->dg->grid;
	char bin[VNX_UNIT_LEN], window[VNX_UNIT_LEN];
	bool last = i + 1 == panels->n;

	vnx_seconds_format(vnx_bin_start_s(grid, 1), bin);
	vnx_seconds_format(vnx_bin_start_s(grid, f->dg->sma_bins), window);
	fprintf(out, "set tmargin at screen %g\nset bmargin at screen %g\n", top, top - height);
	/* Not ylabel: that one moves with the width of the numbers beside it. */
	fprintf(out, "set label '%s' at screen %g, screen %g center rotate noenhanced\n", p->title,
		look->title, top - height / 2);
	fprintf(out, "set yrange [0:%g]\n", p->top * 1.3);
	if (!look->header)
		fprintf(out, "set ytics %g\n", vnx_plot_step(p->top * 1.3));
	fprintf(out, "set format x '%s'\n", last ? "%g" : "");
	if (last)
		fputs("set xlabel 'time since the first bin (s)' offset 0,0.4\n", out);
	vnx_plot_stages(out, grid, vm->stage);
	vnx_plot_falls(out, grid, vm, i == 0);
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

static void put_terminal(FILE *out, const struct look *look, const char *stem, bool png)
{
	unsigned k = png ? look->png : 1;

	fprintf(out, "set terminal %s size %u,%u%s noenhanced font 'DejaVu Sans,%u'",
		png ? "pngcairo" : "svg", k * look->width, k * look->height, png ? "" : " dynamic",
		look->font);
	if (k > 1)
		/* Cairo counts letters in points of 96 dpi, 3/4 of the SVG's units. */
		fprintf(out, " fontscale %g linewidth %u", 0.75 * k, k);
	fprintf(out, " background rgb 'white'\nset output '%s.%s'\nset multiplot\n", stem,
		png ? "png" : "svg");
}

static int put_picture(FILE *out, const struct look *look, const char *stem, bool png,
		       const struct vnx_panels *panels, const struct vnx_finding *f, size_t i)
{
	int ret = 0;

	put_terminal(out, look, stem, png);
	if (look->header)
		ret = put_header(out, f, i);
	else
		vnx_plot_name(out, f, i, 0.017);
	for (size_t k = 0; !ret && k < panels->n; k++)
		put_panel(out, look, panels, k, f, &f->dg->vms.v[i]);
	fputs("unset multiplot\nset output\nunset xlabel\n", out);
	return ret;
}

static int put_figure(FILE *out, const struct look *look, const struct vnx_finding *f, size_t i,
		      const char *stem, struct vnx_err *err)
{
	const struct vnx_grid *grid = &f->dg->grid;
	struct vnx_panels panels;
	int ret = -ENOMEM;

	if (vnx_panels_init(&panels, f->dg, &f->dg->vms.v[i]))
		return vnx_err_set(err, ret, VNX_EXIT_FAILED, "no-memory", "out of memory");
	fputs("set encoding utf8\n", out);
	for (size_t k = 0; k < panels.n; k++)
		if (panels.v[k].any)
			vnx_panel_write(&panels.v[k], grid, out);
	fprintf(out,
		"set lmargin at screen %g\nset rmargin at screen %g\nset xrange [0:%g]\n"
		"set tics nomirror out scale 0.6\nset border 3 lc rgb '#" VNX_RGB_AXIS "'\n"
		"set grid ytics lt 1 lw 0.8 lc rgb '#" VNX_RGB_GRID "'\n"
		"set key top right horizontal Left reverse noenhanced samplen 2.2 width -1 "
		"font ',%u' opaque "
		"fillcolor rgb '#50FFFFFF'\n",
		look->left, look->right, vnx_bin_start_s(grid, grid->n), look->key_font);
	ret = put_picture(out, look, stem, false, &panels, f, i);
	if (!ret)
		ret = put_picture(out, look, stem, true, &panels, f, i);
	vnx_panels_fini(&panels);
	return ret ? vnx_err_set(err, ret, VNX_EXIT_FAILED, "no-memory", "out of memory") : 0;
}

int vnx_figure_script(const struct vnx_finding *f, size_t i, const char *stem, FILE *out,
		      struct vnx_err *err)
{
	return put_figure(out, &alone, f, i, stem, err);
}

int vnx_figure_script_page(const struct vnx_finding *f, size_t i, const char *stem, FILE *out,
			   struct vnx_err *err)
{
	struct vnx_finding here = *f;
	struct vnx_diagnosis dg = *f->dg;

	dg.sma_bins = vnx_curve_window(f);
	here.dg = &dg;
	return put_figure(out, &on_page, &here, i, stem, err);
}

int vnx_figure_draw(const struct vnx_finding *f, size_t i, const char *stem, const char *dir,
		    struct vnx_err *err)
{
	return vnx_gnuplot_draw_vm(vnx_figure_script, f, i, stem, dir, err);
}
