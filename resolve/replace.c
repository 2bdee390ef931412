/* SPDX-License-Identifier: ISC */
/* replace.c: files that take the place of others, several as one change. */
#include "replace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fds.h"

/* Octets of the name up to and with its last slash. */
static int
parent_len(const char *name)
{
	const char *slash = strrchr(name, '/');

	return slash == NULL ? 0 : (int)(slash - name) + 1;
}

enum outcome
replacement_begin(struct replacement *r, const char *name, struct fault *f)
{
	int at = parent_len(name), n;

	*r = (struct replacement){ name, .fd = -1 };
	n = snprintf(
	    r->dot_name, sizeof(r->dot_name), "%.*s.%s", at, name, name + at);
	if (n < 0 || (size_t)n >= sizeof(r->dot_name))
		return fault_set(f, PERM, "5.3.0", ENAMETOOLONG, "%s", name);
	/* What lies there is of a run that was cut short. */
	(void)unlink(r->dot_name);
	r->fd = open(r->dot_name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (r->fd == -1)
		return fault_set(
		    f, TEMP, "4.3.0", errno, "create %s", r->dot_name);
	return OK;
}

enum outcome
replacement_sync(struct replacement *r, struct fault *f)
{
	if (fsync(r->fd) == 0)
		return OK;
	return fault_set(f, TEMP, "4.3.0", errno, "fsync %s", r->dot_name);
}

enum outcome
replacement_put(struct replacement *r, struct fault *f)
{
	char parent[REPLACEMENT_NAME_MAX + 2];

	if (r->fd == -1)
		return OK;
	if (rename(r->dot_name, r->name) != 0)
		return fault_set(
		    f, TEMP, "4.3.0", errno, "rename to %s", r->name);
	fds_close(&r->fd);
	(void)snprintf(
	    parent, sizeof(parent), "%.*s.", parent_len(r->name), r->name);
	return fds_sync_directory(parent, f);
}

void
replacement_drop(struct replacement *r)
{
	if (r->fd == -1)
		return;
	(void)unlink(r->dot_name);
	fds_close(&r->fd);
}
