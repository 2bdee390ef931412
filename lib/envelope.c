/* SPDX-License-Identifier: ISC */
/*
 * envelope.c: one codec for both shapes of an envelope, for notices of it and
 * for the lines that are appended as things happen.
 */
#include "envelope.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"

#define BODY_MAX  16 /* "BINARYMIME" with room. RFC 3030 */
#define RET_MAX   8 /* "FULL", "HDRS". RFC 3461 4.3 */
#define ENVID_MAX 100 /* RFC 3461 4.4 */
#define IP_MAX    64 /* text of an IPv6 address and its scope, with room */
#define PROTO_MAX 32 /* "UTF8SMTPSA". RFC 6531, with room */
#define USER_MAX  PATH_TEXT_MAX

_Static_assert(sizeof(crypto_generichash_state) <=
        sizeof(((struct envelope_digest *)0)->state),
    "libsodium's state fits");

/* ---- The struct. ---- */

void
envelope_begin(struct envelope *e)
{
	memset(e, 0, sizeof(*e));
	e->dots = true;
	e->body = BUF_INIT(BODY_MAX);
	e->ret = BUF_INIT(RET_MAX);
	e->envid = BUF_INIT(ENVID_MAX);
	e->ip = BUF_INIT(IP_MAX);
	e->name = BUF_INIT(DOMAIN_MAX);
	e->helo = BUF_INIT(DOMAIN_MAX);
	e->proto = BUF_INIT(PROTO_MAX);
	e->user = BUF_INIT(USER_MAX);
}

static struct buf *
buf_of(struct envelope *e, size_t i)
{
	struct buf *all[] = { &e->body, &e->ret, &e->envid, &e->ip, &e->name,
		&e->helo, &e->proto, &e->user };

	return i < sizeof(all) / sizeof(all[0]) ? all[i] : NULL;
}

void
envelope_drop_recipients(struct envelope *e)
{
	for (size_t i = 0; i < e->recipients; i++) {
		free(e->recipient[i].notify);
		free(e->recipient[i].orcpt);
	}
	e->recipients = 0;
}

void
envelope_reset(struct envelope *e)
{
	struct buf *b;

	for (size_t i = 0; (b = buf_of(e, i)) != NULL; i++)
		buf_reset(b);
	envelope_drop_recipients(e);
	e->shape = ENVELOPE_ONE;
	e->qid.text[0] = '\0';
	e->time_ms = e->start = e->size = e->skip = 0;
	memset(e->digest, 0, sizeof(e->digest));
	e->dots = true;
	e->reverse_path.len = e->reverse_path.local_len = 0;
	e->reverse_path.text[0] = '\0';
	e->smtputf8 = false;
}

void
envelope_free(struct envelope *e)
{
	struct buf *b;

	for (size_t i = 0; (b = buf_of(e, i)) != NULL; i++)
		buf_free(b);
	envelope_drop_recipients(e);
	free(e->recipient);
	envelope_begin(e);
}

static bool
copy_text(struct span s, char **out)
{
	*out = NULL;
	if (s.len == 0)
		return true;
	*out = malloc(s.len + 1);
	return *out != NULL && span_copy(s, *out, s.len + 1);
}

static bool
grow_recipients(struct envelope *e)
{
	size_t cap = e->recipients_cap == 0 ? 1 : 2 * e->recipients_cap;
	struct recipient *p;

	if (e->recipients < e->recipients_cap)
		return true;
	p = reallocarray(e->recipient, cap, sizeof(*p));
	if (p == NULL)
		return false;
	e->recipient = p;
	e->recipients_cap = cap;
	return true;
}

enum outcome
envelope_add_recipient(struct envelope *e, const struct path *path,
    struct span notify, struct span orcpt, struct fault *f)
{
	struct recipient *r;

	if (e->recipients >= ENVELOPE_RCPT_MAX)
		return fault_set(f, TEMP, "4.5.3", 0, "too many recipients");
	if (!grow_recipients(e))
		return fault_set(f, TEMP, "4.3.0", 0, "no memory");
	r = &e->recipient[e->recipients];
	r->n = e->recipients == 0 ? 1 : r[-1].n + 1;
	r->state = RECIPIENT_WAITS;
	r->deaths = r->tries = 0;
	r->forward_path = *path;
	r->orcpt = NULL;
	if (!copy_text(notify, &r->notify) || !copy_text(orcpt, &r->orcpt)) {
		free(r->notify);
		return fault_set(f, TEMP, "4.3.0", 0, "no memory");
	}
	e->recipients++;
	return OK;
}

/* The recipient of that number, or NULL. */
static struct recipient *
find_recipient(struct envelope *e, uint32_t n)
{
	size_t low = 0, high = e->recipients;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (e->recipient[mid].n == n)
			return &e->recipient[mid];
		if (e->recipient[mid].n < n)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

size_t
envelope_waiting(const struct envelope *e)
{
	size_t n = 0;

	for (size_t i = 0; i < e->recipients; i++)
		n += e->recipient[i].state == RECIPIENT_WAITS;
	return n;
}

/* ---- Fields that several records have. ---- */

void
envelope_put_path(struct record_out out, const char *key, const struct path *p)
{
	char text[PATH_TEXT_MAX + 2];

	text[0] = '<';
	memcpy(text + 1, p->text, p->len);
	text[1 + p->len] = '>';
	record_put(out, key, (struct span){ text, p->len + 2 });
}

static enum outcome
take_path(struct record *r, const char *key, bool forward, struct path *out,
    struct fault *f)
{
	struct span text, rest = SPAN_EMPTY;

	if (!record_take(r, key, PATH_TEXT_MAX + 2, &text))
		return fault_set(f, TEMP, "4.3.0", 0, "no %s=", key);
	if ((forward ? path_parse_forward : path_parse_reverse)(
	        text, true, out, &rest, f) != OK)
		return f->outcome;
	if (rest.len > 0)
		return fault_set(f, PERM, forward ? "5.1.3" : "5.1.7", 0,
		    "octets after the address");
	return OK;
}

enum outcome
envelope_take_reverse_path(
    struct record *r, const char *key, struct path *out, struct fault *f)
{
	return take_path(r, key, false, out, f);
}

enum outcome
envelope_take_forward_path(
    struct record *r, const char *key, struct path *out, struct fault *f)
{
	return take_path(r, key, true, out, f);
}

static void
put_optional(struct record_out out, const char *key, struct span value)
{
	if (value.len > 0)
		record_put(out, key, value);
}

static bool
take_buf(struct record *r, const char *key, struct buf *b)
{
	struct span value;

	if (!record_take_optional(r, key, b->max, &value))
		return false;
	buf_reset(b);
	buf_add(b, value);
	return !buf_failed(b);
}

void
envelope_put_parameters(struct record_out out, const struct envelope *e)
{
	put_optional(out, "body", buf_span(&e->body));
	if (e->smtputf8)
		record_put_num(out, "smtputf8", 1);
	put_optional(out, "ret", buf_span(&e->ret));
	put_optional(out, "envid", buf_span(&e->envid));
}

bool
envelope_take_parameters(struct record *r, struct envelope *e)
{
	uint64_t utf8 = 0;

	if (!take_buf(r, "body", &e->body) ||
	    !record_take_num_optional(r, "smtputf8", 1, 1, &utf8) ||
	    !take_buf(r, "ret", &e->ret) || !take_buf(r, "envid", &e->envid))
		return false;
	e->smtputf8 = utf8 == 1;
	return true;
}

void
envelope_put_client(struct record_out out, const struct envelope *e)
{
	put_optional(out, "ip", buf_span(&e->ip));
	put_optional(out, "name", buf_span(&e->name));
	put_optional(out, "helo", buf_span(&e->helo));
	put_optional(out, "proto", buf_span(&e->proto));
	put_optional(out, "user", buf_span(&e->user));
}

bool
envelope_take_client(struct record *r, struct envelope *e)
{
	return take_buf(r, "ip", &e->ip) && take_buf(r, "name", &e->name) &&
	    take_buf(r, "helo", &e->helo) && take_buf(r, "proto", &e->proto) &&
	    take_buf(r, "user", &e->user);
}

static void
put_hash(struct record_out out, const char *key,
    const unsigned char hash[ENVELOPE_DIGEST_LEN])
{
	char hex[2 * ENVELOPE_DIGEST_LEN + 1];

	(void)sodium_bin2hex(hex, sizeof(hex), hash, ENVELOPE_DIGEST_LEN);
	record_put(
	    out, key, (struct span){ hex, (size_t)2 * ENVELOPE_DIGEST_LEN });
}

/* Lower case only, so that there is one text of a hash. */
static int
hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0'
	    : c >= 'a' && c <= 'f'  ? c - 'a' + 10
	                            : -1;
}

static bool
take_hash(
    struct record *r, const char *key, unsigned char hash[ENVELOPE_DIGEST_LEN])
{
	struct span hex;
	size_t len = (size_t)2 * ENVELOPE_DIGEST_LEN;

	if (!record_take(r, key, len, &hex) || hex.len != len)
		return false;
	for (size_t i = 0; i < ENVELOPE_DIGEST_LEN; i++) {
		int high = hex_digit(hex.p[2 * i]);
		int low = hex_digit(hex.p[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		hash[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}

void
envelope_put_digest(
    struct record_out out, const unsigned char digest[ENVELOPE_DIGEST_LEN])
{
	put_hash(out, "digest", digest);
}

bool
envelope_take_digest(
    struct record *r, unsigned char digest[ENVELOPE_DIGEST_LEN])
{
	return take_hash(r, "digest", digest);
}

/* ---- Write. ---- */

/* What all of `one`, `apart` and `envelope` begin with. */
static struct record_out
begin_facts(struct buf *b, const char *word, const struct envelope *e)
{
	struct record_out out = record_begin(b, word);
	char time[CLOCK_TEXT_MAX];

	clock_text_ms(e->time_ms, time);
	record_put_num(out, "version", ENVELOPE_VERSION);
	record_put(out, "qid", qid_span(&e->qid));
	record_puts(out, "time", time);
	if (e->shape == ENVELOPE_APART)
		record_put_num(out, "start", e->start);
	record_put_num(out, "size", e->size);
	envelope_put_digest(out, e->digest);
	record_put_num(out, "skip", e->skip);
	if (!e->dots)
		record_put_num(out, "dots", 0);
	return out;
}

static void
put_recipient(struct record_out out, const char *key, const struct recipient *r)
{
	envelope_put_path(out, key, &r->forward_path);
	if (r->notify != NULL)
		record_puts(out, "notify", r->notify);
	if (r->orcpt != NULL)
		record_puts(out, "orcpt", r->orcpt);
}

static enum outcome
put_one_record(struct buf *b, const struct envelope *e, struct fault *f)
{
	struct record_out out = begin_facts(b, "one", e);

	envelope_put_path(out, "from", &e->reverse_path);
	put_recipient(out, "to", &e->recipient[0]);
	envelope_put_parameters(out, e);
	return record_end(out, f);
}

enum outcome
envelope_put_one(struct buf *b, struct envelope *e, struct fault *f)
{
	size_t before = b->len, line;

	if (e->recipients != 1)
		return fault_set(
		    f, PERM, "5.3.0", 0, "one file is for one recipient");
	e->shape = ENVELOPE_ONE;
	buf_add(b, SPAN_LIT(ENVELOPE_ONE_PREFIX));
	if (put_one_record(b, e, f) != OK) {
		buf_cut(b, before);
		return f->outcome;
	}
	buf_cut(b, b->len - 1); /* LF */
	line = b->len - before;
	if (line <= ENVELOPE_ONE_MAX)
		buf_add(b, SPAN_LIT("\r\n"));
	if (line > ENVELOPE_ONE_MAX || buf_failed(b)) {
		b->failed = false;
		buf_cut(b, before);
		return fault_set(
		    f, PERM, "5.3.0", 0, "the facts do not fit in one line");
	}
	e->start = line + 2;
	return OK;
}

enum outcome
envelope_put_notice(struct buf *b, const struct envelope *e, struct fault *f)
{
	if (e->shape == ENVELOPE_ONE)
		return put_one_record(b, e, f);
	return record_end(begin_facts(b, "apart", e), f);
}

static enum outcome
put_client_line(struct buf *b, const struct envelope *e, struct fault *f)
{
	struct record_out out = record_begin(b, "client");
	size_t bare = b->len;

	envelope_put_client(out, e);
	if (b->len == bare) { /* no facts, no line */
		buf_cut(b, out.start);
		return OK;
	}
	return record_end(out, f);
}

static enum outcome
put_from_line(struct buf *b, const struct envelope *e, struct fault *f)
{
	struct record_out out = record_begin(b, "from");

	envelope_put_path(out, "path", &e->reverse_path);
	envelope_put_parameters(out, e);
	return record_end(out, f);
}

static enum outcome
put_to_line(struct buf *b, const struct recipient *r, struct fault *f)
{
	struct record_out out = record_begin(b, "to");

	record_put_num(out, "n", r->n);
	put_recipient(out, "path", r);
	return record_end(out, f);
}

static void
hash_of(struct span s, unsigned char hash[ENVELOPE_DIGEST_LEN])
{
	(void)crypto_generichash(hash, ENVELOPE_DIGEST_LEN,
	    (const unsigned char *)s.p, s.len, NULL, 0);
}

static enum outcome
put_lines(struct buf *b, const struct envelope *e, struct fault *f)
{
	if (record_end(begin_facts(b, "envelope", e), f) != OK ||
	    put_client_line(b, e, f) != OK || put_from_line(b, e, f) != OK)
		return f->outcome;
	for (size_t i = 0; i < e->recipients; i++)
		if (put_to_line(b, &e->recipient[i], f) != OK)
			return f->outcome;
	return OK;
}

enum outcome
envelope_put_apart(struct buf *b, struct envelope *e, struct fault *f)
{
	unsigned char check[ENVELOPE_DIGEST_LEN];
	size_t before = b->len;
	struct record_out out;

	e->shape = ENVELOPE_APART;
	if (put_lines(b, e, f) == OK) {
		hash_of(span_from(buf_span(b), before), check);
		out = record_begin(b, "end");
		record_put(out, "qid", qid_span(&e->qid));
		put_hash(out, "check", check);
		if (record_end(out, f) == OK)
			return OK;
	}
	buf_cut(b, before);
	return f->outcome;
}

/* ---- Read. ---- */

static enum outcome
unbelievable(struct fault *f, const char *why)
{
	return fault_set(f, PERM, "5.3.0", 0, "envelope: %s", why);
}

/* What a parser refused cannot be believed, whatever its own verdict was. */
static enum outcome
distrust(struct fault *f)
{
	struct fault why = *f;

	return fault_set(f, PERM, "5.3.0", 0, "envelope: %s", why.text);
}

static enum outcome
take_facts(struct record *r, struct envelope *e, struct fault *f)
{
	struct span version, qid, time;
	uint64_t v, dots = 1;

	if (!record_take(r, "version", 20, &version) ||
	    !num_parse(version, 1, UINT64_MAX, &v))
		return unbelievable(f, "no version");
	if (v > ENVELOPE_VERSION)
		return fault_set(f, TEMP, "4.3.0", 0,
		    "envelope: written by a newer version of Pneu (format "
		    "%llu, this one reads up to %d)",
		    (unsigned long long)v, ENVELOPE_VERSION);
	if (!record_take(r, "qid", QID_LEN, &qid) || !qid_parse(qid, &e->qid) ||
	    !record_take(r, "time", CLOCK_TEXT_MAX, &time) ||
	    !clock_parse_ms(time, &e->time_ms) ||
	    (e->shape == ENVELOPE_APART &&
	        !record_take_num(r, "start", 0, UINT32_MAX, &e->start)) ||
	    !record_take_num(r, "size", 0, INT64_MAX, &e->size) ||
	    !envelope_take_digest(r, e->digest) ||
	    !record_take_num(r, "skip", 0, e->size, &e->skip) ||
	    !record_take_num_optional(r, "dots", 0, 0, &dots))
		return unbelievable(f, "bad facts");
	e->dots = dots != 0;
	return OK;
}

static enum outcome
take_recipient(
    struct record *r, const char *key, struct envelope *e, struct fault *f)
{
	struct path path;
	struct span notify, orcpt;

	if (envelope_take_forward_path(r, key, &path, f) != OK)
		return distrust(f);
	if (!record_take_optional(r, "notify", ENVELOPE_NOTIFY_MAX, &notify) ||
	    !record_take_optional(r, "orcpt", ENVELOPE_ORCPT_MAX, &orcpt) ||
	    memchr(notify.p, '\0', notify.len) != NULL ||
	    memchr(orcpt.p, '\0', orcpt.len) != NULL)
		return unbelievable(f, "bad recipient");
	return envelope_add_recipient(e, &path, notify, orcpt, f);
}

static enum outcome
get_one_record(struct span line, struct envelope *e, struct fault *f)
{
	struct record r;

	if (record_parse(line, &r, f) != OK)
		return distrust(f);
	e->shape = ENVELOPE_ONE;
	if (!record_is(&r, "one"))
		return unbelievable(f, "not one");
	if (take_facts(&r, e, f) != OK)
		return f->outcome;
	if (envelope_take_reverse_path(&r, "from", &e->reverse_path, f) != OK)
		return distrust(f);
	if (take_recipient(&r, "to", e, f) != OK)
		return f->outcome;
	if (!envelope_take_parameters(&r, e) || !record_all_taken(&r))
		return unbelievable(f, "unknown field");
	return OK;
}

static enum outcome
get_one(struct span in, struct envelope *e, struct fault *f)
{
	struct span line = span_head(in, ENVELOPE_ONE_LINE);
	size_t lf = span_find(line, '\n');

	if (lf == line.len || lf == 0 || line.p[lf - 1] != '\r')
		return unbelievable(f, "first line does not end");
	line =
	    span_from(span_head(line, lf - 1), sizeof(ENVELOPE_ONE_PREFIX) - 1);
	if (get_one_record(line, e, f) != OK)
		return f->outcome;
	e->start = lf + 1;
	return OK;
}

static enum outcome
get_end(
    struct record *r, struct span above, struct envelope *e, struct fault *f)
{
	unsigned char check[ENVELOPE_DIGEST_LEN], is[ENVELOPE_DIGEST_LEN];
	struct span qid;

	hash_of(above, is);
	if (!record_take(r, "qid", QID_LEN, &qid) ||
	    !span_same(qid, qid_span(&e->qid)) ||
	    !take_hash(r, "check", check) || !record_all_taken(r) ||
	    memcmp(check, is, sizeof(is)) != 0)
		return unbelievable(f, "its check is wrong");
	return e->recipients > 0 ? OK : unbelievable(f, "no recipient");
}

static enum outcome
get_to_line(struct record *r, struct envelope *e, struct fault *f)
{
	uint64_t least, n;

	least = e->recipients == 0
	    ? 1
	    : (uint64_t)e->recipient[e->recipients - 1].n + 1;
	if (!record_take_num(r, "n", least, UINT32_MAX, &n))
		return unbelievable(f, "bad number of a recipient");
	if (take_recipient(r, "path", e, f) != OK)
		return f->outcome;
	e->recipient[e->recipients - 1].n = (uint32_t)n;
	return record_all_taken(r) ? OK : unbelievable(f, "unknown field");
}

static enum outcome
get_from_line(struct record *r, struct envelope *e, struct fault *f)
{
	if (envelope_take_reverse_path(r, "path", &e->reverse_path, f) != OK)
		return distrust(f);
	if (!envelope_take_parameters(r, e) || !record_all_taken(r))
		return unbelievable(f, "unknown field");
	return OK;
}

/*
 * Order of the lines of an envelope file: each may come after these only.
 * from before to, to before end, nothing twice but to.
 */
enum seen { SEEN_NOTHING, SEEN_ENVELOPE, SEEN_CLIENT, SEEN_FROM, SEEN_TO };

static enum outcome
get_line(struct record *r, enum seen *seen, struct envelope *e, struct fault *f)
{
	if (record_is(r, "envelope") && *seen == SEEN_NOTHING) {
		*seen = SEEN_ENVELOPE;
		if (take_facts(r, e, f) != OK)
			return f->outcome;
		return record_all_taken(r) ? OK
		                           : unbelievable(f, "unknown field");
	}
	if (record_is(r, "client") && *seen == SEEN_ENVELOPE) {
		*seen = SEEN_CLIENT;
		return envelope_take_client(r, e) && record_all_taken(r)
		    ? OK
		    : unbelievable(f, "bad facts of the client");
	}
	if (record_is(r, "from") &&
	    (*seen == SEEN_ENVELOPE || *seen == SEEN_CLIENT)) {
		*seen = SEEN_FROM;
		return get_from_line(r, e, f);
	}
	if (record_is(r, "to") && (*seen == SEEN_FROM || *seen == SEEN_TO)) {
		*seen = SEEN_TO;
		return get_to_line(r, e, f);
	}
	return unbelievable(f, "a line out of place");
}

static void
apply_done(struct record *r, struct recipient *to)
{
	struct span outcome;

	if (record_take(r, "outcome", 4, &outcome))
		to->state =
		    span_eq(outcome, "ok") ? RECIPIENT_DONE : RECIPIENT_FAILED;
}

static void
apply_try(struct record *r, struct recipient *to)
{
	uint64_t died = 0;

	to->tries++;
	if (record_take_num_optional(r, "died", 1, 1, &died) && died == 1)
		to->deaths++;
}

/* A line without this qid counts for nothing, whatever it says. */
static void
apply_event(struct span line, struct envelope *e)
{
	struct record r;
	struct fault f;
	struct span qid;
	uint64_t n;
	struct recipient *to;

	if (record_parse(line, &r, &f) != OK ||
	    !record_take(&r, "qid", QID_LEN, &qid) ||
	    !span_same(qid, qid_span(&e->qid)) ||
	    !record_take_num(&r, "n", 1, UINT32_MAX, &n) ||
	    (to = find_recipient(e, (uint32_t)n)) == NULL)
		return;
	if (record_is(&r, "done"))
		apply_done(&r, to);
	else if (record_is(&r, "try"))
		apply_try(&r, to);
}

static enum outcome
get_apart(struct span in, struct envelope *e, struct fault *f)
{
	struct span rest = in, line;
	enum seen seen = SEEN_NOTHING;
	struct record r;

	e->shape = ENVELOPE_APART;
	for (;;) {
		size_t above = in.len - rest.len;

		if (span_find(rest, '\n') == rest.len)
			return unbelievable(f, "no end line");
		(void)span_next(&rest, '\n', &line);
		if (record_parse(line, &r, f) != OK)
			return distrust(f);
		if (record_is(&r, "end") && seen != SEEN_NOTHING) {
			if (get_end(&r, span_head(in, above), e, f) != OK)
				return f->outcome;
			break;
		}
		if (get_line(&r, &seen, e, f) != OK)
			return f->outcome;
	}
	while (span_find(rest, '\n') < rest.len) {
		(void)span_next(&rest, '\n', &line);
		apply_event(line, e);
	}
	return OK;
}

static enum outcome
ended(struct envelope *e, enum outcome got)
{
	if (got != OK)
		envelope_reset(e);
	return got;
}

enum outcome
envelope_get(struct span in, struct envelope *e, struct fault *f)
{
	envelope_reset(e);
	if (span_has_prefix(in, ENVELOPE_ONE_PREFIX))
		return ended(e, get_one(in, e, f));
	return ended(e, get_apart(in, e, f));
}

static enum outcome
get_apart_notice(struct span line, struct envelope *e, struct fault *f)
{
	struct record r;

	e->shape = ENVELOPE_APART;
	if (record_parse(line, &r, f) != OK)
		return distrust(f);
	if (!record_is(&r, "apart"))
		return unbelievable(f, "not a notice");
	if (take_facts(&r, e, f) != OK)
		return f->outcome;
	return record_all_taken(&r) ? OK : unbelievable(f, "unknown field");
}

enum outcome
envelope_get_notice(struct span line, struct envelope *e, struct fault *f)
{
	envelope_reset(e);
	if (span_has_prefix(line, "apart "))
		return ended(e, get_apart_notice(line, e, f));
	if (get_one_record(line, e, f) != OK)
		return ended(e, f->outcome);
	/* The line as it stands in the file: `Pneu: `, and CRLF for LF. */
	if (line.len > 0 && line.p[line.len - 1] == '\n')
		line.len--;
	e->start = sizeof(ENVELOPE_ONE_PREFIX) - 1 + line.len + 2;
	return OK;
}

/* ---- Events. ---- */

static struct record_out
begin_event(struct buf *b, const char *word, const struct qid *qid,
    const struct envelope_event *ev)
{
	struct record_out out = record_begin(b, word);
	char time[CLOCK_TEXT_MAX];

	clock_text_ms(ev->time_ms, time);
	record_put(out, "qid", qid_span(qid));
	record_put_num(out, "n", ev->n);
	record_puts(out, "time", time);
	record_puts(out, "outcome", outcome_word(ev->outcome));
	put_optional(out, "code", ev->code);
	return out;
}

enum outcome
envelope_put_done(struct buf *b, const struct qid *qid,
    const struct envelope_event *ev, struct fault *f)
{
	struct record_out out = begin_event(b, "done", qid, ev);

	put_optional(out, "how", ev->how);
	put_optional(out, "path", ev->path);
	put_optional(out, "notice", ev->notice);
	put_optional(out, "text", ev->text);
	return record_end(out, f);
}

enum outcome
envelope_put_try(struct buf *b, const struct qid *qid,
    const struct envelope_event *ev, struct fault *f)
{
	struct record_out out = begin_event(b, "try", qid, ev);

	if (ev->died)
		record_put_num(out, "died", 1);
	put_optional(out, "host", ev->host);
	put_optional(out, "text", ev->text);
	return record_end(out, f);
}

/* ---- Digest. ---- */

static crypto_generichash_state *
state_of(struct envelope_digest *d)
{
	return (crypto_generichash_state *)(void *)d; /* its first member */
}

void
envelope_digest_begin(struct envelope_digest *d)
{
	(void)crypto_generichash_init(
	    state_of(d), NULL, 0, ENVELOPE_DIGEST_LEN);
}

void
envelope_digest_add(struct envelope_digest *d, struct span s)
{
	(void)crypto_generichash_update(
	    state_of(d), (const unsigned char *)s.p, s.len);
}

void
envelope_digest_end(
    struct envelope_digest *d, unsigned char out[ENVELOPE_DIGEST_LEN])
{
	(void)crypto_generichash_final(state_of(d), out, ENVELOPE_DIGEST_LEN);
}
