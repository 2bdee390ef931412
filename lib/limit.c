/* SPDX-License-Identifier: ISC */
/* limit.c: counts of what clients do, and how far they may go. */
#include "limit.h"

#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fds.h"

#define MAGIC 0x31544d494c554e50U /* "PNULIMT1" */

static const char *const kind_name[LIMIT_KINDS] = {
	[LIMIT_CONNECTIONS] = "connections",
	[LIMIT_MESSAGES] = "messages",
	[LIMIT_RECIPIENTS] = "recipients",
	[LIMIT_RELAYED] = "relayed",
	[LIMIT_FAILURES] = "failures",
};
static const char *const window_name[LIMIT_WINDOWS] = {
	[LIMIT_MINUTE] = "minute",
	[LIMIT_HOUR] = "hour",
};
static const uint64_t window_ms[LIMIT_WINDOWS] = {
	[LIMIT_MINUTE] = 60000,
	[LIMIT_HOUR] = 3600000,
};

const char *
limit_kind_name(enum limit_kind kind)
{
	return kind_name[kind];
}

const char *
limit_window_name(enum limit_window window)
{
	return window_name[window];
}

const char *
limit_who_name(enum limit_who who)
{
	static const char *const name[LIMIT_WHOS] = { [LIMIT_CLIENT] = "client",
		[LIMIT_USER] = "user",
		[LIMIT_ALL] = "all" };

	return name[who];
}

const char *
limit_state_name(enum limit_state state)
{
	static const char *const name[] = { [LIMIT_NORMAL] = "normal",
		[LIMIT_DELAY] = "delay",
		[LIMIT_REFUSE] = "refuse" };

	return name[state];
}

/* ---- What the configuration says. ---- */

static size_t
find_name(struct span word, const char *const names[], size_t n)
{
	size_t i = 0;

	while (i < n && !span_eq(word, names[i]))
		i++;
	return i;
}

/* "60 connections/minute", with spaces around it. */
static enum outcome
parse_one(struct span part, struct limit_rates *r, struct fault *f)
{
	struct cur c = cur_over(part);
	struct span digits, kind, window;
	size_t k, w;
	uint64_t n;

	(void)cur_while(&c, is_wsp);
	digits = cur_while(&c, is_digit);
	(void)cur_while(&c, is_wsp);
	kind = cur_while(&c, is_alnum);
	window = cur_eat(&c, '/') ? cur_while(&c, is_alnum) : SPAN_EMPTY;
	(void)cur_while(&c, is_wsp);
	k = find_name(kind, kind_name, LIMIT_KINDS);
	w = find_name(window, window_name, LIMIT_WINDOWS);
	if (k == LIMIT_KINDS || w == LIMIT_WINDOWS || cur_peek(&c) != -1 ||
	    !num_parse(digits, 1, LIMIT_MOST, &n))
		return fault_set(f, PERM, "5.3.5", 0,
		    "wanted: NUMBER KIND/WINDOW, with commas between them; "
		    "kinds are connections, messages, recipients, relayed, "
		    "failures; windows minute, hour");
	if (r->most[k][w] != 0)
		return fault_set(f, PERM, "5.3.5", 0, "%s/%s is said twice",
		    kind_name[k], window_name[w]);
	r->most[k][w] = (uint32_t)n;
	return OK;
}

enum outcome
limit_parse(struct span text, struct limit_rates *r, struct fault *f)
{
	struct span part;

	memset(r, 0, sizeof(*r));
	*f = FAULT_NONE;
	while (f->outcome == OK && span_next(&text, ',', &part))
		f->outcome = parse_one(part, r, f);
	return f->outcome;
}

/* ---- The file. ---- */

int
limits_make(void)
{
	struct {
		uint64_t magic;
		unsigned char key[LIMITS_KEY];
	} head = { .magic = 0 };
	struct stat st;
	int fd =
	    open(LIMITS_PATH, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == 0 &&
	    (size_t)st.st_size == sizeof(struct limit_table) &&
	    pread(fd, &head, sizeof(head), 0) == (ssize_t)sizeof(head) &&
	    head.magic == MAGIC) {
		if (!fds_take_room(fd, sizeof(struct limit_table)))
			fds_close(&fd);
		return fd;
	}
	head.magic = MAGIC;
	randombytes_buf(head.key, sizeof(head.key));
	if (ftruncate(fd, 0) != 0 ||
	    !fds_take_room(fd, sizeof(struct limit_table)) ||
	    pwrite(fd, &head, sizeof(head), 0) != (ssize_t)sizeof(head))
		fds_close(&fd);
	return fd;
}

void
limits_open(struct limits *l, bool writes)
{
	l->table =
	    fds_map_given(LIMITS_ENV, LIMITS_PATH, sizeof(*l->table), writes);
	if (l->table != NULL && l->table->magic != MAGIC)
		limits_close(l);
}

void
limits_close(struct limits *l)
{
	if (l->table != NULL)
		(void)munmap(l->table, sizeof(*l->table));
	l->table = NULL;
}

/* ---- Places. ---- */

static uint64_t
what_of(const struct limit_subject *s)
{
	return (s->who == LIMIT_USER ? 0 : s->role * 256U) + s->who;
}

/* Keyed, so that no client can choose whose place he shares. */
static uint64_t
hash_of(const struct limits *l, const struct limit_subject *s)
{
	unsigned char octets[sizeof(uint64_t) + 512], out[sizeof(uint64_t)];
	uint64_t what = what_of(s), hash;
	size_t len = s->name.len < 512 ? s->name.len : 512;

	memcpy(octets, &what, sizeof(what));
	if (len > 0)
		memcpy(octets + sizeof(what), s->name.p, len);
	_Static_assert(sizeof(out) == crypto_shorthash_BYTES &&
	        LIMITS_KEY == crypto_shorthash_KEYBYTES,
	    "SipHash-2-4");
	(void)crypto_shorthash(out, octets, sizeof(what) + len, l->table->key);
	memcpy(&hash, out, sizeof(hash));
	return hash == 0 ? 1 : hash;
}

static void
take_place(struct limit_place *p, const struct limit_subject *s, uint64_t hash)
{
	uint64_t name[LIMITS_WORDS] = { 0 };

	if (s->name.len > 0)
		memcpy(name, s->name.p,
		    s->name.len < LIMITS_NAME ? s->name.len : LIMITS_NAME);
	atomic_store(&p->hash, 0);
	for (size_t k = 0; k < LIMIT_KINDS; k++)
		for (size_t w = 0; w < LIMIT_WINDOWS; w++)
			atomic_store(&p->count[k][w], 0);
	for (size_t i = 0; i < LIMITS_WORDS; i++)
		atomic_store(&p->name[i], name[i]);
	atomic_store(&p->what, what_of(s));
	atomic_store(&p->hash, hash);
}

/* Its place; with `makes`, that of who was here longest ago becomes its own.
   NULL: it has none. Two that take one place at once share it until one goes. */
static struct limit_place *
place_of(struct limits *l, const struct limit_subject *s, bool makes,
    uint64_t now_ms)
{
	uint64_t hash = hash_of(l, s);
	struct limit_place *set =
	    &l->table
	         ->place[hash % (LIMITS_PLACES / LIMITS_WAYS) * LIMITS_WAYS];
	struct limit_place *p = set;

	for (size_t i = 0; i < LIMITS_WAYS; i++) {
		if (atomic_load(&set[i].hash) == hash) {
			p = &set[i];
			break;
		}
		if (atomic_load(&set[i].used_ms) < atomic_load(&p->used_ms))
			p = &set[i];
	}
	if (atomic_load(&p->hash) != hash) {
		if (!makes)
			return NULL;
		take_place(p, s, hash);
	}
	if (makes)
		atomic_store(&p->used_ms, now_ms);
	return p;
}

/* ---- Counts. ---- */

#define COUNT_BITS  20
#define COUNT_MAX   ((1U << COUNT_BITS) - 1) /* over LIMIT_MOST */
#define NUMBER_BITS 24
#define NUMBER_MASK ((1U << NUMBER_BITS) - 1)

struct count {
	uint64_t number, before, now; /* of the window; of counts */
};

/* As it is now. A clock that was set begins anew. */
static struct count
unpack(uint64_t word, uint64_t number)
{
	struct count c = { word >> 2 * COUNT_BITS,
		word >> COUNT_BITS & COUNT_MAX, word & COUNT_MAX };

	if (c.number == number)
		return c;
	c.before = ((c.number + 1) & NUMBER_MASK) == number ? c.now : 0;
	c.now = 0;
	c.number = number;
	return c;
}

/* n more, or fewer; how many that makes, with what counts of the window before. */
static uint64_t
add(_Atomic uint64_t *word, enum limit_window window, int64_t n,
    uint64_t now_ms)
{
	uint64_t length = window_ms[window], was = atomic_load(word), is;
	uint64_t number = now_ms / length & NUMBER_MASK;
	struct count c;

	do {
		c = unpack(was, number);
		if (n < 0)
			c.now -= c.now < (uint64_t)-n ? c.now : (uint64_t)-n;
		else
			c.now = c.now + (uint64_t)n > COUNT_MAX
			    ? COUNT_MAX
			    : c.now + (uint64_t)n;
		is =
		    c.number << 2 * COUNT_BITS | c.before << COUNT_BITS | c.now;
	} while (n != 0 && !atomic_compare_exchange_weak(word, &was, is));
	return c.now + c.before * (length - now_ms % length) / length;
}

/* Is it nearer to its limit than what was found so far? */
static void
take_nearest(struct limit_found *found, enum limit_window window, uint64_t used,
    uint64_t most, bool is_one_more, uint64_t delay_pct)
{
	enum limit_state state = LIMIT_NORMAL;

	if (is_one_more ? used > most : used >= most)
		state = LIMIT_REFUSE;
	else if (delay_pct < 100 && used * 100 > most * delay_pct)
		state = LIMIT_DELAY;
	if (found->most == 0 || state > found->state ||
	    (state == found->state && used * found->most > found->used * most))
		*found = (struct limit_found){ state, window, used, most };
}

static bool
is_limited(const struct limit_rates *r, enum limit_kind kind)
{
	return r->most[kind][LIMIT_MINUTE] != 0 ||
	    r->most[kind][LIMIT_HOUR] != 0;
}

struct limit_found
limits_look(const struct limit_place *p, const struct limit_rates *r,
    enum limit_kind kind, uint64_t delay_pct, uint64_t now_ms)
{
	struct limit_found found = { LIMIT_NORMAL, LIMIT_MINUTE, 0, 0 };

	for (enum limit_window w = 0; w < LIMIT_WINDOWS; w++) {
		_Atomic uint64_t word =
		    p == NULL ? 0 : atomic_load(&p->count[kind][w]);

		if (r->most[kind][w] != 0)
			take_nearest(&found, w, add(&word, w, 0, now_ms),
			    r->most[kind][w], false, delay_pct);
	}
	return found;
}

/* All of its windows, and all of them back where one is over. */
static struct limit_found
count(struct limit_place *p, const struct limit_rates *r, enum limit_kind kind,
    uint64_t n, uint64_t delay_pct, uint64_t now_ms)
{
	struct limit_found found = { LIMIT_NORMAL, LIMIT_MINUTE, 0, 0 };

	for (enum limit_window w = 0; w < LIMIT_WINDOWS; w++)
		if (r->most[kind][w] != 0)
			take_nearest(&found, w,
			    add(&p->count[kind][w], w, (int64_t)n, now_ms),
			    r->most[kind][w], true, delay_pct);
	if (found.state != LIMIT_REFUSE)
		return found;
	for (enum limit_window w = 0; w < LIMIT_WINDOWS; w++)
		if (r->most[kind][w] != 0)
			(void)add(&p->count[kind][w], w, -(int64_t)n, now_ms);
	found.used -= n;
	return found;
}

struct limit_found
limits_ask(struct limits *l, const struct limit_subject *s,
    const struct limit_rates *r, enum limit_kind kind, uint64_t n,
    uint64_t delay_pct, uint64_t now_ms)
{
	struct limit_place *p;

	if (l->table == NULL || !is_limited(r, kind))
		return (struct limit_found){ LIMIT_NORMAL, LIMIT_MINUTE, 0, 0 };
	p = place_of(l, s, n > 0, now_ms);
	return n > 0 ? count(p, r, kind, n, delay_pct, now_ms)
	             : limits_look(p, r, kind, delay_pct, now_ms);
}
