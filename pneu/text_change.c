/* SPDX-License-Identifier: ISC */
/* text_change.c: a text of the configuration, replaced by one rename. */
#include "text_change.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ask.h"
#include "codes.h"
#include "control.h"
#include "fds.h"
#include "identity.h"
#include "journal.h"
#include "operator.h"
#include "output.h"
#include "prog.h"

#define LOCK_FILE "run/config.lock"
#define LOCK_MS                                                                \
	10000 /* another change, with its reload, is waited for. Chosen */

struct change {
	const struct text_change *of;
	const char *name; /* as it is said: pneu.conf */
	char path[FDS_PATH_MAX]; /* of the file itself, through links */
	char temp[FDS_PATH_MAX];
	char directory[FDS_PATH_MAX];
	bool raises; /* root's own file in root's own directory */
	int lock;
	struct stat was;
	struct buf old, text;
};

enum outcome
text_change_stand(struct fault *f)
{
	(void)operator_name(); /* while we are who called us */
	if (prog_stand(f) != OK)
		return f->outcome;
	return identity_take(".", f);
}

/* ---- the file ---- */

/*
 * Root writes only PNEU_CONF, and only where nobody but root can have put a name
 * on the way: a link in a home is its owner's, and so is what it leads to.
 */
static bool
may_raise(const struct change *c)
{
	struct stat st;

	return prog.home == NULL && prog.config == NULL &&
	    strcmp(c->name, PNEU_CONF) == 0 &&
	    strcmp(c->path, PNEU_CONF) == 0 && stat(c->directory, &st) == 0 &&
	    st.st_uid == 0 && (st.st_mode & 022) == 0;
}

static enum outcome
find_file(struct change *c, struct fault *f)
{
	char copy[FDS_PATH_MAX];
	struct stat st;

	c->name = c->of->path;
	/* The home's owner may have no right to the directories above it, so a
	   name in it stays one; only a link is followed. */
	(void)snprintf(c->path, sizeof(c->path), "%s", c->name);
	if (lstat(c->name, &st) != 0 ||
	    (S_ISLNK(st.st_mode) && realpath(c->name, c->path) == NULL))
		return fault_set(f, PERM, "5.3.5", errno,
		    "%s (`pneu init` makes one)", c->name);
	(void)snprintf(copy, sizeof(copy), "%s", c->path);
	(void)snprintf(c->directory, sizeof(c->directory), "%s", dirname(copy));
	(void)snprintf(copy, sizeof(copy), "%s", c->path);
	if (snprintf(c->temp, sizeof(c->temp), "%s/.%s.new", c->directory,
	        basename(copy)) >= (int)sizeof(c->temp))
		return fault_set(f, PERM, "5.3.5", ENAMETOOLONG, "%s", c->name);
	c->raises = may_raise(c);
	return OK;
}

static enum outcome
take_lock(struct change *c, struct fault *f)
{
	c->lock =
	    open(LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (c->lock == -1)
		return fault_set(f, errno == ENOENT ? PERM : TEMP, "4.3.0",
		    errno, "open %s (`pneu init` makes what is missing)",
		    LOCK_FILE);
	if (!fds_lock(c->lock, LOCK_EX, LOCK_MS))
		return fault_set(f, TEMP, "4.3.0", errno,
		    "another command is changing the configuration");
	return OK;
}

static enum outcome
read_old(struct change *c, struct fault *f)
{
	int fd = open(c->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd == -1 || fstat(fd, &c->was) != 0)
		fault_set(f, TEMP, "4.3.0", errno, "open %s", c->name);
	else if (!S_ISREG(c->was.st_mode))
		fault_set(f, PERM, "5.3.5", 0, "%s is not a file", c->name);
	else
		(void)!fds_read_to_end(fd, c->name, &c->old, f);
	fds_close(&fd);
	return f->outcome;
}

static enum outcome
fill_temp(const struct change *c, int fd, struct span text, struct fault *f)
{
	struct stat st;

	if (fd == -1 || fstat(fd, &st) != 0)
		return fault_set(f, PERM, "5.3.5", errno, "write %s", c->temp);
	/* Owner and mode stay. A set-gid directory or root may differ. */
	if ((st.st_uid != c->was.st_uid || st.st_gid != c->was.st_gid) &&
	    fchown(fd, c->was.st_uid, c->was.st_gid) != 0)
		return fault_set(f, PERM, "5.3.5", errno,
		    "%s belongs to uid %lu, gid %lu, whom the new one cannot "
		    "be given",
		    c->name, (unsigned long)c->was.st_uid,
		    (unsigned long)c->was.st_gid);
	if (fds_write_all(fd, text, f) != OK)
		return fault_context(f, "%s", c->temp);
	if (fchmod(fd, c->was.st_mode & 07777) != 0 || fsync(fd) != 0)
		return fault_set(f, TEMP, "4.3.0", errno, "write %s", c->temp);
	return OK;
}

/* The new text beside the file, whole and on disk; its name is ours alone while
   we hold the lock, so what lies there is of one that was killed. */
static enum outcome
write_temp(const struct change *c, struct span text, struct fault *f)
{
	uid_t was = c->raises ? identity_raise() : geteuid();
	int fd;

	(void)unlink(c->temp);
	fd = open(c->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
	    0600);
	(void)!fill_temp(c, fd, text, f);
	fds_close(&fd);
	if (f->outcome != OK)
		(void)unlink(c->temp);
	identity_lower(was);
	return f->outcome;
}

static void
remove_temp(const struct change *c)
{
	uid_t was = c->raises ? identity_raise() : geteuid();

	(void)unlink(c->temp);
	identity_lower(was);
}

/* A person with an editor takes no lock. */
static bool
is_as_it_was(const struct change *c)
{
	struct stat st;

	return stat(c->path, &st) == 0 && st.st_ino == c->was.st_ino &&
	    st.st_size == c->was.st_size &&
	    st.st_mtim.tv_sec == c->was.st_mtim.tv_sec &&
	    st.st_mtim.tv_nsec == c->was.st_mtim.tv_nsec;
}

static enum outcome
put_in_place(const struct change *c, struct fault *f)
{
	uid_t was = c->raises ? identity_raise() : geteuid();

	if (rename(c->temp, c->path) != 0)
		fault_set(f, TEMP, "4.3.0", errno, "rename to %s", c->name);
	else
		(void)!fds_sync_directory(c->directory, f);
	identity_lower(was);
	return f->outcome;
}

void
text_tell(const char *how, const char *setting, struct span value)
{
	struct journal j;
	struct record_out out;

	journal_open(&j, "pneu");
	out = journal_begin(&j, CODE_CONFIGURED, NULL);
	record_puts(out, "by", operator_name());
	record_puts(out, "how", how);
	record_puts(out, "setting", setting);
	record_put_optional(out, "value", value);
	journal_end(&j, out);
	journal_flush(&j);
	journal_close(&j);
}

/* ---- the whole ---- */

static enum outcome
write_new(struct change *c, struct fault *f)
{
	if (write_temp(c, buf_span(&c->text), f) != OK)
		return f->outcome;
	if ((c->of->check == NULL ||
	        c->of->check(c->of->arg, c->name, c->temp, f) == OK) &&
	    !is_as_it_was(c))
		fault_set(f, TEMP, "4.3.0", 0,
		    "%s has been changed by somebody meanwhile: try again",
		    c->name);
	if (f->outcome != OK) {
		remove_temp(c);
		return f->outcome;
	}
	return put_in_place(c, f);
}

/* A configuration that the supervisor refuses would stop its next start. */
static enum outcome
put_in_force(const struct change *c, struct text_changed *done, struct fault *f)
{
	struct fault second = FAULT_NONE;
	bool refused;
	pid_t pid;

	if (lock_holder(&pid, f) != OK || pid == 0)
		return f->outcome;
	done->runs = true;
	if (ask_reload(pid, &done->generation, &refused, f) == OK)
		return OK;
	if (!refused)
		return fault_context(f, "%s is changed, but", c->name);
	if (write_temp(c, buf_span(&c->old), &second) != OK ||
	    put_in_place(c, &second) != OK) {
		prog_warn("%s could not be put back: %s", c->name, second.text);
		return f->outcome;
	}
	done->changed = false;
	c->of->tell(c->of->arg, true);
	return fault_context(f, "%s is as it was", c->name);
}

enum outcome
text_change(const struct text_change *of, bool now, struct text_changed *done,
    struct fault *f)
{
	struct change c = { .of = of,
		.lock = -1,
		.old = BUF_INIT(of->most),
		.text = BUF_INIT(of->most) };

	*done = (struct text_changed){ .changed = false };
	f->outcome = OK;
	if (find_file(&c, f) != OK || take_lock(&c, f) != OK ||
	    read_old(&c, f) != OK ||
	    of->edit(of->arg, buf_span(&c.old), &c.text, f) != OK)
		goto out;
	if (span_same(buf_span(&c.old), buf_span(&c.text)))
		goto out;
	if (write_new(&c, f) != OK)
		goto out;
	done->changed = true;
	of->tell(of->arg, false);
	if (now)
		(void)!put_in_force(&c, done, f);
out:
	fds_close(&c.lock);
	buf_free(&c.old);
	buf_free(&c.text);
	return f->outcome;
}

void
text_say(const char *name, const struct text_changed *done)
{
	json_t *o = json_pack("{s:s, s:b, s:b}", "setting", name, "changed",
	    (int)done->changed, "in_force",
	    (int)(done->generation != 0 || !done->changed));

	if (done->generation != 0)
		(void)json_object_set_new(o, "generation",
		    json_integer((json_int_t)done->generation));
	output(o,
	    !done->changed ? "{setting}: nothing to change\n"
	        : done->generation != 0
	        ? "{setting}: configuration {generation} is in force\n"
	        : "{setting}: changed; in force after the next start or "
	          "reload\n");
}
