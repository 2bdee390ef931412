/* SPDX-License-Identifier: ISC */
/*
 * session.c: one function a verb; the table after them is the index.
 *
 * Nothing is removed but in UPDATE, and there is one way into it: QUIT. A
 * connection that breaks, a deadline, SIGTERM and too many errors all leave
 * the maildrop as it was. RFC 1939 3, 6.
 */
#include "session.h"

#include <errno.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "codes.h"
#include "serve.h"
#include "spool.h"
#include "usage.h"

#define NO_MESSAGE SIZE_MAX

/* ---- The journal ---- */

static struct record_out
begin_entry(struct session *s, const char *code, const struct qid *qid)
{
	struct record_out out = journal_begin(s->about->journal, code, qid);

	record_puts(out, "user", s->about->user);
	record_puts(out, "path", s->about->path);
	record_put_optional(out, "ip", span_of(s->about->ip));
	return out;
}

/* The cause, of which the client is told in general terms only. */
static void
journal_cause(struct session *s, const char *code, const struct fault *why)
{
	struct record_out out = begin_entry(s, code, NULL);

	record_put_fault(out, why);
	journal_end(s->about->journal, out);
	journal_flush(s->about->journal);
}

static void
journal_removed(void *arg, const struct message *m)
{
	struct session *s = arg;
	struct maildir_name name;
	bool is_qid = maildir_parse_name(span_of(m->name), &name);
	uint64_t octets = m->octets;
	struct record_out out =
	    begin_entry(s, CODE_POP_DELETED, is_qid ? &name.qid : NULL);

	(void)maildir_named_octets(span_of(m->name), &octets);
	s->deleted++;
	s->freed += octets;
	if (is_qid)
		record_put_num(out, "n", name.n);
	else
		record_put(out, "name", (struct span){ m->name, m->base });
	journal_end(s->about->journal, out);
}

static void
journal_session_end(struct session *s)
{
	struct record_out out = begin_entry(s, CODE_SESSION_END, NULL);

	record_put_num(out, "retrieved", s->retrieved);
	record_put_num(out, "octets", s->octets);
	record_put_num(out, "deleted", s->deleted);
	record_puts(out, "end", s->quit ? "quit" : "dropped");
	journal_end(s->about->journal, out);
}

/* ---- The verbs ---- */

static void
on_capa(struct session *s)
{
	talk_capabilities(&s->talk, "", false);
}

static void
on_stat(struct session *s)
{
	uint64_t octets;
	size_t n;

	if (maildrop_sum(&s->drop, &n, &octets))
		talk_say(
		    &s->talk, "+OK %zu %llu", n, (unsigned long long)octets);
	else
		talk_stop(&s->talk);
}

static void
say_size(struct session *s, const char *before, size_t i, uint64_t octets)
{
	talk_say(
	    &s->talk, "%s%zu %llu", before, i + 1, (unsigned long long)octets);
}

static void
say_uid(struct session *s, const char *before, size_t i)
{
	char uid[MAILDROP_UID_MAX + 1];

	maildrop_uid(&s->drop, i, uid);
	talk_say(&s->talk, "%s%zu %s", before, i + 1, uid);
}

static void
list_all(struct session *s)
{
	uint64_t octets;
	size_t n;

	if (!maildrop_sum(&s->drop, &n, &octets)) {
		talk_stop(&s->talk);
		return;
	}
	talk_say(&s->talk, "+OK %zu messages (%llu octets)", n,
	    (unsigned long long)octets);
	for (size_t i = 0; i < s->drop.n && !s->talk.over; i++)
		if (!maildrop_is_deleted(&s->drop, i))
			say_size(s, "", i, maildrop_octets_said(&s->drop, i));
	talk_say(&s->talk, ".");
}

static void
on_list(struct session *s)
{
	if (s->message == NO_MESSAGE)
		list_all(s);
	else
		say_size(s, "+OK ", s->message,
		    maildrop_octets(&s->drop, s->message));
}

static void
on_uidl(struct session *s)
{
	if (s->message != NO_MESSAGE) {
		say_uid(s, "+OK ", s->message);
		return;
	}
	talk_say(&s->talk, "+OK unique-ids follow");
	for (size_t i = 0; i < s->drop.n && !s->talk.over; i++)
		if (!maildrop_is_deleted(&s->drop, i))
			say_uid(s, "", i);
	talk_say(&s->talk, ".");
}

static void
say_unreadable(struct session *s, const struct fault *why)
{
	journal_cause(s, CODE_ALARM, why);
	talk_say(&s->talk, "-ERR [SYS/TEMP] this message cannot be read now");
}

/*
 * A file that fails at its first octet: the reply line, which has not left, is
 * taken back, and one bad block is not the end of each session. Later, half of
 * a message was sent, and nothing may follow.
 */
static void
spool_failed(struct session *s, const struct message_file *file, size_t before,
    const struct fault *why)
{
	/* A client that disconnected is no fault of the mailbox. */
	if (strcmp(why->code, "4.4.2") == 0) {
		s->talk.over = true;
	} else if (lseek(file->fd, 0, SEEK_CUR) == 0 &&
	    s->stream.wbuf.len > before) {
		buf_cut(&s->stream.wbuf, before);
		say_unreadable(s, why);
	} else {
		journal_cause(s, CODE_ALARM, why);
		s->talk.over = true;
	}
}

static void
send_message(struct session *s, const struct message_file *file)
{
	size_t before = s->stream.wbuf.len;
	struct fault f;

	if (s->lines == SPOOL_ALL)
		talk_say(&s->talk, "+OK %llu octets",
		    (unsigned long long)file->octets);
	else
		talk_say(&s->talk, "+OK top of the message follows");
	if (spool_message(&s->stream, file, s->lines, &f) != OK) {
		spool_failed(s, file, before, &f);
	} else if (s->lines == SPOOL_ALL) {
		s->retrieved++;
		s->octets += file->octets;
	}
}

/* RETR, and TOP. */
static void
on_retr(struct session *s)
{
	struct message_file file;
	struct fault f = FAULT_NONE;

	switch (maildrop_read(
	    &s->drop, s->message, s->lines == SPOOL_ALL, &file, &f)) {
	case OK:
		send_message(s, &file);
		(void)close(file.fd);
		break;
	case PERM:
		talk_say(&s->talk,
		    "-ERR this message is gone, another program removed it");
		break;
	case TEMP:
		if (serve_stopping)
			talk_stop(&s->talk);
		else
			say_unreadable(s, &f);
		break;
	}
}

static void
on_dele(struct session *s)
{
	maildrop_delete(&s->drop, s->message);
	talk_say(&s->talk, "+OK will be deleted at QUIT");
}

static void
on_noop(struct session *s)
{
	talk_say(&s->talk, "+OK");
}

static void
on_rset(struct session *s)
{
	maildrop_undelete_all(&s->drop);
	talk_say(&s->talk, "+OK nothing will be deleted");
}

static void
on_quit(struct session *s)
{
	s->quit = s->talk.over = true;
}

static void
on_login(struct session *s)
{
	talk_error(&s->talk, "-ERR you are logged in already");
}

/* ---- The commands ---- */

enum takes {
	NOTHING,
	A_MESSAGE,
	MAYBE_A_MESSAGE,
	A_MESSAGE_AND_LINES,
	ANYTHING
};

static const struct {
	void (*run)(struct session *);
	enum takes takes;
} commands[POP3_UNKNOWN] = {
	[POP3_CAPA] = { on_capa, NOTHING },
	[POP3_DELE] = { on_dele, A_MESSAGE },
	[POP3_LIST] = { on_list, MAYBE_A_MESSAGE },
	[POP3_NOOP] = { on_noop, NOTHING },
	[POP3_PASS] = { on_login, ANYTHING },
	[POP3_QUIT] = { on_quit, NOTHING },
	[POP3_RETR] = { on_retr, A_MESSAGE },
	[POP3_RSET] = { on_rset, NOTHING },
	[POP3_STAT] = { on_stat, NOTHING },
	[POP3_STLS] = { on_login, ANYTHING },
	[POP3_TOP] = { on_retr, A_MESSAGE_AND_LINES },
	[POP3_UIDL] = { on_uidl, MAYBE_A_MESSAGE },
	[POP3_USER] = { on_login, ANYTHING },
};

/* NULL: s->message and s->lines are set. Else what is wrong with it. */
static const char *
take_argument(struct session *s, enum takes takes, struct span argument)
{
	bool none = pop3_has_no_argument(argument);
	uint64_t n;

	s->message = NO_MESSAGE;
	s->lines = SPOOL_ALL;
	if (takes == ANYTHING)
		return NULL;
	if (takes == NOTHING)
		return none ? NULL : POP3_NO_ARGUMENT;
	/* Numbers are about to be shown: they must not change from here on. */
	maildrop_order(&s->drop);
	if (takes == MAYBE_A_MESSAGE && none)
		return NULL;
	if (takes == A_MESSAGE_AND_LINES) {
		if (!pop3_two_numbers(argument, s->drop.n, &n, &s->lines))
			return "-ERR syntax: TOP message lines";
	} else if (!pop3_number(argument, s->drop.n, &n)) {
		return "-ERR no such message";
	}
	s->message = (size_t)n - 1;
	return maildrop_is_deleted(&s->drop, s->message)
	    ? "-ERR this message is deleted"
	    : NULL;
}

static void
run_command(struct session *s, const struct pop3_command *command)
{
	const char *error = command->error;

	if (error == NULL)
		error = take_argument(
		    s, commands[command->verb].takes, command->argument);
	if (error == NULL)
		commands[command->verb].run(s);
	else
		talk_error(&s->talk, error);
}

/* ---- The conversation ---- */

/* The mailbox's own time is that of the last login, by which `pneu check` finds
   mailboxes that nobody reads. A directory that a kill left goes the next time. */
static void
leave_time(int box)
{
	static const char mark[] = "login";

	(void)mkdirat(box, mark, 0700);
	(void)unlinkat(box, mark, AT_REMOVEDIR);
}

/*
 * One session a mailbox: flock() of the directory itself, so that nothing has
 * to be created and nothing can be left behind. It goes with the process.
 */
static bool
open_drop(struct session *s, int box)
{
	uint64_t most = s->about->settings->pop3d.messages_max;
	struct fault f = FAULT_NONE;

	s->drop = (struct maildrop){ .box = box, .dir = { -1, -1 } };
	if (flock(box, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
		talk_say(
		    &s->talk, "-ERR [IN-USE] another session has this mailbox");
		(void)fault_set(
		    &f, TEMP, "4.2.0", 0, "another session has this mailbox");
		journal_cause(s, CODE_LOGIN_FAILED, &f);
		return false;
	}
	if (maildrop_open(&s->drop, box, most, &f) != OK) {
		talk_say(
		    &s->talk, "-ERR [SYS/TEMP] the mailbox cannot be read");
		journal_cause(s, CODE_ALARM, &f);
		return false;
	}
	leave_time(box);
	if (s->drop.cut) {
		(void)fault_set(&f, TEMP, "4.2.2", 0,
		    "more than %llu messages: the rest is not shown",
		    (unsigned long long)most);
		journal_cause(s, CODE_ALARM, &f);
	}
	return true;
}

void
session_begin(struct session *s, const struct session_about *about, int box,
    int in, int out)
{
	const struct settings *set = about->settings;

	*s = (struct session){ .about = about,
		.talk = { &s->stream, 0, set->pop3d.max_errors, false,
		    about->trace } };
	stream_begin(&s->stream, in, out, set->pop3d.timeout_ms);
	buf_add(&s->stream.rbuf, about->unread);
	s->begun = open_drop(s, box);
	s->talk.over = !s->begun || buf_failed(&s->stream.rbuf);
	if (!s->begun)
		return;
	journal_end(about->journal, begin_entry(s, CODE_LOGIN, NULL));
	talk_say(&s->talk, "+OK %zu message%s", s->drop.n,
	    s->drop.n == 1 ? "" : "s");
}

static void
update(struct session *s)
{
	struct fault f = FAULT_NONE;
	enum outcome got = maildrop_update(&s->drop, journal_removed, s, &f);

	/* One that is lost makes the count too high, until the next one. */
	if (s->about->use != NULL && s->deleted > 0)
		(void)!usage_take_off(*s->about->use, s->freed, s->deleted);
	if (got == OK) {
		talk_say(&s->talk, "+OK bye");
		return;
	}
	journal_cause(s, CODE_ALARM, &f);
	talk_say(&s->talk,
	    "-ERR [SYS/TEMP] some deleted messages may not be removed");
}

void
session_run(struct session *s)
{
	struct pop3_command command;
	struct fault f;

	while (talk_next(&s->talk, NULL, &command))
		run_command(s, &command);
	if (serve_stopping && !s->talk.over)
		talk_stop(&s->talk);
	if (s->quit)
		update(s);
	/* Before the answer: who sees it may log in again at once. */
	(void)flock(s->drop.box, LOCK_UN);
	(void)!stream_flush(&s->stream, &f);
	if (s->begun)
		journal_session_end(s);
	journal_flush(s->about->journal);
}

void
session_free(struct session *s)
{
	maildrop_free(&s->drop);
	stream_free(&s->stream);
}
