// SPDX-License-Identifier: GPL-2.0-only
/*
 * Colours of the figures on a page: gnuplot's become CSS variables, so that a dark page has
 * a dark figure. Of each pair the first stands 3:1 against white paper, the second against
 * dark paper (letters 4.5:1); tests/unit/test_plot.c computes it.
 */
#include "cli/output/plot/plot_internal.h"

/* variable, on white (as gnuplot draws it), on dark paper */
#define PALETTE(row)                                                                             \
	row("plot-axis", VNX_RGB_AXIS, "A9B2BB") row("plot-stage", VNX_RGB_STAGE, "98A2AC") row( \
		"plot-muted", VNX_RGB_MUTED, "9AA4AE") row("plot-fall", VNX_RGB_FALL, "D98CB8")  \
		row("plot-fall-text", VNX_RGB_FALL_TEXT, "EBA9CE")                               \
			row("plot-blue", VNX_RGB_BLUE, "5AB4E8")                                 \
				row("plot-red", VNX_RGB_RED, "F58B45")                           \
					row("plot-green", VNX_RGB_GREEN, "3CC79E")               \
						row("plot-purple", VNX_RGB_PURPLE, "D594D0")     \
							row("plot-gold", VNX_RGB_GOLD, "E3B64A")

#define ROW(name, light, dark) { name, light },
#define LIGHT(name, light, dark) "--" name ": #" light "; "
#define DARK(name, light, dark) "--" name ": #" dark "; "

static const struct {
	const char *name, *rgb;
} colors[] = {
	PALETTE(ROW)
	/* The page's own. */
	{ "ink", VNX_RGB_INK },
	{ "ink", "000000" },
	{ "paper", "FFFFFF" },
	{ "grid", VNX_RGB_GRID },
};

const char *vnx_plot_css(bool dark)
{
	return dark ? PALETTE(DARK) : PALETTE(LIGHT);
}

static bool parse_hex(const char *s, unsigned *rgb)
{
	int used = 0;

	return strspn(s, "0123456789abcdefABCDEF") == 6 && !s[6] &&
	       sscanf(s, "%6x%n", rgb, &used) == 1 && used == 6;
}

/* "rgb(  0, 114, 178)", "#0072b2", or a name that gnuplot uses. */
static bool parse_color(const char *s, unsigned *rgb)
{
	unsigned r, g, b;
	int used = 0;

	if (*s == '#')
		return parse_hex(s + 1, rgb);
	if (!strcmp(s, "black") || !strcmp(s, "white")) {
		*rgb = *s == 'b' ? 0 : 0xffffff;
		return true;
	}
	if (sscanf(s, "rgb(%3u ,%3u ,%3u )%n", &r, &g, &b, &used) != 3 || s[used] || !used)
		return false;
	*rgb = r << 16 | g << 8 | b;
	return r < 256 && g < 256 && b < 256;
}

static bool is_word(const char *s)
{
	static const char *const words[] = { "none", "currentColor", "gray", "lightgrey" };

	for (size_t i = 0; i < VNX_ARRAY_SIZE(words); i++)
		if (!strcmp(s, words[i]))
			return true;
	return false;
}

bool vnx_plot_color(const char *value, size_t len, char *buf, size_t room)
{
	char s[40], hex[8];
	unsigned rgb;

	if (len >= sizeof(s))
		return false;
	memcpy(s, value, len);
	s[len] = '\0';
	if (is_word(s)) {
		snprintf(buf, room, "%s", s);
		return true;
	}
	if (!parse_color(s, &rgb))
		return false;
	snprintf(hex, sizeof(hex), "%06X", rgb);
	snprintf(buf, room, "#%s", hex);
	for (size_t i = 0; i < VNX_ARRAY_SIZE(colors); i++)
		if (!strcmp(colors[i].rgb, hex)) {
			snprintf(buf, room, "var(--%s, #%s)", colors[i].name, hex);
			break;
		}
	return true;
}
