// SPDX-License-Identifier: GPL-2.0-only
/*
 * QEMU's arguments, as far as they name the VM and its network cards. Both spellings:
 * "key=value,key=value" with ",," for a comma, and JSON objects as libvirt writes them.
 * See qemu(1) and util/keyval.c, net/net.c of QEMU for what is read here.
 */
#include "cli/host/internal.h"

#include <jansson.h>
#include <strings.h>

struct pair {
	char *key, *value;
};

struct pairs {
	struct pair *v;
	size_t n, cap;
};

static void pairs_fini(struct pairs *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->v[i].key);
		free(p->v[i].value);
	}
	free(p->v);
}

static int pairs_add(struct pairs *p, const char *key, const char *value)
{
	struct pair pair = { strdup(key), strdup(value) };

	if (pair.key && pair.value && !vnx_vec_push(p, pair))
		return 0;
	free(pair.key);
	free(pair.value);
	return -ENOMEM;
}

/* Last value of @key, as in QEMU, or NULL. */
static const char *pairs_get(const struct pairs *p, const char *key)
{
	for (size_t i = p->n; i-- > 0;)
		if (!strcmp(p->v[i].key, key))
			return p->v[i].value;
	return NULL;
}

static bool pairs_on(const struct pairs *p, const char *key)
{
	const char *v = pairs_get(p, key);

	return v && (!strcasecmp(v, "on") || !strcasecmp(v, "yes") || !strcasecmp(v, "true") ||
		     !strcasecmp(v, "y"));
}

/* One element up to a single comma; ",," stands for a comma. Returns what follows it. */
static const char *take_element(const char *s, char *out)
{
	while (*s) {
		if (*s == ',' && *++s != ',')
			break;
		*out++ = *s++;
	}
	*out = '\0';
	return s;
}

static int parse_keyval(struct pairs *p, const char *text, const char *implied)
{
	VNX_CLEANUP_FREE char *elem = malloc(strlen(text) + 1);
	bool first = true;
	int err = 0;

	if (!elem)
		return -ENOMEM;
	while (*text && !err) {
		char *eq;

		text = take_element(text, elem);
		eq = strchr(elem, '=');
		if (eq)
			*eq = '\0';
		if (eq)
			err = pairs_add(p, elem, eq + 1);
		else if (first && implied)
			err = pairs_add(p, implied, elem);
		else if (strlen(elem) > 2 && !strncmp(elem, "no", 2))
			err = pairs_add(p, elem + 2, "off");
		else
			err = pairs_add(p, elem, "on");
		first = false;
	}
	return err;
}

static int add_json_value(struct pairs *p, const char *key, const json_t *v)
{
	char num[32];

	if (json_is_string(v))
		return pairs_add(p, key, json_string_value(v));
	if (json_is_boolean(v))
		return pairs_add(p, key, json_is_true(v) ? "on" : "off");
	if (json_is_integer(v)) {
		snprintf(num, sizeof(num), "%lld", (long long)json_integer_value(v));
		return pairs_add(p, key, num);
	}
	return 0;
}

static int parse_pairs(struct pairs *p, const char *text, const char *implied)
{
	const char *key;
	json_t *root, *v;
	int err = 0;

	if (*text != '{')
		return parse_keyval(p, text, implied);
	/* A value with bytes that are not UTF-8 makes the whole argument unreadable: skipped. */
	root = json_loads(text, JSON_ALLOW_NUL, NULL);
	json_object_foreach(root, key, v) if (!err) err = add_json_value(p, key, v);
	json_decref(root);
	return err;
}

static int set_str(char **dst, const char *value)
{
	*dst = strdup(value ? value : "");
	return *dst ? 0 : -ENOMEM;
}

/* "12", or "12:13:14" as in fds=. */
static int add_fds(struct vnx_ints *out, const char *text)
{
	while (text && *text) {
		char *end;
		long v = strtol(text, &end, 10);

		/* A name given over the monitor (getfd) instead of a number: not ours to know. */
		if (end == text || v < 0 || v > INT32_MAX || (*end && *end != ':'))
			return 0;
		if (vnx_vec_push(out, (int)v))
			return -ENOMEM;
		text = *end ? end + 1 : end;
	}
	return 0;
}

static int add_netdev(struct vnx_qemu *q, const struct pairs *p, const char *id, bool hub)
{
	struct vnx_qemu_netdev nd = { .hub = hub };
	const char *queues = pairs_get(p, "queues");
	uint32_t n = 0;

	if (queues && vnx_parse_u32(queues, '\0', &n) && n <= 1024)
		nd.queues = n;
	/* vhostforce=on means vhost=on unless that says otherwise (net/tap.c). */
	nd.vhost = pairs_get(p, "vhost") ? pairs_on(p, "vhost")
					 : pairs_on(p, "vhostforce") || pairs_get(p, "vhostfd");
	if (set_str(&nd.id, id) || set_str(&nd.type, pairs_get(p, "type")) ||
	    set_str(&nd.ifname, pairs_get(p, "ifname")) || add_fds(&nd.fds, pairs_get(p, "fd")) ||
	    add_fds(&nd.fds, pairs_get(p, "fds")) ||
	    add_fds(&nd.vhostfds, pairs_get(p, "vhostfd")) ||
	    add_fds(&nd.vhostfds, pairs_get(p, "vhostfds")) || vnx_vec_push(&q->netdevs, nd)) {
		free(nd.id);
		free(nd.type);
		free(nd.ifname);
		free(nd.fds.v);
		free(nd.vhostfds.v);
		return -ENOMEM;
	}
	return 0;
}

/* The many names of one card become one. */
static const char *plain_driver(const char *driver)
{
	if (!strcmp(driver, "virtio") || !strncmp(driver, "virtio-net", 10))
		return "virtio-net";
	return driver;
}

static int add_nic(struct vnx_qemu *q, const char *driver, const char *netdev, const char *mac,
		   const char *host, bool hub)
{
	struct vnx_qemu_nic nic = { .hub = hub };

	if (set_str(&nic.driver, plain_driver(driver)) || set_str(&nic.netdev, netdev) ||
	    set_str(&nic.mac, mac) || set_str(&nic.host, host) || vnx_vec_push(&q->nics, nic)) {
		free(nic.driver);
		free(nic.netdev);
		free(nic.mac);
		free(nic.host);
		return -ENOMEM;
	}
	return 0;
}

static const char *const nic_drivers[] = {
	"virtio-net", "e1000",   "rtl8139", "ne2k_",   "pcnet",   "i8255",
	"i82801",     "vmxnet3", "tulip",   "usb-net", "igb",     "spapr-vlan",
	"lan9118",    "xen-net", "rocker",  "sunhme",  "dp8393x",
};

static bool is_nic_driver(const char *driver)
{
	for (size_t i = 0; i < VNX_ARRAY_SIZE(nic_drivers); i++)
		if (!strncmp(driver, nic_drivers[i], strlen(nic_drivers[i])))
			return true;
	return false;
}

static int opt_device(struct vnx_qemu *q, const char *text)
{
	struct pairs p = { 0 };
	int err = parse_pairs(&p, text, "driver");
	const char *driver = pairs_get(&p, "driver"), *netdev = pairs_get(&p, "netdev");

	if (!err && driver && !strncmp(driver, "vfio-pci", 8)) {
		const char *host =
			pairs_get(&p, "host") ? pairs_get(&p, "host") : pairs_get(&p, "sysfsdev");

		err = add_nic(q, "vfio-pci", "", "", host, false);
		q->has_nic = true;
	} else if (!err && driver && (netdev || is_nic_driver(driver))) {
		err = add_nic(q, driver, netdev, pairs_get(&p, "mac"), "", false);
		q->has_nic = true;
	}
	pairs_fini(&p);
	return err;
}

static int opt_netdev(struct vnx_qemu *q, const char *text)
{
	struct pairs p = { 0 };
	int err = parse_pairs(&p, text, "type");

	if (!err)
		err = add_netdev(q, &p, pairs_get(&p, "id"), false);
	q->has_nic = true;
	pairs_fini(&p);
	return err;
}

/* The card that a machine gets where none is named; "" for one we do not know. */
static const char *default_driver(const struct vnx_qemu *q)
{
	if (strstr(q->machine, "q35"))
		return "e1000e";
	if (!strncmp(q->machine, "microvm", 7) || !strncmp(q->machine, "virt", 4))
		return "virtio-net";
	return !q->machine[0] || !strncmp(q->machine, "pc", 2) ? "e1000" : "unknown";
}

/* -nic: back end and card in one. */
static int opt_nic(struct vnx_qemu *q, const char *text)
{
	struct pairs p = { 0 };
	int err = parse_pairs(&p, text, "type");
	const char *type = pairs_get(&p, "type"), *model = pairs_get(&p, "model");
	char id[32];

	q->has_nic = true;
	if (!err && type && strcmp(type, "none")) {
		/* Made up, with a character that no id of a person may hold. */
		snprintf(id, sizeof(id), "#nic%zu", q->netdevs.n);
		err = add_netdev(q, &p, id, false);
		if (!err)
			err = add_nic(q, model ? model : default_driver(q), id,
				      pairs_get(&p, "mac"), "", false);
	}
	pairs_fini(&p);
	return err;
}

/* The old -net: cards and back ends meet on a hub unless the card names a netdev. */
static int opt_net(struct vnx_qemu *q, const char *text)
{
	struct pairs p = { 0 };
	int err = parse_pairs(&p, text, "type");
	const char *type = pairs_get(&p, "type"), *model = pairs_get(&p, "model");
	const char *netdev = pairs_get(&p, "netdev");

	q->has_nic = true;
	if (!err && type && !strcmp(type, "nic"))
		err = add_nic(q, model ? model : default_driver(q), netdev ? netdev : "#hub",
			      pairs_get(&p, "macaddr"), "", !netdev);
	else if (!err && type && strcmp(type, "none"))
		err = add_netdev(q, &p, "#hub", true);
	pairs_fini(&p);
	return err;
}

static int opt_name(struct vnx_qemu *q, const char *text)
{
	struct pairs p = { 0 };
	int err = parse_pairs(&p, text, "guest");
	const char *name = pairs_get(&p, "guest");

	if (!err && name) {
		free(q->name);
		err = set_str(&q->name, name);
	}
	pairs_fini(&p);
	return err;
}

static int opt_machine(struct vnx_qemu *q, const char *text)
{
	struct pairs p = { 0 };
	int err = parse_pairs(&p, text, "type");
	const char *type = pairs_get(&p, "type");

	if (!err && type) {
		snprintf(q->machine, sizeof(q->machine), "%s", type);
		q->no_guest = !strcmp(type, "none");
	}
	pairs_fini(&p);
	return err;
}

static const struct {
	const char *name;
	int (*parse)(struct vnx_qemu *q, const char *text);
	bool before; /* others depend on it, wherever it stands */
} options[] = {
	{ "machine", opt_machine, true }, { "M", opt_machine, true },
	{ "name", opt_name, false },      { "device", opt_device, false },
	{ "netdev", opt_netdev, false },  { "nic", opt_nic, false },
	{ "net", opt_net, false },
};

/* Options whose argument may look like an option of its own. */
static const char *const with_text[] = { "append",  "initrd", "kernel", "drive",  "object",
					 "chardev", "fw_cfg", "smbios", "global", "set" };

static bool takes_text(const char *opt)
{
	for (size_t i = 0; i < VNX_ARRAY_SIZE(with_text); i++)
		if (!strcmp(opt, with_text[i]))
			return true;
	return false;
}

static int parse_pass(struct vnx_qemu *q, const char *s, const char *end, bool before)
{
	while (s < end) {
		const char *opt = s, *arg = s + strlen(s) + 1;
		bool taken = false;
		int err = 0;

		s = arg;
		if (*opt++ != '-')
			continue;
		opt += *opt == '-';
		if (!strcmp(opt, "nodefaults"))
			q->has_nic = true;
		if (arg >= end)
			break;
		for (size_t i = 0; i < VNX_ARRAY_SIZE(options) && !taken; i++) {
			if (strcmp(opt, options[i].name))
				continue;
			taken = true;
			if (options[i].before == before)
				err = options[i].parse(q, arg);
		}
		if (err)
			return err;
		if (taken || takes_text(opt))
			s = arg + strlen(arg) + 1;
	}
	return 0;
}

int vnx_qemu_parse(struct vnx_qemu *out, const char *cmdline, size_t len)
{
	VNX_CLEANUP_FREE char *copy = malloc(len + 1);
	const char *end;
	int err;

	memset(out, 0, sizeof(*out));
	if (!copy)
		return -ENOMEM;
	/* The kernel may hand out a command line whose last NUL is missing. */
	memcpy(copy, cmdline, len);
	copy[len] = '\0';
	end = copy + len;
	err = set_str(&out->name, "");
	if (!err)
		err = parse_pass(out, copy, end, true);
	if (!err)
		err = parse_pass(out, copy, end, false);
	/* Without any network option QEMU adds a card of its own, on its user-mode network. */
	if (!err && !out->has_nic && strncmp(out->machine, "microvm", 7))
		err = add_nic(out, default_driver(out), "#default", "", "", false);
	return err;
}

void vnx_qemu_fini(struct vnx_qemu *qemu)
{
	for (size_t i = 0; i < qemu->netdevs.n; i++) {
		struct vnx_qemu_netdev *nd = &qemu->netdevs.v[i];

		free(nd->id);
		free(nd->type);
		free(nd->ifname);
		free(nd->fds.v);
		free(nd->vhostfds.v);
	}
	for (size_t i = 0; i < qemu->nics.n; i++) {
		struct vnx_qemu_nic *nic = &qemu->nics.v[i];

		free(nic->driver);
		free(nic->netdev);
		free(nic->mac);
		free(nic->host);
	}
	free(qemu->netdevs.v);
	free(qemu->nics.v);
	free(qemu->name);
	memset(qemu, 0, sizeof(*qemu));
}
