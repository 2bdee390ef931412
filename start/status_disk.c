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

#include "prog.h"
#include "status.h"

#define XFS_MAGIC 0x58465342 /* fs/xfs; not in linux/magic.h */
#define ZFS_MAGIC 0x2fc12fc1

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

void
status_disk(struct status *s, const char *what, const char *path)
{
	struct statfs fs;
	struct stat st;
	size_t i = 0;
	enum has_journal journal;
	const char *below = "";
	uint64_t free_octets;
	char text[32];
	bool well;

	if (statfs(path, &fs) != 0 || stat(path, &st) != 0) {
		status_fail(s, "disk", "disk of %s: %s: %s", what, path,
		    strerror(errno));
		return;
	}
	while (
	    kinds[i].magic != 0 && kinds[i].magic != (unsigned long)fs.f_type)
		i++;
	journal = kinds[i].journal == JOURNAL_LOOK ? look(st.st_dev)
	                                           : kinds[i].journal;
	free_octets = (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize;
	if (free_octets < prog.settings.queue.min_free)
		below = ": below [queue] min_free, nothing is accepted";
	else if (free_octets < prog.settings.smtpd.min_free)
		below = ": below [smtpd] min_free, nothing comes in by SMTP";
	well = below[0] == '\0';
	status_size(free_octets, text);
	status_put(s, well, "disk of %-8s %s, %s; %s free%s", what,
	    kinds[i].name, journal_text(journal), text, below);
	status_put_json(s,
	    json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:b}", "what", "disk",
	        "of", what, "path", path, "type", kinds[i].name, "journal",
	        journal_text(journal), "free", (json_int_t)free_octets, "well",
	        (int)well));
}
