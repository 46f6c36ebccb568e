// SPDX-License-Identifier: GPL-2.0-only
/*
 * `vnetdx check --csv`: a row an item.
 */
#include "cli/commands/check.h"

#include "cli/output/csv_write.h"

/* The fields of one row, in the order of the header; NULL: empty. */
struct row {
	const char *kind, *name, *backend, *state, *text, *remedy;
};

static int put_row(const struct row *row)
{
	const char *const fields[] = { row->kind,  row->name, row->backend,
				       row->state, row->text, row->remedy };

	for (size_t i = 0; i < VNX_ARRAY_SIZE(fields); i++) {
		VNX_CLEANUP_FREE char *field = vnx_csv_text(fields[i] ? fields[i] : "");

		if (!field)
			return -ENOMEM;
		printf("%s%s", i ? "," : "", field);
	}
	putchar('\n');
	return 0;
}

static bool comes_later(const struct vnx_hook *h)
{
	for (size_t i = 0; i < h->refused.n; i++)
		if (h->refused.v[i].later)
			return true;
	return false;
}

/* The hook of a metric: what was chosen and what its number means, then what was refused. */
static int put_hook(const char *backend, const struct vnx_hook *h)
{
	VNX_CLEANUP_FREE char *text =
		vnx_asprintf("%s%s%s", h->hook, *h->note ? "; " : "", h->note);
	const char *name = vnx_metric_name(h->metric);
	int ret = text ? put_row(&(struct row){ "hook", name, backend,
						*h->hook         ? "ok"
						: comes_later(h) ? "later"
								 : "none",
						text, NULL })
		       : -ENOMEM;

	for (size_t i = 0; i < h->refused.n && !ret; i++) {
		const struct vnx_refusal *r = &h->refused.v[i];
		VNX_CLEANUP_FREE char *why = vnx_asprintf("%s: %s", r->hook, r->why);

		ret = why ? put_row(&(struct row){ "refused", name, backend,
						   r->later ? "later" : "no", why, NULL })
			  : -ENOMEM;
	}
	return ret;
}

static int put_backend(const struct vnx_check_backend *b)
{
	const char *name = b->ops->name;
	int ret = put_row(&(struct row){ "backend", name, name, b->usable ? "ok" : "no",
					 b->usable ? b->ops->summary : b->err.message,
					 b->usable ? NULL : b->err.hint });

	for (size_t i = 0; i < b->hooks.n && !ret; i++)
		ret = put_hook(name, &b->hooks.v[i]);
	return ret;
}

static int put_source(const struct vnx_check_source *s)
{
	VNX_CLEANUP_FREE char *why = vnx_check_source_why(s);

	if (!why)
		return -ENOMEM;
	return put_row(&(struct row){ "evidence", s->ops->name, NULL,
				      !s->usable ? "no"
				      : s->lacks ? "partly"
						 : "ok",
				      *why ? why : s->ops->summary,
				      s->usable ? NULL : s->err.hint });
}

int vnx_check_print_csv(const struct vnx_check *check)
{
	const char *best =
		check->best < check->n_backends ? check->backends[check->best].ops->name : NULL;
	int ret;

	puts("kind,name,backend,state,text,remedy");
	ret = put_row(&(struct row){ "verdict", NULL, best, vnx_check_verdict_name(check->verdict),
				     check->summary, NULL });
	for (size_t i = 0; i < check->n_backends && !ret; i++)
		ret = put_backend(&check->backends[i]);
	for (size_t i = 0; i < check->n_sources && !ret; i++)
		ret = put_source(&check->sources[i]);
	for (size_t i = 0; i < check->facts.n && !ret; i++) {
		const struct vnx_fact *f = &check->facts.v[i];

		ret = put_row(&(struct row){ "fact", f->name, NULL, vnx_fact_state_name(f->state),
					     f->text, f->remedy });
	}
	return ret;
}
