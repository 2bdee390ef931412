/* SPDX-License-Identifier: ISC */
/*
 * status_disk.c: each file system: what it is, what is free, and whether it
 * has a journal, on which both speed and what a power cut leaves depend.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "disk.h"
#include "fds.h"
#include "mounts.h"
#include "prog.h"
#include "status.h"

#define INODES_LEAST 16 /* as smtpd has it */
#define OCTETS_LEAST (1024UL * 1024) /* whatever min_free allows. Chosen */

static const char *
journal_text(const struct disk *disk, const char *type)
{
	if (disk->in_memory)
		return "memory: lost at a restart";
	if (disk->names_in_order)
		return "journal";
	return strcmp(type, "ext4") == 0 ? "no journal" : "journal unknown";
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
	if (free_octets < OCTETS_LEAST)
		return "full";
	return NULL;
}

void
status_disk(struct status *s, const char *what, const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char type[32];
	struct disk disk;
	struct statfs fs;
	struct stat st;
	struct fault f;
	const char *advice;
	uint64_t free_octets;

	if (fd == -1 || fstatfs(fd, &fs) != 0 || fstat(fd, &st) != 0) {
		fault_set(&f, TEMP, "4.3.0", errno, "%s", path);
		status_fail(s, "disk", what, &f);
		fds_close(&fd);
		return;
	}
	disk_look(fd, &disk);
	mounts_type(st.st_dev, type, sizeof(type));
	free_octets = (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize;
	advice = advice_of(what, &fs, free_octets);
	status_put(s,
	    json_pack("{s:s, s:s, s:o, s:o, s:s, s:I, s:I, s:s*, s:b}", "what",
	        "disk", "of", what, "path", json_text(span_of(path)), "type",
	        json_text(span_of(type)), "journal", journal_text(&disk, type),
	        "free", (json_int_t)free_octets, "files_free",
	        (json_int_t)fs.f_ffree, "advice", advice, "well",
	        (int)(advice == NULL)),
	    "disk of {of:8} {type}, {journal|text}; {free|size} free");
	fds_close(&fd);
}
