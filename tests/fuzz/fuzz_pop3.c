/* SPDX-License-Identifier: ISC */
/*
 * POP3: the input is what a client sends after the login, and what its mailbox
 * holds. A session must answer, must not change the mailbox without QUIT, and
 * what it says must be whole lines.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../pop3d/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char home[] = "/tmp/pneu-fuzz-pop3.XXXXXX";
static struct settings settings;
static struct journal journal;
static int box = -1, commands = -1, answers = -1;

static void
remove_home(void)
{
	(void)unlinkat(box, "new/1.a", 0);
	(void)unlinkat(box, "cur/2.b:2,S", 0);
	(void)unlinkat(box, "new", AT_REMOVEDIR);
	(void)unlinkat(box, "cur", AT_REMOVEDIR);
	(void)rmdir(home);
}

static void
make_home(void)
{
	if (mkdtemp(home) == NULL)
		abort();
	box = open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (box == -1 || mkdirat(box, "new", 0700) != 0 ||
	    mkdirat(box, "cur", 0700) != 0)
		abort();
	settings.pop3d.max_errors = 1000;
	settings.pop3d.messages_max = 1000;
	journal_open(&journal, "fuzz");
	commands = memfd_create("commands", 0);
	answers = memfd_create("answers", 0);
	if (commands == -1 || answers == -1)
		abort();
	(void)atexit(remove_home);
}

static void
make_file(const char *name, const uint8_t *octets, size_t size)
{
	int fd = openat(box, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd == -1 || write(fd, octets, size) != (ssize_t)size)
		abort();
	(void)close(fd);
}

/* The octets up to the first 0 are a message, the rest are commands. */
static void
run_session(const uint8_t *data, size_t size)
{
	static struct session s;
	struct session_about about = { &settings, &journal, "u", "p", "",
		SPAN_EMPTY, NULL, NULL };
	const uint8_t *zero = memchr(data, 0, size);
	size_t message = zero == NULL ? 0 : (size_t)(zero - data);
	size_t skip = zero == NULL ? 0 : message + 1;

	make_file("new/1.a", data, message);
	make_file("cur/2.b:2,S", data, message / 2);
	if (ftruncate(commands, 0) != 0 || ftruncate(answers, 0) != 0 ||
	    pwrite(commands, data + skip, size - skip, 0) < 0 ||
	    lseek(commands, 0, SEEK_SET) != 0 ||
	    lseek(answers, 0, SEEK_SET) != 0)
		abort();
	session_begin(&s, &about,
	    openat(box, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), commands,
	    answers);
	session_run(&s);
	if (!s.quit &&
	    (faccessat(box, "new/1.a", F_OK, 0) != 0 ||
	        faccessat(box, "cur/2.b:2,S", F_OK, 0) != 0))
		abort();
	session_free(&s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char end[2];
	off_t len;

	if (box == -1)
		make_home();
	if (size == 0 || size > 8192)
		return 0;
	run_session(data, size);
	len = lseek(answers, 0, SEEK_END);
	if (len < 2 || pread(answers, end, 2, len - 2) != 2 || end[0] != '\r' ||
	    end[1] != '\n')
		abort();
	return 0;
}
