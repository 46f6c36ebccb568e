// SPDX-License-Identifier: GPL-2.0-only
/*
 * Facts about the host that explain why a hook is to be had or not. Reads files only.
 */
#include "cli/commands/check.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "bpf/kernel.h"

static int add_fact(struct vnx_check *check, const char *name, enum vnx_fact_state state,
		    const char *remedy, const char *fmt, ...) VNX_PRINTF(5, 6);

static int add_fact(struct vnx_check *check, const char *name, enum vnx_fact_state state,
		    const char *remedy, const char *fmt, ...)
{
	struct vnx_fact f = { .name = name, .state = state };
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f.text, sizeof(f.text), fmt, ap);
	va_end(ap);
	snprintf(f.remedy, sizeof(f.remedy), "%s", remedy ? remedy : "");
	return vnx_vec_push(&check->facts, f);
}

/* First line of a file, at most @size - 1 bytes; false with errno set. */
static bool read_line(const char *path, char *buf, size_t size)
{
	VNX_CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, buf, size - 1);
	if (n < 0)
		return false;
	buf[n] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	return true;
}

static bool exists(const char *path)
{
	return !access(path, F_OK);
}

static uint64_t effective_caps(void)
{
	VNX_CLEANUP_FCLOSE FILE *f = fopen("/proc/self/status", "re");
	unsigned long long caps = 0;
	char line[256];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "CapEff: %llx", &caps) == 1)
			break;
	return caps;
}

static int check_privileges(struct vnx_check *check)
{
	static const struct {
		int bit;
		const char *name;
	} wanted[] = { { CAP_BPF, "CAP_BPF" },
		       { CAP_PERFMON, "CAP_PERFMON" },
		       { CAP_NET_ADMIN, "CAP_NET_ADMIN" },
		       { CAP_SYS_PTRACE, "CAP_SYS_PTRACE" } };
	uint64_t caps = effective_caps();
	char lacking[128] = "";

	/* CAP_SYS_ADMIN holds CAP_BPF and CAP_PERFMON since these were split from it. */
	for (size_t i = 0; i < VNX_ARRAY_SIZE(wanted); i++) {
		bool admin = caps >> CAP_SYS_ADMIN & 1 &&
			     (wanted[i].bit == CAP_BPF || wanted[i].bit == CAP_PERFMON);

		if (!(caps >> wanted[i].bit & 1) && !admin)
			snprintf(lacking + strlen(lacking), sizeof(lacking) - strlen(lacking),
				 "%s%s", lacking[0] ? ", " : "", wanted[i].name);
	}
	if (!lacking[0])
		return add_fact(check, "privileges", VNX_FACT_OK, NULL, "%s",
				geteuid() ? "all capabilities needed" : "root");
	return add_fact(check, "privileges", VNX_FACT_PROBLEM,
			geteuid() ? "Run as root: sudo vnetdx check"
				  : "Run outside of the container or give it these capabilities.",
			"%s without %s", geteuid() ? "not root," : "root, but", lacking);
}

static int check_kernel(struct vnx_check *check)
{
	struct utsname u;

	if (uname(&u))
		return 0;
	return add_fact(check, "kernel", VNX_FACT_OK, NULL, "%.80s %.40s", u.release, u.machine);
}

static int check_preemption(struct vnx_check *check)
{
	if (!check->preemption)
		return add_fact(check, "preemption", VNX_FACT_UNKNOWN, NULL,
				"whether the kernel is preemptible is not told");
	return add_fact(check, "preemption", VNX_FACT_OK, NULL, "%s%s", check->preemption,
			strcmp(check->preemption, "full")
				? ""
				: ": functions are hooked by kprobe, "
				  "fentry programs would miss some calls");
}

static int check_btf(struct vnx_check *check)
{
	if (!exists("/sys/kernel/btf/vmlinux"))
		return add_fact(check, "btf", VNX_FACT_PROBLEM,
				"A kernel with CONFIG_DEBUG_INFO_BTF, as distributions ship it; "
				"kprobes and tracepoints do without.",
				"the kernel has no type information (BTF): no fentry hooks");
	if (check->has_vhost_net && !exists("/sys/kernel/btf/vhost_net") &&
	    exists("/sys/module/vhost_net/initstate"))
		return add_fact(check, "btf", VNX_FACT_PROBLEM,
				"Use the module that came with the kernel.",
				"module vhost_net has no type information (BTF): no fentry "
				"hooks in it");
	return add_fact(check, "btf", VNX_FACT_OK, NULL, "type information (BTF) is there");
}

/* "[none] integrity confidentiality": the one in brackets holds. */
static int check_lockdown(struct vnx_check *check)
{
	char line[128], *open_br, *close_br;

	if (!read_line("/sys/kernel/security/lockdown", line, sizeof(line)))
		return add_fact(check, "lockdown", VNX_FACT_UNKNOWN,
				"The refused hooks above tell. To see the state: "
				"mount -t securityfs securityfs /sys/kernel/security",
				"lockdown state cannot be read: %s", strerror(errno));
	open_br = strchr(line, '[');
	close_br = strchr(line, ']');
	if (!open_br || !close_br || close_br < open_br)
		return add_fact(check, "lockdown", VNX_FACT_UNKNOWN, NULL,
				"lockdown state is not understood: %.60s", line);
	*close_br = '\0';
	if (!strcmp(open_br + 1, "none"))
		return add_fact(check, "lockdown", VNX_FACT_OK, NULL, "not locked down");
	return add_fact(check, "lockdown", VNX_FACT_NOTE,
			"Hooks on functions may be refused; tracepoints stay. Only a boot "
			"without lockdown= (or Secure Boot) changes it.",
			"kernel is locked down: %.40s", open_br + 1);
}

static int check_tracefs(struct vnx_check *check)
{
	VNX_CLEANUP_FREE char *path = vnx_kernel_tracefs();
	char probe[PATH_MAX];

	if (!path)
		return add_fact(check, "tracefs", VNX_FACT_NOTE,
				"Mount it: mount -t tracefs nodev /sys/kernel/tracing",
				"tracefs is not mounted: back ends ftrace and perf need it");
	snprintf(probe, sizeof(probe), "%s/available_events", path);
	if (access(probe, R_OK))
		return add_fact(check, "tracefs", VNX_FACT_PROBLEM,
				errno == EACCES ? "Run as root."
						: "See lockdown below or above; BPF does without.",
				"tracefs at %.80s cannot be read: %s", path, strerror(errno));
	return add_fact(check, "tracefs", VNX_FACT_OK, NULL, "mounted at %.100s", path);
}

static int check_paranoid(struct vnx_check *check)
{
	char line[32], *end;
	long level;

	if (!read_line("/proc/sys/kernel/perf_event_paranoid", line, sizeof(line)))
		return add_fact(check, "perf", VNX_FACT_PROBLEM,
				"A kernel with CONFIG_PERF_EVENTS; BPF tracepoints do without.",
				"the kernel has no perf events: no kprobes for BPF, no back end "
				"perf");
	level = strtol(line, &end, 10);
	if (end == line)
		return add_fact(check, "perf", VNX_FACT_UNKNOWN, NULL,
				"perf_event_paranoid is not a number");
	/* CAP_PERFMON overrides every level. */
	if (geteuid() && level > 0)
		return add_fact(check, "perf", VNX_FACT_PROBLEM, "Run as root.",
				"perf_event_paranoid is %ld: closed to you", level);
	return add_fact(check, "perf", VNX_FACT_OK, NULL, "perf events, perf_event_paranoid %ld",
			level);
}

static int check_kprobes(struct vnx_check *check)
{
	char why[VNX_WHY_LEN] = "";

	if (vnx_kernel_kprobe_pmu(why) < 0)
		return add_fact(check, "kprobes", VNX_FACT_NOTE,
				"A kernel with CONFIG_KPROBE_EVENTS; fentry and tracepoints do "
				"without.",
				"%s", why);
	return add_fact(check, "kprobes", VNX_FACT_OK, NULL, "kprobes are there");
}

static int check_kvm(struct vnx_check *check)
{
	if (!exists("/dev/kvm"))
		return add_fact(check, "kvm", VNX_FACT_PROBLEM,
				"Load kvm_intel or kvm_amd; in a VM, switch nested "
				"virtualisation on; on metal, see the firmware's setting.",
				"/dev/kvm is not there: no KVM guest can run");
	if (access("/dev/kvm", R_OK | W_OK))
		return add_fact(check, "kvm", VNX_FACT_NOTE, "Needed only to run guests.",
				"/dev/kvm is there, but not yours to open");
	return add_fact(check, "kvm", VNX_FACT_OK, NULL, "/dev/kvm is there");
}

static int check_vhost(struct vnx_check *check)
{
	if (!check->has_vhost_net)
		return add_fact(check, "vhost_net", VNX_FACT_NOTE,
				"Load it (modprobe vhost_net), and vhost=on for the VMs' cards.",
				"module vhost_net is not loaded: no VM uses vhost-net now");
	return add_fact(check, "vhost_net", VNX_FACT_OK, NULL, "vhost_net is there");
}

static bool in_path(const char *program, char *found, size_t size)
{
	const char *path = getenv("PATH");

	for (path = path ? path : "/usr/bin:/bin"; *path;) {
		int len = (int)strcspn(path, ":");

		snprintf(found, size, "%.*s/%s", len, path, program);
		if (len && !access(found, X_OK))
			return true;
		path += len;
		path += *path == ':';
	}
	return false;
}

static int check_program(struct vnx_check *check, const char *program, const char *use)
{
	char found[PATH_MAX], remedy[80];

	if (in_path(program, found, sizeof(found)))
		return add_fact(check, program, VNX_FACT_OK, NULL, "%.150s", found);
	snprintf(remedy, sizeof(remedy), "apt install %s", program);
	return add_fact(check, program, VNX_FACT_NOTE, remedy, "%s is not installed: %s", program,
			use);
}

static int check_gnuplot(struct vnx_check *check)
{
	return check_program(check, "gnuplot", "no figures with --report");
}

static int check_iperf3(struct vnx_check *check)
{
	return check_program(check, "iperf3",
			     "throughput is read from the taps or another load's output");
}

int vnx_check_facts(struct vnx_check *check)
{
	static int (*const checks[])(struct vnx_check *) = {
		check_kernel,  check_preemption, check_privileges, check_kvm,
		check_vhost,   check_btf,        check_lockdown,   check_kprobes,
		check_tracefs, check_paranoid,   check_gnuplot,    check_iperf3,
	};
	int err = 0;

	check->preemption = vnx_kernel_preemption();
	check->has_vhost_net = exists("/sys/module/vhost_net");
	for (size_t i = 0; i < VNX_ARRAY_SIZE(checks) && !err; i++)
		err = checks[i](check);
	return err;
}
