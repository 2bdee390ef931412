/* SPDX-License-Identifier: ISC */
#include "../../resolve/lookup.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tap.h"

static const char *const directory[][2] = {
	{ "bob@example.org", "mailbox example.org/bob" },
	{ "m\xC3\xBCller@example.org", "mailbox example.org/mueller" },
	{ "bob+own@example.org", "mailbox example.org/own" },
	{ "postmaster@example.org", "alias bob@example.org" },
	{ "one@example.org", "alias Two@Example.ORG" },
	{ "two@example.org", "alias bob+list@example.org" },
	{ "loop@example.org", "alias pool@example.org" },
	{ "pool@example.org", "alias loop@example.org" },
	{ "out@example.org", "alias Sue@Example.NET" },
	{ "dead@example.org", "alias gone@example.org" },
	{ "bad@example.org", "nonsense" },
	{ "archive@example.org", "program archive" },
	{ "log@example.org", "alias archive@example.org" },
	{ "slash@example.org", "program bin/sh" },
	{ "climb@example.org", "mailbox ../bob" },
	{ "small@example.org", "quota 4096 - example.org/sm all" },
	{ "few@example.org", "quota 0 7 example.org/few" },
	{ "odd@example.org", "quota x 7 example.org/odd" },
	{ "@all.example", "catch-all bob@example.org" },
	{ "known@all.example", "mailbox all.example/known" },
	{ "@round.example", "catch-all x@round.example" },
	{ "bob@lost.example", "mailbox lost.example/bob" },
	{ "@lost2.example", "catch-all bob@example.org" },
	{ "left@all.example", "removed" },
	{ "caught@example.org", "alias any@all.example" },
	{ "who 1000", "who id=1000 user=bob@example.org name=Bob%20S" },
	{ "who 1000 example.org/bob", "yes" },
	{ "who 1000 example.org/own", "yes" },
	{ "who bob", "who id=bob user=bob@example.org name=Bob%20S" },
	{ "who *", "who id=* user=known@all.example" },
	{ "who 1002", "nonsense" },
};

static const struct {
	const char *title, *to, *where, *rule, *code;
	enum outcome want;
} cases[] = {
	{ "an entry answers", "bob@example.org", "example.org/bob", "", "",
	    OK },
	{ "one with a quota, and a space in its path", "small@example.org",
	    "example.org/sm all", "", "", OK },
	{ "one with another", "few@example.org", "example.org/few", "", "",
	    OK },
	{ "a quota that is none is a bad value", "odd@example.org", "", "",
	    "4.3.0", TEMP },
	{ "a program answers", "archive@example.org", "archive", "", "", OK },
	{ "behind an alias too", "log+x@example.org", "archive", "plus", "",
	    OK },
	{ "a name with a slash is no program", "slash@example.org", "", "",
	    "4.3.0", TEMP },
	{ "in any case", "BOB@EXAMPLE.org", "example.org/bob", "", "", OK },
	{ "quoted too", "\"bob\"@example.org", "example.org/bob", "", "", OK },
	{ "UTF-8 in any case", "M\xC3\x9CLLER@example.org",
	    "example.org/mueller", "", "", OK },
	{ "an unknown user is refused", "ann@example.org", "", "", "5.1.1",
	    PERM },
	{ "an alias leads on", "postmaster@example.org", "example.org/bob",
	    "alias", "", OK },
	{ "over several steps and the plus rule", "one@example.org",
	    "example.org/bob", "alias", "", OK },
	{ "a loop of aliases is a deferral", "loop@example.org", "", "",
	    "4.4.6", TEMP },
	{ "an alias to nobody is refused", "dead@example.org", "", "", "5.1.1",
	    PERM },
	{ "an alias may lead out, its case is kept", "out@example.org",
	    "example.net Sue@Example.NET", "alias", "", OK },
	{ "plus-addressing finds the user", "bob+x@example.org",
	    "example.org/bob", "plus", "", OK },
	{ "from the first delimiter on", "bob+x+y@example.org",
	    "example.org/bob", "plus", "", OK },
	{ "the entry of the full address wins", "bob+own@example.org",
	    "example.org/own", "", "", OK },
	{ "a delimiter in front is none", "+x@example.org", "", "", "5.1.1",
	    PERM },
	{ "a delimiter in quotes is one", "\"bob+x y\"@example.org",
	    "example.org/bob", "plus", "", OK },
	{ "a catch-all takes the rest", "any@all.example", "example.org/bob",
	    "catch-all", "", OK },
	{ "but not what is known", "known@all.example", "all.example/known", "",
	    "", OK },
	{ "nor before plus", "known+x@all.example", "all.example/known", "plus",
	    "", OK },
	{ "a catch-all to itself is a loop", "y@round.example", "", "", "4.4.6",
	    TEMP },
	{ "the empty local-part is nobody's", "\"\"@example.org", "", "",
	    "5.1.1", PERM },
	{ "not even where there is a catch-all", "\"\"@all.example", "", "",
	    "5.1.1", PERM },
	{ "whom the directory knows is not sent away", "Bob@lost.example", "",
	    "", "4.3.5", TEMP },
	{ "not with a detail either", "bob+x@lost.example", "", "", "4.3.5",
	    TEMP },
	{ "nor where there is a catch-all", "any@lost2.example", "", "",
	    "4.3.5", TEMP },
	{ "others of such a domain are remote", "ann@lost.example",
	    "lost.example ", "", "", OK },
	{ "Postmaster alone is the first domain's", "POSTMASTER",
	    "example.org/bob", "postmaster", "", OK },
	{ "another domain is remote, as A-labels",
	    "a@B\xC3\xBC"
	    "cher.example",
	    "xn--bcher-kva.example ", "", "", OK },
	{ "a local domain in U-labels is local",
	    "bob@l\xC3\xB6"
	    "cal.example",
	    "", "", "5.1.1", PERM },
	{ "who has left takes no mail", "left@all.example", "", "", "5.1.1",
	    PERM },
	{ "not even by a detail", "left+x@all.example", "", "", "5.1.1", PERM },
	{ "a bad address is refused", "a@@b", "", "", "5.1.3", PERM },
	{ "a value that is not ours is a deferral", "bad@example.org", "", "",
	    "4.3.0", TEMP },
	{ "a path that climbs is a deferral", "climb@example.org", "", "",
	    "4.3.0", TEMP },
};

static const struct {
	const char *title, *id, *from, *user, *code;
	bool owns;
} accounts[] = {
	{ "an account is known by its number", "1000", "", "bob@example.org",
	    "", false },
	{ "and by its name", "bob", "", "bob@example.org", "", false },
	{ "its address is its own", "1000", "BOB@example.org",
	    "bob@example.org", "", true },
	{ "with a detail, too", "1000", "bob+x@example.org", "bob@example.org",
	    "", true },
	{ "and an alias", "1000", "one@example.org", "bob@example.org", "",
	    true },
	{ "and that of a second entry", "1000", "bob+own@example.org",
	    "bob@example.org", "", true },
	{ "another's is not", "1000", "known@all.example", "bob@example.org",
	    "", false },
	{ "nor what a catch-all takes", "1000", "any@all.example",
	    "bob@example.org", "", false },
	{ "nor what an alias leads there", "1000", "caught@example.org",
	    "bob@example.org", "", false },
	{ "nor a remote one", "1000", "a@example.com", "bob@example.org", "",
	    false },
	{ "nor that of a program", "1000", "archive@example.org",
	    "bob@example.org", "", false },
	{ "nor what is no address", "1000", "@@", "bob@example.org", "",
	    false },
	{ "another number is that of the rest", "1001", "known@all.example",
	    "known@all.example", "", true },
	{ "another name is nobody", "sue", "", "", "5.7.1", false },
	{ "whom the kernel cannot name is nobody", "65534", "", "", "5.7.1",
	    false },
	{ "a key with a space is none", "1000 example.org/bob", "", "", "5.7.1",
	    false },
	{ "root is the postmaster", "root", "", "postmaster@example.org", "",
	    false },
	{ "whose addresses are his own", "root", "bob@example.org",
	    "postmaster@example.org", "", true },
	{ "a value that is not ours is a deferral", "1002", "", "", "4.3.0",
	    false },
	{ "a loop is one, too", "1000", "loop@example.org", "", "4.4.6",
	    false },
};

static void
test_accounts(struct lookup *l)
{
	for (size_t i = 0; i < sizeof(accounts) / sizeof(accounts[0]); i++) {
		const struct resolve_who_req req = { span_of(accounts[i].id),
			span_of(accounts[i].from) };
		struct resolve_who who;
		struct fault f = FAULT_NONE;
		bool good = lookup_who(l, &req, &who, &f) == OK
		    ? strcmp(who.user, accounts[i].user) == 0 &&
		        who.owns == accounts[i].owns
		    : strcmp(f.code, accounts[i].code) == 0;

		l->looped = false;
		tap_ok(good, "%s", accounts[i].title);
	}
}

static bool
make_database(void)
{
	struct compiled_maker m;
	struct fault f;
	int fd = mkdir("directory", 0700) != 0
	    ? -1
	    : open(ENTRIES_DB, O_RDWR | O_CREAT, 0600);

	compiled_make_begin(&m, fd, "entries");
	for (size_t i = 0; i < sizeof(directory) / sizeof(directory[0]); i++)
		compiled_make_add(
		    &m, span_of(directory[i][0]), span_of(directory[i][1]));
	return compiled_make_end(&m, &f) == OK && close(fd) == 0;
}

static bool
is_answer(const struct resolve_ans *ans, const char *where, const char *rule)
{
	char text[sizeof(ans->nexthop) + sizeof(ans->address)];

	(void)snprintf(text, sizeof(text), "%s %s", ans->nexthop, ans->address);
	return strcmp(ans->rule, rule) == 0 &&
	    strcmp(resolve_is_remote(ans) ? text : ans->nexthop, where) == 0;
}

static void
test_quotas(struct lookup *l)
{
	static const struct {
		const char *title, *to;
		uint64_t octets, messages;
	} quotas[] = {
		{ "who has no quota has that of all", "bob@example.org", 8192,
		    5 },
		{ "half of one is half of that of all", "small@example.org",
		    4096, 5 },
		{ "0 is none", "few@example.org", 0, 7 },
		{ "a program has none", "archive@example.org", 0, 0 },
		{ "nor who is elsewhere", "out@example.org", 0, 0 },
	};

	l->quota = (struct quota){ 8192, 5 };
	for (size_t i = 0; i < sizeof(quotas) / sizeof(quotas[0]); i++) {
		struct resolve_ans ans;
		struct fault f;

		tap_ok(lookup_find(l, span_of(quotas[i].to), &ans, NULL, &f) ==
		            OK &&
		        ans.quota.octets == quotas[i].octets &&
		        ans.quota.messages == quotas[i].messages,
		    "%s", quotas[i].title);
	}
}

static void
test_cases(struct lookup *l)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct resolve_ans ans;
		struct fault f = FAULT_NONE;
		enum outcome got =
		    lookup_find(l, span_of(cases[i].to), &ans, NULL, &f);

		tap_ok(got == cases[i].want &&
		        (got == OK
		                ? is_answer(&ans, cases[i].where, cases[i].rule)
		                : strcmp(f.code, cases[i].code) == 0) &&
		        l->looped == (strcmp(cases[i].code, "4.4.6") == 0),
		    "%s", cases[i].title);
		l->looped = false;
	}
}

static void
test_steps(struct lookup *l)
{
	struct buf steps = BUF_INIT(65536);
	struct resolve_ans ans;
	struct resolve_step step;
	struct record r;
	struct fault f;
	struct span rest, line;
	size_t n = 0;
	bool good = true;

	tap_ok(
	    lookup_find(l, SPAN_LIT("one@example.org"), &ans, &steps, &f) == OK,
	    "an explained question has the same answer");
	for (rest = buf_span(&steps); span_next(&rest, '\n', &line); n++)
		if (wire_resolve_get_step(line, &r, &step, &f) != OK)
			good = false;
	tap_ok(good && n == 7, "every step is a record, %zu of them", n);
	buf_free(&steps);
}

int
main(void)
{
	char dir[] = "/tmp/resolve_lookup.XXXXXX";
	char *domains[] = { "example.org", "all.example", "round.example",
		"xn--lcal-5qa.example" };
	struct settings s = { .resolve = { .domain = { domains, 4 },
		                  .plus = "+",
		                  .alias_steps = 10 } };
	struct resolve_ans ans;
	struct lookup l;
	struct fault f;

	if (sodium_init() < 0 || mkdtemp(dir) == NULL || chdir(dir) != 0)
		return 1;
	tap_ok(lookup_begin(&l, &s, &f) == OK &&
	        lookup_find(&l, SPAN_LIT("bob@example.org"), &ans, NULL, &f) ==
	            TEMP,
	    "without a database every user is a deferral");
	tap_ok(make_database() && compiled_look(&l.entries, &f) == OK,
	    "a database is made and taken");
	test_cases(&l);
	test_quotas(&l);
	test_accounts(&l);
	test_steps(&l);
	l.plus = "";
	tap_ok(lookup_find(&l, SPAN_LIT("bob+x@example.org"), &ans, NULL, &f) ==
	        PERM,
	    "without a delimiter there is no plus-addressing");
	l.plus = "-+";
	tap_ok(lookup_find(&l, SPAN_LIT("bob-x@example.org"), &ans, NULL, &f) ==
	        OK,
	    "each octet of the setting is a delimiter");
	lookup_free(&l);
	s.resolve.domain.n = 0;
	tap_ok(lookup_begin(&l, &s, &f) == OK &&
	        compiled_look(&l.entries, &f) == OK &&
	        lookup_find(&l, SPAN_LIT("bob@example.net"), &ans, NULL, &f) ==
	            TEMP &&
	        strcmp(f.code, "4.3.5") == 0 &&
	        lookup_find(&l, SPAN_LIT("postmaster"), &ans, NULL, &f) == TEMP,
	    "without a local domain everything is a deferral");
	lookup_free(&l);
	(void)unlink(ENTRIES_DB);
	(void)rmdir("directory");
	(void)rmdir(dir);
	return tap_done();
}
