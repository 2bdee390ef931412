/* SPDX-License-Identifier: ISC */
/*
 * session.c, commands.c and transfer.c against a model of a few lines: whatever the order
 * of commands, after every reply the state is the model's. The model knows
 * nothing of the code; it is RFC 5321 4.1.4 and RFC 3030 in numbers.
 */
#include "smtpd_stub.h"

#include "clock.h"
#include "fds.h"
#include "tap.h"

/* The whole state of a session, as the model sees it. */
struct model {
	bool helo, mail, chunks, lost;
	size_t rcpt;
	uint64_t taken;
};

enum needs { ALWAYS, HELO, MAIL, RCPT, CONTENT };
enum effect {
	STAYS,
	GREETS, /* EHLO, HELO: forgets the transaction */
	OPENS, /* MAIL */
	ADDS, /* RCPT */
	QUEUES, /* a whole message: then the transaction is over */
	CHUNK, /* a chunk that is not the last */
	FORGETS, /* RSET, a message that was refused */
	STRAYS, /* a BDAT that nobody understands: no more mail */
};

/*
 * needs: what must have come before, else 503 and nothing changes. code: the
 * reply when it has come. body: octets behind the command line, for DATA only
 * when the model says that they are wanted.
 */
static const struct move {
	const char *line, *body;
	enum needs needs;
	int code;
	enum effect effect;
	enum stub_queue queue;
} all_moves[] = {
	{ "EHLO c.test", "", ALWAYS, 250, GREETS, STUB_TAKES },
	{ "HELO c.test", "", ALWAYS, 250, GREETS, STUB_TAKES },
	{ "EHLO", "", ALWAYS, 501, STAYS, STUB_TAKES },
	{ "EHLO <script>", "", ALWAYS, 501, STAYS, STUB_TAKES },
	{ "MAIL FROM:<a@peer.test>", "", HELO, 250, OPENS, STUB_TAKES },
	{ "mail from: <a@peer.test> size=9 ", "", HELO, 250, OPENS,
	    STUB_TAKES },
	{ "MAIL FROM:<> SMTPUTF8", "", HELO, 250, OPENS, STUB_TAKES },
	{ "MAIL FROM:<a@b@c>", "", HELO, 501, STAYS, STUB_TAKES },
	{ "MAIL FROM:<a@peer.test> X=1", "", HELO, 555, STAYS, STUB_TAKES },
	{ "MAIL FROM:<a@peer.test> SIZE=99999999999", "", HELO, 552, STAYS,
	    STUB_TAKES },
	{ "MAIL FROM:<\xC3\xBC@peer.test>", "", HELO, 553, STAYS, STUB_TAKES },
	{ "RCPT TO:<alice@local.test>", "", MAIL, 250, ADDS, STUB_TAKES },
	{ "RCPT TO:<bob@local.test>", "", MAIL, 250, ADDS, STUB_TAKES },
	{ "RCPT TO:<Postmaster>", "", MAIL, 250, ADDS, STUB_TAKES },
	{ "RCPT TO:<nobody@local.test>", "", MAIL, 550, STAYS, STUB_TAKES },
	{ "RCPT TO:<a@evil.test>", "", MAIL, 550, STAYS, STUB_TAKES },
	{ "RCPT TO:<later@local.test>", "", MAIL, 451, STAYS, STUB_TAKES },
	{ "RCPT TO:<>", "", MAIL, 501, STAYS, STUB_TAKES },
	{ "RCPT TO:<bob@local.test> NOTIFY=X", "", MAIL, 501, STAYS,
	    STUB_TAKES },
	{ "DATA", "S: x\r\n\r\n..x\r\n.\r\n", RCPT, 250, QUEUES, STUB_TAKES },
	{ "DATA", ".\r\n", RCPT, 250, QUEUES, STUB_TAKES },
	{ "DATA", "a\nb\r\n.\r\n", RCPT, 550, FORGETS, STUB_TAKES },
	{ "DATA", "a\rb\r\n.\r\n", RCPT, 550, FORGETS, STUB_TAKES },
	{ "DATA", "a\r\n.\r\n", RCPT, 452, FORGETS, STUB_TEMP },
	{ "DATA", "a\r\n.\r\n", RCPT, 554, FORGETS, STUB_PERM },
	{ "DATA", "a\r\n.\r\n", RCPT, 451, FORGETS, STUB_DIES },
	{ "DATA now", "", ALWAYS, 501, STAYS, STUB_TAKES },
	{ "BDAT 5", "a\r\n.\r", CONTENT, 250, CHUNK, STUB_TAKES },
	{ "BDAT 3", "\n.b", CONTENT, 0, CHUNK, STUB_TAKES },
	{ "BDAT 6 LAST", "abc\r\nd", CONTENT, 0, QUEUES, STUB_TAKES },
	{ "BDAT 0 LAST", "", CONTENT, 0, QUEUES, STUB_TAKES },
	{ "BDAT 3 LAST", "a\nb", CONTENT, 550, FORGETS, STUB_TAKES },
	{ "BDAT 1 LAST", "a", CONTENT, 0, QUEUES, STUB_TEMP },
	{ "BDAT x", "", ALWAYS, 501, STRAYS, STUB_TAKES },
	{ "BDAT", "", ALWAYS, 501, STRAYS, STUB_TAKES },
	{ "BDAT 4\x01", "", ALWAYS, 501, STRAYS, STUB_TAKES },
	{ "bdat\x7f", "", ALWAYS, 500, STRAYS, STUB_TAKES },
	{ " BDAT 4 LAST", "", ALWAYS, 500, STRAYS, STUB_TAKES },
	{ "RSET", "", ALWAYS, 250, FORGETS, STUB_TAKES },
	{ "RSET x", "", ALWAYS, 501, STAYS, STUB_TAKES },
	{ "NOOP x", "", ALWAYS, 250, STAYS, STUB_TAKES },
	{ "VRFY \xC3\xBC@local.test", "", ALWAYS, 252, STAYS, STUB_TAKES },
	{ "VRFY", "", ALWAYS, 501, STAYS, STUB_TAKES },
	{ "HELP", "", ALWAYS, 214, STAYS, STUB_TAKES },
	{ "EXPN staff", "", ALWAYS, 502, STAYS, STUB_TAKES },
	{ "TURN", "", ALWAYS, 502, STAYS, STUB_TAKES },
	{ "FOO", "", ALWAYS, 500, STAYS, STUB_TAKES },
	{ "", "", ALWAYS, 500, STAYS, STUB_TAKES },
	{ "NOOP\tx\x01", "", ALWAYS, 501, STAYS, STUB_TAKES },
};
#define MOVES (sizeof(all_moves) / sizeof(all_moves[0]))

/* ---- The model. ---- */

static bool
model_has(const struct model *m, enum needs needs)
{
	switch (needs) {
	case ALWAYS:
		return true;
	case HELO:
		return m->helo && !m->mail && !m->lost;
	case MAIL:
		return m->mail && !m->chunks;
	case RCPT:
		return m->rcpt > 0 && !m->chunks;
	case CONTENT:
		return m->rcpt > 0;
	}
	return false;
}

static void
model_forget(struct model *m)
{
	m->mail = m->chunks = false;
	m->rcpt = 0;
}

static void
model_do(struct model *m, const struct move *v)
{
	switch (v->effect) {
	case STAYS:
		break;
	case GREETS:
		model_forget(m);
		m->helo = true;
		break;
	case OPENS:
		m->mail = true;
		break;
	case ADDS:
		m->rcpt++;
		break;
	case CHUNK:
		m->chunks = true;
		break;
	case QUEUES:
		m->taken++;
		model_forget(m);
		break;
	case FORGETS:
		model_forget(m);
		break;
	case STRAYS:
		model_forget(m);
		m->lost = true;
		break;
	}
}

/* ---- The real one. ---- */

struct rig {
	struct settings set;
	struct server server;
	struct session s;
	struct peer peer;
	int client;
	int pair[2];
	char got[65536];
};

static void
rig_connect(struct rig *r)
{
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, r->pair) != 0)
		abort();
	session_begin(&r->s, &r->server, &r->peer, r->pair[0], r->pair[0]);
	session_greet(&r->s);
}

/* What was said since the last time; the code of its last reply, or 0. */
static int
rig_reply(struct rig *r)
{
	struct fault f;
	ssize_t n;
	const char *line = r->got;
	int code = 0;

	(void)!stream_flush(&r->server.io, &f);
	n = recv(r->pair[1], r->got, sizeof(r->got) - 1, MSG_DONTWAIT);
	r->got[n < 0 ? 0 : n] = '\0';
	while (*line != '\0') {
		code = atoi(line);
		line = strchr(line, '\n');
		line = line == NULL ? "" : line + 1;
	}
	return code;
}

static int
rig_say(struct rig *r, const char *line, const char *body, size_t body_len)
{
	if (send(r->pair[1], line, strlen(line), 0) < 0 ||
	    send(r->pair[1], "\r\n", 2, 0) < 0 ||
	    (body_len > 0 && send(r->pair[1], body, body_len, 0) < 0))
		abort();
	(void)session_step(&r->s);
	return rig_reply(r);
}

static void
rig_close(struct rig *r)
{
	session_end(&r->s);
	(void)close(r->pair[0]);
	(void)close(r->pair[1]);
}

static bool
is_same(const struct rig *r, const struct model *m)
{
	const struct session *s = &r->s;
	const struct envelope *e = s->envelope;
	enum phase want = m->lost ? PHASE_LOST
	    : m->chunks           ? PHASE_CHUNKS
	    : m->rcpt > 0         ? PHASE_RCPT
	    : m->mail             ? PHASE_MAIL
	    : m->helo             ? PHASE_READY
	                          : PHASE_START;

	if (s->phase != want || e->recipients != m->rcpt ||
	    stub.taken != m->taken)
		return false;
	if (!m->mail &&
	    (e->qid.text[0] != '\0' || !path_is_null(&e->reverse_path) ||
	        e->smtputf8 || e->body.len > 0))
		return false;
	/* No octet of a message stays behind it. */
	return m->chunks ||
	    (s->content.size == 0 && s->content.refused == RULE_NONE &&
	        r->server.content.len == 0 && r->server.submit.fd == -1);
}

/* ---- The tests. ---- */

static uint32_t
draw(uint32_t *state)
{
	*state = *state * 1664525U + 1013904223U;
	return *state >> 8;
}

/* A chunk's end in CR, met by what does not begin with LF, is a bare CR. */
struct chunk_state {
	bool has_cr;
};

/* The reply that a BDAT must get, for rows whose code is 0; updates has_cr. */
static int
chunk_code(const struct move *v, struct chunk_state *c, bool *refused)
{
	bool meets_lf = v->body[0] == '\n';
	bool last = strstr(v->line, "LAST") != NULL;

	*refused = c->has_cr != meets_lf && (v->body[0] != '\0' || last);
	if (v->body[0] != '\0')
		c->has_cr = strchr(v->body, '\r') != NULL &&
		    v->body[strlen(v->body) - 1] == '\r';
	if (*refused)
		return 550;
	if (last && v->queue == STUB_TEMP)
		return 452;
	return 250;
}

/* Any move, or every other time one that leads towards a message. */
static struct move
draw_move(const struct model *m, uint32_t *seed)
{
	struct move v = all_moves[draw(seed) % MOVES];
	bool forward = draw(seed) % 2 == 0;

	for (size_t i = 0; forward && i < 20; i++) {
		if (model_has(m, v.needs) &&
		    (v.effect == OPENS || v.effect == ADDS ||
		        v.effect == CHUNK || v.effect == QUEUES ||
		        (v.effect == GREETS && !m->helo)))
			break;
		v = all_moves[draw(seed) % MOVES];
	}
	return v;
}

static bool
run_sequence(struct rig *r, struct model *m, uint32_t *seed, size_t steps)
{
	struct chunk_state c = { false };

	for (size_t i = 0; i < steps; i++) {
		struct move v = draw_move(m, seed);
		bool wanted = model_has(m, v.needs), refused = false;
		bool is_bdat = strncasecmp(v.line, "BDAT", 4) == 0;
		int code = wanted ? v.code : 503, got;
		const char *body = wanted || is_bdat ? v.body : "";

		if (wanted && v.needs == CONTENT) {
			if (!m->chunks)
				c.has_cr = false;
			if (v.effect != FORGETS)
				code = chunk_code(&v, &c, &refused);
			if (refused || code == 452)
				v.effect = FORGETS;
		}
		stub.queue = v.queue;
		/* A queue-add that was started anew: nothing comes of it. */
		stub.sends_failing = draw(seed) % 4 == 0;
		got = rig_say(r, v.line, body, strlen(body));
		stub.sends_failing = 0;
		if (wanted)
			model_do(m, &v);
		if (got != code || !is_same(r, m)) {
			printf("# step %zu \"%s\": got %d, want %d, phase %d "
			       "rcpt %zu\n",
			    i, v.line, got, code, (int)r->s.phase,
			    r->s.envelope->recipients);
			return false;
		}
	}
	return true;
}

static void
test_model(struct rig *r)
{
	struct model m = { .taken = 0 };
	size_t wrong = 0, sequences = 3000;
	uint32_t seed = 20261124;

	stub.taken = 0;
	for (size_t i = 0; i < sequences && wrong == 0; i++) {
		m = (struct model){ .taken = m.taken };
		rig_connect(r);
		(void)rig_reply(r);
		if (!run_sequence(r, &m, &seed, 40))
			wrong++;
		rig_close(r);
	}
	tap_ok(wrong == 0,
	    "after every reply of %zu random sessions the state is the model's",
	    sequences);
	tap_ok(m.taken > 500, "and they queued messages (%llu)",
	    (unsigned long long)m.taken);
	tap_ok(stub.malformed == 0, "queue-add understood every request");
}

/* What arrives is what was sent, in the inline form and by descriptor. */
static void
test_content(struct rig *r, size_t lines)
{
	struct buf in = BUF_INIT(1UL << 24);
	bool is_big = lines > 1000;
	int got;

	rig_connect(r);
	(void)rig_say(r, "EHLO c.test", "", 0);
	(void)rig_say(r, "MAIL FROM:<a@peer.test> BODY=8BITMIME", "", 0);
	(void)rig_say(r, "RCPT TO:<alice@local.test>", "", 0);
	buf_adds(&in, "Subject: x\r\nMessage-ID:\r\n <id@peer.test>\r\n\r\n");
	for (size_t i = 0; i < lines; i++)
		buf_adds(&in, "..a line that begins with a dot, then some\r\n");
	buf_adds(&in, ".\r\n");
	stub.queue = STUB_TAKES;
	if (is_big) {
		/* More than a socket takes: a child sends it. */
		pid_t child = fork();

		if (child == 0) {
			size_t at = 0;

			(void)!write(r->pair[1], "DATA\r\n", 6);
			while (at < in.len) {
				ssize_t n =
				    write(r->pair[1], in.p + at, in.len - at);
				if (n <= 0)
					_exit(1);
				at += (size_t)n;
			}
			_exit(0);
		}
		(void)session_step(&r->s);
		got = rig_reply(r);
	} else {
		got = rig_say(r, "DATA", in.p, in.len);
	}
	tap_ok(got == 250 && stub.content_size > in.len - lines - 3 &&
	        stub.content_size < in.len - lines - 3 + 300,
	    "%zu stuffed lines are queued with a dot less each", lines);
	tap_ok(r->s.phase == PHASE_READY && r->server.submit.fd == -1,
	    "and nothing of them stays");
	if (!is_big) {
		struct span c = buf_span(&stub.content);

		tap_ok(span_has_prefix(c,
		           "Received: from c.test\r\n\tby "
		           "mx.local.test (Pneu) with ESMTP id "),
		    "the trace field comes first");
		tap_ok(strstr(stub.content.p,
		           "\r\n\tfor <alice@local.test>;") != NULL,
		    "and names the only recipient");
	} else {
		tap_ok(r->server.submit.has_held,
		    "who held a descriptor knows it");
	}
	rig_close(r);
	buf_free(&in);
	stub_close_file();
	serve_stopping = 0;
	r->server.submit.has_held = false;
}

static void
test_limits(struct rig *r)
{
	int got = 0;
	size_t n = 0;

	rig_connect(r);
	(void)rig_reply(r);
	r->set.smtpd.max_errors = 3;
	(void)rig_say(r, "FOO", "", 0);
	(void)rig_say(r, "FOO", "", 0);
	got = rig_say(r, "FOO", "", 0);
	tap_ok(got == 421 && r->s.phase == PHASE_OVER,
	    "too many errors end the session with 421");
	rig_close(r);
	r->set.smtpd.max_errors = 1000000;

	rig_connect(r);
	(void)rig_reply(r);
	r->set.smtpd.max_idle_commands = 10;
	for (n = 0; n < 10; n++)
		got = rig_say(r, "NOOP", "", 0);
	tap_ok(got == 250, "ten idle commands are borne");
	got = rig_say(r, "NOOP", "", 0);
	tap_ok(got == 421, "the eleventh ends the session with 421");
	rig_close(r);
	r->set.smtpd.max_idle_commands = 1000000;

	rig_connect(r);
	(void)rig_say(r, "EHLO c.test", "", 0);
	(void)rig_say(r, "MAIL FROM:<>", "", 0);
	for (n = 0; n < r->set.smtpd.max_recipients; n++)
		got = rig_say(r, "RCPT TO:<bob@local.test>", "", 0);
	tap_ok(got == 250, "max_recipients are taken");
	got = rig_say(r, "RCPT TO:<bob@local.test>", "", 0);
	tap_ok(got == 452 && strstr(r->got, "4.5.3") != NULL,
	    "one more gets 452 4.5.3");
	stub.queue = STUB_TAKES;
	got = rig_say(r, "DATA", ".\r\n", 3);
	tap_ok(got == 250 && stub.e.recipients == n,
	    "and the message goes to those that were taken");
	rig_close(r);
}

static void
test_lines(struct rig *r)
{
	static char line[200000];

	rig_connect(r);
	(void)rig_reply(r);
	memset(line, 'x', sizeof(line));
	memcpy(line, "NOOP ", 5);
	line[510] = '\0';
	tap_ok(rig_say(r, line, "", 0) == 250, "512 octets are a command");
	memset(line + 510, 'x', 100);
	line[r->set.smtpd.command_max - 2] = '\0';
	tap_ok(rig_say(r, line, "", 0) == 250, "command_max octets are one");
	line[r->set.smtpd.command_max - 2] = 'x';
	line[r->set.smtpd.command_max - 1] = '\0';
	tap_ok(rig_say(r, line, "", 0) == 500 &&
	        strchr(r->got, '\n') == strrchr(r->got, '\n'),
	    "one more is 500, once");
	(void)send(r->pair[1], "NOOP\n", 5, 0);
	(void)session_step(&r->s);
	tap_ok(rig_reply(r) == 500, "a command that ends in bare LF is 500");
	r->set.smtpd.bare_lf = BARE_ACCEPT;
	(void)send(r->pair[1], "NOOP\n", 5, 0);
	(void)session_step(&r->s);
	tap_ok(rig_reply(r) == 250, "unless bare LF is accepted");
	r->set.smtpd.bare_lf = BARE_REJECT;
	rig_close(r);

	/* Nothing of what a client said comes back. */
	rig_connect(r);
	(void)rig_reply(r);
	(void)rig_say(r, "\x1b]0;owned\x07 \xFF", "", 0);
	tap_ok(strstr(r->got, "owned") == NULL && strchr(r->got, 0x1b) == NULL,
	    "no reply has the client's octets in it");
	rig_close(r);
}

/* Commands behind the end of a message with bare CR or LF get no answer. */
static void
test_smuggling(struct rig *r)
{
	static const char body[] = "x\r\r\n.\r\nMAIL FROM:<admin@local.test>"
	                           "\r\nRCPT TO:<bob@local.test>\r\n";

	rig_connect(r);
	(void)rig_say(r, "EHLO c.test", "", 0);
	(void)rig_say(r, "MAIL FROM:<>", "", 0);
	(void)rig_say(r, "RCPT TO:<bob@local.test>", "", 0);
	(void)rig_say(r, "DATA", body, sizeof(body) - 1);
	tap_ok(r->s.phase == PHASE_OVER && strstr(r->got, "550 5.6.0") != NULL,
	    "CR CR LF . CR LF with commands behind it ends the session");
	rig_close(r);
}

/* To the message's content, in a new session. */
static void
rig_begin(struct rig *r)
{
	rig_connect(r);
	(void)rig_say(r, "EHLO c.test", "", 0);
	(void)rig_say(r, "MAIL FROM:<>", "", 0);
	(void)rig_say(r, "RCPT TO:<bob@local.test>", "", 0);
}

/* One transaction more in the same session: the code of its end. */
static int
rig_message(struct rig *r, struct span body)
{
	(void)rig_say(r, "MAIL FROM:<>", "", 0);
	(void)rig_say(r, "RCPT TO:<bob@local.test>", "", 0);
	return rig_say(r, "DATA", body.p, body.len);
}

/* A message of more than one request, 100 octets from its end `octet`. */
static struct span
big_message(char octet)
{
	static char big[90000];

	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = "xxxxxxxx\r\n"[i % 10];
	big[sizeof(big) - 100] = octet;
	memcpy(big + sizeof(big) - 5, "\r\n.\r\n", 5);
	return (struct span){ big, sizeof(big) };
}

/* Who held a descriptor would end: not in the tests of what comes next. */
static void
rig_go_on(struct rig *r)
{
	rig_close(r);
	stub_close_file();
	serve_stopping = 0;
	r->server.submit.has_held = false;
}

/* Octets as they are, then one step; the code of what is said. */
static int
rig_say_raw(struct rig *r, struct span octets)
{
	if (send(r->pair[1], octets.p, octets.len, 0) < 0)
		abort();
	(void)session_step(&r->s);
	return rig_reply(r);
}

/* The same, and nobody listens: does the session go on? */
static bool
rig_say_unheard(struct rig *r, const char *line)
{
	(void)send(r->pair[1], line, strlen(line), 0);
	(void)send(r->pair[1], "\r\n", 2, 0);
	return session_step(&r->s);
}

/* The model has those that end in CR LF. */
static void
test_chunk_lines(struct rig *r)
{
	static char line[4000];

	rig_begin(r);
	tap_ok(rig_say(r, "BDAT 4", "ab\r\n", 4) == 250 &&
	        rig_say_raw(r, SPAN_LIT("BDAT 4\n")) == 500 &&
	        rig_say(r, "BDAT 0 LAST", "", 0) == 503,
	    "BDAT that ends in a bare LF loses the message");
	rig_close(r);
	memset(line, ' ', sizeof(line) - 1);
	memcpy(line, "BDAT 4", 6);
	rig_begin(r);
	tap_ok(rig_say(r, "BDAT 4", "ab\r\n", 4) == 250 &&
	        rig_say(r, line, "", 0) == 500 &&
	        rig_say(r, "BDAT 0 LAST", "", 0) == 503,
	    "and so does one that is too long");
	rig_close(r);
	rig_begin(r);
	memcpy(line, "NOOP", 4);
	tap_ok(rig_say(r, "BDAT 4", "ab\r\n", 4) == 250 &&
	        rig_say(r, line, "", 0) == 500 &&
	        rig_say(r, "BDAT 0 LAST", "", 0) == 250,
	    "another line does not");
	rig_close(r);
}

static void
test_counts(struct rig *r)
{
	const struct settings was = r->set;
	int got = 0;

	stub.queue = STUB_TAKES;
	r->set.smtpd.max_errors = 3;
	rig_begin(r);
	for (int i = 0; i < 2; i++)
		(void)rig_say(r, "RCPT TO:<nobody@local.test>", "", 0);
	tap_ok(rig_say(r, "DATA", ".\r\n", 3) == 250 &&
	        rig_say(r, "FOO", "", 0) == 500 &&
	        rig_say(r, "FOO", "", 0) == 500 &&
	        rig_say(r, "FOO", "", 0) == 421,
	    "errors are counted from the last message on");
	rig_close(r);

	r->set.smtpd.max_recipients = 2;
	rig_begin(r);
	for (int i = 0; i < 3; i++) {
		for (int n = 0; n < 4; n++)
			got = rig_say(r, "RCPT TO:<bob@local.test>", "", 0);
		if (got != 452)
			break;
		(void)rig_say(r, "RSET", "", 0);
		(void)rig_say(r, "MAIL FROM:<>", "", 0);
	}
	tap_ok(got == 452, "recipients too many are counted by transaction");
	rig_close(r);
	r->set.smtpd.max_recipients = was.smtpd.max_recipients;
	r->set.smtpd.max_errors = was.smtpd.max_errors;

	r->set.smtpd.max_idle_commands = 10;
	rig_begin(r);
	for (int i = 0; i < 20 && got != 421; i++)
		got = rig_say(r, "RCPT TO:<later@local.test>", "", 0);
	tap_ok(got == 421 && strstr(r->got, "without mail") != NULL,
	    "a session cannot live on our own trouble");
	rig_close(r);
	r->set.smtpd.max_idle_commands = was.smtpd.max_idle_commands;
}

static void
test_deadlines(struct rig *r)
{
	uint64_t timeout = r->set.smtpd.timeout_ms;
	uint64_t data_timeout = r->set.smtpd.data_timeout_ms;
	uint64_t start;
	static char full[1000000];

	r->set.smtpd.data_timeout_ms = 50;
	rig_begin(r);
	(void)rig_say(r, "BDAT 1", "a", 1);
	(void)poll(NULL, 0, 100);
	tap_ok(rig_say(r, "BDAT 0", "", 0) == 421,
	    "the time of a message does not begin anew with each chunk");
	rig_close(r);

	/* The socket would wait for ten seconds. */
	r->set.smtpd.data_timeout_ms = 10000;
	r->set.smtpd.timeout_ms = 50;
	rig_connect(r);
	fds_set_timeouts(r->pair[0], 10000, 10000);
	start = clock_mono_ms();
	tap_ok(!session_step(&r->s) && rig_reply(r) == 421 &&
	        clock_mono_ms() - start < 5000,
	    "a deadline shorter than the socket's is kept");
	rig_close(r);

	/* The other way round: the first wait is cut short, not the deadline. */
	r->set.smtpd.data_timeout_ms = 10;
	r->set.smtpd.timeout_ms = 100;
	rig_connect(r);
	fds_set_timeouts(r->pair[0], 10, 10);
	start = clock_mono_ms();
	tap_ok(!session_step(&r->s) && rig_reply(r) == 421 &&
	        clock_mono_ms() - start >= 100,
	    "and so is a longer one");
	rig_close(r);

	r->set.smtpd.timeout_ms = 10000;
	rig_connect(r);
	(void)rig_reply(r);
	while (send(r->pair[0], full, sizeof(full), MSG_DONTWAIT) > 0)
		continue;
	fds_set_timeouts(r->pair[0], 0, 10);
	(void)rig_say_unheard(r, "HELP");
	tap_ok(!rig_say_unheard(r, "HELP") && r->s.phase == PHASE_OVER,
	    "a reply that does not leave in time is the end");
	rig_close(r);
	r->set.smtpd.timeout_ms = timeout;
	r->set.smtpd.data_timeout_ms = data_timeout;
}

/* Wherever in a session the client goes: nothing of it stays, nothing aborts. */
static void
test_gone(struct rig *r)
{
	static const char *const lines[] = { "EHLO c.test", "MAIL FROM:<>",
		"RCPT TO:<bob@local.test>", "RCPT TO:<nobody@local.test>",
		"BDAT 4\r\nab\r\n", "BDAT 4 LAST\r\ncd\r\n", "MAIL FROM:<>",
		"RCPT TO:<bob@local.test>", "DATA", "x\r\n.", "RSET", "FOO",
		"QUIT" };
	size_t n = sizeof(lines) / sizeof(lines[0]), wrong = 0;

	for (size_t gone = 0; gone < n; gone++) {
		struct buf said = BUF_INIT(4096);

		rig_connect(r);
		for (size_t i = 0; i <= gone; i++)
			buf_addf(&said, "%s\r\n", lines[i]);
		(void)send(r->pair[1], said.p, said.len, 0);
		(void)shutdown(r->pair[0], SHUT_WR);
		for (size_t i = 0; i <= n && session_step(&r->s); i++)
			continue;
		wrong += r->s.phase != PHASE_OVER ||
		    r->s.envelope->qid.text[0] != '\0' ||
		    r->s.envelope->recipients != 0 || r->s.content.size != 0;
		rig_close(r);
		buf_free(&said);
	}
	tap_ok(wrong == 0, "who takes no reply is gone, wherever he stands");
}

/* A client on a socket that does not wait for us. */
static void
test_early(struct rig *r)
{
	r->peer.socket = true;
	rig_connect(r);
	(void)rig_say(r, "EHLO c.test", "", 0);
	(void)rig_say(r, "MAIL FROM:<>", "", 0);
	tap_ok(
	    rig_say(r, "DATA", "MAIL FROM:<evil@peer.test>\r\n", 28) == 554 &&
	        r->s.phase == PHASE_OVER,
	    "content behind a DATA that is refused is no command");
	rig_close(r);

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, r->pair) != 0)
		abort();
	session_begin(&r->s, &r->server, &r->peer, r->pair[0], r->pair[0]);
	(void)shutdown(r->pair[1], SHUT_WR);
	session_greet(&r->s);
	tap_ok(rig_reply(r) == 220, "who has nothing to say is greeted");
	rig_close(r);
	r->peer.socket = false;
}

/* What the journal was told since, in r->got. */
static void
rig_journal(struct rig *r, int fd)
{
	ssize_t n = read(fd, r->got, sizeof(r->got) - 1);

	r->got[n < 0 ? 0 : n] = '\0';
}

static void
test_journal(struct rig *r)
{
	struct journal *j = &r->server.journal;
	size_t max = r->set.smtpd.max_recipients;
	int tube[2];

	if (pipe2(tube, O_NONBLOCK | O_CLOEXEC) != 0)
		abort();
	j->fd = tube[1];
	r->set.smtpd.max_recipients = 400;
	rig_begin(r);
	for (int i = 0; i < 399; i++)
		(void)rig_say(r, "RCPT TO:<bob@local.test>", "", 0);
	(void)send(r->pair[1], "DATA\r\n.\r\n", 9, 0);
	(void)shutdown(r->pair[0], SHUT_WR);
	(void)session_step(&r->s);
	session_end(&r->s);
	rig_journal(r, tube[0]);
	tap_ok(strstr(r->got, "\n97 ") != NULL &&
	        strstr(r->got, "n=400 to=bob") != NULL &&
	        strstr(r->got, "%00") == NULL,
	    "the journal has a message whose client is gone whole");
	(void)close(r->pair[0]);
	(void)close(r->pair[1]);
	r->set.smtpd.max_recipients = max;

	rig_begin(r);
	for (int i = 0; i < 18; i++)
		(void)rig_say(r, "RCPT TO:<nobody@local.test>", "", 0);
	session_end(&r->s);
	rig_journal(r, tube[0]);
	tap_ok(span_count_lines(span_of(r->got)) == 6 &&
	        strstr(r->got, "rule=more n=13 helo=c.test\n") != NULL,
	    "the first refusals are told, then only their number");
	(void)close(r->pair[0]);
	(void)close(r->pair[1]);
	rig_begin(r);
	for (int i = 0; i < 10; i++) {
		(void)rig_say(r, "RCPT TO:<nobody@local.test>", "", 0);
		(void)rig_say(r, "DATA", ".\r\n", 3);
		(void)rig_say(r, "MAIL FROM:<>", "", 0);
		(void)rig_say(r, "RCPT TO:<bob@local.test>", "", 0);
	}
	session_end(&r->s);
	rig_journal(r, tube[0]);
	tap_ok(strstr(r->got, "rule=more") == NULL,
	    "each message has its own share of them");
	(void)close(r->pair[0]);
	(void)close(r->pair[1]);
	j->fd = -1;
	(void)close(tube[0]);
	(void)close(tube[1]);
}

static void
test_dropped(struct rig *r)
{
	const uint64_t timeout = r->server.submit.add.timeout_ms;

	tap_ok(timeout >= 120000 && timeout < 600000,
	    "queue-add is waited for, but not longer than a client waits");
	stub.queue = STUB_TAKES;
	stub.closes = stub.drops = 0;
	rig_connect(r);
	(void)rig_say(r, "EHLO c.test", "", 0);
	tap_ok(rig_message(r, big_message('\n')) == 550 && stub.drops == 1 &&
	        stub.drop_text[0] == '\0' && stub.closes == 0,
	    "a big message that is refused leaves queue-add's connection");
	tap_ok(rig_message(r, SPAN_LIT("a\r\n.\r\n")) == 250,
	    "and the next one is queued");
	stub.disk = STUB_DISK_FULL;
	tap_ok(rig_message(r, big_message('x')) == 452 &&
	        strstr(r->got, "452 4.3.1 not enough room now\r\n") != NULL &&
	        stub.drops == 2 && stub.drop_text[0] == '\0',
	    "a full disk is 452 4.3.1 for a big message too");
	stub.disk = STUB_DISK_FAILS;
	tap_ok(rig_message(r, big_message('x')) == 451 && stub.drops == 3 &&
	        stub.drop_text[0] != '\0',
	    "of one that fails queue-add is told");
	stub.disk = STUB_DISK;
	rig_go_on(r);
}

static void
test_out_of_step(struct rig *r)
{
	rig_begin(r);
	stub.queue = STUB_STRAYS;
	tap_ok(rig_say(r, "DATA", "a\r\n.\r\n", 6) == 451 &&
	        r->server.submit.add.fd == -1,
	    "an answer for another message ends queue-add's connection");
	stub.queue = STUB_TAKES;
	(void)rig_say(r, "MAIL FROM:<>", "", 0);
	stub.resolve_strays = true;
	tap_ok(rig_say(r, "RCPT TO:<bob@local.test>", "", 0) == 451 &&
	        r->server.resolve.fd == -1,
	    "one for another address ends resolve's");
	tap_ok(rig_say(r, "RCPT TO:<bob@local.test>", "", 0) == 250,
	    "and the next question gets its own answer");
	rig_close(r);
}

static void
test_repeated(struct rig *r)
{
	rig_begin(r);
	stub.sends_failing = 1;
	tap_ok(rig_say(r, "DATA", "a\r\n.\r\n", 6) == 250 &&
	        stub.sends_failing == 0,
	    "what could not be sent is sent once more");
	stub.sends_failing = 1;
	tap_ok(rig_message(r, big_message('\0')) == 550 &&
	        stub.sends_failing == 0 && strstr(r->got, "NUL") != NULL,
	    "and the first try is not the reason of a later refusal");
	rig_go_on(r);
}

int
main(void)
{
	static struct rig r;

	stub_server_begin(&r.server, &r.set);
	r.set.smtpd.max_errors = r.set.smtpd.max_idle_commands = 1000000;
	test_model(&r);
	test_content(&r, 3);
	test_content(&r, 30000);
	test_limits(&r);
	test_lines(&r);
	test_smuggling(&r);
	test_chunk_lines(&r);
	test_counts(&r);
	test_deadlines(&r);
	test_gone(&r);
	test_early(&r);
	test_journal(&r);
	test_dropped(&r);
	test_out_of_step(&r);
	test_repeated(&r);
	stub_server_end(&r.server, &r.set);
	return tap_done();
}
