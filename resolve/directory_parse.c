/* SPDX-License-Identifier: ISC */
/* directory_parse.c: the text entries, line by line. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "config.h"
#include "directory.h"
#include "names.h"
#include "password.h"
#include "scram_keys.h"
#include "record.h"
#include "wire_resolve.h"

/* The length of a part of a user id; 0: it is too long, or none. */
static size_t
userid_part(const char *text)
{
	size_t n = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@#$");

	return n <= USERID_PART_MAX ? n : 0;
}

/* "BOB SYSTEM1", or *ANY the second part. */
static bool
is_userid(struct span userid)
{
	char copy[2 * USERID_PART_MAX + 2];
	const char *text = copy;
	size_t n, more;

	if (span_has_control(userid) || !span_copy(userid, copy, sizeof(copy)))
		return false;
	n = userid_part(text);
	if (n == 0 || text[n] != ' ')
		return false;
	text += n + 1;
	more = userid_part(text);
	return strcmp(text, "*ANY") == 0 || (more > 0 && text[more] == '\0');
}

bool
directory_is_hash(const struct settings *s, struct span hash, bool *costs_other)
{
	char text[DIRECTORY_HASH_MAX + 1];
	unsigned long memory, ops;
	int got = -1;

	if (span_find(hash, '\0') == hash.len &&
	    span_copy(hash, text, sizeof(text)))
		got = crypto_pwhash_str_needs_rehash(
		    text, s->resolve.hash_ops, (size_t)s->resolve.hash_memory);
	*costs_other = got == 1;
	return got != -1 &&
	    sscanf(text, "$argon2id$v=19$m=%lu,t=%lu,", &memory, &ops) == 2 &&
	    memory <= DIRECTORY_HASH_MEMORY_MAX &&
	    ops <= DIRECTORY_HASH_OPS_MAX;
}

/* One line on its way into the directory. */
struct reader {
	struct directory *d;
	struct line *line; /* gets more and more of it, borrowed from below */
	struct record record;
	struct address address;
};

/* Tell what is wrong with the line; false. */
#define REFUSE(r, ...)                                                         \
	(directory_problem((r)->d, PROBLEM_ERROR, (r)->line, __VA_ARGS__),     \
	    false)

/* smtp= as key and as written. */
static bool
take_smtp(struct reader *r)
{
	struct address *a = &r->address;
	struct fault f;

	if (!record_take(&r->record, "smtp", PATH_TEXT_MAX, &r->line->smtp))
		return REFUSE(r, "no smtp=");
	if (address_make(r->line->smtp, a, &f) != OK)
		return REFUSE(r, "smtp=: %s", f.text);
	if (a->local_len == 0 || address_domain(a).len == 0)
		return REFUSE(r, "smtp=: not a full address");
	r->line->key = address_directory_key(a);
	return true;
}

static bool
is_one_of(
    struct reader *r, const char *key, const char *first, const char *second)
{
	struct span value;

	if (record_take_optional(&r->record, key, RECORD_MAX, &value) &&
	    (value.len == 0 || span_eq(value, first) || span_eq(value, second)))
		return true;
	return REFUSE(r, "%s= is neither %s nor %s", key, first, second);
}

static const char *const person_keys[] = { "name", "given", "surname",
	"department", "company", "phone" };
#define PERSON_KEYS (sizeof(person_keys) / sizeof(person_keys[0]))

bool
directory_is_person_key(struct span key)
{
	for (size_t i = 0; i < PERSON_KEYS; i++)
		if (span_eq(key, person_keys[i]))
			return true;
	return false;
}

/* Who it is: also of a command's address. */
static bool
take_person(struct reader *r)
{
	struct span value;

	for (size_t i = 0; i < PERSON_KEYS; i++)
		if (!record_take_optional(
		        &r->record, person_keys[i], PERSON_MAX, &value) ||
		    span_has_control(value) || !utf8_is_valid(value))
			return REFUSE(r,
			    "%s= is no text of at most %d octets, or has "
			    "control characters",
			    person_keys[i], PERSON_MAX);
	return true;
}

/* Other names that lead to it. */
static bool
take_names(struct reader *r)
{
	struct line *line = r->line;

	if (!record_take_optional(
	        &r->record, "login", RECORD_MAX, &line->logins) ||
	    !names_are_logins(line->logins))
		return REFUSE(r,
		    "login= is not names without @, separated by commas, each "
		    "1 to %d octets",
		    LOCAL_PART_MAX);
	if (!record_take_optional(
	        &r->record, "account", RECORD_MAX, &line->accounts) ||
	    !names_are_accounts(line->accounts))
		return REFUSE(r,
		    "account= is not names of accounts or their numbers, "
		    "separated by commas, or *");
	return true;
}

static bool
take_leave(struct reader *r)
{
	struct span time;
	uint64_t ms;

	r->line->has_left =
	    record_take(&r->record, "removed", RECORD_MAX, &time);
	if (r->line->has_left && !clock_parse_ms(time, &ms))
		return REFUSE(
		    r, "removed= is not a time like 2026-11-24T03:04:05.123Z");
	return true;
}

/* Nobody logs in to a command, and it has no mailbox. */
static bool
take_program(struct reader *r)
{
	static const char *const other[] = { "path", "store", "userid",
		"preferred", "login", "account", "removed", "quota",
		"quota-messages", "password", "hash" };

	r->line->kind = LINE_PROGRAM;
	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++)
		if (record_find(&r->record, span_of(other[i])) != NULL)
			return REFUSE(
			    r, "program= and %s= exclude each other", other[i]);
	if (!resolve_is_program_name(r->line->value))
		return REFUSE(r,
		    "program= is not a name of 1 to %d of A-Z a-z 0-9 _ . -",
		    PROGRAM_NAME_MAX);
	return true;
}

/* As the setting of [mail] that it stands in place of. */
static bool
take_limit(
    struct reader *r, const char *key, const char *setting, uint64_t *limit)
{
	const struct setting_row *row =
	    config_find_row(SPAN_LIT("mail"), span_of(setting));
	struct span text;

	*limit = QUOTA_UNSAID;
	if (!record_take(&r->record, key, RECORD_MAX, &text) ||
	    config_parse_number(row, text, limit))
		return true;
	return REFUSE(r, "%s= is not a number of %s like %s", key, row->unit,
	    row->type == SETTING_SIZE ? "64M" : "1000");
}

static bool
take_quota(struct reader *r)
{
	struct quota *quota = &r->line->quota;

	return take_limit(r, "quota", "quota", &quota->octets) &&
	    take_limit(r, "quota-messages", "quota_messages", &quota->messages);
}

static bool
take_mailbox(struct reader *r)
{
	struct line *line = r->line;

	line->kind = LINE_ENTRY;
	if (!is_one_of(r, "store", "mailbox", "distribution") ||
	    !is_one_of(r, "preferred", "smtp", "userid"))
		return false;
	if (record_find(&r->record, SPAN_LIT("path")) == NULL)
		return REFUSE(
		    r, "no path=, and an address too long to make one of it");
	if (!record_take(&r->record, "path", RESOLVE_PATH_MAX, &line->value) ||
	    !resolve_path_is_safe(line->value))
		return REFUSE(
		    r, "path= is not a path within the mail directory");
	if (!record_take_optional(
	        &r->record, "userid", RECORD_MAX, &line->userid) ||
	    (line->userid.len > 0 && !is_userid(line->userid)))
		return REFUSE(r,
		    "userid= is not \"ID ADDRESS\", each 1 to 8 of A-Z "
		    "0-9 @ # $");
	if (span_eq(record_value(&r->record, "preferred"), "userid") &&
	    line->userid.len == 0)
		return REFUSE(r, "preferred=userid, but there is no userid=");
	return take_quota(r) && take_names(r) && take_leave(r);
}

static bool
take_entry(struct reader *r)
{
	if (span_eq(address_local(&r->address), "*"))
		return REFUSE(
		    r, "*@ is a catch-all: it is an alias, not an entry");
	if (!take_person(r))
		return false;
	return record_take(&r->record, "program", RECORD_MAX, &r->line->value)
	    ? take_program(r)
	    : take_mailbox(r);
}

/* A catch-all is one only by name, so that nobody makes one by a slip. */
static bool
take_alias(struct reader *r)
{
	bool star = span_eq(address_local(&r->address), "*");
	struct address target;
	struct span word;
	struct fault f;

	r->line->kind = star ? LINE_CATCH_ALL : LINE_ALIAS;
	if (!record_take_optional(&r->record, "catch-all", RECORD_MAX, &word) ||
	    (word.len > 0 && !span_eq(word, "yes")))
		return REFUSE(r, "catch-all= is not yes");
	if (star && word.len == 0)
		return REFUSE(r,
		    "*@ is a catch-all: it takes all mail for its domain that "
		    "nobody else does, spam above all; say catch-all=yes "
		    "(--catch-all) to have one");
	if (!star && word.len > 0)
		return REFUSE(
		    r, "catch-all=yes, but the address is not *@domain");
	if (!record_take(&r->record, "to", PATH_TEXT_MAX, &r->line->value))
		return REFUSE(r, "no to=");
	if (address_make(r->line->value, &target, &f) != OK)
		return REFUSE(r, "to=: %s", f.text);
	if (address_domain(&target).len == 0)
		return REFUSE(r, "to=: not a full address");
	return true;
}

/* Unknown keys are kept, and noted in case one is misspelt. Of a new line they
   are refused: `passwort=` would keep a password that anybody may read. */
static bool
allow_unknown(struct reader *r)
{
	struct line at = *r->line;

	at.smtp = SPAN_EMPTY; /* the note is not about this address alone */
	for (size_t i = 0; i < r->record.fields; i++) {
		struct span key =
		    span_head(r->record.field[i].key, DIRECTORY_SHOWN_MAX);

		if ((r->record.taken & 1U << i) != 0)
			continue;
		if (r->line->is_new)
			return REFUSE(
			    r, "there is no key " SPAN_FMT "=", SPAN_ARG(key));
		directory_problem(r->d, PROBLEM_NOTE, &at,
		    "the key " SPAN_FMT "= means nothing here, and is kept",
		    SPAN_ARG(key));
	}
	return true;
}

/* Entries are read by more programs and people than secrets. */
static bool
has_no_secret(struct reader *r)
{
	struct span value;
	struct fault why;
	bool password = record_take(&r->record, "password", RECORD_MAX, &value);

	if (password && r->line->is_new && password_check(value, &why) != OK)
		return REFUSE(r, "%s", why.text);
	if (!password && !record_take(&r->record, "hash", RECORD_MAX, &value))
		return true;
	return REFUSE(r,
	    "password= and hash= do not stand among entries: `directory "
	    "passwd` sets one, and an entry that is imported may have one of "
	    "them");
}

static void
check_domain(struct reader *r)
{
	struct span domain = address_domain(&r->address);
	struct span shown = span_head(domain, DIRECTORY_SHOWN_MAX);

	if (domains_has(&r->d->domains, domain))
		return;
	directory_problem(r->d,
	    r->line->is_new ? PROBLEM_ERROR : PROBLEM_WARNING, r->line,
	    SPAN_FMT " is not a local domain; put `domain = " SPAN_FMT
	             "` under [resolve] in pneu.conf first",
	    SPAN_ARG(shown), SPAN_ARG(shown));
}

static bool
read_entry(struct reader *r)
{
	bool alias = record_is(&r->record, "alias");

	if (!alias && !record_is(&r->record, "entry"))
		return REFUSE(r, "is neither entry nor alias");
	if (!take_smtp(r) || !(alias ? take_alias(r) : take_entry(r)) ||
	    !has_no_secret(r) || !allow_unknown(r))
		return false;
	check_domain(r);
	return true;
}

static bool
read_secret(struct reader *r)
{
	struct line *line = r->line;
	struct scram_keys keys;
	bool costs_other;

	if (!record_is(&r->record, "secret"))
		return REFUSE(r, "is not secret");
	if (!take_smtp(r))
		return false;
	line->kind = LINE_SECRET;
	if (!record_take_optional(
	        &r->record, "scram", SCRAM_TEXT_MAX, &line->scram) ||
	    (line->scram.len > 0 && !scram_keys_parse(line->scram, &keys)))
		return REFUSE(r, "scram= is not SCRAM-SHA-256$...");
	if (!record_take(&r->record, "hash", RECORD_MAX, &line->value) ||
	    !directory_is_hash(r->d->settings, line->value, &costs_other))
		return REFUSE(r,
		    "hash= is missing, or no Argon2 hash of libsodium's, or "
		    "costs more than [auth] could ask for");
	return true;
}

/* What was borrowed from the reader becomes the directory's own. */
static void
keep_fields(struct directory *d, struct line *line)
{
	bool same = span_same(line->smtp, line->key);

	line->key = directory_keep(d, line->key);
	line->smtp = same ? line->key : directory_keep(d, line->smtp);
	line->value = directory_keep(d, line->value);
	line->userid = directory_keep(d, line->userid);
	line->scram = directory_keep(d, line->scram);
	line->logins = directory_keep(d, line->logins);
	line->accounts = directory_keep(d, line->accounts);
}

static void
read_line(struct reader *r, bool (*read)(struct reader *))
{
	struct line *line = r->line;
	struct fault why;
	bool good = false;

	line->smtp = line->userid = line->logins = line->accounts = SPAN_EMPTY;
	line->scram = SPAN_EMPTY;
	line->has_left = false;
	if (line->text.len > 0 && line->text.p[0] != '#')
		good = record_parse(line->text, &r->record, &why) == OK
		    ? read(r)
		    : REFUSE(r, "%s", why.text);
	if (good) {
		keep_fields(r->d, line);
		return;
	}
	line->kind = LINE_NONE;
	line->smtp = SPAN_EMPTY;
}

/* Read all lines, or those that an editor made. */
static void
read_lines(struct directory *d, struct text *t, bool all)
{
	struct reader r;

	r.d = d;
	t->records = 0;
	for (size_t i = 0; i < t->lines; i++) {
		r.line = &t->line[i];
		r.line->repeats = false; /* of a check before an edit */
		if (all || r.line->is_new || r.line->is_changed)
			read_line(
			    &r, t == &d->entries ? read_entry : read_secret);
		t->records += r.line->kind != LINE_NONE;
	}
	line_index_free(&t->by_key);
	line_index_make(d, t, FIELD_KEY, &t->by_key);
}

static void
parse_text(struct directory *d, struct text *t)
{
	struct span rest = t->whole, line;

	while (span_next(&rest, '\n', &line))
		(void)text_add(t, line);
	read_lines(d, t, true);
}

void
directory_parse(struct directory *d)
{
	parse_text(d, &d->entries);
	parse_text(d, &d->secrets);
}

/* Without the lines that go, and numbered anew. */
static enum outcome
apply(struct directory *d, struct text *t, struct fault *f)
{
	size_t n = 0;

	for (size_t i = 0; i < t->lines; i++) {
		if (t->line[i].is_removed)
			continue;
		t->line[n] = t->line[i];
		buf_add(&t->edited, t->line[n].text);
		buf_addc(&t->edited, '\n');
		if (t->line[n].file == t->name)
			t->line[n].number = (uint32_t)n + 1;
		n++;
	}
	t->lines = n;
	if (buf_failed(&t->edited))
		return fault_set(f, TEMP, "4.3.0", 0, "%s: too large", t->name);
	t->changed |= !span_same(t->whole, buf_span(&t->edited));
	t->whole = buf_span(&t->edited);
	read_lines(d, t, false);
	return OK;
}

enum outcome
directory_apply(struct directory *d, struct fault *f)
{
	struct line *old;

	if (apply(d, &d->entries, f) != OK)
		return f->outcome;
	for (size_t i = 0; i < d->entries.lines; i++) {
		const struct line *line = &d->entries.line[i];

		if (!line->is_new || line->kind == LINE_NONE)
			continue;
		old = directory_find_secret(d, line->key);
		if (old != NULL)
			old->is_removed = true;
	}
	return apply(d, &d->secrets, f);
}
