// SPDX-License-Identifier: GPL-2.0-only
#include "cli/evidence/evidence.h"

#include "cli/evidence/threads.h"

const struct vnx_source_ops *const vnx_sources[] = {
	&vnx_source_sched,    &vnx_source_quota,
	&vnx_source_host,     &vnx_source_holder,
	&vnx_source_net,      &vnx_source_load,
	&vnx_source_load_tcp, &vnx_source_kvm,
	&vnx_source_numa,     NULL,
};

_Static_assert(VNX_METRIC_MAX <= 64, "VNX_BIT() has no more");

struct vnx_evidence {
	void **src; /* by place in vnx_sources[], NULL: off */
	struct vnx_source_states states;
	struct vnx_threads threads;
};

static const struct vnx_source_ops *source_find(const char *name)
{
	for (size_t i = 0; vnx_sources[i]; i++)
		if (!strcmp(vnx_sources[i]->name, name))
			return vnx_sources[i];
	return NULL;
}

static int check_names(const char *const *off, size_t n_off, struct vnx_err *err)
{
	char names[160] = "";

	for (size_t i = 0; i < n_off; i++) {
		if (source_find(off[i]) || !strcmp(off[i], "all"))
			continue;
		for (size_t j = 0; vnx_sources[j]; j++) {
			size_t n = strlen(names);

			snprintf(names + n, sizeof(names) - n, "%s, ", vnx_sources[j]->name);
		}
		vnx_err_hint(err, "Sources are %sand all.", names);
		return vnx_err_set(err, -EINVAL, VNX_EXIT_USAGE, "usage",
				   "--without %s: no source of evidence has that name", off[i]);
	}
	return 0;
}

static bool is_off(const char *name, const char *const *off, size_t n_off)
{
	for (size_t i = 0; i < n_off; i++)
		if (!strcmp(off[i], name) || !strcmp(off[i], "all"))
			return true;
	return false;
}

static void state_say(struct vnx_source_state *st, const struct vnx_err *why, int ret)
{
	const char *text = why->message[0] ? why->message : strerror(-ret);

	snprintf(st->why, sizeof(st->why), "%.*s", (int)sizeof(st->why) - 1, text);
	if (why->hint[0])
		snprintf(st->why + strlen(st->why), sizeof(st->why) - strlen(st->why), " (%s)",
			 why->hint);
}

static const struct vnx_source_state *state_find(const struct vnx_source_states *states,
						 const char *name)
{
	for (size_t i = 0; i < states->n; i++)
		if (!strcmp(states->v[i].name, name))
			return &states->v[i];
	return NULL;
}

/* What source @i lacks, in rows after those of the sources; a module may come and show it later. */
static int lacks_say(struct vnx_evidence *ev, size_t i)
{
	const struct vnx_source_ops *ops = vnx_sources[i];
	uint64_t lacks = ev->src[i] && ops->lacks ? ops->lacks(ev->src[i]) : 0;
	const char *why = lacks && ops->lacks_why ? ops->lacks_why(ev->src[i]) : NULL;

	for (int m = 0; lacks && m < VNX_METRIC_MAX; m++) {
		struct vnx_source_state st = { 0 };

		if (!(lacks & VNX_BIT(m)) || state_find(&ev->states, vnx_metric_name(m)))
			continue;
		snprintf(st.name, sizeof(st.name), "%s", vnx_metric_name(m));
		snprintf(st.why, sizeof(st.why), "%s%s", why ? why : "this kernel counts no ",
			 why ? "" : vnx_metric_name(m));
		if (vnx_vec_push(&ev->states, st))
			return -ENOMEM;
	}
	return 0;
}

int vnx_evidence_open(struct vnx_evidence **out, const char *const *off, size_t n_off,
		      struct vnx_err *err)
{
	struct vnx_evidence *ev;
	int ret = check_names(off, n_off, err);

	*out = NULL;
	if (ret)
		return ret;
	ev = calloc(1, sizeof(*ev));
	if (ev)
		ev->src = calloc(VNX_ARRAY_SIZE(vnx_sources), sizeof(*ev->src));
	for (size_t i = 0; ev && ev->src && vnx_sources[i]; i++) {
		struct vnx_source_state st = { 0 };
		struct vnx_err why = { 0 };

		snprintf(st.name, sizeof(st.name), "%s", vnx_sources[i]->name);
		if (is_off(st.name, off, n_off))
			snprintf(st.why, sizeof(st.why), "switched off (--without)");
		else if ((ret = vnx_sources[i]->open(&ev->src[i], &why)))
			state_say(&st, &why, ret);
		if (ret == -ENOMEM || vnx_vec_push(&ev->states, st)) {
			vnx_evidence_close(ev);
			return -ENOMEM;
		}
	}
	if (!ev || !ev->src) {
		free(ev);
		return -ENOMEM;
	}
	for (size_t i = 0; vnx_sources[i]; i++) {
		if (!lacks_say(ev, i))
			continue;
		vnx_evidence_close(ev);
		return -ENOMEM;
	}
	*out = ev;
	return 0;
}

int vnx_evidence_read(struct vnx_evidence *ev, const struct vnx_scene *scene,
		      const struct vnx_readings *out, struct vnx_err *err)
{
	struct vnx_scene with = *scene;
	int ret = vnx_threads_sync(&ev->threads, scene->vms);

	with.threads = &ev->threads;
	for (size_t i = 0; vnx_sources[i] && ret != -ENOMEM; i++) {
		struct vnx_err why = { 0 };

		ret = ev->src[i] ? vnx_sources[i]->read(ev->src[i], &with, out, &why) : 0;
		if (!ret)
			ret = lacks_say(ev, i);
		if (!ret || ret == -ENOMEM)
			continue;
		state_say(&ev->states.v[i], &why, ret);
		vnx_sources[i]->close(ev->src[i]);
		ev->src[i] = NULL;
	}
	return ret == -ENOMEM ? vnx_err_set(err, ret, VNX_EXIT_FAILED, "no-memory", "out of memory")
			      : 0;
}

const struct vnx_source_states *vnx_evidence_states(const struct vnx_evidence *ev)
{
	return &ev->states;
}

const char *vnx_evidence_why(const struct vnx_source_states *states, enum vnx_metric metric)
{
	for (size_t i = 0; vnx_sources[i]; i++) {
		const struct vnx_source_state *st;

		if (!(vnx_sources[i]->metrics & VNX_BIT(metric)))
			continue;
		st = state_find(states, vnx_sources[i]->name);
		if (st && !st->why[0])
			st = state_find(states, vnx_metric_name(metric));
		else if (!st)
			return VNX_NO_EVIDENCE;
		return st ? st->why : NULL;
	}
	return NULL;
}

void vnx_evidence_close(struct vnx_evidence *ev)
{
	if (!ev)
		return;
	for (size_t i = 0; ev->src && vnx_sources[i]; i++)
		if (ev->src[i])
			vnx_sources[i]->close(ev->src[i]);
	free(ev->src);
	free(ev->states.v);
	vnx_threads_fini(&ev->threads);
	free(ev);
}
