/* SPDX-License-Identifier: ISC */
/*
 * session.c, commands.c and transfer.c against a model of a few lines: whatever the order
 * of commands, after every reply the state is the model's. The model knows
 * nothing of the code; it is RFC 5321 4.1.4 and RFC 3030 in numbers.
 */
#include "smtpd_rig.h"

#include <netinet/in.h>
#include <poll.h>

#include "clock.h"
#include "fds.h"
#include "tap.h"

/* The whole state of a session, as the model sees it. */
struct model {
	bool helo, mail, chunks, over;
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
	ENDS, /* a BDAT that nobody understands */
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
	{ "BDAT 5 FIRST", "RSET\r", CONTENT, 501, FORGETS, STUB_TAKES },
	{ "BDAT 2 LAST LAST", "\r\n", CONTENT, 501, FORGETS, STUB_TAKES },
	{ "BDAT 0 0", "", CONTENT, 501, FORGETS, STUB_TAKES },
	{ "BDAT x", "", ALWAYS, 501, ENDS, STUB_TAKES },
	{ "BDAT", "", ALWAYS, 501, ENDS, STUB_TAKES },
	{ "BDAT LAST", "", ALWAYS, 501, ENDS, STUB_TAKES },
	{ "BDAT -1", "", ALWAYS, 501, ENDS, STUB_TAKES },
	{ "BDAT 5LAST", "", ALWAYS, 501, ENDS, STUB_TAKES },
	{ "BDAT 4\x01", "", ALWAYS, 501, ENDS, STUB_TAKES },
	{ "bdat\x7f", "", ALWAYS, 501, ENDS, STUB_TAKES },
	{ " BDAT 4 LAST", "", ALWAYS, 501, ENDS, STUB_TAKES },
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
		return m->helo && !m->mail;
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
	case ENDS:
		model_forget(m);
		m->over = true;
		break;
	}
}

/* ---- Against the real one. ---- */

static bool
is_same(const struct rig *r, const struct model *m)
{
	const struct session *s = &r->s;
	const struct envelope *e = s->envelope;
	enum phase want = m->over ? PHASE_OVER
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
	        e->smtputf8 || e->body[0] != '\0'))
		return false;
	/* No octet of a message stays behind it. */
	return m->chunks ||
	    (s->content->size == 0 && s->content->refused == RULE_NONE &&
	        s->content->buf.len == 0 && s->content->line.len == 0 &&
	        r->server.submit.fd == -1);
}

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

	for (size_t i = 0; i < steps && !m->over; i++) {
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

/* The same, and nobody listens: does the session go on? */
static bool
rig_say_unheard(struct rig *r, const char *line)
{
	(void)send(r->pair[1], line, strlen(line), 0);
	(void)send(r->pair[1], "\r\n", 2, 0);
	return session_step(&r->s);
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
		    r->s.envelope->recipients != 0 || r->s.content->size != 0;
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

/* The two ends of a connection over the loopback: the server's, the client's. */
static bool
connect_tcp(int pair[2])
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	pair[0] = -1;
	pair[1] = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listener, (struct sockaddr *)&at, len) == 0 &&
	    listen(listener, 1) == 0 &&
	    getsockname(listener, (struct sockaddr *)&at, &len) == 0 &&
	    connect(pair[1], (struct sockaddr *)&at, len) == 0)
		pair[0] = accept(listener, NULL, NULL);
	(void)close(listener);
	return pair[0] != -1;
}

/* Octets that nobody reads make a reset of the close. */
static void
test_last_reply(struct rig *r)
{
	struct pollfd p = { .events = POLLIN };
	struct fault f;
	ssize_t n, len = 0;

	r->peer.socket = true;
	if (!connect_tcp(r->pair))
		abort();
	session_begin(&r->s, &r->server, &r->peer, r->pair[0], r->pair[0]);
	session_greet(&r->s);
	(void)!stream_flush(&r->server.io, &f);
	(void)!write(r->pair[1], "QUIT\r\n", 6);
	(void)session_step(&r->s);
	(void)!write(r->pair[1], "\r\n", 2);
	p.fd = r->pair[0];
	(void)poll(&p, 1, 10000);
	session_end(&r->s);
	(void)close(r->pair[0]);
	while ((n = recv(r->pair[1], r->got + len,
	            sizeof(r->got) - 1 - (size_t)len, 0)) > 0)
		len += n;
	r->got[len] = '\0';
	tap_ok(strstr(r->got, "\r\n221 ") != NULL,
	    "the last reply leaves, whatever the client sends behind QUIT");
	(void)close(r->pair[1]);
	r->peer.socket = false;
}

int
main(void)
{
	static struct rig r;

	rig_setup(&r);
	test_model(&r);
	test_deadlines(&r);
	test_gone(&r);
	test_early(&r);
	test_last_reply(&r);
	stub_server_end(&r.server, &r.set);
	return tap_done();
}
