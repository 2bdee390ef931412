/* SPDX-License-Identifier: ISC */
/*
 * Any text is parsed and checked, and what passed without an error is found
 * again under its own key. The first half, up to a line of "--", is entries.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "../../resolve/directory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *domains[] = { "example.org", "xn--bcher-kva.example" };
static const struct settings settings = { .mail = { .directory = "mail" },
	.resolve = {
	    .domain = { domains, 2 }, .plus = "+", .alias_steps = 10 } };

static void
split(struct span in, struct span *entries, struct span *secrets)
{
	static const char mark[] = "\n--\n";
	const char *at =
	    in.len == 0 ? NULL : memmem(in.p, in.len, mark, sizeof(mark) - 1);

	*entries = at == NULL ? in : span_head(in, (size_t)(at - in.p) + 1);
	*secrets = at == NULL
	    ? SPAN_EMPTY
	    : span_from(in, (size_t)(at - in.p) + sizeof(mark) - 1);
}

static void
check_lines(const struct directory *d)
{
	struct address a;
	struct fault f;

	for (size_t i = 0; i < d->entries.lines; i++) {
		const struct line *line = &d->entries.line[i], *found;

		if (line->kind == LINE_NONE)
			continue;
		found = directory_find(d, line->key);
		if (found == NULL || !span_same(found->key, line->key) ||
		    address_make(line->smtp, &a, &f) != OK)
			abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = { (const char *)data, size }, entries, secrets;
	struct directory d;
	struct fault f;

	if (sodium_init() < 0)
		abort();
	split(in, &entries, &secrets);
	if (directory_begin(&d, &settings, &f) != OK)
		abort();
	d.entries.whole = entries;
	d.secrets.whole = secrets;
	directory_parse(&d);
	directory_check(&d, false);
	check_lines(&d);
	directory_free(&d);
	return 0;
}
