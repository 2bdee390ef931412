/* SPDX-License-Identifier: ISC */
/* config_edit.c: one setting of pneu.conf changed in its text. */
#include "config_edit.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"

#define BOM "\xEF\xBB\xBF"

/* A line of the file, and what becomes of it. */
struct line {
	struct span whole; /* with its end */
	struct span value; /* of a line that sets it */
	bool is_inside; /* in the row's section, also its first line */
	bool is_setting; /* any, of this section */
	bool sets; /* this one */
	bool is_default; /* #key = ... */
	bool goes;
};

struct text {
	const struct setting_row *row;
	struct line *line;
	size_t lines;
	const char *end; /* of the first line, and of those that are new */
};

enum outcome
config_edit_find(
    struct span name, const struct setting_row **row, struct fault *f)
{
	size_t dot = name.len;
	char section[128];
	char *of_role;

	while (dot > 0 && name.p[dot - 1] != '.')
		dot--;
	*row = NULL;
	if (dot > 1 && span_copy(span_head(name, dot - 1), section, 128)) {
		struct span key = span_from(name, dot);

		*row = config_find_row(span_of(section), key);
		of_role = strchr(section, '.');
		if (*row == NULL && of_role != NULL) {
			*of_role = ' ';
			*row = config_find_row(span_of(section), key);
		}
	}
	if (*row != NULL)
		return OK;
	return fault_set(f, PERM, "5.5.4", 0,
	    SPAN_FMT ": no such setting; they are named SECTION.KEY, as in "
	             "smtpd.max_size (`pneu config show` prints all)",
	    SPAN_ARG(name));
}

/* ---- the lines ---- */

static bool
ends_with(struct span s, const char *end)
{
	size_t n = strlen(end);

	return s.len >= n && span_eq(span_from(s, s.len - n), end);
}

static struct span
without_end(struct span line)
{
	if (line.len > 0 && line.p[line.len - 1] == '\n')
		line.len--;
	if (line.len > 0 && line.p[line.len - 1] == '\r')
		line.len--;
	return line;
}

static size_t
indent_of(struct span line)
{
	size_t n = 0;

	while (n < line.len && is_wsp((unsigned char)line.p[n]))
		n++;
	return n;
}

/* `#key = ...`, as `pneu init` writes what may be set. With a space after the
   mark it is a sentence. */
static bool
is_default_of(const struct setting_row *row, struct span line)
{
	struct span name, value;

	line = span_from(line, indent_of(line));
	return line.len > 1 && line.p[0] == '#' && !is_wsp(line.p[1]) &&
	    config_split(span_from(line, 1), &name, &value) ==
	    CONFIG_LINE_VALUE &&
	    span_eq(name, row->key);
}

static void
read_lines(struct text *t, struct span rest)
{
	bool inside = false;

	while (rest.len > 0) {
		size_t at = span_find(rest, '\n'),
		       n = at < rest.len ? at + 1 : at;
		struct line l = { .whole = span_head(rest, n) };
		struct span bare = without_end(l.whole), name;

		if (t->lines == 0 && span_has_prefix(bare, BOM))
			bare = span_from(bare, strlen(BOM));
		switch (config_split(bare, &name, &l.value)) {
		case CONFIG_LINE_SECTION:
			inside = span_eq(name, t->row->section);
			break;
		case CONFIG_LINE_VALUE:
			l.is_setting = inside;
			l.sets = inside && span_eq(name, t->row->key);
			break;
		case CONFIG_LINE_NONE:
			l.is_default = inside && is_default_of(t->row, bare);
			break;
		case CONFIG_LINE_WRONG:
			break;
		}
		l.is_inside = inside;
		t->line = mem_grow(t->line, t->lines + 1, sizeof(*t->line));
		t->line[t->lines++] = l;
		rest = span_from(rest, n);
	}
	t->end =
	    t->lines > 0 && ends_with(t->line[0].whole, "\r\n") ? "\r\n" : "\n";
}

/* ---- where the values stand ---- */

static size_t
first_setting(const struct text *t)
{
	size_t i = 0;

	while (i < t->lines && !t->line[i].sets)
		i++;
	return i;
}

static size_t
last_setting(const struct text *t)
{
	size_t i = t->lines;

	while (i > 0 && !t->line[i - 1].sets)
		i--;
	return i == 0 ? t->lines : i - 1;
}

static size_t
first_default(const struct text *t)
{
	size_t i = 0;

	while (i < t->lines && !t->line[i].is_default)
		i++;
	return i;
}

/* What a new line stands behind: the last setting of the section, else its first
   line; t->lines: there is no such section. */
static size_t
end_of_section(const struct text *t)
{
	size_t head = t->lines, setting = t->lines;

	for (size_t i = 0; i < t->lines; i++) {
		bool begins = t->line[i].is_inside &&
		    (i == 0 || !t->line[i - 1].is_inside);

		head = begins ? i : head;
		setting = begins ? i : t->line[i].is_setting ? i : setting;
	}
	return head == t->lines ? head : setting;
}

/* ---- the new text ---- */

static void
put_line(struct buf *out, const struct text *t, struct span line)
{
	buf_add(out, line);
	/* The last one may have had none, and is the last no more. */
	if (!ends_with(line, "\n"))
		buf_adds(out, ends_with(line, "\r") ? "\n" : t->end);
}

/* like: the line that they stand for, with its indent and end; NULL: none. */
static void
put_values(struct buf *out, const struct text *t, const struct line *like,
    const struct span *value, size_t n)
{
	struct span indent = SPAN_EMPTY;
	const char *end = t->end;

	if (like != NULL) {
		indent = span_head(like->whole, indent_of(like->whole));
		end = ends_with(like->whole, "\r\n") ? "\r\n"
		    : ends_with(like->whole, "\n")   ? "\n"
		                                     : t->end;
	}
	for (size_t i = 0; i < n; i++) {
		buf_add(out, indent);
		buf_addf(
		    out, "%s =%s", t->row->key, value[i].len == 0 ? "" : " ");
		buf_add(out, value[i]);
		buf_adds(out, end);
	}
}

/* All lines but those that go; the values behind line `at`, with its indent where
   it is one of this setting, or at the end in a section of their own. */
static void
put_all(struct buf *out, const struct text *t, size_t at,
    const struct span *value, size_t n)
{
	for (size_t i = 0; i < t->lines; i++) {
		const struct line *l = &t->line[i];
		bool here = n > 0 && i == at;

		if (!l->goes && (here || (n > 0 && at == t->lines)))
			put_line(out, t, l->whole);
		else if (!l->goes)
			buf_add(out, l->whole);
		if (here)
			put_values(out, t, l->sets || l->is_default ? l : NULL,
			    value, n);
	}
	if (n == 0 || at < t->lines)
		return;
	buf_addf(out, "%s[%s]%s", t->lines == 0 ? "" : t->end, t->row->section,
	    t->end);
	put_values(out, t, NULL, value, n);
}

/* ---- what is asked ---- */

/* In place of all that are there. */
static void
set_values(struct buf *out, struct text *t, const struct span *value, size_t n)
{
	size_t at = first_setting(t);

	for (size_t i = 0; i < t->lines; i++)
		t->line[i].goes = t->line[i].sets;
	if (at == t->lines && n > 0) {
		at = first_default(t);
		if (at < t->lines)
			t->line[at].goes = true;
		else
			at = end_of_section(t);
	}
	put_all(out, t, at, value, n);
}

static bool
has_value(const struct text *t, struct span value)
{
	for (size_t i = 0; i < t->lines; i++)
		if (t->line[i].sets && span_same(t->line[i].value, value))
			return true;
	return false;
}

static bool
is_among(struct span value, const struct span *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (span_same(value, list[i]))
			return true;
	return false;
}

/* A list that the file does not set has its default, to which they are added. */
static void
add_values(struct buf *out, struct text *t, const struct config_edit *e)
{
	struct span added[CONFIG_EDIT_VALUES + 1];
	size_t n = 0, last = last_setting(t);
	struct span first = span_of(t->row->value);

	if (last == t->lines && first.len > 0)
		added[n++] = first;
	for (size_t i = 0; i < e->values; i++)
		if (!has_value(t, e->value[i]) &&
		    !is_among(e->value[i], added, n))
			added[n++] = e->value[i];
	if (last == t->lines) {
		set_values(out, t, added, n);
		return;
	}
	t->line[last].goes = n > 0 && t->line[last].value.len == 0;
	put_all(out, t, last, added, n);
}

/* Without a line they are taken from the default. */
static enum outcome
unset_values(struct buf *out, struct text *t, const struct config_edit *e,
    struct fault *f)
{
	struct span first = span_of(t->row->value), none = SPAN_EMPTY;
	size_t last = last_setting(t), stay = 0;

	for (size_t i = 0; i < e->values; i++)
		if (!has_value(t, e->value[i]) &&
		    (last < t->lines || !span_same(e->value[i], first)))
			return fault_set(f, PERM, "5.5.4", 0,
			    SPAN_FMT " is not a value of %s in [%s]",
			    SPAN_ARG(e->value[i]), t->row->key,
			    t->row->section);
	for (size_t i = 0; i < t->lines; i++) {
		struct line *l = &t->line[i];

		l->goes = l->sets && is_among(l->value, e->value, e->values);
		stay += l->sets && !l->goes;
	}
	/* Without any line the default would be in force again. */
	if (stay == 0 && first.len > 0)
		set_values(out, t, &none, 1);
	else
		put_all(out, t, t->lines, NULL, 0);
	return OK;
}

static enum outcome
check_values(const struct config_edit *e, struct fault *f)
{
	const struct setting_row *r = e->row;
	bool is_list = r->type == SETTING_LIST;

	if (!is_list && e->how == CONFIG_ADD)
		return fault_set(f, PERM, "5.5.4", 0,
		    "%s is no list: it has one value", r->key);
	if (!is_list && e->how == CONFIG_UNSET && e->values > 0)
		return fault_set(f, PERM, "5.5.4", 0,
		    "%s is no list: unset it without a value", r->key);
	if (e->how != CONFIG_UNSET &&
	    (e->values == 0 || (!is_list && e->values > 1)))
		return fault_set(f, PERM, "5.5.4", 0, "%s wants %s", r->key,
		    is_list ? "a value, or several" : "one value");
	if (e->values > CONFIG_EDIT_VALUES)
		return fault_set(f, PERM, "5.5.4", 0, "%s: more than %d values",
		    r->key, CONFIG_EDIT_VALUES);
	for (size_t i = 0; i < e->values; i++) {
		struct span v = e->value[i];

		/* The reader of the file takes them off. */
		if (!config_is_text(v) || indent_of(v) > 0 ||
		    (v.len > 0 && is_wsp((unsigned char)v.p[v.len - 1])))
			return fault_set(f, PERM, "5.5.4", 0,
			    "the value of %s has a space at an end, a line "
			    "end or another control character, or is not UTF-8",
			    r->key);
		if (is_list && v.len == 0 &&
		    (e->values > 1 || e->how != CONFIG_SET))
			return fault_set(f, PERM, "5.5.4", 0,
			    "%s: a value of a list cannot be empty", r->key);
	}
	return OK;
}

enum outcome
config_edit(struct span text, const struct config_edit *e, struct buf *out,
    struct fault *f)
{
	struct text t = { .row = e->row };

	if (check_values(e, f) != OK)
		return f->outcome;
	if (span_has_prefix(text, "\xFF\xFE") ||
	    span_has_prefix(text, "\xFE\xFF"))
		return fault_set(
		    f, PERM, "5.3.5", 0, "in UTF-16: save it as UTF-8");
	read_lines(&t, text);
	f->outcome = OK;
	if (e->how == CONFIG_SET)
		set_values(out, &t, e->value, e->values);
	else if (e->how == CONFIG_ADD)
		add_values(out, &t, e);
	else if (e->values == 0)
		set_values(out, &t, NULL, 0);
	else
		(void)!unset_values(out, &t, e, f);
	free(t.line);
	if (f->outcome == OK && buf_failed(out))
		fault_set(f, PERM, "5.3.5", 0, "would be too large");
	return f->outcome;
}
