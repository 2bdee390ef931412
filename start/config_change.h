/* SPDX-License-Identifier: ISC */
/*
 * config_change.h: pneu.conf changed by a command: checked as `pneu config check`
 * does before anything is written, replaced by one rename, told to the journal
 * with who did it, and in force at once.
 */
#ifndef START_CONFIG_CHANGE_H
#define START_CONFIG_CHANGE_H

#include "config_edit.h"

struct config_changed {
	bool changed; /* the file's text has */
	bool runs; /* a supervisor does, and has taken it */
	uint64_t generation; /* then: what is in force */
};

/* To the home: cwd, and its owner; root itself only to write PNEU_CONF. */
enum outcome config_change_stand(struct fault *) MUST_USE;
/*
 * All edits, one after the other, or none. Before: config_change_stand(). The
 * cwd is the home. now: put in force, if a supervisor runs.
 *
 * OK	done, also when nothing had to be changed
 * PERM	an edit is none; the file would have errors, which are said on fd 2; it may
 *	not be written; or the supervisor refused it, and the old file is back
 * TEMP	another is at it; the disk; or the supervisor has not answered, and then the
 *	new file stays
 */
enum outcome config_change(const struct config_edit *, size_t n, bool now,
    struct config_changed *, struct fault *) MUST_USE;

#endif
