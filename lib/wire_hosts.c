/* SPDX-License-Identifier: ISC */
/* wire_hosts.c: where mail for a domain goes, both ends. */
#include "wire_hosts.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "wire.h"

#define WORD_MAX     16 /* octets of a source or a mode */
#define REQ(member)  offsetof(struct hosts_req, member)
#define PLAN(member) offsetof(struct hosts, member)
#define HOST(member) offsetof(struct host_line, member)
#define TLSA(member) offsetof(struct tlsa_line, member)

static const char *const sources[HOSTS_SOURCES] = {
	[HOSTS_LITERAL] = "literal",
	[HOSTS_TABLE] = "table",
	[HOSTS_FILE] = "file",
	[HOSTS_MX] = "mx",
	[HOSTS_IMPLICIT] = "implicit",
	[HOSTS_ROUTER] = "router",
	[HOSTS_MAILHUB] = "mailhub",
};
static const char *const modes[HOSTS_TLS_MODES] = {
	[HOSTS_TLS_NONE] = "none",
	[HOSTS_TLS_MAY] = "may",
	[HOSTS_TLS_MUST] = "must",
	[HOSTS_TLS_VERIFY] = "verify",
	[HOSTS_TLS_DANE] = "dane",
};

/* As they stand in the records. */
struct host_line {
	struct hosts_host host;
	struct span ip;
};
struct tlsa_line {
	struct hosts_tlsa tlsa;
	struct span data;
};

static const struct wire_field request[] = {
	{ "domain", WIRE_TEXT, REQ(domain), DOMAIN_MAX, WIRE_GRAPH },
	{ "from", WIRE_TEXT, REQ(from), DOMAIN_MAX,
	    WIRE_OPTIONAL | WIRE_GRAPH },
	{ .key = NULL },
};
static const struct wire_field plan[] = {
	{ "port", WIRE_NUMBER, PLAN(port), UINT16_MAX, 0 },
	{ "secure", WIRE_FLAG, PLAN(secure), 1, 0 },
	{ "auth", WIRE_TEXT, PLAN(auth), HOSTS_AUTH_MAX,
	    WIRE_OPTIONAL | WIRE_CLEAN },
	{ "source4", WIRE_TEXT, PLAN(source4), NET_TEXT_MAX - 1,
	    WIRE_OPTIONAL | WIRE_GRAPH },
	{ "source6", WIRE_TEXT, PLAN(source6), NET_TEXT_MAX - 1,
	    WIRE_OPTIONAL | WIRE_GRAPH },
	{ "helo", WIRE_TEXT, PLAN(helo), DOMAIN_MAX,
	    WIRE_OPTIONAL | WIRE_GRAPH },
	{ .key = NULL },
};
static const struct wire_field host_fields[] = {
	{ "name", WIRE_TEXT, HOST(host.name), DOMAIN_MAX,
	    WIRE_OPTIONAL | WIRE_GRAPH },
	{ "ip", WIRE_SPAN, HOST(ip), NET_TEXT_MAX, WIRE_GRAPH },
	{ "pref", WIRE_NUMBER, HOST(host.preference), UINT16_MAX,
	    WIRE_OPTIONAL },
	{ "secure", WIRE_FLAG, HOST(host.secure), 1, 0 },
	{ "fallback", WIRE_FLAG, HOST(host.fallback), 1, 0 },
	{ .key = NULL },
};
static const struct wire_field tlsa_fields[] = {
	{ "name", WIRE_TEXT, TLSA(tlsa.name), DOMAIN_MAX, WIRE_GRAPH },
	{ "usage", WIRE_NUMBER, TLSA(tlsa.usage), UINT8_MAX, 0 },
	{ "selector", WIRE_NUMBER, TLSA(tlsa.selector), UINT8_MAX, 0 },
	{ "matching", WIRE_NUMBER, TLSA(tlsa.matching), UINT8_MAX, 0 },
	{ "data", WIRE_SPAN, TLSA(data), 2UL * HOSTS_TLSA_DATA_MAX,
	    WIRE_GRAPH },
	{ .key = NULL },
};

/* ---- Words. ---- */

static bool
find_word(const char *const words[], size_t n, struct span word, size_t *out)
{
	for (*out = 0; *out < n; ++*out)
		if (span_eq(word, words[*out]))
			return true;
	return false;
}

const char *
hosts_source_word(enum hosts_source source)
{
	return sources[source];
}

const char *
hosts_tls_word(enum hosts_tls mode)
{
	return modes[mode];
}

bool
hosts_tls_parse(struct span word, enum hosts_tls *out)
{
	size_t i;

	if (!find_word(modes, HOSTS_TLS_MODES, word, &i))
		return false;
	*out = (enum hosts_tls)i;
	return true;
}

/* ---- The question. ---- */

enum outcome
wire_hosts_put_req(struct buf *b, const struct hosts_req *req, struct fault *f)
{
	return wire_write(
	    b, req->explain ? "explain" : "route", request, req, f);
}

bool
wire_hosts_is_req(struct span line)
{
	return span_has_prefix(line, "route ") ||
	    span_has_prefix(line, "explain ");
}

enum outcome
wire_hosts_get_req(struct span line, struct hosts_req *req, struct fault *f)
{
	bool explain = span_has_prefix(line, "explain ");
	struct record r;

	*req = (struct hosts_req){ .domain = "" };
	if (wire_read(
	        line, explain ? "explain" : "route", request, &r, req, f) != OK)
		return f->outcome;
	req->explain = explain;
	return OK;
}

/* ---- The answer, written. ---- */

static enum outcome
put_plan(struct buf *b, const struct hosts_req *req, const struct hosts *h,
    struct fault *f)
{
	struct record_out out = record_begin(b, "hosts");

	record_puts(out, "domain", req->domain);
	record_puts(out, "source", sources[h->source]);
	record_puts(out, "tls", modes[h->tls]);
	wire_put(out, plan, h);
	return record_end(out, f);
}

static enum outcome
put_host(struct buf *b, const struct hosts_host *host, struct fault *f)
{
	char ip[NET_TEXT_MAX];
	struct host_line line = { .host = *host };

	net_put(&host->ip, ip);
	line.ip = span_of(ip);
	return wire_write(b, "host", host_fields, &line, f);
}

static enum outcome
put_tlsa(struct buf *b, const struct hosts_tlsa *tlsa, struct fault *f)
{
	char hex[2 * HOSTS_TLSA_DATA_MAX + 1];
	struct tlsa_line line = { .tlsa = *tlsa };

	line.data =
	    span_of(sodium_bin2hex(hex, sizeof(hex), tlsa->data, tlsa->len));
	return wire_write(b, "tlsa", tlsa_fields, &line, f);
}

static enum outcome
put_end(struct buf *b, const struct hosts_req *req, struct fault *f)
{
	struct record_out out = record_begin(b, "end");

	record_puts(out, "domain", req->domain);
	return record_end(out, f);
}

enum outcome
wire_hosts_put_ans(struct buf *b, const struct hosts_req *req,
    enum outcome outcome, const struct hosts *h, const struct fault *answer,
    struct fault *f)
{
	size_t before = b->len;
	enum outcome got;

	if (outcome != OK) {
		struct record_out out = record_begin(b, outcome_word(outcome));

		record_puts(out, "domain", req->domain);
		record_put_fault(out, answer);
		return record_end(out, f);
	}
	got = put_plan(b, req, h, f);
	for (size_t i = 0; got == OK && i < h->hosts; i++)
		got = put_host(b, &h->host[i], f);
	for (size_t i = 0; got == OK && i < h->tlsas; i++)
		got = put_tlsa(b, &h->tlsa[i], f);
	if (got == OK)
		got = put_end(b, req, f);
	if (got != OK)
		buf_undo(b, before);
	return got;
}

/* ---- The answer, read. ---- */

static enum outcome
malformed_answer(struct fault *f)
{
	return fault_set(f, TEMP, "4.3.0", EPROTO, "route answer");
}

void
wire_hosts_begin(struct hosts_reader *reader, const struct hosts_req *req,
    struct hosts *hosts)
{
	*reader = (struct hosts_reader){ req, hosts, false };
	hosts->hosts = hosts->tlsas = 0;
}

static bool
take_domain(struct record *r, const struct hosts_req *req)
{
	struct span domain;

	return record_take(r, "domain", DOMAIN_MAX, &domain) &&
	    span_eq(domain, req->domain);
}

static bool
take_plan(struct record *r, struct hosts *h)
{
	struct span source, tls;
	size_t i;

	if (!record_take(r, "source", WORD_MAX, &source) ||
	    !find_word(sources, HOSTS_SOURCES, source, &i) ||
	    !record_take(r, "tls", WORD_MAX, &tls) ||
	    !hosts_tls_parse(tls, &h->tls))
		return false;
	h->source = (enum hosts_source)i;
	return wire_take(r, plan, h) && h->port > 0 && record_all_taken(r);
}

static bool
take_host(struct record *r, struct hosts *h)
{
	struct host_line line;

	if (h->hosts == HOSTS_MAX ||
	    !wire_take_all(r, "host", host_fields, &line) ||
	    !net_parse_addr(line.ip, &line.host.ip))
		return false;
	h->host[h->hosts++] = line.host;
	return true;
}

static bool
take_tlsa(struct record *r, struct hosts *h)
{
	struct tlsa_line line;

	if (h->tlsas == HOSTS_TLSA_MAX ||
	    !wire_take_all(r, "tlsa", tlsa_fields, &line) ||
	    sodium_hex2bin(line.tlsa.data, sizeof(line.tlsa.data), line.data.p,
	        line.data.len, NULL, &line.tlsa.len, NULL) != 0 ||
	    line.data.len != 2 * line.tlsa.len)
		return false;
	h->tlsa[h->tlsas++] = line.tlsa;
	return true;
}

static enum outcome
get_first(struct hosts_reader *reader, struct record *r, struct fault *f)
{
	if (!take_domain(r, reader->req))
		return malformed_answer(f);
	if (record_is(r, "hosts")) {
		reader->begun = take_plan(r, reader->hosts);
		return reader->begun ? OK : malformed_answer(f);
	}
	/* `ok` earns nothing here: hosts are the only good answer. */
	return record_outcome(r, f) == OK ? malformed_answer(f) : f->outcome;
}

enum outcome
wire_hosts_get(
    struct hosts_reader *reader, struct span line, bool *end, struct fault *f)
{
	struct record r;

	*end = false;
	if (record_parse(line, &r, f) != OK)
		return malformed_answer(f);
	if (!reader->begun)
		return get_first(reader, &r, f);
	if (take_host(&r, reader->hosts) || take_tlsa(&r, reader->hosts))
		return OK;
	r.taken = 0;
	*end = record_is(&r, "end") && take_domain(&r, reader->req) &&
	    record_all_taken(&r) && reader->hosts->hosts > 0;
	return *end ? OK : malformed_answer(f);
}
