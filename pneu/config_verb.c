/* SPDX-License-Identifier: ISC */
/* config_verb.c: `pneu config`: check, show, set, unset. */
#include <getopt.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "config_change.h"
#include "identity.h"
#include "output.h"
#include "verbs.h"

#define VALUE_MAX 65536 /* octets of one setting's text */

static const char *explained, *add, *no_reload;

const struct prog_option config_options[] = {
	{ 0, "explain", NULL,
	    "with the meaning, default and limits of each setting",
	    &explained },
	{ 0, "add", NULL, "set: to the values of a list, not instead of them",
	    &add },
	{ 0, "no-reload", NULL,
	    "set, unset: in force after the next reload or start", &no_reload },
	{ .name = NULL },
};

static const char *const type_name[] = {
	[SETTING_TEXT] = "text",
	[SETTING_LIST] = "list",
	[SETTING_NUMBER] = "number",
	[SETTING_SIZE] = "size",
	[SETTING_TIME] = "time",
	[SETTING_CHOICE] = "choice",
};

/* The parts of a text that are not empty. */
static json_t *
list_of(struct span text, char by)
{
	json_t *list = json_array();
	struct span part;

	while (span_next(&text, by, &part))
		if (part.len > 0)
			(void)json_array_append_new(list, json_text(part));
	return list;
}

static json_t *
row_json(const struct setting_row *r)
{
	struct buf value = BUF_INIT(VALUE_MAX), low = BUF_INIT(64),
	           high = BUF_INIT(64);
	json_t *o;

	config_put_value(&value, &prog.settings, r, "\n");
	o = json_pack("{s:s, s:s, s:s, s:o, s:s, s:s}", "section", r->section,
	    "key", r->key, "type", type_name[r->type], "value",
	    list_of(buf_span(&value), '\n'), "default", r->value, "help",
	    r->help);
	if (r->type == SETTING_NUMBER || r->type == SETTING_SIZE ||
	    r->type == SETTING_TIME) {
		config_put_number(&low, r, r->min);
		config_put_number(&high, r, r->max);
		(void)json_object_update_new(
		    o, json_pack("{s:s, s:s}", "min", low.p, "max", high.p));
	}
	if (r->choices != NULL)
		(void)json_object_set_new(
		    o, "choices", list_of(span_of(r->choices), ' '));
	buf_free(&value);
	buf_free(&low);
	buf_free(&high);
	return o;
}

static void
explain_row(const struct setting_row *r, const json_t *o)
{
	output_text(o, "# {help|text}\n# default: ");
	output_note("%s", r->value[0] == '\0' ? "(none)" : r->value);
	output_text(o, "[; from {min} to {max}]");
	if (r->type == SETTING_NUMBER && r->unit[0] != '\0')
		output_note(" %s", r->unit);
	if (r->choices != NULL)
		output_note("; one of: %s", r->choices);
	output_note("\n");
}

/* As in the file: a list is one line a value. */
static void
show_row(const struct setting_row *r)
{
	json_t *o = row_json(r), *values = json_object_get(o, "value");

	output_json(o);
	if (explained != NULL)
		explain_row(r, o);
	if (json_array_size(values) == 0)
		output_note("%s =\n", r->key);
	for (size_t i = 0; i < json_array_size(values); i++)
		output_note("%s = %s\n", r->key,
		    json_string_value(json_array_get(values, i)));
	json_decref(o);
}

/* All sections, and after each what the file sets for its roles. */
static void
show(void)
{
	const char *section = NULL;

	for (const struct setting_row *r = config_rows(); r->section; r++) {
		if (r->base != NULL && !config_is_set(&prog.settings, r))
			continue;
		if (section == NULL || strcmp(r->section, section) != 0)
			output_note("%s[%s]\n", section == NULL ? "" : "\n",
			    r->section);
		section = r->section;
		show_row(r);
	}
}

/* One object, with each error and warning as the text has it. */
static enum outcome
check(struct fault *f)
{
	struct buf errors = BUF_INIT(CHECK_MAX), warnings = BUF_INIT(CHECK_MAX);
	const char *path = prog_config_path();
	bool right =
	    check_config(&prog.settings, path, &errors, &warnings, f) == OK;

	if (f->outcome != TEMP)
		output(json_pack("{s:o, s:b, s:o, s:o}", "file",
		           json_text(span_of(path)), "right", (int)right,
		           "errors", list_of(buf_span(&errors), '\n'),
		           "warnings", list_of(buf_span(&warnings), '\n')),
		    right ? "{file|text}: OK\n" : NULL);
	if (!prog.json) {
		(void)!write(STDERR_FILENO, errors.p, errors.len);
		(void)!write(STDERR_FILENO, warnings.p, warnings.len);
	}
	buf_free(&errors);
	buf_free(&warnings);
	return f->outcome;
}

/* SECTION.KEY VALUE... */
static enum outcome
change(enum config_how how, int n, char *operand[], struct fault *f)
{
	static struct span value[CONFIG_EDIT_VALUES + 1];
	struct config_edit e = { .how = how, .value = value };
	struct text_changed done;

	if (n == 0)
		prog_refuse("which setting? SECTION.KEY");
	for (int i = 1; i < n && i <= CONFIG_EDIT_VALUES + 1; i++)
		value[e.values++] = span_of(operand[i]);
	if (config_edit_find(span_of(operand[0]), &e.row, f) != OK ||
	    text_change_stand(f) != OK ||
	    config_change(&e, 1, no_reload == NULL, &done, f) != OK)
		return f->outcome;
	text_say(operand[0], &done);
	return OK;
}

static enum outcome
look(bool checks, struct fault *f)
{
	/* The file as it is, never what runs in its place. Who checks has to see
	   whose the parts of the home are, also in directories of others. */
	if (prog_stand(f) != OK ||
	    (checks ? identity_take(".", f) : prog_become(".", f)) != OK)
		return f->outcome;
	if (checks)
		return check(f);
	if (prog_load(f) == OK)
		show();
	return f->outcome;
}

enum outcome
verb_config(int argc, char *argv[], struct fault *f)
{
	const char *what;
	bool checks, shows, sets, unsets;

	prog_options(argc, argv);
	what = optind < argc ? argv[optind] : "";
	checks = strcmp(what, "check") == 0;
	shows = strcmp(what, "show") == 0;
	sets = strcmp(what, "set") == 0;
	unsets = strcmp(what, "unset") == 0;
	if (!checks && !shows && !sets && !unsets)
		prog_refuse("one of: check, show, set, unset");
	if ((explained != NULL && !shows) || (add != NULL && !sets) ||
	    (no_reload != NULL && !sets && !unsets))
		prog_refuse("an option that does not go with %s", what);
	if (sets || unsets)
		return change(unsets  ? CONFIG_UNSET
		        : add != NULL ? CONFIG_ADD
		                      : CONFIG_SET,
		    argc - optind - 1, argv + optind + 1, f);
	if (optind + 1 < argc)
		prog_refuse("%s: not expected", argv[optind + 1]);
	return look(checks, f);
}
