/* SPDX-License-Identifier: ISC */
#include "../../resolve/edit.h"

#include <fcntl.h>
#include <glob.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../resolve/compiled.h"
#include "../../resolve/mailboxes.h"
#include "fds.h"
#include "tap.h"

#define HASH                                                                   \
	"$argon2id$v=19$m=8,t=1,p=1$o+Lz4uA6FuzNMmVVCWh3BA$nWgVWr6reKEI51c+"   \
	"QaVXRg643HPPOK/Es4Ed3nZ+W+8"

static char *domains[] = { "example.org" };
static const struct settings settings = { .mail = { .directory = "mail" },
	.resolve = {
	    .domain = { domains, 1 }, .plus = "+", .alias_steps = 10 } };
static struct fault fault;

static bool
file_is(const char *name, const char *want)
{
	struct buf b = BUF_INIT(65536);
	bool same = fds_read_file(AT_FDCWD, name, &b, &fault) == OK &&
	    span_eq(buf_span(&b), want);

	if (!same)
		printf("# %s: %s\n", name, b.p);
	buf_free(&b);
	return same;
}

static bool
is_mailbox(const char *key, const char *value)
{
	struct compiled c;
	struct span got = SPAN_EMPTY;
	enum outcome found = TEMP;

	c = (struct compiled){ .name = ENTRIES_DB, .purpose = "entries" };
	if (compiled_look(&c, &fault) == OK)
		found = compiled_get(&c, span_of(key), &got, &fault);
	found = value == NULL                    ? found == PERM ? OK : TEMP
	    : found == OK && span_eq(got, value) ? OK
	                                         : TEMP;
	compiled_free(&c);
	return found == OK;
}

static enum outcome
add(const char *record)
{
	struct editor e;
	enum outcome got = editor_begin(&e, &settings, &fault);

	if (got == OK) {
		editor_add(&e, span_of(record), SPAN_EMPTY, false, 0);
		got = editor_commit(&e, false, &fault);
	}
	editor_free(&e);
	return got;
}

static bool
find(const struct editor *e, const char *address, struct line **line)
{
	struct address a;

	return address_make(span_of(address), &a, &fault) == OK &&
	    editor_find(e, &a, false, line, &fault) == OK;
}

static bool
begin(struct editor *e, const char *address, struct line **line)
{
	return editor_begin(e, &settings, &fault) == OK &&
	    find(e, address, line);
}

static void
put_file(const char *name, const char *text)
{
	FILE *file = fopen(name, "w");

	if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0)
		abort();
}

static void
test_add(void)
{
	put_file(DIRECTORY_ENTRIES,
	    "# who\n\nentry smtp=a@example.org path=a "
	    "x=1\n#end");
	tap_ok(add("entry smtp=Bob@example.org hash=" HASH) == OK &&
	        file_is(DIRECTORY_ENTRIES,
	            "# who\n\nentry smtp=a@example.org path=a x=1\n#end\n"
	            "entry smtp=Bob@example.org store=mailbox "
	            "path=example.org/bob\n") &&
	        file_is(DIRECTORY_SECRETS,
	            "secret smtp=Bob@example.org hash=" HASH "\n"),
	    "an entry is added, and nothing else of the file changes");
	tap_ok(is_mailbox("bob@example.org", "mailbox example.org/bob") &&
	        mailboxes_has("mail", SPAN_LIT("example.org/bob")),
	    "it has a mailbox, and the database knows");
	tap_ok(add("entry smtp=BOB@example.org") == PERM,
	    "a second one of that address is refused");
	tap_ok(add("entry smtp=c@example.net") == PERM,
	    "so is one of another domain");
	tap_ok(add("entry smtp=.@example.org") == PERM &&
	        add("entry smtp=c@example.org path=example.org/bob") == PERM &&
	        add("entry smtp=c@example.org hash=plain") == PERM,
	    "and what is wrong in itself");
	tap_ok(add("alias smtp=b@example.org to=bob@example.org") == OK &&
	        is_mailbox("b@example.org", "alias bob@example.org"),
	    "an alias is added");
	tap_ok(add("alias smtp=b2@example.org to=b+x@example.org") == OK &&
	        is_mailbox("b2@example.org", "alias b+x@example.org"),
	    "and one of an alias");
}

static void
test_change(void)
{
	struct field_change change[] = { { "path", SPAN_LIT("z/a") },
		{ "preferred", SPAN_LIT("smtp") }, { "x", SPAN_EMPTY } };
	struct editor e;
	struct line *a;
	bool good = begin(&e, "A@example.org", &a) &&
	    editor_change(&e, a, change, 3, &fault) == OK &&
	    editor_set_hash(&e, a, SPAN_LIT(HASH), &fault) == OK &&
	    editor_commit(&e, false, &fault) == OK;

	editor_free(&e);
	tap_ok(good &&
	        file_is(DIRECTORY_ENTRIES,
	            "# who\n\nentry smtp=a@example.org path=z/a "
	            "preferred=smtp\n#end\n"
	            "entry smtp=Bob@example.org store=mailbox "
	            "path=example.org/bob\n"
	            "alias smtp=b@example.org to=bob@example.org\n"
	            "alias smtp=b2@example.org to=b+x@example.org\n") &&
	        mailboxes_has("mail", SPAN_LIT("z/a")),
	    "fields are changed in their place, and taken out");
}

static void
test_twice(void)
{
	struct field_change one[] = { { "x", SPAN_LIT("1") } };
	struct field_change two[] = { { "x", SPAN_LIT("2") } };
	struct editor e;
	struct line *a, *bob;
	bool good = begin(&e, "a@example.org", &a) &&
	    find(&e, "bob@example.org", &bob) &&
	    editor_change(&e, a, one, 1, &fault) == OK &&
	    editor_change(&e, a, two, 1, &fault) == OK &&
	    editor_change(&e, bob, one, 1, &fault) == OK &&
	    editor_commit(&e, false, &fault) == OK;

	editor_free(&e);
	tap_ok(good &&
	        file_is(DIRECTORY_ENTRIES,
	            "# who\n\nentry smtp=a@example.org path=z/a "
	            "preferred=smtp x=2\n#end\n"
	            "entry smtp=Bob@example.org store=mailbox "
	            "path=example.org/bob x=1\n"
	            "alias smtp=b@example.org to=bob@example.org\n"
	            "alias smtp=b2@example.org to=b+x@example.org\n"),
	    "of two changes of one line the last counts, and others are made");
}

static void
test_remove(void)
{
	struct editor e;
	struct line *bob;
	bool good = begin(&e, "bob@example.org", &bob);

	if (good)
		editor_remove(&e, bob);
	good = good && editor_commit(&e, false, &fault) == OK;
	editor_free(&e);
	tap_ok(good && is_mailbox("bob@example.org", NULL) &&
	        is_mailbox("b@example.org", NULL) &&
	        is_mailbox("b2@example.org", NULL) &&
	        file_is(DIRECTORY_SECRETS,
	            "secret smtp=a@example.org hash=" HASH "\n"),
	    "a removed entry takes its aliases and its password along");
	tap_ok(mailboxes_has("mail", SPAN_LIT("example.org/bob")),
	    "its mailbox stays");
}

static void
test_orphan(void)
{
	/* As an editor, or a cut in the midst of adding her, leaves it. */
	put_file(DIRECTORY_SECRETS,
	    "secret smtp=a@example.org hash=" HASH "\n"
	    "secret smtp=sue@example.org hash=" HASH "\n");
	tap_ok(add("entry smtp=Sue@example.org") == OK &&
	        file_is(DIRECTORY_SECRETS,
	            "secret smtp=a@example.org hash=" HASH "\n"),
	    "who is added does not get the password of who was there before");
	put_file(DIRECTORY_SECRETS,
	    "secret smtp=a@example.org hash=" HASH "\n"
	    "secret smtp=tim@example.org hash=" HASH "\n");
	tap_ok(add("entry smtp=tim@example.org program=tim") == OK &&
	        file_is(DIRECTORY_SECRETS,
	            "secret smtp=a@example.org hash=" HASH "\n"),
	    "nor does one whose record is taken as it is");
}

/* As a kill between two of the texts and databases leaves it. */
static void
test_cut_short(void)
{
	struct buf text = BUF_INIT(65536);
	struct editor e;
	struct line *line;

	tap_ok(add("entry smtp=cut@example.org") == OK &&
	        fds_read_file(AT_FDCWD, DIRECTORY_ENTRIES, &text, &fault) == OK,
	    "one more entry");
	buf_cut(&text, (size_t)(strstr(text.p, "entry smtp=cut") - text.p));
	put_file(DIRECTORY_ENTRIES, text.p);
	tap_ok(is_mailbox("cut@example.org", "mailbox example.org/cut"),
	    "removed from the text alone it still has its mail");
	tap_ok(editor_begin(&e, &settings, &fault) == OK &&
	        !find(&e, "cut@example.org", &line) && fault.outcome == PERM &&
	        is_mailbox("cut@example.org", NULL),
	    "but not when somebody tries to remove it again");
	editor_free(&e);
	buf_free(&text);
}

static size_t
dot_files(void)
{
	glob_t found;
	size_t n = glob("*/.[a-z]*", 0, NULL, &found) == 0 ? found.gl_pathc : 0;

	if (n > 0)
		globfree(&found);
	return n;
}

/* A name in the way of each file that is written: nothing is changed. */
static void
test_all_or_nothing(void)
{
	static const char *const in_the_way[] = { "directory/.entries",
		"secrets/.secrets", "directory/.entries.cdb",
		"secrets/.secrets.cdb" };
	struct buf before = BUF_INIT(65536);

	(void)!fds_read_file(AT_FDCWD, DIRECTORY_ENTRIES, &before, &fault);
	for (size_t i = 0; i < sizeof(in_the_way) / sizeof(*in_the_way); i++) {
		(void)mkdir(in_the_way[i], 0700);
		tap_ok(add("entry smtp=t@example.org hash=" HASH) == TEMP &&
		        file_is(DIRECTORY_ENTRIES, before.p) &&
		        file_is(DIRECTORY_SECRETS,
		            "secret smtp=a@example.org hash=" HASH "\n") &&
		        is_mailbox("t@example.org", NULL) && dot_files() == 1,
		    "without %s nothing is changed", in_the_way[i]);
		(void)rmdir(in_the_way[i]);
	}
	buf_free(&before);
}

static void
test_errors(void)
{
	put_file(DIRECTORY_ENTRIES, "nonsense\n");
	tap_ok(add("entry smtp=n@example.org") == PERM &&
	        file_is(DIRECTORY_ENTRIES, "nonsense\n") &&
	        is_mailbox("a@example.org", "mailbox z/a"),
	    "a directory with errors is not edited, and not compiled");
}

static void
test_paths(void)
{
	static const struct {
		const char *title, *address, *path;
	} paths[] = {
		{ "a plain name", "Bob@Example.ORG", "example.org/bob" },
		{ "a slash is encoded", "\"a/b\"@x.org", "x.org/a%2Fb" },
		{ "a percent sign too", "a%2fb@x.org", "x.org/a%252fb" },
		{ "a dot in front", "\".a\"@x.org", "x.org/%2Ea" },
		{ "UTF-8 stays", "M\xC3\x9C@x.org", "x.org/m\xC3\xBC" },
	};
	char path[RESOLVE_PATH_MAX + 1];
	struct address a;

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		tap_ok(
		    address_make(span_of(paths[i].address), &a, &fault) == OK &&
		        mailboxes_path(&a, path, &fault) == OK &&
		        strcmp(path, paths[i].path) == 0 &&
		        resolve_path_is_safe(span_of(path)),
		    "a path of an address: %s", paths[i].title);
}

int
main(void)
{
	char dir[] = "/tmp/resolve_edit.XXXXXX", command[64];

	if (sodium_init() < 0 || mkdtemp(dir) == NULL || chdir(dir) != 0 ||
	    mkdir("directory", 0700) != 0 || mkdir("secrets", 0700) != 0 ||
	    mkdir("mail", 0700) != 0)
		return 1;
	test_add();
	test_change();
	test_twice();
	test_remove();
	test_orphan();
	test_cut_short();
	test_all_or_nothing();
	test_errors();
	test_paths();
	(void)snprintf(command, sizeof(command), "rm -rf %s", dir);
	tap_ok(system(command) == 0, "the test cleans up");
	return tap_done();
}
