// SPDX-License-Identifier: GPL-2.0-only
/*
 * Asks every back end and every source of evidence what it could count here, and judges.
 */
#include "cli/commands/check.h"

#define PROBE_BIN_NS (500 * VNX_NSEC_PER_MSEC)

static const enum vnx_metric wanted[] = { VNX_HANDLE_TX, VNX_HANDLE_RX, VNX_VCPU_ENTER,
					  VNX_VCPU_HALT };

const char *vnx_check_verdict_name(enum vnx_check_verdict verdict)
{
	static const char *const names[] = { "can", "partly", "cannot" };

	return names[verdict];
}

const char *vnx_fact_state_name(enum vnx_fact_state state)
{
	static const char *const names[] = { "ok", "note", "problem", "unknown" };

	return names[state];
}

const struct vnx_hook *vnx_check_hook(const struct vnx_check_backend *backend,
				      enum vnx_metric metric)
{
	for (size_t i = 0; i < backend->hooks.n; i++)
		if (backend->hooks.v[i].metric == metric)
			return &backend->hooks.v[i];
	return NULL;
}

static bool counts(const struct vnx_check_backend *b, enum vnx_metric metric)
{
	const struct vnx_hook *h = vnx_check_hook(b, metric);

	return b->usable && h && h->hook[0];
}

static int ask_backend(struct vnx_check_backend *b, const struct vnx_check_conf *asked)
{
	struct vnx_capture_conf conf = { .bin_ns = PROBE_BIN_NS,
					 .overrides = asked->overrides,
					 .n_overrides = asked->n_overrides,
					 .threads_hint = 1 };
	int ret;

	for (size_t i = 0; i < VNX_ARRAY_SIZE(wanted); i++)
		conf.metrics |= 1u << wanted[i];
	ret = b->ops->probe(&b->err);
	if (!ret)
		ret = vnx_ladder_probe(b->ops, &conf, &b->hooks, &b->err);
	b->usable = !ret;
	if (ret && !b->err.message[0])
		vnx_err_set(&b->err, ret, VNX_EXIT_UNSUPPORTED, "no-backend", "%s", strerror(-ret));
	return ret == -ENOMEM ? ret : 0;
}

/* Can a hook of @metric come later, with the module that has the function? */
static bool may_come(const struct vnx_check_backend *b, enum vnx_metric metric)
{
	const struct vnx_hook *h = vnx_check_hook(b, metric);

	for (size_t i = 0; b->usable && h && i < h->refused.n; i++)
		if (h->refused.v[i].later)
			return true;
	return false;
}

enum coverage { COUNTED, LATER, NEVER };

static enum coverage coverage_of(const struct vnx_check *check, enum vnx_metric metric)
{
	const struct vnx_check_backend *b = &check->backends[check->best];

	if (counts(b, metric))
		return COUNTED;
	return may_come(b, metric) ? LATER : NEVER;
}

static bool is_listed(const struct vnx_check *check, size_t i, enum coverage state, uint32_t of)
{
	return of & 1u << wanted[i] && coverage_of(check, wanted[i]) == state;
}

/* "a, b and c" of the wanted metrics @of that are in @state, and how many these are. */
static size_t list_metrics(const struct vnx_check *check, enum coverage state, uint32_t of,
			   char *out, size_t size)
{
	size_t total = 0, n = 0;

	for (size_t i = 0; i < VNX_ARRAY_SIZE(wanted); i++)
		total += is_listed(check, i, state, of);
	out[0] = '\0';
	for (size_t i = 0; i < VNX_ARRAY_SIZE(wanted); i++) {
		size_t len = strlen(out);

		if (!is_listed(check, i, state, of))
			continue;
		snprintf(out + len, size - len, "%s%s",
			 !n               ? ""
			 : n + 1 == total ? " and "
					  : ", ",
			 vnx_metric_name(wanted[i]));
		n++;
	}
	return total;
}

/* Of what comes with a module, each with its own. */
static size_t say_later(const struct vnx_check *check, char *s, size_t size)
{
	static const struct {
		uint32_t metrics;
		const char *module;
	} modules[] = { { 1u << VNX_HANDLE_TX | 1u << VNX_HANDLE_RX, "vhost_net" },
			{ 1u << VNX_VCPU_ENTER | 1u << VNX_VCPU_HALT, "KVM" } };
	size_t n = 0;

	for (size_t i = 0; i < VNX_ARRAY_SIZE(modules); i++) {
		char list[128];

		if (!list_metrics(check, LATER, modules[i].metrics, list, sizeof(list)))
			continue;
		n += (size_t)snprintf(s + n, size - n, "%s%s once %s is loaded", n ? "; " : "",
				      list, modules[i].module);
	}
	return n;
}

/* A back end that would be preferred, but covers less, is named. */
static void say_passed_over(const struct vnx_check *check, char *s, size_t size)
{
	const struct vnx_check_backend *best = &check->backends[check->best];
	size_t n = 0;

	for (size_t i = 0; i < check->best; i++) {
		const struct vnx_check_backend *b = &check->backends[i];

		if (b->usable)
			n += (size_t)snprintf(s + n, size - n,
					      " Back end %s counts %u of %zu, %s %u.", b->ops->name,
					      vnx_hooks_cover(&b->hooks), VNX_ARRAY_SIZE(wanted),
					      best->ops->name, vnx_hooks_cover(&best->hooks));
	}
}

static void judge_usable(struct vnx_check *check)
{
	const char *name = check->backends[check->best].ops->name;
	char now[128], later[256], never[128];
	size_t n_now = list_metrics(check, COUNTED, UINT32_MAX, now, sizeof(now));
	size_t n_later = say_later(check, later, sizeof(later));
	size_t n_never = list_metrics(check, NEVER, UINT32_MAX, never, sizeof(never));
	char *s = check->summary;
	size_t size = sizeof(check->summary), n;

	check->verdict = n_never || !n_now ? VNX_CHECK_PARTLY : VNX_CHECK_CAN;
	n = (size_t)snprintf(s, size, "This host can %s: ",
			     n_never || !n_now ? "be diagnosed partly" : "be diagnosed");
	if (n_now)
		n += (size_t)snprintf(s + n, size - n, "%s %s counted by back end %s", now,
				      n_now > 1 ? "are" : "is", name);
	if (n_later)
		n += (size_t)snprintf(s + n, size - n, "%s%s", n_now ? "; " : "", later);
	if (n_never)
		n += (size_t)snprintf(s + n, size - n, "%s%s cannot be counted",
				      n_now || n_later ? "; " : "", never);
	n += (size_t)snprintf(s + n, size - n, "; the taps' bytes and packets can.");
	say_passed_over(check, s + n, size - n);
}

bool vnx_check_override_refused(const struct vnx_check *check)
{
	for (size_t i = 0; i < check->conf.n_overrides; i++)
		if (check->best == check->n_backends ||
		    coverage_of(check, check->conf.overrides[i].metric) == NEVER)
			return true;
	return false;
}

void vnx_check_judge(struct vnx_check *check)
{
	const char *only = check->conf.backend;

	unsigned most = 0;

	/* As `diagnose` chooses: the back end that covers most, the first of several. */
	check->best = check->n_backends;
	for (size_t i = 0; i < check->n_backends; i++) {
		const struct vnx_check_backend *b = &check->backends[i];
		unsigned covers = b->usable ? vnx_hooks_cover(&b->hooks) : 0;

		if (covers <= most)
			continue;
		most = covers;
		check->best = i;
	}
	if (check->best < check->n_backends) {
		judge_usable(check);
		return;
	}
	check->verdict = VNX_CHECK_CANNOT;
	snprintf(check->summary, sizeof(check->summary),
		 "This host cannot be diagnosed: %s%s can count any of the wanted functions.",
		 only ? "no hook of back end " : "no back end", only ? only : "");
}

int vnx_check_sources(struct vnx_check *check)
{
	for (size_t i = 0; i < VNX_CHECK_SOURCES && vnx_sources[i]; i++) {
		struct vnx_check_source *s = &check->sources[check->n_sources++];
		void *src = NULL;
		int ret;

		s->ops = vnx_sources[i];
		ret = s->ops->open(&src, &s->err);
		if (ret == -ENOMEM)
			return ret;
		s->usable = !ret;
		if (ret && !s->err.message[0])
			vnx_err_set(&s->err, ret, VNX_EXIT_UNSUPPORTED, "no-source", "%s",
				    strerror(-ret));
		if (!ret && s->ops->lacks)
			s->lacks = s->ops->lacks(src);
		if (!ret)
			s->ops->close(src);
	}
	return 0;
}

int vnx_check_gather(struct vnx_check *check, const struct vnx_check_conf *conf)
{
	int ret;

	*check = (struct vnx_check){ .conf = *conf };
	ret = vnx_check_facts(check);
	for (size_t i = 0; vnx_captures[i] && check->n_backends < VNX_CHECK_BACKENDS && !ret; i++) {
		struct vnx_check_backend *b = &check->backends[check->n_backends];

		if (conf->backend && strcmp(conf->backend, vnx_captures[i]->name))
			continue;
		b->ops = vnx_captures[i];
		check->n_backends++;
		ret = ask_backend(b, conf);
	}
	if (!ret)
		ret = vnx_check_sources(check);
	vnx_check_judge(check);
	return ret;
}

void vnx_check_fini(struct vnx_check *check)
{
	for (size_t i = 0; i < check->n_backends; i++)
		vnx_hooks_fini(&check->backends[i].hooks);
	free(check->facts.v);
	memset(check, 0, sizeof(*check));
}
