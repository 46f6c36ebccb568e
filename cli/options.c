// SPDX-License-Identifier: GPL-2.0-only
#include "cli/options.h"

#include <ctype.h>
#include <getopt.h>
#include <math.h>

#include "cli/output/reporter.h"
#include "cli/base/safe.h"

#define HELP_KEY 1000
#define VERSION_KEY 1001
#define FIRST_KEY 2000
#define MAX_OPTS 48

int vnx_time_parse(const char *text, uint64_t *ns)
{
	static const struct {
		const char *unit;
		double ns;
	} units[] = { { "ns", 1 },   { "us", 1e3 },   { "ms", 1e6 },  { "s", 1e9 },
		      { "m", 60e9 }, { "min", 60e9 }, { "h", 3600e9 } };
	char *end;
	double v;

	if (!isdigit((unsigned char)text[0]) && text[0] != '.')
		return -EINVAL;
	errno = 0;
	v = strtod(text, &end);
	if (errno || end == text || !isfinite(v) || v < 0)
		return -EINVAL;
	for (size_t i = 0; i < VNX_ARRAY_SIZE(units); i++) {
		if (strcmp(end, units[i].unit))
			continue;
		if (v * units[i].ns > 9e18)
			return -EINVAL;
		*ns = (uint64_t)llround(v * units[i].ns);
		return 0;
	}
	return -EINVAL;
}

int vnx_signed_time_parse(const char *text, int64_t *ns)
{
	bool minus = *text == '-';
	uint64_t abs_ns;
	int ret = vnx_time_parse(text + (minus || *text == '+'), &abs_ns);

	if (!ret)
		*ns = minus ? -(int64_t)abs_ns : (int64_t)abs_ns;
	return ret;
}

static int print_option(const struct vnx_opt *o)
{
	char left[64];

	if (o->letter)
		snprintf(left, sizeof(left), "-%c, --%s%s%s", o->letter, o->name, o->arg ? " " : "",
			 o->arg ? o->arg : "");
	else
		snprintf(left, sizeof(left), "    --%s%s%s", o->name, o->arg ? " " : "",
			 o->arg ? o->arg : "");
	return printf("  %-26s %s\n", left, o->help);
}

static void print_help(const struct vnx_command *cmd)
{
	printf("Usage: vnetdx %s %s\n\n%s\n", cmd->name, cmd->synopsis, cmd->summary);
	if (cmd->text)
		printf("\n%s\n", cmd->text);
	printf("\nOptions:\n");
	for (size_t i = 0; i < cmd->n_opts; i++)
		print_option(&cmd->opts[i]);
	printf("  %-26s %s\n", "-h, --help", "this text");
	printf("\nTimes take units: 500ms, 10s, 3m.\n");
}

static int store_time(const struct vnx_opt *o, const char *arg, uint64_t *field,
		      struct vnx_err *err)
{
	uint64_t ns;

	if (vnx_time_parse(arg, &ns)) {
		vnx_err_hint(err, "Give a number with a unit: 500ms, 10s, 3m.");
		return vnx_err_set(err, -EINVAL, VNX_EXIT_USAGE, "usage",
				   "--%s: \"%s\" is not a time", o->name, arg);
	}
	if (ns < o->min && !o->max)
		return vnx_err_set(err, -EINVAL, VNX_EXIT_USAGE, "usage",
				   "--%s: %s is too short, the least is %g s", o->name, arg,
				   o->min / 1e9);
	if (ns < o->min || (o->max && ns > o->max))
		return vnx_err_set(err, -EINVAL, VNX_EXIT_USAGE, "usage",
				   "--%s: %s is out of range (%g s to %g s)", o->name, arg,
				   o->min / 1e9, o->max / 1e9);
	*field = ns;
	return 0;
}

static int store_enum(const struct vnx_opt *o, const char *arg, const char **field,
		      struct vnx_err *err)
{
	char list[160] = "";

	for (const char *const *v = o->values; *v; v++) {
		if (!strcmp(*v, arg)) {
			*field = *v;
			return 0;
		}
		snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%s",
			 *list ? ", " : "", *v);
	}
	vnx_err_hint(err, "Choose one of: %s.", list);
	return vnx_err_set(err, -EINVAL, VNX_EXIT_USAGE, "usage", "--%s: there is no \"%s\"",
			   o->name, arg);
}

static int store(const struct vnx_opt *o, const char *arg, void *into, struct vnx_err *err)
{
	void *field = (char *)into + o->offset;

	switch (o->type) {
	case VNX_OPT_FLAG:
		*(bool *)field = true;
		return 0;
	case VNX_OPT_TIME:
		return store_time(o, arg, field, err);
	case VNX_OPT_STRING:
		*(const char **)field = arg;
		return 0;
	case VNX_OPT_LIST:
		return vnx_vec_push((struct vnx_strings *)field, arg);
	case VNX_OPT_ENUM:
		return store_enum(o, arg, field, err);
	}
	return -EINVAL;
}

/* Builds getopt's two tables from ours. */
static void fill_getopt(const struct vnx_command *cmd, struct option *longs, char *shorts)
{
	char *s = shorts;

	*s++ = ':';
	*s++ = 'h';
	for (size_t i = 0; i < cmd->n_opts; i++) {
		const struct vnx_opt *o = &cmd->opts[i];

		longs[i] = (struct option){ .name = o->name,
					    .has_arg = o->type == VNX_OPT_FLAG ? no_argument
									       : required_argument,
					    .val = FIRST_KEY + (int)i };
		if (!o->letter)
			continue;
		*s++ = o->letter;
		if (o->type != VNX_OPT_FLAG)
			*s++ = ':';
	}
	longs[cmd->n_opts] = (struct option){ .name = "help", .val = HELP_KEY };
	longs[cmd->n_opts + 1] = (struct option){ .name = "version", .val = VERSION_KEY };
	longs[cmd->n_opts + 2] = (struct option){ 0 };
	*s = 0;
}

static const struct vnx_opt *find_opt(const struct vnx_command *cmd, int key)
{
	if (key >= FIRST_KEY)
		return &cmd->opts[key - FIRST_KEY];
	for (size_t i = 0; i < cmd->n_opts; i++)
		if (cmd->opts[i].letter == key)
			return &cmd->opts[i];
	return NULL;
}

static int bad_option(const struct vnx_command *cmd, int key, char **argv, struct vnx_err *err)
{
	vnx_err_hint(err, "See: vnetdx %s --help", cmd->name);
	return vnx_err_set(err, -EINVAL, VNX_EXIT_USAGE, "usage",
			   key == ':' ? "%s: %s needs an argument" : "%s: there is no option %s",
			   cmd->name, argv[optind - 1]);
}

int vnx_options_parse(const struct vnx_command *cmd, int argc, char **argv, void *into,
		      int *dashdash, struct vnx_err *err)
{
	struct option longs[MAX_OPTS + 3];
	char shorts[2 * MAX_OPTS + 4];
	int key, n = argc;

	/* getopt does not tell where "--" stood once it has permuted: hide the rest from it. */
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--")) {
			n = i;
			break;
		}
	}
	if (dashdash)
		*dashdash = n < argc ? n + 1 : argc;
	fill_getopt(cmd, longs, shorts);
	optind = 0;
	opterr = 0;
	while ((key = getopt_long(n, argv, shorts, longs, NULL)) != -1) {
		const struct vnx_opt *o;
		int ret;

		if (key == 'h' || key == HELP_KEY) {
			print_help(cmd);
			return -ECANCELED;
		}
		if (key == VERSION_KEY) {
			printf("vnetdx %s\n", VNX_VERSION);
			return -ECANCELED;
		}
		o = key == '?' || key == ':' ? NULL : find_opt(cmd, key);
		if (!o)
			return bad_option(cmd, key, argv, err);
		ret = store(o, optarg, into, err);
		if (ret)
			return ret;
	}
	if (!dashdash && n < argc)
		return vnx_err_set(err, -EINVAL, VNX_EXIT_USAGE, "usage",
				   "%s takes no command after --", cmd->name);
	return optind;
}

bool vnx_wants_json(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--"); i++)
		if (!strcmp(argv[i], "--json"))
			return true;
	return false;
}

int vnx_fail(const struct vnx_err *err, bool json)
{
	/* Paths and what stands in files are other people's text: none of it acts on a terminal. */
	VNX_CLEANUP_FREE char *message = vnx_text_safe(err->message, 0);
	VNX_CLEANUP_FREE char *hint = vnx_text_safe(err->hint, 0);

	if (json) {
		vnx_report_error_json(err, stdout);
	} else {
		fprintf(stderr, "vnetdx: %s\n", message && *message ? message : "out of memory");
		if (hint && *hint)
			fprintf(stderr, "        %s\n", hint);
	}
	return err->exit ? err->exit : VNX_EXIT_FAILED;
}
