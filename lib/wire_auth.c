/* SPDX-License-Identifier: ISC */
/* wire_auth.c: name and password to identity, both ends, and the ticket. */
#include "wire_auth.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "clock.h"
#include "wire.h"

#define AUTH_WORD_MAX 64 /* ip, service */

#define REQ(member)  offsetof(struct auth_req, member)
#define ANS(member)  offsetof(struct auth_ans, member)
#define OVER(member) offsetof(struct auth_handover, member)

static const struct wire_field password_fields[] = {
	{ "user", WIRE_SPAN, REQ(user), AUTH_USER_MAX, 0 },
	{ "password", WIRE_SPAN, REQ(password), RECORD_MAX, 0 },
	{ "ip", WIRE_SPAN, REQ(ip), AUTH_WORD_MAX, WIRE_OPTIONAL },
	{ "service", WIRE_SPAN, REQ(service), AUTH_WORD_MAX, WIRE_OPTIONAL },
	{ .key = NULL },
};
static const struct wire_field scram_fields[] = {
	{ "user", WIRE_SPAN, REQ(user), AUTH_USER_MAX, 0 },
	{ "ip", WIRE_SPAN, REQ(ip), AUTH_WORD_MAX, WIRE_OPTIONAL },
	{ "service", WIRE_SPAN, REQ(service), AUTH_WORD_MAX, WIRE_OPTIONAL },
	{ .key = NULL },
};
static const struct wire_field proof_fields[] = {
	{ "user", WIRE_SPAN, REQ(user), AUTH_USER_MAX, 0 },
	{ "message", WIRE_SPAN, REQ(message), RECORD_MAX, 0 },
	{ "proof", WIRE_HASH, REQ(proof), 0, 0 },
	{ "ip", WIRE_SPAN, REQ(ip), AUTH_WORD_MAX, WIRE_OPTIONAL },
	{ "service", WIRE_SPAN, REQ(service), AUTH_WORD_MAX, WIRE_OPTIONAL },
	{ .key = NULL },
};
static const struct wire_field identity[] = {
	{ "user", WIRE_TEXT, ANS(user), AUTH_USER_MAX, 0 },
	{ "path", WIRE_TEXT, ANS(path), RESOLVE_PATH_MAX, WIRE_OPTIONAL },
	{ "ticket", WIRE_TEXT, ANS(ticket), AUTH_TICKET_LEN, WIRE_OPTIONAL },
	{ .key = NULL },
};
static const struct wire_field signed_identity[] = {
	{ "user", WIRE_TEXT, ANS(user), AUTH_USER_MAX, 0 },
	{ "path", WIRE_TEXT, ANS(path), RESOLVE_PATH_MAX, WIRE_OPTIONAL },
	{ "ticket", WIRE_TEXT, ANS(ticket), AUTH_TICKET_LEN, WIRE_OPTIONAL },
	{ "signature", WIRE_HASH, ANS(signature), 0, 0 },
	{ .key = NULL },
};
static const struct wire_field salt[] = {
	{ "salt", WIRE_TEXT, ANS(salt), AUTH_SALT_MAX, WIRE_GRAPH },
	{ "iterations", WIRE_NUMBER, ANS(iterations), SCRAM_ITERATIONS_MAX, 0 },
	{ .key = NULL },
};
static const struct {
	const char *word;
	const struct wire_field *request, *answer;
} kinds[] = {
	[AUTH_PASSWORD] = { "auth", password_fields, identity },
	[AUTH_SCRAM] = { "scram", scram_fields, salt },
	[AUTH_PROOF] = { "proof", proof_fields, signed_identity },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static const struct wire_field handover_fields[] = {
	{ "user", WIRE_TEXT, OVER(who.user), AUTH_USER_MAX, 0 },
	{ "path", WIRE_TEXT, OVER(who.path), RESOLVE_PATH_MAX, 0 },
	{ "ticket", WIRE_TEXT, OVER(who.ticket), AUTH_TICKET_LEN, 0 },
	{ "ip", WIRE_TEXT, OVER(ip), AUTH_IP_MAX, WIRE_OPTIONAL },
	{ "port", WIRE_NUMBER, OVER(port), 65535, WIRE_OPTIONAL },
	{ "unread", WIRE_NUMBER, OVER(unread), AUTH_UNREAD_MAX, 0 },
	{ .key = NULL },
};

enum outcome
wire_auth_put_req(struct buf *b, const struct auth_req *req, struct fault *f)
{
	return wire_write(
	    b, kinds[req->kind].word, kinds[req->kind].request, req, f);
}

enum outcome
wire_auth_get_req(
    struct span line, struct record *r, struct auth_req *req, struct fault *f)
{
	*req = (struct auth_req){ .user = SPAN_EMPTY };
	if (record_parse(line, r, f) != OK)
		return fault_context(f, "auth");
	for (size_t i = 0; i < KINDS; i++)
		if (wire_take_all(r, kinds[i].word, kinds[i].request, req)) {
			req->kind = (enum auth_kind)i;
			return OK;
		}
	return fault_set(f, TEMP, "4.3.0", 0, "auth: malformed");
}

enum outcome
wire_auth_put_ans(struct buf *b, enum outcome outcome, enum auth_kind kind,
    const struct auth_ans *ans, const struct fault *answer, struct fault *f)
{
	struct record_out out = record_begin(b, outcome_word(outcome));

	if (outcome == OK)
		wire_put(out, kinds[kind].answer, ans);
	else
		record_put_fault(out, answer);
	return record_end(out, f);
}

/* Can it open a mailbox at all? */
static bool
is_whole(const struct auth_ans *ans)
{
	return resolve_path_is_safe(span_of(ans->path)) &&
	    strlen(ans->ticket) == AUTH_TICKET_LEN;
}

/* A mailbox is for who asked for one; salts are such as ours. */
static bool
is_answer(const struct auth_req *req, const struct auth_ans *ans)
{
	if (req->kind == AUTH_SCRAM)
		return ans->iterations >= SCRAM_ITERATIONS_MIN;
	if (span_eq(req->service, AUTH_POP3))
		return is_whole(ans);
	return ans->path[0] == '\0' &&
	    strlen(ans->ticket) ==
	    (span_eq(req->service, AUTH_PASSWD) ? AUTH_TICKET_LEN : 0);
}

enum outcome
wire_auth_get_ans(struct span line, const struct auth_req *req,
    struct auth_ans *ans, struct fault *f)
{
	struct record r;

	*ans = (struct auth_ans){ .iterations = 0 };
	if (record_parse(line, &r, f) == OK) {
		if (record_outcome(&r, f) != OK)
			return f->outcome;
		if (wire_take(&r, kinds[req->kind].answer, ans) &&
		    is_answer(req, ans) && record_all_taken(&r))
			return OK;
	}
	*ans = (struct auth_ans){ .iterations = 0 };
	return fault_set(f, TEMP, "4.3.0", EPROTO, "auth answer");
}

enum outcome
wire_auth_put_handover(
    struct buf *b, const struct auth_handover *handover, struct fault *f)
{
	return wire_write(b, "session", handover_fields, handover, f);
}

enum outcome
wire_auth_get_handover(
    struct span line, struct auth_handover *handover, struct fault *f)
{
	struct record r;

	*handover = (struct auth_handover){ .unread = 0 };
	if (wire_read(line, "session", handover_fields, &r, handover, f) ==
	        OK &&
	    is_whole(&handover->who))
		return OK;
	*handover = (struct auth_handover){ .unread = 0 };
	return fault_set(f, TEMP, "4.3.0", 0, "session request: malformed");
}

/* ---- The ticket. ---- */

/* Several processes read one memfd: its position is shared, so pread. */
enum outcome
auth_ticket_take_key(
    unsigned char key[AUTH_KEY_LEN], bool *given, struct fault *f)
{
	const char *number = getenv(AUTH_KEY_ENV);
	uint64_t fd;
	ssize_t n;

	*given = number != NULL;
	if (number == NULL)
		return OK;
	if (!num_parse(span_of(number), 3, 65535, &fd))
		return fault_set(
		    f, PERM, "5.3.5", 0, AUTH_KEY_ENV " is no descriptor");
	n = pread((int)fd, key, AUTH_KEY_LEN, 0);
	if (n == -1 && errno == ESPIPE)
		n = read((int)fd, key, AUTH_KEY_LEN);
	if (n != AUTH_KEY_LEN)
		return fault_set(f, TEMP, "4.3.0", n == -1 ? errno : 0,
		    "no ticket key on descriptor %d", (int)fd);
	(void)close((int)fd);
	(void)unsetenv(AUTH_KEY_ENV);
	return OK;
}

/* Keyed BLAKE2b-256 over user, path (each with its closing 0) and expiry. */
static void
ticket_hash(const unsigned char key[AUTH_KEY_LEN], const struct auth_ans *ans,
    const unsigned char expiry[8], unsigned char out[32])
{
	crypto_generichash_state state;

	(void)crypto_generichash_init(&state, key, AUTH_KEY_LEN, 32);
	(void)crypto_generichash_update(
	    &state, (const unsigned char *)ans->user, strlen(ans->user) + 1);
	(void)crypto_generichash_update(
	    &state, (const unsigned char *)ans->path, strlen(ans->path) + 1);
	(void)crypto_generichash_update(&state, expiry, 8);
	(void)crypto_generichash_final(&state, out, 32);
	sodium_memzero(&state, sizeof(state));
}

enum outcome
auth_ticket_draw_key(int *fd, struct fault *f)
{
	unsigned char key[AUTH_KEY_LEN];
	enum outcome got = OK;

	randombytes_buf(key, sizeof(key));
	*fd = memfd_create("pneu-key", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (*fd == -1 || write(*fd, key, sizeof(key)) != sizeof(key) ||
	    fcntl(*fd, F_ADD_SEALS,
	        F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0)
		got = fault_set(f, TEMP, "4.3.0", errno, "the key of tickets");
	sodium_memzero(key, sizeof(key));
	return got;
}

void
auth_ticket_make(const unsigned char key[AUTH_KEY_LEN], struct auth_ans *ans)
{
	unsigned char ticket[8 + 32];
	uint64_t expiry_s = clock_wall_ms() / 1000 + AUTH_TICKET_S;

	for (size_t i = 0; i < 8; i++)
		ticket[i] = (unsigned char)(expiry_s >> (56 - 8 * i));
	ticket_hash(key, ans, ticket, ticket + 8);
	(void)sodium_bin2hex(
	    ans->ticket, sizeof(ans->ticket), ticket, sizeof(ticket));
}

void
auth_ticket_for_change(struct auth_ans *ans, const char *hash)
{
	(void)snprintf(ans->path, sizeof(ans->path), "/%s", hash);
}

static enum outcome
refuse_ticket(struct fault *f)
{
	return fault_set(f, TEMP, "4.3.0", 0,
	    "ticket refused: forged, or from another start");
}

enum outcome
auth_ticket_check(const unsigned char key[AUTH_KEY_LEN],
    const struct auth_ans *ans, struct fault *f)
{
	unsigned char ticket[8 + 32], want[32];
	uint64_t expiry_s = 0, now_s = clock_wall_ms() / 1000;
	size_t len = 0;

	if (strlen(ans->ticket) != AUTH_TICKET_LEN ||
	    sodium_hex2bin(ticket, sizeof(ticket), ans->ticket, AUTH_TICKET_LEN,
	        NULL, &len, NULL) != 0 ||
	    len != sizeof(ticket))
		return refuse_ticket(f);
	for (size_t i = 0; i < 8; i++)
		expiry_s = expiry_s << 8 | ticket[i];
	ticket_hash(key, ans, ticket, want);
	if (sodium_memcmp(want, ticket + 8, 32) != 0)
		return refuse_ticket(f);
	/* Upper bound as well: a clock set back must not make it live long. */
	if (expiry_s < now_s || expiry_s > now_s + AUTH_TICKET_S)
		return fault_set(f, TEMP, "4.3.2", ETIME, "ticket refused");
	return OK;
}
