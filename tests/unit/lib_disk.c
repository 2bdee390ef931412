/* SPDX-License-Identifier: ISC */
/* lib_disk.c: what is promised, and that nothing is promised by default. */
#include "disk.h"

#include <fcntl.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

#include "tap.h"

static struct disk
look(const char *path)
{
	struct disk disk = { true, true, true, true };
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	disk_look(fd, &disk);
	if (fd != -1)
		(void)close(fd);
	return disk;
}

int
main(void)
{
	struct disk d = look("/proc");
	struct statfs fs;

	tap_ok(!d.in_memory && !d.fsync_carries_name && !d.fsync_carries_all &&
	        !d.names_in_order,
	    "of a file system that is not known nothing is promised");
	d = look("/nowhere");
	tap_ok(!d.fsync_carries_name && !d.fsync_carries_all, "nor of none");
	if (statfs("/dev/shm", &fs) == 0 && fs.f_type == TMPFS_MAGIC) {
		d = look("/dev/shm");
		tap_ok(d.in_memory && d.fsync_carries_all && d.names_in_order,
		    "where nothing survives, one sync carries all");
	} else {
		tap_ok(true, "where nothing survives # SKIP no tmpfs");
	}
	return tap_done();
}
