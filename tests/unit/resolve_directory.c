/* SPDX-License-Identifier: ISC */
#include "../../resolve/directory.h"

#include <sodium.h>
#include <string.h>

#include "tap.h"

#define BOB "entry smtp=bob@example.org path=example.org/bob\n"
#define SALT_AND_HASH                                                          \
	"$o+Lz4uA6FuzNMmVVCWh3BA$nWgVWr6reKEI51c+QaVXRg643HPPOK/Es4Ed3nZ+W+8"
#define HASH "$argon2id$v=19$m=8,t=1,p=1" SALT_AND_HASH

static const struct {
	const char *title, *entries, *secrets;
	const char *problem; /* part of it; NULL: no error, no warning */
} cases[] = {
	{ "an empty directory is right", "", "", NULL },
	{ "an entry is right", BOB, "", NULL },
	{ "comments and empty lines pass", "# bob\n\n" BOB "#\n", "", NULL },
	{ "keys that are not known pass",
	    "entry smtp=bob@example.org path=example.org/bob x=%20y\n", "",
	    NULL },
	{ "all fields of an entry pass",
	    "entry smtp=bob@example.org store=distribution path=b "
	    "preferred=userid userid=BOB%20SYS1\n",
	    "", NULL },
	{ "a user id may stand for every address",
	    "entry smtp=bob@example.org path=b userid=BOB%20*ANY\n", "", NULL },
	{ "a last line without its end is a warning",
	    BOB "entry smtp=ann@example.org path=example.org/an", "",
	    "directory/entries:2: warning: the last line has no end" },
	{ "a password of an entry passes", BOB,
	    "secret smtp=BOB@example.org hash=" HASH "\n", NULL },
	{ "a line that is no record is told with its place", BOB " nonsense\n",
	    "", "directory/entries:2: error: " },
	{ "an unknown word is an error", "user smtp=bob@example.org\n", "",
	    ":1: error: is neither" },
	{ "an entry without an address is an error", "entry path=b\n", "",
	    "no smtp=" },
	{ "a bad address is an error", "entry smtp=bob path=b\n", "",
	    "error: bob: smtp=" },
	{ "Postmaster alone is no entry", "entry smtp=postmaster path=b\n", "",
	    "not a full address" },
	{ "the empty local-part is none",
	    "entry smtp=\"\"@example.org path=b\n", "", "not a full address" },
	{ "an entry without a path is an error", "entry smtp=bob@example.org\n",
	    "", "no path=" },
	{ "a path that climbs is an error",
	    "entry smtp=bob@example.org path=../b\n", "",
	    "path= is not a path" },
	{ "an unknown store is an error",
	    "entry smtp=bob@example.org path=b store=disk\n", "", "store=" },
	{ "a user id in lower case is an error",
	    "entry smtp=bob@example.org path=b userid=bob%20SYS\n", "",
	    "userid=" },
	{ "a user id of nine is an error",
	    "entry smtp=bob@example.org path=b userid=ABCDEFGHI%20SYS\n", "",
	    "userid=" },
	{ "a user id without an address is an error",
	    "entry smtp=bob@example.org path=b userid=BOB\n", "", "userid=" },
	{ "preferred=userid wants a user id",
	    "entry smtp=bob@example.org path=b preferred=userid\n", "",
	    "there is no userid=" },
	{ "one address twice is an error",
	    BOB "entry smtp=\"BOB\"@Example.org path=c\n", "",
	    ":2: error: \"BOB\"@Example.org: this address is there already, "
	    "on directory/entries:1" },
	{ "an alias of the same address is one too",
	    BOB "alias smtp=bob@example.org to=bob@example.org\n", "",
	    "this address" },
	{ "one path twice is an error",
	    BOB "entry smtp=c@example.org path=example.org/bob\n", "",
	    "this path=" },
	{ "one user id twice is an error",
	    "entry smtp=a@example.org path=a userid=A%20S\n"
	    "entry smtp=b@example.org path=b userid=A%20S\n",
	    "", "this userid=" },
	{ "an entry of another domain is a warning",
	    "entry smtp=bob@example.net path=b\n", "",
	    "warning: bob@example.net: example.net is not a local domain" },
	{ "an alias to nobody is a warning",
	    "alias smtp=a@example.org to=b@example.org\n", "",
	    ":1: warning: a@example.org: leads to b@example.org, which "
	    "does not exist" },
	{ "an alias without a target is an error", "alias smtp=a@example.org\n",
	    "", "no to=" },
	{ "aliases in a circle are an error",
	    "alias smtp=a@example.org to=b@example.org\n"
	    "alias smtp=b@example.org to=a+x@example.org\n",
	    "", ":1: error: a@example.org: leads in a circle" },
	{ "an alias over plus is right",
	    BOB "alias smtp=a@example.org to=bob+x@example.org\n", "", NULL },
	{ "an alias that leads out is a warning",
	    "alias smtp=a@example.org to=b@example.net\n", "", "not local" },
	{ "a catch-all without its name is an error",
	    BOB "alias smtp=*@example.org to=bob@example.org\n", "",
	    "catch-all=yes" },
	{ "a catch-all by name is only a note",
	    BOB "alias smtp=*@example.org to=bob@example.org catch-all=yes\n",
	    "", NULL },
	{ "catch-all=yes of a user is an error",
	    BOB "alias smtp=a@example.org to=bob@example.org catch-all=yes\n",
	    "", "not *@domain" },
	{ "a catch-all is no entry", "entry smtp=*@example.org path=b\n", "",
	    "is a catch-all" },
	{ "an entry may go to a program",
	    "entry smtp=a@example.org program=archive.1\n"
	    "alias smtp=l@example.org to=a@example.org\n",
	    "", NULL },
	{ "one that is not configured is a warning",
	    "entry smtp=a@example.org program=archive\n", "",
	    ":1: warning: a@example.org: no command archive" },
	{ "but not by a path", "entry smtp=a@example.org program=/bin/sh\n", "",
	    "program= is not a name" },
	{ "nor to a mailbox too", "entry smtp=a@example.org program=p path=a\n",
	    "", "exclude each other" },
	{ "a password of a program is a warning",
	    "entry smtp=a@example.org program=p\n",
	    "secret smtp=a@example.org hash=" HASH "\n",
	    "secrets/secrets:1: warning" },
	{ "a password of nobody is a warning", BOB,
	    "secret smtp=ann@example.org hash=" HASH "\n",
	    "secrets/secrets:1: warning" },
	{ "a secret that is no hash is an error", BOB,
	    "secret smtp=bob@example.org hash=secret\n", "no Argon2 hash" },
	{ "a secret that only begins like a hash is an error", BOB,
	    "secret smtp=bob@example.org hash=$argon2id$v=19$x\n",
	    "no Argon2 hash" },
	{ "a hash of more passes than can be asked for is an error", BOB,
	    "secret smtp=bob@example.org "
	    "hash=$argon2id$v=19$m=8,t=101,p=1" SALT_AND_HASH "\n",
	    "no Argon2 hash" },
	{ "a hash of more memory than can be asked for is an error", BOB,
	    "secret smtp=bob@example.org "
	    "hash=$argon2id$v=19$m=4194305,t=1,p=1" SALT_AND_HASH "\n",
	    "no Argon2 hash" },
	{ "a password among entries is an error",
	    "entry smtp=bob@example.org path=b password=secret\n", "",
	    "do not stand among entries" },
	{ "so is a hash", "entry smtp=bob@example.org path=b hash=" HASH "\n",
	    "", "do not stand among entries" },
	{ "a mailbox in another's is an error",
	    BOB "entry smtp=sue@example.org path=example.org/bob/new\n", "",
	    ":2: error: sue@example.org: its path= lies in the mailbox of "
	    "bob@example.org" },
	{ "a mailbox over another's is an error",
	    BOB "entry smtp=sue@example.org path=example.org\n", "",
	    ":1: error: bob@example.org: its path= lies in" },
	{ "names and a person pass",
	    "entry smtp=bob@example.org path=b login=SJONES,m%C3%BC "
	    "account=0,* name=Bob%20Smith given=Bob surname=Smith "
	    "department=Sales company=X phone=+1%202\n",
	    "", NULL },
	{ "a login with a domain is an error",
	    "entry smtp=bob@example.org path=b login=a@b\n", "", "login=" },
	{ "an empty login among others is an error",
	    "entry smtp=bob@example.org path=b login=a,,c\n", "", "login=" },
	{ "one at the end, too", "entry smtp=bob@example.org path=b login=a,\n",
	    "", "login=" },
	{ "one login of two entries is an error, in any case",
	    "entry smtp=a@example.org path=a login=Sue\n"
	    "entry smtp=b@example.org path=b login=x,sue\n",
	    "", ":2: error: b@example.org: the same login sue" },
	{ "a login that is another's name is an error",
	    BOB "entry smtp=c@example.org path=c login=BOB\n", "",
	    ":2: error: c@example.org: login=bob is another user's name" },
	{ "a login that is his own name is right",
	    "entry smtp=bob@example.org path=b login=bob\n", "", NULL },
	{ "an account of a slash is an error",
	    "entry smtp=bob@example.org path=b account=a/b\n", "", "account=" },
	{ "an account that does not exist is a warning",
	    "entry smtp=bob@example.org path=b account=no.such.account\n", "",
	    ":1: warning: bob@example.org: account=no.such.account" },
	{ "the number of nobody is one, too",
	    "entry smtp=bob@example.org path=b account=65534\n", "",
	    "account=65534" },
	{ "a line feed in a name is an error",
	    "entry smtp=bob@example.org path=b name=a%0Ab\n", "", "name=" },
	{ "so is what is no UTF-8",
	    "entry smtp=bob@example.org path=b phone=%FF\n", "", "phone=" },
	{ "removed= is a time",
	    "entry smtp=bob@example.org path=b removed=now\n", "", "removed=" },
	{ "an alias to a removed user leads nowhere",
	    "entry smtp=bob@example.org path=b "
	    "removed=2026-11-24T03:04:05.123Z\n"
	    "alias smtp=a@example.org to=bob@example.org\n",
	    "",
	    ":2: warning: a@example.org: leads to bob@example.org, which "
	    "does not exist" },
	{ "a command has neither logins nor accounts",
	    "entry smtp=x@example.org program=p account=root\n", "",
	    "program= and account= exclude each other" },
	{ "but a person it may have",
	    "entry smtp=x@example.org program=p phone=7\n", "", NULL },
	{ "a mailbox beside another's is right",
	    BOB "entry smtp=sue@example.org path=example.org/bobby\n", "",
	    NULL },
	{ "a secret twice is an error", BOB,
	    "secret smtp=bob@example.org hash=" HASH "\n"
	    "secret smtp=BOB@example.org hash=" HASH "\n",
	    "secrets/secrets:2: error" },
};

static char *domains[] = { "example.org" };
static char *commands[] = { "archive.1 /bin/true", "p /bin/true" };
static const struct settings settings = {
	.program = { .command = { commands, 2 } },
	.resolve = { .domain = { domains, 1 }, .plus = "+", .alias_steps = 10 }
};

static bool
is_listed(
    const struct directory *d, enum problem_level level, const char *problem)
{
	static const char *const words[] = { "error", "warning", "note" };
	const struct problems *p = &d->problems;
	char line[1024];

	for (size_t i = 0; i < p->n; i++) {
		if (p->p[i].level != level)
			continue;
		(void)snprintf(line, sizeof(line), "%s:%u: %s: " SPAN_FMT,
		    p->p[i].file, p->p[i].line, words[level],
		    SPAN_ARG(p->p[i].text));
		if (strstr(line, problem) != NULL)
			return true;
		printf("# %s\n", line);
	}
	return false;
}

static bool
is_told(const struct directory *d, const char *problem)
{
	const size_t *count = d->problems.count;

	if (problem == NULL) /* but that of a domain without postmaster */
		return count[PROBLEM_ERROR] == 0 &&
		    (count[PROBLEM_WARNING] == 0 ||
		        (count[PROBLEM_WARNING] == 1 &&
		            is_listed(
		                d, PROBLEM_WARNING, "has no postmaster")));
	return is_listed(d, PROBLEM_ERROR, problem) ||
	    is_listed(d, PROBLEM_WARNING, problem) ||
	    is_listed(d, PROBLEM_NOTE, problem);
}

static bool
parse(struct directory *d, struct span entries, struct span secrets)
{
	struct fault f;

	if (directory_begin(d, &settings, &f) != OK)
		return false;
	d->entries.whole = entries;
	d->secrets.whole = secrets;
	directory_parse(d);
	return true;
}

static void
test_cases(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct directory d;
		bool good = parse(
		    &d, span_of(cases[i].entries), span_of(cases[i].secrets));

		directory_check(&d, false);
		tap_ok(good && is_told(&d, cases[i].problem), "%s",
		    cases[i].title);
		directory_free(&d);
	}
}

static void
test_many(void)
{
	struct buf text = BUF_INIT(1UL << 22);
	struct directory d;
	bool good;

	for (int i = 0; i < 20000; i++)
		buf_addf(&text, "entry smtp=u%d@example.org path=p%d\n", i, i);
	good = parse(&d, buf_span(&text), SPAN_EMPTY);
	for (int i = 0; good && i < 20000; i += 19) {
		char key[64];
		const struct line *line;

		(void)snprintf(key, sizeof(key), "u%d@example.org", i);
		line = directory_find(&d, span_of(key));
		good = line != NULL && line->number == (uint32_t)i + 1;
	}
	tap_ok(good && d.problems.count[PROBLEM_ERROR] == 0 &&
	        directory_find(&d, SPAN_LIT("u20000@example.org")) == NULL,
	    "each of many is found, and no other");
	directory_free(&d);
	buf_free(&text);
}

static void
test_notes(void)
{
	struct directory d;
	bool good = parse(&d,
	    SPAN_LIT("entry smtp=a@example.org path=a passwd=x room=7\n"
	             "entry smtp=b@example.org path=b passwd=y\n"),
	    SPAN_EMPTY);

	tap_ok(good && d.problems.count[PROBLEM_NOTE] == 2 &&
	        is_told(&d, ":1: note: the key passwd= means nothing"),
	    "a key that is not known is noted, once");
	directory_free(&d);
}

/* Warnings come first, and more of them than there is room. */
static void
test_room(void)
{
	struct buf text = BUF_INIT(1UL << 20);
	struct directory d;
	bool good;

	for (int i = 0; i < 1500; i++)
		buf_addf(&text, "alias smtp=a%d@example.org to=no@x.org\n", i);
	buf_adds(&text, "alias smtp=b@example.org to=b@example.org\n");
	good = parse(&d, buf_span(&text), SPAN_EMPTY);
	directory_check(&d, false);
	tap_ok(good && d.problems.count[PROBLEM_WARNING] == 1501 &&
	        d.problems.n == PROBLEM_LINES_MAX + 1 &&
	        is_listed(&d, PROBLEM_ERROR, ":1501: error: b@"),
	    "many warnings hide no error");
	directory_free(&d);
	buf_free(&text);
}

int
main(void)
{
	if (sodium_init() < 0)
		return 1;
	test_cases();
	test_notes();
	test_many();
	test_room();
	return tap_done();
}
