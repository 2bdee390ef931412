/* SPDX-License-Identifier: ISC */
/* config.c: pneu.conf by the table of settings; every error with its line. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fds.h"
#include "path.h"

#define CONFIG_FILE_MAX (1024UL * 1024) /* octets. Ours */
#define LIST_MAX        256 /* values of one key. Ours */

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit size_units[] = {
	{ "G", 1024UL * 1024 * 1024 },
	{ "M", 1024UL * 1024 },
	{ "K", 1024UL },
	{ "", 1 },
	{ NULL, 0 },
};

/* Longest first, so that the shortest exact text is printed; "" is seconds. */
static const struct unit time_units[] = {
	{ "d", 86400000UL },
	{ "h", 3600000UL },
	{ "m", 60000UL },
	{ "s", 1000UL },
	{ "ms", 1 },
	{ "", 1000UL },
	{ NULL, 0 },
};

static const struct unit no_units[] = { { "", 1 }, { NULL, 0 } };

static const struct unit *
units_of(const struct setting_row *row)
{
	switch (row->type) {
	case SETTING_SIZE:
		return size_units;
	case SETTING_TIME:
		return time_units;
	case SETTING_TEXT:
	case SETTING_LIST:
	case SETTING_NUMBER:
	case SETTING_CHOICE:
		break;
	}
	return no_units;
}

static void *
member(struct settings *s, const struct setting_row *row)
{
	return (char *)s + row->offset;
}

static const void *
member_of(const struct settings *s, const struct setting_row *row)
{
	return (const char *)s + row->offset;
}

/* "64K", "30s": digits and a unit of the type. */
static bool
parse_number(const struct setting_row *row, struct span text, uint64_t *out)
{
	struct cur c = cur_over(text);
	struct span digits = cur_while(&c, is_digit), unit = cur_rest(&c);
	uint64_t n = 0;

	if (!num_parse(digits, 0, UINT64_MAX, &n))
		return false;
	for (const struct unit *u = units_of(row); u->name != NULL; u++) {
		if (!span_eq(unit, u->name))
			continue;
		return !__builtin_mul_overflow(n, u->factor, out);
	}
	return false;
}

static bool
parse_choice(const struct setting_row *row, struct span text, uint64_t *out)
{
	struct span rest = span_of(row->choices), word;

	for (uint64_t i = 0; span_next(&rest, ' ', &word); i++) {
		if (span_same(word, text)) {
			*out = i;
			return true;
		}
	}
	return false;
}

static void
put_unit_value(struct buf *b, const struct setting_row *row, uint64_t value)
{
	for (const struct unit *u = units_of(row); u->name != NULL; u++) {
		if (value % u->factor == 0 && (value != 0 || u->factor == 1)) {
			buf_addf(b, "%llu%s",
			    (unsigned long long)(value / u->factor), u->name);
			return;
		}
	}
}

static enum outcome
bad_value(const struct setting_row *row, struct fault *f)
{
	struct buf b = BUF_INIT(512);

	switch (row->type) {
	case SETTING_NUMBER:
	case SETTING_SIZE:
	case SETTING_TIME:
		buf_addf(&b, "%s wants a %s from ", row->key,
		    row->type == SETTING_NUMBER     ? "number"
		        : row->type == SETTING_SIZE ? "size (64K, 25M, 1G)"
		                                    : "time (500ms, 30s, 5m)");
		put_unit_value(&b, row, row->min);
		buf_adds(&b, " to ");
		put_unit_value(&b, row, row->max);
		break;
	case SETTING_CHOICE:
		buf_addf(&b, "%s is one of: %s", row->key, row->choices);
		break;
	case SETTING_TEXT:
	case SETTING_LIST:
		buf_addf(&b, "%s is too long", row->key);
		break;
	}
	fault_set(f, PERM, "5.3.5", 0, "%s", b.p);
	buf_free(&b);
	return PERM;
}

static enum outcome
list_add(struct setting_list *list, const struct setting_row *row,
    struct span text, struct fault *f)
{
	char **grown;

	if (list->n == LIST_MAX)
		return fault_set(f, PERM, "5.3.5", 0,
		    "%s has more than %d values", row->key, LIST_MAX);
	grown = realloc(list->value, (list->n + 1) * sizeof(*grown));
	if (grown == NULL)
		return fault_set(f, TEMP, "4.3.0", errno, "configuration");
	list->value = grown;
	grown[list->n] = strndup(text.p, text.len);
	if (grown[list->n] == NULL)
		return fault_set(f, TEMP, "4.3.0", errno, "configuration");
	list->n++;
	return OK;
}

static void
list_clear(struct setting_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->value[i]);
	free(list->value);
	*list = (struct setting_list){ NULL, 0 };
}

static enum outcome
set_text(char **where, struct span text, struct fault *f)
{
	char *copy = strndup(text.p, text.len);

	if (copy == NULL)
		return fault_set(f, TEMP, "4.3.0", errno, "configuration");
	free(*where);
	*where = copy;
	return OK;
}

static enum outcome
set_value(struct settings *s, const struct setting_row *row, struct span text,
    struct fault *f)
{
	uint64_t n = 0;

	switch (row->type) {
	case SETTING_TEXT:
		if (text.len > row->max)
			return bad_value(row, f);
		return set_text(member(s, row), text, f);
	case SETTING_LIST:
		if (text.len > row->max)
			return bad_value(row, f);
		return list_add(member(s, row), row, text, f);
	case SETTING_NUMBER:
	case SETTING_SIZE:
	case SETTING_TIME:
		if (!parse_number(row, text, &n) || n < row->min ||
		    n > row->max)
			return bad_value(row, f);
		break;
	case SETTING_CHOICE:
		if (!parse_choice(row, text, &n))
			return bad_value(row, f);
		break;
	}
	*(uint64_t *)member(s, row) = n;
	return OK;
}

static enum outcome
set_defaults(struct settings *s, struct fault *f)
{
	memset(s, 0, sizeof(*s));
	s->submission.role = ROLE_SUBMISSION;
	for (const struct setting_row *r = setting_rows; r->section; r++) {
		if (r->type == SETTING_LIST && r->value[0] == '\0')
			continue;
		if (set_value(s, r, span_of(r->value), f) != OK)
			return f->outcome;
	}
	return OK;
}

static struct span
trim(struct span s)
{
	while (s.len > 0 && is_wsp((unsigned char)s.p[0]))
		s = span_from(s, 1);
	while (s.len > 0 && is_wsp((unsigned char)s.p[s.len - 1]))
		s.len--;
	return s;
}

/* A carriage return in a banner would end the line that it stands in. */
static bool
is_text(struct span s)
{
	size_t n = 1;

	for (; s.len > 0 && n > 0; s = span_from(s, n))
		n = utf8_printable(s);
	return n > 0;
}

static bool
is_key_octet(int c)
{
	return is_alnum(c) || c == '_' || c == '-';
}

/* What is kept while a file is read. */
struct reader {
	struct settings *s;
	struct span section;
	const struct setting_role *role; /* NULL: the section itself */
	unsigned line;
};

static const struct setting_place *
find_place(const struct settings *s, size_t offset, size_t i)
{
	for (size_t n = 0; n < s->places; n++)
		if (s->place[n].offset == offset &&
		    (s->place[n].i == i || i == SIZE_MAX))
			return &s->place[n];
	return NULL;
}

bool
config_is_set(const struct settings *s, const struct setting_row *row)
{
	return find_place(s, row->offset, SIZE_MAX) != NULL;
}

static enum outcome
add_place(
    struct reader *r, const struct setting_row *row, size_t i, struct fault *f)
{
	struct settings *s = r->s;
	struct setting_place *grown =
	    realloc(s->place, (s->places + 1) * sizeof(*grown));

	if (grown == NULL)
		return fault_set(f, TEMP, "4.3.0", errno, "configuration");
	s->place = grown;
	grown[s->places++] = (struct setting_place){ row->offset, i, r->line };
	return OK;
}

/* The first value in the file replaces the default; lists then grow. */
static enum outcome
assign(struct reader *r, const struct setting_row *row, struct span value,
    struct fault *f)
{
	bool is_list = row->type == SETTING_LIST;
	bool again = config_is_set(r->s, row);
	struct setting_list *list = member(r->s, row);

	if (again && !is_list)
		return fault_set(f, PERM, "5.3.5", 0, "%s is set twice in [%s]",
		    row->key, row->section);
	if (!again && is_list) {
		list_clear(list);
		if (value.len == 0)
			return add_place(r, row, SIZE_MAX, f);
	}
	if (add_place(r, row, is_list ? list->n : 0, f) != OK)
		return f->outcome;
	return set_value(r->s, row, value, f);
}

/* ---- roles ---- */

const struct setting_role *
config_find_role(struct span section, struct span name)
{
	for (const struct setting_role *r = setting_roles; r->section; r++)
		if (span_eq(section, r->section) && span_eq(name, r->name))
			return r;
	return NULL;
}

struct setting_row
config_row_of(const struct setting_role *role, const struct setting_row *row)
{
	struct setting_row own = *row;

	own.section = role->title;
	own.offset += role->offset - role->base;
	return own;
}

/* Is the row of the section of a role that has settings beside it? */
static bool
is_beside(const struct setting_role *role, const struct setting_row *row)
{
	return role->offset != role->base &&
	    strcmp(role->section, row->section) == 0;
}

/* Has the role a value of its own of this row? */
static bool
is_of_role(const struct setting_role *role, const struct setting_row *row)
{
	return is_beside(role, row) && row->type != SETTING_LIST;
}

static enum outcome
inherit(struct settings *s, const struct setting_role *role, struct fault *f)
{
	for (const struct setting_row *r = setting_rows; r->section; r++) {
		struct setting_row own = config_row_of(role, r);

		if (!is_of_role(role, r) || config_is_set(s, &own))
			continue;
		if (r->type != SETTING_TEXT)
			*(uint64_t *)member(s, &own) =
			    *(const uint64_t *)member_of(s, r);
		else if (set_text(member(s, &own),
		             span_of(*(char *const *)member_of(s, r)), f) != OK)
			return f->outcome;
	}
	return OK;
}

void
config_take_role(struct settings *s, const struct setting_role *role)
{
	unsigned char *a = (unsigned char *)s + role->base;
	unsigned char *b = (unsigned char *)s + role->offset;

	/* Changed places: both are freed. */
	for (size_t i = 0; i < role->size; i++) {
		unsigned char octet = a[i];

		a[i] = b[i];
		b[i] = octet;
	}
}

/* ---- lines ---- */

static bool
is_section(struct span name)
{
	for (const struct setting_row *row = setting_rows; row->section; row++)
		if (span_eq(name, row->section))
			return true;
	return false;
}

static enum outcome
read_section(struct reader *r, struct span line, struct fault *f)
{
	struct span whole, role;
	struct cur c;

	if (line.p[line.len - 1] != ']')
		return fault_set(f, PERM, "5.3.5", 0, "no ']' at the end");
	whole = trim((struct span){ line.p + 1, line.len - 2 });
	c = cur_over(whole);
	r->section = cur_while(&c, is_key_octet);
	role = trim(cur_rest(&c));
	r->role = role.len == 0 ? NULL : config_find_role(r->section, role);
	if (is_section(r->section) && (role.len == 0 || r->role != NULL))
		return OK;
	return fault_set(f, PERM, "5.3.5", 0, "unknown section [" SPAN_FMT "]",
	    SPAN_ARG(whole));
}

static enum outcome
read_setting(struct reader *r, const struct setting_row *row, struct span value,
    struct fault *f)
{
	struct setting_row own;

	if (r->role == NULL || r->role->offset == r->role->base)
		return assign(r, row, value, f);
	if (!is_of_role(r->role, row))
		return fault_set(f, PERM, "5.3.5", 0,
		    "%s belongs in [%s], also for %s", row->key, row->section,
		    r->role->name);
	own = config_row_of(r->role, row);
	return assign(r, &own, value, f);
}

static enum outcome
read_line(struct reader *r, struct span line, struct fault *f)
{
	struct cur c;
	struct span key, value;

	line = trim(line);
	if (line.len == 0 || line.p[0] == '#')
		return OK;
	if (line.p[0] == '[')
		return read_section(r, line, f);
	c = cur_over(line);
	key = cur_while(&c, is_key_octet);
	(void)cur_while(&c, is_wsp);
	if (key.len == 0 || !cur_eat(&c, '='))
		return fault_set(
		    f, PERM, "5.3.5", 0, "neither [section] nor key = value");
	value = trim(cur_rest(&c));
	if (!is_text(value))
		return fault_set(f, PERM, "5.3.5", 0,
		    "the value of " SPAN_FMT " has a control character, or is "
		    "not UTF-8",
		    SPAN_ARG(key));
	if (r->section.len == 0)
		return fault_set(f, PERM, "5.3.5", 0,
		    SPAN_FMT " stands before any [section]", SPAN_ARG(key));
	for (const struct setting_row *row = setting_rows; row->section; row++)
		if (span_eq(r->section, row->section) && span_eq(key, row->key))
			return read_setting(r, row, value, f);
	return fault_set(f, PERM, "5.3.5", 0,
	    "unknown setting " SPAN_FMT " in [" SPAN_FMT "]", SPAN_ARG(key),
	    SPAN_ARG(r->section));
}

static enum outcome
read_file(
    struct settings *s, struct span text, struct buf *errors, struct fault *f)
{
	struct reader r = { .s = s, .section = SPAN_EMPTY };
	struct fault one = FAULT_NONE;
	struct span line;

	/* Editors of other systems mark UTF-8 so, and end a line with a CR. */
	if (span_has_prefix(text, "\xEF\xBB\xBF"))
		text = span_from(text, 3);
	if (span_has_prefix(text, "\xFF\xFE") ||
	    span_has_prefix(text, "\xFE\xFF")) {
		buf_addf(
		    errors, "%s:1: in UTF-16: save it as UTF-8\n", s->file);
		return OK;
	}
	while (span_next(&text, '\n', &line)) {
		r.line++;
		if (line.len > 0 && line.p[line.len - 1] == '\r')
			line.len--;
		switch (read_line(&r, line, &one)) {
		case OK:
			break;
		case TEMP:
			*f = one;
			return TEMP;
		case PERM:
			buf_addf(
			    errors, "%s:%u: %s\n", s->file, r.line, one.text);
			break;
		}
	}
	return OK;
}

void
config_wrong(const struct settings *s, const void *where, size_t i,
    struct buf *errors, const char *format, ...)
{
	size_t offset = (size_t)((const char *)where - (const char *)s);
	const struct setting_place *place = find_place(s, offset, i);
	char text[FAULT_TEXT_MAX];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	buf_adds(errors, s->file == NULL ? "defaults" : s->file);
	if (place != NULL)
		buf_addf(errors, ":%u", place->line);
	buf_addf(errors, ": %s\n", text);
}

/* What one row cannot say: the first of two must not be over the second. */
#define AT(member) offsetof(struct settings, member)
static const struct {
	size_t low, high;
} pairs[] = {
	{ AT(pneu.restart_min_ms), AT(pneu.restart_max_ms) },
	{ AT(smtpd.service.start), AT(smtpd.service.max) },
	{ AT(smtpd.service.min_idle), AT(smtpd.service.max) },
	{ AT(pop3d.service.start), AT(pop3d.service.max) },
	{ AT(pop3d.service.min_idle), AT(pop3d.service.max) },
	{ AT(pop3d.session.start), AT(pop3d.session.max) },
	{ AT(pop3d.session.min_idle), AT(pop3d.session.max) },
	{ AT(queue.retry_min_ms), AT(queue.retry_max_ms) },
	/* Else each recipient is accepted, and the message never. */
	{ AT(smtpd.max_recipients), AT(queue.recipients_max) },
	{ AT(queue.min_free), AT(smtpd.min_free) },
};

static const struct setting_row *
row_at(size_t offset)
{
	const struct setting_row *r = setting_rows;

	while (r->offset != offset)
		r++;
	return r;
}

static void
check_pair(const struct settings *s, const struct setting_row *low,
    const struct setting_row *high, struct buf *errors)
{
	bool low_stands = config_is_set(s, low);

	if (*(const uint64_t *)member_of(s, low) <=
	    *(const uint64_t *)member_of(s, high))
		return;
	config_wrong(s, member_of(s, low_stands ? low : high), 0, errors,
	    "[%s] %s is over [%s] %s", low->section, low->key, high->section,
	    high->key);
}

/* Where neither is the role's own, the section's pair has said it. */
static void
check_pair_of_role(const struct settings *s, const struct setting_role *role,
    struct setting_row low, struct setting_row high, struct buf *errors)
{
	bool low_is = is_of_role(role, &low), high_is = is_of_role(role, &high);

	if (low_is)
		low = config_row_of(role, &low);
	if (high_is)
		high = config_row_of(role, &high);
	if ((low_is && config_is_set(s, &low)) ||
	    (high_is && config_is_set(s, &high)))
		check_pair(s, &low, &high, errors);
}

static void
check_pairs(const struct settings *s, struct buf *errors)
{
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		const struct setting_row *low = row_at(pairs[i].low);
		const struct setting_row *high = row_at(pairs[i].high);

		check_pair(s, low, high, errors);
		for (const struct setting_role *r = setting_roles; r->section;
		     r++)
			check_pair_of_role(s, r, *low, *high, errors);
	}
}

/* Where a wrong one would stand: in what is said to others, and in addresses. */
static void
check_names(const struct settings *s, struct buf *errors)
{
	const char *host = s->pneu.hostname;
	const struct setting_list *domain = &s->resolve.domain;

	if (host[0] != '\0' && !path_is_domain(span_of(host), false))
		config_wrong(s, &s->pneu.hostname, 0, errors,
		    "[pneu] hostname = %s: not a host name", host);
	for (size_t i = 0; i < domain->n; i++)
		if (!path_is_domain(span_of(domain->value[i]), true))
			config_wrong(s, domain, i, errors,
			    "[resolve] domain = %s: not a domain name",
			    domain->value[i]);
}

static enum outcome
inherit_all(struct settings *s, struct fault *f)
{
	for (const struct setting_role *r = setting_roles; r->section; r++)
		if (inherit(s, r, f) != OK)
			return f->outcome;
	return OK;
}

enum outcome
config_load(
    struct settings *s, const char *path, struct buf *errors, struct fault *f)
{
	struct buf text = BUF_INIT(CONFIG_FILE_MAX);

	if (set_defaults(s, f) != OK)
		return f->outcome;
	if (path == NULL)
		return inherit_all(s, f);
	if (set_text(&s->file, span_of(path), f) != OK ||
	    fds_read_file(AT_FDCWD, path, &text, f) != OK ||
	    read_file(s, buf_span(&text), errors, f) != OK ||
	    inherit_all(s, f) != OK)
		goto out;
	check_pairs(s, errors);
	check_names(s, errors);
	f->outcome = OK;
	if (errors->len > 0 || buf_failed(errors))
		fault_set(f, PERM, "5.3.5", 0, "%s has errors", path);
out:
	buf_free(&text);
	return f->outcome;
}

static void
free_value(struct settings *s, const struct setting_row *row)
{
	if (row->type == SETTING_TEXT) {
		free(*(char **)member(s, row));
		*(char **)member(s, row) = NULL;
	} else if (row->type == SETTING_LIST) {
		list_clear(member(s, row));
	}
}

void
config_free(struct settings *s)
{
	for (const struct setting_row *row = setting_rows; row->section;
	     row++) {
		free_value(s, row);
		for (const struct setting_role *r = setting_roles; r->section;
		     r++) {
			struct setting_row own = config_row_of(r, row);

			/* Lists too: config_take_role() moves them. */
			if (is_beside(r, row))
				free_value(s, &own);
		}
	}
	free(s->file);
	free(s->place);
	s->file = NULL;
	s->place = NULL;
	s->places = 0;
}

static void
put_choice(struct buf *b, const struct setting_row *row, uint64_t value)
{
	struct span rest = span_of(row->choices), word = SPAN_EMPTY;

	for (uint64_t i = 0; i <= value && span_next(&rest, ' ', &word); i++)
		continue;
	buf_add(b, word);
}

void
config_put_value(struct buf *b, const struct settings *s,
    const struct setting_row *row, const char *separator)
{
	const void *at = member_of(s, row);

	switch (row->type) {
	case SETTING_TEXT:
		buf_adds(b, *(char *const *)at);
		break;
	case SETTING_LIST: {
		const struct setting_list *list = at;

		for (size_t i = 0; i < list->n; i++) {
			buf_adds(b, i == 0 ? "" : separator);
			buf_adds(b, list->value[i]);
		}
		break;
	}
	case SETTING_NUMBER:
	case SETTING_SIZE:
	case SETTING_TIME:
		put_unit_value(b, row, *(const uint64_t *)at);
		break;
	case SETTING_CHOICE:
		put_choice(b, row, *(const uint64_t *)at);
		break;
	}
}
