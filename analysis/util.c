// SPDX-License-Identifier: GPL-2.0-only
#include "analysis/util.h"

#include <stdarg.h>
#include <unistd.h>

int vnx_err_set(struct vnx_err *err, int ret, int exit_code, const char *code, const char *fmt, ...)
{
	va_list ap;

	if (!err || err->message[0])
		return ret;
	snprintf(err->code, sizeof(err->code), "%s", code);
	va_start(ap, fmt);
	vsnprintf(err->message, sizeof(err->message), fmt, ap);
	va_end(ap);
	err->exit = exit_code;
	return ret;
}

void vnx_err_hint(struct vnx_err *err, const char *fmt, ...)
{
	va_list ap;

	if (!err || err->hint[0])
		return;
	va_start(ap, fmt);
	vsnprintf(err->hint, sizeof(err->hint), fmt, ap);
	va_end(ap);
}

int vnx_vec_grow(void **v, size_t *cap, size_t want, size_t elem_size)
{
	size_t next = *cap ? *cap : 8;
	void *p;

	if (want <= *cap)
		return 0;
	while (next < want) {
		if (next > SIZE_MAX / 2 / elem_size)
			return -ENOMEM;
		next *= 2;
	}
	p = realloc(*v, next * elem_size);
	if (!p)
		return -ENOMEM;
	*v = p;
	*cap = next;
	return 0;
}

char *vnx_asprintf(const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		s = NULL;
	va_end(ap);
	return s;
}

void vnx_cleanup_free(void *p)
{
	free(*(void **)p);
}

void vnx_cleanup_fclose(FILE **f)
{
	if (*f)
		fclose(*f);
}

void vnx_cleanup_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
