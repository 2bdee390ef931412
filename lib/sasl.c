/* SPDX-License-Identifier: ISC */
/* sasl.c: one authentication exchange. */
#include "sasl.h"

#include <sodium.h>
#include <string.h>

#define RESPONSE_MAX (SASL_TEXT_MAX / 4 * 3) /* octets, decoded */
#define TEXT_MAX     1024 /* octets of a challenge. Ours: none is as long */
#define NONCE_MAX    (SCRAM_NONCE_MAX + SCRAM_NONCE_OURS)
#define BINDING_MAX  512 /* of what scram_final_parse() takes */

static const char *const names[SASL_MECHANISMS] = {
	[SASL_SCRAM_PLUS] = "SCRAM-SHA-256-PLUS",
	[SASL_SCRAM] = "SCRAM-SHA-256",
	[SASL_PLAIN] = "PLAIN",
	[SASL_LOGIN] = "LOGIN",
};

void
sasl_names(unsigned mechanisms, char out[SASL_NAMES_MAX])
{
	struct buf b = BUF_INIT(SASL_NAMES_MAX);

	for (unsigned i = 0; i < SASL_MECHANISMS; i++)
		if ((mechanisms & SASL_HAS(i)) != 0)
			buf_addf(&b, "%s%s", b.len > 0 ? " " : "", names[i]);
	(void)span_copy(buf_span(&b), out, SASL_NAMES_MAX);
	buf_free(&b);
}

const char *
sasl_name(enum sasl_mechanism mechanism)
{
	return names[mechanism];
}

static bool
is_set(const char *text)
{
	return text != NULL && text[0] != '\0';
}

void
sasl_offer_make(struct sasl_offer *offer, const struct settings *s)
{
	*offer = (struct sasl_offer){ .mechanisms = SASL_HAS(SASL_PLAIN) };
	/* What stands in auth's place knows passwords, and no keys. */
	if (s->resolve.scram == 1 && !is_set(s->resolve.auth.program) &&
	    !is_set(s->resolve.checkpassword))
		offer->mechanisms |= SASL_HAS(SASL_SCRAM);
}

bool
sasl_is_open(const struct settings *s, bool is_encrypted, bool is_loopback)
{
	return is_encrypted || s->resolve.plaintext == PLAINTEXT_YES ||
	    (s->resolve.plaintext == PLAINTEXT_LOOPBACK && is_loopback);
}

void
sasl_offer_binding(
    struct sasl_offer *offer, const char *type, const void *octets, size_t len)
{
	size_t i = 0;

	while (i < SASL_BINDINGS && offer->binding[i].type != NULL)
		i++;
	if ((offer->mechanisms & SASL_HAS(SASL_SCRAM)) == 0 || len == 0 ||
	    len > SCRAM_BINDING_MAX || i == SASL_BINDINGS)
		return;
	offer->binding[i].type = type;
	offer->binding[i].len = len;
	memcpy(offer->binding[i].octets, octets, len);
	offer->mechanisms |= SASL_HAS(SASL_SCRAM_PLUS);
}

bool
sasl_find(struct span name, enum sasl_mechanism *mechanism)
{
	for (unsigned i = 0; i < SASL_MECHANISMS; i++)
		if (span_same_nocase(name, span_of(names[i]))) {
			*mechanism = (enum sasl_mechanism)i;
			return true;
		}
	return false;
}

static enum sasl_result
malformed(struct fault *why)
{
	(void)fault_set(
	    why, PERM, "5.5.2", 0, "not what this mechanism expects");
	return SASL_MALFORMED;
}

static enum sasl_result
challenge(struct sasl *s, struct span octets)
{
	buf_reset(&s->text);
	scram_encode(&s->text, octets.p, octets.len);
	s->step++;
	return SASL_MORE;
}

/* A guess that auth is not asked about. */
static enum sasl_result
refuse(struct sasl *s, struct fault *why, const char *text)
{
	(void)fault_set(why, PERM, "5.7.8", 0, "%s", text);
	logins_failed(s->logins, span_of(s->user), why);
	return SASL_FAILED;
}

/*
 * Nobody acts for another: an authorization identity is the user's own name, as
 * it was given or as the directory has it. RFC 4422 3.4.1.
 */
static bool
is_own_identity(const struct sasl *s)
{
	struct span authzid = span_of(s->authzid);

	return authzid.len == 0 ||
	    span_same_nocase(authzid, span_of(s->user)) ||
	    span_same_nocase(authzid, span_of(s->who.user));
}

/* ---- PLAIN, LOGIN ---- */

static enum sasl_result
try_password(struct sasl *s, struct span password, struct fault *why)
{
	if (logins_try(s->logins, span_of(s->user), password, &s->who, why) !=
	    OK)
		return SASL_FAILED;
	return is_own_identity(s)
	    ? SASL_DONE
	    : refuse(s, why, "the authorization identity is another user");
}

/* [authzid] NUL authcid NUL passwd. RFC 4616 2. */
static enum sasl_result
on_plain(struct sasl *s, struct span response, struct fault *why)
{
	struct span authzid, user, password;

	if (!span_next(&response, '\0', &authzid) ||
	    !span_next(&response, '\0', &user) ||
	    span_find(response, '\0') != response.len)
		return malformed(why);
	password = response;
	if (user.len == 0 || password.len == 0 ||
	    !span_copy(authzid, s->authzid, sizeof(s->authzid)) ||
	    !span_copy(user, s->user, sizeof(s->user)))
		return malformed(why);
	return try_password(s, password, why);
}

static enum sasl_result
on_login(struct sasl *s, struct span response, struct fault *why)
{
	if (s->step == 2)
		return response.len == 0 ? malformed(why)
		                         : try_password(s, response, why);
	if (response.len == 0 || span_find(response, '\0') < response.len ||
	    !span_copy(response, s->user, sizeof(s->user)))
		return malformed(why);
	return challenge(s, SPAN_LIT("Password:"));
}

/* ---- SCRAM ---- */

static const struct sasl_binding *
find_binding(const struct sasl_offer *offer, struct span type)
{
	for (size_t i = 0; i < SASL_BINDINGS; i++)
		if (offer->binding[i].type != NULL &&
		    span_eq(type, offer->binding[i].type))
			return &offer->binding[i];
	return NULL;
}

/*
 * With -PLUS the client binds, without it does not. One that could, and did not
 * see -PLUS although it was announced, has somebody between: RFC 5802 6. In
 * s->binding is then what its next message must say.
 */
static enum sasl_result
take_binding(struct sasl *s, const struct scram_first *first, struct fault *why)
{
	bool plus = s->mechanism == SASL_SCRAM_PLUS;
	const struct sasl_binding *binding;

	if ((first->flag == SCRAM_BINDS) != plus)
		return malformed(why);
	if (first->flag == SCRAM_COULD &&
	    (s->offer->mechanisms & SASL_HAS(SASL_SCRAM_PLUS)) != 0)
		return refuse(s, why,
		    "channel binding was announced, and the client was not "
		    "told");
	buf_add(&s->binding, first->header);
	if (!plus)
		return SASL_MORE;
	binding = find_binding(s->offer, first->type);
	if (binding == NULL)
		return malformed(why);
	buf_add(&s->binding,
	    (struct span){ (const char *)binding->octets, binding->len });
	return SASL_MORE;
}

static enum sasl_result
on_scram_first(struct sasl *s, struct span response, struct fault *why)
{
	struct scram_first first;
	enum sasl_result got;
	size_t start;

	if (scram_first_parse(response, &first, why) != OK)
		return SASL_MALFORMED;
	(void)span_copy(span_of(first.user), s->user, sizeof(s->user));
	(void)span_copy(span_of(first.authzid), s->authzid, sizeof(s->authzid));
	got = take_binding(s, &first, why);
	if (got != SASL_MORE)
		return got;
	buf_add(&s->nonce, first.nonce);
	scram_draw_nonce(&s->nonce);
	/* Without our half it could be played back; without the channel's data
	   it would be bound to nothing. */
	if (buf_failed(&s->nonce) || buf_failed(&s->binding))
		return malformed(why);
	if (logins_salt(s->logins, span_of(s->user), &s->who, why) != OK)
		return SASL_FAILED;
	buf_add(&s->message, first.bare);
	buf_addc(&s->message, ',');
	start = s->message.len;
	scram_put_first(&s->message, buf_span(&s->nonce), span_of(s->who.salt),
	    s->who.iterations);
	return challenge(s, span_from(buf_span(&s->message), start));
}

static enum sasl_result
send_signature(struct sasl *s)
{
	struct buf b = BUF_INIT(TEXT_MAX);
	enum sasl_result got;

	buf_adds(&b, "v=");
	scram_encode(&b, s->who.signature, sizeof(s->who.signature));
	got = challenge(s, buf_span(&b));
	buf_free(&b);
	return got;
}

static enum sasl_result
on_scram_final(struct sasl *s, struct span response, struct fault *why)
{
	struct scram_final final;

	if (scram_final_parse(response, &final, why) != OK)
		return SASL_MALFORMED;
	if (!span_same(final.nonce, buf_span(&s->nonce)))
		return refuse(s, why, "the nonce is another one");
	if (!span_same((struct span){ (const char *) final.binding,
	                   final.binding_len },
	        buf_span(&s->binding)))
		return refuse(s, why, "the channel binding does not match");
	buf_addc(&s->message, ',');
	buf_add(&s->message, final.bare);
	if (buf_failed(&s->message))
		return malformed(why);
	if (logins_prove(s->logins, span_of(s->user), buf_span(&s->message),
	        final.proof, &s->who, why) != OK)
		return SASL_FAILED;
	if (!is_own_identity(s))
		return refuse(
		    s, why, "the authorization identity is another user");
	return send_signature(s);
}

static enum sasl_result
on_scram(struct sasl *s, struct span response, struct fault *why)
{
	if (s->step == 1)
		return on_scram_first(s, response, why);
	if (s->step == 2)
		return on_scram_final(s, response, why);
	/* It has seen the signature; there is nothing left to say. */
	return response.len == 0 ? SASL_DONE : malformed(why);
}

/* ---- The exchange ---- */

static enum sasl_result
take(struct sasl *s, struct span line, struct fault *why)
{
	static enum sasl_result (*const on[SASL_MECHANISMS])(
	    struct sasl *, struct span, struct fault *) = {
		[SASL_SCRAM_PLUS] = on_scram,
		[SASL_SCRAM] = on_scram,
		[SASL_PLAIN] = on_plain,
		[SASL_LOGIN] = on_login,
	};
	unsigned char octets[RESPONSE_MAX];
	enum sasl_result got;
	size_t len;

	if (scram_decode(line, octets, sizeof(octets), &len)) {
		got = on[s->mechanism](
		    s, (struct span){ (const char *)octets, len }, why);
	} else {
		(void)fault_set(why, PERM, "5.5.2", 0, "bad base64");
		got = SASL_MALFORMED;
	}
	sodium_memzero(octets, sizeof(octets));
	return got;
}

enum sasl_result
sasl_begin(struct sasl *s, struct logins *logins,
    const struct sasl_offer *offer, enum sasl_mechanism mechanism,
    struct span initial, struct fault *why)
{
	*s = (struct sasl){ .logins = logins,
		.offer = offer,
		.mechanism = mechanism,
		.text = BUF_INIT(TEXT_MAX),
		.nonce = BUF_INIT(NONCE_MAX),
		.message = BUF_INIT(3 * SCRAM_MESSAGE_MAX),
		.binding = BUF_INIT(BINDING_MAX) };
	*why = FAULT_NONE;
	if (initial.len == 0)
		return challenge(s,
		    mechanism == SASL_LOGIN ? SPAN_LIT("Username:")
		                            : SPAN_EMPTY);
	s->step = 1;
	return take(s, span_eq(initial, "=") ? SPAN_EMPTY : initial, why);
}

enum sasl_result
sasl_next(struct sasl *s, struct span line, struct fault *why)
{
	*why = FAULT_NONE;
	return span_eq(line, "*") ? SASL_CANCELLED : take(s, line, why);
}

void
sasl_end(struct sasl *s)
{
	buf_free(&s->text);
	buf_free(&s->nonce);
	buf_free(&s->message);
	buf_free(&s->binding);
	sodium_memzero(s, sizeof(*s));
}
