/* SPDX-License-Identifier: ISC */
/* self.c: a ticket, then a change that only its user can ask for. */
#include "self.h"

#include <errno.h>
#include <sodium.h>

#include "codes.h"
#include "edit.h"
#include "password.h"

/* What is wrong with a value is for the user to mend, and told him. */
static enum outcome
check_value(const struct self *s, const struct self_req *req, struct fault *f)
{
	const char *command = s->settings->resolve.checkpassword;

	if (req->which != SELF_PASSWORD) {
		if (req->value.len <= PERSON_MAX &&
		    !span_has_control(req->value) && utf8_is_valid(req->value))
			return OK;
		return fault_set(f, PERM, "5.5.4", 0,
		    "a %s is UTF-8 text without control characters, at most "
		    "%d octets",
		    req->field, PERSON_MAX);
	}
	if (command != NULL && command[0] != '\0')
		return fault_set(f, PERM, "5.7.8", 0,
		    "passwords are kept by another system: change it there");
	return password_check(req->value, f);
}

/* The directory cannot be changed: the operator is told why, the user is not,
   for it may be about others. */
static enum outcome
trouble(struct self *s, struct fault *f)
{
	answerer_alarm_seldom(&s->answerer, "directory", f->text);
	return fault_set(f, TEMP, "4.3.0", 0, "not possible now, try later");
}

/*
 * Under the lock: of two changes that one password was given for, the second is
 * refused, and so is one that an operator's came before.
 */
static enum outcome
check_ticket(const struct self *s, const struct editor *e,
    const struct line *line, const struct self_req *req, struct fault *f)
{
	const struct line *secret = directory_find_secret(&e->d, line->key);
	char hash[DIRECTORY_HASH_MAX + 1] = "";
	struct auth_ans who = req->who;

	if (secret != NULL)
		(void)span_copy(secret->value, hash, sizeof(hash));
	auth_ticket_for_change(&who, hash);
	if (auth_ticket_check(s->key, &who, f) == OK)
		return OK;
	if (f->error == ETIME)
		return TEMP;
	return fault_set(f, PERM, "5.7.8", 0,
	    "another password has been set meanwhile: log in again");
}

static enum outcome
edit(const struct self *s, struct editor *e, struct line *line,
    const struct address *a, const struct self_req *req, struct fault *f)
{
	const struct field_change change = { self_field_name(req->which),
		req->value };
	struct buf hash = BUF_INIT(RECORD_MAX);

	if (req->which != SELF_PASSWORD)
		f->outcome = editor_change_person(e, a, &change, 1, f);
	else if (editor_hash(s->settings, req->value, &hash, f) == OK)
		f->outcome = editor_set_hash(e, line, buf_span(&hash), f);
	buf_free(&hash);
	return f->outcome == OK ? editor_commit(e, false, f) : f->outcome;
}

static enum outcome
change(struct self *s, const struct self_req *req, struct fault *f)
{
	struct editor e;
	struct address a;
	struct line *line;
	enum outcome got = editor_begin(&e, s->settings, f);

	if (got != OK)
		got = trouble(s, f);
	else if (address_make(span_of(req->who.user), &a, f) != OK ||
	    editor_find(&e, &a, false, &line, f) != OK)
		got = fault_set(f, PERM, "5.7.8", 0, "no such user any more");
	else if (check_ticket(s, &e, line, req, f) != OK)
		got = f->outcome;
	else if (edit(s, &e, line, &a, req, f) != OK)
		got = trouble(s, f);
	directory_unlock(&e.d);
	editor_free(&e);
	return got;
}

/* Never the value: who, what, from where, and what came of it. */
static void
journal_change(
    struct self *s, const struct self_req *req, const struct fault *why)
{
	struct journal *j = &s->answerer.journal;
	struct record_out out = journal_begin(j, CODE_SELF_CHANGED, NULL);

	record_puts(out, "user", req->who.user);
	record_put_optional(out, "ip", span_of(req->ip));
	record_puts(out, "field", req->field);
	record_puts(out, "outcome", outcome_word(why->outcome));
	if (why->outcome != OK)
		record_put_fault(out, why);
	journal_end(j, out);
}

static enum outcome
answer(struct answerer *answerer, struct span line, struct buf *out,
    struct fault *f)
{
	struct self *s = (struct self *)answerer;
	struct fault why = FAULT_NONE;
	struct record record;
	struct self_req req;
	enum outcome got = wire_self_get_req(line, &record, &req, f);

	if (got == OK) {
		why.outcome = check_value(s, &req, &why);
		if (why.outcome == OK)
			why.outcome = change(s, &req, &why);
		journal_change(s, &req, &why);
		got = wire_self_put_ans(out, why.outcome, &why, f);
	}
	sodium_memzero(&record, sizeof(record));
	return got;
}

/* What was written when a process was killed is in force before the next answer,
   not after the next change. That it cannot be is said at that. */
static void
mend(const struct settings *settings)
{
	struct fault ignored;
	struct editor e;

	(void)!editor_begin(&e, settings, &ignored);
	directory_unlock(&e.d);
	editor_free(&e);
}

enum outcome
self_begin(struct self *s, const struct settings *settings, struct fault *f)
{
	bool given;

	*s = (struct self){ .answerer = { .answer = answer, .is_slow = true },
		.settings = settings };
	if (auth_ticket_take_key(s->key, &given, f) != OK)
		return f->outcome;
	if (!given)
		return fault_set(f, PERM, "5.3.5", 0,
		    "no ticket key: the supervisor gives it on the descriptor "
		    "in $" AUTH_KEY_ENV);
	mend(settings);
	return OK;
}
