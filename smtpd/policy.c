/* SPDX-License-Identifier: ISC */
/*
 * policy.c: the rules of access, in the order in which they are asked. The
 * table is at the end; above it stands a function for each row.
 */
#include "policy.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "config.h"

static const struct access_settings *
access_of(const struct facts *f)
{
	return &f->policy->set->access;
}

static bool
is_known(const struct facts *f)
{
	return f->user[0] != '\0';
}

static enum verdict
refuses(struct opinion *o, enum rule rule)
{
	o->rule = rule;
	return VERDICT_REFUSE;
}

/* Of this machine, by its account: nobody has to log in. */
static bool
is_local(const struct facts *f)
{
	return f->account[0] != '\0';
}

/* A setting that is `report` tells what it would refuse, and refuses nothing. */
static enum verdict
reports(struct opinion *o, enum rule rule)
{
	o->rule = rule;
	o->is_report = true;
	return VERDICT_NEXT;
}

static bool
is_client_in(const struct facts *f, enum list_type list, struct opinion *o)
{
	return f->is_remote &&
	    lists_has_client(f->policy->lists, list, &f->address, &o->line);
}

/* ---- What resolve knows. ---- */

enum outcome
policy_find(const struct policy *p, struct span to, const struct path *from,
    struct resolve_ans *ans, struct fault *f)
{
	const struct resolve_req req = { .forward_path = to,
		.reverse_path = path_span(from) };
	struct buf *b = p->question;
	struct span line;
	enum outcome got;

	buf_reset(b);
	/* A question may be asked twice: it changes nothing. */
	if (wire_resolve_put_req(b, &req, f) != OK ||
	    service_ask(p->resolve, buf_span(b), true, &line, f) != OK)
		return fault_context(f, "resolve");
	got = wire_resolve_get_ans(line, to, ans, f);
	if (got == TEMP && f->error == EPROTO)
		service_close(p->resolve);
	return got;
}

/* `Postmaster` is the first local domain's. RFC 5321 4.1.1.3, 4.5.1. */
static void
name_postmaster(const struct settings *set, struct path *path)
{
	char text[PATH_TEXT_MAX + 1];
	struct path full;
	struct fault f;

	if (set->resolve.domain.n == 0)
		return;
	(void)snprintf(
	    text, sizeof(text), "postmaster@%s", set->resolve.domain.value[0]);
	if (path_parse_bare(span_of(text), &full, &f) == OK)
		*path = full;
}

enum outcome
policy_ask_who(const struct policy *p, const char *id, struct span from,
    struct resolve_who *who, struct fault *f)
{
	const struct resolve_who_req req = { span_of(id), from };
	struct buf *b = p->question;
	struct span line;
	enum outcome got;

	buf_reset(b);
	if (wire_resolve_put_who_req(b, &req, f) != OK ||
	    service_ask(p->resolve, buf_span(b), true, &line, f) != OK)
		return fault_context(f, "resolve");
	got = wire_resolve_get_who(line, req.id, who, f);
	if (got == TEMP && f->error == EPROTO)
		service_close(p->resolve);
	return got;
}

/* ---- Before the greeting. ---- */

/* Its time counts from the login, not from the last message. */
static bool
is_in_window(const struct facts *f)
{
	uint64_t minutes = f->policy->set->relay.pop_window, since_ms;

	return f->is_remote && minutes > 0 &&
	    pop_window_has(f->policy->window, &f->address, clock_wall_ms(),
	        minutes * 60000, &since_ms);
}

static enum verdict
judge_pop_window(struct facts *f, struct opinion *o)
{
	(void)o;
	return f->policy->set->connect.pop_overrides_reject != 0 &&
	        is_in_window(f)
	    ? VERDICT_PASS
	    : VERDICT_NEXT;
}

static enum verdict
judge_reject(struct facts *f, struct opinion *o)
{
	return is_client_in(f, LIST_REJECT, o) ? refuses(o, RULE_REJECT_LIST)
	                                       : VERDICT_NEXT;
}

/* Who may be anybody needs no address of his own. */
static enum verdict
judge_account(struct facts *f, struct opinion *o)
{
	if (!is_local(f) || is_known(f) || f->is_trusted)
		return VERDICT_NEXT;
	(void)fault_set(&o->why, PERM, "5.7.1", 0,
	    "account number %s has no address here; the administrator gives it "
	    "one: pneu directory change ADDRESS --account=NAME",
	    f->account);
	return refuses(o, RULE_ACCOUNT);
}

/* Mail programs come from addresses that lists of dial-up lines have: only who
   brings mail from other systems is looked for. Trouble refuses nobody. */
static enum verdict
judge_rbl(struct facts *f, struct opinion *o)
{
	if (f->policy->set->smtpd.role != ROLE_MX ||
	    blocks_find(f->policy->blocks, f->ip, &o->why) != PERM)
		return VERDICT_NEXT;
	return refuses(o, RULE_RBL);
}

/* ---- A login. ---- */

static enum verdict
judge_auth_off(struct facts *f, struct opinion *o)
{
	return access_of(f)->mode == AUTH_MODE_NONE ? refuses(o, RULE_AUTH_OFF)
	                                            : VERDICT_NEXT;
}

static enum verdict
judge_verify_id(struct facts *f, struct opinion *o)
{
	uint64_t how = access_of(f)->verify_id;

	if (how == VERIFY_ID_NO ||
	    lists_has_address(
	        f->policy->lists, LIST_LOGINS, span_of(f->user), &o->line))
		return VERDICT_NEXT;
	return how == VERIFY_ID_REPORT ? reports(o, RULE_VERIFY_ID)
	                               : refuses(o, RULE_VERIFY_ID);
}

/* ---- MAIL. ---- */

/* RFC 4954 6, RFC 6409 4.3. */
static enum verdict
judge_login_needed(struct facts *f, struct opinion *o)
{
	return access_of(f)->mode == AUTH_MODE_ALL && !is_known(f) &&
	        !is_local(f)
	    ? refuses(o, RULE_LOGIN_NEEDED)
	    : VERDICT_NEXT;
}

/*
 * Is the reverse-path the user's own? His address, or one that ends in the same
 * mailbox: by an alias, a detail or a catch-all, as resolve sees it.
 */
static enum outcome
is_own(struct facts *f, bool *own, struct fault *why)
{
	struct resolve_ans his, of_path;
	enum outcome got;

	*own = span_same_nocase(path_span(f->from), span_of(f->user));
	if (*own)
		return OK;
	got =
	    policy_find(f->policy, path_span(f->from), f->from, &of_path, why);
	if (got == PERM || (got == OK && !resolve_is_mailbox(&of_path)))
		return OK;
	if (got == OK)
		got = policy_find(
		    f->policy, span_of(f->user), f->from, &his, why);
	*own = got == OK && resolve_is_mailbox(&his) &&
	    strcmp(his.nexthop, of_path.nexthop) == 0;
	return got == PERM ? OK : got;
}

static enum verdict
judge_verify_from(struct facts *f, struct opinion *o)
{
	uint64_t how = access_of(f)->verify_from;
	bool own;

	/* A report of a mail program (RFC 8098) has no reverse-path. */
	if (how == VERIFY_FROM_NO || !is_known(f) || is_local(f) ||
	    path_is_null(f->from))
		return VERDICT_NEXT;
	if (how != VERIFY_FROM_ALL &&
	    (lists_has_address(f->policy->lists, LIST_SENDERS,
	         path_span(f->from), &o->line) ||
	        is_client_in(f, LIST_SENDERS, o)))
		return VERDICT_NEXT;
	if (is_own(f, &own, &o->why) != OK)
		return how == VERIFY_FROM_REPORT ? VERDICT_NEXT
		                                 : refuses(o, RULE_LOCAL_ERROR);
	o->why.outcome = OK;
	if (own)
		return VERDICT_NEXT;
	return how == VERIFY_FROM_REPORT ? reports(o, RULE_VERIFY_FROM)
	                                 : refuses(o, RULE_VERIFY_FROM);
}

/* The same of an account, which may be that of several entries. What a catch-all
   takes is nobody's. */
static enum verdict
judge_originator(struct facts *f, struct opinion *o)
{
	uint64_t how = f->policy->set->submit.verify;
	struct resolve_who who;
	enum outcome got;

	if (how == ORIGINATOR_NO || !is_local(f) || f->is_trusted ||
	    path_is_null(f->from))
		return VERDICT_NEXT;
	got = policy_ask_who(
	    f->policy, f->account, path_span(f->from), &who, &o->why);
	if (got == TEMP)
		return how == ORIGINATOR_REPORT ? VERDICT_NEXT
		                                : refuses(o, RULE_LOCAL_ERROR);
	o->why = FAULT_NONE;
	if (got == OK && who.owns)
		return VERDICT_NEXT;
	if (how == ORIGINATOR_REPORT)
		return reports(o, RULE_ORIGINATOR);
	(void)fault_set(&o->why, PERM, "5.7.1", 0,
	    "the sender is no address of yours, that is <%s>", f->user);
	return refuses(o, RULE_ORIGINATOR);
}

/* ---- RCPT. ---- */

static enum verdict
judge_recipient(struct facts *f, struct opinion *o)
{
	enum outcome got;

	if (path_domain(f->to).len == 0)
		name_postmaster(f->policy->set, f->to);
	got = policy_find(
	    f->policy, path_span(f->to), f->from, &f->destination, &o->why);
	if (got != OK)
		return refuses(
		    o, got == PERM ? RULE_RECIPIENT : RULE_LOCAL_ERROR);
	return VERDICT_NEXT;
}

/* There may be room again before the client gives up. RFC 3463 3.3. */
static enum verdict
judge_quota(struct facts *f, struct opinion *o)
{
	const struct resolve_ans *d = &f->destination;

	return d->full || (d->room > 0 && f->size > d->room)
	    ? refuses(o, RULE_QUOTA)
	    : VERDICT_NEXT;
}

static enum verdict
judge_local(struct facts *f, struct opinion *o)
{
	(void)o;
	return resolve_is_remote(&f->destination) ? VERDICT_NEXT : VERDICT_PASS;
}

static enum verdict
judge_relay_user(struct facts *f, struct opinion *o)
{
	(void)o;
	return is_local(f) ||
	        (is_known(f) && access_of(f)->mode != AUTH_MODE_NONE)
	    ? VERDICT_PASS
	    : VERDICT_NEXT;
}

static enum verdict
judge_relay_window(struct facts *f, struct opinion *o)
{
	(void)o;
	return is_in_window(f) ? VERDICT_PASS : VERDICT_NEXT;
}

static enum verdict
judge_relay_all(struct facts *f, struct opinion *o)
{
	(void)o;
	return f->policy->set->relay.allow == RELAY_ALL ? VERDICT_PASS
	                                                : VERDICT_NEXT;
}

static enum verdict
judge_relay_list(struct facts *f, struct opinion *o)
{
	uint64_t allow = f->policy->set->relay.allow;

	return (allow == RELAY_LIST || allow == RELAY_BOTH) &&
	        is_client_in(f, LIST_ACCEPT, o)
	    ? VERDICT_PASS
	    : VERDICT_NEXT;
}

/* The next hop is the domain as A-labels; of an alias that of its target. */
static enum verdict
judge_relay_near(struct facts *f, struct opinion *o)
{
	uint64_t allow = f->policy->set->relay.allow;

	return (allow == RELAY_NEAR || allow == RELAY_BOTH) &&
	        lists_has_domain(f->policy->lists, LIST_NEAR,
	            span_of(f->destination.nexthop), &o->line)
	    ? VERDICT_PASS
	    : VERDICT_NEXT;
}

static enum verdict
judge_relay(struct facts *f, struct opinion *o)
{
	(void)f;
	return refuses(o, RULE_RELAY);
}

/* ---- The table. ---- */

const struct policy_rule policy_rules[] = {
	{ "pop-window", POINT_CONNECT, judge_pop_window, "connect",
	    "pop_overrides_reject", NULL,
	    "who has just logged in to POP3 is let in" },
	{ "reject-list", POINT_CONNECT, judge_reject, NULL, NULL, "reject",
	    "clients in the list are turned away" },
	{ "account", POINT_CONNECT, judge_account, "submit", "trusted", NULL,
	    "who calls from this machine is an account with an address" },
	{ "rbl", POINT_CONNECT, judge_rbl, "connect", "rbl", NULL,
	    "a DNS block list has the client; role mx only" },
	{ "auth-off", POINT_AUTH, judge_auth_off, "auth", "mode", NULL,
	    "with none, nobody logs in here" },
	{ "verify-id", POINT_AUTH, judge_verify_id, "auth", "verify_id",
	    "logins", "only who is in the list may log in" },
	{ "login-needed", POINT_MAIL, judge_login_needed, "auth", "mode", NULL,
	    "with local+relay, all mail needs a login" },
	{ "verify-from", POINT_MAIL, judge_verify_from, "auth", "verify_from",
	    "senders", "who logged in sends from addresses of his own" },
	{ "originator", POINT_MAIL, judge_originator, "auth",
	    "verify_originator", NULL,
	    "an account of this machine sends from addresses of its own" },
	/* What SPF and its like say of a reverse-path would be a row here. */
	{ "recipient", POINT_RCPT, judge_recipient, "resolve", "domain", NULL,
	    "resolve knows where its mail goes" },
	{ "quota", POINT_RCPT, judge_quota, "mail", "quota", NULL,
	    "a mailbox with a quota has room for it" },
	{ "local", POINT_RCPT, judge_local, "resolve", "domain", NULL,
	    "mail that stays on this system is for everybody" },
	{ "relay-user", POINT_RCPT, judge_relay_user, "auth", "mode", NULL,
	    "who logged in, or calls from this machine, may relay" },
	{ "relay-pop-window", POINT_RCPT, judge_relay_window, "relay",
	    "pop_window", NULL,
	    "for so many minutes an address with a POP3 login may" },
	{ "relay-all", POINT_RCPT, judge_relay_all, "relay", "allow", NULL,
	    "with all, everybody may: an open relay" },
	{ "relay-list", POINT_RCPT, judge_relay_list, "relay", "allow",
	    "accept", "with list or both, clients in the list may" },
	{ "relay-near", POINT_RCPT, judge_relay_near, "relay", "allow", "near",
	    "with near or both, everybody may to domains in the list" },
	{ "relay", POINT_RCPT, judge_relay, "relay", "allow", NULL,
	    "nobody else may" },
	{ .name = NULL },
};

const char *
policy_point_name(enum policy_point point)
{
	static const char *const name[POINTS] = { [POINT_CONNECT] = "connect",
		[POINT_AUTH] = "auth",
		[POINT_MAIL] = "mail",
		[POINT_RCPT] = "rcpt",
		[POINT_DATA] = "data" };

	return name[point];
}

enum rule
policy_ask(struct facts *f, enum policy_point point, struct fault *why,
    policy_tell *tell, void *arg)
{
	enum verdict verdict = VERDICT_NEXT;

	*why = FAULT_NONE;
	for (const struct policy_rule *r = policy_rules; r->name; r++) {
		struct opinion o = { RULE_NONE, FAULT_NONE, false, 0 };

		if (r->point != point)
			continue;
		verdict = r->judge(f, &o);
		if (tell != NULL)
			tell(arg, r, verdict, &o);
		if (verdict == VERDICT_REFUSE) {
			*why = o.why;
			return o.rule;
		}
		if (verdict == VERDICT_PASS)
			break;
	}
	return RULE_NONE;
}

void
policy_print(const struct settings *set)
{
	struct buf value = BUF_INIT(RECORD_MAX);

	for (const struct policy_rule *r = policy_rules; r->name; r++) {
		const struct setting_row *row = r->section == NULL
		    ? NULL
		    : config_find_row(span_of(r->section), span_of(r->key));

		buf_reset(&value);
		if (row != NULL)
			config_put_value(&value, set, row, " ");
		(void)printf("%-8s %-14s %s%s", policy_point_name(r->point),
		    r->name, r->does, row != NULL ? "; " : "");
		if (row != NULL)
			(void)printf(
			    "[%s] %s = %s", r->section, r->key, value.p);
		(void)printf("%s%s\n", r->list != NULL ? "; lists/" : "",
		    r->list != NULL ? r->list : "");
	}
	buf_free(&value);
}
