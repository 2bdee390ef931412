/* SPDX-License-Identifier: ISC */
/* destination.c: next hops: who waits, whose turn it is, which are closed. */
#include "destination.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "mem.h"
#include "run.h"

/* At most this part of the window waits for one next hop, and half of it for
   all: the rest waits on disk, minute by minute. Ours. */
#define NEXTHOP_PART 10
#define ALL_PART     2
/* One that has not answered yet gets so many attempts at once. Ours. */
#define ALLOWED_FIRST 2
/* Those that are not known to answer have this part of all attempts. Ours. */
#define UNPROVEN_PART 2
/* After its last attempt what is known of a next hop is kept so long, or until
   so many are known. Ours: 5 MB of names of 64 octets. */
#define KNOWN_MS  (UINT64_C(10) * 60 * 1000)
#define KNOWN_MAX 20000
#define BUCKETS   4099 /* a prime */
/* For each new one, so many are looked at that may be forgotten: more than one,
   so that they get fewer. */
#define LOOKS 2

TAILQ_HEAD(destination_list, destination);

struct destinations {
	/* Strangers choose the names: without the key nobody can choose them so
	   that they share a bucket. */
	unsigned char key[crypto_shorthash_KEYBYTES];
	struct destination *bucket[BUCKETS];
	struct destination_list turns[TURNS];
	size_t known, waiting;
	size_t busy, unproven; /* attempts; of them to unproven ones */
	uint64_t serial;
};

void
destinations_begin(struct run *run)
{
	struct destinations *all = mem_new(1, sizeof(*all));

	crypto_shorthash_keygen(all->key);
	for (size_t i = 0; i < TURNS; i++)
		TAILQ_INIT(&all->turns[i]);
	run->destinations = all;
}

/* ---- Which are known. ---- */

static struct destination **
bucket_of(struct destinations *all, const char *nexthop)
{
	unsigned char out[crypto_shorthash_BYTES];
	uint64_t h;

	(void)crypto_shorthash(
	    out, (const unsigned char *)nexthop, strlen(nexthop), all->key);
	memcpy(&h, out, sizeof(h));
	return &all->bucket[h % BUCKETS];
}

static void
enter(struct destinations *all, struct destination *d, enum turns turns)
{
	d->turns = turns;
	d->came = ++all->serial;
	TAILQ_INSERT_TAIL(&all->turns[turns], d, link_turn);
}

static void
forget(struct destinations *all, struct destination *d)
{
	struct destination **at = bucket_of(all, d->nexthop);

	while (*at != d)
		at = &(*at)->next_hash;
	*at = d->next_hash;
	TAILQ_REMOVE(&all->turns[d->turns], d, link_turn);
	all->known--;
	free(d->why);
	free(d);
}

/* Those that stand idle for longest are looked at first. */
static void
forget_some(struct destinations *all)
{
	struct destination *d;

	for (int i = 0; i < LOOKS; i++) {
		d = TAILQ_FIRST(&all->turns[TURNS_NONE]);
		if (d == NULL)
			return;
		if (d->waiting + d->busy == 0 &&
		    (all->known > KNOWN_MAX ||
		        d->known_ms <= clock_mono_ms())) {
			forget(all, d);
		} else {
			TAILQ_REMOVE(&all->turns[TURNS_NONE], d, link_turn);
			enter(all, d, TURNS_NONE);
		}
	}
}

static struct destination *
find(struct run *run, const struct transport *transport, const char *nexthop)
{
	struct destinations *all = run->destinations;
	struct destination **at = bucket_of(all, nexthop), *d;
	size_t size = strlen(nexthop) + 1;

	for (d = *at; d != NULL; d = d->next_hash)
		if (d->transport == transport &&
		    strcmp(d->nexthop, nexthop) == 0)
			return d;
	forget_some(all);
	d = mem_new(1, sizeof(*d) + size);
	memcpy(d->nexthop, nexthop, size);
	d->transport = transport;
	d->allowed = ALLOWED_FIRST;
	TAILQ_INIT(&d->shares);
	d->next_hash = *at;
	*at = d;
	all->known++;
	enter(all, d, TURNS_NONE);
	return d;
}

/* ---- Whose turn it is. ---- */

/* It stands where what it has leads to; at the end, if it stood elsewhere. */
static void
stand(struct run *run, struct destination *d)
{
	enum turns turns = TURNS_NONE;

	if (d->waiting > 0 && d->busy < d->allowed &&
	    d->busy < run->set->nexthop_attempts)
		turns = d->answers ? TURNS_PROVEN : TURNS_UNPROVEN;
	if (turns == d->turns)
		return;
	TAILQ_REMOVE(&run->destinations->turns[d->turns], d, link_turn);
	enter(run->destinations, d, turns);
}

struct share *
destination_next(struct run *run)
{
	struct destinations *all = run->destinations;
	size_t most = run->set->transport_attempts;
	struct destination *d = TAILQ_FIRST(&all->turns[TURNS_UNPROVEN]);
	struct destination *proven = TAILQ_FIRST(&all->turns[TURNS_PROVEN]);

	if (run->draining || all->busy >= most)
		return NULL;
	if (d == NULL || all->unproven >= (most + 1) / UNPROVEN_PART ||
	    (proven != NULL && proven->came < d->came))
		d = proven;
	return d == NULL ? NULL : TAILQ_FIRST(&d->shares);
}

static void
count_busy(struct run *run, struct destination *d, int by)
{
	d->busy += (size_t)by;
	run->destinations->busy += (size_t)by;
	if (!d->answers)
		run->destinations->unproven += (size_t)by;
}

static void
set_answers(struct run *run, struct destination *d, bool answers)
{
	if (d->answers && !answers)
		run->destinations->unproven += d->busy;
	else if (!d->answers && answers)
		run->destinations->unproven -= d->busy;
	d->answers = answers;
}

/* ---- Who waits. ---- */

void
destination_part_ended(struct run *run, struct message *m)
{
	m->attempts--;
	if (m->step == STEP_ATTEMPTS && !m->listed)
		list_add(&run->answered, m);
}

static bool
is_full(const struct run *run, const struct destination *d)
{
	size_t window = run->set->window;

	return d->waiting > window / NEXTHOP_PART ||
	    run->destinations->waiting > window / ALL_PART;
}

/* Back to the disk, without an attempt: the later, the more were so before. */
static void
postpone(struct run *run, struct destination *d, struct message *m, size_t i)
{
	size_t part = run->set->window / NEXTHOP_PART + 1;
	struct fault f;

	(void)fault_set(
	    &f, TEMP, "4.3.2", 0, "too many messages wait for %s", d->nexthop);
	status_end(m, i, STATUS_DEFERRED, &f);
	m->status[i].postponed = true;
	m->status[i].next_ms =
	    clock_wall_ms() + MINUTE_MS * (1 + d->postponed++ / part);
	d->known_ms = clock_mono_ms() + KNOWN_MS;
}

static struct share *
new_share(struct run *run, struct destination *d, struct message *m)
{
	struct share *share = mem_new(1, sizeof(*share));

	share->destination = d;
	share->m = m;
	LIST_INSERT_HEAD(&m->shares, share, link_message);
	d->waiting++;
	run->destinations->waiting++;
	return share;
}

/* Nobody waits in it any more. */
static void
share_leaves(struct run *run, struct share *share)
{
	TAILQ_REMOVE(&share->destination->shares, share, link);
	LIST_REMOVE(share, link_message);
	share->destination->waiting--;
	run->destinations->waiting--;
	free(share->recipient);
	free(share);
}

/* Those who wait in it end so. */
static void
share_ends(struct run *run, struct share *share, enum status_state state,
    const struct fault *why)
{
	struct message *m = share->m;

	for (size_t k = share->taken; k < share->n; k++)
		status_end(m, share->recipient[k], state, why);
	share_leaves(run, share);
	destination_part_ended(run, m);
}

static void
share_add(struct share *share, size_t i)
{
	if (share->n == share->room) {
		share->room = share->room == 0 ? 1 : 2 * share->room;
		share->recipient = mem_grow(
		    share->recipient, share->room, sizeof(*share->recipient));
	}
	share->recipient[share->n++] = (uint32_t)i;
}

void
destination_add(struct run *run, struct message *m, size_t i)
{
	struct destination *d =
	    find(run, m->status[i].transport, m->status[i].path);
	/* A message's recipients come one after the other. */
	struct share *share = TAILQ_LAST(&d->shares, shares);

	if (d->closed_ms > clock_mono_ms()) {
		status_end(m, i, STATUS_DEFERRED, d->why);
		return;
	}
	if (share == NULL || share->m != m) {
		if (is_full(run, d)) {
			postpone(run, d, m, i);
			return;
		}
		share = new_share(run, d, m);
		TAILQ_INSERT_TAIL(&d->shares, share, link);
		m->attempts++;
	}
	share_add(share, i);
	m->status[i].state = STATUS_UNDER_WAY;
	stand(run, d);
}

static void
cancel(struct run *run, struct message *m)
{
	struct share *share;

	while ((share = LIST_FIRST(&m->shares)) != NULL) {
		struct destination *d = share->destination;

		share_ends(run, share, STATUS_OPEN, NULL);
		stand(run, d);
	}
}

void
destination_cancel(struct run *run, struct message *m)
{
	if (m != NULL) {
		cancel(run, m);
		return;
	}
	for (m = TAILQ_FIRST(&run->window.messages); m != NULL;
	     m = TAILQ_NEXT(m, link_window))
		cancel(run, m);
}

/* ---- Attempts. ---- */

uint32_t *
destination_take(struct run *run, struct share *share, size_t most, size_t *n)
{
	struct destination *d = share->destination;
	uint32_t *recipient;

	*n = share->n - share->taken < most ? share->n - share->taken : most;
	recipient = mem_new(*n, sizeof(*recipient));
	memcpy(recipient, share->recipient + share->taken,
	    *n * sizeof(*recipient));
	share->taken += *n;
	if (share->taken == share->n) {
		share_leaves(run, share); /* m->attempts: of the attempt now */
	} else {
		TAILQ_REMOVE(&d->shares, share, link);
		TAILQ_INSERT_TAIL(&d->shares, share, link);
		share->m->attempts++;
	}
	count_busy(run, d, 1);
	TAILQ_REMOVE(&run->destinations->turns[d->turns], d, link_turn);
	enter(run->destinations, d, d->turns);
	stand(run, d);
	return recipient;
}

/* Who waits for it waits on disk. */
static void
close_destination(
    struct run *run, struct destination *d, const struct fault *why)
{
	struct share *share;

	d->pause_ms =
	    d->pause_ms == 0 ? run->set->retry_min_ms : 2 * d->pause_ms;
	if (d->pause_ms > run->set->retry_max_ms)
		d->pause_ms = run->set->retry_max_ms;
	d->closed_ms = clock_mono_ms() + d->pause_ms;
	d->allowed = 1;
	if (d->why == NULL)
		d->why = mem_new(1, sizeof(*d->why));
	*d->why = *why;
	journal_alarm(&run->journal, NULL, "%s %s: no attempts for %llu s: %s",
	    d->transport->name, d->nexthop,
	    (unsigned long long)d->pause_ms / 1000, why->text);
	while ((share = TAILQ_FIRST(&d->shares)) != NULL)
		share_ends(run, share, STATUS_DEFERRED, why);
}

void
destination_made(struct run *run, struct destination *d,
    enum destination_went went, const struct fault *why)
{
	bool answered = d->answers;

	count_busy(run, d, -1);
	if (d->postponed > 0)
		d->postponed--;
	set_answers(run, d, went == DESTINATION_ANSWERED);
	if (went == DESTINATION_ANSWERED) {
		d->allowed += d->allowed < run->set->nexthop_attempts;
		d->closed_ms = d->pause_ms = 0;
	} else {
		d->allowed = (d->allowed + 1) / 2;
		/* Several attempts that were under way are one failure. */
		if (went == DESTINATION_FAILED && !answered &&
		    d->closed_ms <= clock_mono_ms())
			close_destination(run, d, why);
	}
	/* Known for as long again as it was closed, so that its pauses grow when
	   it fails the next time. */
	d->known_ms = clock_mono_ms() + KNOWN_MS + 2 * d->pause_ms;
	stand(run, d);
}

void
destination_undone(struct run *run, struct destination *d, struct message *m,
    uint32_t *recipient, size_t n)
{
	struct share *share = new_share(run, d, m);

	TAILQ_INSERT_HEAD(&d->shares, share, link);
	share->recipient = recipient;
	share->n = share->room = n;
	count_busy(run, d, -1);
	if (run->draining)
		share_ends(run, share, STATUS_OPEN, NULL);
	else if (d->closed_ms > clock_mono_ms())
		share_ends(run, share, STATUS_DEFERRED, d->why);
	stand(run, d);
}
