// SPDX-License-Identifier: GPL-2.0-only
/*
 * Markdown (CommonMark with GitHub's tables). Every character that means something in it is
 * escaped, so that a name is a name wherever it stands: no link, no HTML, no cell of its own.
 */
#include "cli/output/report/report_doc.h"

static bool is_word(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/*
 * What acts within a line. The colon and the full stop only where GitHub would make a link of
 * an address.
 */
static bool must_escape(const char *s, const char *at)
{
	if (strchr("\\`*_[]<>|#~&!$@", *at))
		return true;
	if (*at == ':')
		return at[1] == '/';
	if (*at == '.')
		return at - s >= 3 && !strncasecmp(at - 3, "www", 3);
	/* At the start of a line they begin a list, a rule or a heading; "-51 %" does not. */
	return at == s && (*at == '=' || ((*at == '+' || *at == '-') && strchr(" -", at[1])));
}

/* "1." at the start of a paragraph begins a list. */
static bool is_list_number(const char *s, const char *at)
{
	if (at == s || (*at != '.' && *at != ')') || (at[1] && at[1] != ' '))
		return false;
	for (; s < at; s++)
		if (*s < '0' || *s > '9')
			return false;
	return true;
}

/* Code between backticks takes no escapes: only what needs none is written so. */
static size_t plain_code(const char *s)
{
	size_t n = 0;

	while (s[n] && (is_word(s[n]) || strchr("_:./-,=+@%() ", s[n])))
		n++;
	return s[n] == VNX_PLAIN[0] ? n : 0;
}

static void put_text(const char *s, FILE *out)
{
	unsigned bold = 0;
	const char *at = s;

	for (; *at; at++) {
		size_t n;

		if (*at == VNX_BOLD[0] && !bold++) {
			fputs("**", out);
		} else if (*at == VNX_CODE[0] && (n = plain_code(at + 1))) {
			fprintf(out, "`%.*s`", (int)n, at + 1);
			at += n + 1;
		} else if (*at == VNX_PLAIN[0] && bold) {
			fputs("**", out);
			bold = 0;
		} else if ((unsigned char)*at >= ' ') {
			if (must_escape(s, at) || is_list_number(s, at))
				fputc('\\', out);
			fputc(*at, out);
		}
	}
	if (bold)
		fputs("**", out);
}

static void md_begin(struct vnx_doc *d, const char *title)
{
}

static void md_end(struct vnx_doc *d)
{
}

static void md_heading(struct vnx_doc *d, unsigned level, const char *id, const char *text)
{
	fprintf(d->out, "%.*s ", (int)level, "######");
	put_text(text, d->out);
	fputs("\n\n", d->out);
}

/* Viewers of Markdown make their own. */
static void md_contents(struct vnx_doc *d, const struct vnx_doc_fact *v, size_t n)
{
}

static void md_para(struct vnx_doc *d, const char *text)
{
	put_text(text, d->out);
	fputs("\n\n", d->out);
}

static void md_list(struct vnx_doc *d, const char *const *items, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		fputs("- ", d->out);
		put_text(items[i], d->out);
		fputc('\n', d->out);
	}
	fputc('\n', d->out);
}

/* The fence is longer than any row of backticks within. */
static void md_code(struct vnx_doc *d, const char *text)
{
	size_t longest = 2, n = 0;

	for (const char *at = text; *at; at++) {
		n = *at == '`' ? n + 1 : 0;
		longest = n > longest ? n : longest;
	}
	for (int side = 0; side < 2; side++) {
		for (size_t i = 0; i <= longest; i++)
			fputc('`', d->out);
		fputs(side ? "\n\n" : "\n", d->out);
		if (!side)
			fprintf(d->out, "%s\n", text);
	}
}

static void md_facts(struct vnx_doc *d, const struct vnx_doc_fact *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		fputs("- **", d->out);
		put_text(v[i].label, d->out);
		fputs(":** ", d->out);
		put_text(v[i].text, d->out);
		fputc('\n', d->out);
	}
	fputc('\n', d->out);
}

static void md_table(struct vnx_doc *d, const struct vnx_doc_table *t)
{
	put_text(t->caption, d->out);
	fputs("\n\n", d->out);
	for (size_t i = 0; i < t->n_cols; i++) {
		fputs(i ? " | " : "| ", d->out);
		put_text(t->cols[i].head, d->out);
	}
	fputs(" |\n", d->out);
	for (size_t i = 0; i < t->n_cols; i++)
		fputs(t->cols[i].kind == VNX_COL_NUMBER ? "|---:" : "|---", d->out);
	fputs("|\n", d->out);
	for (size_t i = 0; i < t->cells.n; i++) {
		fputs(i % t->n_cols ? " | " : "| ", d->out);
		put_text(t->cells.v[i], d->out);
		if ((i + 1) % t->n_cols == 0)
			fputs(" |\n", d->out);
	}
	fputc('\n', d->out);
}

static void md_figure(struct vnx_doc *d, const struct vnx_doc_figure *fig)
{
	if (fig->file) {
		fputs("![", d->out);
		put_text(fig->title, d->out);
		fprintf(d->out, "](%s.svg)\n\n", fig->file);
	}
	fputs("**", d->out);
	put_text(fig->title, d->out);
	fputs(".** ", d->out);
	put_text(fig->caption, d->out);
	if (fig->why) {
		fputs(" No picture: ", d->out);
		put_text(fig->why, d->out);
	}
	fputs("\n\n", d->out);
}

static void put_bracketed(struct vnx_doc *d, const char *text)
{
	if (!*text)
		return;
	fputs(" (", d->out);
	put_text(text, d->out);
	fputc(')', d->out);
}

static void md_topology(struct vnx_doc *d, const struct vnx_doc_switch *sw)
{
	fputs("- ", d->out);
	put_text(*sw->name ? sw->name : "no switch", d->out);
	put_bracketed(d, sw->kind);
	if (*sw->uplink) {
		fputs(" \u2014 uplink ", d->out);
		put_text(sw->uplink, d->out);
		put_bracketed(d, sw->rate);
	}
	fputc('\n', d->out);
	for (size_t i = 0; i < sw->n_ports; i++) {
		fputs("  - ", d->out);
		put_text(*sw->ports[i].tap ? sw->ports[i].tap : "no interface", d->out);
		fputs(" \u2014 ", d->out);
		put_text(sw->ports[i].vm, d->out);
		put_bracketed(d, sw->ports[i].card);
		fputc('\n', d->out);
	}
	fputc('\n', d->out);
}

static void md_box(struct vnx_doc *d, enum vnx_doc_tone tone)
{
}

static void md_box_end(struct vnx_doc *d)
{
}

static void md_fold(struct vnx_doc *d, const char *title)
{
}

static void md_fold_end(struct vnx_doc *d)
{
}

const struct vnx_doc_ops vnx_doc_markdown = {
	.begin = md_begin,
	.end = md_end,
	.heading = md_heading,
	.contents = md_contents,
	.para = md_para,
	.list = md_list,
	.code = md_code,
	.facts = md_facts,
	.table = md_table,
	.figure = md_figure,
	.topology = md_topology,
	.box = md_box,
	.box_end = md_box_end,
	.fold = md_fold,
	.fold_end = md_fold_end,
};
