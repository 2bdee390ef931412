/* SPDX-License-Identifier: ISC */
/*
 * lockouts.c: failed logins, counted in shared memory. Processes write it side
 * by side without a lock, as one of them may be killed at any time: a count that
 * two raise at once may be one too low, and no more than that.
 */
#include "lockouts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sodium.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fds.h"

#define MAGIC   0x706e65756c6f6b31ULL /* another layout has another one */
#define SLOTS   4096 /* counted at once. Ours */
#define KNOWN   16384 /* addresses that logged in. Ours */
#define WAYS    8 /* places where one may lie */
#define KNOWN_S (30UL * 24 * 3600) /* so long since the last login. Ours */

struct slot {
	_Atomic uint64_t key; /* 0: free */
	_Atomic uint64_t since_s; /* the first failure of the window */
	_Atomic uint64_t until_s; /* locked out; 0: not */
	_Atomic uint32_t failures;
	uint32_t kind;
	char who[LOCKOUTS_WHO_MAX + 1];
};
struct known {
	_Atomic uint64_t key, last_s;
};
struct lockouts_table {
	_Atomic uint64_t magic;
	unsigned char seed[crypto_generichash_KEYBYTES]; /* of the keys */
	struct slot slot[SLOTS];
	struct known known[KNOWN];
};

/* ---- the memory ---- */

static void
clear(struct lockouts_table *t)
{
	memset(t, 0, sizeof(*t));
	randombytes_buf(t->seed, sizeof(t->seed));
	t->magic = MAGIC;
}

enum outcome
lockouts_open(
    struct lockouts *l, int fd, const struct settings *s, struct fault *f)
{
	size_t size = sizeof(struct lockouts_table);
	int flags = fd == -1 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
	struct stat st;
	void *p;

	*l =
	    (struct lockouts){ .window_s = s->resolve.failures_window_ms / 1000,
		    .most = { [LOCKOUT_ACCOUNT] = s->resolve.account_failures,
		        [LOCKOUT_ADDRESS] = s->resolve.address_failures } };
	if (fd != -1 &&
	    (fstat(fd, &st) != 0 ||
	        ((size_t)st.st_size != size &&
	            ftruncate(fd, (off_t)size) != 0)))
		return fault_set(f, TEMP, "4.3.0", errno, LOCKOUTS_FILE);
	/* A full disk lets nobody log in if we die of it. */
	if (fd != -1 && !fds_take_room(fd, size)) {
		fd = -1;
		flags = MAP_PRIVATE | MAP_ANONYMOUS;
	}
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);
	if (p == MAP_FAILED)
		return fault_set(f, TEMP, "4.3.0", errno, LOCKOUTS_FILE);
	l->table = p;
	if (l->table->magic != MAGIC)
		clear(l->table);
	return OK;
}

void
lockouts_close(struct lockouts *l)
{
	if (l->table != NULL)
		(void)munmap(l->table, sizeof(*l->table));
	l->table = NULL;
}

/* ---- names ---- */

/* An address's text; IPv6: its /64, of which one client has all. RFC 6177. */
static bool
name_network(struct span ip, char out[LOCKOUTS_WHO_MAX + 1])
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr v6;
	struct in_addr v4;

	if (!span_copy(ip, text, sizeof(text)))
		return false;
	if (inet_pton(AF_INET, text, &v4) == 1) {
		memcpy(out, text, sizeof(text));
		return true;
	}
	/* `2001:db8::/64`, as this writes it, is one, too. */
	text[span_find(span_of(text), '/')] = '\0';
	if (inet_pton(AF_INET6, text, &v6) != 1)
		return false;
	memset(&v6.s6_addr[8], 0, 8);
	(void)inet_ntop(AF_INET6, &v6, out, LOCKOUTS_WHO_MAX);
	(void)strncat(out, "/64", LOCKOUTS_WHO_MAX - strlen(out));
	return true;
}

void
lockouts_name(struct span who, char out[LOCKOUTS_WHO_MAX + 1])
{
	if (!name_network(who, out))
		(void)span_copy(span_head(who, LOCKOUTS_WHO_MAX), out,
		    LOCKOUTS_WHO_MAX + 1);
}

/* False: somebody of this machine, or nobody's address. */
static bool
name_stranger(struct span ip, char out[LOCKOUTS_WHO_MAX + 1])
{
	return !span_has_prefix(ip, "127.") && !span_eq(ip, "::1") &&
	    name_network(ip, out);
}

/* Unknown outside, so nobody can aim at a place; never 0. */
static uint64_t
key_of(const struct lockouts *l, unsigned kind, struct span a, struct span b)
{
	crypto_generichash_state state;
	uint64_t len = a.len;
	union {
		unsigned char octets[crypto_generichash_BYTES_MIN];
		uint64_t word;
	} hash;

	(void)crypto_generichash_init(&state, l->table->seed,
	    sizeof(l->table->seed), sizeof(hash.octets));
	(void)crypto_generichash_update(
	    &state, (const unsigned char *)&kind, sizeof(kind));
	(void)crypto_generichash_update(
	    &state, (const unsigned char *)&len, sizeof(len));
	(void)crypto_generichash_update(
	    &state, (const unsigned char *)a.p, a.len);
	(void)crypto_generichash_update(
	    &state, (const unsigned char *)b.p, b.len);
	(void)crypto_generichash_final(
	    &state, hash.octets, sizeof(hash.octets));
	return hash.word == 0 ? 1 : hash.word;
}

/* ---- counting ---- */

static struct slot *
find_slot(const struct lockouts *l, uint64_t key)
{
	struct slot *set = &l->table->slot[key % (SLOTS / WAYS) * WAYS];

	for (size_t i = 0; i < WAYS; i++)
		if (set[i].key == key)
			return &set[i];
	return NULL;
}

/* Neither its window nor its lockout has a time left. A clock set back ends
   both. */
static bool
is_over(const struct lockouts *l, const struct slot *s, uint64_t now_s)
{
	if (s->until_s != 0)
		return now_s >= s->until_s || s->until_s > now_s + l->window_s;
	return now_s < s->since_s || now_s - s->since_s >= l->window_s;
}

/* What is worth the least goes: what is over, then the fewest failures. */
static struct slot *
take_slot(const struct lockouts *l, uint64_t key, uint64_t now_s)
{
	struct slot *set = &l->table->slot[key % (SLOTS / WAYS) * WAYS];
	struct slot *least = &set[0];

	for (size_t i = 0; i < WAYS; i++) {
		if (set[i].key == 0 || is_over(l, &set[i], now_s))
			return &set[i];
		if ((set[i].until_s == 0) > (least->until_s == 0) ||
		    ((set[i].until_s == 0) == (least->until_s == 0) &&
		        set[i].failures < least->failures))
			least = &set[i];
	}
	return least;
}

/* True: that was one too many. */
static bool
count(
    struct lockouts *l, enum lockout_kind kind, struct span who, uint64_t now_s)
{
	uint64_t key = key_of(l, kind, who, SPAN_EMPTY);
	struct slot *s = find_slot(l, key);

	if (l->most[kind] == 0)
		return false;
	if (s == NULL || is_over(l, s, now_s)) {
		if (s == NULL)
			s = take_slot(l, key, now_s);
		s->key = 0;
		s->kind = kind;
		s->since_s = now_s;
		s->until_s = 0;
		s->failures = 0;
		(void)span_copy(
		    span_head(who, LOCKOUTS_WHO_MAX), s->who, sizeof(s->who));
		s->key = key;
	}
	if (++s->failures < l->most[kind] || s->until_s != 0)
		return false;
	s->until_s = now_s + l->window_s;
	return true;
}

static bool
is_locked(const struct lockouts *l, enum lockout_kind kind, struct span who,
    uint64_t now_s)
{
	const struct slot *s = find_slot(l, key_of(l, kind, who, SPAN_EMPTY));

	return l->most[kind] > 0 && s != NULL && s->until_s != 0 &&
	    !is_over(l, s, now_s);
}

/* ---- who is known ---- */

static struct known *
known_set(const struct lockouts *l, uint64_t key)
{
	return &l->table->known[key % (KNOWN / WAYS) * WAYS];
}

static bool
is_known(const struct lockouts *l, struct span account, struct span network,
    uint64_t now_s)
{
	uint64_t key = key_of(l, LOCKOUT_KINDS, account, network);
	const struct known *set = known_set(l, key);

	for (size_t i = 0; i < WAYS; i++)
		if (set[i].key == key)
			return set[i].last_s + KNOWN_S > now_s;
	return false;
}

void
lockouts_succeeded(
    struct lockouts *l, struct span account, struct span ip, uint64_t now_s)
{
	char network[LOCKOUTS_WHO_MAX + 1];
	struct known *set, *oldest;
	uint64_t key;

	if (!name_stranger(ip, network))
		return;
	key = key_of(l, LOCKOUT_KINDS, account, span_of(network));
	set = oldest = known_set(l, key);
	for (size_t i = 0; i < WAYS; i++) {
		if (set[i].key == key) {
			set[i].last_s = now_s;
			return;
		}
		if (set[i].last_s < oldest->last_s)
			oldest = &set[i];
	}
	oldest->key = 0;
	oldest->last_s = now_s;
	oldest->key = key;
}

/* ---- the two questions ---- */

bool
lockouts_has(const struct lockouts *l, struct span account, struct span ip,
    uint64_t now_s)
{
	char network[LOCKOUTS_WHO_MAX + 1];

	if (!name_stranger(ip, network))
		return is_locked(l, LOCKOUT_ACCOUNT, account, now_s);
	return is_locked(l, LOCKOUT_ADDRESS, span_of(network), now_s) ||
	    (is_locked(l, LOCKOUT_ACCOUNT, account, now_s) &&
	        !is_known(l, account, span_of(network), now_s));
}

unsigned
lockouts_failed(
    struct lockouts *l, struct span account, struct span ip, uint64_t now_s)
{
	char network[LOCKOUTS_WHO_MAX + 1];
	bool stranger = name_stranger(ip, network);
	unsigned locked = 0;

	if (stranger && count(l, LOCKOUT_ADDRESS, span_of(network), now_s))
		locked |= 1U << LOCKOUT_ADDRESS;
	if (!(stranger && is_known(l, account, span_of(network), now_s)) &&
	    count(l, LOCKOUT_ACCOUNT, account, now_s))
		locked |= 1U << LOCKOUT_ACCOUNT;
	return locked;
}

/* ---- the operator ---- */

bool
lockouts_next(
    const struct lockouts *l, uint64_t now_s, size_t *at, struct lockout *out)
{
	while (*at < SLOTS) {
		const struct slot *s = &l->table->slot[(*at)++];

		if (s->key == 0 || s->until_s == 0 || is_over(l, s, now_s) ||
		    s->kind >= LOCKOUT_KINDS)
			continue;
		*out = (struct lockout){ .kind = (enum lockout_kind)s->kind,
			.failures = s->failures,
			.until_s = s->until_s };
		memcpy(out->who, s->who, sizeof(out->who));
		out->who[LOCKOUTS_WHO_MAX] = '\0';
		return true;
	}
	return false;
}

bool
lockouts_forget(struct lockouts *l, struct span who)
{
	char name[LOCKOUTS_WHO_MAX + 1];
	bool found = false;

	lockouts_name(who, name);
	for (size_t i = 0; i < SLOTS; i++) {
		struct slot *s = &l->table->slot[i];
		size_t len = strnlen(s->who, LOCKOUTS_WHO_MAX);

		if (s->key != 0 &&
		    span_same_nocase(
		        (struct span){ s->who, len }, span_of(name))) {
			s->key = 0;
			found = true;
		}
	}
	return found;
}
