/* SPDX-License-Identifier: ISC */
/* config_verb.c: `pneu config check` and `pneu config show`. */
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "config.h"
#include "output.h"
#include "verbs.h"

#define VALUE_MAX 65536 /* octets of one setting's text */

enum { OPTION_EXPLAIN = 256 };

const struct prog_option config_options[] = {
	{ OPTION_EXPLAIN, "explain", NULL,
	    "with the meaning, default and limits of each setting" },
	{ 0, NULL, NULL, NULL },
};

static const char *
type_name(enum setting_type type)
{
	switch (type) {
	case SETTING_TEXT:
		return "text";
	case SETTING_LIST:
		return "list";
	case SETTING_NUMBER:
		return "number";
	case SETTING_SIZE:
		return "size";
	case SETTING_TIME:
		return "time";
	case SETTING_CHOICE:
		return "choice";
	}
	return "?";
}

static bool
has_limits(const struct setting_row *row)
{
	return row->type == SETTING_NUMBER || row->type == SETTING_SIZE ||
	    row->type == SETTING_TIME;
}

/* A limit as it would stand in the file: through the table's own printer. */
static void
put_limit(struct buf *b, const struct setting_row *row, uint64_t limit)
{
	struct setting_row one = *row;
	struct settings scratch;

	memset(&scratch, 0, sizeof(scratch));
	one.offset = 0;
	memcpy(&scratch, &limit, sizeof(limit));
	config_put_value(b, &scratch, &one, " ");
}

static void
explain_row(const struct setting_row *row)
{
	struct buf low = BUF_INIT(64), high = BUF_INIT(64);

	(void)printf("# %s\n# default: %s", row->help,
	    row->value[0] == '\0' ? "(none)" : row->value);
	if (has_limits(row)) {
		put_limit(&low, row, row->min);
		put_limit(&high, row, row->max);
		(void)printf("; from %s to %s", low.p, high.p);
		if (row->type == SETTING_NUMBER && row->unit[0] != '\0')
			(void)printf(" %s", row->unit);
	}
	if (row->choices != NULL)
		(void)printf("; one of: %s", row->choices);
	(void)printf("\n");
	buf_free(&low);
	buf_free(&high);
}

/* A list is one line a value, as in the file. */
static void
show_row(const struct setting_row *row)
{
	struct buf b = BUF_INIT(VALUE_MAX);
	struct span rest, value;

	config_put_value(&b, &prog.settings, row, "\n");
	rest = buf_span(&b);
	if (rest.len == 0)
		(void)printf("%s =\n", row->key);
	while (span_next(&rest, '\n', &value))
		(void)printf("%s = " SPAN_FMT "\n", row->key, SPAN_ARG(value));
	buf_free(&b);
}

static bool
is_section(const struct setting_row *row, const char *section)
{
	return row->section != NULL && strcmp(row->section, section) == 0;
}

/* All sections, and after each what the file sets for its roles. */
static size_t
list_rows(struct setting_row out[CONFIG_ROWS_MAX])
{
	size_t n = 0;

	for (const struct setting_row *r = config_rows(); r->section; r++)
		if (r->base == NULL || config_is_set(&prog.settings, r))
			out[n++] = *r;
	return n;
}

static void
show(const struct setting_row *row, size_t n, bool explained)
{
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || !is_section(&row[i], row[i - 1].section))
			(void)printf(
			    "%s[%s]\n", i == 0 ? "" : "\n", row[i].section);
		if (explained)
			explain_row(&row[i]);
		show_row(&row[i]);
	}
}

static json_t *
choices(const char *words)
{
	struct span rest = span_of(words), one;
	json_t *list = json_array();

	while (span_next(&rest, ' ', &one))
		(void)json_array_append_new(list, json_stringn(one.p, one.len));
	return list;
}

static enum outcome
show_json_row(const struct setting_row *r, struct fault *f)
{
	struct buf b = BUF_INIT(VALUE_MAX), low = BUF_INIT(64),
	           high = BUF_INIT(64);
	struct span rest, one;
	json_t *values = json_array();
	json_t *o;
	int printed;

	config_put_value(&b, &prog.settings, r, "\n");
	rest = buf_span(&b);
	while (span_next(&rest, '\n', &one))
		(void)json_array_append_new(
		    values, json_stringn(one.p, one.len));
	o = json_pack("{s:s, s:s, s:s, s:o, s:s, s:s}", "section", r->section,
	    "key", r->key, "type", type_name(r->type), "value", values,
	    "default", r->value, "help", r->help);
	if (has_limits(r)) {
		put_limit(&low, r, r->min);
		put_limit(&high, r, r->max);
		(void)json_object_set_new(o, "min", json_string(low.p));
		(void)json_object_set_new(o, "max", json_string(high.p));
	}
	if (r->choices != NULL)
		(void)json_object_set_new(o, "choices", choices(r->choices));
	printed = o == NULL ? -1 : json_dumpf(o, stdout, JSON_COMPACT);
	(void)putchar('\n');
	json_decref(o);
	buf_free(&b);
	buf_free(&low);
	buf_free(&high);
	if (printed != 0)
		return fault_set(
		    f, TEMP, "4.3.0", 0, "cannot print %s", r->key);
	return OK;
}

static json_t *
lines(const struct buf *text)
{
	struct span rest = buf_span(text), line;
	json_t *list = json_array();

	while (span_next(&rest, '\n', &line))
		if (line.len > 0)
			(void)json_array_append_new(list, json_text(line));
	return list;
}

/* One object, with each error and warning as the text has it. */
static void
print_check(const struct buf *errors, const struct buf *warnings, bool right)
{
	json_t *o = json_pack("{s:o, s:b, s:o, s:o}", "file",
	    json_text(span_of(prog_config_path())), "right", (int)right,
	    "errors", lines(errors), "warnings", lines(warnings));

	(void)json_dumpf(o, stdout, JSON_COMPACT);
	(void)putchar('\n');
	json_decref(o);
}

static enum outcome
check(struct fault *f)
{
	struct buf errors = BUF_INIT(CHECK_MAX), warnings = BUF_INIT(CHECK_MAX);
	const char *path = prog_config_path();
	bool right =
	    check_config(&prog.settings, path, &errors, &warnings, f) == OK;

	if (prog.json && f->outcome != TEMP)
		print_check(&errors, &warnings, right);
	else if (right)
		(void)printf("%s: OK\n", path);
	if (!prog.json) {
		(void)!write(STDERR_FILENO, errors.p, errors.len);
		(void)!write(STDERR_FILENO, warnings.p, warnings.len);
	}
	buf_free(&errors);
	buf_free(&warnings);
	return f->outcome;
}

enum outcome
verb_config(int argc, char *argv[], struct fault *f)
{
	struct setting_row row[CONFIG_ROWS_MAX];
	const char *value, *what;
	bool explained = false;
	size_t n;

	while (prog_option(argc, argv, &value) != -1)
		explained = true; /* there is but one */
	what = optind < argc ? argv[optind] : "";
	f->outcome = OK;
	if (strcmp(what, "check") != 0 && strcmp(what, "show") != 0)
		fault_set(f, PERM, "5.5.4", 0, "one of: check, show");
	else if (optind + 1 < argc)
		fault_set(
		    f, PERM, "5.5.4", 0, "%s: not expected", argv[optind + 1]);
	if (f->outcome != OK)
		prog_usage(f);
	/* The file as it is, never what runs in its place. */
	if (prog_stand(f) != OK || prog_become(".", f) != OK)
		return f->outcome;
	if (strcmp(what, "check") == 0)
		return check(f);
	if (prog_load(f) != OK)
		return f->outcome;
	n = list_rows(row);
	if (!prog.json)
		show(row, n, explained);
	for (size_t i = 0; prog.json && i < n; i++)
		if (show_json_row(&row[i], f) != OK)
			return f->outcome;
	return OK;
}
