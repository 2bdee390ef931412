/* SPDX-License-Identifier: ISC */
/* keeper.c: keys, what is signed with them, and tickets' keys. */
#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <sodium.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "clock.h"
#include "fds.h"
#include "prog.h"

static void
alarm_of(struct keeper *k, const struct fault *f)
{
	journal_alarm(k->journal, NULL, "%s", f->text);
	prog_warn("%s", f->text);
}

/* ---- Pairs. ---- */

static bool
is_in_force(const struct keeper *k, uint64_t number)
{
	for (size_t i = 0; i < k->pairs; i++)
		if (k->pair[i].pair.key != NULL &&
		    k->pair[i].pair.number == number)
			return true;
	return false;
}

/* The oldest of those that are shown only by who has old chains. */
static void
forget_key(struct keeper *k)
{
	size_t i = 0;

	while (i + 1 < k->keys && is_in_force(k, k->key[i].number))
		i++;
	EVP_PKEY_free(k->key[i].key);
	k->keys--;
	memmove(&k->key[i], &k->key[i + 1], (k->keys - i) * sizeof(k->key[0]));
}

/* A key may sign for as long as some worker can show its certificate. */
static void
hold_key(struct keeper *k, const struct pair *pair)
{
	for (size_t i = 0; i < k->keys; i++)
		if (k->key[i].number == pair->number)
			return;
	if (k->keys == KEEPER_KEYS_MAX)
		forget_key(k);
	(void)EVP_PKEY_up_ref(pair->key);
	k->key[k->keys].number = pair->number;
	k->key[k->keys++].key = pair->key;
}

static void
stat_both(const struct pair_names *names, struct stat st[2])
{
	memset(st, 0, 2 * sizeof(*st));
	(void)stat(names->chain, &st[0]);
	(void)stat(names->key, &st[1]);
}

static bool
is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev &&
	    a->st_size == b->st_size &&
	    a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	    a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	    a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
	    a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static bool
are_same(const struct stat a[2], const struct stat b[2])
{
	return is_same_file(&a[0], &b[0]) && is_same_file(&a[1], &b[1]);
}

/* One is being written, or has to be brought by somebody: it is looked for more
   often, as long as nothing stands in for it. */
static bool
is_one_missing(const struct keeper *k)
{
	for (size_t i = 0; i < k->pairs; i++)
		if (k->pair[i].pair.key == NULL)
			return true;
	return false;
}

/* The new one, or the old one stays in force and it is told. */
static bool
take_pair(struct keeper *k, struct keeper_pair *p)
{
	struct pair found;
	struct fault f = FAULT_NONE;

	memcpy(p->taken, p->looked, sizeof(p->taken));
	if (pair_load(&p->names, &found, &f) != OK) {
		(void)fault_context(&f, "certificate %s%s", p->names.label,
		    p->pair.key == NULL ? "" : " (the one before stays)");
		alarm_of(k, &f);
		return false;
	}
	pair_free(&p->pair);
	p->pair = found;
	hold_key(k, &p->pair);
	return true;
}

/*
 * Whoever renews writes two files, one after the other: what has changed is
 * taken when it is as it was at the look before.
 */
static bool
look_at_pair(struct keeper *k, struct keeper_pair *p, bool now)
{
	struct stat st[2];
	bool is_steady;

	stat_both(&p->names, st);
	is_steady = are_same(st, p->looked);
	memcpy(p->looked, st, sizeof(st));
	if ((!is_steady && !now) || are_same(p->taken, st))
		return false;
	return take_pair(k, p);
}

/* ---- What workers get. ---- */

static int
sealed(struct span octets)
{
	int fd = memfd_create("pneu-chains", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct fault f;

	if (fd != -1 &&
	    (fds_write_all(fd, octets, &f) != OK ||
	        fcntl(fd, F_ADD_SEALS,
	            F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) !=
	            0))
		fds_close(&fd);
	return fd;
}

static void
publish(struct keeper *k)
{
	struct buf b =
	    BUF_INIT(TLS_CHAINS_MAX * (TLS_CHAIN_MAX + (size_t)RECORD_MAX));
	struct fault f = FAULT_NONE;
	struct tls_chain chain;

	for (size_t i = 0; i < k->pairs; i++) {
		struct keeper_pair *p = &k->pair[i];

		if (p->pair.key == NULL)
			continue;
		chain = (struct tls_chain){ .key = p->pair.number,
			.pem = buf_span(&p->pair.pem) };
		(void)span_copy(
		    span_of(p->names.label), chain.label, sizeof(chain.label));
		if (wire_tls_put_chain(&b, &chain, &f) != OK)
			alarm_of(k, &f);
	}
	fds_close(&k->chains_fd);
	k->chains_size = b.len;
	if (b.len > 0 && (k->chains_fd = sealed(buf_span(&b))) == -1) {
		(void)fault_set(&f, TEMP, "4.3.0", errno, "chains");
		alarm_of(k, &f);
	}
	buf_free(&b);
	if (k->shared != NULL)
		k->generation = atomic_fetch_add(&k->shared->generation, 1) + 1;
}

/* ---- Tickets. ---- */

/* A key seals for ticket_time, and opens for as long again. */
static void
turn_tickets(struct keeper *k, uint64_t now)
{
	uint64_t time_ms = k->set->ticket_time_ms;
	struct tls_ticket_key key[2];

	k->turn_ms = UINT64_MAX;
	if (k->shared == NULL || time_ms == 0)
		return;
	tls_shared_get_tickets(k->shared, key);
	if (key[0].until_ms <= now + time_ms) {
		key[1] = key[0];
		randombytes_buf(&key[0], sizeof(key[0]));
		key[0].until_ms = now + 2 * time_ms;
		tls_shared_put_tickets(k->shared, key);
	}
	k->turn_ms = key[0].until_ms - time_ms;
	sodium_memzero(key, sizeof(key));
}

/* ---- Signatures. ---- */

static EVP_PKEY *
find_key(const struct keeper *k, uint64_t number)
{
	for (size_t i = k->keys; i > 0; i--)
		if (k->key[i - 1].number == number)
			return k->key[i - 1].key;
	return NULL;
}

static bool
set_padding(EVP_PKEY_CTX *c, enum tls_scheme scheme)
{
	if (scheme == TLS_SIGN_ECDSA)
		return true;
	if (scheme == TLS_SIGN_PKCS1)
		return EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PADDING) == 1;
	return EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PSS_PADDING) == 1 &&
	    EVP_PKEY_CTX_set_rsa_pss_saltlen(c, RSA_PSS_SALTLEN_DIGEST) == 1;
}

enum outcome
keeper_sign(struct keeper *k, const struct tls_sign_req *req,
    unsigned char out[TLS_SIGNATURE_MAX], size_t *len, struct fault *f)
{
	EVP_PKEY *key = find_key(k, req->key);
	const EVP_MD *md = EVP_get_digestbyname(req->digest_name);
	EVP_PKEY_CTX *c;
	bool ok;

	if (key == NULL ||
	    EVP_PKEY_is_a(key, "EC") != (req->scheme == TLS_SIGN_ECDSA))
		return fault_set(f, PERM, "5.7.0", 0, "no such key");
	c = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	*len = TLS_SIGNATURE_MAX;
	ok = c != NULL && md != NULL && EVP_PKEY_sign_init(c) == 1 &&
	    set_padding(c, req->scheme) &&
	    EVP_PKEY_CTX_set_signature_md(c, md) == 1 &&
	    EVP_PKEY_sign(c, out, len, req->digest, req->digest_len) == 1;
	EVP_PKEY_CTX_free(c);
	ERR_clear_error();
	return ok ? OK : fault_set(f, TEMP, "4.3.0", 0, "it cannot be signed");
}

/* ---- Begin, look, end. ---- */

/* During a reload another one may have said its chains after ours: workers would
   then ask again at each handshake. It ends soon. */
static bool
is_overtaken(const struct keeper *k)
{
	return k->generation != 0 &&
	    atomic_load(&k->shared->generation) != k->generation;
}

uint64_t
keeper_look(struct keeper *k, bool now)
{
	uint64_t time_ms = clock_mono_ms();
	bool changed = false;

	if (time_ms >= k->turn_ms)
		turn_tickets(k, time_ms);
	if (now || time_ms >= k->look_ms) {
		for (size_t i = 0; i < k->pairs; i++)
			changed |= look_at_pair(k, &k->pair[i], now);
		if (changed || is_overtaken(k))
			publish(k);
		k->look_ms = time_ms +
		    (is_one_missing(k) ? KEEPER_SOON_MS : KEEPER_LOOK_MS);
	}
	return k->look_ms < k->turn_ms ? k->look_ms : k->turn_ms;
}

enum outcome
keeper_begin(struct keeper *k, const struct tls_settings *set,
    struct tls_shared *shared, struct journal *journal, struct fault *f)
{
	*k = (struct keeper){ .set = set,
		.journal = journal,
		.shared = shared,
		.chains_fd = -1 };
	if (set->certificate.n > TLS_CHAINS_MAX)
		return fault_set(f, PERM, "5.3.5", 0,
		    "[tls] certificate: at most %d", TLS_CHAINS_MAX);
	for (size_t i = 0; i < set->certificate.n; i++) {
		if (pair_parse(span_of(set->certificate.value[i]),
		        &k->pair[i].names, f) != OK)
			return f->outcome;
		k->pair[i].pair.pem = BUF_INIT(TLS_CHAIN_MAX);
		/* No file is so: those that are not there are told, too. */
		k->pair[i].taken[0].st_size = -1;
		k->pairs++;
	}
	(void)keeper_look(k, true);
	return OK;
}

void
keeper_free(struct keeper *k)
{
	for (size_t i = 0; i < k->pairs; i++)
		pair_free(&k->pair[i].pair);
	for (size_t i = 0; i < k->keys; i++)
		EVP_PKEY_free(k->key[i].key);
	fds_close(&k->chains_fd);
}
