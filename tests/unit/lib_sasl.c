/* SPDX-License-Identifier: ISC */
/* An exchange with each mechanism; auth is the other end of a socket pair. */
#include "sasl.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "tap.h"

#define KNOWN "ok user=Bob@example.org\n"
#define SALT  "ok salt=W22ZaJ0SNY7soEsUEjb6gQ== iterations=4096\n"
#define SIGNED                                                                 \
	"ok user=Bob@example.org signature="                                   \
	"0000000000000000000000000000000000000000000000000000000000000000\n"
#define WRONG "perm code=5.7.8 text=wrong\n"
#define PROOF "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

static struct journal journal;
static struct service asked;
static struct board_debt debts[BOARD_DEBTS];
static struct peer peer = { .ip = "192.0.2.7", .debts = debts };
static struct logins logins;
static struct settings settings;
static int client[2], auth[2];

/* auth says that to the next question. */
static void
says(const char *answer)
{
	if (write(auth[1], answer, strlen(answer)) < 0)
		abort();
}

static void
begin(const char *answer)
{
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, client) != 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, auth) != 0)
		abort();
	says(answer);
	memset(debts, 0, sizeof(debts));
	service_begin(&asked, "auth", 10000);
	asked.fd = auth[0];
	logins = (struct logins){ .auth = &asked,
		.journal = &journal,
		.service = AUTH_SMTP,
		.failed_code = "9F",
		.failed_ms = 0,
		.peer = &peer,
		.in = client[0],
		.deadline_ms = clock_mono_ms() + 60000 };
	buf_reset(&journal.pending);
}

static void
end(void)
{
	service_free(&asked);
	(void)close(auth[1]);
	(void)close(client[0]);
	(void)close(client[1]);
}

static struct span
base64(struct buf *b, const char *text, size_t len)
{
	buf_reset(b);
	scram_encode(b, text, len);
	return buf_span(b);
}

/* ---- one line says all ---- */

#define TEXT(literal) literal, sizeof(literal) - 1

static const struct {
	const char *title;
	const char *response;
	size_t len;
	const char *answers;
	enum sasl_result want;
	uint64_t failures;
} plains[] = {
	{ "PLAIN", TEXT("\0bob\0secret"), KNOWN, SASL_DONE, 0 },
	{ "PLAIN, as himself", TEXT("BOB@example.org\0bob\0secret"), KNOWN,
	    SASL_DONE, 0 },
	{ "PLAIN, as another", TEXT("ann\0bob\0secret"), KNOWN, SASL_FAILED,
	    1 },
	{ "a wrong password", TEXT("\0bob\0no"), WRONG, SASL_FAILED, 1 },
	{ "auth cannot say", TEXT("\0bob\0no"), "temp code=4.3.0 text=x\n",
	    SASL_FAILED, 0 },
	{ "he is locked out", TEXT("\0bob\0no"), "temp code=4.7.0 text=x\n",
	    SASL_FAILED, 1 },
	{ "one part", TEXT("bob"), "", SASL_MALFORMED, 0 },
	{ "two parts", TEXT("\0bob"), "", SASL_MALFORMED, 0 },
	{ "four parts", TEXT("\0bob\0a\0b"), "", SASL_MALFORMED, 0 },
	{ "no name", TEXT("\0\0secret"), "", SASL_MALFORMED, 0 },
	{ "no password", TEXT("\0bob\0"), "", SASL_MALFORMED, 0 },
};

static void
test_plain(void)
{
	struct buf b = BUF_INIT(SASL_LINE_MAX);
	struct sasl_offer offer;
	struct fault why;
	struct sasl s;

	sasl_offer_make(&offer, &settings);
	for (size_t i = 0; i < sizeof(plains) / sizeof(plains[0]); i++) {
		enum sasl_result got;

		begin(plains[i].answers);
		got = sasl_begin(&s, &logins, &offer, SASL_PLAIN,
		    base64(&b, plains[i].response, plains[i].len), &why);
		tap_ok(got == plains[i].want &&
		        logins.failures == plains[i].failures &&
		        (got != SASL_DONE ||
		            strcmp(s.who.user, "Bob@example.org") == 0),
		    "%s", plains[i].title);
		sasl_end(&s);
		end();
	}
	begin("");
	tap_ok(sasl_begin(&s, &logins, &offer, SASL_PLAIN, SPAN_EMPTY, &why) ==
	            SASL_MORE &&
	        s.text.len == 0 &&
	        sasl_next(&s, SPAN_LIT("*"), &why) == SASL_CANCELLED,
	    "without a response one is asked for, and * cancels");
	sasl_end(&s);
	tap_ok(sasl_begin(&s, &logins, &offer, SASL_PLAIN, SPAN_LIT("="),
	           &why) == SASL_MALFORMED,
	    "= is an empty one");
	sasl_end(&s);
	end();
	buf_free(&b);
}

/* ---- SCRAM ---- */

/* The binding's data are four octets, 0 to 3. */
static const struct {
	const char *title, *first, *c;
	size_t c_len;
	enum sasl_mechanism mechanism;
	bool has_channel;
	enum sasl_result want_first, want_final;
} scrams[] = {
	{ "SCRAM", "n,,n=bob,r=abc", TEXT("n,,"), SASL_SCRAM, false, SASL_MORE,
	    SASL_MORE },
	{ "SCRAM where -PLUS was offered", "n,,n=bob,r=abc", TEXT("n,,"),
	    SASL_SCRAM, true, SASL_MORE, SASL_MORE },
	{ "SCRAM, and it could bind where nobody offered that",
	    "y,,n=bob,r=abc", TEXT("y,,"), SASL_SCRAM, false, SASL_MORE,
	    SASL_MORE },
	{ "a downgrade: it could bind, and was not told", "y,,n=bob,r=abc",
	    TEXT(""), SASL_SCRAM, true, SASL_FAILED, SASL_FAILED },
	{ "-PLUS", "p=tls-exporter,,n=bob,r=abc",
	    TEXT("p=tls-exporter,,\0\1\2\3"), SASL_SCRAM_PLUS, true, SASL_MORE,
	    SASL_MORE },
	{ "-PLUS over another channel", "p=tls-exporter,,n=bob,r=abc",
	    TEXT("p=tls-exporter,,\0\1\2\4"), SASL_SCRAM_PLUS, true, SASL_MORE,
	    SASL_FAILED },
	{ "-PLUS without the channel's data", "p=tls-exporter,,n=bob,r=abc",
	    TEXT("p=tls-exporter,,"), SASL_SCRAM_PLUS, true, SASL_MORE,
	    SASL_FAILED },
	{ "-PLUS by a type that is not offered", "p=tls-unique,,n=bob,r=abc",
	    TEXT(""), SASL_SCRAM_PLUS, true, SASL_MALFORMED, SASL_FAILED },
	{ "-PLUS without a binding", "n,,n=bob,r=abc", TEXT(""),
	    SASL_SCRAM_PLUS, true, SASL_MALFORMED, SASL_FAILED },
	{ "a binding without -PLUS", "p=tls-exporter,,n=bob,r=abc", TEXT(""),
	    SASL_SCRAM, true, SASL_MALFORMED, SASL_FAILED },
	{ "another header at last than at first", "n,,n=bob,r=abc", TEXT("y,,"),
	    SASL_SCRAM, false, SASL_MORE, SASL_FAILED },
	{ "SCRAM as another", "n,a=ann,n=bob,r=abc", TEXT("n,a=ann,"),
	    SASL_SCRAM, false, SASL_MORE, SASL_FAILED },
	{ "no SCRAM message", "bob", TEXT(""), SASL_SCRAM, false,
	    SASL_MALFORMED, SASL_FAILED },
};

/* The last message of the client: with the nonce as it is by now. */
static struct span
final_message(struct buf *b, const struct sasl *s, const char *c, size_t len)
{
	struct buf text = BUF_INIT(SCRAM_MESSAGE_MAX);

	buf_adds(&text, "c=");
	scram_encode(&text, c, len);
	buf_adds(&text, ",r=");
	buf_add(&text, buf_span(&s->nonce));
	buf_adds(&text, ",p=" PROOF);
	(void)base64(b, text.p, text.len);
	buf_free(&text);
	return buf_span(b);
}

static void
test_scram(void)
{
	struct buf b = BUF_INIT(SASL_LINE_MAX);
	struct sasl_offer offer;
	struct fault why;
	struct sasl s;

	for (size_t i = 0; i < sizeof(scrams) / sizeof(scrams[0]); i++) {
		enum sasl_result first, final = SASL_FAILED;

		begin(SALT);
		sasl_offer_make(&offer, &settings);
		if (scrams[i].has_channel)
			sasl_offer_binding(
			    &offer, SASL_EXPORTER, "\0\1\2\3", 4);
		first = sasl_begin(&s, &logins, &offer, scrams[i].mechanism,
		    base64(&b, scrams[i].first, strlen(scrams[i].first)), &why);
		if (first == SASL_MORE) {
			says(SIGNED);
			final = sasl_next(&s,
			    final_message(&b, &s, scrams[i].c, scrams[i].c_len),
			    &why);
		}
		tap_ok(first == scrams[i].want_first &&
		        final == scrams[i].want_final &&
		        (final != SASL_MORE ||
		            sasl_next(&s, SPAN_EMPTY, &why) == SASL_DONE),
		    "%s", scrams[i].title);
		sasl_end(&s);
		end();
	}
	begin(SALT);
	(void)sasl_begin(&s, &logins, &offer, SASL_SCRAM,
	    base64(&b, TEXT("n,,n=bob,r=abc")), &why);
	s.nonce.p[s.nonce.len - 1] ^= 1;
	(void)final_message(&b, &s, TEXT("n,,"));
	s.nonce.p[s.nonce.len - 1] ^= 1;
	tap_ok(sasl_next(&s, buf_span(&b), &why) == SASL_FAILED &&
	        logins.failures == 1,
	    "another nonce, of which auth is not asked");
	sasl_end(&s);
	end();
	buf_free(&b);
}

/* What is longest: a nonce, and what stands before the name. */
static void
test_scram_bounds(void)
{
	struct buf b = BUF_INIT(SASL_LINE_MAX), text = BUF_INIT(4096);
	struct sasl_offer offer;
	struct fault why;
	struct sasl s;

	begin(SALT);
	sasl_offer_make(&offer, &settings);
	sasl_offer_binding(&offer, SASL_EXPORTER, "\0\1\2\3", 4);
	buf_adds(&text, "n,,n=bob,r=");
	for (size_t i = 0; i < SCRAM_NONCE_MAX; i++)
		buf_addc(&text, 'x');
	tap_ok(sasl_begin(&s, &logins, &offer, SASL_SCRAM,
	           base64(&b, text.p, text.len), &why) == SASL_MORE &&
	        s.nonce.len == SCRAM_NONCE_MAX + SCRAM_NONCE_OURS,
	    "to the longest nonce of a client ours is added");
	sasl_end(&s);
	buf_reset(&text);
	buf_adds(&text, "p=tls-exporter,a=");
	for (size_t i = 0; i < 164; i++)
		buf_adds(&text, "=2C");
	buf_addc(&text, ',');
	tap_ok(text.len > 508 && text.len <= 512,
	    "a header of %zu octets leaves no room for the channel's data",
	    text.len);
	buf_adds(&text, "n=bob,r=abc");
	says(SALT);
	tap_ok(sasl_begin(&s, &logins, &offer, SASL_SCRAM_PLUS,
	           base64(&b, text.p, text.len), &why) == SASL_MALFORMED,
	    "and is refused, so that they are not left out");
	sasl_end(&s);
	end();
	buf_free(&text);
	buf_free(&b);
}

/* ---- LOGIN, and what is offered ---- */

static void
test_login(void)
{
	struct sasl_offer offer = { .mechanisms = SASL_HAS(SASL_LOGIN) };
	struct fault why;
	struct sasl s;

	begin(KNOWN);
	tap_ok(sasl_begin(&s, &logins, &offer, SASL_LOGIN, SPAN_EMPTY, &why) ==
	            SASL_MORE &&
	        sasl_next(&s, SPAN_LIT("Ym9i"), &why) == SASL_MORE &&
	        sasl_next(&s, SPAN_LIT("c2VjcmV0"), &why) == SASL_DONE,
	    "LOGIN asks twice");
	sasl_end(&s);
	tap_ok(sasl_begin(&s, &logins, &offer, SASL_LOGIN, SPAN_LIT("Ym9i"),
	           &why) == SASL_MORE &&
	        sasl_next(&s, SPAN_EMPTY, &why) == SASL_MALFORMED,
	    "an empty password is none");
	sasl_end(&s);
	end();
}

static void
test_offer(void)
{
	char names[SASL_NAMES_MAX];
	struct sasl_offer offer;
	enum sasl_mechanism m;

	sasl_offer_make(&offer, &settings);
	sasl_offer_binding(&offer, SASL_EXPORTER, "", 0);
	sasl_names(offer.mechanisms, names);
	tap_ok(strcmp(names, "SCRAM-SHA-256 PLAIN") == 0,
	    "without a channel nothing is bound");
	sasl_offer_binding(&offer, SASL_EXPORTER, "x", 1);
	sasl_names(offer.mechanisms | SASL_HAS(SASL_LOGIN), names);
	tap_ok(
	    strcmp(names, "SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN") == 0,
	    "all of them have room");
	tap_ok(sasl_find(SPAN_LIT("scram-sha-256"), &m) && m == SASL_SCRAM &&
	        !sasl_find(SPAN_LIT("SCRAM-SHA-2"), &m),
	    "a name is found whole, in any case");
	settings.resolve.scram = 0;
	sasl_offer_make(&offer, &settings);
	sasl_offer_binding(&offer, SASL_EXPORTER, "x", 1);
	sasl_names(offer.mechanisms, names);
	tap_ok(strcmp(names, "PLAIN") == 0, "without SCRAM neither is -PLUS");
	settings.resolve.plaintext = PLAINTEXT_LOOPBACK;
	tap_ok(sasl_is_open(&settings, true, false) &&
	        sasl_is_open(&settings, false, true) &&
	        !sasl_is_open(&settings, false, false),
	    "without TLS from this machine, where that is set");
}

int
main(void)
{
	if (sodium_init() < 0)
		return 1;
	settings.resolve.scram = 1;
	journal_open(&journal, "test");
	test_plain();
	test_scram();
	test_scram_bounds();
	test_login();
	test_offer();
	return tap_done();
}
