/* SPDX-License-Identifier: ISC */
/* verify.c: Argon2id with a keyed cache. */
#include "verify.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "password.h"

#define CACHE_WAYS 4 /* places where one tag may lie */

/* What secrets.cdb says of one user. */
struct secret {
	struct record record;
	char hash[crypto_pwhash_STRBYTES];
};

/*
 * The same key in every process that has the supervisor's. pop3-session, which
 * has that one for its tickets, could make it as well: what it lacks is the
 * memory of the cache.
 */
static void
make_keys(struct verifier *v, const unsigned char *ticket_key)
{
	static const char use[] = "cache of logins";

	if (ticket_key != NULL)
		memcpy(v->ticket_key, ticket_key, AUTH_KEY_LEN);
	else
		randombytes_buf(v->ticket_key, AUTH_KEY_LEN);
	(void)crypto_generichash(v->cache_key, sizeof(v->cache_key),
	    (const unsigned char *)use, sizeof(use), v->ticket_key,
	    AUTH_KEY_LEN);
}

static size_t
cache_octets(const struct verifier *v)
{
	return (v->cache_max + 1) * sizeof(*v->cache);
}

static enum outcome
open_cache(struct verifier *v, int fd, struct fault *f)
{
	int flags = fd == -1 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
	struct stat st;
	void *p;

	if (fd != -1 &&
	    (fstat(fd, &st) != 0 ||
	        ((size_t)st.st_size < cache_octets(v) &&
	            ftruncate(fd, (off_t)cache_octets(v)) != 0)))
		return fault_set(
		    f, TEMP, "4.3.0", errno, "cache of logins on %d", fd);
	p = mmap(NULL, cache_octets(v), PROT_READ | PROT_WRITE, flags, fd, 0);
	if (p == MAP_FAILED)
		return fault_set(f, TEMP, "4.3.0", errno, "cache of logins");
	v->cache = p;
	return OK;
}

enum outcome
verify_begin(struct verifier *v, const struct settings *s,
    const unsigned char *ticket_key, int cache_fd, struct fault *f)
{
	struct domains domains;
	unsigned char password[32];

	*v = (struct verifier){ .cache_ms = s->resolve.auth_cache_ms,
		.secrets = { .name = SECRETS_DB, .purpose = "secrets" } };
	if (domains_begin(&domains, &s->resolve.domain, f) != OK)
		return f->outcome;
	memcpy(v->domain, domains.first, sizeof(v->domain));
	domains_free(&domains);
	make_keys(v, ticket_key);
	if (v->cache_ms > 0)
		v->cache_max =
		    (size_t)s->resolve.auth_cache_max / CACHE_WAYS * CACHE_WAYS;
	if (open_cache(v, cache_fd, f) != OK)
		return f->outcome;
	/* A password that nobody knows, so that nobody can give it. */
	randombytes_buf(password, sizeof(password));
	errno = 0;
	if (crypto_pwhash_str(v->dummy, (const char *)password,
	        sizeof(password), s->resolve.hash_ops,
	        (size_t)s->resolve.hash_memory) != 0)
		return fault_set(f, errno == ENOMEM ? TEMP : PERM,
		    errno == ENOMEM ? "4.3.0" : "5.3.5", errno,
		    "hash with [auth] hash_ops and hash_memory");
	sodium_memzero(password, sizeof(password));
	return OK;
}

void
verify_free(struct verifier *v)
{
	compiled_free(&v->secrets);
	if (v->cache != NULL)
		(void)munmap(v->cache, cache_octets(v));
	sodium_memzero(v, sizeof(*v));
}

static void
make_tag(const struct verifier *v, const struct address *a,
    struct span password, const char *hash, struct verify_tag *tag)
{
	char text[ADDRESS_KEY_MAX + PASSWORD_MAX + crypto_pwhash_STRBYTES + 64];

	/* Lengths before the values: no two logins give the same octets. */
	(void)snprintf(text, sizeof(text),
	    "%zu %zu " SPAN_FMT " " SPAN_FMT " %s", a->len, password.len,
	    SPAN_ARG(address_key(a)), SPAN_ARG(password), hash);
	(void)crypto_generichash((unsigned char *)tag, sizeof(*tag),
	    (const unsigned char *)text, strlen(text), v->cache_key,
	    sizeof(v->cache_key));
	sodium_memzero(text, sizeof(text));
}

static struct remembered *
places(struct verifier *v, const struct verify_tag *tag)
{
	return &v->cache[tag->word[0] % (v->cache_max / CACHE_WAYS) *
	    CACHE_WAYS];
}

static bool
is_same_tag(const struct remembered *place, const struct verify_tag *tag)
{
	uint64_t differs = 0;

	/* All of it, whatever the first word says: no time is told. */
	for (size_t i = 0; i < VERIFY_TAG_WORDS; i++)
		differs |= atomic_load_explicit(
		               &place->word[i], memory_order_relaxed) ^
		    tag->word[i];
	return differs == 0;
}

/* It counts from its last use: who polls often enough never costs a hash. */
static bool
is_remembered(struct verifier *v, const struct verify_tag *tag, uint64_t now_ms)
{
	struct remembered *place;

	if (v->cache_max == 0)
		return false;
	place = places(v, tag);
	for (size_t i = 0; i < CACHE_WAYS; i++) {
		uint64_t until_ms = atomic_load(&place[i].until_ms);

		if (until_ms <= now_ms || !is_same_tag(&place[i], tag))
			continue;
		/* Not that of another who took the place meanwhile. */
		(void)atomic_compare_exchange_strong(
		    &place[i].until_ms, &until_ms, now_ms + v->cache_ms);
		return true;
	}
	return false;
}

static void
remember(struct verifier *v, const struct verify_tag *tag, uint64_t now_ms)
{
	struct remembered *place, *oldest;

	if (v->cache_max == 0)
		return;
	place = oldest = places(v, tag);
	for (size_t i = 1; i < CACHE_WAYS; i++)
		if (atomic_load(&place[i].until_ms) <
		    atomic_load(&oldest->until_ms))
			oldest = &place[i];
	atomic_store(&oldest->until_ms, 0);
	for (size_t i = 0; i < VERIFY_TAG_WORDS; i++)
		atomic_store_explicit(
		    &oldest->word[i], tag->word[i], memory_order_relaxed);
	atomic_store(&oldest->until_ms, now_ms + v->cache_ms);
}

/* The address of an entry that has this name as login=. PERM: none has. */
static enum outcome
find_login(
    struct verifier *v, struct span user, struct address *a, struct fault *f)
{
	struct login login;
	struct span key;
	enum outcome got = address_make_login(user, &login, f);

	if (got == OK)
		got = compiled_get(&v->secrets, login_key(&login), &key, f);
	return got == OK ? address_make(key, a, f) : got;
}

/* The user's name as a key: a login, or the first domain where none was given. */
static enum outcome
make_user(
    struct verifier *v, struct span user, struct address *a, struct fault *f)
{
	char text[PATH_TEXT_MAX + 1];
	enum outcome got;
	int n;

	if (span_find(user, '@') < user.len)
		return address_make(user, a, f);
	got = find_login(v, user, a, f);
	if (got != PERM)
		return got;
	n = snprintf(
	    text, sizeof(text), SPAN_FMT "@%s", SPAN_ARG(user), v->domain);
	if (v->domain[0] == '\0' || span_has_control(user) || n < 0 ||
	    (size_t)n >= sizeof(text))
		return fault_set(f, PERM, "5.7.8", 0, "no such user");
	return address_make(span_of(text), a, f);
}

/* OK: the user has a secret, and ans has all but the ticket. PERM: none. */
static enum outcome
find_secret(struct verifier *v, const struct address *a, struct secret *s,
    struct auth_ans *ans, struct fault *f)
{
	struct span value, user, path, hash;
	enum outcome got = compiled_get(&v->secrets, address_key(a), &value, f);

	if (got != OK)
		return got;
	if (record_parse(value, &s->record, f) != OK ||
	    !record_is(&s->record, "secret") ||
	    !record_take(&s->record, "smtp", AUTH_USER_MAX, &user) ||
	    !record_take(&s->record, "path", RESOLVE_PATH_MAX, &path) ||
	    !record_take(&s->record, "hash", sizeof(s->hash) - 1, &hash) ||
	    !resolve_path_is_safe(path) ||
	    !span_copy(user, ans->user, sizeof(ans->user)) ||
	    !span_copy(path, ans->path, sizeof(ans->path)) ||
	    !span_copy(hash, s->hash, sizeof(s->hash)))
		return compiled_bad_value(&v->secrets, f);
	return OK;
}

static enum outcome
wrong(struct fault *f)
{
	return fault_set(f, PERM, "5.7.8", 0, "user name or password is wrong");
}

/* One Argon2id. A mismatch is EINVAL, all else is an error in processing. */
static enum outcome
verify_password(const char *hash, struct span password, struct fault *f)
{
	errno = 0;
	if (crypto_pwhash_str_verify(hash, password.p, password.len) == 0)
		return OK;
	if (errno == EINVAL)
		return wrong(f);
	return fault_set(
	    f, TEMP, "4.3.0", errno, "the password cannot be checked");
}

static enum outcome
check_password(struct verifier *v, const struct address *a,
    struct span password, const char *hash, uint64_t now_ms, struct fault *f)
{
	struct verify_tag tag;

	make_tag(v, a, password, hash, &tag);
	if (is_remembered(v, &tag, now_ms))
		return OK;
	if (verify_password(hash, password, f) != OK)
		return f->outcome;
	remember(v, &tag, now_ms);
	return OK;
}

enum outcome
verify_login(struct verifier *v, const struct auth_req *req, uint64_t now_ms,
    struct auth_ans *ans, struct fault *f)
{
	struct address a;
	struct secret s;
	enum outcome got;

	*ans = (struct auth_ans){ "", "", "" };
	if (password_check(req->password, f) != OK)
		return f->outcome;
	got = make_user(v, req->user, &a, f);
	if (got == OK)
		got = find_secret(v, &a, &s, ans, f);
	if (got == PERM) {
		/* No such user: the same work and the same words. */
		got = verify_password(v->dummy, req->password, f);
		return got == TEMP ? TEMP : wrong(f);
	}
	if (got == OK)
		got = check_password(v, &a, req->password, s.hash, now_ms, f);
	sodium_memzero(&s, sizeof(s));
	if (got == OK)
		auth_ticket_make(v->ticket_key, ans);
	else
		*ans = (struct auth_ans){ "", "", "" };
	return got;
}
