/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A live capture: attaches, runs the load, writes the recording bin by bin.
 */
#ifndef VNX_SESSION_H
#define VNX_SESSION_H

#include "cli/record/recording.h"

/* What was seen by the end of a bin. All of it stays the session's and lasts for the call. */
struct vnx_seen {
	const struct vnx_run_facts *facts; /* finished: this is the last call */
	const struct vnx_vms *vms;         /* those wanted, gone ones too */
	const struct vnx_vms *others;      /* those not wanted, likewise */
	const struct vnx_hooks *hooks;
	const struct vnx_source_states *sources;
	const struct vnx_samples *samples; /* since the last call */
	const struct vnx_holds *holds;     /* likewise */
	const struct vnx_err *partial;     /* what the host hides from us, or NULL */
};

#define VNX_WATCH_MS 500

/* Somebody who looks on while it is measured, and keeps of it what he wants. */
struct vnx_watch {
	void *arg;
	int fd; /* keys come from here, or -1 */
	int (*on_bin)(void *arg, const struct vnx_seen *seen, struct vnx_err *err);
	/* After every sleep, of VNX_WATCH_MS at most or until @fd can be read. 1: end the run. */
	int (*on_wake)(void *arg, struct vnx_err *err);
	/*
	 * The run ends: what is told now must be seen. Where it ends in order a last on_bin()
	 * follows. May come twice.
	 */
	void (*on_end)(void *arg);
};

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
	const struct vnx_watch
		*watch; /* NULL: a recording is made; else none is, and @path unused */
	bool quiet, verbose;
};

/*
 * Records until the duration is over, the load has ended, or SIGINT, SIGTERM or SIGHUP
 * came (all of them a clean end). *out is open, complete and the caller's to close;
 * with a watch it is NULL. *load_failed tells that the load ended badly (a sentence is on stderr
 * already).
 */
int vnx_session_run(const struct vnx_session_conf *conf, struct vnx_recording **out,
		    bool *load_failed, struct vnx_err *err) VNX_MUST_CHECK;

#endif
