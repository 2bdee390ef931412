/* SPDX-License-Identifier: ISC */
/*
 * mounts.h: what is mounted here, from /proc/self/mountinfo. Before the sandbox
 * is closed. Source: proc(5).
 */
#ifndef LIB_MOUNTS_H
#define LIB_MOUNTS_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

struct mount {
	dev_t device;
	const char *point; /* as open(2) takes it: \040 is a space again */
	const char *type; /* "ext4" */
};

struct mounts {
	FILE *in;
	char *line; /* of the last mount; its texts lie in it */
	size_t size;
};

/* False: there is no /proc. Close it in any case. */
bool mounts_open(struct mounts *);
/* The next one; its texts live until the next call. False: no more. */
bool mounts_next(struct mounts *, struct mount *);
void mounts_close(struct mounts *);

/* The type of what is mounted on a device; "?" where that is not known. */
void mounts_type(dev_t device, char *out, size_t size);

/* One line, which is changed and kept. False: it is none. */
bool mounts_parse(char *line, struct mount *);
/* Does it lie below that directory (a real path), and is not the same? */
bool mounts_is_below(const struct mount *, const char *directory);

#endif
