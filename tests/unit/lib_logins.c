/* SPDX-License-Identifier: ISC */
#include "logins.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "tap.h"

#define TICKET                                                                 \
	"00000000000000000000000000000000000000000000000000000000000000000000" \
	"000000000000"

#define RIGHT "ok user=bob@example.org path=example.org/bob ticket=" TICKET "\n"

static struct journal journal;
static struct service asked;
static struct board_debt debts[BOARD_DEBTS];

/* A client on one end of a socket pair, auth on one end of another. */
struct rig {
	struct peer peer;
	struct logins logins;
	int client[2], auth[2];
};

/* auth says that to the next question. */
static void
says(const struct rig *r, const char *answer)
{
	if (write(r->auth[1], answer, strlen(answer)) < 0)
		abort();
}

static void
begin(struct rig *r, const char *answer)
{
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, r->client) != 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, r->auth) != 0)
		abort();
	says(r, answer);
	memset(debts, 0, sizeof(debts));
	service_begin(&asked, "auth", 10000);
	asked.fd = r->auth[0];
	r->peer = (struct peer){ .ip = "192.0.2.7", .hash = 7, .debts = debts };
	r->logins = (struct logins){ .auth = &asked,
		.journal = &journal,
		.service = "pop3",
		.failed_code = "KF",
		.failed_ms = 10,
		.peer = &r->peer,
		.in = r->client[0],
		.deadline_ms = clock_mono_ms() + 60000 };
	buf_reset(&journal.pending);
}

static void
end(struct rig *r)
{
	service_free(&asked);
	(void)close(r->auth[1]);
	(void)close(r->client[0]);
	(void)close(r->client[1]);
}

static enum outcome
try(struct rig *r, struct span password, struct fault *f)
{
	struct auth_ans who;

	*f = FAULT_NONE;
	return logins_try(&r->logins, SPAN_LIT("bob"), password, &who, f);
}

static uint64_t
debt_ms(const struct rig *r)
{
	return serve_debt_ms(&r->peer, SPAN_LIT("bob"), clock_mono_ms());
}

static void
test_answers(void)
{
	struct rig r;
	struct fault f;
	char question[1000];
	ssize_t n;

	begin(&r, "perm code=5.7.8 text=wrong\n");
	tap_ok(try(&r, SPAN_LIT("x"), &f) == PERM && r.logins.failures == 1,
	    "a wrong password is a failure");
	tap_ok(try(&r, SPAN_LIT("a\tb"), &f) == PERM && r.logins.failures == 2,
	    "so is one that none can be");
	says(&r, RIGHT);
	tap_ok(try(&r, SPAN_LIT("y"), &f) == OK && r.logins.failures == 2,
	    "of which auth is not asked");
	n = read(r.auth[1], question, sizeof(question) - 1);
	question[n < 0 ? 0 : n] = '\0';
	if (!tap_ok(
	        strcmp(question,
	            "auth user=bob password=x ip=192.0.2.7 service=pop3\n"
	            "auth user=bob password=y ip=192.0.2.7 service=pop3\n") ==
	            0,
	        "auth hears who tries what, from where"))
		printf("# got %s\n", question);
	says(&r, "temp code=4.3.0 text=broken\n");
	tap_ok(try(&r, SPAN_LIT("z"), &f) == TEMP && r.logins.failures == 2,
	    "what auth cannot say is no failure");
	says(&r, "what\n");
	tap_ok(try(&r, SPAN_LIT("z"), &f) == TEMP && r.logins.failures == 2 &&
	        asked.fd == -1,
	    "a line that is no answer ends the connection to auth");
	end(&r);
}

static void
test_cost(void)
{
	struct fault wrong;
	struct rig r;
	uint64_t begun, took[3];

	(void)fault_set(&wrong, PERM, "5.7.8", 0, "wrong");
	begin(&r, "");
	r.logins.failed_ms = 40;
	for (size_t i = 0; i < 3; i++) {
		begun = clock_mono_ms();
		logins_failed(&r.logins, SPAN_LIT("bob"), &wrong);
		took[i] = clock_mono_ms() - begun;
	}
	tap_ok(took[0] >= 40 && took[1] >= 80 && took[2] >= 160,
	    "each failure takes twice as long as the one before");
	r.logins.failed_ms = 1000;
	wrong.outcome = TEMP;
	begun = clock_mono_ms();
	logins_failed(&r.logins, SPAN_LIT("bob"), &wrong);
	tap_ok(clock_mono_ms() - begun < 1000 && debt_ms(&r) == 0,
	    "what is no guess costs nothing");
	end(&r);
}

static void
test_debt(void)
{
	struct rig r;
	struct fault f;
	uint64_t begun;

	begin(&r, "perm code=5.7.8 text=wrong\n");
	serve_owe(&r.peer, SPAN_LIT("bob"), clock_mono_ms(), 100);
	begun = clock_mono_ms();
	tap_ok(try(&r, SPAN_LIT("x"), &f) == PERM &&
	        clock_mono_ms() - begun >= 100,
	    "what is owed is paid before the next guess");
	end(&r);
}

static void
test_hang_up(void)
{
	struct rig r;
	struct fault f;

	begin(&r, "perm code=5.7.8 text=wrong\n");
	r.logins.failed_ms = 20000;
	(void)shutdown(r.client[1], SHUT_WR);
	tap_ok(try(&r, SPAN_LIT("x"), &f) == PERM && r.logins.over,
	    "a client that hangs up is not waited for");
	tap_ok(debt_ms(&r) > 10000, "but owes it");
	r.logins.over = false;
	tap_ok(try(&r, SPAN_LIT("y"), &f) == TEMP && r.logins.over &&
	        r.logins.failures == 1,
	    "and who owes and is gone has no further guess");
	end(&r);
}

static void
test_deadline(void)
{
	struct rig r;
	struct fault f;
	uint64_t begun = clock_mono_ms();

	begin(&r, "perm code=5.7.8 text=wrong\n");
	r.logins.failed_ms = 20000;
	r.logins.deadline_ms = begun + 50;
	tap_ok(try(&r, SPAN_LIT("x"), &f) == PERM && r.logins.over &&
	        clock_mono_ms() - begun < 20000,
	    "a pause ends with the time that a login has");
	end(&r);
}

int
main(void)
{
	journal_open(&journal, "test");
	test_answers();
	test_cost();
	test_debt();
	test_hang_up();
	test_deadline();
	return tap_done();
}
