/* SPDX-License-Identifier: ISC */
/* snapshot.c: the copy of pneu.conf that was checked, which all programs read. */
#include "snapshot.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <errno.h>

#include "check.h"
#include "config.h"
#include "fds.h"
#include "prog.h"

#define CONFIG_MAX (1024UL * 1024) /* octets; config.c has the same */

static enum outcome
copy_config(const char *snapshot, struct fault *f)
{
	struct buf text = BUF_INIT(CONFIG_MAX);
	int fd = -1;

	f->outcome = OK;
	if (fds_read_file(AT_FDCWD, prog_config_path(), &text, f) != OK)
		goto out;
	fd = open(snapshot, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd == -1) {
		fault_set(f, TEMP, "4.3.0", errno, "write %s", snapshot);
		goto out;
	}
	if (fds_write_all(fd, buf_span(&text), f) != OK)
		fault_context(f, "%s", snapshot);
out:
	if (fd != -1)
		(void)close(fd);
	buf_free(&text);
	return f->outcome;
}

/* Errors name the file that a person edits; what runs is the copy. */
enum outcome
snapshot_take(struct settings *settings, uint64_t generation, char *snapshot,
    size_t size, struct fault *f)
{
	struct buf errors = BUF_INIT(CHECK_MAX);
	struct settings edited;

	memset(settings, 0, sizeof(*settings));
	(void)snprintf(snapshot, size, "run/" PROG_RUNNING "%llu",
	    (unsigned long long)generation);
	if (check_config_aloud(&edited, prog_config_path(), f) != OK ||
	    copy_config(snapshot, f) != OK ||
	    config_load(settings, snapshot, &errors, f) != OK)
		(void)unlink(snapshot);
	config_free(&edited);
	buf_free(&errors);
	return f->outcome;
}

void
snapshot_clean(const struct supervisor *s)
{
	/* A chore may have to read the one that it was started with. */
	DIR *d = s->tidy != 0 ? NULL : opendir("run");
	struct dirent *e;
	char path[512];

	while (d != NULL && (e = readdir(d)) != NULL) {
		bool used;

		if (strncmp(
		        e->d_name, PROG_RUNNING, sizeof(PROG_RUNNING) - 1) != 0)
			continue;
		(void)snprintf(path, sizeof(path), "run/%s", e->d_name);
		used = strcmp(path, s->snapshot) == 0;
		for (size_t i = 0; i < s->pools; i++)
			if (strcmp(path, s->pool[i]->config) == 0)
				used = true;
		if (!used)
			(void)unlink(path);
	}
	if (d != NULL)
		(void)closedir(d);
}
