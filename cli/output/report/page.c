// SPDX-License-Identifier: GPL-2.0-only
/*
 * The page: one HTML file that needs nothing beside itself. Its policy forbids scripts and
 * every request, so that a name which slipped through could do nothing either.
 */
#include "cli/output/report/page.h"

#include "cli/output/plot/plot.h"

#define STACK_MAX 8

static const char *entity_for(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

/* An element for each mark of layout.h; NULL: it closes what is open. */
static const struct {
	char mark;
	const char *open, *close;
} elements[] = {
	{ VNX_BOLD[0], "<strong>", "</strong>" },
	{ VNX_RED[0], "<span class=\"bad\">", "</span>" },
	{ VNX_GREEN[0], "<span class=\"good\">", "</span>" },
	{ VNX_YELLOW[0], "<span class=\"warn\">", "</span>" },
	{ VNX_DIM[0], "<span class=\"dim\">", "</span>" },
	{ VNX_CODE[0], "<code>", "</code>" },
};

struct open_elements {
	size_t v[STACK_MAX], n;
};

static void close_all(struct open_elements *open, FILE *out)
{
	while (open->n)
		fputs(elements[open->v[--open->n]].close, out);
}

static void put_mark(struct open_elements *open, char mark, FILE *out)
{
	for (size_t i = 0; i < VNX_ARRAY_SIZE(elements); i++) {
		if (elements[i].mark != mark || open->n >= STACK_MAX)
			continue;
		fputs(elements[i].open, out);
		open->v[open->n++] = i;
		return;
	}
	close_all(open, out);
}

void vnx_page_text(const char *s, FILE *out)
{
	struct open_elements open = { .n = 0 };

	for (; *s; s++) {
		const char *entity = entity_for(*s);

		if (entity)
			fputs(entity, out);
		else if ((unsigned char)*s < ' ' && *s != '\n')
			put_mark(&open, *s, out);
		else
			fputc(*s, out);
	}
	close_all(&open, out);
}

void vnx_page_attribute(const char *s, FILE *out)
{
	for (; *s; s++) {
		const char *entity = entity_for(*s);

		if (entity)
			fputs(entity, out);
		else if ((unsigned char)*s >= ' ')
			fputc(*s, out);
	}
}

static void put_element(FILE *out, const char *tag, const char *text)
{
	fprintf(out, "<%s>", tag);
	vnx_page_text(text, out);
	fprintf(out, "</%s>\n", tag);
}

static void page_begin(struct vnx_doc *d, const char *title)
{
	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
	      "style-src 'unsafe-inline'; img-src data:\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	      "<meta name=\"color-scheme\" content=\"light dark\">\n"
	      "<meta name=\"referrer\" content=\"no-referrer\">\n"
	      "<meta name=\"generator\" content=\"vnetdx " VNX_VERSION "\">\n<title>",
	      d->out);
	vnx_page_attribute(title, d->out);
	/* An empty picture, or the browser asks the place of the file for one. */
	fputs("</title>\n<link rel=\"icon\" href=\"data:,\">\n<style>\n", d->out);
	vnx_page_style(d->out);
	fputs("</style>\n</head>\n<body>\n<main>\n", d->out);
}

static void page_end(struct vnx_doc *d)
{
	fputs("</main>\n</body>\n</html>\n", d->out);
}

static void page_heading(struct vnx_doc *d, unsigned level, const char *id, const char *text)
{
	fprintf(d->out, "<h%u id=\"%s\">", level, id);
	vnx_page_text(text, d->out);
	fprintf(d->out, "</h%u>\n", level);
}

static void page_contents(struct vnx_doc *d, const struct vnx_doc_fact *v, size_t n)
{
	fputs("<nav aria-label=\"Contents\">\n<ul>\n", d->out);
	for (size_t i = 0; i < n; i++) {
		fprintf(d->out, "<li><a href=\"#%s\">", v[i].label);
		vnx_page_text(v[i].text, d->out);
		fputs("</a></li>\n", d->out);
	}
	fputs("</ul>\n</nav>\n", d->out);
}

static void page_para(struct vnx_doc *d, const char *text)
{
	put_element(d->out, "p", text);
}

static void page_list(struct vnx_doc *d, const char *const *items, size_t n)
{
	fputs("<ul>\n", d->out);
	for (size_t i = 0; i < n; i++)
		put_element(d->out, "li", items[i]);
	fputs("</ul>\n", d->out);
}

static void page_code(struct vnx_doc *d, const char *text)
{
	fputs("<pre tabindex=\"0\"><code>", d->out);
	vnx_page_text(text, d->out);
	fputs("</code></pre>\n", d->out);
}

static void page_facts(struct vnx_doc *d, const struct vnx_doc_fact *v, size_t n)
{
	fputs("<dl>\n", d->out);
	for (size_t i = 0; i < n; i++) {
		fputs("<div>", d->out);
		put_element(d->out, "dt", v[i].label);
		put_element(d->out, "dd", v[i].text);
		fputs("</div>\n", d->out);
	}
	fputs("</dl>\n", d->out);
}

static const char *class_of(const struct vnx_doc_column *col)
{
	return col->kind == VNX_COL_NUMBER ? " class=\"num\""
	       : col->kind == VNX_COL_TEXT ? " class=\"text\""
					   : "";
}

static void put_cell(struct vnx_doc *d, const struct vnx_doc_table *t, size_t i)
{
	size_t col = i % t->n_cols;
	const char *tag = col ? "td" : "th";

	if (!col)
		fputs("<tr>", d->out);
	fprintf(d->out, "<%s%s%s>", tag, col ? "" : " scope=\"row\"", class_of(&t->cols[col]));
	vnx_page_text(t->cells.v[i], d->out);
	fprintf(d->out, "</%s>%s", tag, col + 1 == t->n_cols ? "</tr>\n" : "");
}

static bool has_text(const struct vnx_doc_table *t)
{
	for (size_t i = 0; i < t->n_cols; i++)
		if (t->cols[i].kind == VNX_COL_TEXT)
			return true;
	return false;
}

/*
 * The box around it scrolls, not the page; who has no mouse can reach it by keyboard. The
 * caption stands before the box, or it would scroll away.
 */
static void page_table(struct vnx_doc *d, const struct vnx_doc_table *t)
{
	fputs("<p class=\"cap\">", d->out);
	vnx_page_text(t->caption, d->out);
	fputs("</p>\n<div class=\"wide\" role=\"region\" tabindex=\"0\" aria-label=\"", d->out);
	vnx_page_attribute(t->caption, d->out);
	fprintf(d->out, "\">\n<table%s>\n<thead><tr>", has_text(t) ? " class=\"full\"" : "");
	for (size_t i = 0; i < t->n_cols; i++) {
		fprintf(d->out, "<th scope=\"col\"%s>", class_of(&t->cols[i]));
		vnx_page_text(t->cols[i].head, d->out);
		fputs("</th>", d->out);
	}
	fputs("</tr></thead>\n<tbody>\n", d->out);
	for (size_t i = 0; i < t->cells.n; i++)
		put_cell(d, t, i);
	fputs("</tbody>\n</table>\n</div>\n", d->out);
}

/* Without the picture the words stay. */
static void put_picture(struct vnx_doc *d, const struct vnx_doc_figure *fig)
{
	VNX_CLEANUP_FREE char *path = vnx_asprintf("%s/%s.svg", d->dir, fig->file);
	VNX_CLEANUP_FREE char *svg = NULL;
	struct vnx_err err = { 0 };
	int ret = path ? vnx_plot_inline(path, fig->id, &svg, &err) : -ENOMEM;

	if (ret) {
		if (!d->ret)
			d->ret = vnx_err_set(d->err, ret, VNX_EXIT_FAILED, "output", "%s",
					     err.message[0] ? err.message : strerror(-ret));
		return;
	}
	fputs("<div class=\"plot\" role=\"img\" tabindex=\"0\" aria-label=\"", d->out);
	vnx_page_attribute(fig->title, d->out);
	fputs(". ", d->out);
	vnx_page_attribute(fig->caption, d->out);
	fprintf(d->out, "\">%s</div>\n", svg);
}

static void page_figure(struct vnx_doc *d, const struct vnx_doc_figure *fig)
{
	fprintf(d->out, "<figure id=\"%s\">\n", fig->id);
	if (fig->file)
		put_picture(d, fig);
	fputs("<figcaption><strong>", d->out);
	vnx_page_text(fig->title, d->out);
	fputs(".</strong> ", d->out);
	vnx_page_text(fig->caption, d->out);
	if (fig->why) {
		fputs(" <span class=\"warn\">No picture: ", d->out);
		vnx_page_text(fig->why, d->out);
		fputs("</span>", d->out);
	}
	fputs("</figcaption>\n</figure>\n", d->out);
}

static void put_node(struct vnx_doc *d, const char *what, const char *name, const char *more)
{
	fprintf(d->out, "<span class=\"node %s\"><b>", what);
	vnx_page_text(name, d->out);
	fputs("</b>", d->out);
	if (*more) {
		fputs(" <small>", d->out);
		vnx_page_text(more, d->out);
		fputs("</small>", d->out);
	}
	fputs("</span>", d->out);
}

static void page_topology(struct vnx_doc *d, const struct vnx_doc_switch *sw)
{
	fputs("<div class=\"topo\">\n<ul class=\"ports\">\n", d->out);
	for (size_t i = 0; i < sw->n_ports; i++) {
		fputs("<li>", d->out);
		put_node(d, "vm", sw->ports[i].vm, sw->ports[i].card);
		fputs("<span class=\"wire\"></span>", d->out);
		put_node(d, "tap", *sw->ports[i].tap ? sw->ports[i].tap : "no interface", "");
		fputs("</li>\n", d->out);
	}
	fputs("</ul>\n", d->out);
	put_node(d, "switch", *sw->name ? sw->name : "no switch", sw->kind);
	if (*sw->uplink) {
		fputs("<span class=\"wire\"></span>", d->out);
		put_node(d, "uplink", sw->uplink, sw->rate);
	}
	fputs("\n</div>\n", d->out);
}

static void page_box(struct vnx_doc *d, enum vnx_doc_tone tone)
{
	static const char *const classes[] = { "plain", "isbad", "isgood", "iswarn" };

	fprintf(d->out, "<div class=\"box %s\">\n", classes[tone]);
}

static void page_box_end(struct vnx_doc *d)
{
	fputs("</div>\n", d->out);
}

/*
 * What is folded stands behind its switch, not in it: the style sheet hides it on a screen and
 * shows it on paper, which no browser lets it do with the inside of a closed element.
 */
static void page_fold(struct vnx_doc *d, const char *title)
{
	fputs("<details>", d->out);
	put_element(d->out, "summary", title);
	fputs("</details>\n<div class=\"folded\">\n", d->out);
}

static void page_fold_end(struct vnx_doc *d)
{
	fputs("</div>\n", d->out);
}

const struct vnx_doc_ops vnx_doc_page = {
	.begin = page_begin,
	.end = page_end,
	.heading = page_heading,
	.contents = page_contents,
	.para = page_para,
	.list = page_list,
	.code = page_code,
	.facts = page_facts,
	.table = page_table,
	.figure = page_figure,
	.topology = page_topology,
	.box = page_box,
	.box_end = page_box_end,
	.fold = page_fold,
	.fold_end = page_fold_end,
};
