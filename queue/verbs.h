/* SPDX-License-Identifier: ISC */
/*
 * verbs.h: what an operator may ask of the queue. Reading verbs read the
 * directories; hold, delete and expire are verb_change(), which asks queue-run.
 */
#ifndef QUEUE_VERBS_H
#define QUEUE_VERBS_H

#include "aside.h"
#include "journal.h"
#include "service.h"
#include "settings.h"

#define TROUBLE_SHOWN 512 /* octets of it; a line to a person. Chosen */

struct request;

struct verb {
	const char *name;
	size_t least, most; /* operands */
	enum outcome (*run)(struct request *, struct fault *);
	/* NULL: queue-run is not asked; what to say of a message it changed. */
	const char *done;
	bool is_final; /* confirmed before it is done, where somebody sits */
};

struct request {
	const struct verb *verb;
	struct store *store; /* open, no lock held */
	struct journal *journal;
	struct service *run; /* queue-run; open for verbs that ask it */
	const struct settings *settings;
	char **operand;
	size_t operands;
	/* Options; NULL: not given. */
	const char *state, *address, *reason;
	const char *content, *yes, *clear_trouble, *wait; /* said, or not */
	bool is_terminal; /* somebody can be asked */
};

/* PERM 5.5.4: it is no queue id. */
enum outcome parse_operand(const char *, struct qid *, struct fault *) MUST_USE;

/* One message as it is on disk. */
struct entry {
	struct envelope envelope; /* of aside: only its qid */
	struct store_place place;
	struct buf file; /* the envelope file; empty for one file */
	struct buf reason; /* why it waits, as it was said last; or empty */
	bool is_valid;
	struct fault why; /* it is not valid */
};

void entry_begin(struct entry *);
void entry_end(struct entry *);
/*
 * Read the one at e->place; e->why tells why it is not valid. TEMP: it cannot be
 * read (e->why; ENOENT: it is not there).
 */
enum outcome entry_read(
    const struct request *, const struct qid *, struct entry *) MUST_USE;
/* Its lines into e->file, and the reason. */
void entry_read_reason(const struct request *, struct entry *);
typedef enum outcome each_entry(void *arg, struct entry *, struct fault *);
/*
 * Every message that the request's filters let through, oldest first within
 * each directory, until `each` is not OK.
 */
enum outcome list_entries(
    const struct request *, each_entry *, void *arg, struct fault *) MUST_USE;

enum outcome verb_list(struct request *, struct fault *) MUST_USE;
enum outcome verb_show(struct request *, struct fault *) MUST_USE;
enum outcome verb_stats(struct request *, struct fault *) MUST_USE;
enum outcome verb_change(struct request *, struct fault *) MUST_USE;
enum outcome verb_release(struct request *, struct fault *) MUST_USE;
enum outcome verb_flush(struct request *, struct fault *) MUST_USE;
enum outcome verb_tidy(struct request *, struct fault *) MUST_USE;

#endif
