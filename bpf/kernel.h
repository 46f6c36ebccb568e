/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the running kernel has, asked of the kernel itself and never of its version:
 * functions (kallsyms), modules, kprobes, tracefs.
 */
#ifndef VNX_KERNEL_H
#define VNX_KERNEL_H

#include "bpf/ladder.h"

struct vnx_symbol {
	char name[64];
	char module[64];  /* "" : the kernel itself */
	char variant[96]; /* a compiler's copy of it ("f.constprop.0") where f is absent */
	char home[64];    /* module it is wanted of where it is no built-in, "": any */
	unsigned copies;  /* in home or the kernel itself; 0: absent */
	uint64_t addr;    /* of a copy, 0: hidden from us */
	bool elsewhere;   /* another module has a function of that name */
};

struct vnx_kernel {
	struct vnx_symbol *v; /* the functions of the ladder and the overrides */
	size_t n, cap;
	char *modules;   /* text of /proc/modules, NULL: this kernel has no modules */
	bool overridden; /* hooks of any module may be wanted */
};

/* Looks all functions of the ladder and of conf->overrides up. */
int vnx_kernel_load(struct vnx_kernel *k, const struct vnx_capture_conf *conf) VNX_MUST_CHECK;
void vnx_kernel_fini(struct vnx_kernel *k);
/* Looks again if modules that matter came or went since; 1: they did. Cheap when not. -errno. */
int vnx_kernel_refresh(struct vnx_kernel *k);
/* Do two texts of /proc/modules tell of the same ones, as far as hooks may be in them? */
bool vnx_kernel_same_modules(const struct vnx_kernel *k, const char *a, const char *b);
/* NULL: not one of the functions looked up. */
const struct vnx_symbol *vnx_kernel_symbol(const struct vnx_kernel *k, const char *name);
#define VNX_HIDDEN_BASE 1 /* kernel.kptr_restrict */
/*
 * Where the module is loaded, 0: not loaded or built in. Tells one loaded anew, or where addresses
 * are hidden from us at least one that is gone.
 */
uint64_t vnx_kernel_module_base(const struct vnx_kernel *k, const char *module);
bool vnx_kernel_has_module(const struct vnx_kernel *k, const char *module);

/*
 * May a function candidate be tried? 0 and *sym, or as a vnx_attach_fn fails, with @why.
 */
int vnx_kernel_check_function(const struct vnx_kernel *k, const struct vnx_candidate *cand,
			      const char *name, const struct vnx_symbol **sym,
			      char why[VNX_WHY_LEN]);
/*
 * How a probe names the entry of function @name: MODULE:FUNCTION, as others may have a function of
 * that name; where the kernel does not find that (ENOENT of 6.7 to 6.11 and some stable ones),
 * FUNCTION alone if no other module has it; its address, "0x...". @nth from 0; false: no more.
 */
bool vnx_kernel_place(const struct vnx_symbol *sym, const char *name, unsigned nth, char *out,
		      size_t size);
/*
 * "none", "voluntary", "lazy" or "full": may the kernel be preempted in the middle of its own
 * work? NULL: not told. At @root in tests; @version is what `uname -v` says.
 */
const char *vnx_kernel_preemption(void);
const char *vnx_kernel_preemption_at(const char *root, const char *release, const char *version);
/*
 * Is @function among those that ftrace calls something at (enabled_functions)? 1, 0, or -errno
 * where that cannot be read. @tracefs: its folder.
 */
int vnx_kernel_is_traced(const char *tracefs, const char *function);
/*
 * Attached is not yet called: 7.3 takes an fentry program for a function that ftrace then calls
 * nothing at. -ENOSYS for such, 0 else or where ftrace cannot be asked; @why says what was seen.
 * (Of a kprobe the list says nothing: it may stand in the code itself.)
 */
int vnx_kernel_see_fentry(const char *function, char why[VNX_WHY_LEN]);
/* The same answer for a tracepoint that is not there. */
int vnx_kernel_no_tracepoint(const struct vnx_kernel *k, const struct vnx_candidate *cand,
			     char why[VNX_WHY_LEN]);
/* Type of the kprobe PMU, or -ENOENT: kprobes are switched off; @why says so. */
int vnx_kernel_kprobe_pmu(char why[VNX_WHY_LEN]);
/* Where tracefs is mounted, NULL: nowhere. Caller frees. Mounts nothing. */
char *vnx_kernel_tracefs(void);
/* All of a file of /proc, which tells no size, as a string; NULL and errno. Caller frees. */
char *vnx_kernel_read_file(const char *path);
/* Thread id of no thread? */
bool vnx_kernel_thread_gone(uint32_t tid);

#endif
