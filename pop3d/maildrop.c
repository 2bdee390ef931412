/* SPDX-License-Identifier: ISC */
/*
 * maildrop.c: one message of the snapshot, wherever it went meanwhile; update.
 */
#include "maildrop.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fds.h"
#include "mem.h"
#include "serve.h"
#include "snapshot.h"

#define READ_CHUNK (64UL * 1024)
#define UID_HASH   16 /* octets of the hash of a name */

/* ---- One message ---- */

/* A name in cur/: whose is it? */
static bool
take_name(void *arg, const struct dirent *e)
{
	struct maildrop *d = arg;
	struct message key = { .name = (char *)(uintptr_t)e->d_name,
		.base = (uint8_t)strcspn(e->d_name, ":") };
	struct message *m =
	    bsearch(&key, d->message, d->n, sizeof(key), snapshot_compare);

	if (m == NULL)
		return true;
	m->flags &= (uint8_t)~MESSAGE_MISSED;
	m->flags |= MESSAGE_CUR;
	if (strcmp(m->name, e->d_name) != 0) {
		free(m->name);
		m->name = mem_text(e->d_name);
	}
	return true;
}

/*
 * Something was not where its name says: a reader moved it to cur/ or changed
 * its flags, and most likely not only its own. One listing tells all names
 * anew, and what was missed and is not there is gone. The messages are in order:
 * one that is looked at has been numbered, or maildrop_open() has sorted them.
 */
static enum outcome
find_moved(struct maildrop *d, struct fault *f)
{
	enum outcome got = maildir_each(d->dir[1], take_name, d, f);

	for (size_t i = 0; got == OK && i < d->n; i++)
		if ((d->message[i].flags & MESSAGE_MISSED) != 0)
			d->message[i].flags |= MESSAGE_GONE;
	return got;
}

/* PERM: it is gone. */
static enum outcome
open_message(struct maildrop *d, struct message *m, int *fd, struct fault *f)
{
	*fd = -1;
	for (int i = 0; i < MAILDIR_LOOKS; i++) {
		if ((m->flags & MESSAGE_GONE) != 0)
			return fault_set(f, PERM, "5.2.0", ENOENT, "message");
		*fd = openat(d->dir[(m->flags & MESSAGE_CUR) != 0], m->name,
		    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		if (*fd != -1)
			return OK;
		if (errno != ENOENT)
			break;
		m->flags |= MESSAGE_MISSED;
		/* What was found is found, though cur/ changes all the time. */
		if (find_moved(d, f) != OK && (m->flags & MESSAGE_MISSED) != 0)
			return f->outcome;
	}
	return fault_set(f, TEMP, "4.3.0", errno, "message");
}

/* ---- Sizes ---- */

/*
 * Octets as they would be sent: each LF as CRLF, and one at the end. False, and
 * errno: it cannot be read, or it is long and nobody waits any more. What is
 * sent is read from the start, whatever became of this: so pread().
 */
static bool
count_octets(int fd, uint64_t *octets)
{
	static char chunk[READ_CHUNK];
	char last = '\n';
	off_t at = 0;
	ssize_t got;

	*octets = 0;
	while ((got = pread(fd, chunk, sizeof(chunk), at)) != 0) {
		if (serve_stopping)
			errno = ECANCELED;
		if (serve_stopping || (got < 0 && errno != EINTR))
			return false;
		for (ssize_t i = 0; i < got; last = chunk[i++])
			*octets += chunk[i] == '\n' && last != '\r' ? 2 : 1;
		at += got > 0 ? got : 0;
	}
	if (last != '\n')
		*octets += 2;
	return true;
}

/* Its name's word counts while the size agrees. */
static bool
is_as_named(const struct message *m, const struct stat *st, uint64_t *octets)
{
	uint64_t file;

	return snapshot_sizes(m, &file, octets) && S_ISREG(st->st_mode) &&
	    (uint64_t)st->st_size == file;
}

/* Of the open file; named: as its name says. False, and errno: not known. */
static bool
find_octets(struct message *m, int fd, bool *named)
{
	struct stat st;

	m->flags |= MESSAGE_SIZED | MESSAGE_LOOKED;
	*named = fstat(fd, &st) == 0 && is_as_named(m, &st, &m->octets);
	if (*named || count_octets(fd, &m->octets))
		return true;
	m->octets = 0;
	return false;
}

uint64_t
maildrop_octets(struct maildrop *d, size_t i)
{
	struct message *m = &d->message[i];
	struct stat st;
	struct fault f;
	bool named;
	int fd;

	if ((m->flags & MESSAGE_LOOKED) != 0)
		return m->octets;
	if (fstatat(d->dir[(m->flags & MESSAGE_CUR) != 0], m->name, &st,
	        AT_SYMLINK_NOFOLLOW) != 0 ||
	    !is_as_named(m, &st, &m->octets)) {
		m->octets = 0;
		if (open_message(d, m, &fd, &f) == OK)
			(void)find_octets(m, fd, &named);
		fds_close(&fd);
	}
	m->flags |= MESSAGE_SIZED | MESSAGE_LOOKED;
	return m->octets;
}

uint64_t
maildrop_octets_said(struct maildrop *d, size_t i)
{
	const struct message *m = &d->message[i];

	return d->n > MAILDROP_LOOKS_MAX && (m->flags & MESSAGE_SIZED) != 0
	    ? m->octets
	    : maildrop_octets(d, i);
}

bool
maildrop_sum(struct maildrop *d, size_t *n, uint64_t *octets)
{
	*n = 0;
	*octets = 0;
	for (size_t i = 0; i < d->n; i++) {
		if (maildrop_is_deleted(d, i))
			continue;
		++*n;
		*octets += maildrop_octets_said(d, i);
		if (serve_stopping)
			return false; /* it may be long: nobody waits */
	}
	return true;
}

/* ---- One message, by its number ---- */

void
maildrop_uid(const struct maildrop *d, size_t i, char out[MAILDROP_UID_MAX + 1])
{
	const struct message *m = &d->message[i];
	unsigned char hash[UID_HASH];
	bool plain = m->base <= MAILDROP_UID_MAX;

	for (size_t at = 0; plain && at < m->base; at++)
		plain = is_graph((unsigned char)m->name[at]);
	if (plain) {
		memcpy(out, m->name, m->base);
		out[m->base] = '\0';
		return;
	}
	(void)crypto_generichash(hash, sizeof(hash),
	    (const unsigned char *)m->name, m->base, NULL, 0);
	(void)sodium_bin2hex(out, MAILDROP_UID_MAX + 1, hash, sizeof(hash));
}

enum outcome
maildrop_read(struct maildrop *d, size_t i, bool whole,
    struct message_file *file, struct fault *f)
{
	struct message *m = &d->message[i];
	struct maildir_name name;
	bool named = false;

	if (open_message(d, m, &file->fd, f) != OK)
		return f->outcome;
	if (whole && !find_octets(m, file->fd, &named)) {
		(void)fault_set(f, TEMP, "4.3.0", errno, "message");
		fds_close(&file->fd);
		return f->outcome;
	}
	file->as_it_is =
	    named && maildir_parse_name(span_of(m->name), &name) && !name.dots;
	file->octets = m->octets;
	return OK;
}

bool
maildrop_is_deleted(const struct maildrop *d, size_t i)
{
	return (d->message[i].flags & MESSAGE_DELETED) != 0;
}

void
maildrop_delete(struct maildrop *d, size_t i)
{
	d->message[i].flags |= MESSAGE_DELETED;
}

void
maildrop_undelete_all(struct maildrop *d)
{
	for (size_t i = 0; i < d->n; i++)
		d->message[i].flags &= (uint8_t)~MESSAGE_DELETED;
}

/* ---- Update ---- */

struct update {
	struct maildrop *d;
	void (*removed)(void *arg, const struct message *);
	void *arg;
	bool touched[2];
	enum outcome got;
};

/* False: it is not where its name says. */
static bool
remove_message(struct update *u, struct message *m, struct fault *f)
{
	bool cur = (m->flags & MESSAGE_CUR) != 0;
	int fd = u->d->dir[cur];

	if ((m->flags & MESSAGE_GONE) != 0) {
		/* By whom we do not know: its going is synced as well. */
		u->touched[0] = u->touched[1] = true;
		u->removed(u->arg, m);
	} else if (unlinkat(fd, m->name, 0) == 0) {
		u->touched[cur] = true;
		u->removed(u->arg, m);
	} else if (errno == ENOENT) {
		m->flags |= MESSAGE_MISSED;
		return false;
	} else {
		u->got = fault_set(f, TEMP, "4.3.0", errno, "remove");
	}
	return true;
}

/* One pass over what is to be removed: is there any that was missed? */
static bool
has_missed(struct update *u, struct fault *f)
{
	struct maildrop *d = u->d;
	bool missed = false;

	for (size_t i = 0; i < d->n; i++) {
		if (!maildrop_is_deleted(d, i))
			continue;
		if (remove_message(u, &d->message[i], f))
			d->message[i].flags &= (uint8_t)~MESSAGE_DELETED;
		else
			missed = true;
	}
	return missed;
}

enum outcome
maildrop_update(struct maildrop *d,
    void (*removed)(void *arg, const struct message *), void *arg,
    struct fault *f)
{
	struct update u = { d, removed, arg, { false, false }, OK };

	for (int i = 0; has_missed(&u, f); i++) {
		if (i == MAILDIR_LOOKS)
			(void)fault_set(f, TEMP, "4.3.0", EAGAIN, "remove");
		else if (find_moved(d, f) == OK || f->error == EAGAIN)
			continue;
		u.got = TEMP;
		break;
	}
	for (int i = 0; i < 2; i++)
		if (u.touched[i] && fsync(d->dir[i]) != 0)
			u.got = fault_set(f, TEMP, "4.3.0", errno, "sync %s",
			    i == 0 ? "new" : "cur");
	return u.got;
}
