/* SPDX-License-Identifier: ISC */
/*
 * snapshot.c: the list of a maildrop, and its order. Sorting a hundred thousand
 * messages waits until a number is asked for: STAT needs none.
 */
#include "snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fds.h"
#include "mem.h"

#define ROOM_FIRST 256 /* messages */

/* ---- The list ---- */

struct listing {
	struct maildrop *d;
	bool cur; /* of cur/, not new/ */
	uint64_t most;
	size_t start; /* messages of new/ */
};

bool
snapshot_sizes(const struct message *m, uint64_t *file, uint64_t *octets)
{
	struct span rest = { m->name, m->base }, part;
	bool has_file = false, has_octets = false;

	(void)span_next(&rest, ',', &part);
	while (span_next(&rest, ',', &part)) {
		struct span value = span_from(part, 2);

		if (span_has_prefix(part, "S="))
			has_file = num_parse(value, 0, INT64_MAX, file);
		else if (span_has_prefix(part, "W="))
			has_octets = num_parse(value, 0, INT64_MAX, octets);
	}
	return has_file && has_octets;
}

/* Some file systems leave the type to be asked for. */
static bool
is_file(int dir, const struct dirent *e)
{
	struct stat st;

	return e->d_type == DT_REG ||
	    (e->d_type == DT_UNKNOWN &&
	        fstatat(dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	        S_ISREG(st.st_mode));
}

/* Dot names are nobody's mail, a base of 0 neither. */
static bool
add_entry(void *arg, const struct dirent *e)
{
	struct listing *l = arg;
	struct maildrop *d = l->d;
	struct message *m;
	uint64_t file;

	if (e->d_name[0] == '.' || e->d_name[0] == ':' ||
	    !is_file(d->dir[l->cur], e))
		return true;
	if (d->n == l->most) {
		d->cut = true;
		return false;
	}
	if (d->n == d->room) {
		d->room = d->room == 0 ? ROOM_FIRST : d->room * 2;
		d->message = mem_grow(d->message, d->room, sizeof(*m));
	}
	m = &d->message[d->n++];
	*m = (struct message){ .name = mem_text(e->d_name),
		.base = (uint8_t)strcspn(e->d_name, ":"),
		.flags = l->cur ? MESSAGE_CUR : 0 };
	if (snapshot_sizes(m, &file, &m->octets))
		m->flags |= MESSAGE_SIZED;
	else
		d->unsized = true;
	return true;
}

static enum outcome
list_cur(void *arg, struct fault *f)
{
	struct listing *l = arg;

	/* From its start: it may have been listed before. */
	while (l->d->n > l->start)
		free(l->d->message[--l->d->n].name);
	return maildir_list(l->d->dir[true], add_entry, l, f);
}

/* ---- Order ---- */

int
snapshot_compare(const void *pa, const void *pb)
{
	const struct message *a = pa, *b = pb;
	int c = memcmp(a->name, b->name, a->base < b->base ? a->base : b->base);

	return c != 0 ? c : (int)a->base - (int)b->base;
}

void
maildrop_order(struct maildrop *d)
{
	if (!d->ordered && d->n > 0) /* qsort(3) wants an array */
		qsort(d->message, d->n, sizeof(*d->message), snapshot_compare);
	d->ordered = true;
}

/*
 * What is in new/ and in cur/, or twice in cur/ because a flag changed during
 * the listing, is one message. They stand side by side by now; new/ is the one
 * that it has left.
 */
static void
remove_twins(struct maildrop *d)
{
	struct message *m = d->message, gone;
	size_t to = 0;

	for (size_t i = 0; i < d->n; i++) {
		if (to == 0 || snapshot_compare(&m[to - 1], &m[i]) != 0) {
			m[to++] = m[i];
			continue;
		}
		gone = m[i];
		if ((m[i].flags & MESSAGE_CUR) != 0) {
			gone = m[to - 1];
			m[to - 1] = m[i];
		}
		free(gone.name);
	}
	d->n = to;
}

/* ---- Begin and end ---- */

static enum outcome
open_dir(struct maildrop *d, bool cur, struct fault *f)
{
	const char *name = cur ? "cur" : "new";

	d->dir[cur] = openat(
	    d->box, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (d->dir[cur] == -1)
		return fault_set(f, TEMP, "4.3.0", errno, "open %s", name);
	return OK;
}

enum outcome
maildrop_open(struct maildrop *d, int box, uint64_t most, struct fault *f)
{
	struct listing l = { .d = d, .most = most };

	*d = (struct maildrop){ .box = box, .dir = { -1, -1 } };
	if (open_dir(d, false, f) != OK || open_dir(d, true, f) != OK ||
	    maildir_list(d->dir[false], add_entry, &l, f) != OK)
		return f->outcome;
	l.cur = true;
	l.start = d->n;
	/* Where it changes all the time the last listing will do: nothing is
	   removed because a snapshot lacks it. */
	if (maildir_look(d->dir[true], list_cur, &l, f) != OK &&
	    f->error != EAGAIN)
		return f->outcome;
	/* Where only POP is at work, and names tell all sizes that are asked
	   for, STAT needs no more than the list. */
	if (d->n > l.start || d->unsized || d->n <= MAILDROP_LOOKS_MAX) {
		maildrop_order(d);
		remove_twins(d);
	}
	return OK;
}

void
maildrop_free(struct maildrop *d)
{
	for (size_t i = 0; i < d->n; i++)
		free(d->message[i].name);
	free(d->message);
	fds_close(&d->dir[0]);
	fds_close(&d->dir[1]);
	fds_close(&d->box);
	*d = (struct maildrop){ .box = -1, .dir = { -1, -1 } };
}
