/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Options as data: a command has a table, this parses it, prints its --help and checks
 * ranges. Every command accepts -h/--help and --version without listing them.
 */
#ifndef VNX_OPTIONS_H
#define VNX_OPTIONS_H

#include "analysis/util.h"

enum vnx_opt_type {
	VNX_OPT_FLAG,   /* bool */
	VNX_OPT_TIME,   /* uint64_t, ns; "500ms", "10s", "3m" */
	VNX_OPT_STRING, /* const char *, points into argv */
	VNX_OPT_LIST,   /* struct vnx_strings: may be given several times */
	VNX_OPT_ENUM,   /* const char *, one of @values */
};

struct vnx_strings {
	const char **v;
	size_t n, cap;
};

struct vnx_opt {
	const char *name; /* long name without dashes */
	char letter;      /* 0: none */
	enum vnx_opt_type type;
	size_t offset;   /* of the field in the command's own struct */
	const char *arg; /* name of the argument in --help; NULL for flags */
	const char *help;
	const char *const *values; /* VNX_OPT_ENUM: NULL-terminated */
	uint64_t min, max;         /* VNX_OPT_TIME: range in ns; max 0: no limit */
};

/* A flag's row: field @f of struct @T; and the rows that several commands have. */
#define VNX_FLAG(T, f, name, letter, help)                             \
	{                                                              \
		name, letter, VNX_OPT_FLAG, offsetof(T, f), NULL, help \
	}
#define VNX_JSON_FLAG(T, f) VNX_FLAG(T, f, "json", 0, "one JSON document")
#define VNX_JSON_ERRORS_FLAG(T, f) VNX_FLAG(T, f, "json", 0, "errors as a JSON document")
#define VNX_CHECK_FLAG(T, f) \
	VNX_FLAG(T, f, "check", 0, "exit with 4 where a VM is degraded or limited")
#define VNX_NO_COLOR_FLAG(T, f) VNX_FLAG(T, f, "no-color", 0, "plain text")
#define VNX_QUIET_FLAG(T, f) VNX_FLAG(T, f, "quiet", 'q', "no progress")
#define VNX_REFUSED_FLAG(T, f) VNX_FLAG(T, f, "verbose", 'v', "say which back ends were refused")
#define VNX_IN_FULL_FLAG(T, f) \
	VNX_FLAG(T, f, "verbose", 'v', "hooks refused and why, every VM in full")

/* A row of the command table in main.c. @run returns an exit status, see vnetdx(1). */
struct vnx_command {
	const char *name;
	const char *summary;
	const char *synopsis; /* what follows the name in the usage line */
	const char *text;     /* paragraphs under the usage line, or NULL */
	const struct vnx_opt *opts;
	size_t n_opts;
	int (*run)(int argc, char **argv);
};

/*
 * Parses argv[1..] into @into (the command's struct; defaults are set by the caller).
 * Returns the index of the first operand; argv is permuted so that operands follow, and
 * everything after "--" is an operand. *dashdash (may be NULL) is the index of the first
 * argument after "--", or argc where there was none.
 * -EINVAL with @err (exit 2) on a bad option; -ECANCELED where help or version was
 * printed and the command is to return 0.
 */
int vnx_options_parse(const struct vnx_command *cmd, int argc, char **argv, void *into,
		      int *dashdash, struct vnx_err *err) VNX_MUST_CHECK;

/* "500ms", "10s", "3m", "1.5s", "2us", "1h" into ns; a bare number is refused. 0 or -EINVAL. */
int vnx_time_parse(const char *text, uint64_t *ns) VNX_MUST_CHECK;

/* The same with a sign, "-1.5s", "+200ms"; none is plus. */
int vnx_signed_time_parse(const char *text, int64_t *ns) VNX_MUST_CHECK;

/*
 * Says what went wrong: under @json the error document on stdout, else a sentence and the
 * hint on stderr. Returns the exit code the error deserves, so that commands end with
 * `return vnx_fail(&err, conf.json);`.
 */
int vnx_fail(const struct vnx_err *err, bool json);

/* True where @argv holds --json before any "--": errors of the parser itself must obey it. */
bool vnx_wants_json(int argc, char **argv);

#endif
