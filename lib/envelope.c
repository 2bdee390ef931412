/* SPDX-License-Identifier: ISC */
/* envelope.c: the struct, the fields that several records have, the digest. */
#include "envelope.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define BODY_MAX  16 /* "BINARYMIME" with room. RFC 3030 */
#define RET_MAX   8 /* "FULL", "HDRS". RFC 3461 4.3 */
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
	e->envid = BUF_INIT(ENVELOPE_ENVID_MAX);
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
		return fault_set(
		    f, TEMP, FAULT_TOO_MANY, 0, "too many recipients");
	if (!grow_recipients(e))
		return fault_set(f, TEMP, "4.3.0", 0, "no memory");
	r = &e->recipient[e->recipients];
	r->n = e->recipients == 0 ? 1 : r[-1].n + 1;
	r->state = RECIPIENT_WAITS;
	r->deaths = r->tries = 0;
	r->next_ms = 0;
	r->warned = false;
	r->forward_path = *path;
	r->orcpt = NULL;
	if (!copy_text(notify, &r->notify) || !copy_text(orcpt, &r->orcpt)) {
		free(r->notify);
		return fault_set(f, TEMP, "4.3.0", 0, "no memory");
	}
	e->recipients++;
	return OK;
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

void
envelope_put_recipient(
    struct record_out out, const char *key, const struct recipient *r)
{
	envelope_put_path(out, key, &r->forward_path);
	if (r->notify != NULL)
		record_puts(out, "notify", r->notify);
	if (r->orcpt != NULL)
		record_puts(out, "orcpt", r->orcpt);
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
	record_put_optional(out, "body", buf_span(&e->body));
	if (e->smtputf8)
		record_put_num(out, "smtputf8", 1);
	record_put_optional(out, "ret", buf_span(&e->ret));
	record_put_optional(out, "envid", buf_span(&e->envid));
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
	record_put_optional(out, "ip", buf_span(&e->ip));
	record_put_optional(out, "name", buf_span(&e->name));
	record_put_optional(out, "helo", buf_span(&e->helo));
	record_put_optional(out, "proto", buf_span(&e->proto));
	record_put_optional(out, "user", buf_span(&e->user));
}

bool
envelope_take_client(struct record *r, struct envelope *e)
{
	return take_buf(r, "ip", &e->ip) && take_buf(r, "name", &e->name) &&
	    take_buf(r, "helo", &e->helo) && take_buf(r, "proto", &e->proto) &&
	    take_buf(r, "user", &e->user);
}

void
envelope_put_hash(struct record_out out, const char *key,
    const unsigned char hash[ENVELOPE_DIGEST_LEN])
{
	char hex[2 * ENVELOPE_DIGEST_LEN + 1];

	(void)sodium_bin2hex(hex, sizeof(hex), hash, ENVELOPE_DIGEST_LEN);
	record_put(
	    out, key, (struct span){ hex, (size_t)2 * ENVELOPE_DIGEST_LEN });
}

/* Lower case only, so that there is one text of a hash. */
static int
lower_hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0'
	    : c >= 'a' && c <= 'f'  ? c - 'a' + 10
	                            : -1;
}

bool
envelope_take_hash(
    struct record *r, const char *key, unsigned char hash[ENVELOPE_DIGEST_LEN])
{
	struct span hex;
	size_t len = (size_t)2 * ENVELOPE_DIGEST_LEN;

	if (!record_take(r, key, len, &hex) || hex.len != len)
		return false;
	for (size_t i = 0; i < ENVELOPE_DIGEST_LEN; i++) {
		int high = lower_hex_digit(hex.p[2 * i]);
		int low = lower_hex_digit(hex.p[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		hash[i] = (unsigned char)(high << 4 | low);
	}
	return true;
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
