// SPDX-License-Identifier: GPL-2.0-only
#include "bpf/ladder.h"

#include <ctype.h>

#include "bpf/clock.h"

#define HALT_NOTE "counted when the halt ends"
#define RUN_NOTE "entries as the processor-specific code makes them"
#define EXIT_NOTE "exits, which are entries but for a guest still inside"
#define PREEMPTIBLE "a preemptible kernel refuses some events of fentry programs"

/*
 * Up to 5.16 kvm_vcpu_block is poll and sleep, the study's function, and x86 calls the handler of
 * HLT exits kvm_vcpu_halt. Then that became kvm_emulate_halt_noskip (x86 alone has
 * kvm_emulate_halt, before and after), poll and sleep kvm_vcpu_halt, and the old name is the sleep
 * only.
 */
static const struct vnx_unless halt_is_handler[] = {
	{ "kvm_emulate_halt", "kvm_emulate_halt_noskip",
	  "the handler of HLT exits, which neither polls nor sleeps" },
	{ NULL, NULL, NULL },
};
static const struct vnx_unless block_is_part[] = {
	{ "kvm_emulate_halt_noskip", NULL, "the sleep only, a part of kvm_vcpu_halt" },
	{ "kvm_vcpu_halt", "kvm_emulate_halt", "the sleep only, a part of kvm_vcpu_halt" },
	{ NULL, NULL, NULL },
};

/*
 * The study counted handle_tx, handle_rx, vcpu_enter_guest and kvm_vcpu_block (kernel 4.4).
 * What stands for each today, best first: the function itself by the cheapest mechanism,
 * then what runs call for call with it.
 */
static const struct vnx_candidate ladder[] = {
	{ VNX_HANDLE_TX, "fentry:handle_tx", "vhost_net", NULL, NULL },
	{ VNX_HANDLE_TX, "kprobe:handle_tx", "vhost_net", NULL, NULL },
	{ VNX_HANDLE_RX, "fentry:handle_rx", "vhost_net", NULL, NULL },
	{ VNX_HANDLE_RX, "kprobe:handle_rx", "vhost_net", NULL, NULL },
	{ VNX_VCPU_ENTER, "fentry:vcpu_enter_guest", "kvm", NULL, NULL },
	{ VNX_VCPU_ENTER, "kprobe:vcpu_enter_guest", "kvm", NULL, NULL },
	{ VNX_VCPU_ENTER, "raw_tp:kvm_entry", "kvm", NULL, NULL },
	{ VNX_VCPU_ENTER, "tp:kvm:kvm_entry", "kvm", NULL, NULL },
	{ VNX_VCPU_ENTER, "fentry:vmx_vcpu_run", "kvm_intel", NULL, RUN_NOTE },
	{ VNX_VCPU_ENTER, "fentry:svm_vcpu_run", "kvm_amd", NULL, RUN_NOTE },
	{ VNX_VCPU_ENTER, "kprobe:vmx_vcpu_run", "kvm_intel", NULL, RUN_NOTE },
	{ VNX_VCPU_ENTER, "kprobe:svm_vcpu_run", "kvm_amd", NULL, RUN_NOTE },
	{ VNX_VCPU_ENTER, "raw_tp:kvm_exit", "kvm", NULL, EXIT_NOTE },
	{ VNX_VCPU_ENTER, "tp:kvm:kvm_exit", "kvm", NULL, EXIT_NOTE },
	{ VNX_VCPU_HALT, "fentry:kvm_vcpu_halt", "kvm", halt_is_handler, NULL },
	{ VNX_VCPU_HALT, "kprobe:kvm_vcpu_halt", "kvm", halt_is_handler, NULL },
	{ VNX_VCPU_HALT, "fentry:kvm_vcpu_block", "kvm", block_is_part, NULL },
	{ VNX_VCPU_HALT, "kprobe:kvm_vcpu_block", "kvm", block_is_part, NULL },
	{ VNX_VCPU_HALT, "raw_tp:kvm_vcpu_wakeup", "kvm", NULL, HALT_NOTE },
	{ VNX_VCPU_HALT, "tp:kvm:kvm_vcpu_wakeup", "kvm", NULL, HALT_NOTE },
};

static const char *const kind_names[VNX_HOOK_KIND_MAX] = {
	[VNX_HOOK_FENTRY] = "fentry",
	[VNX_HOOK_KPROBE] = "kprobe",
	[VNX_HOOK_RAW_TP] = "raw_tp",
	[VNX_HOOK_TP] = "tp",
};

const struct vnx_capture_ops *const vnx_captures[] = {
	&vnx_capture_bpf,
	&vnx_capture_ftrace,
	&vnx_capture_perf,
	NULL,
};

const struct vnx_capture_ops *vnx_capture_find(const char *name)
{
	for (size_t i = 0; vnx_captures[i]; i++)
		if (!strcmp(vnx_captures[i]->name, name))
			return vnx_captures[i];
	return NULL;
}

const struct vnx_candidate *vnx_ladder(size_t *n)
{
	*n = VNX_ARRAY_SIZE(ladder);
	return ladder;
}

const char *vnx_candidate_differs(const struct vnx_unless *unless,
				  bool (*has)(const void *arg, const char *function),
				  const void *arg)
{
	for (; unless && unless->has; unless++)
		if (has(arg, unless->has) && !(unless->lacks && has(arg, unless->lacks)))
			return unless->why;
	return NULL;
}

/* A name goes into files of tracefs: nothing but what kernel names are made of. */
static bool copy_name(char *dst, size_t size, const char *src, size_t len)
{
	if (!len || len >= size || isdigit((unsigned char)src[0]))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)src[i]) && src[i] != '_' && src[i] != '.')
			return false;
	memcpy(dst, src, len);
	dst[len] = '\0';
	return true;
}

static bool parse_spec(const char *text, struct vnx_hook_spec *out)
{
	const char *colon = strchr(text, ':'), *name;
	size_t kind_len = colon ? (size_t)(colon - text) : 0;
	int kind = 0;

	while (kind < VNX_HOOK_KIND_MAX &&
	       (strlen(kind_names[kind]) != kind_len || strncmp(text, kind_names[kind], kind_len)))
		kind++;
	if (!colon || kind == VNX_HOOK_KIND_MAX)
		return false;
	out->kind = (enum vnx_hook_kind)kind;
	name = colon + 1;
	if (kind == VNX_HOOK_TP) {
		colon = strchr(name, ':');
		if (!colon ||
		    !copy_name(out->system, sizeof(out->system), name, (size_t)(colon - name)))
			return false;
		name = colon + 1;
	}
	return copy_name(out->name, sizeof(out->name), name, strlen(name));
}

int vnx_hook_parse(const char *text, struct vnx_hook_spec *out, struct vnx_err *err)
{
	memset(out, 0, sizeof(*out));
	if (parse_spec(text, out))
		return 0;
	memset(out, 0, sizeof(*out));
	vnx_err_set(err, -EINVAL, VNX_EXIT_USAGE, "bad-hook", "'%.64s' is not a hook", text);
	vnx_err_hint(err, "Hooks are fentry:FUNCTION, kprobe:FUNCTION, raw_tp:NAME and "
			  "tp:SYSTEM:NAME");
	return -EINVAL;
}

static void hook_fini(struct vnx_hook *h)
{
	free(h->refused.v);
	h->refused = (struct vnx_refusals){ 0 };
}

void vnx_hooks_fini(struct vnx_hooks *hooks)
{
	for (size_t i = 0; i < hooks->n; i++)
		hook_fini(&hooks->v[i]);
	free(hooks->v);
	*hooks = (struct vnx_hooks){ 0 };
}

int vnx_hooks_copy(struct vnx_hooks *dst, const struct vnx_hooks *src)
{
	*dst = (struct vnx_hooks){ 0 };
	for (size_t i = 0; i < src->n; i++) {
		struct vnx_hook h = src->v[i];

		h.refused = (struct vnx_refusals){ 0 };
		if (vnx_vec_push(dst, h))
			goto fail;
		for (size_t j = 0; j < src->v[i].refused.n; j++)
			if (vnx_vec_push(&dst->v[i].refused, src->v[i].refused.v[j]))
				goto fail;
	}
	return 0;
fail:
	vnx_hooks_fini(dst);
	return -ENOMEM;
}

void vnx_hooks_end(struct vnx_hooks *hooks, enum vnx_metric metric)
{
	for (size_t i = 0; i < hooks->n; i++)
		if (hooks->v[i].metric == metric && hooks->v[i].since_ns && !hooks->v[i].until_ns)
			hooks->v[i].until_ns = vnx_clock_mono();
}

void vnx_hook_note(struct vnx_hook *hook, const char *what)
{
	size_t n = strlen(hook->note);

	if (!strstr(hook->note, what))
		snprintf(hook->note + n, sizeof(hook->note) - n, "%s%s", n ? "; " : "", what);
}

static struct vnx_hook *find_hook(struct vnx_hooks *hooks, enum vnx_metric metric)
{
	for (size_t i = 0; i < hooks->n; i++)
		if (hooks->v[i].metric == metric)
			return &hooks->v[i];
	return NULL;
}

int vnx_hooks_distrust(struct vnx_hooks *hooks, enum vnx_metric metric, const char *why)
{
	struct vnx_refusal no = { .silent = true };
	struct vnx_hook *hook = find_hook(hooks, metric);

	if (!hook || !hook->hook[0])
		return 0;
	snprintf(no.hook, sizeof(no.hook), "%s", hook->hook);
	snprintf(no.why, sizeof(no.why), "%s", why);
	hook->hook[0] = hook->note[0] = '\0';
	hook->since_ns = hook->until_ns = 0;
	hook->verified = (struct vnx_verified){ 0 };
	return vnx_vec_push(&hook->refused, no);
}

static bool is_counted(const struct vnx_hook *hook)
{
	for (size_t i = 0; i < hook->refused.n; i++)
		if (hook->refused.v[i].later)
			return true;
	return hook->hook[0];
}

unsigned vnx_hooks_cover(const struct vnx_hooks *hooks)
{
	unsigned n = 0;

	for (size_t i = 0; i < hooks->n; i++)
		n += is_counted(&hooks->v[i]);
	return n;
}

int vnx_hooks_need(const struct vnx_hooks *hooks, const char *backend, struct vnx_err *err)
{
	for (size_t i = 0; i < hooks->n; i++)
		if (hooks->v[i].hook[0])
			return 0;
	for (size_t i = 0; i < hooks->n; i++) {
		const struct vnx_refusals *r = &hooks->v[i].refused;

		if (!r->n)
			continue;
		vnx_err_hint(err,
			     "`vnetdx check` shows every candidate; --hook METRIC=HOOK names one");
		return vnx_err_set(err, -EOPNOTSUPP, VNX_EXIT_UNSUPPORTED, "no-hook",
				   "no wanted function can be counted by back end %s; %s: %s",
				   backend, r->v[0].hook, r->v[0].why);
	}
	return vnx_err_set(err, -EOPNOTSUPP, VNX_EXIT_UNSUPPORTED, "no-hook",
			   "back end %s has no hook for any wanted metric", backend);
}

int vnx_capture_conf_copy(struct vnx_capture_conf *dst, const struct vnx_capture_conf *src)
{
	struct vnx_hook_override *o = NULL;

	*dst = *src;
	dst->overrides = NULL;
	dst->n_overrides = 0;
	if (!src->n_overrides)
		return 0;
	o = calloc(src->n_overrides, sizeof(*o));
	if (!o)
		return -ENOMEM;
	dst->overrides = o;
	for (size_t i = 0; i < src->n_overrides; i++) {
		o[i].metric = src->overrides[i].metric;
		o[i].hook = strdup(src->overrides[i].hook);
		if (!o[i].hook)
			goto fail;
		dst->n_overrides++;
	}
	return 0;
fail:
	vnx_capture_conf_fini(dst);
	return -ENOMEM;
}

void vnx_capture_conf_fini(struct vnx_capture_conf *conf)
{
	for (size_t i = 0; i < conf->n_overrides; i++)
		free((char *)conf->overrides[i].hook);
	free((void *)conf->overrides);
	conf->overrides = NULL;
	conf->n_overrides = 0;
}

struct choice {
	struct vnx_hook *hook;
	vnx_attach_fn attach;
	void *arg;
	bool later; /* some candidate may be there later */
};

static int refuse(struct choice *c, const char *hook, const char *why, bool later)
{
	struct vnx_refusal no = { .later = later };

	c->later |= later;
	snprintf(no.hook, sizeof(no.hook), "%s", hook);
	snprintf(no.why, sizeof(no.why), "%s", why);
	return vnx_vec_push(&c->hook->refused, no);
}

/* 1: attached; 0: refused, and why is kept; -errno. */
static int try_candidate(struct choice *c, const struct vnx_candidate *cand, struct vnx_err *err)
{
	struct vnx_hook_spec spec;
	char why[VNX_WHY_LEN] = "";
	int ret = vnx_hook_parse(cand->hook, &spec, err);

	if (ret)
		return ret;
	ret = c->attach(c->arg, c->hook->metric, cand, &spec, why);
	if (ret)
		return refuse(c, cand->hook, why, ret == -EAGAIN);
	snprintf(c->hook->hook, sizeof(c->hook->hook), "%s", cand->hook);
	snprintf(c->hook->note, sizeof(c->hook->note), "%s", cand->note ? cand->note : "");
	c->hook->verified = (struct vnx_verified){ 0 };
	memcpy(c->hook->verified.why, why, sizeof(why));
	if (!c->hook->since_ns)
		c->hook->since_ns = vnx_clock_mono();
	c->hook->until_ns = 0;
	return 1;
}

/* Of an earlier choice only what never ran stays. */
static void forget_refusals(struct vnx_refusals *r)
{
	size_t kept = 0;

	for (size_t i = 0; i < r->n; i++)
		if (r->v[i].silent)
			r->v[kept++] = r->v[i];
	r->n = kept;
}

static const char *never_ran(const struct vnx_refusals *r, const char *hook)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->v[i].silent && (!hook || !strcmp(r->v[i].hook, hook)))
			return r->v[i].hook;
	return NULL;
}

static int try_overrides(struct choice *c, const struct vnx_capture_conf *conf, bool *overridden,
			 struct vnx_err *err)
{
	int ret = 0;

	for (size_t i = 0; i < conf->n_overrides && !ret; i++) {
		struct vnx_candidate cand = { .metric = conf->overrides[i].metric,
					      .hook = conf->overrides[i].hook };

		if (cand.metric != c->hook->metric)
			continue;
		*overridden = true;
		ret = try_candidate(c, &cand, err);
	}
	return ret;
}

/* @avoid: fentry only as a reason why not. */
static int try_ladder(struct choice *c, unsigned kinds, bool avoid, struct vnx_err *err)
{
	struct vnx_hook_spec spec;
	int ret = 0;

	for (size_t i = 0; i < VNX_ARRAY_SIZE(ladder) && !ret; i++) {
		const struct vnx_candidate *cand = &ladder[i];

		if (cand->metric != c->hook->metric || vnx_hook_parse(cand->hook, &spec, NULL) ||
		    !(kinds & VNX_KIND(spec.kind)) || never_ran(&c->hook->refused, cand->hook))
			continue;
		ret = avoid && spec.kind == VNX_HOOK_FENTRY
			      ? refuse(c, cand->hook, PREEMPTIBLE, false)
			      : try_candidate(c, cand, err);
	}
	return ret;
}

static int choose_one(struct choice *c, const struct vnx_capture_conf *conf, unsigned kinds,
		      struct vnx_err *err)
{
	const char *silent;
	bool overridden = false;
	int ret;

	forget_refusals(&c->hook->refused);
	ret = try_overrides(c, conf, &overridden, err);
	if (!ret && !overridden)
		ret = try_ladder(c, kinds, conf->kprobe_first, err);
	if (!ret && !overridden && conf->kprobe_first) {
		forget_refusals(&c->hook->refused);
		ret = try_ladder(c, kinds, false, err);
		if (ret == 1 && !strncmp(c->hook->hook, "fentry:", 7))
			vnx_hook_note(c->hook, PREEMPTIBLE);
	}
	silent = never_ran(&c->hook->refused, NULL);
	if (ret == 1 && silent) {
		char what[VNX_HOOK_LEN + 16];

		snprintf(what, sizeof(what), "%s never ran", silent);
		vnx_hook_note(c->hook, what);
	}
	return ret;
}

static int make_rows(struct vnx_hooks *hooks, uint32_t metrics)
{
	for (int m = 0; m < VNX_METRIC_MAX; m++) {
		struct vnx_hook h = { .metric = (enum vnx_metric)m };

		if (vnx_metric_is_call(h.metric) && metrics & 1u << m && vnx_vec_push(hooks, h))
			return -ENOMEM;
	}
	return 0;
}

int vnx_ladder_choose(struct vnx_hooks *hooks, const struct vnx_capture_conf *conf, unsigned kinds,
		      vnx_attach_fn attach, void *arg, unsigned *waiting, struct vnx_err *err)
{
	*waiting = 0;
	if (!hooks->n && make_rows(hooks, conf->metrics))
		return vnx_err_set(err, -ENOMEM, VNX_EXIT_FAILED, "no-memory", "out of memory");
	for (size_t i = 0; i < hooks->n; i++) {
		struct choice c = { &hooks->v[i], attach, arg, false };
		int ret;

		if (hooks->v[i].hook[0])
			continue;
		ret = choose_one(&c, conf, kinds, err);
		if (ret < 0)
			return vnx_err_set(err, ret, VNX_EXIT_FAILED, "no-memory", "out of memory");
		*waiting += !ret && c.later;
	}
	return 0;
}

int vnx_ladder_probe(const struct vnx_capture_ops *ops, const struct vnx_capture_conf *conf,
		     struct vnx_hooks *out, struct vnx_err *err)
{
	struct vnx_capture_conf keep = *conf;
	struct vnx_capture *cap = NULL;
	int ret;

	*out = (struct vnx_hooks){ 0 };
	keep.keep_empty = true;
	ret = ops->open(&cap, &keep, err);
	if (ret)
		return ret;
	ret = vnx_hooks_copy(out, ops->hooks(cap));
	if (ret)
		vnx_err_set(err, ret, VNX_EXIT_FAILED, "no-memory", "out of memory");
	ops->close(cap);
	return ret;
}
