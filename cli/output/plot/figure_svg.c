// SPDX-License-Identifier: GPL-2.0-only
/*
 * gnuplot's SVG names one font and knows no weight: on a machine without that font a browser
 * would take a serif one, and a bold label would never be bold. Here it gets both.
 */
#include "cli/output/plot/figure.h"

#include <sys/stat.h>
#include <unistd.h>

static const struct {
	const char *from, *to;
} fonts[] = {
	{ "font-family=\"DejaVu Sans:Bold\"",
	  "font-family=\"DejaVu Sans, Verdana, sans-serif\" font-weight=\"bold\"" },
	{ "font-family=\"DejaVu Sans\"", "font-family=\"DejaVu Sans, Verdana, sans-serif\"" },
};

static void put_line(const char *line, FILE *out)
{
	while (*line) {
		size_t i = 0;

		while (i < VNX_ARRAY_SIZE(fonts) &&
		       strncmp(line, fonts[i].from, strlen(fonts[i].from)))
			i++;
		if (i < VNX_ARRAY_SIZE(fonts)) {
			fputs(fonts[i].to, out);
			line += strlen(fonts[i].from);
		} else {
			fputc(*line++, out);
		}
	}
}

static int copy_with_fonts(FILE *in, FILE *out)
{
	VNX_CLEANUP_FREE char *line = NULL;
	size_t room = 0;

	while (getline(&line, &room, in) >= 0)
		put_line(line, out);
	return ferror(in) || fflush(out) || ferror(out) ? -EIO : 0;
}

int vnx_figure_fonts(const char *path, struct vnx_err *err)
{
	VNX_CLEANUP_FREE char *other = vnx_asprintf("%s.tmp", path);
	VNX_CLEANUP_FCLOSE FILE *in = fopen(path, "re");
	VNX_CLEANUP_FCLOSE FILE *out = other ? fopen(other, "we") : NULL;
	int ret = -EIO;

	if (in && out)
		ret = copy_with_fonts(in, out);
	if (!ret && rename(other, path))
		ret = -errno;
	if (!ret)
		return 0;
	if (out)
		unlink(other);
	return vnx_err_set(err, ret, VNX_EXIT_FAILED, "output", "cannot write %s: %s", path,
			   strerror(-ret));
}
