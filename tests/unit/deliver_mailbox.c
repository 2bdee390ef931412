/* SPDX-License-Identifier: ISC */
#include "../../deliver/directories.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "prog.h"
#include "tap.h"
#include "trouble.h"

#define QID  "01JDE3V0Z0ABCDEFGHJKMNPQRS"
#define NAME "1732419355." QID "R1,S=5,W=5,D=0"
#define BOB  "mail/example.org/bob"

static struct journal journal;

static void
make_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0400);

	if (fd == -1 || write(fd, text, strlen(text)) < 0 || close(fd) != 0)
		abort();
}

static int
remove_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st, (void)type, (void)at;
	return remove(path);
}

static void
make_mailbox(const char *path)
{
	char part[256];

	if (mkdir(path, 0700) != 0)
		abort();
	for (const char *p = "new\0cur\0tmp\0"; *p != '\0'; p += 4) {
		(void)snprintf(part, sizeof(part), "%s/%s", path, p);
		if (mkdir(part, 0700) != 0)
			abort();
	}
}

static ino_t
inode(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? st.st_ino : 0;
}

static struct deliver_req
request(const char *path, bool again)
{
	struct deliver_req req = {
		.word = DELIVER_DELIVER, .n = 1, .again = again
	};

	(void)strcpy(req.qid.text, QID);
	(void)strcpy(req.file, "in/" QID);
	(void)strcpy(req.name, NAME);
	(void)span_copy(span_of(path), req.path, sizeof(req.path));
	return req;
}

static enum outcome
deliver(struct mailbox_store *s, const char *path, bool again,
    enum deliver_how *how, struct fault *f)
{
	struct deliver_req req = request(path, again);

	*f = FAULT_NONE;
	return mailbox_deliver(s, &req, how, f);
}

static void
test_links(struct mailbox_store *s)
{
	enum deliver_how how;
	struct fault f;

	tap_ok(mailbox_try_links(s), "the try at the start can link");
	tap_ok(deliver(s, "example.org/bob", false, &how, &f) == OK &&
	        how == DELIVER_LINK &&
	        inode(BOB "/new/" NAME) == inode("queue/in/" QID),
	    "a delivery is a link to the queue's own file");
	tap_ok(deliver(s, "example.org/bob", false, &how, &f) == OK &&
	        how == DELIVER_FOUND,
	    "repeating it is harmless");
	tap_ok(mailbox_sync(s, "example.org/bob", &f) == OK,
	    "a mailbox can be synced");
	tap_ok(mailbox_sync_all(s, &f) == OK, "so can all of them");
}

static void
test_again(struct mailbox_store *s)
{
	enum deliver_how how;
	struct fault f;

	(void)!rename(BOB "/new/" NAME, BOB "/cur/" NAME ":2,RS");
	tap_ok(deliver(s, "example.org/bob", true, &how, &f) == OK &&
	        how == DELIVER_FOUND && inode(BOB "/new/" NAME) == 0,
	    "again=1 finds what a reader moved to cur/ and marked");
	(void)unlink(BOB "/cur/" NAME ":2,RS");
	tap_ok(deliver(s, "example.org/bob", true, &how, &f) == OK &&
	        how == DELIVER_LINK,
	    "again=1 delivers what is in neither");
	(void)!link("queue/in/" QID, "backup");
	(void)unlink(BOB "/new/" NAME);
	tap_ok(deliver(s, "example.org/bob", true, &how, &f) == OK &&
	        how == DELIVER_LINK && inode(BOB "/new/" NAME) != 0,
	    "a link that a backup holds is no delivery");
	(void)unlink("backup");
	tap_ok(deliver(s, "example.org/bob", true, &how, &f) == OK &&
	        how == DELIVER_FOUND,
	    "again=1 finds what is in new/");
	(void)unlink(BOB "/new/" NAME);
}

/* As where no sync carries another: cur/ is opened at each sync. */
static void
test_no_cur(struct mailbox_store *s)
{
	bool carries = s->root[0].disk.fsync_carries_all;
	enum deliver_how how;
	struct fault f;

	s->root[0].disk.fsync_carries_all = false;
	(void)rmdir(BOB "/cur");
	tap_ok(deliver(s, "example.org/bob", false, &how, &f) == OK,
	    "without cur/ mail is delivered");
	tap_ok(mailbox_sync(s, "example.org/bob", &f) == OK,
	    "and is on disk after the sync");
	tap_ok(deliver(s, "example.org/bob", true, &how, &f) == OK &&
	        how == DELIVER_FOUND,
	    "and is found again");
	(void)unlink(BOB "/new/" NAME);
	(void)!link("queue/in/" QID, "backup");
	tap_ok(deliver(s, "example.org/bob", true, &how, &f) == OK &&
	        how == DELIVER_LINK,
	    "or is delivered, when it is in neither");
	(void)unlink("backup");
	(void)unlink(BOB "/new/" NAME);
	make_file(BOB "/cur", "");
	tap_ok(deliver(s, "example.org/bob", false, &how, &f) == OK &&
	        mailbox_sync(s, "example.org/bob", &f) == OK,
	    "so it is where cur/ is no directory");
	(void)unlink(BOB "/new/" NAME);
	(void)unlink(BOB "/cur");
	(void)mkdir(BOB "/cur", 0700);
	s->root[0].disk.fsync_carries_all = carries;
}

static void
test_mailboxes_that_change(struct mailbox_store *s)
{
	enum deliver_how how;
	struct fault f;

	tap_ok(deliver(s, "example.org/bob", false, &how, &f) == OK,
	    "delivered once");
	(void)!rename(BOB, BOB ".old");
	mailbox_next_round(s);
	tap_ok(deliver(s, "example.org/bob", false, &how, &f) == TEMP &&
	        strcmp(f.code, "4.2.0") == 0,
	    "a mailbox that is gone is temp, code 4.2.0");
	make_mailbox(BOB);
	tap_ok(deliver(s, "example.org/bob", false, &how, &f) == OK &&
	        inode(BOB "/new/" NAME) != 0,
	    "one made in its place gets the mail, not the renamed one");
	(void)!rename(BOB, BOB ".older");
	make_mailbox(BOB);
	mailbox_next_round(s);
	tap_ok(mailbox_sync(s, "example.org/bob", &f) == TEMP,
	    "a mailbox replaced since the delivery does not settle it");
	tap_ok(deliver(s, "example.org/bob", false, &how, &f) == OK &&
	        mailbox_sync(s, "example.org/bob", &f) == OK,
	    "delivered again it does");
	(void)unlink(BOB "/new/" NAME);
	(void)rmdir(BOB "/new");
	tap_ok(deliver(s, "example.org/bob", false, &how, &f) == TEMP &&
	        strcmp(f.code, "4.2.0") == 0,
	    "new/ removed within a round is temp too");
	(void)mkdir(BOB "/new", 0700);
	tap_ok(deliver(s, "example.org/bob", false, &how, &f) == OK,
	    "and made again within it it is found");
	tap_ok(mailbox_sync(s, "example.org/nobody", &f) == TEMP,
	    "nothing there is never synced");
}

/* The disk fails once; whoever asks next is told that all is well. */
static void
test_failed_sync(struct mailbox_store *s)
{
	enum deliver_how how;
	struct mailbox *m;
	struct fault f;
	int ends[2], none = open(".", O_PATH), kept = dup(s->root[0].fd);

	if (pipe(ends) != 0 ||
	    deliver(s, "example.org/bob", false, &how, &f) != OK)
		abort();
	m = mailbox_find_open(s, "example.org/bob");
	if (m == NULL || dup2(ends[0], m->fd) == -1) /* it cannot be synced */
		abort();
	tap_ok(mailbox_sync(s, "example.org/bob", &f) == TEMP &&
	        trouble_stands(s->queue),
	    "a sync that failed leaves trouble in the queue");
	(void)unlink("queue/trouble");
	if (dup2(none, s->root[0].fd) == -1)
		abort();
	tap_ok(mailbox_sync_all(s, &f) == TEMP && trouble_stands(s->queue),
	    "so does one of all mailboxes");
	(void)unlink("queue/trouble");
	if (dup2(kept, s->root[0].fd) == -1)
		abort();
	mailbox_drop(m);
	tap_ok(mailbox_sync(s, "example.org/nobody", &f) == TEMP &&
	        !trouble_stands(s->queue),
	    "a mailbox that is not there is none");
	(void)close(ends[0]), (void)close(ends[1]);
	(void)close(none), (void)close(kept);
}

static void
test_refusals(struct mailbox_store *s)
{
	enum deliver_how how;
	struct fault f;

	(void)!symlink("../../mail/example.org/bob", "mail/example.org/sym");
	tap_ok(deliver(s, "example.org/sym", false, &how, &f) == TEMP &&
	        strcmp(f.code, "4.2.0") == 0,
	    "a symbolic link is no mailbox");
	(void)!symlink("/etc", "mail/etc");
	tap_ok(deliver(s, "etc", false, &how, &f) == TEMP,
	    "nor is one that leads out");
	(void)!rename("queue/in/" QID, "queue/away");
	tap_ok(deliver(s, "example.org/bob", true, &how, &f) == TEMP &&
	        deliver(s, "example.org/ann", false, &how, &f) == TEMP &&
	        strstr(f.text, "not in the queue") != NULL,
	    "content that is not there is said, not the mailbox");
	(void)!rename("queue/away", "queue/in/" QID);
	if (geteuid() == 0) {
		printf("# root: no test of EACCES\n");
		return;
	}
	(void)chmod("mail/example.org/ann/new", 0500);
	tap_ok(deliver(s, "example.org/ann", false, &how, &f) == TEMP &&
	        strcmp(f.code, "4.3.0") == 0 && how == DELIVER_NONE,
	    "EACCES is temp and never a copy");
	(void)chmod("mail/example.org/ann/new", 0700);
}

static void
test_many(struct mailbox_store *s)
{
	char path[64], full[128];
	enum deliver_how how;
	struct fault f;
	int bad = 0;

	for (int round = 0; round < 2; round++)
		for (int i = 0; i < 40; i++) {
			(void)snprintf(
			    path, sizeof(path), "example.org/m%d", i);
			(void)snprintf(full, sizeof(full), "mail/%s", path);
			if (round == 0)
				make_mailbox(full);
			if (deliver(s, path, false, &how, &f) != OK ||
			    how != (round == 0 ? DELIVER_LINK : DELIVER_FOUND))
				bad++;
			if (i % 16 == 0)
				mailbox_next_round(s);
		}
	tap_ok(bad == 0, "more mailboxes than are kept open all get it");
}

/* On another file system, where this machine has one to write to. */
static void
test_copies(const char *home)
{
	char other[] = "/dev/shm/pneu-deliver.XXXXXX", box[128], name[256];
	struct stat a, b;
	struct mailbox_store s;
	enum deliver_how how;
	struct fault f = FAULT_NONE;

	if (mkdtemp(other) == NULL || stat(home, &a) != 0 ||
	    stat(other, &b) != 0 || a.st_dev == b.st_dev) {
		tap_ok(true, "copies # SKIP no second file system");
		return;
	}
	(void)snprintf(box, sizeof(box), "%s/bob", other);
	make_mailbox(box);
	if (mailbox_store_open(&s, "queue", other, &journal, &f) != OK)
		abort();
	tap_ok(mailbox_try_links(&s), "two file systems are no alarm");
	tap_ok(deliver(&s, "bob", false, &how, &f) == OK && how == DELIVER_COPY,
	    "across file systems it is a copy");
	(void)snprintf(name, sizeof(name), "%s/new/%s", box, NAME);
	tap_ok(stat(name, &a) == 0 && a.st_size == 5 &&
	        (a.st_mode & 0777) == 0400 && a.st_nlink == 1,
	    "whole, mode 0400, and gone from tmp/");
	tap_ok(
	    deliver(&s, "bob", false, &how, &f) == OK && how == DELIVER_FOUND,
	    "repeated it is found");
	(void)snprintf(name, sizeof(name), "%s/tmp/%s.1", box, NAME);
	make_file(name, "to");
	(void)snprintf(name, sizeof(name), "%s/new/%s", box, NAME);
	(void)unlink(name);
	(void)snprintf(name, sizeof(name), "%s/tmp/%s.1", box, NAME);
	tap_ok(deliver(&s, "bob", true, &how, &f) == OK &&
	        how == DELIVER_COPY && access(name, F_OK) != 0,
	    "what a killed copy left in tmp/ goes at the next attempt");
	mailbox_store_free(&s);
	(void)nftw(other, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

int
main(void)
{
	static const struct prog_about about = { .name = "test" };
	char home[] = "/tmp/pneu-deliver.XXXXXX";
	struct mailbox_store s;
	struct fault f = FAULT_NONE;

	prog.about = &about;
	if (mkdtemp(home) == NULL || chdir(home) != 0 ||
	    mkdir("queue", 0700) != 0 || mkdir("queue/in", 0700) != 0 ||
	    mkdir("mail", 0700) != 0 || mkdir("mail/example.org", 0700) != 0)
		abort();
	make_mailbox(BOB);
	make_mailbox("mail/example.org/ann");
	make_file("queue/in/" QID, "hello");
	journal_open(&journal, "test");
	if (mailbox_store_open(&s, "queue", "mail", &journal, &f) != OK)
		abort();
	s.most = 16; /* to see the oldest go */
	test_links(&s);
	test_again(&s);
	test_no_cur(&s);
	test_mailboxes_that_change(&s);
	test_failed_sync(&s);
	test_refusals(&s);
	test_many(&s);
	mailbox_store_free(&s);
	test_copies(home);
	(void)nftw(home, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
	return tap_done();
}
