/* SPDX-License-Identifier: ISC */
#include "../../pop3d/session.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "maildir.h"
#include "tap.h"

static struct settings settings;
static struct journal journal;

static int
remove_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st, (void)type, (void)at;
	return remove(path);
}

static void
make_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd == -1 || write(fd, text, strlen(text)) < 0 || close(fd) != 0)
		abort();
}

static void
make_drop(void)
{
	make_file("new/1.a", "A: b\r\n\r\nhi\r\n");
	make_file("new/2.b", "A: b\r\n\r\n.\r\n..\r\n..a\r\nend");
	make_file("new/3.c", "A: b\r\n\r\n");
}

/* A whole session over a socket pair; what it said, after its greeting. */
static const char *
talk(const char *commands)
{
	static char said[1 << 18];
	static struct session s;
	struct session_about about = { &settings, &journal, "bob", "b", "",
		SPAN_EMPTY, NULL, NULL };
	int pair[2];
	size_t len = 0;
	ssize_t n;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0 ||
	    write(pair[1], commands, strlen(commands)) < 0 ||
	    shutdown(pair[1], SHUT_WR) != 0)
		abort();
	session_begin(&s, &about, open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
	    pair[0], pair[0]);
	session_run(&s);
	session_free(&s);
	(void)close(pair[0]);
	while ((n = read(pair[1], said + len, sizeof(said) - 1 - len)) > 0)
		len += (size_t)n;
	(void)close(pair[1]);
	said[len] = '\0';
	return said;
}

static const struct {
	const char *title, *send, *want;
} cases[] = {
	{ "a greeting counts", "", "+OK 3 messages\r\n" },
	{ "STAT", "STAT\r\n", "+OK 3 messages\r\n+OK 3 45\r\n" },
	{ "LIST n", "LIST 2\r\n", "+OK 3 messages\r\n+OK 2 25\r\n" },
	{ "LIST", "LIST\r\n",
	    "+OK 3 messages\r\n+OK 3 messages (45 octets)\r\n"
	    "1 12\r\n2 25\r\n3 8\r\n.\r\n" },
	{ "UIDL", "UIDL\r\nUIDL 3\r\n",
	    "+OK 3 messages\r\n+OK unique-ids follow\r\n"
	    "1 1.a\r\n2 2.b\r\n3 3.c\r\n.\r\n+OK 3 3.c\r\n" },
	{ "RETR stuffs dots and ends the last line", "RETR 2\r\n",
	    "+OK 3 messages\r\n+OK 25 octets\r\n"
	    "A: b\r\n\r\n..\r\n...\r\n...a\r\nend\r\n.\r\n" },
	{ "TOP", "TOP 1 0\r\n",
	    "+OK 3 messages\r\n+OK top of the message follows\r\n"
	    "A: b\r\n\r\n.\r\n" },
	{ "a number that is none", "RETR 4294967297\r\nDELE 0\r\nTOP 1\r\n",
	    "+OK 3 messages\r\n-ERR no such message\r\n"
	    "-ERR no such message\r\n-ERR syntax: TOP message lines\r\n" },
	{ "a deleted message is out of reach",
	    "DELE 1\r\nDELE 1\r\nRETR 1\r\nLIST\r\nSTAT\r\n",
	    "+OK 3 messages\r\n+OK will be deleted at QUIT\r\n"
	    "-ERR this message is deleted\r\n-ERR this message is deleted\r\n"
	    "+OK 2 messages (33 octets)\r\n2 25\r\n3 8\r\n.\r\n+OK 2 33\r\n" },
	{ "RSET brings it back", "DELE 1\r\nRSET\r\nSTAT\r\n",
	    "+OK 3 messages\r\n+OK will be deleted at QUIT\r\n"
	    "+OK nothing will be deleted\r\n+OK 3 45\r\n" },
	{ "no second login", "USER x\r\nPASS y\r\n",
	    "+OK 3 messages\r\n-ERR you are logged in already\r\n"
	    "-ERR you are logged in already\r\n" },
	{ "nothing odd is a command", ":\r\n \r\n\r\nNOOP\rQUIT\r\nXYZZY\r\n",
	    "+OK 3 messages\r\n-ERR unknown command\r\n"
	    "-ERR unknown command\r\n-ERR unknown command\r\n"
	    "-ERR unknown command\r\n-ERR unknown command\r\n" },
	{ "half a command is none", "DELE 1", "+OK 3 messages\r\n" },
};

static bool
is_there(const char *name)
{
	return access(name, F_OK) == 0;
}

static void
test_update(void)
{
	make_drop();
	(void)talk("DELE 1\r\nDELE 2\r\n");
	tap_ok(is_there("new/1.a") && is_there("new/2.b"),
	    "a session that ends without QUIT removes nothing");
	(void)talk("DELE 1\r\nQUIT now\r\n");
	tap_ok(is_there("new/1.a"), "QUIT with an argument is not QUIT");
	tap_ok(strcmp(talk("DELE 1\r\nQUIT\r\nDELE 2\r\n"),
	           "+OK 3 messages\r\n+OK will be deleted at QUIT\r\n"
	           "+OK bye\r\n") == 0 &&
	        !is_there("new/1.a") && is_there("new/2.b"),
	    "QUIT removes what was deleted; nothing after it is heard");
}

static void
test_limits(void)
{
	char many[1000] = "", big[70000];
	const char *said;

	for (int i = 0; i < 25; i++)
		(void)strcat(many, "XYZZY\r\n");
	said = talk(many);
	tap_ok(strstr(said, "-ERR too many errors, closing\r\n") != NULL,
	    "too many errors end the session");
	memset(big, 'A', 66000);
	(void)strcpy(big + 66000, "\r\nNOOP\r\n");
	said = talk(big);
	tap_ok(strstr(said, "\r\n-ERR a command line has") != NULL &&
	        strstr(said, "octets\r\n+OK\r\n") != NULL,
	    "a line of 66000 octets is one error, and the session goes on");
}

static void
test_lock(void)
{
	static struct session s;
	struct session_about about = { &settings, &journal, "bob", "b", "",
		SPAN_EMPTY, NULL, NULL };
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
		abort();
	session_begin(&s, &about, open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
	    pair[0], pair[0]);
	tap_ok(span_has_prefix(span_of(talk("STAT\r\n")), "-ERR [IN-USE]"),
	    "a second session of one mailbox is told so");
	session_free(&s);
	tap_ok(span_has_prefix(span_of(talk("STAT\r\n")), "+OK"),
	    "and let in when the first has ended");
	(void)close(pair[0]);
	(void)close(pair[1]);
}

#define OURS(n, size)                                                          \
	"new/1795564800.01M8801200ZZZZZZZZZZZZZZZZR" #n ",S=" #size            \
	",W=" #size ",D=0"

/* What a name says of lines counts only while the file is as it was. */
static void
test_rewritten(void)
{
	const char *said;
	char big[66000];

	(void)remove("new/2.b");
	(void)remove("new/3.c");
	make_file("new/1.a", "hi\r\n");
	make_file(OURS(1, 12), "A: b\r\n\r\n.\r\nlonger\r\n");
	make_file(OURS(2, 99), "A: b\r\n\r\n.\r\n.\n");
	make_file(OURS(3, 12), "A: b\n\n.\n.\r\n");
	make_file(OURS(4, 12), ".: b\r\n\r\n..\r\n");
	said = talk("LIST\r\nSTAT\r\n"
	            "RETR 2\r\nRETR 3\r\nRETR 4\r\nRETR 5\r\n");
	if (!tap_ok(strcmp(said,
	                "+OK 5 messages\r\n"
	                "+OK 5 messages (63 octets)\r\n"
	                "1 4\r\n2 19\r\n3 14\r\n4 14\r\n5 12\r\n.\r\n"
	                "+OK 5 63\r\n"
	                "+OK 19 octets\r\nA: b\r\n\r\n..\r\nlonger\r\n.\r\n"
	                "+OK 14 octets\r\nA: b\r\n\r\n..\r\n..\r\n.\r\n"
	                "+OK 14 octets\r\nA: b\r\n\r\n..\r\n..\r\n.\r\n"
	                "+OK 12 octets\r\n..: b\r\n\r\n...\r\n.\r\n") == 0,
	        "a file rewritten under its name: its own size, dots stuffed"))
		printf("# got %s\n", said);
	memset(big, 'A', sizeof(big));
	(void)strcpy(big + sizeof(big) - 6, "\r\n.\r\n");
	make_file(OURS(1, 12), big);
	(void)rename(OURS(1, 12), OURS(1, 70000));
	said = talk("RETR 2\r\n");
	tap_ok(strlen(said) ==
	            strlen(big) +
	                strlen("+OK 5 messages\r\n+OK 70000 "
	                       "octets\r\n") +
	                4 &&
	        strstr(said, "A\r\n..\r\n.\r\n") != NULL,
	    "so they are in a big one");
	(void)remove(OURS(1, 70000));
	(void)remove(OURS(2, 99));
	(void)remove(OURS(3, 12));
	(void)remove(OURS(4, 12));
}

/* A bad block: open() does not know, read() does. */
static void
test_unreadable(void)
{
	static const char commands[] = "NOOP\r\nRETR 1\r\nTOP 1 0\r\n"
	                               "RETR 2\r\n";
	static const char want[] =
	    "+OK 2 messages\r\n+OK\r\n"
	    "-ERR [SYS/TEMP] this message cannot be read now\r\n"
	    "-ERR [SYS/TEMP] this message cannot be read now\r\n"
	    "+OK 4 octets\r\nhi\r\n.\r\n";
	static struct session s;
	struct session_about about = { &settings, &journal, "bob", "b", "",
		SPAN_EMPTY, NULL, NULL };
	char said[2000];
	int pair[2];
	ssize_t n;

	make_file("new/9.z", "hi\r\n");
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
		abort();
	session_begin(&s, &about, open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
	    pair[0], pair[0]);
	/* A directory is what every file system refuses to read. */
	if (remove("new/1.a") != 0 || mkdir("new/1.a", 0700) != 0)
		abort();
	if (write(pair[1], commands, strlen(commands)) < 0 ||
	    shutdown(pair[1], SHUT_WR) != 0)
		abort();
	session_run(&s);
	session_free(&s);
	n = recv(pair[1], said, sizeof(said) - 1, MSG_WAITALL | MSG_DONTWAIT);
	said[n < 0 ? 0 : n] = '\0';
	if (!tap_ok(strcmp(said, want) == 0,
	        "a message that cannot be read is told, and the others come"))
		printf("# got %s\n", said);
	(void)close(pair[0]);
	(void)close(pair[1]);
}

int
main(void)
{
	char home[] = "/tmp/pneu-session.XXXXXX";

	if (mkdtemp(home) == NULL || chdir(home) != 0 ||
	    mkdir("new", 0700) != 0 || mkdir("cur", 0700) != 0)
		abort();
	settings.pop3d.max_errors = 20;
	settings.pop3d.messages_max = 1000;
	settings.pop3d.timeout_ms = 10000;
	journal_open(&journal, "test");
	make_drop();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *said = talk(cases[i].send);

		if (!tap_ok(
		        strcmp(said, cases[i].want) == 0, "%s", cases[i].title))
			printf("# got %s\n", said);
	}
	test_update();
	test_limits();
	test_lock();
	test_rewritten();
	test_unreadable();
	(void)nftw(home, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
	return tap_done();
}
