/* SPDX-License-Identifier: ISC */
/* directory.c: the text entries: read, check, compile. */
#include "directory.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compiled.h"
#include "lookup.h"
#include "mailboxes.h"

#define ARENA_CHUNK    (1UL << 20) /* octets. Ours */
#define PROBLEM_OCTETS (1UL << 20)
#define SHOWN_MAX      100 /* octets of an address in a message. Ours */

struct arena_chunk {
	struct arena_chunk *next;
	char octets[ARENA_CHUNK];
};

static enum outcome
no_memory(struct fault *f)
{
	return fault_set(f, TEMP, "4.3.0", ENOMEM, "directory");
}

static struct span
shown(struct span s)
{
	return span_head(s, s.len < SHOWN_MAX ? s.len : SHOWN_MAX);
}

/* ---- memory and indexes */

/* A copy that lives as long as the directory; SPAN_EMPTY's p is no copy. */
static bool
keep(struct directory *d, struct span in, struct span *out)
{
	char *to;

	if (d->arena == NULL || d->arena_left < in.len) {
		struct arena_chunk *chunk = malloc(sizeof(*chunk));

		if (chunk == NULL || in.len > ARENA_CHUNK) {
			free(chunk);
			return false;
		}
		chunk->next = d->arena;
		d->arena = chunk;
		d->arena_left = ARENA_CHUNK;
	}
	to = d->arena->octets + ARENA_CHUNK - d->arena_left;
	memcpy(to, in.p, in.len);
	d->arena_left -= in.len;
	*out = (struct span){ to, in.len };
	return true;
}

static struct span
field_of(const struct item *item, enum index_field field)
{
	return field == INDEX_KEY  ? item->key
	    : field == INDEX_VALUE ? item->value
	                           : item->userid;
}

static uint32_t
hash_of(const struct directory *d, struct span s)
{
	unsigned char out[crypto_shorthash_BYTES];
	uint32_t number;

	(void)crypto_shorthash(
	    out, (const unsigned char *)s.p, s.len, d->hash_key);
	memcpy(&number, out, sizeof(number));
	return number;
}

/* The slot that holds this value, or the free one where it belongs. */
static struct slot *
find_slot(const struct items *items, const struct index *index, uint32_t hash,
    struct span value)
{
	size_t at = hash & (index->slots - 1);

	while (index->slot[at].item != 0 &&
	    (index->slot[at].hash != hash ||
	        !span_same(
	            field_of(&items->p[index->slot[at].item - 1], index->field),
	            value)))
		at = (at + 1) & (index->slots - 1);
	return &index->slot[at];
}

static bool
grow_index(struct index *index, size_t slots)
{
	struct slot *slot = calloc(slots, sizeof(*slot));

	if (slot == NULL)
		return false;
	for (size_t i = 0; i < index->slots; i++) {
		size_t at = index->slot[i].hash & (slots - 1);

		if (index->slot[i].item == 0)
			continue;
		while (slot[at].item != 0)
			at = (at + 1) & (slots - 1);
		slot[at] = index->slot[i];
	}
	free(index->slot);
	index->slot = slot;
	index->slots = slots;
	return true;
}

/* Put the newest item in; *other is the one that has the same value. */
static bool
put_index(const struct directory *d, const struct items *items,
    struct index *index, const struct item **other)
{
	struct span value = field_of(&items->p[items->n - 1], index->field);
	uint32_t hash = hash_of(d, value);
	struct slot *slot;

	*other = NULL;
	if (index->used + index->used / 2 + 8 > index->slots &&
	    !grow_index(index, index->slots == 0 ? 64 : 2 * index->slots))
		return false;
	slot = find_slot(items, index, hash, value);
	if (slot->item != 0) {
		*other = &items->p[slot->item - 1];
		return true;
	}
	*slot = (struct slot){ hash, (uint32_t)items->n };
	index->used++;
	return true;
}

static const struct item *
find_item(const struct directory *d, const struct items *items,
    const struct index *index, struct span value)
{
	uint32_t at = index->slots == 0
	    ? 0
	    : find_slot(items, index, hash_of(d, value), value)->item;

	return at == 0 ? NULL : &items->p[at - 1];
}

const struct item *
directory_find(const struct directory *d, struct span key)
{
	return find_item(d, &d->entries, &d->entries.by_key, key);
}

const struct item *
directory_find_secret(const struct directory *d, struct span key)
{
	return find_item(d, &d->secrets, &d->secrets.by_key, key);
}

const struct item *
directory_find_path(const struct directory *d, struct span path)
{
	return find_item(d, &d->entries, &d->entries.by_value, path);
}

static bool
push_item(struct items *items, const struct item *item)
{
	if (items->n == items->cap) {
		size_t cap = items->cap == 0 ? 64 : 2 * items->cap;
		struct item *p = reallocarray(items->p, cap, sizeof(*p));

		if (p == NULL || items->n >= UINT32_MAX / 2)
			return false;
		items->p = p;
		items->cap = cap;
	}
	items->p[items->n++] = *item;
	return true;
}

/* Room for what a text of so many lines holds, so that nothing grows. */
static bool
size_items(struct items *items, struct span text)
{
	size_t lines = 1, slots = 64;
	struct item *p;

	for (const char *at = text.p; text.len > 0 &&
	     (at = memchr(at, '\n', (size_t)(text.p + text.len - at))) != NULL;
	     at++)
		lines++;
	while (slots < 2 * lines)
		slots *= 2;
	p = reallocarray(items->p, lines, sizeof(*p));
	if (p == NULL)
		return false;
	items->p = p;
	items->cap = lines;
	return grow_index(&items->by_key, slots) &&
	    grow_index(&items->by_value, slots);
}

/* ---- problems */

__attribute__((format(printf, 5, 6))) static void
add_problem(struct directory *d, enum problem_level level, const char *where,
    uint32_t line, const char *format, ...)
{
	static const char *const words[] = { "error", "warning", "note" };
	struct problems *problems = &d->problems;
	size_t all = 0;
	char text[512];
	va_list ap;

	problems->count[level]++;
	for (size_t i = 0; i < PROBLEM_LEVELS; i++)
		all += problems->count[i];
	if (all > PROBLEM_LINES_MAX)
		return;
	va_start(ap, format);
	(void)vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	buf_addf(&problems->text, "%s:%u: %s: %s\n", where, line, words[level],
	    text);
}

/* ---- begin, end, reading */

enum outcome
directory_begin(struct directory *d, const struct settings *s, struct fault *f)
{
	*d = (struct directory){ .settings = s,
		.entries_text = SPAN_EMPTY,
		.secrets_text = SPAN_EMPTY,
		.entries = { .by_key = { .field = INDEX_KEY },
		    .by_value = { .field = INDEX_VALUE },
		    .by_userid = { .field = INDEX_USERID } },
		.secrets = { .by_key = { .field = INDEX_KEY } },
		.problems = { .text = BUF_INIT(PROBLEM_OCTETS) } };
	randombytes_buf(d->hash_key, sizeof(d->hash_key));
	return domains_begin(&d->domains, &s->resolve.domain, f);
}

static void
unmap(struct span *text)
{
	if (text->len > 0)
		(void)munmap((void *)(uintptr_t)text->p, text->len);
	*text = SPAN_EMPTY;
}

static void
free_items(struct items *items)
{
	free(items->p);
	free(items->by_key.slot);
	free(items->by_value.slot);
	free(items->by_userid.slot);
}

void
directory_free(struct directory *d)
{
	if (d->mapped) {
		unmap(&d->entries_text);
		unmap(&d->secrets_text);
	}
	free_items(&d->entries);
	free_items(&d->secrets);
	while (d->arena != NULL) {
		struct arena_chunk *next = d->arena->next;

		free(d->arena);
		d->arena = next;
	}
	buf_free(&d->problems.text);
	domains_free(&d->domains);
	*d = (struct directory){ .mapped = false };
}

enum outcome
directory_lock(bool exclusive, int *fd, struct fault *f)
{
	*fd = open(
	    DIRECTORY_LOCK, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (*fd == -1)
		return fault_set(f, errno == ENOENT ? PERM : TEMP,
		    errno == ENOENT ? "5.3.5" : "4.3.0", errno,
		    "open " DIRECTORY_LOCK "%s",
		    errno == ENOENT ? " (`pneu init` makes a home)" : "");
	while (flock(*fd, exclusive ? LOCK_EX : LOCK_SH) != 0) {
		if (errno == EINTR)
			continue;
		(void)fault_set(
		    f, TEMP, "4.3.0", errno, "lock " DIRECTORY_LOCK);
		(void)close(*fd);
		*fd = -1;
		return TEMP;
	}
	return OK;
}

static enum outcome
map_text(const char *name, struct span *text, struct fault *f)
{
	struct stat st;
	void *map = MAP_FAILED;
	int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	*text = SPAN_EMPTY;
	if (fd == -1 && errno == ENOENT)
		return OK;
	if (fd == -1)
		return fault_set(f, TEMP, "4.3.0", errno, "open %s", name);
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) ||
	    (uint64_t)st.st_size > DIRECTORY_TEXT_MAX) {
		(void)close(fd);
		return fault_set(
		    f, TEMP, "4.3.0", 0, "%s: not a file, or over 2 GiB", name);
	}
	if (st.st_size > 0)
		map = mmap(
		    NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map != MAP_FAILED)
		*text = (struct span){ map, (size_t)st.st_size };
	else if (st.st_size > 0)
		(void)fault_set(f, TEMP, "4.3.0", errno, "map %s", name);
	(void)close(fd);
	return st.st_size > 0 && map == MAP_FAILED ? TEMP : OK;
}

enum outcome
directory_read(struct directory *d, struct fault *f)
{
	struct span entries, secrets;

	if (map_text(DIRECTORY_ENTRIES, &entries, f) != OK)
		return f->outcome;
	if (map_text(DIRECTORY_SECRETS, &secrets, f) != OK) {
		unmap(&entries);
		return f->outcome;
	}
	d->mapped = true;
	return directory_parse(d, entries, secrets, f);
}

/* ---- parsing */

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

bool
directory_is_hash(struct span hash)
{
	if (hash.len == 0 || hash.len > DIRECTORY_HASH_MAX ||
	    (!span_has_prefix(hash, "$argon2id$") &&
	        !span_has_prefix(hash, "$argon2i$")))
		return false;
	for (size_t i = 0; i < hash.len; i++)
		if (!is_graph((unsigned char)hash.p[i]))
			return false;
	return true;
}

/* One line on its way into the directory. */
struct line {
	struct directory *d;
	const char *where;
	uint32_t number;
	struct record record;
	struct item item;
};

#define REFUSE(l, ...)                                                         \
	add_problem((l)->d, PROBLEM_ERROR, (l)->where, (l)->number, __VA_ARGS__)

/* smtp= as key and as written; false: told as a problem. */
static bool
take_smtp(struct line *l, struct address *a)
{
	struct fault f;

	if (!record_take(&l->record, "smtp", PATH_TEXT_MAX, &l->item.smtp)) {
		REFUSE(l, "no smtp=");
		return false;
	}
	if (address_make(l->item.smtp, a, &f) != OK) {
		REFUSE(l, "smtp=: %s", f.text);
		return false;
	}
	if (a->local_len == 0 || address_domain(a).len == 0) {
		REFUSE(l, "smtp=: not a full address");
		return false;
	}
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
	REFUSE(l, "%s= is neither %s nor %s", key, first, second);
	return false;
}

static bool
parse_entry(struct line *l)
{
	struct span preferred;

	l->item.kind = ITEM_ENTRY;
	if (!is_one_of(l, "store", "mailbox", "distribution") ||
	    !is_one_of(l, "preferred", "smtp", "userid"))
		return false;
	if (!record_take(
	        &l->record, "path", RESOLVE_PATH_MAX, &l->item.value) ||
	    !resolve_path_is_safe(l->item.value)) {
		REFUSE(l,
		    "path= is missing, or not a path within the mail "
		    "directory");
		return false;
	}
	if (!record_take_optional(
	        &l->record, "userid", RECORD_MAX, &l->item.userid) ||
	    (l->item.userid.len > 0 && !is_userid(l->item.userid))) {
		REFUSE(l,
		    "userid= is not \"ID ADDRESS\", each 1 to 8 of A-Z "
		    "0-9 @ # $");
		return false;
	}
	(void)record_take_optional(
	    &l->record, "preferred", RECORD_MAX, &preferred);
	if (span_eq(preferred, "userid") && l->item.userid.len == 0) {
		REFUSE(l, "preferred=userid, but there is no userid=");
		return false;
	}
	return true;
}

/* A catch-all is one only by name, so that nobody makes one by a slip. */
static bool
parse_catch_all(struct line *l, const struct address *a)
{
	struct span word;
	bool star = span_eq(address_local(a), "*"), asked;

	if (!record_take_optional(&l->record, "catch-all", RECORD_MAX, &word) ||
	    (word.len > 0 && !span_eq(word, "yes"))) {
		REFUSE(l, "catch-all= is not yes");
		return false;
	}
	asked = word.len > 0;
	if (star && !asked)
		REFUSE(l, "*@ is a catch-all: say catch-all=yes to have one");
	if (!star && asked)
		REFUSE(l, "catch-all=yes, but the address is not *@domain");
	if (star && asked) {
		l->item.kind = ITEM_CATCH_ALL;
		l->item.key = span_from(l->item.key, 1);
	}
	return star == asked;
}

static bool
parse_alias(struct line *l, const struct address *a)
{
	struct address target;
	struct fault f;

	l->item.kind = ITEM_ALIAS;
	if (!parse_catch_all(l, a))
		return false;
	if (!record_take(&l->record, "to", PATH_TEXT_MAX, &l->item.value)) {
		REFUSE(l, "no to=");
		return false;
	}
	if (address_make(l->item.value, &target, &f) != OK) {
		REFUSE(l, "to=: %s", f.text);
		return false;
	}
	if (address_domain(&target).len == 0) {
		REFUSE(l, "to=: not a full address");
		return false;
	}
	return true;
}

static void
refuse_second(struct line *l, const char *what, const struct item *other)
{
	if (other->line == 0)
		REFUSE(l, "%s is given twice", what);
	else
		REFUSE(l, "%s is another's already, on line %u", what,
		    other->line);
}

/* Into memory of the directory's own, and into the indexes. */
static enum outcome
keep_item(struct line *l, struct items *items, struct fault *f)
{
	struct item *item = &l->item;
	const struct item *other;
	bool same = span_same(item->smtp, item->key);

	item->line = l->number;
	if (!keep(l->d, item->key, &item->key) ||
	    (!same && !keep(l->d, item->smtp, &item->smtp)) ||
	    !keep(l->d, item->value, &item->value) ||
	    !keep(l->d, item->userid, &item->userid))
		return no_memory(f);
	if (same)
		item->smtp = item->key;
	if (!push_item(items, item) ||
	    !put_index(l->d, items, &items->by_key, &other))
		return no_memory(f);
	if (other != NULL)
		refuse_second(l, "this address", other);
	if (item->kind != ITEM_ENTRY)
		return OK;
	if (!put_index(l->d, items, &items->by_value, &other))
		return no_memory(f);
	if (other != NULL)
		refuse_second(l, "this path=", other);
	if (item->userid.len == 0)
		return OK;
	if (!put_index(l->d, items, &items->by_userid, &other))
		return no_memory(f);
	if (other != NULL)
		refuse_second(l, "this userid=", other);
	return OK;
}

static bool
is_comment(struct span text)
{
	return text.len == 0 || text.p[0] == '#';
}

static void
line_begin(
    struct line *l, struct directory *d, const char *where, uint32_t number)
{
	l->d = d;
	l->where = where;
	l->number = number;
	l->item = (struct item){ .userid = SPAN_EMPTY };
}

enum outcome
directory_add_line(struct directory *d, const char *where, uint32_t number,
    struct span text, struct fault *f)
{
	struct line line, *l = &line;
	struct address a;
	struct fault why;
	bool good = false;

	line_begin(l, d, where, number);
	if (is_comment(text))
		return OK;
	if (record_parse(text, &l->record, &why) != OK)
		REFUSE(l, "%s", why.text);
	else if (!record_is(&l->record, "entry") &&
	    !record_is(&l->record, "alias"))
		REFUSE(l, "neither an entry nor an alias");
	else if (take_smtp(l, &a))
		good = record_is(&l->record, "alias") ? parse_alias(l, &a)
		                                      : parse_entry(l);
	if (!good)
		return OK;
	if (l->item.kind == ITEM_ENTRY && span_eq(address_local(&a), "*")) {
		REFUSE(l, "*@ is a catch-all: it is an alias, not an entry");
		return OK;
	}
	if (!domains_has(&d->domains, address_domain(&a)))
		add_problem(d, PROBLEM_WARNING, where, number,
		    SPAN_FMT " is not a local domain ([resolve] domain)",
		    SPAN_ARG(shown(address_domain(&a))));
	return keep_item(l, &d->entries, f);
}

static enum outcome
add_secret(
    struct directory *d, uint32_t number, struct span text, struct fault *f)
{
	struct line line, *l = &line;
	struct address a;
	struct fault why;
	enum outcome got = OK;

	line_begin(l, d, DIRECTORY_SECRETS, number);
	if (is_comment(text))
		return OK;
	l->item.kind = ITEM_SECRET;
	if (record_parse(text, &l->record, &why) != OK)
		REFUSE(l, "%s", why.text);
	else if (!record_is(&l->record, "secret"))
		REFUSE(l, "not a secret");
	else if (!take_smtp(l, &a))
		return OK;
	else if (!record_take(&l->record, "hash", RECORD_MAX, &l->item.value) ||
	    !directory_is_hash(l->item.value))
		REFUSE(l, "hash= is missing, or no Argon2 hash");
	else
		got = keep_item(l, &d->secrets, f);
	sodium_memzero(&line.record, sizeof(line.record));
	return got;
}

enum outcome
directory_parse(struct directory *d, struct span entries, struct span secrets,
    struct fault *f)
{
	struct span rest, line;
	uint32_t number;

	d->entries_text = entries;
	d->secrets_text = secrets;
	if (!size_items(&d->entries, entries) ||
	    !size_items(&d->secrets, secrets))
		return no_memory(f);
	for (rest = entries, number = 1; span_next(&rest, '\n', &line);
	     number++)
		if (directory_add_line(d, DIRECTORY_ENTRIES, number, line, f) !=
		    OK)
			return f->outcome;
	for (rest = secrets, number = 1; span_next(&rest, '\n', &line);
	     number++)
		if (add_secret(d, number, line, f) != OK)
			return f->outcome;
	return OK;
}

/* ---- checking */

/* The item that answers for an address, in the order of lookup.h. */
static const struct item *
find_answer(const struct directory *d, const struct address *a)
{
	const struct item *item = directory_find(d, address_key(a));
	struct address base = *a;
	struct span domain = address_domain(a);

	for (size_t i = 1; item == NULL && i < a->local_len; i++) {
		if (a->key[i] == '\0' ||
		    strchr(d->settings->resolve.plus, a->key[i]) == NULL)
			continue;
		base.local_len = i;
		address_set_domain(&base, domain);
		item = directory_find(d, address_key(&base));
		break;
	}
	return item != NULL
	    ? item
	    : directory_find(d, (struct span){ domain.p - 1, domain.len + 1 });
}

static void
check_alias(struct directory *d, const struct item *alias)
{
	const struct item *item = alias;
	struct address a;
	struct fault f;

	for (uint64_t i = 0; i < d->settings->resolve.alias_steps; i++) {
		if (address_make(item->value, &a, &f) != OK)
			return; /* told when it was parsed */
		if (!domains_has(&d->domains, address_domain(&a))) {
			add_problem(d, PROBLEM_WARNING, DIRECTORY_ENTRIES,
			    alias->line,
			    "leads to " SPAN_FMT ", which is not local",
			    SPAN_ARG(shown(address_domain(&a))));
			return;
		}
		item = find_answer(d, &a);
		if (item == NULL) {
			add_problem(d, PROBLEM_WARNING, DIRECTORY_ENTRIES,
			    alias->line,
			    "leads to " SPAN_FMT ", which is nobody's",
			    SPAN_ARG(shown(address_key(&a))));
			return;
		}
		if (item->kind == ITEM_ENTRY)
			return;
	}
	add_problem(d, PROBLEM_ERROR, DIRECTORY_ENTRIES, alias->line,
	    "leads in a circle, or over more than %llu aliases",
	    (unsigned long long)d->settings->resolve.alias_steps);
}

static void
check_postmasters(struct directory *d)
{
	char key[sizeof("postmaster@") + DOMAIN_MAX];

	for (size_t i = 0; i < d->domains.n; i++) {
		(void)snprintf(
		    key, sizeof(key), "postmaster@%s", d->domains.name[i]);
		/* RFC 5321 4.5.1: each domain must take postmaster's mail. */
		if (directory_find(d, span_of(key)) == NULL)
			add_problem(d, PROBLEM_NOTE, DIRECTORY_ENTRIES, 0,
			    "nobody is %s", key);
	}
}

static void
check_secrets(struct directory *d)
{
	for (size_t i = 0; i < d->secrets.n; i++) {
		const struct item *secret = &d->secrets.p[i];
		const struct item *entry = directory_find(d, secret->key);

		if (entry == NULL || entry->kind != ITEM_ENTRY)
			add_problem(d, PROBLEM_WARNING, DIRECTORY_SECRETS,
			    secret->line,
			    "a password of nobody: no entry has this address");
	}
}

enum outcome
directory_check(struct directory *d, bool mailboxes, struct fault *f)
{
	for (size_t i = 0; i < d->entries.n; i++) {
		const struct item *item = &d->entries.p[i];

		if (item->kind != ITEM_ENTRY)
			check_alias(d, item);
		else if (mailboxes &&
		    !mailboxes_has(d->settings->mail.directory, item->value))
			add_problem(d, PROBLEM_WARNING, DIRECTORY_ENTRIES,
			    item->line,
			    "has no mailbox: mail for it waits; `pneu "
			    "directory change ADDRESS --path=PATH` makes it");
		if (item->kind == ITEM_CATCH_ALL)
			add_problem(d, PROBLEM_NOTE, DIRECTORY_ENTRIES,
			    item->line, "a catch-all");
	}
	check_secrets(d);
	check_postmasters(d);
	return buf_failed(&d->problems.text) ? no_memory(f) : OK;
}

/* ---- compiling */

static enum outcome
compile_entries(
    const struct directory *d, struct compiled_maker *m, struct fault *f)
{
	static const char *const words[] = { LOOKUP_MAILBOX, LOOKUP_ALIAS,
		LOOKUP_CATCH_ALL };
	struct buf value = BUF_INIT(RECORD_MAX);
	enum outcome got = OK;

	for (size_t i = 0; got == OK && i < d->entries.n; i++) {
		const struct item *item = &d->entries.p[i];

		buf_reset(&value);
		buf_adds(&value, words[item->kind]);
		buf_add(&value, item->value);
		got = buf_failed(&value)
		    ? no_memory(f)
		    : compiled_make_add(m, item->key, buf_span(&value), f);
	}
	buf_free(&value);
	return got;
}

static enum outcome
compile_secrets(
    const struct directory *d, struct compiled_maker *m, struct fault *f)
{
	struct buf value = BUF_INIT(RECORD_MAX);
	enum outcome got = OK;

	for (size_t i = 0; got == OK && i < d->secrets.n; i++) {
		const struct item *secret = &d->secrets.p[i];
		const struct item *entry = directory_find(d, secret->key);
		struct record_out out;

		if (entry == NULL || entry->kind != ITEM_ENTRY)
			continue;
		buf_reset(&value);
		out = record_begin(&value, "secret");
		record_put(out, "smtp", entry->smtp);
		record_put(out, "path", entry->value);
		record_put(out, "hash", secret->value);
		got = record_end(out, f);
		if (got == OK)
			got = compiled_make_add(
			    m, secret->key, buf_span(&value), f);
	}
	sodium_memzero(value.p, value.len);
	buf_free(&value);
	return got;
}

static enum outcome
make(const struct directory *d, const char *name, const char *purpose,
    unsigned mode,
    enum outcome (*fill)(
        const struct directory *, struct compiled_maker *, struct fault *),
    struct fault *f)
{
	struct compiled_maker m;
	enum outcome got = compiled_make_begin(&m, name, purpose, mode, f);

	if (got == OK)
		got = fill(d, &m, f);
	if (got == OK)
		got = compiled_make_end(&m, f);
	compiled_make_drop(&m);
	return got;
}

enum outcome
directory_compile(struct directory *d, struct fault *f)
{
	if (d->problems.count[PROBLEM_ERROR] > 0)
		return fault_set(f, PERM, "5.3.5", 0,
		    "%zu error%s in the directory: the databases stay as "
		    "they were",
		    d->problems.count[PROBLEM_ERROR],
		    d->problems.count[PROBLEM_ERROR] == 1 ? "" : "s");
	/* Mail first: a removed user gets none before his login goes. */
	if (make(d, ENTRIES_DB, "entries", 0644, compile_entries, f) != OK ||
	    make(d, SECRETS_DB, "secrets", 0600, compile_secrets, f) != OK)
		return f->outcome;
	return OK;
}
