/* SPDX-License-Identifier: ISC */
/* verbs.c: what `directory` does, a row a verb. */
#include "verbs.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fds.h"
#include "password.h"
#include "prog.h"
#include "record.h"
#include "say.h"

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
	size_t start = r->input.len, got, len = 0;

	r->input.max = start + PASSWORD_MAX + 2;
	do {
		if (fds_read_some(STDIN_FILENO, &r->input, 1, &got, f) != OK)
			break;
		len = span_find(span_from(buf_span(&r->input), start), '\n');
	} while (got > 0 && start + len == r->input.len);
	if (f->outcome != OK && !buf_failed(&r->input))
		return f->outcome;
	if (len > 0 && r->input.p[start + len - 1] == '\r')
		len--;
	buf_cut(&r->input, start + len);
	return password_check(span_from(buf_span(&r->input), start), f);
}

void
request_free(struct request *r)
{
	sodium_memzero(r->input.p, r->input.len);
	buf_free(&r->input);
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

/* The hash of the password: read and made before the lock is taken. */
static enum outcome
take_hash(struct request *r, struct fault *f)
{
	if ((r->said & SAID(OPTION_PASSWORD)) == 0)
		return OK;
	if (r->input.len == 0 && request_read_password(r, f) != OK)
		return f->outcome;
	return hash_password(buf_span(&r->input), r->hash, f);
}

/* ---- add, change, remove */

static enum outcome
read_address(const char *text, struct address *a, struct fault *f)
{
	if (strchr(text, '@') == NULL)
		return fault_set(f, PERM, "5.1.3", 0,
		    "%.64s: not a full address like bob@example.org", text);
	if (address_make(span_of(text), a, f) != OK)
		return fault_context(f, "%.64s", text);
	return OK;
}

/* What was not there before. */
static void
tell_news(const struct editor *e, enum problem_level level)
{
	const struct problems *p = &e->fresh.problems[level];
	size_t before = e->now.problems[level].count, told = 0;

	for (size_t i = 0; i < p->n; i++) {
		if (!editor_is_new(e, &p->p[i]))
			continue;
		say_problem(&p->p[i]);
		told++;
	}
	if (p->count > p->n && p->count > before + told)
		say_more(level, p->count - before - told);
}

/* What a change brings with it; of an import, all that is wrong with it: of
   the others that is the fault. */
static void
tell_problems(const struct editor *e, enum outcome got)
{
	if (got == OK)
		for (enum problem_level i = 0; i < PROBLEM_LEVELS; i++)
			tell_news(e, i);
	else if (e->source > 0)
		say_level(&e->fresh, PROBLEM_ERROR);
}

/*
 * What every change is: collected under the lock, then all or nothing. Without
 * `tell` it is only tried, and no news is good news.
 */
static enum outcome
edit(const struct request *r, verb_collect *collect, verb_tell *tell,
    struct fault *f)
{
	struct editor e;
	enum outcome got = editor_begin(&e, &prog.settings, f);
	bool begun = got == OK;

	if (got == OK)
		got = collect(&e, r, f);
	if (got == OK)
		got = tell != NULL ? editor_commit(&e, f) : editor_check(&e, f);
	fds_close(&e.lock);
	/* What was wrong before is the answer to any change. */
	if (!begun)
		say_level(&e.now, PROBLEM_ERROR);
	if (got != OK || tell != NULL)
		tell_problems(&e, got);
	if (got == OK && tell != NULL)
		tell(&e, r);
	editor_free(&e);
	return got;
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
add_alias(struct editor *e, const struct request *r, const char *alias,
    const char *target, const struct address *of, struct fault *f)
{
	struct buf name = BUF_INIT(RECORD_MAX), line = BUF_INIT(RECORD_MAX);
	struct record_out out = record_begin(&line, "alias");
	enum outcome got;

	put_alias_name(&name, alias, of);
	record_put(out, "smtp", buf_span(&name));
	record_puts(out, "to", target);
	if ((r->said & SAID(OPTION_CATCH_ALL)) != 0)
		record_puts(out, "catch-all", "yes");
	got = record_end(out, f);
	if (got == OK)
		got = editor_add(e, buf_span(&line), f);
	buf_free(&name);
	buf_free(&line);
	return got;
}

/* The fields that were said; an empty value takes one away. */
static size_t
collect_fields(
    const struct request *r, struct field_change field[OPTION_FIELDS])
{
	static const char *const keys[] = { "store", "path", "preferred",
		"userid", "program" };
	size_t n = 0;

	for (size_t i = 0; i < OPTION_FIELDS; i++)
		if (r->field[i] != NULL)
			field[n++] = (struct field_change){ keys[i],
				span_of(r->field[i]) };
	return n;
}

static enum outcome
collect_add(struct editor *e, const struct request *r, struct fault *f)
{
	struct buf line = BUF_INIT(RECORD_MAX);
	struct record_out out;
	struct field_change field[OPTION_FIELDS];
	size_t n = collect_fields(r, field);
	enum outcome got;

	if (r->field[OPTION_PROGRAM] != NULL && r->hash[0] != '\0')
		return fault_set(f, PERM, "5.3.5", 0,
		    "mail for it goes to a program: nobody logs in to that");
	if (r->aliases > REQUEST_ALIASES_MAX)
		return fault_set(f, PERM, "5.3.5", 0, "over %d aliases at once",
		    REQUEST_ALIASES_MAX);
	out = record_begin(&line, "entry");
	record_puts(out, "smtp", r->operand[0]);
	for (size_t i = 0; i < n; i++)
		record_put_optional(out, field[i].key, field[i].value);
	record_put_optional(out, "hash", span_of(r->hash));
	got = record_end(out, f);
	if (got == OK)
		got = editor_add(e, buf_span(&line), f);
	for (size_t i = 0; got == OK && i < r->aliases; i++)
		got =
		    add_alias(e, r, r->alias[i], r->operand[0], &r->address, f);
	buf_free(&line);
	return got;
}

static void
tell_add(const struct editor *e, const struct request *r)
{
	const struct item *item =
	    directory_find(&e->fresh, address_key(&r->address));

	if (item->kind == ITEM_PROGRAM) {
		say("%s: goes to the program %s", r->operand[0],
		    r->field[OPTION_PROGRAM]);
		return;
	}
	say("%s: %s mailbox %s/" SPAN_FMT ", %s", r->operand[0],
	    e->found > 0 ? "kept the" : "made", prog.settings.mail.directory,
	    SPAN_ARG(item->value),
	    r->hash[0] != '\0' ? "password set"
	                       : "no password, so no login yet "
	                         "(directory passwd sets one)");
	if (r->field[OPTION_STORE] != NULL &&
	    strcmp(r->field[OPTION_STORE], "distribution") == 0)
		say("no distribution service takes its mail yet: it lies in "
		    "the mailbox");
}

static enum outcome
collect_change(struct editor *e, const struct request *r, struct fault *f)
{
	struct field_change field[OPTION_FIELDS];
	size_t n = collect_fields(r, field);

	if (n == 0 && r->hash[0] == '\0')
		return fault_set(f, PERM, "5.3.5", 0,
		    "nothing to change: --store --path --userid --preferred "
		    "--program --password-stdin");
	if (n > 0 && editor_change(e, &r->address, field, n, f) != OK)
		return f->outcome;
	if (r->hash[0] == '\0')
		return OK;
	return editor_set_hash(e, &r->address, span_of(r->hash), f);
}

static void
tell_change(const struct editor *e, const struct request *r)
{
	const struct item *item =
	    directory_find(&e->now, address_key(&r->address));

	say("%s: %s", r->operand[0],
	    (r->said & SAID_FIELDS) != 0 ? "changed" : "password set");
	if (r->field[OPTION_PATH] != NULL &&
	    !span_eq(item->value, r->field[OPTION_PATH]))
		say("what lies in the old mailbox %s/" SPAN_FMT " stays there",
		    prog.settings.mail.directory, SPAN_ARG(item->value));
}

static enum outcome
collect_remove(struct editor *e, const struct request *r, struct fault *f)
{
	return editor_remove(e, &r->address, f);
}

static void
tell_remove(const struct editor *e, const struct request *r)
{
	const struct directory *d = &e->now;
	const struct item *item = directory_find(d, address_key(&r->address));

	for (size_t i = 0; i < d->entries.n; i++)
		if (directory_leads_to(d, &d->entries.p[i], item))
			say(SPAN_FMT ": removed, it led there",
			    SPAN_ARG(d->entries.p[i].smtp));
	if (item->kind == ITEM_PROGRAM)
		say("%s: removed", r->operand[0]);
	else
		say("%s: removed; the mailbox %s/" SPAN_FMT " is kept",
		    r->operand[0], prog.settings.mail.directory,
		    SPAN_ARG(item->value));
}

/* The user or alias that it is in place of goes. */
static enum outcome
clear_alias(struct editor *e, const struct request *r, struct fault *f)
{
	struct buf name = BUF_INIT(RECORD_MAX);
	struct address a;
	enum outcome got;

	put_alias_name(&name, r->operand[0], &r->address);
	got = address_make(buf_span(&name), &a, f);
	if (got == OK)
		got = editor_clear(e, &a, f);
	buf_free(&name);
	return got;
}

static enum outcome
collect_alias_add(struct editor *e, const struct request *r, struct fault *f)
{
	if ((r->said & SAID(OPTION_REPLACE)) != 0 && clear_alias(e, r, f) != OK)
		return f->outcome;
	return add_alias(e, r, r->operand[0], r->operand[1], &r->address, f);
}

static void
tell_alias_add(const struct editor *e, const struct request *r)
{
	struct buf name = BUF_INIT(RECORD_MAX);

	(void)e;
	put_alias_name(&name, r->operand[0], &r->address);
	say(SPAN_FMT ": leads to %s", SPAN_ARG(buf_span(&name)), r->operand[1]);
	buf_free(&name);
}

static enum outcome
collect_alias_remove(struct editor *e, const struct request *r, struct fault *f)
{
	return editor_remove_alias(e, &r->address, f);
}

static void
tell_alias_remove(const struct editor *e, const struct request *r)
{
	(void)e;
	say("%s: removed", r->operand[0]);
}

/* ---- import */

/* In place of a password's hash until all else is known to be right. */
#define PLACEHOLDER                                                            \
	"$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA"                    \
	"$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

/* A good password of an entry that has no hash beside it. */
static bool
has_password(struct span line, struct record *r, struct span *password)
{
	static const char key[] = " password=";
	struct span given;
	struct fault ignored;

	return memmem(line.p, line.len, key, sizeof(key) - 1) != NULL &&
	    record_parse(line, r, &ignored) == OK && record_is(r, "entry") &&
	    record_take(r, "password", RECORD_MAX, password) &&
	    password_check(*password, &ignored) == OK &&
	    !record_take(r, "hash", RECORD_MAX, &given);
}

/*
 * A line with the hash of its password in place of the password. What is wrong
 * with a line stays as it is, password= too: the check refuses and tells it.
 */
static enum outcome
put_line(struct span line, bool hashed, size_t *passwords, struct buf *out,
    struct fault *f)
{
	char hash[crypto_pwhash_STRBYTES] = PLACEHOLDER;
	struct field_change change[] = { { "password", SPAN_EMPTY },
		{ "hash", SPAN_EMPTY } };
	struct record r;
	struct span password;
	enum outcome got = OK;

	if (has_password(line, &r, &password)) {
		++*passwords;
		if (hashed)
			got = hash_password(password, hash, f);
		change[1].value = span_of(hash);
		if (got == OK)
			got = record_change(&r, change, 2, out, f);
	} else {
		buf_add(out, line);
		buf_addc(out, '\n');
		if (buf_failed(out))
			got = fault_set(f, TEMP, "4.3.0", ENOMEM, "import");
	}
	sodium_memzero(&r, sizeof(r));
	return got;
}

/* All that came in, with hashes or placeholders, as r->input. */
static enum outcome
put_lines(struct request *r, struct span in, bool hashed, size_t *passwords,
    struct fault *f)
{
	struct span line;

	*passwords = 0;
	buf_reset(&r->input);
	while (span_next(&in, '\n', &line))
		if (put_line(line, hashed, passwords, &r->input, f) != OK)
			return f->outcome;
	return OK;
}

static enum outcome
collect_import(struct editor *e, const struct request *r, struct fault *f)
{
	struct span rest = buf_span(&r->input), line;

	while (span_next(&rest, '\n', &line)) {
		e->source++;
		if (line.len > 0 && line.p[0] != '#' &&
		    editor_add(e, line, f) != OK)
			return f->outcome;
	}
	return OK;
}

static void
tell_import(const struct editor *e, const struct request *r)
{
	(void)r;
	say("%zu records in; %zu mailboxes made, %zu were there", e->added,
	    e->made, e->found);
}

/*
 * A hash takes long, so passwords are hashed when all else is right, and not
 * under the lock: what the wait for it brought is checked again.
 */
static enum outcome
import(struct request *r, struct span in, struct fault *f)
{
	size_t passwords;

	if (put_lines(r, in, false, &passwords, f) != OK)
		return f->outcome;
	if (passwords > 0 &&
	    (edit(r, collect_import, NULL, f) != OK ||
	        put_lines(r, in, true, &passwords, f) != OK))
		return f->outcome;
	return edit(r, collect_import, tell_import, f);
}

static enum outcome
verb_import(struct request *r, struct fault *f)
{
	struct buf in = BUF_INIT(DIRECTORY_TEXT_MAX);
	size_t some;
	enum outcome got;

	r->input.max = DIRECTORY_TEXT_MAX;
	/* Before the lock: a terminal may take its time. */
	do
		got = fds_read_some(STDIN_FILENO, &in, INPUT_STEP, &some, f);
	while (got == OK && some > 0);
	if (got == OK)
		got = import(r, buf_span(&in), f);
	sodium_memzero(in.p, in.len);
	buf_free(&in);
	return got == PERM ? fault_context(f, "nothing was changed") : got;
}

const struct verb verbs[VERBS] = {
	{ "add", .operands = 1,
	    .options = SAID_FIELDS | SAID(OPTION_PASSWORD) | SAID(OPTION_ALIAS),
	    .collect = collect_add, .tell = tell_add },
	{ "change", .operands = 1,
	    .options = SAID_FIELDS | SAID(OPTION_PASSWORD),
	    .collect = collect_change, .tell = tell_change },
	{ "remove", .operands = 1, .collect = collect_remove,
	    .tell = tell_remove },
	{ "list", .look = look_list },
	{ "show", .operands = 1, .look = look_show },
	{ "alias", "add", .operands = 2,
	    .options = SAID(OPTION_CATCH_ALL) | SAID(OPTION_REPLACE),
	    .collect = collect_alias_add, .tell = tell_alias_add },
	{ "alias", "remove", .operands = 1, .collect = collect_alias_remove,
	    .tell = tell_alias_remove },
	{ "passwd", .operands = 1, .options = SAID(OPTION_PASSWORD),
	    .asks = true, .collect = collect_change, .tell = tell_change },
	{ "import", .run = verb_import },
	{ "compile", .options = SAID(OPTION_AT_START), .run = verb_compile },
	{ "check", .look = look_check, .thorough = true },
};

enum outcome
verb_run(const struct verb *verb, struct request *r, struct fault *f)
{
	if (verb->operands > 0 &&
	    read_address(r->operand[verb->operands - 1], &r->address, f) != OK)
		return f->outcome;
	if (verb->look != NULL)
		return verb_look(verb, r, f);
	if (verb->run != NULL)
		return verb->run(r, f);
	if (verb->asks)
		r->said |= SAID(OPTION_PASSWORD);
	if (take_hash(r, f) != OK)
		return f->outcome;
	return edit(r, verb->collect, verb->tell, f);
}
