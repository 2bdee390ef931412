/* SPDX-License-Identifier: ISC */
/* plan.c: where mail for a domain goes. */
#include "plan.h"

#include <stdlib.h>

#include "clock.h"
#include "mem.h"
#include "mx.h"
#include "target.h"
#include "wire_resolve.h"

#define TEMP_CODE "4.4.3" /* directory server failure. RFC 3463 3.5 */
#define STEPS_MAX (16UL * 1024) /* octets of an explanation. Ours */
#define SMTP_PORT 25

enum stage { STAGE_MX, STAGE_ADDRESSES, STAGE_DONE };

struct plan {
	struct planner *planner;
	struct hosts_req req;
	const char *name; /* the domain, or the mailhub */
	uint64_t deadline_ms;
	enum stage stage;
	struct lookup mx_lookup;
	enum mx_says mx_says;
	struct mx_set *set; /* until the targets are made of it */
	bool is_loop; /* one of its hosts is this machine */
	enum hosts_source source;
	struct target *target; /* as they are to be tried */
	size_t targets;
	size_t usable; /* the first so many */
	struct buf steps; /* for who asked with `explain` */
	enum outcome outcome; /* from here on when it is done */
	struct fault fault;
};

/* ---- Words about it. ---- */

static void say(struct plan *p, const char *rule, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void
say(struct plan *p, const char *rule, const char *format, ...)
{
	struct buf text = BUF_INIT(1024);
	struct resolve_step step = { .rule = span_of(rule) };
	struct fault f;
	va_list ap;

	if (p->req.explain) {
		va_start(ap, format);
		buf_addv(&text, format, ap);
		va_end(ap);
		step.text = buf_span(&text);
		(void)!wire_resolve_put_step(&p->steps, &step, &f);
		buf_free(&text);
	}
}

static void
finish(struct plan *p, enum outcome outcome)
{
	p->stage = STAGE_DONE;
	p->outcome = outcome;
}

/* Told once, until it is found again. */
static void
lose_hub(struct planner *pl, const char *why)
{
	if (!pl->hub_is_lost)
		journal_alarm(pl->journal, NULL,
		    "mailhub %s: mail for other domains waits: %s",
		    pl->hub.name, why);
	pl->hub_is_lost = true;
}

static void
fail(struct plan *p, enum outcome outcome, const char *code, const char *why)
{
	bool is_hub = p->source == HOSTS_MAILHUB;

	if (is_hub)
		lose_hub(p->planner, why);
	finish(p,
	    fault_set(&p->fault, is_hub ? TEMP : outcome,
	        is_hub ? TEMP_CODE : code, 0, "%s%s: %s",
	        is_hub ? "mailhub " : "", p->name, why));
}

/* Mail for it may go to this machine: at another port a filter waits, say. */
static bool
may_be_own(const struct plan *p)
{
	return p->planner->has_hub && p->planner->hub.port != SMTP_PORT;
}

/* ---- The addresses of its hosts. ---- */

/* The lowest preference of a host that has an address of ours, or one more than
   any. */
static uint32_t
own_preference(const struct plan *p)
{
	const struct own *own = &p->planner->own;

	if (may_be_own(p))
		return UINT16_MAX + 1U;
	for (size_t i = 0; i < p->targets; i++) {
		const struct target *t = &p->target[i];

		for (size_t k = 0; k < t->v4.n; k++)
			if (own_has_address(own, &t->v4.address[k]))
				return t->preference;
		for (size_t k = 0; k < t->v6.n; k++)
			if (own_has_address(own, &t->v6.address[k]))
				return t->preference;
	}
	return UINT16_MAX + 1U;
}

/* Those that are nobody's host go. */
static void
drop_never(const struct own *own, struct addresses *a)
{
	size_t n = 0;

	for (size_t i = 0; i < a->n; i++)
		if (!own_is_never(own, &a->address[i]))
			a->address[n++] = a->address[i];
	a->n = n;
}

static void
say_target(struct plan *p, const struct target *t, bool is_cut)
{
	struct buf b = BUF_INIT(1024);
	char ip[NET_TEXT_MAX];

	for (size_t i = 0; i < t->v4.n + t->v6.n; i++) {
		net_put(i < t->v4.n ? &t->v4.address[i]
		                    : &t->v6.address[i - t->v4.n],
		    ip);
		buf_addf(&b, " %s", ip);
	}
	say(p, hosts_source_word(p->source), "%u %s:%s%s", t->preference,
	    t->name,
	    is_cut                     ? " no better than this machine"
	        : b.len > 0            ? ""
	        : target_has_failed(t) ? " the DNS does not answer"
	                               : " has no address that mail may go to",
	    b.p);
	buf_free(&b);
}

static void
judge_addresses(struct plan *p)
{
	uint32_t own = own_preference(p);
	bool has_failed = false;
	size_t addresses = 0;

	for (size_t i = 0; i < p->targets; i++) {
		struct target *t = &p->target[i];
		bool is_cut = t->preference >= own;

		target_close(t);
		has_failed = has_failed || (!is_cut && target_has_failed(t));
		if (!p->planner->has_hub) { /* the operator chose it */
			drop_never(&p->planner->own, &t->v4);
			drop_never(&p->planner->own, &t->v6);
		}
		say_target(p, t, is_cut);
		p->is_loop = p->is_loop || is_cut;
		p->usable += !is_cut; /* they are sorted */
		addresses += is_cut ? 0 : t->v4.n + t->v6.n;
	}
	if (addresses > 0) {
		p->planner->hub_is_lost = false;
		finish(p, OK);
	} else if (has_failed)
		fail(p, TEMP, TEMP_CODE,
		    "the DNS does not say what address its hosts have");
	else if (p->is_loop)
		fail(p, PERM, "5.4.6",
		    "the host to send its mail to is this "
		    "machine, which does not take it");
	else
		fail(p, PERM, "5.4.4",
		    "it has no host with an address that mail may go to");
}

static void
add_target(struct plan *p, const char *name, uint16_t preference)
{
	struct target *t = &p->target[p->targets++];

	*t = (struct target){ .preference = preference };
	(void)span_copy(span_of(name), t->name, sizeof(t->name));
	target_look_up(t, p->planner->dns);
}

/* ---- Its MX records. ---- */

/* This machine, by its name, and all that is no better. */
static void
cut_own(struct plan *p)
{
	for (size_t i = 0; i < p->set->n && !may_be_own(p); i++)
		if (own_has_name(&p->planner->own, p->set->mx[i].name)) {
			say(p, "mx", "%u %s: this machine",
			    p->set->mx[i].preference, p->set->mx[i].name);
			mx_cut(p->set, p->set->mx[i].preference);
			p->is_loop = true;
			return;
		}
}

static void
begin_hosts(struct plan *p)
{
	if (!p->planner->has_hub)
		p->source = HOSTS_MX;
	cut_own(p);
	if (p->set->n == 0) {
		judge_addresses(p);
		return;
	}
	p->target = mem_new(PLAN_TARGETS_MAX, sizeof(p->target[0]));
	for (size_t i = 0; i < p->set->n && i < PLAN_TARGETS_MAX; i++)
		add_target(p, p->set->mx[i].name, p->set->mx[i].preference);
	p->stage = STAGE_ADDRESSES;
}

/* There is no MX: the domain is its own host. RFC 5321 5.1 */
static void
begin_implicit(struct plan *p)
{
	if (!p->planner->has_hub)
		p->source = HOSTS_IMPLICIT;
	p->target = mem_new(1, sizeof(p->target[0]));
	add_target(p, p->name, 0);
	p->stage = STAGE_ADDRESSES;
}

static void
judge_mx(struct plan *p)
{
	if (p->mx_lookup.trust <= DNS_BOGUS || p->mx_says == MX_BROKEN)
		fail(p, TEMP, TEMP_CODE,
		    p->mx_lookup.trust == DNS_BOGUS
		        ? "DNSSEC does not prove its MX records"
		        : "the DNS does not answer for its MX records");
	else if (p->mx_says == MX_NO_NAME)
		fail(p, PERM, "5.1.2", "there is no such domain");
	else if (p->mx_says == MX_NULL)
		fail(p, PERM, "5.1.10", "it takes no mail (RFC 7505)");
	else if (p->mx_says == MX_USELESS)
		fail(p, PERM, "5.4.4", "its MX records name no host");
	else if (p->mx_says == MX_NONE)
		begin_implicit(p);
	else
		begin_hosts(p);
	free(p->set);
	p->set = NULL;
}

static void
on_mx(void *arg, enum dns_trust trust, struct span packet)
{
	struct plan *p = arg;

	p->mx_lookup.pending = false;
	p->mx_lookup.trust = trust;
	if (trust > DNS_BOGUS && p->set != NULL)
		p->mx_says = mx_read(packet, p->set);
}

static void
ask_mx(struct plan *p)
{
	p->set = mem_new(1, sizeof(*p->set));
	p->mx_lookup.pending = true;
	if (dns_ask(p->planner->dns, p->name, ns_t_mx, on_mx, p, &p->fault) ==
	    OK)
		return;
	p->mx_lookup.pending = false;
	finish(p, TEMP);
}

/* ---- An address in place of a domain. RFC 5321 4.1.3 ---- */

static bool
parse_literal(struct span domain, struct net_addr *out)
{
	struct span text = span_from(domain, 1);
	bool is_v6;

	if (text.len == 0 || text.p[text.len - 1] != ']')
		return false;
	text.len--;
	is_v6 = span_has_prefix_nocase(text, "IPv6:");
	return is_v6 == (span_find(text, ':') < text.len) &&
	    net_parse_addr(span_from(text, is_v6 ? 5 : 0), out);
}

static void
use_address(struct plan *p, const struct net_addr *a)
{
	struct target *t = p->target = mem_new(1, sizeof(*t));
	struct addresses *to = a->is_v6 ? &t->v6 : &t->v4;

	*t = (struct target){ .name = "" };
	p->targets = 1;
	to->address[to->n++] = *a;
	t->v4.lookup.trust = t->v6.lookup.trust = DNS_INSECURE;
	judge_addresses(p);
}

static void
judge_literal(struct plan *p)
{
	struct net_addr a;

	p->source = HOSTS_LITERAL;
	if (parse_literal(span_of(p->req.domain), &a))
		use_address(p, &a);
	else
		fail(p, PERM, "5.1.2", "it is no address");
}

/* ---- The mailhub. ---- */

static void
begin_hub(struct plan *p)
{
	const struct hub *hub = &p->planner->hub;
	struct net_addr a;

	p->name = hub->name;
	p->source = HOSTS_MAILHUB;
	say(p, "mailhub", "[route] mailhub: %s, port %u", hub->name, hub->port);
	if (hub->is_host && net_parse_addr(span_of(hub->name), &a))
		use_address(p, &a);
	else if (!mx_is_host(span_of(hub->name)))
		fail(p, TEMP, TEMP_CODE, "it is no name of the DNS");
	else if (hub->is_host)
		begin_implicit(p);
	else
		ask_mx(p);
}

/* ---- From its beginning to its end. ---- */

enum outcome
planner_begin(struct planner *pl, struct dns *dns, struct journal *journal,
    const struct settings *s, struct fault *f)
{
	struct span hub = span_of(s->route.mailhub);

	*pl = (struct planner){ .dns = dns,
		.journal = journal,
		.has_hub = hub.len > 0,
		.timeout_ms = s->route.mail_timeout_ms };
	if (pl->has_hub && !hub_parse(hub, &pl->hub))
		return fault_set(f, PERM, "5.3.5", 0,
		    "[route] mailhub = %s: a domain, [host] or [address]; "
		    ":PORT may follow",
		    s->route.mailhub);
	return own_begin(&pl->own, s, f);
}

void
planner_free(struct planner *pl)
{
	own_free(&pl->own);
}

struct plan *
plan_new(struct planner *pl, const struct hosts_req *req)
{
	struct plan *p = mem_new(1, sizeof(*p));
	struct span domain = span_of(req->domain);

	*p = (struct plan){ .planner = pl,
		.req = *req,
		.steps = BUF_INIT(STEPS_MAX),
		.deadline_ms = clock_mono_ms() + pl->timeout_ms };
	p->name = p->req.domain;
	pl->plans++;
	if (pl->plans > PLANS_MAX)
		fail(p, TEMP, TEMP_CODE, "too many domains are looked up");
	else if (pl->has_hub)
		begin_hub(p);
	else if (domain.p[0] == '[')
		judge_literal(p);
	else if (domain.len > MESSAGE_NAME_MAX || !mx_is_host(domain))
		fail(p, PERM, "5.1.2", "it is no domain of the DNS");
	else
		ask_mx(p);
	return p;
}

static bool
is_pending(const struct plan *p)
{
	bool is = p->mx_lookup.pending;

	for (size_t i = 0; i < p->targets && !is; i++)
		is = target_is_pending(&p->target[i]);
	return is;
}

bool
plan_advance(struct plan *p, uint64_t now_ms)
{
	if (p->stage == STAGE_DONE ||
	    (is_pending(p) && now_ms < p->deadline_ms))
		return false;
	if (p->stage == STAGE_MX)
		judge_mx(p);
	else
		judge_addresses(p);
	return p->stage != STAGE_DONE;
}

bool
plan_is_done(const struct plan *p)
{
	return p->stage == STAGE_DONE;
}

bool
plan_is_idle(const struct plan *p)
{
	return !is_pending(p);
}

uint64_t
plan_deadline_ms(const struct plan *p)
{
	return p->deadline_ms;
}

void
plan_free(struct plan *p)
{
	if (p == NULL)
		return;
	p->planner->plans--;
	free(p->set);
	free(p->target);
	buf_free(&p->steps);
	free(p);
}

/* ---- The answer. ---- */

static void
put_addresses(
    struct hosts *h, const struct target *t, const struct addresses *a)
{
	for (size_t i = 0; i < a->n && h->hosts < HOSTS_MAX; i++) {
		struct hosts_host *host = &h->host[h->hosts++];

		*host = (struct hosts_host){ .ip = a->address[i],
			.preference = t->preference };
		(void)span_copy(
		    span_of(t->name), host->name, sizeof(host->name));
	}
}

static void
make_answer(const struct plan *p, struct hosts *h)
{
	bool v6_first = p->planner->own.has_v6;

	*h = (struct hosts){ .source = p->source,
		.tls = HOSTS_TLS_MAY,
		.port =
		    p->planner->has_hub ? p->planner->hub.port : SMTP_PORT };
	for (size_t i = 0; i < p->usable; i++) {
		const struct target *t = &p->target[i];

		put_addresses(h, t, v6_first ? &t->v6 : &t->v4);
		put_addresses(h, t, v6_first ? &t->v4 : &t->v6);
	}
}

void
plan_put(const struct plan *p, struct buf *out)
{
	struct hosts *h = &p->planner->answer;
	size_t before = out->len;
	struct fault f;

	if (p->outcome == OK)
		make_answer(p, h);
	buf_add(out, buf_span(&p->steps));
	if (!buf_failed(out) &&
	    wire_hosts_put_ans(out, &p->req, p->outcome, h, &p->fault, &f) ==
	        OK)
		return;
	buf_undo(out, before);
	fault_set(&f, TEMP, TEMP_CODE, 0, "the answer is too long");
	(void)!wire_hosts_put_ans(out, &p->req, TEMP, h, &f, &f);
}
