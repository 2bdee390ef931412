/* SPDX-License-Identifier: ISC */
/* envelope.c: the struct, the fields that several records have, the digest. */
#include "envelope.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"

#define AT(member) offsetof(struct envelope, member)
#define GRAPH      (WIRE_OPTIONAL | WIRE_GRAPH)

/* ---- The struct. ---- */

void
envelope_begin(struct envelope *e)
{
	*e = (struct envelope){ .dots = true };
}

void
envelope_drop_recipients(struct envelope *e)
{
	for (size_t i = 0; i < e->recipients; i++) {
		free(e->recipient[i].notify);
		free(e->recipient[i].orcpt);
		free(e->recipient[i].address);
	}
	e->recipients = 0;
}

void
envelope_reset(struct envelope *e)
{
	envelope_drop_recipients(e);
	*e = (struct envelope){ .dots = true,
		.recipient = e->recipient,
		.recipients_cap = e->recipients_cap };
}

void
envelope_free(struct envelope *e)
{
	envelope_drop_recipients(e);
	free(e->recipient);
	envelope_begin(e);
}

static char *
copy_of(struct span s)
{
	return s.len == 0 ? NULL : mem_copy(s.p, s.len);
}

enum outcome
envelope_add_recipient(struct envelope *e, const struct path *path,
    struct span notify, struct span orcpt, struct fault *f)
{
	struct recipient *r;

	if (e->recipients >= ENVELOPE_RCPT_MAX)
		return fault_set(
		    f, TEMP, FAULT_TOO_MANY, 0, "too many recipients");
	if (e->recipients == e->recipients_cap) {
		e->recipients_cap = e->recipients == 0 ? 1 : 2 * e->recipients;
		e->recipient =
		    mem_grow(e->recipient, e->recipients_cap, sizeof(*r));
	}
	r = &e->recipient[e->recipients];
	*r = (struct recipient){ .n = e->recipients == 0 ? 1 : r[-1].n + 1,
		.forward_path = *path,
		.notify = copy_of(notify),
		.orcpt = copy_of(orcpt) };
	e->recipients++;
	return OK;
}

/* ---- Fields that several records have. ---- */

/* Parameters may end as words of an SMTP command, or lines of a report. */
const struct wire_field envelope_parameters[] = {
	{ "body", WIRE_TEXT, AT(body), ENVELOPE_BODY_MAX, GRAPH },
	{ "smtputf8", WIRE_FLAG, AT(smtputf8), 1, 0 },
	{ "ret", WIRE_TEXT, AT(ret), ENVELOPE_RET_MAX, GRAPH },
	{ "envid", WIRE_TEXT, AT(envid), ENVELOPE_ENVID_MAX, GRAPH },
	{ .key = NULL },
};

const struct wire_field envelope_client[] = {
	{ "ip", WIRE_TEXT, AT(ip), ENVELOPE_IP_MAX, WIRE_OPTIONAL },
	{ "name", WIRE_TEXT, AT(name), DOMAIN_MAX, WIRE_OPTIONAL },
	{ "helo", WIRE_TEXT, AT(helo), DOMAIN_MAX, WIRE_OPTIONAL },
	{ "proto", WIRE_TEXT, AT(proto), ENVELOPE_PROTO_MAX, WIRE_OPTIONAL },
	{ "user", WIRE_TEXT, AT(user), PATH_TEXT_MAX, WIRE_OPTIONAL },
	{ .key = NULL },
};

struct recipient_texts {
	struct span notify, orcpt;
};
static const struct wire_field recipient_texts[] = {
	{ "notify", WIRE_SPAN, offsetof(struct recipient_texts, notify),
	    ENVELOPE_NOTIFY_MAX, GRAPH },
	{ "orcpt", WIRE_SPAN, offsetof(struct recipient_texts, orcpt),
	    ENVELOPE_ORCPT_MAX, WIRE_OPTIONAL | WIRE_CLEAN },
	{ .key = NULL },
};

void
envelope_put_path(struct record_out out, const char *key, const struct path *p)
{
	char text[PATH_TEXT_MAX + 2];

	text[0] = '<';
	memcpy(text + 1, p->text, p->len);
	text[1 + p->len] = '>';
	record_put(out, key, (struct span){ text, p->len + 2 });
}

enum outcome
envelope_take_path(struct record *r, const char *key, enum path_kind kind,
    struct path *out, struct fault *f)
{
	struct span text, rest = SPAN_EMPTY;

	if (!record_take(r, key, PATH_TEXT_MAX + 2, &text))
		return fault_set(f, TEMP, "4.3.0", 0, "no %s=", key);
	if (path_parse(kind, text, true, out, &rest, f) != OK)
		return f->outcome;
	if (rest.len > 0)
		return fault_set(f, PERM,
		    kind == PATH_FORWARD ? "5.1.3" : "5.1.7", 0,
		    "octets after the address");
	return OK;
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

enum outcome
envelope_take_recipient(
    struct record *r, const char *key, struct envelope *e, struct fault *f)
{
	struct recipient_texts texts;
	struct path path;

	if (!wire_take(r, recipient_texts, &texts))
		return fault_set(f, TEMP, "4.3.0", 0, "recipient: bad field");
	if (envelope_take_path(r, key, PATH_FORWARD, &path, f) != OK)
		return f->outcome;
	if (!record_all_taken(r))
		return fault_set(
		    f, TEMP, "4.3.0", 0, "recipient: unknown field");
	return envelope_add_recipient(e, &path, texts.notify, texts.orcpt, f);
}

/* ---- Digest. ---- */

void
envelope_digest_begin(struct envelope_digest *d)
{
	(void)crypto_generichash_init(&d->state, NULL, 0, ENVELOPE_DIGEST_LEN);
}

void
envelope_digest_add(struct envelope_digest *d, struct span s)
{
	(void)crypto_generichash_update(
	    &d->state, (const unsigned char *)s.p, s.len);
}

void
envelope_digest_end(
    struct envelope_digest *d, unsigned char out[ENVELOPE_DIGEST_LEN])
{
	(void)crypto_generichash_final(&d->state, out, ENVELOPE_DIGEST_LEN);
}
