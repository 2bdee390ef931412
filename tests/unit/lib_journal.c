/* SPDX-License-Identifier: ISC */
#include "journal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "codes.h"
#include "tap.h"

/* What lies in the FIFO now. */
static size_t
drain(int fd, char *out, size_t size)
{
	size_t len = 0;
	ssize_t n;

	while ((n = read(fd, out + len, size - 1 - len)) > 0)
		len += (size_t)n;
	out[len] = '\0';
	return len;
}

static void
put(struct journal *j, const char *text)
{
	struct record_out out = journal_begin(j, CODE_ALARM, NULL);

	record_puts(out, "text", text);
	journal_end(j, out);
}

int
main(void)
{
	char home[] = "/tmp/pneu-unit-journal.XXXXXX";
	static char got[2 * 1024 * 1024];
	struct journal j;
	struct qid q;
	struct record_out out;
	int fd, filled = 0;

	if (mkdtemp(home) == NULL || chdir(home) != 0 ||
	    mkdir("run", 0700) != 0)
		return 1;
	journal_open(&j, "test");
	put(&j, "nobody hears it");
	journal_flush(&j);
	tap_ok(j.fd == -1 && j.lost == 0 && j.pending.len == 0,
	    "without a FIFO there is no journal, and all works");
	journal_close(&j);

	if (mkfifo("run/journal", 0600) != 0 ||
	    (fd = open("run/journal", O_RDONLY | O_NONBLOCK)) == -1)
		return 1;
	journal_open(&j, "test");
	qid_draw(&q);
	out = journal_begin(&j, CODE_LOCAL_RECEIVED, &q);
	record_puts(out, "helo", "a\r\n94 time=forged");
	journal_end(&j, out);
	tap_ok(drain(fd, got, sizeof(got)) == 0,
	    "nothing is written before a flush");
	journal_flush(&j);
	(void)drain(fd, got, sizeof(got));
	tap_ok(strncmp(got, "94 time=2", 9) == 0 &&
	        strstr(got, q.text) != NULL &&
	        strchr(got, '\n') == got + strlen(got) - 1,
	    "an entry is one line, whatever is in it");

	/* Nobody reads: it fills. */
	while (j.lost == 0 && filled++ < 100000) {
		put(&j, "filling filling filling filling filling filling");
		journal_flush(&j);
	}
	tap_ok(j.lost == 1, "what the FIFO does not take is counted");
	while (write(j.fd, "\n", 1) == 1)
		continue;
	for (int i = 0; i < 3; i++)
		put(&j, "and again");
	journal_flush(&j);
	put(&j, "and again");
	journal_flush(&j);
	tap_ok(
	    j.lost == 5, "and the number is not lost with what would say it");
	put(&j, "again");
	journal_flush(&j);
	(void)drain(fd, got, sizeof(got));
	put(&j, "heard again");
	journal_flush(&j);
	(void)drain(fd, got, sizeof(got));
	tap_ok(strncmp(got, CODE_LOST, 2) == 0 && strstr(got, "n=") != NULL &&
	        strstr(got, "heard%20again"),
	    "the next entry that gets through is preceded by the number lost");

	for (int i = 0; i < 200; i++)
		put(&j, "one of many that are written together at the end");
	journal_flush(&j);
	(void)drain(fd, got, sizeof(got));
	tap_ok(j.lost == 0 && got[strlen(got) - 1] == '\n',
	    "many entries are written in portions of whole lines");
	(void)fcntl(fd, F_SETPIPE_SZ, 1024 * 1024);
	for (int i = 0; i < 2000; i++)
		put(&j, "one of more than are kept for the end of a round");
	journal_flush(&j);
	(void)drain(fd, got, sizeof(got));
	tap_ok(j.lost == 0 && span_count_lines(span_of(got)) == 2000,
	    "nor is one lost when there are more than are kept for the end");
	(void)close(fd);
	put(&j, "the reader has gone");
	(void)signal(SIGPIPE, SIG_IGN);
	journal_flush(&j);
	tap_ok(j.lost > 0, "a reader that went away stops nothing");
	journal_close(&j);
	(void)unlink("run/journal");
	(void)rmdir("run");
	if (chdir("/") == 0)
		(void)rmdir(home);
	return tap_done();
}
