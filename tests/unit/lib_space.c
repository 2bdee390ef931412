/* SPDX-License-Identifier: ISC */
/* space.c: what is left on a file system, counted as df(1) does. */
#include "space.h"

#include <fcntl.h>
#include <sys/statvfs.h>

#include "tap.h"

static struct statvfs answer;

int
fstatvfs(int fd, struct statvfs *vfs)
{
	*vfs = answer;
	return fd == -1 ? -1 : 0;
}

static const struct {
	const char *title;
	uint64_t blocks, free, avail;
	unsigned want;
} cases[] = {
	{ "an empty one", 1000, 1000, 1000, 0 },
	{ "a half, exactly", 1000, 500, 500, 50 },
	{ "what root alone may use is not counted", 1000, 550, 450, 50 },
	{ "a little more is rounded up", 1000, 499, 499, 51 },
	{ "nothing left for others than root", 1000, 50, 0, 100 },
	{ "one that counts nothing", 0, 0, 0, 0 },
};

int
main(void)
{
	struct space space;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		answer = (struct statvfs){ .f_blocks = cases[i].blocks,
			.f_bfree = cases[i].free,
			.f_bavail = cases[i].avail,
			.f_frsize = 4096 };
		tap_ok(space_look(0, &space) &&
		        space.used_pct == cases[i].want &&
		        space.free_octets == cases[i].avail * 4096,
		    "%s: %u %%", cases[i].title, cases[i].want);
	}
	tap_ok(!space_look(-1, &space), "what cannot be asked is not known");
	answer = (struct statvfs){ .f_bavail = 2, .f_frsize = 4096 };
	tap_ok(space_look(0, &space) && space_has(&space, 8192) &&
	        !space_has(&space, 8193),
	    "where files are not counted, octets decide");
	answer.f_files = 100;
	answer.f_favail = SPACE_FILES_LEAST - 1;
	tap_ok(space_look(0, &space) && !space_has(&space, 1),
	    "without inodes there is no room, whatever is free");
	return tap_done();
}
