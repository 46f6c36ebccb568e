// SPDX-License-Identifier: GPL-2.0-only
/*
 * vnetdx topology: which VM's packets go which way.
 */
#include "cli/commands/commands.h"
#include "cli/commands/common.h"

#include <inttypes.h>
#include <jansson.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "bpf/clock.h"
#include "cli/host/host.h"
#include "cli/output/csv_write.h"
#include "cli/base/safe.h"

#define NAME_WIDTH_MAX 40
#define LOOKS 4 /* scans, as a vCPU that runs is not told from other threads */
#define LOOK_PAUSE_MS 20

struct opts {
	bool json, csv, dot, quiet, verbose;
	const char *proc;
};

static const struct vnx_opt options[] = {
	VNX_JSON_FLAG(struct opts, json),
	VNX_FLAG(struct opts, csv, "csv", 0, "a row for each card as CSV"),
	VNX_FLAG(struct opts, dot, "dot", 0, "a graph for Graphviz"),
	VNX_STRING_OPTION(struct opts, proc, "proc", 0, "DIR",
			  "read this procfs (/proc), for example the host's in a container"),
	VNX_FLAG(struct opts, quiet, "quiet", 'q', "the table alone: no threads, no remarks"),
	VNX_FLAG(struct opts, verbose, "verbose", 'v', "each card's MAC and interfaces too"),
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

/* ", ifindex 7", "" where there is none. To be freed. */
static char *index_text(uint32_t ifindex)
{
	return ifindex ? vnx_asprintf(", ifindex %u", ifindex) : strdup("");
}

/* What the table has no room for: "tap1: tap, ifindex 7, MAC 52:54:00:12:34:56, ..." */
static void print_card(const struct vnx_iface *f, unsigned indent)
{
	VNX_CLEANUP_FREE char *name = vnx_text_safe(f->name[0] ? f->name : f->nic, NAME_WIDTH_MAX);
	VNX_CLEANUP_FREE char *mac = vnx_text_safe(f->mac[0] ? f->mac : "not known", 0);
	VNX_CLEANUP_FREE char *uplink = vnx_text_safe(f->uplink, NAME_WIDTH_MAX);
	VNX_CLEANUP_FREE char *speed = speed_text(f->uplink_bps);
	VNX_CLEANUP_FREE char *own = index_text(f->ifindex);
	VNX_CLEANUP_FREE char *other = index_text(f->uplink_ifindex);

	if (!name || !mac || !uplink || !speed || !own || !other)
		return;
	printf("%*s%s: %s%s, MAC %s", (int)indent, "", name,
	       f->kind[0] ? f->kind : "no interface of the host", own, mac);
	if (*uplink)
		printf("; uplink %s%s, %s", uplink, other, *speed ? speed : "speed not known");
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

static void print_no_vm(void)
{
	printf("No VM runs on this host.\n"
	       "vnetdx looks for processes that hold a KVM virtual machine or /dev/vhost-net\n"
	       "open, and for QEMU without KVM (qemu-system-*).\n");
}

static void print_details(const struct vnx_vm *vm, const struct opts *o, unsigned indent,
			  unsigned columns)
{
	if (o->quiet)
		return;
	print_threads(vm, indent, columns);
	for (size_t i = 0; i < vm->ifaces.n && o->verbose; i++)
		print_card(&vm->ifaces.v[i], indent);
}

static void print_text(const struct vnx_vms *vms, const struct opts *o)
{
	unsigned width[COL_MAX], columns = terminal_columns();
	bool unnamed = false;

	if (!vms->n) {
		print_no_vm();
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
		print_details(&vms->v[i], o, width[COL_VM] + 2, columns);
		unnamed |= !vms->v[i].vcpus.n;
	}
	if (o->quiet)
		return;
	fputc('\n', stdout);
	for (size_t i = 0; i < vms->n; i++)
		print_remarks(&vms->v[i]);
	if (unnamed)
		printf("vCPU threads not known: start QEMU with -name NAME,debug-threads=on, or "
		       "let\n`vnetdx diagnose` learn them from what enters a guest.\n");
}

/* ---- CSV ---- */

/* What is not known is empty, never 0. */
static char *number_text(uint64_t v)
{
	return v ? vnx_asprintf("%" PRIu64, v) : strdup("");
}

/* "148 149" */
static char *tids_text(const struct vnx_u32s *tids)
{
	char *list = strdup("");

	for (size_t i = 0; i < tids->n && list; i++) {
		char *longer = vnx_asprintf("%s%s%u", list, i ? " " : "", tids->v[i]);

		free(list);
		list = longer;
	}
	return list;
}

/* Prints @text, which it frees, as a field. */
static int put_field(char *text, bool first)
{
	VNX_CLEANUP_FREE char *owned = text;
	VNX_CLEANUP_FREE char *field = owned ? vnx_csv_text(owned) : NULL;

	if (!field)
		return -ENOMEM;
	printf("%s%s", first ? "" : ",", field);
	return 0;
}

/* A card of @vm, or the VM alone where @f is NULL. */
static int put_csv_row(const struct vnx_vm *vm, const struct vnx_iface *f)
{
	static const struct vnx_iface none = { .name = "",
					       .kind = "",
					       .nic = "",
					       .mac = "",
					       .sw = "",
					       .switch_kind = "",
					       .uplink = "",
					       .uplink_bps = -1 };
	const struct vnx_iface *c = f ? f : &none;
	int ret = put_field(strdup(vm->name), true);

	ret |= put_field(number_text(vm->pid), false);
	ret |= put_field(strdup(c->nic), false);
	ret |= put_field(strdup(vnx_backend_name(f ? f->backend : VNX_BACKEND_NONE)), false);
	ret |= put_field(number_text(c->queues), false);
	ret |= put_field(strdup(c->name), false);
	ret |= put_field(strdup(c->kind), false);
	ret |= put_field(number_text(c->ifindex), false);
	ret |= put_field(strdup(c->mac), false);
	ret |= put_field(strdup(c->sw), false);
	ret |= put_field(strdup(c->switch_kind), false);
	ret |= put_field(strdup(c->uplink), false);
	ret |= put_field(number_text(c->uplink_ifindex), false);
	ret |= put_field(c->uplink_bps < 0 ? strdup("") : vnx_asprintf("%" PRId64, c->uplink_bps),
			 false);
	ret |= put_field(tids_text(&vm->workers), false);
	ret |= put_field(tids_text(&vm->vcpus), false);
	putchar('\n');
	return ret ? -ENOMEM : 0;
}

static int print_csv(const struct vnx_vms *vms, struct vnx_err *err)
{
	int ret = 0;

	puts("vm,pid,nic,backend,queues,interface,kind,ifindex,mac,switch,switch_kind,uplink,"
	     "uplink_ifindex,uplink_bps,workers,vcpus");
	for (size_t i = 0; i < vms->n && !ret; i++) {
		const struct vnx_vm *vm = &vms->v[i];

		for (size_t j = 0; (!j || j < vm->ifaces.n) && !ret; j++)
			ret = put_csv_row(vm, vm->ifaces.n ? &vm->ifaces.v[j] : NULL);
	}
	if (ret)
		return vnx_err_set(err, ret, VNX_EXIT_FAILED, "no-memory", "out of memory");
	return 0;
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
		else if (o->csv)
			ret = print_csv(vnx_host_vms(host), err);
		else if (o->dot)
			print_dot(vnx_host_vms(host));
		else
			print_text(vnx_host_vms(host), o);
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
	if (ret >= 0)
		ret = vnx_one_format(o.json, "--json", o.dot, "--dot", &err);
	if (!ret)
		ret = vnx_one_format(o.json, "--json", o.csv, "--csv", &err);
	if (!ret)
		ret = vnx_one_format(o.csv, "--csv", o.dot, "--dot", &err);
	if (!ret)
		ret = show(&o, &err);
	return ret < 0 ? vnx_fail(&err, o.json || vnx_wants_json(argc, argv)) : VNX_EXIT_OK;
}

const struct vnx_command vnx_command_topology = {
	.name = "topology",
	.summary = "the VMs of this host: cards, back ends, workers, vCPUs, switches, uplinks",
	.synopsis = "[--json | --csv | --dot] [--proc DIR] [-q | -v]",
	.text = "Q is the number of queue pairs. Run as root: without, back ends are what QEMU's\n"
		"arguments promise.",
	.opts = options,
	.n_opts = VNX_ARRAY_SIZE(options),
	.run = run,
};
