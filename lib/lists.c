/* SPDX-License-Identifier: ISC */
/*
 * lists.c: text to blob, and looking it up. The blob is of this machine and of
 * this build: a head, then for each list its tables one after the other, then
 * the names' octets. What its tables say of places is checked when they are
 * used: a damaged blob finds nothing, and reads nothing outside itself.
 */
#include "lists.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fds.h"
#include "mem.h"
#include "path.h"

#define MAGIC "PNEULST2"

const struct list_about list_abouts[LISTS] = {
	[LIST_ACCEPT] = { "accept", LIST_NETS,
	    "clients that may relay ([relay] allow = list, both)" },
	[LIST_REJECT] = { "reject", LIST_NETS, "clients that are turned away" },
	[LIST_NEAR] = { "near", LIST_DOMAINS,
	    "domains that may be relayed to ([relay] allow = near, both)" },
	[LIST_SENDERS] = { "senders", LIST_ADDRESSES | LIST_NETS,
	    "reverse-paths, and clients, that [auth] verify_from lets "
	    "through" },
	[LIST_LOGINS] = { "logins", LIST_ADDRESSES,
	    "who may log in to SMTP ([auth] verify_id)" },
};

/* ---- The blob. ---- */

#define KEY (1 + NET_OCTETS) /* the family, then the address: one order */

struct range {
	unsigned char first[KEY], last[KEY];
	uint32_t line;
};

struct name {
	uint32_t at, len, line; /* of the names' octets */
};

enum { RANGES, NAMES, MASKS, TABLES };
static const size_t row_size[TABLES] = { sizeof(struct range),
	sizeof(struct name), sizeof(struct name) };

struct table {
	uint64_t at, n; /* octets from the blob's start; rows */
};

struct head {
	char magic[8];
	uint64_t len; /* of the blob */
	struct table table[LISTS][TABLES];
	struct table octets; /* of names */
};

/* ---- An entry. ---- */

static bool
is_mark(int c)
{
	return c == '#';
}

bool
list_entry(struct span line, struct span *entry)
{
	struct cur c = cur_over(line);
	size_t n = 0;

	(void)cur_while(&c, is_wsp);
	*entry = cur_rest(&c);
	if (is_mark(cur_peek(&c)))
		return false;
	/* A comment may follow, behind a space. */
	while (n < entry->len &&
	    !(is_mark(entry->p[n]) && n > 0 && is_wsp(entry->p[n - 1])))
		n++;
	entry->len = n;
	while (entry->len > 0 &&
	    (is_wsp(entry->p[entry->len - 1]) ||
	        entry->p[entry->len - 1] == '\r'))
		entry->len--;
	return entry->len > 0;
}

const struct list_about *
list_find(struct span name)
{
	for (size_t i = 0; i < LISTS; i++)
		if (span_eq(name, list_abouts[i].name))
			return &list_abouts[i];
	return NULL;
}

static bool
is_address_octet(int c)
{
	return (is_graph(c) || c > 127) && c != '"' && c != '\\' && c != '<' &&
	    c != '>' && c != ',';
}

static bool
is_address(struct span s)
{
	size_t at = span_find(s, '@');

	return at > 0 && at + 1 < s.len && s.len <= PATH_TEXT_MAX &&
	    span_is_all(s, is_address_octet) && utf8_is_valid(s) &&
	    span_find(span_from(s, at + 1), '@') == s.len - at - 1;
}

/* `.example.org` is what lies below it. */
static bool
is_domain(struct span s)
{
	struct span name = span_from(s, s.len > 0 && s.p[0] == '.');

	return name.len > 0 && name.p[0] != '[' && path_is_domain(name, false);
}

const char *
list_why_not(const struct list_about *about, struct span entry)
{
	bool may_be_both = (about->kinds & LIST_NETS) != 0 &&
	    (about->kinds & LIST_ADDRESSES) != 0;
	struct net_range range;

	if (entry.len == 0)
		return "empty";
	if ((about->kinds & LIST_DOMAINS) != 0)
		return is_domain(entry) ? NULL
		                        : "not a domain name; of other scripts "
		                          "write the xn-- form";
	if ((about->kinds & LIST_ADDRESSES) != 0 &&
	    (!may_be_both || span_find(entry, '@') < entry.len))
		return is_address(entry)
		    ? NULL
		    : "not an address: LOCAL@DOMAIN, with * for any octets";
	return net_parse_range(entry, &range);
}

/* ---- Making it. ---- */

struct rows {
	unsigned char *p;
	size_t n, room;
};

struct maker {
	struct rows rows[LISTS][TABLES];
	struct rows octets;
};

static void *
add_row(struct rows *r, size_t size, size_t n)
{
	if (r->n + n > r->room) {
		r->room = 2 * (r->n + n) + 64;
		r->p = mem_grow(r->p, r->room, size);
	}
	r->n += n;
	return r->p + (r->n - n) * size;
}

static void
put_key(const struct net_addr *a, unsigned char out[KEY])
{
	out[0] = a->is_v6 ? 6 : 4;
	memcpy(out + 1, a->octet, NET_OCTETS);
}

static void
add_range(
    struct maker *m, size_t list, const struct net_range *range, uint32_t line)
{
	struct range r = { .line = line };

	put_key(&range->first, r.first);
	put_key(&range->last, r.last);
	memcpy(add_row(&m->rows[list][RANGES], sizeof(r), 1), &r, sizeof(r));
}

/* In lower case; NULL, or why it cannot be added. */
static const char *
add_name(struct maker *m, size_t list, struct span text, uint32_t line)
{
	bool is_mask = span_find(text, '*') < text.len;
	struct rows *rows = &m->rows[list][is_mask ? MASKS : NAMES];
	const struct name n = { (uint32_t)m->octets.n, (uint32_t)text.len,
		line };
	unsigned char *p;

	if (is_mask && rows->n == LIST_MASKS_MAX)
		return "one entry with * too many: they are tried one by one";
	memcpy(add_row(rows, sizeof(n), 1), &n, sizeof(n));
	p = add_row(&m->octets, 1, text.len);
	for (size_t i = 0; i < text.len; i++)
		p[i] = (unsigned char)to_lower((unsigned char)text.p[i]);
	return NULL;
}

static const char *
add_entry(struct maker *m, size_t list, struct span entry, uint32_t line)
{
	const char *why = list_why_not(&list_abouts[list], entry);
	struct net_range range;

	if (why != NULL)
		return why;
	if ((list_abouts[list].kinds & LIST_NETS) != 0 &&
	    net_parse_range(entry, &range) == NULL) {
		add_range(m, list, &range, line);
		return NULL;
	}
	return add_name(m, list, entry, line);
}

static void
take_text(struct maker *m, size_t list, struct span text, struct buf *errors)
{
	const char *name = list_abouts[list].name, *why;
	struct span line, entry;
	uint32_t number = 0;
	unsigned wrong = 0;

	if (span_has_prefix(text, "\xEF\xBB\xBF"))
		text = span_from(text, 3);
	while (span_next(&text, '\n', &line) && wrong < LIST_ERRORS_MAX) {
		number++;
		if (!list_entry(line, &entry) ||
		    (why = add_entry(m, list, entry, number)) == NULL)
			continue;
		buf_addf(errors, LISTS_DIRECTORY "/%s:%u: ", name, number);
		buf_add_printable(errors, span_head(entry, 80));
		buf_addf(errors, ": %s\n", why);
		wrong++;
	}
}

/* ---- Sorting it. ---- */

/* Of those that begin together the widest comes first, then the upper line. */
static int
compare_ranges(const void *a, const void *b)
{
	const struct range *x = a, *y = b;
	int d = memcmp(x->first, y->first, KEY);

	if (d == 0)
		d = memcmp(y->last, x->last, KEY);
	return d != 0 ? d : (x->line < y->line ? -1 : 1);
}

static int
compare_octets(const void *a, size_t a_len, const void *b, size_t b_len)
{
	int d = memcmp(a, b, a_len < b_len ? a_len : b_len);

	return d != 0 ? d : (a_len > b_len) - (a_len < b_len);
}

static int
compare_names(const void *a, const void *b, void *octets)
{
	const struct name *x = a, *y = b;
	const unsigned char *p = octets;
	int d = compare_octets(p + x->at, x->len, p + y->at, y->len);

	return d != 0 ? d : (x->line < y->line ? -1 : 1);
}

/* Two networks are one in the other, or apart: those in another are left out, so
   that a search finds at most one. */
static void
part(struct rows *rows)
{
	struct range *r = (struct range *)(void *)rows->p;
	size_t kept = 0;

	for (size_t i = 0; i < rows->n; i++)
		if (kept == 0 || memcmp(r[i].first, r[kept - 1].last, KEY) > 0)
			r[kept++] = r[i];
	rows->n = kept;
}

static void
sort_all(struct maker *m)
{
	for (size_t i = 0; i < LISTS; i++) {
		struct rows *r = m->rows[i];

		if (r[RANGES].n > 0)
			qsort(r[RANGES].p, r[RANGES].n, sizeof(struct range),
			    compare_ranges);
		if (r[NAMES].n > 0)
			qsort_r(r[NAMES].p, r[NAMES].n, sizeof(struct name),
			    compare_names, m->octets.p);
		part(&r[RANGES]);
	}
}

/* ---- Putting it together. ---- */

static void
place(struct table *t, size_t n, size_t size, size_t *at)
{
	*at = (*at + 7) & ~(size_t)7;
	t->at = *at;
	t->n = n;
	*at += n * size;
}

static void
put_together(const struct maker *m, struct lists *l)
{
	struct head head = { .magic = "" };
	unsigned char *p;
	size_t at = sizeof(head);

	memcpy(head.magic, MAGIC, sizeof(head.magic));
	for (size_t i = 0; i < LISTS; i++)
		for (size_t t = 0; t < TABLES; t++)
			place(&head.table[i][t], m->rows[i][t].n, row_size[t],
			    &at);
	place(&head.octets, m->octets.n, 1, &at);
	head.len = at;
	p = mem_new(1, at);
	memcpy(p, &head, sizeof(head));
	for (size_t i = 0; i < LISTS; i++)
		for (size_t t = 0; t < TABLES; t++)
			if (m->rows[i][t].n > 0)
				memcpy(p + head.table[i][t].at, m->rows[i][t].p,
				    m->rows[i][t].n * row_size[t]);
	if (m->octets.n > 0)
		memcpy(p + head.octets.at, m->octets.p, m->octets.n);
	*l = (struct lists){ p, at, false };
}

static void
maker_free(struct maker *m)
{
	for (size_t i = 0; i < LISTS; i++)
		for (size_t t = 0; t < TABLES; t++)
			free(m->rows[i][t].p);
	free(m->octets.p);
}

static enum outcome
read_list(struct maker *m, size_t list, struct buf *errors, struct fault *f)
{
	struct buf text = BUF_INIT(LIST_FILE_MAX), name = BUF_INIT(64);
	enum outcome got;

	buf_addf(&name, LISTS_DIRECTORY "/%s", list_abouts[list].name);
	got = fds_read_file(AT_FDCWD, name.p, &text, f);
	if (got == TEMP && f->error == ENOENT) {
		*f = FAULT_NONE; /* empty */
		got = OK;
	}
	if (got == OK)
		take_text(m, list, buf_span(&text), errors);
	buf_free(&text);
	buf_free(&name);
	return got;
}

enum outcome
lists_compile(struct lists *l, struct buf *errors, struct fault *f)
{
	size_t had = errors->len;
	struct maker m = { .octets = { NULL, 0, 0 } };
	enum outcome got = OK;

	memset(l, 0, sizeof(*l));
	*f = FAULT_NONE;
	for (size_t i = 0; i < LISTS && got == OK; i++)
		got = read_list(&m, i, errors, f);
	if (got == OK && (errors->len > had || buf_failed(errors)))
		got = fault_set(
		    f, PERM, "5.3.5", 0, LISTS_DIRECTORY "/ has errors");
	if (got == OK) {
		sort_all(&m);
		put_together(&m, l);
	}
	maker_free(&m);
	return got;
}

enum outcome
lists_write(const struct lists *l, int fd, struct fault *f)
{
	return fds_write_all(
	    fd, (struct span){ (const char *)l->p, l->len }, f);
}

/* ---- Mapping it. ---- */

static bool
is_whole(const struct lists *l)
{
	struct head head;

	if (l->len < sizeof(head))
		return false;
	memcpy(&head, l->p, sizeof(head));
	return memcmp(head.magic, MAGIC, sizeof(head.magic)) == 0 &&
	    head.len == l->len;
}

enum outcome
lists_map(struct lists *l, const char *path, struct fault *f)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *p;

	memset(l, 0, sizeof(*l));
	if (fd == -1 || fstat(fd, &st) != 0) {
		fault_set(f, TEMP, "4.3.0", errno, "open %s", path);
		fds_close(&fd);
		return TEMP;
	}
	p = st.st_size == 0
	    ? MAP_FAILED
	    : mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	fds_close(&fd);
	if (p == MAP_FAILED)
		return fault_set(f, TEMP, "4.3.0", errno, "map %s", path);
	*l = (struct lists){ p, (size_t)st.st_size, true };
	*f = FAULT_NONE;
	if (is_whole(l))
		return OK;
	lists_free(l);
	return fault_set(f, TEMP, "4.3.0", 0,
	    "%s is damaged: `pneu reload` makes it anew", path);
}

void
lists_free(struct lists *l)
{
	if (l->is_map)
		(void)munmap((void *)(uintptr_t)l->p, l->len);
	else
		free((void *)(uintptr_t)l->p);
	memset(l, 0, sizeof(*l));
}

/* ---- Looking it up. ---- */

/* Its rows; none where they do not lie in the blob. */
static const void *
rows_of(const struct lists *l, enum list_type list, size_t table, size_t *n)
{
	const struct head *head = (const void *)l->p;
	const struct table *t;

	*n = 0;
	if (l->p == NULL)
		return NULL;
	t = &head->table[list][table];
	if (t->at % 8 != 0 || t->at > l->len ||
	    t->n > (l->len - t->at) / row_size[table])
		return NULL;
	*n = t->n;
	return l->p + t->at;
}

static struct span
text_of(const struct lists *l, const struct name *n)
{
	const struct head *head = (const void *)l->p;
	const struct table *t = &head->octets;

	if (t->at > l->len || t->n > l->len - t->at || n->at > t->n ||
	    n->len > t->n - n->at)
		return SPAN_EMPTY;
	return (struct span){ (const char *)l->p + t->at + n->at, n->len };
}

bool
lists_has_client(const struct lists *l, enum list_type list,
    const struct net_addr *a, unsigned *line)
{
	unsigned char address[KEY];
	size_t low = 0, high, n;
	const struct range *r = rows_of(l, list, RANGES, &n);

	put_key(a, address);
	for (high = n; low < high;) {
		size_t mid = low + (high - low) / 2;

		if (memcmp(r[mid].first, address, KEY) <= 0)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == 0 || memcmp(address, r[low - 1].last, KEY) > 0)
		return false;
	*line = r[low - 1].line;
	return true;
}

static bool
has_name(const struct lists *l, enum list_type list, struct span text,
    unsigned *line)
{
	size_t low = 0, high, n;
	const struct name *r = rows_of(l, list, NAMES, &n);

	for (high = n; low < high;) {
		size_t mid = low + (high - low) / 2;
		struct span at = text_of(l, &r[mid]);

		if (compare_octets(at.p, at.len, text.p, text.len) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == n || !span_same(text_of(l, &r[low]), text))
		return false;
	*line = r[low].line;
	return true;
}

/* Itself, or a `.PARENT` of it. */
bool
lists_has_domain(const struct lists *l, enum list_type list, struct span domain,
    unsigned *line)
{
	if (domain.len > 0 && has_name(l, list, domain, line))
		return true;
	for (size_t i = 1; i < domain.len; i++)
		if (domain.p[i] == '.' &&
		    has_name(l, list, span_from(domain, i), line))
			return true;
	return false;
}

/* `*` is any octets but '@'. Goes back to the last one only: linear in what it
   stands for, times the mask. */
static bool
fits(struct span mask, struct span text)
{
	size_t m = 0, t = 0, star = SIZE_MAX, from = 0;

	while (t < text.len) {
		if (m < mask.len && mask.p[m] == '*') {
			star = m++;
			from = t;
		} else if (m < mask.len && mask.p[m] == text.p[t]) {
			m++;
			t++;
		} else if (star != SIZE_MAX && text.p[from] != '@') {
			m = star + 1;
			t = ++from;
		} else {
			return false;
		}
	}
	while (m < mask.len && mask.p[m] == '*')
		m++;
	return m == mask.len;
}

bool
lists_has_address(const struct lists *l, enum list_type list,
    struct span address, unsigned *line)
{
	char lower[PATH_TEXT_MAX + 1];
	struct span text = { lower, address.len };
	const struct name *r;
	size_t n;

	if (address.len == 0 || address.len > PATH_TEXT_MAX)
		return false;
	for (size_t i = 0; i < address.len; i++)
		lower[i] = (char)to_lower((unsigned char)address.p[i]);
	if (has_name(l, list, text, line))
		return true;
	r = rows_of(l, list, MASKS, &n);
	for (size_t i = 0; i < n; i++)
		if (fits(text_of(l, &r[i]), text)) {
			*line = r[i].line;
			return true;
		}
	return false;
}

size_t
lists_count(const struct lists *l, enum list_type list)
{
	size_t sum = 0, n;

	for (size_t t = 0; t < TABLES; t++) {
		(void)rows_of(l, list, t, &n);
		sum += n;
	}
	return sum;
}
