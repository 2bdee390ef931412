/* SPDX-License-Identifier: ISC */
#include "lockouts.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tap.h"

#define NOW     1000000UL
#define ACCOUNT 3
#define ADDRESS 5
#define BOB     SPAN_LIT("bob@example.org")
#define BAD     SPAN_LIT("192.0.2.66") /* a stranger */
#define HOME    SPAN_LIT("198.51.100.7") /* where Bob is known */

static const struct settings settings = {
	.resolve = { .failures_window_ms = 900000,
	    .account_failures = ACCOUNT,
	    .address_failures = ADDRESS },
};
static struct fault f;

static struct lockouts
empty(void)
{
	struct lockouts l;

	if (lockouts_open(&l, -1, &settings, &f) != OK)
		abort();
	return l;
}

/* So many failures of a name from an address; what the last one locked. */
static unsigned
fail(struct lockouts *l, int times, struct span who, struct span ip,
    uint64_t now)
{
	unsigned locked = 0;

	while (times-- > 0)
		locked = lockouts_failed(l, who, ip, now);
	return locked;
}

static void
test_account(void)
{
	struct lockouts l = empty();
	char ip[32];

	for (int i = 0; i < ACCOUNT - 1; i++) {
		(void)snprintf(ip, sizeof(ip), "192.0.2.%d", i + 1);
		(void)fail(&l, 1, BOB, span_of(ip), NOW);
	}
	tap_ok(!lockouts_has(&l, BOB, BAD, NOW),
	    "one failure fewer locks nobody out");
	tap_ok(fail(&l, 1, BOB, BAD, NOW) == 1U << LOCKOUT_ACCOUNT &&
	        lockouts_has(&l, BOB, BAD, NOW) &&
	        lockouts_has(&l, BOB, HOME, NOW),
	    "so many, from wherever they come, lock the account out");
	tap_ok(!lockouts_has(&l, SPAN_LIT("ann@example.org"), BAD, NOW),
	    "no other account");
	tap_ok(fail(&l, 1, BOB, BAD, NOW + 100) == 0 &&
	        lockouts_has(&l, BOB, BAD, NOW + 899) &&
	        !lockouts_has(&l, BOB, BAD, NOW + 900),
	    "for one window, which what fails meanwhile does not prolong");
	tap_ok(fail(&l, ACCOUNT - 1, BOB, BAD, NOW + 900) == 0 &&
	        fail(&l, 1, BOB, BAD, NOW + 901) != 0,
	    "then it begins anew");
	lockouts_close(&l);
}

static void
test_window(void)
{
	struct lockouts l = empty();

	(void)fail(&l, ACCOUNT - 1, BOB, BAD, NOW);
	tap_ok(fail(&l, 1, BOB, BAD, NOW + 900) == 0 &&
	        !lockouts_has(&l, BOB, BAD, NOW + 900),
	    "failures are forgotten when their window ends");
	lockouts_close(&l);
}

static void
test_address(void)
{
	struct lockouts l = empty();
	char who[32];

	for (int i = 0; i < ADDRESS; i++) {
		(void)snprintf(who, sizeof(who), "user%d@example.org", i);
		(void)fail(&l, 1, span_of(who), BAD, NOW);
	}
	tap_ok(lockouts_has(&l, BOB, BAD, NOW) &&
	        !lockouts_has(&l, BOB, SPAN_LIT("192.0.2.67"), NOW),
	    "an address that tries many names is locked out, for all of them");
	(void)fail(&l, ADDRESS, SPAN_LIT("x"), SPAN_LIT("2001:db8::1"), NOW);
	tap_ok(lockouts_has(&l, BOB, SPAN_LIT("2001:db8::ffff:1"), NOW) &&
	        !lockouts_has(&l, BOB, SPAN_LIT("2001:db8:0:1::1"), NOW),
	    "of IPv6 it is the /64");
	(void)fail(&l, 100, SPAN_LIT("y"), SPAN_LIT("127.0.0.1"), NOW);
	(void)fail(&l, 100, SPAN_LIT("y"), SPAN_LIT("::1"), NOW);
	(void)fail(&l, 100, SPAN_LIT("y"), SPAN_EMPTY, NOW);
	tap_ok(!lockouts_has(&l, BOB, SPAN_LIT("127.0.0.1"), NOW) &&
	        !lockouts_has(&l, BOB, SPAN_LIT("::1"), NOW) &&
	        !lockouts_has(&l, BOB, SPAN_EMPTY, NOW) &&
	        lockouts_has(&l, SPAN_LIT("y"), SPAN_LIT("127.0.0.1"), NOW),
	    "of this machine only the names count");
	lockouts_close(&l);
}

/* A stranger cannot lock out an owner who has been there before. */
static void
test_known(void)
{
	struct lockouts l = empty();

	lockouts_succeeded(&l, BOB, HOME, NOW);
	(void)fail(&l, 2 * ACCOUNT, BOB, BAD, NOW);
	tap_ok(lockouts_has(&l, BOB, BAD, NOW) &&
	        !lockouts_has(&l, BOB, HOME, NOW),
	    "who is known at an address is not locked out by others");
	(void)fail(&l, ADDRESS - 1, SPAN_LIT("c"), HOME, NOW);
	tap_ok(lockouts_has(&l, SPAN_LIT("c"), BAD, NOW) &&
	        lockouts_has(&l, SPAN_LIT("c"), HOME, NOW),
	    "he is known there as that account only");
	tap_ok(fail(&l, 1, BOB, HOME, NOW) == 1U << LOCKOUT_ADDRESS &&
	        lockouts_has(&l, BOB, HOME, NOW),
	    "and his own failures count for the address");
	lockouts_close(&l);
	l = empty();
	lockouts_succeeded(&l, BOB, HOME, NOW);
	tap_ok(fail(&l, ACCOUNT, BOB, HOME, NOW) == 0 &&
	        !lockouts_has(&l, BOB, SPAN_LIT("203.0.113.1"), NOW),
	    "and not for the account");
	(void)fail(&l, ACCOUNT, BOB, BAD, NOW + 40UL * 24 * 3600);
	tap_ok(lockouts_has(&l, BOB, HOME, NOW + 40UL * 24 * 3600),
	    "for thirty days from the last login");
	lockouts_succeeded(&l, BOB, SPAN_LIT("127.0.0.1"), NOW);
	(void)fail(&l, ACCOUNT, BOB, BAD, NOW + 1);
	tap_ok(lockouts_has(&l, BOB, SPAN_LIT("127.0.0.1"), NOW + 1),
	    "nobody becomes known by an address of this machine");
	lockouts_close(&l);
}

static void
test_operator(void)
{
	struct lockouts l = empty();
	struct lockout who;
	size_t at = 0;

	(void)fail(&l, 1, SPAN_LIT("ann@example.org"), BAD, NOW);
	(void)fail(&l, ADDRESS, BOB, SPAN_LIT("2001:db8::1"), NOW);
	tap_ok(lockouts_next(&l, NOW, &at, &who) &&
	        lockouts_next(&l, NOW, &at, &who) &&
	        !lockouts_next(&l, NOW, &at, &who),
	    "those that are locked out are shown, and no others");
	tap_ok(lockouts_forget(&l, SPAN_LIT("BOB@example.org")) &&
	        lockouts_has(&l, BOB, SPAN_LIT("2001:db8::1"), NOW) &&
	        lockouts_forget(&l, SPAN_LIT("2001:db8::77")) &&
	        !lockouts_has(&l, BOB, SPAN_LIT("2001:db8::1"), NOW),
	    "each is let in again by its name, an address by its network");
	tap_ok(!lockouts_forget(&l, SPAN_LIT("carl@example.org")),
	    "of whom nothing is counted, that is said");
	lockouts_close(&l);
}

static void
test_memory(void)
{
	int fd = memfd_create("lockouts", MFD_CLOEXEC);
	struct lockouts a, b;
	char who[64];

	if (lockouts_open(&a, fd, &settings, &f) != OK)
		abort();
	(void)fail(&a, ACCOUNT, BOB, BAD, NOW);
	tap_ok(lockouts_open(&b, fd, &settings, &f) == OK &&
	        lockouts_has(&b, BOB, HOME, NOW),
	    "what one process counts the others see");
	lockouts_close(&b);
	/* Strangers try names without end: who is locked out stays so. */
	for (int i = 0; i < 100000; i++) {
		(void)snprintf(who, sizeof(who), "%d@example.org", i);
		(void)fail(&a, 1, span_of(who), SPAN_EMPTY, NOW);
	}
	tap_ok(lockouts_has(&a, BOB, HOME, NOW),
	    "a flood of names does not let in who is locked out");
	lockouts_close(&a);
	if (pwrite(fd, "garbage!", 8, 0) != 8)
		abort();
	tap_ok(lockouts_open(&b, fd, &settings, &f) == OK &&
	        !lockouts_has(&b, BOB, HOME, NOW),
	    "memory that is not ours is emptied");
	lockouts_close(&b);
	(void)close(fd);
}

static void
test_off(void)
{
	static const struct settings off = { .resolve = { .failures_window_ms =
		                                              900000 } };
	struct lockouts l;

	if (lockouts_open(&l, -1, &off, &f) != OK)
		abort();
	tap_ok(fail(&l, 1000, BOB, BAD, NOW) == 0 &&
	        !lockouts_has(&l, BOB, BAD, NOW),
	    "0 is no limit");
	lockouts_close(&l);
}

int
main(void)
{
	if (sodium_init() < 0)
		return 1;
	test_account();
	test_window();
	test_address();
	test_known();
	test_operator();
	test_memory();
	test_off();
	return tap_done();
}
