/* SPDX-License-Identifier: ISC */
/* status_quota.c: mailboxes with a quota, by the counts that are kept. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "fds.h"
#include "status.h"
#include "usage.h"

struct uses {
	uint64_t mailboxes, full;
	uint64_t octets;
};

static void
add_use(int at, const char *name, struct uses *uses)
{
	int fd = openat(at, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct usage use;

	if (fd != -1 && usage_read(fd, &use) && quota_is_set(&use.quota)) {
		uses->mailboxes++;
		uses->octets += use.octets;
		uses->full += usage_room(&use, &use.quota) == 0;
	}
	fds_close(&fd);
}

/* It takes fd. As deep as the paths of mailboxes. */
static void
walk(int fd, struct uses *uses)
{
	DIR *d = fdopendir(fd);
	const struct dirent *e;
	int within;

	if (d == NULL) {
		fds_close(&fd);
		return;
	}
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		within = openat(fd, e->d_name,
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (within != -1)
			walk(within, uses);
		else if (errno == ENOTDIR)
			add_use(fd, e->d_name, uses);
	}
	(void)closedir(d);
}

void
status_quota(struct status *s)
{
	int fd = open(USAGE_DIRECTORY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct uses uses = { 0 };

	if (fd != -1)
		walk(fd, &uses);
	if (uses.mailboxes == 0)
		return;
	status_put(s,
	    json_pack("{s:s, s:I, s:I, s:I, s:b}", "what", "quota", "mailboxes",
	        (json_int_t)uses.mailboxes, "full", (json_int_t)uses.full,
	        "octets", (json_int_t)uses.octets, "well", 1),
	    "quotas: {mailboxes} mailboxes, {full} full, {octets|size} used");
}
