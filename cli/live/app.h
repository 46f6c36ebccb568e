/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The live view as a whole: model, recording, and a screen or lines. Looks on a session, or is
 * fed from a recording.
 */
#ifndef VNX_LIVE_APP_H
#define VNX_LIVE_APP_H

#include "cli/input/reader.h"
#include "cli/live/view.h"

struct vnx_live_app {
	struct vnx_live_model *m;
	struct vnx_live_keep keep;
	struct vnx_live_view view;
	bool full_screen, open, no_color, utf8;
	bool lines, any_line;  /* instead of a screen; one a VM was put already */
	uint64_t interval_ns;  /* of the lines */
	uint64_t next_line_ns; /* of the capture's clock */
	size_t events_told;
	uint64_t next_paint_ns; /* CLOCK_MONOTONIC */
};

/*
 * @replay: path of what is played back, NULL for a session. @share: of a core that the analysis
 * may take. Nothing is opened before the first call of the functions below. -ENOMEM.
 */
int vnx_live_app_init(struct vnx_live_app *a, const char *replay, double share) VNX_MUST_CHECK;
/* The recording's end, once the screen is gone. Fails with a sentence where the last one did. */
int vnx_live_app_complete(struct vnx_live_app *a, struct vnx_err *err) VNX_MUST_CHECK;
void vnx_live_app_fini(struct vnx_live_app *a);

/* For struct vnx_watch, @arg being the app. */
int vnx_live_app_bin(void *arg, const struct vnx_seen *seen, struct vnx_err *err) VNX_MUST_CHECK;
int vnx_live_app_wake(void *arg, struct vnx_err *err) VNX_MUST_CHECK;
void vnx_live_app_end(void *arg);
/* How long a screen stays that took @cost_ns of CPU time to paint; a key ends it. */
uint64_t vnx_live_paint_pause_ns(uint64_t cost_ns);
int vnx_live_app_fd(const struct vnx_live_app *a);

/*
 * plain.c: a line a VM, and one an event, on @out: where they are due; at the end what is left.
 * Where the reader is gone, or does not read, and the end was asked for, they end without error.
 */
int vnx_live_plain(struct vnx_live_app *a, FILE *out, struct vnx_err *err) VNX_MUST_CHECK;

/*
 * replay.c: feeds what @r holds, @speed times as fast as it happened (INFINITY: at once), for
 * @duration_ns of it (0: all). A screen stays at the end until it is quit.
 */
struct vnx_live_play {
	double speed;
	uint64_t duration_ns;
	const char *const *vms; /* --vm; n_vms 0: all */
	size_t n_vms;
};
int vnx_live_replay(struct vnx_live_app *a, const struct vnx_reader_ops *ops, struct vnx_reader *r,
		    const struct vnx_live_play *play, struct vnx_err *err) VNX_MUST_CHECK;

#endif
