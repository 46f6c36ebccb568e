// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writing what was measured beside the hooks: who held the CPU, which sources measured, and what
 * the hooks were held against.
 */
#include "cli/record/recording_internal.h"

static int hold_add(struct vnx_recording *rec, const struct vnx_hold *h, struct vnx_err *err)
{
	sqlite3_stmt *st = rec->add_hold;
	char comm[sizeof(h->comm) + 1];
	int ret = rec_bind_u64(rec, st, 1, h->t_ns, "a wait's time", err);

	if (!ret)
		ret = rec_bind_u64(rec, st, 2, h->dur_ns, "a wait's length", err);
	if (!ret)
		ret = rec_bind_u64(rec, st, 6, h->ns, "a wait", err);
	if (ret)
		return ret;
	snprintf(comm, sizeof(comm), "%.*s", (int)sizeof(h->comm), h->comm);
	sqlite3_bind_int64(st, 3, h->victim);
	sqlite3_bind_int64(st, 4, h->holder);
	rec_bind_text(st, 5, comm);
	return rec_write_row(rec, st, "writing waits", err);
}

/** vnx_recording_add_holds() - adds to the open transaction, as ..._add_samples(). */
int vnx_recording_add_holds(struct vnx_recording *rec, const struct vnx_holds *holds,
			    struct vnx_err *err)
{
	int ret = holds->n ? rec_tx_begin(rec, err) : 0;

	if (!ret && holds->n && !rec->add_hold)
		ret = rec_prepare(rec, &rec->add_hold,
				  "INSERT INTO holder VALUES(?1, ?2, ?3, ?4, ?5, ?6)", err);
	for (size_t i = 0; i < holds->n && !ret; i++)
		ret = hold_add(rec, &holds->v[i], err);
	return ret;
}

/** vnx_recording_put_sources() - replaces the sources. Errors as ..._add_samples(). */
int vnx_recording_put_sources(struct vnx_recording *rec, const struct vnx_source_states *states,
			      struct vnx_err *err)
{
	sqlite3_stmt *st = NULL;
	int ret = rec_tx_begin(rec, err);

	if (!ret)
		ret = rec_exec(rec, "DELETE FROM source", "replacing sources", err);
	if (!ret)
		ret = rec_prepare(rec, &st, "INSERT INTO source(name, why) VALUES(?1, ?2)", err);
	for (size_t i = 0; i < states->n && !ret; i++) {
		rec_bind_text(st, 1, states->v[i].name);
		rec_bind_text(st, 2, states->v[i].why);
		ret = rec_write_row(rec, st, "writing sources", err);
	}
	sqlite3_finalize(st);
	return ret;
}

int rec_put_verified(struct vnx_recording *rec, const struct vnx_hooks *hooks, struct vnx_err *err)
{
	sqlite3_stmt *st = NULL;
	int ret = rec_exec(rec, "DELETE FROM verified", "replacing comparisons", err);

	if (!ret)
		ret = rec_prepare(rec, &st, "INSERT INTO verified VALUES(?1, ?2, ?3, ?4, ?5)", err);
	for (size_t i = 0; i < hooks->n && !ret; i++) {
		const struct vnx_verified *v = &hooks->v[i].verified;

		sqlite3_bind_int64(st, 1, (sqlite3_int64)i);
		rec_bind_text(st, 2, v->against);
		ret = rec_bind_u64(rec, st, 3, v->hook, "a comparison", err);
		if (!ret)
			ret = rec_bind_u64(rec, st, 4, v->account, "a comparison", err);
		rec_bind_text(st, 5, v->why);
		if (!ret)
			ret = rec_write_row(rec, st, "writing comparisons", err);
	}
	sqlite3_finalize(st);
	return ret;
}
