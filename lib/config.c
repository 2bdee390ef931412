/* SPDX-License-Identifier: ISC */
/* config.c: pneu.conf by the table of settings; every error with its line. */
#include "config.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fds.h"
#include "mem.h"
#include "path.h"

/* ---- Rows and roles ---- */

static bool
is_section(const struct setting_row *row, const char *section)
{
	return row->section != NULL && strcmp(row->section, section) == 0;
}

/* Does the role have this setting of its section? */
static bool
is_of_role(const struct setting_role *role, const struct setting_row *r)
{
	return is_section(r, role->section) && r->offset >= role->base &&
	    r->offset - role->base < role->size;
}

static void
take_own_default(struct setting_row *r)
{
	for (const struct setting_own *o = setting_owns; o->title; o++) {
		if (strcmp(o->title, r->section) != 0 ||
		    strcmp(o->key, r->key) != 0)
			continue;
		r->value = o->value;
		r->own = true;
	}
}

/* The rows of a section once more for each role with settings beside it. */
static size_t
add_roles(struct setting_row *all, size_t n, const char *section)
{
	for (const struct setting_role *role = setting_roles; role->section;
	     role++) {
		if (role->offset == role->base ||
		    strcmp(role->section, section) != 0)
			continue;
		for (const struct setting_row *r = setting_rows; r->section;
		     r++) {
			if (!is_of_role(role, r))
				continue;
			all[n] = *r;
			all[n].section = role->title;
			all[n].offset += role->offset - role->base;
			all[n].base = r;
			take_own_default(&all[n++]);
		}
	}
	return n;
}

const struct setting_row *
config_rows(void)
{
	static struct setting_row all[CONFIG_ROWS_MAX];
	size_t n = 0;

	if (all[0].section != NULL)
		return all;
	for (const struct setting_row *r = setting_rows; r->section; r++) {
		all[n++] = *r;
		if (!is_section(r + 1, r->section))
			n = add_roles(all, n, r->section);
	}
	return all;
}

const struct setting_row *
config_find_row(struct span section, struct span key)
{
	for (const struct setting_row *r = config_rows(); r->section; r++)
		if (span_eq(section, r->section) && span_eq(key, r->key))
			return r;
	return NULL;
}

const struct setting_role *
config_find_role(struct span section, struct span name)
{
	for (const struct setting_role *r = setting_roles; r->section; r++)
		if (span_eq(section, r->section) && span_eq(name, r->name))
			return r;
	return NULL;
}

static void
change_places(struct settings *s, const struct setting_role *role)
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

void
config_take_role(struct settings *s, const struct setting_role *role)
{
	for (const struct setting_role *r = setting_roles; r->section; r++)
		if (strcmp(r->name, role->name) == 0)
			change_places(s, r);
}

/* ---- Places ---- */

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

void
config_put_place(
    struct buf *b, const struct settings *s, const struct setting_row *row)
{
	const struct setting_place *place =
	    find_place(s, row->offset, SIZE_MAX);

	if (place != NULL)
		buf_addf(b, "%s:%u", s->file, place->line);
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

/* ---- Lines ---- */

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
bool
config_is_text(struct span s)
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

/* [section] or [section role], by the title of its rows if there are any. */
static enum config_line
split_section(struct span line, struct span *name)
{
	const struct setting_role *role;
	struct span of;
	struct cur c;

	if (line.p[line.len - 1] != ']')
		return CONFIG_LINE_WRONG;
	*name = trim((struct span){ line.p + 1, line.len - 2 });
	c = cur_over(*name);
	of = cur_while(&c, is_key_octet);
	role = config_find_role(of, trim(cur_rest(&c)));
	if (role != NULL)
		*name = span_of(role->title);
	return CONFIG_LINE_SECTION;
}

enum config_line
config_split(struct span line, struct span *name, struct span *value)
{
	struct cur c;

	*name = *value = SPAN_EMPTY;
	line = trim(line);
	if (line.len == 0 || line.p[0] == '#')
		return CONFIG_LINE_NONE;
	if (line.p[0] == '[')
		return split_section(line, name);
	c = cur_over(line);
	*name = cur_while(&c, is_key_octet);
	(void)cur_while(&c, is_wsp);
	if (name->len == 0 || !cur_eat(&c, '='))
		return CONFIG_LINE_WRONG;
	*value = trim(cur_rest(&c));
	return CONFIG_LINE_VALUE;
}

/* What is kept while a file is read. */
struct reader {
	struct settings *s;
	struct span section; /* as rows have it; empty: none yet */
	unsigned line;
};

/* The first value in the file replaces the default; lists then grow. */
static enum outcome
assign(struct reader *r, const struct setting_row *row, struct span value,
    struct fault *f)
{
	struct settings *s = r->s;
	bool is_list = row->type == SETTING_LIST;
	bool again = config_is_set(s, row);
	bool empties = is_list && !again && value.len == 0;
	struct setting_list *list = config_value_in(s, row);

	if (is_list && row->base != NULL)
		return fault_set(f, PERM, "5.3.5", 0,
		    "%s belongs in [%s], also for%s", row->key,
		    row->base->section, strchr(row->section, ' '));
	if (again && !is_list)
		return fault_set(f, PERM, "5.3.5", 0, "%s is set twice in [%s]",
		    row->key, row->section);
	if (!again && is_list)
		config_clear_list(list);
	if (!empties && config_set_value(s, row, value, f) != OK)
		return f->outcome;
	s->place = mem_grow(s->place, s->places + 1, sizeof(*s->place));
	s->place[s->places++] = (struct setting_place){ row->offset,
		empties       ? SIZE_MAX
		    : is_list ? list->n - 1
		              : 0,
		r->line };
	return OK;
}

/* A section is known when a row is in it, or in that of its role. */
static bool
is_known(struct span section)
{
	for (const struct setting_row *r = config_rows(); r->section; r++)
		if (span_eq(section, r->section))
			return true;
	return false;
}

/* What a setting was called before, in its section or in one of its roles. */
static const struct {
	const char *section, *key;
	const char *now_section, *now_key;
} former[] = {
	{ "pop3d", "failed_login", "auth", "failed_login" },
	{ "pop3d", "plain_passwords", "auth", "plaintext" },
	{ "smtpd", "min_free", "storage", "min_free" },
	{ "queue", "min_free", "storage", "min_free" },
};

static enum outcome
no_such_setting(
    const struct reader *r, struct span key, struct span value, struct fault *f)
{
	struct span name = span_head(r->section, span_find(r->section, ' '));

	for (size_t i = 0; i < sizeof(former) / sizeof(former[0]); i++)
		if (span_eq(name, former[i].section) &&
		    span_eq(key, former[i].key))
			return fault_set(f, PERM, "5.3.5", 0,
			    SPAN_FMT " is not in [" SPAN_FMT
			             "] any more: write %s = " SPAN_FMT
			             " under [%s]",
			    SPAN_ARG(key), SPAN_ARG(r->section),
			    former[i].now_key, SPAN_ARG(value),
			    former[i].now_section);
	return fault_set(f, PERM, "5.3.5", 0,
	    "unknown setting " SPAN_FMT " in [" SPAN_FMT "]", SPAN_ARG(key),
	    SPAN_ARG(r->section));
}

static enum outcome
read_value(
    struct reader *r, struct span key, struct span value, struct fault *f)
{
	const struct setting_row *row;

	if (!config_is_text(value))
		return fault_set(f, PERM, "5.3.5", 0,
		    "the value of " SPAN_FMT " has a control character, or is "
		    "not UTF-8",
		    SPAN_ARG(key));
	if (r->section.len == 0)
		return fault_set(f, PERM, "5.3.5", 0,
		    SPAN_FMT " stands before any [section]", SPAN_ARG(key));
	row = config_find_row(r->section, key);
	return row != NULL ? assign(r, row, value, f)
	                   : no_such_setting(r, key, value, f);
}

static enum outcome
read_line(struct reader *r, struct span line, struct fault *f)
{
	struct span name, value;

	switch (config_split(line, &name, &value)) {
	case CONFIG_LINE_NONE:
		return OK;
	case CONFIG_LINE_SECTION:
		r->section = name;
		if (is_known(name))
			return OK;
		return fault_set(f, PERM, "5.3.5", 0,
		    "unknown section [" SPAN_FMT "]", SPAN_ARG(name));
	case CONFIG_LINE_VALUE:
		return read_value(r, name, value, f);
	case CONFIG_LINE_WRONG:
		break;
	}
	return fault_set(f, PERM, "5.3.5", 0,
	    trim(line).p[0] == '[' ? "no ']' at the end"
	                           : "neither [section] nor key = value");
}

static void
read_file(struct settings *s, struct span text, struct buf *errors)
{
	struct reader r = { .s = s, .section = SPAN_EMPTY };
	struct fault f = FAULT_NONE;
	struct span line;

	/* Editors of other systems mark UTF-8 so, and end a line with a CR. */
	if (span_has_prefix(text, "\xEF\xBB\xBF"))
		text = span_from(text, 3);
	if (span_has_prefix(text, "\xFF\xFE") ||
	    span_has_prefix(text, "\xFE\xFF")) {
		buf_addf(
		    errors, "%s:1: in UTF-16: save it as UTF-8\n", s->file);
		return;
	}
	while (span_next(&text, '\n', &line)) {
		r.line++;
		if (line.len > 0 && line.p[line.len - 1] == '\r')
			line.len--;
		if (read_line(&r, line, &f) != OK)
			buf_addf(
			    errors, "%s:%u: %s\n", s->file, r.line, f.text);
	}
}

/* ---- The whole ---- */

/* What one row cannot say: the first of two must not be over the second. */
#define AT(member) offsetof(struct settings, member)
static const struct {
	size_t low, high;
} pairs[] = {
	{ AT(pneu.restart_min_ms), AT(pneu.restart_max_ms) },
	{ AT(smtpd.service.start), AT(smtpd.service.max) },
	{ AT(smtpd.service.min_idle), AT(smtpd.service.max) },
	{ AT(submission.service.start), AT(submission.service.max) },
	{ AT(submission.service.min_idle), AT(submission.service.max) },
	{ AT(local.service.start), AT(local.service.max) },
	{ AT(local.service.min_idle), AT(local.service.max) },
	{ AT(pop3d.service.start), AT(pop3d.service.max) },
	{ AT(pop3d.service.min_idle), AT(pop3d.service.max) },
	{ AT(pop3d.session.start), AT(pop3d.session.max) },
	{ AT(pop3d.session.min_idle), AT(pop3d.session.max) },
	{ AT(queue.retry_min_ms), AT(queue.retry_max_ms) },
	/* Else each recipient is accepted, and the message never. */
	{ AT(smtpd.max_recipients), AT(queue.recipients_max) },
	{ AT(submission.max_recipients), AT(queue.recipients_max) },
	{ AT(local.max_recipients), AT(queue.recipients_max) },
	{ AT(storage.low_pct), AT(storage.high_pct) },
};

static const struct setting_row *
row_at(size_t offset)
{
	const struct setting_row *r = config_rows();

	while (r->offset != offset)
		r++;
	return r;
}

static void
check_pair(const struct settings *s, const struct setting_row *low,
    const struct setting_row *high, struct buf *errors)
{
	bool low_is_set = config_is_set(s, low);

	if (*(const uint64_t *)config_value_of(s, low) <=
	    *(const uint64_t *)config_value_of(s, high))
		return;
	/* Where neither is a role's own, its section's pair has said it. */
	if ((low->base != NULL || high->base != NULL) &&
	    !(low->base != NULL && low_is_set) &&
	    !(high->base != NULL && config_is_set(s, high)))
		return;
	config_wrong(s, config_value_of(s, low_is_set ? low : high), 0, errors,
	    "[%s] %s is over [%s] %s", low->section, low->key, high->section,
	    high->key);
}

static void
check_window(const struct settings *s, struct buf *errors)
{
	uint64_t minutes = s->relay.pop_window;

	if (minutes > 0 && minutes < POP_WINDOW_MIN)
		config_wrong(s, &s->relay.pop_window, 0, errors,
		    "[relay] pop_window wants 0, or %u to 65535 minutes",
		    POP_WINDOW_MIN);
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

static void
set_defaults(struct settings *s)
{
	struct fault f;

	memset(s, 0, sizeof(*s));
	s->submission.role = ROLE_SUBMISSION;
	s->local.role = ROLE_LOCAL;
	for (const struct setting_row *r = setting_rows; r->section; r++)
		if (r->type != SETTING_LIST || r->value[0] != '\0')
			(void)!config_set_value(s, r, span_of(r->value), &f);
	for (const struct setting_row *r = config_rows(); r->section; r++)
		if (r->own)
			(void)!config_set_value(s, r, span_of(r->value), &f);
}

/* A role's values that the file does not set are those of its section. */
static void
inherit(struct settings *s)
{
	for (const struct setting_row *r = config_rows(); r->section; r++) {
		if (r->base == NULL || r->type == SETTING_LIST || r->own ||
		    config_is_set(s, r))
			continue;
		if (r->type == SETTING_TEXT)
			config_set_text(config_value_in(s, r),
			    span_of(
			        *(char *const *)config_value_of(s, r->base)));
		else
			*(uint64_t *)config_value_in(s, r) =
			    *(const uint64_t *)config_value_of(s, r->base);
	}
}

enum outcome
config_load(
    struct settings *s, const char *path, struct buf *errors, struct fault *f)
{
	struct buf text = BUF_INIT(CONFIG_FILE_MAX);
	enum outcome got = OK;

	set_defaults(s);
	if (path != NULL) {
		s->file = mem_text(path);
		got = fds_read_file(AT_FDCWD, path, &text, f);
		if (got == OK)
			read_file(s, buf_span(&text), errors);
		buf_free(&text);
	}
	inherit(s);
	f->outcome = got;
	if (path == NULL || got != OK)
		return got;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		check_pair(
		    s, row_at(pairs[i].low), row_at(pairs[i].high), errors);
	check_names(s, errors);
	check_window(s, errors);
	if (errors->len > 0 || buf_failed(errors))
		return fault_set(f, PERM, "5.3.5", 0, "%s has errors", path);
	return OK;
}

void
config_free(struct settings *s)
{
	for (const struct setting_row *r = config_rows(); r->section; r++) {
		if (r->type == SETTING_TEXT) {
			free(*(char **)config_value_in(s, r));
			*(char **)config_value_in(s, r) = NULL;
		} else if (r->type == SETTING_LIST) {
			/* Of roles too: config_take_role() moves them. */
			config_clear_list(config_value_in(s, r));
		}
	}
	free(s->file);
	free(s->place);
	s->file = NULL;
	s->place = NULL;
	s->places = 0;
}
