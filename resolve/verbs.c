/* SPDX-License-Identifier: ISC */
/* verbs.c: what `directory` does, a function a verb. */
#include "verbs.h"

#include <errno.h>
#include <jansson.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "edit.h"
#include "fds.h"
#include "prog.h"
#include "record.h"
#include "mailboxes.h"
#include "wire_auth.h"

#define INPUT_STEP 65536 /* octets read at once */

/* ---- what goes in */

void
verbs_begin(void)
{
	/* It would open /dev/urandom by itself, which the sandbox hides. */
	json_object_seed((size_t)randombytes_random() | 1);
}

enum outcome
request_read_password(struct request *r, struct fault *f)
{
	size_t got = 0, end;

	r->password = BUF_INIT(AUTH_PASSWORD_MAX + 2);
	do {
		if (fds_read_some(STDIN_FILENO, &r->password, 1, &got, f) != OK)
			return buf_failed(&r->password)
			    ? fault_set(f, PERM, "5.3.5", 0,
			          "the password is over %d octets",
			          AUTH_PASSWORD_MAX)
			    : f->outcome;
		end = span_find(buf_span(&r->password), '\n');
	} while (got > 0 && end == r->password.len);
	if (end > 0 && r->password.p[end - 1] == '\r')
		end--;
	buf_cut(&r->password, end);
	if (end == 0)
		return fault_set(f, PERM, "5.3.5", 0, "the password is empty");
	if (end > AUTH_PASSWORD_MAX)
		return fault_set(f, PERM, "5.3.5", 0,
		    "the password is over %d octets", AUTH_PASSWORD_MAX);
	return OK;
}

void
request_free(struct request *r)
{
	if (r->password.cap > 0)
		sodium_memzero(r->password.p, r->password.len);
	if (r->password.max > 0)
		buf_free(&r->password);
}

static enum outcome
hash_password(
    struct span password, char hash[crypto_pwhash_STRBYTES], struct fault *f)
{
	errno = 0;
	if (crypto_pwhash_str(hash, password.p, password.len,
	        prog.settings.resolve.hash_ops,
	        (size_t)prog.settings.resolve.hash_memory) == 0)
		return OK;
	return fault_set(
	    f, TEMP, "4.3.0", errno, "hash the password ([auth] hash_memory)");
}

/* The hash of the password on fd 0, or "" when none is to be read. */
static enum outcome
take_hash(struct request *r, bool wanted, char hash[crypto_pwhash_STRBYTES],
    struct fault *f)
{
	hash[0] = '\0';
	if (!wanted)
		return OK;
	if (r->password.len == 0 && request_read_password(r, f) != OK)
		return f->outcome;
	return hash_password(buf_span(&r->password), hash, f);
}

/* ---- what comes out */

static json_t *
json_of(struct span s)
{
	json_t *value = json_stringn(s.p, s.len);
	char *copy;

	if (value != NULL)
		return value;
	/* Not UTF-8: a record may hold any octet, JSON may not. */
	copy = malloc(s.len + 1);
	for (size_t i = 0; copy != NULL && i < s.len; i++)
		copy[i] = s.p[i];
	for (size_t i = 0; copy != NULL && i < s.len; i++)
		if ((unsigned char)s.p[i] > 0x7F)
			copy[i] = '?';
	value = copy == NULL ? json_null() : json_stringn(copy, s.len);
	free(copy);
	return value;
}

static void
print_json(json_t *object)
{
	(void)json_dumpf(object, stdout, JSON_COMPACT);
	(void)putchar('\n');
	json_decref(object);
}

/* What was done, in one line. */
__attribute__((format(printf, 1, 2))) static void
say(const char *format, ...)
{
	char text[1024];
	va_list ap;
	json_t *object;

	va_start(ap, format);
	(void)vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (!prog.json) {
		(void)printf("%s\n", text);
		return;
	}
	object = json_object();
	(void)json_object_set_new(object, "done", json_of(span_of(text)));
	print_json(object);
}

/* `file:line: level: text` as it is, or as an object. */
static void
print_problem(struct span line)
{
	struct span rest = line, file, number, level;
	json_t *object;

	if (!prog.json) {
		(void)printf(SPAN_FMT "\n", SPAN_ARG(line));
		return;
	}
	if (!span_next(&rest, ':', &file) || !span_next(&rest, ':', &number) ||
	    !span_next(&rest, ':', &level))
		return;
	object = json_object();
	(void)json_object_set_new(object, "file", json_of(file));
	(void)json_object_set_new(
	    object, "line", json_integer(strtoll(number.p, NULL, 10)));
	(void)json_object_set_new(
	    object, "level", json_of(span_from(level, 1)));
	(void)json_object_set_new(object, "text", json_of(span_from(rest, 1)));
	print_json(object);
}

static void
print_problems(const struct problems *problems)
{
	struct span rest = buf_span(&problems->text), line;

	while (span_next(&rest, '\n', &line))
		print_problem(line);
}

/* ---- add, change, remove */

static enum outcome
read_address(const char *text, struct address *a, struct fault *f)
{
	if (address_make(span_of(text), a, f) != OK)
		return f->outcome;
	if (a->local_len > 0 && address_domain(a).len > 0)
		return OK;
	return fault_set(
	    f, PERM, "5.1.3", 0, "not a full address: say bob@example.org");
}

/* After an error the directory had before, its lines are the answer. */
static enum outcome
begin_edit(struct editor *e, struct fault *f)
{
	if (editor_begin(e, &prog.settings, f) == OK)
		return OK;
	if (f->outcome == PERM)
		print_problems(&e->now.problems);
	editor_free(e);
	return f->outcome;
}

static void
put_option(struct record_out out, const char *key, const char *value)
{
	if (value != NULL && value[0] != '\0')
		record_puts(out, key, value);
}

/* `abuse` beside bob@example.org is abuse@example.org. */
static void
put_alias_name(struct buf *name, const char *alias, const struct address *of)
{
	buf_adds(name, alias);
	if (strchr(alias, '@') != NULL)
		return;
	buf_addc(name, '@');
	buf_add(name, address_domain(of));
}

static enum outcome
add_alias(struct editor *e, const char *alias, const struct address *of,
    const char *target, bool catch_all, struct fault *f)
{
	struct buf name = BUF_INIT(RECORD_MAX), line = BUF_INIT(RECORD_MAX);
	struct record_out out = record_begin(&line, "alias");
	enum outcome got;

	put_alias_name(&name, alias, of);
	record_put(out, "smtp", buf_span(&name));
	record_puts(out, "to", target);
	if (catch_all)
		record_puts(out, "catch-all", "yes");
	got = record_end(out, f);
	if (got == OK)
		got = editor_add(e, buf_span(&line), SPAN_EMPTY, f);
	if (got != OK)
		(void)fault_context(f, "alias");
	buf_free(&name);
	buf_free(&line);
	return got;
}

static enum outcome
add_entry(struct editor *e, const struct request *r, const char *hash,
    struct fault *f)
{
	struct buf line = BUF_INIT(RECORD_MAX);
	struct record_out out = record_begin(&line, "entry");
	enum outcome got;

	record_puts(out, "smtp", r->operand[0]);
	put_option(out, "store", r->store);
	put_option(out, "path", r->path);
	put_option(out, "preferred", r->preferred);
	put_option(out, "userid", r->userid);
	got = record_end(out, f);
	if (got == OK)
		got = editor_add(e, buf_span(&line), span_of(hash), f);
	buf_free(&line);
	return got;
}

static enum outcome
add_all(struct editor *e, const struct request *r, const struct address *a,
    const char *hash, struct fault *f)
{
	if (r->aliases > REQUEST_ALIASES_MAX)
		return fault_set(f, PERM, "5.3.5", 0, "over %d aliases at once",
		    REQUEST_ALIASES_MAX);
	if (add_entry(e, r, hash, f) != OK)
		return f->outcome;
	for (size_t i = 0; i < r->aliases; i++)
		if (add_alias(e, r->alias[i], a, r->operand[0], r->catch_all,
		        f) != OK)
			return f->outcome;
	return editor_commit(e, f);
}

enum outcome
verb_add(struct request *r, struct fault *f)
{
	char hash[crypto_pwhash_STRBYTES];
	struct editor e;
	struct address a;
	enum outcome got;

	if (read_address(r->operand[0], &a, f) != OK ||
	    take_hash(r, r->password_stdin, hash, f) != OK ||
	    begin_edit(&e, f) != OK)
		return f->outcome;
	got = add_all(&e, r, &a, hash, f);
	if (got == OK) {
		const struct item *item =
		    directory_find(&e.now, address_key(&a));

		say("%s: %s mailbox %s/" SPAN_FMT ", %s", r->operand[0],
		    e.found > 0 ? "kept the" : "made",
		    prog.settings.mail.directory, SPAN_ARG(item->value),
		    hash[0] != '\0' ? "password set"
		                    : "no password, so no login yet "
		                      "(directory passwd sets one)");
		if (r->store != NULL && strcmp(r->store, "distribution") == 0)
			say("no distribution service takes its mail yet: it "
			    "lies in the mailbox");
	}
	editor_free(&e);
	return got;
}

static size_t
collect_changes(const struct request *r, struct field_change change[4])
{
	const struct {
		const char *key, *value;
	} said[] = { { "store", r->store }, { "path", r->path },
		{ "preferred", r->preferred }, { "userid", r->userid } };
	size_t n = 0;

	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++)
		if (said[i].value != NULL)
			change[n++] = (struct field_change){ said[i].key,
				span_of(said[i].value) };
	return n;
}

enum outcome
verb_change(struct request *r, struct fault *f)
{
	char hash[crypto_pwhash_STRBYTES];
	struct field_change change[4];
	size_t n = collect_changes(r, change);
	struct editor e;
	struct address a;
	enum outcome got;

	if (n == 0 && !r->password_stdin)
		return fault_set(f, PERM, "5.3.5", 0,
		    "nothing to change: --store --path --userid --preferred "
		    "--password-stdin");
	if (read_address(r->operand[0], &a, f) != OK ||
	    take_hash(r, r->password_stdin, hash, f) != OK ||
	    begin_edit(&e, f) != OK)
		return f->outcome;
	got = n == 0 ? OK : editor_change(&e, &a, change, n, f);
	if (got == OK && hash[0] != '\0')
		got = editor_set_hash(&e, &a, span_of(hash), f);
	if (got == OK)
		got = editor_commit(&e, f);
	if (got == OK) {
		say("%s: changed", r->operand[0]);
		if (r->path != NULL)
			say("what lies in the old mailbox stays there");
	}
	editor_free(&e);
	return got;
}

enum outcome
verb_passwd(struct request *r, struct fault *f)
{
	char hash[crypto_pwhash_STRBYTES];
	struct editor e;
	struct address a;
	enum outcome got;

	if (read_address(r->operand[0], &a, f) != OK ||
	    take_hash(r, true, hash, f) != OK || begin_edit(&e, f) != OK)
		return f->outcome;
	got = editor_set_hash(&e, &a, span_of(hash), f);
	if (got == OK)
		got = editor_commit(&e, f);
	if (got == OK)
		say("%s: password set", r->operand[0]);
	editor_free(&e);
	return got;
}

enum outcome
verb_remove(struct request *r, struct fault *f)
{
	struct editor e;
	struct address a;
	size_t aliases;
	enum outcome got;

	if (read_address(r->operand[0], &a, f) != OK || begin_edit(&e, f) != OK)
		return f->outcome;
	got = editor_remove(&e, &a, &aliases, f);
	if (got == OK)
		got = editor_commit(&e, f);
	if (got == OK) {
		const struct item *item =
		    directory_find(&e.now, address_key(&a));

		say("%s: removed, with %zu alias%s; the mailbox %s/" SPAN_FMT
		    " is kept",
		    r->operand[0], aliases, aliases == 1 ? "" : "es",
		    prog.settings.mail.directory, SPAN_ARG(item->value));
	}
	editor_free(&e);
	return got;
}

enum outcome
verb_alias_add(struct request *r, struct fault *f)
{
	struct editor e;
	struct address target;
	enum outcome got;

	if (read_address(r->operand[1], &target, f) != OK ||
	    begin_edit(&e, f) != OK)
		return f->outcome;
	if (r->operand[0][0] == '*' && r->operand[0][1] == '@' && !r->catch_all)
		got = fault_set(f, PERM, "5.3.5", 0,
		    "a catch-all takes all mail for its domain that nobody "
		    "else does, spam above all; say --catch-all to have one");
	else
		got = add_alias(
		    &e, r->operand[0], &target, r->operand[1], r->catch_all, f);
	if (got == OK)
		got = editor_commit(&e, f);
	if (got == OK)
		say("%s: leads to %s", r->operand[0], r->operand[1]);
	editor_free(&e);
	return got;
}

enum outcome
verb_alias_remove(struct request *r, struct fault *f)
{
	struct editor e;
	struct address a;
	struct span key;
	enum outcome got;

	if (read_address(r->operand[0], &a, f) != OK || begin_edit(&e, f) != OK)
		return f->outcome;
	key = address_key(&a);
	if (span_eq(address_local(&a), "*"))
		key = span_from(key, 1); /* as a catch-all is kept */
	got = editor_remove_alias(&e, key, f);
	if (got == OK)
		got = editor_commit(&e, f);
	if (got == OK)
		say("%s: removed", r->operand[0]);
	editor_free(&e);
	return got;
}

/* ---- import */

/* The record without password= and hash=; the hash of either. */
static enum outcome
split_secret(struct span line, struct buf *record,
    char hash[crypto_pwhash_STRBYTES], struct fault *f)
{
	struct record r;
	struct span password, given;
	struct record_out out;
	enum outcome got = OK;

	hash[0] = '\0';
	if (record_parse(line, &r, f) != OK)
		return fault_set(f, PERM, "5.3.5", 0,
		    "not a record like entry smtp=bob@example.org");
	if (!record_is(&r, "entry") && !record_is(&r, "alias"))
		return fault_set(
		    f, PERM, "5.3.5", 0, "neither an entry nor an alias");
	if (!record_take_optional(
	        &r, "password", AUTH_PASSWORD_MAX, &password) ||
	    !record_take_optional(&r, "hash", DIRECTORY_HASH_MAX, &given) ||
	    (password.len > 0 && given.len > 0) ||
	    (record_is(&r, "alias") && password.len + given.len > 0))
		return fault_set(f, PERM, "5.3.5", 0,
		    "password= or hash= is too long, or both are given, or "
		    "it is an alias's");
	out = record_begin(record, record_is(&r, "entry") ? "entry" : "alias");
	for (size_t i = 0; i < r.fields; i++) {
		char key[64];

		if (span_eq(r.field[i].key, "password") ||
		    span_eq(r.field[i].key, "hash"))
			continue;
		if (!span_copy(r.field[i].key, key, sizeof(key)))
			return fault_set(f, PERM, "5.3.5", 0, "a long key");
		record_put(out, key, r.field[i].value);
	}
	if (record_end(out, f) != OK)
		return f->outcome;
	if (password.len > 0)
		got = hash_password(password, hash, f);
	else
		(void)span_copy(given, hash, crypto_pwhash_STRBYTES);
	sodium_memzero(&r, sizeof(r));
	return got;
}

static enum outcome
import_line(struct editor *e, struct span line, struct fault *f)
{
	char hash[crypto_pwhash_STRBYTES];
	struct buf record = BUF_INIT(RECORD_MAX);
	enum outcome got;

	if (line.len == 0 || line.p[0] == '#')
		return OK;
	got = split_secret(line, &record, hash, f);
	if (got == OK)
		got = editor_add(e, buf_span(&record), span_of(hash), f);
	buf_free(&record);
	return got == OK ? OK : fault_context(f, "stdin:%u", e->line);
}

/* Complete lines at the start of `in`; all of it at the end of input. */
static enum outcome
import_lines(struct editor *e, struct buf *in, bool end, struct fault *f)
{
	struct span rest = buf_span(in);
	size_t at;

	while (
	    rest.len > 0 && ((at = span_find(rest, '\n')) < rest.len || end)) {
		e->line++;
		if (import_line(e, span_head(rest, at), f) != OK)
			return f->outcome;
		rest = span_from(rest, at + 1);
	}
	if (rest.len > RECORD_MAX)
		return fault_set(f, PERM, "5.3.5", 0, "stdin:%u: line too long",
		    e->line + 1);
	buf_drop(in, in->len - rest.len);
	return OK;
}

static enum outcome
import_all(struct editor *e, struct fault *f)
{
	struct buf in = BUF_INIT(INPUT_STEP + RECORD_MAX + 2);
	size_t got;
	enum outcome result;

	do {
		result = fds_read_some(STDIN_FILENO, &in, INPUT_STEP, &got, f);
		if (result == OK)
			result = import_lines(e, &in, got == 0, f);
	} while (result == OK && got > 0);
	sodium_memzero(in.p, in.len);
	buf_free(&in);
	return result;
}

enum outcome
verb_import(struct request *r, struct fault *f)
{
	struct editor e;
	enum outcome got;

	(void)r;
	if (begin_edit(&e, f) != OK)
		return f->outcome;
	got = import_all(&e, f);
	if (got == OK)
		got = editor_commit(&e, f);
	if (got == OK) {
		say("%zu records in; %zu mailboxes made, %zu were there",
		    e.now.entries.n - e.entries_before, e.made, e.found);
	} else {
		(void)fault_context(f, "nothing was changed");
	}
	editor_free(&e);
	return got;
}

/* ---- compile, check */

static enum outcome
with_directory(bool exclusive, bool mailboxes,
    enum outcome (*use)(struct directory *, const char *, struct fault *),
    const char *argument, struct fault *f)
{
	struct directory d;
	int lock;
	enum outcome got;

	if (directory_begin(&d, &prog.settings, f) != OK)
		return f->outcome;
	if (directory_lock(exclusive, &lock, f) != OK) {
		directory_free(&d);
		return f->outcome;
	}
	got = directory_read(&d, f);
	if (got == OK)
		got = directory_check(&d, mailboxes, f);
	if (got == OK)
		got = use(&d, argument, f);
	(void)close(lock);
	directory_free(&d);
	return got;
}

static enum outcome
compile(struct directory *d, const char *unused, struct fault *f)
{
	(void)unused;
	print_problems(&d->problems);
	if (directory_compile(d, f) != OK)
		return f->outcome;
	say("%zu addresses and %zu passwords compiled", d->entries.n,
	    d->secrets.n);
	return OK;
}

enum outcome
verb_compile(struct request *r, struct fault *f)
{
	(void)r;
	return with_directory(true, false, compile, NULL, f);
}

static enum outcome
check(struct directory *d, const char *unused, struct fault *f)
{
	const size_t *count = d->problems.count;

	(void)unused;
	print_problems(&d->problems);
	if (count[PROBLEM_ERROR] + count[PROBLEM_WARNING] == 0)
		say("%zu addresses and %zu passwords: nothing is wrong",
		    d->entries.n, d->secrets.n);
	if (count[PROBLEM_ERROR] + count[PROBLEM_WARNING] == 0)
		return OK;
	return fault_set(f, PERM, "5.3.5", 0, "%zu errors, %zu warnings",
	    count[PROBLEM_ERROR], count[PROBLEM_WARNING]);
}

enum outcome
verb_check(struct request *r, struct fault *f)
{
	(void)r;
	return with_directory(false, true, check, NULL, f);
}

/* ---- list, show */

static json_t *
json_of_record(
    const struct directory *d, const struct record *r, const struct item *item)
{
	json_t *object = json_object();
	char key[RECORD_MAX];

	(void)json_object_set_new(object, "kind", json_of(r->word));
	for (size_t i = 0; i < r->fields; i++)
		if (span_copy(r->field[i].key, key, sizeof(key)))
			(void)json_object_set_new(
			    object, key, json_of(r->field[i].value));
	if (item->kind == ITEM_ENTRY)
		(void)json_object_set_new(object, "password",
		    json_boolean(directory_find_secret(d, item->key) != NULL));
	return object;
}

/* One line for people: its fields as they stand in the file. */
static void
print_line(const struct directory *d, struct span text, const struct item *item)
{
	const char *password = "";

	if (item->kind == ITEM_ENTRY &&
	    directory_find_secret(d, item->key) == NULL)
		password = " (no password)";
	(void)printf(SPAN_FMT "%s\n", SPAN_ARG(text), password);
}

static enum outcome
list(struct directory *d, const char *unused, struct fault *f)
{
	struct span rest = d->entries_text, line;
	struct record r;
	struct fault ignored;
	size_t next = 0;

	(void)unused;
	/* Items stand in the order of their lines. */
	for (uint32_t number = 1; span_next(&rest, '\n', &line); number++) {
		const struct item *item = &d->entries.p[next];

		if (next == d->entries.n || item->line != number)
			continue;
		next++;
		if (!prog.json)
			print_line(d, line, item);
		else if (record_parse(line, &r, &ignored) == OK)
			print_json(json_of_record(d, &r, item));
	}
	if (d->problems.count[PROBLEM_ERROR] > 0)
		return fault_set(f, PERM, "5.3.5", 0,
		    "%zu lines with errors are left out: `directory check`",
		    d->problems.count[PROBLEM_ERROR]);
	return OK;
}

enum outcome
verb_list(struct request *r, struct fault *f)
{
	(void)r;
	return with_directory(false, false, list, NULL, f);
}

/* Its line, and what else the directory knows of it. */
static json_t *
describe(const struct directory *d, const struct item *item)
{
	struct span rest = d->entries_text, line = SPAN_EMPTY;
	json_t *object, *aliases = json_array();
	struct address target;
	struct record r;
	struct fault f;

	for (uint32_t i = 0; i < item->line; i++)
		(void)span_next(&rest, '\n', &line);
	if (record_parse(line, &r, &f) != OK)
		return json_object();
	object = json_of_record(d, &r, item);
	for (size_t i = 0; i < d->entries.n; i++) {
		const struct item *other = &d->entries.p[i];

		if (other->kind != ITEM_ENTRY &&
		    address_make(other->value, &target, &f) == OK &&
		    span_same(address_key(&target), item->key))
			(void)json_array_append_new(
			    aliases, json_of(other->smtp));
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
	json_decref(object);
}

static enum outcome
show(struct directory *d, const char *text, struct fault *f)
{
	struct address asked;
	const struct item *item;
	struct span key;

	if (read_address(text, &asked, f) != OK)
		return f->outcome;
	key = address_key(&asked);
	if (span_eq(address_local(&asked), "*"))
		key = span_from(key, 1);
	item = directory_find(d, key);
	if (item == NULL)
		return fault_set(f, PERM, "5.1.1", 0,
		    SPAN_FMT " is not in the directory", SPAN_ARG(key));
	if (prog.json)
		print_json(describe(d, item));
	else
		print_description(describe(d, item));
	return OK;
}

enum outcome
verb_show(struct request *r, struct fault *f)
{
	return with_directory(false, false, show, r->operand[0], f);
}
