/* SPDX-License-Identifier: ISC */
/* verbs_look.c: compile and check, list and show. */
#include "verbs.h"

#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#include "fds.h"
#include "mailboxes.h"
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
	int lock = -1;
	enum outcome got = directory_begin(&d, &prog.settings, f);

	if (got == OK)
		got = directory_lock(LOCK_SH, &lock, f);
	if (got == OK)
		got = directory_read(&d, f);
	if (got == OK)
		got = directory_parse(&d, f);
	if (got == OK && verb->thorough)
		directory_check(&d, true);
	fds_close(&lock);
	if (got == OK)
		got = verb->look(&d, r, f);
	directory_free(&d);
	return got;
}

static enum outcome
compile(struct directory *d, bool at_start, bool *compiled, struct fault *f)
{
	if (directory_read(d, f) != OK)
		return f->outcome;
	*compiled = directory_is_compiled(d);
	if (*compiled)
		return OK;
	if (directory_parse(d, f) != OK ||
	    (at_start && directory_expect_records(d, f) != OK))
		return f->outcome;
	directory_check(d, false);
	return directory_write(d, f);
}

enum outcome
verb_compile(struct request *r, struct fault *f)
{
	/* A start has the databases that are there, and must not wait for
	   a person. */
	bool at_start = (r->said & SAID(OPTION_AT_START)) != 0,
	     compiled = false;
	struct directory d;
	int lock = -1;
	enum outcome got = directory_begin(&d, &prog.settings, f);

	if (got == OK)
		got = directory_lock(
		    at_start ? LOCK_EX | LOCK_NB : LOCK_EX, &lock, f);
	if (got == OK)
		got = compile(&d, at_start, &compiled, f);
	fds_close(&lock);
	say_problems(&d);
	if (got == OK && compiled)
		say("the databases are of these texts already");
	else if (got == OK)
		say("%zu addresses and %zu passwords compiled", d.entries.n,
		    d.secrets.n);
	directory_free(&d);
	return got;
}

enum outcome
look_check(const struct directory *d, const struct request *r, struct fault *f)
{
	size_t errors = d->problems[PROBLEM_ERROR].count;
	size_t warnings = d->problems[PROBLEM_WARNING].count;

	(void)r;
	say_problems(d);
	if (errors + warnings > 0)
		return fault_set(f, PERM, "5.3.5", 0,
		    "%zu errors, %zu warnings", errors, warnings);
	say("%zu addresses and %zu passwords: nothing is wrong", d->entries.n,
	    d->secrets.n);
	return OK;
}

/* ---- list, show */

static json_t *
json_of_record(
    const struct directory *d, const struct record *r, const struct item *item)
{
	json_t *object = json_object();
	char key[RECORD_MAX];

	(void)json_object_set_new(object, "kind", json_text(r->word));
	for (size_t i = 0; i < r->fields; i++)
		if (span_copy(r->field[i].key, key, sizeof(key)) &&
		    strcmp(key, "kind") != 0)
			(void)json_object_set_new(
			    object, key, json_text(r->field[i].value));
	if (item->kind == ITEM_ENTRY)
		(void)json_object_set_new(object, "password",
		    json_boolean(directory_find_secret(d, item->key) != NULL));
	return object;
}

enum outcome
look_list(const struct directory *d, const struct request *r, struct fault *f)
{
	size_t errors = d->problems[PROBLEM_ERROR].count;
	struct record record;
	struct fault ignored;

	(void)r;
	for (size_t i = 0; i < d->entries.n; i++) {
		const struct item *item = &d->entries.p[i];

		if (!prog.json)
			(void)printf(SPAN_FMT "\n", SPAN_ARG(item->text));
		else if (record_parse(item->text, &record, &ignored) == OK)
			output(json_of_record(d, &record, item), NULL);
	}
	if (errors > 0)
		return fault_set(f, PERM, "5.3.5", 0,
		    "%zu lines with errors are left out: `directory check`",
		    errors);
	return OK;
}

/* Its line, and what else the directory knows of it. */
static json_t *
describe(const struct directory *d, const struct item *item)
{
	json_t *object, *aliases;
	struct record r;
	struct fault f;

	if (record_parse(item->text, &r, &f) != OK)
		return json_object();
	object = json_of_record(d, &r, item);
	aliases = json_array();
	for (size_t i = 0; i < d->entries.n; i++) {
		const struct item *other = &d->entries.p[i];

		if (directory_leads_to(d, other, item))
			(void)json_array_append_new(
			    aliases, json_text(other->smtp));
	}
	(void)json_object_set_new(object, "aliases", aliases);
	if (item->kind == ITEM_ENTRY)
		(void)json_object_set_new(object, "mailbox-exists",
		    json_boolean(mailboxes_has(
		        prog.settings.mail.directory, item->value)));
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
	else
		record_puts(out, key, json_is_true(value) ? "yes" : "no");
	if (!buf_failed(&line) && line.len > 0)
		(void)printf(
		    SPAN_FMT "\n", SPAN_ARG(span_from(buf_span(&line), 1)));
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
	const struct item *item =
	    directory_find(d, address_directory_key(&r->address));
	json_t *object;

	if (item == NULL)
		return fault_set(f, PERM, "5.1.1", 0,
		    SPAN_FMT " is not in the directory",
		    SPAN_ARG(address_key(&r->address)));
	object = describe(d, item);
	output_json(object);
	if (!prog.json)
		print_description(object);
	json_decref(object);
	return OK;
}
