/* SPDX-License-Identifier: ISC */
#include "../../resolve/compiled.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tap.h"

static bool
make(const char *name, const char *key, const char *value)
{
	struct compiled_maker m;
	struct fault f;
	int fd = open("scratch", O_RDWR | O_CREAT | O_TRUNC, 0600);
	bool good;

	compiled_make_begin(&m, fd, "test");
	compiled_make_add(&m, span_of(key), span_of(value));
	good = compiled_make_end(&m, &f) == OK && close(fd) == 0;
	return good && rename("scratch", name) == 0;
}

static bool
says(struct compiled *c, const char *key, const char *want)
{
	struct span value;
	struct fault f;
	enum outcome got = compiled_get(c, span_of(key), &value, &f);

	return want == NULL ? got == PERM : got == OK && span_eq(value, want);
}

/* Put `len` octets of a file under another name by a rename, one changed. */
static void
damage(const char *from, const char *to, size_t len, size_t at)
{
	static char octets[65536];
	int in = open(from, O_RDONLY), out;
	ssize_t n = read(in, octets, sizeof(octets));

	(void)close(in);
	if (n < 0 || (size_t)n < len)
		abort();
	if (at < len)
		octets[at] ^= 1;
	out = open("scratch", O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (write(out, octets, len) != (ssize_t)len || close(out) != 0 ||
	    rename("scratch", to) != 0)
		abort();
}

static void
test_replace(void)
{
	struct compiled c;
	struct fault f;

	c = (struct compiled){ .name = "db", .purpose = "test" };
	tap_ok(compiled_look(&c, &f) == TEMP && compiled_look(&c, &f) == OK,
	    "a database that is not there is told once");
	tap_ok(make("db", "a@x", "1") && compiled_look(&c, &f) == OK &&
	        says(&c, "a@x", "1") && says(&c, "b@x", NULL),
	    "it is found when it comes");
	tap_ok(make("db", "a@x", "2") && compiled_look(&c, &f) == OK &&
	        says(&c, "a@x", "2"),
	    "a new one is in use at the next look");
	(void)unlink("db");
	tap_ok(compiled_look(&c, &f) == TEMP && says(&c, "a@x", "2"),
	    "the old one stays in use when its name goes");
	compiled_free(&c);
}

static void
test_damage(void)
{
	struct compiled c;
	struct fault f;
	struct stat st;
	bool cut = true, changed = true;
	size_t size;

	(void)make("good", "a@x", "1");
	(void)make("db", "a@x", "1");
	(void)stat("good", &st);
	size = (size_t)st.st_size;
	c = (struct compiled){ .name = "db", .purpose = "test" };
	(void)!compiled_look(&c, &f);
	for (size_t n = 0; n < size; n += n < 2040 || n > 2060 ? 7 : 1) {
		damage("good", "db", n, size);
		if (compiled_look(&c, &f) != TEMP || !says(&c, "a@x", "1"))
			cut = false;
		damage("good", "db", size, n);
		if (compiled_look(&c, &f) != TEMP || !says(&c, "a@x", "1"))
			changed = false;
	}
	tap_ok(cut, "a cut one is refused, the old one stays in use");
	tap_ok(changed, "one with an octet changed is refused too");
	tap_ok(compiled_look(&c, &f) == OK, "a bad one is told once");
	damage("good", "db", size, size);
	tap_ok(compiled_look(&c, &f) == OK, "a good one is taken after it");
	compiled_free(&c);
	c = (struct compiled){ .name = "db", .purpose = "other purpose" };
	tap_ok(compiled_look(&c, &f) == TEMP,
	    "one made for something else is refused");
	compiled_free(&c);
}

/* What cp and editors do: another content in the same inode. */
static void
overwrite(const char *from, const char *to, size_t len)
{
	static char octets[65536];
	int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_TRUNC);
	ssize_t n = read(in, octets, sizeof(octets));

	if (n < (ssize_t)len || write(out, octets, len) != (ssize_t)len ||
	    close(in) != 0 || close(out) != 0)
		abort();
}

static void
test_in_place(void)
{
	struct compiled c;
	struct fault f;
	struct stat st;
	struct span value;

	(void)make("good", "a@x", "1");
	(void)make("db", "a@x", "1");
	(void)stat("good", &st);
	c = (struct compiled){ .name = "db", .purpose = "test" };
	(void)!compiled_look(&c, &f);
	overwrite("good", "db", 100);
	tap_ok(compiled_look(&c, &f) == TEMP &&
	        compiled_get(&c, SPAN_LIT("a@x"), &value, &f) == TEMP,
	    "one that is cut in its place is let go");
	overwrite("good", "db", (size_t)st.st_size);
	tap_ok(compiled_look(&c, &f) == OK && says(&c, "a@x", "1"),
	    "and taken again when it is whole");
	compiled_free(&c);
}

/* A moment without descriptors: no alarm each time, and not for good. */
static void
test_passing(void)
{
	struct rlimit limit, none;
	struct compiled c;
	struct fault f;
	bool told, again;

	(void)make("db", "a@x", "1");
	c = (struct compiled){ .name = "db", .purpose = "test" };
	(void)!compiled_look(&c, &f);
	(void)make("db", "a@x", "2");
	(void)getrlimit(RLIMIT_NOFILE, &limit);
	none = (struct rlimit){ 0, limit.rlim_max };
	(void)setrlimit(RLIMIT_NOFILE, &none);
	told = compiled_look(&c, &f) == TEMP && says(&c, "a@x", "1");
	again = compiled_look(&c, &f) == OK && says(&c, "a@x", "1");
	c.told_ms -= COMPILED_TOLD_MS;
	again = again && compiled_look(&c, &f) == TEMP;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	tap_ok(told && again,
	    "what cannot be opened for now is told, once a minute");
	tap_ok(compiled_look(&c, &f) == OK && says(&c, "a@x", "2"),
	    "and taken when it can");
	compiled_free(&c);
}

/* What cannot be written is told, whenever it comes. */
static void
test_full(void)
{
	struct compiled_maker m;
	struct fault f;
	int fd = open("/dev/full", O_RDWR);
	static char value[8192];

	compiled_make_begin(&m, fd, "test");
	compiled_make_add(&m, SPAN_LIT("a@x"), SPAN_LIT("1"));
	tap_ok(compiled_make_end(&m, &f) == TEMP && f.error == ENOSPC,
	    "one that does not fit is told");
	compiled_make_begin(&m, fd, "test");
	for (int i = 0; i < 3; i++)
		compiled_make_add(
		    &m, SPAN_LIT("a@x"), (struct span){ value, sizeof(value) });
	tap_ok(compiled_make_end(&m, &f) == TEMP && f.error == ENOSPC,
	    "also by the first record that does not");
	(void)close(fd);
}

int
main(void)
{
	char dir[] = "/tmp/resolve_compiled.XXXXXX";

	if (sodium_init() < 0 || mkdtemp(dir) == NULL || chdir(dir) != 0)
		return 1;
	test_replace();
	test_damage();
	test_in_place();
	test_passing();
	test_full();
	(void)unlink("db");
	(void)unlink("good");
	(void)unlink("scratch");
	(void)rmdir(dir);
	return tap_done();
}
