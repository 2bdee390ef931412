/* SPDX-License-Identifier: ISC */
/* names.c: logins and accounts of entries. */
#include "names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lookup.h"
#include "mem.h"
#include "record.h"
#include "wire_resolve.h"

#define ANY_ACCOUNT "*"

/* One of a list, in the order of the text. */
struct name {
	struct span key;
	const struct line *line;
};

struct names {
	struct name *name;
	size_t n, room;
};

static bool
is_login(struct span name)
{
	struct login login;
	struct fault f;

	return address_make_login(name, &login, &f) == OK;
}

static bool
is_account(struct span name)
{
	return span_eq(name, ANY_ACCOUNT) || accounts_is_name(name);
}

static bool
are_all(struct span list, bool (*is)(struct span))
{
	struct span name;

	/* An empty list is none; an empty name in one is a slip. */
	if (list.len > 0 && list.p[list.len - 1] == ',')
		return false;
	while (span_next(&list, ',', &name))
		if (!is(name))
			return false;
	return true;
}

bool
names_are_logins(struct span list)
{
	return are_all(list, is_login);
}

bool
names_are_accounts(struct span list)
{
	return are_all(list, is_account);
}

bool
names_have_accounts(struct span entries)
{
	static const char key[] = " account=";

	return memmem(entries.p, entries.len, key, sizeof(key) - 1) != NULL;
}

static void
add_name(struct names *names, struct span key, const struct line *line)
{
	if (names->n == names->room) {
		names->room = 2 * names->room + 64;
		names->name =
		    mem_grow(names->name, names->room, sizeof(*names->name));
	}
	names->name[names->n++] = (struct name){ key, line };
}

/* By key; of equals the first line first. */
static int
compare_names(const void *a, const void *b)
{
	const struct name *one = a, *other = b;
	size_t n =
	    one->key.len < other->key.len ? one->key.len : other->key.len;
	int got = memcmp(one->key.p, other->key.p, n);

	if (got == 0)
		got = (one->key.len > other->key.len) -
		    (one->key.len < other->key.len);
	return got != 0 ? got
	                : (one->line > other->line) - (one->line < other->line);
}

static void
sort_names(struct names *names)
{
	if (names->n > 1)
		qsort(
		    names->name, names->n, sizeof(*names->name), compare_names);
}

/* ---- logins */

/* Their keys live as long as the directory. */
static void
collect_logins(struct directory *d, struct names *names)
{
	*names = (struct names){ .n = 0 };
	for (size_t i = 0; i < d->entries.lines; i++) {
		const struct line *line = &d->entries.line[i];
		struct span rest = line->logins, name;
		struct login login;
		struct fault f;

		if (line->kind != LINE_ENTRY)
			continue;
		while (span_next(&rest, ',', &name))
			if (address_make_login(name, &login, &f) == OK)
				add_name(names,
				    directory_keep(d, login_key(&login)), line);
	}
	sort_names(names);
}

/* Is it the name of another user, where a name stands alone? */
static void
check_login(struct directory *d, const struct name *name)
{
	struct span local = span_from(name->key, sizeof(LOGIN_KEY) - 1);
	char text[ADDRESS_KEY_MAX + 1];
	const struct line *other;
	int n = snprintf(text, sizeof(text), SPAN_FMT "@%s", SPAN_ARG(local),
	    d->domains.first);

	if (n < 0 || (size_t)n >= sizeof(text))
		return;
	other = directory_find(d, span_of(text));
	if (other != NULL && other->kind == LINE_ENTRY && other != name->line)
		directory_problem(d, PROBLEM_ERROR, name->line,
		    "login=" SPAN_FMT " is another user's name, on %s:%u",
		    SPAN_ARG(span_head(local, DIRECTORY_SHOWN_MAX)),
		    other->file, other->number);
}

static void
check_logins(struct directory *d)
{
	struct names names;

	collect_logins(d, &names);
	for (size_t i = 0; i < names.n; i++) {
		const struct name *name = &names.name[i];

		check_login(d, name);
		if (i > 0 && span_same(name[-1].key, name->key))
			directory_problem(d, PROBLEM_ERROR, name->line,
			    "the same " SPAN_FMT " is there already, on "
			    "%s:%u",
			    SPAN_ARG(span_head(name->key, DIRECTORY_SHOWN_MAX)),
			    name[-1].line->file, name[-1].line->number);
	}
	free(names.name);
}

void
names_put_logins(const struct directory *d, struct compiled_maker *m)
{
	for (size_t i = 0; i < d->entries.lines; i++) {
		const struct line *line = &d->entries.line[i];
		struct span rest = line->logins, name;
		struct login login;
		struct fault f;

		if (line->kind != LINE_ENTRY)
			continue;
		while (span_next(&rest, ',', &name))
			if (address_make_login(name, &login, &f) == OK)
				compiled_make_add(
				    m, login_key(&login), line->key);
	}
}

/* ---- accounts */

static void
check_accounts(struct directory *d)
{
	for (size_t i = 0; i < d->entries.lines; i++) {
		const struct line *line = &d->entries.line[i];
		struct span rest = line->accounts, name;
		uid_t uid;

		if (line->kind != LINE_ENTRY)
			continue;
		while (span_next(&rest, ',', &name))
			if (!span_eq(name, ANY_ACCOUNT) &&
			    !accounts_find(&d->accounts, name, &uid))
				directory_problem(d, PROBLEM_WARNING, line,
				    "account=" SPAN_FMT ": no account of "
				    "this machine that programs can run as",
				    SPAN_ARG(name));
	}
}

/* `who NAME` and `who NUMBER` of each account; texts live in the directory's
   lines or in `numbers`. */
static void
collect_accounts(
    const struct directory *d, struct names *names, struct buf *numbers)
{
	*names = (struct names){ .n = 0 };
	for (size_t i = 0; i < d->entries.lines; i++) {
		const struct line *line = &d->entries.line[i];
		struct span rest = line->accounts, name;
		uid_t uid;

		if (line->kind != LINE_ENTRY || line->has_left)
			continue;
		while (span_next(&rest, ',', &name)) {
			bool any = span_eq(name, ANY_ACCOUNT);

			if (!any && !accounts_find(&d->accounts, name, &uid))
				continue;
			add_name(names, name, line);
			if (any)
				continue;
			/* Its place is told by its offset: the buffer moves. */
			add_name(
			    names, (struct span){ NULL, numbers->len }, line);
			buf_addf(numbers, "%lu\n", (unsigned long)uid);
		}
	}
	for (size_t i = 0; i < names->n; i++) {
		struct span text = buf_span(numbers);
		struct span *key = &names->name[i].key;

		if (key->p != NULL)
			continue;
		*key = span_from(text, key->len);
		*key = span_head(*key, span_find(*key, '\n'));
	}
	sort_names(names);
}

/* Who it is. */
static void
put_who(const struct name *name, struct compiled_maker *m)
{
	struct buf key = BUF_INIT(NAMES_WHO_KEY_MAX);
	struct buf value = BUF_INIT(RECORD_MAX);
	struct resolve_who who = { .user = "" };
	struct record r;
	struct fault f = FAULT_NONE;

	buf_addf(&key, WHO_KEY SPAN_FMT, SPAN_ARG(name->key));
	(void)span_copy(name->line->smtp, who.user, sizeof(who.user));
	if (record_parse(name->line->text, &r, &f) == OK)
		(void)span_copy(
		    record_value(&r, "name"), who.name, sizeof(who.name));
	if (wire_resolve_put_who(&value, name->key, OK, &who, &f, &f) == OK)
		compiled_make_add(m, buf_span(&key),
		    span_head(buf_span(&value), value.len - 1));
	buf_free(&key);
	buf_free(&value);
}

/* That the addresses of a mailbox are an account's. */
static void
put_owner(const struct name *name, struct compiled_maker *m)
{
	struct buf key = BUF_INIT(NAMES_WHO_KEY_MAX);

	buf_addf(&key, WHO_KEY SPAN_FMT " " SPAN_FMT, SPAN_ARG(name->key),
	    SPAN_ARG(name->line->value));
	compiled_make_add(m, buf_span(&key), SPAN_LIT("yes"));
	buf_free(&key);
}

void
names_put_accounts(const struct directory *d, struct compiled_maker *m)
{
	struct buf numbers = BUF_INIT(DIRECTORY_TEXT_MAX);
	struct names names;

	collect_accounts(d, &names, &numbers);
	for (size_t i = 0; i < names.n; i++) {
		const struct name *name = &names.name[i];

		if (i == 0 || !span_same(name[-1].key, name->key))
			put_who(name, m);
		put_owner(name, m);
	}
	free(names.name);
	buf_free(&numbers);
}

void
names_check(struct directory *d)
{
	check_logins(d);
	check_accounts(d);
}
