/* SPDX-License-Identifier: ISC */
/* scram.c: the messages of a SCRAM exchange. */
#include "scram.h"

#include <inttypes.h>
#include <sodium.h>

#define BASE64 sodium_base64_VARIANT_ORIGINAL

bool
scram_decode(struct span text, unsigned char *out, size_t max, size_t *len)
{
	const char *end;

	*len = 0;
	return sodium_base642bin(
	           out, max, text.p, text.len, NULL, len, &end, BASE64) == 0 &&
	    end == text.p + text.len;
}

void
scram_encode(struct buf *b, const void *octets, size_t len)
{
	size_t room = sodium_base64_ENCODED_LEN(len, BASE64);

	/* A buffer keeps the octet for the closing 0 beside its maximum. */
	if (!buf_reserve(b, room - 1))
		return;
	(void)sodium_bin2base64(b->p + b->len, room, octets, len, BASE64);
	buf_extend(b, room - 1);
}

static enum outcome
malformed(struct fault *f)
{
	return fault_set(f, PERM, "5.5.2", 0, "not a SCRAM message");
}

/* Printable, and no comma. RFC 5802 7. */
static bool
is_nonce_octet(int c)
{
	return is_graph(c) && c != ',';
}

/* cb-name. RFC 5802 7. */
static bool
is_type_octet(int c)
{
	return is_alnum(c) || c == '.' || c == '-';
}

static bool
is_value_octet(int c)
{
	return c > 0 && c != ',';
}

/* `X=` and what follows, up to the next comma; false: another attribute. */
static bool
take_attribute(struct cur *c, char name, bool (*is)(int), struct span *value)
{
	struct cur at = *c;

	if (!cur_eat(&at, name) || !cur_eat(&at, '='))
		return false;
	*value = cur_while(&at, is);
	if (value->len == 0 || (cur_peek(&at) != -1 && cur_peek(&at) != ','))
		return false;
	*c = at;
	return true;
}

/* A comma is =2C, an equals sign =3D, and `=` begins nothing else; -1. */
static int
take_escaped(struct cur *c)
{
	int first = cur_take(c), second = cur_take(c);

	if (first == '2' && second == 'C')
		return ',';
	return first == '3' && second == 'D' ? '=' : -1;
}

/* saslname. */
static bool
decode_name(struct span text, char out[SCRAM_USER_MAX + 1])
{
	struct cur c = cur_over(text);
	size_t n = 0;
	int octet;

	if (!utf8_is_valid(text) || span_has_control(text))
		return false;
	while ((octet = cur_take(&c)) != -1) {
		if (octet == '=')
			octet = take_escaped(&c);
		if (octet == -1 || n == SCRAM_USER_MAX)
			return false;
		out[n++] = (char)octet;
	}
	out[n] = '\0';
	return true;
}

/* gs2-header. */
static bool
take_header(struct cur *c, struct scram_first *m)
{
	struct span name;

	m->flag = cur_eat(c, 'n') ? SCRAM_NOT
	    : cur_eat(c, 'y')     ? SCRAM_COULD
	                          : SCRAM_BINDS;
	if (m->flag == SCRAM_BINDS &&
	    !take_attribute(c, 'p', is_type_octet, &m->type))
		return false;
	if (!cur_eat(c, ','))
		return false;
	if (take_attribute(c, 'a', is_value_octet, &name) &&
	    !decode_name(name, m->authzid))
		return false;
	return cur_eat(c, ',');
}

/* What follows are extensions, each `,X=value`: none changes the exchange. */
static bool
pass_extensions(struct cur *c)
{
	while (cur_eat(c, ',')) {
		int name = cur_take(c);

		if (!is_alnum(name) || is_digit(name) || !cur_eat(c, '=') ||
		    cur_while(c, is_value_octet).len == 0)
			return false;
	}
	return cur_peek(c) == -1;
}

enum outcome
scram_first_parse(struct span message, struct scram_first *m, struct fault *f)
{
	struct cur c = cur_over(message), at;
	struct span name;

	*m = (struct scram_first){ .type = SPAN_EMPTY };
	if (message.len > SCRAM_MESSAGE_MAX || !utf8_is_valid(message) ||
	    !take_header(&c, m))
		return malformed(f);
	m->header = (struct span){ message.p, (size_t)(c.p - message.p) };
	m->bare = cur_rest(&c);
	at = c;
	if (cur_eat(&at, 'm') && cur_eat(&at, '='))
		return fault_set(f, PERM, "5.5.4", 0,
		    "a mandatory SCRAM extension that is not known here");
	if (!take_attribute(&c, 'n', is_value_octet, &name) ||
	    !decode_name(name, m->user) || !cur_eat(&c, ',') ||
	    !take_attribute(&c, 'r', is_nonce_octet, &m->nonce) ||
	    m->nonce.len > SCRAM_NONCE_MAX || !pass_extensions(&c))
		return malformed(f);
	return OK;
}

/* The proof is the last attribute: where it begins. */
static bool
find_proof(struct span message, size_t *at)
{
	for (*at = message.len; *at > 0; --*at)
		if (span_has_prefix(span_from(message, *at), ",p="))
			return true;
	return false;
}

enum outcome
scram_final_parse(struct span message, struct scram_final *m, struct fault *f)
{
	struct span binding;
	size_t at, len;
	struct cur c;

	*m = (struct scram_final){ .nonce = SPAN_EMPTY };
	if (message.len > SCRAM_MESSAGE_MAX || !find_proof(message, &at))
		return malformed(f);
	m->bare = span_head(message, at);
	if (!scram_decode(
	        span_from(message, at + 3), m->proof, sizeof(m->proof), &len) ||
	    len != sizeof(m->proof) || !utf8_is_valid(m->bare))
		return malformed(f);
	c = cur_over(m->bare);
	if (!take_attribute(&c, 'c', is_nonce_octet, &binding) ||
	    !scram_decode(
	        binding, m->binding, sizeof(m->binding), &m->binding_len) ||
	    !cur_eat(&c, ',') ||
	    !take_attribute(&c, 'r', is_nonce_octet, &m->nonce) ||
	    !pass_extensions(&c))
		return malformed(f);
	return OK;
}

void
scram_draw_nonce(struct buf *b)
{
	unsigned char octets[SCRAM_NONCE_OURS / 4 * 3];

	randombytes_buf(octets, sizeof(octets));
	scram_encode(b, octets, sizeof(octets));
}

void
scram_put_first(
    struct buf *b, struct span nonce, struct span salt, uint64_t iterations)
{
	buf_adds(b, "r=");
	buf_add(b, nonce);
	buf_adds(b, ",s=");
	buf_add(b, salt);
	buf_addf(b, ",i=%" PRIu64, iterations);
}
