/* SPDX-License-Identifier: ISC */
/*
 * disk.h: what a file system promises of a sync, and of the order in which
 * changes reach the disk. What is not known is not promised.
 */
#ifndef LIB_DISK_H
#define LIB_DISK_H

#include <stdbool.h>

struct disk {
	/*
	 * fsync of a file that was just created or renamed carries its name
	 * (and that of a new parent), with a journal and without one: ext4.
	 * Elsewhere its directory must be synced too.
	 * Source: fs/ext4/fsync.c, ext4_sync_parent(), and tests/crash.
	 * Where nothing survives (tmpfs) there is nothing to sync either.
	 */
	bool fsync_carries_name;
	/*
	 * It carries, too, every change that was made before it on this file
	 * system, of names and of files whose data was waited for: one journal
	 * holds them in order, and its commit flushes the disk. Of files, the
	 * fsync of the one that was changed last; of directories, that of any,
	 * for it forces a commit. ext4 with a journal. Source: fs/ext4/fsync.c,
	 * ext4_fsync_journal(), ext4_force_commit(); and tests/crash.
	 */
	bool fsync_carries_all;
	/*
	 * Changes of names reach the disk in the order they were made: ext4
	 * with a journal, XFS. Elsewhere the directory that a name left must
	 * be synced before the next step on that message (model rows 83-86).
	 * False when it is not known.
	 */
	bool names_in_order;
	bool in_memory; /* tmpfs: nothing survives */
};

/* fd: any file or directory on it. Before the sandbox closes: the facts come
   from /sys and /proc. */
void disk_look(int fd, struct disk *);

#endif
