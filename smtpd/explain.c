/* SPDX-License-Identifier: ISC */
/* explain.c: what the rules of access say of a client, without a session. */
#include "explain.h"

#include <inttypes.h>
#include <string.h>

#include "config.h"
#include "fds.h"
#include "wire.h"
#include "wire_auth.h"

#define VALUE_MAX 256 /* octets of a setting's value that are shown. Chosen */

static const struct {
	const char *name, *reply, *code, *text;
} refusals[RULES] = {
#define RULE(constant, name, reply, enhanced, kind, journal, text)             \
	[RULE_##constant] = { name, reply, enhanced, text },
#include "rules.def"
#undef RULE
};

struct question {
	char client[NET_TEXT_MAX], user[AUTH_USER_MAX + 1];
	bool tls, has_from, has_to;
	struct path from, to;
};

/* Steps go where the answer does. */
struct teller {
	const struct settings *set;
	struct buf *out;
	bool failed; /* one did not fit */
};

/* Where [auth submission] is asked, it is that section's line that counts. */
static const struct setting_row *
row_of_role(const struct settings *set, const struct setting_row *row)
{
	const struct setting_row *r = config_rows();

	if (set->smtpd.role != ROLE_SUBMISSION)
		return row;
	while (r->section != NULL &&
	    !(r->base != NULL && strcmp(r->base->section, row->section) == 0 &&
	        strcmp(r->key, row->key) == 0))
		r++;
	return r->section != NULL && (r->own || config_is_set(set, r)) ? r
	                                                               : row;
}

static void
put_setting(struct record_out out, const struct settings *set,
    const struct policy_rule *rule)
{
	const struct setting_row *row =
	    config_find_row(span_of(rule->section), span_of(rule->key));
	struct buf b = BUF_INIT(VALUE_MAX);

	buf_addf(&b, "%s.%s", rule->section, rule->key);
	record_put(out, "setting", buf_span(&b));
	buf_reset(&b);
	if (row != NULL)
		config_put_value(&b, set, row, " ");
	record_put_optional(out, "value", buf_span(&b));
	buf_reset(&b);
	if (row != NULL)
		config_put_place(&b, set, row_of_role(set, row));
	record_put_optional(out, "place", buf_span(&b));
	buf_free(&b);
}

static void
tell_step(void *arg, const struct policy_rule *rule, enum verdict verdict,
    const struct opinion *o)
{
	static const char *const word[] = { [VERDICT_NEXT] = "next",
		[VERDICT_PASS] = "pass",
		[VERDICT_REFUSE] = "refuse" };
	struct teller *t = arg;
	struct record_out out = record_begin(t->out, "step");
	struct buf list = BUF_INIT(VALUE_MAX);
	struct fault f;

	record_puts(out, "point", policy_point_name(rule->point));
	record_puts(out, "rule", rule->name);
	record_puts(out, "verdict",
	    verdict == VERDICT_NEXT && o->report != NULL ? o->report
	                                                 : word[verdict]);
	if (rule->section != NULL)
		put_setting(out, t->set, rule);
	if (rule->list != NULL) {
		buf_addf(&list, LISTS_DIRECTORY "/%s", rule->list);
		if (o->line > 0)
			buf_addf(&list, ":%u", o->line);
		record_put(out, "list", buf_span(&list));
	}
	if (o->limit.most > 0) {
		buf_reset(&list);
		buf_addf(&list, "%s %" PRIu64 "/%" PRIu64 " %s",
		    limit_who_name(o->who), o->limit.used, o->limit.most,
		    limit_window_name(o->limit.window));
		record_put(out, "limit", buf_span(&list));
	}
	buf_free(&list);
	t->failed |= record_end(out, &f) != OK;
}

static enum outcome
read_path(struct record *r, const char *key, bool may_be_null,
    struct path *path, bool *has, struct fault *f)
{
	struct span text;

	path->len = path->local_len = 0;
	*has = record_find(r, span_of(key)) != NULL;
	if (!*has)
		return OK;
	if (!record_take(r, key, PATH_TEXT_MAX, &text))
		return fault_set(f, PERM, "5.5.4", 0, "%s is too long", key);
	if (text.len == 0 && may_be_null)
		return OK;
	/* As a session reads it; Postmaster alone is right, too. */
	if (span_same_nocase(text, SPAN_LIT("postmaster")) && !may_be_null) {
		(void)span_copy(text, path->text, sizeof(path->text));
		path->len = path->local_len = text.len;
		return OK;
	}
	return path_parse_bare(text, path, f) == OK
	    ? OK
	    : fault_context(f, "%s", key);
}

static enum outcome
read_question(struct span line, struct question *q, struct fault *f)
{
	static struct record r;
	struct span client, user;
	struct net_addr address;
	uint64_t tls = 0;

	if (record_parse(line, &r, f) != OK)
		return fault_set(f, PERM, "5.5.4", 0, "not a record");
	if (!record_is(&r, "explain") ||
	    !record_take_optional(&r, "client", NET_TEXT_MAX - 1, &client) ||
	    !record_take_optional(&r, "user", AUTH_USER_MAX, &user) ||
	    (record_find(&r, SPAN_LIT("tls")) != NULL &&
	        !record_take_num(&r, "tls", 0, 1, &tls)))
		return fault_set(f, PERM, "5.5.4", 0,
		    "wanted: explain client= [tls=1] [user=] [from=] [to=]");
	if (read_path(&r, "from", true, &q->from, &q->has_from, f) != OK ||
	    read_path(&r, "to", false, &q->to, &q->has_to, f) != OK)
		return f->outcome;
	if (!record_all_taken(&r))
		return fault_set(f, PERM, "5.5.4", 0, "a field that is none");
	if (client.len > 0 && !net_parse_addr(client, &address))
		return fault_set(
		    f, PERM, "5.5.4", 0, "client is no IP address");
	if (span_has_control(user))
		return fault_set(f, PERM, "5.5.4", 0, "user is no address");
	(void)span_copy(client, q->client, sizeof(q->client));
	(void)span_copy(user, q->user, sizeof(q->user));
	q->tls = tls != 0;
	return OK;
}

/* The points that the question goes to, in order, up to the first refusal. */
static enum rule
ask_all(const struct policy *p, struct question *q, struct teller *t,
    enum policy_point *point, struct fault *why)
{
	struct facts f = { .policy = p,
		.ip = q->client,
		.account = "",
		.is_tls = q->tls,
		.user = q->user,
		.from = &q->from,
		.to = &q->to,
		.is_question = true };
	const bool asked[POINTS] = { [POINT_CONNECT] = true,
		[POINT_AUTH] = q->user[0] != '\0',
		[POINT_MAIL] = q->has_from || q->has_to,
		[POINT_RCPT] = q->has_to,
		[POINT_COUNT] = q->has_to };
	enum rule rule = RULE_NONE;

	f.is_remote = net_parse_addr(span_of(q->client), &f.address);
	for (*point = POINT_CONNECT; *point < POINTS; (*point)++) {
		if (asked[*point])
			rule = policy_ask(&f, *point, why, tell_step, t);
		if (rule != RULE_NONE)
			break;
	}
	return rule;
}

enum outcome
explain_line(
    const struct policy *p, struct span line, struct buf *out, struct fault *f)
{
	struct question q = { .client = "" };
	struct teller t = { p->set, out, false };
	enum policy_point point;
	struct fault why = FAULT_NONE;
	struct record_out answer;
	enum rule rule;

	if (read_question(line, &q, &why) != OK) {
		answer = record_begin(out, "perm");
		record_put_fault(answer, &why);
		return record_end(answer, f);
	}
	rule = ask_all(p, &q, &t, &point, &why);
	if (t.failed)
		return fault_set(f, TEMP, "4.3.0", 0, "too many steps");
	if (rule == RULE_NONE)
		return record_end(record_begin(out, "accepted"), f);
	answer = record_begin(out, "refused");
	record_puts(answer, "point", policy_point_name(point));
	record_puts(answer, "rule", refusals[rule].name);
	record_puts(answer, "reply", refusals[rule].reply);
	record_puts(
	    answer, "code", why.outcome == OK ? refusals[rule].code : why.code);
	record_puts(
	    answer, "text", why.outcome == OK ? refusals[rule].text : why.text);
	return record_end(answer, f);
}

enum outcome
explain_serve(const struct policy *p, struct fault *f)
{
	struct buf in = BUF_INIT(EXPLAIN_MAX), out = BUF_INIT(EXPLAIN_MAX);
	struct span rest, line;
	size_t got = 1;

	*f = FAULT_NONE;
	while (f->outcome == OK && got > 0) {
		if (fds_read_some(FD_IN, &in, RECORD_MAX, &got, f) != OK)
			break;
		rest = span_whole_lines(buf_span(&in));
		buf_reset(&out);
		while (f->outcome == OK && span_next(&rest, '\n', &line)) {
			f->outcome = explain_line(p, line, &out, f);
			if (f->outcome == OK)
				f->outcome =
				    fds_write_all(FD_OUT, buf_span(&out), f);
			buf_reset(&out);
		}
		buf_drop(&in, span_whole_lines(buf_span(&in)).len);
		if (in.len > RECORD_MAX)
			fault_set(f, PERM, "5.5.4", 0, "a line is too long");
	}
	buf_free(&in);
	buf_free(&out);
	return f->outcome;
}
