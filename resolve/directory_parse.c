/* SPDX-License-Identifier: ISC */
/* directory_parse.c: the text entries, line by line. */
#include "directory_parts.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "password.h"
#include "record.h"
#include "wire_resolve.h"

static bool
is_userid_octet(int c)
{
	return (c >= 'A' && c <= 'Z') || is_digit(c) || c == '@' || c == '#' ||
	    c == '$';
}

static bool
is_userid_part(struct span part)
{
	for (size_t i = 0; i < part.len; i++)
		if (!is_userid_octet((unsigned char)part.p[i]))
			return false;
	return part.len >= 1 && part.len <= USERID_PART_MAX;
}

/* "BOB SYSTEM1": two parts of 1..8 of A-Z 0-9 @ # $, or *ANY the second. */
static bool
is_userid(struct span userid)
{
	size_t space = span_find(userid, ' ');
	struct span id = span_head(userid, space), address;

	if (space >= userid.len)
		return false;
	address = span_from(userid, space + 1);
	return is_userid_part(id) &&
	    (span_eq(address, "*ANY") || is_userid_part(address));
}

/* Of a form that auth can verify, at a cost within the bounds of [auth]. */
bool
directory_is_hash(const struct settings *s, struct span hash, bool *costs_other)
{
	char text[DIRECTORY_HASH_MAX + 1];
	struct span part, memory, ops;
	uint64_t cost;
	int got = -1;

	if (span_find(hash, '\0') == hash.len &&
	    span_copy(hash, text, sizeof(text)))
		got = crypto_pwhash_str_needs_rehash(
		    text, s->resolve.hash_ops, (size_t)s->resolve.hash_memory);
	*costs_other = got == 1;
	if (got == -1)
		return false;
	/* $argon2id$v=19$m=65536,t=2,p=1$salt$hash */
	for (int i = 0; i < 4; i++)
		(void)span_next(&hash, '$', &part);
	return span_next(&part, ',', &memory) && span_next(&part, ',', &ops) &&
	    num_parse(
	        span_from(memory, 2), 1, DIRECTORY_HASH_MEMORY_MAX, &cost) &&
	    num_parse(span_from(ops, 2), 1, DIRECTORY_HASH_OPS_MAX, &cost);
}

/* One line on its way into the directory. */
struct line {
	struct directory *d;
	struct items *items;
	struct record record;
	struct item item; /* its number, and then more and more of it */
};

/* Tell what is wrong with the line; false. */
#define REFUSE(l, ...)                                                         \
	(directory_problem(                                                    \
	     (l)->d, PROBLEM_ERROR, (l)->items, &(l)->item, __VA_ARGS__),      \
	    false)

/* smtp= as key and as written; false: told as a problem. */
static bool
take_smtp(struct line *l, struct address *a)
{
	struct fault f;

	if (!record_take(&l->record, "smtp", PATH_TEXT_MAX, &l->item.smtp))
		return REFUSE(l, "no smtp=");
	if (address_make(l->item.smtp, a, &f) != OK)
		return REFUSE(l, "smtp=: %s", f.text);
	if (a->local_len == 0 || address_domain(a).len == 0)
		return REFUSE(l, "smtp=: not a full address");
	l->item.key = address_key(a);
	return true;
}

static bool
is_one_of(
    struct line *l, const char *key, const char *first, const char *second)
{
	struct span value;

	if (record_take_optional(&l->record, key, RECORD_MAX, &value) &&
	    (value.len == 0 || span_eq(value, first) || span_eq(value, second)))
		return true;
	return REFUSE(l, "%s= is neither %s nor %s", key, first, second);
}

/* Nobody logs in to a command, and it has no mailbox. */
static bool
parse_program(struct line *l)
{
	static const char *const other[] = { "path", "store", "userid",
		"preferred" };

	l->item.kind = ITEM_PROGRAM;
	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++)
		if (record_find(&l->record, span_of(other[i])) != NULL)
			return REFUSE(
			    l, "program= and %s= exclude each other", other[i]);
	if (!resolve_is_program_name(l->item.value))
		return REFUSE(l,
		    "program= is not a name of 1 to %d of A-Z a-z 0-9 _ . -",
		    PROGRAM_NAME_MAX);
	return true;
}

static bool
parse_entry(struct line *l, const struct address *a)
{
	l->item.kind = ITEM_ENTRY;
	if (span_eq(address_local(a), "*"))
		return REFUSE(
		    l, "*@ is a catch-all: it is an alias, not an entry");
	if (record_take(&l->record, "program", RECORD_MAX, &l->item.value))
		return parse_program(l);
	if (!is_one_of(l, "store", "mailbox", "distribution") ||
	    !is_one_of(l, "preferred", "smtp", "userid"))
		return false;
	if (!record_take(
	        &l->record, "path", RESOLVE_PATH_MAX, &l->item.value) ||
	    !resolve_path_is_safe(l->item.value))
		return REFUSE(l,
		    "path= is missing, or not a path within the mail "
		    "directory (an address that is long for a file name "
		    "has none by itself)");
	if (!record_take_optional(
	        &l->record, "userid", RECORD_MAX, &l->item.userid) ||
	    (l->item.userid.len > 0 && !is_userid(l->item.userid)))
		return REFUSE(l,
		    "userid= is not \"ID ADDRESS\", each 1 to 8 of A-Z "
		    "0-9 @ # $");
	if (span_eq(record_value(&l->record, "preferred"), "userid") &&
	    l->item.userid.len == 0)
		return REFUSE(l, "preferred=userid, but there is no userid=");
	return true;
}

/* A catch-all is one only by name, so that nobody makes one by a slip. */
static bool
parse_catch_all(struct line *l, const struct address *a)
{
	struct span word;
	bool star = span_eq(address_local(a), "*"), asked;

	if (!record_take_optional(&l->record, "catch-all", RECORD_MAX, &word) ||
	    (word.len > 0 && !span_eq(word, "yes")))
		return REFUSE(l, "catch-all= is not yes");
	asked = word.len > 0;
	if (star && !asked)
		return REFUSE(l,
		    "*@ is a catch-all: it takes all mail for its domain that "
		    "nobody else does, spam above all; say catch-all=yes "
		    "(--catch-all) to have one");
	if (!star && asked)
		return REFUSE(
		    l, "catch-all=yes, but the address is not *@domain");
	if (star) {
		l->item.kind = ITEM_CATCH_ALL;
		l->item.key = span_from(l->item.key, 1);
	}
	return true;
}

static bool
parse_alias(struct line *l, const struct address *a)
{
	struct address target;
	struct fault f;

	l->item.kind = ITEM_ALIAS;
	if (!parse_catch_all(l, a))
		return false;
	if (!record_take(&l->record, "to", PATH_TEXT_MAX, &l->item.value))
		return REFUSE(l, "no to=");
	if (address_make(l->item.value, &target, &f) != OK)
		return REFUSE(l, "to=: %s", f.text);
	if (address_domain(&target).len == 0)
		return REFUSE(l, "to=: not a full address");
	return true;
}

/* Unknown keys are kept, and noted in case one is misspelt. */
static void
note_unknown(struct line *l)
{
	struct directory *d = l->d;

	for (size_t i = 0; i < l->record.fields; i++) {
		struct span key = l->record.field[i].key;
		size_t known = 0;

		if ((l->record.taken & 1U << i) != 0)
			continue;
		while (
		    known < d->unknowns && !span_same(d->unknown[known], key))
			known++;
		if (known < d->unknowns || known == DIRECTORY_UNKNOWN_MAX ||
		    !directory_keep(d, key, &d->unknown[known]))
			continue;
		d->unknowns++;
		directory_problem(d, PROBLEM_NOTE, l->items,
		    &(struct item){ .line = l->item.line },
		    "the key " SPAN_FMT "= means nothing here, and is kept",
		    SPAN_ARG(directory_shown(key)));
	}
}

/* Entries are read by more programs and people than secrets. */
static bool
has_no_secret(struct line *l)
{
	struct span value;
	struct fault why;
	bool password = record_take(&l->record, "password", RECORD_MAX, &value);

	if (password && l->item.line > l->items->kept &&
	    password_check(value, &why) != OK)
		return REFUSE(l, "%s", why.text);
	if (!password && !record_take(&l->record, "hash", RECORD_MAX, &value))
		return true;
	return REFUSE(l,
	    "password= and hash= do not stand among entries: `directory "
	    "passwd` sets one, and an entry that is imported may have one of "
	    "them");
}

static void
check_domain(struct line *l, const struct address *a)
{
	struct span domain = directory_shown(address_domain(a));

	if (domains_has(&l->d->domains, address_domain(a)))
		return;
	directory_problem(l->d,
	    l->item.line > l->items->kept ? PROBLEM_ERROR : PROBLEM_WARNING,
	    l->items, &l->item,
	    SPAN_FMT " is not a local domain; put `domain = " SPAN_FMT
	             "` under [resolve] in pneu.conf first",
	    SPAN_ARG(domain), SPAN_ARG(domain));
}

/* Into memory of the directory's own. */
static enum outcome
keep_item(struct line *l, struct fault *f)
{
	struct item *item = &l->item;
	bool same = span_same(item->smtp, item->key);

	if (!directory_keep(l->d, item->key, &item->key) ||
	    (!same && !directory_keep(l->d, item->smtp, &item->smtp)) ||
	    !directory_keep(l->d, item->value, &item->value) ||
	    !directory_keep(l->d, item->userid, &item->userid))
		return directory_no_memory(f);
	if (same)
		item->smtp = item->key;
	l->items->p[l->items->n++] = *item;
	return OK;
}

/* What every line begins with; false: a comment, or told as a problem. */
static bool
begin_line(struct line *l, struct span text, const char *words[2])
{
	struct fault why;

	l->item = (struct item){ .line = l->item.line,
		.text = text,
		.smtp = SPAN_EMPTY,
		.userid = SPAN_EMPTY };
	if (text.len == 0 || text.p[0] == '#')
		return false;
	if (record_parse(text, &l->record, &why) != OK)
		return REFUSE(l, "%s", why.text);
	if (!record_is(&l->record, words[0]) &&
	    !record_is(&l->record, words[1]))
		return REFUSE(l, "is neither %s nor %s", words[0], words[1]);
	return true;
}

static enum outcome
add_entry(struct line *l, struct span text, struct fault *f)
{
	static const char *words[2] = { "entry", "alias" };
	struct address a;

	if (!begin_line(l, text, words) || !take_smtp(l, &a) ||
	    !has_no_secret(l) ||
	    !(record_is(&l->record, "alias") ? parse_alias(l, &a)
	                                     : parse_entry(l, &a)))
		return OK;
	note_unknown(l);
	check_domain(l, &a);
	return keep_item(l, f);
}

static enum outcome
add_secret(struct line *l, struct span text, struct fault *f)
{
	static const char *words[2] = { "secret", "secret" };
	struct address a;
	bool costs_other;

	if (!begin_line(l, text, words) || !take_smtp(l, &a))
		return OK;
	l->item.kind = ITEM_SECRET;
	if (!record_take(&l->record, "hash", RECORD_MAX, &l->item.value) ||
	    !directory_is_hash(l->d->settings, l->item.value, &costs_other)) {
		(void)REFUSE(l,
		    "hash= is missing, or no Argon2 hash of libsodium's, or "
		    "costs more than [auth] could ask for");
		return OK;
	}
	return keep_item(l, f);
}

static enum outcome
parse_text(struct directory *d, struct items *items,
    enum outcome (*add)(struct line *, struct span, struct fault *),
    enum item_field fields, struct fault *f)
{
	struct line l = { .d = d, .items = items };
	struct span rest = items->text, text;

	/* Room for what it may hold: nothing grows afterwards. */
	items->p = reallocarray(
	    NULL, (size_t)span_count_lines(rest) + 1, sizeof(struct item));
	if (items->p == NULL)
		return directory_no_memory(f);
	while (span_next(&rest, '\n', &text)) {
		l.item.line++;
		if (add(&l, text, f) != OK)
			return f->outcome;
	}
	for (enum item_field i = 0; i < fields; i++)
		if (!items_sort(d, items, i))
			return directory_no_memory(f);
	return OK;
}

enum outcome
directory_parse(struct directory *d, struct fault *f)
{
	if (parse_text(d, &d->entries, add_entry, FIELDS, f) != OK ||
	    parse_text(d, &d->secrets, add_secret, FIELD_KEY + 1, f) != OK)
		return f->outcome;
	directory_sort_problems(d);
	return OK;
}
