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

#include "serve.h"
#include "snapshot.h"

#define READ_CHUNK (64UL * 1024)
#define UID_HASH   16 /* octets of the hash of a name */

/* ---- One message ---- */

static int
open_where(const struct maildrop *d, const struct message *m)
{
	return openat(d->dir[(m->flags & MESSAGE_CUR) != 0], m->name,
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
}

struct moves {
	struct maildrop *d;
	bool lacking; /* memory */
};

/* A name in cur/: whose is it? Copied, for it outlives the listing. */
static bool
take_name(void *arg, const struct dirent *e)
{
	struct moves *v = arg;
	const char *name = e->d_name;
	struct message key = { .name = name,
		.base = (uint8_t)(strchrnul(name, ':') - name) };
	struct message *m = bsearch(
	    &key, v->d->message, v->d->n, sizeof(key), snapshot_compare);

	if (m == NULL)
		return true;
	m->flags &= (uint8_t)~MESSAGE_MISSED;
	if ((m->flags & MESSAGE_CUR) != 0 && strcmp(m->name, name) == 0)
		return true;
	name = snapshot_keep_name(v->d, name);
	v->lacking = name == NULL;
	if (v->lacking)
		return false;
	m->name = name;
	m->flags |= MESSAGE_CUR;
	return true;
}

/*
 * Something was not where its name says: a reader moved it to cur/ or changed
 * its flags, and most likely not only its own. One listing tells all names
 * anew, and what was missed and is not there is gone. The messages are in order:
 * one that is opened has been numbered, or had a name without its size.
 */
static enum outcome
find_moved(struct maildrop *d, struct fault *f)
{
	struct moves v = { .d = d };
	enum outcome got = maildir_each(d->dir[1], take_name, &v, f);

	if (v.lacking)
		return fault_set(f, TEMP, "4.3.0", ENOMEM, "maildrop");
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
		*fd = open_where(d, m);
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

/* Octets as they would be sent: each LF as CRLF, and one at the end. */
static bool
count_octets(int fd, uint64_t *octets)
{
	static char chunk[READ_CHUNK];
	char last = '\n';
	uint64_t n = 0;
	ssize_t got;

	for (;;) {
		got = read(fd, chunk, sizeof(chunk));
		if (serve_stopping)
			return false; /* it may be long: nobody waits */
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		n += (uint64_t)got;
		for (const char *p = chunk, *end = chunk + got, *lf;
		     (lf = memchr(p, '\n', (size_t)(end - p))) != NULL;
		     p = lf + 1)
			if ((lf == chunk ? last : lf[-1]) != '\r')
				n++;
		last = chunk[got - 1];
	}
	*octets = last == '\n' ? n : n + 2;
	return got == 0;
}

static void
find_size(struct maildrop *d, struct message *m)
{
	struct fault f;
	int fd;

	if ((m->flags & MESSAGE_SIZED) != 0)
		return;
	if (open_message(d, m, &fd, &f) != OK || !count_octets(fd, &m->octets))
		m->octets = 0; /* it vanished; its number stays */
	if (fd != -1)
		(void)close(fd);
	m->flags |= MESSAGE_SIZED;
	d->unsized--;
	d->octets += m->octets;
	if ((m->flags & MESSAGE_DELETED) != 0)
		d->deleted_octets += m->octets;
}

bool
maildrop_size_all(struct maildrop *d)
{
	bool known = d->unsized == 0;

	for (size_t i = 0; d->unsized > 0 && i < d->n && !serve_stopping; i++)
		find_size(d, &d->message[i]);
	return known || !serve_stopping;
}

uint64_t
maildrop_octets(struct maildrop *d, size_t i)
{
	find_size(d, &d->message[i]);
	return d->message[i].octets;
}

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
maildrop_read(
    struct maildrop *d, size_t i, struct message_file *file, struct fault *f)
{
	struct message *m = &d->message[i];
	struct maildir_name name;
	struct stat st;

	if (open_message(d, m, &file->fd, f) != OK)
		return f->outcome;
	/* Another program may have written to it since. */
	file->as_it_is = maildir_parse_name(span_of(m->name), &name) &&
	    !name.dots && fstat(file->fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    (uint64_t)st.st_size == name.octets;
	return OK;
}

void
maildrop_delete(struct maildrop *d, size_t i)
{
	struct message *m = &d->message[i];

	if ((m->flags & MESSAGE_DELETED) != 0)
		return;
	m->flags |= MESSAGE_DELETED;
	d->deleted++;
	if ((m->flags & MESSAGE_SIZED) != 0)
		d->deleted_octets += m->octets;
}

void
maildrop_undelete_all(struct maildrop *d)
{
	for (size_t i = 0; d->deleted > 0 && i < d->n; i++)
		d->message[i].flags &= (uint8_t)~MESSAGE_DELETED;
	d->deleted = 0;
	d->deleted_octets = 0;
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

	for (size_t i = 0; d->deleted > 0 && i < d->n; i++) {
		if ((d->message[i].flags & MESSAGE_DELETED) == 0)
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
