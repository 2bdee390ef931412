/* SPDX-License-Identifier: ISC */
/*
 * snapshot.c: the list of a maildrop, and its order.
 *
 * A hundred thousand messages are listed, counted and summed in one pass with
 * no allocation for each: the kernel's directory entries stay where getdents64
 * put them and the names point there. Sorting waits until a number is asked
 * for: STAT needs none.
 */
#include "snapshot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NAMES_FIRST (32UL * 1024) /* a mailbox that is emptied regularly */
#define NAMES_NEXT  (1024UL * 1024) /* few calls for a big one */
#define ROOM_FIRST  256 /* messages */

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

const char *
snapshot_keep_name(struct maildrop *d, const char *name)
{
	struct names *names = room_for_names(d);
	size_t len = strlen(name) + 1;
	char *kept;

	if (names == NULL)
		return NULL;
	kept = memcpy(names->octets + names->len, name, len);
	names->len += (len + 7) & ~(size_t)7; /* entries are aligned */
	return kept;
}

/*
 * The octets that Maildir++ puts into a name: W= counts with CRLF ends, whoever
 * delivered it. False when it does not say.
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

int
snapshot_compare(const void *pa, const void *pb)
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
	return snapshot_compare(a->m, b->m);
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
		if (last == NULL || snapshot_compare(last, &m[i]) != 0) {
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
