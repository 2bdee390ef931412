/* SPDX-License-Identifier: ISC */
#include "../../pneu/config_edit.h"

#include <stdlib.h>
#include <string.h>

#include "tap.h"

#define SET   CONFIG_SET
#define ADD   CONFIG_ADD
#define UNSET CONFIG_UNSET

static const struct {
	const char *title, *text, *name;
	enum config_how how;
	const char *values; /* parted by '|'; NULL: none */
	const char *want; /* NULL: refused */
} cases[] = {
	{ "a line is replaced in its place", "[smtpd]\nmax = 3\nadd = 2\n",
	    "smtpd.max", SET, "4", "[smtpd]\nmax = 4\nadd = 2\n" },
	{ "its indent stays, comments and blank lines too",
	    "# a\n\n[smtpd]\n  # b\n\t max=3\n\n# c\n", "smtpd.max", SET, "4",
	    "# a\n\n[smtpd]\n  # b\n\t max = 4\n\n# c\n" },
	{ "so do carriage returns, and the new line has one",
	    "[smtpd]\r\nmax = 3\r\n", "smtpd.max", SET, "4",
	    "[smtpd]\r\nmax = 4\r\n" },
	{ "also in a new section", "[smtpd]\r\n", "pop3d.max", SET, "4",
	    "[smtpd]\r\n\r\n[pop3d]\r\nmax = 4\r\n" },
	{ "a last line without an end gets one when something follows",
	    "[smtpd]\nadd = 2", "smtpd.max", SET, "4",
	    "[smtpd]\nadd = 2\nmax = 4\n" },
	{ "and stays as it is when nothing does", "[smtpd]\nmax = 3\nadd = 2",
	    "smtpd.max", SET, "4", "[smtpd]\nmax = 4\nadd = 2" },
	{ "a mark of UTF-8 stays", "\xEF\xBB\xBF[smtpd]\nmax = 3\n",
	    "smtpd.max", SET, "4", "\xEF\xBB\xBF[smtpd]\nmax = 4\n" },
	{ "an empty file gets the section", "", "smtpd.max", SET, "4",
	    "[smtpd]\nmax = 4\n" },
	{ "a default in a comment makes place",
	    "[smtpd]\n# The most.\n#max = 20\n#add = 2\n", "smtpd.max", SET,
	    "4", "[smtpd]\n# The most.\nmax = 4\n#add = 2\n" },
	{ "a sentence does not", "[smtpd]\n# max = 20 is too much\nadd = 2\n",
	    "smtpd.max", SET, "4",
	    "[smtpd]\n# max = 20 is too much\nadd = 2\nmax = 4\n" },
	{ "nor does one of another section", "#max = 1\n[pop3d]\n#max = 20\n",
	    "smtpd.max", SET, "4",
	    "#max = 1\n[pop3d]\n#max = 20\n\n[smtpd]\nmax = 4\n" },
	{ "the key in another section is another setting",
	    "[pop3d]\nmax = 3\n[smtpd]\nmax = 3\n", "smtpd.max", SET, "4",
	    "[pop3d]\nmax = 3\n[smtpd]\nmax = 4\n" },
	{ "in a section that comes twice, the last takes what is new",
	    "[smtpd]\nadd = 1\n[pop3d]\n[smtpd]\nstart = 1\n# end\n",
	    "smtpd.max", SET, "4",
	    "[smtpd]\nadd = 1\n[pop3d]\n[smtpd]\nstart = 1\nmax = 4\n# end\n" },
	{ "and both are looked at",
	    "[smtpd]\nmax = 1\n[pop3d]\n[smtpd]\nmax = 2\n", "smtpd.max", SET,
	    "4", "[smtpd]\nmax = 4\n[pop3d]\n[smtpd]\n" },
	{ "a role is a section", "[smtpd]\nmax = 1\n[smtpd submission]\n",
	    "smtpd.submission.max", SET, "4",
	    "[smtpd]\nmax = 1\n[smtpd submission]\nmax = 4\n" },
	{ "however it is spaced, and by its title",
	    "[ smtpd   submission ]\nmax = 1\n", "smtpd submission.max", SET,
	    "4", "[ smtpd   submission ]\nmax = 4\n" },
	{ "that of the first role is the section itself",
	    "[smtpd mx]\nmax = 1\n", "smtpd.max", SET, "4",
	    "[smtpd mx]\nmax = 4\n" },
	{ "a setting that is unset goes", "[smtpd]\nmax = 3\nadd = 2\n",
	    "smtpd.max", UNSET, NULL, "[smtpd]\nadd = 2\n" },
	{ "one that is not there changes nothing", "[smtpd]\nadd = 2",
	    "smtpd.max", UNSET, NULL, "[smtpd]\nadd = 2" },
	{ "a text may be empty", "[smtpd]\nbanner = x\n", "smtpd.banner", SET,
	    "", "[smtpd]\nbanner =\n" },
	{ "a value may have what means something else", "[smtpd]\n",
	    "smtpd.banner", SET, "# [x] = \\ \"",
	    "[smtpd]\nbanner = # [x] = \\ \"\n" },

	{ "values of a list go instead of all",
	    "[resolve]\ndomain = a.org\n# c\ndomain = b.org\nplus = -\n",
	    "resolve.domain", SET, "c.org|d.org",
	    "[resolve]\ndomain = c.org\ndomain = d.org\n# c\nplus = -\n" },
	{ "or one behind the last",
	    "[resolve]\ndomain = a.org\nplus = -\n  domain = b.org\n#\n",
	    "resolve.domain", ADD, "c.org",
	    "[resolve]\ndomain = a.org\nplus = -\n  domain = b.org\n"
	    "  domain = c.org\n#\n" },
	{ "what is there is not added", "[resolve]\ndomain = a.org\n",
	    "resolve.domain", ADD, "a.org|b.org|b.org",
	    "[resolve]\ndomain = a.org\ndomain = b.org\n" },
	{ "the default stays when something is added to it", "", "smtpd.listen",
	    ADD, "127.0.0.1:25",
	    "[smtpd]\nlisten = 127.0.0.1:2525\nlisten = 127.0.0.1:25\n" },
	{ "but not that of a list that was emptied", "[smtpd]\nlisten =\n",
	    "smtpd.listen", ADD, "127.0.0.1:25",
	    "[smtpd]\nlisten = 127.0.0.1:25\n" },
	{ "one value goes, the others stay where they are",
	    "[resolve]\n# one\ndomain = a.org\n# two\ndomain = b.org\n",
	    "resolve.domain", UNSET, "a.org",
	    "[resolve]\n# one\n# two\ndomain = b.org\n" },
	{ "the last one leaves no default behind",
	    "[smtpd]\nlisten = 127.0.0.1:25\nmax = 3\n", "smtpd.listen", UNSET,
	    "127.0.0.1:25", "[smtpd]\nlisten =\nmax = 3\n" },
	{ "a default can be taken away", "[smtpd]\nmax = 3\n", "smtpd.listen",
	    UNSET, "127.0.0.1:2525", "[smtpd]\nmax = 3\nlisten =\n" },
	{ "where it is empty, no line stays", "[resolve]\ndomain = a.org\n",
	    "resolve.domain", UNSET, "a.org", "[resolve]\n" },
	{ "a list may be emptied", "[smtpd]\nlisten = 127.0.0.1:25\n",
	    "smtpd.listen", SET, "", "[smtpd]\nlisten =\n" },

	{ "a value that is not there cannot go", "[resolve]\ndomain = a.org\n",
	    "resolve.domain", UNSET, "b.org", NULL },
	{ "a line end would be a second setting", "", "smtpd.banner", SET,
	    "x\nmax = 1", NULL },
	{ "a carriage return too", "", "smtpd.banner", SET, "x\r", NULL },
	{ "a space at the end would be lost", "", "smtpd.banner", SET, "x ",
	    NULL },
	{ "octets that are no UTF-8", "", "smtpd.banner", SET, "\xFF", NULL },
	{ "one setting has one value", "", "smtpd.max", SET, "1|2", NULL },
	{ "and is no list to add to", "", "smtpd.max", ADD, "1", NULL },
	{ "or to take from", "[smtpd]\nmax = 1\n", "smtpd.max", UNSET, "1",
	    NULL },
	{ "a value has to be said", "", "smtpd.max", SET, NULL, NULL },
	{ "a list has no empty value beside others", "", "resolve.domain", SET,
	    "a.org||b.org", NULL },
	{ "UTF-16 is not touched", "\xFF\xFE[", "smtpd.max", SET, "1", NULL },
};

static const char *const names[] = { "smtpd", "smtpd.", ".max", "", ".",
	"smtpd.nothing", "smtpd.imap.max", "imap.max", "smtpd max", "a.b.c.d",
	NULL };

static bool
try_case(size_t n, struct buf *out, struct fault *f)
{
	struct span value[8], rest;
	struct config_edit e = { .how = cases[n].how, .value = value };

	if (cases[n].values != NULL) {
		rest = span_of(cases[n].values);
		if (rest.len == 0)
			value[e.values++] = SPAN_EMPTY;
		while (span_next(&rest, '|', &value[e.values]))
			e.values++;
	}
	return config_edit_find(span_of(cases[n].name), &e.row, f) == OK &&
	    config_edit(span_of(cases[n].text), &e, out, f) == OK;
}

/* A value as long as a file may be, and a file with a line as long. */
static void
test_large(void)
{
	struct buf text = BUF_INIT(CONFIG_FILE_MAX),
	           out = BUF_INIT(CONFIG_FILE_MAX);
	struct span value = SPAN_LIT("4");
	struct config_edit e = {
		.how = CONFIG_SET, .value = &value, .values = 1
	};
	struct fault f = FAULT_NONE;

	buf_adds(&text, "[smtpd]\n#");
	while (text.len < CONFIG_FILE_MAX - 20)
		buf_addc(&text, 'x');
	tap_ok(config_edit_find(SPAN_LIT("smtpd.max"), &e.row, &f) == OK &&
	        config_edit(buf_span(&text), &e, &out, &f) == OK &&
	        memcmp(out.p, "[smtpd]\nmax = 4\n#xxx", 20) == 0,
	    "a file near its largest size is edited");
	while (text.len < CONFIG_FILE_MAX)
		buf_addc(&text, 'x');
	buf_reset(&out);
	tap_ok(config_edit(buf_span(&text), &e, &out, &f) == PERM &&
	        strstr(f.text, "too large") != NULL,
	    "one that would be too large is refused");
	value = buf_span(&text);
	value.len -= 100;
	value = span_from(value, 9);
	buf_reset(&out);
	f = FAULT_NONE;
	tap_ok(config_edit_find(SPAN_LIT("smtpd.banner"), &e.row, &f) == OK &&
	        config_edit(SPAN_EMPTY, &e, &out, &f) == OK,
	    "a huge value is for the check of the whole to refuse");
	buf_free(&text);
	buf_free(&out);
}

int
main(void)
{
	const struct setting_row *row;
	struct fault f;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf out = BUF_INIT(CONFIG_FILE_MAX);
		bool good;

		f = FAULT_NONE;
		good = try_case(i, &out, &f);
		tap_ok(cases[i].want == NULL
		        ? !good && f.outcome == PERM
		        : good && span_eq(buf_span(&out), cases[i].want),
		    "%s", cases[i].title);
		buf_free(&out);
	}
	for (size_t i = 0; names[i] != NULL; i++)
		tap_ok(config_edit_find(span_of(names[i]), &row, &f) == PERM,
		    "'%s' is no setting", names[i]);
	test_large();
	return tap_done();
}
