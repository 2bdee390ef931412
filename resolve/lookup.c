/* SPDX-License-Identifier: ISC */
/* lookup.c: address to destination: local, alias, plus, catch-all. */
#include "lookup.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "accounts.h"

#define STEP_TEXT_MAX  1024 /* octets of one step's text */
#define STEP_VALUE_MAX 300 /* octets of an address shown in it */

/* One question on its way. */
struct question {
	struct lookup *l;
	struct resolve_ans *ans;
	struct buf *steps;
	struct address at; /* what is looked for now */
	char text[PATH_TEXT_MAX + 1]; /* the target of the last alias, or "" */
};

enum outcome
lookup_begin(struct lookup *l, const struct settings *s, struct fault *f)
{
	*l = (struct lookup){ .plus = s->resolve.plus,
		.steps_max = s->resolve.alias_steps,
		.quota = { s->mail.quota, s->mail.quota_messages },
		.entries = { .name = ENTRIES_DB, .purpose = "entries" } };
	return domains_begin(&l->domains, &s->resolve.domain, f);
}

void
lookup_free(struct lookup *l)
{
	compiled_free(&l->entries);
	domains_free(&l->domains);
}

/* A step for a person. One that does not fit is left out: the answer counts. */
__attribute__((format(printf, 3, 4))) static void
explain(const struct question *q, const char *rule, const char *format, ...)
{
	char text[STEP_TEXT_MAX];
	struct fault ignored;
	struct resolve_step step = { span_of(rule), SPAN_EMPTY };
	va_list ap;

	if (q->steps == NULL)
		return;
	va_start(ap, format);
	(void)vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	step.text = span_of(text);
	if (wire_resolve_put_step(q->steps, &step, &ignored) != OK)
		return;
}

/* The first rule that changed the address is the one that answers. */
static void
note_rule(struct question *q, const char *rule)
{
	if (q->ans->rule[0] == '\0')
		(void)span_copy(
		    span_of(rule), q->ans->rule, sizeof(q->ans->rule));
}

/* The value that answers for the address, by the order of lookup.h. */
static enum outcome
get_any(struct question *q, struct span *value, struct fault *f)
{
	struct compiled *entries = &q->l->entries;
	struct span key = address_key(&q->at);
	struct address base = q->at;
	/* ""@example.org is an address, but nobody's, and its key is that of
	   the catch-all. */
	bool named = q->at.local_len > 0;
	enum outcome got = named ? compiled_get(entries, key, value, f) : PERM;

	explain(q, "entry", SPAN_FMT ": %s",
	    SPAN_ARG(span_head(key, STEP_VALUE_MAX)),
	    got == OK ? "found" : "no entry and no alias");
	if (got == PERM && address_drop_detail(&base, q->l->plus)) {
		key = address_key(&base);
		got = compiled_get(entries, key, value, f);
		explain(q, "plus",
		    "without the detail after '%c': " SPAN_FMT ": %s",
		    q->at.key[base.local_len],
		    SPAN_ARG(span_head(key, STEP_VALUE_MAX)),
		    got == OK ? "found" : "no entry either");
		if (got == OK)
			note_rule(q, "plus");
	}
	if (got == PERM && named) {
		key = address_at_domain(&q->at);
		got = compiled_get(entries, key, value, f);
		explain(q, "catch-all", SPAN_FMT " has %s",
		    SPAN_ARG(address_domain(&q->at)),
		    got == OK ? "a catch-all" : "no catch-all");
		/* Whatever led here: it is nobody's own address. */
		if (got == OK)
			(void)span_copy(SPAN_LIT("catch-all"), q->ans->rule,
			    sizeof(q->ans->rule));
	}
	return got;
}

/* The next hop was checked, and is shorter than its place. */
static void
set_destination(struct question *q, const char *transport, struct span nexthop)
{
	(void)span_copy(
	    span_of(transport), q->ans->transport, sizeof(q->ans->transport));
	(void)span_copy(nexthop, q->ans->nexthop, sizeof(q->ans->nexthop));
}

/*
 * A domain line that was lost from the configuration must not send the mail of
 * its users away: whom the directory knows is not of another's domain.
 */
static enum outcome
answer_remote(struct question *q, struct fault *f)
{
	struct span domain = address_domain(&q->at), value;
	struct buf *steps = q->steps;
	enum outcome known;

	explain(
	    q, "remote", SPAN_FMT " is not a local domain", SPAN_ARG(domain));
	if (q->l->domains.n == 0)
		return fault_set(f, TEMP, "4.3.5", 0,
		    "no local domain is set: [resolve] domain in pneu.conf");
	q->steps = NULL;
	known = get_any(q, &value, f);
	q->steps = steps;
	if (known == TEMP)
		return TEMP;
	if (known == OK)
		return fault_set(f, TEMP, "4.3.5", 0,
		    "the directory knows the address, but " SPAN_FMT
		    " is not a local domain: [resolve] domain in pneu.conf",
		    SPAN_ARG(span_head(domain, STEP_VALUE_MAX)));
	set_destination(q, TRANSPORT_SMTP, domain);
	(void)span_copy(
	    span_of(q->text), q->ans->address, sizeof(q->ans->address));
	return OK;
}

/* Is the value of this kind? Then *rest is what it says. */
static bool
is_kind(struct span value, const char *kind, struct span *rest)
{
	*rest = span_from(value, strlen(kind));
	return span_has_prefix(value, kind);
}

/* A limit of its own at the start of rest, and the space behind it. */
static bool
take_limit(struct span *rest, uint64_t *limit)
{
	struct span word;

	return span_next(rest, ' ', &word) &&
	    (span_eq(word, "-") || num_parse(word, 0, INT64_MAX, limit));
}

/* Then *rest is its path, and its quota is known. */
static bool
is_mailbox(struct question *q, struct span value, struct span *rest)
{
	struct quota quota = q->l->quota;

	if (!is_kind(value, LOOKUP_MAILBOX, rest) &&
	    (!is_kind(value, LOOKUP_QUOTA, rest) ||
	        !take_limit(rest, &quota.octets) ||
	        !take_limit(rest, &quota.messages)))
		return false;
	q->ans->quota = quota;
	return true;
}

/* The question ends here, or goes on with the target of an alias. */
static enum outcome
take_value(struct question *q, struct span value, bool *ends, struct fault *f)
{
	struct span rest;
	bool caught;

	*ends = true;
	if (is_mailbox(q, value, &rest) && resolve_path_is_safe(rest)) {
		explain(q, "mailbox", "mailbox " SPAN_FMT,
		    SPAN_ARG(span_head(rest, STEP_VALUE_MAX)));
		set_destination(q, TRANSPORT_MAILBOX, rest);
		return OK;
	}
	if (is_kind(value, LOOKUP_PROGRAM, &rest) &&
	    resolve_is_program_name(rest)) {
		explain(q, "program",
		    "command " SPAN_FMT " of [deliver-program]",
		    SPAN_ARG(rest));
		set_destination(q, TRANSPORT_PROGRAM, rest);
		return OK;
	}
	if (span_eq(value, LOOKUP_REMOVED)) {
		explain(q, "removed", "the user was removed");
		return fault_set(f, PERM, "5.1.1", 0, "no such user");
	}
	*ends = false;
	caught = is_kind(value, LOOKUP_CATCH_ALL, &rest);
	if ((!caught && !is_kind(value, LOOKUP_ALIAS, &rest)) ||
	    !span_copy(rest, q->text, sizeof(q->text)) ||
	    address_make(rest, &q->at, f) != OK)
		return compiled_bad_value(&q->l->entries, f);
	q->l->caught |= caught;
	if (!caught)
		note_rule(q, "alias");
	explain(q, caught ? "catch-all" : "alias", "goes on to " SPAN_FMT,
	    SPAN_ARG(span_head(address_key(&q->at), STEP_VALUE_MAX)));
	return OK;
}

/* `Postmaster` alone is the first domain's. RFC 5321 4.1.1.3. */
static void
complete(struct question *q)
{
	const struct domains *domains = &q->l->domains;

	if (address_domain(&q->at).len > 0 || domains->n == 0)
		return;
	address_set_domain(&q->at, span_of(domains->first));
	explain(q, "postmaster", "without a domain: " SPAN_FMT,
	    SPAN_ARG(address_key(&q->at)));
	note_rule(q, "postmaster");
}

enum outcome
lookup_find(struct lookup *l, struct span to, struct resolve_ans *ans,
    struct buf *steps, struct fault *f)
{
	struct question q = { .l = l, .ans = ans, .steps = steps };
	struct span value;
	enum outcome got;
	bool ends;

	*ans = (struct resolve_ans){ .transport = "" };
	l->caught = false;
	if (address_make(to, &q.at, f) != OK)
		return f->outcome;
	complete(&q);
	for (uint64_t step = 0; step <= l->steps_max; step++) {
		if (!domains_has(&l->domains, address_domain(&q.at)))
			return answer_remote(&q, f);
		got = get_any(&q, &value, f);
		if (got == PERM) {
			explain(&q, "unknown", "nothing answers for it");
			return fault_set(f, PERM, "5.1.1", 0,
			    q.text[0] == '\0'
			        ? "no such user"
			        : "an alias leads to no such user");
		}
		if (got == OK)
			got = take_value(&q, value, &ends, f);
		if (got != OK || ends)
			return got;
	}
	l->looped = true;
	explain(&q, "loop", "more than %llu aliases one after the other",
	    (unsigned long long)l->steps_max);
	return fault_set(f, TEMP, "4.4.6", 0,
	    "aliases lead in a circle, or more than %llu of them follow one "
	    "another",
	    (unsigned long long)l->steps_max);
}

/* ---- accounts */

/* Is the value of this key there? Then *who is what it says. */
static enum outcome
get_who(
    struct lookup *l, const char *id, struct resolve_who *who, struct fault *f)
{
	char key[sizeof(WHO_KEY) + WHO_ID_MAX];
	struct span value;
	enum outcome got;

	(void)snprintf(key, sizeof(key), WHO_KEY "%s", id);
	got = compiled_get(&l->entries, span_of(key), &value, f);
	if (got == OK && wire_resolve_get_who(value, span_of(id), who, f) != OK)
		return compiled_bad_value(&l->entries, f);
	return got;
}

/* The entry that answers for an account; *as is what it is named there. */
static enum outcome
find_who(struct lookup *l, const char *id, const char **as,
    struct resolve_who *who, struct fault *f)
{
	enum outcome got = get_who(l, *as = id, who, f);
	uint64_t uid;

	if (got == PERM && num_parse(span_of(id), 0, UINT32_MAX, &uid) &&
	    uid != ACCOUNTS_NO_UID)
		got = get_who(l, *as = "*", who, f);
	if (got == PERM && l->domains.n > 0 &&
	    (strcmp(id, "0") == 0 || strcmp(id, "root") == 0)) {
		(void)snprintf(who->user, sizeof(who->user), "postmaster@%s",
		    l->domains.first);
		return OK;
	}
	return got;
}

/* Where mail for the address lies; PERM: nowhere, or only by a catch-all. */
static enum outcome
find_mailbox(
    struct lookup *l, struct span to, struct resolve_ans *ans, struct fault *f)
{
	enum outcome got = lookup_find(l, to, ans, NULL, f);

	if (got == OK && (!resolve_is_mailbox(ans) || l->caught))
		return PERM;
	return got;
}

/* Is the address one of the user's, or of another entry of this account? */
static enum outcome
find_owner(struct lookup *l, struct span from, const char *as,
    struct resolve_who *who, struct fault *f)
{
	char key[sizeof(WHO_KEY) + WHO_ID_MAX + 1 + RESOLVE_PATH_MAX];
	struct resolve_ans his, own;
	struct span ignored;
	enum outcome got = find_mailbox(l, from, &his, f);

	if (got != OK)
		return got;
	(void)snprintf(key, sizeof(key), WHO_KEY "%s %s", as, his.nexthop);
	got = compiled_get(&l->entries, span_of(key), &ignored, f);
	if (got == PERM) {
		got = find_mailbox(l, span_of(who->user), &own, f);
		if (got == OK && strcmp(own.nexthop, his.nexthop) != 0)
			return PERM;
	}
	who->owns = got == OK;
	return got;
}

enum outcome
lookup_who(struct lookup *l, const struct resolve_who_req *req,
    struct resolve_who *who, struct fault *f)
{
	char id[WHO_ID_MAX + 1];
	const char *as;
	enum outcome got = PERM;

	*who = (struct resolve_who){ .user = "" };
	if (span_is_all(req->id, is_graph) &&
	    span_copy(req->id, id, sizeof(id)))
		got = find_who(l, id, &as, who, f);
	if (got == PERM)
		return fault_set(f, PERM, "5.7.1", 0,
		    "no address is of this account: `pneu directory change "
		    "ADDRESS --account=` gives it one");
	if (got == OK && req->from.len > 0 &&
	    find_owner(l, req->from, as, who, f) == TEMP)
		return TEMP;
	return got;
}
