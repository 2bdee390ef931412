/* SPDX-License-Identifier: ISC */
/* usage.c: what is used of a mailbox, and what is no count. */
#include "usage.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tap.h"

#define COUNT "count time=2026-11-24T03:04:05.123Z octets=1000 messages=10"
#define AT_MS UINT64_C(1795489445123)

static int dir = -1;

static int
file_of(const char *text)
{
	int fd =
	    openat(dir, "file", O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0600);

	if (fd == -1 || write(fd, text, strlen(text)) == -1)
		abort();
	return fd;
}

static const struct {
	const char *title, *text;
	bool good;
	uint64_t octets, messages;
} cases[] = {
	{ "a count", COUNT "\n", true, 1000, 10 },
	{ "and what came and went since",
	    COUNT "\nmore octets=5 messages=1\nless octets=105 messages=2\n",
	    true, 900, 9 },
	{ "more was taken off than there was: nothing is left",
	    COUNT "\nless octets=1001 messages=11\n", true, 0, 0 },
	{ "what stands before the count is in it",
	    "less octets=100 messages=1\n" COUNT "\n", true, 1000, 10 },
	{ "the last count counts",
	    COUNT "\n"
	          "count time=2026-11-24T03:04:05.123Z octets=7 messages=1\n",
	    true, 7, 1 },
	{ "too much to add is all that there can be",
	    COUNT "\nmore octets=9223372036854775807 messages=1\n"
	          "more octets=9223372036854775807 messages=1\n",
	    true, INT64_MAX, 12 },
	{ "no file has no count", "", false, 0, 0 },
	{ "nor one without the line of one", "more octets=5 messages=1\n",
	    false, 0, 0 },
	{ "nor with half a line", COUNT "\nmore octets=5", false, 0, 0 },
	{ "nor with another word", COUNT "\nplus octets=5 messages=1\n", false,
	    0, 0 },
	{ "nor with another field", COUNT "\nmore octets=5 messages=1 x=1\n",
	    false, 0, 0 },
	{ "nor with a sign", COUNT "\nmore octets=-5 messages=1\n", false, 0,
	    0 },
	{ "nor with octets that are none", "\0\1\2\n", false, 0, 0 },
};

static void
test_lines(void)
{
	struct usage u;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int fd = file_of(cases[i].text);
		bool good = usage_read(fd, &u);

		tap_ok(good == cases[i].good && u.octets == cases[i].octets &&
		        u.messages == cases[i].messages &&
		        (u.length > 0) == good,
		    "%s", cases[i].title);
		(void)close(fd);
	}
}

/* A torn file is a count or none, but never another count that is whole. */
static void
test_truncations(void)
{
	const char *whole = COUNT "\nmore octets=5 messages=1\n";
	bool good = true;
	struct usage u;

	for (size_t n = 0; n < strlen(whole); n++) {
		int fd = file_of(whole);

		if (ftruncate(fd, (off_t)n) != 0)
			abort();
		good &= usage_read(fd, &u) == (n == strlen(COUNT) + 1);
		(void)close(fd);
	}
	tap_ok(good, "torn anywhere it is no count, but at a line's end");
}

static void
test_changes(void)
{
	struct usage u = { .octets = 50,
		.messages = 5,
		.counted_ms = AT_MS,
		.quota = { 100, 0 } };
	int fd = usage_make(dir, "example.org/bob");
	struct usage got;
	struct stat st;

	tap_ok(fd != -1 && !usage_read(fd, &got),
	    "a new file, with the directory on the way, has no count");
	tap_ok(fstat(fd, &st) == 0 && (st.st_mode & 0777) == 0640 &&
	        umask(077) == 077,
	    "its group may read it, and the umask is what it was");
	tap_ok(usage_write(fd, &u) && usage_add(fd, 30, 1) &&
	        usage_take_off(fd, 10, 2) && usage_read(fd, &got) &&
	        got.octets == 70 && got.messages == 4 &&
	        got.counted_ms == AT_MS && got.quota.octets == 100,
	    "what is written, added and taken off is read");
	tap_ok(usage_write(fd, &got) && usage_read(fd, &u) && u.octets == 70 &&
	        u.length < 100,
	    "and becomes one line");
	for (int i = 0; i < 1000; i++)
		(void)!usage_add(fd, 1, 1);
	tap_ok(!usage_read(fd, &u), "one that is too long is no count");
	(void)close(fd);
	tap_ok(usage_open(dir, "../x", O_RDONLY) == -1 &&
	        usage_make(dir, "/etc/pneu-usage") == -1 &&
	        symlinkat("/etc", dir, "link") == 0 &&
	        usage_open(dir, "link/passwd", O_RDONLY) == -1,
	    "nothing outside is opened");
}

static void
test_room(void)
{
	const struct usage u = {
		.octets = 60, .messages = 4, .counted_ms = AT_MS
	};
	const struct quota none = { 0, 0 }, octets = { 100, 0 },
	                   messages = { 0, 5 }, both = { 100, 4 };

	tap_ok(!quota_is_set(&none) && usage_room(&u, &none) == UINT64_MAX &&
	        !usage_is_over(&u, &none, UINT64_MAX - 1),
	    "without a quota there is always room");
	tap_ok(usage_room(&u, &octets) == 40 &&
	        !usage_is_over(&u, &octets, 40) &&
	        usage_is_over(&u, &octets, 41),
	    "up to the last octet");
	tap_ok(!usage_is_over(&u, &messages, 1000), "up to the last message");
	tap_ok(usage_room(&u, &both) == 0 && usage_is_over(&u, &both, 1),
	    "either limit makes it full");
	tap_ok(usage_age_ms(&u, AT_MS + 5) == 5 &&
	        usage_age_ms(&u, AT_MS - 1) == UINT64_MAX,
	    "a count of the future is as old as can be");
}

int
main(void)
{
	char path[] = "/tmp/pneu-usage.XXXXXX", command[64];

	(void)umask(077);
	if (mkdtemp(path) == NULL ||
	    (dir = open(path, O_RDONLY | O_DIRECTORY)) == -1)
		abort();
	test_lines();
	test_truncations();
	test_changes();
	test_room();
	(void)snprintf(command, sizeof(command), "rm -rf %s", path);
	(void)!system(command);
	return tap_done();
}
