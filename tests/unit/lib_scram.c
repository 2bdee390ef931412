/* SPDX-License-Identifier: ISC */
#include "scram.h"

#include <sodium.h>
#include <string.h>

#include "tap.h"

static const struct {
	const char *title, *in, *user, *authzid, *nonce, *header;
	enum scram_flag flag;
	enum outcome want;
} firsts[] = {
	{ "RFC 7677 3", "n,,n=user,r=rOprNGfwEbeRWgbNEkqO", "user", "",
	    "rOprNGfwEbeRWgbNEkqO", "n,,", SCRAM_NOT, OK },
	{ "RFC 5802 5", "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL", "user", "",
	    "fyko+d2lbbFgONRv9qkxdawL", "n,,", SCRAM_NOT, OK },
	{ "a client that could bind", "y,,n=a,r=x", "a", "", "x", "y,,",
	    SCRAM_COULD, OK },
	{ "one that does", "p=tls-exporter,,n=a,r=x", "a", "", "x",
	    "p=tls-exporter,,", SCRAM_BINDS, OK },
	{ "an authorization identity", "n,a=b=2Cc,n=a=3Db,r=x", "a=b", "b,c",
	    "x", "n,a=b=2Cc,", SCRAM_NOT, OK },
	{ "an extension", "n,,n=a,r=x,z=1", "a", "", "x", "n,,", SCRAM_NOT,
	    OK },
	{ "a mandatory one", "n,,m=1,n=a,r=x", "", "", "", "", SCRAM_NOT,
	    PERM },
	{ "no flag", ",,n=a,r=x", "", "", "", "", SCRAM_NOT, PERM },
	{ "another flag", "x,,n=a,r=x", "", "", "", "", SCRAM_NOT, PERM },
	{ "no type", "p=,,n=a,r=x", "", "", "", "", SCRAM_NOT, PERM },
	{ "no comma", "n,n=a,r=x", "", "", "", "", SCRAM_NOT, PERM },
	{ "no name", "n,,n=,r=x", "", "", "", "", SCRAM_NOT, PERM },
	{ "no nonce", "n,,n=a,r=", "", "", "", "", SCRAM_NOT, PERM },
	{ "nothing", "", "", "", "", "", SCRAM_NOT, PERM },
	{ "the wrong order", "n,,r=x,n=a", "", "", "", "", SCRAM_NOT, PERM },
	{ "= alone", "n,,n=a=b,r=x", "", "", "", "", SCRAM_NOT, PERM },
	{ "=2c in small letters", "n,,n=a=2c,r=x", "", "", "", "", SCRAM_NOT,
	    PERM },
	{ "=23D", "n,,n=a=23D,r=x", "", "", "", "", SCRAM_NOT, PERM },
	{ "a cut escape", "n,,n=a=2,r=x", "", "", "", "", SCRAM_NOT, PERM },
	{ "an octet that is no UTF-8", "n,,n=a\xff,r=x", "", "", "", "",
	    SCRAM_NOT, PERM },
	{ "a control character", "n,,n=a\x01,r=x", "", "", "", "", SCRAM_NOT,
	    PERM },
	{ "a space in the nonce", "n,,n=a,r=x y", "", "", "", "", SCRAM_NOT,
	    PERM },
	{ "an extension without a value", "n,,n=a,r=x,z=", "", "", "", "",
	    SCRAM_NOT, PERM },
};

static void
test_first(void)
{
	struct scram_first m;
	struct fault f;

	for (size_t i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++) {
		enum outcome got =
		    scram_first_parse(span_of(firsts[i].in), &m, &f);

		tap_ok(got == firsts[i].want &&
		        (got != OK ||
		            (m.flag == firsts[i].flag &&
		                strcmp(m.user, firsts[i].user) == 0 &&
		                strcmp(m.authzid, firsts[i].authzid) == 0 &&
		                span_eq(m.nonce, firsts[i].nonce) &&
		                span_eq(m.header, firsts[i].header))),
		    "%s: %s", firsts[i].title,
		    firsts[i].want == OK ? "taken" : "refused");
	}
}

static void
test_bounds(void)
{
	struct scram_first m;
	struct buf b = BUF_INIT(4096);
	struct fault f;

	buf_adds(&b, "n,,n=a,r=");
	for (size_t i = 0; i < SCRAM_NONCE_MAX; i++)
		buf_addc(&b, 'x');
	tap_ok(scram_first_parse(buf_span(&b), &m, &f) == OK,
	    "a nonce of %d octets is taken", SCRAM_NONCE_MAX);
	buf_addc(&b, 'x');
	tap_ok(scram_first_parse(buf_span(&b), &m, &f) == PERM,
	    "a longer one is not");
	buf_reset(&b);
	buf_adds(&b, "n,,n=");
	for (size_t i = 0; i < SCRAM_USER_MAX; i++)
		buf_adds(&b, "x");
	buf_adds(&b, ",r=x");
	tap_ok(scram_first_parse(buf_span(&b), &m, &f) == OK,
	    "so is a name of %d octets", (int)SCRAM_USER_MAX);
	buf_reset(&b);
	buf_adds(&b, "n,,n=");
	for (size_t i = 0; i < SCRAM_USER_MAX + 1; i++)
		buf_adds(&b, "x");
	buf_adds(&b, ",r=x");
	tap_ok(scram_first_parse(buf_span(&b), &m, &f) == PERM,
	    "and not a longer one");
	buf_free(&b);
}

#define PROOF "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="

static const struct {
	const char *title, *in, *nonce, *bare;
	enum outcome want;
} finals[] = {
	{ "RFC 7677 3",
	    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
	    "p=" PROOF,
	    "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
	    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0", OK },
	{ "an extension", "c=biws,r=x,z=1,p=" PROOF, "x", "c=biws,r=x,z=1",
	    OK },
	{ "no proof", "c=biws,r=x", "", "", PERM },
	{ "a proof of another length", "c=biws,r=x,p=AAAA", "", "", PERM },
	{ "a proof that is not the last", "c=biws,r=x,p=" PROOF ",z=1", "", "",
	    PERM },
	{ "no binding", "r=x,p=" PROOF, "", "", PERM },
	{ "a binding that is no base64", "c=b!ws,r=x,p=" PROOF, "", "", PERM },
	{ "nothing else", ",p=" PROOF, "", "", PERM },
	{ "the wrong order", "r=x,c=biws,p=" PROOF, "", "", PERM },
};

static void
test_final(void)
{
	struct scram_final m;
	struct fault f;

	for (size_t i = 0; i < sizeof(finals) / sizeof(finals[0]); i++) {
		enum outcome got =
		    scram_final_parse(span_of(finals[i].in), &m, &f);

		tap_ok(got == finals[i].want &&
		        (got != OK ||
		            (span_eq(m.nonce, finals[i].nonce) &&
		                span_eq(m.bare, finals[i].bare) &&
		                m.binding_len == 3 &&
		                memcmp(m.binding, "n,,", 3) == 0)),
		    "final: %s: %s", finals[i].title,
		    finals[i].want == OK ? "taken" : "refused");
	}
}

static void
test_base64(void)
{
	static const char *const wrong[] = { "====", "A", "AA", "AAA",
		"AA=", "AA==\r", " AA==", "AA==AA==", "AA=A",
		"A===", "AB==", "AAB=", "AA-_", "AAAAA" };
	unsigned char out[8];
	bool good = true;
	size_t len;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (scram_decode(span_of(wrong[i]), out, sizeof(out), &len)) {
			printf("# taken: %s\n", wrong[i]);
			good = false;
		}
	tap_ok(good, "base64 of another form is refused, bits left over too");
	tap_ok(scram_decode(SPAN_LIT("QUI="), out, sizeof(out), &len) &&
	        len == 2 && memcmp(out, "AB", 2) == 0 &&
	        scram_decode(SPAN_EMPTY, out, sizeof(out), &len) && len == 0 &&
	        scram_decode(SPAN_LIT("AAAAAAAAAAA="), out, 8, &len) &&
	        !scram_decode(SPAN_LIT("AAAAAAAAAAAA"), out, 8, &len),
	    "its own is taken, up to what there is room for");
}

int
main(void)
{
	if (sodium_init() < 0)
		return 1;
	test_first();
	test_bounds();
	test_final();
	test_base64();
	return tap_done();
}
