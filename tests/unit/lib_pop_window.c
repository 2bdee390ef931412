/* SPDX-License-Identifier: ISC */
#include "pop_window.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tap.h"

static struct net_addr
address(const char *text)
{
	struct net_addr a;

	if (!net_parse_addr(span_of(text), &a))
		abort();
	return a;
}

int
main(void)
{
	char path[] = "/tmp/pneu-unit-window.XXXXXX", number[16];
	struct net_addr a = address("192.0.2.7"), b = address("2001:db8::7");
	struct pop_window writer, reader;
	uint64_t since = 0, now = 1000000000;
	size_t kept = 0;
	int fd = mkstemp(path);

	if (fd == -1 || ftruncate(fd, (off_t)POP_WINDOW_OCTETS) != 0)
		abort();
	(void)snprintf(number, sizeof(number), "%d", dup(fd));
	(void)setenv(POP_WINDOW_ENV, number, 1);
	pop_window_open(&writer, true);
	(void)snprintf(
	    number, sizeof(number), "%d", open(path, O_RDONLY | O_CLOEXEC));
	(void)setenv(POP_WINDOW_ENV, number, 1);
	pop_window_open(&reader, false);
	tap_ok(writer.table != NULL && reader.table != NULL,
	    "one process writes, another reads");
	tap_ok(!pop_window_has(&reader, &a, now, 60000, &since),
	    "nobody has logged in");
	pop_window_note(&writer, &a, now);
	tap_ok(pop_window_has(&reader, &a, now, 60000, &since) && since == now,
	    "a login opens a window");
	tap_ok(!pop_window_has(&reader, &b, now, 60000, &since),
	    "for its address alone");
	tap_ok(pop_window_has(&reader, &a, now + 59999, 60000, &since) &&
	        !pop_window_has(&reader, &a, now + 60000, 60000, &since),
	    "which ends after its time");
	tap_ok(!pop_window_has(&reader, &a, now - 1, 60000, &since),
	    "a login of the future is none");
	tap_ok(!pop_window_has(&reader, &a, now, 0, &since),
	    "a window of no length is none");
	pop_window_note(&writer, &b, now);
	pop_window_note(&writer, &a, now + 50000);
	tap_ok(pop_window_has(&reader, &a, now + 70000, 60000, &since) &&
	        !pop_window_has(&reader, &b, now + 70000, 60000, &since),
	    "it counts from the last login, of each address");
	for (unsigned i = 0; i < 65536; i++) {
		struct net_addr c = address("10.0.0.0");

		c.octet[2] = (unsigned char)(i >> 8);
		c.octet[3] = (unsigned char)i;
		pop_window_note(&writer, &c, now + i);
	}
	for (unsigned i = 65536 - POP_WINDOW_PLACES; i < 65536; i++) {
		struct net_addr c = address("10.0.0.0");

		c.octet[2] = (unsigned char)(i >> 8);
		c.octet[3] = (unsigned char)i;
		kept += pop_window_has(&reader, &c, now + i, 60000, &since);
	}
	tap_ok(kept > POP_WINDOW_PLACES / 2,
	    "of too many the oldest go: %zu of the last %d are there", kept,
	    POP_WINDOW_PLACES);
	pop_window_close(&writer);
	pop_window_close(&reader);
	tap_ok(!pop_window_has(&reader, &a, now, 60000, &since),
	    "without a table nobody is in it");
	(void)unlink(path);
	return tap_done();
}
