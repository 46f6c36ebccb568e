// SPDX-License-Identifier: GPL-2.0-only
/*
 * gnuplot's SVG as a part of a page. What it writes stands in its term/svg.trm; only the
 * elements and attributes listed here pass, everything else is left out with what it holds
 * or refused: what stands in a page is what was meant to.
 */
#include <ctype.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/output/plot/plot_internal.h"

#define FILE_MAX ((size_t)16 << 20)
#define DEPTH_MAX 32
#define CURVE "gnuplot_plot_"
#define VALUE_MAX 128 /* of what is not copied as it is: colours, ids */

struct scan {
	const char *at, *end, *begin;
	const char *prefix, *path;
	FILE *out;
	struct vnx_err *err;
	struct {
		const char *v;
		size_t len;
		bool kept;
	} open[DEPTH_MAX];
	size_t depth;
	size_t left_out; /* depth of the element that is left out with all it holds; 0: none */
	bool seen_root;
};

static int refuse(const struct scan *s, const char *why)
{
	size_t line = 1;

	for (const char *c = s->begin; c < s->at && c < s->end; c++)
		line += *c == '\n';
	return vnx_err_set(s->err, -EINVAL, VNX_EXIT_FAILED, "figure",
			   "%s, line %zu: %s: not what gnuplot writes", s->path, line, why);
}

static bool is_name(const char *v, size_t len, const char *name)
{
	return strlen(name) == len && !memcmp(v, name, len);
}

static bool is_listed(const char *v, size_t len, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (is_name(v, len, list[i]))
			return true;
	return false;
}

/* Past the next @mark; NULL at the end. */
static const char *past(const struct scan *s, const char *mark)
{
	const char *found = memmem(s->at, (size_t)(s->end - s->at), mark, strlen(mark));

	return found ? found + strlen(mark) : NULL;
}

static bool begins(const struct scan *s, const char *text)
{
	return (size_t)(s->end - s->at) >= strlen(text) && !memcmp(s->at, text, strlen(text));
}

static void skip_blanks(struct scan *s)
{
	while (s->at < s->end && isspace((unsigned char)*s->at))
		s->at++;
}

static size_t take_name(struct scan *s, const char **name)
{
	*name = s->at;
	while (s->at < s->end && (isalnum((unsigned char)*s->at) || strchr(":-_.", *s->at)))
		s->at++;
	return (size_t)(s->at - *name);
}

/* Letters and numbers of a path or a font; quotes and marks of a page are none of them. */
static bool is_plain(const char *v, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)v[i]) && !strchr(" \n\t.,-+()#%_", v[i]))
			return false;
	return !memmem(v, len, "url", 3) && !memchr(v, '\0', len);
}

static bool is_id(const char *v, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)v[i]) && !strchr("-_.", v[i]))
			return false;
	return len > 0 && len < VALUE_MAX && !memchr(v, '\0', len);
}

enum kind { LEFT_OUT, PLAIN, COLOR, ID, LINK };

static enum kind kind_of(const char *name, size_t len)
{
	static const char *const plain[] = {
		"cx",
		"cy",
		"d",
		"fill-opacity",
		"opacity",
		"font-family",
		"font-size",
		"font-style",
		"font-weight",
		"height",
		"points",
		"r",
		"rx",
		"ry",
		"stroke-dasharray",
		"stroke-linecap",
		"stroke-linejoin",
		"stroke-opacity",
		"stroke-width",
		"text-anchor",
		"transform",
		"width",
		"x",
		"x1",
		"x2",
		"y",
		"y1",
		"y2",
		"shape-rendering",
		"text-decoration",
		"dy",
		"dx",
	};
	static const char *const color[] = { "fill", "stroke", "color" };

	if (is_listed(name, len, plain, VNX_ARRAY_SIZE(plain)))
		return PLAIN;
	if (is_listed(name, len, color, VNX_ARRAY_SIZE(color)))
		return COLOR;
	if (is_name(name, len, "id"))
		return ID;
	return is_name(name, len, "xlink:href") || is_name(name, len, "href") ? LINK : LEFT_OUT;
}

static int put_attribute(struct scan *s, const char *name, size_t name_len, const char *v,
			 size_t len)
{
	char color[VALUE_MAX];

	switch (kind_of(name, name_len)) {
	case PLAIN:
		if (!is_plain(v, len))
			return refuse(s, "an attribute that is neither number nor name");
		fprintf(s->out, " %.*s=\"%.*s\"", (int)name_len, name, (int)len, v);
		return 0;
	case COLOR:
		if (!vnx_plot_color(v, len, color, sizeof(color)))
			return refuse(s, "a colour of no known form");
		fprintf(s->out, " %.*s=\"%s\"", (int)name_len, name, color);
		return 0;
	case ID:
		if (!is_id(v, len))
			return refuse(s, "an id of strange letters");
		/* Names of curves: nothing refers to them, and each panel has its own first. */
		if (len > strlen(CURVE) && !strncmp(v, CURVE, strlen(CURVE)))
			return 0;
		fprintf(s->out, " id=\"%s-%.*s\"", s->prefix, (int)len, v);
		return 0;
	case LINK:
		if (len < 2 || *v != '#' || !is_id(v + 1, len - 1))
			return refuse(s, "a reference to the outside");
		fprintf(s->out, " href=\"#%s-%.*s\"", s->prefix, (int)len - 1, v + 1);
		return 0;
	default:
		return 0;
	}
}

static bool is_view_box(const char *v, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!isdigit((unsigned char)v[i]) && v[i] != ' ' && v[i] != '.')
			return false;
	return len > 0 && len < VALUE_MAX;
}

/* One attribute name and value; the root's only the viewBox. */
static int scan_attribute(struct scan *s, bool root, bool kept, bool *boxed)
{
	const char *name, *v;
	size_t name_len = take_name(s, &name), len;
	char quote;

	skip_blanks(s);
	if (!name_len || s->at == s->end || *s->at != '=')
		return refuse(s, "an attribute without a value");
	s->at++;
	skip_blanks(s);
	quote = s->at < s->end ? *s->at : '\0';
	if (quote != '"' && quote != '\'')
		return refuse(s, "a value without quotes");
	v = ++s->at;
	s->at = memchr(v, quote, (size_t)(s->end - v));
	if (!s->at) {
		s->at = v;
		return refuse(s, "a value without an end");
	}
	len = (size_t)(s->at++ - v);
	if (!root)
		return kept ? put_attribute(s, name, name_len, v, len) : 0;
	if (!is_name(name, name_len, "viewBox"))
		return 0;
	if (*boxed || !is_view_box(v, len))
		return refuse(s, "a viewBox that is no four numbers");
	*boxed = true;
	fprintf(s->out, " viewBox=\"%.*s\"", (int)len, v);
	return 0;
}

/* From behind the element's name to behind its ">". */
static int scan_attributes(struct scan *s, bool root, bool kept, bool *closed)
{
	bool boxed = false;
	int ret;

	*closed = false;
	for (;;) {
		skip_blanks(s);
		if (s->at == s->end)
			return refuse(s, "an element without an end");
		if (*s->at == '>' || begins(s, "/>"))
			break;
		ret = scan_attribute(s, root, kept, &boxed);
		if (ret)
			return ret;
	}
	*closed = *s->at == '/';
	s->at += *closed ? 2 : 1;
	if (root && (!boxed || *closed))
		return refuse(s, "a picture without a size");
	if (kept)
		fputs(*closed ? "/>" : ">", s->out);
	return 0;
}

static bool is_drawing(const char *v, size_t len)
{
	static const char *const kept[] = { "svg",     "g",        "defs",   "path", "text",
					    "tspan",   "use",      "rect",   "line", "circle",
					    "polygon", "polyline", "ellipse" };

	return is_listed(v, len, kept, VNX_ARRAY_SIZE(kept));
}

/* Elements that are left out with all that they hold. */
static bool is_beside(const char *v, size_t len)
{
	static const char *const known[] = { "title",  "desc",     "script", "style",
					     "filter", "metadata", "pattern" };

	return is_listed(v, len, known, VNX_ARRAY_SIZE(known));
}

static int scan_open(struct scan *s)
{
	bool root, kept, closed;
	const char *name;
	size_t len;
	int ret;

	s->at++;
	len = take_name(s, &name);
	root = is_name(name, len, "svg");
	if (!len || root != (s->depth == 0) || (root && s->seen_root))
		return refuse(s, "an element out of place");
	if (s->depth == DEPTH_MAX)
		return refuse(s, "elements too deep within each other");
	/* A link's text stays, where it leads does not. */
	kept = !s->left_out && is_drawing(name, len);
	if (!kept && !s->left_out && !is_beside(name, len) && !is_name(name, len, "a"))
		return refuse(s, "an unknown element");
	if (kept)
		fprintf(s->out, root ? "<%.*s class=\"plot\" aria-hidden=\"true\"" : "<%.*s",
			(int)len, name);
	ret = scan_attributes(s, root, kept, &closed);
	if (ret || closed)
		return ret;
	s->seen_root = true;
	s->open[s->depth].v = name;
	s->open[s->depth].len = len;
	s->open[s->depth].kept = kept;
	s->depth++;
	if (!s->left_out && is_beside(name, len))
		s->left_out = s->depth;
	return 0;
}

static int scan_close(struct scan *s)
{
	const char *name;
	size_t len, top = s->depth - 1;

	s->at += 2;
	len = take_name(s, &name);
	skip_blanks(s);
	if (s->at == s->end || *s->at != '>' || !s->depth || s->open[top].len != len ||
	    memcmp(s->open[top].v, name, len) != 0)
		return refuse(s, "an end without its begin");
	s->at++;
	if (s->open[top].kept)
		fprintf(s->out, "</%.*s>", (int)len, name);
	if (s->left_out == s->depth)
		s->left_out = 0;
	s->depth--;
	return 0;
}

/* "&amp;", "&#39;" as they are; any other "&" is a letter. */
static bool is_entity(const char *c, const char *end)
{
	size_t n = 1;

	while (c + n < end && n < 10 && (isalnum((unsigned char)c[n]) || c[n] == '#'))
		n++;
	return n > 1 && c + n < end && c[n] == ';';
}

/* Text between elements; blanks with no letter are only gnuplot's layout. */
static int scan_text(struct scan *s)
{
	const char *from = s->at, *c;
	bool letters = false;

	for (c = from; c < s->end && *c != '<'; c++)
		letters |= !isspace((unsigned char)*c);
	s->at = c;
	if (letters && !s->depth)
		return refuse(s, "text outside of the picture");
	if (s->left_out || !letters)
		return 0;
	for (c = from; c < s->at; c++) {
		if (*c == '>')
			fputs("&gt;", s->out);
		else if (*c == '&' && !is_entity(c, s->at))
			fputs("&amp;", s->out);
		else if ((unsigned char)*c >= ' ')
			fputc(*c, s->out);
		else if (isspace((unsigned char)*c))
			fputc(' ', s->out);
	}
	return 0;
}

/* A script's text may hold "<": it ends at its own end only. */
static int skip_script(struct scan *s)
{
	const char *end = past(s, "</script>");

	if (!end)
		return refuse(s, "a script without an end");
	s->at = end;
	return 0;
}

static int skip_past(struct scan *s, const char *mark)
{
	const char *end = past(s, mark);

	if (!end)
		return refuse(s, "a mark without an end");
	s->at = end;
	return 0;
}

static int scan_one(struct scan *s)
{
	if (*s->at != '<')
		return scan_text(s);
	if (begins(s, "<!--"))
		return skip_past(s, "-->");
	if (begins(s, "<?"))
		return skip_past(s, "?>");
	if (begins(s, "<![CDATA["))
		return s->left_out ? skip_past(s, "]]>") : refuse(s, "raw text");
	/* A document type of its own could name files. */
	if (begins(s, "<!DOCTYPE"))
		return memchr(s->at, '[', strcspn(s->at, ">")) ? refuse(s, "a document type")
							       : skip_past(s, ">");
	if (begins(s, "<script"))
		return skip_script(s);
	return begins(s, "</") ? scan_close(s) : scan_open(s);
}

static int scan_all(struct scan *s)
{
	int ret = 0;

	while (!ret && s->at < s->end)
		ret = scan_one(s);
	if (!ret && (s->depth || !s->seen_root))
		ret = refuse(s, s->depth ? "it ends too early" : "no picture in it");
	return ret;
}

/* @buf: the file, NUL-terminated, the caller's. */
static int read_file(const char *path, char **buf, size_t *len, struct vnx_err *err)
{
	VNX_CLEANUP_FCLOSE FILE *in = fopen(path, "re");
	struct stat st;

	if (!in || fstat(fileno(in), &st))
		return vnx_err_set(err, -errno, VNX_EXIT_FAILED, "figure", "cannot read %s: %s",
				   path, strerror(errno));
	if (!S_ISREG(st.st_mode) || (size_t)st.st_size > FILE_MAX)
		return vnx_err_set(err, -EINVAL, VNX_EXIT_FAILED, "figure",
				   "%s: no file of a figure's size", path);
	*buf = malloc((size_t)st.st_size + 1);
	if (!*buf)
		return vnx_plot_no_memory(err);
	*len = fread(*buf, 1, (size_t)st.st_size, in);
	(*buf)[*len] = '\0';
	if (ferror(in) || *len != strlen(*buf))
		return vnx_err_set(err, -EINVAL, VNX_EXIT_FAILED, "figure",
				   "%s: not what gnuplot writes: it is no text", path);
	return 0;
}

int vnx_plot_inline(const char *path, const char *prefix, char **out, struct vnx_err *err)
{
	VNX_CLEANUP_FREE char *buf = NULL;
	struct scan s = { .prefix = prefix, .path = path, .err = err };
	size_t len = 0, size;
	int ret;

	*out = NULL;
	if (!is_id(prefix, strlen(prefix)))
		return vnx_err_set(err, -EINVAL, VNX_EXIT_FAILED, "figure", "not a prefix for ids");
	ret = read_file(path, &buf, &len, err);
	if (ret)
		return ret;
	s.out = open_memstream(out, &size);
	if (!s.out)
		return vnx_plot_no_memory(err);
	s.at = s.begin = buf;
	s.end = buf + len;
	ret = scan_all(&s);
	if (fclose(s.out) && !ret)
		ret = vnx_plot_no_memory(err);
	if (ret) {
		free(*out);
		*out = NULL;
	}
	return ret;
}
