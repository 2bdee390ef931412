/* SPDX-License-Identifier: ISC */
/* config_change.c: pneu.conf changed by a command. */
#include "config_change.h"

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
#include "check.h"
#include "codes.h"
#include "control.h"
#include "fds.h"
#include "identity.h"
#include "journal.h"
#include "operator.h"
#include "prog.h"

#define LOCK_FILE "run/config.lock"
#define LOCK_MS                                                                \
	10000 /* another change, with its reload, is waited for. Chosen */
#define TEMP_FILE ".pneu.conf.new"
#define VALUE_MAX 1024 /* octets of the values that the journal gets. Chosen */

/* Rows whose values may hold a password or a token. */
static const char *const secret[] = { "deliver-program.command" };

struct change {
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
config_change_stand(struct fault *f)
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

	c->name = prog_config_path();
	/* The home's owner may have no right to the directories above it, so a
	   name in it stays one; only a link is followed. */
	(void)snprintf(c->path, sizeof(c->path), "%s", c->name);
	if (lstat(c->name, &st) != 0 ||
	    (S_ISLNK(st.st_mode) && realpath(c->name, c->path) == NULL))
		return fault_set(f, PERM, "5.3.5", errno,
		    "%s (`pneu init` makes one)", c->name);
	(void)snprintf(copy, sizeof(copy), "%s", c->path);
	(void)snprintf(c->directory, sizeof(c->directory), "%s", dirname(copy));
	if (snprintf(c->temp, sizeof(c->temp), "%s/" TEMP_FILE, c->directory) >=
	    (int)sizeof(c->temp))
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

/* ---- what it says ---- */

/* Errors name the file that they would be in. */
static void
say_errors(const struct change *c, struct span errors)
{
	struct span line;

	while (span_next(&errors, '\n', &line)) {
		if (span_has_prefix(line, c->temp))
			(void)fprintf(stderr, "%s" SPAN_FMT "\n", c->name,
			    SPAN_ARG(span_from(line, strlen(c->temp))));
		else
			(void)fprintf(stderr, SPAN_FMT "\n", SPAN_ARG(line));
	}
}

static enum outcome
check_temp(const struct change *c, struct fault *f)
{
	struct buf errors = BUF_INIT(CHECK_MAX), warnings = BUF_INIT(CHECK_MAX);
	struct settings s;

	if (check_config(&s, c->temp, &errors, &warnings, f) == PERM)
		fault_set(f, PERM, "5.3.5", 0,
		    "%s stays as it is: it would have errors", c->name);
	say_errors(c, buf_span(&errors));
	if (f->outcome == OK)
		say_errors(c, buf_span(&warnings));
	config_free(&s);
	buf_free(&errors);
	buf_free(&warnings);
	return f->outcome;
}

static bool
is_secret(const struct setting_row *r)
{
	char name[128];

	(void)snprintf(name, sizeof(name), "%s.%s", r->section, r->key);
	for (size_t i = 0; i < sizeof(secret) / sizeof(secret[0]); i++)
		if (strcmp(secret[i], name) == 0)
			return true;
	return false;
}

static void
tell_edit(struct journal *j, const struct config_edit *e, const char *how)
{
	struct record_out out = journal_begin(j, CODE_CONFIGURED, NULL);
	struct buf values = BUF_INIT(VALUE_MAX);
	char name[128];

	for (size_t i = 0; i < e->values && !is_secret(e->row); i++) {
		buf_adds(&values, i == 0 ? "" : ", ");
		buf_add(&values, e->value[i]);
	}
	(void)snprintf(
	    name, sizeof(name), "%s.%s", e->row->section, e->row->key);
	record_puts(out, "by", operator_name());
	record_puts(out, "how", how);
	record_puts(out, "setting", name);
	record_put_optional(out, "value", buf_span(&values));
	journal_end(j, out);
	buf_free(&values);
}

/* back: the supervisor refused them. */
static void
tell(const struct config_edit *e, size_t n, bool back)
{
	static const char *const how[] = { [CONFIG_SET] = "set",
		[CONFIG_ADD] = "add",
		[CONFIG_UNSET] = "unset" };
	struct journal j;

	journal_open(&j, "pneu");
	for (size_t i = 0; i < n; i++)
		tell_edit(&j, &e[i], back ? "put-back" : how[e[i].how]);
	journal_flush(&j);
	journal_close(&j);
}

/* ---- the whole ---- */

static enum outcome
edit_all(
    struct change *c, const struct config_edit *e, size_t n, struct fault *f)
{
	struct buf next = BUF_INIT(CONFIG_FILE_MAX);

	buf_add(&c->text, buf_span(&c->old));
	for (size_t i = 0; i < n && f->outcome == OK; i++) {
		struct buf swap = c->text;

		buf_reset(&next);
		if (config_edit(buf_span(&c->text), &e[i], &next, f) == OK) {
			c->text = next;
			next = swap;
		}
	}
	buf_free(&next);
	return f->outcome;
}

static enum outcome
write_new(struct change *c, struct fault *f)
{
	if (write_temp(c, buf_span(&c->text), f) != OK)
		return f->outcome;
	if (check_temp(c, f) == OK && !is_as_it_was(c))
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
put_in_force(const struct change *c, const struct config_edit *e, size_t n,
    struct config_changed *done, struct fault *f)
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
	tell(e, n, true);
	return fault_context(f, "%s is as it was", c->name);
}

enum outcome
config_change(const struct config_edit *e, size_t n, bool now,
    struct config_changed *done, struct fault *f)
{
	struct change c = { .lock = -1,
		.old = BUF_INIT(CONFIG_FILE_MAX),
		.text = BUF_INIT(CONFIG_FILE_MAX) };

	*done = (struct config_changed){ .changed = false };
	f->outcome = OK;
	if (find_file(&c, f) != OK || take_lock(&c, f) != OK ||
	    read_old(&c, f) != OK || edit_all(&c, e, n, f) != OK)
		goto out;
	if (span_same(buf_span(&c.old), buf_span(&c.text)))
		goto out;
	if (write_new(&c, f) != OK)
		goto out;
	done->changed = true;
	tell(e, n, false);
	if (now)
		(void)!put_in_force(&c, e, n, done, f);
out:
	fds_close(&c.lock);
	buf_free(&c.old);
	buf_free(&c.text);
	return f->outcome;
}
