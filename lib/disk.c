/* SPDX-License-Identifier: ISC */
/* disk.c: file systems by their kind, and by what /sys and /proc say of them. */
#include "disk.h"

#include <glob.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "mounts.h"

#ifndef XFS_SUPER_MAGIC
#define XFS_SUPER_MAGIC 0x58465342
#endif

/* "sda1", as /proc/fs names what lies on a device. False: it has no such name. */
static bool
device_name(dev_t device, char *out, size_t size)
{
	char link[64], target[256];
	const char *slash;
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/sys/dev/block/%u:%u",
	    major(device), minor(device));
	n = readlink(link, target, sizeof(target) - 1);
	if (n <= 0)
		return false;
	target[n] = '\0';
	slash = strrchr(target, '/');
	return snprintf(out, size, "%s", slash == NULL ? target : slash + 1) <
	    (int)size;
}

/*
 * The magic number is the same for ext2's own driver, which is older. Either
 * the mounts say which it is, or ext4's directory of all that it has mounted:
 * in a chroot that is no mount point the mounts lack it, in a container /proc
 * may lack the directory.
 */
static bool
is_ext4(dev_t device)
{
	char type[8], name[128], path[160];

	mounts_type(device, type, sizeof(type));
	if (strcmp(type, "?") != 0)
		return strcmp(type, "ext4") == 0;
	if (!device_name(device, name, sizeof(name)))
		return false;
	(void)snprintf(path, sizeof(path), "/proc/fs/ext4/%s", name);
	return access(path, F_OK) == 0;
}

/* Every ext4 with a journal has a directory `<device>-<journal inode>`. */
static bool
has_journal(dev_t device)
{
	char name[128], pattern[160];
	glob_t found = { .gl_pathc = 0 };
	bool is_there;

	if (!device_name(device, name, sizeof(name)))
		return false;
	(void)snprintf(pattern, sizeof(pattern), "/proc/fs/jbd2/%s-*", name);
	is_there = glob(pattern, GLOB_NOSORT, NULL, &found) == 0;
	globfree(&found);
	return is_there;
}

void
disk_look(int fd, struct disk *disk)
{
	struct statfs fs;
	struct stat st;

	*disk = (struct disk){ .in_memory = false };
	if (fstatfs(fd, &fs) != 0 || fstat(fd, &st) != 0)
		return;
	switch ((unsigned long)fs.f_type) {
	case EXT4_SUPER_MAGIC:
		disk->fsync_carries_name = is_ext4(st.st_dev);
		disk->names_in_order = disk->fsync_carries_all =
		    disk->fsync_carries_name && has_journal(st.st_dev);
		break;
	case TMPFS_MAGIC:
		/* Nothing survives, so nothing can come out of order. */
		disk->in_memory = true;
		disk->fsync_carries_name = disk->fsync_carries_all =
		    disk->names_in_order = true;
		break;
	case XFS_SUPER_MAGIC:
		disk->names_in_order = true;
		break;
	default:
		break;
	}
}
