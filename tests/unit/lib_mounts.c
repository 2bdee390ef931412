/* SPDX-License-Identifier: ISC */
/* lib_mounts.c: lines of mountinfo, and what lies below what. */
#include "mounts.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "tap.h"

static void
test_lines(void)
{
	static const struct {
		const char *title, *line, *point, *type;
	} cases[] = {
		{ "a plain line",
		    "36 35 98:0 / /mnt rw,noatime - ext4 /dev/a rw\n", "/mnt",
		    "ext4" },
		{ "fields of propagation are passed over",
		    "36 35 98:0 / /mnt rw master:1 shared:2 - xfs /dev/a rw\n",
		    "/mnt", "xfs" },
		{ "a space, a tab and a backslash in the name",
		    "36 35 98:0 / /a\\040b\\011c\\134d rw - tmpfs none rw\n",
		    "/a b\tc\\d", "tmpfs" },
		{ "a carriage return in names, which the kernel leaves there",
		    "36 35 98:0 /c\rd /a\rb rw - ext4 /dev/a rw\n", "/a\rb",
		    "ext4" },
		{ "a directory named dash", "36 35 98:0 - - rw - ext4 - rw",
		    "-", "ext4" },
		{ "no type is no mount", "36 35 98:0 / /mnt rw\n", NULL, NULL },
		{ "nor is an empty line", "\n", NULL, NULL },
		{ "nor one without a device", "36 35 x / /mnt rw - ext4 a rw\n",
		    NULL, NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char line[128];
		struct mount m;
		bool got;

		(void)snprintf(line, sizeof(line), "%s", cases[i].line);
		got = mounts_parse(line, &m);
		tap_ok(got == (cases[i].point != NULL) &&
		        (!got ||
		            (strcmp(m.point, cases[i].point) == 0 &&
		                strcmp(m.type, cases[i].type) == 0 &&
		                m.device == makedev(98, 0))),
		    "%s", cases[i].title);
	}
}

/* No line that is cut off is read beyond its end. */
static void
test_cut(void)
{
	static const char whole[] = "36 35 98:0 / /a\\040b rw - ext4 d rw\n";
	struct mount m;
	size_t n = 0;

	for (size_t i = 0; i < sizeof(whole); i++) {
		char line[sizeof(whole)];

		memcpy(line, whole, i);
		line[i] = '\0';
		n += mounts_parse(line, &m);
	}
	tap_ok(n == sizeof(whole) - strlen("36 35 98:0 / /a\\040b rw - e"),
	    "a line is one from the first letter of its type on");
}

static void
test_below(void)
{
	static const struct {
		const char *directory, *point;
		bool want;
	} cases[] = {
		{ "/srv/my mail", "/srv/my mail/example.org", true },
		{ "/srv/mail", "/srv/mail", false },
		{ "/srv/mail", "/srv/mailbox", false },
		{ "/srv/mail", "/srv", false },
		{ "/", "/srv", true },
		{ "/", "/", false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mount m = { .point = cases[i].point };

		tap_ok(mounts_is_below(&m, cases[i].directory) == cases[i].want,
		    "%s %s below %s", cases[i].point,
		    cases[i].want ? "is" : "is not", cases[i].directory);
	}
}

static void
test_here(void)
{
	struct mounts mounts;
	struct mount m;
	struct stat st;
	char type[16];
	bool known = false;

	if (mounts_open(&mounts))
		while (mounts_next(&mounts, &m))
			known |= strcmp(m.point, "/proc") == 0;
	mounts_close(&mounts);
	/* The root is not where it is a chroot in some other file system. */
	tap_ok(known, "what is mounted here is listed");
	tap_ok(stat("/proc", &st) == 0 &&
	        (mounts_type(st.st_dev, type, sizeof(type)),
	            strcmp(type, "proc") == 0),
	    "a device has a type");
	mounts_type((dev_t)-1, type, sizeof(type));
	tap_ok(strcmp(type, "?") == 0, "or none that is known");
}

int
main(void)
{
	test_lines();
	test_cut();
	test_below();
	test_here();
	return tap_done();
}
