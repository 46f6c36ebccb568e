// SPDX-License-Identifier: GPL-2.0-only
/*
 * Open vSwitch: the kernel knows only the datapath, the bridge's name is in OVSDB. One
 * JSON-RPC "transact" with three selects (RFC 7047, 4.1.3), read-only.
 */
#include "cli/host/internal.h"

#include <jansson.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define DEFAULT_SOCKET "/var/run/openvswitch/db.sock"
#define REPLY_MAX (64u << 20)
#define TIMEOUT_MS 500

static const char request[] =
	"{\"id\":0,\"method\":\"transact\",\"params\":[\"Open_vSwitch\","
	"{\"op\":\"select\",\"table\":\"Bridge\",\"where\":[],\"columns\":[\"name\",\"ports\"]},"
	"{\"op\":\"select\",\"table\":\"Port\",\"where\":[],\"columns\":[\"_uuid\",\"interfaces\"]},"
	"{\"op\":\"select\",\"table\":\"Interface\",\"where\":[],\"columns\":[\"_uuid\",\"name\"]}]}";

/* @set is ["uuid", X] or ["set", [["uuid", X], ...]]: a set of one is written without "set". */
static bool set_holds(const json_t *set, const char *uuid)
{
	const char *tag = json_string_value(json_array_get(set, 0));
	const json_t *rest = json_array_get(set, 1), *item;
	size_t i;

	if (!tag || !uuid)
		return false;
	if (!strcmp(tag, "uuid"))
		return json_is_string(rest) && !strcmp(json_string_value(rest), uuid);
	json_array_foreach(rest, i, item) if (set_holds(item, uuid)) return true;
	return false;
}

static const char *row_uuid(const json_t *row)
{
	return json_string_value(json_array_get(json_object_get(row, "_uuid"), 1));
}

/* The row of @rows whose set @column holds @uuid. */
static const json_t *row_holding(const json_t *rows, const char *column, const char *uuid)
{
	const json_t *row;
	size_t i;

	json_array_foreach(rows, i,
			   row) if (set_holds(json_object_get(row, column), uuid)) return row;
	return NULL;
}

static const json_t *reply_rows(const json_t *reply, size_t nr)
{
	const json_t *result = json_object_get(reply, "result");

	return json_object_get(json_array_get(result, nr), "rows");
}

static void put_bridge(struct vnx_links *links, const char *iface, const char *bridge)
{
	for (size_t i = 0; iface && bridge && i < links->n; i++)
		if (!strcmp(links->v[i].name, iface))
			snprintf(links->v[i].bridge, sizeof(links->v[i].bridge), "%s", bridge);
}

int vnx_ovsdb_parse(const char *text, size_t len, struct vnx_links *links)
{
	json_t *reply = json_loadb(text, len, JSON_DISABLE_EOF_CHECK, NULL);
	const json_t *bridges = reply_rows(reply, 0), *ports = reply_rows(reply, 1);
	const json_t *ifaces = reply_rows(reply, 2), *row;
	int err = 0;
	size_t i;

	if (!json_is_array(bridges) || !json_is_array(ports) || !json_is_array(ifaces))
		err = -EBADMSG;
	json_array_foreach(ifaces, i, row)
	{
		const json_t *port = row_holding(ports, "interfaces", row_uuid(row));
		const json_t *br = port ? row_holding(bridges, "ports", row_uuid(port)) : NULL;

		if (!err && br)
			put_bridge(links, json_string_value(json_object_get(row, "name")),
				   json_string_value(json_object_get(br, "name")));
	}
	json_decref(reply);
	return err;
}

static int connect_db(const char *path)
{
	struct timeval tv = { .tv_usec = TIMEOUT_MS * 1000 };
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd, err;

	if (strlen(path) >= sizeof(sun.sun_path))
		return -ENAMETOOLONG;
	strcpy(sun.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	if (!connect(fd, (struct sockaddr *)&sun, sizeof(sun)))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

/* The server keeps the stream open: read until the text is one whole JSON value. */
static int read_reply(int fd, struct vnx_links *links)
{
	struct {
		char *v;
		size_t n, cap;
	} buf = { 0 };
	int err = -EBADMSG;
	size_t next_try = 0;

	while (err == -EBADMSG && buf.n < REPLY_MAX) {
		ssize_t n;

		if (vnx_vec_grow((void **)&buf.v, &buf.cap, buf.n + 65536, 1)) {
			err = -ENOMEM;
			break;
		}
		n = recv(fd, buf.v + buf.n, 65536, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			err = !n ? -ECONNRESET : errno == EAGAIN ? -ETIMEDOUT : -errno;
			break;
		}
		buf.n += (size_t)n;
		/* Parsing each piece anew would be quadratic on a big database. */
		if (buf.v[buf.n - 1] != '}' && buf.n < next_try)
			continue;
		next_try = buf.n * 2;
		err = vnx_ovsdb_parse(buf.v, buf.n, links);
	}
	free(buf.v);
	return err;
}

int vnx_ovsdb_bridges(const char *path, struct vnx_links *links, struct vnx_err *err)
{
	VNX_CLEANUP_CLOSE int fd = -1;
	int ret;

	path = path ? path : DEFAULT_SOCKET;
	fd = connect_db(path);
	ret = fd < 0 ? fd : 0;
	if (!ret && send(fd, request, strlen(request), MSG_NOSIGNAL) != (ssize_t)strlen(request))
		ret = -EIO;
	if (!ret)
		ret = read_reply(fd, links);
	if (ret) {
		vnx_err_hint(err, "Run as root; bridges of Open vSwitch are shown as their "
				  "datapath until then.");
		return vnx_err_set(err, ret, VNX_EXIT_FAILED, "no-ovsdb",
				   "Open vSwitch's database at %s does not answer: %s", path,
				   strerror(-ret));
	}
	return 0;
}
