/* SPDX-License-Identifier: ISC */
/*
 * maker.c: mailboxes are made here, or by a child. Its wire is a line of
 * records each way: `make path= sync=`, `sync`, `purge path=`, `move path= to=`,
 * `has path=`, `count path=`; `ok n=`, `temp text=`, `perm text=`. It trusts the
 * parent, who is the operator.
 */
#include "maker.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fds.h"
#include "mailboxes.h"
#include "prog.h"
#include "record.h"
#include "users.h"

#define LINE_MAX (2UL * RECORD_MAX)

struct task {
	const char *word, *mail;
	struct span path, to;
	bool sync;
	uint64_t n; /* what it found */
};

static int peer = -1; /* the child; -1: none */
static int root = -1; /* the mail directory, to make mailboxes; -1: closed */

/* ---- the work ---- */

static enum outcome
open_root(const char *mail, struct fault *f)
{
	return root != -1 ? OK : mailboxes_open(mail, &root, f);
}

static enum outcome
make(struct task *t, struct fault *f)
{
	bool existed = false;

	if (open_root(t->mail, f) != OK ||
	    mailboxes_make(root, t->path, t->sync, &existed, f) != OK)
		return f->outcome;
	t->n = existed;
	return OK;
}

static enum outcome
sync_all(struct task *t, struct fault *f)
{
	return open_root(t->mail, f) == OK ? mailboxes_sync(root, f)
	                                   : f->outcome;
}

static enum outcome
purge(struct task *t, struct fault *f)
{
	return mailboxes_purge(t->mail, t->path, f);
}

static enum outcome
move(struct task *t, struct fault *f)
{
	return mailboxes_move(t->mail, t->path, t->to, f);
}

static enum outcome
has(struct task *t, struct fault *f)
{
	t->n = mailboxes_has(t->mail, t->path);
	return f->outcome = OK;
}

static enum outcome
count(struct task *t, struct fault *f)
{
	t->n = mailboxes_count(t->mail, t->path);
	return f->outcome = OK;
}

static const struct {
	const char *word;
	enum outcome (*work)(struct task *, struct fault *);
} works[] = { { "make", make }, { "sync", sync_all }, { "purge", purge },
	{ "move", move }, { "has", has }, { "count", count } };
#define WORKS (sizeof(works) / sizeof(works[0]))

static enum outcome
work(struct task *t, struct fault *f)
{
	for (size_t i = 0; i < WORKS; i++)
		if (span_eq(span_of(works[i].word), t->word))
			return works[i].work(t, f);
	return fault_set(f, TEMP, "4.3.0", 0, "no such work: %s", t->word);
}

/* ---- the child ---- */

static enum outcome
answer(int fd, struct span line, struct fault *f)
{
	struct task t = { .mail = prog.settings.mail.directory };
	struct buf b = BUF_INIT(LINE_MAX);
	struct fault why = FAULT_NONE;
	struct record_out out;
	struct record r;
	enum outcome got;

	if (record_parse(line, &r, f) != OK)
		return f->outcome;
	for (size_t i = 0; i < WORKS; i++)
		if (record_is(&r, works[i].word))
			t.word = works[i].word;
	t.path = record_value(&r, "path");
	t.to = record_value(&r, "to");
	t.sync = span_eq(record_value(&r, "sync"), "yes");
	got = t.word == NULL ? fault_set(&why, TEMP, "4.3.0", 0, "no work")
	                     : work(&t, &why);
	out = record_begin(&b, outcome_word(got));
	if (got == OK)
		record_put_num(out, "n", t.n);
	else
		record_puts(out, "text", why.text);
	if (record_end(out, f) == OK)
		(void)!fds_write_all(fd, buf_span(&b), f);
	buf_free(&b);
	return f->outcome;
}

/* The next line, without its end. */
static enum outcome
read_line(int fd, struct buf *b, struct fault *f)
{
	size_t got = 1;

	buf_reset(b);
	f->outcome = OK;
	while (f->outcome == OK && got > 0 &&
	    span_find(buf_span(b), '\n') == b->len)
		f->outcome = fds_read_some(fd, b, LINE_MAX - b->len, &got, f);
	if (f->outcome == OK && got == 0)
		return fault_set(f, TEMP, "4.3.0", ECONNRESET,
		    "the process that makes mailboxes ended");
	if (f->outcome == OK)
		buf_cut(b, b->len - 1);
	return f->outcome;
}

static void
serve(int fd, const struct identity *who)
{
	const struct sandbox_path paths[] = {
		{ prog.settings.mail.directory, "rcl" }, { NULL, NULL }
	};
	struct buf b = BUF_INIT(LINE_MAX);
	struct fault f = FAULT_NONE;

	(void)close(STDIN_FILENO);
	(void)close(STDOUT_FILENO);
	if (identity_drop(who, &f) != OK ||
	    prog_sandbox("stdio rpath cpath sync", paths, &f) != OK)
		prog_exit(&f);
	while (
	    read_line(fd, &b, &f) == OK && answer(fd, buf_span(&b), &f) == OK)
		;
	_exit(OK);
}

enum outcome
maker_begin(struct fault *f)
{
	struct identity who;
	int ends[2];
	pid_t pid;

	if (prog.settings.pneu.users != USERS_SEPARATE || getuid() != 0)
		return OK;
	if (users_find_user("store", &who, f) != OK)
		return f->outcome;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		return fault_set(f, TEMP, "4.3.0", errno, "socketpair");
	pid = fork();
	if (pid == 0) {
		(void)close(ends[0]);
		serve(ends[1], &who);
	}
	(void)close(ends[1]);
	peer = ends[0];
	if (pid == -1)
		return fault_set(f, TEMP, "4.3.0", errno, "fork");
	return OK;
}

/* ---- its parent ---- */

static enum outcome
read_answer(struct buf *b, uint64_t *n, struct fault *f)
{
	bool perm;
	struct record r;

	if (read_line(peer, b, f) != OK ||
	    record_parse(buf_span(b), &r, f) != OK)
		return f->outcome;
	if (record_is(&r, "ok") && record_take_num(&r, "n", 0, UINT64_MAX, n))
		return OK;
	perm = record_is(&r, "perm");
	return fault_set(f, perm ? PERM : TEMP, perm ? "5.3.5" : "4.3.0", 0,
	    SPAN_FMT, SPAN_ARG(record_value(&r, "text")));
}

static enum outcome
ask(struct task *t, struct fault *f)
{
	struct buf b = BUF_INIT(LINE_MAX);
	struct record_out out = record_begin(&b, t->word);

	record_put_optional(out, "path", t->path);
	record_put_optional(out, "to", t->to);
	record_puts(out, "sync", t->sync ? "yes" : "no");
	if (peer == -1)
		fault_set(f, PERM, "5.3.5", 0,
		    "[pneu] users = separate: mailboxes belong to " USERS_USER
		    ", and only root can become that: use sudo",
		    "store");
	else if (record_end(out, f) == OK &&
	    fds_write_all(peer, buf_span(&b), f) == OK)
		f->outcome = read_answer(&b, &t->n, f);
	buf_free(&b);
	return f->outcome;
}

static enum outcome
run(struct task *t, struct fault *f)
{
	return prog.settings.pneu.users == USERS_SEPARATE ? ask(t, f)
	                                                  : work(t, f);
}

enum outcome
maker_make(const char *mail, struct span path, bool sync, bool *existed,
    struct fault *f)
{
	struct task t = { "make", mail, path, SPAN_EMPTY, sync, 0 };

	f->outcome = run(&t, f);
	*existed = t.n > 0;
	return f->outcome;
}

enum outcome
maker_sync(const char *mail, struct fault *f)
{
	struct task t = { "sync", mail, SPAN_EMPTY, SPAN_EMPTY, true, 0 };

	return run(&t, f);
}

enum outcome
maker_purge(const char *mail, struct span path, struct fault *f)
{
	struct task t = { "purge", mail, path, SPAN_EMPTY, true, 0 };

	return run(&t, f);
}

enum outcome
maker_move(const char *mail, struct span from, struct span to, struct fault *f)
{
	struct task t = { "move", mail, from, to, true, 0 };

	return run(&t, f);
}

static uint64_t
look(const char *word, const char *mail, struct span path)
{
	struct task t = { word, mail, path, SPAN_EMPTY, false, 0 };
	struct fault f;

	return run(&t, &f) == OK ? t.n : 0;
}

bool
maker_has(const char *mail, struct span path)
{
	return look("has", mail, path) > 0;
}

size_t
maker_count(const char *mail, struct span path)
{
	return (size_t)look("count", mail, path);
}
