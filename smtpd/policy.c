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
	o->report = "report";
	return VERDICT_NEXT;
}

static bool
is_client_in(const struct facts *f, enum list_type list, struct opinion *o)
{
	return f->is_remote &&
	    lists_has_client(f->policy->lists, list, &f->address, &o->line);
}

/* ---- What resolve knows. ---- */

/* What stands in p->question, as put says; a question may be asked twice: it
   changes nothing. */
static enum outcome
ask_resolve(const struct policy *p, enum outcome put, struct span *line,
    struct fault *f)
{
	return put == OK &&
	        service_ask(p->resolve, buf_span(p->question), true, line, f) ==
	            OK
	    ? OK
	    : fault_context(f, "resolve");
}

/* An answer that is none: the next one may be that of this question. */
static enum outcome
check_answer(const struct policy *p, enum outcome got, const struct fault *f)
{
	if (got == TEMP && f->error == EPROTO)
		service_close(p->resolve);
	return got;
}

enum outcome
policy_find(const struct policy *p, struct span to, const struct path *from,
    struct resolve_ans *ans, struct fault *f)
{
	const struct resolve_req req = { .forward_path = to,
		.reverse_path = path_span(from) };
	struct span line;

	buf_reset(p->question);
	if (ask_resolve(
	        p, wire_resolve_put_req(p->question, &req, f), &line, f) != OK)
		return f->outcome;
	return check_answer(p, wire_resolve_get_ans(line, to, ans, f), f);
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
	struct span line;

	buf_reset(p->question);
	if (ask_resolve(p, wire_resolve_put_who_req(p->question, &req, f),
	        &line, f) != OK)
		return f->outcome;
	return check_answer(p, wire_resolve_get_who(line, req.id, who, f), f);
}

/* ---- Limits. ---- */

/* The network, or on this machine the account. Empty: there is no client. */
static struct span
client_name(const struct facts *f, char text[NET_TEXT_MAX])
{
	const struct limit_settings *set = &f->policy->set->limit;
	struct net_addr network;

	if (!f->is_remote)
		return span_of(f->account);
	net_network(&f->address,
	    (unsigned)(f->address.is_v6 ? set->v6_bits : set->v4_bits),
	    &network);
	net_put(&network, text);
	return span_of(text);
}

/*
 * The worst of what its client, its user and all together may. Who is refused
 * for one of them is not counted there, but with those asked before.
 */
static enum limit_state
ask_limits(
    struct facts *f, enum limit_kind kind, bool counts, struct opinion *o)
{
	const struct policy *p = f->policy;
	char network[NET_TEXT_MAX];
	const struct span name[LIMIT_WHOS] = {
		[LIMIT_CLIENT] = client_name(f, network),
		[LIMIT_USER] = span_of(f->user),
	};

	for (enum limit_who who = 0;
	     who < LIMIT_WHOS && o->limit.state != LIMIT_REFUSE; who++) {
		const struct limit_subject s = { who,
			(unsigned)p->set->smtpd.role, name[who] };
		struct limit_found found;

		if (name[who].len == 0 && who != LIMIT_ALL)
			continue;
		found = limits_ask(p->limits, &s, &p->rates[who], kind,
		    counts && !f->is_question, p->set->limit.delay_pct,
		    clock_wall_ms());
		if (found.most > 0 &&
		    (o->limit.most == 0 || found.state > o->limit.state)) {
			o->limit = found;
			o->who = who;
		}
	}
	if (o->limit.state == LIMIT_DELAY)
		f->delay_ms = p->set->limit.delay_ms;
	return o->limit.state;
}

static enum verdict
judge_limit(
    struct facts *f, struct opinion *o, enum limit_kind kind, enum rule rule)
{
	enum limit_state state = ask_limits(f, kind, kind != LIMIT_FAILURES, o);

	o->rule = rule;
	if (state == LIMIT_DELAY)
		o->report = "delay";
	return state == LIMIT_REFUSE ? VERDICT_REFUSE : VERDICT_NEXT;
}

static enum verdict
judge_connections(struct facts *f, struct opinion *o)
{
	return judge_limit(f, o, LIMIT_CONNECTIONS, RULE_LIMIT_CONNECTIONS);
}

static enum verdict
judge_failures(struct facts *f, struct opinion *o)
{
	return judge_limit(f, o, LIMIT_FAILURES, RULE_LIMIT_FAILURES);
}

static enum verdict
judge_messages(struct facts *f, struct opinion *o)
{
	return judge_limit(f, o, LIMIT_MESSAGES, RULE_LIMIT_MESSAGES);
}

static enum verdict
judge_recipients(struct facts *f, struct opinion *o)
{
	return judge_limit(f, o, LIMIT_RECIPIENTS, RULE_LIMIT_RECIPIENTS);
}

/* What stays here, and a report without a reverse-path, is no outbound mail. */
static enum verdict
judge_relayed(struct facts *f, struct opinion *o)
{
	return !resolve_is_remote(&f->destination) || path_is_null(f->from)
	    ? VERDICT_NEXT
	    : judge_limit(f, o, LIMIT_RELAYED, RULE_LIMIT_RELAYED);
}

bool
policy_count_failure(struct facts *f)
{
	struct opinion o = { .rule = RULE_NONE };

	return ask_limits(f, LIMIT_FAILURES, true, &o) == LIMIT_REFUSE;
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
 * mailbox by an alias or a detail, as resolve sees it. What a catch-all takes
 * is nobody's.
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
	if (got == PERM ||
	    (got == OK &&
	        (!resolve_is_mailbox(&of_path) ||
	            strcmp(of_path.rule, "catch-all") == 0)))
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

/* The same of an account, which may be that of several entries. */
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
	{ "limit-connections", POINT_CONNECT, judge_connections, "limit",
	    "client", NULL, "so many connections in a minute, an hour" },
	{ "limit-failures", POINT_CONNECT, judge_failures, "limit", "client",
	    NULL, "so many commands that were wrong or refused" },
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
	{ "limit-messages", POINT_MAIL, judge_messages, "limit", "client", NULL,
	    "so many messages" },
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
	{ "limit-relayed", POINT_COUNT, judge_relayed, "limit", "client", NULL,
	    "so many recipients that are not of this system" },
	{ "limit-recipients", POINT_COUNT, judge_recipients, "limit", "client",
	    NULL, "so many recipients" },
	{ .name = NULL },
};

const char *
policy_point_name(enum policy_point point)
{
	static const char *const name[POINTS] = { [POINT_CONNECT] = "connect",
		[POINT_AUTH] = "auth",
		[POINT_MAIL] = "mail",
		[POINT_RCPT] = "rcpt",
		[POINT_COUNT] = "count",
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
		struct opinion o = { .rule = RULE_NONE, .why = FAULT_NONE };

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
