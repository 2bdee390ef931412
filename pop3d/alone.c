/* SPDX-License-Identifier: ISC */
/* alone.c: auth and a fellow, with a key of their own. */
#include "alone.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fds.h"
#include "wire_auth.h"

static bool
is_somebody_at(const struct service *s)
{
	char path[64];
	struct fault f;
	int fd;

	(void)snprintf(path, sizeof(path), "run/%s", s->name);
	if (fds_connect_unix(path, &fd, &f) != OK)
		return false;
	(void)close(fd);
	return true;
}

enum outcome
alone_start(
    struct service *auth, struct service *other, bool *alone, struct fault *f)
{
	char number[16];
	enum outcome got = OK;
	int key = -1;

	*alone = !is_somebody_at(auth) || !is_somebody_at(other);
	auth->own = other->own = *alone;
	if (*alone) {
		got = auth_ticket_draw_key(&key, f);
		(void)snprintf(number, sizeof(number), "%d", key);
		(void)setenv(AUTH_KEY_ENV, number, 1);
		(void)fcntl(key, F_SETFD, 0);
	}
	if (got == OK)
		got = service_open(auth, f);
	if (got == OK && *alone)
		got = service_open(other, f);
	/* We shall not make tickets, even if we could. */
	fds_close(&key);
	if (got == OK)
		*f = FAULT_NONE; /* no socket there, but a child: no fault */
	return got;
}
