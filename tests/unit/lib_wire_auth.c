/* SPDX-License-Identifier: ISC */
#include "wire_auth.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "clock.h"
#include "tap.h"

static const unsigned char key[AUTH_KEY_LEN] = { 1, 2, 3 };
static const unsigned char other_key[AUTH_KEY_LEN] = { 1, 2, 4 };

static struct auth_ans
bob(void)
{
	struct auth_ans ans = { .user = "bob@example.org",
		.path = "example.org/bob" };

	auth_ticket_make(key, &ans);
	return ans;
}

static bool
opens(const unsigned char *with, const struct auth_ans *ans)
{
	struct fault f;

	return auth_ticket_check(with, ans, &f) == OK;
}

/* A ticket of any time, made as PROTOCOL.md says. */
static struct auth_ans
bob_until(uint64_t expiry_s)
{
	static const char text[] = "bob@example.org\0example.org/bob";
	struct auth_ans ans = { .user = "bob@example.org",
		.path = "example.org/bob" };
	unsigned char hashed[sizeof(text) + 8], ticket[8 + 32];

	for (size_t i = 0; i < 8; i++)
		ticket[i] = (unsigned char)(expiry_s >> (56 - 8 * i));
	memcpy(hashed, text, sizeof(text));
	memcpy(hashed + sizeof(text), ticket, 8);
	(void)crypto_generichash(
	    ticket + 8, 32, hashed, sizeof(hashed), key, AUTH_KEY_LEN);
	(void)sodium_bin2hex(
	    ans.ticket, sizeof(ans.ticket), ticket, sizeof(ticket));
	return ans;
}

static void
test_times(void)
{
	uint64_t now_s = clock_wall_ms() / 1000;
	struct auth_ans good = bob_until(now_s + AUTH_TICKET_S / 2);
	struct auth_ans late = bob_until(now_s - 1);
	struct auth_ans early = bob_until(now_s + 2 * AUTH_TICKET_S);
	struct fault f = FAULT_NONE;

	tap_ok(opens(key, &good), "a ticket is what the protocol says");
	tap_ok(auth_ticket_check(key, &late, &f) == TEMP && f.error == ETIME &&
	        auth_ticket_check(key, &early, &f) == TEMP && f.error == ETIME,
	    "outside its time it opens nothing, and that is told apart");
	late.ticket[AUTH_TICKET_LEN - 1] ^= 1;
	tap_ok(auth_ticket_check(key, &late, &f) == TEMP && f.error == 0,
	    "from one that is forged, whatever its time");
}

static void
test_tickets(void)
{
	struct auth_ans ans = bob(), wrong;
	bool good = true;

	tap_ok(strlen(ans.ticket) == AUTH_TICKET_LEN && opens(key, &ans),
	    "a ticket opens the mailbox it was made for");
	tap_ok(
	    !opens(other_key, &ans), "a ticket of another key opens nothing");
	wrong = ans;
	strcpy(wrong.path, "example.org/ann");
	tap_ok(!opens(key, &wrong), "nor another mailbox");
	wrong = ans;
	strcpy(wrong.user, "ann@example.org");
	tap_ok(!opens(key, &wrong), "nor for another user");
	for (size_t i = 0; i < AUTH_TICKET_LEN; i++) {
		wrong = ans;
		wrong.ticket[i] = wrong.ticket[i] == '0' ? '1' : '0';
		if (opens(key, &wrong))
			good = false;
		wrong.ticket[i] = '\0';
		if (opens(key, &wrong))
			good = false;
	}
	tap_ok(good, "a ticket with any digit changed or cut is none");
	/* user and path are apart in the hash: their octets cannot move over */
	wrong = ans;
	strcpy(wrong.user, "bob@example.orgexample.org/bob");
	wrong.path[0] = '\0';
	tap_ok(!opens(key, &wrong), "a moved border is noticed");
}

static void
test_requests(void)
{
	struct auth_req req = { .user = SPAN_LIT("bob@example.org"),
		.password = SPAN_LIT("a %\0\xFF=b"),
		.ip = SPAN_LIT("192.0.2.7"),
		.service = SPAN_LIT("pop3") };
	struct auth_req proof = { .kind = AUTH_PROOF,
		.user = SPAN_LIT("bob"),
		.message = SPAN_LIT("n=bob,r=a,r=ab,s=cw==,i=4096,c=biws,r=ab"),
		.proof = { 1, 2, 3 } };
	struct auth_req back;
	struct buf b = BUF_INIT(RECORD_MAX);
	struct record r;
	struct fault f;

	tap_ok(wire_auth_put_req(&b, &req, &f) == OK &&
	        wire_auth_get_req(buf_span(&b), &r, &back, &f) == OK &&
	        span_same(back.user, req.user) &&
	        span_same(back.password, req.password) &&
	        span_same(back.ip, req.ip) &&
	        span_same(back.service, req.service),
	    "a request goes there and comes back, any octet in the password");
	tap_ok(wire_auth_get_req(
	           SPAN_LIT("auth user=a password=b"), &r, &back, &f) == OK,
	    "ip= and service= may be left out");
	tap_ok(
	    wire_auth_get_req(SPAN_LIT("auth user=a"), &r, &back, &f) == TEMP &&
	        wire_auth_get_req(SPAN_LIT("auth password=a"), &r, &back, &f) ==
	            TEMP &&
	        wire_auth_get_req(SPAN_LIT("auth user=a password=b root=1"), &r,
	            &back, &f) == TEMP &&
	        wire_auth_get_req(
	            SPAN_LIT("ok user=a password=b"), &r, &back, &f) == TEMP,
	    "anything else is malformed");
	buf_reset(&b);
	tap_ok(wire_auth_put_req(&b, &proof, &f) == OK &&
	        wire_auth_get_req(buf_span(&b), &r, &back, &f) == OK &&
	        back.kind == AUTH_PROOF &&
	        span_same(back.message, proof.message) &&
	        memcmp(back.proof, proof.proof, sizeof(proof.proof)) == 0,
	    "a proof goes there and comes back");
	tap_ok(wire_auth_get_req(SPAN_LIT("scram user=bob"), &r, &back, &f) ==
	            OK &&
	        back.kind == AUTH_SCRAM &&
	        wire_auth_get_req(SPAN_LIT("scram user=bob password=b"), &r,
	            &back, &f) == TEMP,
	    "a question for a salt has no password");
	buf_free(&b);
}

/* What kinds and services are asked, and the answers that they take. */
static void
test_answers(void)
{
	static const struct auth_req pop3 = { .service = { "pop3", 4 } };
	static const struct auth_req smtp = { .service = { "smtp", 4 } };
	static const struct auth_req salt = { .kind = AUTH_SCRAM,
		.service = { "pop3", 4 } };
	static const struct auth_req proof = { .kind = AUTH_PROOF,
		.service = { "smtp", 4 } };
	struct auth_ans ans = bob(), back;
	struct buf b = BUF_INIT(RECORD_MAX);
	struct fault f, why = FAULT_NONE;
	bool good = true;

	tap_ok(wire_auth_put_ans(&b, OK, AUTH_PASSWORD, &ans, &why, &f) == OK &&
	        wire_auth_get_ans(buf_span(&b), &pop3, &back, &f) == OK &&
	        memcmp(&ans, &back, sizeof(ans)) == 0,
	    "an identity goes there and comes back");
	for (size_t n = 0; n + 1 < b.len; n++)
		if (wire_auth_get_ans(
		        span_head(buf_span(&b), n), &pop3, &back, &f) != TEMP ||
		    back.user[0] != '\0' || back.ticket[0] != '\0')
			good = false;
	tap_ok(good, "a truncated identity is nobody");
	tap_ok(wire_auth_get_ans(buf_span(&b), &smtp, &back, &f) == TEMP &&
	        wire_auth_get_ans(SPAN_LIT("ok user=a"), &smtp, &back, &f) ==
	            OK &&
	        wire_auth_get_ans(SPAN_LIT("ok user=a"), &pop3, &back, &f) ==
	            TEMP,
	    "a mailbox is for pop3, and for nobody else");
	buf_reset(&b);
	ans = (struct auth_ans){ .salt = "c2FsdA==", .iterations = 4096 };
	tap_ok(wire_auth_put_ans(&b, OK, AUTH_SCRAM, &ans, &why, &f) == OK &&
	        wire_auth_get_ans(buf_span(&b), &salt, &back, &f) == OK &&
	        back.iterations == 4096 && strcmp(back.salt, ans.salt) == 0 &&
	        wire_auth_get_ans(SPAN_LIT("ok salt=a iterations=4095"), &salt,
	            &back, &f) == TEMP,
	    "a salt goes there and comes back, with enough iterations");
	buf_reset(&b);
	ans = (struct auth_ans){ .user = "bob", .signature = { 7 } };
	tap_ok(wire_auth_put_ans(&b, OK, AUTH_PROOF, &ans, &why, &f) == OK &&
	        wire_auth_get_ans(buf_span(&b), &proof, &back, &f) == OK &&
	        memcmp(&ans, &back, sizeof(ans)) == 0 &&
	        wire_auth_get_ans(buf_span(&b), &smtp, &back, &f) == TEMP,
	    "a signature is of a proof");
	buf_reset(&b);
	(void)fault_set(&why, PERM, "5.7.8", 0, "wrong");
	tap_ok(
	    wire_auth_put_ans(&b, PERM, AUTH_PASSWORD, NULL, &why, &f) == OK &&
	        wire_auth_get_ans(buf_span(&b), &pop3, &back, &f) == PERM &&
	        strcmp(f.code, "5.7.8") == 0,
	    "a refusal goes there and comes back");
	tap_ok(wire_auth_get_ans(SPAN_LIT("ok"), &pop3, &back, &f) == TEMP &&
	        f.error == EPROTO &&
	        wire_auth_get_ans(SPAN_LIT("yes"), &pop3, &back, &f) == TEMP &&
	        f.error == EPROTO &&
	        wire_auth_get_ans(SPAN_LIT("?"), &pop3, &back, &f) == TEMP &&
	        f.error == EPROTO,
	    "ok without an identity is none");
	buf_free(&b);
}

static void
test_handover(void)
{
	struct auth_handover over = {
		.who = bob(), .ip = "192.0.2.7", .port = 65535, .unread = 17
	};
	struct auth_handover back;
	struct buf b = BUF_INIT(RECORD_MAX);
	struct fault f;
	bool good = true;

	tap_ok(wire_auth_put_handover(&b, &over, &f) == OK &&
	        wire_auth_get_handover(buf_span(&b), &back, &f) == OK &&
	        strcmp(back.ip, over.ip) == 0 && back.port == 65535 &&
	        back.unread == 17 && opens(key, &back.who),
	    "a hand-over goes there and comes back, its ticket too");
	for (size_t n = 0; n + sizeof("7\n") - 1 < b.len; n++)
		if (wire_auth_get_handover(
		        span_head(buf_span(&b), n), &back, &f) != TEMP &&
		    n < b.len - 3)
			good = false;
	tap_ok(good, "a truncated hand-over is none");
	over.unread = AUTH_UNREAD_MAX + 1UL;
	buf_reset(&b);
	tap_ok(wire_auth_put_handover(&b, &over, &f) == OK &&
	        wire_auth_get_handover(buf_span(&b), &back, &f) == TEMP,
	    "more unread octets than a stream keeps are refused");
	buf_free(&b);
}

int
main(void)
{
	if (sodium_init() < 0)
		return 1;
	test_tickets();
	test_times();
	test_requests();
	test_answers();
	test_handover();
	return tap_done();
}
