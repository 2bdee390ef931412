/* SPDX-License-Identifier: ISC */
/*
 * session.c: one function a verb. The table at the end is the index.
 *
 * Nothing is removed but in UPDATE, and there is one way into it: QUIT. A
 * connection that breaks, a deadline, SIGTERM and too many errors all leave
 * the maildrop as it was. RFC 1939 3, 6.
 */
#include "session.h"

#include <errno.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "codes.h"
#include "command.h"
#include "serve.h"
#include "spool.h"

/* ---- Replies ---- */

static void
put(struct session *s, struct span octets)
{
	struct fault f;

	if (!s->over && stream_put(&s->stream, octets, &f) != OK)
		s->over = true;
}

static void
puts_line(struct session *s, const char *line)
{
	put(s, span_of(line));
	put(s, SPAN_LIT("\r\n"));
}

static void
put_number(struct session *s, uint64_t n)
{
	char text[20];
	size_t at = sizeof(text);

	do
		text[--at] = (char)('0' + n % 10);
	while ((n /= 10) > 0);
	put(s, (struct span){ text + at, sizeof(text) - at });
}

/* before n between m after CRLF */
static void
put_two(struct session *s, const char *before, uint64_t n, const char *between,
    uint64_t m, const char *after)
{
	put(s, span_of(before));
	put_number(s, n);
	put(s, span_of(between));
	put_number(s, m);
	puts_line(s, after);
}

static void
say_error(struct session *s, const char *line)
{
	puts_line(s, line);
	if (++s->errors >= s->settings->pop3d.max_errors) {
		puts_line(s, "-ERR too many errors, closing");
		s->over = true;
	}
}

static void
say_stopping(struct session *s)
{
	puts_line(s, "-ERR [SYS/TEMP] the server is stopping");
	s->over = true;
}

/* The cause, of which the client is told in general terms only. */
static void
journal_cause(struct session *s, const char *code, const struct fault *why)
{
	struct record_out out = journal_begin(s->journal, code, NULL);

	record_puts(out, "user", s->user);
	record_puts(out, "path", s->path);
	if (s->ip[0] != '\0')
		record_puts(out, "ip", s->ip);
	record_puts(out, "code", why->code);
	record_puts(out, "text", why->text);
	journal_end(s->journal, out);
	journal_flush(s->journal);
}

static bool
expect_no_argument(struct session *s, struct span argument)
{
	if (pop3_has_no_argument(argument))
		return true;
	say_error(s, "-ERR this command takes no argument");
	return false;
}

/* Numbers are about to be shown: they must not change from here on. */
static bool
number_messages(struct session *s)
{
	struct fault f;

	if (maildrop_order(&s->drop, &f) == OK)
		return true;
	puts_line(s, "-ERR [SYS/TEMP] not enough memory");
	return false;
}

/* The same of their sizes: foreign names may have to be read for it. */
static bool
size_messages(struct session *s)
{
	if (maildrop_size_all(&s->drop))
		return true;
	say_stopping(s);
	return false;
}

static bool
is_deleted(const struct session *s, size_t i)
{
	return (s->drop.message[i].flags & MESSAGE_DELETED) != 0;
}

/* Number n is shown as n; false when the client has been told why not. */
static bool
expect_message(struct session *s, uint64_t n)
{
	if (!is_deleted(s, (size_t)n - 1))
		return true;
	say_error(s, "-ERR this message is deleted");
	return false;
}

static bool
expect_number(struct session *s, struct span argument, size_t *i)
{
	uint64_t n;

	if (!pop3_number(argument, s->drop.n, &n)) {
		say_error(s, "-ERR no such message");
		return false;
	}
	*i = (size_t)n - 1;
	return number_messages(s) && expect_message(s, n);
}

/* ---- The verbs ---- */

static void
on_capa(struct session *s, struct span argument)
{
	if (expect_no_argument(s, argument))
		put(s, span_of(pop3_capabilities(true)));
}

static void
on_stat(struct session *s, struct span argument)
{
	if (!expect_no_argument(s, argument) || !size_messages(s))
		return;
	put_two(s, "+OK ", s->drop.n - s->drop.deleted, " ",
	    s->drop.octets - s->drop.deleted_octets, "");
}

static void
list_all(struct session *s)
{
	put_two(s, "+OK ", s->drop.n - s->drop.deleted, " messages (",
	    s->drop.octets - s->drop.deleted_octets, " octets)");
	for (size_t i = 0; i < s->drop.n && !s->over; i++)
		if (!is_deleted(s, i))
			put_two(s, "", i + 1, " ", maildrop_octets(&s->drop, i),
			    "");
	puts_line(s, ".");
}

static void
on_list(struct session *s, struct span argument)
{
	size_t i;

	if (pop3_has_no_argument(argument)) {
		if (number_messages(s) && size_messages(s))
			list_all(s);
	} else if (expect_number(s, argument, &i)) {
		put_two(
		    s, "+OK ", i + 1, " ", maildrop_octets(&s->drop, i), "");
	}
}

static void
put_uid(struct session *s, const char *before, size_t i)
{
	char uid[MAILDROP_UID_MAX + 1];

	maildrop_uid(&s->drop, i, uid);
	put(s, span_of(before));
	put_number(s, i + 1);
	put(s, SPAN_LIT(" "));
	puts_line(s, uid);
}

static void
on_uidl(struct session *s, struct span argument)
{
	size_t i;

	if (!pop3_has_no_argument(argument)) {
		if (expect_number(s, argument, &i))
			put_uid(s, "+OK ", i);
		return;
	}
	if (!number_messages(s))
		return;
	puts_line(s, "+OK unique-ids follow");
	for (i = 0; i < s->drop.n && !s->over; i++)
		if (!is_deleted(s, i))
			put_uid(s, "", i);
	puts_line(s, ".");
}

static void
say_unreadable(struct session *s, const struct fault *why)
{
	journal_cause(s, CODE_ALARM, why);
	puts_line(s, "-ERR [SYS/TEMP] this message cannot be read now");
}

/* The file of a message, or an answer why not. The session goes on. */
static bool
open_message(struct session *s, size_t i, struct message_file *file)
{
	struct fault f = FAULT_NONE;

	if (maildrop_read(&s->drop, i, file, &f) == OK)
		return true;
	if (f.outcome == PERM)
		puts_line(
		    s, "-ERR this message is gone, another program removed it");
	else
		say_unreadable(s, &f);
	return false;
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
		s->over = true;
	} else if (lseek(file->fd, 0, SEEK_CUR) == 0 &&
	    s->stream.wbuf.len > before) {
		buf_cut(&s->stream.wbuf, before);
		say_unreadable(s, why);
	} else {
		journal_cause(s, CODE_ALARM, why);
		s->over = true;
	}
}

/* False: it was not sent. octets: only for SPOOL_ALL. */
static bool
send_message(struct session *s, size_t i, uint64_t octets, uint64_t lines)
{
	size_t before = s->stream.wbuf.len;
	struct message_file file;
	enum outcome got = OK;
	struct fault f;

	if (!open_message(s, i, &file))
		return false;
	if (lines == SPOOL_ALL) {
		put(s, SPAN_LIT("+OK "));
		put_number(s, octets);
		puts_line(s, " octets");
	} else {
		puts_line(s, "+OK top of the message follows");
	}
	if (!s->over) {
		got = spool_message(&s->stream, &file, octets, lines, &f);
		if (got != OK)
			spool_failed(s, &file, before, &f);
	}
	(void)close(file.fd);
	return got == OK && !s->over;
}

static void
on_retr(struct session *s, struct span argument)
{
	uint64_t octets;
	size_t i;

	if (!expect_number(s, argument, &i))
		return;
	octets = maildrop_octets(&s->drop, i);
	if (!send_message(s, i, octets, SPOOL_ALL))
		return;
	s->retrieved++;
	s->octets += octets;
}

static void
on_top(struct session *s, struct span argument)
{
	uint64_t n, lines;

	if (!pop3_two_numbers(argument, s->drop.n, &n, &lines)) {
		say_error(s, "-ERR syntax: TOP message lines");
		return;
	}
	if (number_messages(s) && expect_message(s, n))
		(void)send_message(s, (size_t)n - 1, 0,
		    lines == SPOOL_ALL ? lines - 1 : lines);
}

static void
on_dele(struct session *s, struct span argument)
{
	size_t i;

	if (!expect_number(s, argument, &i))
		return;
	maildrop_delete(&s->drop, i);
	puts_line(s, "+OK will be deleted at QUIT");
}

static void
on_noop(struct session *s, struct span argument)
{
	if (expect_no_argument(s, argument))
		puts_line(s, "+OK");
}

static void
on_rset(struct session *s, struct span argument)
{
	if (!expect_no_argument(s, argument))
		return;
	maildrop_undelete_all(&s->drop);
	puts_line(s, "+OK nothing will be deleted");
}

static void
on_quit(struct session *s, struct span argument)
{
	if (expect_no_argument(s, argument))
		s->quit = s->over = true;
}

static void
on_login(struct session *s, struct span argument)
{
	(void)argument;
	say_error(s, "-ERR you are logged in already");
}

static void
on_unknown(struct session *s, struct span argument)
{
	(void)argument;
	say_error(s, "-ERR unknown command");
}

static void (*const handlers[])(struct session *, struct span argument) = {
	[POP3_CAPA] = on_capa,
	[POP3_DELE] = on_dele,
	[POP3_LIST] = on_list,
	[POP3_NOOP] = on_noop,
	[POP3_PASS] = on_login,
	[POP3_QUIT] = on_quit,
	[POP3_RETR] = on_retr,
	[POP3_RSET] = on_rset,
	[POP3_STAT] = on_stat,
	[POP3_TOP] = on_top,
	[POP3_UIDL] = on_uidl,
	[POP3_USER] = on_login,
	[POP3_UNKNOWN] = on_unknown,
};

static void
run_command(struct session *s, struct span line)
{
	struct pop3_command command = pop3_command_parse(line);

	handlers[command.verb](s, command.argument);
}

/* ---- UPDATE ---- */

static void
journal_removed(void *arg, const struct message *m)
{
	struct session *s = arg;
	struct record_out out;
	struct maildir_name name;
	bool is_qid = maildir_parse_name(span_of(m->name), &name);

	s->deleted++;
	out = journal_begin(
	    s->journal, CODE_POP_DELETED, is_qid ? &name.qid : NULL);
	if (is_qid)
		record_put_num(out, "n", name.n);
	else
		record_put(out, "name", (struct span){ m->name, m->base });
	record_puts(out, "user", s->user);
	record_puts(out, "path", s->path);
	journal_end(s->journal, out);
}

static void
update(struct session *s)
{
	struct fault f = FAULT_NONE;
	enum outcome got = maildrop_update(&s->drop, journal_removed, s, &f);

	if (got != OK)
		journal_cause(s, CODE_ALARM, &f);
	s->over = false; /* one answer more */
	puts_line(s,
	    got == OK ? "+OK bye"
	              : "-ERR [SYS/TEMP] some deleted messages may not be "
	                "removed");
	s->over = true;
}

/* ---- The conversation ---- */

static void
journal_session(struct session *s, const char *code)
{
	struct record_out out = journal_begin(s->journal, code, NULL);

	record_puts(out, "user", s->user);
	record_puts(out, "path", s->path);
	if (s->ip[0] != '\0')
		record_puts(out, "ip", s->ip);
	if (strcmp(code, CODE_SESSION_END) == 0) {
		record_put_num(out, "retrieved", s->retrieved);
		record_put_num(out, "octets", s->octets);
		record_put_num(out, "deleted", s->deleted);
		record_puts(out, "end", s->quit ? "quit" : "dropped");
	}
	journal_end(s->journal, out);
}

/*
 * One session a mailbox: flock() of the directory itself, so that nothing has
 * to be created and nothing can be left behind. It goes with the process.
 */
static enum outcome
open_drop(struct session *s, int box, struct fault *f)
{
	uint64_t most = s->settings->pop3d.messages_max;

	s->drop = (struct maildrop){ .box = box, .dir = { -1, -1 } };
	if (flock(box, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
		puts_line(s, "-ERR [IN-USE] another session has this mailbox");
		(void)fault_set(
		    f, TEMP, "4.2.0", 0, "another session has this mailbox");
		journal_cause(s, CODE_LOGIN_FAILED, f);
		return TEMP;
	}
	if (maildrop_open(&s->drop, box, most, f) != OK) {
		puts_line(s, "-ERR [SYS/TEMP] the mailbox cannot be read");
		journal_cause(s, CODE_ALARM, f);
		return f->outcome;
	}
	if (s->drop.cut) {
		(void)fault_set(f, TEMP, "4.2.2", 0,
		    "more than %llu messages: the rest is not shown",
		    (unsigned long long)most);
		journal_cause(s, CODE_ALARM, f);
	}
	return OK;
}

void
session_begin(struct session *s, const struct session_about *about, int box,
    int in, int out)
{
	struct fault f = FAULT_NONE;

	*s = (struct session){ .settings = about->settings,
		.journal = about->journal,
		.user = about->user,
		.path = about->path,
		.ip = about->ip };
	stream_begin(&s->stream, in, out, s->settings->pop3d.timeout_ms);
	if (open_drop(s, box, &f) != OK) {
		s->over = true;
		return;
	}
	s->begun = true;
	journal_session(s, CODE_LOGIN);
	put(s, SPAN_LIT("+OK "));
	put_number(s, s->drop.n);
	puts_line(s, s->drop.n == 1 ? " message" : " messages");
}

void
session_give_unread(struct session *s, struct span octets)
{
	buf_add(&s->stream.rbuf, octets);
	if (buf_failed(&s->stream.rbuf))
		s->over = true;
}

static bool
next_line(struct session *s, struct span *line, enum line_ending *ending)
{
	struct fault f;

	while (!stream_take_line(&s->stream, POP3_LINE_MAX, line, ending))
		if (stream_fill(&s->stream, &f) != OK || s->stream.ended)
			return false;
	return *ending != LINE_ENDLESS;
}

void
session_run(struct session *s)
{
	enum line_ending ending;
	struct span line;
	struct fault f;

	while (!s->over && next_line(s, &line, &ending)) {
		if (ending == LINE_LONG)
			say_error(
			    s, "-ERR a command line has at most 255 octets");
		else
			run_command(s, line);
		if (serve_stopping)
			break;
	}
	if (serve_stopping && !s->over)
		say_stopping(s);
	if (s->quit)
		update(s);
	/* Before the answer: who sees it may log in again at once. */
	(void)flock(s->drop.box, LOCK_UN);
	(void)!stream_flush(&s->stream, &f);
	if (s->begun)
		journal_session(s, CODE_SESSION_END);
	journal_flush(s->journal);
}

void
session_free(struct session *s)
{
	maildrop_free(&s->drop);
	stream_free(&s->stream);
}
