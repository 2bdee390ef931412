/* SPDX-License-Identifier: ISC */
/*
 * status_disk.c: each file system: what it is, what is free, and whether it
 * has a journal, on which both speed and what a power cut leaves depend.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "disk.h"
#include "fds.h"
#include "mounts.h"
#include "prog.h"
#include "status.h"

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

const char *
status_disk_advice(const char *what, const struct space *space)
{
	const struct storage_settings *set = &prog.settings.storage;
	bool is_queue = strcmp(what, "queue") == 0;
	bool parks = is_queue || strcmp(what, "mail") == 0;

	if (space->free_files < SPACE_FILES_LEAST)
		return "no more files can be made there";
	if (space->free_octets < set->min_free)
		return is_queue
		    ? "below [storage] min_free, nothing is accepted"
		    : "nearly full";
	if (space->free_octets < OCTETS_LEAST)
		return "full";
	if (parks && space->used_pct >= set->high_pct)
		return "above [storage] high_pct, mail for mailboxes is parked";
	return NULL;
}

void
status_disk(struct status *s, const char *what, const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char type[32];
	struct disk disk;
	struct space space;
	struct stat st;
	struct fault f;
	const char *advice;

	if (fd == -1 || !space_look(fd, &space) || fstat(fd, &st) != 0) {
		fault_set(&f, TEMP, "4.3.0", errno, "%s", path);
		status_fail(s, "disk", what, &f);
		fds_close(&fd);
		return;
	}
	disk_look(fd, &disk);
	mounts_type(st.st_dev, type, sizeof(type));
	advice = status_disk_advice(what, &space);
	status_put(s,
	    json_pack("{s:s, s:s, s:o, s:o, s:s, s:I, s:i, s:I, s:s*, s:b}",
	        "what", "disk", "of", what, "path", json_text(span_of(path)),
	        "type", json_text(span_of(type)), "journal",
	        journal_text(&disk, type), "free",
	        (json_int_t)space.free_octets, "used_pct", (int)space.used_pct,
	        "files_free",
	        (json_int_t)(space.free_files == UINT64_MAX ? 0
	                                                    : space.free_files),
	        "advice", advice, "well", (int)(advice == NULL)),
	    "disk of {of:8} {type}, {journal|text}; {free|size} free, "
	    "{used_pct} % used");
	fds_close(&fd);
}
