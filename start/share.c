/* SPDX-License-Identifier: ISC */
/* share.c: sockets, FIFO and configuration for those who may use them. */
#include "share.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "services.h"
#include "users.h"

/* Every program's user, whether its service runs or not: a reload may start it.
 */
enum outcome
share_begin(struct fault *f)
{
	struct identity who;
	gid_t group[IDENTITY_GROUPS_MAX];
	size_t n = 0;

	if (getuid() != 0)
		return fault_set(f, PERM, "5.3.5", 0,
		    "[pneu] users = separate: only root can give each program "
		    "its user: run it by the unit of systemd or as root, or "
		    "set users = owner");
	for (const struct users_row *r = users_rows; r->program != NULL; r++)
		if (users_find(r->program, &who, f) != OK)
			return f->outcome;
	if (users_find_callers(NULL, &group[n++], f) != OK)
		return f->outcome;
	for (const struct service_row *r = service_rows; r->name; r++) {
		if (r->path == NULL || r->kind == SERVICE_JOURNAL || r->all)
			continue;
		if (n == IDENTITY_GROUPS_MAX)
			abort();
		if (users_find_callers(r->name, &group[n++], f) != OK)
			return f->outcome;
	}
	return identity_join(group, n, f);
}

enum outcome
share_socket(const char *path, const char *service, struct fault *f)
{
	gid_t group;

	/* The group first: until then only the owner may connect. */
	if (users_find_callers(service, &group, f) != OK)
		return f->outcome;
	if (chown(path, (uid_t)-1, group) != 0 || chmod(path, 0660) != 0)
		return fault_set(f, TEMP, "4.3.0", errno, "share %s", path);
	return OK;
}

static enum outcome
share_with_all(int fd, mode_t mode, const char *what, struct fault *f)
{
	gid_t group;

	if (users_find_callers(NULL, &group, f) != OK)
		return f->outcome;
	if (fchown(fd, (uid_t)-1, group) != 0 || fchmod(fd, mode) != 0)
		return fault_set(f, TEMP, "4.3.0", errno, "share %s", what);
	return OK;
}

enum outcome
share_fifo(int fd, struct fault *f)
{
	return share_with_all(fd, 0620, "run/journal", f);
}

enum outcome
share_config(int fd, struct fault *f)
{
	return share_with_all(fd, 0640, "the configuration's copy", f);
}
