/* SPDX-License-Identifier: ISC */
/* pop_window.c: addresses that somebody has logged in to POP3 from. */
#include "pop_window.h"

#include <string.h>
#include <sys/mman.h>

#include "fds.h"

void
pop_window_open(struct pop_window *w, bool writes)
{
	w->table = fds_map_given(
	    POP_WINDOW_ENV, POP_WINDOW_PATH, POP_WINDOW_OCTETS, writes);
}

void
pop_window_close(struct pop_window *w)
{
	if (w->table != NULL)
		(void)munmap(w->table, POP_WINDOW_OCTETS);
	w->table = NULL;
}

struct key {
	uint64_t family, address[2];
};

static struct key
key_of(const struct net_addr *a)
{
	struct key k = { a->is_v6 ? 6 : 4, { 0, 0 } };

	memcpy(k.address, a->octet, sizeof(k.address));
	return k;
}

/* Spread over the table; who chooses his address gains nothing by a meeting. */
static struct pop_place *
places(const struct pop_window *w, const struct key *k)
{
	uint64_t h = (k->address[0] ^ k->address[1] * 0x9e3779b97f4a7c15U) *
	    0xff51afd7ed558ccdU;

	h ^= h >> 32;
	return &w->table->place[h % (POP_WINDOW_PLACES / POP_WINDOW_WAYS) *
	    POP_WINDOW_WAYS];
}

static bool
is_at(const struct pop_place *p, const struct key *k)
{
	return atomic_load(&p->family) == k->family &&
	    atomic_load(&p->address[0]) == k->address[0] &&
	    atomic_load(&p->address[1]) == k->address[1];
}

/* Two that write one place at once may leave it to neither: then the next login
   counts. A reader that meets a writer finds nobody. */
void
pop_window_note(struct pop_window *w, const struct net_addr *a, uint64_t now_ms)
{
	struct key k = key_of(a);
	struct pop_place *place, *to;

	if (w->table == NULL)
		return;
	place = to = places(w, &k);
	for (size_t i = 0; i < POP_WINDOW_WAYS; i++) {
		if (is_at(&place[i], &k)) {
			to = &place[i];
			break;
		}
		if (atomic_load(&place[i].since_ms) <
		    atomic_load(&to->since_ms))
			to = &place[i];
	}
	atomic_store(&to->since_ms, 0);
	atomic_store(&to->family, k.family);
	atomic_store(&to->address[0], k.address[0]);
	atomic_store(&to->address[1], k.address[1]);
	atomic_store(&to->since_ms, now_ms);
}

bool
pop_window_has(const struct pop_window *w, const struct net_addr *a,
    uint64_t now_ms, uint64_t length_ms, uint64_t *since_ms)
{
	struct key k = key_of(a);
	const struct pop_place *place;

	if (w->table == NULL || length_ms == 0)
		return false;
	place = places(w, &k);
	for (size_t i = 0; i < POP_WINDOW_WAYS; i++) {
		uint64_t since = atomic_load(&place[i].since_ms);

		if (since == 0 || !is_at(&place[i], &k) ||
		    atomic_load(&place[i].since_ms) != since)
			continue;
		/* A clock that was set back makes no window longer. */
		if (since > now_ms || now_ms - since >= length_ms)
			continue;
		*since_ms = since;
		return true;
	}
	return false;
}
