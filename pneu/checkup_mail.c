/* SPDX-License-Identifier: ISC */
/* checkup_mail.c: room for mail, and mailboxes that nobody reads. */
#include "checkup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "clock.h"
#include "fds.h"
#include "prog.h"
#include "status.h"

#define UNREAD_DAYS 30 /* without a reader, with mail as old. Chosen */
#define DEPTH_MAX   8 /* of a mailbox's path. Chosen */
#define DAY_S       86400U

/* ---- room ---- */

static void
look_at_room(const struct checkup_row *row, const char *what, const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct space space;
	const char *advice = NULL;

	if (fd == -1 || !space_look(fd, &space))
		checkup_say(
		    row, CHECK_UNKNOWN, "%s: %s", path, strerror(errno));
	else
		advice = status_disk_advice(what, &space);
	if (advice != NULL)
		checkup_say(row, row->severity,
		    "%s, %u %% used, %llu MiB free: %s", path, space.used_pct,
		    (unsigned long long)(space.free_octets >> 20), advice);
	fds_close(&fd);
}

void
checkup_storage(const struct checkup_row *row)
{
	look_at_room(row, "queue", prog.settings.queue.directory);
	look_at_room(row, "mail", prog.settings.mail.directory);
}

/* ---- mailboxes ---- */

/* A POP3 session leaves its time at the mailbox, a Maildir reader at cur/. */
static uint64_t
last_read_s(int box, const char *name)
{
	struct stat st, cur;
	char path[NAME_MAX + sizeof("/cur")];

	(void)snprintf(path, sizeof(path), "%s/cur", name);
	if (fstatat(box, name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
	    fstatat(box, path, &cur, AT_SYMLINK_NOFOLLOW) != 0)
		return UINT64_MAX;
	return (
	    uint64_t)(st.st_mtime > cur.st_mtime ? st.st_mtime : cur.st_mtime);
}

/* Is there mail of before? Names begin with their second. */
static bool
has_old_mail(int box, const char *name, uint64_t before_s)
{
	char path[NAME_MAX + sizeof("/new")];
	const struct dirent *e;
	bool has = false;
	uint64_t at;
	DIR *d;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/new", name);
	fd = openat(box, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	d = fd == -1 ? NULL : fdopendir(fd);
	while (d != NULL && !has && (e = readdir(d)) != NULL)
		has = num_parse(span_head(span_of(e->d_name),
		                    strcspn(e->d_name, ".")),
		          1, UINT64_MAX, &at) &&
		    at < before_s;
	if (d != NULL)
		(void)closedir(d);
	return has;
}

/* It takes fd, the directory `path`. */
static void
walk(const struct checkup_row *row, int fd, const char *path, unsigned depth)
{
	uint64_t now_s = clock_wall_ms() / 1000,
	         before_s = now_s - UNREAD_DAYS * DAY_S, read_s;
	DIR *d = fdopendir(fd);
	const struct dirent *e;
	char below[4096];
	int within;

	if (d == NULL) {
		fds_close(&fd);
		return;
	}
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		(void)snprintf(below, sizeof(below), "%s/%s", path, e->d_name);
		read_s = last_read_s(fd, e->d_name);
		if (read_s != UINT64_MAX) {
			if (read_s < before_s &&
			    has_old_mail(fd, e->d_name, before_s))
				checkup_say(row, row->severity,
				    "%s: nobody has read it for %llu days, and "
				    "mail waits there: ask the user, have it "
				    "forwarded, or remove him",
				    below,
				    (unsigned long long)((now_s - read_s) /
				        DAY_S));
			continue;
		}
		within = depth == 0
		    ? -1
		    : openat(fd, e->d_name,
		          O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (within != -1)
			walk(row, within, below, depth - 1);
	}
	(void)closedir(d);
}

void
checkup_uncollected(const struct checkup_row *row)
{
	const char *mail = prog.settings.mail.directory;
	int fd = open(mail, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd == -1)
		checkup_say(
		    row, CHECK_UNKNOWN, "%s: %s", mail, strerror(errno));
	else
		walk(row, fd, mail, DEPTH_MAX);
}
