/* SPDX-License-Identifier: ISC */
/* logins.c: a guess, and what it costs. */
#include "logins.h"

#include <errno.h>
#include <poll.h>
#include <sodium.h>
#include <string.h>

#include "clock.h"
#include "codes.h"
#include "password.h"
#include "prog.h"

/*
 * A client that hangs up meanwhile is not waited for, and has no further guess:
 * half a connection can be shut, and what was sent before that is still to be
 * read. Neither has one whose time is over. A pipe's writer may go: its answers
 * are read.
 */
static void
pause_for(struct logins *l, uint64_t ms)
{
	struct pollfd p = { l->in, POLLRDHUP, 0 };
	uint64_t now = clock_mono_ms(), until_ms = now + ms, end;

	serve_waits(now); /* who pays holds a worker as if he were silent */
	while (!l->over && !serve_stopping && now < until_ms) {
		l->over = serve_is_late(&l->deadline_ms);
		end = until_ms < l->deadline_ms ? until_ms : l->deadline_ms;
		if (!l->over && poll(&p, 1, (int)(end - now)) == 1) {
			l->over = (p.revents & POLLRDHUP) != 0;
			p.fd = -1; /* POLLHUP would not let us wait */
		}
		now = clock_mono_ms();
	}
	serve_waits(0);
}

static void
journal_failure(struct logins *l, struct span user, const struct fault *why)
{
	struct record_out out = journal_begin(l->journal, l->failed_code, NULL);

	record_put(out, "user", user);
	record_puts(out, "ip", l->peer->ip);
	record_put_fault(out, why);
	journal_end(l->journal, out);
	journal_flush(l->journal);
}

bool
logins_is_locked(const struct fault *f)
{
	return f->outcome == TEMP && strcmp(f->code, AUTH_LOCKED) == 0;
}

/* It is owed as well, so a client that hangs up instead of waiting has won
   nothing. */
void
logins_failed(struct logins *l, struct span user, const struct fault *why)
{
	uint64_t ms = l->failed_ms;

	journal_failure(l, user, why);
	if (why->outcome != PERM && !logins_is_locked(why))
		return;
	serve_owe(l->peer, user, clock_mono_ms(), ms);
	for (uint64_t i = 0; i < l->failures && ms < SERVE_DEBT_MAX_MS; i++)
		ms *= 2;
	l->failures++;
	pause_for(l, ms < SERVE_DEBT_MAX_MS ? ms : SERVE_DEBT_MAX_MS);
}

/*
 * A checkpassword program can hang, and with it the process of auth that asked:
 * who kept a connection to that one would wait. So each question goes to one that
 * has time.
 */
static bool
asks_anew(const struct service *auth)
{
	const char *program = prog.settings.resolve.checkpassword;

	return program != NULL && program[0] != '\0' && auth->child == 0;
}

static enum outcome
ask_auth(struct logins *l, struct auth_req *req, struct auth_ans *who,
    struct fault *f)
{
	struct buf b = BUF_INIT(RECORD_MAX + 1);
	struct span line;
	enum outcome got;

	req->ip = span_of(l->peer->ip);
	req->service = span_of(l->service);
	/* Whole at once: growing would leave copies of a password behind. */
	(void)buf_reserve(&b, RECORD_MAX);
	got = wire_auth_put_req(&b, req, f);
	if (asks_anew(l->auth))
		service_close(l->auth);
	if (got == OK)
		got = service_ask(l->auth, buf_span(&b), true, &line, f);
	if (got == OK)
		got = wire_auth_get_ans(line, req, who, f);
	/* Its answer may still come: the next guess must not get it. */
	if (got == TEMP && f->error == EPROTO)
		service_close(l->auth);
	sodium_memzero(b.p, b.cap);
	buf_free(&b);
	return got;
}

/* What is owed is paid first; false: then there is nobody to answer. */
static bool
pay(struct logins *l, struct span user, struct fault *f)
{
	pause_for(l, serve_debt_ms(l->peer, user, clock_mono_ms()));
	if (l->over)
		fault_set(f, TEMP, "4.4.2", 0, "the client is gone");
	return !l->over;
}

enum outcome
logins_try(struct logins *l, struct span user, struct span password,
    struct auth_ans *who, struct fault *f)
{
	struct auth_req req = {
		.kind = AUTH_PASSWORD, .user = user, .password = password
	};

	if (!pay(l, user, f))
		return f->outcome;
	if (password_check(password, f) == OK &&
	    ask_auth(l, &req, who, f) == OK)
		return OK;
	logins_failed(l, user, f);
	return f->outcome;
}

enum outcome
logins_salt(
    struct logins *l, struct span user, struct auth_ans *who, struct fault *f)
{
	struct auth_req req = { .kind = AUTH_SCRAM, .user = user };

	if (ask_auth(l, &req, who, f) == OK)
		return OK;
	logins_failed(l, user, f);
	return f->outcome;
}

enum outcome
logins_prove(struct logins *l, struct span user, struct span message,
    const unsigned char *proof, struct auth_ans *who, struct fault *f)
{
	struct auth_req req = {
		.kind = AUTH_PROOF, .user = user, .message = message
	};

	memcpy(req.proof, proof, sizeof(req.proof));
	if (!pay(l, user, f))
		return f->outcome;
	if (ask_auth(l, &req, who, f) == OK)
		return OK;
	logins_failed(l, user, f);
	return f->outcome;
}
