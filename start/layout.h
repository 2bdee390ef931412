/* SPDX-License-Identifier: ISC */
/*
 * layout.h: what lies in a home, whose it is, with what mode: one table, of
 * which `pneu init` makes a home, `pneu units` the files for systemd, and
 * `pneu check` the comparison.
 */
#ifndef START_LAYOUT_H
#define START_LAYOUT_H

#include <sys/types.h>

#include "buf.h"
#include "fault.h"
#include "settings.h"

#define LAYOUT_PATH_MAX 4096

struct layout_row {
	const char
	    *path; /* in the home, "." itself; of a setting its default */
	size_t
	    setting; /* offset of a path, if it is a directory of one; or 0 */
	/* With users = separate; NULL: the home's owner; group NULL: pneu. Names
	   as in lib/users.h, without `pneu-`. */
	const char *user, *group;
	/* With users = separate; else without group and others, but where all
	   users of this machine go through. */
	mode_t mode;
	bool is_file; /* which is made by others, and then has this mode */
	bool has_states; /* and the directories of the queue's states */
};
extern const struct layout_row layout_rows[]; /* ends with a NULL path */

/* Where the row's directory is, with these settings. */
const char *layout_path(const struct layout_row *, const struct settings *);

/*
 * Make what is missing. The cwd is the home, and we work as its owner
 * (identity.h). With users = separate root gives each part to its user; what
 * was the home's owner's within it goes along. PERM: a user is missing, or
 * something else lies there.
 */
enum outcome layout_make(const struct settings *, struct fault *) MUST_USE;

/*
 * A line for each part that is another's or has another mode, with the command
 * that mends it, appended to out; how many. home: for the paths in those lines.
 * What is not there is no line: others tell that. What this process may not
 * look at is told as such.
 */
size_t layout_check(const struct settings *, const char *home, struct buf *out);

#endif
