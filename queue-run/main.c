/* SPDX-License-Identifier: ISC */
/*
 * queue-run: takes what queue-add accepted, asks resolve where it goes and
 * deliver-mailbox to bring it there, and lets go when that is on disk. On fd 0
 * it listens for hints of queue-add and for operators' requests. It trusts its
 * stages for their answers, and nobody for the form of them; content it only
 * digests. Mailboxes it cannot reach.
 */
#include <sys/stat.h>

#include "fds.h"
#include "mounts.h"
#include "prog.h"
#include "requests.h"
#include "start.h"

static const char *requests;
static const struct prog_option options[] = {
	{ 0, "requests", NULL,
	    "serve operators' requests only: nothing is delivered", &requests },
	{ .name = NULL },
};

static const struct prog_about about = {
	.name = "queue-run",
	.usage = "[-C DIR] [--requests]",
	.summary = "Delivers what waits in the queue; one for each queue.",
	.options = options,
	.promises = "stdio unix sendfd rpath wpath cpath link sync flock",
	.more =
	    "  Notices and operators' requests come on fd 0, a session or a\n"
	    "  listening socket; queue-run(8) has them all.\n",
};

/* A missing store must not look like an empty one: it is said, and asked of
   deliver-mailbox each time. So is, unsaid, one with another file system mounted
   somewhere below it, or where that is not known. */
static void
look_at_mail(struct run *run)
{
	const char *directory = prog.settings.mail.directory;
	char real[FDS_PATH_MAX];
	struct mounts mounts;
	struct mount mount;
	struct fault f;
	struct stat st;

	run->mail_is_far = true;
	if (stat(directory, &st) != 0) {
		prog_warn("%s: not there", directory);
		return;
	}
	run->mail_device = st.st_dev;
	run->mail_is_far =
	    !mounts_open(&mounts) || fds_real_path(directory, real, &f) != OK;
	while (!run->mail_is_far && mounts_next(&mounts, &mount))
		run->mail_is_far = mounts_is_below(&mount, real);
	mounts_close(&mounts);
}

int
main(int argc, char *argv[])
{
	static struct run run;
	const struct sandbox_path *paths;
	struct fault f = FAULT_NONE;

	prog_start(&about, argc, argv);
	if (prog_home(&f) != OK)
		prog_exit(&f);
	paths = (const struct sandbox_path[]){
		{ prog.settings.queue.directory, "rwcl" }, { NULL, NULL }
	};
	if (run_begin(&run, &prog.settings.queue, "queue-run", &f) == OK) {
		run.requests_only = requests != NULL;
		look_at_mail(&run);
		storage_open(
		    &run, &prog.settings.storage, prog.settings.mail.directory);
		if (start_open(&run, &f) == OK &&
		    prog_sandbox(about.promises, paths, &f) == OK &&
		    start_run(&run, &f) == OK && requests_serve(&run, &f) == OK)
			f.outcome = OK;
	}
	run_end(&run);
	prog_exit(&f);
}
