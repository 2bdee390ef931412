/* SPDX-License-Identifier: ISC */
/* snapshot.c: the copy of pneu.conf that was checked, which all programs read. */
#include "snapshot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "config.h"
#include "fds.h"
#include "prog.h"

#define CONFIG_MAX (1024UL * 1024) /* octets; config.c has the same */

char *
snapshot_path(uint64_t generation, char out[SNAPSHOT_PATH_MAX])
{
	(void)snprintf(out, SNAPSHOT_PATH_MAX, "run/" PROG_RUNNING "%llu",
	    (unsigned long long)generation);
	return out;
}

static enum outcome
copy_config(const char *snapshot, struct fault *f)
{
	struct buf text = BUF_INIT(CONFIG_MAX);
	int fd = -1;

	if (fds_read_file(AT_FDCWD, prog_config_path(), &text, f) != OK)
		goto out;
	fd = open(snapshot, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd == -1)
		fault_set(f, TEMP, "4.3.0", errno, "write %s", snapshot);
	else if (fds_write_all(fd, buf_span(&text), f) != OK)
		fault_context(f, "%s", snapshot);
	fds_close(&fd);
out:
	buf_free(&text);
	return f->outcome;
}

/* Errors name the file that a person edits; what runs is the copy, which may
   be of another moment. */
enum outcome
snapshot_take(struct settings *settings, uint64_t generation, struct fault *f)
{
	char snapshot[SNAPSHOT_PATH_MAX];
	struct buf errors = BUF_INIT(CHECK_MAX), warnings = BUF_INIT(CHECK_MAX);
	struct settings edited;

	memset(settings, 0, sizeof(*settings));
	if (check_config_aloud(&edited, prog_config_path(), f) == OK &&
	    copy_config(snapshot_path(generation, snapshot), f) == OK)
		f->outcome =
		    check_config(settings, snapshot, &errors, &warnings, f);
	config_free(&edited);
	buf_free(&errors);
	buf_free(&warnings);
	return f->outcome;
}

static bool
is_used(const struct supervisor *s, uint64_t generation)
{
	bool used = generation == s->generation;

	for (size_t i = 0; i < s->pools; i++)
		used |= generation == s->pool[i]->generation;
	return used;
}

void
snapshot_clean(const struct supervisor *s)
{
	/* A chore may have to read the one that it was started with. */
	DIR *d = s->tidy != 0 ? NULL : opendir("run");
	const struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL) {
		struct span name = span_of(e->d_name);
		uint64_t n;

		if (span_has_prefix(name, PROG_RUNNING) &&
		    !(num_parse(span_from(name, sizeof(PROG_RUNNING) - 1), 0,
		          UINT64_MAX, &n) &&
		        is_used(s, n)))
			(void)unlinkat(dirfd(d), e->d_name, 0);
	}
	if (d != NULL)
		(void)closedir(d);
}
