/* SPDX-License-Identifier: ISC */
/* space.c: what is left on a file system. */
#include "space.h"

#include <sys/statvfs.h>

/* What root alone may use is neither used nor free. */
static unsigned
percent_used(const struct statvfs *vfs)
{
	uint64_t used = vfs->f_blocks - vfs->f_bfree;
	uint64_t all = used + vfs->f_bavail;

	if (all == 0) /* it counts nothing */
		return 0;
	return (unsigned)((double)used * 100 / (double)all + 0.999999);
}

bool
space_look(int fd, struct space *space)
{
	struct statvfs vfs;

	if (fstatvfs(fd, &vfs) != 0)
		return false;
	if (__builtin_mul_overflow((uint64_t)vfs.f_bavail,
	        (uint64_t)vfs.f_frsize, &space->free_octets))
		space->free_octets = UINT64_MAX;
	space->free_files = vfs.f_files > 0 ? vfs.f_favail : UINT64_MAX;
	space->used_pct = percent_used(&vfs);
	return true;
}

bool
space_has(const struct space *space, uint64_t octets)
{
	return space->free_octets >= octets &&
	    space->free_files >= SPACE_FILES_LEAST;
}
