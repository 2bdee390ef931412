/* SPDX-License-Identifier: ISC */
/*
 * destination.h: next hops other than mailboxes, and what waits for them.
 *
 * The recipients of a message that share a next hop wait there together: a
 * share. The next hops take turns, and so do the messages at one of them, an
 * attempt at a time, so that neither a crowded next hop nor a message to many
 * keeps back the others. How many attempts a next hop may have at once grows
 * with each success and is halved by a failure; one that fails as a whole, and
 * has not answered since, is closed for a while, and then tried by a single
 * attempt. Those that are not known to answer have at most half of all
 * attempts. When too many wait for a next hop, further mail for it goes back to
 * the disk.
 */
#ifndef QUEUE_RUN_DESTINATION_H
#define QUEUE_RUN_DESTINATION_H

#include "message.h"
#include "transport.h"

struct run;

/* Recipients of one message that wait for one next hop. */
struct share {
	TAILQ_ENTRY(share) link; /* of its destination's */
	LIST_ENTRY(share) link_message; /* of its message's */
	struct destination *destination;
	struct message *m;
	uint32_t
	    *recipient; /* indexes; the first `taken` are not its any more */
	size_t n, taken, room;
};

/* Whose turn comes: of those that are known to answer, and of others. */
enum turns { TURNS_NONE, TURNS_UNPROVEN, TURNS_PROVEN };
#define TURNS 3

struct destination {
	TAILQ_ENTRY(destination) link_turn;
	struct destination *next_hash;
	const struct transport *transport;
	TAILQ_HEAD(shares, share) shares;
	size_t waiting; /* shares */
	size_t busy; /* attempts */
	enum turns turns; /* NONE: nothing can begin */
	uint64_t came; /* serial: it stands there since */
	size_t allowed; /* attempts at once; the setting's, if that is less */
	bool answers; /* it answered last */
	size_t postponed; /* put back to the disk lately */
	uint64_t closed_ms; /* not before; monotonic, 0: open */
	uint64_t pause_ms; /* how long it was closed for */
	uint64_t known_ms; /* remembered until then; monotonic */
	struct fault *why; /* it was closed; NULL: it never was */
	char nexthop[];
};

struct destinations;
void destinations_begin(struct run *);

/*
 * Recipient i of the message, whose status has transport and next hop, waits
 * for its attempt: STATUS_UNDER_WAY, and m->attempts counts its share. Or it is
 * deferred at once: the next hop is closed, or too many wait for it.
 */
void destination_add(struct run *, struct message *, size_t i);
/* What waits of m (NULL: of all messages) is taken back: STATUS_OPEN. */
void destination_cancel(struct run *, struct message *m);

/* The share whose turn it is; NULL: nothing may begin. */
struct share *destination_next(struct run *);
/*
 * The recipients of its next attempt, at most `most` (*n of them; malloc, the
 * caller frees it). The share may be gone then. The attempt counts until it was
 * made or was undone; its message's m->attempts has it.
 */
uint32_t *destination_take(
    struct run *, struct share *, size_t most, size_t *n);

enum destination_went {
	DESTINATION_ANSWERED, /* whatever it said of the recipients */
	DESTINATION_SILENT, /* nobody knows what came of the attempt */
	DESTINATION_FAILED, /* no other message would fare better now */
};
/* The attempt has ended; why: it failed so. */
void destination_made(struct run *, struct destination *, enum destination_went,
    const struct fault *why);
/* It had not begun: its recipients wait again, before all others. Takes over
   the array. */
void destination_undone(struct run *, struct destination *, struct message *,
    uint32_t *recipient, size_t n);

/* A part of the message's attempts has ended: if it stands in no list, it may
   have waited for this alone. */
void destination_part_ended(struct run *, struct message *);

#endif
