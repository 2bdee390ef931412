/* SPDX-License-Identifier: ISC */
/* usage.c: the file of a mailbox's use. */
#include "usage.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "fds.h"
#include "wire.h"

#define FILE_MODE      0640 /* resolve and directory read them */
#define DIRECTORY_MODE 0750
#define NOT_OTHERS     027

bool
quota_is_set(const struct quota *q)
{
	return q->octets > 0 || q->messages > 0;
}

/* ---- The file ---- */

int
usage_open(int dir, const char *path, int flags)
{
	return fds_open_file_beneath(dir, path, flags, 0);
}

/* Directories from the first one on; a mailbox's own name is the file's. */
static void
make_directories(int dir, const char *path)
{
	char part[FDS_PATH_MAX];

	for (const char *slash = strchr(path, '/'); slash != NULL;
	     slash = strchr(slash + 1, '/'))
		if (span_copy((struct span){ path, (size_t)(slash - path) },
		        part, sizeof(part)))
			(void)mkdirat(dir, part, DIRECTORY_MODE);
}

/* The set-group-id bit of quota/ hands its group on: a chmod() of ours, who are
   not in that group, would take the bit away, so the umask says the modes. */
int
usage_make(int dir, const char *path)
{
	int flags = O_RDWR | O_APPEND;
	int fd = usage_open(dir, path, flags);
	mode_t old;

	if (fd != -1 || errno != ENOENT)
		return fd;
	old = umask(NOT_OTHERS);
	make_directories(dir, path);
	fd = fds_open_file_beneath(dir, path, flags | O_CREAT, FILE_MODE);
	(void)umask(old);
	return fd;
}

/* ---- Its lines ---- */

#define AT(member) offsetof(struct usage, member)
static const struct wire_field count_fields[] = {
	{ "time", WIRE_TIME, AT(counted_ms), 0, 0 },
	{ "octets", WIRE_NUMBER, AT(octets), INT64_MAX, 0 },
	{ "messages", WIRE_NUMBER, AT(messages), INT64_MAX, 0 },
	{ "quota", WIRE_NUMBER, AT(quota.octets), INT64_MAX, WIRE_OPTIONAL },
	{ "quota-messages", WIRE_NUMBER, AT(quota.messages), INT64_MAX,
	    WIRE_OPTIONAL },
	{ .key = NULL },
};
static const struct wire_field change_fields[] = {
	{ "octets", WIRE_NUMBER, AT(octets), INT64_MAX, 0 },
	{ "messages", WIRE_NUMBER, AT(messages), INT64_MAX, 0 },
	{ .key = NULL },
};

/* No more than a line can say; both are that much at most. */
static uint64_t
sum(uint64_t a, uint64_t b)
{
	return a + b < INT64_MAX ? a + b : INT64_MAX;
}

/* More was taken off than there was: nothing is left, until the next count. */
static void
change(struct usage *u, const struct usage *by, bool more)
{
	if (more) {
		u->octets = sum(u->octets, by->octets);
		u->messages = sum(u->messages, by->messages);
		return;
	}
	u->octets -= by->octets < u->octets ? by->octets : u->octets;
	u->messages -= by->messages < u->messages ? by->messages : u->messages;
}

/* `count` comes first; what a deletion wrote while it was being made stands
   before it, and is in it or mends itself. */
static bool
apply_line(struct span line, struct usage *u, bool *counted)
{
	struct usage by = { .octets = 0 };
	struct record r;
	struct fault f;
	bool more;

	if (record_parse(line, &r, &f) != OK)
		return false;
	if (record_is(&r, "count")) {
		*counted = wire_take_all(&r, "count", count_fields, &by);
		*u = by;
		return *counted;
	}
	more = record_is(&r, "more");
	if (!wire_take_all(&r, more ? "more" : "less", change_fields, &by))
		return false;
	if (*counted)
		change(u, &by, more);
	return true;
}

bool
usage_read(int fd, struct usage *u)
{
	char text[USAGE_MAX + 1];
	ssize_t n = pread(fd, text, sizeof(text), 0);
	struct span rest, line;
	bool counted = false;

	*u = (struct usage){ .octets = 0 };
	if (n <= 0 || n > USAGE_MAX || text[n - 1] != '\n')
		return false;
	rest = (struct span){ text, (size_t)n };
	while (span_next(&rest, '\n', &line))
		if (!apply_line(line, u, &counted)) {
			*u = (struct usage){ .octets = 0 };
			return false;
		}
	if (counted)
		u->length = (size_t)n;
	return counted;
}

static bool
append(int fd, const char *word, const struct wire_field *fields,
    const struct usage *u)
{
	struct buf b = BUF_INIT(RECORD_MAX);
	struct fault f;
	ssize_t n = -1;

	/* One write: a line never stands within another. */
	if (wire_write(&b, word, fields, u, &f) == OK)
		n = write(fd, b.p, b.len);
	buf_free(&b);
	return n > 0;
}

bool
usage_write(int fd, const struct usage *u)
{
	return ftruncate(fd, 0) == 0 && append(fd, "count", count_fields, u);
}

bool
usage_add(int fd, uint64_t octets, uint64_t messages)
{
	struct usage by = { .octets = octets, .messages = messages };

	return append(fd, "more", change_fields, &by);
}

bool
usage_take_off(int fd, uint64_t octets, uint64_t messages)
{
	struct usage by = { .octets = octets, .messages = messages };

	return append(fd, "less", change_fields, &by);
}

/* ---- What it means ---- */

uint64_t
usage_room(const struct usage *u, const struct quota *q)
{
	if (q->messages > 0 && u->messages >= q->messages)
		return 0;
	if (q->octets == 0)
		return UINT64_MAX;
	return u->octets < q->octets ? q->octets - u->octets : 0;
}

bool
usage_is_over(const struct usage *u, const struct quota *q, uint64_t octets)
{
	uint64_t room = usage_room(u, q);

	return room == 0 || octets > room;
}

uint64_t
usage_age_ms(const struct usage *u, uint64_t now_ms)
{
	return u->counted_ms <= now_ms ? now_ms - u->counted_ms : UINT64_MAX;
}
