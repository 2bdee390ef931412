/* SPDX-License-Identifier: ISC */
/*
 * spawn.h: one child, with what its service gets and nothing else: the user,
 * the limits, an empty environment, the home as its directory.
 */
#ifndef START_SPAWN_H
#define START_SPAWN_H

#include <sys/types.h>

#include "identity.h"
#include "prog.h"

#define SPAWN_GIVE_MAX 12
#define SPAWN_PATH_MAX (sizeof(prog.directory) + 32)

struct spawn {
	const char *program; /* path; NULL: fellow of the name in argv[0] */
	const char *const *argv; /* ends with NULL */
	int in, out; /* descriptors 0 and 1; -1: /dev/null */
	struct {
		const char *name; /* of the variable: "PNEU_BOARD" */
		int number;
		bool is_fd;
	} give[SPAWN_GIVE_MAX];
	size_t gives;
	const struct identity *who; /* NULL: the home's owner */
	bool keeps_root; /* if we had it: it becomes its user by itself */
	bool replaced; /* an operator's program, which may start fellows */
	uint64_t nofile;
};

/* A descriptor, told by a variable; it keeps its number. -1: nothing. */
void spawn_give(struct spawn *, const char *name, int fd);
/* A number. */
void spawn_tell(struct spawn *, const char *name, int number);
/* TEMP: no process, and *pid is 0. An exec that fails is said by the child on
   fd 2, and ends it with 100 or 111. */
enum outcome spawn_start(
    const struct spawn *, pid_t *pid, struct fault *) MUST_USE;
/*
 * Part of a verb, as the user it takes (lib/users.h; NULL: the home's owner): a
 * child does it while root can be got back and users are separate, so that
 * nothing is read with root's rights; else this process. What the part says, or
 * false: the child died, or there is no such user, which it prints.
 */
bool spawn_part(const char *user, bool (*part)(void *), void *);
/* The path of another program of Pneu, which lies beside this one. */
const char *spawn_fellow(const char *name, char out[SPAWN_PATH_MAX]);

#endif
