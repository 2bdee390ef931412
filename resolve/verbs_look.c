/* SPDX-License-Identifier: ISC */
/* verbs_look.c: compile and check, list and show. */
#include "verbs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unicase.h>

#include "maker.h"
#include "output.h"
#include "prog.h"
#include "record.h"
#include "say.h"

/* ---- compile, check */

/* What there was is read and checked under the lock, and used without it: a
   pager must not keep others waiting. */
enum outcome
verb_look(const struct verb *verb, const struct request *r, struct fault *f)
{
	struct directory d;
	enum outcome got = directory_open(&d, &prog.settings, LOCK_SH, f);

	if (got == OK) {
		directory_parse(&d);
		if (verb->thorough)
			directory_check(&d, true);
		directory_unlock(&d);
		got = verb->look(&d, r, f);
	}
	directory_free(&d);
	return got;
}

enum outcome
verb_compile(struct request *r, struct fault *f)
{
	/* A start has the databases that are there, and must not wait for
	   a person. */
	bool at_start = r->option[OPTION_AT_START] != NULL, compiled;
	struct directory d;
	enum outcome got = directory_open(
	    &d, &prog.settings, at_start ? LOCK_EX | LOCK_NB : LOCK_EX, f);

	compiled = got == OK && directory_is_compiled(&d);
	if (got == OK && !compiled) {
		directory_parse(&d);
		if (r->option[OPTION_FORCE] == NULL)
			got = directory_expect_records(&d, f);
	}
	if (got == OK && !compiled) {
		directory_check(&d, false);
		got = directory_write(&d, f);
	}
	directory_unlock(&d);
	say_problems(&d.problems, NULL, PROBLEM_NOTE);
	if (got == OK && compiled)
		say("the databases fit the texts already");
	else if (got == OK)
		say("%zu addresses and %zu passwords compiled",
		    d.entries.records, d.secrets.records);
	directory_free(&d);
	return got;
}

enum outcome
look_check(const struct directory *d, const struct request *r, struct fault *f)
{
	size_t errors = d->problems.count[PROBLEM_ERROR];
	size_t warnings = d->problems.count[PROBLEM_WARNING];

	(void)r;
	say_problems(&d->problems, NULL, PROBLEM_NOTE);
	if (errors + warnings > 0)
		return fault_set(f, PERM, "5.3.5", 0,
		    "errors: %zu, warnings: %zu", errors, warnings);
	say("%zu addresses and %zu passwords: nothing is wrong",
	    d->entries.records, d->secrets.records);
	return OK;
}

/* ---- list, show */

static json_t *
json_of_line(const struct directory *d, const struct line *line)
{
	json_t *object = json_object();
	char key[RECORD_MAX];
	struct record r;
	struct fault f;

	if (record_parse(line->text, &r, &f) != OK)
		return object;
	(void)json_object_set_new(object, "kind", json_text(r.word));
	for (size_t i = 0; i < r.fields; i++)
		if (span_copy(r.field[i].key, key, sizeof(key)) &&
		    strcmp(key, "kind") != 0)
			(void)json_object_set_new(
			    object, key, json_text(r.field[i].value));
	if (line->kind == LINE_ENTRY)
		(void)json_object_set_new(object, "password",
		    json_boolean(directory_find_secret(d, line->key) != NULL));
	return object;
}

enum outcome
look_list(const struct directory *d, const struct request *r, struct fault *f)
{
	size_t errors = d->problems.count[PROBLEM_ERROR];

	if (r->option[OPTION_USAGE] != NULL)
		return look_usage(d, r, f);
	for (size_t i = 0; i < d->entries.lines; i++) {
		const struct line *line = &d->entries.line[i];

		if (line->kind == LINE_NONE)
			continue;
		if (prog.json)
			output(json_of_line(d, line), NULL);
		else
			(void)printf(SPAN_FMT "\n", SPAN_ARG(line->text));
	}
	if (errors > 0)
		return fault_set(f, PERM, "5.3.5", 0,
		    "%zu lines with errors are left out: `directory check`",
		    errors);
	return OK;
}

/* ---- find */

/* In lower case, as addresses compare; what cannot be is left as it is. */
static void
fold(struct span in, struct buf *out)
{
	uint8_t *folded;
	size_t n;

	buf_reset(out);
	folded = u8_casefold(
	    (const uint8_t *)in.p, in.len, NULL, UNINORM_NFC, NULL, &n);
	buf_add(out, folded == NULL ? in : (struct span){ (char *)folded, n });
	free(folded);
}

/* Has one of its fields the text, which is folded? */
static bool
has_text(const struct line *line, struct span text, struct buf *room)
{
	static const char *const keys[] = { "smtp", "to", "login", "account",
		"userid", "name", "given", "surname", "department", "company",
		"phone" };
	struct record r;
	struct fault f;

	if (line->kind == LINE_NONE || record_parse(line->text, &r, &f) != OK)
		return false;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		fold(record_value(&r, keys[i]), room);
		if (room->len > 0 &&
		    memmem(room->p, room->len, text.p, text.len) != NULL)
			return true;
	}
	return false;
}

enum outcome
look_find(const struct directory *d, const struct request *r, struct fault *f)
{
	struct buf text = BUF_INIT(RECORD_MAX * 4);
	struct buf room = BUF_INIT(RECORD_MAX * 4);
	size_t n = 0;

	fold(span_of(r->operand[0]), &text);
	for (size_t i = 0; text.len > 0 && i < d->entries.lines; i++) {
		const struct line *line = &d->entries.line[i];

		if (!has_text(line, buf_span(&text), &room))
			continue;
		output(json_of_line(d, line),
		    "{smtp|text}[ ({name|text})][, {department|text}]"
		    "[, {company|text}][, phone {phone|text}]"
		    "[, login {login|text}][, account {account|text}]"
		    "[ leads to {to|text}][ removed {removed}]\n");
		n++;
	}
	buf_free(&text);
	buf_free(&room);
	return n > 0 ? OK
	             : fault_set(f, PERM, "5.1.1", 0,
	                   "nobody has that in an address, a name, a "
	                   "department or a login");
}

/* Its line, and what else the directory knows of it. */
static json_t *
describe(const struct directory *d, const struct line *line)
{
	json_t *object = json_of_line(d, line), *aliases = json_array();

	for (size_t i = 0; i < d->entries.lines; i++)
		if (directory_leads_to(d, &d->entries.line[i], line))
			(void)json_array_append_new(
			    aliases, json_text(d->entries.line[i].smtp));
	(void)json_object_set_new(object, "aliases", aliases);
	if (line->kind == LINE_ENTRY)
		(void)json_object_set_new(object, "mailbox-exists",
		    json_boolean(
		        maker_has(prog.settings.mail.directory, line->value)));
	verbs_add_use(object, line);
	return object;
}

static void
print_value(const char *key, const json_t *value)
{
	struct buf line = BUF_INIT(RECORD_MAX * 4);
	struct record_out out = { .b = &line };

	/* As a record has it: no octet of it can harm a terminal. */
	if (json_is_string(value))
		record_put(out, key,
		    (struct span){
		        json_string_value(value), json_string_length(value) });
	else if (json_is_integer(value))
		record_put_num(out, key, (uint64_t)json_integer_value(value));
	else
		record_puts(out, key, json_is_true(value) ? "yes" : "no");
	(void)printf(SPAN_FMT "\n", SPAN_ARG(span_from(buf_span(&line), 1)));
	buf_free(&line);
}

static void
print_description(json_t *object)
{
	const char *key;
	json_t *value;

	json_object_foreach(object, key, value)
	{
		if (!json_is_array(value))
			print_value(key, value);
		for (size_t i = 0; i < json_array_size(value); i++)
			print_value("alias", json_array_get(value, i));
	}
}

enum outcome
look_show(const struct directory *d, const struct request *r, struct fault *f)
{
	const struct line *line =
	    directory_find(d, address_directory_key(&r->address));
	json_t *object;

	if (line == NULL)
		return fault_set(f, PERM, "5.1.1", 0,
		    SPAN_FMT " is not in the directory",
		    SPAN_ARG(address_key(&r->address)));
	object = describe(d, line);
	output_json(object);
	if (!prog.json)
		print_description(object);
	json_decref(object);
	return OK;
}
