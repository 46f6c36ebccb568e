// SPDX-License-Identifier: GPL-2.0-only
/* The data of a report for other programs: a row a bin, and what the metrics are. */
#include "cli/output/report/report_parts.h"

#include "cli/output/csv_write.h"
#include "cli/output/json_write.h"

static int no_memory(struct vnx_err *err)
{
	return vnx_err_set(err, -ENOMEM, VNX_EXIT_FAILED, "no-memory", "out of memory");
}

/* "vm1 vhost_run (share 0..1)" as a field. */
static int put_column(const struct vnx_finding *f, size_t i, enum vnx_metric m, FILE *out)
{
	VNX_CLEANUP_FREE char *label = vnx_pick_label(f->dg, i);
	VNX_CLEANUP_FREE char *title = NULL, *field = NULL;
	const char *unit = vnx_metric_unit(m);

	if (label)
		title = vnx_asprintf("%s %s%s%s%s", label, vnx_metric_name(m), *unit ? " (" : "",
				     unit, *unit ? ")" : "");
	if (title)
		field = vnx_csv_text(title);
	if (!field)
		return -ENOMEM;
	fprintf(out, ",%s", field);
	return 0;
}

int vnx_report_wide(const struct vnx_finding *f, FILE *out, struct vnx_err *err)
{
	const struct vnx_diagnosis *dg = f->dg;
	char text[VNX_NUMBER_LEN];

	fputs("bin,start_s", out);
	for (size_t i = 0; i < dg->vms.n; i++)
		for (int m = 0; m < VNX_METRIC_MAX; m++)
			if (dg->vms.v[i].series[m] && put_column(f, i, (enum vnx_metric)m, out))
				return no_memory(err);
	fputc('\n', out);
	for (size_t b = 0; b < dg->grid.n; b++) {
		fprintf(out, "%zu,%s", b, vnx_number_format(vnx_bin_start_s(&dg->grid, b), text));
		for (size_t i = 0; i < dg->vms.n; i++)
			for (int m = 0; m < VNX_METRIC_MAX; m++)
				if (dg->vms.v[i].series[m])
					fprintf(out, ",%s",
						vnx_number_format(dg->vms.v[i].series[m][b], text));
		fputc('\n', out);
	}
	return vnx_output_check(out, err);
}

static bool is_measured(const struct vnx_diagnosis *dg, int m)
{
	for (size_t i = 0; i < dg->vms.n; i++)
		if (dg->vms.v[i].series[m])
			return true;
	return false;
}

int vnx_report_metrics(const struct vnx_finding *f, FILE *out, struct vnx_err *err)
{
	fputs("metric,unit,measured,meaning\n", out);
	for (int m = 0; m < VNX_METRIC_MAX; m++) {
		const char *words = vnx_metric_words((enum vnx_metric)m);
		VNX_CLEANUP_FREE char *field = NULL;

		if ((enum vnx_metric)m == VNX_LOST)
			continue;
		field = vnx_csv_text(words ? words : "");
		if (!field)
			return no_memory(err);
		fprintf(out, "%s,%s,%s,%s\n", vnx_metric_name((enum vnx_metric)m),
			vnx_metric_unit((enum vnx_metric)m), is_measured(f->dg, m) ? "yes" : "no",
			field);
	}
	return vnx_output_check(out, err);
}
