// SPDX-License-Identifier: GPL-2.0-only
/*
 * How much a load was told to send: whether anything is held back shows by what it got of that.
 */
#include "cli/input/throughput/throughput.h"

#include <ctype.h>

#define UDP_DEFAULT_BPS 1e6 /* iperf3 -u without -b */

/* "200M", "1.5G/10" as iperf3 has rates; 0 where it is none. */
static double rate_of(const char *s)
{
	static const char letters[] = "KMGT";
	const char *letter;
	char *end;
	double x = strtod(s, &end);

	letter = *end ? strchr(letters, toupper((unsigned char)*end)) : NULL;
	for (; letter && letter >= letters; letter--)
		x *= 1000;
	return end == s || !(x > 0) ? 0 : x;
}

static bool is_word(const char *s, const char *name)
{
	size_t n = strlen(name);

	return !strncmp(s, name, n) && (!s[n] || s[n] == '=');
}

double vnx_load_asked(const char *command)
{
	VNX_CLEANUP_FREE char *copy = strdup(command ? command : "");
	double rate = -1, streams = 1;
	bool iperf = false, udp = false;
	char *save = NULL;

	for (char *w = copy ? strtok_r(copy, " \t\n", &save) : NULL; w;
	     w = strtok_r(NULL, " \t\n", &save)) {
		const char *slash = strrchr(w, '/'), *value = strchr(w, '=');
		bool bit, par;

		if (!iperf) {
			iperf = !strcmp(slash ? slash + 1 : w, "iperf3");
			continue;
		}
		udp |= !strcmp(w, "-u") || !strcmp(w, "--udp");
		bit = !strncmp(w, "-b", 2) || is_word(w, "--bitrate") || is_word(w, "--bandwidth");
		par = !strncmp(w, "-P", 2) || is_word(w, "--parallel");
		if (!bit && !par)
			continue;
		value = value && w[1] == '-' ? value + 1 : w[1] != '-' && w[2] ? w + 2 : NULL;
		if (!value)
			value = strtok_r(NULL, " \t\n", &save);
		if (bit)
			rate = value ? rate_of(value) : 0;
		else
			streams = value ? strtod(value, NULL) : 1;
	}
	if (rate < 0)
		rate = udp ? UDP_DEFAULT_BPS : 0;
	return streams >= 1 ? rate * streams : 0;
}
