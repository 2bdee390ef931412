/* SPDX-License-Identifier: ISC */
/*
 * space.h: what is left on a file system, for those who are not root. All that
 * asks for space counts in the same way, and as df(1) does.
 */
#ifndef LIB_SPACE_H
#define LIB_SPACE_H

#include <stdbool.h>
#include <stdint.h>

#define SPACE_FILES_LEAST 16 /* files of one round. Ours */

struct space {
	uint64_t free_octets; /* that may still be used */
	uint64_t free_files; /* UINT64_MAX: it has no limit of them */
	/* Of what others than root may use: 0 to 100, rounded up. */
	unsigned used_pct;
};

/* fd: any file or directory on it, also one of O_PATH. False: not known. */
bool space_look(int fd, struct space *);
/* Can that much more be put there, and the files of a round? */
bool space_has(const struct space *, uint64_t octets);

#endif
