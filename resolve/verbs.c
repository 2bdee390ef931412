/* SPDX-License-Identifier: ISC */
/* verbs.c: what `directory` does, a row a verb. */
#include "verbs.h"

#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "fds.h"
#include "mailboxes.h"
#include "maker.h"
#include "password.h"
#include "prog.h"
#include "say.h"

#define DISTRIBUTION " store=distribution"

/* ---- what goes in */

void
request_begin(struct request *r)
{
	const struct buf empty = BUF_INIT(DIRECTORY_TEXT_MAX);

	*r = (struct request){ .password = empty,
		.input = empty,
		.hashes = empty,
		.done = empty };
}

void
request_free(struct request *r)
{
	sodium_memzero(r->password.p, r->password.len);
	sodium_memzero(r->input.p, r->input.len);
	buf_free(&r->password);
	buf_free(&r->input);
	buf_free(&r->hashes);
	buf_free(&r->done);
}

enum outcome
request_read_password(struct request *r, struct fault *f)
{
	struct buf *b = &r->password;
	size_t start = b->len, got, len = 0;

	/* What is longer than a password may be is seen to be. */
	do {
		if (fds_read_some(STDIN_FILENO, b, 1, &got, f) != OK)
			return f->outcome;
		len = span_find(span_from(buf_span(b), start), '\n');
	} while (got > 0 && start + len == b->len && len <= PASSWORD_MAX + 1);
	if (len > 0 && b->p[start + len - 1] == '\r')
		len--;
	buf_cut(b, start + len);
	return password_check(span_from(buf_span(b), start), f);
}

/* One more of r->hashes. */
static enum outcome
hash_password(struct request *r, struct span password, struct fault *f)
{
	if (editor_hash(&prog.settings, password, &r->hashes, f) == OK)
		buf_addc(&r->hashes, '\n');
	return f->outcome;
}

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

/* ---- every change */

static void
tell_entry(const struct editor *e, const struct line *line)
{
	say(SPAN_FMT ": %s mailbox %s/" SPAN_FMT ", %s", SPAN_ARG(line->smtp),
	    e->found > 0 ? "kept the" : "made", prog.settings.mail.directory,
	    SPAN_ARG(line->value),
	    directory_find_secret(&e->d, line->key) != NULL
	        ? "password set"
	        : "no password, so no login yet (directory passwd sets one)");
	if (memmem(line->text.p, line->text.len, DISTRIBUTION,
	        sizeof(DISTRIBUTION) - 1) != NULL)
		say("no distribution service takes its mail yet: it lies in "
		    "the mailbox");
}

/* Of an import the sums are enough. */
static void
tell_new(const struct editor *e)
{
	for (size_t i = 0; i < e->d.entries.lines; i++) {
		const struct line *line = &e->d.entries.line[i];

		if (!line->is_new)
			continue;
		if (line->kind == LINE_ENTRY)
			tell_entry(e, line);
		else
			say(SPAN_FMT ": %s " SPAN_FMT, SPAN_ARG(line->smtp),
			    line->kind == LINE_PROGRAM ? "goes to the program"
			                               : "leads to",
			    SPAN_ARG(line->value));
	}
}

/*
 * Collected under the lock, then all or nothing. With `tries` it is only
 * checked, and no news is good news.
 */
static enum outcome
edit(struct editor *e, struct request *r, collect_changes *collect, bool tries,
    struct fault *f)
{
	enum outcome got = editor_begin(e, &prog.settings, f);
	bool begun = got == OK;
	struct span done, line;

	if (got == OK)
		got = collect(e, r, f);
	if (got == OK)
		got = editor_commit(e, tries, f);
	directory_unlock(&e->d);
	/* Of what was made the problems that it brings; of what was refused
	   all errors where they were there before, or are of an import. Else
	   the fault says the one. */
	if (got == OK && !tries)
		say_problems(&e->d.problems, &e->before, PROBLEM_NOTE);
	else if (got != OK && (!begun || r->is_import))
		say_problems(&e->d.problems, NULL, PROBLEM_ERROR);
	if (got == OK && !r->is_import)
		tell_new(e);
	done = got == OK && !tries ? buf_span(&r->done) : SPAN_EMPTY;
	while (span_next(&done, '\n', &line))
		say(SPAN_FMT, SPAN_ARG(line));
	editor_free(e);
	return got;
}

/* ---- records: add, alias add, import */

/* In place of a password's hash until all else is known to be right. */
#define PLACEHOLDER                                                            \
	"$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA"                    \
	"$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static bool
may_have_password(struct span s)
{
	static const char key[] = " password=";

	return memmem(s.p, s.len, key, sizeof(key) - 1) != NULL;
}

/* A good password of an entry that has no hash beside it. What is wrong with
   one stays in its line: the check refuses it and tells why. */
static bool
has_password(struct span line, struct record *r, struct span *password)
{
	struct fault ignored;

	return may_have_password(line) &&
	    record_parse(line, r, &ignored) == OK && record_is(r, "entry") &&
	    record_take(r, "password", RECORD_MAX, password) &&
	    password_check(*password, &ignored) == OK &&
	    record_find(r, SPAN_LIT("hash")) == NULL;
}

static enum outcome
hash_passwords(struct request *r, struct fault *f)
{
	struct span rest = buf_span(&r->input), line, password;
	enum outcome got = OK;
	struct record record;

	while (got == OK && span_next(&rest, '\n', &line))
		if (has_password(line, &record, &password))
			got = hash_password(r, password, f);
	sodium_memzero(&record, sizeof(record));
	return got;
}

static enum outcome
collect_records(struct editor *e, struct request *r, struct fault *f)
{
	struct span rest = buf_span(&r->input), line, password, hash;
	struct span hashes = buf_span(&r->hashes);
	bool replaces = r->option[OPTION_REPLACE] != NULL;
	struct record record;

	(void)f;
	for (uint32_t n = 1; span_next(&rest, '\n', &line); n++) {
		if (line.len == 0 || line.p[0] == '#')
			continue;
		hash = SPAN_EMPTY;
		/* The password of `add` is that of its first record. */
		if ((!r->is_import || has_password(line, &record, &password)) &&
		    !span_next(&hashes, '\n', &hash) && r->is_import)
			hash = SPAN_LIT(PLACEHOLDER);
		editor_add(e, line, hash, replaces, r->is_import ? n : 0);
	}
	sodium_memzero(&record, sizeof(record));
	return OK;
}

/* The fields that were said; an empty value takes one away. */
static size_t
said_fields(const struct request *r, struct field_change field[OPTION_FIELDS])
{
	static const char *const keys[OPTION_FIELDS] = { "store", "path",
		"preferred", "userid", "program", "login", "account", "name",
		"given", "surname", "department", "company", "phone", "quota",
		"quota-messages" };
	size_t n = 0;

	for (size_t i = 0; i < OPTION_FIELDS; i++)
		if (r->option[i] != NULL)
			field[n++] = (struct field_change){ keys[i],
				span_of(r->option[i]) };
	return n;
}

/* `abuse` beside bob@example.org is abuse@example.org. */
static enum outcome
put_alias(
    struct request *r, const char *alias, const char *target, struct fault *f)
{
	struct record_out out = record_begin(&r->input, "alias");
	struct buf name = BUF_INIT(RECORD_MAX);

	buf_adds(&name, alias);
	if (strchr(alias, '@') == NULL) {
		buf_addc(&name, '@');
		buf_add(&name, address_domain(&r->address));
	}
	record_put(out, "smtp", buf_span(&name));
	buf_free(&name);
	record_puts(out, "to", target);
	if (r->option[OPTION_CATCH_ALL] != NULL)
		record_puts(out, "catch-all", "yes");
	return record_end(out, f);
}

static enum outcome
prepare_alias(struct request *r, struct fault *f)
{
	return put_alias(r, r->operand[0], r->operand[1], f);
}

static enum outcome
prepare_add(struct request *r, struct fault *f)
{
	struct field_change field[OPTION_FIELDS];
	size_t n = said_fields(r, field);
	struct record_out out;
	enum outcome got;

	if (r->option[OPTION_PROGRAM] != NULL && r->hashes.len > 0)
		return fault_set(f, PERM, "5.3.5", 0,
		    "mail for it goes to a program: nobody logs in to that");
	out = record_begin(&r->input, "entry");
	record_puts(out, "smtp", r->operand[0]);
	for (size_t i = 0; i < n; i++)
		record_put_optional(out, field[i].key, field[i].value);
	got = record_end(out, f);
	for (size_t i = 0; got == OK && r->alias[i] != NULL; i++)
		got = put_alias(r, r->alias[i], r->operand[0], f);
	return got;
}

/*
 * A hash takes long, so passwords are hashed when all else is right, and not
 * under the lock: what the wait for it brought is checked again.
 */
static enum outcome
verb_import(struct request *r, struct fault *f)
{
	struct editor e;
	enum outcome got;

	r->is_import = true;
	/* Before the lock: a terminal may take its time. */
	got = fds_read_to_end(STDIN_FILENO, "the input", &r->input, f);
	if (got == OK && may_have_password(buf_span(&r->input))) {
		got = edit(&e, r, collect_records, true, f);
		if (got == OK)
			got = hash_passwords(r, f);
	}
	if (got == OK)
		got = edit(&e, r, collect_records, false, f);
	if (got == OK)
		say("%zu records in; %zu mailboxes made, %zu were there",
		    e.added, e.made, e.found);
	return got == PERM ? fault_context(f, "nothing was changed") : got;
}

/* ---- change, remove */

static enum outcome
collect_change(struct editor *e, struct request *r, struct fault *f)
{
	const char *path = r->option[OPTION_PATH];
	struct field_change field[OPTION_FIELDS];
	size_t n = said_fields(r, field);
	struct span hash = buf_span(&r->hashes);
	struct line *line;

	hash = span_head(hash, span_find(hash, '\n'));
	if (n == 0 && hash.len == 0)
		return fault_set(f, PERM, "5.3.5", 0,
		    "nothing to change: say a field, as --name=, or "
		    "--password-stdin");
	if (editor_find(e, &r->address, false, &line, f) != OK ||
	    (n > 0 && editor_change(e, line, field, n, f) != OK) ||
	    (hash.len > 0 && editor_set_hash(e, line, hash, f) != OK))
		return f->outcome;
	buf_addf(&r->done, "%s: %s\n", r->operand[0],
	    n > 0 ? "changed" : "password set");
	if (path != NULL && !span_eq(line->value, path))
		buf_addf(&r->done,
		    "what lies in the old mailbox %s/" SPAN_FMT
		    " stays there\n",
		    prog.settings.mail.directory, SPAN_ARG(line->value));
	return OK;
}

static void
tell_aliases(struct editor *e, struct request *r, const struct line *line)
{
	for (size_t i = 0; i < e->d.entries.lines; i++) {
		const struct line *alias = &e->d.entries.line[i];

		if (alias->is_removed && alias != line)
			buf_addf(&r->done, SPAN_FMT ": removed, it led there\n",
			    SPAN_ARG(alias->smtp));
	}
}

/* The mail first: where that is cut short, the rest can be purged again. */
static enum outcome
purge(struct editor *e, struct request *r, struct line *line, struct fault *f)
{
	const char *directory = prog.settings.mail.directory;

	if (!line->has_left)
		return fault_set(f, PERM, "5.3.5", 0,
		    "%s was not removed: `directory remove` first, so that no "
		    "more mail comes",
		    r->operand[0]);
	if (maker_purge(directory, line->value, f) != OK)
		return f->outcome;
	editor_remove(e, line);
	buf_addf(&r->done,
	    "%s: purged, with the mail that was in %s/" SPAN_FMT "\n",
	    r->operand[0], directory, SPAN_ARG(line->value));
	return OK;
}

static enum outcome
leave(struct editor *e, struct request *r, struct line *line, struct fault *f)
{
	char now[CLOCK_TEXT_MAX];

	if (line->has_left)
		return fault_set(f, PERM, "5.3.5", 0,
		    "%s is removed already; --purge deletes what lies in the "
		    "mailbox",
		    r->operand[0]);
	clock_text_ms(clock_wall_ms(), now);
	if (editor_leave(e, line, now, f) != OK)
		return f->outcome;
	tell_aliases(e, r, line);
	buf_addf(&r->done,
	    "%s: removed; what lies in the mailbox %s/" SPAN_FMT
	    " can still be fetched by POP3, and --purge deletes it\n",
	    r->operand[0], prog.settings.mail.directory, SPAN_ARG(line->value));
	return OK;
}

static enum outcome
collect_remove(struct editor *e, struct request *r, struct fault *f)
{
	struct line *line;

	if (editor_find(e, &r->address, false, &line, f) != OK)
		return f->outcome;
	if (line->kind != LINE_PROGRAM)
		return r->option[OPTION_PURGE] != NULL ? purge(e, r, line, f)
		                                       : leave(e, r, line, f);
	editor_remove(e, line);
	tell_aliases(e, r, line);
	buf_addf(&r->done, "%s: removed\n", r->operand[0]);
	return OK;
}

static enum outcome
collect_restore(struct editor *e, struct request *r, struct fault *f)
{
	static const struct field_change change = { "removed", { "", 0 } };
	struct line *line;

	if (editor_find(e, &r->address, false, &line, f) != OK)
		return f->outcome;
	if (!line->has_left)
		return fault_set(
		    f, PERM, "5.3.5", 0, "%s was not removed", r->operand[0]);
	buf_addf(&r->done, "%s: takes mail again\n", r->operand[0]);
	return editor_change(e, line, &change, 1, f);
}

/* ---- rename */

/* Its mailbox follows, before the texts say so: mail that comes meanwhile waits,
   and a second try finds it moved. */
static enum outcome
move_mailbox(const struct line *line, const struct address *to,
    char path[RESOLVE_PATH_MAX + 1], struct fault *f)
{
	if (line->kind == LINE_PROGRAM)
		return fault_set(f, PERM, "5.3.5", 0,
		    "mail for it goes to a program: there is no mailbox");
	if (mailboxes_path(to, path, f) != OK)
		return f->outcome;
	return maker_move(
	    prog.settings.mail.directory, line->value, span_of(path), f);
}

static enum outcome
collect_rename(struct editor *e, struct request *r, struct fault *f)
{
	char path[RESOLVE_PATH_MAX + 1] = "";
	struct address old;
	struct line *line;

	if (read_address(r->operand[0], &old, f) != OK ||
	    editor_find(e, &old, false, &line, f) != OK)
		return f->outcome;
	if (directory_find(&e->d, address_directory_key(&r->address)) != NULL &&
	    !span_same(address_key(&old), address_key(&r->address)))
		return fault_set(
		    f, PERM, "5.3.5", 0, "%s is there already", r->operand[1]);
	if (r->option[OPTION_MOVE] != NULL &&
	    move_mailbox(line, &r->address, path, f) != OK)
		return f->outcome;
	buf_addf(&r->done, "%s: is %s now%s\n", r->operand[0], r->operand[1],
	    r->option[OPTION_KEEP] != NULL ? ", and an alias that leads there"
	                                   : "");
	return editor_rename(e, line, &r->address, r->operand[1], span_of(path),
	    r->option[OPTION_KEEP] != NULL, f);
}

static enum outcome
collect_alias_remove(struct editor *e, struct request *r, struct fault *f)
{
	struct line *line;

	if (editor_find(e, &r->address, true, &line, f) != OK)
		return f->outcome;
	line->is_removed = true;
	buf_addf(&r->done, "%s: removed\n", r->operand[0]);
	return OK;
}

const struct verb verbs[VERBS] = {
	{ "add", .operands = 1,
	    .options =
	        TAKES_FIELDS | TAKES(OPTION_PASSWORD) | TAKES(OPTION_ALIAS),
	    .prepare = prepare_add, .collect = collect_records },
	{ "change", .operands = 1,
	    .options = TAKES_FIELDS | TAKES(OPTION_PASSWORD),
	    .collect = collect_change },
	{ "remove", .operands = 1, .options = TAKES(OPTION_PURGE),
	    .collect = collect_remove },
	{ "restore", .operands = 1, .collect = collect_restore },
	{ "rename", .operands = 2,
	    .options = TAKES(OPTION_MOVE) | TAKES(OPTION_KEEP),
	    .collect = collect_rename },
	{ "clientinfo", .operands = 1, .options = TAKES(OPTION_AUTOCONFIG),
	    .look = look_clientinfo },
	{ "find", .operands = 1, .is_text = true, .look = look_find },
	{ "list", .options = TAKES(OPTION_USAGE), .look = look_list },
	{ "show", .operands = 1, .look = look_show },
	{ "alias add", .operands = 2,
	    .options = TAKES(OPTION_CATCH_ALL) | TAKES(OPTION_REPLACE),
	    .prepare = prepare_alias, .collect = collect_records },
	{ "alias remove", .operands = 1, .collect = collect_alias_remove },
	{ "passwd", .operands = 1, .options = TAKES(OPTION_PASSWORD),
	    .asks = true, .collect = collect_change },
	{ "import", .run = verb_import },
	{ "compile", .options = TAKES(OPTION_AT_START) | TAKES(OPTION_FORCE),
	    .run = verb_compile },
	{ "check", .look = look_check, .thorough = true },
};

enum outcome
verb_run(const struct verb *verb, struct request *r, struct fault *f)
{
	struct editor e;

	if (verb->operands > 0 && !verb->is_text &&
	    read_address(r->operand[verb->operands - 1], &r->address, f) != OK)
		return f->outcome;
	if (verb->look != NULL)
		return verb_look(verb, r, f);
	if (verb->run != NULL)
		return verb->run(r, f);
	/* A terminal was asked already. */
	if (r->password.len == 0 &&
	    (verb->asks || r->option[OPTION_PASSWORD] != NULL) &&
	    request_read_password(r, f) != OK)
		return f->outcome;
	/* Before the lock: it takes long. */
	if ((r->password.len > 0 &&
	        hash_password(r, buf_span(&r->password), f) != OK) ||
	    (verb->prepare != NULL && verb->prepare(r, f) != OK))
		return f->outcome;
	return edit(&e, r, verb->collect, false, f);
}
