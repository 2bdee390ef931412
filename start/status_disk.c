/* SPDX-License-Identifier: ISC */
/*
 * status_disk.c: each file system: what it is, what is free, and whether it
 * has a journal, on which both speed and what a power cut leaves depend.
 */
#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "json_text.h"
#include "prog.h"
#include "status.h"

#define XFS_MAGIC 0x58465342 /* fs/xfs; not in linux/magic.h */
#define ZFS_MAGIC 0x2fc12fc1

#define INODES_LEAST 16 /* as smtpd has it */

enum has_journal { JOURNAL_NO, JOURNAL_YES, JOURNAL_LOOK, JOURNAL_UNKNOWN };

static const struct {
	unsigned long magic;
	const char *name;
	enum has_journal journal;
} kinds[] = {
	{ EXT4_SUPER_MAGIC, "ext4", JOURNAL_LOOK },
	{ XFS_MAGIC, "xfs", JOURNAL_YES },
	{ BTRFS_SUPER_MAGIC, "btrfs", JOURNAL_YES },
	{ ZFS_MAGIC, "zfs", JOURNAL_YES },
	{ F2FS_SUPER_MAGIC, "f2fs", JOURNAL_YES },
	{ TMPFS_MAGIC, "tmpfs (memory: lost at a restart)", JOURNAL_NO },
	{ OVERLAYFS_SUPER_MAGIC, "overlay", JOURNAL_UNKNOWN },
	{ NFS_SUPER_MAGIC, "nfs", JOURNAL_UNKNOWN },
	{ 0, "unknown", JOURNAL_UNKNOWN },
};

/* ext4: the kernel keeps /proc/fs/jbd2/<device>-<inode> for each journal. */
static enum has_journal
look(dev_t dev)
{
	char path[128], target[256];
	const char *name;
	ssize_t n;

	(void)snprintf(
	    path, sizeof(path), "/sys/dev/block/%u:%u", major(dev), minor(dev));
	n = readlink(path, target, sizeof(target) - 1);
	if (n <= 0)
		return JOURNAL_UNKNOWN;
	target[n] = '\0';
	name = strrchr(target, '/');
	name = name == NULL ? target : name + 1;
	(void)snprintf(path, sizeof(path), "/proc/fs/jbd2/%.64s-8", name);
	return access(path, F_OK) == 0 ? JOURNAL_YES : JOURNAL_NO;
}

static const char *
journal_text(enum has_journal journal)
{
	switch (journal) {
	case JOURNAL_YES:
		return "journal";
	case JOURNAL_NO:
		return "no journal";
	case JOURNAL_LOOK:
	case JOURNAL_UNKNOWN:
		break;
	}
	return "journal unknown";
}

/* Only the queue's file system keeps mail out; the others fill up. */
static const char *
advice_of(const char *what, const struct statfs *fs, uint64_t free_octets)
{
	const struct settings *v = &prog.settings;
	bool is_queue = strcmp(what, "queue") == 0;

	if (fs->f_files > 0 && fs->f_ffree < INODES_LEAST)
		return "no more files can be made there";
	if (free_octets < v->queue.min_free)
		return is_queue ? "below [queue] min_free, nothing is accepted"
		                : "nearly full";
	if (is_queue && free_octets < v->smtpd.min_free)
		return "below [smtpd] min_free, nothing comes in by SMTP";
	return NULL;
}

void
status_disk(struct status *s, const char *what, const char *path)
{
	struct statfs fs;
	struct stat st;
	struct fault f;
	size_t i = 0;
	enum has_journal journal;
	const char *advice;
	uint64_t free_octets;

	if (statfs(path, &fs) != 0 || stat(path, &st) != 0) {
		fault_set(&f, TEMP, "4.3.0", errno, "%s", path);
		status_fail(s, "disk", what, &f);
		return;
	}
	while (
	    kinds[i].magic != 0 && kinds[i].magic != (unsigned long)fs.f_type)
		i++;
	journal = kinds[i].journal == JOURNAL_LOOK ? look(st.st_dev)
	                                           : kinds[i].journal;
	free_octets = (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize;
	advice = advice_of(what, &fs, free_octets);
	status_put(s,
	    json_pack("{s:s, s:s, s:o, s:s, s:s, s:I, s:I, s:s*, s:b}", "what",
	        "disk", "of", what, "path", json_text(span_of(path)), "type",
	        kinds[i].name, "journal", journal_text(journal), "free",
	        (json_int_t)free_octets, "files_free", (json_int_t)fs.f_ffree,
	        "advice", advice, "well", (int)(advice == NULL)));
}
