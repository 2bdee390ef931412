/* SPDX-License-Identifier: ISC */
/* list_edit.c: a list's text, and what becomes of it. */
#include "list_edit.h"

#include <string.h>

bool
list_entry_same(struct span a, struct span b)
{
	struct net_range x, y;

	if (span_same_nocase(a, b))
		return true;
	return net_parse_range(a, &x) == NULL &&
	    net_parse_range(b, &y) == NULL && x.first.is_v6 == y.first.is_v6 &&
	    memcmp(x.first.octet, y.first.octet, NET_OCTETS) == 0 &&
	    memcmp(x.last.octet, y.last.octet, NET_OCTETS) == 0;
}

/* The first of them that it is; entries: none. */
static size_t
find_entry(const struct list_edit *e, struct span entry)
{
	size_t i = 0;

	while (i < e->entries && !list_entry_same(entry, e->entry[i]))
		i++;
	return i;
}

static enum outcome
check_entries(const struct list_edit *e, struct fault *f)
{
	for (size_t i = 0; i < e->entries; i++) {
		const char *why = list_why_not(e->about, e->entry[i]);
		struct span whole;

		/* What a reader of the file would not find again is none. */
		if (why == NULL &&
		    (!list_entry(e->entry[i], &whole) ||
		        !span_same(whole, e->entry[i])))
			why = "not an entry";
		if (why != NULL)
			return fault_set(f, PERM, "5.5.4", 0, SPAN_FMT ": %s",
			    SPAN_ARG(e->entry[i]), why);
	}
	return OK;
}

enum outcome
list_edit(struct span text, const struct list_edit *e, struct buf *out,
    struct fault *f)
{
	bool had[LIST_EDIT_ENTRIES] = { false };
	const char *end = "\n";
	struct span rest = text, line;

	/* What is wrong may be removed. */
	if (!e->removes && check_entries(e, f) != OK)
		return f->outcome;
	while (span_next(&rest, '\n', &line)) {
		struct span entry;
		size_t i = list_entry(line, &entry) ? find_entry(e, entry)
		                                    : e->entries;

		if (line.len > 0 && line.p[line.len - 1] == '\r')
			end = "\r\n";
		if (i < e->entries)
			had[i] = true;
		if (i < e->entries && e->removes)
			continue;
		buf_add(out, line);
		/* The last may have no end; what follows begins a line. */
		if (rest.len > 0 || text.p[text.len - 1] == '\n')
			buf_addc(out, '\n');
	}
	if (!e->removes && out->len > 0 && out->p[out->len - 1] != '\n')
		buf_adds(out, end);
	for (size_t i = 0; i < e->entries; i++) {
		size_t first = find_entry(e, e->entry[i]);

		if (e->removes && !had[first])
			return fault_set(f, PERM, "5.5.4", 0,
			    SPAN_FMT " is not in " LISTS_DIRECTORY "/%s",
			    SPAN_ARG(e->entry[i]), e->about->name);
		if (e->removes || had[first])
			continue;
		had[first] = true;
		buf_add(out, e->entry[i]);
		buf_adds(out, end);
	}
	return buf_failed(out)
	    ? fault_set(f, PERM, "5.3.5", 0,
	          LISTS_DIRECTORY "/%s would be too large", e->about->name)
	    : OK;
}
