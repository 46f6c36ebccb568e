/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A live capture: attaches, runs the load, writes the recording bin by bin.
 */
#ifndef VNX_SESSION_H
#define VNX_SESSION_H

#include "cli/recording.h"

struct vnx_session_conf {
	uint64_t duration_ns; /* 0: until the load ends or a signal comes */
	uint64_t bin_ns;
	const char *backend; /* "auto" or a back end's name */
	const struct vnx_hook_override *overrides;
	size_t n_overrides;
	const char *const *vms; /* --vm; n_vms 0: all */
	size_t n_vms;
	const char *const *without; /* sources of evidence not to be used */
	size_t n_without;
	const char *path;        /* recording; NULL: in memory */
	const char *events_path; /* trace.dat of raw events beside it; NULL: none */
	bool force;              /* existing files may be overwritten */
	char **command;          /* NULL-terminated, or NULL */
	uint64_t stage_ns;
	bool quiet, verbose;
};

/*
 * Records until the duration is over, the load has ended, or SIGINT, SIGTERM or SIGHUP
 * came (all of them a clean end). *out is open, complete and the caller's to close;
 * *load_failed tells that the load ended badly (a sentence is on stderr already).
 */
int vnx_session_run(const struct vnx_session_conf *conf, struct vnx_recording **out,
		    bool *load_failed, struct vnx_err *err) VNX_MUST_CHECK;

#endif
