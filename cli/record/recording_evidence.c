// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writing what the counts are judged by: whose they are, who held the CPU, which sources measured,
 * the hooks and what they were held against.
 */
#include "cli/record/recording_internal.h"

#include <jansson.h>

#include "cli/host/host.h"

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

static int put_verified(struct vnx_recording *rec, const struct vnx_hooks *hooks,
			struct vnx_err *err)
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

static int hook_add(struct vnx_recording *rec, sqlite3_stmt *hook, sqlite3_stmt *refusal,
		    const struct vnx_hook *h, size_t seq, struct vnx_err *err)
{
	int ret;

	sqlite3_bind_int64(hook, 1, (sqlite3_int64)seq);
	rec_bind_text(hook, 2, vnx_metric_name(h->metric));
	rec_bind_text(hook, 3, h->hook);
	rec_bind_text(hook, 4, h->note);
	ret = rec_bind_u64(rec, hook, 5, h->since_ns, "a hook's start", err);
	if (!ret)
		ret = rec_bind_u64(rec, hook, 6, h->until_ns, "a hook's end", err);
	if (!ret)
		ret = rec_write_row(rec, hook, "writing hooks", err);
	for (size_t i = 0; i < h->refused.n && !ret; i++) {
		sqlite3_bind_int64(refusal, 1, (sqlite3_int64)seq);
		rec_bind_text(refusal, 2, h->refused.v[i].hook);
		rec_bind_text(refusal, 3, h->refused.v[i].why);
		sqlite3_bind_int(refusal, 4, h->refused.v[i].later);
		ret = rec_write_row(rec, refusal, "writing refused hooks", err);
	}
	return ret;
}

/** vnx_recording_put_hooks() - replaces hooks and refusals. Errors as ..._add_samples(). */
int vnx_recording_put_hooks(struct vnx_recording *rec, const struct vnx_hooks *hooks,
			    struct vnx_err *err)
{
	sqlite3_stmt *hook = NULL, *refusal = NULL;
	int ret = rec_tx_begin(rec, err);

	if (!ret)
		ret = rec_exec(rec, "DELETE FROM hook; DELETE FROM refusal", "replacing hooks",
			       err);
	if (!ret)
		ret = rec_prepare(rec, &hook, "INSERT INTO hook VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
				  err);
	if (!ret)
		ret = rec_prepare(
			rec, &refusal,
			"INSERT INTO refusal(hook_seq, hook, why, later) VALUES(?1, ?2, ?3, ?4)",
			err);
	for (size_t i = 0; i < hooks->n && !ret; i++)
		ret = hook_add(rec, hook, refusal, &hooks->v[i], i, err);
	sqlite3_finalize(hook);
	sqlite3_finalize(refusal);
	return ret ? ret : put_verified(rec, hooks, err);
}

static int vm_add(struct vnx_recording *rec, sqlite3_stmt *st, const struct vnx_vm *vm, bool asked,
		  struct vnx_err *err)
{
	json_t *json = vnx_vm_to_json(vm);
	bool whole = json && (asked || !json_object_set_new(json, "asked", json_false()));
	char *doc = whole ? json_dumps(json, JSON_COMPACT) : NULL;
	int ret = -ENOMEM;

	if (doc) {
		rec_bind_text(st, 1, doc);
		ret = rec_write_row(rec, st, "writing a virtual machine", err);
	}
	free(doc);
	json_decref(json);
	return ret;
}

/**
 * vnx_recording_put_vms() - replaces the list of VMs. @others were not asked for: they are kept so
 * that they can be named, and may be NULL. Errors as vnx_recording_add_samples().
 */
int vnx_recording_put_vms(struct vnx_recording *rec, const struct vnx_vms *vms,
			  const struct vnx_vms *others, struct vnx_err *err)
{
	sqlite3_stmt *st = NULL;
	int ret = rec_tx_begin(rec, err);

	if (!ret)
		ret = rec_exec(rec, "DELETE FROM vm", "replacing virtual machines", err);
	if (!ret)
		ret = rec_prepare(rec, &st, "INSERT INTO vm(doc) VALUES(?1)", err);
	for (size_t i = 0; i < vms->n && !ret; i++)
		ret = vm_add(rec, st, &vms->v[i], true, err);
	for (size_t i = 0; others && i < others->n && !ret; i++)
		ret = vm_add(rec, st, &others->v[i], false, err);
	sqlite3_finalize(st);
	return ret;
}
