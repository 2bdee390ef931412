/* SPDX-License-Identifier: ISC */
/*
 * An exchange: the first octet chooses the mechanism and what is offered, the
 * lines that follow are the client's. auth says yes to all; our half of a nonce
 * is all zeros, so that a proof can follow.
 */
#include <sodium.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "sasl.h"

#define KNOWN "ok user=Bob@example.org\n"
#define SALT  "ok salt=W22ZaJ0SNY7soEsUEjb6gQ== iterations=4096\n"
#define SIGNED                                                                 \
	"ok user=Bob@example.org signature="                                   \
	"0000000000000000000000000000000000000000000000000000000000000000\n"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *
no_name(void)
{
	return "zeros";
}

static uint32_t
no_random(void)
{
	return 0;
}

static void
no_octets(void *const out, const size_t len)
{
	memset(out, 0, len);
}

/* To the next question. */
static void
says(int auth, const char *answer)
{
	if (write(auth, answer, strlen(answer)) < 0)
		abort();
}

static enum sasl_result
exchange(struct sasl *s, struct logins *logins, const struct sasl_offer *offer,
    enum sasl_mechanism mechanism, int auth, struct span rest)
{
	enum sasl_result got;
	struct span line;
	struct fault why;

	if (!span_next(&rest, '\n', &line))
		return SASL_CANCELLED;
	says(auth, mechanism <= SASL_SCRAM ? SALT : KNOWN);
	got = sasl_begin(s, logins, offer, mechanism, line, &why);
	for (int i = 0; got == SASL_MORE && span_next(&rest, '\n', &line);
	     i++) {
		if (s->text.len > SASL_TEXT_MAX || i > 4)
			abort(); /* no mechanism has as many steps */
		if (mechanism <= SASL_SCRAM && s->step == 2)
			says(auth, SIGNED);
		got = sasl_next(s, line, &why);
	}
	if (got == SASL_DONE &&
	    (s->user[0] == '\0' || strcmp(s->who.user, "Bob@example.org") != 0))
		abort();
	sasl_end(s);
	return got;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct randombytes_implementation zeros = { no_name, no_random,
		NULL, NULL, no_octets, NULL };
	static struct settings settings;
	static struct board_debt debts[BOARD_DEBTS];
	static struct peer peer = { .ip = "192.0.2.7", .debts = debts };
	struct journal journal;
	enum sasl_mechanism mechanism;
	struct service service;
	struct sasl_offer offer;
	struct logins logins;
	struct sasl s = { .step = 0 };
	int auth[2];

	if (size == 0)
		return 0;
	(void)randombytes_set_implementation(&zeros);
	journal_open(&journal, "fuzz");
	settings.resolve.scram = 1;
	memset(debts, 0, sizeof(debts));
	mechanism = (enum sasl_mechanism)(data[0] % SASL_MECHANISMS);
	sasl_offer_make(&offer, &settings);
	if ((data[0] & 16) != 0 || mechanism == SASL_SCRAM_PLUS)
		sasl_offer_binding(&offer, SASL_EXPORTER, "\0\1\2\3", 4);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, auth) != 0)
		abort();
	service_begin(&service, "auth", 10000);
	service.fd = auth[0];
	logins = (struct logins){ .auth = &service,
		.journal = &journal,
		.service = AUTH_SMTP,
		.failed_code = "9F",
		.peer = &peer,
		.in = -1,
		.deadline_ms = clock_mono_ms() + 60000 };
	(void)exchange(&s, &logins, &offer, mechanism, auth[1],
	    (struct span){ (const char *)data + 1, size - 1 });
	service_free(&service);
	(void)close(auth[1]);
	journal_close(&journal);
	return 0;
}
