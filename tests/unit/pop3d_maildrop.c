/* SPDX-License-Identifier: ISC */
#include "../../pop3d/maildrop.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/time.h>
#include <unistd.h>

#include "serve.h"
#include "tap.h"

#define Q(last)    "01JDE3V0Z0ABCDEFGHJKMNPQR" last
#define MANY       10000 /* listed once for each it would take minutes */
#define OURS(last) "1732419355." Q(last) "R1,S=7,W=7,D=0"

static int removals;

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
begin(struct maildrop *d)
{
	struct fault f;
	int box = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (maildrop_open(d, box, 100000, &f) != OK)
		abort();
	maildrop_order(d);
}

/* What STAT says. */
static bool
sums_are(struct maildrop *d, size_t n, uint64_t octets)
{
	uint64_t got_octets;
	size_t got;

	return maildrop_sum(d, &got, &got_octets) && got == n &&
	    octets == got_octets;
}

static bool
has_uid(const struct maildrop *d, size_t i, const char *want)
{
	char uid[MAILDROP_UID_MAX + 1];

	maildrop_uid(d, i, uid);
	return strcmp(uid, want) == 0;
}

static void
count_removal(void *arg, const struct message *m)
{
	(void)arg, (void)m;
	removals++;
}

static void
test_snapshot(void)
{
	struct maildrop d;

	make_file("new/" OURS("C"), "ccccc\r\n");
	make_file("new/" OURS("A"), "aaaaa\r\n");
	make_file("cur/" OURS("B") ":2,S", "bbbbb\r\n");
	make_file("new/.hidden", "");
	make_file("new/1000.foreign.host", "a\nb\n\nc");
	make_file("cur/1001.x,S=4,W=6.host:2,", "a\nb\n");
	(void)mkdir("new/directory", 0700);
	begin(&d);
	tap_ok(d.n == 5, "five messages: no dot names, no directories");
	tap_ok(has_uid(&d, 0, "1000.foreign.host") &&
	        has_uid(&d, 2, OURS("A")) && has_uid(&d, 3, OURS("B")) &&
	        has_uid(&d, 4, OURS("C")),
	    "in the order of names, new/ and cur/ together");
	tap_ok((d.message[0].flags & MESSAGE_SIZED) == 0 &&
	        (d.message[1].flags & MESSAGE_SIZED) == 0 &&
	        (d.message[2].flags & MESSAGE_SIZED) != 0 &&
	        d.message[2].octets == 7,
	    "the names of ours tell sizes, no file was opened");
	tap_ok(sums_are(&d, 5, 38) && maildrop_octets(&d, 0) == 11,
	    "a foreign one is counted with CRLF ends, and one at the end");
	maildrop_free(&d);
	(void)unlink("new/1000.foreign.host");
	(void)unlink("cur/1001.x,S=4,W=6.host:2,");
	(void)rmdir("new/directory");
}

static void
test_unique_ids(void)
{
	struct maildrop d;
	char one[MAILDROP_UID_MAX + 1], two[MAILDROP_UID_MAX + 1];
	char name[128] = "new/", flags[140];

	memset(name + 4, 'x', 71);
	make_file(name, "a\r\n");
	make_file("cur/b\x01 b:2,", "b\r\n");
	begin(&d);
	maildrop_uid(&d, 3, one);
	maildrop_uid(&d, 4, two);
	tap_ok(d.n == 5 && strlen(one) == 32 && strlen(two) == 32 &&
	        strcmp(one, two) != 0,
	    "over 70 octets, or not printable: a hash");
	maildrop_free(&d);
	(void)snprintf(flags, sizeof(flags), "cur/%s:2,FS", name + 4);
	(void)!rename(name, flags);
	begin(&d);
	maildrop_uid(&d, 4, two);
	tap_ok(strcmp(one, two) == 0 || has_uid(&d, 3, one),
	    "which a flag does not change");
	maildrop_free(&d);
	(void)unlink(flags);
	(void)unlink("cur/b\x01 b:2,");
}

static void
test_twins(void)
{
	struct maildrop d;

	make_file("cur/" OURS("A") ":2,S", "aaaaa\r\n");
	make_file("cur/" OURS("B") ":2,RS", "bbbbb\r\n");
	begin(&d);
	tap_ok(d.n == 3 && sums_are(&d, 3, 21),
	    "what is in new/ and cur/, or twice in cur/, is one message");
	maildrop_free(&d);
	(void)unlink("cur/" OURS("A") ":2,S");
	(void)unlink("cur/" OURS("B") ":2,RS");
}

/* A file rewritten under its name, or by a name that lies. */
static void
test_rewritten(void)
{
	struct message_file file;
	struct maildrop d;
	struct fault f;

	make_file("new/" OURS("A"), "aaaaa, and more\r\n");
	make_file("cur/" OURS("B") ":2,S", "bbbb\n\n");
	make_file("cur/3000.x,S=4,W=6:2,", "a\nb\n");
	make_file("cur/3001.x,W=600:2,", "a\nb\n");
	make_file("cur/3002.x,S=5,W=600:2,", "a\nb\n");
	begin(&d);
	tap_ok(sums_are(&d, 6, 17 + 8 + 7 + 6 * 3), "STAT looks at each file");
	tap_ok(maildrop_octets(&d, 0) == 17 && maildrop_octets(&d, 1) == 8,
	    "a file rewritten under its name has its own octets");
	tap_ok(maildrop_octets(&d, 3) == 6 && maildrop_octets(&d, 4) == 6 &&
	        maildrop_octets(&d, 5) == 6,
	    "so has one whose S= is not the file's, or is not there");
	make_file("new/" OURS("A"), "b\n");
	tap_ok(maildrop_read(&d, 0, true, &file, &f) == OK &&
	        file.octets == 3 && !file.as_it_is && close(file.fd) == 0 &&
	        maildrop_octets(&d, 0) == 3,
	    "RETR looks once more");
	maildrop_free(&d);
	make_file("new/" OURS("A"), "aaaaa\r\n");
	make_file("cur/" OURS("B") ":2,S", "bbbbb\r\n");
	(void)unlink("cur/3000.x,S=4,W=6:2,");
	(void)unlink("cur/3001.x,W=600:2,");
	(void)unlink("cur/3002.x,S=5,W=600:2,");
}

/* Before any number was asked for. */
static void
test_moved_before_stat(void)
{
	char from[40], to[48];
	struct maildrop d;
	struct fault f;
	int box = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	/* With cur/ empty, as where nobody reads but POP clients. */
	(void)!rename("cur/" OURS("B") ":2,S", "away");
	for (int i = 0; i < 50; i++) {
		(void)snprintf(from, sizeof(from), "new/4%02d,S=2,W=2", i);
		make_file(from, "\r\n");
	}
	if (maildrop_open(&d, box, 1000, &f) != OK)
		abort();
	for (int i = 0; i < 50; i++) {
		(void)snprintf(from, sizeof(from), "new/4%02d,S=2,W=2", i);
		(void)snprintf(to, sizeof(to), "cur/4%02d,S=2,W=2:2,S", i);
		(void)!rename(from, to);
	}
	tap_ok(sums_are(&d, 52, 2 * 7 + 50 * 2),
	    "what a reader moved before STAT is found");
	maildrop_free(&d);
	for (int i = 0; i < 50; i++) {
		(void)snprintf(to, sizeof(to), "cur/4%02d,S=2,W=2:2,S", i);
		(void)unlink(to);
	}
	(void)!rename("away", "cur/" OURS("B") ":2,S");
}

static void
test_moves(void)
{
	struct maildrop d;
	struct message_file file;
	struct fault f;

	begin(&d);
	(void)!rename("new/" OURS("A"), "cur/" OURS("A") ":2,S");
	tap_ok(maildrop_read(&d, 0, true, &file, &f) == OK && file.as_it_is &&
	        close(file.fd) == 0,
	    "a message that a reader moved to cur/ is found there");
	(void)!rename("cur/" OURS("A") ":2,S", "cur/" OURS("A") ":2,RS");
	tap_ok(
	    maildrop_read(&d, 0, true, &file, &f) == OK && close(file.fd) == 0,
	    "and again when its flags change");
	(void)unlink("cur/" OURS("B") ":2,S");
	tap_ok(maildrop_read(&d, 1, true, &file, &f) == PERM,
	    "one that vanished is an error");
	tap_ok(
	    maildrop_read(&d, 2, true, &file, &f) == OK && close(file.fd) == 0,
	    "and the other numbers keep");

	maildrop_delete(&d, 0);
	maildrop_delete(&d, 1);
	maildrop_delete(&d, 1);
	tap_ok(sums_are(&d, 1, 7), "a message is deleted once");
	maildrop_undelete_all(&d);
	tap_ok(!maildrop_is_deleted(&d, 0) && sums_are(&d, 3, 14) &&
	        access("new/" OURS("C"), F_OK) == 0,
	    "RSET takes all back");
	maildrop_delete(&d, 0);
	maildrop_delete(&d, 1);
	(void)!rename("cur/" OURS("A") ":2,RS", "cur/" OURS("A") ":2,FRS");
	tap_ok(maildrop_update(&d, count_removal, NULL, &f) == OK &&
	        removals == 2 && access("cur/" OURS("A") ":2,FRS", F_OK) != 0 &&
	        access("new/" OURS("C"), F_OK) == 0,
	    "UPDATE removes what was deleted, wherever it went, and no more");
	maildrop_free(&d);
}

static void
test_failing_update(void)
{
	struct maildrop d;
	struct fault f;

	begin(&d);
	maildrop_delete(&d, 0);
	if (geteuid() == 0) {
		/* root is not held by modes: a directory in its place is */
		(void)unlink("new/" OURS("C"));
		(void)mkdir("new/" OURS("C"), 0700);
	} else {
		(void)chmod("new", 0500);
	}
	removals = 0;
	tap_ok(maildrop_update(&d, count_removal, NULL, &f) == TEMP &&
	        removals == 0,
	    "what cannot be removed is said");
	(void)chmod("new", 0700);
	maildrop_free(&d);
}

/* Nobody knows where it is: then it is not removed. */
static void
test_blind_update(void)
{
	struct rlimit before, none = { 0, 0 };
	struct maildrop d;
	struct fault f;

	make_file("new/" OURS("D"), "ddddd\r\n");
	begin(&d);
	for (size_t i = 0; i < d.n; i++)
		if (has_uid(&d, i, OURS("D")))
			maildrop_delete(&d, i);
	(void)!rename("new/" OURS("D"), "cur/" OURS("D") ":2,S");
	(void)getrlimit(RLIMIT_NOFILE, &before);
	none.rlim_max = before.rlim_max;
	removals = 0;
	(void)setrlimit(RLIMIT_NOFILE, &none);
	tap_ok(maildrop_update(&d, count_removal, NULL, &f) == TEMP &&
	        f.error == EMFILE && removals == 0,
	    "what cannot be looked for is not counted as removed");
	(void)setrlimit(RLIMIT_NOFILE, &before);
	tap_ok(maildrop_update(&d, count_removal, NULL, &f) == OK &&
	        removals == 1 && access("cur/" OURS("D") ":2,S", F_OK) != 0,
	    "and removed when it can be");
	maildrop_free(&d);
}

static void
rename_rest(void *arg, const struct message *m)
{
	char from[32], to[32];

	(void)arg, (void)m;
	/* A reader is at work on the other one. */
	if (++removals > 1)
		return;
	for (char c = '1'; c <= '2'; c++) {
		(void)snprintf(from, sizeof(from), "cur/200%c:2,S", c);
		(void)snprintf(to, sizeof(to), "cur/200%c:2,RS", c);
		(void)!rename(from, to);
	}
}

static void
test_renamed_in_update(void)
{
	struct maildrop d;
	struct fault f;

	make_file("cur/2001:2,", "1\r\n");
	make_file("cur/2002:2,", "2\r\n");
	begin(&d);
	for (size_t i = 0; i < d.n; i++)
		if (has_uid(&d, i, "2001") || has_uid(&d, i, "2002"))
			maildrop_delete(&d, i);
	(void)!rename("cur/2001:2,", "cur/2001:2,S");
	(void)!rename("cur/2002:2,", "cur/2002:2,S");
	removals = 0;
	tap_ok(maildrop_update(&d, rename_rest, NULL, &f) == OK &&
	        removals == 2 && access("cur/2001:2,RS", F_OK) != 0 &&
	        access("cur/2002:2,RS", F_OK) != 0,
	    "a flag that changes during UPDATE keeps nothing");
	maildrop_free(&d);
}

/* A reader that does not stop: no listing of cur/ is ever known to be whole. */
static void
test_busy(void)
{
	struct message_file file;
	struct maildrop d;
	struct fault f;
	size_t i = 0;
	pid_t reader;

	make_file("cur/2003:2,", "3\r\n");
	make_file("cur/2004:2,", "4\r\n");
	begin(&d);
	while (i < d.n && !has_uid(&d, i, "2003"))
		i++;
	reader = fork();
	if (reader == -1)
		abort();
	if (reader == 0)
		(void)alarm(60); /* should nobody kill it */
	while (reader == 0) {
		(void)!rename("cur/2004:2,", "cur/2004:2,S");
		(void)!rename("cur/2004:2,S", "cur/2004:2,");
	}
	(void)!rename("cur/2003:2,", "cur/2003:2,S");
	tap_ok(
	    maildrop_read(&d, i, true, &file, &f) == OK && close(file.fd) == 0,
	    "a message is found though others are at work");
	(void)!rename("cur/2003:2,S", "cur/2003:2,RS");
	maildrop_delete(&d, i);
	removals = 0;
	tap_ok(maildrop_update(&d, count_removal, NULL, &f) == OK &&
	        removals == 1 && access("cur/2003:2,RS", F_OK) != 0,
	    "and removed");
	(void)kill(reader, SIGKILL);
	(void)waitpid(reader, NULL, 0);
	maildrop_free(&d);
	(void)unlink("cur/2004:2,");
	(void)unlink("cur/2004:2,S");
}

/* Another reader has moved it all: one listing tells all names. */
static void
test_many_moves(void)
{
	char from[40], to[48];
	struct message_file file;
	struct maildrop d;
	struct fault f;
	bool good = true;
	/* Of CPU: listing it for each message takes far more. */
	struct itimerval much = { .it_value = { 10, 0 } }, none = { 0 };

	for (int i = 0; i < MANY; i++) {
		(void)snprintf(from, sizeof(from), "new/3%05d,S=0,W=0", i);
		make_file(from, "");
	}
	begin(&d);
	for (int i = 0; i < MANY; i++) {
		(void)snprintf(from, sizeof(from), "new/3%05d,S=0,W=0", i);
		(void)snprintf(to, sizeof(to), "cur/3%05d,S=0,W=0:2,", i);
		(void)!rename(from, to);
	}
	removals = 0;
	(void)setitimer(ITIMER_PROF, &much, NULL);
	for (size_t i = 0; i < d.n; i++) {
		good = good && maildrop_read(&d, i, true, &file, &f) == OK;
		(void)close(file.fd);
		maildrop_delete(&d, i);
	}
	tap_ok(good && maildrop_update(&d, count_removal, NULL, &f) == OK &&
	        removals == (int)d.n && d.n >= MANY,
	    "a mailbox that was moved is not listed for each message");
	(void)setitimer(ITIMER_PROF, &none, NULL);
	maildrop_free(&d);
}

static void
test_limit(void)
{
	struct maildrop d;
	struct fault f;
	char name[32];
	int box = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (int i = 0; i < 1200; i++) {
		(void)snprintf(name, sizeof(name), "new/%d,S=0,W=0", i);
		make_file(name, "");
	}
	tap_ok(maildrop_open(&d, box, 1000, &f) == OK && d.n == 1000 && d.cut,
	    "no more messages than the limit, and it is known");
	maildrop_order(&d);
	make_file("new/0,S=0,W=0", "12345");
	tap_ok(has_uid(&d, 0, "0,S=0,W=0") && sums_are(&d, 1000, 0),
	    "of so many a name's word is taken");
	tap_ok(maildrop_octets(&d, 0) == 7 && sums_are(&d, 1000, 7),
	    "until the file is looked at");
	maildrop_free(&d);
}

/* Whose size cannot be counted is not sent: it could lack its beginning. */
static void
test_uncounted(void)
{
	struct message_file file;
	struct maildrop d;
	struct fault f;
	uint64_t octets;
	size_t n;

	if (mkdir("apart", 0700) != 0 || chdir("apart") != 0 ||
	    mkdir("new", 0700) != 0 || mkdir("cur", 0700) != 0)
		abort();
	make_file("new/0.a.host", "a\n");
	make_file("new/0.b.host", "b\n");
	begin(&d);
	(void)unlink("new/0.b.host");
	(void)mkdir("new/0.b.host", 0700);
	tap_ok(maildrop_read(&d, 1, true, &file, &f) == TEMP &&
	        f.error == EISDIR && file.fd == -1 &&
	        maildrop_octets(&d, 1) == 0,
	    "a message that cannot be read is told before its size is");
	serve_stopping = 1;
	tap_ok(!maildrop_sum(&d, &n, &octets) &&
	        maildrop_read(&d, 0, true, &file, &f) == TEMP && file.fd == -1,
	    "after SIGTERM nothing is read for its size");
	serve_stopping = 0;
	maildrop_free(&d);
}

int
main(void)
{
	char home[] = "/tmp/pneu-maildrop.XXXXXX";

	if (mkdtemp(home) == NULL || chdir(home) != 0 ||
	    mkdir("new", 0700) != 0 || mkdir("cur", 0700) != 0)
		abort();
	test_snapshot();
	test_unique_ids();
	test_twins();
	test_rewritten();
	test_moved_before_stat();
	test_moves();
	test_failing_update();
	(void)rmdir("new/" OURS("C"));
	test_blind_update();
	test_renamed_in_update();
	test_busy();
	test_many_moves();
	test_limit();
	test_uncounted();
	(void)nftw(home, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
	return tap_done();
}
