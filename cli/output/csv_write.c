// SPDX-License-Identifier: GPL-2.0-only
/* Every series in long form: one value a row, missing values empty (RFC 4180 quoting). */
#include <inttypes.h>

#include "cli/output/csv_write.h"

#include "cli/output/json_write.h"
#include "cli/output/pick.h"
#include "cli/base/safe.h"

char *vnx_csv_text(const char *s)
{
	VNX_CLEANUP_FREE char *safe = vnx_text_safe(s, 0);
	size_t n = 0;
	char *out;

	if (!safe)
		return NULL;
	out = malloc(strlen(safe) * 2 + 4);
	if (!out)
		return NULL;
	out[n++] = '"';
	if (safe[0] && strchr("=+-@", safe[0]))
		out[n++] = '\'';
	for (const char *at = safe; *at; at++) {
		if (*at == '"')
			out[n++] = '"';
		out[n++] = *at;
	}
	out[n++] = '"';
	out[n] = '\0';
	/* A semicolon is the comma of spreadsheets in half of Europe. */
	if (strpbrk(safe, "\",; ") || out[1] == '\'')
		return out;
	/* Nothing in it that needs quotes. */
	memmove(out, out + 1, n - 2);
	out[n - 2] = '\0';
	return out;
}

/* "vm1", or "run.vdx,vm1" where there are several inputs. To be freed. */
static char *row_start(const struct vnx_diagnosis *dg, size_t i, const char *input)
{
	VNX_CLEANUP_FREE char *label = vnx_pick_label(dg, i);
	VNX_CLEANUP_FREE char *vm = label ? vnx_csv_text(label) : NULL;
	VNX_CLEANUP_FREE char *field = input ? vnx_csv_text(input) : strdup("");

	return vm && field ? vnx_asprintf("%s%s%s", field, input ? "," : "", vm) : NULL;
}

/* @row begins each row: the VM, with the input before it where there are several. */
static void put_series(FILE *out, const struct vnx_grid *grid, const char *row, const char *metric,
		       const double *x)
{
	char start[VNX_NUMBER_LEN], value[VNX_NUMBER_LEN];

	for (size_t i = 0; i < grid->n; i++)
		fprintf(out, "%s,%zu,%s,%s,%s\n", row, i,
			vnx_number_format(vnx_bin_start_s(grid, i), start), metric,
			vnx_number_format(x[i], value));
}

/* A total a metric, of no VM and no bin: both fields are empty. */
static int put_unattributed(FILE *out, const struct vnx_unattributed *u, const char *input)
{
	VNX_CLEANUP_FREE char *field = input ? vnx_csv_text(input) : strdup("");

	if (!field)
		return -ENOMEM;
	for (int m = 0; m <= VNX_VCPU_HALT; m++)
		if (u->counts[m])
			fprintf(out, "%s%s,,,unattributed_%s,%" PRIu64 "\n", field,
				input ? "," : "", vnx_metric_name(m), u->counts[m]);
	return 0;
}

static int report_csv(const struct vnx_finding *f, const struct vnx_report_conf *conf, FILE *out,
		      struct vnx_err *err)
{
	if (!conf->go_on)
		fprintf(out, "%svm,bin,start_s,metric,value\n", conf->input ? "input," : "");
	for (size_t i = 0; i < f->dg->vms.n; i++) {
		VNX_CLEANUP_FREE char *row = row_start(f->dg, i, conf->input);

		if (!row)
			return vnx_err_set(err, -ENOMEM, VNX_EXIT_FAILED, "no-memory",
					   "out of memory");
		for (int m = 0; m < VNX_METRIC_MAX; m++)
			if (f->dg->vms.v[i].series[m])
				put_series(out, &f->dg->grid, row,
					   vnx_metric_name((enum vnx_metric)m),
					   f->dg->vms.v[i].series[m]);
	}
	if (f->run && put_unattributed(out, &f->run->unattributed, conf->input))
		return vnx_err_set(err, -ENOMEM, VNX_EXIT_FAILED, "no-memory", "out of memory");
	return vnx_output_check(out, err);
}

const struct vnx_reporter_ops vnx_reporter_csv = {
	.name = "csv",
	.report = report_csv,
};
