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

#include "compiled.h"
#include "fds.h"
#include "lookup.h"
#include "mailboxes.h"
#include "prog.h"

#define ARENA_CHUNK (1UL << 20) /* octets. Ours */
#define SHOWN_MAX   100 /* octets of an address in a message. Ours */

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

/* The slot that holds this value, or the free one where it belongs. */
static struct slot *
find_slot(const struct directory *d, const struct items *items,
    enum index_field field, struct span value, uint32_t *hash)
{
	unsigned char out[crypto_shorthash_BYTES];
	struct slot *slot;
	size_t at;

	(void)crypto_shorthash(
	    out, (const unsigned char *)value.p, value.len, d->hash_key);
	memcpy(hash, out, sizeof(*hash));
	for (at = *hash;; at++) {
		slot = &items->index[field][at & (items->slots - 1)];
		if (slot->item == 0 ||
		    (slot->hash == *hash &&
		        span_same(
		            field_of(&items->p[slot->item - 1], field), value)))
			return slot;
	}
}

static const struct item *
find_item(const struct directory *d, const struct items *items,
    enum index_field field, struct span value)
{
	uint32_t hash, at = 0;

	if (items->slots > 0)
		at = find_slot(d, items, field, value, &hash)->item;
	return at == 0 ? NULL : &items->p[at - 1];
}

/* Put the newest item in, or tell which has the same value. */
static const struct item *
put_index(
    const struct directory *d, struct items *items, enum index_field field)
{
	uint32_t hash;
	struct slot *slot = find_slot(
	    d, items, field, field_of(&items->p[items->n - 1], field), &hash);

	if (slot->item != 0)
		return &items->p[slot->item - 1];
	*slot = (struct slot){ hash, (uint32_t)items->n };
	return NULL;
}

const struct item *
directory_find(const struct directory *d, struct span key)
{
	return find_item(d, &d->entries, INDEX_KEY, key);
}

const struct item *
directory_find_secret(const struct directory *d, struct span key)
{
	return find_item(d, &d->secrets, INDEX_KEY, key);
}

/* Room for what its text may hold: nothing grows afterwards. */
static bool
size_items(struct items *items, enum index_field indexes)
{
	size_t lines = (size_t)span_count_lines(items->text) + 1;

	for (items->slots = 64; items->slots < 2 * lines;)
		items->slots *= 2;
	items->p = reallocarray(NULL, lines, sizeof(*items->p));
	for (enum index_field i = 0; i < indexes; i++) {
		items->index[i] = calloc(items->slots, sizeof(struct slot));
		if (items->index[i] == NULL)
			return false;
	}
	return items->p != NULL && lines < UINT32_MAX / 2;
}

/* ---- problems */

const char *
problem_word(enum problem_level level)
{
	static const char *const words[] = { "error", "warning", "note" };

	return words[level];
}

/* What is known of a line that has a problem. */
struct place {
	const struct items *items;
	uint32_t line; /* 0: of no line */
	struct span smtp; /* or empty */
};

static const char *
file_of(const struct items *items, uint32_t *line)
{
	if (items->source == NULL || *line <= items->kept)
		return items->name;
	*line = items->source[*line - items->kept - 1];
	return "stdin";
}

/* One that finds no memory is counted all the same. */
__attribute__((format(printf, 4, 5))) static void
add_problem(struct directory *d, enum problem_level level, struct place place,
    const char *format, ...)
{
	struct problems *problems = &d->problems;
	struct problem *p;
	char text[512];
	int n = 0;
	va_list ap;

	problems->count[level]++;
	if (problems->p == NULL)
		problems->p = reallocarray(NULL, PROBLEM_LINES_MAX, sizeof(*p));
	if (problems->p == NULL || problems->n == PROBLEM_LINES_MAX)
		return;
	p = &problems->p[problems->n];
	*p = (struct problem){ .line = place.line, .level = level };
	p->file = file_of(place.items, &p->line);
	if (place.smtp.len > 0)
		n = snprintf(text, sizeof(text), SPAN_FMT ": ",
		    SPAN_ARG(shown(place.smtp)));
	va_start(ap, format);
	(void)vsnprintf(text + n, sizeof(text) - (size_t)n, format, ap);
	va_end(ap);
	if (keep(d, span_of(text), &p->text))
		problems->n++;
}

/* ---- begin, end, reading */

enum outcome
directory_begin(struct directory *d, const struct settings *s, struct fault *f)
{
	*d = (struct directory){ .settings = s,
		.entries = { .name = DIRECTORY_ENTRIES,
		    .kept = UINT32_MAX,
		    .octets = BUF_INIT(DIRECTORY_TEXT_MAX) },
		.secrets = { .name = DIRECTORY_SECRETS,
		    .kept = UINT32_MAX,
		    .octets = BUF_INIT(DIRECTORY_TEXT_MAX) } };
	randombytes_buf(d->hash_key, sizeof(d->hash_key));
	return domains_begin(&d->domains, &s->resolve.domain, f);
}

static void
free_items(struct items *items)
{
	free(items->p);
	for (enum index_field i = 0; i < INDEXES; i++)
		free(items->index[i]);
	if (items->octets.max > 0)
		buf_free(&items->octets);
}

void
directory_free(struct directory *d)
{
	free_items(&d->entries);
	free_items(&d->secrets);
	while (d->arena != NULL) {
		struct arena_chunk *next = d->arena->next;

		free(d->arena);
		d->arena = next;
	}
	free(d->problems.p);
	domains_free(&d->domains);
	*d = (struct directory){ .settings = NULL };
}

/* Whoever has it may wait for a person: so it is said that we do. */
static int
lock_fd(int fd, int how)
{
	int got = flock(fd, how | LOCK_NB);

	if (got != 0 && errno == EWOULDBLOCK)
		prog_warn("waiting for another directory command");
	while (got != 0 && (errno == EWOULDBLOCK || errno == EINTR))
		got = flock(fd, how);
	return got;
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
	if (lock_fd(*fd, exclusive ? LOCK_EX : LOCK_SH) == 0)
		return OK;
	(void)fault_set(f, TEMP, "4.3.0", errno, "lock " DIRECTORY_LOCK);
	fds_close(fd);
	return TEMP;
}

static enum outcome
read_text(struct items *items, struct fault *f)
{
	if (fds_read_file(AT_FDCWD, items->name, &items->octets, f) == OK ||
	    f->error == ENOENT)
		return OK;
	return fault_set(f, TEMP, "4.3.0", f->error, "read %s", items->name);
}

enum outcome
directory_read(struct directory *d, struct fault *f)
{
	if (read_text(&d->entries, f) != OK || read_text(&d->secrets, f) != OK)
		return f->outcome;
	return directory_parse(
	    d, buf_span(&d->entries.octets), buf_span(&d->secrets.octets), f);
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

/* Of a form that auth can verify, at a cost that we could have asked for. */
static bool
is_hash(const struct settings *s, struct span hash, bool *costs_other)
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

static struct place
place_of(const struct items *items, const struct item *item)
{
	return (struct place){ items, item->line, item->smtp };
}

#define REFUSE(l, ...)                                                         \
	add_problem((l)->d, PROBLEM_ERROR, place_of((l)->items, &(l)->item),   \
	    __VA_ARGS__)

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
parse_entry(struct line *l, const struct address *a)
{
	struct span preferred;

	l->item.kind = ITEM_ENTRY;
	if (span_eq(address_local(a), "*")) {
		REFUSE(l, "*@ is a catch-all: it is an alias, not an entry");
		return false;
	}
	if (!is_one_of(l, "store", "mailbox", "distribution") ||
	    !is_one_of(l, "preferred", "smtp", "userid"))
		return false;
	if (!record_take(
	        &l->record, "path", RESOLVE_PATH_MAX, &l->item.value) ||
	    !resolve_path_is_safe(l->item.value)) {
		REFUSE(l,
		    "path= is missing, or not a path within the mail "
		    "directory (an address that is long for a file name "
		    "has none by itself)");
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
		REFUSE(l,
		    "*@ is a catch-all: it takes all mail for its domain that "
		    "nobody else does, spam above all; say catch-all=yes "
		    "(--catch-all) to have one");
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

/* Keys that are not known stay, but a slip of the pen shall be seen. */
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
		    !keep(d, key, &d->unknown[known]))
			continue;
		d->unknowns++;
		add_problem(d, PROBLEM_NOTE,
		    (struct place){ l->items, l->item.line, SPAN_EMPTY },
		    "the key " SPAN_FMT "= means nothing here, and is kept",
		    SPAN_ARG(shown(key)));
	}
}

/* Entries are read by more programs and people than secrets. */
static bool
has_secret(struct line *l)
{
	struct span value;

	if (!record_take(&l->record, "password", RECORD_MAX, &value) &&
	    !record_take(&l->record, "hash", RECORD_MAX, &value))
		return false;
	REFUSE(l,
	    "password= and hash= do not stand among entries: `directory "
	    "passwd` sets one, and an entry that is imported may have one of "
	    "them");
	return true;
}

static void
check_domain(struct line *l, const struct address *a)
{
	struct span domain = shown(address_domain(a));

	if (domains_has(&l->d->domains, address_domain(a)))
		return;
	add_problem(l->d,
	    l->item.line > l->items->kept ? PROBLEM_ERROR : PROBLEM_WARNING,
	    place_of(l->items, &l->item),
	    SPAN_FMT " is not a local domain: `domain = " SPAN_FMT
	             "` under [resolve] in pneu.conf makes it one",
	    SPAN_ARG(domain), SPAN_ARG(domain));
}

static void
refuse_second(struct line *l, const char *field, const struct item *other)
{
	uint32_t line = other->line;
	const char *file = file_of(l->items, &line);

	REFUSE(l, "this %s is there already, on %s:%u", field, file, line);
}

/* Into memory of the directory's own, and into the indexes. */
static enum outcome
keep_item(struct line *l, struct fault *f)
{
	static const char *const fields[INDEXES] = { "address",
		"path=", "userid=" };
	struct item *item = &l->item;
	bool same = span_same(item->smtp, item->key);

	if (!keep(l->d, item->key, &item->key) ||
	    (!same && !keep(l->d, item->smtp, &item->smtp)) ||
	    !keep(l->d, item->value, &item->value) ||
	    !keep(l->d, item->userid, &item->userid))
		return no_memory(f);
	if (same)
		item->smtp = item->key;
	l->items->p[l->items->n++] = *item;
	for (enum index_field i = 0; i < INDEXES; i++) {
		const struct item *other = NULL;

		if (i > INDEX_KEY && item->kind != ITEM_ENTRY)
			break;
		if (field_of(item, i).len > 0)
			other = put_index(l->d, l->items, i);
		if (other != NULL) {
			refuse_second(l, fields[i], other);
			break;
		}
	}
	return OK;
}

/* What every line begins with; false: a comment, or told as a problem. */
static bool
begin_line(struct line *l, struct span text, const char *words[2])
{
	struct fault why;

	l->item = (struct item){
		.line = l->item.line, .smtp = SPAN_EMPTY, .userid = SPAN_EMPTY
	};
	if (text.len == 0 || text.p[0] == '#')
		return false;
	if (record_parse(text, &l->record, &why) != OK)
		REFUSE(l, "%s", why.text);
	else if (!record_is(&l->record, words[0]) &&
	    !record_is(&l->record, words[1]))
		REFUSE(l, "is neither %s nor %s", words[0], words[1]);
	else
		return true;
	return false;
}

static enum outcome
add_entry(struct line *l, struct span text, struct fault *f)
{
	static const char *words[2] = { "entry", "alias" };
	struct address a;

	if (!begin_line(l, text, words) || !take_smtp(l, &a) || has_secret(l) ||
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
	    !is_hash(l->d->settings, l->item.value, &costs_other)) {
		REFUSE(l,
		    "hash= is missing, or no Argon2 hash of libsodium's, or "
		    "costs more than [auth] could ask for");
		return OK;
	}
	return keep_item(l, f);
}

static enum outcome
parse_text(struct directory *d, struct items *items,
    enum outcome (*add)(struct line *, struct span, struct fault *),
    struct fault *f)
{
	struct line l = { .d = d, .items = items };
	struct span rest = items->text, text;

	while (span_next(&rest, '\n', &text)) {
		l.item.line++;
		if (add(&l, text, f) != OK)
			return f->outcome;
	}
	return OK;
}

enum outcome
directory_parse(struct directory *d, struct span entries, struct span secrets,
    struct fault *f)
{
	d->entries.text = entries;
	d->secrets.text = secrets;
	if (!size_items(&d->entries, INDEXES) ||
	    !size_items(&d->secrets, INDEX_KEY + 1))
		return no_memory(f);
	if (parse_text(d, &d->entries, add_entry, f) != OK)
		return f->outcome;
	return parse_text(d, &d->secrets, add_secret, f);
}

/* ---- checking */

/* The item that answers for an address, in the order of lookup.h. */
static const struct item *
find_answer(const struct directory *d, const struct address *a)
{
	struct address base = *a;
	const struct item *item = directory_find(d, address_key(a));

	if (item == NULL &&
	    address_drop_detail(&base, d->settings->resolve.plus))
		item = directory_find(d, address_key(&base));
	return item != NULL ? item : directory_find(d, address_at_domain(a));
}

/* Where an alias leads in one step; NULL: to nobody here. */
static const struct item *
next_item(
    const struct directory *d, const struct item *alias, struct address *target)
{
	struct fault f;

	/* That it is an address was seen when it was parsed. */
	if (address_make(alias->value, target, &f) != OK ||
	    !domains_has(&d->domains, address_domain(target)))
		return NULL;
	return find_answer(d, target);
}

bool
directory_leads_to(
    const struct directory *d, const struct item *alias, const struct item *to)
{
	const struct item *item = alias;
	struct address target;

	for (uint64_t i = 0; i < d->settings->resolve.alias_steps; i++) {
		if (item->kind == ITEM_ENTRY)
			return false;
		item = next_item(d, item, &target);
		if (item == NULL || item == to)
			return item == to;
	}
	return false;
}

static void
check_alias(struct directory *d, const struct item *alias)
{
	struct place place = place_of(&d->entries, alias);
	const struct item *item = alias;
	struct address a;

	for (uint64_t i = 0; i < d->settings->resolve.alias_steps; i++) {
		item = next_item(d, item, &a);
		if (item == NULL) {
			add_problem(d, PROBLEM_WARNING, place,
			    "leads to " SPAN_FMT ", which is %s",
			    SPAN_ARG(shown(address_key(&a))),
			    domains_has(&d->domains, address_domain(&a))
			        ? "nobody's"
			        : "not local");
			return;
		}
		if (item->kind == ITEM_ENTRY)
			return;
	}
	add_problem(d, PROBLEM_ERROR, place,
	    "leads in a circle, or over more than %llu aliases",
	    (unsigned long long)d->settings->resolve.alias_steps);
}

/* Whoever opens a mailbox opens all below it: none lies in another. */
static void
check_path(struct directory *d, const struct item *entry)
{
	for (size_t i = 0; i < entry->value.len; i++) {
		const struct item *outer;

		if (entry->value.p[i] != '/')
			continue;
		outer = find_item(
		    d, &d->entries, INDEX_VALUE, span_head(entry->value, i));
		if (outer != NULL)
			add_problem(d, PROBLEM_ERROR,
			    place_of(&d->entries, entry),
			    "its path= lies in the mailbox of " SPAN_FMT,
			    SPAN_ARG(shown(outer->smtp)));
	}
}

static void
check_mailboxes(struct directory *d)
{
	for (size_t i = 0; i < d->entries.n; i++) {
		const struct item *item = &d->entries.p[i];

		if (item->kind == ITEM_ENTRY &&
		    !mailboxes_has(d->settings->mail.directory, item->value))
			add_problem(d, PROBLEM_WARNING,
			    place_of(&d->entries, item),
			    "has no mailbox: mail for it waits; `pneu "
			    "directory change ADDRESS --path=PATH` makes it");
	}
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
			add_problem(d, PROBLEM_NOTE,
			    (struct place){ &d->entries, 0, SPAN_EMPTY },
			    "nobody is %s", key);
	}
}

static const struct item *
entry_of(const struct directory *d, const struct item *secret)
{
	const struct item *entry = directory_find(d, secret->key);

	return entry != NULL && entry->kind == ITEM_ENTRY ? entry : NULL;
}

static void
check_secrets(struct directory *d)
{
	for (size_t i = 0; i < d->secrets.n; i++)
		if (entry_of(d, &d->secrets.p[i]) == NULL)
			add_problem(d, PROBLEM_WARNING,
			    place_of(&d->secrets, &d->secrets.p[i]),
			    "a password of nobody: no entry has this address");
}

/* An unknown user costs what [auth] says: a guesser sees who does not. */
static void
check_costs(struct directory *d)
{
	size_t n = 0;
	bool costs_other;

	for (size_t i = 0; i < d->secrets.n; i++)
		if (is_hash(d->settings, d->secrets.p[i].value, &costs_other) &&
		    costs_other)
			n++;
	if (n > 0)
		add_problem(d, PROBLEM_NOTE,
		    (struct place){ &d->secrets, 0, SPAN_EMPTY },
		    "%zu passwords cost another time than [auth] says: "
		    "`directory passwd` sets them anew",
		    n);
}

void
directory_check(struct directory *d, bool thorough)
{
	for (size_t i = 0; i < d->entries.n; i++) {
		const struct item *item = &d->entries.p[i];

		if (item->kind == ITEM_ENTRY)
			check_path(d, item);
		else
			check_alias(d, item);
		if (item->kind == ITEM_CATCH_ALL)
			add_problem(d, PROBLEM_NOTE,
			    place_of(&d->entries, item), "a catch-all");
	}
	check_secrets(d);
	check_postmasters(d);
	if (!thorough)
		return;
	check_mailboxes(d);
	check_costs(d);
	if (!directory_is_compiled(d))
		add_problem(d, PROBLEM_WARNING,
		    (struct place){ &d->entries, 0, SPAN_EMPTY },
		    "the databases are not of these texts: `pneu directory "
		    "compile` makes them anew");
}

/* ---- compiling */

/* What stands in a database beside the addresses: no address lacks its '@'. */
#define DIGEST_KEY SPAN_LIT("digest")
/* Of the values; another number makes every start compile anew. */
#define FORMAT "1"

/* Of both texts, since an entry's path stands among the secrets too. */
static struct span
make_digest(const struct directory *d, unsigned char out[32])
{
	crypto_generichash_state state;
	uint64_t len = d->entries.text.len;

	(void)crypto_generichash_init(&state, NULL, 0, 32);
	(void)crypto_generichash_update(
	    &state, (const unsigned char *)FORMAT, sizeof(FORMAT));
	(void)crypto_generichash_update(
	    &state, (const unsigned char *)&len, sizeof(len));
	(void)crypto_generichash_update(&state,
	    (const unsigned char *)d->entries.text.p, d->entries.text.len);
	(void)crypto_generichash_update(&state,
	    (const unsigned char *)d->secrets.text.p, d->secrets.text.len);
	(void)crypto_generichash_final(&state, out, 32);
	return (struct span){ (const char *)out, 32 };
}

/* The value of one item in its database; empty: it has none. */
static enum outcome
make_value(const struct directory *d, const struct item *item,
    struct buf *value, struct fault *f)
{
	static const char *const words[] = { LOOKUP_MAILBOX, LOOKUP_ALIAS,
		LOOKUP_CATCH_ALL };
	const struct item *entry;
	struct record_out out;

	buf_reset(value);
	if (item->kind != ITEM_SECRET) {
		buf_adds(value, words[item->kind]);
		buf_add(value, item->value);
		return buf_failed(value) ? no_memory(f) : OK;
	}
	entry = entry_of(d, item);
	if (entry == NULL)
		return OK;
	out = record_begin(value, "secret");
	record_put(out, "smtp", entry->smtp);
	record_put(out, "path", entry->value);
	record_put(out, "hash", item->value);
	return record_end(out, f);
}

static enum outcome
make(const struct directory *d, const struct items *items,
    struct replacement *file, const char *name, const char *purpose,
    struct fault *f)
{
	struct buf value = BUF_INIT(RECORD_MAX);
	struct compiled_maker m;
	unsigned char digest[32];
	enum outcome got = compiled_make_begin(&m, file, name, purpose, f);

	if (got == OK)
		got = compiled_make_add(
		    &m, DIGEST_KEY, make_digest(d, digest), f);
	for (size_t i = 0; got == OK && i < items->n; i++) {
		got = make_value(d, &items->p[i], &value, f);
		if (got == OK && value.len > 0)
			got = compiled_make_add(
			    &m, items->p[i].key, buf_span(&value), f);
	}
	if (got == OK)
		got = compiled_make_end(&m, f);
	compiled_make_drop(&m);
	buf_free(&value);
	return got;
}

static bool
is_made_of(const char *name, const char *purpose, struct span digest)
{
	struct compiled c;
	struct span value;
	struct fault f;
	bool same;

	compiled_begin(&c, name, purpose);
	same = compiled_look(&c, &f) == OK &&
	    compiled_get(&c, DIGEST_KEY, &value, &f) == OK &&
	    span_same(value, digest);
	compiled_free(&c);
	return same;
}

bool
directory_is_compiled(const struct directory *d)
{
	unsigned char digest[32];
	struct span made = make_digest(d, digest);

	return is_made_of(ENTRIES_DB, "entries", made) &&
	    is_made_of(SECRETS_DB, "secrets", made);
}

static enum outcome
write_text(const struct items *items, struct replacement *file, struct fault *f)
{
	if (!items->changed)
		return OK;
	if (replacement_begin(file, items->name, f) != OK ||
	    fds_write_all(file->fd, items->text, f) != OK)
		return f->outcome;
	return replacement_sync(file, f);
}

enum outcome
directory_write(const struct directory *d, struct fault *f)
{
	/* A cut between two of them leaves no password without its entry;
	   and of a user who goes, mail goes before his login. */
	enum { SECRETS_TEXT, ENTRIES_TEXT, ENTRIES_MADE, SECRETS_MADE, FILES };
	struct replacement file[FILES];
	enum outcome got;

	if (d->problems.count[PROBLEM_ERROR] > 0)
		return fault_set(f, PERM, "5.3.5", 0,
		    "%zu error%s in the directory: the databases stay as "
		    "they were",
		    d->problems.count[PROBLEM_ERROR],
		    d->problems.count[PROBLEM_ERROR] == 1 ? "" : "s");
	for (size_t i = 0; i < FILES; i++)
		file[i] = REPLACEMENT_NONE;
	got = write_text(&d->secrets, &file[SECRETS_TEXT], f);
	if (got == OK)
		got = write_text(&d->entries, &file[ENTRIES_TEXT], f);
	if (got == OK)
		got = make(d, &d->entries, &file[ENTRIES_MADE], ENTRIES_DB,
		    "entries", f);
	if (got == OK)
		got = make(d, &d->secrets, &file[SECRETS_MADE], SECRETS_DB,
		    "secrets", f);
	for (size_t i = 0; got == OK && i < FILES; i++)
		got = replacement_put(&file[i], f);
	for (size_t i = 0; i < FILES; i++)
		replacement_drop(&file[i]);
	return got;
}
