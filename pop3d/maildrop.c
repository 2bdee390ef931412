/* SPDX-License-Identifier: ISC */
/*
 * maildrop.c: snapshot, order, update.
 *
 * A hundred thousand messages are listed, counted and summed in one pass with
 * no allocation for each: the kernel's directory entries stay where getdents64
 * put them and the names point there. Sorting waits until a number is asked
 * for: STAT needs none.
 */
#include "maildrop.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "serve.h"

#define NAMES_FIRST (32UL * 1024) /* a mailbox that is emptied regularly */
#define NAMES_NEXT  (1024UL * 1024) /* few calls for a big one. Ours */
#define ROOM_FIRST  256 /* messages */
#define READ_CHUNK  (64UL * 1024)
#define UID_HASH    16 /* octets of the hash of a name */

struct names {
	struct names *next;
	size_t len, size;
	char octets[] __attribute__((aligned(8)));
};

/* As the kernel writes them. getdents64(2) */
struct entry {
	uint64_t ino;
	int64_t off;
	uint16_t reclen;
	uint8_t type;
	char name[];
};

static const char *const dir_names[2] = { "new", "cur" };

/* ---- Snapshot ---- */

/* Room for at least one more call of getdents64. */
static struct names *
room_for_names(struct maildrop *d)
{
	struct names *names = d->names;
	size_t size = names == NULL ? NAMES_FIRST : NAMES_NEXT;

	/* An entry is at most 280 octets; a call with little room is waste. */
	if (names != NULL && names->size - names->len >= names->size / 4)
		return names;
	names = malloc(sizeof(*names) + size);
	if (names == NULL)
		return NULL;
	names->next = d->names;
	names->len = 0;
	names->size = size;
	d->names = names;
	return names;
}

/*
 * The octets that Maildir++ puts into a name: W= counts with CRLF ends, ours
 * and others' alike. False when it does not say.
 */
static bool
size_from_name(const char *name, size_t len, uint64_t *octets)
{
	const char *p = name, *end = name + len;
	uint64_t n = 0;

	while ((p = memchr(p, ',', (size_t)(end - p))) != NULL) {
		p++;
		if (end - p < 3 || p[0] != 'W' || p[1] != '=')
			continue;
		for (p += 2; p < end && is_digit((unsigned char)*p); p++) {
			if (n > INT64_MAX / 10 - 1)
				return false;
			n = n * 10 + (uint64_t)(*p - '0');
		}
		*octets = n;
		return p[-1] != '=' && (p == end || *p == ',');
	}
	return false;
}

static bool
add_message(struct maildrop *d, const char *name, bool cur)
{
	struct message *m;
	size_t room, base;

	if (d->n == d->room) {
		room = d->room == 0 ? ROOM_FIRST : d->room * 2;
		m = realloc(d->message, room * sizeof(*m));
		if (m == NULL)
			return false;
		d->message = m;
		d->room = room;
	}
	m = &d->message[d->n++];
	base = (size_t)(strchrnul(name, ':') - name);
	*m = (struct message){ .name = name,
		.base = (uint8_t)base,
		.flags = cur ? MESSAGE_CUR : 0 };
	if (size_from_name(name, base, &m->octets)) {
		m->flags |= MESSAGE_SIZED;
		d->octets += m->octets;
	} else {
		d->unsized++;
	}
	return true;
}

/* Some file systems leave the type to be asked for. */
static bool
is_file(int dir, const struct entry *e)
{
	struct stat st;

	return e->type == DT_REG ||
	    (e->type == DT_UNKNOWN &&
	        fstatat(dir, e->name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	        S_ISREG(st.st_mode));
}

/* Entries of one call. Dot names are nobody's mail, a base of 0 neither. */
static bool
add_entries(
    struct maildrop *d, const char *p, size_t len, bool cur, uint64_t most)
{
	const char *end = p + len;

	while (p < end) {
		const struct entry *e = (const struct entry *)(const void *)p;

		p += e->reclen;
		if (e->name[0] == '.' || e->name[0] == ':' ||
		    !is_file(d->dir[cur], e))
			continue;
		if (d->n == most) {
			d->cut = true;
			return true;
		}
		if (!add_message(d, e->name, cur))
			return false;
	}
	return true;
}

static enum outcome
open_dir(struct maildrop *d, bool cur, struct fault *f)
{
	d->dir[cur] = openat(d->box, dir_names[cur],
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (d->dir[cur] == -1)
		return fault_set(
		    f, TEMP, "4.3.0", errno, "open %s", dir_names[cur]);
	return OK;
}

/* From its start: it may have been listed before. */
static enum outcome
list(struct maildrop *d, bool cur, uint64_t most, struct fault *f)
{
	const char *name = dir_names[cur];
	int fd = d->dir[cur];

	if (lseek(fd, 0, SEEK_SET) == -1)
		return fault_set(f, TEMP, "4.3.0", errno, "list %s", name);
	while (!d->cut) {
		struct names *names = room_for_names(d);
		char *to;
		long n;

		if (names == NULL)
			return fault_set(f, TEMP, "4.3.0", ENOMEM, "maildrop");
		to = names->octets + names->len;
		n = syscall(SYS_getdents64, fd, to, names->size - names->len);
		if (n < 0)
			return fault_set(
			    f, TEMP, "4.3.0", errno, "list %s", name);
		if (n == 0)
			return OK;
		names->len += (size_t)n;
		if (!add_entries(d, to, (size_t)n, cur, most))
			return fault_set(f, TEMP, "4.3.0", ENOMEM, "maildrop");
	}
	return OK;
}

struct cur_listing {
	struct maildrop *d;
	uint64_t most;
	struct maildrop start; /* as it was when new/ alone was listed */
};

static enum outcome
list_cur(void *arg, struct fault *f)
{
	struct cur_listing *l = arg;
	struct maildrop *d = l->d;

	d->n = l->start.n;
	d->octets = l->start.octets;
	d->unsized = l->start.unsized;
	d->cut = l->start.cut;
	return list(d, true, l->most, f);
}

/* ---- Order ---- */

struct key {
	uint64_t head; /* eight octets after what all names share */
	const struct message *m;
};

static int
compare_bases(const void *pa, const void *pb)
{
	const struct message *a = pa, *b = pb;
	int c = memcmp(a->name, b->name, a->base < b->base ? a->base : b->base);

	return c != 0 ? c : (int)a->base - (int)b->base;
}

static int
compare_keys(const void *pa, const void *pb)
{
	const struct key *a = pa, *b = pb;

	if (a->head != b->head)
		return a->head < b->head ? -1 : 1;
	return compare_bases(a->m, b->m);
}

/* How many octets all names begin with: times of nearly the same day. */
static size_t
shared_octets(const struct maildrop *d)
{
	const struct message *first = d->message;
	size_t shared = first->base;

	for (size_t i = 1; i < d->n; i++) {
		const struct message *m = &d->message[i];

		if (shared > m->base)
			shared = m->base;
		while (memcmp(first->name, m->name, shared) != 0)
			shared--;
	}
	return shared;
}

static uint64_t
key_of(const struct message *m, size_t shared)
{
	uint64_t key = 0;

	for (size_t i = shared; i < shared + 8; i++)
		key = key << 8 | (i < m->base ? (unsigned char)m->name[i] : 0U);
	return key;
}

enum outcome
maildrop_order(struct maildrop *d, struct fault *f)
{
	struct message *sorted;
	struct key *key;
	size_t shared;

	if (d->ordered || d->n < 2) {
		d->ordered = true;
		return OK;
	}
	key = malloc(d->n * sizeof(*key));
	sorted = malloc(d->n * sizeof(*sorted));
	if (key == NULL || sorted == NULL) {
		free(key);
		free(sorted);
		return fault_set(f, TEMP, "4.3.0", ENOMEM, "maildrop");
	}
	shared = shared_octets(d);
	for (size_t i = 0; i < d->n; i++)
		key[i] = (struct key){ key_of(&d->message[i], shared),
			&d->message[i] };
	qsort(key, d->n, sizeof(*key), compare_keys);
	for (size_t i = 0; i < d->n; i++)
		sorted[i] = *key[i].m;
	free(key);
	free(d->message);
	d->message = sorted;
	d->room = d->n;
	d->ordered = true;
	return OK;
}

/* ---- A message that moved between the two listings is in both ---- */

/*
 * What is in new/ and in cur/, or twice in cur/ because a flag changed during
 * the listing, is one message. They stand side by side by now; new/ is the one
 * that it has left.
 */
static void
remove_twins(struct maildrop *d)
{
	struct message *m = d->message, *last = NULL;
	size_t to = 0;

	for (size_t i = 0; i < d->n; i++) {
		if (last == NULL || compare_bases(last, &m[i]) != 0) {
			last = &m[to++];
			*last = m[i];
			continue;
		}
		if ((m[i].flags & MESSAGE_SIZED) != 0)
			d->octets -= m[i].octets;
		else
			d->unsized--;
		if ((m[i].flags & MESSAGE_CUR) != 0)
			*last = m[i];
	}
	d->n = to;
}

enum outcome
maildrop_open(struct maildrop *d, int box, uint64_t most, struct fault *f)
{
	struct cur_listing l = { d, most, { .n = 0 } };

	*d = (struct maildrop){ .box = box, .dir = { -1, -1 } };
	if (open_dir(d, false, f) != OK || open_dir(d, true, f) != OK ||
	    list(d, false, most, f) != OK)
		return f->outcome;
	l.start = *d;
	/* Where it changes all the time the last listing will do: nothing is
	   removed because a snapshot lacks it. */
	if (maildir_look(d->dir[1], list_cur, &l, f) != OK &&
	    f->error != EAGAIN)
		return f->outcome;
	/* Where only POP is at work, and all names tell sizes, STAT needs no
	   more than the list. */
	if (d->n == l.start.n && d->unsized == 0)
		return OK;
	if (maildrop_order(d, f) != OK)
		return f->outcome;
	remove_twins(d);
	return OK;
}

void
maildrop_free(struct maildrop *d)
{
	while (d->names != NULL) {
		struct names *next = d->names->next;

		free(d->names);
		d->names = next;
	}
	free(d->message);
	for (int i = 0; i < 2; i++)
		if (d->dir[i] != -1)
			(void)close(d->dir[i]);
	if (d->box != -1)
		(void)close(d->box);
	*d = (struct maildrop){ .box = -1, .dir = { -1, -1 } };
}

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
take_name(void *arg, const char *name)
{
	struct moves *v = arg;
	struct message key = { .name = name,
		.base = (uint8_t)(strchrnul(name, ':') - name) };
	struct message *m =
	    bsearch(&key, v->d->message, v->d->n, sizeof(key), compare_bases);
	struct names *names;
	size_t len = strlen(name) + 1;

	if (m == NULL)
		return true;
	m->flags &= (uint8_t)~MESSAGE_MISSED;
	if ((m->flags & MESSAGE_CUR) != 0 && strcmp(m->name, name) == 0)
		return true;
	names = room_for_names(v->d);
	v->lacking = names == NULL;
	if (v->lacking)
		return false;
	m->name = memcpy(names->octets + names->len, name, len);
	m->flags |= MESSAGE_CUR;
	names->len += (len + 7) & ~(size_t)7;
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
		if (find_moved(d, f) != OK)
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

	if (open_message(d, m, &file->fd, f) != OK)
		return f->outcome;
	file->ours = maildir_parse_name(span_of(m->name), &name);
	file->dots = !file->ours || name.dots;
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
		else if (find_moved(d, f) == OK)
			continue;
		u.got = TEMP;
		break;
	}
	for (int i = 0; i < 2; i++)
		if (u.touched[i] && fsync(d->dir[i]) != 0)
			u.got = fault_set(
			    f, TEMP, "4.3.0", errno, "sync %s", dir_names[i]);
	return u.got;
}
