/* SPDX-License-Identifier: ISC */
/*
 * text_change.h: pneu.conf, or a list of lists/, changed by a command: checked
 * before anything is written, replaced by one rename, told to the journal with
 * who did it, and in force at once.
 */
#ifndef START_TEXT_CHANGE_H
#define START_TEXT_CHANGE_H

#include "buf.h"

struct text_change {
	const char *path; /* the file, which is there; the cwd is the home */
	size_t most; /* octets that it may have */
	/* Append the whole new text to `text`, which is empty. */
	enum outcome (*edit)(
	    void *arg, struct span old, struct buf *text, struct fault *);
	/* Would it be right? It lies in temp; name is what errors are told of.
	   NULL: edit has seen to it. */
	enum outcome (*check)(
	    void *arg, const char *name, const char *temp, struct fault *);
	/* To the journal. back: the supervisor refused it. */
	void (*tell)(void *arg, bool back);
	void *arg;
};

struct text_changed {
	bool changed; /* the file's text has */
	bool runs; /* a supervisor does, and has taken it */
	uint64_t generation; /* then: what is in force */
};

/* To the home: cwd, and its owner; root itself only to write PNEU_CONF. */
enum outcome text_change_stand(struct fault *) MUST_USE;
/*
 * Before: text_change_stand(). now: put in force, if a supervisor runs.
 *
 * OK	done, also when nothing had to be changed
 * PERM	what edit or check say; the file may not be written; or the supervisor
 *	refused it, and the old file is back
 * TEMP	another is at it; the disk; or the supervisor has not answered, and then the
 *	new file stays
 */
enum outcome text_change(const struct text_change *, bool now,
    struct text_changed *, struct fault *) MUST_USE;
/* What was done, for who asked for it. */
void text_say(const char *name, const struct text_changed *);
/* The entry SC. how: set, add, unset, put-back; value may be empty. */
void text_tell(const char *how, const char *setting, struct span value);

#endif
