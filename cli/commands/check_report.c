// SPDX-License-Identifier: GPL-2.0-only
/*
 * What `vnetdx check` says, as text and as JSON.
 */
#include "cli/commands/check.h"

#include <jansson.h>
#include <langinfo.h>
#include <locale.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/output/text/layout.h"
#include "cli/record/verify.h"

#define NAME_COLUMNS 9
#define LABEL_INDENT 4
#define NOT_YET "attached for a moment only: nothing was counted"

/* ---- text ---- */

static void init_layout(struct vnx_layout *l, bool no_color, bool verbose)
{
	const char *env = getenv("NO_COLOR");
	struct vnx_report_conf conf = { .columns = 80, .verbose = verbose };
	struct winsize ws;

	setlocale(LC_CTYPE, "");
	conf.utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
	conf.color = !no_color && !(env && *env) && isatty(STDOUT_FILENO);
	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) && ws.ws_col >= 40)
		conf.columns = ws.ws_col;
	vnx_layout_init(l, &conf, stdout);
}

/* @name and blanks that a paragraph keeps, up to @columns. */
static const char *label(struct vnx_layout *l, const char *name, unsigned columns)
{
	char text[64];
	size_t n = (size_t)snprintf(text, sizeof(text), "%.20s", name);

	for (size_t used = strlen(name); used < columns && n + 2 < sizeof(text); used++) {
		memcpy(text + n, VNX_NBSP, 3);
		n += 2;
	}
	return vnx_layout_format(l, "%s", text);
}

/* Is there a source that counts guest exits? */
static bool counts_exits(const struct vnx_check *check)
{
	for (size_t i = 0; i < check->n_sources; i++) {
		const struct vnx_check_source *src = &check->sources[i];

		if (src->usable && src->ops->metrics & ~src->lacks & VNX_BIT(VNX_EXIT_TOTAL))
			return true;
	}
	return false;
}

/* How the hook's working is seen: at the start, and what it is held against while it counts. */
static void print_verified(struct vnx_layout *l, const struct vnx_check *check,
			   const struct vnx_hook *h)
{
	const char *held = vnx_verify_against(h->metric);
	bool kvm = h->metric == VNX_VCPU_ENTER || h->metric == VNX_VCPU_HALT;

	if (!h->hook[0] || !held)
		return;
	vnx_layout_para(l, LABEL_INDENT + NAME_COLUMNS, LABEL_INDENT + NAME_COLUMNS + 2,
			VNX_DIM "%s%s%s%s%s" VNX_PLAIN, vnx_layout_safe(l, h->verified.why),
			h->verified.why[0] ? "; " : "",
			kvm && !counts_exits(check) ? "not held against " : "held against ", held,
			kvm && !counts_exits(check) ? ": no evidence kvm here" : " while it runs");
}

static void print_refusals(struct vnx_layout *l, const struct vnx_hook *h)
{
	for (size_t i = 0; i < h->refused.n; i++)
		vnx_layout_para(l, LABEL_INDENT + NAME_COLUMNS, LABEL_INDENT + NAME_COLUMNS + 2,
				VNX_DIM "not %s: %s" VNX_PLAIN, h->refused.v[i].hook,
				vnx_layout_safe(l, h->refused.v[i].why));
}

static void print_metric(struct vnx_layout *l, const struct vnx_check *check,
			 enum vnx_metric metric, bool verbose)
{
	vnx_layout_line(l, "  " VNX_BOLD "%s" VNX_PLAIN, vnx_metric_name(metric));
	for (size_t i = 0; i < check->n_backends; i++) {
		const struct vnx_check_backend *b = &check->backends[i];
		const struct vnx_hook *h = vnx_check_hook(b, metric);

		if (!b->usable || !h)
			continue;
		vnx_layout_para(l, LABEL_INDENT, LABEL_INDENT + NAME_COLUMNS, "%s%s%s%s%s",
				label(l, b->ops->name, NAME_COLUMNS), h->hook[0] ? h->hook : "none",
				h->note[0] ? " (" : "", h->note, h->note[0] ? ")" : "");
		if (verbose || i == check->best)
			print_verified(l, check, h);
		/* The others' refusals repeat the first's, but for one that has no hook. */
		if (verbose || i == check->best || !h->hook[0])
			print_refusals(l, h);
	}
}

static void print_backends(struct vnx_layout *l, const struct vnx_check *check)
{
	vnx_layout_line(l, "%s", "");
	vnx_layout_line(l, "Back ends");
	for (size_t i = 0; i < check->n_backends; i++) {
		const struct vnx_check_backend *b = &check->backends[i];

		vnx_layout_para(l, 2, LABEL_INDENT + NAME_COLUMNS, "%s%s%s%s",
				label(l, b->ops->name, NAME_COLUMNS + 2),
				b->usable ? b->ops->summary : "no: ",
				b->usable ? "" : vnx_layout_safe(l, b->err.message),
				i == check->best && !check->conf.backend
					? " (diagnose uses this one)"
					: "");
		if (!b->usable && b->err.hint[0])
			vnx_layout_para(l, LABEL_INDENT + NAME_COLUMNS,
					LABEL_INDENT + NAME_COLUMNS + 2, "Remedy: %s",
					vnx_layout_safe(l, b->err.hint));
	}
}

/* "a, b" of @bits, NULL where memory is short. */
static char *list_metrics(uint64_t bits)
{
	char *list = strdup("");

	for (int m = 0; list && m < VNX_METRIC_MAX; m++) {
		char *longer;

		if (!(bits & VNX_BIT(m)))
			continue;
		longer = vnx_asprintf("%s%s%s", list, list[0] ? ", " : "", vnx_metric_name(m));
		free(list);
		list = longer;
	}
	return list;
}

char *vnx_check_source_why(const struct vnx_check_source *s)
{
	VNX_CLEANUP_FREE char *lacks = NULL;

	if (!s->usable)
		return strdup(s->err.message);
	if (!s->lacks)
		return strdup("");
	lacks = list_metrics(s->lacks);
	return lacks ? vnx_asprintf("this kernel counts no %s", lacks) : NULL;
}

static void print_source(struct vnx_layout *l, const struct vnx_check_source *s, bool verbose)
{
	VNX_CLEANUP_FREE char *why = vnx_check_source_why(s);
	VNX_CLEANUP_FREE char *metrics = list_metrics(s->ops->metrics & ~s->lacks);
	bool some = why && why[0];

	vnx_layout_para(l, 2, LABEL_INDENT + NAME_COLUMNS, "%s%s%s%s%s",
			label(l, s->ops->name, NAME_COLUMNS + 2),
			s->usable ? "" : "no: ", s->usable ? s->ops->summary : "",
			s->usable && some ? "; " : "", some ? vnx_layout_safe(l, why) : "");
	if (!s->usable && s->err.hint[0])
		vnx_layout_para(l, LABEL_INDENT + NAME_COLUMNS, LABEL_INDENT + NAME_COLUMNS + 2,
				"Remedy: %s", vnx_layout_safe(l, s->err.hint));
	if (verbose && metrics)
		vnx_layout_para(l, LABEL_INDENT + NAME_COLUMNS, LABEL_INDENT + NAME_COLUMNS + 2,
				VNX_DIM "%s" VNX_PLAIN, metrics);
}

static void print_sources(struct vnx_layout *l, const struct vnx_check *check, bool verbose)
{
	vnx_layout_line(l, "%s", "");
	vnx_layout_line(l, "Evidence (diagnose and record leave one out by --without NAME)");
	for (size_t i = 0; i < check->n_sources; i++)
		print_source(l, &check->sources[i], verbose);
}

static void print_facts(struct vnx_layout *l, const struct vnx_check *check)
{
	static const char *const color[] = { VNX_GREEN, "", VNX_RED, VNX_YELLOW };

	vnx_layout_line(l, "%s", "");
	vnx_layout_line(l, "Host");
	for (size_t i = 0; i < check->facts.n; i++) {
		const struct vnx_fact *f = &check->facts.v[i];

		vnx_layout_para(l, 2, LABEL_INDENT + NAME_COLUMNS, "%s%s" VNX_PLAIN "%s%s%s",
				color[f->state],
				label(l, vnx_fact_state_name(f->state), NAME_COLUMNS + 2),
				f->state == VNX_FACT_OK ? f->name : "",
				f->state == VNX_FACT_OK ? ": " : "", vnx_layout_safe(l, f->text));
		if (f->remedy[0])
			vnx_layout_para(l, LABEL_INDENT + NAME_COLUMNS,
					LABEL_INDENT + NAME_COLUMNS + 2, "Remedy: %s", f->remedy);
	}
}

/* Has any back end been able to try hooks of @metric? */
static bool was_asked(const struct vnx_check *check, enum vnx_metric metric)
{
	for (size_t i = 0; i < check->n_backends; i++)
		if (check->backends[i].usable && vnx_check_hook(&check->backends[i], metric))
			return true;
	return false;
}

/* What stands beside the verdict even where it is asked for alone: hooks of --hook, if refused. */
static void print_refused_overrides(struct vnx_layout *l, const struct vnx_check *check)
{
	for (size_t i = 0; i < check->conf.n_overrides; i++) {
		enum vnx_metric metric = check->conf.overrides[i].metric;

		for (size_t b = 0; b < check->n_backends; b++) {
			const struct vnx_hook *h = vnx_check_hook(&check->backends[b], metric);

			if (h && !h->hook[0] &&
			    (b == check->best || check->best == check->n_backends))
				print_refusals(l, h);
		}
	}
}

static void print_parts(struct vnx_layout *l, const struct vnx_check *check, bool verbose)
{
	bool headed = false;

	for (int m = 0; m < VNX_METRIC_MAX; m++) {
		if (!was_asked(check, (enum vnx_metric)m))
			continue;
		if (!headed)
			vnx_layout_line(l, "\nHooks");
		headed = true;
		print_metric(l, check, (enum vnx_metric)m, verbose);
	}
	print_sources(l, check, verbose);
	print_backends(l, check);
	print_facts(l, check);
}

void vnx_check_print_text(const struct vnx_check *check, bool no_color, bool verbose, bool quiet)
{
	static const char *const color[] = { VNX_GREEN, VNX_YELLOW, VNX_RED };
	struct vnx_layout l;

	init_layout(&l, no_color, verbose);
	vnx_layout_para(&l, 0, 0, VNX_BOLD "%s%s" VNX_PLAIN, color[check->verdict], check->summary);
	if (quiet)
		print_refused_overrides(&l, check);
	else
		print_parts(&l, check, verbose);
	vnx_layout_fini(&l);
}

/* ---- JSON ---- */

/* NULL for an empty text: what is not there is null. */
static json_t *text_or_null(const char *s)
{
	json_t *v = s[0] ? json_string(s) : json_null();

	return v ? v : json_string("(not valid UTF-8)");
}

static json_t *hook_json(const struct vnx_hook *h)
{
	json_t *refused = json_array();

	for (size_t i = 0; i < h->refused.n; i++)
		json_array_append_new(refused, json_pack("{s:o, s:o}", "hook",
							 text_or_null(h->refused.v[i].hook), "why",
							 text_or_null(h->refused.v[i].why)));
	return json_pack("{s:s, s:o, s:o, s:o, s:n, s:o}", "metric", vnx_metric_name(h->metric),
			 "hook", text_or_null(h->hook), "note", text_or_null(h->note), "refused",
			 refused, "verified", "verified_why",
			 text_or_null(h->verified.why[0] ? h->verified.why : NOT_YET));
}

static json_t *backend_json(const struct vnx_check_backend *b)
{
	json_t *hooks = json_array();

	for (size_t i = 0; i < b->hooks.n; i++)
		json_array_append_new(hooks, hook_json(&b->hooks.v[i]));
	return json_pack("{s:s, s:b, s:o, s:o, s:o}", "name", b->ops->name, "usable", b->usable,
			 "why", text_or_null(b->usable ? "" : b->err.message), "remedy",
			 text_or_null(b->usable ? "" : b->err.hint), "hooks", hooks);
}

static json_t *source_json(const struct vnx_check_source *s)
{
	VNX_CLEANUP_FREE char *why = vnx_check_source_why(s);
	json_t *metrics = json_array();

	for (int m = 0; m < VNX_METRIC_MAX; m++)
		if (s->ops->metrics & ~s->lacks & VNX_BIT(m))
			json_array_append_new(metrics, json_string(vnx_metric_name(m)));
	return json_pack("{s:s, s:b, s:o, s:o, s:o}", "name", s->ops->name, "usable", s->usable,
			 "why", text_or_null(why ? why : ""), "remedy",
			 text_or_null(s->usable ? "" : s->err.hint), "metrics", metrics);
}

static json_t *fact_json(const struct vnx_fact *f)
{
	return json_pack("{s:s, s:s, s:o, s:o}", "name", f->name, "state",
			 vnx_fact_state_name(f->state), "text", text_or_null(f->text), "remedy",
			 text_or_null(f->remedy));
}

int vnx_check_print_json(const struct vnx_check *check)
{
	json_t *backends = json_array(), *evidence = json_array(), *facts = json_array(), *root;
	int ret = 0;

	for (size_t i = 0; i < check->n_backends; i++)
		json_array_append_new(backends, backend_json(&check->backends[i]));
	for (size_t i = 0; i < check->n_sources; i++)
		json_array_append_new(evidence, source_json(&check->sources[i]));
	for (size_t i = 0; i < check->facts.n; i++)
		json_array_append_new(facts, fact_json(&check->facts.v[i]));
	root = json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o}", "schema", "vnetdx.check/1",
			 "verdict", vnx_check_verdict_name(check->verdict), "summary",
			 check->summary, "backend",
			 check->best < check->n_backends
				 ? json_string(check->backends[check->best].ops->name)
				 : json_null(),
			 "preemption", text_or_null(check->preemption ? check->preemption : ""),
			 "backends", backends, "evidence", evidence, "facts", facts);
	if (!root)
		return -ENOMEM;
	if (json_dumpf(root, stdout, JSON_INDENT(2)))
		ret = -EIO;
	putchar('\n');
	json_decref(root);
	return ret;
}
