// SPDX-License-Identifier: GPL-2.0-only
#include "bpf/kernel.h"

#include <inttypes.h>
#include <mntent.h>
#include <signal.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <zlib.h>

#define KALLSYMS "/proc/kallsyms"
#define KPROBE_PMU "/sys/bus/event_source/devices/kprobe/type"

char *vnx_kernel_read_file(const char *path)
{
	VNX_CLEANUP_FCLOSE FILE *f = fopen(path, "re");
	char *text = NULL;
	size_t n = 0, cap = 0, got;

	if (!f)
		return NULL;
	do {
		if (vnx_vec_grow((void **)&text, &cap, n + 4096, 1)) {
			free(text);
			errno = ENOMEM;
			return NULL;
		}
		got = fread(text + n, 1, cap - n - 1, f);
		n += got;
	} while (got);
	text[n] = '\0';
	return text;
}

static int want_symbol(struct vnx_kernel *k, const char *name, const char *home)
{
	struct vnx_symbol s = { 0 };

	if (!name || vnx_kernel_symbol(k, name))
		return 0;
	snprintf(s.name, sizeof(s.name), "%s", name);
	snprintf(s.home, sizeof(s.home), "%s", home ? home : "");
	return vnx_vec_push(k, s);
}

static int want_others(struct vnx_kernel *k, const struct vnx_candidate *cand)
{
	const struct vnx_unless *u = cand->unless;

	for (; u && u->has; u++)
		if (want_symbol(k, u->has, cand->module) || want_symbol(k, u->lacks, cand->module))
			return -ENOMEM;
	return 0;
}

static int want_hook(struct vnx_kernel *k, const char *hook, const char *home)
{
	struct vnx_hook_spec spec;

	if (vnx_hook_parse(hook, &spec, NULL))
		return 0; /* the ladder complains */
	return spec.kind == VNX_HOOK_FENTRY || spec.kind == VNX_HOOK_KPROBE
		       ? want_symbol(k, spec.name, home)
		       : 0;
}

static void add_copy(struct vnx_symbol *s, const char *bracketed, uint64_t addr)
{
	char mod[sizeof(s->module)] = "";

	if (*bracketed == '[')
		snprintf(mod, sizeof(mod), "%.*s", (int)strcspn(bracketed + 1, "]\n"),
			 bracketed + 1);
	if (*mod && *s->home && strcmp(mod, s->home)) {
		s->elsewhere = true;
		return;
	}
	s->copies++;
	s->addr = addr;
	memcpy(s->module, mod, sizeof(mod));
}

/* One line of kallsyms: "ffffffff81000000 t name\t[module]". */
static void match_line(struct vnx_kernel *k, char *line)
{
	char *type = strchr(line, ' '), *name, *end, *mod;

	if (!type || (type[1] != 't' && type[1] != 'T' && type[1] != 'w' && type[1] != 'W'))
		return;
	name = type + 3;
	end = name + strcspn(name, "\t\n");
	mod = *end == '\t' ? end + 1 : "";
	*end = '\0';
	for (size_t i = 0; i < k->n; i++) {
		struct vnx_symbol *s = &k->v[i];
		size_t len = strlen(s->name);

		if (strncmp(name, s->name, len))
			continue;
		if (!name[len]) {
			add_copy(s, mod, strtoull(line, NULL, 16));
		} else if (name[len] == '.' && name[len + 1] != '_') {
			snprintf(s->variant, sizeof(s->variant), "%s", name);
		}
	}
}

static int scan_symbols(struct vnx_kernel *k)
{
	VNX_CLEANUP_FCLOSE FILE *f = fopen(KALLSYMS, "re");
	VNX_CLEANUP_FREE char *line = NULL;
	size_t cap = 0;

	if (!f)
		return -errno;
	for (size_t i = 0; i < k->n; i++) {
		k->v[i].copies = 0;
		k->v[i].elsewhere = false;
		k->v[i].module[0] = k->v[i].variant[0] = '\0';
	}
	while (getline(&line, &cap, f) > 0)
		match_line(k, line);
	return 0;
}

int vnx_kernel_load(struct vnx_kernel *k, const struct vnx_capture_conf *conf)
{
	size_t n;
	const struct vnx_candidate *c = vnx_ladder(&n);

	for (size_t i = 0; i < n; i++)
		if (want_hook(k, c[i].hook, c[i].module) || want_others(k, &c[i]))
			return -ENOMEM;
	for (size_t i = 0; i < conf->n_overrides; i++)
		if (want_hook(k, conf->overrides[i].hook, NULL))
			return -ENOMEM;
	k->overridden = conf->n_overrides > 0;
	k->modules = vnx_kernel_read_file("/proc/modules");
	return scan_symbols(k);
}

void vnx_kernel_fini(struct vnx_kernel *k)
{
	free(k->v);
	free(k->modules);
	*k = (struct vnx_kernel){ 0 };
}

/*
 * Is the module at @line one that a function is wanted of? An override may be of any. One that is
 * still being loaded is not there yet: no program can be attached to it.
 */
static bool concerns(const struct vnx_kernel *k, const char *line)
{
	size_t len = strcspn(line, " ");

	if (memmem(line, strcspn(line, "\n"), " Loading ", 9))
		return false;
	for (size_t i = 0; i < k->n && !k->overridden; i++)
		if (strlen(k->v[i].home) == len && !memcmp(k->v[i].home, line, len))
			return true;
	return k->overridden;
}

static const char *next_line(const char *line)
{
	line += strcspn(line, "\n");
	return line + (*line == '\n');
}

static const char *next_concern(const struct vnx_kernel *k, const char *line)
{
	while (*line && !concerns(k, line))
		line = next_line(line);
	return line;
}

/*
 * Lines of /proc/modules hold use counts and states that change all the time: a module came
 * or went, or was loaded again, when its name or its address differs.
 */
bool vnx_kernel_same_modules(const struct vnx_kernel *k, const char *a, const char *b)
{
	a = next_concern(k, a);
	b = next_concern(k, b);
	while (*a && *b) {
		size_t la = strcspn(a, "\n"), lb = strcspn(b, "\n");
		size_t na = strcspn(a, " "), nb = strcspn(b, " ");
		const char *xa = memmem(a, la, " 0x", 3), *xb = memmem(b, lb, " 0x", 3);

		if (na != nb || memcmp(a, b, na))
			return false;
		if (!xa != !xb || (xa && strncmp(xa, xb, 3 + 16)))
			return false;
		a = next_concern(k, next_line(a));
		b = next_concern(k, next_line(b));
	}
	return !*a && !*b;
}

int vnx_kernel_refresh(struct vnx_kernel *k)
{
	char *now;
	bool same;
	int ret;

	if (!k->modules)
		return 0;
	now = vnx_kernel_read_file("/proc/modules");
	if (!now)
		return -errno;
	same = vnx_kernel_same_modules(k, k->modules, now);
	ret = same ? 0 : scan_symbols(k);
	if (ret) {
		free(now); /* what changed is still to be looked at */
		return ret;
	}
	free(k->modules);
	k->modules = now;
	return !same;
}

const struct vnx_symbol *vnx_kernel_symbol(const struct vnx_kernel *k, const char *name)
{
	for (size_t i = 0; i < k->n; i++)
		if (!strcmp(k->v[i].name, name))
			return &k->v[i];
	return NULL;
}

/* Its line of /proc/modules: "name size uses users, state 0xaddress". */
static const char *module_line(const struct vnx_kernel *k, const char *module)
{
	size_t len = strlen(module);

	for (const char *p = k->modules; p && *p;) {
		if (!strncmp(p, module, len) && p[len] == ' ')
			return p;
		p += strcspn(p, "\n");
		p += *p == '\n';
	}
	return NULL;
}

uint64_t vnx_kernel_module_base(const struct vnx_kernel *k, const char *module)
{
	const char *line = module_line(k, module);
	const char *x = line ? strstr(line, " 0x") : NULL;
	uint64_t base;
	char *end;

	if (!x || x > line + strcspn(line, "\n"))
		return 0;
	base = strtoull(x + 1, &end, 16);
	if (end <= x + 3)
		return 0;
	return base ? base : VNX_HIDDEN_BASE;
}

bool vnx_kernel_has_module(const struct vnx_kernel *k, const char *module)
{
	char path[128];

	if (module_line(k, module))
		return true;
	/* Built in: such have a folder where they have parameters. */
	snprintf(path, sizeof(path), "/sys/module/%s", module);
	return !access(path, F_OK);
}

/* A CPU is of one maker: where its module is loaded, the other's never will be. */
static const char *rival_of(const char *module)
{
	return !strcmp(module, "kvm_intel") ? "kvm_amd"
	       : !strcmp(module, "kvm_amd") ? "kvm_intel"
					    : NULL;
}

/* The thing itself is absent: for good, or until its module is loaded? */
static int absent(const struct vnx_kernel *k, const struct vnx_candidate *cand, const char *what,
		  char why[VNX_WHY_LEN])
{
	if (cand->module && !vnx_kernel_has_module(k, cand->module)) {
		const char *rival = rival_of(cand->module);

		if (rival && vnx_kernel_has_module(k, rival)) {
			snprintf(why, VNX_WHY_LEN, "not this CPU's: %s is loaded", rival);
			return -ENOENT;
		}
		if (k->modules) {
			snprintf(why, VNX_WHY_LEN, "module %s is not loaded", cand->module);
			return -EAGAIN;
		}
		snprintf(why, VNX_WHY_LEN, "this kernel has no %s, and no modules", cand->module);
		return -ENOENT;
	}
	if (cand->module || !k->modules) {
		snprintf(why, VNX_WHY_LEN, "no such %s in this kernel%s", what,
			 *what == 'f' ? ": inlined" : "");
		return -ENOENT;
	}
	snprintf(why, VNX_WHY_LEN, "no such %s in this kernel, or its module is not loaded", what);
	return -EAGAIN;
}

int vnx_kernel_no_tracepoint(const struct vnx_kernel *k, const struct vnx_candidate *cand,
			     char why[VNX_WHY_LEN])
{
	return absent(k, cand, "tracepoint", why);
}

static bool has_function(const void *kernel, const char *name)
{
	const struct vnx_symbol *s = vnx_kernel_symbol(kernel, name);

	return s && (s->copies || s->variant[0]);
}

int vnx_kernel_check_function(const struct vnx_kernel *k, const struct vnx_candidate *cand,
			      const char *name, const struct vnx_symbol **sym,
			      char why[VNX_WHY_LEN])
{
	const struct vnx_symbol *s = vnx_kernel_symbol(k, name);
	const char *is =
		s && s->copies ? vnx_candidate_differs(cand->unless, has_function, k) : NULL;

	if (is) {
		snprintf(why, VNX_WHY_LEN, "in this kernel %s", is);
		return -ENOENT;
	}
	if (s && s->copies == 1) {
		*sym = s;
		return 0;
	}
	if (s && s->copies) {
		snprintf(why, VNX_WHY_LEN, "this kernel has %u functions of that name", s->copies);
		return -EEXIST;
	}
	if (s && s->variant[0]) {
		snprintf(why, VNX_WHY_LEN,
			 "the compiler left only %s: give it with --hook to use it", s->variant);
		return -ENOENT;
	}
	return absent(k, cand, "function", why);
}

bool vnx_kernel_place(const struct vnx_symbol *sym, const char *name, unsigned nth, char *out,
		      size_t size)
{
	if (!nth--) {
		snprintf(out, size, "%s%s%s", sym->module, *sym->module ? ":" : "", name);
		return true;
	}
	if (*sym->module && !sym->elsewhere && !nth--) {
		snprintf(out, size, "%s", name);
		return true;
	}
	if (!sym->addr || nth)
		return false;
	snprintf(out, size, "0x%" PRIx64, sym->addr);
	return true;
}

static const char *const preemptions[] = { "none", "voluntary", "lazy", "full" };

/* The one that stands at @text, which it ends at. */
static const char *preemption_named(const char *text)
{
	size_t len = strcspn(text, " )\n");

	for (size_t i = 0; i < VNX_ARRAY_SIZE(preemptions); i++)
		if (strlen(preemptions[i]) == len && !memcmp(preemptions[i], text, len))
			return preemptions[i];
	return NULL;
}

/* What @path says after the last @mark, if it can be read and says anything. */
static const char *preemption_after(const char *root, const char *path, const char *mark)
{
	VNX_CLEANUP_FREE char *full = NULL, *text = NULL;
	const char *found = NULL;

	if (asprintf(&full, "%s%s", root, path) < 0)
		return NULL;
	text = vnx_kernel_read_file(full);
	for (const char *p = text; p && (p = strstr(p, mark)); p++)
		found = preemption_named(p + strlen(mark));
	return found;
}

/* What the kernel was built to do unless told otherwise. */
static const char *preemption_built(const char *root, const char *path)
{
	static const char *const options[] = { "CONFIG_PREEMPT_NONE=y\n",
					       "CONFIG_PREEMPT_VOLUNTARY=y\n",
					       "CONFIG_PREEMPT_LAZY=y\n", "CONFIG_PREEMPT=y\n" };
	char full[512], line[256];
	const char *found = NULL;
	gzFile f;

	snprintf(full, sizeof(full), "%s%s", root, path);
	f = gzopen(full, "rbe");
	while (f && !found && gzgets(f, line, sizeof(line)))
		for (size_t i = 0; i < VNX_ARRAY_SIZE(options); i++)
			if (!strcmp(line, options[i]))
				found = preemptions[i];
	if (f)
		gzclose(f);
	return found;
}

const char *vnx_kernel_preemption_at(const char *root, const char *release, const char *version)
{
	const char *word = strstr(version, "PREEMPT"), *found;
	char boot[160];

	found = preemption_after(root, "/sys/kernel/debug/sched/preempt", "(");
	if (found)
		return found;
	/* Without the word it is none or voluntary; with it alone, or for real time, full. */
	if (word && strncmp(word, "PREEMPT_DYNAMIC", 15))
		return strncmp(word, "PREEMPT_LAZY", 12) ? "full" : "lazy";
	found = word ? preemption_after(root, "/proc/cmdline", "preempt=") : NULL;
	if (!found)
		found = preemption_built(root, "/proc/config.gz");
	snprintf(boot, sizeof(boot), "/boot/config-%s", release);
	return found ? found : preemption_built(root, boot);
}

const char *vnx_kernel_preemption(void)
{
	struct utsname u;

	return uname(&u) ? NULL : vnx_kernel_preemption_at("", u.release, u.version);
}

/* Lines are "FUNCTION [MODULE] (1) ...", or without the module. */
int vnx_kernel_is_traced(const char *tracefs, const char *function)
{
	VNX_CLEANUP_FCLOSE FILE *f = NULL;
	VNX_CLEANUP_FREE char *path = NULL, *line = NULL;
	size_t cap = 0, len = strlen(function);
	int found = 0;

	if (asprintf(&path, "%s/enabled_functions", tracefs) < 0)
		return -ENOMEM;
	f = fopen(path, "re");
	if (!f)
		return -errno;
	while (!found && getline(&line, &cap, f) > 0)
		found = !strncmp(line, function, len) && line[len] == ' ';
	return found || !ferror(f) ? found : -EIO;
}

int vnx_kernel_see_fentry(const char *function, char why[VNX_WHY_LEN])
{
	VNX_CLEANUP_FREE char *tracefs = vnx_kernel_tracefs();
	int listed = tracefs ? vnx_kernel_is_traced(tracefs, function) : -ENOENT;

	if (listed >= 0)
		snprintf(why, VNX_WHY_LEN, "%s",
			 listed ? "ftrace lists it in enabled_functions"
				: "attached, but ftrace calls nothing there (enabled_functions)");
	return listed ? 0 : -ENOSYS;
}

int vnx_kernel_kprobe_pmu(char why[VNX_WHY_LEN])
{
	VNX_CLEANUP_FCLOSE FILE *f = fopen(KPROBE_PMU, "re");
	int type;

	if (f && fscanf(f, "%d", &type) == 1 && type > 0)
		return type;
	snprintf(why, VNX_WHY_LEN, "kprobes are switched off in this kernel");
	return -ENOENT;
}

char *vnx_kernel_tracefs(void)
{
	FILE *f = setmntent("/proc/self/mounts", "re");
	struct mntent *m;
	char *path = NULL;

	if (!f)
		return NULL;
	while (!path && (m = getmntent(f)))
		if (!strcmp(m->mnt_type, "tracefs"))
			path = strdup(m->mnt_dir);
	endmntent(f);
	return path;
}

bool vnx_kernel_thread_gone(uint32_t tid)
{
	return kill((pid_t)tid, 0) && errno == ESRCH;
}
