// SPDX-License-Identifier: GPL-2.0-only
/*
 * vnetdx topology: which VM's packets go which way.
 */
#include "cli/commands/commands.h"

#include <jansson.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "cli/clock.h"
#include "cli/host/host.h"
#include "cli/output/safe.h"

#define NAME_WIDTH_MAX 40
#define LOOKS 4 /* scans, as a vCPU that runs is not told from other threads */
#define LOOK_PAUSE_MS 20

struct opts {
	bool json, dot;
	const char *proc;
};

static const struct vnx_opt options[] = {
	{ "json", 0, VNX_OPT_FLAG, offsetof(struct opts, json), NULL, "one JSON document" },
	{ "dot", 0, VNX_OPT_FLAG, offsetof(struct opts, dot), NULL, "a graph for Graphviz" },
	{ "proc", 0, VNX_OPT_STRING, offsetof(struct opts, proc), "DIR",
	  "read this procfs (/proc), for example the host's in a container" },
};

/* ---- text ---- */

enum column {
	COL_VM,
	COL_PID,
	COL_NIC,
	COL_BACKEND,
	COL_QUEUES,
	COL_TAP,
	COL_SWITCH,
	COL_UPLINK,
	COL_MAX
};

static const char *const headings[COL_MAX] = { "VM", "PID", "NIC",    "BACK END",
					       "Q",  "TAP", "SWITCH", "UPLINK" };
/* Columns that may be cut where the terminal is narrow. */
static const bool may_shrink[COL_MAX] = { [COL_VM] = true,
					  [COL_NIC] = true,
					  [COL_TAP] = true,
					  [COL_SWITCH] = true,
					  [COL_UPLINK] = true };

#define SHRINK_MIN 6

static unsigned terminal_columns(void)
{
	const char *env = getenv("COLUMNS");
	struct winsize ws;
	unsigned long n;
	char *end;

	if (isatty(STDOUT_FILENO) && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) && ws.ws_col >= 40)
		return ws.ws_col;
	n = env ? strtoul(env, &end, 10) : 0;
	return env && *env && !*end && n >= 40 && n <= 1000 ? (unsigned)n : 80;
}

static char *speed_text(int64_t bps)
{
	if (bps < 0)
		return strdup("");
	if (bps >= 1000000000)
		return vnx_asprintf("%.3g Gbit/s", (double)bps / 1e9);
	return vnx_asprintf("%.3g Mbit/s", (double)bps / 1e6);
}

/* "10G": tables have no room for more. */
static char *short_speed(int64_t bps)
{
	if (bps < 0)
		return strdup("");
	return bps >= 1000000000 ? vnx_asprintf(" %.3gG", (double)bps / 1e9)
				 : vnx_asprintf(" %.3gM", (double)bps / 1e6);
}

static char *switch_text(const struct vnx_iface *f)
{
	if (!f->switch_kind[0])
		return strdup("-");
	if (!f->sw[0])
		return vnx_asprintf("%s", f->switch_kind);
	return vnx_asprintf("%s (%s)", f->sw, f->switch_kind);
}

static char *uplink_text(const struct vnx_iface *f)
{
	VNX_CLEANUP_FREE char *speed = short_speed(f->uplink_bps);

	if (!f->uplink[0])
		return strdup(f->sw[0] ? "none seen" : "-");
	return vnx_asprintf("%s%s", f->uplink, speed ? speed : "");
}

static char *or_dash(const char *s)
{
	return strdup(s[0] ? s : "-");
}

/* One row: a card of @vm, or the VM alone where @f is NULL. Strings are the caller's. */
static void fill_row(char *row[COL_MAX], const struct vnx_vm *vm, const struct vnx_iface *f,
		     bool first)
{
	row[COL_VM] = first ? vnx_text_safe(vm->name, NAME_WIDTH_MAX) : strdup("");
	row[COL_PID] = first ? vnx_asprintf("%u", vm->pid) : strdup("");
	row[COL_NIC] = f ? or_dash(f->nic) : strdup("no card");
	row[COL_BACKEND] = f ? strdup(vnx_backend_name(f->backend)) : strdup("-");
	row[COL_QUEUES] = f && f->queues ? vnx_asprintf("%u", f->queues) : strdup("-");
	row[COL_TAP] = f ? or_dash(f->name) : strdup("-");
	row[COL_SWITCH] = f ? switch_text(f) : strdup("-");
	row[COL_UPLINK] = f ? uplink_text(f) : strdup("-");
}

static void free_row(char *row[COL_MAX])
{
	for (int c = 0; c < COL_MAX; c++)
		free(row[c]);
}

static void grow_widths(unsigned width[COL_MAX], char *row[COL_MAX])
{
	for (int c = 0; c < COL_MAX; c++) {
		VNX_CLEANUP_FREE char *safe = vnx_text_safe(row[c], NAME_WIDTH_MAX);
		unsigned w = safe ? vnx_text_width(safe) : 0;

		if (w > width[c])
			width[c] = w;
	}
}

/* Takes from the widest column that may give until the row fits. */
static void fit_widths(unsigned width[COL_MAX], unsigned columns)
{
	for (;;) {
		unsigned sum = 2 * (COL_MAX - 1);
		int widest = -1;

		for (int c = 0; c < COL_MAX; c++) {
			sum += width[c];
			if (may_shrink[c] && width[c] > SHRINK_MIN &&
			    (widest < 0 || width[c] > width[widest]))
				widest = c;
		}
		if (sum <= columns || widest < 0)
			return;
		width[widest]--;
	}
}

static void print_row(const char *const row[COL_MAX], const unsigned width[COL_MAX])
{
	for (int c = 0; c < COL_MAX; c++) {
		/* The last column is not padded: no blanks at the end of a line. */
		if (c == COL_MAX - 1) {
			VNX_CLEANUP_FREE char *safe = vnx_text_safe(row[c], width[c]);

			printf("%s\n", safe ? safe : "");
			return;
		}
		vnx_text_cell(stdout, row[c], width[c]);
		fputs("  ", stdout);
	}
}

typedef void (*row_fn)(char *row[COL_MAX], void *ctx);

static void each_row(const struct vnx_vm *vm, row_fn fn, void *ctx)
{
	char *row[COL_MAX];

	for (size_t i = 0; i == 0 || i < vm->ifaces.n; i++) {
		fill_row(row, vm, vm->ifaces.n ? &vm->ifaces.v[i] : NULL, i == 0);
		fn(row, ctx);
		free_row(row);
	}
}

static void measure_row(char *row[COL_MAX], void *ctx)
{
	grow_widths(ctx, row);
}

static void show_row(char *row[COL_MAX], void *ctx)
{
	print_row((const char *const *)row, ctx);
}

/* " 12 13 14", broken before @columns with @indent blanks. Returns the column it ends in. */
static unsigned print_tids(const struct vnx_u32s *tids, unsigned col, unsigned indent,
			   unsigned columns)
{
	for (size_t i = 0; i < tids->n; i++) {
		char text[16];
		unsigned len = (unsigned)snprintf(text, sizeof(text), " %u", tids->v[i]);

		if (col + len > columns) {
			printf("\n%*s", (int)indent, "");
			col = indent;
		}
		fputs(text, stdout);
		col += len;
	}
	return col;
}

static void print_threads(const struct vnx_vm *vm, unsigned indent, unsigned columns)
{
	unsigned col = indent;

	printf("%*s", (int)indent, "");
	if (vm->workers.n) {
		fputs("vhost", stdout);
		col = print_tids(&vm->workers, col + 5, indent + 2, columns);
		fputs("; ", stdout);
		col += 2;
	}
	fputs(vm->vcpus.n ? "vCPUs" : "vCPUs not known", stdout);
	print_tids(&vm->vcpus, col + 5, indent + 2, columns);
	fputc('\n', stdout);
}

/* What an operator should know about a card, or NULL. */
static const char *card_remark(const struct vnx_vm *vm, const struct vnx_iface *f)
{
	switch (f->backend) {
	case VNX_BACKEND_EMULATED:
		return "emulated by QEMU: no vhost; use virtio-net with vhost=on";
	case VNX_BACKEND_QEMU:
		return "no vhost: QEMU itself moves the packets; use vhost=on";
	case VNX_BACKEND_VHOST_NET:
		return vm->workers.n ? NULL : "vhost-net is open but no worker thread is seen";
	case VNX_BACKEND_VHOST_USER:
		return "served by a user-space switch: see that switch's own counters";
	case VNX_BACKEND_VDPA:
	case VNX_BACKEND_VFIO:
		return "served by hardware: see the device's own counters";
	case VNX_BACKEND_NONE:
		return "user-mode network or unplugged: no interface of the host";
	default:
		return NULL;
	}
}

static void print_remarks(const struct vnx_vm *vm)
{
	VNX_CLEANUP_FREE char *name = vnx_text_safe(vm->name, NAME_WIDTH_MAX);

	for (size_t i = 0; i < vm->ifaces.n; i++) {
		const struct vnx_iface *f = &vm->ifaces.v[i];
		const char *remark = card_remark(vm, f);
		VNX_CLEANUP_FREE char *nic = vnx_text_safe(f->nic, NAME_WIDTH_MAX);

		if (remark)
			printf("%s: %s, %s\n", name ? name : "", nic ? nic : "", remark);
	}
}

static void print_text(const struct vnx_vms *vms)
{
	unsigned width[COL_MAX], columns = terminal_columns();
	bool unnamed = false;

	if (!vms->n) {
		printf("No VM runs on this host.\n"
		       "vnetdx looks for processes that hold a KVM virtual machine or /dev/vhost-net\n"
		       "open, and for QEMU without KVM (qemu-system-*).\n");
		return;
	}
	for (int c = 0; c < COL_MAX; c++)
		width[c] = (unsigned)strlen(headings[c]);
	for (size_t i = 0; i < vms->n; i++)
		each_row(&vms->v[i], measure_row, width);
	fit_widths(width, columns);
	print_row(headings, width);
	for (size_t i = 0; i < vms->n; i++) {
		each_row(&vms->v[i], show_row, width);
		print_threads(&vms->v[i], width[COL_VM] + 2, columns);
		unnamed |= !vms->v[i].vcpus.n;
	}
	fputc('\n', stdout);
	for (size_t i = 0; i < vms->n; i++)
		print_remarks(&vms->v[i]);
	if (unnamed)
		printf("vCPU threads not known: start QEMU with -name NAME,debug-threads=on, or "
		       "let\n`vnetdx diagnose` learn them from what enters a guest.\n");
}

/* ---- Graphviz ---- */

/* A node; nodes of one id may be written twice, Graphviz merges them. */
static void dot_node(const char *kind, const char *id, const char *shape, const char *label,
		     const char *more)
{
	printf("  \"%s:", kind);
	vnx_text_escape(stdout, id);
	printf("\" [shape=%s, label=\"", shape);
	vnx_text_escape(stdout, label);
	if (more && *more) {
		fputs("\\n", stdout);
		vnx_text_escape(stdout, more);
	}
	printf("\"];\n");
}

static void dot_edge(const char *from_kind, const char *from, const char *to_kind, const char *to,
		     const char *label)
{
	printf("  \"%s:", from_kind);
	vnx_text_escape(stdout, from);
	printf("\" -- \"%s:", to_kind);
	vnx_text_escape(stdout, to);
	printf("\" [label=\"");
	vnx_text_escape(stdout, label);
	printf("\"];\n");
}

static void dot_card(const char *vm_id, size_t nr, const struct vnx_iface *f)
{
	VNX_CLEANUP_FREE char *id = vnx_asprintf("%s.%zu", vm_id, nr);
	VNX_CLEANUP_FREE char *speed = speed_text(f->uplink_bps);

	if (!id || !speed)
		return;
	dot_node("card", id, "ellipse", f->name[0] ? f->name : f->nic, f->name[0] ? f->nic : "");
	dot_edge("vm", vm_id, "card", id, vnx_backend_name(f->backend));
	if (!f->sw[0])
		return;
	dot_node("switch", f->sw, "hexagon", f->sw, f->switch_kind);
	dot_edge("card", id, "switch", f->sw, "");
	if (!f->uplink[0])
		return;
	dot_node("uplink", f->uplink, "cds", f->uplink, speed);
}

/* Each uplink once, however many cards lead to it. */
static bool uplink_seen(const struct vnx_vms *vms, size_t vm, size_t card)
{
	const struct vnx_iface *f = &vms->v[vm].ifaces.v[card];

	for (size_t i = 0; i <= vm; i++)
		for (size_t j = 0; j < (i == vm ? card : vms->v[i].ifaces.n); j++)
			if (!strcmp(vms->v[i].ifaces.v[j].sw, f->sw) &&
			    !strcmp(vms->v[i].ifaces.v[j].uplink, f->uplink))
				return true;
	return false;
}

static void print_dot(const struct vnx_vms *vms)
{
	printf("graph vnetdx {\n  rankdir=LR;\n");
	for (size_t i = 0; i < vms->n; i++) {
		const struct vnx_vm *vm = &vms->v[i];
		char id[32];

		snprintf(id, sizeof(id), "%u", vm->pid);
		dot_node("vm", id, "box", vm->name, id);
		for (size_t j = 0; j < vm->ifaces.n; j++) {
			const struct vnx_iface *f = &vm->ifaces.v[j];

			dot_card(id, j, f);
			if (f->sw[0] && f->uplink[0] && !uplink_seen(vms, i, j))
				dot_edge("switch", f->sw, "uplink", f->uplink, "");
		}
	}
	printf("}\n");
}

/* ---- JSON ---- */

static json_t *partial_json(const struct vnx_err *partial)
{
	if (!partial)
		return json_null();
	return json_pack("{s:s, s:s, s:s}", "code", partial->code, "message", partial->message,
			 "hint", partial->hint);
}

static int print_json(const struct vnx_vms *vms, const struct vnx_err *partial, struct vnx_err *err)
{
	json_t *list = json_array(), *root;
	int bad = 0;

	for (size_t i = 0; i < vms->n; i++)
		bad |= json_array_append_new(list, vnx_vm_to_json(&vms->v[i]));
	root = json_pack("{s:s, s:o, s:o}", "schema", "vnetdx.topology/1", "vms", list,
			 "incomplete", partial_json(partial));
	if (!root || bad) {
		json_decref(root);
		return vnx_err_set(err, -ENOMEM, VNX_EXIT_FAILED, "no-memory", "out of memory");
	}
	/* A failed write shows in ferror() at the end. */
	(void)json_dumpf(root, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(root);
	return 0;
}

/* ---- the command ---- */

static int look(struct vnx_host *host, struct vnx_err *err)
{
	const struct timespec pause = { .tv_nsec = LOOK_PAUSE_MS * 1000000L };
	int ret = vnx_host_scan(host, vnx_clock_mono(), NULL, err);

	for (int i = 1; i < LOOKS && !ret && vnx_host_vms(host)->n; i++) {
		nanosleep(&pause, NULL);
		ret = vnx_host_scan(host, vnx_clock_mono(), NULL, err);
	}
	return ret;
}

static int show(const struct opts *o, struct vnx_err *err)
{
	struct vnx_host *host = vnx_host_new(o->proc);
	const struct vnx_err *partial;
	int ret;

	if (!host)
		return vnx_err_set(err, -ENOMEM, VNX_EXIT_FAILED, "no-memory", "out of memory");
	ret = look(host, err);
	if (!ret) {
		partial = vnx_host_partial(host);
		if (o->json)
			ret = print_json(vnx_host_vms(host), partial, err);
		else if (o->dot)
			print_dot(vnx_host_vms(host));
		else
			print_text(vnx_host_vms(host));
		if (partial && !o->json)
			fprintf(stderr, "vnetdx: incomplete: %s. %s\n", partial->message,
				partial->hint);
	}
	vnx_host_free(host);
	if (!ret && (fflush(stdout) || ferror(stdout)))
		ret = vnx_err_set(err, -EIO, VNX_EXIT_FAILED, "io", "cannot write to stdout: %s",
				  strerror(errno));
	return ret;
}

static int run(int argc, char **argv)
{
	struct opts o = { .proc = "/proc" };
	struct vnx_err err = { 0 };
	int ret = vnx_options_parse(&vnx_command_topology, argc, argv, &o, NULL, &err);

	if (ret == -ECANCELED)
		return VNX_EXIT_OK;
	if (ret >= 0 && ret < argc)
		ret = vnx_err_set(&err, -EINVAL, VNX_EXIT_USAGE, "usage",
				  "topology takes no operand: \"%s\"", argv[ret]);
	if (ret >= 0 && o.json && o.dot)
		ret = vnx_err_set(&err, -EINVAL, VNX_EXIT_USAGE, "usage",
				  "--json and --dot exclude each other");
	if (ret >= 0)
		ret = show(&o, &err);
	return ret < 0 ? vnx_fail(&err, o.json || vnx_wants_json(argc, argv)) : VNX_EXIT_OK;
}

const struct vnx_command vnx_command_topology = {
	.name = "topology",
	.summary = "the VMs of this host: cards, back ends, workers, vCPUs, switches, uplinks",
	.synopsis = "[--json | --dot] [--proc DIR]",
	.text = "Q is the number of queue pairs. Run as root: without, back ends are what QEMU's\n"
		"arguments promise.",
	.opts = options,
	.n_opts = VNX_ARRAY_SIZE(options),
	.run = run,
};
