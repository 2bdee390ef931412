/* SPDX-License-Identifier: ISC */
/* authority.c: what auth answers. */
#include "authority.h"

#include <sodium.h>

#include "clock.h"
#include "codes.h"
#include "fds.h"

/* ---- Failures ---- */

static void
journal_lockout(
    struct authority *a, struct span who, const struct auth_req *req)
{
	struct journal *j = &a->answerer.journal;
	struct record_out out = journal_begin(j, CODE_LOCKED_OUT, NULL);

	record_put(out, "who", who);
	record_put_optional(out, "ip", req->ip);
	record_put_optional(out, "service", req->service);
	record_put_num(out, "seconds", a->lockouts.window_s);
	journal_end(j, out);
}

/* A guess was wrong. */
static void
count_failure(struct authority *a, const struct auth_req *req,
    struct span account, uint64_t now_s)
{
	unsigned locked =
	    lockouts_failed(&a->lockouts, account, req->ip, now_s);
	char network[LOCKOUTS_WHO_MAX + 1];

	if ((locked & 1U << LOCKOUT_ACCOUNT) != 0)
		journal_lockout(a, account, req);
	if ((locked & 1U << LOCKOUT_ADDRESS) != 0) {
		lockouts_name(req->ip, network);
		journal_lockout(a, span_of(network), req);
	}
}

/*
 * In the same words for all, and before a password is looked at: it says neither
 * whether there is such a user nor whether the password is right.
 */
static enum outcome
say_locked(struct fault *why)
{
	return fault_set(why, TEMP, AUTH_LOCKED, 0,
	    "too many failed logins, try again later");
}

static enum outcome
decide(struct authority *a, const struct auth_req *req, struct auth_ans *ans,
    struct fault *why)
{
	uint64_t now_s = clock_wall_ms() / 1000;
	struct address account;
	enum outcome got;

	verify_name(&a->verifier, req->user, &account);
	if (lockouts_has(&a->lockouts, address_key(&account), req->ip, now_s))
		return say_locked(why);
	got = verify_login(&a->verifier, req, clock_mono_ms(), ans, why);
	if (got == TEMP)
		answerer_alarm_seldom(&a->answerer, "directory", why->text);
	else if (got == PERM)
		count_failure(a, req, address_key(&account), now_s);
	else if (req->kind != AUTH_SCRAM)
		lockouts_succeeded(
		    &a->lockouts, address_key(&account), req->ip, now_s);
	return got;
}

static enum outcome
answer(struct answerer *answerer, struct span line, struct buf *out,
    struct fault *f)
{
	struct authority *a = (struct authority *)answerer;
	struct record record;
	struct auth_req req;
	struct auth_ans ans;
	struct fault why = FAULT_NONE;
	enum outcome got = wire_auth_get_req(line, &record, &req, f);

	if (got == OK)
		got = wire_auth_put_ans(
		    out, decide(a, &req, &ans, &why), req.kind, &ans, &why, f);
	sodium_memzero(&record, sizeof(record));
	return got;
}

/* ---- Begin and end ---- */

/* A descriptor that the supervisor gave; -1: none. */
static int
given_fd(const char *name)
{
	uint64_t fd;

	return num_from_env(name, 3, 65535, &fd) ? (int)fd : -1;
}

static enum outcome
begin_verifier(
    struct authority *a, const struct settings *s, int cache, struct fault *f)
{
	unsigned char key[AUTH_KEY_LEN];
	bool given;

	if (auth_ticket_take_key(key, &given, f) != OK ||
	    verify_begin(&a->verifier, s, given ? key : NULL,
	        given ? cache : -1, f) != OK)
		return f->outcome;
	sodium_memzero(key, sizeof(key));
	return OK;
}

enum outcome
authority_begin(struct authority *a, const struct settings *s, struct fault *f)
{
	int cache = given_fd(AUTH_CACHE_ENV), failures = given_fd(LOCKOUTS_ENV);
	const char *command = s->resolve.checkpassword;

	*a = (struct authority){ .answerer = {
		                     .database = &a->verifier.secrets,
		                     .answer = answer,
		                     .is_slow = true,
		                 }, .checker = { -1 } };
	if (begin_verifier(a, s, cache, f) != OK ||
	    lockouts_open(&a->lockouts, failures, s, f) != OK)
		return f->outcome;
	fds_close(&cache);
	fds_close(&failures);
	if (command == NULL || command[0] == '\0')
		return OK;
	a->verifier.checker = &a->checker;
	return checker_begin(&a->checker, command, f);
}

void
authority_end(struct authority *a)
{
	verify_free(&a->verifier);
	lockouts_close(&a->lockouts);
	checker_end(&a->checker);
}
