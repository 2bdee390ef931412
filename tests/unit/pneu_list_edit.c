/* SPDX-License-Identifier: ISC */
#include "../../pneu/list_edit.h"

#include "tap.h"

static const struct {
	const char *title, *list, *text, *entry[2];
	bool removes;
	const char *want; /* NULL: it is refused */
} cases[] = {
	{ "an entry goes to the end", "reject", "# bad\n192.0.2.0/24\n",
	    { "198.51.100.7" }, false, "# bad\n192.0.2.0/24\n198.51.100.7\n" },
	{ "two do, in their order", "near", "", { "b.test", ".a.test" }, false,
	    "b.test\n.a.test\n" },
	{ "one that is said twice is added once", "near", "",
	    { "b.test", "B.test" }, false, "b.test\n" },
	{ "a last line without an end gets one", "near", "a.test", { "b.test" },
	    false, "a.test\nb.test\n" },
	{ "line ends stay", "near", "a.test # x\r\n", { "b.test" }, false,
	    "a.test # x\r\nb.test\r\n" },
	{ "what is there already changes nothing", "reject",
	    "192.0.2.7/32 # him\n", { "192.0.2.7" }, false,
	    "192.0.2.7/32 # him\n" },
	{ "case does not matter", "logins", "Ann@example.org\n",
	    { "ann@EXAMPLE.org" }, false, "Ann@example.org\n" },
	{ "what is no entry of this list is refused", "near", "a.test\n",
	    { "192.0.2.7/24" }, false, NULL },
	{ "so is a network with bits behind its mask", "reject", "",
	    { "192.0.2.7/24" }, false, NULL },
	{ "so is one with a comment, or a line end", "near", "",
	    { "a.test # x" }, false, NULL },
	{ "so is one that is empty", "near", "", { "" }, false, NULL },
	{ "a line is removed, comments around it stay", "near",
	    "# one\na.test # x\n\n# two\nb.test\n", { "a.test" }, true,
	    "# one\n\n# two\nb.test\n" },
	{ "all lines that mean it are", "reject",
	    "192.0.2.7\n198.51.100.1\n192.0.2.7/32", { "192.0.2.7" }, true,
	    "198.51.100.1\n" },
	{ "what is wrong can be removed", "near", "a b c\nb.test\n",
	    { "a b c" }, true, "b.test\n" },
	{ "what is not there cannot", "near", "a.test\n", { "b.test" }, true,
	    NULL },
	{ "a comment is no entry", "near", "#b.test\n", { "b.test" }, true,
	    NULL },
};

int
main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct span entry[2] = { span_of(cases[i].entry[0]),
			SPAN_EMPTY };
		const struct list_edit e = { list_find(span_of(cases[i].list)),
			cases[i].removes, entry,
			cases[i].entry[1] == NULL ? 1U : 2U };
		struct buf out = BUF_INIT(65536);
		struct fault f = FAULT_NONE;
		enum outcome got;

		if (cases[i].entry[1] != NULL)
			entry[1] = span_of(cases[i].entry[1]);
		got = list_edit(span_of(cases[i].text), &e, &out, &f);
		tap_ok(cases[i].want == NULL
		        ? got == PERM
		        : got == OK && span_eq(buf_span(&out), cases[i].want),
		    "%s", cases[i].title);
		buf_free(&out);
	}
	return tap_done();
}
