/* SPDX-License-Identifier: ISC */
/* verify.c: Argon2id with a keyed cache, and proofs of SCRAM. */
#include "verify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "checker.h"
#include "fds.h"
#include "password.h"

#define CACHE_WAYS 4 /* places where one tag may lie */

/* What secrets.cdb says of one user, or the dummy. */
struct secret {
	struct record record;
	struct address name;
	bool is_known; /* he may be let in, if he has the password */
	bool has_hash; /* of his own */
	char hash[crypto_pwhash_STRBYTES];
	struct scram_keys keys; /* made up where there are none */
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

/*
 * Before the first change of the directory there is no such file, and nobody who
 * could log in: the key of this start serves.
 */
static enum outcome
read_salt_key(struct verifier *v, struct fault *f)
{
	static const char use[] = "salts of nobody";
	int fd = open(SECRETS_SALT_KEY, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n;

	if (fd == -1 && errno == ENOENT) {
		(void)crypto_generichash(v->salt_key, sizeof(v->salt_key),
		    (const unsigned char *)use, sizeof(use), v->ticket_key,
		    AUTH_KEY_LEN);
		return OK;
	}
	n = fd == -1 ? -1 : read(fd, v->salt_key, sizeof(v->salt_key));
	if (n != (ssize_t)sizeof(v->salt_key))
		fault_set(f, TEMP, "4.3.0", n < 0 ? errno : 0,
		    "read 32 octets of " SECRETS_SALT_KEY);
	else
		f->outcome = OK;
	fds_close(&fd);
	return f->outcome;
}

/* A password that nobody knows, so that nobody can give it. */
static enum outcome
make_dummy(struct verifier *v, const struct settings *s, struct fault *f)
{
	char keys[SCRAM_TEXT_MAX];
	unsigned char octets[32];
	struct span password = { (const char *)octets, sizeof(octets) };
	struct record_out out;

	randombytes_buf(octets, sizeof(octets));
	errno = 0;
	if (crypto_pwhash_str(v->dummy_hash, password.p, password.len,
	        s->resolve.hash_ops, (size_t)s->resolve.hash_memory) != 0)
		return fault_set(f, errno == ENOMEM ? TEMP : PERM,
		    errno == ENOMEM ? "4.3.0" : "5.3.5", errno,
		    "hash with [auth] hash_ops and hash_memory");
	scram_keys_text(password, s->resolve.scram_iterations, keys);
	v->dummy = BUF_INIT(RECORD_MAX);
	out = record_begin(&v->dummy, "secret");
	record_puts(out, "smtp", "nobody@localhost");
	record_puts(out, "path", "nobody");
	/* As long as another's, and read as it is: no time is told. */
	record_puts(out, "hash", v->dummy_hash);
	record_puts(out, "scram", keys);
	sodium_memzero(octets, sizeof(octets));
	(void)scram_keys_parse(span_of(keys), &v->dummy_keys);
	return record_end(out, f);
}

enum outcome
verify_begin(struct verifier *v, const struct settings *s,
    const unsigned char *ticket_key, int cache_fd, struct fault *f)
{
	struct domains domains;

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
	if (open_cache(v, cache_fd, f) != OK || read_salt_key(v, f) != OK)
		return f->outcome;
	return make_dummy(v, s, f);
}

void
verify_free(struct verifier *v)
{
	compiled_free(&v->secrets);
	buf_free(&v->dummy);
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

/* The name with the first domain, where it has none. */
static enum outcome
make_address(const struct verifier *v, struct span user, struct address *a,
    struct fault *f)
{
	char text[PATH_TEXT_MAX + 1];
	int n;

	if (span_find(user, '@') < user.len)
		return address_make(user, a, f);
	n = snprintf(
	    text, sizeof(text), SPAN_FMT "@%s", SPAN_ARG(user), v->domain);
	if (v->domain[0] == '\0' || span_has_control(user) || n < 0 ||
	    (size_t)n >= sizeof(text))
		return fault_set(f, PERM, "5.7.8", 0, "no such user");
	return address_make(span_of(text), a, f);
}

/* A login, or an address. PERM: it is neither, and nobody's. */
static enum outcome
make_user(
    struct verifier *v, struct span user, struct address *a, struct fault *f)
{
	enum outcome got = PERM;

	if (span_find(user, '@') == user.len)
		got = find_login(v, user, a, f);
	return got == PERM ? make_address(v, user, a, f) : got;
}

/* A name that is no address: as it is, in one case. */
static void
make_nobody(struct span user, struct address *a)
{
	*a = (struct address){ .len = user.len };
	if (a->len > ADDRESS_KEY_MAX)
		a->len = ADDRESS_KEY_MAX;
	for (size_t i = 0; i < a->len; i++)
		a->key[i] = (char)to_lower((unsigned char)user.p[i]);
}

void
verify_name(struct verifier *v, struct span user, struct address *a)
{
	struct fault f;

	if (make_user(v, user, a, &f) != OK)
		make_nobody(user, a);
}

/* ---- secrets */

/*
 * The dummy's, with a salt of 16 octets of the name and the key: the same at
 * every start.
 */
static struct scram_keys
make_up_keys(const struct verifier *v, const struct address *name)
{
	struct scram_keys keys = v->dummy_keys;

	(void)crypto_generichash(keys.salt, SCRAM_SALT_LEN,
	    (const unsigned char *)name->key, name->len, v->salt_key,
	    sizeof(v->salt_key));
	keys.salt_len = SCRAM_SALT_LEN;
	return keys;
}

static enum outcome
read_secret(struct verifier *v, const struct auth_req *req, struct span value,
    struct secret *s, struct auth_ans *ans, struct fault *f)
{
	struct span user, path, hash, removed, keys;
	/* Also where it is not used: no time is told. */
	struct scram_keys made_up = make_up_keys(v, &s->name);
	struct record *r = &s->record;
	bool is_dummy = !s->is_known;

	if (record_parse(value, r, f) != OK || !record_is(r, "secret") ||
	    !record_take(r, "smtp", AUTH_USER_MAX, &user) ||
	    !record_take(r, "path", RESOLVE_PATH_MAX, &path) ||
	    !record_take_optional(r, "hash", sizeof(s->hash) - 1, &hash) ||
	    !record_take_optional(r, "removed", RECORD_MAX, &removed) ||
	    !record_take_optional(r, "scram", SCRAM_TEXT_MAX, &keys) ||
	    !resolve_path_is_safe(path) ||
	    !span_copy(user, ans->user, sizeof(ans->user)) ||
	    !span_copy(path, ans->path, sizeof(ans->path)))
		return compiled_bad_value(&v->secrets, f);
	/* He may fetch what is there, and send nothing. */
	if (removed.len > 0 && !span_eq(req->service, AUTH_POP3))
		s->is_known = false;
	s->has_hash = hash.len > 0;
	/* A user without a password is one with a password that nobody knows. */
	if (hash.len == 0)
		hash = span_of(v->dummy_hash);
	if (!span_copy(hash, s->hash, sizeof(s->hash)))
		return compiled_bad_value(&v->secrets, f);
	if (keys.len > 0 && !scram_keys_parse(keys, &s->keys))
		return compiled_bad_value(&v->secrets, f);
	/* Of a removed user, too, the salt is what it is for POP3. */
	if (keys.len == 0 || is_dummy)
		s->keys = made_up;
	return OK;
}

/* Of the user, or where there is none the dummy. TEMP: the database. */
static enum outcome
find_secret(struct verifier *v, const struct auth_req *req, struct secret *s,
    struct auth_ans *ans, struct fault *f)
{
	enum outcome got = make_user(v, req->user, &s->name, f);
	struct span value;

	if (got == PERM)
		make_nobody(req->user, &s->name);
	if (got == OK)
		got =
		    compiled_get(&v->secrets, address_key(&s->name), &value, f);
	if (got == TEMP)
		return got;
	s->is_known = got == OK;
	if (got == PERM)
		value = buf_span(&v->dummy);
	return read_secret(v, req, value, s, ans, f);
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
check_password(struct verifier *v, const struct secret *s, struct span password,
    uint64_t now_ms, struct fault *f)
{
	struct verify_tag tag;

	make_tag(v, &s->name, password, s->hash, &tag);
	if (is_remembered(v, &tag, now_ms))
		return OK;
	if (verify_password(s->hash, password, f) != OK)
		return f->outcome;
	remember(v, &tag, now_ms);
	return OK;
}

/* ---- answers */

static enum outcome
answer_salt(const struct secret *s, struct auth_ans *ans, struct fault *f)
{
	struct buf b = BUF_INIT(AUTH_SALT_MAX + 1);
	bool fits;

	(void)f;
	scram_encode(&b, s->keys.salt, s->keys.salt_len);
	fits = span_copy(buf_span(&b), ans->salt, sizeof(ans->salt));
	buf_free(&b);
	if (!fits)
		abort(); /* SCRAM_SALT_MAX is more than AUTH_SALT_MAX is for */
	ans->iterations = s->keys.iterations;
	return OK;
}

/*
 * In place of a hash, about everybody, also who is no user here. The program
 * hears the local-part alone of the first domain's addresses, as users of the
 * machine are called, and all of any other.
 */
static enum outcome
ask_checker(struct verifier *v, const struct secret *s,
    const struct auth_req *req, struct fault *f)
{
	bool is_first = span_eq(address_domain(&s->name), v->domain) &&
	    v->domain[0] != '\0';

	return checker_ask(v->checker,
	    is_first ? address_local(&s->name) : address_key(&s->name),
	    req->password, f);
}

static enum outcome
judge(struct verifier *v, const struct auth_req *req, const struct secret *s,
    uint64_t now_ms, struct auth_ans *ans, struct fault *f)
{
	bool proven;

	if (req->kind == AUTH_SCRAM)
		return answer_salt(s, ans, f);
	if (req->kind == AUTH_PASSWORD) {
		enum outcome got = v->checker != NULL
		    ? ask_checker(v, s, req, f)
		    : check_password(v, s, req->password, now_ms, f);

		return got != OK || s->is_known ? got : wrong(f);
	}
	proven = scram_keys_verify(
	    &s->keys, req->message, req->proof, ans->signature);
	return proven && s->is_known ? OK : wrong(f);
}

/* Of who is let in: what his service is given beside his name. */
static void
give_ticket(const struct verifier *v, const struct auth_req *req,
    const struct secret *s, struct auth_ans *ans)
{
	bool reads = span_eq(req->service, AUTH_POP3);
	bool changes = span_eq(req->service, AUTH_PASSWD);

	if (changes)
		auth_ticket_for_change(ans, s->has_hash ? s->hash : "");
	if (req->kind != AUTH_SCRAM && (reads || changes))
		auth_ticket_make(v->ticket_key, ans);
	if (req->kind == AUTH_SCRAM || !reads)
		ans->path[0] = '\0';
}

enum outcome
verify_login(struct verifier *v, const struct auth_req *req, uint64_t now_ms,
    struct auth_ans *ans, struct fault *f)
{
	struct secret s = { .is_known = false };
	enum outcome got;

	*ans = (struct auth_ans){ .iterations = 0 };
	if (req->kind == AUTH_PASSWORD &&
	    password_check(req->password, f) != OK)
		return f->outcome;
	got = find_secret(v, req, &s, ans, f);
	if (got == OK)
		got = judge(v, req, &s, now_ms, ans, f);
	if (got == OK)
		give_ticket(v, req, &s, ans);
	else
		*ans = (struct auth_ans){ .iterations = 0 };
	sodium_memzero(&s, sizeof(s));
	return got;
}
