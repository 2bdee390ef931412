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
		    (e->type != DT_REG && e->type != DT_UNKNOWN))
			continue;
		if (d->n == most)
			return true;
		if (!add_message(d, e->name, cur))
			return false;
	}
	return true;
}

static enum outcome
list(struct maildrop *d, bool cur, uint64_t most, struct fault *f)
{
	const char *name = dir_names[cur];
	int fd = openat(
	    d->box, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	d->dir[cur] = fd;
	if (fd == -1)
		return fault_set(f, TEMP, "4.3.0", errno, "open %s", name);
	for (;;) {
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
}

/* ---- A message that moved between the two listings is in both ---- */

static uint64_t
hash_base(const struct message *m)
{
	uint64_t h = 0xcbf29ce484222325ULL, w;
	size_t i = 0;

	for (; i + 8 <= m->base; i += 8) {
		memcpy(&w, m->name + i, 8);
		h = (h ^ w) * 0x9E3779B97F4A7C15ULL;
		h ^= h >> 29;
	}
	for (; i < m->base; i++)
		h = (h ^ (unsigned char)m->name[i]) * 0x100000001b3ULL;
	return h ^ h >> 32;
}

static bool
same_base(const struct message *a, const struct message *b)
{
	return a->base == b->base && memcmp(a->name, b->name, a->base) == 0;
}

static void
forget(struct maildrop *d, struct message *m)
{
	m->flags |= MESSAGE_DROP;
	if ((m->flags & MESSAGE_SIZED) != 0)
		d->octets -= m->octets;
	else
		d->unsized--;
}

static void
remove_forgotten(struct maildrop *d)
{
	size_t to = 0;

	for (size_t i = 0; i < d->n; i++)
		if ((d->message[i].flags & MESSAGE_DROP) == 0)
			d->message[to++] = d->message[i];
	d->n = to;
}

/* Find a base in the table, or put it there: the index it has, or 0. */
static uint32_t
look_up(
    const struct maildrop *d, uint32_t *table, size_t size, size_t i, bool put)
{
	size_t at = hash_base(&d->message[i]) & (size - 1);

	for (; table[at] != 0; at = (at + 1) & (size - 1))
		if (same_base(&d->message[table[at] - 1], &d->message[i]))
			return table[at];
	if (put)
		table[at] = (uint32_t)i + 1;
	return 0;
}

/*
 * All of cur/ goes into a table; what is in new/ too, or twice in cur/ because
 * a flag changed during the listing, is one message. The first in_new of the
 * list lie in new/. Nothing to do where no reader but POP is at work.
 */
static enum outcome
remove_twins(struct maildrop *d, size_t in_new, struct fault *f)
{
	size_t size = 16;
	bool found = false;
	uint32_t *table;

	if (d->n == in_new)
		return OK;
	while (size < 2 * (d->n - in_new))
		size *= 2;
	table = calloc(size, sizeof(*table));
	if (table == NULL)
		return fault_set(f, TEMP, "4.3.0", ENOMEM, "maildrop");
	for (size_t i = in_new; i < d->n; i++) {
		if (look_up(d, table, size, i, true) != 0) {
			forget(d, &d->message[i]);
			found = true;
		}
	}
	for (size_t i = 0; i < in_new; i++) {
		if (look_up(d, table, size, i, false) != 0) {
			forget(d, &d->message[i]);
			found = true;
		}
	}
	free(table);
	if (found)
		remove_forgotten(d);
	return OK;
}

enum outcome
maildrop_open(struct maildrop *d, int box, uint64_t most, struct fault *f)
{
	size_t in_new;

	*d = (struct maildrop){ .box = box, .dir = { -1, -1 } };
	if (list(d, false, most, f) != OK)
		return f->outcome;
	in_new = d->n;
	if (list(d, true, most, f) != OK)
		return f->outcome;
	return remove_twins(d, in_new, f);
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

/* ---- Order ---- */

struct key {
	uint64_t head; /* eight octets after what all names share */
	const struct message *m;
};

static int
compare_keys(const void *pa, const void *pb)
{
	const struct key *a = pa, *b = pb;
	size_t len;
	int c;

	if (a->head != b->head)
		return a->head < b->head ? -1 : 1;
	len = a->m->base < b->m->base ? a->m->base : b->m->base;
	c = memcmp(a->m->name, b->m->name, len);
	return c != 0 ? c : (int)a->m->base - (int)b->m->base;
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

/* ---- One message ---- */

static int
open_where(const struct maildrop *d, const struct message *m)
{
	return openat(d->dir[(m->flags & MESSAGE_CUR) != 0], m->name,
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
}

/*
 * A reader moved it or set a flag: its name in cur/ is another by now. The
 * name is copied into the arena, for the entry that we hold is wrong.
 */
static bool
find_in_cur(struct maildrop *d, struct message *m)
{
	struct span base = { m->name, m->base };
	int fd = openat(d->dir[1], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd == -1 ? NULL : fdopendir(fd);
	struct names *names;
	struct dirent *e;

	if (dir == NULL) {
		if (fd != -1)
			(void)close(fd);
		return false;
	}
	while ((e = readdir(dir)) != NULL)
		if (span_same(maildir_base(span_of(e->d_name)), base))
			break;
	if (e != NULL && (names = room_for_names(d)) != NULL) {
		size_t len = strlen(e->d_name) + 1;
		char *copy = names->octets + names->len;

		memcpy(copy, e->d_name, len);
		names->len += (len + 7) & ~(size_t)7;
		m->name = copy;
		m->flags |= MESSAGE_CUR;
	} else {
		e = NULL;
	}
	(void)closedir(dir);
	return e != NULL;
}

static int
open_message(struct maildrop *d, struct message *m)
{
	int fd = open_where(d, m);

	if (fd == -1 && errno == ENOENT && find_in_cur(d, m))
		fd = open_where(d, m);
	return fd;
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
	int fd;

	if ((m->flags & MESSAGE_SIZED) != 0)
		return;
	fd = open_message(d, m);
	if (fd == -1 || !count_octets(fd, &m->octets))
		m->octets = 0; /* it vanished; its number stays */
	if (fd != -1)
		(void)close(fd);
	m->flags |= MESSAGE_SIZED;
	d->unsized--;
	d->octets += m->octets;
	if ((m->flags & MESSAGE_DELETED) != 0)
		d->deleted_octets += m->octets;
}

void
maildrop_size_all(struct maildrop *d)
{
	for (size_t i = 0; d->unsized > 0 && i < d->n; i++)
		find_size(d, &d->message[i]);
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

	file->fd = open_message(d, m);
	if (file->fd == -1)
		return fault_set(f, errno == ENOENT ? PERM : TEMP,
		    errno == ENOENT ? "5.2.0" : "4.3.0", errno, "message");
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

/* 0: gone, by us or by somebody else; *touched tells from where. */
static int
remove_message(struct maildrop *d, struct message *m, bool touched[2])
{
	for (int attempt = 0; attempt < 2; attempt++) {
		bool cur = (m->flags & MESSAGE_CUR) != 0;

		if (unlinkat(d->dir[cur], m->name, 0) == 0) {
			touched[cur] = true;
			return 0;
		}
		if (errno != ENOENT)
			return errno;
		if (attempt == 0 && !find_in_cur(d, m))
			break;
	}
	return 0;
}

enum outcome
maildrop_update(struct maildrop *d,
    void (*removed)(void *arg, const struct message *), void *arg,
    struct fault *f)
{
	bool touched[2] = { false, false };
	enum outcome got = OK;
	int error;

	for (size_t i = 0; d->deleted > 0 && i < d->n; i++) {
		struct message *m = &d->message[i];

		if ((m->flags & MESSAGE_DELETED) == 0)
			continue;
		error = remove_message(d, m, touched);
		if (error == 0)
			removed(arg, m);
		else
			got = fault_set(f, TEMP, "4.3.0", error, "remove");
	}
	for (int i = 0; i < 2; i++)
		if (touched[i] && fsync(d->dir[i]) != 0)
			got = fault_set(
			    f, TEMP, "4.3.0", errno, "sync %s", dir_names[i]);
	return got;
}
