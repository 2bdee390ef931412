/* SPDX-License-Identifier: ISC */
/* client.c: SMTP to the mail system; one message, then the end. */
#include "client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fds.h"
#include "field.h"
#include "path.h"
#include "stream.h"

#define REPLY_LINE_MAX  1024 /* octets; RFC 5321 4.5.3.1.5 has 512 */
#define REPLY_LINES_MAX 100 /* of one reply. Ours */
/* The server waits 5 minutes for its disk before it says no. submit.h there */
#define TIMEOUT_MS 600000 /* RFC 5321 4.5.3.2.6 */

struct client {
	struct stream io;
	struct buf *answer; /* words of the last line of the last reply */
	char user[PATH_TEXT_MAX + 1]; /* who we are there, or "" */
};

/* ---- replies ---- */

static enum outcome
read_line(struct client *c, struct span *line, struct fault *f)
{
	enum line_ending ending;

	while (!stream_take_line(&c->io, REPLY_LINE_MAX, line, &ending)) {
		if (c->io.ended)
			return fault_set(f, TEMP, "4.4.2", 0,
			    "the mail system closed the connection");
		if (stream_fill(&c->io, f) != OK)
			return TEMP;
	}
	if (ending == LINE_LONG || ending == LINE_ENDLESS || line->len < 3)
		return fault_set(f, TEMP, "4.5.0", 0,
		    "what the mail system says is no reply");
	return OK;
}

/* `XUSER` of EHLO: xtext, RFC 3461 4. */
static void
take_user(struct client *c, struct span text)
{
	size_t n = 0;
	struct cur cur = cur_over(text);
	int octet;

	while ((octet = cur_take(&cur)) != -1 && n < sizeof(c->user) - 1) {
		if (octet == '+') {
			int high = hex_digit(cur_take(&cur));
			int low = hex_digit(cur_take(&cur));

			octet = high < 0 || low < 0 ? -1 : high * 16 + low;
		}
		if (octet < ' ' || octet == 0x7F)
			break;
		c->user[n++] = (char)octet;
	}
	c->user[cur_peek(&cur) == -1 && octet == -1 ? n : 0] = '\0';
}

/* One reply: its code's class decides. */
static enum outcome
read_reply(struct client *c, char *class, struct fault *f)
{
	static const char user[] = "XUSER ";
	struct span line, text;

	for (size_t i = 0; i < REPLY_LINES_MAX; i++) {
		if (read_line(c, &line, f) != OK)
			return TEMP;
		text = span_from(line, 4);
		if (span_has_prefix(text, user))
			take_user(c, span_from(text, sizeof(user) - 1));
		if (line.len > 3 && line.p[3] == '-')
			continue;
		*class = line.p[0];
		buf_reset(c->answer);
		buf_add_printable(c->answer, text);
		return OK;
	}
	return fault_set(f, TEMP, "4.5.0", 0, "a reply without an end");
}

/* The reply is of this class, or it is told: 5 is never, all else later. */
static enum outcome
expect(struct client *c, char want, struct fault *f)
{
	char class = 0;

	if (read_reply(c, &class, f) != OK)
		return TEMP;
	if (class == want)
		return OK;
	return fault_set(f, class == '5' ? PERM : TEMP,
	    class == '5' ? "5.0.0" : "4.0.0", 0, "%s", c->answer->p);
}

static enum outcome
say(struct client *c, struct buf *line, char want, struct fault *f)
{
	enum outcome got;

	buf_adds(line, "\r\n");
	if (buf_failed(line))
		return fault_set(f, PERM, "5.5.4", 0, "a line is too long");
	got = stream_put(&c->io, buf_span(line), f);
	if (got == OK)
		got = stream_flush(&c->io, f);
	buf_reset(line);
	return got == OK ? expect(c, want, f) : got;
}

/* ---- commands ---- */

static bool
is_ascii_list(const struct addresses *to)
{
	return span_is_ascii(buf_span(&to->text));
}

static enum outcome
say_mail(struct client *c, const struct arguments *a, const char *sender,
    const struct addresses *to, const struct message *m, struct buf *b,
    struct fault *f)
{
	const char *body = a->body;

	if (sender == NULL && c->user[0] == '\0')
		return fault_set(f, PERM, "5.7.1", 0,
		    "this account has no address: give a sender with -f");
	if (sender == NULL)
		sender = c->user;
	if (body == NULL && m->is_8bit)
		body = "8BITMIME";
	/* All of it was found to be an address, or a word. */
	buf_addf(b, "MAIL FROM:<%s> SIZE=%zu", sender, m->text.len);
	if (body != NULL)
		buf_addf(b, " BODY=%s", body);
	if (!span_is_ascii(span_of(sender)) || !is_ascii_list(to))
		buf_adds(b, " SMTPUTF8");
	if (a->ret != NULL)
		buf_addf(b, " RET=%s", a->ret);
	if (a->envid != NULL) {
		buf_adds(b, " ENVID=");
		for (const char *p = a->envid; *p != '\0'; p++)
			buf_addf(b, *p == '+' || *p == '=' ? "+%02X" : "%c",
			    (unsigned char)*p);
	}
	return say(c, b, '2', f);
}

static enum outcome
say_rcpt(struct client *c, const struct arguments *a, struct span to,
    struct buf *b, struct fault *f)
{
	buf_addf(b, "RCPT TO:<" SPAN_FMT ">", SPAN_ARG(to));
	if (a->notify != NULL)
		buf_addf(b, " NOTIFY=%s", a->notify);
	return say(c, b, '2', f) == OK
	    ? OK
	    : fault_context(f, "<" SPAN_FMT ">", SPAN_ARG(span_head(to, 100)));
}

static enum outcome
put_piece(void *arg, struct span piece, struct fault *f)
{
	struct client *c = arg;

	return stream_put(&c->io, piece, f);
}

/* A From of the name that was given: the mail system knows only its own. */
static enum outcome
put_from(struct client *c, const struct arguments *a, const struct message *m,
    const char *sender, struct fault *f)
{
	struct buf b = BUF_INIT(4096);
	enum outcome got = OK;

	if (sender == NULL)
		sender = c->user;
	if (a->name != NULL && !m->has_from && strchr(sender, '@') != NULL) {
		buf_adds(&b, "From: ");
		field_put_mailbox(&b, span_of(a->name), span_of(sender));
		buf_adds(&b, "\r\n");
		got = stream_put(&c->io, buf_span(&b), f);
	}
	buf_free(&b);
	return got;
}

static enum outcome
say_message(struct client *c, const struct arguments *a,
    const struct message *m, const char *sender, struct buf *b, struct fault *f)
{
	buf_adds(b, "DATA");
	if (say(c, b, '3', f) != OK || put_from(c, a, m, sender, f) != OK ||
	    message_put(m, put_piece, c, f) != OK)
		return f->outcome;
	buf_adds(b, ".");
	return say(c, b, '2', f);
}

static enum outcome
run(struct client *c, const struct arguments *a, const char *sender,
    const struct addresses *to, const struct message *m,
    enum client_stage *stage, struct buf *b, struct fault *f)
{
	struct span rest = buf_span(&to->text), one;

	*stage = STAGE_CONNECT;
	if (expect(c, '2', f) != OK)
		return f->outcome;
	buf_adds(b, "EHLO localhost");
	if (say(c, b, '2', f) != OK)
		return f->outcome;
	*stage = STAGE_SENDER;
	if (say_mail(c, a, sender, to, m, b, f) != OK)
		return f->outcome;
	*stage = STAGE_RECIPIENT;
	while (span_next(&rest, '\n', &one))
		if (say_rcpt(c, a, one, b, f) != OK)
			return f->outcome;
	*stage = STAGE_MESSAGE;
	return say_message(c, a, m, sender, b, f);
}

enum outcome
client_send(int fd, const struct arguments *a, const char *sender,
    const struct addresses *to, const struct message *m,
    enum client_stage *stage, struct buf *answer, struct fault *f)
{
	struct client c = { .answer = answer };
	struct buf line = BUF_INIT(REPLY_LINE_MAX);
	struct fault ignored;
	enum outcome got;

	fds_set_timeouts(fd, TIMEOUT_MS, TIMEOUT_MS);
	stream_begin(&c.io, fd, fd, TIMEOUT_MS);
	got = run(&c, a, sender, to, m, stage, &line, f);
	if (got == OK) {
		*stage = STAGE_DONE;
		/* It has the message; nobody waits for its answer. */
		if (stream_put(&c.io, SPAN_LIT("QUIT\r\n"), &ignored) == OK)
			(void)!stream_flush(&c.io, &ignored);
	}
	stream_free(&c.io);
	buf_free(&line);
	return got;
}

/* ---- -bs ---- */

/* What came from one goes to the other. false: it has ended. */
static bool
pass(int from, int to)
{
	char octets[16384];
	struct fault f;
	ssize_t n = read(from, octets, sizeof(octets));

	if (n == -1 && errno == EINTR)
		return true;
	return n > 0 &&
	    fds_write_all(to, (struct span){ octets, (size_t)n }, &f) == OK;
}

enum outcome
client_join(int fd, struct fault *f)
{
	struct pollfd p[2] = { { fd, POLLIN, 0 }, { FD_IN, POLLIN, 0 } };

	for (;;) {
		if (poll(p, 2, -1) == -1 && errno != EINTR)
			return fault_set(f, TEMP, "4.3.0", errno, "poll");
		if (p[0].revents != 0 && !pass(fd, FD_OUT))
			return OK;
		if (p[1].revents != 0 && !pass(FD_IN, fd)) {
			(void)shutdown(fd, SHUT_WR);
			p[1].fd = -1; /* its answers still come */
		}
		p[0].revents = p[1].revents = 0;
	}
}
