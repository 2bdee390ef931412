/* SPDX-License-Identifier: ISC */
/* quota.c: a mailbox's use against its quota. */
#include "quota.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "directories.h"
#include "fds.h"

/* ---- Counting ---- */

struct counting {
	struct usage *usage;
	int dir;
};

static bool
count_name(void *arg, const struct dirent *e)
{
	struct counting *c = arg;
	uint64_t octets = 0;
	struct stat st;

	if (e->d_name[0] == '.')
		return true;
	if (!maildir_named_octets(span_of(e->d_name), &octets)) {
		if (fstatat(c->dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
			return true; /* it went meanwhile */
		octets = (uint64_t)st.st_size;
	}
	c->usage->octets += octets;
	c->usage->messages++;
	return true;
}

/* One pass: what moves meanwhile is counted once too often, or not at all, and
   rightly the next time. */
static enum outcome
count_part(struct mailbox_store *s, const char *path, const char *part,
    struct usage *u, struct fault *f)
{
	struct counting c = { u, mailbox_open_part(s, path, part) };
	struct fault why;
	enum outcome got = OK;

	if (c.dir == -1 && errno == ENOENT) /* a mailbox without cur/ */
		return OK;
	if (c.dir == -1)
		return mailbox_missing(s, path, errno, f);
	if (maildir_list(c.dir, count_name, &c, &why) != OK)
		got = mailbox_failed(s, path, why.error, "count", f);
	(void)close(c.dir);
	return got;
}

static enum outcome
count(struct mailbox_store *s, const struct deliver_req *req, struct usage *u,
    struct fault *f)
{
	*u = (struct usage){ .quota = req->quota,
		.counted_ms = clock_wall_ms() };
	if (count_part(s, req->path, "new", u, f) != OK ||
	    count_part(s, req->path, "cur", u, f) != OK)
		return f->outcome;
	return OK;
}

/* ---- The check ---- */

static bool
is_due(const struct usage *u, const struct deliver_req *req, uint64_t octets)
{
	uint64_t age = usage_age_ms(u, clock_wall_ms());

	return u->length == 0 || age >= USAGE_KEPT_MS ||
	    (age >= USAGE_OLD_MS && usage_is_over(u, &req->quota, octets));
}

/* Its lines are many, or it was counted under another quota. */
static bool
is_stale(const struct usage *u, const struct deliver_req *req)
{
	return u->length > USAGE_LONG || u->quota.octets != req->quota.octets ||
	    u->quota.messages != req->quota.messages;
}

/*
 * A use that cannot be kept (no quota/, a full disk) is counted each time: slow,
 * but right. Half a line, or none, is no count for the next one.
 */
static void
keep(struct quota_check *c, const struct usage *u)
{
	if (c->fd != -1 && !usage_write(c->fd, u))
		fds_close(&c->fd);
}

static enum outcome
full(const struct deliver_req *req, const struct usage *u, struct fault *f)
{
	return fault_set(f, TEMP, FAULT_FULL, 0,
	    "mailbox %s is full: %" PRIu64 " octets, %" PRIu64
	    " messages; quota=%" PRIu64 " quota-messages=%" PRIu64,
	    req->path, u->octets, u->messages, req->quota.octets,
	    req->quota.messages);
}

enum outcome
quota_check(struct mailbox_store *s, const struct deliver_req *req,
    struct quota_check *c, struct fault *f)
{
	struct maildir_name name = { .octets = 0 };
	struct usage u = { .length = 0 };

	*c = (struct quota_check){ .fd = -1 };
	if (!quota_is_set(&req->quota))
		return OK;
	(void)maildir_parse_name(span_of(req->name), &name);
	c->octets = name.octets;
	if (s->quota != -1)
		c->fd = usage_make(s->quota, req->path);
	if (c->fd != -1)
		(void)usage_read(c->fd, &u);
	if (is_due(&u, req, c->octets)) {
		if (count(s, req, &u, f) != OK) {
			quota_end(c);
			return f->outcome;
		}
		keep(c, &u);
	} else if (is_stale(&u, req)) {
		u.quota = req->quota;
		keep(c, &u);
	}
	if (!usage_is_over(&u, &req->quota, c->octets))
		return OK;
	quota_end(c);
	return full(req, &u, f);
}

void
quota_took(struct quota_check *c)
{
	/* One that is lost is found when it is counted. */
	if (c->fd != -1)
		(void)!usage_add(c->fd, c->octets, 1);
	quota_end(c);
}

void
quota_end(struct quota_check *c)
{
	fds_close(&c->fd);
}
